"""The warm worker: a Prefect worker whose runs begin at once.

`python -m casework.warm --pool casework`; or `prefect worker start --pool casework --type casework-warm`, which takes
longer to be there. It is told of runs by Prefect's event stream instead of polling for them, and has each run in a
process of its own, forked from one that has imported everything (see `casework.warm`). What it does for a run is no
more than: ask the server what is scheduled, which holds limits, priorities and pauses; propose Pending, which nobody
else then can; fork.

Everything else is as with the process worker: isolation, job variables, logs, cancelling, a state for what dies.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.abc
import httpx
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
    WorkQueueFilter,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort
from prefect.exceptions import Abort, InfrastructureNotFound, ObjectNotFound
from prefect.runner._control_channel import ControlChannel, ControlSignalStatus
from prefect.states import Cancelled, Pending, Scheduled
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseWorker, BaseWorkerResult
from prefect.workers.process import ProcessVariables
from pydantic import BaseModel

from casework.warm import TYPE
from casework.warm.legs import Leg, Legs
from casework.warm.news import News
from casework.warm.plans import CannotRun, Plan, Plans, WarmJobConfiguration
from casework.warm.preloader import PreloaderGone, Surroundings
from casework.warm.wire import Message

__all__ = ["TYPE", "WarmWorker", "WarmWorkerResult"]

LOOK_SECONDS = 10.0
"""So often runs are looked for while the event stream is there; without it, as `PREFECT_WORKER_QUERY_SECONDS` says."""

HORIZON = timedelta(seconds=15)
"""Runs that are due within this have a timer; more than `LOOK_SECONDS`, so that none comes late."""

EARLY_SECONDS = 1.0
"""Begun so much early at most, should the clocks differ: Prefect's engine waits for the moment itself."""

OVERDUE_SECONDS = 3.0
NOT_YET_SEEN = (0.02, 0.06, 0.2)
"""When to look again for a run that was told of and is not there: the event may come before the commit."""

LEG_SECONDS = 6.0
END_SECONDS = 1.0
"""At the end legs have so long to get done, then to end when asked; together less than a supervisor's patience."""

CANCEL_SECONDS = 10.0
PID_SECONDS = 2.0
"""A leg that lives so long has its process id written into its run."""

MANY = 200
CUT_SHORT = (StateType.PENDING, StateType.RUNNING, StateType.CRASHED)
UNSETTLED = (*CUT_SHORT, StateType.CANCELLING)
"""States that a run can be left in by a process that was ended: before a release, and after a cancelling."""


class WarmWorkerResult(BaseWorkerResult):
    """How the process of a run ended."""


