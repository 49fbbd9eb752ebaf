"""What HubSpot lets us ask: so much in a second, in ten seconds, and in a day of the whole account's own apps.

A refused request was not done. After the short limits it may come again in seconds; the day's requests come back at
midnight in the account's time zone, which the API does not tell, so there we look again every quarter of an hour.
Before the last of a day's requests is used we stop, because the account's other private apps draw on them too.
Source: HubSpot, "API usage guidelines and limits".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import httpx

from casework.systems.errors import Temporary, vendor_code

LOOK_AGAIN = 900.0
"""Seconds without a request after the day's requests were nearly used up."""
SHORT: Mapping[str, float] = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
"""Seconds until a short limit lets requests through again, by its `policyName`."""

SYSTEM = "HubSpot"
_DAILY = "DAILY"
_WHAT_TO_DO = (
    "find in its settings (Integrations, API usage) what uses them up, or buy more, or lower hubspot.reserve; "
    "they come back at midnight in the account's time zone"
)


class Limits:
    """What is known of the day's requests. `reserve` is the part of them, from 0 to 1, that is left to other apps.

    `seconds` is a clock that only goes forward.
    """

    def __init__(self, reserve: float, seconds: Callable[[], float]) -> None:
        if not 0 <= reserve < 1:
            raise ValueError("reserve must be from 0 to below 1")
        self._reserve = reserve
        self._seconds = seconds
        self._lock = Lock()
        self._of: int | None = None
        self._left = 0
        self._next_look = 0.0

    def note(self, headers: Mapping[str, str]) -> None:
        """Take over what an answer says of the day; answers to searches say nothing, which changes nothing."""
        of, left = headers.get("x-hubspot-ratelimit-daily", ""), headers.get("x-hubspot-ratelimit-daily-remaining", "")
        if of.isdecimal() and left.isdecimal():
            with self._lock:
                self._of, self._left = int(of), int(left)
                self._next_look = self._seconds() + LOOK_AGAIN

    def demand(self, operation: str) -> None:
        """Pass when there is room for a request. Raises `Temporary`, with when to try again, when there is not."""
        with self._lock:
            if self._of is None or self._left > self._of * self._reserve:
                return
            wait = self._next_look - self._seconds()
            if wait <= 0:
                self._next_look = self._seconds() + LOOK_AGAIN
                return
            detail = f"{self._left} of the account's {self._of} requests of a day are left, for others: {_WHAT_TO_DO}"
        raise Temporary(SYSTEM, operation, detail, retry_after=wait)

    def refused(self, operation: str, answer: httpx.Response, said: Mapping[str, Any]) -> Temporary:
        """The fault that a 429 is: which limit was met, and when to try again.

        `Retry-After` counts where it is sent and longer; HubSpot does not promise it.
        """
        policy = (vendor_code(said.get("policyName")) or "").upper()
        given = answer.headers.get("retry-after", "")
        asked = float(given) if given.isascii() and given.isdecimal() else 0.0
        if policy != _DAILY:
            wait = max(asked, SHORT.get(policy, max(SHORT.values())))
            detail = f"too many requests at once ({policy or 'no policy named'})"
            return Temporary(SYSTEM, operation, detail, status=429, retry_after=wait)
        wait = max(asked, LOOK_AGAIN)
        with self._lock:
            self._of, self._left = self._of or 1, 0
            self._next_look = self._seconds() + wait
        detail = f"the account's requests of the day are used up (DAILY): {_WHAT_TO_DO}"
        return Temporary(SYSTEM, operation, detail, status=429, retry_after=wait)
