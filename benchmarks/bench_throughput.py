"""Whole cases a minute, from their start to their end with three answers, with one, two and four legs at once.

    python benchmarks/bench_throughput.py          all of it, in some ten minutes
    python benchmarks/bench_throughput.py --quick  few cases: shows only that all of this works

All cases are started at once, and every question is answered as soon as it stands in the database. So a leg may still
run when its answer comes, as with people who are quick. Where the time goes is told twice: as CPU seconds of each part
of the site, and as flame graphs of the worker with its legs, of Prefect's server and of the gateway, which py-spy draws
in a pass of its own into `results/`.

Prefect's server (3.8.8) on SQLite can stand still for a minute: Python's garbage collector, in the thread of the event
loop, closes a cursor whose connection waits for the write lock in a thread of its own, and so waits with it, until the
lock's time limit of 60 seconds, while what holds the lock cannot go on. Such minutes are told apart.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from benchmarks.live import Live, live
from benchmarks.processes import trees
from benchmarks.report import RESULTS, Measure, asked_quick, report, show
from casework.schema import waits
from tests.real.site import until

ANSWERS = 3
LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 1800.0
STILL_SECONDS = 15.0
SAMPLES_A_SECOND = 50
"""How often py-spy looks."""


@dataclass(frozen=True)
class Plan:
    """How many legs at once, how many cases for each of these, and where the flame graphs go; None: none are drawn."""

    children: tuple[int, ...]
    cases: int
    pictures: Path | None


@dataclass(frozen=True, slots=True)
class Run:
    """How long it took, and for how long of that everything stood still, in seconds."""

    took: float
    still: float


def whole(site: Live, count: int) -> Run:
    """Run so many cases from start to end, and answer whatever they ask as soon as they ask."""
    moments = [time.perf_counter()]
    cases = []
    for _ in range(count):
        cases.append(site.start(ANSWERS))
        moments.append(time.perf_counter())
    answered: set[tuple[str, str]] = set()
    running = set(cases)
    of_these = (waits.c.case_id.in_(cases), waits.c.state == "open")

    def all_ended() -> bool:
        with site.site.files.reading() as connection:
            rows = connection.execute(select(waits.c.case_id, waits.c.wait).where(*of_these)).all()
        for case, wait in rows:
            if (case, wait) not in answered:
                site.send(case, int(wait.rpartition("/")[2]) - 1)
                answered.add((case, wait))
                moments.append(time.perf_counter())
        for case in [one for one in running if site.ending(one) is not None]:
            running.remove(case)
            moments.append(time.perf_counter())
        return not running

    until("end of all cases", all_ended, GIVE_UP_SECONDS, LOOK_SECONDS)
    endings = {site.ending(case) for case in cases}
    if endings != {"done"}:
        raise RuntimeError(f"the cases ended as {endings}")
    gaps = [after - before for before, after in pairwise(moments)]
    return Run(moments[-1] - moments[0], sum(gap for gap in gaps if gap > STILL_SECONDS))


@contextmanager
def flames(pids: Mapping[str, int], pictures: Path) -> Iterator[None]:
    """Draw where processes, with all that they start, spend their time while the block runs.

    Raises:
        RuntimeError: py-spy may not look into them (it needs the right to trace).
    """
    # Which threads are idle cannot be seen on every kernel; who has the interpreter's lock can.
    py_spy = str(Path(sys.executable).with_name("py-spy"))
    spy = (py_spy, "record", "--subprocesses", "--gil", "--rate", str(SAMPLES_A_SECOND))
    spying: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        for name, pid in pids.items():
            picture = pictures / f"throughput-{name}.svg"
            picture.unlink(missing_ok=True)
            command = (*spy, "--output", str(picture), "--pid", str(pid))
            spying[name] = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        try:
            yield
        finally:
            for process in spying.values():
                process.send_signal(signal.SIGINT)
        for name, process in spying.items():
            _, said = process.communicate(timeout=120)
            picture = pictures / f"throughput-{name}.svg"
            if not picture.is_file():
                raise RuntimeError(f"py-spy drew no picture of the {name}: {said[-300:]}")
            picture.write_text(_without_places(picture.read_text()))


def _without_places(text: str) -> str:
    """Without the folders of this machine, which py-spy takes from command lines."""
    for folder in (sys.prefix, str(Path(__file__).parents[1])):
        text = text.replace(f"{folder}/", "")
    return text


def parts(site: Live, worker: int) -> dict[str, int]:
    """The processes that the cases need."""
    return {"worker": worker, "prefect": site.pid("prefect"), "gateway": site.pid("gateway")}


def measure(plan: Plan) -> list[Measure]:
    """One pass for each number of legs at once, and one with py-spy looking."""
    measures: list[Measure] = []
    alone = 0.0
    with live() as site:
        kind = site.kind()
        for children in plan.children:
            pool = f"bench-{children}"
            other = site.pool(pool, kind)
            with other.worker(pool, kind, limit=children) as worker:
                whole(other, 1)
                pids = parts(site, worker.pid)
                before = {name: trees([pid]).cpu_seconds for name, pid in pids.items()}
                run = whole(other, plan.cases)
                used = {name: trees([pid]).cpu_seconds - before[name] for name, pid in pids.items()}
                rate = plan.cases / (run.took - run.still) * 60
                alone = alone or rate
                measures += _told(f"{children} at once", rate, rate / alone, used, plan.cases, run)
                if plan.pictures is not None and children == plan.children[-1]:
                    with flames(pids, plan.pictures):
                        whole(other, plan.cases)
        site.world.assert_once()
    return measures


def _told(name: str, rate: float, ratio: float, used: Mapping[str, float], cases: int, run: Run) -> Sequence[Measure]:
    whole_cpu = sum(used.values())
    busy = whole_cpu / (run.took - run.still)
    return [
        Measure(f"{name}: whole cases", rate, "a minute", f"{ratio:.1f} × of one at once; {cases} cases"),
        Measure(f"{name}: Prefect's server stood still", run.still, "s", f"of {run.took:,.0f}; not counted above"),
        Measure(f"{name}: CPU a case", whole_cpu / cases, "s", f"{busy:.1f} cores busy"),
        *(
            Measure(f"{name}: CPU a case, {part}", seconds / cases, "s", f"{seconds / whole_cpu:.0%}")
            for part, seconds in used.items()
        ),
    ]


def main() -> None:
    """Measure and report."""
    if asked_quick(__doc__):
        show("throughput, only tried out", measure(Plan((1, 2), cases=2, pictures=None)))
    else:
        report("throughput", measure(Plan((1, 2, 4), cases=10, pictures=RESULTS)))


if __name__ == "__main__":
    main()
