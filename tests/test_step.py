"""Laws 1, 2 and 8 one by one: once, doubt is looked at, and ending early cleans up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from casework import clock
from casework.answer import Accepted
from casework.case import Kind
from casework.process import process, processes
from casework.step import DELAYS_SECONDS, case_id, case_page, lookup, reference, step
from casework.systems.errors import Temporary
from casework.wait import wait_for
from tests.desk import Desk
from tests.toy import ANA, BEN, CUSTOMER, OPERATOR, OWNERS, Approval, Killed, declined, keys, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")


def kill_after(what: str) -> None:
    """Kill the process at the moment after an effect, once."""

    def after(done: str) -> None:
        if done == what:
            outside.after = lambda what: None
            raise Killed

    outside.after = after


def interrupted(desk: Desk, number: int = 1) -> None:
    """Start a case whose process is killed on the way."""
    with pytest.raises(Killed):
        desk.start("moving", number=number)
    desk.engine.sleep(1)


def test_a_done_step_is_never_done_again(any_desk: Desk) -> None:
    """Law 1: resumed ten times for no reason, a case does nothing again and asks for no task."""
    run = any_desk.start("moving", number=1)
    done, tasks, written = list(outside.done), list(run.tasks), any_desk.entries(run)
    for _ in range(10):
        any_desk.engine.resume(run.case_id)
        any_desk.engine.run()
    assert (outside.done, run.tasks, any_desk.entries(run)) == (done, tasks, written)
    assert outside.calls["size"] == 1
    assert run.state == "suspended"


def test_a_done_step_survives_a_change_of_its_code(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 1: another release of the step's function changes nothing for a case that is past it."""
    from tests import toy

    run = desk.start("moving", number=1)
    monkeypatch.setattr(toy.reserve, "fn", lambda volume: pytest.fail("it was done again"))
    monkeypatch.setattr(toy.size, "fn", lambda number: 999)
    assert isinstance(say(run, "approval/1", ANA, verdict="yes"), Accepted)
    desk.settle()
    assert desk.waiting(run) == ["confirmation/1"]


def test_what_was_done_before_the_kill_is_found_and_adopted(any_desk: Desk) -> None:
    """Law 2: a process killed between effect and `step done` looks for the effect and does not repeat it."""
    kill_after("reserve")
    interrupted(any_desk)
    any_desk.settle()
    [run] = any_desk.engine.runs.values()
    assert outside.list().count("reserve") == outside.calls["reserve"] == 1
    [begun] = [e for e in any_desk.entries(run, Kind.STEP_BEGUN) if "reserve" in e.key]
    [done] = [e for e in any_desk.entries(run, Kind.STEP_DONE) if "reserve" in e.key]
    assert (begun.key, done.payload["result"]) == (done.key, f"reserve {outside.done[0][1]}")


def test_what_was_not_done_before_the_kill_is_done(desk: Desk) -> None:
    """Law 2: begun but without effect, the step is looked for, not found, and done."""
    outside.faults["reserve"] = [Killed()]
    interrupted(desk)
    desk.settle()
    assert outside.list().count("reserve") == 1
    assert outside.calls["reserve"] == 2


def test_a_repeated_step_keeps_its_reference(desk: Desk) -> None:
    """Law 2: every attempt of a step has one idempotency key, other places and other cases have others."""
    seen: list[str] = []

    @step(repeatable=True)
    def mark() -> str:
        seen.append(reference())
        if len(seen) == 1:
            raise Killed
        return reference()

    @process("marking", subject="toy:mark:{number}")
    def marking(number: int) -> str:
        mark()
        mark()
        return "marked"

    with pytest.raises(Killed):
        desk.start("marking", number=1)
    desk.engine.sleep(1)
    desk.settle()
    desk.start("marking", number=2)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 4
    assert len(seen) == 5
    assert all(mark.startswith("cw-") and len(mark) == 15 for mark in seen)


def test_a_temporary_fault_is_tried_again_after_looking(desk: Desk) -> None:
    """Within one leg a step is tried again after its delays, and looks first: the effect may be there."""

    def answer_is_lost(what: str) -> None:
        raise Temporary("vans", what, "the connection was cut", maybe_done=True)

    outside.after = answer_is_lost
    before = desk.engine.time
    run = desk.start("moving", number=1)
    assert desk.waiting(run) == ["approval/1"]
    assert outside.calls["reserve"] == 1
    assert outside.list() == ["reserve", f"tell {ANA.id}", f"tell {BEN.id}"]
    assert (desk.engine.time - before).total_seconds() == 3 * DELAYS_SECONDS[0]


