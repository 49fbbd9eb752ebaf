"""Sealing: what enters a vault is ciphertext, made and opened as a stream.

The format is Tink's published AES-GCM-HKDF streaming AEAD with the parameters of its key template
``AES256_GCM_HKDF_1MB``: a 40-byte header (its length, a 32-byte salt, a 7-byte nonce prefix), then segments
of 1 MiB (the header counts into the first), each an AES-256-GCM ciphertext under a key derived by
HKDF-SHA-256 from the data key, the salt and the associated data. A segment's nonce holds its number and
whether it is the last, so no segment can be moved, repeated or left out. Any range opens from its own
segments alone.

A stream cut behind a whole segment looks complete until the last segment is asked for. Therefore the size of
the plaintext is part of the associated data (:func:`binding`) and of the :class:`Opener`, which knows from it
which segment must be the last.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
SEGMENT_BYTES = 1024 * 1024
_SALT_BYTES = 32
_PREFIX_BYTES = 7
_TAG_BYTES = 16
_HEADER_BYTES = 1 + _SALT_BYTES + _PREFIX_BYTES
_PLAIN_PER_SEGMENT = SEGMENT_BYTES - _TAG_BYTES
_PLAIN_IN_FIRST = _PLAIN_PER_SEGMENT - _HEADER_BYTES
_ROOMS = 16
"""More segments than a stream has on their way at once; of those beyond, the memory is not used again."""

ReadRange = Callable[[int, int], Iterable[bytes]]
"""Gives the bytes ``[start, end)`` of a sealed object; ``end`` is exclusive."""


class SealBroken(Exception):
    """The sealed object is not what was sealed: altered, cut, reordered, or bound to something else."""


def binding(case_id: str, deliverable_id: str, plain_size: int) -> bytes:
    """The associated data that ties a sealed object to its case, its deliverable and its size in bytes."""
    facts = {"case": case_id, "deliverable": deliverable_id, "size": plain_size}
    return json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()


def sealed_size(plain_size: int) -> int:
    """Bytes of the sealed object for a plaintext of ``plain_size`` bytes."""
    return _HEADER_BYTES + plain_size + _TAG_BYTES * _segment_count(plain_size)


def seal(chunks: Iterable[bytes], key: bytes, associated_data: bytes) -> Iterator[bytes]:
    """Encrypt a stream; yields the header with the first segment, then one segment at a time.

    Every call draws a fresh salt and nonce prefix: sealing again under the same key is safe.
    """
    salt = os.urandom(_SALT_BYTES)
    prefix = os.urandom(_PREFIX_BYTES)
    cipher = _cipher(key, salt, associated_data)
    yield bytes([_HEADER_BYTES]) + salt + prefix
    for number, (plain, last) in enumerate(_segments(chunks)):
        yield cipher.encrypt(_nonce(prefix, number, last), plain, None)


class Opener:
    """Reads ranges of the plaintext out of a sealed object, decrypting only the segments they touch.

    ``plain_size`` is the recorded size in bytes; a sealed object of any other size raises :class:`SealBroken`
    where the difference is first met. ``read_range`` fetches from the vault.
    """

    def __init__(self, key: bytes, associated_data: bytes, plain_size: int, read_range: ReadRange) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._associated_data = associated_data
        self._size = plain_size
        self._read_range = read_range

    def read(self, start: int = 0, end: int | None = None) -> Iterator[memoryview]:
        """Yield the plaintext bytes ``[start, end)``; ``ValueError`` when the range is outside the file.

        A piece's memory is used again once nobody holds the piece any more. Raises :class:`SealBroken`; bytes
        yielded before that are authentic.
        """
        end = self._size if end is None else end
        if not 0 <= start <= end <= self._size:
            raise ValueError(f"range [{start}, {end}) is outside the {self._size} bytes of the file")
        return self._read(start, end)

    def _read(self, start: int, end: int) -> Iterator[memoryview]:
        if start == end and self._size > 0:
            return
        first = _segment_of(start)
        final = _segment_of(max(end - 1, start))
        last = _segment_count(self._size) - 1
        lengths = self._lengths(first, final)
        if first:
            (header,) = _exactly(self._read_range(0, _HEADER_BYTES), [_HEADER_BYTES])
            cipher, prefix = self._begin(header)
        # From a segment's edge on, what a vault gives by the MiB are whole segments, which are opened where they lie.
        edge = first * SEGMENT_BYTES
        room = _Room()
        for number, piece in enumerate(_exactly(self._read_range(edge, edge + sum(lengths)), lengths), first):
            if number == 0:
                cipher, prefix = self._begin(piece[:_HEADER_BYTES])
            segment = piece[_HEADER_BYTES:] if number == 0 else piece
            plain = room.of(len(segment) - _TAG_BYTES)
            try:
                cipher.decrypt_into(_nonce(prefix, number, number == last), segment, None, plain)
            except InvalidTag:
                raise SealBroken(
                    f"segment {number} of {last + 1} does not open: it was altered, moved or sealed for "
                    "another "
                    "case or size; do not serve this object, seal the deliverable again"
                ) from None
            offset = _plain_start(number)
            wanted = plain[max(start - offset, 0) : end - offset]
            if wanted:
                yield wanted
            # From here on only the reader holds it, if at all.
            del plain, wanted

    def _begin(self, header: memoryview) -> tuple[AESGCM, bytes]:
        if header[0] != _HEADER_BYTES:
            raise SealBroken(f"the header says {header[0]} bytes instead of {_HEADER_BYTES}: not a sealed object")
        salt = bytes(header[1 : 1 + _SALT_BYTES])
        return _cipher(self._key, salt, self._associated_data), bytes(header[1 + _SALT_BYTES :])

    def _lengths(self, first: int, final: int) -> list[int]:
        """How long these sealed segments are, the header counted into the first."""
        whole = sealed_size(self._size)
        return [min(SEGMENT_BYTES, whole - number * SEGMENT_BYTES) for number in range(first, final + 1)]


class _Room:
    """Memory for the segments of a stream, used again when it is free: fresh memory costs as much as decrypting.

    It is free when nobody holds a view of it, and Python knows: a bytearray that is viewed cannot grow.
    """

    def __init__(self) -> None:
        self._known: deque[bytearray] = deque(maxlen=_ROOMS)

    def of(self, size: int) -> memoryview:
        """Room for so many bytes, one segment's at most."""
        reused = self._known and _is_free(self._known[0])
        room = self._known.popleft() if reused else bytearray(_PLAIN_PER_SEGMENT)
        self._known.append(room)
        return memoryview(room)[:size]


