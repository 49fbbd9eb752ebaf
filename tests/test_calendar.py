"""Business time against a slow clock that walks hour by hour and knows nothing of `BusinessCalendar`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework import calendar as module
from casework.calendar import BusinessCalendar

PLACES = [
    ("Europe/Berlin", "DE", "BE"),
    ("America/New_York", "US", "NY"),
    ("Asia/Kolkata", "IN", None),
    ("Australia/Lord_Howe", "AU", "NSW"),  # its summer time is half an hour
    ("Asia/Dubai", "AE", None),  # its weekend moved
    ("UTC", "GB", "ENG"),
]
BERLIN = BusinessCalendar(ZoneInfo("Europe/Berlin"), "DE", "BE")
HALF_HOUR = timedelta(minutes=30)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


class SlowClock:
    """Answers by looking at every half hour's wall clock; opening and closing must be on a half hour."""

    def __init__(self, place: tuple[str, str, str | None], opens: time, closes: time) -> None:
        self.zone, (_, country, subdivision) = ZoneInfo(place[0]), place
        self.public = holidays.country_holidays(country, subdiv=subdivision, years=range(2019, 2033))
        self.opens, self.closes = opens, closes

    def works(self, day: date) -> bool:
        return self.public.is_working_day(day)

    def open_at(self, moment: datetime) -> bool:
        wall = moment.astimezone(self.zone)
        return self.works(wall.date()) and self.opens <= wall.time() < self.closes

    def half_hours(self, moment: datetime) -> Iterator[datetime]:
        """Half hours that begin after `moment`. UTC's half hours are every zone's here."""
        slot = moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)
        while True:
            slot += HALF_HOUR
            yield slot

    def next_opening(self, moment: datetime) -> datetime:
        if self.open_at(moment):
            return moment
        return next(slot for slot in self.half_hours(moment) if self.open_at(slot))

    def add_working_days(self, moment: datetime, n: int) -> datetime:
        start = self.next_opening(moment)
        wall = start.astimezone(self.zone)
        day, moved = wall.date(), start
        while n:
            moved += timedelta(hours=1)
            if moved.astimezone(self.zone).date() != day:
                day = moved.astimezone(self.zone).date()
                n -= self.works(day)
        # `moved` is in the first hour of the day that counts; walk on to the wall time.
        moved = moved.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
        goal = wall.replace(tzinfo=None, minute=wall.minute // 30 * 30, second=0, microsecond=0).time()
        while (moved.astimezone(self.zone).date(), moved.astimezone(self.zone).time()) != (day, goal):
            moved += HALF_HOUR
        return moved + timedelta(minutes=wall.minute % 30, seconds=wall.second)

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        total, slot = timedelta(), start
        for following in self.half_hours(start):
            if self.open_at(slot):
                total += min(following, end) - slot
            if following >= end:
                return total
            slot = following
        raise AssertionError("unreachable")


MOMENTS = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2030, 12, 1),  # noqa: DTZ001 - the zone is drawn
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
HOURS = st.tuples(st.integers(5, 12), st.integers(13, 23), st.booleans()).map(
    lambda it: (time(it[0], 30 if it[2] else 0), time(it[1], 30 if it[2] else 0))
)


def both(place: tuple[str, str, str | None], hours: tuple[time, time]) -> tuple[BusinessCalendar, SlowClock]:
    zone, country, subdivision = place
    return BusinessCalendar(ZoneInfo(zone), country, subdivision, *hours), SlowClock(place, *hours)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@settings(max_examples=40, deadline=None)
@given(moment=MOMENTS, hours=HOURS, n=st.integers(0, 12))
def test_working_days_agree_with_the_slow_clock(
    place: tuple[str, str, str | None], moment: datetime, hours: tuple[time, time], n: int
) -> None:
    """Over years, zones, holidays and opening hours, the n-th working day is where a slow walk finds it."""
    fast, slow = both(place, hours)
    assert fast.next_opening(moment) == slow.next_opening(moment)
    assert fast.add_working_days(moment, n) == slow.add_working_days(moment, n)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@settings(max_examples=40, deadline=None)
