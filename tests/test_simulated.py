"""The simulated engine behaves as the real one was seen to, so that what is tested on it means something."""

from __future__ import annotations

from datetime import timedelta

import pytest

from casework.engine import EngineAway
from casework.occurrence import Occurrence
from casework.systems.errors import Refused, Temporary
from tests.desk import Desk
from tests.toy import ANA, code, outside

pytestmark = pytest.mark.usefixtures("toy_world")


def test_a_start_is_made_once_however_often_asked(desk: Desk) -> None:
    """The occurrence's key makes the run's id, as an idempotency key does."""
    one, two = (Occurrence("moving", "toy:move:1", n, {"number": 1}, None) for n in (1, 2))
    assert desk.engine.start(one) == desk.engine.start(one) != desk.engine.start(two)
    assert len(desk.engine.runs) == 2


def test_only_a_suspended_run_shows_a_form(desk: Desk) -> None:
    """A form can be filled in while the run waits, with values that it allows, and not after it has ended."""
    run = desk.start("moving", number=1)
    good = {"verdict": "yes", "your_code": code(run, "approval/1", ANA)}
    for bad in ({}, {"verdict": "perhaps", "your_code": "x"}, good | {"wait": "other/1"}):
        with pytest.raises(ValueError):
            desk.engine.type_in(run.case_id, bad)
    desk.engine.cancel(run.case_id)
    with pytest.raises(ValueError, match="it shows no form"):
        desk.engine.type_in(run.case_id, good)


def test_cancelling_runs_no_code(desk: Desk) -> None:
    """A suspended run goes straight to cancelled: nothing is undone until the clock sees it."""
    run = desk.start("moving", number=1)
    desk.engine.cancel(run.case_id)
    assert desk.engine.run() == 0
    assert run.state == "cancelled"
    assert "release" not in outside.list()


def test_away_it_answers_nobody(desk: Desk) -> None:
    """What would ask a server fails as when there is none."""
    run = desk.start("moving", number=1)
    desk.engine.away = True
    asked = (
        lambda: desk.engine.resume(run.case_id),
        lambda: desk.engine.finished(run.case_id),
        lambda: desk.engine.cancelled_runs(timedelta(hours=1)),
        lambda: desk.engine.start(Occurrence("moving", "x", 1, {}, None)),
        lambda: desk.engine.show_inbox([], "No question is open."),
        lambda: desk.engine.publish(run.case_id, "page", "# A page", "A page"),
    )
    for ask in asked:
        with pytest.raises(EngineAway):
            ask()


def test_a_task_is_tried_again_only_after_a_temporary_fault(desk: Desk) -> None:
    """Delays pass in virtual time; each further attempt is told that an earlier one may have acted."""
    run = desk.start("moving", number=1)
    desk.engine._current.append(run.case_id)
    told: list[bool] = []

    def attempt(again: bool) -> str:
        told.append(again)
        if len(told) < 3:
            raise Temporary("vans", "hire", "away")
        return "done"

    before = desk.engine.now()
    assert desk.engine.task("try", attempt, (1, 4, 15)) == "done"
    assert told == [False, True, True]
    assert (desk.engine.now() - before).total_seconds() == 5

    def refuse(again: bool) -> str:
        told.append(again)
        raise Refused("vans", "hire", "no")

    told.clear()
    with pytest.raises(Refused):
        desk.engine.task("try", refuse, (1, 4))
    assert told == [False]


def test_a_test_that_never_comes_to_rest_is_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that wakes itself for ever fails the test instead of hanging it."""
    run = desk.start("moving", number=1)

    def wakes_it(within: timedelta) -> list[str]:
        desk.engine.resume(run.case_id)
        return []

    monkeypatch.setattr(desk.engine, "cancelled_runs", wakes_it)
    with pytest.raises(AssertionError, match="do not come to rest"):
        desk.settle()