def test_a_lookup_stays_as_it_was_first_seen(desk: Desk) -> None:
    """What a lookup saw stays true for the case, and a kill during a lookup only means another look."""
    facts: Iterator[Killed | str] = iter([Killed(), "first", "second"])

    @lookup
    def fact() -> str:
        found = next(facts)
        if isinstance(found, BaseException):
            raise found
        return found

    told: list[str] = []

    @process("knowing", subject="toy:know:{number}")
    def knowing(number: int) -> str:
        told.append(fact())
        wait_for(Approval, key="x", question="?", who=OWNERS, within=clock.Minutes(5))
        return "known"

    with pytest.raises(Killed):
        desk.start("knowing", number=1)
    desk.engine.sleep(1)
    desk.settle()
    desk.advance(minutes=10)
    assert told == ["first", "first"]


def test_a_step_says_how_it_is_safe_to_repeat() -> None:
    """A step with neither `find` nor `repeatable`, with both, or without a return type is refused."""
    with pytest.raises(TypeError, match="safe to repeat"):
        step()(lambda: None)
    with pytest.raises(TypeError, match="safe to repeat"):
        step(find=lambda: None, repeatable=True)(lambda: None)
    with pytest.raises(TypeError, match="needs a return type"):

        @step(repeatable=True)
        def silent():  # type: ignore[no-untyped-def]  # that is the claim
            pass


def test_a_step_belongs_to_a_case() -> None:
    """Outside of a process a step does nothing and says why, as `reference` does outside of a step."""
    from tests.toy import reserve

    with pytest.raises(RuntimeError, match="belong to a case"):
        reserve(1)
    with pytest.raises(RuntimeError, match="Only code inside a step"):
        reference()
    with pytest.raises(RuntimeError, match="Only code inside a step"):
        case_id()
    with pytest.raises(RuntimeError, match="belong to a case"):
        case_page()
    assert outside.done == []


def test_an_error_of_our_own_code_tells_no_values(desk: Desk) -> None:
    """A step that breaks parks the case with the kind and place of the error, not with what it was about."""
    outside.faults["reserve"] = [ValueError("secret customer name")]
    run = desk.start("moving", number=1)
    [parked] = desk.entries(run, Kind.FAULT_PARKED)
    assert "ValueError at toy.py:" in parked.payload["error"]
    assert all("secret" not in str(entry.payload) for entry in desk.entries(run))


# -- law 8: ending early


def test_a_cancelled_case_is_unwound_newest_first_and_once(any_desk: Desk) -> None:
    """Law 8: a run cancelled in the engine's pages, where no code runs, is unwound, newest first, once."""
    run = any_desk.start("moving", number=1)
    say(run, "approval/1", ANA, verdict="yes")
    any_desk.settle()
    any_desk.engine.cancel(run.case_id)
    any_desk.settle()
    any_desk.settle()
    assert any_desk.ending(run) == "cancelled"
    assert outside.list()[-2:] == ["send back", "release"]
    assert [key.split(":", 1)[1] for key in keys(any_desk, run, Kind.COMPENSATED)] == [
        "toy.hire/1",
        "toy.reserve/1",
    ]
    assert any_desk.waiting(run) == []
    assert run.state == "cancelled"
    any_desk.files.verify(run.case_id)


def test_an_unwinding_killed_in_the_middle_goes_on(any_desk: Desk) -> None:
    """Law 8: killed after an undoing that is not recorded yet, it undoes the rest and nothing twice."""
    for number, what in enumerate(("send back", "release"), start=1):
        outside.reset()
        run = any_desk.start("moving", number=number)
        say(run, "approval/1", ANA, verdict="yes")
        any_desk.settle()
        kill_after(what)
        any_desk.engine.cancel(run.case_id)
        with pytest.raises(Killed):
            any_desk.settle()
        any_desk.engine.sleep(1)
        any_desk.settle()
        assert any_desk.ending(run) == "cancelled"
        assert outside.list()[-2:] == ["send back", "release"]
        assert len(keys(any_desk, run, Kind.COMPENSATED)) == 2


