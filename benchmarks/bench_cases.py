"""How many whole cases run in a second: the simulated engine, a case database on SQLite that waits for the disk.

A case here has two lookups, three steps, two questions, one answer, one passed deadline and one reminder. It is the
cost of the case file and the waits; Prefect and vendors come on top.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import func, select

from benchmarks.report import Measure, report
from casework.clock import Minutes
from casework.people import Identity, Invitation, Person, Role
from casework.process import process
from casework.schema import entries
from casework.step import lookup, step
from casework.wait import Form, Heard, wait_for
from tests.conftest import START
from tests.desk import Desk

CASES = 100
ANA = Person(id="staff-7", zendesk=7007)
TEAM = Role(name="team", people=(ANA,))


class Agreed(Form):
    """A small question."""

    agree: bool


@lookup
def size(number: int) -> int:
    """A fact."""
    return number


@step(repeatable=True)
def note(number: int, text: str) -> str:
    """An effect that leaves nothing."""
    return f"{text}-{number}"


@step(repeatable=True)
def tell(invitation: Invitation) -> None:
    """Somebody is told; telling again tells the same."""


def heard(_since: datetime) -> Iterable[Heard]:
    """Ana has agreed on the ticket."""
    yield Heard(Identity(kind="zendesk", value="7007"), {"agree": True}, "ticket:comment-1")


@process("bench-case", subject="bench:case:{number}")
def small(number: int) -> str:
    """Looks, acts, asks twice."""
    note(size(number), "begun")
    agreed = wait_for(Agreed, key="agree", question="?", who=TEAM, within=Minutes(60), announce=tell, look=heard)
    note(size(number), "asked")
    late = wait_for(Agreed, key="late", question="?", who=TEAM, within=Minutes(60), remind=[(Minutes(30), tell)])
    return "agreed" if agreed and late is None else "odd"


def main() -> None:
    """Measure and report."""
    with TemporaryDirectory() as folder, Desk(f"sqlite:///{Path(folder)}/cases.db", START) as desk:
        began = perf_counter()
        runs = [desk.start("bench-case", number=number) for number in range(CASES)]
        opened = perf_counter() - began
        desk.advance(hours=2)
        took = perf_counter() - began
        assert {desk.ending(run) for run in runs} == {"agreed"}  # noqa: S101 - each case went its whole way
        with desk.files.reading() as connection:
            written = connection.execute(select(func.count()).select_from(entries)).scalar_one()
        began = perf_counter()
        checked = sum(desk.files.verify(run.case_id) for run in runs)
        verifying = perf_counter() - began
    report(
        "cases",
        [
            Measure("whole cases", CASES / took, "a second", f"{took * 1000 / CASES:.0f} ms each"),
            Measure("opened and asked", CASES / opened, "a second"),
            Measure("entries written", written / took, "a second", f"{written / CASES:.0f} a case"),
            Measure("entries verified", checked / verifying, "a second", f"{written / took:.0f} written"),
        ],
    )


if __name__ == "__main__":
    main()
