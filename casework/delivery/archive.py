"""Reading a ZIP over ranges, without trusting a word of its headers.

Only the central directory is read through :mod:`zipfile`. Members are inflated here and counted while they
inflate, because the standard reader stops at the size that the header claims, and another program may not. An
archive is refused when two programs could see different things in it: entries that overlap, bytes between or
before entries, local headers that say otherwise, data behind the end of a stream.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ReadRange = Callable[[int, int], Iterator[bytes]]
"""Gives the bytes ``[start, end)`` of the archive."""

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_DIRECTORY_BYTES = 16 * 1024 * 1024
_INFLATE_BYTES = 1024 * 1024
_ENCRYPTED, _DESCRIPTOR = 0x1, 0x8
_DESCRIPTOR_BYTES = 24


class ArchiveUnsafe(Exception):
    """The archive is broken, or built so that it could harm or mislead whoever unpacks it."""


class Bomb(ArchiveUnsafe):
    """The archive grows beyond its bounds when unpacked."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """``ratio``: unpacked bytes for each packed byte; ``total_bytes``: unpacked, of all members together."""

    members: int
    ratio: int
    total_bytes: int


class Archive:
    """A ZIP: its member names, and the bytes of each. Opening and reading raise :class:`ArchiveUnsafe`."""

    def __init__(self, size: int, read_range: ReadRange, bounds: Bounds) -> None:
        self._read_range = read_range
        self._bounds = bounds
        self._size = size
        self._unpacked = 0
        try:
            with zipfile.ZipFile(_Ranges(size, read_range)) as directory:
                entries, comment, end = directory.infolist(), directory.comment, directory.start_dir
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise ArchiveUnsafe(f"not a readable ZIP ({type(error).__name__})") from None
        if comment:
            raise ArchiveUnsafe("the archive has a comment, which could hold anything")
        if len(entries) > bounds.members:
            raise Bomb(f"{len(entries)} members, at most {bounds.members} are allowed")
        for number, entry in enumerate(entries, start=1):
            _refuse_odd(entry, number)
        self._entries = {entry.orig_filename: entry for entry in entries}
        if len({name.casefold() for name in self._entries}) != len(entries):
            raise ArchiveUnsafe("two members have the same name")
        self._spans = self._check_layout(entries, end)

    def names(self) -> tuple[str, ...]:
        """The members' names as written; they may be unsafe and must be compared with what is expected."""
        return tuple(self._entries)

    def read(self, name: str) -> Iterator[bytes]:
        """Inflate one member. Raises :class:`Bomb` as soon as a bound is passed, whatever the headers say."""
        entry, (start, end) = self._entries[name], self._spans[name]
        limit = max(end - start, 1) * self._bounds.ratio
        size, crc = 0, 0
        for piece in self._inflate(entry, start, end):
            size += len(piece)
            self._unpacked += len(piece)
            if size > limit or self._unpacked > self._size * self._bounds.ratio:
                raise Bomb(f"a member unpacks to more than {self._bounds.ratio} times its packed size")
            if self._unpacked > self._bounds.total_bytes:
                raise Bomb(f"the members unpack to more than {self._bounds.total_bytes} bytes")
            crc = zlib.crc32(piece, crc)
            yield piece
        if size != entry.file_size or crc != entry.CRC:
            raise ArchiveUnsafe("a member's size or checksum is not what the directory says")

    def _inflate(self, entry: zipfile.ZipInfo, start: int, end: int) -> Iterator[bytes]:
        if entry.compress_type == zipfile.ZIP_STORED:
            yield from self._read_range(start, end)
            return
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for chunk in self._read_range(start, end):
                packed = chunk
                while packed and not inflater.eof:
                    yield inflater.decompress(packed, _INFLATE_BYTES)
                    packed = inflater.unconsumed_tail
                if inflater.eof and (inflater.unused_data or packed):
                    raise ArchiveUnsafe("there is data behind the end of a member")
            while not inflater.eof:
                piece = inflater.decompress(inflater.unconsumed_tail, _INFLATE_BYTES)
                if not piece:
                    break
                yield piece
        except zlib.error:
            raise ArchiveUnsafe("a member's compressed data is damaged") from None
        if not inflater.eof:
            raise ArchiveUnsafe("a member's compressed data is cut short")

    def _check_layout(self, entries: list[zipfile.ZipInfo], end: int) -> dict[str, tuple[int, int]]:
        """The span of each member's data, after proving that entries lie one behind the other and agree."""
        spans = {}
        ordered = sorted(entries, key=lambda entry: entry.header_offset)
        position, slack = 0, 0
        for entry in ordered:
            if not position <= entry.header_offset <= position + slack:
                raise ArchiveUnsafe("entries overlap, or there are bytes outside of every entry")
            start = self._data_start(entry)
            position = start + entry.compress_size
            slack = _DESCRIPTOR_BYTES if entry.flag_bits & _DESCRIPTOR else 0
            spans[entry.orig_filename] = start, position
        if not position <= end <= position + slack:
            raise ArchiveUnsafe("entries overlap, or there are bytes outside of every entry")
        return spans

    def _data_start(self, entry: zipfile.ZipInfo) -> int:
        raw = b"".join(self._read_range(entry.header_offset, entry.header_offset + _LOCAL_HEADER.size))
        if len(raw) != _LOCAL_HEADER.size:
            raise ArchiveUnsafe("an entry's own header is missing")
        signature, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL_HEADER.unpack(raw)
        name_start = entry.header_offset + _LOCAL_HEADER.size
        name = b"".join(self._read_range(name_start, name_start + name_length))
        expected = entry.orig_filename.encode("utf-8", "surrogateescape")
        agrees = (signature, flags, method, name) == (
            b"PK\x03\x04",
            entry.flag_bits,
            entry.compress_type,
            expected,
        )
        if not agrees:
            raise ArchiveUnsafe("an entry's own header and the directory disagree")
        data_start: int = name_start + name_length + extra_length
        return data_start


def _refuse_odd(entry: zipfile.ZipInfo, number: int) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveUnsafe(f"member {number} is encrypted and cannot be checked")
    if kind not in (0, stat.S_IFREG) or entry.is_dir():
        raise ArchiveUnsafe(f"member {number} is a link, a folder or a device, not a file")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveUnsafe(f"member {number} is packed by method {entry.compress_type}; stored and deflate are read")


class _Ranges(io.RawIOBase):
    """A remote archive as a seekable file, for the central directory only."""

    def __init__(self, size: int, read_range: ReadRange) -> None:
        self._size = size
        self._read_range = read_range
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("position before the start of the archive")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        filled = 0
        end = min(self._position + len(target), self._size)
        if end > self._position:
            for chunk in self._read_range(self._position, end):
                target[filled : filled + len(chunk)] = chunk
                filled += len(chunk)
        self._position += filled
        return filled

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._size - self._position if size is None or size < 0 else size
        if wanted > _DIRECTORY_BYTES:
            raise Bomb(f"the archive's directory is larger than {_DIRECTORY_BYTES} bytes")
        return super().read(max(wanted, 0)) or b""
