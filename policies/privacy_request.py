"""The privacy request: what comes before it is made, with which type and status it is made, and how its case closes.

Source: "Tier 2: Escalations", part "DSAR Email Procedure". The order is the page's: a member with a Google or Apple
login first sets a password, because the web form asks for one; then we must know what is asked for. Whatever the member
writes meanwhile an agent reads before anything else is done. `policies.legal_clock` says by when all this must be done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from policies.privacy_request_numbers import NUMBERS, PrivacyRequestNumbers
from policies.words import holds, plain

__all__ = [
    "NUMBERS",
    "AskAgent",
    "AskType",
    "AskWhichObject",
    "Create",
    "Decision",
    "Ending",
    "Facts",
    "Found",
    "Login",
    "Member",
    "RequestStatus",
    "RequestType",
    "SetPassword",
    "UseExisting",
    "decide",
    "is_its_mail",
    "pr_number",
    "sounds_like",
]


class RequestType(StrEnum):
    """What the member asks for, by the names of the fields in the TOML; Salesforce's values stand there."""

    DATA_CATEGORIES = "data_categories"
    ACCESS_DATA = "access_data"
    DELETE_DATA = "delete_data"

    def label(self, numbers: PrivacyRequestNumbers = NUMBERS) -> str:
        """The value in Salesforce."""
        return str(getattr(numbers.request_types, self.value))


class RequestStatus(StrEnum):
    """With what status the object is made, by the names of the fields in the TOML. There are no others here."""

    REQUESTED = "requested"
    VERIFICATION_FAILURE = "verification_failure"

    def label(self, numbers: PrivacyRequestNumbers = NUMBERS) -> str:
        """The value in Salesforce."""
        return str(getattr(numbers.request_statuses, self.value))


class Login(StrEnum):
    """A social login on the account."""

    GOOGLE = "google"
    APPLE = "apple"


class Ending(StrEnum):
    """How a case ends."""

    REQUESTED = "requested"
    NOT_VERIFIED = "not_verified"
    WITHDRAWN = "withdrawn"
    BY_HAND = "by_hand"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Fact):
    """Who asks. `contacts` counts those in Salesforce that they could be; they wrote from the address of that one."""

    contacts: int = Field(ge=0)
    address_matches: bool = False
    logins: frozenset[Login] = frozenset()
    has_password: bool = False

    @property
    def verified(self) -> bool:
        """Whether we know who asks: exactly one contact, by its own address."""
        return self.contacts == 1 and self.address_matches


class Found(_Fact):
    """A privacy request object that the case has already."""

    id: str = Field(min_length=1)
    type: str
    status: str


class Facts(_Fact):
    """All that the decision needs.

    Attributes:
        member: who asks.
        unread: whether the member has written since an agent last read.
        asked: what is asked for, as an agent has read it; None before that, and while it is not clear.
        unclear: whether an agent has read it and could not tell.
        agreed: whether a second agent agreed to what is asked for.
        found: the objects that the case has.
        chosen: the id of the one that counts, where an agent said so.
    """

    member: Member
    unread: bool = False
    asked: RequestType | None = None
    unclear: bool = False
    agreed: bool = False
    found: tuple[Found, ...] = ()
    chosen: str | None = None


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Send the steps and wait until the account has a password, then decide again."""

    logins: tuple[Login, ...]
    why: str
    message: str = "set-password"
    reminder: str = "password-reminder"


@dataclass(frozen=True, slots=True)
class AskAgent:
    """An agent reads what the member wrote and says what is asked for, then decide again."""

    why: str
    question: str = "request-type"


@dataclass(frozen=True, slots=True)
class AskType:
    """Ask the member what they want, wait, then decide again."""

    why: str
    message: str = "ask-type"
    reminder: str = "type-reminder"


@dataclass(frozen=True, slots=True)
class Create:
    """Make the object; with `second_agent` not before somebody else agreed."""

    type: RequestType
    status: RequestStatus
    second_agent: bool
    why: str
    question: str = "delete-data"
    comment: str = "comment-created"


@dataclass(frozen=True, slots=True)
class UseExisting:
    """The case has its object already: go on with it, make none."""

    id: str
    why: str
    comment: str = "comment-created"


@dataclass(frozen=True, slots=True)
class AskWhichObject:
    """The case has one that does not fit, or several: an agent says which one counts. None is made."""

    ids: tuple[str, ...]
    why: str
    question: str = "which-object"


Decision = SetPassword | AskAgent | AskType | Create | UseExisting | AskWhichObject


def decide(facts: Facts, numbers: PrivacyRequestNumbers = NUMBERS) -> Decision:
    """What comes next. An object that is there is never made again, whatever has changed since."""
    if facts.unread:
        return AskAgent("The member has written, and nobody has read it.")
    if facts.found and facts.unclear:
        return AskType("It is not clear what else is asked for.")
    if facts.found:
        return _with(facts, numbers)
    member = facts.member
    if member.verified and member.logins and not member.has_password:
        return SetPassword(
            tuple(sorted(member.logins)), "The web form asks for address and password, and the account has no password."
        )
    if facts.asked is None:
        if facts.unclear:
            return AskType("It is not clear what is asked for.")
        return AskAgent("Nobody has read what is asked for.")
    second = facts.asked is RequestType.DELETE_DATA and not facts.agreed
    if member.verified:
        return Create(facts.asked, RequestStatus.REQUESTED, second, "We know who asks.")
    why = "No contact was found." if member.contacts == 0 else "We can't be sure who asks."
    return Create(facts.asked, RequestStatus.VERIFICATION_FAILURE, second, why)


def _with(facts: Facts, numbers: PrivacyRequestNumbers) -> UseExisting | AskWhichObject:
    ids = tuple(sorted(one.id for one in facts.found))
    if facts.chosen is not None and facts.chosen in ids:
        return UseExisting(facts.chosen, "An agent said that this one counts.")
    if len(ids) > 1:
        return AskWhichObject(ids, "The case has several privacy requests.")
    (found,) = facts.found
    types = [one for one in RequestType if facts.asked in (None, one)]
    fits = plain(found.type) in {plain(one.label(numbers)) for one in types}
    if fits and plain(found.status) in {plain(one.label(numbers)) for one in RequestStatus}:
        return UseExisting(found.id, "The case has its privacy request already.")
    return AskWhichObject(ids, "The case has a privacy request of another type or status.")


def sounds_like(text: str, numbers: PrivacyRequestNumbers = NUMBERS) -> RequestType | None:
    """What a message seems to ask for: a suggestion for whoever reads it, no decision. None: nothing, or several."""
    heard = [one for one in RequestType if holds(text, getattr(numbers.words, one.value))]
    return heard[0] if len(heard) == 1 else None


def is_its_mail(subject: str, status: RequestStatus, numbers: PrivacyRequestNumbers = NUMBERS) -> bool:
    """Whether this is the mail that Salesforce sends by itself for an object with that status."""
    # The page writes the dash with and without spaces around it.
    return _without_spaces(subject).endswith(_without_spaces(getattr(numbers.mails, status.value)))


def pr_number(name: str) -> str:
    """The object's number as the comment quotes it, from its name in Salesforce.

    Raises:
        ValueError: the name is no such number; it is not repeated, because it could be anything.
    """
    if not re.fullmatch(r"PR-[0-9]{1,12}", name, re.ASCII):
        raise ValueError("the privacy request's name is no number of the form PR-00012: look at the object")
    return name


def _without_spaces(text: str) -> str:
    return plain(text).replace(" ", "")
