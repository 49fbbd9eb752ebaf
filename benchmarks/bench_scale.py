"""Ten thousand waiting cases: what they cost, and whether anybody notices; and a worker killed among a thousand.

    python benchmarks/bench_scale.py          on SQLite and on PostgreSQL, in some ten minutes
    python benchmarks/bench_scale.py --quick  few cases: shows only that all of this works

The waiting cases are copies, made as `benchmarks/filling.py` says. What goes on after the worker's restart is a copy
that was answered while it was down; the cases that are answered among ten thousand have been run from their start.
Prefect keeps its own database on SQLite in either: the PostgreSQL of these tests lacks the extension pg_trgm, which
Prefect's needs.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.bench_answers import Played, play
from benchmarks.filling import asked_of, fill
from benchmarks.live import Live, live
from benchmarks.postgresql import Database, postgres
from benchmarks.processes import busy, trees
from benchmarks.report import Measure, Spread, asked_quick, report, show
from casework.inbox import open_questions
from tests.real.site import descendants, until

MOST_RATIO, MOST_QUERY_MS, MOST_RESTART_S = 1.2, 50.0, 5.0
EARLIER_ANSWERS = 1
"""So much of a story has each case that waits."""

KILLED = "bench-kill"
"""The work pool, and the name, of the worker that is killed."""

SHOWN = 100


@dataclass(frozen=True)
class Plan:
    """Cases that wait when the worker is killed and in all; how often what is measured; seconds of idleness."""

    kill: int
    waiting: int
    kills: int
    answers: int
    queries: int
    idle: float


@dataclass(frozen=True)
class Place:
    """A site on one kind of database, and how many bytes the cases' and Prefect's take there."""

    name: str
    site: Live
    bytes_of_cases: Callable[[], int]
    bytes_of_prefect: Callable[[], int]


@contextmanager
def sqlite() -> Iterator[Place]:
    """Cases on SQLite."""
    with live() as site:
        yield Place("SQLite", site, lambda: _file(site.site.home / "casework.db"), _prefect(site))


@contextmanager
def postgresql() -> Iterator[Place]:
    """Cases on PostgreSQL."""
    with postgres("cases") as (cases,), live(cases.url) as site:
        yield Place("PostgreSQL", site, lambda: _database(cases), _prefect(site))


def _prefect(site: Live) -> Callable[[], int]:
    return lambda: _file(site.site.home / "prefect" / "prefect.db")


def _file(path: Path) -> int:
    with sqlite3.connect(path, timeout=60) as connection:
        (pages,), (each,) = (connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size"))
    return int(pages * each)


def _database(database: Database) -> int:
    with psycopg.connect(database.address) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def pattern(site: Live) -> str:
    """A case that waits after `EARLIER_ANSWERS`."""
    case = site.start(EARLIER_ANSWERS + 1)
    for number in range(EARLIER_ANSWERS):
        site.at_rest(case, number)
        site.answer(case, number)
    site.at_rest(case, EARLIER_ANSWERS)
    return case


@dataclass(frozen=True, slots=True)
class Restart:
    """Seconds from the start of a worker's process until it took the run that was due, until the leg's process was
    there, and until the next step; and the CPU seconds until then, its own with what it started, and the machine's."""

    taken: float
    born: float
    acted: float
    cpu: float
    busy: float


def fill_up(site: Live, waiting: int) -> list[str]:
    """So many cases that wait, and a worker that is dead."""
    with site.worker(KILLED, site.kind()) as worker:
        cases = fill(site, pattern(site), range(waiting))
        _kill(worker)
    return cases


def kills(site: Live, cases: Sequence[str], times: int) -> list[Restart]:
    """Answer one of the cases that wait while the worker is dead, start it, and kill it with -9; so many times."""
    kind = site.kind()
    return [_restart(site, kind, case, number) for number, case in enumerate(cases[:times])]


def _restart(site: Live, kind: str, case: str, number: int) -> Restart:
    site.send(case, EARLIER_ANSWERS, asked_of(number))
    until("scheduled run", lambda: site.site.prefect.state(case)[0] == "SCHEDULED", every=0.1)
    began, before = time.time(), busy()
    with site.worker(KILLED, kind) as worker:
        effect = site.world.effect(case, EARLIER_ANSWERS)
        cpu, machine = trees([worker.pid]).cpu_seconds, busy() - before
        until("end of the case", lambda: site.ending(case) == "done")
        _kill(worker)
    pending = [at.timestamp() for at, state in site.states(case) if state == "PENDING"]
    taken = min(at for at in pending if at > began)
    return Restart(taken - began, effect.stamps["born"] - began, effect.at - began, cpu, machine)


