"""The process that is measured: it asks, is answered, does one thing outside as a step, and asks again.

With each thing it does it tells the world when the leg that does it came to be, entered the body, and began the step
(Unix seconds). So a leg can be looked into without anything in the product that serves measuring.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from casework.clock import Minutes
from casework.people import Person, Role
from casework.process import process
from casework.step import case_id, step
from casework.wait import wait_for
from flows.data_export_forms import Approval, Verdict
from tests.real.world import do, was_done

__all__ = ["DECIDER", "PROCESS", "WAIT", "asker", "wait_name"]

PROCESS = "bench-answers"
WAIT = "go"
DECIDER = Person(id="staff-13")
A_MONTH = Minutes(60 * 24 * 30)

_forked: list[float] = []
_entered: list[float] = []
os.register_at_fork(after_in_child=lambda: _forked.append(time.time()))


def wait_name(number: int) -> str:
    """The name of the question that comes after so many things done."""
    return f"{WAIT}/{number + 1}"


def _born() -> float:
    """When this process was forked; when it was started, if it is not a fork of one that had read this module."""
    if _forked:
        return _forked[-1]
    # proc(5): field 22, in clock ticks after the boot; the second field may have spaces and ends with a bracket.
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def look(place: str, number: int) -> str | None:
    """What was done for this case under this number, if it was."""
    return was_done(place, case_id(), number)


@step(find=look)
def act(place: str, number: int) -> str:
    """Do the thing; done twice, it counts twice."""
    return do(place, case_id(), number, born=_born(), body=_entered[-1], step=time.time())


@process(PROCESS, subject="bench:case:{number}")
def asker(number: int, place: str, rounds: int) -> str:  # noqa: ARG001 - the number tells the cases apart
    """Ask whether it may be done, and do it at `place`; so many times."""
    _entered.append(time.time())
    for done in range(rounds):
        # The form is one that every gateway knows.
        approval = wait_for(
            Approval,
            key=WAIT,
            question="May it be done?",
            who=Role(name="decider", people=(DECIDER,)),
            within=A_MONTH,
        )
        if approval is None or approval.verdict is not Verdict.APPROVE:
            return "refused"
        act(place, done)
    return "done"
