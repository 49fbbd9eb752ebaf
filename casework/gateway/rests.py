"""What has just been looked at rests: hints about it that come meanwhile are one look, when the rest is over.

A look costs a vendor's request and, where a case listens, a leg. The first hint about a thing is followed at once;
while more of them keep coming, the rests between looks grow, so that a thing of which a vendor tells hundreds of times
costs a few looks, and somebody who writes twice waits a second. Only hints rest: what people say to us directly, and
what comes due, goes another way. Nothing is lost with a gateway that dies: a hint's due time stands beside it in the
database, and this is only where that time comes from.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["FIRST_REST", "LONGEST_REST", "Rests"]

FIRST_REST = timedelta(seconds=1)
LONGEST_REST = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Rest:
    length: timedelta
    until: datetime

    @property
    def forgotten(self) -> datetime:
        """After as long again without a look, the next rest is a first one."""
        return self.until + self.length


class Rests:
    """Of the subjects that this gateway has looked at lately: until when hints about them wait."""

    def __init__(self) -> None:
        self._rests: dict[str, _Rest] = {}

    def begin(self, subjects: Iterable[str], now: datetime) -> None:
        """These are looked at now (UTC). To be called from one thread; `over` may be from any."""
        rests = {subject: rest for subject, rest in self._rests.items() if now <= rest.forgotten}
        for subject in subjects:
            before = rests.get(subject)
            length = FIRST_REST if before is None else min(before.length * 2, LONGEST_REST)
            # Spread, so that things that were told of together are not looked at together ever after.
            rests[subject] = _Rest(length, now + length * random.uniform(0.75, 1))  # noqa: S311 - not a secret
        self._rests = rests

    def any_kept(self, now: datetime) -> bool:
        """Whether a hint may wait (UTC) for the end of a rest, or one has just ended."""
        return any(now <= rest.forgotten for rest in self._rests.values())

    def over(self, subject: str, now: datetime) -> datetime:
        """From when (UTC) a hint about this that comes now may be followed."""
        rest = self._rests.get(subject)
        return now if rest is None else max(now, rest.until)
