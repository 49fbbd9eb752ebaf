"""The Monday review: when a rep is asked, what differs, what a confirmation is, what the coordinator's answer does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import schedule_review as policy
from policies.numbers import NumbersError, load
from policies.rep_days import WEEKDAYS, Cron, Hours, Leave, Rep, week_of
from policies.rota import Rostered
from policies.schedule_review import (
    NUMBERS,
    Answer,
    AskAgain,
    AskCoordinator,
    BoardEntry,
    Confirmed,
    Correction,
    Ended,
    Ending,
    Ground,
    NotAsked,
    Plan,
    Ruling,
    Where,
)
from policies.schedule_review_numbers import ScheduleReviewNumbers

MONDAY = date(2026, 3, 2)
EARLY = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
"""Monday, half past midnight in Berlin."""
DAY = timedelta(days=1)
SIX_HOURS = Hours(days=WEEKDAYS[:5], starts=time(7), ends=time(13))


def rep(*leave: tuple[str, str], **facts: Any) -> Rep:
    away = tuple(Leave(first=date.fromisoformat(first), last=date.fromisoformat(last)) for first, last in leave)
    known = {"id": "rep-1", "zone": "Europe/Berlin", "country": "DE", "subdivision": "BE", "hours": (SIX_HOURS,)}
    return Rep(**(known | {"leave": away} | facts))


def board(*minutes: int, who: str = "rep-1", week: bool = False, monday: date = MONDAY) -> list[BoardEntry]:
    """Entries of the days from Monday on; with `week` of the week as a whole."""
    return [
        BoardEntry(issue=f"REV-{n}", rep=who, minutes=many, day=None if week else monday + n * DAY)
        for n, many in enumerate(minutes)
    ]


FULL = board(360, 360, 360, 360, 360)

# -- when


@pytest.mark.parametrize(
    ("leave", "monday", "asks", "reminds", "silent"),
    [
        ((), "2026-03-02", "2026-03-02T06:00", "2026-03-03T06:00", "2026-03-04T06:00"),
        ((), "2026-03-30", "2026-03-30T05:00", "2026-03-31T05:00", "2026-04-01T05:00"),
        ((), "2026-04-06", "2026-04-07T05:00", "2026-04-08T05:00", "2026-04-09T05:00"),  # Easter Monday
        ((("2026-03-02", "2026-03-03"),), "2026-03-02", "2026-03-04T06:00", "2026-03-05T06:00", "2026-03-06T06:00"),
        ((("2026-03-02", "2026-03-04"),), "2026-03-02", "2026-03-05T06:00", "2026-03-06T06:00", "2026-03-09T06:00"),
        ((("2026-03-02", "2026-03-05"),), "2026-03-02", "2026-03-06T06:00", None, "2026-03-09T06:00"),
        ((("2026-03-03", "2026-03-13"),), "2026-03-02", "2026-03-02T06:00", None, "2026-03-16T06:00"),
        ((("2026-03-06", "2036-03-13"),), "2026-03-02", "2026-03-02T06:00", "2026-03-03T06:00", "2026-03-04T06:00"),
        ((("2026-03-03", "2036-03-13"),), "2026-03-02", "2026-03-02T06:00", None, "2026-03-08T22:59"),
    ],
)
def test_when(leave: tuple[tuple[str, str], ...], monday: str, asks: str, reminds: str | None, silent: str) -> None:
    """On the first working day of the week, at the start of the hours; reminded and given up after working days."""
    found = policy.plan(rep(*leave), datetime.fromisoformat(f"{monday}T00:30+01:00"))
    moments = [
        None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (asks, reminds, silent)
    ]
    assert found == Plan("rep-1", date.fromisoformat(monday), *moments)  # type: ignore[arg-type]


def test_who_is_away_all_week() -> None:
    """Nobody on leave, and nobody without hours, is asked."""
    assert policy.plan(rep(("2026-03-01", "2026-03-08")), EARLY) == NotAsked("rep-1", MONDAY)
    assert policy.plan(rep(hours=()), EARLY) == NotAsked("rep-1", MONDAY)


@pytest.mark.parametrize(
    ("opened", "asks", "silent"),
    [
        ("2026-03-02T07:30", "2026-03-02T06:00", "2026-03-04T06:00"),  # within Monday's hours: at once
        ("2026-03-02T12:00", "2026-03-03T06:00", "2026-03-05T06:00"),  # as they end
        ("2026-03-05T20:00", "2026-03-06T06:00", "2026-03-09T06:00"),  # the next review ends the wait
        ("2026-03-06T11:59", "2026-03-06T06:00", "2026-03-09T06:00"),
        ("2026-03-06T12:00", None, None),  # nobody works any more in that week
        ("2026-03-08T22:59", None, None),
        ("2026-03-08T23:00", "2026-03-09T06:00", "2026-03-11T06:00"),  # midnight in Berlin: the next week
    ],
)
def test_opened_late(opened: str, asks: str | None, silent: str | None) -> None:
    """Opened in the middle of a week, a rep is asked on a day that is not over, and has the same time to answer."""
    found = policy.plan(rep(), datetime.fromisoformat(opened).replace(tzinfo=UTC))
    if asks is None or silent is None:
        assert found == NotAsked("rep-1", MONDAY)
    else:
        assert isinstance(found, Plan)
        assert (found.asks, found.silent) == tuple(
            datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (asks, silent)
        )


def test_a_moment_has_a_zone() -> None:
    """A moment without a zone is refused."""
    with pytest.raises(ValueError, match="Timezone aware"):
        policy.plan(rep(), datetime(2026, 3, 2))  # noqa: DTZ001 - that is what is refused


@pytest.mark.parametrize(
    ("facts", "crons"),
    [
        ({}, (Cron("0 7 * * mon", "Europe/Berlin"),)),
        (
            {"hours": (Hours(days=WEEKDAYS[1:3], starts=time(17, 30), ends=time(20)),)},
            (Cron("30 17 * * mon", "Europe/Berlin"),),
        ),
        (
            {
                "zone": "America/Los_Angeles",
                "hours": (SIX_HOURS, Hours(days=("saturday",), starts=time(6, 5), ends=time(9))),
            },
            (Cron("5 6 * * mon", "America/Los_Angeles"),),
        ),
        ({"hours": ()}, ()),
        ({"jira_account": None}, ()),
    ],
)
def test_when_reviews_are_opened(facts: dict[str, Any], crons: tuple[Cron, ...]) -> None:
    """On Mondays when the earliest of the hours start, in the rep's zone; not without hours or an account."""
    known = {"id": "rep-1", "zone": "Europe/Berlin", "hours": (SIX_HOURS,), "jira_account": "a-1"}
    assert policy.crons(Rostered(**(known | facts))) == crons