class WarmWorker(BaseWorker[WarmJobConfiguration, ProcessVariables, WarmWorkerResult]):
    """Runs flow runs in processes forked from preloaded ones."""

    type = TYPE
    job_configuration = WarmJobConfiguration
    job_configuration_variables = ProcessVariables
    _description = "Execute flow runs in processes forked from one that has imported everything."
    _display_name = "Casework, warm"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._plans = Plans(self._read_deployment, self._configuration)
        self._news = News(
            on_connected=self._hear_connected,
            on_scheduled=self._hear_scheduled,
            on_cancelling=self._hear_cancelling,
            on_deployment=self._plans.forget,
        )
        self._legs = Legs(self._plans.entrypoints)
        self._taking: set[UUID] = set()
        self._undecided: set[UUID] = set()
        self._told: dict[UUID, int] = {}
        self._timers: dict[UUID, asyncio.TimerHandle] = {}
        self._bell = asyncio.Event()
        self._polling = asyncio.Lock()
        self._polled = 0.0
        self._deaf = self._limited = self._more = self._ending = False
        self._template: dict[str, Any] | None = None
        self._listening_to: UUID | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._control = ControlChannel()

    # -- coming and going

    async def setup(self) -> None:
        """Connect, learn of the work pool, begin to listen, and import ahead what its deployments need."""
        self._ending = False
        own = self._legs.begin_preloader()
        await self._exit_stack.enter_async_context(self._control)
        await super().setup()
        self._tasks += [asyncio.create_task(self._attend()), asyncio.create_task(self._import_ahead(own))]

    async def teardown(self, *exc_info: Any) -> None:
        """Take nothing more; let legs get done, end those that do not and give their runs back."""
        self._ending = True
        with anyio.CancelScope(shield=True):
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for timer in self._timers.values():
                timer.cancel()
            if exc_info[:1] != (None,):
                await self._release()
            else:
                await asyncio.gather(*(leg.ended for leg in self._legs))
        await super().teardown(*exc_info)
        await self._legs.close()

    async def sync_with_backend(self) -> None:
        """Give the heartbeat, and take in what has changed of the work pool."""
        await super().sync_with_backend()
        if self._work_pool is None:
            return
        if self._template != self.work_pool.base_job_template:
            self._template = self.work_pool.base_job_template
            self._plans.forget()
        # The client's own defaults are nulls that the server refuses with 422 (3.8.8).
        queues = await self.client.read_work_queues(self._work_pool_name, WorkQueueFilter(), limit=MANY, offset=0)
        limits = [self.work_pool.concurrency_limit, *(queue.concurrency_limit for queue in queues)]
        self._limited = any(limit is not None for limit in limits)
        if self._listening_to != self.work_pool.id:
            self._listening_to = self.work_pool.id
            self._tasks.append(asyncio.create_task(self._news.listen(self.work_pool.id)))

    async def _release(self) -> None:
        """End all legs within `LEG_SECONDS` and thrice `END_SECONDS`; their runs go on with the next worker."""
        ended = [leg.ended for leg in self._legs]
        if ended:
            self._logger.info("Ending; %s runs have %g s to get done.", len(ended), LEG_SECONDS)
            await asyncio.wait(ended, timeout=LEG_SECONDS)
        legs = list(self._legs)
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = [leg for leg in self._legs if not leg.ended.done()]
            for leg in left:
                leg.released = True
                await self._control.signal(leg.run, "reschedule")
                leg.signal(number)
            if left:
                await asyncio.wait([leg.ended for leg in left], timeout=END_SECONDS)
        with anyio.move_on_after(END_SECONDS):
            for leg in legs:
                await leg.settled.wait()

    # -- being told

    def _hear_connected(self) -> None:
        self._plans.forget()
        self._ring()
        self._later(self._cancel_all)

    def _hear_scheduled(self, run: UUID) -> None:
        self._deaf = False
        self._logger.debug("Told of run %s.", run)
        self._told[run] = 0
        self._ring()

    def _hear_cancelling(self, run: UUID) -> None:
        if self._legs.of(run):
            self._later(self._cancel, run)

    def _ring(self) -> None:
        self._bell.set()

    def _later(self, act: Callable[..., Any], *arguments: Any) -> None:
        if self._runs_task_group is not None and not self._ending:
            self._runs_task_group.start_soon(act, *arguments)

    async def _attend(self) -> None:
        """Look as soon as the bell rings."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                await self._poll()
            except httpx.HTTPError as error:
                self._logger.warning("Runs could not be looked for (%s); trying again.", type(error).__name__)
                self._polled = 0.0
                continue
            for run, looks in list(self._told.items()):
                if looks == len(NOT_YET_SEEN):
                    del self._told[run]
                else:
                    self._told[run] = looks + 1
                    asyncio.get_running_loop().call_later(NOT_YET_SEEN[looks], self._ring)

    # -- looking

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Look for runs, unless we would have been told of them and have looked lately; those taken."""
        resting = self._news.connected and not (self._deaf or self._limited)
        if resting and time.monotonic() - self._polled < LOOK_SECONDS:
            return []
        if not self._news.connected:
            await self._cancel_all()
        return await self._poll(told=False)

    async def _poll(self, told: bool = True) -> list[FlowRun]:
        if not self._has_successfully_synced or self._ending:
            return []
        async with self._polling:
            if self._limited and self._undecided:
                # The server does not count them yet, and would give their slots to others.
                self._more = True
                return []
            now = datetime.now(UTC)
            found = await self._scheduled(now + max(HORIZON, timedelta(seconds=self._prefetch_seconds)))
            if self._limited and any(_seconds_left(run, now) > EARLY_SECONDS for run in found):
                # Within a limit, what is not due yet can stand in the place of what is.
                found += await self._scheduled(now + timedelta(seconds=EARLY_SECONDS))
            self._polled, self._last_polled_time = time.monotonic(), now
            self._more = False
            return [run for run in found if self._take_when_due(run, now, told)]

    async def _scheduled(self, before: datetime) -> list[FlowRun]:
        """What the server would have us run, in its order."""
        try:
            found = await self.client.get_scheduled_flow_runs_for_work_pool(
                work_pool_name=self._work_pool_name,
                scheduled_before=before,
                work_queue_names=list(self._work_queues),
            )
        except ObjectNotFound:
            # The pool is made again by the next heartbeat.
            return []
        return [one.flow_run for one in found]

    def _take_when_due(self, run: FlowRun, now: datetime, told: bool) -> bool:
        was_told = self._told.pop(run.id, None) is not None
        if run.id in self._taking or self._runs_task_group is None or self._ending:
            return False
        seconds = _seconds_left(run, now)
        if seconds > EARLY_SECONDS:
            if run.id not in self._timers:
                self._timers[run.id] = asyncio.get_running_loop().call_later(seconds, self._is_due, run.id)
            return False
        slot = object()
        if self._limiter is not None:
            try:
                self._limiter.acquire_on_behalf_of_nowait(slot)
            except anyio.WouldBlock:
                self._more = True
                return False
        if not told and not was_told and self._news.connected and not self._limited and -seconds > OVERDUE_SECONDS:
            self._logger.info("Run %s was not told of: looking more often until the event stream speaks.", run.id)
            self._deaf = True
        self._taking.add(run.id)
        self._undecided.add(run.id)
        self._runs_task_group.start_soon(self._take, run, slot)
        return True

    def _is_due(self, run: UUID) -> None:
        del self._timers[run]
        self._ring()

    # -- one run

    async def _take(self, run: FlowRun, slot: object) -> None:
        """Make the run ours and see it through."""
        try:
            if await self._make_pending(run):
                await self._see_through(run, await self._plans.of(run))
        except ObjectNotFound:
            self._logger.warning("Run %s: its deployment is gone; the run is cancelled.", run.id)
            await self._mark_flow_run_as_cancelled(run, {"message": "Its deployment no longer exists."})
        except (CannotRun, PreloaderGone) as error:
            await self._propose_crashed_state(run, str(error))
        except Exception as error:
            # Whatever keeps one run from beginning: raised, it would end the worker and all other runs.
            self._logger.exception("Run %s could not be begun.", run.id)
            await self._propose_crashed_state(run, f"The run could not be begun ({type(error).__name__}).")
        finally:
            self._taking.discard(run.id)
            if self._limiter is not None:
                self._limiter.release_on_behalf_of(slot)
            if self._more:
                self._ring()

    async def _make_pending(self, run: FlowRun) -> bool:
        try:
            state = await propose_state(self.client, Pending(), flow_run_id=run.id)
        except Abort as abort:
            self._logger.debug("Run %s is not ours: %s", run.id, abort)
            return False
        finally:
            self._undecided.discard(run.id)
            if self._more and not self._undecided:
                self._ring()
        self._logger.debug("Run %s is %s.", run.id, state.name)
        run.state = state
        return bool(state.is_pending())

    async def run(
        self,
        flow_run: FlowRun,
        configuration: WarmJobConfiguration,
        task_status: anyio.abc.TaskStatus[int] | None = None,
    ) -> WarmWorkerResult:
        """Run a flow run that is Pending; how its process ended."""
        plan = await self._plans.with_job(flow_run, configuration)
        return await self._see_through(flow_run, plan, task_status)

    async def _see_through(
        self, run: FlowRun, plan: Plan, task_status: anyio.abc.TaskStatus[int] | None = None
    ) -> WarmWorkerResult:
        own = None if plan.surroundings.folder else Path(tempfile.mkdtemp(suffix="prefect"))
        try:
            leg = await self._legs.begin(run.id, plan.surroundings, self._message(run, plan, own))
            # From here on the run may be asked to go on again.
            self._taking.discard(run.id)
            if task_status is not None and leg.pid is not None:
                task_status.started(leg.pid)
            try:
                if not await leg.wait(PID_SECONDS):
                    await self._write_pid(leg)
                status = await leg.ended
                if self._legs.is_newest(leg):
                    await self._conclude(run, leg, status)
                    self._control.unregister(run.id)
            finally:
                self._legs.done(leg)
        finally:
            if own is not None:
                shutil.rmtree(own, ignore_errors=True)
        return WarmWorkerResult(identifier=str(leg.pid), status_code=-1 if status is None else status)

    def _message(self, run: FlowRun, plan: Plan, folder: Path | None) -> Message:
        """What a preloader is told of a run."""
        # The scheduled query does not say it, and it knows it.
        run.work_pool_name = self._work_pool_name
        port, token = self._control.register(run.id)
        return {
            "flow_run": run.model_dump(mode="json"),
            "environment": plan.environment(run.id)
            | {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token},
            "folder": str(folder or plan.surroundings.folder),
            "stream_output": plan.stream_output,
            "related": plan.related,
        }

    async def _conclude(self, run: FlowRun, leg: Leg, status: int | None) -> None:
        """Give the run the state that its process could not give it."""
        if leg.cancelled or leg.released:
            state = (await self.client.read_flow_run(run.id)).state
            if state is not None and state.type not in (UNSETTLED if leg.cancelled else CUT_SHORT):
                return
            into: State[Any] = (
                Cancelled(message="Its process was ended.")
                if leg.cancelled
                else Scheduled(name="AwaitingRetry", message="Its worker was shut down; another takes it up.")
            )
            await self.client.set_flow_run_state(run.id, into, force=True)
        elif status != 0 and self._control.get_conclusion(run.id) is None:
            self._logger.warning("Run %s: %s", run.id, _how(status))
            await self._propose_crashed_state(run, _how(status))

    async def _write_pid(self, leg: Leg) -> None:
        try:
            await self.client.update_flow_run(leg.run, infrastructure_pid=str(leg.pid))
        except httpx.HTTPError as error:
            self._logger.warning("Run %s: its process id could not be written (%s).", leg.run, type(error).__name__)

    async def _read_deployment(self, deployment: UUID) -> tuple[DeploymentResponse, dict[str, Any]]:
        found = await self.client.read_deployment(deployment)
        flow = await self.client.read_flow(found.flow_id)
        related: dict[str, BaseModel] = {"flow": flow, "deployment": found, "work-pool": self.work_pool}
        if found.work_queue_id is not None:
            related["work-queue"] = await self.client.read_work_queue(found.work_queue_id)
        return found, {kind: one.model_dump(mode="json") for kind, one in related.items()}

    async def _configuration(self, run: FlowRun, deployment: Any) -> WarmJobConfiguration:
        return await WarmJobConfiguration.resolve_for_flow_run(
            run,
            client=self.client,
            work_pool=self.work_pool,
            worker_name=self.name,
            worker_id=self.backend_id,
            deployment=deployment,
        )

    # -- ending a run from outside

    async def _cancel_all(self) -> None:
        """End the legs whose runs were cancelled while nobody told us."""
        running = list({leg.run for leg in self._legs})
        if not running:
            return
        wanted = FlowRunFilter(
            id=FlowRunFilterId(any_=running),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLING])),
        )
        for run in await self.client.read_flow_runs(flow_run_filter=wanted, limit=MANY, sort=FlowRunSort.ID_DESC):
            self._later(self._cancel, run.id)

    async def _cancel(self, run: UUID) -> None:
        # News of the last minute comes again after a reconnect: only the state counts.
        state = (await self.client.read_flow_run(run)).state
        for leg in self._legs.of(run):
            if state is not None and state.type is StateType.CANCELLING and not leg.cancelled:
                leg.cancelled = True
                if await self._control.signal(run, "cancel") is not ControlSignalStatus.ALREADY_CONCLUDED:
                    await _end(leg, CANCEL_SECONDS)

    async def kill_infrastructure(
        self,
        infrastructure_pid: str,
        configuration: WarmJobConfiguration,  # noqa: ARG002 - Prefect gives it
        grace_seconds: int = 30,
    ) -> None:
        """End the process of a run of ours: SIGTERM, and SIGKILL after the grace.

        Raises:
            InfrastructureNotFound: none of our runs has this process.
        """
        for leg in self._legs:
            if str(leg.pid) == infrastructure_pid:
                return await _end(leg, grace_seconds)
        raise InfrastructureNotFound(f"This worker has no run in process {infrastructure_pid}.")

    async def _import_ahead(self, begun: Surroundings) -> None:
        """Have a preloader ready for what is deployed on the pool, so that the first run is no slower."""
        on_pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[self._work_pool_name]))
        try:
            deployed = await self.client.read_deployments(
                work_pool_filter=on_pool, limit=MANY, offset=0, sort=DeploymentSort.NAME_ASC
            )
            for one in deployed:
                with suppress(CannotRun):
                    await self._plans.of(FlowRun(flow_id=one.flow_id, deployment_id=one.id))
        except (httpx.HTTPError, ObjectNotFound) as error:
            self._logger.warning("What is deployed could not be imported ahead (%s).", type(error).__name__)
        places = self._plans.places()
        for around in places:
            self._legs.preloader(around)
        if places and begun not in places:
            self._legs.let_go(begun)


def _seconds_left(run: FlowRun, now: datetime) -> float:
    return ((run.next_scheduled_start_time or now) - now).total_seconds()


async def _end(leg: Leg, grace_seconds: float) -> None:
    leg.signal(signal.SIGTERM)
    if not await leg.wait(grace_seconds):
        leg.signal(signal.SIGKILL)


def _how(status: int | None) -> str:
    """The end of a process in words that help an operator."""
    if status is None:
        what = "The process that forks runs was killed, and the run's process with it."
    elif status == -signal.SIGKILL:
        what = "The run's process was killed (SIGKILL): by hand, or because the machine had no memory left."
    elif status < 0:
        what = f"The run's process was ended by {signal.Signals(-status).name}."
    else:
        what = f"The run's process ended with exit code {status}; the worker's log says why."
    return f"{what} A case goes on from its file: its next leg begins by itself."
