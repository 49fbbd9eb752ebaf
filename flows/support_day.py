"""The support day of one rep."""

from __future__ import annotations

from casework.process import process
from tasks import reps


@process("support-day", subject=reps.today_of)
def support_day(rep: str) -> str:
    """Lead a rep (a staff id) through today."""
    raise NotImplementedError(rep)
