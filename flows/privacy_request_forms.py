"""What can be answered about a privacy request."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from casework.wait import Form

__all__ = [
    "Agreed",
    "Agreement",
    "Asked",
    "AskedFor",
    "Counting",
    "Counts",
    "MailLooked",
    "MailMissing",
    "MailSeen",
    "News",
    "Patience",
    "Silence",
]


class News(Form):
    """What is new, by its id: the member has written, somebody has made a request, or the account has a password."""

    mail: str | None = None
    request: str | None = None
    password: bool | None = None


class Asked(StrEnum):
    DATA_CATEGORIES = "Data Categories: which data we have"
    ACCESS_DATA = "Access Data: a copy of it"
    DELETE_DATA = "Delete Data: that it is deleted"
    UNCLEAR = "not clear: ask the member"
    WITHDRAWN = "withdrawn: they want nothing any more"
    BY_HAND = "an agent works on it by hand"


class AskedFor(Form):
    """What an agent has read the member to ask for."""

    asked: Asked = Field(description="What does the member ask for?")


class Agreed(StrEnum):
    DELETE = "delete: the member wants their data deleted"
    SOMETHING_ELSE = "something else: the member is asked"


class Agreement(Form):
    """What a second agent says about Delete Data."""

    decision: Agreed = Field(description="Does the member want their data deleted?")


class Patience(StrEnum):
    ASK_AGAIN = "ask the member again"
    WITHDRAWN = "withdrawn: tell the member and close the case"
    BY_HAND = "an agent works on it by hand"


class Silence(Form):
    """What an agent does about a member who does not answer."""

    decision: Patience = Field(description="What shall happen?")


class Counts(StrEnum):
    NAMED = "the one that I name"
    BY_HAND = "an agent works on it by hand"


class Counting(Form):
    """Which of a case's privacy requests counts."""

    decision: Counts = Field(description="Which one counts?")
    number: str | None = Field(None, pattern=r"^PR-[0-9]{1,12}$", description="Its number, PR-…")

    @model_validator(mode="after")
    def _named(self) -> Counting:
        if (self.number is None) == (self.decision is Counts.NAMED):
            raise ValueError("give the number of the one that counts, and none to work by hand")
        return self


class MailSeen(Form):
    """That Salesforce's own mail went out: its id."""

    mail: str = Field(min_length=1)


class MailLooked(StrEnum):
    SENT = "it went out, or I have had it sent"
    LOOK_AGAIN = "look again"


class MailMissing(Form):
    """What an agent has found out about Salesforce's own mail."""

    decision: MailLooked = Field(description="Was the mail sent?")