@given(moment=MOMENTS, hours=HOURS, span=st.timedeltas(timedelta(0), timedelta(days=20)))
def test_working_time_agrees_with_the_slow_clock(
    place: tuple[str, str, str | None], moment: datetime, hours: tuple[time, time], span: timedelta
) -> None:
    """Open time between two moments is the sum of the open half hours between them."""
    fast, slow = both(place, hours)
    assert fast.working_time_between(moment, moment + span) == slow.working_time_between(moment, moment + span)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@settings(max_examples=100, deadline=None)
@given(moment=MOMENTS, n=st.integers(1, 400))
def test_calendar_days_keep_the_wall_time(place: tuple[str, str, str | None], moment: datetime, n: int) -> None:
    """n days later the wall clock shows the same time, n dates on, unless that time is skipped there."""
    zone = ZoneInfo(place[0])
    later = BusinessCalendar(zone, place[1], place[2]).add_days(moment, n)
    before, after = moment.astimezone(zone), later.astimezone(zone)
    goal = before.replace(tzinfo=None, fold=0) + timedelta(days=n)
    shown = after.replace(tzinfo=None, fold=0)
    if shown != goal:
        skipped = datetime.combine(goal.date(), goal.time(), zone)
        assert skipped.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != goal
        assert timedelta(0) < shown - goal <= timedelta(hours=1)


@settings(max_examples=100, deadline=None)
@given(
    moment=MOMENTS,
    n=st.integers(0, 15),
    more=st.integers(0, 5),
    lag=st.timedeltas(timedelta(0), timedelta(9)),
)
def test_deadlines_keep_their_order(moment: datetime, n: int, more: int, lag: timedelta) -> None:
    """More days never end sooner, a later start never ends sooner, and adding in two parts is adding once."""
    due = BERLIN.add_working_days(moment, n)
    assert moment <= due <= BERLIN.add_working_days(moment, n + more)
    assert due <= BERLIN.add_working_days(moment + lag, n)
    assert BERLIN.add_working_days(due, more) == BERLIN.add_working_days(moment, n + more)


@pytest.mark.parametrize(
    ("start", "n", "due"),
    [
        ("2026-03-06T15:00", 1, "2026-03-09T15:00"),  # Friday to Monday
        ("2026-03-07T11:00", 1, "2026-03-10T09:00"),  # Saturday counts from Monday's opening
        ("2026-03-06T17:00", 1, "2026-03-10T09:00"),  # closing time is closed
        ("2026-03-06T08:59", 0, "2026-03-06T09:00"),
        ("2026-03-27T10:00", 1, "2026-03-30T10:00"),  # across the start of summer time
        ("2026-04-02T12:00", 2, "2026-04-08T12:00"),  # Good Friday and Easter Monday
        ("2026-03-06T12:00", 1, "2026-03-09T12:00"),  # Sunday 8 March is Women's Day in Berlin
        ("2027-03-05T12:00", 1, "2027-03-09T12:00"),  # and in 2027 it is a Monday
    ],
)
def test_working_days_by_hand(start: str, n: int, due: str) -> None:
    """Dates that a person worked out from a wall calendar of Berlin."""
    assert BERLIN.add_working_days(berlin(start), n) == berlin(due)


def test_daylight_saving_by_hand() -> None:
    """A skipped wall time moves on by the skipped hour, a repeated one is its first, and real hours count."""
    assert BERLIN.add_days(berlin("2026-03-28T02:30"), 1) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert BERLIN.add_days(berlin("2026-10-24T02:30"), 1) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = berlin("2026-10-25T02:30").replace(fold=1)
    assert BERLIN.add_days(second, 1) == berlin("2026-10-26T02:30")
    assert BERLIN.add_days(second, 371) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)  # repeated there too
    # The clocks change on a Sunday, which is a working day in Israel.
    israel = BusinessCalendar(ZoneInfo("Asia/Jerusalem"), "IL", opens=time(0), closes=time(23))
    sunday = datetime(2026, 10, 25, 12, tzinfo=ZoneInfo("Asia/Jerusalem"))
    assert israel.working_time_between(sunday.replace(hour=0), sunday) == timedelta(hours=13)
    assert BERLIN.add_days(berlin("2026-10-24T12:00"), 1) == datetime(2026, 10, 25, 11, tzinfo=UTC)


