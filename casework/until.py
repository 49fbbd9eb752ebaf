"""Waiting for the time, or for what others do in a system meanwhile: nobody is asked, and no process is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from casework import clock
from casework.answer import Form
from casework.clock import Delay
from casework.people import Identity, Person, Role
from casework.wait import Heard, wait_for

__all__ = ["AtLeast", "Nothing", "sleep_until"]

_CLOCK = Person(id="clock")


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


def sleep_until(
    moment: datetime,
    key: str,
    *,
    listens: str | None = None,
    look: Callable[[], bool] | None = None,
    look_every: Delay | None = None,
) -> None:
    """Let the case rest until a moment (aware), or until `look` says that there is no reason to any more.

    A moment that has come is not waited for. It is no question: no inbox shows it, and no person can answer.

    Args:
        moment: until when.
        key: says in the case file what is waited for (`midday-opens`).
        listens: the thing whose hints are a reason to look.
        look: must not change anything.
        look_every: how often to look when no hint says so.
    """
    if moment <= clock.now():
        return

    def seen(_since: datetime) -> list[Heard]:
        return [Heard(Identity(kind="system", value=_CLOCK.id), {}, f"{_CLOCK.id}:{key}")] if look and look() else []

    wait_for(
        Nothing,
        key=key,
        question=f"Nobody is asked: the case goes on by itself at {clock.instant(moment):%d %B %Y, %H:%M} UTC.",
        who=Role(name=_CLOCK.id, people=(_CLOCK,) if look else ()),
        within=AtLeast(moment),
        listens=listens,
        look=seen if look else None,
        look_every=look_every,
    )