DAYS = st.dates(date(2025, 1, 1), date(2027, 12, 31))
LEAVES = st.lists(st.tuples(DAYS, st.integers(0, 20)), max_size=4)
SOME_DAYS = st.sets(st.sampled_from(WEEKDAYS), min_size=1).map(lambda days: tuple(sorted(days)))


@given(
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    LEAVES,
    SOME_DAYS,
    st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"]),
)
def test_reviews_do_not_overlap(
    opened: datetime, leaves: list[tuple[date, int]], days: tuple[Any, ...], zone: str
) -> None:
    """Whenever one is opened, and whatever leave and days: it is over before the next one asks, nobody's time is gone
    before they are asked, and a reminder falls in between."""
    hours = (Hours(days=days, starts=time(9), ends=time(17)),)
    one = rep(*((str(first), str(first + n * DAY)) for first, n in leaves), hours=hours, zone=zone)
    monday = week_of(one.today(opened))[0]
    this, following = policy.plan(one, opened), policy.plan(one, one.at(monday + 7 * DAY, time(0)))
    assert this.monday == monday
    if isinstance(this, Plan):
        begins = max(this.asks, opened)
        assert one.today(begins) == one.today(this.asks)
        assert begins < this.silent
        assert this.reminds is None or begins < this.reminds < this.silent
        assert one.off(one.today(this.asks)) is None
        if isinstance(following, Plan):
            assert this.silent <= following.asks


# -- what differs


@pytest.mark.parametrize(
    ("entries", "differs", "total"),
    [
        (FULL, False, 1800),
        (board(360, 360, 360, 360), True, 1440),
        (board(361, 359, 360, 360, 360), True, 1800),
        (board(1800, week=True), False, 1800),
        (board(900, 900, week=True), False, 1800),
        (board(1799, week=True), True, 1799),
        ([*board(360), *board(1440, week=True)], False, 1800),
        ([*FULL, *board(60, who="rep-2")], False, 1800),
        ([*FULL, *board(60, monday=MONDAY + 7 * DAY)], False, 1800),
        ([*FULL, *board(30, monday=MONDAY + 5 * DAY)], True, 1830),
        ([], True, None),
    ],
)
def test_what_differs(entries: list[BoardEntry], differs: bool, total: int | None) -> None:
    """Day by day where the board has days, else the week; others' entries and other weeks' are not theirs."""
    found = policy.compare(rep(), MONDAY, entries)
    assert (found.scheduled, found.board, found.differs) == (1800, total, differs)


