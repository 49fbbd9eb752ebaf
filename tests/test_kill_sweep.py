"""Killed at any moment, a process ends as if nothing had happened: the same file, each effect once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from casework.answer import Accepted
from casework.case import CaseFiles, Entry, Kind
from casework.engine.simulated import Run, SimulatedEngine
from tests.conftest import START
from tests.desk import Desk
from tests.toy import CUSTOMER, MANAGER, OPERATOR, Killed, declined, only_run, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")


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


def begin(desk: Desk, number: int) -> None:
    desk.start("moving", number=number)
    desk.settle()


def wait(minutes: int) -> Action:
    def pass_time(desk: Desk, number: int) -> None:
        opened = desk.files.case(only_run(desk).case_id).opened_at
        left = opened + timedelta(minutes=minutes) - desk.engine.time
        desk.advance(seconds=max(0.0, left.total_seconds()))

    return pass_time


def reply(name: str, person: Any, **values: object) -> Action:
    def speak(desk: Desk, number: int) -> None:
        waiting: list[str | None] = [wait for wait in desk.waiting(only_run(desk)) if wait.endswith(name)]
        [asked] = waiting or [None]
        if asked is not None:
            assert isinstance(say(only_run(desk), asked, person, channel="cli", **values), Accepted)
        desk.settle()

    return speak


def cancel(desk: Desk, number: int) -> None:
    run = only_run(desk)
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
    return only_run(desk)


def parked(desk: Desk) -> bool:
    """Whether the failed hiring stands in the file."""
    return bool(desk.entries(only_run(desk), Kind.FAULT_PARKED))


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
