"""Serving a download over HTTP, without a web framework: which bytes, which status, within which bounds.

Source: RFC 9110, sections 8.8.3 (entity tags), 13.1.5 (If-Range) and 14 (range requests). One range at a
time is served; several at once are refused, because nobody who downloads a file needs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from casework.delivery.ahead import ahead
from casework.delivery.links import Links, Refusal
from casework.delivery.sealing import SEGMENT_BYTES, Opener

MOST_COUNTED = 8 * SEGMENT_BYTES
"""How many bytes a stream may be counted for before they are sent: as many as the page's script asks for at once."""

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


def stream(answer: Plan, opener: Opener, links: Links, link_id: str, stream_id: str) -> Iterator[bytes]:
    """Decrypt the planned bytes; what is handed out was counted before, and the next is decrypted meanwhile.

    Counting is a write that waits for the disk, so it is done for more and more bytes at once: for the first block
    alone, then for twice as many as before, up to :data:`MOST_COUNTED`. A link that is revoked, or a second stream of
    the same claim, stops this one within that; a stream that breaks off has cost about twice what it gave.
    Raises :class:`StreamStopped`, :class:`~casework.delivery.sealing.SealBroken` and the vault's errors.
    """
    if answer.status == 416:
        return
    left, counted, step = answer.length, 0, 0
    with ahead(opener.read(answer.start, answer.end)) as blocks:
        for block in blocks:
            if counted < len(block):
                more = min(max(step, len(block) - counted), left - counted)
                refusal = links.record_sent(link_id, stream_id, more)
                if refusal is not None:
                    raise StreamStopped(link_id, refusal)
                counted += more
                step = min(2 * more, MOST_COUNTED)
            counted -= len(block)
            left -= len(block)
            yield block
