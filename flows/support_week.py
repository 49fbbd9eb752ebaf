"""The roll-up of a week of support days."""

from __future__ import annotations

from casework.process import process


@process("support-week", subject="support:week")
def support_week() -> str:
    """Roll up the week before."""
    raise NotImplementedError
