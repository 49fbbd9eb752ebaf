"""One leg in this process: Prefect's flow engine runs it, and asks the server for nothing that is known here.

The engine (3.8.8) reads a run that its caller has just read, tells the server a version and a policy that it told it
in the leg before, and keeps a second connection to hear that somebody suspends the run meanwhile. Each of these costs
the person who waits for the next step 10 to 200 ms. Whatever a leg says that is new goes to the server as ever.

Not kept up in a leg: being suspended by somebody in the middle (the clock would resume the case at once; cancelling
is the worker's), and Prefect's heartbeat events unless `PREFECT_FLOWS_HEARTBEAT_FREQUENCY` asks for them (the case
file has a heartbeat of its own, and stopping theirs holds the process up by as much as a second).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas import objects
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import DeploymentResponse, OrchestrationResult, SetStateStatus
from prefect.context import SettingsContext, SyncClientContext, get_settings_context
from prefect.events.related import RESOURCE_CACHE, ResourceCacheEntry
from prefect.flow_engine import run_flow
from prefect.settings import get_current_settings
from pydantic import BaseModel

__all__ = ["RELATED", "LegClient", "get_ready", "run_leg"]

T = TypeVar("T")

LATE = (
    "anyio._backends._asyncio",
    "graphviz",
    "netrc",
    "prefect._internal.attempt_control",
    "prefect._internal.control_listener",
    "prefect.concurrency._leases",
    "prefect.concurrency.context",
    "prefect.concurrency.v1.context",
    "prefect.engine",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "rich._emoji_codes",
    "websockets.asyncio.client",
)
"""What Prefect and the vendors' libraries import no earlier than in a run."""

MODELS = ("prefect.client.schemas", "prefect.events.schemas", "prefect.context", "prefect.results", "prefect.states")
"""Whose models are built when they are first used: 40 ms in each leg."""


def get_ready() -> None:
    """Do what Prefect does in the first run of a process, for legs that are forked from this one."""
    for name in LATE:
        importlib.import_module(name)
    for model in set(_models(BaseModel)):
        if model.__module__.startswith(MODELS):
            model.model_rebuild()


def _models(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in of.__subclasses__():
        yield model
        yield from _models(model)


RELATED: Mapping[str, type[BaseModel]] = {
    "flow": objects.Flow,
    "deployment": DeploymentResponse,
    "work-queue": objects.WorkQueue,
    "work-pool": objects.WorkPool,
}
"""What Prefect names in every event of a run, and reads from the server for the first one."""


def run_leg(
    flow: Flow[..., Any], flow_run: FlowRun, related: Mapping[str, Mapping[str, Any]], error_logger: Any = None
) -> None:
    """Run a flow run, which is Pending, to its next suspension or its end.

    Args:
        flow: what `as_flow` made, or any other that is neither asynchronous nor a generator.
        flow_run: as the server has it: its policy, version, name, tags and where it belongs.
        related: where it belongs, by the names of `RELATED`, as JSON; what is missing is read from the server.
        error_logger: hears of what ends the leg otherwise than its run.

    Raises:
        prefect.exceptions.Abort, prefect.exceptions.Pause: as Prefect's own engine; `handle_engine_signals` of
            `prefect.engine` turns them into what becomes of the process.
    """
    at: Any = datetime.now(UTC)
    for kind, told in related.items():
        thing = RELATED[kind].model_validate(told)
        # Prefect finds a pool by its name, everything else by its id.
        name = getattr(thing, "name" if kind == "work-pool" else "id")
        known: ResourceCacheEntry = {"kind": kind, "role": kind, "object": cast("Any", thing)}
        RESOURCE_CACHE[f"{kind}.{name}"] = known, at
    with _without_heartbeats(), _LegContext(flow_run):
        # A run without a deployment is one that nobody can suspend: the engine does not listen for that. What the
        # flow's code sees is the run as the client knows it, with its deployment.
        alone = flow_run.model_copy(deep=True, update={"deployment_id": None})
        # Its state, because nobody is there for its result: to want that of a case that was cancelled is an error.
        run_flow(flow, flow_run=alone, return_type="state", error_logger=error_logger)


class LegClient(SyncPrefectClient):
    """Prefect's client, for the leg of one run: it tells the server only what is new.

    `known` is the run as the server has it.
    """

    def __init__(self, known: FlowRun) -> None:
        api = get_current_settings().api
        auth = api.auth_string.get_secret_value() if api.auth_string else None
        super().__init__(str(api.url), auth_string=auth, api_key=api.key.get_secret_value() if api.key else None)
        self._known = known.model_copy(deep=True)
        self._just_begun = False

    def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[T], force: bool = False
    ) -> OrchestrationResult[T]:
        """As ever; what the server accepts is known then."""
        result = super().set_flow_run_state(flow_run_id, state, force=force)
        if flow_run_id == self._known.id and result.status is SetStateStatus.ACCEPT and result.state is not None:
            begun = result.state
            self._known = self._known.model_copy(
                update={
                    "state": begun,
                    "state_id": begun.id,
                    "state_type": begun.type,
                    "state_name": begun.name,
                    "run_count": self._known.run_count + begun.is_running(),
                    "start_time": self._known.start_time or (begun.timestamp if begun.is_running() else None),
                }
            )
            self._just_begun = begun.is_running()
        return result

    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """As ever, but for the engine's own reading of the run that it has just begun."""
        if self._just_begun and flow_run_id == self._known.id:
            self._just_begun = False
            return self._known.model_copy(deep=True)
        return super().read_flow_run(flow_run_id)

    def update_flow_run(self, flow_run_id: UUID, **values: Any) -> httpx.Response:  # type: ignore[override] # by name
        """Tell the server what differs from what it has; nothing is sent when nothing does."""
        if flow_run_id != self._known.id:
            return super().update_flow_run(flow_run_id, **values)
        news = {name: value for name, value in values.items() if value is not None and self._differs(name, value)}
        if not news:
            return httpx.Response(204)
        told = super().update_flow_run(flow_run_id, **news)
        self._known = self._known.model_copy(deep=True, update=news)
        return told

    def _differs(self, name: str, value: Any) -> bool:
        known = getattr(self._known, name, None)
        return set(value) != set(known or ()) if name == "tags" else bool(value != known)


class _LegContext(SyncClientContext):
    """Makes the leg's client the one that Prefect's engine and our code find in this process."""

    def __init__(self, known: FlowRun) -> None:
        super(SyncClientContext, self).__init__(client=LegClient(known))


def _without_heartbeats() -> SettingsContext:
    """The settings in force, without Prefect's heartbeat events unless somebody has asked for them."""
    now = get_settings_context()
    flows = now.settings.flows
    if "heartbeat_frequency" not in flows.model_fields_set:
        flows = flows.model_copy(update={"heartbeat_frequency": None})
    return SettingsContext(profile=now.profile, settings=now.settings.model_copy(update={"flows": flows}))
