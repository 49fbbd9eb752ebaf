"""Digests taken while a stream passes, so that each byte is hashed once per direction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from casework.delivery.ahead import Chunk


class Tally:
    """Size in bytes and SHA-256 of what has passed through :meth:`watch` so far."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def watch(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Pass the chunks on unchanged, counting and hashing each before it is handed over."""
        for chunk in chunks:
            self.size += len(chunk)
            self._sha256.update(chunk)
            yield chunk

    @classmethod
    def of(cls, chunks: Iterable[Chunk]) -> Tally:
        """The tally of a whole stream, which is read to its end and kept nowhere."""
        tally = cls()
        for _ in tally.watch(chunks):
            pass
        return tally

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._sha256.hexdigest()
