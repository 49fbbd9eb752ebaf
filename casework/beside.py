"""One case opens another and learns of its end through the case files: no run of the engine is anybody's child.

Either lives on its own: what kills, cancels or parks one does nothing to the other. Whoever opened a case waits for it
like for any other news, by `wait_for(listens=subject, look=…)`: the end of a case is a hint about its subject
(`casework.occurrence`), so the wait is woken by it, and its look asks `ending_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from casework import runtime, tick
from casework.process import processes

__all__ = ["Ended", "ending_of", "open_case"]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a case ended, and when (UTC)."""

    ending: str
    case_id: str
    at: datetime


def open_case(process: str, parameters: Mapping[str, Any]) -> str:
    """Have a process of this deployment started with these parameters, once for what they are about.

    Repeatable: what has a case of this process, or had one, gets no other, whoever had it started. While the engine is
    away the start is kept, and the clock makes up for it.

    Returns:
        What the case is about (`zendesk:ticket:4711`), for `ending_of` and for a wait to listen to.

    Raises:
        KeyError: there is no such process.
    """
    around = runtime.current()
    subject = processes[process].subject_of(parameters)
    occurrence, _ = around.files.occurrence(process, subject, parameters, again=False)
    tick.begin(around, occurrence)
    return subject


def ending_of(process: str, subject: str) -> Ended | None:
    """How the newest case of a process about a subject ended; None while there is none, or it is not over.

    A subject that was given its next case meanwhile, because somebody had more to say, is not over either.
    """
    files = runtime.current().files
    case, newest = files.last_ended(process, subject), files.latest(process, subject)
    if case is None or newest is None or case.closed_at is None or case.occurrence < newest.number:
        return None
    return Ended(case.ending or "", case.case_id, case.closed_at)
