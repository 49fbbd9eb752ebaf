"""A process that is killed anywhere, run twice at once, or changed under way keeps its laws."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest
from sqlalchemy import Connection

from casework import tick
from casework.answer import Accepted
from casework.case import CaseFiles, Entry, Kind
from casework.engine import EngineAway, Pause
from casework.engine.simulated import Run, SimulatedEngine
from casework.process import process, processes
from casework.step import Step
from tests import toy
from tests.conftest import START
from tests.desk import Desk
from tests.toy import ANA, CUSTOMER, MANAGER, OPERATOR, declined, keys, outside, say


@pytest.fixture(autouse=True)
def world() -> Iterator[None]:
    """A new outside world for every test."""
    outside.reset()
    yield
    outside.reset()


# -- the crash sweep


class Killed(BaseException):
    """The process is killed."""


class Kills:
    """Kills the process at the n-th moment that matters: around every commit, engine call and effect."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left = -1
        self.passed = 0
        inside = CaseFiles.writing

        @contextmanager
        def writing(files: CaseFiles) -> Iterator[Connection]:
            self.moment()
            with inside(files) as connection:
                yield connection
                self.moment()
            self.moment()

        patch.setattr(CaseFiles, "writing", writing)
        for name in ("task", "typed", "forget", "show", "resume", "start", "finished", "ended"):
            patch.setattr(SimulatedEngine, name, self._around(getattr(SimulatedEngine, name)))

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def around(*args: Any, **kwargs: Any) -> Any:
            self.moment()
            result = call(*args, **kwargs)
            self.moment()
            return result

        return around

    def moment(self, _what: str = "") -> None:
        """One moment at which the process may be killed."""
        self.passed += 1
        self.left -= 1
        if self.left == 0:
            raise Killed

    def at(self, moment: int) -> None:
        """Kill at this moment from now; never with a negative number."""
        self.left, self.passed = moment, 0


Action = Callable[[Desk, int], None]


def the_run(desk: Desk) -> Run:
    [run] = desk.engine.runs.values()
    return run


def begin(desk: Desk, number: int) -> None:
    desk.start("moving", number=number)
    desk.settle()


def wait(minutes: int) -> Action:
    def pass_time(desk: Desk, number: int) -> None:
        opened = desk.files.case(the_run(desk).case_id).opened_at
        left = opened + timedelta(minutes=minutes) - desk.engine.time
        desk.advance(seconds=max(0.0, left.total_seconds()))

    return pass_time


def reply(name: str, person: Any, **values: object) -> Action:
    def speak(desk: Desk, number: int) -> None:
        [asked] = [wait for wait in desk.waiting(the_run(desk)) if wait.endswith(name)] or [None]
        if asked is not None:
            assert isinstance(say(the_run(desk), asked, person, channel="cli", **values), Accepted)
        desk.settle()

    return speak


def cancel(desk: Desk, number: int) -> None:
    run = the_run(desk)
    if desk.ending(run) is None and not desk.entries(run, Kind.CANCEL_ASKED):
        desk.engine.cancel(run.case_id)
    desk.settle()


def come_to_rest(desk: Desk, number: int) -> None:
    desk.engine.sleep(6)
    desk.settle()


HIRED = [
    begin,
    wait(15),
    wait(40),
    reply("approval/1", MANAGER, verdict="yes", reason="it is quiet"),
    reply("toy.hire/1/1", OPERATOR, verdict="retry"),
]
SCRIPTS: dict[str, list[Action]] = {
    "moved": [*HIRED, wait(180), reply("confirmation/2", CUSTOMER, right=True), come_to_rest],
    "cancelled": [*HIRED, cancel, come_to_rest],
}


def play(desk: Desk, script: list[Action], number: int) -> Run:
    """Play a script; whoever is killed is started again a second later and goes on."""
    outside.reset()
    outside.after = KILLS[-1].moment
    outside.faults["hire"] = [declined()]
    desk.engine.runs.clear()
    desk.engine.time = START + timedelta(days=2 * number)
    for action in script:
        for _ in range(5):
            try:
                action(desk, number)
                break
            except Killed:
                desk.engine.sleep(6)
                if outside.calls["hire"] and "hire" not in outside.list() and not parked(desk):
                    outside.faults["hire"] = [declined()]
        else:
            raise AssertionError("it was killed once and does not go on")
    return the_run(desk)


def parked(desk: Desk) -> bool:
    """Whether the failed hiring stands in the file."""
    return bool(desk.entries(the_run(desk), Kind.FAULT_PARKED))


