"""What is made of a request's legal clocks: what is due next, what is warned of or was missed, which facts are added.

Pure functions of dated facts and a moment; the periods themselves are counted in `policies.legal_clock`. Where a
member lives is not known, so every regime's clock runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, Self

from pydantic import ValidationError

from policies.legal_clock import (
    NUMBERS,
    Dates,
    Deadline,
    Duty,
    ExtensionNotice,
    IdentityQuestion,
    LegalClock,
    Regime,
    State,
    legal_clock,
    place_of,
    regimes_of,
)

__all__ = ["Due", "Ending", "Reasons", "Said", "Unfit", "Warned", "Watch", "add", "extended", "latest_today"]


class Ending(StrEnum):
    """How a legal clock ends."""

    ANSWERED = "answered"
    ANSWERED_LATE = "answered_late"
    WITHDRAWN = "withdrawn"


class Said(StrEnum):
    """What can be said about a request; the last three, of a day that was missed."""

    ANSWERED = "the member has the answer"
    EXTENDED = "it takes longer: tell the member so now"
    IDENTITY_ASKED = "the member was asked to prove who they are"
    IDENTITY_PROVED = "the member has proved who they are"
    CONFIRMED = "the member knows that the request came in"
    WITHDRAWN = "the request was withdrawn, or there was none"
    MEMBER_TOLD = "the member was told of the missed day"
    AUTHORITY_TOLD = "the member and the authority were told of the missed day"
    NOBODY_TOLD = "nobody has to be told of the missed day"


OF_A_MISSED_DAY = frozenset({Said.MEMBER_TOLD, Said.AUTHORITY_TOLD, Said.NOBODY_TOLD})


class Reasons(StrEnum):
    """Why an answer takes longer: the reasons that the law knows (GDPR Art. 12(3))."""

    COMPLEXITY = "what was asked for is complex"
    NUMBER = "the member sent several requests"
    BOTH = "both"

    @property
    def words(self) -> tuple[str, ...]:
        """The reasons as the letter takes them."""
        return ("complexity", "number") if self is Reasons.BOTH else (self.name.lower(),)


class Unfit(StrEnum):
    """Why what was said cannot be so; the question is asked again and says it."""

    BEFORE_RECEIPT = "before-receipt"
    OUT_OF_ORDER = "out-of-order"
    TOO_LATE_TO_EXTEND = "too-late-to-extend"
    NOTHING_MISSED = "nothing-missed"


@dataclass(frozen=True, slots=True)
class Due:
    """One duty under one regime."""

    regime: Regime
    deadline: Deadline

    @property
    def name(self) -> str:
        """`gdpr-answer-2026-04-02`: what is due, and on which day at the latest."""
        return f"{self.regime}-{self.deadline.duty}-{self.deadline.last_day or 'suspended'}"


@dataclass(frozen=True, slots=True)
class Warned:
    """So many percent of the time for a duty are over at a moment (UTC)."""

    at: datetime
    percent: int
    due: Due

    @property
    def about(self) -> str:
        """`gdpr-answer-2026-04-02-80`: what is warned of; with another last day it is another warning."""
        return f"{self.due.name}-{self.percent}"

    @property
    def values(self) -> dict[str, Any]:
        """What messages say of it. What is warned of has a last day, because what is suspended is not."""
        deadline = self.due.deadline
        named = {"regime": self.due.regime, "duty": deadline.duty, "last_day": deadline.last_day}
        return named | {"percent": self.percent}


@dataclass(frozen=True, slots=True)
class Watch:
    """The clocks of one request, as the facts stand."""

    clocks: tuple[LegalClock, ...]

    @classmethod
    def over(cls, dates: Dates, country: str | None = None) -> Self:
        """The clocks for these facts and the member's country, if that is known."""
        return cls(tuple(legal_clock(regime, dates, place_of(regime)) for regime in regimes_of(country)))

    @property
    def duties(self) -> tuple[Due, ...]:
        """Every duty."""
        return tuple(Due(clock.regime, one) for clock in self.clocks for one in clock.deadlines)

    @property
    def open(self) -> tuple[Due, ...]:
        """The duties that are not done."""
        return tuple(one for one in self.duties if one.deadline.done is None)

    def next_day(self, now: datetime) -> Due | None:
        """What is to be done first of what is not done and not yet too late; None: nothing, or nobody knows when."""
        ahead = [(one.deadline.ends, one) for one in self.open]
        coming = [(ends, one) for ends, one in ahead if ends is not None and ends > now]
        return min(coming, key=lambda pair: pair[0])[1] if coming else None

    def answer_by(self, now: datetime) -> date | None:
        """The earliest last day to answer that is still ahead, as the member is told; None when all are over."""
        answers = [one.deadline for one in self.duties if one.deadline.duty is Duty.ANSWER]
        return min((one.last_day for one in answers if one.last_day and one.ends and one.ends > now), default=None)

    def warnings(self) -> tuple[Warned, ...]:
        """The warnings of all that is not done, in order of time; none of what is suspended."""
        return tuple(
            sorted(
                (
                    Warned(at, percent, one)
                    for one in self.open
                    if one.deadline.paused_since is None
                    for at, percent in zip(one.deadline.warnings, NUMBERS.warning_percents, strict=True)
                ),
                key=lambda warned: warned.at,
            )
        )

    def standing_warnings(self, now: datetime) -> tuple[Warned, ...]:
        """Of each duty that is not done and can still be done in time, the last warning that has come."""
        running = [one for one in self.warnings() if one.at <= now and not one.due.deadline.breached(now)]
        return tuple({one.due.name: one for one in running}.values())

    def breaches(self, now: datetime) -> tuple[Due, ...]:
        """What was done too late, or is not done and is too late; the oldest first."""
        broken = [one for one in self.duties if one.deadline.breached(now)]
        return tuple(sorted(broken, key=lambda one: str(one.deadline.last_day)))

    def mark(self, now: datetime, unsaid: Collection[Due] = ()) -> str:
        """How it stands, in a word for the inbox: a day that was missed, the highest warning, or nothing.

        `unsaid`: breaches of which nobody has said what was told, though the duty may be done since.
        """
        missed = [one for one in self.breaches(now) if one in unsaid or one.deadline.state(now) is State.MISSED]
        if missed:
            return f"legal: missed {missed[0].deadline.last_day}"
        percents = [one.percent for one in self.standing_warnings(now)]
        return f"legal: {max(percents)} %" if percents else ""

    def marks(self, now: datetime, until: datetime, unsaid: Collection[Due] = ()) -> tuple[tuple[datetime, str], ...]:
        """From when on which mark is shown, for as long as the facts stay."""
        moments = [now, *(one.at for one in self.warnings() if now < one.at < until)]
        return tuple((at, self.mark(at, unsaid)) for at in moments)

    def may_extend(self, now: datetime) -> bool:
        """Whether a notice sent now lengthens a period: before its first end, or while that is suspended."""
        return any(
            not clock.extended and (clock.extend_before is None or now < clock.extend_before) for clock in self.clocks
        )

    def answered_late(self, now: datetime) -> bool:
        """Whether the answer came too late under a regime."""
        return any(one.deadline.duty is Duty.ANSWER for one in self.breaches(now))