def _is_free(room: bytearray) -> bool:
    try:
        room.append(0)
    except BufferError:
        return False
    room.pop()
    return True


def _cipher(key: bytes, salt: bytes, associated_data: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes, not {len(key)}")
    derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=associated_data).derive(key)
    return AESGCM(derived)


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _segments(chunks: Iterable[bytes]) -> Iterator[tuple[memoryview, bool]]:
    """Cut a stream into segment plaintexts; each is held back until it is known whether it is the last.

    All lie in one buffer: each is good until the next is asked for.
    """
    buffer = memoryview(bytearray(_PLAIN_PER_SEGMENT))
    room, held = _PLAIN_IN_FIRST, 0
    for chunk in chunks:
        view = memoryview(chunk)
        while len(view):
            if held == room:
                yield buffer[:held], False
                room, held = _PLAIN_PER_SEGMENT, 0
            take = min(room - held, len(view))
            buffer[held : held + take] = view[:take]
            held += take
            view = view[take:]
    yield buffer[:held], True


def _segment_of(position: int) -> int:
    return 0 if position < _PLAIN_IN_FIRST else 1 + (position - _PLAIN_IN_FIRST) // _PLAIN_PER_SEGMENT


def _plain_start(number: int) -> int:
    return 0 if number == 0 else _PLAIN_IN_FIRST + (number - 1) * _PLAIN_PER_SEGMENT


def _segment_count(plain_size: int) -> int:
    return 1 if plain_size == 0 else _segment_of(plain_size - 1) + 1


def _exactly(chunks: Iterable[bytes], lengths: Sequence[int]) -> Iterator[memoryview]:
    """Regroup a stream into pieces of exactly these lengths; too little or too much breaks the seal.

    Each piece is good until the next is asked for: what came in parts is put together in one buffer.
    """
    source = iter(chunks)
    buffer = memoryview(bytearray(max(lengths)))
    rest = memoryview(b"")
    for length in lengths:
        held = 0
        while held < length:
            if not len(rest):
                chunk = next(source, None)
                if chunk is None:
                    raise SealBroken(
                        f"the sealed object ends {length - held} bytes early: it was cut; do not serve it, "
                        "seal the deliverable again"
                    )
                rest = memoryview(chunk)
            if not held and len(rest) >= length:
                break
            take = min(length - held, len(rest))
            buffer[held : held + take] = rest[:take]
            held += take
            rest = rest[take:]
        if held:
            yield buffer[:length]
        else:
            piece, rest = rest[:length], rest[length:]
            yield piece
    if len(rest) or any(source):
        raise SealBroken("the vault gave more bytes than asked for: it did not honour the range")
