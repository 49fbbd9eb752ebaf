"""A stream whose source runs ahead: the same chunks, bounded, and never a part of it taken for the whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.delivery.ahead import ahead

MANY = [bytes([number]) for number in range(100)]


@given(st.lists(st.binary(max_size=8), max_size=40), st.integers(1, 5))
def test_the_same_chunks(chunks: list[bytes], most: int) -> None:
    """Every chunk arrives, once and in order, empty ones too."""
    with ahead(chunks, most) as found:
        assert list(found) == chunks


def test_the_source_is_a_few_chunks_ahead_at_most() -> None:
    """A reader that rests has the source rest too: memory stays bounded however long the stream is."""
    given_out: list[bytes] = []
    full = threading.Event()

    def source() -> Iterator[bytes]:
        for chunk in MANY:
            given_out.append(chunk)
            if len(given_out) == 5:
                full.set()
            yield chunk

    with ahead(source(), 4) as found:
        assert next(found) == MANY[0]
        assert full.wait(10)
        assert not threading.Event().wait(0.05)
        assert len(given_out) <= 6, "one taken, four waiting, one in hand"


def test_an_error_arrives_in_its_place() -> None:
    """What the source gave before it failed arrives first; then its error, as it was raised."""

    def source() -> Iterator[bytes]:
        yield from MANY[:3]
        raise LookupError("the vault is away")

    with ahead(source()) as found:
        assert [next(found) for _ in range(3)] == MANY[:3]
        with pytest.raises(LookupError, match="the vault is away"):
            next(found)


def test_what_nobody_wants_is_closed() -> None:
    """A reader that leaves ends the source soon after, by the thread that ran it."""
    closed: list[str] = []
    over = threading.Event()

    def source() -> Iterator[bytes]:
        try:
            yield from MANY
        finally:
            closed.append(threading.current_thread().name)
            over.set()

    with ahead(source(), 2) as found:
        next(found)
    assert over.wait(10)
    assert closed == ["ahead"]


def test_a_part_is_never_taken_for_the_whole() -> None:
    """A later stage that still reads when the earlier one is given up gets an error, not an end."""
    with ahead(MANY, 2) as found:
        assert next(found) == MANY[0]
    with pytest.raises(Exception, match="nobody takes the rest"):
        list(found)


def test_the_context_goes_along() -> None:
    """The source sees the context variables of whoever started it, such as the clock in force."""
    name: ContextVar[bytes] = ContextVar("name", default=b"none")

    def source() -> Iterator[bytes]:
        yield name.get()

    name.set(b"mine")
    with ahead(source()) as found:
        assert list(found) == [b"mine"]
