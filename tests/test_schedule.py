"""When a question's moments come, against a slow walk that looks at every half hour's wall clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.calendar import BusinessCalendar
from casework.clock import Days, Delay, Minutes, NextWeekday, Until, WorkingDays, WorkingHours
from casework.schedule import Due, Moment, moments
from tests.test_calendar import HALF_HOUR, PLACES, SlowClock

OPENS, CLOSES = time(9), time(17, 30)
# The walk cannot see a wall time that a change of the clocks skips or shows twice: those are worked by hand below.
WALL_TIMES = st.builds(time, st.integers(4, 23), st.sampled_from([0, 30]))
DATES = st.dates(date(2020, 1, 1), date(2030, 12, 1))
BERLIN = BusinessCalendar(ZoneInfo("Europe/Berlin"), "DE", "BE")
MONDAY, SUNDAY = 0, 6


class Walk:
    """Answers by walking from the asking in half hours; nothing of `casework` but its parameters is used."""

    def __init__(self, place: tuple[str, str, str | None], asked: datetime) -> None:
        self.clock = SlowClock(place, OPENS, CLOSES)
        self.asked = asked.astimezone(UTC)

    def slots(self) -> Iterator[tuple[datetime, datetime]]:
        """Every half hour after the asking, in UTC and on the wall."""
        slot = self.asked
        while True:
            slot += HALF_HOUR
            yield slot, slot.astimezone(self.clock.zone)

    def end(self, rule: Rule) -> datetime:
        """When a delay is over."""
        over: datetime = getattr(self, rule.kind)(*rule.given)
        return over

    def minutes(self, half_hours: int) -> datetime:
        return next(slot for number, (slot, _) in enumerate(self.slots(), 1) if number == half_hours)

    def days(self, count: int) -> datetime:
        wall = self.asked.astimezone(self.clock.zone)
        return self.nth(wall.date(), wall.time(), count, lambda _: True)

    def working_days(self, count: int) -> datetime:
        wall = self.clock.next_opening(self.asked).astimezone(self.clock.zone)
        return self.nth(wall.date(), wall.time(), count, self.clock.works)

    def nth(self, seen: date, at: time, count: int, counts: Callable[[date], bool]) -> datetime:
        """The time of day on the n-th date behind `seen` that counts."""
        for slot, wall in self.slots():
            if wall.date() > seen:
                seen = wall.date()
                count -= counts(seen)
            if count == 0 and counts(seen) and wall.date() == seen and wall.time() == at:
                return slot
        raise AssertionError("unreachable")

    def working_hours(self, half_hours: int) -> datetime:
        before = self.asked
        for slot, _ in self.slots():
            half_hours -= self.clock.open_at(before)
            if half_hours == 0:
                return slot
            before = slot
        raise AssertionError("unreachable")

    def weekday(self, weekday: int, at: time) -> datetime:
        return next(slot for slot, wall in self.slots() if (wall.weekday(), wall.time()) == (weekday, at))


@dataclass(frozen=True)
class Rule:
    """A delay, as the walk and as the code are told it."""

    kind: str
    given: tuple[object, ...]

    def delay(self, calendar: BusinessCalendar) -> Delay:
        match self.kind, self.given:
            case "minutes", (int(half_hours),):
                return Minutes(30 * half_hours)
            case "days", (int(count),):
                return Days(count, calendar)
            case "working_days", (int(count),):
                return WorkingDays(count, calendar)
            case "working_hours", (int(half_hours),):
                return WorkingHours(half_hours / 2, calendar)
            case "weekday", (int(weekday), time() as at):
                return NextWeekday(weekday, at, calendar)
        raise AssertionError(self)


RULES = st.one_of(
    st.builds(Rule, st.just("minutes"), st.tuples(st.integers(1, 400))),
    st.builds(Rule, st.just("days"), st.tuples(st.integers(1, 12))),
    st.builds(Rule, st.just("working_days"), st.tuples(st.integers(1, 8))),
    st.builds(Rule, st.just("working_hours"), st.tuples(st.integers(1, 100))),
    st.builds(Rule, st.just("weekday"), st.tuples(st.integers(MONDAY, SUNDAY), WALL_TIMES)),
)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
@settings(max_examples=30, deadline=None)
@given(
    day=DATES,
    at=WALL_TIMES,
    within=RULES,
    remind=st.lists(RULES, max_size=4),
    escalate=st.lists(RULES, max_size=2),
)
def test_the_ladder_is_where_a_slow_walk_finds_it(
    place: tuple[str, str, str | None], day: date, at: time, within: Rule, remind: list[Rule], escalate: list[Rule]
) -> None:
    """Over years and zones, each moment comes where the walk meets it; past the deadline the walk has stopped."""
    asked = datetime.combine(day, at, ZoneInfo(place[0]))
    calendar = BusinessCalendar(ZoneInfo(place[0]), place[1], place[2], OPENS, CLOSES)
    walk = Walk(place, asked)
    deadline = walk.end(within)
    rungs = [(Due.ESCALATION, escalate), (Due.REMINDER, remind)]
    ends = [(walk.end(rule), what, number) for what, rules in rungs for number, rule in enumerate(rules, 1)]
    met = []
    for slot, _ in walk.slots():
        if slot == deadline:
            break
        met += [Moment(*end) for end in ends if end[0] == slot]

    found = moments(
        asked,
        within.delay(calendar),
        [rule.delay(calendar) for rule in remind],
        [rule.delay(calendar) for rule in escalate],
    )

    assert list(found) == [*met, Moment(deadline, Due.DEADLINE, 1)]
    assert all(one.at.tzinfo is UTC for one in found)


@given(
    asked=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.timezones()),  # noqa: DTZ001 - the zone is drawn
    within=st.integers(1, 10_000),
    remind=st.lists(st.integers(-100, 20_000), max_size=5),
    escalate=st.lists(st.integers(-100, 20_000), max_size=3),
)
def test_everything_comes_in_order_between_asking_and_deadline(
    asked: datetime, within: int, remind: list[int], escalate: list[int]
) -> None:
    """Exactly the rungs strictly between asking and deadline come, each once, sorted; the deadline is the last."""
    found = moments(asked, Minutes(within), [Minutes(n) for n in remind], [Minutes(n) for n in escalate])
    assert list(found) == sorted(found, key=lambda one: (one.at, one.what is Due.DEADLINE, one))
    assert found[-1] == Moment(asked.astimezone(UTC) + timedelta(minutes=within), Due.DEADLINE, 1)
    for what, given_ in ((Due.REMINDER, remind), (Due.ESCALATION, escalate)):
        numbers = sorted(one.number for one in found if one.what is what)
        assert numbers == [number for number, minutes in enumerate(given_, 1) if 0 < minutes < within]


@pytest.mark.parametrize("minutes", [0, -1, -100_000])
def test_a_deadline_must_come_after_the_asking(minutes: int) -> None:
    """A question that is over when it is asked is an error, whichever delay says so."""
    asked = datetime(2026, 3, 2, 9, tzinfo=UTC)
    for within in (Minutes(minutes), Until(asked + timedelta(minutes=minutes))):
        with pytest.raises(ValueError, match="its deadline is not after its asking"):
            moments(asked, within)


def test_an_asking_without_a_zone_is_refused() -> None:
    """A moment without a zone is an error, not a guess."""
    with pytest.raises(ValueError, match="Timezone aware datetime is required"):
        moments(datetime(2026, 3, 2, 9), Minutes(1))  # noqa: DTZ001 - the point of it


# -- the two delays, by hand


def berlin(text: str, fold: int = 0) -> datetime:
    """A wall time in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN.zone, fold=fold)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-03-06T15:00", 1, "2026-03-06T16:00"),
        ("2026-03-06T15:00", 2, "2026-03-06T17:00"),  # used up at closing: not the next morning
        ("2026-03-06T15:00", 2.5, "2026-03-09T09:30"),  # Friday to Monday
        ("2026-03-07T11:00", 1, "2026-03-09T10:00"),  # asked on a Saturday
        ("2026-03-07T11:00", 0, "2026-03-09T09:00"),
        ("2026-04-02T16:00", 9, "2026-04-07T17:00"),  # Good Friday and Easter Monday
        ("2026-03-27T16:00", 2, "2026-03-30T10:00"),  # across the start of summer time
    ],
)
def test_working_hours_by_hand(start: str, hours: float, due: str) -> None:
    """Moments that a person worked out from a wall calendar of Berlin."""
    assert WorkingHours(hours, BERLIN).after(berlin(start)) == berlin(due)


