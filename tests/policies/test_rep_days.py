"""A rep's days: wall times become moments by one rule, and days off are told with why."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.rep_days import Hours, Leave, Off, Rep, Weekday, moment, week_of

WORKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")
NINE_TO_FIVE = Hours(days=WORKDAYS, starts=time(9), ends=time(17))
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("zone", "day", "wall", "utc"),
    [
        ("Europe/Berlin", "2026-01-15", "09:00", "2026-01-15T08:00"),
        ("Europe/Berlin", "2026-07-15", "09:00", "2026-07-15T07:00"),
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:00"),  # skipped: 02:00 to 03:00
        ("Europe/Berlin", "2026-03-29", "03:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30"),  # twice: the first
        ("Europe/Berlin", "2026-10-25", "03:00", "2026-10-25T02:00"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30"),  # half an hour is skipped
        ("Asia/Kolkata", "2026-07-15", "09:00", "2026-07-15T03:30"),
        ("Africa/Cairo", "2026-04-24", "00:00", "2026-04-23T22:00"),  # the day begins at 01:00
        ("Pacific/Apia", "2011-12-30", "09:00", "2011-12-30T10:00"),  # the day there was not
    ],
)
def test_a_wall_time(zone: str, day: str, wall: str, utc: str) -> None:
    """Also at changes to daylight saving, of an hour or half of one, at midnight, and over the date line."""
    found = moment(date.fromisoformat(day), time.fromisoformat(wall), ZoneInfo(zone))
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert found.tzinfo is UTC


ODD = ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana", "Asia/Kolkata", "America/St_Johns"]
WALLS = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


@given(st.sampled_from(ODD), DAYS, st.lists(WALLS, min_size=2, max_size=6))
def test_the_order_of_a_day_is_kept(zone: str, day: date, walls: list[time]) -> None:
    """A later wall time is never an earlier moment, and the next day's are later than all of a day's."""
    found = [moment(day, wall, ZoneInfo(zone)) for wall in sorted(walls)]
    assert all(one <= other for one, other in pairwise(found))
    assert found[-1] < moment(day + DAY, time(0), ZoneInfo(zone))


def test_a_zone_is_the_reps() -> None:
    """A wall time with a zone of its own, and a moment without one, are refused."""
    with pytest.raises(ValueError, match="without a time zone"):
        moment(date(2026, 1, 1), time(9, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    with pytest.raises(ValueError, match="Timezone aware"):
        Rep(id="rep-1", zone="Europe/Berlin").today(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the claim


REP = Rep(
    id="rep-1",
    zone="Europe/Berlin",
    country="DE",
    subdivision="BE",
    hours=(NINE_TO_FIVE,),
    leave=(Leave(first=date(2026, 3, 9), last=date(2026, 3, 11)),),
)


@pytest.mark.parametrize(
    ("day", "off"),
    [
        ("2026-03-05", None),
        ("2026-03-07", Off.NO_HOURS),  # a Saturday
        ("2026-03-08", Off.NO_HOURS),  # a Sunday, and Berlin's Women's Day
        ("2026-03-09", Off.LEAVE),
        ("2026-03-11", Off.LEAVE),
        ("2026-03-12", None),
        ("2026-04-03", Off.HOLIDAY),  # Good Friday
        ("2027-03-08", Off.HOLIDAY),  # of Berlin, not of all Germany
    ],
)
def test_days_off(day: str, off: Off | None) -> None:
    """No hours on that weekday, a public holiday of the country or its part, or leave, both ends of it included."""
    assert REP.off(date.fromisoformat(day)) is off


def test_a_day_is_the_reps_own() -> None:
    """At the same moment it is another date for another rep."""
    now = datetime(2026, 3, 5, 23, 30, tzinfo=UTC)
    assert REP.today(now) == date(2026, 3, 6)
    assert Rep(id="rep-2", zone="America/Los_Angeles").today(now) == date(2026, 3, 5)


def test_without_a_country_there_are_no_holidays() -> None:
    """Good Friday is worked by whoever has no country."""
    assert Rep(id="rep-2", zone="Europe/Berlin", hours=(NINE_TO_FIVE,)).off(date(2026, 4, 3)) is None


def test_nobody_to_wait_for() -> None:
    """Somebody without hours, or on leave for good, has no working days, and the search ends."""
    gone = Leave(first=date(2026, 1, 1), last=date(2036, 1, 1))
    assert list(Rep(id="rep-2", zone="UTC").working_days(date(2026, 1, 1))) == []
    assert list(Rep(id="rep-2", zone="UTC", hours=(NINE_TO_FIVE,), leave=(gone,)).working_days(date(2026, 1, 1))) == []


@given(DAYS)
def test_a_week(day: date) -> None:
    """The seven dates from Monday, of which the date is one."""
    week = week_of(day)
    assert day in week
    assert week[0].weekday() == 0
    assert [later - earlier for earlier, later in pairwise(week)] == [DAY] * 6


def test_what_the_clock_shows() -> None:
    """The wall time of a moment, the same in both of the hours that come twice; a moment without a zone is refused."""
    berlin = Rep(id="rep-1", zone="Europe/Berlin")
    assert berlin.wall(datetime(2026, 7, 1, 10, 30, tzinfo=UTC)) == time(12, 30)
    twice = [berlin.wall(datetime(2026, 10, 25, hour, 30, tzinfo=UTC)) for hour in (0, 1)]
    assert twice == [time(2, 30)] * 2
    with pytest.raises(ValueError, match="aware"):
        berlin.wall(datetime(2026, 7, 1, 10, 30))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"zone": "Atlantis"}, "is not a time zone"),
        ({"country": "XX"}, "no public holidays are known"),
        ({"country": "DE", "subdivision": "XX"}, "no public holidays are known"),
        ({"subdivision": "BE"}, "say of which country"),
        ({"hours": [NINE_TO_FIVE, Hours(days=("friday",), starts=time(18), ends=time(19))]}, "a weekday stands twice"),
        ({"hours": [{"days": ["monday", "monday"], "starts": "09:00", "ends": "17:00"}]}, "a weekday stands twice"),
        ({"hours": [{"days": ["monday"], "starts": "22:00", "ends": "02:00"}]}, "on the same date"),
        ({"hours": [{"days": ["monday"], "starts": "09:00:30", "ends": "17:00"}]}, "to the minute"),
        ({"leave": [{"first": "2026-03-02", "last": "2026-03-01"}]}, "before the first"),
    ],
)
def test_a_rep_that_cannot_be(values: dict[str, object], told: str) -> None:
    """Each mistake is told."""
    with pytest.raises(ValidationError, match=told):
        Rep.model_validate({"id": "rep-1", "zone": "Europe/Berlin"} | values)