@pytest.mark.parametrize("acted", [True, False])
def test_a_step_in_doubt_is_undone_too(desk: Desk, acted: bool) -> None:
    """Laws 2 and 8: killed inside a step, then cancelled, its effect is looked for and undone if found."""
    if acted:
        kill_after("reserve")
    else:
        outside.faults["reserve"] = [Killed()]
    interrupted(desk)
    [run] = desk.engine.runs.values()
    desk.engine.cancel(run.case_id)
    desk.settle()
    assert desk.ending(run) == "cancelled"
    assert outside.list() == (["reserve", "release"] if acted else [])
    assert outside.calls["reserve"] == 1


def test_a_repeatable_step_in_doubt_is_repeated_to_be_undone(desk: Desk) -> None:
    """A step without `find` is done again with its own arguments and reference, and then undone."""
    run = desk.start("moving", number=4)
    kill_after("hire")
    say(run, "approval/1", ANA, verdict="yes")
    with pytest.raises(Killed):
        desk.settle()
    desk.engine.sleep(1)
    desk.engine.cancel(run.case_id)
    desk.settle()
    assert outside.list()[-3:] == ["hire", "send back", "release"]


def test_the_operators_decide_about_an_undoing_that_fails(desk: Desk) -> None:
    """An undoing that fails is a question; retried it is done, given up it is recorded; the rest goes on."""
    for number, verdict in enumerate(("retry", "end the case"), start=1):
        outside.reset()
        run = desk.start("moving", number=number)
        say(run, "approval/1", ANA, verdict="yes")
        desk.settle()
        outside.faults["send back"] = [declined("send back")]
        desk.engine.cancel(run.case_id)
        desk.settle()
        [wait] = [name for name in desk.waiting(run) if name.startswith("fault>")]
        assert desk.ending(run) is None
        said = say(run, wait, OPERATOR, channel="cli", verdict=verdict, reason="it is gone")
        assert isinstance(said, Accepted), said
        desk.settle()
        assert desk.ending(run) == "cancelled"
        assert outside.list()[-1] == "release"
        assert ("send back" in outside.list()) == (verdict == "retry")
        hired = desk.entries(run, Kind.COMPENSATED)[0]
        assert hired.payload.get("given_up_by") == (None if verdict == "retry" else "operators")


def test_a_run_cancelled_before_its_first_leg_frees_its_subject(any_desk: Desk) -> None:
    """Cancelled before anything ran, a case closes without effect and its subject can be started again."""
    from casework import tick

    first, fresh = tick.start(any_desk.runtime, "moving", "toy:move:1", {"number": 1})
    assert fresh
    assert first is not None
    any_desk.engine._queue.clear()
    any_desk.engine.cancel(first)
    any_desk.settle()
    assert any_desk.files.case(first).ending == "cancelled"
    assert outside.done == []
    again = any_desk.start("moving", number=1)
    assert again.case_id != first
    assert any_desk.files.case(again.case_id).occurrence == 2


def test_the_watch_ends_a_case_that_has_lost_its_ground(desk: Desk) -> None:
    """A case that has lost its ground is unwound at its next look; a watch that cannot look ends nothing."""
    ground: list[str | Exception | None] = [None]

    def watch(number: int) -> str | None:
        if isinstance(ground[0], Exception):
            raise ground[0]
        return ground[0]

    moving = processes["moving"]
    processes["watched"] = type(moving)("watched", moving.function, "toy:watched:{number}", watch)
    run = desk.start("watched", number=1)
    for seen in (None, Temporary("Zendesk", "look", "away")):
        ground[0] = seen
        desk.engine.resume(run.case_id)
        desk.settle()
        assert desk.ending(run) is None
    ground[0] = "the ticket was closed"
    desk.engine.resume(run.case_id)
    desk.settle()
    assert desk.ending(run) == "cancelled"
    [asked] = desk.entries(run, Kind.CANCEL_ASKED)
    assert (asked.actor, asked.payload["reason"]) == ("watch", "the ticket was closed")
    assert outside.list()[-1] == "release"
    assert CUSTOMER.id not in str([entry.payload for entry in desk.entries(run)])
