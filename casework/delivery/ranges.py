"""Sets of byte ranges ``[start, end)``: what a browser says it has, as sorted spans that do not touch."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[int, int]


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The union of the spans; empty spans vanish, spans that touch become one."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return tuple(merged)


def covers(spans: Iterable[Span], size: int) -> bool:
    """Whether the union of the spans holds all of ``[0, size)``."""
    return size == 0 or any(start <= 0 and size <= end for start, end in merge(spans))
