"""Messages between a worker and its preloader: JSON objects over a stream socket, each after its length."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

__all__ = ["Frames", "Message", "packed"]

Message = dict[str, Any]
_LENGTH = struct.Struct(">I")


def packed(message: Message) -> bytes:
    """The bytes that carry a message."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Takes the pieces of a stream as they come and gives the messages that are whole."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Every message that this piece completes, in order."""
        self._kept += piece
        while len(self._kept) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._kept)
            end = _LENGTH.size + length
            if len(self._kept) < end:
                return
            message: Message = json.loads(bytes(self._kept[_LENGTH.size : end]))
            del self._kept[:end]
            yield message
