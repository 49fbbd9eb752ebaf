"""What people can answer in a data export."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from casework.confidential import ConfidentialText
from casework.wait import Form

__all__ = [
    "PAST",
    "Approval",
    "Deliverable",
    "Done",
    "Exempt",
    "Exemption",
    "Overdue",
    "Patience",
    "Remedy",
    "Reply",
    "TeamMeant",
    "Verdict",
]


class Reply(Form):
    """The customer's reply, by the id of its comment; the text stays on the ticket."""

    comment: int


class Done(Form):
    """That engineering completed its task."""


class Verdict(StrEnum):
    APPROVE = "approve"
    DENY = "deny"


PAST = {Verdict.APPROVE: "approved", Verdict.DENY: "denied"}
"""How a verdict is told once it was given."""


class Approval(Form):
    """Whether those who look after the account agree."""

    verdict: Verdict = Field(description="Do you agree to this data export?")
    reason: ConfidentialText | None = Field(None, description="Why (needed to deny)")

    @model_validator(mode="after")
    def _denied_with_a_reason(self) -> Approval:
        if self.verdict is Verdict.DENY and not self.reason:
            raise ValueError("to deny an export, say why")
        return self


class Exempt(StrEnum):
    GO_ON = "go on"
    REFUSE = "refuse"


class Exemption(Form):
    """Whether the operators make an export that the policy does not ask for."""

    decision: Exempt = Field(description="Make this export?")
    reason: ConfidentialText = Field(min_length=1, description="Why; it is noted on the ticket")


class TeamMeant(Form):
    """Which team the requester means."""

    team: str = Field(description="The id of the team that the ticket names", pattern=r"^[\w-]{1,80}$")


class Patience(StrEnum):
    WAIT_ON = "ask again and wait on"
    END = "end the case"


class Overdue(Form):
    """What the operators do about somebody who does not answer."""

    decision: Patience = Field(description="What shall happen?")


class Remedy(StrEnum):
    MAKE_AGAIN = "have it made again"
    END = "end the case"


class Deliverable(Form):
    """What becomes of an export that holds another team's data."""

    decision: Remedy = Field(description="What shall happen? In both cases this deliverable is destroyed.")