def _kill(worker: subprocess.Popen[bytes]) -> None:
    for one in (worker.pid, *descendants(worker.pid)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    worker.wait()


def queries(site: Live, times: int, mine: str | None) -> list[float]:
    """Milliseconds of asking for what burns most, of all or of one person."""
    took = []
    for _ in range(times):
        with site.site.files.reading() as connection:
            began = time.perf_counter()
            found = open_questions(connection, site.site.files.now(), mine=mine, first=SHOWN)
            took.append((time.perf_counter() - began) * 1000)
        if not found.questions:
            raise RuntimeError("the inbox shows nothing of what waits")
    return took


def measure_place(place: Place, plan: Plan) -> list[Measure]:
    """Everything on one kind of database."""
    site, name = place.site, place.name
    pids = [site.pid(one) for one in ("prefect", "gateway", "worker")]
    empty = play(site, pids, plan.answers, plan.idle)
    processes = trees(pids).count
    before = place.bytes_of_cases(), place.bytes_of_prefect()
    began = time.perf_counter()
    killed = site.pool(KILLED, site.kind())
    restarts = kills(killed, fill_up(killed, plan.kill), plan.kills)
    fill(site, pattern(site), range(plan.kill, plan.waiting))
    filling = time.perf_counter() - began
    after = place.bytes_of_cases(), place.bytes_of_prefect()

    slowest = max(restarts, key=lambda one: one.acted)
    everybody = Spread.of(queries(site, plan.queries, None))
    person = Spread.of(queries(site, plan.queries, asked_of(plan.waiting - 1).id))
    full = play(site, pids, plan.answers, plan.idle)
    held = trees(pids).count
    site.world.assert_once()
    many = f"{name}, {plan.waiting:,} waiting"
    return [
        Measure(
            f"{name}, {plan.kill:,} waiting, worker killed: start of the worker → next step, the slowest",
            slowest.acted,
            "s",
            f"{against(slowest.acted, MOST_RESTART_S)}; of {len(restarts)}; the run was taken after"
            f" {slowest.taken:.1f} s; nothing done twice",
        ),
        *_answers(many, empty, full),
        Measure(f"{many}: processes held", held - processes, "", f"{processes} without them"),
        *(
            Measure(
                f"{many}: inbox, {who}, p95",
                spread.p95,
                "ms",
                f"{against(spread.p95, MOST_QUERY_MS)}; {spread.told(1)}",
            )
            for who, spread in (("everybody's first 100", everybody), ("one person's", person))
        ),
        Measure(f"{many}: case database, each", (after[0] - before[0]) / plan.waiting / 1000, "kB"),
        Measure(
            f"{many}: Prefect's database, each",
            (after[1] - before[1]) / plan.waiting / 1000,
            "kB",
            "run, states, form, story, logs, and the events of its last seven days",
        ),
        Measure(f"{many}: filled in", plan.waiting / filling, "a second", "part of no claim"),
    ]


def _answers(many: str, empty: Played, full: Played) -> list[Measure]:
    of_empty, of_full = statistics.median(empty.took), Spread.of(full.took)
    ratio = of_full.median / of_empty
    return [
        Measure(f"{many}: answer → next step, p50", of_full.median * 1000, "ms", of_full.told(1000)),
        Measure(
            f"{many}: the same, against the empty system",
            ratio,
            "×",
            f"{against(ratio, MOST_RATIO)}; {of_empty * 1000:,.0f} ms there",
        ),
        Measure(
            f"{many}: CPU while nothing happens",
            full.idle_cpu * 100,
            "% of a core",
            f"{empty.idle_cpu:.0%} in the empty system",
        ),
    ]


def against(value: float, most: float) -> str:
    return f"{'within' if value <= most else 'OVER'} {most:g}"


def measure(plan: Plan) -> list[Measure]:
    """Both kinds of database."""
    measures = []
    for kind in (sqlite, postgresql):
        with kind() as place:
            measures += measure_place(place, plan)
    return measures


def main() -> None:
    """Measure and report."""
    if asked_quick(__doc__):
        plan = Plan(kill=20, waiting=200, kills=1, answers=1, queries=5, idle=1)
        show("scale, only tried out", measure(plan))
    else:
        report("scale", measure(Plan(kill=1000, waiting=10_000, kills=3, answers=20, queries=200, idle=20)))


if __name__ == "__main__":
    main()
