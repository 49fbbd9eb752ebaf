"""Drops made for tests: a deliverable in memory, right in every detail until a test breaks one."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TEAM = "team-104"
OTHER_TEAM = "team-105"
CHUNK = 1000


class MemoryDrop:
    """Files by name, given out in small pieces so that rows and characters are cut anywhere."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.largest = 0

    def names(self) -> Sequence[str]:
        return tuple(self.files)

    def size(self, name: str) -> int:
        return len(self.files[name])

    def read(self, name: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]:
        data = self.files[name][start:end]
        for at in range(0, len(data), CHUNK):
            yield data[at : at + CHUNK]


def csv_of(teams: Sequence[str], note: str = "plain") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "team_id", "note"])
    for number, team in enumerate(teams):
        writer.writerow([number, team, note])
    return text.getvalue().encode()


def jsonl_of(teams: Sequence[str], note: str = "plain") -> bytes:
    lines = (json.dumps({"id": n, "note": note, "team_id": team}) for n, team in enumerate(teams))
    return "".join(line + "\n" for line in lines).encode()


def zip_of(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def entry(name: str, data: bytes, rows: int, entity: str = "candidates", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "entity": entity,
        "rows": rows,
        "format": name.rpartition(".")[2],
        **more,
    }


def manifest(entries: Sequence[dict[str, Any]], team: str = TEAM, **more: Any) -> bytes:
    told = {
        "version": 1,
        "team_id": team,
        "created_at": "2026-11-21T12:00:00Z",
        "files": list(entries),
        **more,
    }
    return json.dumps(told).encode()


def drop_of(files: Mapping[str, bytes], entries: Sequence[dict[str, Any]], team: str = TEAM) -> MemoryDrop:
    return MemoryDrop({**files, "manifest.json": manifest(entries, team)})


def one_file(name: str, data: bytes, rows: int, **more: Any) -> MemoryDrop:
    return drop_of({name: data}, [entry(name, data, rows, **more)])


def zipped(members: Mapping[str, tuple[bytes, int]], data: bytes | None = None) -> MemoryDrop:
    """A drop with one ZIP; ``members`` gives each one's bytes and number of rows."""
    archive = zip_of({name: part for name, (part, _) in members.items()}) if data is None else data
    listed = [{"name": name, "entity": "candidates", "rows": rows} for name, (_, rows) in members.items()]
    return one_file("all.zip", archive, sum(rows for _, rows in members.values()), members=listed)
