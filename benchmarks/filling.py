"""Thousands of cases that wait: each a run that Prefect holds as suspended, and a copy of a case file that is real.

The runs are made through Prefect's API; the files are written by the product's own functions, so their chains hold.
What a suspended run's form leaves in Prefect is not made, nor are the runs' tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
from sqlalchemy import insert, select

from benchmarks.asker import PROCESS
from benchmarks.live import Live
from casework.case import Kind
from casework.people import Person
from casework.schema import waits
from tests.real.site import until

__all__ = ["PEOPLE", "fill"]

PEOPLE = 200
"""The questions are put to so many people in turn; `bench-0` is the first."""

SUSPENDED = {"type": "PAUSED", "name": "Suspended"}


def fill(site: Live, like: str, numbers: range) -> list[str]:
    """Waiting cases with these numbers, each as the case `like` is now; their ids."""
    runs = [_run(site, number) for number in numbers]
    with site.site.files.reading() as connection:
        asked = [dict(row._mapping) for row in connection.execute(select(waits).where(waits.c.case_id == like))]
    for number, case in zip(numbers, runs, strict=True):
        _copy(site, like, asked, case, number)
    return runs


def _parameters(site: Live, number: int) -> dict[str, Any]:
    return {"number": number, "place": site.world.place, "rounds": 1000}


def _run(site: Live, number: int) -> str:
    wanted = {
        "name": f"{PROCESS} {number}",
        "parameters": _parameters(site, number),
        "tags": ["casework", PROCESS, "waiting:decider"],
        "state": SUSPENDED,
        "idempotency_key": f"filled:{number}",
    }
    create = f"/deployments/{site.deployment}/create_flow_run"

    def made() -> str | None:
        try:
            return str(site.site.prefect.post(create, wanted)["id"])
        except httpx.TimeoutException:
            return None  # asked again: the key makes it the same run

    return until(f"run {number}", made)


def _copy(site: Live, like: str, asked: Sequence[dict[str, Any]], case: str, number: int) -> None:
    files = site.site.files
    opened, _ = files.begin_leg(case, PROCESS, _parameters(site, number), f"bench:filled:{number}")
    entries = site.site.entries(like)
    who = [Person(id=f"bench-{number % PEOPLE}").model_dump(mode="json")]
    with files.writing() as connection:
        for entry in entries:
            if entry.kind is not Kind.OPENED:
                files.append(case, entry.kind, entry.key, entry.actor, entry.payload, connection=connection)
        connection.execute(insert(waits), [row | {"case_id": case, "who": who} for row in asked])
    files.end_leg(case, opened.epoch)
