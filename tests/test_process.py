"""A process that is run twice at once, changed under way, or resumed for nothing keeps its laws."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NoReturn

import pytest

import flows  # noqa: F401 - registers the processes
from casework import clock, tick
from casework.answer import Accepted
from casework.case import Kind
from casework.clock import Minutes
from casework.engine import EngineAway, Pause
from casework.engine.simulated import Run, SimulatedEngine
from casework.process import process, processes
from casework.step import Step
from casework.wait import wait_for
from tests import toy
from tests.desk import Desk
from tests.toy import ANA, CUSTOMER, OPERATOR, Killed, keys, only_run, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")


# -- law 3: fenced


def two_legs(desk: Desk, what: str) -> Run:
    """A case of which a second worker runs a whole leg at the moment after the first one's effect `what`."""

    def overtake(done: str) -> None:
        if done == what:
            outside.after = lambda what: None
            desk.engine._leg(only_run(desk))

    outside.after = overtake
    return desk.start("moving", number=1)


def test_an_overtaken_leg_stops_before_it_acts_again(any_desk: Desk) -> None:
    """Law 3: a leg that finds a later one has begun writes nothing more and does no further step."""
    run = two_legs(any_desk, "reserve")
    assert outside.list() == ["reserve", f"tell {ANA.id}", "tell staff-8"]
    assert max(outside.calls.values()) == 1
    assert (run.state, any_desk.waiting(run)) == ("suspended", ["approval/1"])
    assert any_desk.files.case(run.case_id).epoch == 2
    any_desk.files.verify(run.case_id)


