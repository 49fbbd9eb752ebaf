"""Makes a Prefect server know the work pool and the deployments; doing it again brings both up to date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.settings import get_current_settings
from prefect.utilities.callables import parameter_schema

from casework.engine import EngineAway

__all__ = ["register", "server"]


class Deployable(Protocol):
    """What is deployed: a process, where its flow is imported from, and its tags."""

    @property
    def process(self) -> str: ...
    @property
    def entrypoint(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


def register(deployments: Iterable[Deployable], *, name: str, work_pool: str, version: str) -> list[str]:
    """Register each process as the deployment `<process>/<name>` on a pool of local processes; their names.

    Raises:
        EngineAway: the Prefect server does not answer.
    """
    registered = []
    try:
        with get_client(sync_client=True) as client:
            try:
                client.create_work_pool(WorkPoolCreate(name=work_pool, type="process"))
            except ObjectAlreadyExists:
                client.read_work_pool(work_pool)
            for one in deployments:
                flow: Flow[..., Any] = load_flow_from_entrypoint(one.entrypoint, use_placeholder_flow=False)
                client.create_deployment(
                    client.create_flow_from_name(flow.name),
                    name,
                    version=version,
                    entrypoint=one.entrypoint,
                    work_pool_name=work_pool,
                    description=flow.description,
                    tags=list(one.tags),
                    parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
                    enforce_parameter_schema=True,
                )
                registered.append(f"{flow.name}/{name}")
    except (httpx.TransportError, httpx.HTTPStatusError) as error:
        raise EngineAway(
            f"The Prefect server does not answer ({type(error).__name__}). Is it running? `casework up` starts it."
        ) from error
    return registered


def server() -> str | None:
    """The address of the Prefect server that this process talks to."""
    return get_current_settings().api.url
