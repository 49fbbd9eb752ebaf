"""Time is aware, in UTC, and taken from one place."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework import clock
from casework.calendar import BusinessCalendar
from casework.clock import Days, Delay, Minutes, Until, WorkingDays

BERLIN = BusinessCalendar(ZoneInfo("Europe/Berlin"), "DE")
aware = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - the zone is drawn


def test_a_naive_moment_is_refused() -> None:
    """A moment without a zone is an error wherever it comes from."""
    naive = datetime(2026, 3, 2, 9)  # noqa: DTZ001 - naive on purpose
    for ask in (clock.instant, Minutes(1).after, Until(naive).after):
        with pytest.raises(ValueError, match="Timezone aware datetime is required"):
            ask(naive)
    with clock.use(lambda: naive), pytest.raises(ValueError, match="Timezone aware"):
        clock.present()


def test_the_present_is_the_system_clock_in_utc() -> None:
    """Nobody said otherwise: the machine's clock, in UTC."""
    before = datetime.now(UTC)
    assert before <= clock.present() <= datetime.now(UTC)
    assert clock.now().utcoffset() == timedelta(0)


def test_a_source_is_in_force_while_its_block_runs() -> None:
    """The innermost source counts, and the outer one again after it."""
    first, second = (datetime(2026, 3, day, tzinfo=timezone(timedelta(hours=2))) for day in (2, 3))
    with clock.use(lambda: first):
        with clock.use(lambda: second):
            assert clock.present() == second
        assert clock.present() == first
        assert clock.present().utcoffset() == timedelta(0)


def test_a_journal_answers_now_but_not_the_present() -> None:
    """In a body `now` is what the journal says; a step, which leaves the journal, sees the present."""
    journaled, present = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    with clock.use(lambda: present), clock.reading(lambda: journaled):
        assert (clock.now(), clock.present()) == (journaled, present)
        with clock.reading(None):
            assert clock.now() == present
        assert clock.now() == journaled


@given(moment=aware, minutes=st.integers(0, 10**6))
def test_minutes_are_plain_time(moment: datetime, minutes: int) -> None:
    """Minutes take no notice of zones."""
    assert Minutes(minutes).after(moment) - moment.astimezone(UTC) == timedelta(minutes=minutes)


@given(moment=aware, count=st.integers(1, 60))
def test_every_delay_ends_later_and_in_utc(moment: datetime, count: int) -> None:
    """Days and working days end after they began; the moment comes in UTC."""
    delays: list[Delay] = [Days(count, BERLIN), WorkingDays(count, BERLIN), Minutes(count)]
    for delay in delays:
        due = delay.after(moment)
        assert due > moment
        assert due.utcoffset() == timedelta(0)


def test_days_keep_the_hour_over_daylight_saving() -> None:
    """Three days from Friday 17:00 in Berlin is Monday 17:00 in Berlin, though an hour is missing."""
    friday = datetime(2026, 3, 27, 17, tzinfo=BERLIN.zone)
    assert Days(3, BERLIN).after(friday) == datetime(2026, 3, 30, 17, tzinfo=BERLIN.zone)
    assert Days(3, BERLIN).after(friday) - friday.astimezone(UTC) == timedelta(days=3, hours=-1)


def test_a_fixed_moment_does_not_move() -> None:
    """`Until` is over at its moment, whenever it began."""
    moment = datetime(2026, 3, 30, 17, tzinfo=BERLIN.zone)
    for began in (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)):
        assert Until(moment).after(began) == moment


def test_the_date_is_that_of_the_teams_wall() -> None:
    """Half past eleven in the evening in UTC is the next day in Berlin."""
    assert clock.local_date(datetime(2026, 3, 2, 23, 30, tzinfo=UTC), BERLIN) == date(2026, 3, 3)
