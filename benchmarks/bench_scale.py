"""Ten thousand waiting cases: what they cost, and whether anybody notices.

    python benchmarks/bench_scale.py          on SQLite and on PostgreSQL, in some ten minutes
    python benchmarks/bench_scale.py --quick  few cases: shows only that all of this works

The waiting cases are copies, made as `benchmarks/filling.py` says; those that are answered among ten thousand have been
run from their start.
Prefect keeps its own database on SQLite in either: the PostgreSQL of these tests lacks the extension pg_trgm, which
Prefect's needs.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.bench_answers import Played, play
from benchmarks.filling import asked_of, fill
from benchmarks.live import Live, live
from benchmarks.postgresql import Database, postgres
from benchmarks.processes import trees
from benchmarks.report import Measure, Spread, asked_quick, report, show
from casework.inbox import open_questions

MOST_RATIO, MOST_QUERY_MS = 1.2, 50.0
EARLIER_ANSWERS = 1
"""So much of a story has each case that waits."""

SHOWN = 100


@dataclass(frozen=True)
class Plan:
    """Cases that wait; how often what is measured; seconds of idleness."""

    waiting: int
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
    fill(site, pattern(site), range(plan.waiting))
    filling = time.perf_counter() - began
    after = place.bytes_of_cases(), place.bytes_of_prefect()

    everybody = Spread.of(queries(site, plan.queries, None))
    person = Spread.of(queries(site, plan.queries, asked_of(plan.waiting - 1).id))
    full = play(site, pids, plan.answers, plan.idle)
    held = trees(pids).count
    site.world.assert_once()
    many = f"{name}, {plan.waiting:,} waiting"
    return [
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
        plan = Plan(waiting=200, answers=1, queries=5, idle=1)
        show("scale, only tried out", measure(plan))
    else:
        report("scale", measure(Plan(waiting=10_000, answers=20, queries=200, idle=20)))


if __name__ == "__main__":
    main()
