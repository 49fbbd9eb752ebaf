"""The support day: windows, what counts as looked at, availability, endings; what waits in queues; the week."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies import support_day as policy
from policies.messages import CATALOGUES
from policies.numbers import NumbersError, load
from policies.rep_days import WEEKDAYS, Cron, Hours, Leave, Off, Rep
from policies.support_day import (
    NUMBERS,
    Attention,
    CheckInKind,
    DayOff,
    DayPlan,
    Event,
    Keep,
    LeftOut,
    SetAvailability,
    State,
)
from policies.support_day_numbers import SupportDayNumbers
from policies.support_queue import Counts, Ticket, Tool, Turn, count, hand_over, prompt, turn
from policies.support_week import DayRecord, ending, roll_up, without_record

MORNING, MIDDAY, SIGN_OFF = CheckInKind
DAY = date(2026, 3, 5)
MINUTE = timedelta(minutes=1)


def rep(starts: str = "09:00", ends: str = "17:00", **facts: Any) -> Rep:
    hours = Hours(days=WEEKDAYS[:5], starts=time.fromisoformat(starts), ends=time.fromisoformat(ends))
    return Rep(**({"id": "rep-1", "zone": "Europe/Berlin", "country": "DE", "hours": (hours,)} | facts))


def planned(starts: str = "09:00", ends: str = "17:00", day: date = DAY) -> DayPlan:
    found = policy.plan(rep(starts, ends), day)
    assert isinstance(found, DayPlan)
    return found


def at(wall: str, day: date = DAY) -> datetime:
    """A wall time of the rep."""
    return datetime.combine(day, time.fromisoformat(wall), ZoneInfo("Europe/Berlin"))


# -- windows


@pytest.mark.parametrize(
    ("starts", "ends", "windows", "left_out"),
    [
        ("09:00", "17:00", ["09:00-11:00", "13:00-15:00", "16:30-17:30"], {}),
        ("07:00", "13:00", ["09:00-11:00", "12:30-13:30"], {MIDDAY: LeftOut.OUTSIDE_HOURS}),
        ("10:00", "16:00", ["10:00-11:00", "13:00-15:00", "15:30-16:30"], {}),
        ("17:00", "20:00", ["19:30-20:30"], {MORNING: LeftOut.OUTSIDE_HOURS, MIDDAY: LeftOut.OUTSIDE_HOURS}),
        ("10:15", "13:45", ["10:15-11:00", "13:00-13:45", "13:15-14:15"], {}),
        ("10:16", "13:44", ["13:14-14:14"], {MORNING: LeftOut.TOO_SHORT, MIDDAY: LeftOut.TOO_SHORT}),
        ("15:00", "15:10", ["15:00-15:40"], {MORNING: LeftOut.OUTSIDE_HOURS, MIDDAY: LeftOut.OUTSIDE_HOURS}),
        ("22:00", "23:45", ["23:15-00:15"], {MORNING: LeftOut.OUTSIDE_HOURS, MIDDAY: LeftOut.OUTSIDE_HOURS}),
    ],
)
def test_windows(starts: str, ends: str, windows: list[str], left_out: dict[CheckInKind, LeftOut]) -> None:
    """The page's windows cut to the hours; what is left over is told and not asked; the sign-off there always is."""
    found = planned(starts, ends)
    zone = ZoneInfo("Europe/Berlin")
    shown = [f"{one.opens.astimezone(zone):%H:%M}-{one.closes.astimezone(zone):%H:%M}" for one in found.check_ins]
    assert shown == windows
    assert found.left_out == left_out
    assert found.sign_off.kind is SIGN_OFF


@pytest.mark.parametrize(
    ("day", "why"),
    [("2026-03-07", Off.NO_HOURS), ("2026-04-03", Off.HOLIDAY), ("2026-03-10", Off.LEAVE)],
)
def test_days_off(day: str, why: Off) -> None:
    """On a weekend, a holiday and leave there is nothing to look at."""
    away = (Leave(first=date(2026, 3, 10), last=date(2026, 3, 10)),)
    assert policy.plan(rep(leave=away), date.fromisoformat(day)) == DayOff("rep-1", date.fromisoformat(day), why)


TIMES = st.lists(st.integers(0, 24 * 60 - 1), min_size=2, max_size=2, unique=True).map(sorted)


