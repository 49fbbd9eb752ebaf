"""The org's allowance of requests: a number in rolling 24 hours that people's own tools draw on too.

Salesforce names it on every answer: `Sforce-Limit-Info: api-usage=18/5000`. Before the last of it is used we stop,
so that nobody's work stands still because of ours; every few minutes one request may look whether there is room.
Source: Salesforce, "REST API Developer Guide", "Limit Info Header".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import Lock

from casework.systems.errors import Temporary

LOOK_AGAIN = 900.0
"""Seconds without a request after the allowance was nearly used up: the window rolls on, so it comes back slowly."""

_USAGE = re.compile(r"(?:^|[\s;,])api-usage=(\d{1,12})/(\d{1,12})")


class Allowance:
    """What is known of the allowance. `reserve` is the part of it, from 0 to 1, that is left to others.

    `seconds` is a clock that only goes forward.
    """

    def __init__(self, reserve: float, seconds: Callable[[], float]) -> None:
        if not 0 <= reserve < 1:
            raise ValueError("reserve must be from 0 to below 1")
        self._reserve = reserve
        self._seconds = seconds
        self._lock = Lock()
        self._used = self._of = 0
        self._next_look = 0.0

    def note(self, header: str | None) -> None:
        """Take over what an answer says of it; one that says nothing changes nothing."""
        if header is not None and (found := _USAGE.search(header)):
            with self._lock:
                self._used, self._of = int(found.group(1)), int(found.group(2))
                self._next_look = self._seconds() + LOOK_AGAIN

    def exhausted(self) -> None:
        """Salesforce has refused a request because of the allowance."""
        with self._lock:
            self._used = self._of = max(self._of, 1)
            self._next_look = self._seconds() + LOOK_AGAIN

    def demand(self, operation: str) -> None:
        """Pass when there is room for a request. Raises `Temporary`, with when to try again, when there is not."""
        with self._lock:
            if self._of == 0 or self._used < self._of * (1 - self._reserve):
                return
            wait = self._next_look - self._seconds()
            if wait <= 0:
                self._next_look = self._seconds() + LOOK_AGAIN
                return
        detail = (
            f"{self._used} of the org's {self._of} requests in 24 hours are used, and the rest is left to people: "
            "find in its Setup what uses them up, or buy more, or lower salesforce.reserve"
        )
        raise Temporary("Salesforce", operation, detail, retry_after=wait)
