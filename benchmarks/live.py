"""A real site under measurement: its cases ask, and the benchmark is the world and the person who answers.

Everything runs as `casework up` runs it. A further worker can be started beside it, on a work pool of its own, and
the case database can be PostgreSQL.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from sqlalchemy import select

from benchmarks.asker import DECIDER, PROCESS, wait_name
from casework.case import CaseFiles, CaseUnknown
from casework.database import connect
from casework.people import Invitation, Person
from casework.schema import waits
from casework.standins import sandbox_time
from casework.warm import TYPE
from tests.real.site import Site, until
from tests.real.world import World

__all__ = ["Answered", "Live", "live"]

ROOT = Path(__file__).absolute().parents[1]
LOOK_SECONDS = 0.02
POOL = "casework"
"""The work pool of `casework up`."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer and what came of it; Unix seconds, and what the leg told of itself."""

    case: str
    wait: str
    sent: float
    effect: float
    stamps: Mapping[str, float]

    @property
    def took(self) -> float:
        """Seconds from the press of the button to the next step's effect."""
        return self.effect - self.sent


@dataclass(frozen=True)
class Live:
    """A site that runs, and the deployment of the asking process whose cases are measured."""

    site: Site
    world: World
    web: httpx.Client
    deployment: str = ""

    # -- where cases run

    def on_pool(self, pool: str = POOL) -> Live:
        """The process deployed on a work pool that is there."""
        flow = self.site.prefect.post("/flows/", {"name": PROCESS})["id"]
        deployed = {"name": pool, "flow_id": flow, "entrypoint": "benchmarks.asker.asker", "work_pool_name": pool}
        return replace(self, deployment=self.site.prefect.post("/deployments/", deployed)["id"])

    def served(self, name: str) -> Live:
        """The process as somebody else deploys it under a name: waits until that is so."""

        def found() -> str | None:
            told = self.web.get(f"{self.prefect_api}/deployments/name/{PROCESS}/{name}")
            return str(told.json()["id"]) if told.status_code == 200 else None

        return replace(self, deployment=until(f"deployment {name}", found))

    def pool(self, name: str, kind: str) -> Live:
        """The process deployed on a new work pool of a kind of worker."""
        self.site.prefect.post("/work_pools/", {"name": name, "type": kind})
        return self.on_pool(name)

    def kind(self, pool: str = POOL) -> str:
        """What kind of worker a work pool is for."""
        return str(self.web.get(f"{self.prefect_api}/work_pools/{pool}").raise_for_status().json()["type"])

    @contextmanager
    def beside(self, name: str, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process beside the site, with the site's settings and its group for itself; ended with the block."""
        own = {
            "PREFECT_API_URL": self.prefect_api,
            "PREFECT_HOME": str(self.site.home / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        with (self.site.home / "logs" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                (sys.executable, "-m", *command),
                env=self.site.environment | own | environment,
                cwd="/",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(10)

    def worker(self, pool: str, kind: str, limit: int | None = None) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A worker of a pool, as `casework up` starts its own; it runs at most so many legs at once."""
        command = ["casework.warm"] if kind == TYPE else ["prefect", "worker", "start", "--type", kind]
        command += [
            "--pool",
            pool,
            "--name",
            pool,
            "--install-policy",
            "never",
            *(() if limit is None else ("--limit", str(limit))),
        ]
        polled = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_WORKER_PREFETCH_SECONDS": "5"}
        return self.beside(f"worker-{pool}", *command, **polled)

    # -- what cases do

    def start(self, rounds: int) -> str:
        """A new case that asks so many times; its id."""
        number = next(_numbers)
        wanted = {"parameters": {"number": number, "place": self.world.place, "rounds": rounds}}
        create = f"/deployments/{self.deployment}/create_flow_run"

        def made() -> str | None:
            try:
                return str(self.site.prefect.post(create, wanted | {"idempotency_key": f"bench:{number}"})["id"])
            except httpx.TimeoutException:
                return None  # its SQLite was held by others for so long; the key makes a second one the same run

        return until(f"run {number}", made)

    def ending(self, case: str) -> str | None:
        """How a case ended; None while it is open or has not begun."""
        try:
            return self.site.ending(case)
        except CaseUnknown:
            return None

    def is_asked(self, case: str, wait: str) -> bool:
        """Whether a question stands in the database."""
        this = (waits.c.case_id == case, waits.c.wait == wait, waits.c.state == "open")
        with self.site.files.reading() as connection:
            return connection.execute(select(waits.c.wait).where(*this)).one_or_none() is not None

    def at_rest(self, case: str, number: int) -> None:
        """Wait until a case has asked again after so many answers, its leg is over, and its run is suspended."""

        def rests() -> bool:
            if not self.is_asked(case, wait_name(number)):
                return False
            standing = self.site.files.case(case)
            return standing.leg_seen_at is None and standing.wanted_at is None

        until(f"question of case {case}", rests, every=LOOK_SECONDS)
        until("suspended run", lambda: self.site.prefect.state(case)[1] == "Suspended", every=0.1)

    def send(self, case: str, number: int, person: Person = DECIDER) -> tuple[float, str]:
        """Open the personal decision page and press its button; when (Unix seconds), and which question it was."""
        invitation = Invitation(case_id=case, wait=wait_name(number), person=person)
        gateway = self.site.addresses["gateway"]
        page = f"{gateway}/decide/{invitation.token((self.site.home / 'secret').read_bytes())}"
        (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', self.web.get(page).raise_for_status().text)
        sent = time.time()
        self.web.post(page, data={"csrf": csrf, "verdict": "approve"}, headers={"Origin": gateway}).raise_for_status()
        return sent, invitation.wait

    def answer(self, case: str, number: int) -> Answered:
        """Send an answer and wait for what it sets going."""
        sent, wait = self.send(case, number)
        effect = self.world.effect(case, number)
        return Answered(case, wait, sent, effect.at, effect.stamps)

    # -- what can be seen

    @property
    def prefect_api(self) -> str:
        return f"{self.site.addresses['prefect']}/api"

    def states(self, case: str) -> list[tuple[datetime, str]]:
        """The states that a run has had, by moment (UTC) and type, oldest first."""
        told = self.web.get(f"{self.prefect_api}/flow_run_states/", params={"flow_run_id": case}).raise_for_status()
        return sorted((datetime.fromisoformat(one["timestamp"]), one["type"]) for one in told.json())

    def pid(self, name: str) -> int:
        """A child of the site: `prefect`, `gateway` or `worker`."""
        return until(f"{name} that runs", lambda: self.site.pid(name))


@contextmanager
def live(database: str | None = None) -> Iterator[Live]:
    """A site in a temporary folder, its cases on SQLite or on the database given (SQLAlchemy URL)."""
    with TemporaryDirectory(prefix="casework-bench-") as folder, ExitStack() as stack:
        world = stack.enter_context(World().serving())
        site = Site(Path(folder) / "home", **({"DATABASE__URL": database} if database else {}))
        del site.environment["CASEWORK_TICK_SECONDS"]  # what is measured has the default
        site.environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        if database:
            site.files = CaseFiles(connect(database), sandbox_time(site.home), "bench")
        stack.enter_context(_told_to_end())
        stack.enter_context(site)
        # A kept connection could be closed by the server at the instant of its reuse.
        limits = httpx.Limits(keepalive_expiry=1)
        web = stack.enter_context(httpx.Client(timeout=60, trust_env=False, limits=limits))
        yield Live(site, world, web).on_pool()


@contextmanager
def _told_to_end() -> Iterator[None]:
    """While the block runs, SIGTERM ends this process as an error does: what it has started is ended too."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
