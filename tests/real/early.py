"""A process that asks one question and, after a yes, does one thing outside, where it is counted."""

from __future__ import annotations

from casework.clock import Minutes
from casework.people import Person, Role
from casework.process import process
from casework.step import case_id, step
from casework.wait import wait_for
from flows.data_export_forms import Approval, Verdict
from tests.real.world import do, was_done

__all__ = ["DECIDER", "ONCE", "WAIT", "early"]

DECIDER = Person(id="staff-13")
WAIT = "early/1"
ONCE = 1
"""The number of the one thing that is done for a case."""


def look(place: str) -> str | None:
    """What was done for this case, if it was."""
    return was_done(place, case_id(), ONCE)


@step(find=look)
def act(place: str) -> str:
    """Do the thing; done twice, it counts twice."""
    return do(place, case_id(), ONCE)


@process("early", subject="tests:early:{number}")
def early(number: int, place: str) -> str:
    """Ask whether it may be done, and do it at `place`."""
    # The form is one that every gateway knows.
    approval = wait_for(
        Approval,
        key="early",
        question="May it be done?",
        who=Role(name="decider", people=(DECIDER,)),
        within=Minutes(60 * 24 * 30),
    )
    if approval is None or approval.verdict is not Verdict.APPROVE:
        return "refused"
    act(place)
    return "done"
