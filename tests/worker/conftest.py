"""A real Prefect server, and the real worker on it; only the processes of runs are played."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    PREFECT_WORKER_QUERY_SECONDS,
    temporary_settings,
)
from prefect.states import Completed, Running, Scheduled

from casework.supervisor import choose_ports
from casework.warm.legs import Leg, Legs
from casework.warm.preloader import Surroundings
from casework.worker import TYPE, WarmWorker
from tests.real.site import until

SERVICES = ("SCHEDULER", "LATE_RUNS", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "FOREMAN")
SECONDS = 30.0
_numbers = count(1)


@pytest.fixture(scope="package")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a Prefect server with nothing in it, which this process's Prefect talks to."""
    home = tmp_path_factory.mktemp("prefect")
    port = choose_ports({"prefect": 0}, home / "none")["prefect"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    own |= {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in SERVICES}
    serve = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
    command = (sys.executable, "-m", "casework.engine.prefect_server", *serve)
    api = f"http://127.0.0.1:{port}/api"

    def answers() -> bool:
        assert process.poll() is None, (home / "log").read_text()
        with suppress(httpx.TransportError):
            return httpx.get(f"{api}/health", trust_env=False).status_code == 200
        return False

    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=clean | own, cwd=home, stdout=log, stderr=log)
    try:
        until("Prefect server", answers)
        settings: dict[Any, Any] = {
            PREFECT_API_URL: api,
            PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False,
            PREFECT_WORKER_QUERY_SECONDS: 0.2,
        }
        with temporary_settings(settings):
            yield api
    finally:
        process.terminate()
        process.wait(30)


class Played(Legs):
    """Legs whose processes are the test's: each has begun at once and ends when the test says so."""

    def __init__(self) -> None:
        super().__init__(lambda _: [])
        self.begun: list[UUID] = []
        self.news = asyncio.Condition()

    def begin_preloader(self) -> Surroundings:
        return Surroundings((), Path("/"))

    def preloader(self, around: Surroundings) -> Any:
        return None

    async def begin(self, run: UUID, around: Surroundings, message: Mapping[str, Any]) -> Leg:
        loop = asyncio.get_running_loop()
        leg = Leg(run, next(self._numbers), None, loop.create_future(), loop.create_future(), asyncio.Event())  # type: ignore[arg-type]  # it has no process
        self._legs[leg.number] = leg
        leg.began.set_result(os.getpid())
        async with self.news:
            self.begun.append(run)
            self.news.notify_all()
        return leg


class Shop:
    """A work pool, its queues, and a worker of it; runs are known by the names that the test gives them."""

    def __init__(self, api: str) -> None:
        self.client = PrefectClient(api)
        self.pool = f"pool-{next(_numbers)}"
        self.legs = Played()
        self._names: dict[UUID, str] = {}
        self._deployments: dict[str, UUID] = {}

    async def make(self, queues: Mapping[str, Mapping[str, Any]], **pool: Any) -> None:
        """The pool and its queues, each with a deployment."""
        await self.client.create_work_pool(WorkPoolCreate(name=self.pool, type=TYPE, **pool))
        flow = await self.client.create_flow_from_name("toy")
        for name, queue in queues.items():
            await self.client.create_work_queue(name, work_pool_name=self.pool, **queue)
            self._deployments[name] = await self.client.create_deployment(
                flow, f"{self.pool}-{name}", entrypoint="toy.toy", work_pool_name=self.pool, work_queue_name=name
            )

    async def schedule(self, queue: str, name: str, at: datetime | None = None) -> None:
        """A run in a queue, due now or later."""
        run = await self.client.create_flow_run_from_deployment(
            self._deployments[queue], name=name, state=Scheduled(scheduled_time=at), idempotency_key=str(uuid4())
        )
        self._names[run.id] = name

    @property
    def begun(self) -> list[str]:
        """The runs that have begun, in their order."""
        return [self._names[run] for run in self.legs.begun]

    async def until_begun(self, number: int) -> list[str]:
        """Wait until so many runs have begun."""
        async with asyncio.timeout(SECONDS), self.legs.news:
            await self.legs.news.wait_for(lambda: len(self.legs.begun) >= number)
        return self.begun

    async def end(self, name: str) -> None:
        """A run is through, and its process has ended."""
        run = next(one for one, known in self._names.items() if known == name)
        (leg,) = self.legs.of(run)
        await self.client.set_flow_run_state(run, Running(), force=True)
        await self.client.set_flow_run_state(run, Completed(), force=True)
        leg.ended.set_result(0)

    @asynccontextmanager
    async def worker(self, **options: Any) -> AsyncIterator[WarmWorker]:
        """The worker at work; at the end every run that is left is ended."""
        worker = WarmWorker(self.pool, **options)
        worker._legs = self.legs
        working = asyncio.create_task(worker.start(printer=lambda *_: None))
        try:
            yield worker
        finally:
            for leg in self.legs:
                if not leg.ended.done():
                    leg.ended.set_result(0)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


@pytest.fixture
def shop(prefect_api: str) -> Callable[[], Any]:
    """Makes a shop; to be called in the event loop of the test."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Shop]:
        shop = Shop(prefect_api)
        async with shop.client:
            yield shop

    return opened
