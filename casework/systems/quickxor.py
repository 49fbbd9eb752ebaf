"""The content hash of OneDrive for work: 20 bytes into which each byte of a file is XORed, 11 bits further on.

Source: Microsoft Graph, resource type `hashes`, "QuickXorHash". The pattern of shifts comes round every 160 bytes,
so a stream is first folded to 160 bytes with whole-number XOR, which Python does at the speed of memory.
It notices accidents; it is no protection against intent. That a file is the right one is for its seal to say.
"""

from __future__ import annotations

import base64

_WIDTH = 160
"""Bytes after which the shifts repeat, and, as bits, the size of the hash."""


class QuickXor:
    """The hash of a stream that is fed piece by piece."""

    def __init__(self) -> None:
        self._folded = 0
        self._length = 0

    def update(self, piece: bytes) -> None:
        """Add a piece of any length."""
        self._folded ^= _fold(int.from_bytes(piece, "little") << (8 * (self._length % _WIDTH)))
        self._length += len(piece)

    def base64(self) -> str:
        """The hash of all pieces so far, as the vendor writes it."""
        ring, around = 0, (1 << _WIDTH) - 1
        for at, byte in enumerate(self._folded.to_bytes(_WIDTH, "little")):
            moved = byte << (11 * at % _WIDTH)
            ring ^= (moved & around) ^ (moved >> _WIDTH)
        return base64.b64encode((ring ^ (self._length << 96)).to_bytes(20, "little")).decode()


def _fold(number: int) -> int:
    """XOR of all rows of 160 bytes."""
    while (bits := number.bit_length()) > 8 * _WIDTH:
        half = -(-bits // (16 * _WIDTH)) * 8 * _WIDTH
        number = (number & ((1 << half) - 1)) ^ (number >> half)
    return number
