"""The one file that a customer downloads.

A drop with one data file is that file. Several become a stored (uncompressed) ZIP that is put together
while it streams: sizes and CRCs are known from the check, times are fixed, so its size is known before its
first byte and every run gives the same bytes. The manifest is ours and stays out.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 (layout) and 4.5.3 (ZIP64).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from casework.delivery.deliverable import Accepted, CheckedFile, Drop
from casework.delivery.digests import Tally

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_NO_DATE = (1 << 5) | 1  # 1980-01-01, the first date a ZIP can say
_PLAIN_FILE = 0o100644 << 16
_MADE_ON_UNIX = 3 << 8
_LIMIT_32 = 0xFFFFFFFF
_LIMIT_16 = 0xFFFF


class DropChanged(Exception):
    """A file of the drop is no longer what was checked; the drop must be checked again."""


@dataclass(frozen=True, slots=True)
class Package:
    """``size`` in bytes, known in advance; ``chunks()`` starts a new pass over the drop.

    ``sha256`` (hex) is known in advance when the package is one file. A pass does not compare it, which would hash
    these bytes once more: whoever seals it reads the vault's copy back and compares that.
    """

    name: str
    size: int
    chunks: Callable[[], Iterator[bytes]]
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class LooseFile:
    """A file that is delivered as it is, whatever it holds; ``ending`` is that of its name, without a dot."""

    name: str
    size: int
    sha256: str
    ending: str


def loose(drop: Drop, file: LooseFile, stem: str) -> Package:
    """The package of one loose file."""
    return Package(f"{stem}.{file.ending}", file.size, lambda: drop.read(file.name), file.sha256)


def package(drop: Drop, accepted: Accepted, stem: str) -> Package:
    """The package of an accepted drop, named ``stem`` with the ending of its format.

    Streaming several raises :class:`DropChanged` at the end of a file that differs from what was checked.
    """
    files = accepted.files
    if len(files) == 1:
        (file,) = files
        return Package(f"{stem}.{file.format}", file.size, lambda: drop.read(file.name), file.sha256)
    size = sum(len(_local_header(file)) + file.size for file in files) + len(_directory(files))
    return Package(f"{stem}.zip", size, lambda: _zip(drop, files))


def _zip(drop: Drop, files: tuple[CheckedFile, ...]) -> Iterator[bytes]:
    for file in files:
        yield _local_header(file)
        yield from _unchanged(drop, file)
    yield _directory(files)


def _unchanged(drop: Drop, file: CheckedFile) -> Iterator[bytes]:
    tally = Tally()
    yield from tally.watch(drop.read(file.name))
    if (tally.size, tally.sha256) != (file.size, file.sha256):
        raise DropChanged(f"{file.name} changed after it was checked: check the drop again before it is sealed")


def _local_header(file: CheckedFile) -> bytes:
    name = file.name.encode("ascii")
    large = file.size >= _LIMIT_32
    extra = struct.pack("<2H2Q", 1, 16, file.size, file.size) if large else b""
    told = _LIMIT_32 if large else file.size
    version = 45 if large else 20
    header = _LOCAL.pack(b"PK\x03\x04", version, 0, 0, 0, _NO_DATE, file.crc32, told, told, len(name), len(extra))
    return header + name + extra


def _directory(files: tuple[CheckedFile, ...]) -> bytes:
    """The central directory and its end records, for entries that lie one behind the other from offset 0."""
    entries = []
    offset = 0
    for file in files:
        entries.append(_central_header(file, offset))
        offset += len(_local_header(file)) + file.size
    directory = b"".join(entries)
    count, size = len(files), len(directory)
    end_64 = b""
    if count >= _LIMIT_16 or size >= _LIMIT_32 or offset >= _LIMIT_32:
        record = _END_64.pack(b"PK\x06\x06", 44, _MADE_ON_UNIX | 45, 45, 0, 0, count, count, size, offset)
        end_64 = record + _END_64_LOCATOR.pack(b"PK\x06\x07", 0, offset + size, 1)
    told = min(count, _LIMIT_16)
    end = _END.pack(b"PK\x05\x06", 0, 0, told, told, min(size, _LIMIT_32), min(offset, _LIMIT_32), 0)
    return directory + end_64 + end


def _central_header(file: CheckedFile, offset: int) -> bytes:
    name = file.name.encode("ascii")
    large = file.size >= _LIMIT_32
    wide = [file.size, file.size] if large else []
    if offset >= _LIMIT_32:
        wide.append(offset)
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    told = _LIMIT_32 if large else file.size
    version = 45 if wide else 20
    head = (b"PK\x01\x02", _MADE_ON_UNIX | version, version, 0, 0, 0, _NO_DATE, file.crc32, told, told)
    return _CENTRAL.pack(*head, len(name), len(extra), 0, 0, 0, _PLAIN_FILE, min(offset, _LIMIT_32)) + name + extra
