"""Sealing: the published format, both ways, and no way to alter it unseen."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator

import pytest
import tink
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from casework.delivery.sealing import SEGMENT_BYTES, Opener, SealBroken, binding, seal, sealed_size

KEY = bytes(range(32))
AD = binding("case-1", "deliverable-1", 5)
FIRST = SEGMENT_BYTES - 40 - 16
OTHER = SEGMENT_BYTES - 16
# Around the end of the first segment, which the header shortens, of the second, of the third, and where segments would
# end if the header did not count into the first.
ENDS = [FIRST, FIRST + OTHER, FIRST + 2 * OTHER, OTHER, 2 * OTHER, SEGMENT_BYTES, 2 * SEGMENT_BYTES]
EDGES = sorted({0, 1, 2, *(end + step for end in ENDS for step in (-1, 0, 1))})
TEXT = random.Random(7).randbytes(FIRST + 2 * OTHER + 1234)


class _Unclosed(io.BytesIO):
    def close(self) -> None:
        """Tink closes what it is given; the bytes are wanted afterwards."""


def oracle() -> streaming_aead.StreamingAead:
    """Tink's own implementation of AES256_GCM_HKDF_1MB over our raw key."""
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        key_value=KEY,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT_BYTES, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_data=tink_pb2.KeyData(
            type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
            value=key.SerializeToString(),
            key_material_type=tink_pb2.KeyData.SYMMETRIC,
        ),
        status=tink_pb2.ENABLED,
        key_id=1,
        output_prefix_type=tink_pb2.RAW,
    )
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


ORACLE = oracle()


def sealed(text: bytes, ad: bytes = AD) -> bytes:
    return b"".join(seal([text], KEY, ad))


def ranges_of(data: bytes) -> Callable[[int, int], Iterator[bytes]]:
    def read(start: int, end: int) -> Iterator[bytes]:
        for at in range(start, min(end, len(data)), 100_000):
            yield data[at : min(at + 100_000, end)]

    return read


def opened(data: bytes, size: int, ad: bytes = AD, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(Opener(KEY, ad, size, ranges_of(data)).read(start, end))


@pytest.mark.parametrize("size", EDGES)
def test_tink_opens_ours(size: int) -> None:
    """What we seal is Tink's format, at sizes 0 and 1 and around every segment edge."""
    ours = sealed(TEXT[:size])
    assert len(ours) == sealed_size(size)
    with ORACLE.new_decrypting_stream(io.BytesIO(ours), AD) as stream:
        assert stream.read() == TEXT[:size]


@pytest.mark.parametrize("size", EDGES)
def test_ours_opens_tinks(size: int) -> None:
    """We open what Tink sealed, at sizes 0 and 1 and around every segment edge."""
    target = _Unclosed()
    with ORACLE.new_encrypting_stream(target, AD) as stream:
        stream.write(TEXT[:size])
    assert len(target.getvalue()) == sealed_size(size)
    assert opened(target.getvalue(), size) == TEXT[:size]


@pytest.mark.parametrize("size", [FIRST, FIRST + OTHER])
def test_the_last_segment_is_full_and_not_empty(size: int) -> None:
    """A plaintext that fills its segments ends with a full one; an empty one behind it is another, longer object.

    Tink takes such an object too, whoever made it; we know the size and do not.
    """
    count = 1 + (size > FIRST)
    ours = sealed(TEXT[:size])
    assert len(ours) == count * SEGMENT_BYTES
    longer = ours[:-SEGMENT_BYTES] if count > 1 else ours[:40]
    salt, prefix = ours[1:33], ours[33:40]
    key = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=AD).derive(KEY))
    full = TEXT[:size][-OTHER:] if count > 1 else TEXT[:size]
    for number, plain, last in ((count - 1, full, b"\0"), (count, b"", b"\1")):
        longer += key.encrypt(prefix + number.to_bytes(4, "big") + last, plain, None)
    with ORACLE.new_decrypting_stream(io.BytesIO(longer), AD) as stream:
        assert stream.read() == TEXT[:size]
    with pytest.raises(SealBroken):
        opened(longer, size)


@pytest.mark.parametrize("size", [0, 1, FIRST, FIRST + 1, FIRST + OTHER])
def test_neither_opens_what_was_cut(size: int) -> None:
    """Cut anywhere in its last segment, or before it, an object opens neither by us nor by Tink."""
    ours = sealed(TEXT[:size])
    for cut in {len(ours) - 1, len(ours) - 16, 40, SEGMENT_BYTES}:
        if cut >= len(ours):
            continue
        with pytest.raises(SealBroken):
            opened(ours[:cut], size)
        with pytest.raises(tink.TinkError), ORACLE.new_decrypting_stream(io.BytesIO(ours[:cut]), AD) as stream:
            stream.read()


