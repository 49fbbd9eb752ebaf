"""How long a case with 200 done steps takes to reach its next step, on SQLite and PostgreSQL.

Every leg replays the body from the top: what the file has is answered from memory. Measured is the time from the
beginning of a leg, whose question the clock has settled, to the beginning of the first step that is new: the next
epoch is written and the file read meanwhile, through a connection that is made then, as in a process that has just
been forked. Target: 50 ms.
"""

from __future__ import annotations

import gc
import statistics
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.postgresql import postgres
from benchmarks.report import Measure, report
from casework.answer import pass_deadline
from casework.clock import Minutes
from casework.people import Person, Role
from casework.process import process
from casework.step import step
from casework.wait import Form, wait_for
from tests.conftest import START
from tests.desk import Desk

STEPS = 200
CASES = 25
TARGET_MS = 50.0

reached: list[float] = []


class Nothing(Form):
    """A question that nobody answers."""


@step(repeatable=True)
def small(number: int) -> int:
    """Gives back its number."""
    return number


@step(repeatable=True)
def mark() -> None:
    """Notes when it is reached; a later mark is a later measurement."""
    reached.append(perf_counter())


@process("bench-replay", subject="bench:case:{number}")
def long(number: int) -> str:  # noqa: ARG001 - it only tells the cases apart
    """Two hundred steps, a wait, and one step more."""
    for one in range(STEPS):
        small(one)
    who = Role(name="nobody", people=(Person(id="staff-1"),))
    wait_for(Nothing, key="pause", question="?", who=who, within=Minutes(1))
    mark()
    return "done"


def measure(database: str, url: str) -> list[Measure]:
    """The figures of one database."""
    took: list[float] = []
    del reached[:]
    with Desk(url, START) as desk:
        begun = perf_counter()
        runs = [desk.start("bench-replay", number=number) for number in range(CASES)]
        doing = (perf_counter() - begun) * 1000 / CASES
        desk.engine.sleep(120)
        for run in runs:
            with desk.files.writing() as connection:
                pass_deadline(connection, run.case_id, "pause/1", desk.engine.now())
            desk.engine.resume(run.case_id)
            desk.database.dispose()
            gc.collect()
            began = perf_counter()
            desk.engine.run()
            took.append((reached[-1] - began) * 1000)
        assert len(reached) == CASES  # noqa: S101 - each case was measured once
    median, worst = statistics.median(took), max(took)
    return [
        Measure(f"{database}: doing {STEPS} steps once", doing, "ms"),
        Measure(f"{database}: back to the next step, median", median, "ms", f"{median / TARGET_MS:.0%} of the target"),
        Measure(f"{database}: back to the next step, worst", worst, "ms", f"{worst / TARGET_MS:.0%} of the target"),
        Measure(
            f"{database}: replaying one done step", median * 1000 / STEPS, "µs", f"1 / {doing / median:.0f} of doing"
        ),
    ]


def main() -> None:
    """Measure and report."""
    with TemporaryDirectory(prefix="casework-replay-") as folder, postgres("cases") as (cases,):
        measured = measure("SQLite", f"sqlite:///{folder}/cases.db") + measure("PostgreSQL", cases.url)
    report("replay", measured)


if __name__ == "__main__":
    main()
