"""How runs of a deployment begin."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun

from casework.warm.plans import CannotRun, Plan, Plans, WarmJobConfiguration, own_surroundings

FLOW = uuid4()


class Server:
    """What is deployed, and how often it was read."""

    def __init__(self, **deployment: Any) -> None:
        self.deployment = {
            "name": "d",
            "entrypoint": "rooms.flow",
            "pull_steps": None,
            "job_variables": {},
        } | deployment
        self.read = 0

    def plans(self) -> Plans:
        async def read(_: UUID) -> Any:
            self.read += 1
            return SimpleNamespace(**self.deployment), {"flow": {"name": "f"}}

        async def resolve(run: FlowRun, deployment: Any) -> WarmJobConfiguration:
            variables = {**deployment.job_variables, **(run.job_variables or {})}
            job = WarmJobConfiguration(**variables)
            job.prepare_for_flow_run(run)
            return job

        return Plans(read, resolve)


def run(deployment: UUID | None, **more: Any) -> FlowRun:
    return FlowRun(flow_id=FLOW, deployment_id=deployment, **more)


def plan(plans: Plans, wanted: FlowRun) -> Plan:
    return asyncio.run(plans.of(wanted))


def test_a_deployment_is_read_once() -> None:
    """Later runs of a deployment ask the server nothing, each has its own id in its environment, and what they share
    has nothing of a run."""
    server, deployment = Server(), uuid4()
    plans = server.plans()
    first, second = run(deployment), run(deployment)
    assert plan(plans, first) is plan(plans, second)
    assert server.read == 1
    environment = plan(plans, second).environment(second.id)
    assert environment["PREFECT__FLOW_RUN_ID"] == str(second.id)
    assert environment["PREFECT__FLOW_ENTRYPOINT"] == "rooms.flow"
    assert not [name for name, _ in plan(plans, second).surroundings.environment if name.startswith("PREFECT__")]


def test_runs_without_job_variables_have_the_surroundings_of_their_worker() -> None:
    """So their preloader can be begun before any deployment is known."""
    around, settings = own_surroundings()
    assert plan(Server().plans(), run(uuid4())).surroundings == around
    assert settings <= dict(around.environment).keys()


def test_what_changed_is_read_again() -> None:
    """A deployment that changed is read again; another is not; everything can be forgotten."""
    server, one, other = Server(), uuid4(), uuid4()
    plans = server.plans()
    for known in (one, other):
        plan(plans, run(known))
    plans.forget(one)
    plan(plans, run(other))
    assert server.read == 2
    plan(plans, run(one))
    assert server.read == 3
    plans.forget()
    plan(plans, run(other))
    assert server.read == 4


def test_job_variables_of_a_run_count() -> None:
    """A run with variables of its own has surroundings of its own."""
    plans, deployment = Server().plans(), uuid4()
    plain = plan(plans, run(deployment))
    tinted = plan(plans, run(deployment, job_variables={"env": {"COLOUR": "red"}}))
    assert dict(tinted.surroundings.environment) == dict(plain.surroundings.environment) | {"COLOUR": "red"}


@pytest.mark.parametrize("reference", ["{{ prefect.variables.colour }}", "{{prefect.blocks.secret.x}}"])
def test_what_the_server_fills_in_is_not_kept(reference: str) -> None:
    """Variables and blocks of the server change unseen, so such a plan is made anew for each run."""
    server, deployment = Server(job_variables={"env": {"COLOUR": reference}}), uuid4()
    plans = server.plans()
    plan(plans, run(deployment))
    plan(plans, run(deployment))
    assert server.read == 2


@pytest.mark.parametrize(
    ("deployed", "word"),
    [
        ({"job_variables": {"command": "python x.py"}}, "`command`"),
        ({"pull_steps": [{"prefect.deployments.steps.set_working_directory": {}}]}, "pull steps"),
        ({"entrypoint": None}, "entrypoint"),
    ],
)
def test_what_a_fork_cannot_do_is_refused(deployed: dict[str, Any], word: str) -> None:
    """What needs an interpreter of its own is refused, in words that say what to do."""
    with pytest.raises(CannotRun, match=word):
        plan(Server(**deployed).plans(), run(uuid4()))


def test_a_run_without_a_deployment_is_refused() -> None:
    """There would be no flow to run."""
    with pytest.raises(CannotRun, match="no deployment"):
        plan(Server().plans(), run(None))


def test_a_flow_in_a_file_is_loaded_by_its_run() -> None:
    """A file's flow is not imported ahead; pull steps are its run's to do."""
    server = Server(entrypoint="flows/one.py:one", pull_steps=[{"step": {}}])
    wanted = run(uuid4())
    found = plan(server.plans(), wanted)
    assert found.entrypoint is None
    assert "PREFECT__FLOW_ENTRYPOINT" not in found.environment(wanted.id)
