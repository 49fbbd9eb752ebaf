"""How long the clock takes for one round with ten thousand open questions, on SQLite and on PostgreSQL.

What a person notices is this and the seconds between two rounds: a deadline is acted on in the round that meets it.
"""

from __future__ import annotations

from datetime import timedelta
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import update

from benchmarks.postgresql import postgres
from benchmarks.report import Measure, report
from casework import tick
from casework.schema import waits
from tests.conftest import START
from tests.desk import Desk
from tests.many import fill

MANY = 10_000
ROUNDS = 20
AT_ONCE = 200


def due_now(desk: Desk, case_ids: list[str]) -> None:
    """Bring some deadlines to this moment."""
    now = desk.engine.now()
    with desk.files.writing() as connection:
        connection.execute(update(waits).where(waits.c.case_id.in_(case_ids)).values(due_at=now, next_at=now))


def round_of(desk: Desk, deadlines: int) -> float:
    """The milliseconds of one round that has to pass so many deadlines."""
    began = perf_counter()
    done = tick.tick(desk.runtime)
    took = perf_counter() - began
    assert (done.deadlines, done.woken) == (deadlines, deadlines), done  # noqa: S101 - a round that did its work
    return took * 1000


def main() -> None:
    """Measure and report."""
    measures = []
    with TemporaryDirectory(prefix="casework-waits-") as folder, postgres("cases") as (cases,):
        for name, url in (("SQLite", f"sqlite:///{folder}/cases.db"), ("PostgreSQL", cases.url)):
            with Desk(url, START) as desk:
                ids = fill(desk, MANY, desk.engine.now() + timedelta(days=30))
                # Nobody takes the legs here: what is measured is the clock, not a case.
                desk.engine.resume = lambda _: None  # type: ignore[assignment,method-assign]
                idle = [round_of(desk, 0) for _ in range(ROUNDS)]
                one = []
                for case_id in ids[:ROUNDS]:
                    due_now(desk, [case_id])
                    one.append(round_of(desk, 1))
                    desk.engine.sleep(1)
                    with desk.files.writing() as connection:
                        connection.exec_driver_sql("UPDATE cases SET wanted_at = NULL WHERE wanted_at IS NOT NULL")
                due_now(desk, ids[-AT_ONCE:])
                heap = round_of(desk, AT_ONCE)
            measures += [
                Measure(f"{name}: an idle round, the slowest of {ROUNDS}", max(idle), "ms"),
                Measure(f"{name}: a round with one due, the slowest of {ROUNDS}", max(one), "ms"),
                Measure(f"{name}: a round with {AT_ONCE} due", heap, "ms", f"{heap / AT_ONCE:.1f} ms each"),
            ]
    report("waits", measures)


if __name__ == "__main__":
    main()
