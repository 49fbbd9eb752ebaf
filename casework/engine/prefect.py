"""The real engine: a case is a Prefect flow run, a step a task run, a wait a suspended run with a form.

What it works around was verified with Prefect 3.8.8: pause keys never repeat (a run that left a terminal state asks
again under the same key and fails), a resume proves nothing and carries no key, cancelling a suspended run runs no
code, and values typed into a form stay until they are deleted.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

import httpx
from prefect import Flow, Task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext, SyncClientContext, TaskRunContext
from prefect.exceptions import Abort, ObjectNotFound
from prefect.exceptions import Pause as Paused
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Scheduled

from casework.engine import EngineAway, Pause, Standing, Typed
from casework.occurrence import AlreadyOpen, Occurrence
from casework.process import Process
from casework.systems.errors import Temporary

__all__ = ["PrefectEngine", "answering", "as_flow"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

TAG = "casework"
INBOX = "inbox"
PROGRESS_SECONDS = 1.0
AWAY_STATUSES = (401, 403, 408, 429)
KEPT = httpx.Limits(max_connections=16, keepalive_expiry=2)
"""Connections end before the server gives them up, which it does after five seconds by default."""


def as_flow(process: Process) -> Flow[Any, Any]:
    """The flow to deploy: each of its runs is one leg after the other of one case."""

    @functools.wraps(process.function)
    def leg(**parameters: Any) -> Any:
        from casework import wiring

        with wiring.connected():
            try:
                return process.leg(**parameters)
            except AlreadyOpen as other:
                # A schedule starts without asking: that the last case is not over is no failure.
                return Completed(name="Already open", message=str(other))

    # Prefect reads the types of parameters by the names that are known here, which are not those of the process.
    taken = inspect.signature(process.function, eval_str=True)
    by_name = [one.replace(kind=one.KEYWORD_ONLY) for one in taken.parameters.values()]
    vars(leg)["__signature__"] = taken.replace(parameters=by_name)
    return Flow(
        leg,
        name=process.name,
        description=process.function.__doc__,
        persist_result=False,
        # Nothing is written there; without a place of its own each run asks the server for one.
        result_storage=get_current_settings().results.local_storage_path,
        validate_parameters=True,
    )


@contextmanager
def answering() -> Iterator[None]:
    """Say what to do about a Prefect server that is away while the block asks it something.

    Raises:
        EngineAway: it does not answer, or answers that it cannot or that this process may not ask.
    """
    try:
        yield
    except httpx.TransportError as error:
        raise EngineAway(
            f"The Prefect server does not answer ({type(error).__name__}). Is it running? `casework up` starts it."
        ) from error
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status not in AWAY_STATUSES and status < 500:
            raise
        raise EngineAway(
            f"The Prefect server answers {status}. Look at its log; for 401 at its basic auth, for 403 at its CSRF"
            " protection, which its clients heed with PREFECT_CLIENT_CSRF_SUPPORT_ENABLED=true."
        ) from error


class PrefectEngine:
    """Talks to the Prefect server that the process's settings name.

    `deployment` is the name under which every process is deployed (`data-export/casework`); `patience` is after
    how many seconds a run that is pending or running without a leg counts as lost.
    """

    suspended = Paused

    def __init__(self, deployment: str = "casework", patience: float = 20.0) -> None:
        self.deployment = deployment
        self.patience = timedelta(seconds=patience)
        self._progress: dict[str, tuple[UUID, float]] = {}

    @functools.cached_property
    def _kept(self) -> SyncPrefectClient:
        """The client of a process that runs no leg: made once. To make one costs more than most of its requests."""
        return get_client(sync_client=True, httpx_settings={"limits": KEPT})

    @contextmanager
    def _client(self) -> Iterator[SyncPrefectClient]:
        leg = SyncClientContext.get()
        with answering():
            yield leg.client if leg is not None else self._kept

    def case_id(self) -> str:
        return str(flow_run.id)

    def task(self, name: str, attempt: Callable[[bool], T], delays: Sequence[float]) -> T:
        raised: list[Exception] = []

        def run() -> T:
            context = TaskRunContext.get()
            try:
                return attempt(context is not None and context.task_run.run_count > 1)
            except Exception as error:
                # Whatever an attempt raises: what Prefect raises instead is thereby known as its own.
                raised.append(error)
                raise

        task: Task[[], T] = Task(
            run,
            name=name,
            task_run_name=name,
            retries=len(delays),
            retry_delay_seconds=list(delays),
            retry_condition_fn=_is_temporary,
            cache_policy=NO_CACHE,
            persist_result=False,
        )
        try:
            return task()
        except Exception as error:
            # What no attempt has raised, Prefect has: its server may be away in many ways.
            if raised and error is raised[-1]:
                raise
            raise EngineAway(f"Prefect could not run the task {name!r} ({type(error).__name__}).") from error

    def suspend(self, pause: Pause) -> NoReturn:
        form = cast("type[RunInput]", type(pause.form.__name__, (RunInput, pause.form), {}))
        try:
            suspend_flow_run(wait_for_input=form.with_initial_data(description=pause.question), key=pause.key)
        except Paused as paused:
            if paused.state is None or paused.state.state_details.pause_key != pause.key:
                # Somebody suspended the run while the leg was running: this question would have no form.
                self.resume(pause.case_id)
            raise
        raise RuntimeError(f"Prefect did not suspend the run of case {pause.case_id}.")

    def overtaken(self, reason: str) -> NoReturn:
        raise Abort(reason)

    def ended(self, ending: str, early: bool) -> State[Any]:
        name = ending.replace("_", " ").capitalize()
        return Cancelled(message="Unwound.") if early else Completed(name=name, message=f"Ended as {ending}.")

    def typed(self, case_id: str, pause_keys: Sequence[str]) -> list[Typed]:
        found = []
        with self._client() as client:
            for key in pause_keys:
                path = {"id": case_id, "key": f"suspended-{key}-response"}
                try:
                    answer = client.request("GET", "/flow_runs/{id}/input/{key}", path_params=path)
                except httpx.HTTPStatusError as error:
                    if error.response.status_code != 404:
                        raise
                else:
                    found.append(Typed(key, answer.json()))
        return found

    def forget(self, case_id: str, pause_key: str) -> None:
        path = {"id": case_id, "key": f"suspended-{pause_key}-response"}
        try:
            with self._client() as client:
                client.request("DELETE", "/flow_runs/{id}/input/{key}", path_params=path)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise

    def show(self, case_id: str, standing: Standing) -> None:
        key = f"story-{case_id}"
        # The client's own `read_artifacts` sends nulls that the server refuses with 422 (3.8.8).
        newest = {
            "artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [case_id]}},
            "sort": "CREATED_DESC",
            "limit": 1,
        }
        with self._client() as client:
            client.update_flow_run(UUID(case_id), name=standing.name, tags=[TAG, *standing.tags])
            told = client.request("POST", "/artifacts/filter", json=newest).json()
            if told:
                update = ArtifactUpdate(data=standing.story, description=standing.name)
                client.update_artifact(UUID(told[0]["id"]), update)
            elif FlowRunContext.get() is not None:
                create_markdown_artifact(standing.story, key=key, description=standing.name)

    def show_inbox(self, rows: Sequence[Mapping[str, str]], description: str) -> None:
        """One table that belongs to no run."""
        shown = {"data": json.dumps(rows, ensure_ascii=False), "description": description}
        self._keep_one(INBOX, {"type": "table"}, shown)

    def publish(self, case_id: str, key: str, text: str, description: str) -> None:
        """One page, which belongs to the run that made it first."""
        self._keep_one(key, {"type": "markdown", "flow_run_id": case_id}, {"data": text, "description": description})

    def _keep_one(self, key: str, made: Mapping[str, str], shown: Mapping[str, str]) -> None:
        """Have one artifact by a key that shows this; of several, which were made at one instant, the newest stays."""
        wanted = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC"}

        # Plain requests: the client's own methods also send an event each, through a connection of their own.
        def known(client: SyncPrefectClient) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.request("POST", "/artifacts/filter", json=wanted).json()
            return found

        with self._client() as client:
            if not (there := known(client)):
                client.request("POST", "/artifacts/", json={**shown, **made, "key": key})
                there = known(client)
            for spare in there[1:]:
                try:
                    client.request("DELETE", "/artifacts/{id}", path_params={"id": spare["id"]})
                except httpx.HTTPStatusError as error:
                    if error.response.status_code != 404:
                        raise
            for newest in there[:1]:
                if {name: newest[name] for name in shown} != dict(shown):
                    client.request("PATCH", "/artifacts/{id}", path_params={"id": newest["id"]}, json=dict(shown))

    def progress(self, case_id: str, what: str, done: int, of: int) -> None:
        percent = min(100.0 * done / of, 100.0) if of else 100.0
        key = f"{case_id}/{what}"
        shown = self._progress.get(key)
        if shown is not None and percent < 100 and time.monotonic() - shown[1] < PROGRESS_SECONDS:
            return
        try:
            if shown is None:
                artifact = cast(UUID, create_progress_artifact(percent, description=what))
            else:
                artifact = shown[0]
                update_progress_artifact(artifact, percent)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            logger.warning("Case %s: progress could not be shown (%s).", case_id, type(error).__name__)
            return
        self._progress[key] = (artifact, time.monotonic())

    def start(self, occurrence: Occurrence) -> str:
        with self._client() as client:
            try:
                deployment = client.read_deployment_by_name(f"{occurrence.process}/{self.deployment}")
            except ObjectNotFound as error:
                raise EngineAway(
                    f"{occurrence.process} is not deployed on this Prefect server. Run `casework deploy`."
                ) from error
            run = client.create_flow_run_from_deployment(
                deployment.id,
                parameters=dict(occurrence.parameters),
                idempotency_key=occurrence.key,
                name=f"{occurrence.process} {occurrence.subject.rsplit(':', 1)[-1]}",
                tags=[TAG, occurrence.process, occurrence.subject],
            )
        return str(run.id)

    def resume(self, case_id: str) -> None:
        with self._client() as client:
            try:
                state = client.read_flow_run(UUID(case_id)).state
            except ObjectNotFound as error:
                raise EngineAway(f"The Prefect server has no run {case_id}: it is another server's.") from error
            if state is not None:
                if state.type is StateType.SCHEDULED:
                    return
                young = datetime.now(UTC) - state.timestamp < self.patience
                if state.type in (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING) and young:
                    return
            client.set_flow_run_state(UUID(case_id), Scheduled(name="Resuming"), force=True)

    def finished(self, case_id: str) -> bool:
        with self._client() as client:
            try:
                state = client.read_flow_run(UUID(case_id)).state
            except ObjectNotFound:
                return True
            return state is not None and state.is_final()

    def cancelled_runs(self, within: timedelta) -> list[str]:
        wanted = FlowRunFilter.model_validate(
            {
                "state": {"type": {"any_": [StateType.CANCELLED]}},
                "tags": {"all_": [TAG]},
                "end_time": {"after_": (datetime.now(UTC) - within).isoformat()},
            }
        )
        newest = FlowRunSort.END_TIME_DESC
        with self._client() as client:
            return [str(run.id) for run in client.read_flow_runs(flow_run_filter=wanted, sort=newest, limit=200)]


def _is_temporary(_task: Any, _run: Any, state: State[Any]) -> bool:
    fault = state.result(raise_on_failure=False)
    return isinstance(fault, Temporary) and fault.soon
