"""The Monday review of a rep's hours."""

from __future__ import annotations

from casework.process import process
from tasks import reps


@process("schedule-review", subject=reps.week_of)
def schedule_review(rep: str) -> str:
    """Have a rep (a staff id) confirm the hours of this week."""
    raise NotImplementedError(rep)
