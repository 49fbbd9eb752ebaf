"""What can be answered about a transfer to sales."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from flows.sales_transfer_asking import Answer
from policies.sales_transfer_facts import Topic, Who

__all__ = [
    "AccountOwner",
    "Booking",
    "Classified",
    "Classify",
    "ClosedEarly",
    "Custody",
    "CustomerOutcome",
    "LeadOutcome",
    "LeadSent",
    "LeadTake",
    "LeadThread",
    "Moved",
    "Owner",
    "Sent",
    "StillForSales",
    "Stuck",
    "Take",
    "TakeLead",
    "Taken",
    "Thread",
    "Untagged",
]

STAFF = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class Classified(StrEnum):
    SAID = "what I say here"
    LOOK_AGAIN = "look again: I have put it right in Intercom"


class Classify(Answer):
    """Who writes, and what it is about."""

    decision: Classified | None = Field(None, description="Is this for sales?")
    who: Who | None = Field(None, description="Who writes: a paying customer, somebody on trial, or a lead")
    topic: Topic | None = Field(None, description="What it is about; other stays with support")

    @model_validator(mode="after")
    def _something(self) -> Classify:
        if (self.decision is Classified.SAID) == (self.who is None and self.topic is None):
            raise ValueError("who, topic: say what is asked about here, or that it is put right in Intercom, not both")
        return self


class StillForSales(StrEnum):
    GO_ON = "go on: it goes to sales"
    LEAVE = "leave it: support keeps it"


class ClosedEarly(Answer):
    """Whether a conversation that was closed still goes to sales."""

    decision: StillForSales | None = Field(None, description="Is it still for sales?")


class Untagged(Answer):
    """Whether a conversation whose tag or topic was taken off still goes to sales."""

    decision: StillForSales | None = Field(None, description="Is it still for sales?")


class Taken(StrEnum):
    MINE = "I take it"
    NOT_FOR_SALES = "not for sales: support keeps it"


class Take(Answer):
    """Who takes a customer."""

    decision: Taken | None = Field(None, description="Do you take it?")


class LeadTake(StrEnum):
    MINE = "I take it"
    TECHNICAL = "I take it, and the lead needs technical help"
    NOT_FOR_SALES = "not for sales: support keeps it"


class TakeLead(Answer):
    """Who takes a lead, and what it needs."""

    decision: LeadTake | None = Field(None, description="Do you take it?")


class Moved(StrEnum):
    NAMED = "the one that I name takes it"
    ASK_AGAIN = "ask again"
    KEEP = "support keeps it"


class Stuck(Answer):
    """What happens where sales has let the time pass."""

    decision: Moved | None = Field(None, description="What shall happen?")
    sdr: str | None = Field(None, pattern=STAFF, description="Who takes it, by staff id (only then)")

    @model_validator(mode="after")
    def _named(self) -> Stuck:
        if (self.sdr is not None) != (self.decision is Moved.NAMED):
            raise ValueError("sdr: name who takes it by staff id, and nobody otherwise")
        return self


class Owner(StrEnum):
    NAMED = "the one that I name"


class AccountOwner(Answer):
    """Who takes a customer whose account nobody has."""

    decision: Owner | None = Field(None, description="Whose account is it?")
    owner: str | None = Field(None, pattern=STAFF, description="Who takes the customer, by staff id")

    @model_validator(mode="after")
    def _named(self) -> AccountOwner:
        if (self.owner is not None) != (self.decision is Owner.NAMED):
            raise ValueError("owner: name who takes the customer by staff id")
        return self


class Sent(StrEnum):
    SENT = "sent"
    NOT_FOR_SALES = "not for sales: support keeps it"


class Thread(Answer):
    """That the new e-mail thread with a customer is there."""

    decision: Sent | None = Field(None, description="Is the new thread there?")


class LeadSent(StrEnum):
    SALES = "sent, for sales"
    TECHNICAL = "sent, for technical help"
    NOT_FOR_SALES = "not for sales: support keeps it"


class LeadThread(Answer):
    """That the new e-mail thread with a lead is there, and what the lead needs."""

    decision: LeadSent | None = Field(None, description="Is the new thread there?")


class Custody(StrEnum):
    MINE = "I have it"
    NOTHING = "nothing will come of it"


class CustomerOutcome(Answer):
    """What became of a customer."""

    decision: Custody | None = Field(None, description="What became of it?")


class Booking(StrEnum):
    BOOKED = "a meeting is booked"
    NOTHING = "nothing will come of it"


class LeadOutcome(Answer):
    """What became of a lead."""

    decision: Booking | None = Field(None, description="What became of it?")
