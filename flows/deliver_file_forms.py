"""What is asked when somebody brings one file to deliver."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from casework.confidential import ConfidentialText
from casework.wait import Form

__all__ = ["Arrived", "Decision", "Release"]


class Arrived(Form):
    """That the file lies in the drop."""


class Decision(StrEnum):
    DELIVER = "deliver it"
    REFUSE = "refuse"


class Release(Form):
    """Whether a file that a colleague brings may go to the customer."""

    decision: Decision = Field(description="May this file go to whoever asked on the ticket?")
    reason: ConfidentialText | None = Field(None, description="Why (needed to refuse); it is noted on the ticket")

    @model_validator(mode="after")
    def _refused_with_a_reason(self) -> Release:
        if self.decision is Decision.REFUSE and not self.reason:
            raise ValueError("to refuse a file, say why")
        return self
