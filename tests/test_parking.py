"""Law 7: nothing dies of a vendor; a step that cannot be done is a question to the operators."""

from __future__ import annotations

import pytest

from casework.answer import Accepted, Refused
from casework.case import Kind
from casework.clock import Minutes
from casework.engine.simulated import Run
from casework.process import process
from casework.step import step
from casework.systems.errors import Misconfigured, NotFound, SystemFault, Temporary
from casework.systems.errors import Refused as Declined
from casework.wait import wait_for
from tests.desk import Desk
from tests.toy import ANA, OPERATOR, OWNERS, Confirmation, declined, keys, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")

HIRING = "fault>toy.hire/1/1"


def parked(desk: Desk, *faults: BaseException) -> Run:
    """A case that cannot hire a van."""
    outside.faults["hire"] = list(faults or [declined()])
    run = desk.start("moving", number=1)
    say(run, "approval/1", ANA, verdict="yes")
    desk.settle()
    return run


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (Declined("vans", "hire", "no", status=409), 1),
        (Misconfigured("vans", "hire", "no key", status=401), 1),
        (NotFound("vans", "hire", "no such van", status=404), 1),
        (Temporary("vans", "hire", "away", status=503), 4),
        (ValueError("of our own"), 1),
    ],
)
def test_a_fault_parks_the_case(any_desk: Desk, fault: BaseException, tries: int) -> None:
    """A fault, tried again only where that helps, becomes a question to the operators; the run is not failed."""
    run = parked(any_desk, *[fault] * tries)
    assert outside.calls["hire"] == tries
    assert any_desk.waiting(run) == [HIRING]
    assert (run.state, any_desk.ending(run)) == ("suspended", None)
    [entry] = any_desk.entries(run, Kind.FAULT_PARKED)
    assert entry.payload["kind"] == (type(fault).__name__ if isinstance(fault, SystemFault) else "Fault")
    assert run.pause is not None
    assert str(entry.payload["error"]) in run.pause.question


def later() -> Temporary:
    """The limit of the day is used up."""
    return Temporary("vans", "hire", "no more today", status=429, retry_after=900.0)


def test_a_system_that_says_when_to_come_again(any_desk: Desk) -> None:
    """It is asked again then, and not before: no quick attempts, and nobody has to say that it may be retried."""
    run = parked(any_desk, later(), later())
    assert outside.calls["hire"] == 1
    assert any_desk.waiting(run) == [HIRING]
    any_desk.advance(minutes=14)
    assert outside.calls["hire"] == 1
    any_desk.advance(minutes=2)
    assert outside.calls["hire"] == 2
    any_desk.advance(minutes=16)
    assert (outside.calls["hire"], any_desk.waiting(run)) == (3, ["confirmation/1"])
    any_desk.files.verify(run.case_id)


def test_the_operators_need_not_wait_for_it(desk: Desk) -> None:
    """They may retry sooner, or end the case; an answer to an old fault settles nothing about a new one."""
    run = parked(desk, later(), later())
    assert isinstance(say(run, HIRING, OPERATOR, channel="cli", verdict="retry"), Accepted)
    desk.settle()
    assert desk.waiting(run) == ["fault>toy.hire/1/2"]
    assert isinstance(say(run, HIRING, OPERATOR, channel="cli", verdict="retry"), Refused)
    said = say(run, "fault>toy.hire/1/2", OPERATOR, channel="cli", verdict="end the case", reason="no vans")
    assert isinstance(said, Accepted)
    desk.settle()
    assert desk.ending(run) == "cancelled"


def test_one_that_always_says_later(desk: Desk) -> None:
    """It is asked less and less often; after a day and a half the operators are told, as of any other fault."""
    run = parked(desk, *[later()] * 12)
    desk.advance(minutes=60 * 36)
    assert outside.calls["hire"] == 12
    faults = desk.entries(run, Kind.FAULT_PARKED)
    assert ["again_at" in fault.payload for fault in faults] == [True] * 11 + [False]
    assert desk.waiting(run) == ["fault>toy.hire/1/12"]
    desk.advance(minutes=60 * 24)
    assert outside.calls["hire"] == 12


def test_retried_a_step_goes_on_under_its_key(any_desk: Desk) -> None:
    """Once the cause is gone the operators retry: one effect, one key, one completion, then the case goes on."""
    run = parked(any_desk)
    assert isinstance(say(run, HIRING, OPERATOR, channel="cli", verdict="retry"), Accepted)
    any_desk.settle()
    assert outside.list()[-1] == "hire"
    assert outside.calls["hire"] == 2
    assert any_desk.waiting(run) == ["confirmation/1"]
    any_desk.files.verify(run.case_id)


