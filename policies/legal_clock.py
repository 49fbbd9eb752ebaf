"""The legal clock of a privacy request: until when it is confirmed and answered, what lengthens that, what was missed.

A pure function of regime, place and dated facts. It never asks for the time; `Deadline.state` is told it.

GDPR (Art. 12(3)): answered within one month of receipt, counted by Regulation (EEC, Euratom) No 1182/71. The day of
receipt is not counted (Art. 3(1)); the period ends with the last hour of the day of the same date in the next month,
or of that month's last day (Art. 3(2)(c)); a last day that is a Saturday, a Sunday or a public holiday moves to the
next working day (Art. 3(4)). That a period has two working days (Art. 3(5)) is true of every month. Two further months
need a notice with reasons within the first (Art. 12(3)); they are counted from receipt too. While somebody is asked to
prove who they are (Art. 12(6)) the period is suspended, provided that they were asked without undue delay (EDPB
Guidelines 01/2022 on the right of access, section 5.3). The careful count is ours: whole days from the day of the
question to that of the sufficient answer, and nothing at all for a question that came late.

CCPA (Cal. Code Regs. tit. 11, § 7021): receipt confirmed within 10 business days; answered within 45 calendar days of
receipt, however long it takes to verify who asks, so nothing pauses it; within 90 in all after a notice with an
explanation in the first 45 (also Cal. Civ. Code § 1798.130(a)(2)(A)). Calendar days are not moved by weekends.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Self, assert_never
from zoneinfo import ZoneInfo

import holidays
from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator

from policies.legal_clock_numbers import NUMBERS, LegalClockNumbers

__all__ = [
    "NUMBERS",
    "Dates",
    "Deadline",
    "Duty",
    "ExtensionNotice",
    "IdentityQuestion",
    "LegalClock",
    "Place",
    "Regime",
    "State",
    "legal_clock",
    "place_of",
    "regimes_of",
]

GDPR_MONTHS = 1
GDPR_EXTENDED_MONTHS = 3
CCPA_CONFIRM_BUSINESS_DAYS = 10
CCPA_DAYS = 45
CCPA_EXTENDED_DAYS = 90
_DAY = timedelta(days=1)


class Regime(StrEnum):
    """Whose law counts."""

    GDPR = "gdpr"
    CCPA = "ccpa"


class Duty(StrEnum):
    """What is due."""

    CONFIRM = "confirm"
    ANSWER = "answer"


class State(StrEnum):
    """How a duty stands at a moment; the last two are breaches."""

    RUNNING = "running"
    WARNED = "warned"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    MET_LATE = "met-late"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IdentityQuestion(_Fact):
    """When the requester was asked to prove who they are, and when what they sent sufficed; None: not yet."""

    asked: AwareDatetime
    answered: AwareDatetime | None = None


class ExtensionNotice(_Fact):
    """When the requester was told that it takes longer, and whether the reasons were given. Both are needed."""

    sent: AwareDatetime
    reasons: bool


class Dates(_Fact):
    """What happened when. Moments, not dates: which day they fall on is the place's to say."""

    received: AwareDatetime
    confirmed: AwareDatetime | None = None
    answered: AwareDatetime | None = None
    extension: ExtensionNotice | None = None
    identity: tuple[IdentityQuestion, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        after = [self.confirmed, self.answered, self.extension.sent if self.extension else None]
        if any(moment is not None and moment < self.received for moment in after):
            raise ValueError("nothing is confirmed, answered or extended before it is received")
        since: datetime = self.received
        for number, question in enumerate(self.identity, start=1):
            if question.asked < since:
                raise ValueError(f"identity question {number} comes before the request or the answer before it")
            if question.answered is None:
                if number < len(self.identity):
                    raise ValueError(f"identity question {number} is open, so it is the last one")
            elif question.answered < question.asked:
                raise ValueError(f"identity question {number} is answered before it is asked")
            else:
                since = question.answered
        return self


@dataclass(frozen=True, slots=True)
class Place:
    """Where the request has to be answered: its zone, ISO 3166-1 country and subdivision, for days and holidays."""

    zone: ZoneInfo
    country: str
    subdivision: str | None = None
    saturday_works: bool = False

    def day(self, moment: datetime) -> date:
        """The date on the wall calendar. Raises ValueError for a moment without a zone."""
        if moment.utcoffset() is None:
            raise ValueError("Timezone aware datetime is required")
        return moment.astimezone(self.zone).date()

    def end_of(self, day: date) -> datetime:
        """The expiry of the day's last hour: the first moment, in UTC, that is too late."""
        return datetime.combine(day + _DAY, time(), self.zone).astimezone(UTC)

    def is_working_day(self, day: date) -> bool:
        """No public holiday, Sunday or Saturday (Regulation 1182/71 Art. 2(2)), unless Saturdays count here."""
        last = 5 if self.saturday_works else 4
        return day.weekday() <= last and day not in _holidays(self.country, self.subdivision, day.year)

    def working_day_from(self, day: date) -> date:
        """The day itself, or the next working day."""
        while not self.is_working_day(day):
            day += _DAY
        return day

    def plus_working_days(self, day: date, count: int) -> date:
        """The working day that is the `count`th after the day."""
        for _ in range(count):
            day = self.working_day_from(day + _DAY)
        return day


@dataclass(frozen=True, slots=True)
class Deadline:
    """One duty. `last_day` is a date of the place; `ends` (UTC) is the first moment that is too late.

    Both are None while the period is suspended, because nobody knows them. `warnings` are moments in UTC, in order.
    """

    duty: Duty
    last_day: date | None
    ends: datetime | None
    warnings: tuple[datetime, ...]
    paused_since: datetime | None
    done: datetime | None

    def state(self, now: datetime) -> State:
        """How it stands at `now` (aware)."""
        if self.done is not None and self.done <= now:
            return State.MET if self.ends is None or self.done < self.ends else State.MET_LATE
        if self.ends is not None and now >= self.ends:
            return State.MISSED
        if self.paused_since is not None and now >= self.paused_since:
            return State.PAUSED
        return State.WARNED if any(warning <= now for warning in self.warnings) else State.RUNNING

    def breached(self, now: datetime) -> bool:
        """Whether the law was broken: it is too late, or it was done too late."""
        return self.state(now) in (State.MISSED, State.MET_LATE)


@dataclass(frozen=True, slots=True)
class LegalClock:
    """Every duty of a request under one regime.

    `extend_before` (UTC) is the first moment at which a notice of extension is too late, None once it is extended and
    while the period is suspended.
    """

    regime: Regime
    deadlines: tuple[Deadline, ...]
    extended: bool
    extend_before: datetime | None
    why: str


def legal_clock(regime: Regime, dates: Dates, place: Place, numbers: LegalClockNumbers = NUMBERS) -> LegalClock:
    """By when what is due, for what has happened so far."""
    match regime:
        case Regime.GDPR:
            return _gdpr(dates, place, numbers)
        case Regime.CCPA:
            return _ccpa(dates, place, numbers)
        case _:
            assert_never(regime)


def place_of(regime: Regime, numbers: LegalClockNumbers = NUMBERS) -> Place:
    """Where requests under a regime are answered, and so whose zone and holidays count."""
    chosen = numbers.gdpr if regime is Regime.GDPR else numbers.ccpa
    saturdays = regime is Regime.CCPA and numbers.ccpa_saturday_is_a_business_day
    return Place(ZoneInfo(chosen.zone), chosen.country, chosen.subdivision, saturdays)


def regimes_of(country: str | None, numbers: LegalClockNumbers = NUMBERS) -> tuple[Regime, ...]:
    """Whose law counts for a member who lives there (an ISO 3166-1 code).

    Where that is not known every regime counts, so that no deadline is missed. Elsewhere it is the page's own: its
    mails call every request one under the CCPA.
    """
    if country is None:
        return tuple(Regime)
    return (Regime.GDPR,) if country.upper() in numbers.gdpr_countries else (Regime.CCPA,)


@dataclass(frozen=True, slots=True)
class _Pause:
    since: datetime
    days: int


@dataclass(frozen=True, slots=True)
class _Period:
    last_day: date
    pauses: tuple[_Pause, ...]
    paused_since: datetime | None


def _gdpr(dates: Dates, place: Place, numbers: LegalClockNumbers) -> LegalClock:
    first = _months(dates, GDPR_MONTHS, place, numbers)
    notice = dates.extension
    in_time = notice is not None and (first.paused_since is not None or place.day(notice.sent) <= first.last_day)
    extended = notice is not None and notice.reasons and in_time
    period = _months(dates, GDPR_EXTENDED_MONTHS, place, numbers) if extended else first
    open_end = first.paused_since is not None or extended
    return LegalClock(
        Regime.GDPR,
        (_deadline(Duty.ANSWER, period, dates.received, dates.answered, place, numbers),),
        extended,
        None if open_end else place.end_of(first.last_day),
        _why("one month", "by two further months", notice, extended),
    )


def _ccpa(dates: Dates, place: Place, numbers: LegalClockNumbers) -> LegalClock:
    received = place.day(dates.received)
    first = received + CCPA_DAYS * _DAY
    notice = dates.extension
    extended = notice is not None and notice.reasons and place.day(notice.sent) <= first
    answer = _Period(received + CCPA_EXTENDED_DAYS * _DAY if extended else first, (), None)
    confirm = _Period(place.plus_working_days(received, CCPA_CONFIRM_BUSINESS_DAYS), (), None)
    # Whoever has the answer needs no confirmation any more (§ 7021(a)).
    confirmed = min((one for one in (dates.confirmed, dates.answered) if one is not None), default=None)
    return LegalClock(
        Regime.CCPA,
        (
            _deadline(Duty.CONFIRM, confirm, dates.received, confirmed, place, numbers),
            _deadline(Duty.ANSWER, answer, dates.received, dates.answered, place, numbers),
        ),
        extended,
        None if extended else place.end_of(first),
        _why("45 calendar days", "to 90 in all", notice, extended),
    )


def _why(period: str, further: str, notice: ExtensionNotice | None, extended: bool) -> str:
    if extended:
        return f"The period of {period} is extended {further}: the notice with its reasons came in time."
    if notice is None:
        return f"The period is {period} from receipt."
    if not notice.reasons:
        return f"The period stays {period} from receipt: the notice of extension gave no reasons."
    return f"The period stays {period} from receipt: the notice of extension came too late."


def _months(dates: Dates, months: int, place: Place, numbers: LegalClockNumbers) -> _Period:
    received = place.day(dates.received)
    same_date = _plus_months(received, months)
    pauses: list[_Pause] = []
    paused, raised = 0, received
    for question in dates.identity:
        asked = place.day(question.asked)
        if asked > place.working_day_from(same_date + paused * _DAY):
            break
        prompt = (asked - raised).days <= numbers.identity_question_days
        if question.answered is None:
            since = question.asked if prompt else None
            return _Period(place.working_day_from(same_date + paused * _DAY), tuple(pauses), since)
        raised = place.day(question.answered)
        if prompt:
            pauses.append(_Pause(question.asked, (raised - asked).days))
            paused += (raised - asked).days
    return _Period(place.working_day_from(same_date + paused * _DAY), tuple(pauses), None)


def _plus_months(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _deadline(
    duty: Duty, period: _Period, received: datetime, done: datetime | None, place: Place, numbers: LegalClockNumbers
) -> Deadline:
    ends = place.end_of(period.last_day)
    warnings = _warnings(received.astimezone(UTC), ends, period.pauses, numbers.warning_percents)
    since = period.paused_since
    if since is None:
        return Deadline(duty, period.last_day, ends, tuple(warnings), None, done)
    before = tuple(warning for warning in warnings if warning < since)
    return Deadline(duty, None, None, before, since.astimezone(UTC), done)


def _warnings(
    begins: datetime, ends: datetime, pauses: Sequence[_Pause], percents: Iterable[int]
) -> Iterable[datetime]:
    """When so much of the time that runs is over; what is suspended does not run."""
    running = ends - begins - sum((pause.days * _DAY for pause in pauses), timedelta())
    for percent in percents:
        moment = begins + running * percent / 100
        for pause in pauses:
            if pause.since <= moment:
                moment += pause.days * _DAY
        yield moment


@lru_cache(maxsize=256)
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    # A set of our own, because `holidays`' objects grow while they are read, which threads must not share.
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False))