def test_an_overtaken_leg_is_stopped_before_it_repeats_a_doubtful_step(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 3: a step in doubt writes nothing before it is repeated, so the leg asks whether the case is still its."""
    outside.faults["reserve"] = [Killed()]
    with pytest.raises(Killed):
        desk.start("moving", number=1)
    inside = SimulatedEngine.task

    def overtaken(engine: SimulatedEngine, name: str, attempt: Any, delays: Any) -> Any:
        monkeypatch.setattr(SimulatedEngine, "task", inside)
        engine._leg(only_run(desk))
        return inside(engine, name, attempt, delays)

    monkeypatch.setattr(SimulatedEngine, "task", overtaken)
    desk.engine.sleep(1)
    desk.settle()
    assert outside.list().count("reserve") == 1
    assert desk.files.case(only_run(desk).case_id).epoch == 3
    assert desk.waiting(only_run(desk)) == ["approval/1"]


def test_a_leg_overtaken_by_one_that_closed_the_case_ends_quietly(desk: Desk) -> None:
    """Law 3: when the later leg has even closed the file, the stale one is overtaken, not broken."""
    run = desk.start("moving", number=1)
    say(run, "approval/1", ANA, verdict="yes")
    desk.settle()
    say(run, "confirmation/1", CUSTOMER, channel="cli", right=True)

    def overtake(done: str) -> None:
        outside.after = lambda what: None
        desk.engine._leg(run)

    outside.after = overtake
    desk.settle()
    assert (desk.ending(run), run.state) == ("moved", "moved")
    assert outside.list().count("pay") == 1


class ThreadedEngine(SimulatedEngine):
    """The simulated engine for several threads: each knows which run it is in."""

    def __init__(self, now: datetime) -> None:
        self._local = threading.local()
        super().__init__(now)

    @property
    def _current(self) -> list[str]:
        if not hasattr(self._local, "runs"):
            self._local.runs = []
        runs: list[str] = self._local.runs
        return runs

    @_current.setter
    def _current(self, runs: list[str]) -> None:
        self._local.runs = runs


@pytest.mark.parametrize("count", [2, 5])
def test_legs_at_one_instant_leave_one_file(any_desk: Desk, count: int) -> None:
    """Law 3: of several legs of a new case that begin together one gets through; every key is settled once."""
    any_desk.engine.__class__ = ThreadedEngine
    any_desk.engine._local = threading.local()  # type: ignore[attr-defined]  # it is a ThreadedEngine now
    case_id, _ = tick.start(any_desk.runtime, "moving", "toy:move:1", {"number": 1})
    assert case_id is not None
    run = any_desk.engine.runs[case_id]
    any_desk.engine._queue.clear()
    together = threading.Barrier(count)

    def leg(_: int) -> None:
        together.wait()
        any_desk.engine._leg(run)

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(leg, range(count)))
    assert any_desk.files.case(case_id).epoch == count
    assert any_desk.waiting(run) == ["approval/1"]
    done = [e.key for e in any_desk.entries(run) if e.kind in (Kind.STEP_DONE, Kind.LOOKUP_DONE)]
    assert len(done) == len(set(done))
    assert len(keys(any_desk, run, Kind.OPENED)) == 1
    any_desk.files.verify(case_id)


# -- law 4: a body that asks in another order


def body(desk: Desk, *names: str) -> Callable[[int], str]:
    """A body that does these steps around one question."""
    known: dict[str, Step[..., Any]] = {"reserve": toy.reserve, "hire": toy.hire, "size": toy.size}

    def run(number: int) -> str:
        for name in names:
            if name == "ask":
                wait_for(toy.Confirmation, key="ask", question="?", who=toy.OWNERS, within=Minutes(600))
            elif name == "now":
                clock.now()
            else:
                known[name](number)
        return "through"

    return run


def release_code(*names: str) -> None:
    """Deploy a release whose body does these steps."""
    now = processes["changing"]
    processes["changing"] = type(now)(now.name, body(None, *names), now.subject, None)  # type: ignore[arg-type]  # a body of any release


@pytest.mark.parametrize(
    ("new", "asked", "has"),
    [
        (("hire", "reserve", "now", "ask", "size"), "toy.hire/1", "toy.reserve/1"),
        (("reserve", "now", "ask", "size"), "now/1", "toy.hire/1"),
        (("reserve", "hire", "ask", "size"), "ask/1", "now/1"),
        (("size", "reserve", "hire", "now", "ask"), "toy.size/1", "toy.reserve/1"),
        (("reserve", "reserve", "hire", "now", "ask"), "toy.reserve/2", "toy.hire/1"),
        (("reserve", "hire", "now", "size", "ask"), "toy.size/1", "ask/1"),
        (("reserve", "hire", "now"), "ended", "ask/1"),
    ],
)
def test_a_body_that_asks_in_another_order_is_stopped(desk: Desk, new: tuple[str, ...], asked: str, has: str) -> None:
    """Law 4: reordered, missing and added steps park the case with both names and nothing done; mended, it goes on."""
    good = ("reserve", "hire", "now", "ask", "size")
    process("changing", subject="toy:change:{number}")(body(desk, *good))
    run = desk.start("changing", number=1)
    done = list(outside.done)
    release_code(*new)
    say(run, "ask/1", ANA, right=True)
    desk.settle()
    [parked] = desk.entries(run, Kind.FAULT_PARKED)
    assert asked in parked.payload["error"]
    assert repr(has) in parked.payload["error"]
    assert outside.done == done
    assert desk.waiting(run) == ["fault>body/1"]
    release_code(*good)
    assert isinstance(say(run, "fault>body/1", OPERATOR, channel="cli", verdict="retry"), Accepted)
    desk.settle()
    assert desk.ending(run) == "through"
    assert outside.calls["size"] == 1
    assert outside.done == done


def test_steps_added_after_what_the_file_has_are_done(desk: Desk) -> None:
    """Law 4: a release may add steps where a case has not been yet."""
    process("changing", subject="toy:change:{number}")(body(desk, "reserve", "ask"))
    run = desk.start("changing", number=1)
    release_code("reserve", "ask", "hire")
    say(run, "ask/1", ANA, right=True)
    desk.settle()
    assert (desk.ending(run), outside.list()) == ("through", ["reserve", "hire"])


# -- law 6: being resumed proves nothing


@pytest.mark.parametrize("times", [1, 7])
def test_stray_resumes_prove_nothing(any_desk: Desk, times: int) -> None:
    """Law 6: however often a run is resumed without a decision in its file, it waits again."""
    run = any_desk.start("moving", number=1)
    written = any_desk.entries(run)
    for _ in range(times):
        any_desk.engine.resume(run.case_id)
        any_desk.settle()
    assert any_desk.entries(run) == written
    assert run.state == "suspended"
    assert run.legs == times + 1


def test_a_decision_stands_in_the_file_before_the_engine_hears_of_it(any_desk: Desk) -> None:
    """Law 6: with the engine away the decision is recorded at once, and the case goes on when it is back."""
    run = any_desk.start("moving", number=1)
    any_desk.engine.away = True
    assert isinstance(say(run, "approval/1", ANA, verdict="yes"), Accepted)
    any_desk.engine.sleep(1)
    tick.tick(any_desk.runtime)
    assert keys(any_desk, run, Kind.DECIDED) == ["approval/1"]
    assert any_desk.waiting(run) == []
    assert "hire" not in outside.list()
    any_desk.engine.away = False
    any_desk.engine.sleep(1)
    any_desk.settle()
    assert outside.list()[-1] == "hire"


@pytest.mark.parametrize("error", [EngineAway("it went away"), SystemExit(1)])
def test_a_run_that_could_not_be_suspended_is_taken_up_again(
    any_desk: Desk, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The engine or the process is lost just when a leg wants to wait: it does not count as ended, another comes."""

    def away(_pause: Pause) -> NoReturn:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(any_desk.engine, "suspend", away)
        with pytest.raises(type(error)):
            any_desk.start("moving", number=1)
    (run,) = any_desk.engine.runs.values()
    any_desk.engine.sleep(1)
    any_desk.settle()
    assert (run.state, run.legs) == ("suspended", 2)
    assert any_desk.waiting(run) == ["approval/1"]


def test_the_engine_shows_where_a_case_stands(desk: Desk) -> None:
    """Operators see in the engine's pages what a case waits for, its story, and in the end how it ended."""
    run = desk.start("moving", number=1)
    assert run.standing is not None
    assert "waiting:owner" in run.standing.tags
    assert "Waiting for owner (approval, until 2026-03-02 10:00 UTC)" in run.standing.story
    desk.advance(minutes=61)
    assert run.standing.tags == ["moving", "toy:move:1"]
    assert "**Ended as refused.**" in run.standing.story


def test_parameters_are_checked_before_anything_starts() -> None:
    """What a person types becomes the parameter of a process about one thing; no other is started so."""
    assert processes["moving"].about("3") == {"number": 3}
    assert processes["document-change"].about("SS-12") == {"ticket": "SS-12"}
    with pytest.raises(ValueError, match="invalid literal"):
        processes["moving"].about("SS-12")
    for other, says in (("deliver-file", "takes ticket, name"), ("inbox-digest", "takes nothing")):
        with pytest.raises(TypeError, match=says):
            processes[other].about("3")
