"""Makes a Prefect server know the work pool and the deployments; doing it again brings both up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.settings import get_current_settings
from prefect.utilities.callables import parameter_schema
from prefect.workers.base import BaseWorker

from casework.engine.prefect import answering

__all__ = ["WrongWorker", "register", "server"]


class WrongWorker(ValueError):
    """The work pool cannot be for workers of this type; the text says what to do."""


class Timed(Protocol):
    """When a process starts by itself: a cron line in a time zone, and with which parameters."""

    @property
    def cron(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, object]: ...


class Deployable(Protocol):
    """What is deployed: a process, where its flow is imported from, its tags, and what starts it."""

    @property
    def process(self) -> str: ...
    @property
    def entrypoint(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def schedules(self) -> Sequence[Timed]: ...


def register(deployments: Iterable[Deployable], *, name: str, work_pool: str, worker: str, version: str) -> list[str]:
    """Register each process as the deployment `<process>/<name>` on a pool for workers of this type; their names.

    A deployment has exactly the schedules given: the server drops those it had, and the runs it had planned by them.

    Raises:
        EngineAway: the Prefect server does not answer.
        WrongWorker: no such type of worker is installed, or the pool is there with another type.
    """
    registered = []
    with answering(), get_client(sync_client=True) as client:
        try:
            client.create_work_pool(_pool(work_pool, worker))
        except ObjectAlreadyExists:
            there = client.read_work_pool(work_pool).type
            if there != worker:
                raise WrongWorker(
                    f"The work pool {work_pool!r} is for workers of type {there!r}, not {worker!r}, and keeps its"
                    f" type. Set prefect.worker to {there!r} and start such workers; or set prefect.work_pool to a"
                    " new name, deploy, and keep a worker of the old pool until its open cases have ended."
                ) from None
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
                schedules=[_scheduled(timed) for timed in one.schedules],
                parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
                enforce_parameter_schema=True,
            )
            registered.append(f"{flow.name}/{name}")
    return registered


def _pool(name: str, worker: str) -> WorkPoolCreate:
    known = BaseWorker.get_worker_class_from_type(worker)
    if known is None:
        there = ", ".join(sorted(BaseWorker.get_all_available_worker_types()))
        raise WrongWorker(f"No worker of type {worker!r} is installed here: there are {there}. Install its package.")
    return WorkPoolCreate(name=name, type=worker, base_job_template=known.get_default_base_job_template())


def _scheduled(timed: Timed) -> DeploymentScheduleCreate:
    schedule = CronSchedule(cron=timed.cron, timezone=timed.zone)
    return DeploymentScheduleCreate(schedule=schedule, parameters=dict(timed.parameters), active=True)


def server() -> str | None:
    """The address of the Prefect server that this process talks to."""
    return get_current_settings().api.url
