"""The check of an engineering drop, before anything of it goes near the customer.

A drop holds data files and a manifest. Everything is read as a stream, in constant memory: every size, hash
and row count is compared with the manifest, and **every row of every file must belong to the customer's
team**. A row of another team is a matter of security, so it is looked for in files that are already known
to be wrong too, as far as they can be read. Problems hold no content and repeat only names that the
manifest may have.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from casework.delivery.archive import Archive, ArchiveUnsafe, Bomb, Bounds
from casework.delivery.digests import Tally
from casework.delivery.manifest import (
    MANIFEST_NAME,
    SAFE_NAME,
    Entity,
    Format,
    ManifestFile,
    ManifestMalformed,
    parse,
)
from casework.delivery.rows import NotUtf8, RowsMalformed, teams


class Drop(Protocol):
    """Where engineering puts a deliverable. Names are relative to the drop; ``end`` is exclusive."""

    def names(self) -> Sequence[str]: ...

    def size(self, name: str) -> int: ...

    def read(self, name: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read. Sizes in bytes; ``ratio`` is unpacked bytes for each packed byte of a ZIP."""

    files: int = 100
    total_bytes: int = 50 * 1024**3
    manifest_bytes: int = 1024**2
    members: int = 100
    ratio: int = 200
    unpacked_bytes: int = 100 * 1024**3


class ProblemKind(StrEnum):
    WRONG_TEAM = "wrong-team"
    MANIFEST = "manifest"
    MISSING_FILE = "missing-file"
    EXTRA_FILE = "extra-file"
    UNSAFE_NAME = "unsafe-name"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    WRONG_SIZE = "wrong-size"
    WRONG_HASH = "wrong-hash"
    WRONG_ROW_COUNT = "wrong-row-count"
    ENTITY_NOT_ASKED = "entity-not-asked"
    MALFORMED_ROW = "malformed-row"
    NOT_UTF8 = "not-utf8"
    UNSAFE_ARCHIVE = "unsafe-archive"
    BOMB = "bomb"
    TOO_LARGE = "too-large"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong; ``file`` as in the manifest (``archive.zip/member.csv``), ``row`` counts from 1."""

    kind: ProblemKind
    file: str | None
    detail: str
    row: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file as it was found; ``size`` in bytes, digests of exactly these bytes."""

    name: str
    size: int
    sha256: str
    crc32: int
    entity: Entity
    rows: int
    format: Format


@dataclass(frozen=True, slots=True)
class Accepted:
    """The drop is what was asked for, all of it, and of this team only."""

    files: tuple[CheckedFile, ...]

    @property
    def total_bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is wrong, in the order it was met."""

    problems: tuple[Problem, ...]

    @property
    def wrong_team(self) -> bool:
        """Whether another team's data was found: for the operators, before engineering repairs it."""
        return any(problem.kind is ProblemKind.WRONG_TEAM for problem in self.problems)


Checked = Accepted | Rejected


def check(drop: Drop, team_id: str, allowed_entities: Collection[Entity], limits: Limits | None = None) -> Checked:
    """Check a whole drop for this team; errors of the drop itself (not reachable) pass through."""
    return _Check(drop, team_id, frozenset(allowed_entities), limits or Limits()).run()


