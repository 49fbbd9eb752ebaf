"""Both ends of a stream at work at once: its source runs ahead in a thread of its own, by a few chunks.

Hashing, encrypting and waiting for a socket all release the interpreter's lock, so that a stream whose stages
are parted by :func:`ahead` uses as many cores as it has stages.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

CHUNKS = 4
"""How many chunks wait at most: with segments of 1 MiB, the memory that a stage may cost."""

Chunk = TypeVar("Chunk", bytes, memoryview)


@dataclass(frozen=True, slots=True)
class _End:
    """The source is at its end, or has failed."""

    error: BaseException | None = None


class _Unwanted(Exception):
    """Nobody takes the rest; what is behind this stage must not think that the stream was whole."""


@contextmanager
def ahead(chunks: Iterable[Chunk], most: int = CHUNKS) -> Iterator[Iterator[Chunk]]:
    """The same chunks, taken from their source by a thread that is at most ``most`` chunks ahead.

    What the source raises is raised here in its place. At the block's end the source gives at most one chunk more
    and is closed by its thread; that is not waited for, because it may be waiting for a vault.
    """
    room = threading.Semaphore(most)
    ready: queue.SimpleQueue[Chunk | _End] = queue.SimpleQueue()
    unwanted = threading.Event()

    def run() -> None:
        try:
            for chunk in chunks:
                ready.put(chunk)
                room.acquire()
                if unwanted.is_set():
                    raise _Unwanted("nobody takes the rest of this stream")
        except BaseException as error:  # noqa: BLE001 - raised again where the chunks are taken
            ready.put(_End(error))
        else:
            ready.put(_End())
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def taken() -> Iterator[Chunk]:
        while not isinstance(found := ready.get(), _End):
            room.release()
            yield found
        if found.error is not None:
            raise found.error

    # The context goes along: the source may ask for the clock or the case that is in force.
    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="ahead", daemon=True).start()
    try:
        yield taken()
    finally:
        unwanted.set()
        room.release()
