"""The one function through which every answer goes, whatever the channel.

It checks the wait, the time, the person and the form; it records the attempt; and it settles the question at most
once, by one compare-and-set on the wait together with an entry that the case file takes only once. Channels only
say what was answered and how they know who it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError
from sqlalchemy import Connection, Row, bindparam, insert, select, update

from casework import runtime
from casework.authority import Seat, seats
from casework.case import Entry, FileClosed, Kind, digest
from casework.people import Identity, Invitation, Person, Quorum, code_hash
from casework.schema import codes, waits

__all__ = [
    "Accepted",
    "Form",
    "Offer",
    "Refusal",
    "Refused",
    "answer",
    "invite",
    "may_not",
    "pass_deadline",
    "withdraw",
]

# Asked for every answer and in every leg of an open question; to put a statement together costs as much as to run it.
_LOCKED = (
    select(waits)
    .where(waits.c.case_id == bindparam("this_case"), waits.c.wait == bindparam("this_wait"))
    .with_for_update()
)
_KNOWN_CODE = select(codes.c.code_hash).where(codes.c.code_hash == bindparam("hashed"))


class Form(BaseModel):
    """What can be answered: enums become choices, descriptions are shown, `ConfidentialText` is kept aside.

    `formerly` are names that it had in earlier releases, under which open questions may still know it. Once answered,
    `by` is the id of the person who did, `channel` the way it came, and `at` when it counted (UTC).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    formerly: ClassVar[tuple[str, ...]] = ()
    _by: str = PrivateAttr(default="")
    _channel: str = PrivateAttr(default="")
    _at: datetime | None = PrivateAttr(default=None)

    @property
    def by(self) -> str:
        return self._by

    @property
    def agrees(self) -> bool:
        """Whether this answer is a yes, where several people must agree. Forms that can say no say so here."""
        return True

    @property
    def channel(self) -> str:
        return self._channel

    @property
    def at(self) -> datetime | None:
        return self._at

    def answered(self, by: str, channel: str, at: datetime) -> Self:
        """This form, as filled in by a person (an id) through a channel at a moment (UTC)."""
        self._by, self._channel, self._at = by, channel, at
        return self

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        forms.update(dict.fromkeys((cls.form_name(), *cls.formerly), cls))

    @classmethod
    def form_name(cls) -> str:
        """The name by which waits remember the form."""
        return f"{cls.__module__}:{cls.__qualname__}"

    @classmethod
    def confidential_fields(cls) -> list[str]:
        """The fields whose text is kept aside."""
        return [name for name, info in cls.model_fields.items() if "ConfidentialText" in repr(info.annotation)]


forms: dict[str, type[Form]] = {}


class Refusal(StrEnum):
    """Why an answer did not count."""

    UNKNOWN = "there is no such question"
    DECIDED = "the question is already settled"
    LATE = "the time to answer has passed"
    NOT_YOURS = "this question was put to somebody else"
    FOUR_EYES = "somebody else has to decide this, because you took part in it before"
    ANSWERED = "you have answered it, or somebody has in your place"
    UNVERIFIED = "this question needs your personal code, your link, Slack or the ticket"
    BAD_CODE = "this code is not known"
    USED_CODE = "this code has been used"
    INVALID = "the form is not filled in as it has to be"


@dataclass(frozen=True, slots=True)
class Offer:
    """An answer, as a channel received it.

    `reference` names the message it came in (a comment id, a pause), so that the same one counts once. Who it is
    comes as an `identity` that the channel vouches for, or as a personal `code`. `at` is when it was given (UTC),
    where the system that it was found in says so; otherwise it is given now.
    """

    case_id: str
    wait: str
    values: Mapping[str, Any]
    channel: str
    identity: Identity | None = None
    code: str | None = None
    reference: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer counts; `settled` says whether the question is decided by it or waits for more people."""

    case_id: str
    wait: str
    by: str
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer did not count; `sentence` tells the person why and what to do."""

    why: Refusal
    sentence: str

    @classmethod
    def because(cls, why: Refusal, detail: str = "") -> Refused:
        """A refusal in words."""
        return cls(why, f"Your answer was not recorded: {why.value}{': ' + detail if detail else ''}.")


