"""How runs of a deployment begin: their job configuration, worked out once and kept until something of it changes.

The stock worker reads deployment, flow and job template anew for each run. Here the owner says when to forget: when
the deployment or the work pool's template has changed. What refers to variables or blocks of the Prefect server,
which change unseen, is never kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessJobConfiguration

from casework.warm.preloader import Surroundings, of_run, surroundings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import Flow, WorkPool
    from prefect.client.schemas.responses import DeploymentResponse

__all__ = ["CannotRun", "Plan", "Plans", "WarmJobConfiguration", "own_surroundings"]

ENTRYPOINT = "PREFECT__FLOW_ENTRYPOINT"
RUN_ID = "PREFECT__FLOW_RUN_ID"
NO_DEPLOYMENT = "The run has no deployment: a casework-warm worker runs deployed flows only."
_FROM_SERVER = re.compile(r"\{\{\s*prefect\.")


Related = Mapping[str, Any]


class CannotRun(ValueError):
    """The run asks for something that a forked process cannot give; the text says what, and what to do."""


class WarmJobConfiguration(ProcessJobConfiguration):
    """As the process worker's: `env`, `working_dir`, `stream_output`, `name` and `labels`; but no `command`."""

    def prepare_for_flow_run(
        self,
        flow_run: FlowRun,
        deployment: DeploymentResponse | None = None,
        flow: Flow | None = None,
        work_pool: WorkPool | None = None,
        worker_name: str | None = None,
        worker_id: UUID | None = None,
    ) -> None:
        """Fill in what belongs to the run.

        Raises:
            CannotRun: a command is configured.
        """
        if self.command is not None:
            raise CannotRun(
                "The job variable `command` is set, and a casework-warm worker starts no command: it forks a process"
                " that has imported the flow. Remove it from the deployment or the work pool, or use a process pool."
            )
        super().prepare_for_flow_run(flow_run, deployment, flow, work_pool, worker_name, worker_id)


@dataclass(frozen=True)
class Plan:
    """How a run begins. `entrypoint` is a module path to import ahead; without one its process loads the flow.
    `related` is what the run belongs to, as JSON, so that its process need not ask."""

    surroundings: Surroundings
    named: Mapping[str, str]
    stream_output: bool
    entrypoint: str | None
    related: Related

    def environment(self, run: UUID) -> dict[str, str]:
        """What the environment of one run has beyond its surroundings."""
        own = {**self.named, RUN_ID: str(run)}
        return own if self.entrypoint is None else {**own, ENTRYPOINT: self.entrypoint}


Resolve = Callable[[FlowRun, "DeploymentResponse"], Awaitable[WarmJobConfiguration]]
Read = Callable[[UUID], Awaitable[tuple["DeploymentResponse", Related]]]


def own_surroundings() -> tuple[Surroundings, frozenset[str]]:
    """The surroundings of runs without job variables, and which of its variables are settings of Prefect."""
    job = WarmJobConfiguration()
    job.prepare_for_flow_run(FlowRun(flow_id=uuid4()))
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    return surroundings(job.env, None), frozenset(settings)


class Plans:
    """A plan for each deployment and set of job variables. `read` gets a deployment and what is related to its runs,
    `resolve` a job configuration."""

    def __init__(self, read: Read, resolve: Resolve) -> None:
        self._read, self._resolve = read, resolve
        self._kept: dict[tuple[UUID, str], Plan] = {}
        self._forgotten = 0

    def entrypoints(self, around: Surroundings) -> list[str]:
        """The flows that are known to run in these surroundings."""
        kept = (plan for plan in self._kept.values() if plan.surroundings == around)
        return sorted({plan.entrypoint for plan in kept if plan.entrypoint})

    def places(self) -> list[Surroundings]:
        """The different surroundings of all plans."""
        return list(dict.fromkeys(plan.surroundings for plan in self._kept.values()))

    def forget(self, deployment: UUID | None = None) -> None:
        """Work out anew what this deployment, or any, needs."""
        self._forgotten += 1
        self._kept = {key: plan for key, plan in self._kept.items() if deployment not in (None, key[0])}

    async def of(self, run: FlowRun) -> Plan:
        """The plan for a run.

        Raises:
            CannotRun: it has no deployment, or one that needs an interpreter of its own.
            ObjectNotFound: its deployment is gone.
        """
        if run.deployment_id is None:
            raise CannotRun(NO_DEPLOYMENT)
        key = (run.deployment_id, json.dumps(run.job_variables or {}, sort_keys=True, default=str))
        if (kept := self._kept.get(key)) is not None:
            return kept
        before = self._forgotten
        deployment, related = await self._read(run.deployment_id)
        refers = _refers_to_server(deployment.job_variables, run.job_variables)
        # The method empties what it is given of `env`.
        job = await self._resolve(run.model_copy(deep=True), deployment)
        plan = self._planned(job, deployment, related)
        if self._forgotten == before and not refers:
            self._kept[key] = plan
        return plan

    async def with_job(self, run: FlowRun, job: WarmJobConfiguration) -> Plan:
        """The plan for a run whose job configuration is known.

        Raises:
            CannotRun: it has no deployment, or one that needs an interpreter of its own.
        """
        if run.deployment_id is None:
            raise CannotRun(NO_DEPLOYMENT)
        return self._planned(job, *await self._read(run.deployment_id))

    def _planned(self, job: WarmJobConfiguration, deployment: DeploymentResponse, related: Related) -> Plan:
        entrypoint = deployment.entrypoint
        if entrypoint is None:
            raise CannotRun(f"The deployment {deployment.name} has no entrypoint. Deploy it again.")
        is_module_path = ":" not in entrypoint
        if is_module_path and deployment.pull_steps:
            raise CannotRun(
                f"The deployment {deployment.name} has pull steps and a module path as its entrypoint: what it pulls"
                " could be hidden by what is imported already. Install the package beside the worker and deploy"
                " without pull steps, or use a process pool."
            )
        return Plan(
            surroundings(job.env, job.working_dir),
            of_run(job.env),
            job.stream_output,
            entrypoint if is_module_path else None,
            related,
        )


def _refers_to_server(*values: Mapping[str, Any] | None) -> bool:
    return any(_FROM_SERVER.search(json.dumps(value, default=str)) for value in values if value)
