"""Waiting for the time alone: nobody is asked, nothing can be answered, and no process is held meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from casework import clock
from casework.answer import Form
from casework.people import Role
from casework.wait import wait_for

__all__ = ["AtLeast", "Nothing", "sleep_until"]


class Nothing(Form):
    """What nobody can answer."""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Until a moment (aware), and when that has come meanwhile, so many seconds."""

    moment: datetime
    seconds: float = 1.0

    def after(self, moment: datetime) -> datetime:
        """The moment, in UTC, at which it is over."""
        return max(clock.instant(self.moment), clock.instant(moment) + timedelta(seconds=self.seconds))


def sleep_until(moment: datetime, key: str) -> None:
    """Let the case rest until a moment (aware); one that has come is not waited for.

    `key` says in the case file what is waited for (`midday-opens`). It is no question: no inbox shows it.
    """
    if clock.now() < moment:
        wait_for(
            Nothing,
            key=key,
            question=f"Nobody is asked: the case goes on by itself at {clock.instant(moment):%d %B %Y, %H:%M} UTC.",
            who=Role(name="clock", people=()),
            within=AtLeast(moment),
        )
