"""When a question's reminders, escalations, marks and deadline come: pure functions of the policy and the moment asked.

Working time, zones, holidays and daylight saving are in the delays; nothing here looks at a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from casework.clock import Delay, instant

__all__ = ["Due", "Moment", "mark_at", "moments"]


class Due(StrEnum):
    """What comes due."""

    REMINDER = "reminder"
    ESCALATION = "escalation"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """Something that comes due at a moment (UTC); `number` counts from 1 within its kind."""

    at: datetime
    what: Due
    number: int


def moments(
    asked_at: datetime, within: Delay, remind: Sequence[Delay] = (), escalate: Sequence[Delay] = ()
) -> tuple[Moment, ...]:
    """All that comes due, in order; the deadline last.

    What would come at or after the deadline, or not after the asking, never comes: a ladder that was laid out for
    a longer wait loses its upper rungs.

    Raises:
        ValueError: `asked_at` has no zone, or the deadline is not after it.
    """
    asked = instant(asked_at)
    deadline = within.after(asked)
    if deadline <= asked:
        raise ValueError("A question needs some time to be answered: its deadline is not after its asking.")
    steps = [(Due.REMINDER, remind), (Due.ESCALATION, escalate)]
    ladder = [
        Moment(at, what, number)
        for what, delays in steps
        for number, delay in enumerate(delays, start=1)
        if asked < (at := delay.after(asked)) < deadline
    ]
    return (*sorted(ladder), Moment(deadline, Due.DEADLINE, 1))


def mark_at(asked: Mapping[str, Any], now: datetime) -> str:
    """The words that a question is marked with at a moment (UTC), by what its file says of the asking; mostly empty."""
    come = [words for since, words in asked.get("marks", ()) if datetime.fromisoformat(since) <= now]
    return str(come[-1]) if come else ""