@given(TIMES, st.dates(date(2025, 1, 1), date(2027, 12, 31)), st.sampled_from(["Europe/Berlin", "America/New_York"]))
def test_a_day_is_in_order(hours: list[int], day: date, zone: str) -> None:
    """Windows open within the hours and one after the other, reminders fall into them, and availability ends last."""
    starts, ends = (time(n // 60, n % 60) for n in hours)
    one = rep(zone=zone, country=None, hours=(Hours(days=WEEKDAYS, starts=starts, ends=ends),))
    found = policy.plan(one, day)
    if isinstance(found, DayOff):
        return
    for check_in in found.check_ins:
        assert found.starts <= check_in.opens < check_in.closes <= found.unavailable_at
        assert check_in.opens < check_in.reminds < check_in.closes
    assert all(earlier.opens <= later.opens for earlier, later in pairwise(found.check_ins))
    assert {one.kind for one in found.check_ins} | set(found.left_out) == set(CheckInKind)
    assert not {one.kind for one in found.check_ins} & set(found.left_out)


def test_the_next_day() -> None:
    """After Thursday before Easter comes Tuesday; nobody without hours has one."""
    found = policy.next_plan(rep(), date(2026, 4, 2))
    assert found is not None
    assert found.day == date(2026, 4, 7)
    assert policy.next_plan(rep(hours=()), date(2026, 4, 2)) is None


def test_when_cases_are_opened() -> None:
    """At the start of the hours of each weekday, on the rep's own wall clock; Sunday is cron's 0."""
    hours = (
        Hours(days=("tuesday", "sunday"), starts=time(7, 30), ends=time(13)),
        Hours(days=("friday",), starts=time(17), ends=time(20)),
        Hours(days=("monday",), starts=time(7, 30), ends=time(9)),
    )
    assert policy.crons(rep(hours=hours)) == (
        Cron("30 7 * * 0,1,2", "Europe/Berlin"),
        Cron("0 17 * * 5", "Europe/Berlin"),
    )


# -- what counts as looked at


@pytest.mark.parametrize(
    ("pressed", "now", "state"),
    [
        (None, "08:59", State.PENDING),
        (None, "09:00", State.OPEN),
        (None, "10:59", State.OPEN),
        (None, "11:00", State.MISSED),
        ("09:00", "09:00", State.DONE),
        ("10:59", "16:00", State.DONE),
        ("11:00", "16:00", State.MISSED),
        ("08:59", "09:30", State.OPEN),
        ("10:30", "10:00", State.OPEN),
    ],
)
def test_a_check_in(pressed: str | None, now: str, state: State) -> None:
    """The button counts from the opening until just before the closing; neither earlier nor later nor in the future."""
    morning = planned().check_ins[0]
    assert morning.state(at(pressed) if pressed else None, at(now)) is state


@pytest.mark.parametrize(
    ("done", "ending"),
    [
        ({MORNING: "09:10", MIDDAY: "14:00", SIGN_OFF: "17:00"}, "done"),
        ({MORNING: "11:10", MIDDAY: "14:00", SIGN_OFF: "16:59"}, "missed: morning"),
        ({MORNING: "09:10"}, "missed: midday, sign_off"),
        ({MORNING: "09:10", MIDDAY: "14:00", SIGN_OFF: "17:30"}, "missed: sign_off"),
    ],
)
def test_endings(done: dict[CheckInKind, str], ending: str) -> None:
    """Each of the three is done or missed; late is missed."""
    assert policy.ending(planned(), {kind: at(wall) for kind, wall in done.items()}) == ending


def test_what_is_left_out_is_not_missed() -> None:
    """A rep who works in the evening has one check-in, and can end the day as done."""
    evening = planned("17:00", "20:00")
    assert policy.ending(evening, {SIGN_OFF: at("20:00")}) == "done"
    assert policy.ending(DayOff("rep-1", DAY, Off.HOLIDAY), {}) == "day_off: holiday"


# -- availability

AVAILABLE, AWAY = NUMBERS.availability.available, NUMBERS.availability.unavailable


@pytest.mark.parametrize(
    ("event", "now", "status", "value"),
    [
        (Event.START_PRESSED, "09:00", AWAY, AVAILABLE),
        (Event.START_PRESSED, "16:59", AWAY, AVAILABLE),
        (Event.START_PRESSED, "17:00", AWAY, None),
        (Event.START_PRESSED, "08:59", AWAY, None),
        (Event.START_PRESSED, "09:00", AVAILABLE, None),
        (Event.SIGN_OFF_PRESSED, "16:40", AVAILABLE, AWAY),
        (Event.SIGN_OFF_PRESSED, "16:40", AWAY, None),
        (Event.NOT_SIGNED_OFF, "17:29", AVAILABLE, None),
        (Event.NOT_SIGNED_OFF, "17:30", AVAILABLE, AWAY),
        (Event.NOT_SIGNED_OFF, "17:30", AWAY, None),
        (Event.NOT_SIGNED_OFF, "17:30", "something new", AWAY),
        (Event.CANCELLED, "12:00", AVAILABLE, AWAY),
        (Event.NOT_SIGNED_OFF, "17:30", None, None),
    ],
)
def test_availability(event: Event, now: str, status: str | None, value: str | None) -> None:
    """Available only by the rep's own button within the hours; away by sign-off, half an hour after hours, or at the
    end of a day that was called off."""
    found = policy.availability(event, planned(), at(now), status)
    assert found.why
    if value is None:
        assert isinstance(found, Keep)
    else:
        assert isinstance(found, SetAvailability)
        assert found.value == value


@given(st.sampled_from(Event), st.integers(-600, 2000), st.sampled_from([AVAILABLE, AWAY, "other", None]))
def test_nobody_is_made_available_out_of_hours(event: Event, offset: int, status: str | None) -> None:
    """Whatever happens whenever: only the rep's own button, only between start and end."""
    day = planned()
    now = day.starts + offset * MINUTE
    found = policy.availability(event, day, now, status)
    if isinstance(found, SetAvailability) and found.value == AVAILABLE:
        assert event is Event.START_PRESSED
        assert day.starts <= now < day.ends


@pytest.mark.parametrize(
    ("done", "counts", "found"),
    [
        ((MORNING, MIDDAY, SIGN_OFF), {}, ()),
        ((MIDDAY, SIGN_OFF), {}, (Attention.MISSED,)),
        ((MORNING, MIDDAY), {}, (Attention.NOT_SIGNED_OFF,)),
        (
            (MORNING, MIDDAY, SIGN_OFF),
            {"our_turn": 1, "past_sla": 2, "fringe": 3, "not_counted": 1},
            (Attention.OUR_TURN, Attention.PAST_SLA, Attention.FRINGE, Attention.NOT_COUNTED),
        ),
    ],
)
def test_what_the_coordinator_is_pointed_to(
    done: tuple[CheckInKind, ...], counts: dict[str, int], found: tuple[Attention, ...]
) -> None:
    """What was missed, and what is left; nothing where nothing is."""
    pressed = {MORNING: at("09:30"), MIDDAY: at("13:30"), SIGN_OFF: at("16:50")}
    given_counts = {"our_turn": 0, "past_sla": 0, "fringe": 0} | counts
    assert policy.attention(planned(), {kind: pressed[kind] for kind in done}, **given_counts) == found


def test_a_window_that_is_none_is_told() -> None:
    """The coordinator hears that a rep's hours have no morning or midday in them."""
    found = policy.attention(planned("17:00", "20:00"), {SIGN_OFF: at("20:00")}, our_turn=0, past_sla=0, fringe=0)
    assert found == (Attention.LEFT_OUT,)


# -- queues

NOW = datetime(2026, 3, 5, 16, tzinfo=UTC)


def ticket(number: int, status: str, hours: float = 1, tool: Tool = Tool.ZENDESK, **facts: Any) -> Ticket:
    return Ticket(tool=tool, id=str(number), status=status, since=NOW - timedelta(hours=hours), **facts)


@pytest.mark.parametrize(
    ("tool", "status", "whose"),
    [
        (Tool.ZENDESK, "new", Turn.NEW),
        (Tool.ZENDESK, "Open", Turn.OURS),
        (Tool.ZENDESK, "pending", Turn.THEIRS),
        (Tool.ZENDESK, "hold", Turn.ENGINEERING),
        (Tool.ZENDESK, "solved", Turn.DONE),
        (Tool.HUBSPOT, "🎾 Our Turn", Turn.OURS),
        (Tool.HUBSPOT, "our  turn", Turn.OURS),
        (Tool.HUBSPOT, "Engineering hold 🔧", Turn.ENGINEERING),
        (Tool.HUBSPOT, "hold", Turn.UNCLEAR),
        (Tool.INTERCOM, "snoozed", Turn.THEIRS),
        (Tool.INTERCOM, "", Turn.UNCLEAR),
        (Tool.ZENDESK, "🎾", Turn.UNCLEAR),
    ],
)
def test_whose_turn(tool: Tool, status: str, whose: Turn) -> None:
    """By the tool's own words, whatever signs stand beside them; a word that is not known is not guessed."""
    assert turn(tool, status) is whose


def test_counts() -> None:
    """New, our turn, what is in an unknown status, past its service level, and since when the oldest waits."""
    found = count(
        [
            ticket(1, "new", 2),
            ticket(2, "open", 5, sla_due=NOW),
            ticket(2, "open", 5, sla_due=NOW),
            ticket(3, "odd", 30),
            ticket(4, "pending", 99, sla_missed=True),
            ticket(5, "open", 1, sla_missed=True),
            ticket(6, "open", 1, sla_due=NOW + MINUTE),
        ],
        NOW,
    )
    assert found == Counts(new=1, our_turn=3, unclear=1, past_sla=2, oldest=NOW - timedelta(hours=30))
    assert (found.waiting, found.oldest_hours(NOW)) == (5, 30)
    assert count([], NOW) == Counts(0, 0, 0, 0, None)


STATUSES = st.sampled_from(["new", "open", "pending", "hold", "solved", "odd"])
TICKETS = st.lists(st.builds(ticket, st.integers(1, 9), STATUSES, st.integers(0, 500)), max_size=12)


@given(TICKETS, st.randoms())
def test_nothing_that_waits_is_lost(tickets: list[Ticket], random: Any) -> None:
    """Each ticket that is not with somebody else or done is counted once, and is on the list; order changes nothing."""
    tickets = list({one.id: one for one in tickets}.values())
    ours = {one.id for one in tickets if one.status in ("new", "open", "odd")}
    assert count(tickets, NOW).waiting == len(ours)
    listed = hand_over(tickets, rep(), NOW)
    assert {one.id for one in listed.our_turn} == ours
    random.shuffle(tickets)
    assert hand_over(tickets, rep(), NOW) == listed


@pytest.mark.parametrize(
    ("held", "fringe"),
    [
        ("2026-02-26T10:00", False),  # Thursday a week before: five working days
        ("2026-02-25T23:00", False),  # in Berlin it is Thursday already
        ("2026-02-25T22:00", True),
        ("2026-03-05T10:00", False),
        ("2025-12-01T10:00", True),
    ],
)
def test_fringe(held: str, fringe: bool) -> None:
    """With engineering for more than five working days, by the rep's own calendar."""
    one = Ticket(tool=Tool.ZENDESK, id="1", status="hold", since=datetime.fromisoformat(held).replace(tzinfo=UTC))
    assert bool(hand_over([one], rep(), NOW).fringe) is fringe


def test_days_off_do_not_age_a_ticket() -> None:
    """With a week of leave in between, the same ticket is not fringe."""
    away = (Leave(first=date(2026, 3, 2), last=date(2026, 3, 4)),)
    held = ticket(1, "hold", 24 * 8)
    assert hand_over([held], rep(), NOW).fringe == (held,)
    assert hand_over([held], rep(leave=away), NOW).fringe == ()


def test_lists_are_bounded() -> None:
    """The longest waiting are listed, the others counted."""
    most = NUMBERS.hand_over.most_lines
    found = hand_over([ticket(n, "open", n) for n in range(most + 3)], rep(), NOW)
    assert (len(found.our_turn), found.more_our_turn) == (most, 3)
    assert found.our_turn[0].id == str(most + 2)


def test_what_a_prompt_says() -> None:
    """Each environment has its counts; one that could not be counted is said to be so, and not to be empty."""
    found = prompt({"zendesk-shelters": Counts(1, 2, 0, 1, NOW - timedelta(hours=5)), "intercom": None}, NOW)
    assert {name: values[0] for name, values in found.items()} == {
        "environments": "zendesk-shelters",
        "new": "1",
        "our_turn": "2",
        "unclear": "0",
        "past_sla": "1",
        "oldest_hours": "5",
    }
    body = CATALOGUES["support_day"].render("check-in", check_in="morning", until=time(11), **found).body
    assert "1 new, 2 our turn, 1 past SLA, the oldest waits for 5 h" in body
    assert "`intercom`: could not be counted" in body
    assert "by 11:00 at the latest" in body


# -- the week


def record(
    who: str, day: int, done: str = "", missed: str = "", left: int | None = 0, off: Off | None = None
) -> DayRecord:
    kinds = {"m": MORNING, "d": MIDDAY, "s": SIGN_OFF}
    return DayRecord(
        rep=who,
        day=date(2026, 3, day),
        off=off,
        done=frozenset(kinds[one] for one in done),
        missed=frozenset(kinds[one] for one in missed),
        our_turn=None if off else left,
    )


def test_a_week() -> None:
    """A row for each rep and one for all; days off count nothing, and the last known count of tickets counts."""
    rows = roll_up(
        [
            record("rep-2", 3, "ds", "m", left=2),
            record("rep-2", 2, "mds", left=9),
            record("rep-2", 4, "s", "md", left=None),
            record("rep-1", 2, "mds", left=1),
            record("rep-1", 3, off=Off.LEAVE),
            record("rep-1", 9, "", "mds", left=50),
        ],
        date(2026, 3, 8),
    )
    assert [
        (row.rep, row.days, row.done, row.asked, row.percent_done, row.signed_off, row.our_turn) for row in rows
    ] == [
        ("rep-1", 1, 3, 3, 100, 1, 1),
        ("rep-2", 3, 6, 9, 66, 3, 2),
        (None, 4, 9, 12, 75, 4, 3),
    ]
    assert rows[1].missed == {MORNING: 2, MIDDAY: 1, SIGN_OFF: 0}


def test_days_without_a_record() -> None:
    """Of the week, each rep's working days of which nothing is known; days off need no record."""
    away = rep(id="rep-2", leave=[Leave(first=date(2026, 3, 2), last=date(2026, 3, 5))])
    known = [record("rep-1", day, "mds") for day in (2, 3, 5, 6)] + [record("rep-2", 9, "mds")]
    found = without_record([away, rep()], known, date(2026, 3, 8))
    assert found == (("rep-1", date(2026, 3, 4)), ("rep-2", date(2026, 3, 6)))


def test_how_a_roll_up_ends() -> None:
    """By how many reps it has, and how many days without a record."""
    rows = roll_up([record("rep-1", 2, "mds")], DAY)
    assert ending(rows, ()) == "published: 1 reps"
    assert ending(rows, ["one", "two"]) == "published: 1 reps, 2 days without a record"


@given(st.lists(st.builds(record, st.sampled_from(["rep-1", "rep-2"]), st.integers(2, 8), st.just("ms"), st.just("d")),
    unique_by=lambda one: (one.rep, one.day)))  # fmt: skip
def test_the_row_of_all_is_the_sum(records: list[DayRecord]) -> None:
    """What is counted for each rep is counted for all, once."""
    *rows, whole = roll_up(records, date(2026, 3, 2))
    assert (whole.days, whole.done, whole.asked) == (
        sum(row.days for row in rows),
        sum(row.done for row in rows),
        sum(row.asked for row in rows),
    )
    assert whole.percent_done == (66 if records else None)


def test_one_day_twice_is_told() -> None:
    """Two records of one day are a mistake that nobody can put right by adding them up."""
    with pytest.raises(ValueError, match="rep rep-1 has two support days on 2026-03-02"):
        roll_up([record("rep-1", 2), record("rep-1", 2)], date(2026, 3, 2))
    with pytest.raises(ValidationError, match="either done or missed"):
        record("rep-1", 2, "m", "m")
    with pytest.raises(ValidationError, match="a day off has no check-ins"):
        record("rep-1", 2, "m", off=Off.LEAVE)


# -- numbers

FILE = Path(__file__).parents[2] / "policies" / "support_day.toml"


def test_the_pages_numbers() -> None:
    """What the page and the process's description state is in the file."""
    assert NUMBERS.windows.morning == (time(9), time(11))
    assert NUMBERS.windows.midday == (time(13), time(15))
    assert NUMBERS.windows.reminder_minutes == 30
    assert NUMBERS.sign_off.closes_minutes == 30
    assert NUMBERS.hand_over.fringe_working_days == 5


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('["09:00:00", "11:00:00"]', '["11:00:00", "09:00:00"]', "must come after the one before"),
        ('["13:00:00", "15:00:00"]', '["10:00:00", "15:00:00"]', "must come after the one before"),
        ("shortest_minutes = 45", "shortest_minutes = 30", "must be more than reminder_minutes"),
        ('theirs = ["pending"]', 'theirs = ["Open!"]', "a word stands twice"),
        ('theirs = ["pending"]', 'theirs = ["!"]', "without a letter or digit"),
        ('unavailable = "away"', 'unavailable = "available"', "two different values"),
        ("again_minutes = [5, 15, 45]", "again_minutes = [5, 5, 45]", "each must be more than the one before"),
    ],
)
def test_a_wrong_value_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Each mistake is refused with what is wrong."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "support_day.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(NumbersError, match=told):
        load(SupportDayNumbers, path)
