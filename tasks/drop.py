"""The drop: where engineering puts a case's deliverable, and what is checked before anything else."""

from __future__ import annotations

from collections import Counter
from typing import Any

from casework import clock
from casework.delivery import current as delivery
from casework.delivery.deliverable import Accepted, Limits, Rejected
from casework.delivery.deliverable import check as check_drop
from casework.delivery.digests import Tally
from casework.delivery.drop import S3Drop
from casework.delivery.manifest import Entity
from casework.delivery.package import LooseFile, Package, loose, package
from casework.people import Identity, Person
from casework.step import case_id, lookup, step
from casework.systems import current
from casework.wait import Heard
from policies.data_export_numbers import DeliverableLimits

__all__ = [
    "ENGINEER",
    "Accepted",
    "Deliverable",
    "LooseFile",
    "Rejected",
    "arrived",
    "bucket",
    "check",
    "clear",
    "counts",
    "digests",
    "found",
    "packed",
    "place",
    "prefix",
    "told",
]

Deliverable = Accepted | LooseFile
"""What can be delivered: an export whose every row was checked, or one file that somebody brought."""

ENGINEER = Person(id="drop")
"""Who answers when a file lies in the drop."""


def packed(prefix: str, checked: Deliverable, case: str) -> Package:
    """What the customer downloads; its name has the beginning of the case's id and nothing else."""
    drop = drop_of(prefix)
    if isinstance(checked, LooseFile):
        return loose(drop, checked, f"file-{case}")
    return package(drop, checked, f"export-{case}")


def drop_of(prefix: str) -> S3Drop:
    """The drop below a prefix."""
    return S3Drop(current().s3, delivery().drop_bucket, prefix, now=clock.present)


def bucket() -> str:
    """The bucket that every drop is in."""
    return delivery().drop_bucket


@lookup
def prefix() -> str:
    """Where this case's deliverable is to be put: a folder that no other case has."""
    return place(case_id())


def place(case: str) -> str:
    """The folder of a case in the drop."""
    return f"exports/{case}/"


@lookup
def check(prefix: str, team_id: str, entities: tuple[str, ...], limits: DeliverableLimits) -> Accepted | Rejected:
    """Check all of a drop: every size, hash and row. What is in it is read and forgotten."""
    bounds = Limits(
        files=limits.max_files,
        total_bytes=limits.max_total_bytes,
        manifest_bytes=limits.max_manifest_bytes,
        members=limits.max_members,
        ratio=limits.max_ratio,
        unpacked_bytes=limits.max_unpacked_bytes,
    )
    return check_drop(drop_of(prefix), team_id, [Entity(entity) for entity in entities], bounds)


def counts(checked: Accepted) -> dict[str, Any]:
    """How many files, bytes and rows of each entity a right deliverable has."""
    rows = Counter[str]()
    for file in checked.files:
        rows[file.entity.value] += file.rows
    sizes = {"files": len(checked.files), "bytes": checked.total_bytes}
    return sizes | {entity.value: rows[entity.value] for entity in Entity}


def digests(checked: Deliverable) -> list[str]:
    """Each file of a right deliverable with its SHA-256, for colleagues who carry it by hand."""
    files = (checked,) if isinstance(checked, LooseFile) else checked.files
    return [f"{file.name}: SHA-256 {file.sha256}" for file in files]


def arrived(prefix: str, file: LooseFile) -> tuple[Heard, ...]:
    """Whether a file lies in the drop, with the size that was announced. Looks only."""
    drop = drop_of(prefix)
    if file.name not in drop.names() or drop.size(file.name) != file.size:
        return ()
    return (Heard(Identity(kind="system", value=ENGINEER.id), {}, f"drop:{prefix}{file.name}"),)


@lookup
def found(prefix: str, file: LooseFile) -> bool:
    """Whether what lies in the drop is the file that was announced, by its SHA-256. It is read and forgotten."""
    tally = Tally.of(drop_of(prefix).read(file.name))
    return (tally.size, tally.sha256) == (file.size, file.sha256)


def told(checked: Rejected) -> list[str]:
    """What is wrong with a deliverable, for colleagues: kinds, file names and row numbers, no content."""
    return [
        f"{problem.file or 'the drop'}{f', row {problem.row}' if problem.row else ''}: {problem.detail}"
        for problem in checked.problems
    ]


@step(repeatable=True)
def clear(prefix: str) -> None:
    """Remove everything below the prefix, with all versions; again removes nothing more."""
    drop_of(prefix).delete()
