"""The drop: where engineering puts a case's deliverable, and what is checked before anything else."""

from __future__ import annotations

from collections import Counter
from typing import Any

from casework import clock
from casework.delivery import current as delivery
from casework.delivery.deliverable import Accepted, Limits, Rejected
from casework.delivery.deliverable import check as check_drop
from casework.delivery.drop import S3Drop
from casework.delivery.manifest import Entity
from casework.step import case_id, lookup, step
from casework.systems import current
from policies.data_export_numbers import DeliverableLimits

__all__ = ["Accepted", "Rejected", "bucket", "check", "clear", "counts", "prefix", "told"]


def drop_of(prefix: str) -> S3Drop:
    """The drop below a prefix."""
    return S3Drop(current().s3, delivery().drop_bucket, prefix, now=clock.present)


def bucket() -> str:
    """The bucket that every drop is in."""
    return delivery().drop_bucket


@lookup
def prefix() -> str:
    """Where this case's deliverable is to be put: a folder that no other case has."""
    return f"exports/{case_id()}/"


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
