"""Whole cases a minute, from their start to their end with three answers, with one, two and four legs at once.

    python benchmarks/bench_throughput.py          all of it, in some ten minutes
    python benchmarks/bench_throughput.py --quick  few cases: shows only that all of this works

All cases are started at once, and every question is answered as soon as it stands in the database. So a leg may still
run when its answer comes, as with people who are quick. Where the time goes is told twice: as CPU seconds of each part
of the site, and as flame graphs of the worker with its legs, of Prefect's server and of the gateway, which py-spy draws
in a pass of its own into `results/`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from benchmarks.live import Live, live
from benchmarks.processes import trees
from benchmarks.report import RESULTS, Measure, asked_quick, report, show
from casework.schema import waits
from tests.real.site import until

ANSWERS = 3
LOOK_SECONDS = 0.02
GIVE_UP_SECONDS = 1800.0
SAMPLES_A_SECOND = 100
"""How often py-spy looks."""


@dataclass(frozen=True)
class Plan:
    """How many legs at once, how many cases for each of these, and where the flame graphs go."""

    children: tuple[int, ...]
    cases: int
    pictures: Path


def whole(site: Live, count: int) -> float:
    """Run so many cases from start to end, and answer whatever they ask as soon as they ask; seconds."""
    began = time.perf_counter()
    cases = [site.start(ANSWERS) for _ in range(count)]
    answered: set[tuple[str, str]] = set()
    of_these = (waits.c.case_id.in_(cases), waits.c.state == "open")

    def all_ended() -> bool:
        with site.site.files.reading() as connection:
            rows = connection.execute(select(waits.c.case_id, waits.c.wait).where(*of_these)).all()
        for case, wait in rows:
            if (case, wait) not in answered:
                site.send(case, int(wait.rpartition("/")[2]) - 1)
                answered.add((case, wait))
        return all(site.ending(case) is not None for case in cases)

    until("end of all cases", all_ended, GIVE_UP_SECONDS, LOOK_SECONDS)
    took = time.perf_counter() - began
    endings = {site.ending(case) for case in cases}
    if endings != {"done"}:
        raise RuntimeError(f"the cases ended as {endings}")
    return took


@contextmanager
def flames(pids: Mapping[str, int], pictures: Path) -> Iterator[None]:
    """Draw where processes, with all that they start, spend their time while the block runs.

    Raises:
        RuntimeError: py-spy may not look into them (it needs the right to trace).
    """
    spy = (str(Path(sys.executable).with_name("py-spy")), "record", "--subprocesses", "--rate", str(SAMPLES_A_SECOND))
    spying: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        for name, pid in pids.items():
            picture = str(pictures / f"throughput-{name}.svg")
            command = (*spy, "--output", picture, "--pid", str(pid))
            spying[name] = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        try:
            yield
        finally:
            for process in spying.values():
                process.send_signal(signal.SIGINT)
        for name, process in spying.items():
            _, said = process.communicate(timeout=120)
            if not (pictures / f"throughput-{name}.svg").is_file():
                raise RuntimeError(f"py-spy drew no picture of the {name}: {said[-300:]}")


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
            other = site.pool(pool, kind, limit=children)
            with other.worker(pool, kind) as worker:
                whole(other, 1)
                pids = parts(site, worker.pid)
                before = {name: trees([pid]).cpu_seconds for name, pid in pids.items()}
                minutes = whole(other, plan.cases) / 60
                used = {name: trees([pid]).cpu_seconds - before[name] for name, pid in pids.items()}
                rate = plan.cases / minutes
                alone = alone or rate
                measures += _told(f"{children} at once", rate, rate / alone, used, plan.cases, minutes)
                if children == plan.children[-1]:
                    with flames(pids, plan.pictures):
                        whole(other, plan.cases)
        site.world.assert_once()
    return measures


def _told(
    name: str, rate: float, ratio: float, used: Mapping[str, float], cases: int, minutes: float
) -> Sequence[Measure]:
    whole_cpu = sum(used.values())
    return [
        Measure(f"{name}: whole cases", rate, "a minute", f"{ratio:.1f} × of one at once"),
        Measure(f"{name}: CPU a case", whole_cpu / cases, "s", f"{whole_cpu / minutes / 60:.1f} cores busy"),
        *(
            Measure(f"{name}: CPU a case, {part}", seconds / cases, "s", f"{seconds / whole_cpu:.0%}")
            for part, seconds in used.items()
        ),
    ]


def main() -> None:
    """Measure and report."""
    if asked_quick(__doc__):
        with TemporaryDirectory() as pictures:
            show("throughput, only tried out", measure(Plan((1, 2), cases=2, pictures=Path(pictures))))
    else:
        report("throughput", measure(Plan((1, 2, 4), cases=20, pictures=RESULTS)))


if __name__ == "__main__":
    main()
