"""Answers that come while the run which asks is still being suspended: none is lost, fails or is acted on twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from statistics import quantiles

import pytest
from sqlalchemy import select

from casework.case import Kind
from casework.people import Invitation
from casework.schema import waits
from tests.real.early import DECIDER, ONCE, WAIT
from tests.real.site import Browser, Site, until
from tests.real.world import World

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]

DELAYS = (0.0, 0.05, 0.25, 0.5, 1.0)
AGAIN_SECONDS = 0.25
"""After this a person to whom the Prefect UI said no presses Resume again."""

LOOK_SECONDS = 0.005
EACH = 25
"""How many answers at each delay and by each way, with the warm worker."""

AT_ONCE = 3
_numbers = count(1)


class Watcher:
    """Sees within milliseconds that a case's question stands in the database."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seen: set[str] = set()
        self._news = threading.Condition()
        self._ended = False

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        """Looks while the block runs."""
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended = True
            thread.join(10)

    def _look(self) -> None:
        early = select(waits.c.case_id).where(waits.c.wait == WAIT, waits.c.state == "open")
        while not self._ended:
            with self._site.files.reading() as connection:
                open_ones = set(connection.execute(early).scalars())
            if not open_ones <= self._seen:
                with self._news:
                    self._seen |= open_ones
                    self._news.notify_all()
            time.sleep(LOOK_SECONDS)

    def asked(self, case: str) -> None:
        """Wait until the question of a case is open."""
        with self._news:
            assert self._news.wait_for(lambda: case in self._seen, 240), f"case {case} did not ask"


Way = Callable[[Browser, Invitation], str | None]
WAYS: dict[str, Way] = {"link": Browser.decision_page, "prefect": Browser.prefect_form}
"""By the names that the case file has for them."""


@dataclass(frozen=True)
class Played:
    """One early answer: what was said to it until it was taken, the type of the run's state when that began, and how
    long after it was taken it was acted on (seconds)."""

    way: str
    delay: float
    turned_away: tuple[str, ...]
    met: str
    took: float


@dataclass(frozen=True)
class Stage:
    """A site, the deployment whose legs are watched, the world that counts what they do, and people."""

    site: Site
    deployment: str
    world: World
    watcher: Watcher
    browser: Browser

    def play(self, way: str, delay: float) -> Played:
        """One case, answered so many seconds after its question opened; everything about it is checked."""
        number = next(_numbers)
        wanted = {"parameters": {"number": number, "place": self.world.place}, "idempotency_key": f"early:{number}"}
        start = partial(self.browser.post, f"/deployments/{self.deployment}/create_flow_run", wanted)
        case = until("run", start)["id"]
        invitation = Invitation(case_id=case, wait=WAIT, person=DECIDER)
        self.watcher.asked(case)
        time.sleep(delay)
        turned_away = []
        sent = datetime.now(UTC)
        while no := WAYS[way](self.browser, invitation):
            turned_away.append(no)
            assert len(turned_away) < 400, no
            time.sleep(AGAIN_SECONDS)
            sent = datetime.now(UTC)
        taken = time.time()
        effect = self.world.effect(case, ONCE)
        until(f"end of case {case}", partial(self.site.ending, case))
        until("end of the run", lambda: self.browser.states(case)[-1][1] not in ("RUNNING", "PENDING"))
        states = self._assert_sound(case, way)
        met = [state for at, state in states if at <= sent][-1]
        return Played(way, delay, tuple(turned_away), met, effect.at - taken)

    def _assert_sound(self, case: str, way: str) -> list[tuple[datetime, str]]:
        """Decided once, by who was asked; done once; nothing failed on the way; the file's chain holds. The states that
        the run had."""
        entries = self.site.entries(case)
        (decided,) = [entry for entry in entries if entry.kind is Kind.DECIDED]
        assert (decided.key, decided.actor, decided.payload["channel"]) == (WAIT, DECIDER.id, way)
        assert [entry.kind for entry in entries if entry.kind in (Kind.ANSWER_REFUSED, Kind.FAULT_PARKED)] == []
        assert len(self.world.done[case, ONCE]) == 1
        assert [entry.key for entry in entries if entry.kind is Kind.STEP_BEGUN] == ["early.act/1"]
        assert self.site.ending(case) == "done"
        assert self.site.files.verify(case) == len(entries)
        states = self.browser.states(case)
        assert states[-1][1] == "COMPLETED"
        assert {"FAILED", "CRASHED", "CANCELLED"} & {state for _, state in states} == set(), states
        return states


