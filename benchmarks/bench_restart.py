"""A worker is killed while a thousand cases wait; one is answered; how soon after its restart is that acted on.

    python benchmarks/bench_restart.py          on SQLite and on PostgreSQL, in some five minutes
    python benchmarks/bench_restart.py --quick  few cases, once: shows only that all of this works

Where the time goes: the worker imports Prefect and connects, beside it the preloader imports Prefect and all of ours,
then the leg is forked and runs. The CPU seconds are those of the worker and what it has started, and of the whole
machine meanwhile: what others do on it is in the times.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.bench_scale import KILLED, MOST_RESTART_S, Restart, against, fill_up, kills, postgresql, sqlite
from benchmarks.report import Measure, asked_quick, report, show


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