def extended(dates: Dates, sent: datetime) -> Dates:
    """The facts with a notice of extension, with its reasons, that was sent at a moment (aware)."""
    return _with(dates, extension=ExtensionNotice(sent=sent, reasons=True))


def add(dates: Dates, said: Said, day: date | None, now: datetime) -> Dates | Unfit:
    """The facts with one more, which happened on a day (None: now), or why it cannot have.

    A day that people give is that date in every regime's place: noon in UTC, but not before receipt and not after now.
    """
    if day is not None and day < min(place_of(regime).day(dates.received) for regime in Regime):
        return Unfit.BEFORE_RECEIPT
    at = now
    if day is not None:
        at = min(max(datetime.combine(day, time(12), UTC), dates.received), now)
    try:
        match said:
            case Said.ANSWERED:
                return _with(dates, answered=at)
            case Said.CONFIRMED:
                return _with(dates, confirmed=at if dates.confirmed is None else min(at, dates.confirmed))
            case Said.IDENTITY_ASKED:
                return _with(dates, identity=(*dates.identity, IdentityQuestion(asked=at)))
            case Said.IDENTITY_PROVED if dates.identity and dates.identity[-1].answered is None:
                last = IdentityQuestion(asked=dates.identity[-1].asked, answered=at)
                return _with(dates, identity=(*dates.identity[:-1], last))
    except ValidationError:
        return Unfit.OUT_OF_ORDER
    return Unfit.OUT_OF_ORDER


def latest_today(now: datetime) -> date:
    """The latest date that it is now in a regime's place: later days are to come."""
    return max(place_of(regime).day(now) for regime in Regime)


def _with(dates: Dates, **changes: Any) -> Dates:
    # Made anew, because a copy is not checked.
    return Dates(**(dict(dates) | changes))
