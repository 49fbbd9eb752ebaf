"""Business time: working days and opening hours of one zone and country.

A calendar is a pure value: it never asks what time it is. Moments go in aware of their zone and come out in
UTC. Days are counted on the wall clock of the calendar's zone, so "two days later" is the same time of day
on both sides of a change to daylight saving. A wall time that such a change skips moves forward by the
skipped span, and one that happens twice means the first (PEP 495, fold=0).

Weekends, public holidays and the working Saturdays of some countries come from `holidays`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

__all__ = ["BusinessCalendar"]

_DAY = timedelta(days=1)
# A year without a single working day is a mistake in the calendar, not a long holiday.
_SEARCH_DAYS = 366


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """When an office is open.

    `country` is an ISO 3166-1 code, `subdivision` one that `holidays` knows for it.
    `opens` and `closes` are wall times of the same day; `own_days_off` are further closed days.
    Raises ValueError when any of these cannot be.
    """

    zone: ZoneInfo
    country: str
    subdivision: str | None = None
    opens: time = time(9)
    closes: time = time(17)
    own_days_off: frozenset[date] | tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("opens and closes are wall times: give them without a time zone")
        if self.opens >= self.closes:
            raise ValueError(f"opens ({self.opens}) must be before closes ({self.closes})")
        try:
            _days_off(self.country, self.subdivision, 2026)
        except NotImplementedError as error:
            raise ValueError(
                f"No public holidays are known for {self.country!r}, subdivision {self.subdivision!r}"
            ) from error

    def is_working_day(self, day: date) -> bool:
        """Whether the office opens on `day`, a date in the calendar's zone."""
        return day not in self.own_days_off and day not in _days_off(self.country, self.subdivision, day.year)

    def next_opening(self, moment: datetime) -> datetime:
        """`moment` itself while the office is open, else the next time it opens; in UTC."""
        now = _utc(moment)
        openings = self._openings(self._local(now).date())
        return next(max(now, opens) for opens, closes in openings if now < closes)

    def add_working_days(self, moment: datetime, n: int) -> datetime:
        """The same wall time `n` working days later, in UTC; counted from the next opening when closed.

        Friday 15:00 and one day is Monday 15:00; Saturday and one day is Tuesday at opening.
        """
        _not_negative(n, "days")
        start = self.next_opening(moment)
        if n == 0:
            return start
        local = self._local(start)
        day = local.date()
        for _ in range(n):
            day = self._working_day_from(day + _DAY)
        return self._at(day, local.time())

    def add_working_time(self, moment: datetime, span: timedelta) -> datetime:
        """The moment, in UTC, by which the office has been open for `span`; its next opening when that is nothing.

        A span that is used up just as the office closes ends at closing, not at the next opening.
        """
        _not_negative(span.total_seconds(), "hours")
        now, left = _utc(moment), span
        hours = ((max(now, opens), closes) for opens, closes in self._openings(self._local(now).date()))
        begins, ends = next(hours)
        while ends <= begins or begins + left > ends:
            left -= max(ends - begins, timedelta())
            begins, ends = next(hours)
        return begins + left

    def next_weekday(self, moment: datetime, weekday: int, wall: time) -> datetime:
        """The first time after `moment` that the wall clock shows `wall` on a weekday (Monday is 0), in UTC.

        Days off count like any other. Strictly after: asked at that very time, it is a week later.
        """
        now = _utc(moment)
        today = self._local(now).date()
        day = today + (weekday - today.weekday()) % 7 * _DAY
        at = self._at(day, wall)
        return at if at > now else self._at(day + 7 * _DAY, wall)

    def add_days(self, moment: datetime, n: int) -> datetime:
        """The same wall time `n` calendar days later, in UTC."""
        _not_negative(n, "days")
        local = self._local(_utc(moment))
        return self._at(local.date() + n * _DAY, local.time()) if n else _utc(moment)

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """How long the office is open from `start` to `end`; real time, so a 25-hour day counts in full."""
        first, last = _utc(start), _utc(end)
        if last < first:
            raise ValueError("end is before start")
        total = timedelta()
        for opens, closes in self._openings(self._local(first).date()):
            if opens >= last:
                break
            total += max(min(closes, last) - max(opens, first), timedelta())
        return total

    def _openings(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        while True:
            day = self._working_day_from(day)
            yield self._at(day, self.opens), self._at(day, self.closes)
            day += _DAY

    def _working_day_from(self, day: date) -> date:
        for offset in range(_SEARCH_DAYS):
            if self.is_working_day(day + offset * _DAY):
                return day + offset * _DAY
        raise ValueError(f"No working day in the year from {day}: look at the calendar's own days off")

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def _at(self, day: date, wall: time) -> datetime:
        # fold=0: the wall time may come from a moment in a repeated hour, the day has its own.
        return datetime.combine(day, wall.replace(fold=0), self.zone).astimezone(UTC)


@lru_cache(maxsize=256)
def _days_off(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    # A set of our own, because `holidays`' objects grow while they are read, which threads must not share.
    known = holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    first, after = date(year, 1, 1), date(year + 1, 1, 1)
    days = (first + n * _DAY for n in range((after - first).days))
    return frozenset(day for day in days if not known.is_working_day(day))


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("Timezone aware datetime is required")
    return moment.astimezone(UTC)


def _not_negative(n: float, unit: str) -> None:
    if n < 0:
        raise ValueError(f"A number of {unit} cannot be negative: {n:g}")