@contextmanager
def stage(site: Site, pool: str) -> Iterator[Stage]:
    """The process deployed on a work pool of a site, and the world around it."""
    world, watcher = World(), Watcher(site)
    flow = site.prefect.post("/flows/", {"name": "early"})["id"]
    deployed = {"name": pool, "flow_id": flow, "entrypoint": "tests.real.early.early", "work_pool_name": pool}
    deployment = site.prefect.post("/deployments/", deployed)["id"]
    with world.serving(), watcher.watching():
        yield Stage(site, deployment, world, watcher, Browser(site))


def tell(capsys: pytest.CaptureFixture[str], played: Sequence[Played]) -> None:
    """Print what was measured, by way and delay."""
    rows: list[tuple[str, ...]]
    rows = [("way", "delay s", "answers", "taken at once", "turned away", "before suspended", "to effect p50", "p95 s")]
    for way, delay in sorted({(one.way, one.delay) for one in played}):
        some = [one for one in played if (one.way, one.delay) == (way, delay)]
        took = [one.took for one in some]
        cuts = quantiles(took, n=20, method="inclusive") if len(took) > 1 else took * 19
        at_once = sum(not one.turned_away for one in some)
        no = sum(len(one.turned_away) for one in some)
        before = sum(one.met != "PAUSED" for one in some)
        counts = (delay, len(some), at_once, no, before)
        rows.append((way, *map(str, counts), f"{cuts[9]:.2f}", f"{cuts[18]:.2f}"))
    lines = ["", *("  ".join(cell.rjust(len(head)) for cell, head in zip(row, rows[0], strict=True)) for row in rows)]
    reasons = Counter(no for one in played for no in one.turned_away)
    lines += [f"turned away {times} times: {reason}" for reason, times in reasons.most_common()]
    with capsys.disabled():
        sys.stdout.write("\n".join(lines) + "\n")


def play_all(stage: Stage, plan: Sequence[tuple[str, float]], at_once: int) -> list[Played]:
    """The answers of the plan, by way and delay, so many cases at a time."""
    with ThreadPoolExecutor(at_once) as people:
        playing = [people.submit(stage.play, *how) for how in plan]
        try:
            return [one.result() for one in playing]
        finally:
            people.shutdown(wait=False, cancel_futures=True)


@pytest.fixture(scope="module")
def stock(site: Site) -> Iterator[str]:
    """A work pool whose legs Prefect's own process worker runs."""
    site.prefect.post("/work_pools/", {"name": "stock", "type": "process"})
    prefect = {"PREFECT_API_URL": f"{site.addresses['prefect']}/api", "PREFECT_WORKER_QUERY_SECONDS": "1"}
    command = (sys.executable, "-m", "prefect", "worker", "start", "--pool", "stock", "--type", "process")
    with (site.home / "logs" / "stock.log").open("ab") as log:
        worker = subprocess.Popen(
            command, env=site.environment | prefect, cwd="/", stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield "stock"
    finally:
        # It has nothing left to do; how long its own end takes is not ours.
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(30)


@pytest.mark.slow
def test_with_the_stock_worker(site: Site, stock: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Answers at each delay, by decision page or by Prefect's form, with Prefect's own worker: each is taken, or turned
    away in the same breath and taken when sent again; none is lost, none fails, none is acted on twice."""
    plan = [("link", 0.0), ("prefect", 0.0), ("link", 0.05), ("prefect", 0.25), ("link", 0.5), ("prefect", 1.0)]
    assert {delay for _, delay in plan} == set(DELAYS)
    with stage(site, stock) as on_stage:
        tell(capsys, play_all(on_stage, plan, at_once=len(plan)))


@pytest.mark.slow
def test_fifty_at_each_delay(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Fifty answers at each delay, half of them by decision page and half by Prefect's form, with the legs of a warm
    worker: each is taken, or turned away in the same breath and taken when sent again; none is lost, none fails, none
    is acted on twice."""
    plan = [(way, delay) for _ in range(EACH) for delay in DELAYS for way in WAYS]
    with stage(site, "casework") as on_stage:
        tell(capsys, play_all(on_stage, plan, at_once=AT_ONCE))
