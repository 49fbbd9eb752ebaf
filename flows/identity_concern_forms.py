"""What can be answered in an identity concern; each form begins with a choice, and people's words are sealed."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from casework.confidential import ConfidentialText
from casework.wait import Form
from policies.identity_concern import Topic, Wish

__all__ = [
    "About",
    "Change",
    "Concern",
    "Confirmation",
    "Name",
    "Needed",
    "Needs",
    "Next",
    "Reviewed",
    "Safety",
    "Shown",
    "Shows",
    "Silence",
    "Silent",
]

NOTE_CHARACTERS = 1000


class About(StrEnum):
    """What the member is asked about."""

    NAME = "the name that they use"
    GENDER = "the gender that the account should show"
    NAME_AND_GENDER = "both, name and gender"
    PLACE = "where they saw it"
    MORE = "what happened and what they need"

    @property
    def parts(self) -> list[str]:
        """The same as the templates have it."""
        return ["name", "gender"] if self is About.NAME_AND_GENDER else [self.name.lower()]


class Safety(StrEnum):
    SETTLED = "settled: nothing is open for us"
    OPEN = "still open: Tier 2 has to do or to answer something"


class Reviewed(Form):
    """What Member Review and Safety say."""

    decision: Safety = Field(description="Is it settled?")
    needed: ConfidentialText | None = Field(
        None, max_length=NOTE_CHARACTERS, description="If it is open: what is needed; it is noted on the case"
    )

    @model_validator(mode="after")
    def _said(self) -> Reviewed:
        if self.decision is Safety.OPEN and not self.needed:
            raise ValueError("needed: say what is needed")
        return self


class Needs(StrEnum):
    ANSWERED = "answered: they are asked again"
    MEMBER = "the member has to be asked"
    BY_HAND = "I go on with this case by hand"


class Needed(Form):
    """What Tier 2 say to what Member Review and Safety need."""

    decision: Needs = Field(description="How does it go on?")
    answer: ConfidentialText | None = Field(
        None, max_length=NOTE_CHARACTERS, description="If it is answered: the answer; it is noted on the case"
    )
    asks: About | None = Field(None, description="To ask the member: about what?")

    @model_validator(mode="after")
    def _said(self) -> Needed:
        if self.decision is Needs.ANSWERED and not self.answer:
            raise ValueError("answer: give the answer")
        if self.decision is Needs.MEMBER and self.asks is None:
            raise ValueError("asks: say about what the member is asked")
        return self


class Next(StrEnum):
    REPLY = "ready for the reply"
    MEMBER = "the member has to be asked"
    SAFETY = "Member Review and Safety have to look again"
    BY_HAND = "I go on with this case by hand"


class Change(StrEnum):
    """What the member asked to be changed on the account."""

    NOTHING = "nothing"
    NAME = "the name"
    GENDER = "the gender"
    BOTH = "name and gender"

    @property
    def wish(self) -> Wish:
        """The same as the policy has it."""
        return Wish(name=self in (Change.NAME, Change.BOTH), gender=self in (Change.GENDER, Change.BOTH))


class Concern(Form):
    """How Tier 2 have read the case: what comes next, and for the reply all that it needs."""

    decision: Next = Field(description="What comes next?")
    topic: Topic | None = Field(None, description="For the reply: what is the case about?")
    name: ConfidentialText | None = Field(
        None, max_length=100, description="For the reply: the name that the member uses, as they wrote it"
    )
    change: Change = Field(Change.NOTHING, description="What did the member ask to be changed on the account?")
    gender: ConfidentialText | None = Field(
        None, max_length=100, description="If the gender is to be changed: to what, as the account's list has it"
    )
    asks: About | None = Field(None, description="To ask the member: about what?")
    task: ConfidentialText | None = Field(
        None, max_length=NOTE_CHARACTERS, description="For Member Review and Safety: what to do; noted on the case"
    )

    @model_validator(mode="after")
    def _said(self) -> Concern:
        if self.decision is Next.REPLY and self.topic is None:
            raise ValueError("topic: say what the case is about")
        if self.decision is Next.REPLY and not self.name:
            raise ValueError("name: give the name that the member uses")
        if self.decision is Next.REPLY and self.change.wish.gender and not self.gender:
            raise ValueError("gender: say what the account should show")
        if self.gender and not self.change.wish.gender:
            raise ValueError("change: say that the gender is to be changed, or give none")
        if self.decision is Next.MEMBER and self.asks is None:
            raise ValueError("asks: say about what the member is asked")
        if self.decision is Next.SAFETY and not self.task:
            raise ValueError("task: say what Member Review and Safety should do")
        return self


class Silence(StrEnum):
    ASK_AGAIN = "ask again"
    GO_ON = "go on without an answer"
    CLOSE = "close the case"


class Silent(Form):
    """What becomes of a case in which the member does not answer."""

    decision: Silence = Field(description="What shall happen?")


class Name(StrEnum):
    RIGHT = "the name is right: send the reply"
    OTHER = "another name"
    LATER = "something else first"


class Confirmation(Form):
    """The name in the reply that is shown on the case, as a person has read it there."""

    decision: Name = Field(description="Is it the member's own name?")
    name: ConfidentialText | None = Field(
        None, max_length=100, description="The name as the reply shows it, letter by letter; or the other name"
    )

    @model_validator(mode="after")
    def _said(self) -> Confirmation:
        if self.decision is not Name.LATER and not self.name:
            raise ValueError("name: type the name")
        return self


class Shown(StrEnum):
    SHOWS = "it shows"
    LATER = "something else first"


class Shows(Form):
    """Whether the account shows what the member asked for."""

    decision: Shown = Field(description="Does the account show it?")
