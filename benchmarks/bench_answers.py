"""From an answer to the next step: how long it takes, what it costs, and where the time goes. With peers.

    python benchmarks/bench_answers.py          all of it, in some ten minutes
    python benchmarks/bench_answers.py --quick  few answers: shows only that all of this works

The same work for all: a process asks, is answered over HTTP, does one HTTP request as a step, and asks again. Measured
is from the press of the button to the request's arrival, and the CPU seconds of all processes concerned (Prefect's
server, gateway and worker; the application and PostgreSQL of DBOS). Answers come one after the other, half a second
to one and a half after the question, so that nobody's polling is met at its best moment. What waiting costs meanwhile
is in the CPU seconds, and shown apart.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from tempfile import TemporaryDirectory

from benchmarks import peer_dbos, peer_serve
from benchmarks.live import Answered, Live, live
from benchmarks.postgresql import postgres
from benchmarks.processes import trees
from benchmarks.report import Measure, Spread, asked_quick, report, show
from casework.case import Kind
from tests.real.world import World

OURS, PROCESS_WORKER = "ours", "Prefect, process worker"
IDLE_SECONDS = 20.0
TO_A_CASE = 10
"""So many answers get the cases here; more would measure the reading of long files."""


@dataclass(frozen=True)
class Plan:
    """How many answers each peer gets, and how long idleness is watched (seconds)."""

    ours: int
    slow: int
    dbos: int
    idle: float


@dataclass
class Played:
    """What one peer did: seconds of each answer, CPU seconds in all, and where the time went (milliseconds)."""

    took: list[float] = field(default_factory=list)
    cpu: float = 0.0
    idle_cpu: float = 0.0
    stages: dict[str, list[float]] = field(default_factory=dict)


def pause() -> None:
    """A person needs a moment."""
    time.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - nobody has to guess it


def play(site: Live, pids: Sequence[int], answers: int, idle: float) -> Played:
    """Answer cases of a site that run in the processes given."""
    played = Played()
    left = answers
    while left:
        rounds = min(left, TO_A_CASE)
        case = site.start(rounds + 1)
        site.at_rest(case, 0)
        before = trees(pids).cpu_seconds
        for number in range(rounds):
            pause()
            answered = site.answer(case, number)
            site.at_rest(case, number + 1)
            played.took.append(answered.took)
            for stage, milliseconds in stages(site, answered).items():
                played.stages.setdefault(stage, []).append(milliseconds)
        played.cpu += trees(pids).cpu_seconds - before
        left -= rounds
    played.idle_cpu = idleness(pids, idle)
    return played


def idleness(pids: Sequence[int], seconds: float) -> float:
    """The part of a core that processes use while nothing happens."""
    before = trees(pids).cpu_seconds
    time.sleep(seconds)
    return (trees(pids).cpu_seconds - before) / seconds


def stages(site: Live, one: Answered) -> dict[str, float]:
    """The milliseconds from each moment on the way to the next, by what happens in them."""
    recorded = _entry(site, one.case, Kind.DECIDED, one.wait)
    after = [(at.timestamp(), state) for at, state in site.states(one.case) if at.timestamp() > one.sent]
    state = {name: next(at for at, what in after if what == name) for name in ("SCHEDULED", "PENDING", "RUNNING")}
    begun = [e.at.timestamp() for e in site.site.entries(one.case, Kind.STEP_BEGUN)]
    moments = [
        ("button pressed", one.sent),
        ("answer recorded", recorded.timestamp()),
        ("run Scheduled", state["SCHEDULED"]),
        ("run Pending", state["PENDING"]),
        ("process born", one.stamps["born"]),
        ("run Running", state["RUNNING"]),
        ("body entered", one.stamps["body"]),
        ("step written down", max(at for at in begun if at <= one.effect)),
        ("step entered", one.stamps["step"]),
        ("effect seen", one.effect),
    ]
    # A worker may make the process before it says so; what comes first stands first.
    moments.sort(key=lambda moment: moment[1])
    return {f"{earlier[0]} → {later[0]}": (later[1] - earlier[1]) * 1000 for earlier, later in pairwise(moments)}


def _entry(site: Live, case: str, kind: Kind, key: str) -> datetime:
    return next(entry.at for entry in site.site.entries(case, kind) if entry.key == key)


def play_dbos(world: World, database: str, answers: int, idle: float, beside: Sequence[int] = ()) -> Played:
    """Answer workflows of DBOS; `beside` are the processes of its database."""
    played = Played()
    with peer_dbos.running(database, world.place, TO_A_CASE + 1) as dbos:
        pids = [dbos.pid, *beside]
        left = answers
        while left:
            workflow = dbos.start()
            before = trees(pids).cpu_seconds
            rounds = min(left, TO_A_CASE)
            for number in range(rounds):
                pause()
                sent = dbos.send(workflow)
                played.took.append(world.effect(workflow, number).at - sent)
            played.cpu += trees(pids).cpu_seconds - before
            left -= rounds
        played.idle_cpu = idleness(pids, idle)
    return played


def measure(plan: Plan) -> list[Measure]:
    """All peers, one after the other."""
    played: dict[str, Played] = {}
    with live() as site:
        kind = site.kind()
        pids = [site.pid(name) for name in ("prefect", "gateway", "worker")]
        played[OURS] = play(site, pids, plan.ours, plan.idle)
        shared = pids[:2]
        if kind == "process":
            played[PROCESS_WORKER] = played[OURS]
        else:
            other = site.pool("bench-process", "process")
            with other.worker("bench-process", "process") as worker:
                played[PROCESS_WORKER] = play(other, [*shared, worker.pid], plan.slow, plan.idle)
        polled = {"PREFECT_RUNNER_POLL_FREQUENCY": "1"}
        with site.beside("serve", "benchmarks.peer_serve", **polled) as runner:
            served = site.served(peer_serve.NAME)
            played["Prefect, serve"] = play(served, [*shared, runner.pid], plan.slow, plan.idle)
        site.world.assert_once()
    with World().serving() as world, TemporaryDirectory() as folder, postgres("dbos") as (database,):
        played["DBOS, SQLite"] = play_dbos(world, f"sqlite:///{folder}/dbos.db", plan.dbos, plan.idle)
        played["DBOS, PostgreSQL"] = play_dbos(world, database.url, plan.dbos, plan.idle, [database.pid])
        world.assert_once()
    return told(played)


def told(played: dict[str, Played]) -> list[Measure]:
    """The measures, each against the process worker's."""
    slow = played[PROCESS_WORKER]
    base, base_cpu = statistics.median(slow.took), slow.cpu / len(slow.took)
    measures = []
    for name, one in played.items():
        spread, cpu = Spread.of(one.took), one.cpu / len(one.took)
        against = f"{base / spread.median:,.1f} × as fast as the process worker; "
        measures += [
            Measure(f"{name}: answer → next step, p50", spread.median * 1000, "ms", against + spread.told(1000)),
            Measure(f"{name}: answer → next step, p95", spread.p95 * 1000, "ms", f"of {len(one.took)}"),
            Measure(f"{name}: CPU an answer", cpu, "s", f"{cpu / base_cpu:.0%} of the process worker's"),
            Measure(f"{name}: CPU while nothing happens", one.idle_cpu * 100, "% of a core"),
        ]
    for name in (OURS, PROCESS_WORKER):
        if name == PROCESS_WORKER and played[name] is played[OURS]:
            continue
        for stage, milliseconds in played[name].stages.items():
            if len(milliseconds) > len(played[name].took) / 2:
                spread = Spread.of(milliseconds)
                measures.append(Measure(f"{name}: {stage}", spread.median, "ms", spread.told(1)))
    return measures


def main() -> None:
    """Measure and report."""
    if asked_quick(__doc__):
        show("answers, only tried out", measure(Plan(ours=2, slow=1, dbos=3, idle=1)))
    else:
        report("answers", measure(Plan(ours=60, slow=10, dbos=60, idle=IDLE_SECONDS)))


if __name__ == "__main__":
    main()
