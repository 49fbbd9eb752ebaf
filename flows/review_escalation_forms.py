"""What agents can answer in a review escalation."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from casework.confidential import ConfidentialText
from casework.wait import Form

__all__ = ["Edit", "NewText", "Removal", "Remove"]


class Edit(StrEnum):
    EDIT = "edit: the review gets the new text"
    KEEP = "keep: the review stays as it is"


class NewText(Form):
    """The text that a review gets."""

    decision: Edit = Field(description="Is the review edited?")
    new_text: ConfidentialText | None = Field(None, description="The whole new text (needed to edit)")

    @model_validator(mode="after")
    def _edited_to_something(self) -> NewText:
        if self.decision is Edit.EDIT and not self.new_text:
            raise ValueError("new_text: to edit a review, give the whole new text")
        if self.decision is Edit.KEEP and self.new_text:
            raise ValueError("new_text: a review that is kept gets no new text")
        return self


class Remove(StrEnum):
    REMOVE = "remove: reject it for good"
    KEEP = "keep: the review stays as it is"


class Removal(Form):
    """Whether a review is removed."""

    decision: Remove = Field(description="Is the review removed? This is permanent")
