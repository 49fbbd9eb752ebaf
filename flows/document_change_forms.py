"""What can be answered in a document change."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from casework.wait import Form
from policies.document_change import Change, State

__all__ = [
    "Arrived",
    "Clarification",
    "Cleared",
    "Filed",
    "FollowUp",
    "LostTicket",
    "News",
    "Overdue",
    "Patience",
    "Reading",
    "Said",
    "Then",
    "Ticketless",
]


class Arrived(Form):
    """That the survey's answers can be read."""


class News(Form):
    """What is new: the customer has written (the comment's id), or CS's ticket stands differently."""

    comment: int | None = None
    state: State | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> News:
        if (self.comment is None) == (self.state is None):
            raise ValueError("either the customer has written, or CS's ticket has changed")
        return self


class Cleared(StrEnum):
    LOOK_AGAIN = "look again"
    STILL_MISSING = "still missing: tell the customer once more"
    NO_ANSWER = "no answer to this: wait on"
    WITHDRAWN = "withdrawn: close the request"


class Clarification(Form):
    """What a customer has cleared up about a request; what is left open stays as it was asked for."""

    decision: Cleared = Field(description="What does the reply mean?")
    change: Change | None = Field(None, description="If the reply says so: is a document edited, or one added?")
    documents: int | None = Field(None, ge=1, le=100, description="If the reply says so: how many documents?")

    @model_validator(mode="after")
    def _whole(self) -> Clarification:
        if (self.change is None) != (self.documents is None):
            raise ValueError("say both, whether to edit or to add, and how many documents; or neither")
        if self.change is not None and self.decision is not Cleared.LOOK_AGAIN:
            raise ValueError("what the reply asks for only counts together with looking again")
        return self


class Said(StrEnum):
    CONFIRMED = "confirmed: the document is right"
    CHANGES = "changes: something is wrong or more is to be edited"
    NO_ANSWER = "no answer to this: wait on"
    WITHDRAWN = "withdrawn: close the request"


class Reading(Form):
    """How a customer's reply about a test is read."""

    decision: Said = Field(description="What does the customer say about the document?")


class Patience(StrEnum):
    WAIT_ON = "ask again and wait on"
    END = "end the case"


class Overdue(Form):
    """What the operators do about something that does not come."""

    decision: Patience = Field(description="What shall happen?")


class Then(StrEnum):
    CLOSE = "close the ticket"
    HAND_ON = "pass it on to CS"


class FollowUp(Form):
    """What the operators do when a customer writes after the publication, or a ticket is opened again."""

    decision: Then = Field(description="What shall happen?")


class Filed(Form):
    """Which ticket was made from the survey."""

    ticket: str


class Ticketless(StrEnum):
    NAMED = "go on with this ticket"
    DROP = "drop it: no ticket is needed"


class LostTicket(Form):
    """What becomes of a response to the survey from which no ticket was made."""

    decision: Ticketless = Field(description="What shall happen?")
    ticket: str | None = Field(
        None, pattern=r"^[A-Z][A-Z0-9_]{1,40}-[0-9]{1,12}$", description="To go on: the ticket's key in Jira"
    )

    @model_validator(mode="after")
    def _named(self) -> LostTicket:
        if (self.ticket is None) != (self.decision is Ticketless.DROP):
            raise ValueError("name the ticket to go on with, and none to drop it")
        return self
