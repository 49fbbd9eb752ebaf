"""What can be answered about an offboarding."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import Field, model_validator

from casework.confidential import ConfidentialText
from casework.wait import Form
from policies.offboarding import asks_to_offboard

__all__ = [
    "Access",
    "AccessByHand",
    "Again",
    "BackAgain",
    "Changed",
    "DataSilence",
    "DealChanged",
    "EngineeringOverdue",
    "ExportEnded",
    "GiveAccessBack",
    "Housekeeping",
    "LastDay",
    "Meant",
    "Overdue",
    "Said",
    "Status",
    "StatusBack",
    "Vault",
    "WhichDeal",
    "Wished",
    "Word",
]


class Word(StrEnum):
    HELD = "the exit interview was held"
    DECLINED = "the exit interview was declined"
    DATA_WANTED = "it wants its data"
    DATA_NOT_WANTED = "it does not want its data"
    STAYS = "it stays: nothing ends"
    NOTHING = "none of these; I have read what it wrote"


class Said(Form):
    """What a customer has said, by a person who knows; or what Casework itself has seen, by its id."""

    said: Word | None = Field(None, description="What has the customer said? One thing at a time")
    answers: ConfidentialText | None = Field(
        None, description="Where the answers of the exit interview are (needed when it was held): the place, not them"
    )
    seen: str | None = Field(None, max_length=100, description="Leave this empty: Casework fills it in")

    @model_validator(mode="after")
    def _one_thing(self) -> Said:
        if (self.said is None) == (self.seen is None):
            raise ValueError("said: say what the customer has said, and leave the field seen empty")
        if self.said is Word.HELD and not self.answers:
            raise ValueError("answers: say where the answers are, for instance the link to the entry of the form")
        return self


class Meant(StrEnum):
    NAMED = "the one that I name"
    MISTAKE = "a mistake: nothing is to be done"


class WhichDeal(Form):
    """Which deal counts."""

    decision: Meant = Field(description="Which deal is it?")
    deal: str | None = Field(None, pattern=r"^[0-9]{1,20}$", description="Its id, digits")

    @model_validator(mode="after")
    def _named(self) -> WhichDeal:
        if (self.deal is None) == (self.decision is Meant.NAMED):
            raise ValueError("deal: give the id of the one that counts, and none if it was a mistake")
        return self


class LastDay(Form):
    """The last day of service."""

    day: date = Field(description="The last day of service, as 2026-05-31")


class Wished(StrEnum):
    YES = "yes: a data export is opened"
    NO = "no: the customer needs none"
    ASK_AGAIN = "ask the customer again"


class DataSilence(Form):
    """Whether a silent customer wants its data."""

    decision: Wished = Field(description="Does the customer want its data?")


class Again(StrEnum):
    AGAIN = "again: another export"
    GO_ON = "go on: access is taken away"


class ExportEnded(Form):
    """What happens after an export that ended without the data."""

    decision: Again = Field(description="What shall happen?")


class Access(StrEnum):
    GONE = "gone: nobody gets in"
    NOT_GONE = "not gone"


class AccessByHand(Form):
    """What a person saw who tried to get in."""

    decision: Access = Field(description="Is access gone?")


class Changed(StrEnum):
    STAYS = "the customer stays"
    KEEP = "keep: the change is right"
    WRITE_AGAIN = "write again: the change was a mistake"


class DealChanged(Form):
    """What a change in the deal means that others made."""

    decision: Changed = Field(description="What does the change mean?")


class Vault(StrEnum):
    DONE = "done"
    NO_ENTRY = "there is no entry"


class Housekeeping(Form):
    """That the password vault is in order."""

    decision: Vault = Field(description="Is it done?")


class Status(StrEnum):
    NAMED = "the one that I name"
    KEEP = "leave it as it is"


class StatusBack(Form):
    """Which status a deal gets whose customer stays."""

    decision: Status = Field(description="Which status does the deal get?")
    status: str | None = Field(None, max_length=100, description="The status, as HubSpot calls it internally")

    @model_validator(mode="after")
    def _named(self) -> StatusBack:
        if (self.status is None) == (self.decision is Status.NAMED):
            raise ValueError("status: give the one that the deal gets, and none to leave it as it is")
        if asks_to_offboard(self.status, set_by_us=False):
            raise ValueError("status: this one asks for an offboarding, and the customer stays")
        return self


class BackAgain(StrEnum):
    DONE = "done: they can get in again"


class GiveAccessBack(Form):
    """That a customer who stays can get in again."""

    decision: BackAgain = Field(description="Have they their access back?")


class Overdue(StrEnum):
    WAIT_ON = "wait on: engineering is at it"
    DONE = "it is done: look"


class EngineeringOverdue(Form):
    """What the operators have learned of engineering's task."""

    decision: Overdue = Field(description="What has engineering said?")