KILLS: list[Kills] = []
TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(\+00:00)?")


def story(entries: list[Entry]) -> list[tuple[str, str, str, str]]:
    """A file without what another day, another case and another leg change."""
    return [(e.kind.value, e.key, e.actor, re.sub(TIME, "T", bare(e))) for e in entries]


def bare(entry: Entry) -> str:
    text = str(dict(entry.payload)).replace(entry.case_id, "case")
    text = re.sub(r"cw-[0-9a-f]{12}", "cw", text)
    text = re.sub(r"text:[0-9a-f]{16}", "text", text)
    return re.sub(r"(toy:move:|'occurrence': |'number': |'volume': )\d+", r"\1N", text)


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kills]:
    """Moments at which the process is killed."""
    KILLS.append(Kills(monkeypatch))
    yield KILLS[-1]
    KILLS.pop()


def sweep(desk: Desk, kills: Kills, script: str, stride: int) -> int:
    """Kill at every `stride`-th moment of a script; the number of moments tried."""
    with desk.files.reading() as connection:
        if connection.dialect.name == "sqlite":  # what is killed here is a process, not the machine
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
    kills.at(-1)
    whole = play(desk, SCRIPTS[script], 0)
    moments = kills.passed
    assert desk.ending(whole) == script
    expected, done = story_of_size(desk, whole), sorted(outside.list())
    tried = 0
    for moment in range(1, moments + 1, stride):
        tried += 1
        kills.at(moment)
        run = play(desk, SCRIPTS[script], tried)
        told = f"killed at moment {moment} of {moments}"
        assert desk.ending(run) == script, told
        assert story_of_size(desk, run) == expected, told
        assert sorted(outside.list()) == done, told
        assert max(Counter(outside.done).values()) == 1, told
        assert run.state == script, told
        assert desk.files.verify(run.case_id) == len(expected), told
    return tried


def story_of_size(desk: Desk, run: Run) -> list[tuple[str, str, str, str]]:
    """The file, with what the lookup saw (it depends on the number of the case) left out."""
    return [line if line[1] != "toy.size/1" else (*line[:3], "") for line in story(desk.files.entries(run.case_id))]


@pytest.mark.parametrize("script", SCRIPTS)
def test_killed_anywhere_it_ends_as_if_nothing_had_happened(desk: Desk, kills: Kills, script: str) -> None:
    """Laws 1, 2, 6, 7, 8: whenever it is killed, every effect is there once and the file is the same."""
    assert sweep(desk, kills, script, stride=23) > 12


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("script", SCRIPTS)
def test_killed_at_every_single_moment(any_desk: Desk, kills: Kills, script: str) -> None:
    """The same for every moment there is, on both databases."""
    assert sweep(any_desk, kills, script, stride=1) > 200


def test_killed_on_postgresql(postgres: str, kills: Kills) -> None:
    """The same on PostgreSQL, at a few moments spread over the script."""
    with Desk(postgres, START) as desk:
        assert sweep(desk, kills, "cancelled", stride=61) > 4


# -- law 3: fenced


def two_legs(desk: Desk, what: str) -> Run:
    """A case of which a second worker runs a whole leg at the moment after the first one's effect `what`."""

    def overtake(done: str) -> None:
        if done == what:
            outside.after = lambda what: None
            desk.engine._leg(the_run(desk))

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
        engine._leg(the_run(desk))
        return inside(engine, name, attempt, delays)

    monkeypatch.setattr(SimulatedEngine, "task", overtaken)
    desk.engine.sleep(1)
    desk.settle()
    assert outside.list().count("reserve") == 1
    assert desk.files.case(the_run(desk).case_id).epoch == 3
    assert desk.waiting(the_run(desk)) == ["approval/1"]


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
    def _current(self) -> list[str]:  # type: ignore[override]
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
    any_desk.engine._local = threading.local()  # type: ignore[attr-defined]
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
                toy.wait_for(toy.Confirmation, key="ask", question="?", who=toy.OWNERS, within=toy.Minutes(600))
            elif name == "now":
                toy.clock.now()
            else:
                known[name](number)
        return "through"

    return run


def release_code(*names: str) -> None:
    """Deploy a release whose body does these steps."""
    now = processes["changing"]
    processes["changing"] = type(now)(now.name, body(None, *names), now.subject, None)  # type: ignore[arg-type]


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
    """A process says which parameters it takes."""
    assert processes["moving"].checked({"number": 3}) == {"number": 3}
    for wrong in ({}, {"number": 3, "colour": "red"}):
        with pytest.raises(TypeError):
            processes["moving"].checked(wrong)
