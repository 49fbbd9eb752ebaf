"""The clock finds everything that has something to do, alone or in several copies, and stops where it has to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from casework import runtime, tick
from casework.case import Kind
from tests.conftest import START
from tests.desk import Desk
from tests.toy import ANA, CUSTOMER, Killed, keys, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")


def test_a_quiet_desk_is_left_alone(any_desk: Desk) -> None:
    """With nothing due, a round wakes nobody and writes nothing."""
    run = any_desk.start("moving", number=1)
    written = any_desk.entries(run)
    any_desk.engine.sleep(300)
    assert tick.tick(any_desk.runtime) == tick.Round()
    assert any_desk.engine.run() == 0
    assert any_desk.entries(run) == written


def test_several_clocks_pass_a_deadline_once(any_desk: Desk) -> None:
    """Copies of the clock that tick at one instant share the work: each deadline is passed by one of them."""
    runs = [any_desk.start("moving", number=number) for number in range(1, 5)]
    any_desk.engine.sleep(3600)
    together = threading.Barrier(4)

    def round_(_: int) -> tick.Round:
        together.wait()
        return tick.tick(any_desk.runtime)

    with ThreadPoolExecutor(4) as pool:
        rounds = list(pool.map(round_, range(4)))
    assert sum(one.deadlines for one in rounds) == len(runs)
    any_desk.settle()
    for run in runs:
        assert keys(any_desk, run, Kind.DEADLINE_PASSED) == ["approval/1"]
        assert any_desk.ending(run) == "refused"


def test_while_the_engine_is_away_nothing_is_lost(any_desk: Desk) -> None:
    """Starts, decisions and deadlines that come meanwhile are kept and acted on when the engine is back."""
    decided, due = (any_desk.start("moving", number=number) for number in (1, 2))
    any_desk.engine.away = True
    assert tick.start(any_desk.runtime, "moving", "toy:move:3", {"number": 3}) == (None, True)
    assert tick.start(any_desk.runtime, "moving", "toy:move:3", {"number": 3}) == (None, False)
    say(decided, "approval/1", ANA, verdict="yes")
    any_desk.engine.sleep(3600)
    done = tick.tick(any_desk.runtime)
    assert (done.deadlines, done.woken, done.started) == (1, 0, 0)
    any_desk.engine.away = False
    any_desk.engine.sleep(1)
    any_desk.settle()
    assert any_desk.waiting(decided) == ["confirmation/1"]
    assert any_desk.ending(due) == "refused"
    [third] = any_desk.files.find("toy:move:3")
    assert any_desk.waiting(any_desk.engine.runs[third.case_id]) == ["approval/1"]


def test_a_run_that_died_before_it_opened_its_file_is_run_again(any_desk: Desk) -> None:
    """A worker killed between taking a run and its first write leaves no case; the run gets another leg."""
    case_id, _ = tick.start(any_desk.runtime, "moving", "toy:move:1", {"number": 1})
    assert case_id is not None
    any_desk.engine._queue.clear()
    any_desk.engine.sleep(4)
    assert tick.tick(any_desk.runtime).woken == 0
    any_desk.engine.sleep(4)
    any_desk.settle()
    assert any_desk.waiting(any_desk.engine.runs[case_id]) == ["approval/1"]
    assert tick.tick(any_desk.runtime).woken == 0


def test_a_living_leg_is_not_disturbed(desk: Desk) -> None:
    """A decision during a running leg gives no second leg beside it; a silent leg is taken up after the lease."""
    leased = replace(desk.runtime, lease=20.0)
    with runtime.use(leased):
        outside.faults["hire"] = [Killed()]
        run = desk.start("moving", number=1)
        say(run, "approval/1", ANA, verdict="yes")
        tick.tick(leased)
        with pytest.raises(Killed):
            desk.engine.run()
        for seconds, lost in ((10, 0), (9, 0), (2, 1)):
            desk.engine.sleep(seconds)
            assert tick.tick(leased).lost == lost
            assert desk.engine.run() == lost
        assert desk.waiting(run) == ["confirmation/1"]


def test_an_answer_during_a_leg_is_taken_up_when_it_lets_go(desk: Desk) -> None:
    """What is decided while the leg is still announcing is not missed: the case goes on in the same or next leg."""

    def answer_at_once(done: str) -> None:
        if done == f"tell {ANA.id}":
            [run] = desk.engine.runs.values()
            say(run, "approval/1", ANA, verdict="yes")

    outside.after = answer_at_once
    run = desk.start("moving", number=1)
    assert desk.waiting(run) == ["confirmation/1"]
    assert run.legs <= 2
    assert keys(desk, run, Kind.DECIDED) == ["approval/1"]
    assert outside.calls["hire"] == 1


def test_a_run_whose_last_leg_was_killed_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case closed by a leg that died before the engine heard of it: the run is ended without doing anything."""
    run = desk.start("moving", number=1)
    say(run, "approval/1", ANA, verdict="yes")
    desk.settle()
    say(run, "confirmation/1", CUSTOMER, channel="cli", right=True)

    def die(ending: str, early: bool) -> str:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(desk.engine, "ended", die)
        with pytest.raises(Killed):
            desk.settle()
    assert (desk.ending(run), run.state) == ("moved", "running")
    done = list(outside.done)
    desk.engine.sleep(1)
    desk.settle()
    assert run.state == "moved"
    assert outside.done == done
    assert desk.files.unsettled(desk.engine.now()) == []


def test_a_cancelled_run_is_noticed_in_a_day(desk: Desk) -> None:
    """A run cancelled while no clock ran is unwound when one does."""
    run = desk.start("moving", number=1)
    desk.engine.cancel(run.case_id)
    desk.engine.sleep(timedelta(hours=23).total_seconds())
    assert desk.engine.time > START
    assert tick.tick(desk.runtime).cancelled == 1
    assert tick.tick(desk.runtime).cancelled == 0
    desk.settle()
    assert desk.ending(run) == "cancelled"
    assert outside.list()[-1] == "release"
