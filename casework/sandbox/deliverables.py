"""What engineering puts into the drop: data files and a manifest, right or wrong in one chosen way.

The manifest goes up last. CSV has a header with `team_id`, JSONL objects have `team_id`, a ZIP's members
are listed in its `members`. Large files are written to a temporary file, never held in memory.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from casework.sandbox.http import Json

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

FaultKind = Literal[
    "wrong-team-row",
    "truncated",
    "wrong-hash",
    "wrong-size",
    "missing-file",
    "empty",
    "path-climbing",
    "bomb",
    "wrong-manifest-team",
    "extra-entity",
]
FAULTS: tuple[FaultKind, ...] = (
    "wrong-team-row",
    "truncated",
    "wrong-hash",
    "wrong-size",
    "missing-file",
    "empty",
    "path-climbing",
    "bomb",
    "wrong-manifest-team",
    "extra-entity",
)
_OTHER_TEAM = "team-999"
_BOMB_BYTES = 64 * 1024 * 1024
_LINE = "{id},{team},Quillfeather-{id},quillfeather-{id}@planted-row-4b7e.example\n"
_JSON_LINE = '{{"id":{id},"team_id":"{team}","name":"Quillfeather-{id}"}}\n'


@dataclass(slots=True)
class _File:
    """One data file as it lies in the temporary folder, and as the manifest will tell of it."""

    path: Path
    entry: Json


def place(
    s3: S3Client,
    bucket: str,
    prefix: str,
    team_id: str,
    created_at: str,
    size_bytes: int,
    fault: FaultKind | None,
    entities: tuple[str, ...],
) -> Json:
    """Uploads the deliverable; returns its manifest.

    Args:
        size_bytes: about how large the candidates' file (or the first entity's) becomes.
        created_at: ISO 8601, UTC.

    Raises:
        ValueError: no such fault, or no entities.
    """
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"unknown fault {fault!r}: one of {', '.join(FAULTS)}")
    if not entities:
        raise ValueError("a deliverable needs at least one entity")
    prefix = prefix.rstrip("/") + "/"
    with tempfile.TemporaryDirectory(prefix="casework-drop-") as folder:
        files = _write(Path(folder), team_id, size_bytes, fault, entities)
        first = files[0]
        if fault == "truncated":
            with first.path.open("r+b") as cut:
                cut.truncate(first.entry["size"] * 2 // 3)
        elif fault == "wrong-hash":
            first.entry["sha256"] = hashlib.sha256(b"something else").hexdigest()
        elif fault == "wrong-size":
            first.entry["size"] += 1
        for file in files:
            if not (fault == "missing-file" and file is files[-1]):
                s3.upload_file(str(file.path), bucket, prefix + file.entry["name"])
        manifest: Json = {
            "version": 1,
            "team_id": _OTHER_TEAM if fault == "wrong-manifest-team" else team_id,
            "created_at": created_at,
            "files": [file.entry for file in files],
        }
        body = json.dumps(manifest, indent=1).encode()
        s3.put_object(Bucket=bucket, Key=prefix + "manifest.json", Body=body, ContentType="application/json")
        return manifest


def _write(
    folder: Path, team_id: str, size_bytes: int, fault: FaultKind | None, entities: tuple[str, ...]
) -> list[_File]:
    files = []
    for index, entity in enumerate(entities):
        size = size_bytes if index == 0 else min(size_bytes, 2_000)
        if entity == "sequences":
            files.append(_archive(folder, entity, team_id, size))
        else:
            kind = "jsonl" if entity == "projects" else "csv"
            stray = index == 0 and fault == "wrong-team-row"
            files.append(_plain(folder, entity, kind, team_id, size, stray=stray))
    if fault == "extra-entity":
        known = ("candidates", "projects", "sequences")
        surplus = next((entity for entity in known if entity not in entities), "invoices")
        files.append(_plain(folder, surplus, "csv", team_id, 500))
    elif fault == "empty":
        (folder / files[0].path.name).write_bytes(b"")
        files[0].entry |= {"size": 0, "rows": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    elif fault == "path-climbing":
        files.append(_archive(folder, "candidates", team_id, 500, "../../../etc/cron.d/candidates.csv"))
    elif fault == "bomb":
        files.append(_bomb(folder, team_id))
    return files


def _rows(kind: str, team_id: str, size: int, *, stray: bool = False) -> Iterator[str]:
    """Rows of about `size` bytes in all; with `stray` the middle one is of another team."""
    template = _JSON_LINE if kind == "jsonl" else _LINE
    count = max(3, size // len(template.format(id=100_000, team=team_id)))
    for number in range(1, count + 1):
        team = _OTHER_TEAM if stray and number == count // 2 + 1 else team_id
        yield template.format(id=number, team=team)


def _plain(folder: Path, entity: str, kind: str, team_id: str, size: int, *, stray: bool = False) -> _File:
    path, rows = folder / f"{entity}.{kind}", 0
    with path.open("w", encoding="utf-8", newline="") as out:
        if kind == "csv":
            out.write("id,team_id,name,email\n")
        for row in _rows(kind, team_id, size, stray=stray):
            out.write(row)
            rows += 1
    return _File(path, _entry(path, entity, rows, kind))


def _archive(folder: Path, entity: str, team_id: str, size: int, member: str | None = None) -> _File:
    path = folder / (f"{entity}.zip" if member is None else f"{entity}-more.zip")
    name, rows = member or f"{entity}.csv", 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as out:
        out.write(b"id,team_id,name,email\n")
        for row in _rows("csv", team_id, size):
            out.write(row.encode())
            rows += 1
    return _File(path, _entry(path, entity, rows, "zip", [{"name": name, "entity": entity, "rows": rows}]))


def _bomb(folder: Path, team_id: str) -> _File:
    path, member = folder / "candidates-more.zip", "candidates-more.csv"
    row = f"1,{team_id},{'0' * 8_000},x@planted-row-4b7e.example\n".encode()
    rows = _BOMB_BYTES // len(row)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(member, "w") as out:
        out.write(b"id,team_id,name,email\n")
        for _ in range(rows):
            out.write(row)
    members = [{"name": member, "entity": "candidates", "rows": rows}]
    return _File(path, _entry(path, "candidates", rows, "zip", members))


def _entry(path: Path, entity: str, rows: int, kind: str, members: list[Json] | None = None) -> Json:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(1024 * 1024):
            digest.update(chunk)
    entry: Json = {
        "name": path.name,
        "size": path.stat().st_size,
        "sha256": digest.hexdigest(),
        "entity": entity,
        "rows": rows,
        "format": kind,
    }
    if members is not None:
        entry["members"] = members
    return entry