class _Check:
    def __init__(self, drop: Drop, team_id: str, allowed: frozenset[Entity], limits: Limits) -> None:
        self._drop = drop
        self._team_id = team_id
        self._allowed = allowed
        self._limits = limits
        self._problems: list[Problem] = []

    def run(self) -> Checked:
        listed = self._manifest_files()
        present = self._present(listed)
        checked = tuple(self._file(file, present[file.name]) for file in listed if file.name in present)
        if listed and not self._problems and not sum(file.rows for file in checked):
            self._add(ProblemKind.EMPTY, None, "no file has a single row")
        return Rejected(tuple(self._problems)) if self._problems else Accepted(checked)

    def _add(self, kind: ProblemKind, file: str | None, detail: str, row: int | None = None) -> None:
        self._problems.append(Problem(kind, file, detail, row))

    def _manifest_files(self) -> tuple[ManifestFile, ...]:
        if MANIFEST_NAME not in self._drop.names():
            self._add(ProblemKind.MISSING_FILE, MANIFEST_NAME, "the drop has no manifest")
            return ()
        size = self._drop.size(MANIFEST_NAME)
        if size > self._limits.manifest_bytes:
            detail = f"{size} bytes, at most {self._limits.manifest_bytes} are read"
            self._add(ProblemKind.MANIFEST, MANIFEST_NAME, detail)
            return ()
        try:
            manifest = parse(b"".join(self._drop.read(MANIFEST_NAME, 0, size)) if size else b"")
        except ManifestMalformed as error:
            kind = ProblemKind.UNSAFE_NAME if error.unsafe_name else ProblemKind.MANIFEST
            self._add(kind, MANIFEST_NAME, str(error))
            return ()
        if manifest.team_id != self._team_id:
            self._add(ProblemKind.WRONG_TEAM, MANIFEST_NAME, f"the manifest is not of team {self._team_id}")
        if len(manifest.files) > self._limits.files:
            detail = f"{len(manifest.files)} files, at most {self._limits.files} are allowed"
            self._add(ProblemKind.TOO_LARGE, MANIFEST_NAME, detail)
            return ()
        return manifest.files

    def _present(self, listed: tuple[ManifestFile, ...]) -> dict[str, int]:
        """The sizes of the listed files that are there to be read."""
        if not listed:
            return {}
        expected = {file.name for file in listed}
        names = list(self._drop.names())
        unlisted = sum(name not in expected and name != MANIFEST_NAME for name in names)
        if unlisted:
            self._add(ProblemKind.EXTRA_FILE, None, f"{unlisted} files in the drop are not in the manifest")
        if len(set(names)) != len(names):
            self._add(ProblemKind.UNSAFE_NAME, None, "two files of the drop have the same name")
        for file in listed:
            if file.name not in names:
                self._add(ProblemKind.MISSING_FILE, file.name, "listed in the manifest, not in the drop")
        sizes = {name: self._drop.size(name) for name in expected.intersection(names)}
        total = sum(sizes.values())
        if total > self._limits.total_bytes:
            detail = f"{total} bytes in all, at most {self._limits.total_bytes} are allowed"
            self._add(ProblemKind.TOO_LARGE, None, detail)
            return {}
        return sizes

    def _file(self, file: ManifestFile, size: int) -> CheckedFile:
        entities = {file.entity, *(member.entity for member in file.members)}
        for entity in sorted(entities - self._allowed):
            self._add(ProblemKind.ENTITY_NOT_ASKED, file.name, f"{entity} were not asked for")
        if size == 0:
            self._add(ProblemKind.EMPTY, file.name, "0 bytes")
        elif size < file.size:
            self._add(ProblemKind.TRUNCATED, file.name, f"{size} bytes instead of {file.size}")
        elif size > file.size:
            self._add(ProblemKind.WRONG_SIZE, file.name, f"{size} bytes instead of {file.size}")

        tally, crc = Tally(), _Crc()
        passing = crc.watch(tally.watch(self._drop.read(file.name) if size else ()))
        if file.format is not Format.ZIP:
            self._rows(passing, file.name, file.format, file.rows)
        for _ in passing:
            pass  # a ZIP, or what lies behind a malformed row: hashed as well
        if tally.size != size:
            self._add(ProblemKind.WRONG_SIZE, file.name, f"the drop gave {tally.size} of {size} bytes")
        elif size == file.size and tally.sha256 != file.sha256:
            self._add(ProblemKind.WRONG_HASH, file.name, "the SHA-256 is not the one in the manifest")
        if file.format is Format.ZIP and size:
            self._archive(file, size)
        return CheckedFile(file.name, size, tally.sha256, crc.value, file.entity, file.rows, file.format)

    def _archive(self, file: ManifestFile, size: int) -> None:
        limits = self._limits
        bounds = Bounds(members=limits.members, ratio=limits.ratio, total_bytes=limits.unpacked_bytes)
        try:
            archive = Archive(size, lambda start, end: self._drop.read(file.name, start, end), bounds)
            found, expected = set(archive.names()), {member.name for member in file.members}
            extra = found - expected
            if not all(re.match(SAFE_NAME, name) for name in extra):
                self._add(ProblemKind.UNSAFE_NAME, file.name, "a member has a path or an odd name")
            if extra:
                self._add(ProblemKind.EXTRA_FILE, file.name, f"{len(extra)} members are not in the manifest")
            for member in file.members:
                place = f"{file.name}/{member.name}"
                if member.name not in found:
                    self._add(ProblemKind.MISSING_FILE, place, "listed in the manifest, not in the archive")
                    continue
                contents = archive.read(member.name)
                self._rows(contents, place, member.format, member.rows)
                for _ in contents:
                    pass  # behind a malformed row: bounds and checksum still count
        except Bomb as error:
            self._add(ProblemKind.BOMB, file.name, str(error))
        except ArchiveUnsafe as error:
            self._add(ProblemKind.UNSAFE_ARCHIVE, file.name, str(error))

    def _rows(self, chunks: Iterable[bytes], place: str, kind: Format, expected: int) -> None:
        rows, wrong, first_wrong = 0, 0, None
        malformed = False
        try:
            for ours in teams(chunks, kind, self._team_id):
                rows += 1
                if not ours:
                    wrong += 1
                    first_wrong = first_wrong or rows
        except NotUtf8 as error:
            malformed = True
            self._add(ProblemKind.NOT_UTF8, place, str(error), error.row)
        except RowsMalformed as error:
            malformed = True
            self._add(ProblemKind.MALFORMED_ROW, place, str(error), error.row)
        if wrong:
            detail = f"{wrong} {'row is' if wrong == 1 else 'rows are'} not of team {self._team_id}"
            self._add(ProblemKind.WRONG_TEAM, place, detail, first_wrong)
        if not malformed and rows != expected:
            detail = f"{rows} {'row' if rows == 1 else 'rows'} instead of the {expected} in the manifest"
            self._add(ProblemKind.WRONG_ROW_COUNT, place, detail)


class _Crc:
    """CRC-32 of what passes: not for integrity, but a ZIP made of the files needs it before their bytes."""

    def __init__(self) -> None:
        self.value = 0

    def watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.value = zlib.crc32(chunk, self.value)
            yield chunk
