"""A worker is killed while a thousand cases wait; one is answered; how soon after its restart is that acted on.

    python benchmarks/bench_restart.py          on SQLite and on PostgreSQL, in some five minutes
    python benchmarks/bench_restart.py --quick  few cases, once: shows only that all of this works

Where the time goes: the worker imports Prefect and connects, beside it the preloader imports Prefect and all of ours,
then the leg is forked and runs. The CPU seconds are those of the worker and what it has started, and of the whole
machine meanwhile: what others do on it is in the times.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.bench_scale import EARLIER_ANSWERS, against, pattern, postgresql, sqlite
from benchmarks.filling import asked_of, fill
from benchmarks.live import Live
from benchmarks.processes import busy, trees
from benchmarks.report import Measure, asked_quick, report, show
from tests.real.site import descendants, until

MOST_RESTART_S = 5.0
KILLED = "bench-kill"
"""The work pool, and the name, of the worker that is killed."""


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


def measure(waiting: int, times: int) -> list[Measure]:
    """Both kinds of database."""
    measures = []
    for kind in (sqlite, postgresql):
        with kind() as place:
            site = place.site.pool(KILLED, place.site.kind())
            measures += told(f"{place.name}, {waiting:,} waiting", kills(site, fill_up(site, waiting), times))
            site.world.assert_once()
    return measures


def told(where: str, restarts: Sequence[Restart]) -> list[Measure]:
    """The median and the slowest of some restarts, and the medians of their parts."""
    acted = [one.acted for one in restarts]
    parts = {
        "run taken": [one.taken for one in restarts],
        "process of the leg born": [one.born for one in restarts],
        "CPU of the worker and its preloader": [one.cpu for one in restarts],
        "CPU of the whole machine": [one.busy for one in restarts],
    }
    return [
        Measure(
            f"{where}: start of the worker → next step, the slowest of {len(restarts)}",
            max(acted),
            "s",
            f"{against(max(acted), MOST_RESTART_S)}; {', '.join(f'{one:.1f}' for one in acted)}; nothing done twice",
        ),
        *(Measure(f"{where}: {part}, median", statistics.median(values), "s") for part, values in parts.items()),
    ]


def main() -> None:
    """Measure and report."""
    if asked_quick(__doc__):
        show("restart, only tried out", measure(20, 1))
    else:
        report("restart", measure(1000, 5))


if __name__ == "__main__":
    main()