def test_nothing_is_scheduled_on_days_off() -> None:
    """A holiday and leave take their hours out of the week, and the board is expected to know."""
    one = rep(("2026-04-07", "2026-04-07"))
    monday = date(2026, 4, 6)
    assert policy.compare(one, monday, board(0, 0, 360, 360, 360, monday=monday)).differs is False
    assert policy.compare(one, monday, board(360, 360, 360, 360, 360, monday=monday)).scheduled == 1080


@given(st.integers(0, 60), st.integers(-90, 90))
def test_the_tolerance(tolerance: int, off_by: int) -> None:
    """Up to so many minutes are the same."""
    numbers = NUMBERS.model_copy(update={"tolerance_minutes": tolerance})
    found = policy.compare(rep(), MONDAY, board(360 + off_by, 360, 360, 360, 360), numbers)
    assert found.differs is (abs(off_by) > tolerance)
    assert bool(policy.corrections(found, {}, numbers)) is found.differs


# -- answers

SAME = policy.compare(rep(), MONDAY, FULL)
OTHER = policy.compare(rep(), MONDAY, board(360, 360, 360, 360, 300))
NOTHING = policy.compare(rep(), MONDAY, [])
FRIDAY = MONDAY + 4 * DAY


def test_a_confirmation() -> None:
    """Right, to what was shown, where both sides agree: written on the board's issues."""
    found = policy.decide(SAME, SAME, Answer.RIGHT)
    assert found == Confirmed(SAME.issues, found.why)
    assert found.issues == ("REV-0", "REV-1", "REV-2", "REV-3", "REV-4")
    assert isinstance(policy.decide(SAME, SAME, Answer.CHANGES, {FRIDAY: 360}), Confirmed)


@pytest.mark.parametrize("answer", Answer)
def test_an_answer_to_what_has_changed(answer: Answer) -> None:
    """Whatever changed since they were shown: the rep is shown the hours again, and nothing is confirmed."""
    found = policy.decide(SAME, OTHER, answer, {FRIDAY: 300})
    assert isinstance(found, AskAgain)
    assert found.hours == OTHER


@pytest.mark.parametrize(
    ("hours", "answer", "changes", "grounds", "corrections"),
    [
        (OTHER, Answer.RIGHT, {}, (Ground.DIFFERENCE,), [Correction(Where.BOARD, FRIDAY, 300, 360)]),
        (
            OTHER,
            Answer.CHANGES,
            {FRIDAY: 300},
            (Ground.CHANGES, Ground.DIFFERENCE),
            [Correction(Where.SCHEDULE, FRIDAY, 360, 300)],
        ),
        (
            SAME,
            Answer.CHANGES,
            {FRIDAY: 240},
            (Ground.CHANGES,),
            [Correction(Where.SCHEDULE, FRIDAY, 360, 240), Correction(Where.BOARD, FRIDAY, 360, 240)],
        ),
        (NOTHING, Answer.RIGHT, {}, (Ground.DIFFERENCE,), [Correction(Where.BOARD, None, None, 1800)]),
        (SAME, None, {}, (Ground.SILENCE,), []),
        (OTHER, None, {}, (Ground.SILENCE, Ground.DIFFERENCE), [Correction(Where.BOARD, FRIDAY, 300, 360)]),
    ],
)
def test_what_the_coordinator_is_asked(
    hours: policy.Hours,
    answer: Answer | None,
    changes: dict[date, int],
    grounds: tuple[Ground, ...],
    corrections: list[Correction],
) -> None:
    """Changes, differences and silence, with what would make both sides right."""
    found = policy.decide(hours, hours, answer, changes)
    assert isinstance(found, AskCoordinator)
    assert found.grounds == grounds
    assert list(found.corrections) == corrections
    assert found.why


def test_silence_is_judged_by_what_is_so_now() -> None:
    """Who is silent is not shown the hours again; the coordinator gets them as they are."""
    found = policy.decide(SAME, OTHER, None)
    assert isinstance(found, AskCoordinator)
    assert Ground.DIFFERENCE in found.grounds


@pytest.mark.parametrize("changes", [{MONDAY - DAY: 60}, {MONDAY: -1}, {MONDAY: 1441}])
def test_changes_that_cannot_be(changes: dict[date, int]) -> None:
    """Another week's date and minutes that a day does not have are refused."""
    with pytest.raises(ValueError, match=r"^changes: "):
        policy.decide(SAME, SAME, Answer.CHANGES, changes)


