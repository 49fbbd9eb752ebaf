"""Cutting a stream of bytes into pieces of given sizes, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class StreamLength(ValueError):
    """A stream has another length than was said to a vendor that wants to know it before the first byte."""


def rechunk(chunks: Iterable[bytes], sizes: Iterator[int]) -> Iterator[bytes]:
    """`chunks` as pieces of the next of `sizes` each; the last may be shorter. Nothing comes of nothing."""
    pending = bytearray()
    size = next(sizes)
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            take = view[: size - len(pending)]
            pending += take
            view = view[len(take) :]
            if len(pending) == size:
                yield bytes(pending)
                pending.clear()
                size = next(sizes)
    if pending:
        yield bytes(pending)