def test_retried_in_vain_it_is_asked_again(desk: Desk) -> None:
    """Each fault is a question of its own; the answer to an old one does not count for the new one."""
    run = parked(desk, declined(), declined())
    say(run, HIRING, OPERATOR, channel="cli", verdict="retry")
    desk.settle()
    assert desk.waiting(run) == ["fault>toy.hire/1/2"]
    assert isinstance(say(run, HIRING, OPERATOR, channel="cli", verdict="retry"), Refused)
    say(run, "fault>toy.hire/1/2", OPERATOR, channel="cli", verdict="retry")
    desk.settle()
    assert desk.waiting(run) == ["confirmation/1"]


def test_ended_by_the_operators_a_case_is_unwound(any_desk: Desk) -> None:
    """Ending a case needs a reason and undoes what was done; the operators are asked about what is unclear."""
    run = parked(any_desk, declined(), declined())
    assert isinstance(say(run, HIRING, OPERATOR, channel="cli", verdict="end the case"), Refused)
    said = say(run, HIRING, OPERATOR, channel="cli", verdict="end the case", reason="no vans")
    assert isinstance(said, Accepted)
    any_desk.settle()
    assert any_desk.waiting(run) == ["fault>undo:toy.hire/1>look/1"]
    say(run, "fault>undo:toy.hire/1>look/1", OPERATOR, channel="cli", verdict="skip", reason="there is no van")
    any_desk.settle()
    assert any_desk.ending(run) == "cancelled"
    assert outside.list()[-1] == "release"
    assert "send back" not in outside.list()


def test_a_step_is_skipped_only_where_the_case_can_do_without(desk: Desk) -> None:
    """A step whose result may be None can be skipped, with a reason; then it is never done and never undone."""

    @step(repeatable=True)
    def unpack(done: str | None) -> None:
        """Undo a nicety."""
        outside.once("unpack")

    @step(repeatable=True, undo=unpack)
    def nicety() -> str | None:
        """Something nice."""
        return outside.once("nicety")

    @process("nice", subject="toy:nice:{number}")
    def nice(number: int) -> str:
        given = nicety()
        wait_for(Confirmation, key="x", question="?", who=OWNERS, within=Minutes(5))
        return f"with {given}"

    outside.faults["nicety"] = [declined("nicety")]
    run = desk.start("nice", number=1)
    [wait] = desk.waiting(run)
    assert isinstance(say(run, wait, OPERATOR, channel="cli", verdict="skip"), Refused)
    said = say(run, wait, OPERATOR, channel="cli", verdict="skip", reason="never mind")
    assert isinstance(said, Accepted)
    desk.settle()
    assert desk.waiting(run) == ["x/1"]
    desk.engine.cancel(run.case_id)
    desk.settle()
    assert desk.ending(run) == "cancelled"
    assert outside.list() == []
    assert isinstance(say(parked(desk), HIRING, OPERATOR, channel="cli", verdict="skip", reason="?"), Refused)


def test_only_operators_decide_about_faults(desk: Desk) -> None:
    """Whoever owns the case's own questions has no say in its faults."""
    run = parked(desk)
    assert isinstance(say(run, HIRING, ANA, verdict="retry"), Refused)
    assert desk.waiting(run) == [HIRING]


def test_nobody_answers_for_ninety_days(desk: Desk) -> None:
    """A parked case looks once a day whether it still stands, and is unwound when nobody has answered in 90 days."""
    run = parked(desk)
    desk.advance(days=89)
    assert run.legs < 95
    assert desk.ending(run) is None
    desk.advance(days=2)
    assert keys(desk, run, Kind.DEADLINE_PASSED) == [HIRING]
    assert desk.ending(run) == "cancelled"
    assert outside.list()[-1] == "release"


def test_an_announcement_that_fails_parks_too_but_the_question_counts(desk: Desk) -> None:
    """When telling one person fails, the others may answer already, and the case goes on with the answer."""
    outside.faults[f"tell {ANA.id}"] = [declined("tell")]
    run = desk.start("moving", number=1)
    assert sorted(name.split("/")[0] for name in desk.waiting(run)) == ["approval", "fault>approval"]
    assert isinstance(say(run, "approval/1", ANA, verdict="yes"), Accepted)
    desk.settle()
    assert "hire" in outside.list()


def test_a_body_that_breaks_parks_and_can_be_mended(desk: Desk) -> None:
    """An error in flow code is a question as well; after a release that mends it the case goes on."""
    broken = [True]

    @process("breaking", subject="toy:break:{number}")
    def breaking(number: int) -> str:
        if broken[0]:
            raise KeyError("somebody's name")
        return "mended"

    run = desk.start("breaking", number=1)
    assert desk.waiting(run) == ["fault>body/1"]
    assert "somebody" not in str(desk.entries(run, Kind.FAULT_PARKED)[0].payload)
    say(run, "fault>body/1", OPERATOR, channel="cli", verdict="retry")
    desk.settle()
    assert desk.waiting(run) == ["fault>body/2"]
    broken[0] = False
    say(run, "fault>body/2", OPERATOR, channel="cli", verdict="retry")
    desk.settle()
    assert desk.ending(run) == "mended"