def test_the_coordinator_is_believed_after_looking() -> None:
    """Changed ends the review only when both sides have the right hours; what is left is asked about again."""
    asked = policy.decide(SAME, SAME, Answer.CHANGES, {FRIDAY: 240})
    assert isinstance(asked, AskCoordinator)
    assert policy.after_coordinator(Ruling.CHANGED, asked, SAME) == AskCoordinator(
        asked.grounds, asked.corrections, "Schedule or board do not have these hours yet."
    )
    shorter = Hours(days=("friday",), starts=time(9), ends=time(13))
    one = rep(hours=(Hours(days=WEEKDAYS[:4], starts=time(7), ends=time(13)), shorter))
    half = policy.after_coordinator(Ruling.CHANGED, asked, policy.compare(one, MONDAY, FULL))
    assert isinstance(half, AskCoordinator)
    assert half.corrections == (Correction(Where.BOARD, FRIDAY, 360, 240),)
    both = policy.compare(one, MONDAY, board(360, 360, 360, 360, 240))
    ended = policy.after_coordinator(Ruling.CHANGED, half, both)
    assert isinstance(ended, Ended)
    assert ended.ending is Ending.CHANGED


def test_the_coordinator_keeps_them() -> None:
    """Kept hours end the review, whatever the board has."""
    asked = policy.decide(OTHER, OTHER, None)
    assert isinstance(asked, AskCoordinator)
    ended = policy.after_coordinator(Ruling.KEEP, asked, OTHER)
    assert isinstance(ended, Ended)
    assert ended.ending is Ending.KEPT


MINUTES = st.integers(0, 600)
BOARDS = st.lists(MINUTES, max_size=7).map(lambda many: board(*many)) | MINUTES.map(lambda n: board(n, week=True))
CHANGES = st.dictionaries(st.integers(0, 6).map(lambda n: MONDAY + n * DAY), MINUTES, max_size=3)


@given(BOARDS, st.sampled_from([None, *Answer]), CHANGES)
def test_confirmed_only_without_a_difference(
    entries: list[BoardEntry], answer: Answer | None, changes: dict[date, int]
) -> None:
    """Whatever the board has and the rep says: confirmed are only hours that both sides have, by an answer."""
    hours = policy.compare(rep(), MONDAY, entries)
    found = policy.decide(hours, hours, answer, changes)
    if isinstance(found, Confirmed):
        assert answer is not None
        assert policy.corrections(hours, {}) == ()
        assert hours.board == hours.scheduled
        assert answer is Answer.RIGHT or all(
            changes[row.day] == row.scheduled for row in hours.days if row.day in changes
        )
    else:
        assert isinstance(found, AskCoordinator)
        assert found.grounds


def test_what_messages_show_of_a_week() -> None:
    """Days on which there is nothing are left out; a day off says why; hours of the whole week stand in the sum."""
    away = rep(("2026-03-03", "2026-03-03"))
    assert policy.table(policy.compare(away, MONDAY, [*FULL, *board(30, monday=MONDAY + 5 * DAY)])) == {
        "days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"],
        "scheduled": ["6h00", "leave", "6h00", "6h00", "6h00", "0h00"],
        "board": ["6h00", "6h00", "6h00", "6h00", "6h00", "0h30"],
        "scheduled_total": "24h00",
        "board_total": "30h30",
        "differs": "yes",
    }
    weekly = policy.table(policy.compare(rep(), MONDAY, board(1800, week=True)))
    assert (weekly["board"], weekly["board_total"], weekly["differs"]) == (["week"] * 5, "30h00", "no")
    nothing = policy.table(NOTHING)
    assert (nothing["board"], nothing["board_total"]) == (["none"] * 5, "none")


def test_what_messages_show_of_corrections() -> None:
    """Where, on which day or in the week, from what to what."""
    found = [Correction(Where.SCHEDULE, FRIDAY, 360, 240), Correction(Where.BOARD, None, None, 1800)]
    assert policy.listed(found) == {
        "where": ["schedule", "board"],
        "days": ["Friday", "week"],
        "now": ["6h00", "none"],
        "right": ["4h00", "30h00"],
    }


@pytest.mark.parametrize(("minutes", "text"), [(None, "none"), (0, "0h00"), (390, "6h30"), (1805, "30h05")])
def test_how_hours_are_said(minutes: int | None, text: str) -> None:
    """Hours and minutes, as one word."""
    assert policy.said(minutes) == text


# -- numbers

FILE = Path(__file__).parents[2] / "policies" / "schedule_review.toml"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("silence_working_days = 2", "silence_working_days = 1", "rep: each must come after"),
        (
            "coordinator_escalation_working_days = 2",
            "coordinator_escalation_working_days = 1",
            "coordinator: each must",
        ),
        ("tolerance_minutes = 0", "tolerance_minutes = -1", "tolerance_minutes: "),
    ],
)
def test_a_wrong_value_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Each mistake is refused with what is wrong; the page's two working days stand in the file."""
    assert NUMBERS.silence_working_days == 2
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "schedule_review.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(NumbersError, match=told):
        load(ScheduleReviewNumbers, path)
