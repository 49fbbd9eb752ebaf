"""A process that asks, acts on a yes, and asks again: a leg resumed by an answer does one step and suspends."""

from __future__ import annotations

from casework.clock import Minutes
from casework.people import Person, Role
from casework.process import process
from casework.step import step
from casework.wait import wait_for
from flows.data_export_forms import Approval

__all__ = ["DECIDER", "lean"]

DECIDER = Person(id="staff-13")


@step(repeatable=True)
def act(number: int) -> int:
    """Does nothing outside, so that only what surrounds a step is seen."""
    return number


@process("lean", subject="tests:lean:{number}")
def lean(number: int, questions: int) -> str:
    """Ask as many questions, and act after each."""
    for one in range(questions):
        # The form is one that every gateway knows.
        wait_for(
            Approval,
            key=f"question-{one + 1}",
            question="May it be done?",
            who=Role(name="decider", people=(DECIDER,)),
            within=Minutes(60 * 24 * 30),
        )
        act(number)
    return "done"