def answer(offer: Offer) -> Accepted | Refused:
    """Check an answer and record it: either it settles the question, or it is refused and the question stays.

    A personal code dies with its first use, whatever comes of it. Nothing is recorded where there is no such
    question or the case has ended.

    On acceptance the case is due a leg; the caller may push the engine, the clock does it otherwise.
    """
    around = runtime.current()
    with around.files.writing() as connection:
        identity, code_refusal = _identify(around, connection, offer)
        this = {"this_case": offer.case_id, "this_wait": offer.wait}
        wait = connection.execute(_LOCKED, this).one_or_none()
        if wait is None:
            return Refused.because(Refusal.UNKNOWN)
        try:
            return _settle(around, connection, wait, offer, identity, code_refusal)
        except FileClosed:
            return Refused.because(Refusal.DECIDED)


def may_not(invitation: Invitation) -> Refused | None:
    """Why the person invited may not answer the open question now, though the link is theirs; None when they may.

    It only looks, so that a page can say so at once; `answer` decides.
    """
    around = runtime.current()
    same = (waits.c.case_id == invitation.case_id, waits.c.wait == invitation.wait)
    identity = Identity(kind="person", value=invitation.person.id)
    with around.files.reading() as connection:
        wait = connection.execute(select(waits).where(*same)).one()
        places = seats(connection, wait.who, identity, around.files.now())
        counted = around.files.of_kind(connection, wait.case_id, Kind.ANSWER_COUNTED, wait.wait)
    _, why = _place(wait, places, identity.verified, counted)
    return None if why is None else Refused.because(why)


def _settle(
    around: runtime.Runtime,
    connection: Connection,
    wait: Row[Any],
    offer: Offer,
    identity: Identity | None,
    code_refusal: Refusal | None,
) -> Accepted | Refused:
    now = around.files.now()
    places = seats(connection, wait.who, identity, now) if identity else []
    verified = bool(identity and identity.verified)
    counted = around.files.of_kind(connection, offer.case_id, Kind.ANSWER_COUNTED, offer.wait)
    place, no_authority = _place(wait, places, verified, counted)
    actor = place.actor.id if place else "unknown"
    noted = {"wait": offer.wait, "channel": offer.channel, "verified": verified, "reference": offer.reference}
    around.files.append(offer.case_id, Kind.ANSWER_OFFERED, offer.wait, actor, noted, connection=connection)

    why = code_refusal or no_authority
    if wait.state != "open":
        why = Refusal.DECIDED
    elif (offer.at or now) >= wait.due_at:
        why = Refusal.LATE
    detail, filled = "", None
    if why is None:
        try:
            filled = forms[wait.form].model_validate(dict(offer.values))
        except ValidationError as error:
            why = Refusal.INVALID
            detail = "; ".join(_say(problem) for problem in error.errors(include_input=False, include_url=False))
    if why is not None or filled is None or place is None:
        told = {"why": (why or Refusal.INVALID).name.lower()}
        around.files.append(offer.case_id, Kind.ANSWER_REFUSED, offer.wait, actor, told, connection=connection)
        return Refused.because(why or Refusal.INVALID, detail)

    values = filled.model_dump(mode="json")
    for name in filled.confidential_fields():
        if values.get(name):
            kept = f"text:{digest([offer.case_id, offer.wait, name, actor])[:16]}"
            values[name] = around.confidential.keep(connection, offer.case_id, kept, values[name])
    said: dict[str, Any] = {"values": values, "channel": offer.channel, "verified": verified}
    if place.asked != place.actor:
        said["for"] = place.asked.id
    quorum = Quorum.model_validate(wait.quorum)
    agreed = sum(bool(one.payload["agrees"]) for one in counted) + filled.agrees
    refused = len(counted) + 1 - agreed
    may = sum(person["id"] not in wait.not_by for person in wait.who)
    needed = quorum.of(may)
    settled = agreed >= needed or (quorum.veto and refused) or may - refused < needed
    if needed > 1 or not settled:
        vote = said | {"agrees": filled.agrees, "asked": place.asked.id}
        around.files.append(offer.case_id, Kind.ANSWER_COUNTED, offer.wait, actor, vote, connection=connection)
    if settled:
        around.files.append(offer.case_id, Kind.DECIDED, offer.wait, actor, said, connection=connection)
        _close(connection, offer.case_id, offer.wait, "decided")
    around.files.want_leg(offer.case_id, connection)
    return Accepted(offer.case_id, offer.wait, actor, settled=bool(settled))