WHOLE = sealed(TEXT)


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
@settings(max_examples=60, deadline=None)
def test_any_range_opens(one: int, other: int) -> None:
    """Every range of the plaintext is read exactly."""
    start, end = sorted((one, other))
    assert opened(WHOLE, len(TEXT), start=start, end=end) == TEXT[start:end]


def test_only_touched_segments_are_fetched() -> None:
    """Reading ten bytes of a large file fetches the header and one segment, and asks for nothing else."""
    asked: list[tuple[int, int]] = []

    def read(start: int, end: int) -> Iterator[bytes]:
        asked.append((start, end))
        yield WHOLE[start:end]

    at = FIRST + OTHER + 5
    assert b"".join(Opener(KEY, AD, len(TEXT), read).read(at, at + 10)) == TEXT[at : at + 10]
    assert asked == [(0, 40), (2 * SEGMENT_BYTES, 3 * SEGMENT_BYTES)]


@given(st.lists(st.binary(max_size=5000), max_size=20))
@settings(max_examples=40, deadline=None)
def test_chunking_does_not_matter(chunks: list[bytes]) -> None:
    """The same bytes open whatever pieces they were sealed from, empty pieces too."""
    text = b"".join(chunks)
    assert opened(b"".join(seal(chunks, KEY, AD)), len(text)) == text


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(max_examples=25, deadline=None)
def test_a_flipped_bit_is_noticed(at: int, flip: int) -> None:
    """Altering any one byte, of the header too, breaks the seal."""
    broken = bytearray(WHOLE)
    broken[at] ^= flip
    with pytest.raises(SealBroken):
        opened(bytes(broken), len(TEXT))


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_cut_at_a_segment_edge_is_noticed(cut: int) -> None:
    """A file cut behind a whole segment does not pass for a shorter one, whichever size is claimed."""
    shorter = WHOLE[: cut * SEGMENT_BYTES]
    with pytest.raises(SealBroken):
        opened(shorter, len(TEXT))
    with pytest.raises(SealBroken):
        opened(shorter, FIRST + (cut - 1) * OTHER)


def test_swapped_segments_are_noticed() -> None:
    """Segments cannot change places."""
    one, two = WHOLE[SEGMENT_BYTES : 2 * SEGMENT_BYTES], WHOLE[2 * SEGMENT_BYTES : 3 * SEGMENT_BYTES]
    with pytest.raises(SealBroken):
        opened(WHOLE[:SEGMENT_BYTES] + two + one + WHOLE[3 * SEGMENT_BYTES :], len(TEXT))


@pytest.mark.parametrize(
    "ad",
    [binding("case-2", "deliverable-1", 5), binding("case-1", "deliverable-2", 5), binding("case-1", "d", 6)],
)
def test_another_case_deliverable_or_size_is_noticed(ad: bytes) -> None:
    """The seal is bound to its case, deliverable and size."""
    with pytest.raises(SealBroken):
        opened(sealed(b"hello"), 5, ad)


def test_a_vault_that_ignores_the_range_is_noticed() -> None:
    """More bytes than asked for are not taken for the right ones."""
    with pytest.raises(SealBroken, match="honour the range"):
        b"".join(Opener(KEY, AD, len(TEXT), lambda _start, _end: iter([WHOLE])).read(0, 10))


def test_ranges_outside_the_file_are_refused() -> None:
    """Asking beyond the recorded size is an error of the caller."""
    with pytest.raises(ValueError, match="outside"):
        Opener(KEY, AD, 5, ranges_of(sealed(b"hello"))).read(0, 6)


def test_pieces_that_are_held_keep_their_bytes() -> None:
    """Whoever keeps every piece has the file: memory is used again only when nobody holds a view of it."""
    pieces = list(Opener(KEY, AD, len(TEXT), ranges_of(WHOLE)).read())
    assert b"".join(pieces) == TEXT


def test_memory_is_used_again() -> None:
    """A reader that lets each piece go has a long file opened in one piece's memory."""
    size = 20 * SEGMENT_BYTES
    data = b"".join(seal([bytes(size)], KEY, AD))
    rooms: list[object] = []
    for piece in Opener(KEY, AD, size, ranges_of(data)).read():
        if not any(piece.obj is room for room in rooms):
            rooms.append(piece.obj)
    assert len(rooms) <= 2
