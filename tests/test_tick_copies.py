"""Several clocks, each a process of its own: what comes due is done once, in order, though clocks are killed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from casework.case import Kind
from casework.clock import Minutes
from casework.engine.simulated import Run
from casework.people import Role
from casework.process import process
from casework.schema import cases, entries
from casework.wait import wait_for
from tests.clocks import Clocks, Shifted
from tests.conftest import START
from tests.desk import Desk
from tests.many import fill
from tests.toy import ANA, Approval, Verdict, keys, outside, remind

pytestmark = pytest.mark.usefixtures("toy_world")

COPIES = 3
LEASE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@process("copied", subject="toy:copied:{number}")
def copied(number: int) -> str:
    """Ask once; two reminders on the way, and silence means yes."""
    said = wait_for(
        Approval,
        key="question",
        question="?",
        who=Role(name="owner", people=(ANA,)),
        within=Minutes(60),
        remind=[(Minutes(10), remind), (Minutes(20), remind)],
        default=Approval(verdict=Verdict.YES, reason=None),
    )
    return said.verdict.value if said is not None else "nothing said"


@pytest.fixture
def present(any_desk: Desk, tmp_path: Path) -> Shifted:
    """The time that the desk and all clocks share."""
    shared = Shifted(tmp_path / "shift")
    shared.move_to(START)
    return shared


@pytest.fixture
def clocks(any_desk: Desk, present: Shifted) -> Iterator[Clocks]:
    """Clocks over the desk's database; none runs yet."""
    url = any_desk.database.url.render_as_string(hide_password=False)
    with Clocks(url, present, LEASE.total_seconds()) as clocks:
        yield clocks


def passed(desk: Desk) -> list[str]:
    """The cases whose deadline stands in their file, in the order in which it was passed."""
    found = select(entries.c.case_id).where(entries.c.kind == Kind.DEADLINE_PASSED.value).order_by(entries.c.at)
    with desk.files.reading() as connection:
        return list(connection.execute(found).scalars())


def catch_up(desk: Desk, present: Shifted, clocks: Clocks, ids: list[str], every: int, most: int) -> None:
    """Let three clocks pass all deadlines and tell the engine, and kill one after each `every` such acts, up to `most`
    times, and start another: each deadline is passed once, oldest first, and each case has one leg for it."""
    chance = random.Random(9)
    ordered: Counter[str] = Counter()
    kills = 0

    def begin_leg(case_id: str) -> None:
        ordered[case_id] += 1
        desk.engine.time = present()
        case, _ = desk.files.begin_leg(case_id, "many", {}, f"toy:many:{case_id}")
        desk.files.end_leg(case_id, case.epoch)

    def disturb() -> int:
        nonlocal kills
        early = len(passed(desk))
        if kills < most and early + len(ordered) >= every * (kills + 1):
            clocks.kill(chance.randrange(clocks.count))
            clocks.start(1)
            kills += 1
        return early

    for _, case_id in clocks.orders(lambda: disturb() == len(ids)):
        begin_leg(case_id)
        disturb()
    assert kills == most
    # Who was killed between taking a case and telling the engine leaves it to others, when it should have come by.
    assert len(ids) - kills <= len(ordered) <= len(ids)
    present.move_to(present() + 2 * LEASE)
    for _, case_id in clocks.orders(lambda: len(ordered) == len(ids)):
        begin_leg(case_id)
    assert clocks.count == COPIES
    assert passed(desk) == ids
    assert ordered == Counter(ids)
    with desk.files.reading() as connection:
        assert set(connection.execute(select(cases.c.epoch)).scalars()) == {2}, "one leg had each case before"
    for case_id in chance.sample(ids, 20):
        assert desk.files.verify(case_id) == 1


@pytest.mark.slow
def test_deadlines_of_a_week_pass_once_though_a_clock_is_killed(
    any_desk: Desk, present: Shifted, clocks: Clocks
) -> None:
    """Three clocks start after a week in which none ran, and one is killed while they catch up: each deadline is
    passed once, in the order in which they were due, and each case is told to the engine once."""
    ids = fill(any_desk, 250, START + HOUR, timedelta(minutes=40))
    clocks.start(COPIES)
    clocks.until_ready()
    present.move_to(START + timedelta(days=8))
    catch_up(any_desk, present, clocks, ids, every=50, most=1)


def run_legs(desk: Desk, present: Shifted, clocks: Clocks, runs: dict[str, Run]) -> None:
    """Be the worker until each case has had the leg that it is due."""
    ordered: Counter[str] = Counter()
    for _, case_id in clocks.orders(lambda: len(ordered) == len(runs)):
        ordered[case_id] += 1
        desk.engine.time = present()
        desk.engine.resume(case_id)
        desk.engine.run()
    assert ordered == Counter(list(runs))


def test_reminders_and_default_answers_of_several_clocks(any_desk: Desk, present: Shifted, clocks: Clocks) -> None:
    """Two reminders that came due while no clock ran become one message for each case, and no more however long three
    clocks go on; then silence becomes the default answer, once: one leg for each occasion."""
    runs = {}
    for number in range(40):
        any_desk.engine.time = START + timedelta(seconds=number)
        run = any_desk.start("copied", number=number)
        runs[run.case_id] = run
    present.move_to(START + timedelta(minutes=25))
    clocks.start(COPIES)
    clocks.until_ready()
    run_legs(any_desk, present, clocks, runs)
    reminded = [reference for what, reference in outside.done if what == f"remind {ANA.id}"]
    assert len(reminded) == len(set(reminded)) == len(runs)
    for run in runs.values():
        assert keys(any_desk, run, Kind.REMINDER_SENT) == ["question/1>reminder-1", "question/1>reminder-2"]
    present.move_to(START + timedelta(minutes=62))
    run_legs(any_desk, present, clocks, runs)
    assert len(outside.done) == len(runs)
    for run in runs.values():
        assert keys(any_desk, run, Kind.DEADLINE_PASSED) == ["question/1"]
        assert (any_desk.ending(run), run.legs) == ("yes", 3)
        any_desk.files.verify(run.case_id)
    assert clocks.count == COPIES


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_deadlines_pass_once_though_clocks_are_killed_all_the_time(
    any_desk: Desk, present: Shifted, clocks: Clocks
) -> None:
    """The same with a thousand deadlines and twenty kills, while deadlines pass and while the engine is told."""
    ids = fill(any_desk, 1000, START + HOUR, timedelta(minutes=20))
    clocks.start(COPIES)
    clocks.until_ready()
    present.move_to(START + timedelta(days=15))
    catch_up(any_desk, present, clocks, ids, every=90, most=20)
