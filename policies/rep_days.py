"""A rep's days: in which zone they work, when, and on which days not.

Hours are wall times of one local date. A wall time becomes a moment by one rule: the first moment of that date at which
the rep's clock shows this time or a later one. So a time that the change to daylight saving skips means the end of the
gap, and one that comes twice means the first; the order of times in a day is never turned round.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from policies.numbers import WallTime

__all__ = ["WEEKDAYS", "Cron", "Hours", "Leave", "Off", "Rep", "Weekday", "moment", "week_of"]

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

_DAY = timedelta(days=1)
# Whoever does not work for a year has left.
_SEARCH_DAYS = 366


class Off(StrEnum):
    """Why a rep does not work on a day."""

    NO_HOURS = "no_hours"
    HOLIDAY = "holiday"
    LEAVE = "leave"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hours(_Fact):
    """Wall times, to the minute, between which a rep works on these weekdays; both are on the same date."""

    days: tuple[Weekday, ...] = Field(min_length=1)
    starts: WallTime
    ends: WallTime

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.starts >= self.ends:
            raise ValueError(f"starts ({self.starts}) must be before ends ({self.ends}), on the same date")
        if len(set(self.days)) < len(self.days):
            raise ValueError("days: a weekday stands twice")
        return self


class Leave(_Fact):
    """Dates from the first to the last, both included."""

    first: date
    last: date

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"leave: the last day ({self.last}) is before the first ({self.first})")
        return self


class Rep(_Fact):
    """Who looks at the queues: an id, an IANA zone, the country (ISO 3166-1) and part of it whose holidays count.

    `country` None: no public holidays. Each weekday stands in one of `hours` at most.
    """

    id: str = Field(min_length=1)
    zone: str
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    subdivision: str | None = None
    hours: tuple[Hours, ...] = ()
    leave: tuple[Leave, ...] = ()

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not a time zone of the IANA database") from error
        return zone

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        days = [day for one in self.hours for day in one.days]
        if len(set(days)) < len(days):
            raise ValueError("hours: a weekday stands twice")
        if self.country is None and self.subdivision is not None:
            raise ValueError("subdivision: say of which country")
        if self.country is not None:
            try:
                _holidays(self.country, self.subdivision, 2026)
            except NotImplementedError as error:
                raise ValueError(
                    f"no public holidays are known for country {self.country!r}, subdivision {self.subdivision!r}"
                ) from error
        return self

    def today(self, now: datetime) -> date:
        """The date that the rep's calendar shows at a moment (aware).

        Raises:
            ValueError: the moment has no time zone.
        """
        return _aware(now).astimezone(ZoneInfo(self.zone)).date()

    def wall(self, at: datetime) -> time:
        """The time that the rep's clock shows at a moment (aware).

        Raises:
            ValueError: the moment has no time zone.
        """
        return _aware(at).astimezone(ZoneInfo(self.zone)).time().replace(fold=0)

    def at(self, day: date, wall: time) -> datetime:
        """The moment, in UTC, at which it is this time on that date; see `moment`."""
        return moment(day, wall, ZoneInfo(self.zone))

    def hours_on(self, day: date) -> Hours | None:
        """The hours of that weekday, whether or not the rep is off."""
        weekday = WEEKDAYS[day.weekday()]
        return next((one for one in self.hours if weekday in one.days), None)

    def off(self, day: date) -> Off | None:
        """Why the rep does not work on a date of their own calendar; None: they do."""
        if self.hours_on(day) is None:
            return Off.NO_HOURS
        if self.country is not None and day in _holidays(self.country, self.subdivision, day.year):
            return Off.HOLIDAY
        return Off.LEAVE if any(one.first <= day <= one.last for one in self.leave) else None

    def working_days(self, day: date) -> Iterator[date]:
        """The working days from `day` on, of one year: none for somebody without hours."""
        return (at for n in range(_SEARCH_DAYS) if self.off(at := day + n * _DAY) is None)


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule: five fields of cron, on the wall clock of an IANA zone."""

    cron: str
    zone: str


def moment(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The first moment, in UTC, at which the clocks of `zone` show this date and time or later ones.

    Raises:
        ValueError: the time has a zone of its own.
    """
    if wall.tzinfo is not None:
        raise ValueError("a wall time has the zone of its rep: give it without a time zone")
    # fold=0: the first of two; a time in a gap is read with the offset from before it, so beyond its end (PEP 495).
    local = datetime.combine(day, wall.replace(fold=0))
    found = local.replace(tzinfo=zone).astimezone(UTC)
    if _shown(found, zone) == local:
        return found
    begin = local.replace(fold=1, tzinfo=zone).astimezone(UTC)
    seconds = range(int((found - begin).total_seconds()) + 1)
    return begin + timedelta(
        seconds=bisect_left(seconds, True, key=lambda n: _shown(begin + timedelta(seconds=n), zone) >= local)
    )


def week_of(day: date) -> tuple[date, ...]:
    """The seven dates, from Monday, of the week of a date."""
    monday = day - day.weekday() * _DAY
    return tuple(monday + n * _DAY for n in range(7))


def _shown(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=256)
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    # A set of our own, because `holidays`' objects grow while they are read, which threads must not share.
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False))


def _aware(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("Timezone aware datetime is required")
    return at
