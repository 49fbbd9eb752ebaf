"""Serving a download over HTTP, without a web framework: which bytes, which status, within which bounds.

Source: RFC 9110, sections 8.8.3 (entity tags), 13.1.5 (If-Range) and 14 (range requests). One range at a
time is served; several at once are refused, because nobody who downloads a file needs them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass

from casework.delivery.links import Links, Refusal
from casework.delivery.sealing import SEGMENT_BYTES, Opener

AT_ONCE = 8 * SEGMENT_BYTES
"""How many bytes a stream may be counted for before they are sent: as many as the page's script asks for at once."""

MOST_AT_ONCE = 8 * AT_ONCE
"""How many it may be, in a long stream, where they are sent within `SOON_SECONDS`."""

SOON_SECONDS = 0.05

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.IGNORECASE)


class StreamStopped(Exception):
    """A stream ends early: the link ended, a newer stream took over, or the claim's cap is reached."""

    def __init__(self, link_id: str, refusal: Refusal) -> None:
        super().__init__(f"the stream of link {link_id} stops: {refusal}")
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Plan:
    """What to answer: bytes ``[start, end)`` of ``size``, with status 200, 206 or 416 (then no bytes)."""

    status: int
    start: int
    end: int
    size: int
    etag: str

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def whole(self) -> bool:
        return self.status == 200

    def headers(self) -> dict[str, str]:
        """The headers that follow from the plan; security headers are the gateway's."""
        headers = {"accept-ranges": "bytes", "etag": self.etag, "content-length": str(self.length)}
        if self.status == 206:
            headers["content-range"] = f"bytes {self.start}-{self.end - 1}/{self.size}"
        if self.status == 416:
            headers["content-range"] = f"bytes */{self.size}"
        return headers


def etag(plain_sha256: str) -> str:
    """The strong entity tag of a file with this SHA-256 (hex)."""
    return f'"{plain_sha256}"'


def plan(size: int, plain_sha256: str, range_header: str | None = None, if_range: str | None = None) -> Plan:
    """Plan the answer to a GET of ``size`` bytes with these request headers.

    A range that is not understood is ignored, as the standard asks; so is one whose If-Range is not exactly
    our entity tag (a date or a weak tag never is).
    """
    tag = etag(plain_sha256)
    whole = Plan(200, 0, size, size, tag)
    refused = Plan(416, 0, 0, size, tag)
    if range_header is None or (if_range is not None and if_range.strip() != tag):
        return whole
    told = range_header.strip()
    if told.lower().startswith("bytes=") and "," in told:
        return refused
    match = _RANGE.fullmatch(told)
    if match is None or match.group(1, 2) == ("", ""):
        return whole
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return whole
    return Plan(206, start, end, size, tag) if start < end else refused


def stream(
    answer: Plan, opener: Opener, links: Links, link_id: str, stream_id: str
) -> Generator[memoryview, None, None]:
    """Decrypt the planned bytes, each piece when it is asked for; what is handed out was counted before.

    A link that is revoked, or a second stream of the same claim, stops this one within :data:`AT_ONCE`, or what is sent
    within :data:`SOON_SECONDS`.
    Raises :class:`StreamStopped`, :class:`~casework.delivery.sealing.SealBroken` and the vault's errors.
    """
    if answer.status == 416:
        return

    def count(size: int) -> None:
        refusal = links.record_sent(link_id, stream_id, size)
        if refusal is not None:
            raise StreamStopped(link_id, refusal)

    with closing(Counting(count, answer.length)) as counting:
        for block in opener.read(answer.start, answer.end):
            counting.spend(len(block))
            yield block


class Counting:
    """Counts a stream's bytes before they are sent, for more and more of them at once.

    Counting is a write that waits for the disk. It is done for the first block alone, then for as many bytes as were
    sent: a stream that breaks off has cost at most twice what it gave. Once :data:`AT_ONCE` were sent, the next bytes
    are counted in a thread while the last ones are sent; never more than that many are counted in advance, but for a
    fast line: there up to a thirty-second of the stream, so that it may break off many times.
    """

    def __init__(
        self, count: Callable[[int], None], size: int, seconds: Callable[[], float] = time.perf_counter
    ) -> None:
        self._count, self._seconds = count, seconds
        self._sent, self._counted, self._uncounted = 0, 0, size
        self._thread = ThreadPoolExecutor(1, "count")
        self._begun: tuple[Future[None], int] | None = None
        self._at_once, self._most = AT_ONCE, min(max(AT_ONCE, size // 32), MOST_AT_ONCE)
        self._since = seconds()

    def spend(self, size: int) -> None:
        """Return when the next ``size`` bytes are counted, to be sent now. Raises what ``count`` raises."""
        while self._counted < size:
            if self._begun is None:
                more = min(max(self._sent, size - self._counted), self._uncounted, self._at_once)
                self._count(more)
                self._uncounted -= more
            else:
                counted, more = self._begun
                counted.result()
                self._begun = None
            self._counted += more
        self._counted -= size
        few_left = self._counted <= self._at_once // 4
        if self._begun is None and self._uncounted and self._sent >= AT_ONCE and few_left:
            self._adjust()
            more = min(min(self._at_once, self._sent - size) - self._counted, self._uncounted)
            # The context goes along: counting asks for the clock that is in force.
            self._begun = self._thread.submit(copy_context().run, self._count, more), more
            self._uncounted -= more
        self._sent += size

    def _adjust(self) -> None:
        """Count twice as many at once where the last went out in half of the time; on a slow line the fewest."""
        now = self._seconds()
        took, self._since = now - self._since, now
        if took > SOON_SECONDS:
            self._at_once = AT_ONCE
        elif took < SOON_SECONDS / 2:
            self._at_once = min(2 * self._at_once, self._most)

    def close(self) -> None:
        """Count no more. What is being counted is not waited for: its database may be away."""
        self._thread.shutdown(wait=False, cancel_futures=True)
