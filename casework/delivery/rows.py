"""Reading the rows of a CSV or JSONL stream and the team each row says it belongs to.

Nothing of a row is kept but its team, and no more than one row is held: a row over :data:`ROW_BYTES` is an
error. Readers are strict, because a lenient one can swallow rows that the customer's program would then show.
Texts of errors hold row numbers, never what a row holds. Row numbers count data rows from 1.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from casework.delivery.manifest import Format

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TEAM_COLUMN = "team_id"
ROW_BYTES = 8 * 1024 * 1024

# The csv module has one limit for the whole process, 128 KiB a cell by default; long notes are legitimate.
csv.field_size_limit(max(csv.field_size_limit(), ROW_BYTES))


class RowsMalformed(ValueError):
    """The stream is not CSV or JSONL as agreed; ``row`` is the data row at which reading stopped."""

    def __init__(self, text: str, row: int | None = None) -> None:
        super().__init__(text)
        self.row = row


class NotUtf8(RowsMalformed):
    """The stream holds bytes that are not UTF-8."""


def teams(chunks: Iterable[bytes], kind: Format, team_id: str) -> Iterator[bool]:
    """For each row in order: does it belong to this team, and to no other?

    A leading byte order mark and blank lines are skipped. Raises :class:`RowsMalformed`.
    """
    match kind:
        case Format.CSV:
            return _csv(chunks, team_id)
        case Format.JSONL:
            return _jsonl(chunks, team_id)
        case Format.ZIP:
            raise ValueError("a ZIP has members, not rows")


def _csv(chunks: Iterable[bytes], team_id: str) -> Iterator[bool]:
    lines = _Lines(chunks, newline="")
    reader = csv.reader(lines, strict=True)
    row = 0
    try:
        header = next((cells for cells in reader if cells), None)
        if header is None:
            raise RowsMalformed("there is no header line")
        names = [name.strip().casefold() for name in header]
        found = names.count(TEAM_COLUMN)
        if found != 1:
            raise RowsMalformed(f"the header has {found} columns {TEAM_COLUMN} instead of one")
        column, width = names.index(TEAM_COLUMN), len(names)
        lines.row_is_read()
        for cells in reader:
            if not cells:
                continue
            row += 1
            lines.row_is_read()
            if len(cells) != width:
                raise RowsMalformed(f"{len(cells)} cells under a header of {width}", row)
            yield cells[column] == team_id
    except csv.Error:
        raise RowsMalformed("quotes or line ends are not as CSV has them (RFC 4180)", row + 1) from None
    except UnicodeDecodeError:
        raise NotUtf8("not UTF-8", row + 1) from None


def _jsonl(chunks: Iterable[bytes], team_id: str) -> Iterator[bool]:
    lines = _Lines(chunks, newline="\n")
    row = 0
    try:
        for line in lines:
            lines.row_is_read()
            if line.isspace():
                continue
            row += 1
            yield _json_row_is_of(line, team_id, row)
    except UnicodeDecodeError:
        raise NotUtf8("not UTF-8", row + 1) from None


def _json_row_is_of(line: str, team_id: str, row: int) -> bool:
    named: list[Any] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        named.extend(value for name, value in pairs if name == TEAM_COLUMN)
        return dict(pairs)

    # Plainly one mention: the quick parser will do. Otherwise every mention counts, nested or twice, too.
    plain = line.count(TEAM_COLUMN) == 1 and "\\u" not in line
    try:
        found = json.loads(line) if plain else json.loads(line, object_pairs_hook=collect)
    except ValueError:
        raise RowsMalformed("the line is not JSON", row) from None
    except RecursionError:
        raise RowsMalformed("the line is nested too deeply", row) from None
    if not isinstance(found, dict) or TEAM_COLUMN not in found:
        raise RowsMalformed(f"the line is not an object with {TEAM_COLUMN}", row)
    return bool(found[TEAM_COLUMN] == team_id and all(value == team_id for value in named))


class _Lines(Iterator[str]):
    """Text lines of a byte stream, decoded strictly, with a bound on how much one row may hold."""

    def __init__(self, chunks: Iterable[bytes], newline: str) -> None:
        bounded = io.BufferedReader(_Chunks(chunks), buffer_size=256 * 1024)
        self._text = io.TextIOWrapper(bounded, encoding="utf-8-sig", errors="strict", newline=newline)
        self._held = 0

    def __next__(self) -> str:
        line = next(self._text)
        self._held += len(line)
        if self._held > ROW_BYTES:
            raise RowsMalformed(f"a row is longer than {ROW_BYTES} bytes")
        return line

    def row_is_read(self) -> None:
        self._held = 0


class _Chunks(io.RawIOBase):
    """A byte stream as a file, refusing a line that would not fit in memory before it is put together."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._source = iter(chunks)
        self._rest = memoryview(b"")
        self._since_newline = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not len(self._rest):
            chunk = next(self._source, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
            newline = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            self._since_newline = self._since_newline + len(chunk) if newline < 0 else len(chunk) - newline - 1
            if self._since_newline > ROW_BYTES:
                raise RowsMalformed(f"a row is longer than {ROW_BYTES} bytes")
        target = memoryview(buffer).cast("B")
        take = min(len(target), len(self._rest))
        target[:take] = self._rest[:take]
        self._rest = self._rest[take:]
        return take