@given(
    asked=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is drawn
    minutes=st.integers(1, 6000),
    more=st.integers(0, 3000),
)
def test_working_hours_are_open_hours(asked: datetime, minutes: int, more: int) -> None:
    """Exactly the asked span is open until then, to the microsecond; in two parts it is the same as at once."""
    due = WorkingHours(minutes / 60, BERLIN).after(asked)
    assert BERLIN.working_time_between(asked, due) == timedelta(hours=minutes / 60)
    assert BERLIN.working_time_between(asked, due - timedelta(microseconds=1)) < timedelta(hours=minutes / 60)
    if more:
        both = BERLIN.add_working_time(asked, timedelta(minutes=minutes + more))
        parted = BERLIN.add_working_time(
            BERLIN.add_working_time(asked, timedelta(minutes=minutes)), timedelta(minutes=more)
        )
        assert parted == both


@pytest.mark.parametrize(
    ("start", "weekday", "at", "due"),
    [
        ("2026-03-02T09:59", MONDAY, time(10), "2026-03-02T10:00"),  # later today
        ("2026-03-02T10:00", MONDAY, time(10), "2026-03-09T10:00"),  # this very time: in a week
        ("2026-03-02T10:01", MONDAY, time(10), "2026-03-09T10:00"),
        ("2026-03-28T10:00", MONDAY, time(10), "2026-03-30T10:00"),  # summer time begins between
        ("2026-04-03T10:00", MONDAY, time(10), "2026-04-06T10:00"),  # Easter Monday is a Monday
        ("2026-03-28T10:00", SUNDAY, time(2, 30), "2026-03-29T03:30"),  # skipped: an hour on
        ("2026-10-24T10:00", SUNDAY, time(2, 30), "2026-10-25T02:30"),  # shown twice: the first
    ],
)
def test_the_next_weekday_by_hand(start: str, weekday: int, at: time, due: str) -> None:
    """Dates that a person read from a wall calendar of Berlin."""
    assert NextWeekday(weekday, at, BERLIN).after(berlin(start)) == berlin(due).astimezone(UTC)


def test_between_two_showings_of_an_hour_the_next_is_in_a_week() -> None:
    """The first 02:30 of the night that has two is over at 02:40, and the second is not another Sunday's."""
    between = berlin("2026-10-25T02:40")
    second = berlin("2026-10-25T02:10", fold=1)
    for asked in (between, second):
        assert NextWeekday(SUNDAY, time(2, 30), BERLIN).after(asked) == berlin("2026-11-01T02:30")


def test_what_cannot_be_is_refused() -> None:
    """No eighth weekday, no wall time with a zone of its own, no working hours before the asking."""
    with pytest.raises(ValueError, match="not 7"):
        NextWeekday(7, time(10), BERLIN)
    with pytest.raises(ValueError, match="zone of its calendar"):
        NextWeekday(MONDAY, time(10, tzinfo=UTC), BERLIN)
    with pytest.raises(ValueError, match="number of hours cannot be negative"):
        WorkingHours(-1, BERLIN).after(berlin("2026-03-02T10:00"))
