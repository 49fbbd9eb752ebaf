"""What Prefect's client of one leg asks, and what it knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import prefect
import pytest
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import Pause as Paused
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_CSRF_SUPPORT_ENABLED,
    PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from prefect.states import Pending, Running, Scheduled, Suspended

from casework.answer import Form
from casework.engine import EngineAway, Pause
from casework.engine.prefect import PrefectEngine
from casework.engine.prefect_leg import LegClient, _without_heartbeats, run_leg


class Nothing(Form):
    """A form without a field."""


MOMENT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Server:
    """A Prefect server that has one run and accepts everything."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[dict[str, Any]] = []
        self.status = 200
        self.suspended_before = False
        self.run = FlowRun(
            id=uuid4(),
            flow_id=uuid4(),
            deployment_id=uuid4(),
            name="early 4711",
            tags=["casework", "early"],
            flow_version="v1",
            state=Pending(timestamp=MOMENT),
        )

    def answer(self, _transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api").replace(str(self.run.id), "{id}")
        self.asked.append(f"{request.method} {path}")
        self.told.append(json.loads(request.content or b"{}"))
        if self.status != 200:
            return httpx.Response(self.status, request=request)
        if path.endswith("/set_state"):
            state = self.told[-1]["state"] | {"id": str(uuid4()), "timestamp": MOMENT.isoformat()}
            if self.suspended_before and state["name"] == "Suspended":
                state["state_details"]["pause_key"] = "somebody"
                rejected = {"type": "reject_details", "reason": "The run is suspended."}
                return httpx.Response(
                    200, json={"status": "REJECT", "state": state, "details": rejected}, request=request
                )
            accepted = {"status": "ACCEPT", "state": state, "details": {"type": "accept_details"}}
            return httpx.Response(200, json=accepted, request=request)
        if request.method == "PATCH":
            return httpx.Response(204, request=request)
        return httpx.Response(200, json=self.run.model_dump(mode="json"), request=request)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server that every client of this process talks to."""
    server = Server()
    monkeypatch.setattr(
        httpx.HTTPTransport, "handle_request", lambda transport, request: server.answer(transport, request)
    )
    lean = {PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False, PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False}
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"} | lean):
        yield server


def test_what_is_as_it_was_is_not_told(server: Server) -> None:
    """Only what differs from what the server has is sent, and then it is known."""
    client, run = LegClient(server.run), server.run
    client.update_flow_run(run.id, flow_version="v1", empirical_policy=run.empirical_policy.model_copy(deep=True))
    client.update_flow_run(run.id, name="early 4711", tags=["early", "casework"])
    assert server.asked == []
    client.update_flow_run(run.id, name="early 4711", tags=["casework", "early", "waiting:decider"])
    client.update_flow_run(run.id, name="early 4711", tags=["waiting:decider", "casework", "early"])
    assert server.asked == ["PATCH /flow_runs/{id}"]
    assert server.told == [{"tags": ["casework", "early", "waiting:decider"]}]


def test_a_policy_that_its_holder_changes_is_told(server: Server) -> None:
    """What the client knows is its own: a change made in the caller's run is a change."""
    client = LegClient(server.run)
    server.run.empirical_policy.retries = 3
    client.update_flow_run(server.run.id, empirical_policy=server.run.empirical_policy)
    assert server.told[0]["empirical_policy"]["retries"] == 3


def test_the_run_that_has_just_begun_is_known_once(server: Server) -> None:
    """The first reading after Running costs nothing and says so; every other one asks."""
    client, run = LegClient(server.run), server.run
    client.read_flow_run(run.id)
    client.set_flow_run_state(run.id, Running())
    begun = client.read_flow_run(run.id)
    client.read_flow_run(run.id)
    assert server.asked == ["GET /flow_runs/{id}", "POST /flow_runs/{id}/set_state", "GET /flow_runs/{id}"]
    assert begun.state is not None
    assert begun.state.type is begun.state_type is StateType.RUNNING
    assert (begun.run_count, begun.start_time, begun.deployment_id) == (1, MOMENT, run.deployment_id)


def test_a_state_that_ends_the_leg_is_not_remembered(server: Server) -> None:
    """Once the run is not running any more, the server is asked how it stands."""
    client, run = LegClient(server.run), server.run
    client.set_flow_run_state(run.id, Running())
    client.set_flow_run_state(run.id, Scheduled())
    client.read_flow_run(run.id)
    assert server.asked[-1] == "GET /flow_runs/{id}"


def test_other_runs_are_as_ever(server: Server) -> None:
    """The client knows one run alone."""
    client, other = LegClient(server.run), UUID(int=1)
    client.set_flow_run_state(other, Running())
    client.read_flow_run(other)
    client.update_flow_run(other, name="early 4711")
    assert [one.replace(str(other), "other") for one in server.asked] == [
        "POST /flow_runs/other/set_state",
        "GET /flow_runs/other",
        "PATCH /flow_runs/other",
    ]


def test_to_resume_costs_two_requests(server: Server) -> None:
    """From the click to a run that is scheduled: how it stands, and what it shall be."""
    engine = PrefectEngine()
    for _ in range(2):
        engine.resume(str(server.run.id))
    assert server.asked == ["GET /flow_runs/{id}", "POST /flow_runs/{id}/set_state"] * 2
    assert (server.told[-1]["state"]["name"], server.told[-1]["force"]) == ("Resuming", True)


def test_a_leg_on_its_way_is_left_alone(server: Server) -> None:
    """What has been pending for a moment is not resumed again."""
    server.run.state = Pending()
    PrefectEngine(patience=60).resume(str(server.run.id))
    assert server.asked == ["GET /flow_runs/{id}"]


@pytest.mark.parametrize(
    ("suspended_before", "afterwards"),
    [(False, []), (True, ["GET /flow_runs/{id}", "POST /flow_runs/{id}/set_state"])],
    ids=["as ever", "suspended by somebody"],
)
def test_a_leg_that_asks(server: Server, suspended_before: bool, afterwards: list[str]) -> None:
    """A leg says that it is running, and that it is suspended with a form. When somebody has suspended its run
    meanwhile, there would be no form, and the run is resumed so that the next leg asks with one."""
    pending, case = server.run.model_copy(), str(server.run.id)
    server.suspended_before = suspended_before
    server.run.state = Suspended(pause_key="somebody")

    def asks() -> None:
        PrefectEngine().suspend(Pause(case, "question-1", "May it be done?", Nothing))

    with pytest.raises(Paused), temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False}):
        run_leg(prefect.Flow(asks, persist_result=False, result_storage=Path()), pending, {})
    form = [] if suspended_before else ["POST /flow_runs/{id}/input"] * 2
    version = "PATCH /flow_runs/{id}"
    begun = [version, "POST /flow_runs/{id}/set_state"]
    assert server.asked == [*begun, "POST /flow_runs/{id}/set_state", *form, *afterwards]
    assert server.told[-1].get("state", {}).get("name") == ("Resuming" if suspended_before else None)


def test_heartbeats_are_sent_to_those_who_ask(server: Server) -> None:
    """Prefect's heartbeat events are left out, unless the setting says how often."""
    assert _without_heartbeats().settings.flows.heartbeat_frequency is None
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 60}):
        assert _without_heartbeats().settings.flows.heartbeat_frequency == 60


def test_a_refusal_for_a_missing_token_says_what_to_set(server: Server) -> None:
    """A server with CSRF protection refuses; the case waits, and the text names the setting."""
    server.status = 403
    with pytest.raises(EngineAway, match="PREFECT_CLIENT_CSRF_SUPPORT_ENABLED=true"):
        PrefectEngine().resume(str(server.run.id))