def _place(
    wait: Row[Any], places: Sequence[Seat], verified: bool, counted: Sequence[Entry]
) -> tuple[Seat | None, Refusal | None]:
    """The first of these seats that may decide; else the first one and why it may not."""
    refused = [(place, _no_authority(wait, place, verified, counted)) for place in places]
    allowed = [(place, why) for place, why in refused if why is None]
    return (allowed or refused or [(None, Refusal.NOT_YOURS)])[0]


def _no_authority(wait: Row[Any], place: Seat, verified: bool, counted: Sequence[Entry]) -> Refusal | None:
    """Why whoever fills this seat may not decide; None when they may."""
    if place.ids & set(wait.not_by):
        return Refusal.FOUR_EYES
    if place.ids & ({entry.actor for entry in counted} | {entry.payload["asked"] for entry in counted}):
        return Refusal.ANSWERED
    if wait.verified and not verified:
        return Refusal.UNVERIFIED
    return None


def _say(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    what = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {what}" if place else what


def _identify(around: runtime.Runtime, connection: Connection, offer: Offer) -> tuple[Identity | None, Refusal | None]:
    if offer.code is None:
        return offer.identity, None
    this = codes.c.code_hash == code_hash(offer.code)
    used = connection.execute(update(codes).where(this, codes.c.used_at.is_(None)).values(used_at=around.files.now()))
    row = connection.execute(select(codes).where(this)).one_or_none()
    if row is None:
        return None, Refusal.BAD_CODE
    if used.rowcount == 0:
        return None, Refusal.USED_CODE
    if (row.case_id, row.wait) != (offer.case_id, offer.wait):
        return None, Refusal.BAD_CODE
    return Identity(kind="person", value=row.person), None


def pass_deadline(connection: Connection, case_id: str, wait: str, now: datetime) -> bool:
    """Settle an open wait whose time (UTC) is over, by nobody's answer. False when it is settled or not due."""
    around = runtime.current()
    row = connection.execute(_LOCKED, {"this_case": case_id, "this_wait": wait}).one()
    if row.state != "open" or now < row.due_at:
        return False
    due = {"due": row.due_at.isoformat()}
    around.files.append(case_id, Kind.DEADLINE_PASSED, wait, "clock", due, connection=connection)
    _close(connection, case_id, wait, "passed")
    around.files.want_leg(case_id, connection)
    return True


def withdraw(connection: Connection, case_id: str) -> None:
    """Take back every open question of a case that ends."""
    connection.execute(
        update(waits).where(waits.c.case_id == case_id, waits.c.state == "open").values(state="withdrawn")
    )


def _close(connection: Connection, case_id: str, wait: str, state: str) -> None:
    connection.execute(update(waits).where(waits.c.case_id == case_id, waits.c.wait == wait).values(state=state))


def invite(connection: Connection, case_id: str, wait: str, people: Sequence[Person]) -> list[Invitation]:
    """Make the invitations of the people asked, and let their codes count. Safe to repeat."""
    around = runtime.current()
    invitations = [Invitation(case_id=case_id, wait=wait, person=person) for person in people]
    for invitation in invitations:
        hashed = code_hash(invitation.code(around.secret))
        if connection.execute(_KNOWN_CODE, {"hashed": hashed}).one_or_none() is None:
            connection.execute(
                insert(codes).values(code_hash=hashed, case_id=case_id, wait=wait, person=invitation.person.id)
            )
    return invitations
