"""Time, as the cases see it.

Everything that asks for the time asks here. Inside the body of a process the answer is journaled, so that a
replay sees the moment it saw the first time; everywhere else it is the present. Moments are aware and in UTC;
people see their own zone, converted where a message or a page is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from casework.calendar import BusinessCalendar

__all__ = [
    "Days",
    "Delay",
    "Minutes",
    "NextWeekday",
    "Until",
    "WorkingDays",
    "WorkingHours",
    "instant",
    "keep",
    "local_date",
    "now",
    "present",
    "reading",
    "use",
]

Clock = Callable[[], datetime]


def _system() -> datetime:
    return datetime.now(UTC)


_source: list[Clock] = [_system]
_journal: ContextVar[Clock | None] = ContextVar("casework_clock_journal", default=None)


def present() -> datetime:
    """The moment that is, in UTC, never journaled."""
    return instant(_source[-1]())


def now() -> datetime:
    """The moment, in UTC: inside a process body the journaled one, elsewhere the present."""
    journal = _journal.get()
    return journal() if journal else present()


@contextmanager
def use(source: Clock) -> Iterator[None]:
    """Take the time from `source` while the block runs (tests and the simulated engine)."""
    _source.append(source)
    try:
        yield
    finally:
        _source.remove(source)


def keep(source: Clock) -> None:
    """Take the time from `source` for the rest of this process (a deployment that runs on sandbox time)."""
    _source[0] = source


@contextmanager
def reading(journal: Clock | None) -> Iterator[None]:
    """Let `now` answer from `journal` in this context; None leaves the journal, as steps do."""
    token = _journal.set(journal)
    try:
        yield
    finally:
        _journal.reset(token)


def instant(moment: datetime) -> datetime:
    """The same moment in UTC.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("Timezone aware datetime is required")
    return moment.astimezone(UTC)


class Delay(Protocol):
    """A length of time that may need a calendar to be known."""

    def after(self, moment: datetime) -> datetime:
        """The moment, in UTC, at which the delay that began at `moment` is over."""


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minutes of plain time."""

    count: float

    def after(self, moment: datetime) -> datetime:
        return instant(moment) + timedelta(minutes=self.count)


@dataclass(frozen=True, slots=True)
class Days:
    """Calendar days: the same wall-clock time in the calendar's zone, so daylight saving shifts nothing."""

    count: int
    calendar: BusinessCalendar

    def after(self, moment: datetime) -> datetime:
        return instant(self.calendar.add_days(moment, self.count))


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Working days of a team: its zone, hours and holidays."""

    count: int
    calendar: BusinessCalendar

    def after(self, moment: datetime) -> datetime:
        return instant(self.calendar.add_working_days(moment, self.count))


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Hours in which a team works: four hours from Friday 15:00 end on Monday, when it closes at 17:00."""

    count: float
    calendar: BusinessCalendar

    def after(self, moment: datetime) -> datetime:
        return instant(self.calendar.add_working_time(moment, timedelta(hours=self.count)))


@dataclass(frozen=True, slots=True)
class NextWeekday:
    """The next Monday at 10:00, say, on the wall clock of the calendar's zone; holidays count like any day.

    `weekday` is 0 for Monday to 6 for Sunday (the constants of the standard library's `calendar`). Strictly after
    the moment: asked on Monday at 10:00, it is a week later.

    Raises:
        ValueError: there is no such weekday, or the time has a zone of its own.
    """

    weekday: int
    time: time
    calendar: BusinessCalendar

    def __post_init__(self) -> None:
        if self.weekday not in range(7):
            raise ValueError(f"A weekday is 0 (Monday) to 6 (Sunday), not {self.weekday}.")
        if self.time.tzinfo:
            raise ValueError("A wall time has the zone of its calendar: give it without a time zone.")

    def after(self, moment: datetime) -> datetime:
        return instant(self.calendar.next_weekday(moment, self.weekday, self.time))


@dataclass(frozen=True, slots=True)
class Until:
    """A fixed moment (aware), whenever the waiting began."""

    moment: datetime

    def after(self, moment: datetime) -> datetime:  # noqa: ARG002 - a moment does not move
        return instant(self.moment)


def local_date(moment: datetime, calendar: BusinessCalendar) -> date:
    """The date that the team's wall calendar shows at `moment`."""
    return instant(moment).astimezone(calendar.zone).date()