def test_moments_come_out_in_utc() -> None:
    """Every moment that a calendar gives is in UTC, whatever zone came in."""
    moment = berlin("2026-03-07T11:00")
    for result in (
        BERLIN.next_opening(moment),
        BERLIN.next_opening(berlin("2026-03-06T12:00")),
        BERLIN.add_working_days(moment, 0),
        BERLIN.add_working_days(moment, 3),
        BERLIN.add_days(moment, 0),
        BERLIN.add_days(moment, 3),
    ):
        assert result.tzinfo is UTC


def test_own_days_off_and_working_weekends_count() -> None:
    """A company's own day off is closed; a weekend day that a country works on is open."""
    own = BusinessCalendar(ZoneInfo("Europe/Berlin"), "DE", "BE", own_days_off=(date(2026, 3, 9),))
    assert not own.is_working_day(date(2026, 3, 9))
    assert own.add_working_days(berlin("2026-03-06T15:00"), 1) == berlin("2026-03-10T15:00")
    china = BusinessCalendar(ZoneInfo("Asia/Shanghai"), "CN")
    assert china.is_working_day(date(2024, 2, 4))  # a Sunday, worked for the Spring Festival
    assert not china.is_working_day(date(2024, 2, 11))


@pytest.mark.parametrize("method", ["next_opening", "add_working_days", "add_days", "working_time_between"])
def test_naive_moments_are_refused(method: str) -> None:
    """A moment without a zone is an error, not a guess."""
    arguments = {"next_opening": (), "working_time_between": (datetime(2026, 3, 6, tzinfo=UTC),)}.get(method, (1,))
    with pytest.raises(ValueError, match="Timezone aware datetime is required"):
        getattr(BERLIN, method)(datetime(2026, 3, 6), *arguments)  # noqa: DTZ001 - the point of it


def test_what_cannot_be_is_refused() -> None:
    """Impossible calendars, negative spans and backward stretches say what is wrong."""
    zone = ZoneInfo("Europe/Berlin")
    with pytest.raises(ValueError, match="'XX'"):
        BusinessCalendar(zone, "XX")
    with pytest.raises(ValueError, match="'ZZ'"):
        BusinessCalendar(zone, "DE", "ZZ")
    with pytest.raises(ValueError, match="before closes"):
        BusinessCalendar(zone, "DE", opens=time(17), closes=time(9))
    with pytest.raises(ValueError, match="without a time zone"):
        BusinessCalendar(zone, "DE", opens=time(9, tzinfo=UTC))
    with pytest.raises(ValueError, match="cannot be negative: -1"):
        BERLIN.add_working_days(berlin("2026-03-06T15:00"), -1)
    with pytest.raises(ValueError, match="end is before start"):
        BERLIN.working_time_between(berlin("2026-03-06T15:00"), berlin("2026-03-06T14:00"))
    never = BusinessCalendar(
        zone, "DE", own_days_off=frozenset(date(2026, 1, 1) + timedelta(days=i) for i in range(800))
    )
    with pytest.raises(ValueError, match="No working day in the year from 2026-03-06"):
        never.next_opening(berlin("2026-03-06T15:00"))


def test_threads_see_whole_years() -> None:
    """Many threads that ask about a fresh year at once all see its holidays."""
    module._days_off.cache_clear()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: BERLIN.is_working_day(date(2028, 12, 25)), range(200)))
    assert answers == [False] * 200
