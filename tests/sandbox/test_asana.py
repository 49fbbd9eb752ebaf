"""The Asana stand-in wraps, refuses and tells as Asana does."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from casework.sandbox import People, World
from casework.sandbox.hooks import sign_asana
from casework.sandbox.seed import PROJECT, TEMPLATE, WORKSPACE
from tests.sandbox.conftest import Api


@pytest.fixture
def asana(api: Api) -> httpx.Client:
    return api("asana")


def instantiate(asana: httpx.Client, name: str = "Export team-104") -> str:
    job = asana.post(f"/task_templates/{TEMPLATE}/instantiateTask", json={"data": {"name": name}})
    assert job.status_code == 201
    for _ in range(2):
        answer = asana.get(f"/jobs/{job.json()['data']['gid']}").json()["data"]
    gid: str = answer["new_task"]["gid"]
    return gid


def test_a_template_becomes_a_task_through_a_job(asana: httpx.Client) -> None:
    """Instantiating answers 201 with a job that is first in progress and then has the task."""
    made = asana.post(f"/task_templates/{TEMPLATE}/instantiateTask", json={"data": {"name": "n"}})
    job = made.json()["data"]
    assert (made.status_code, job["status"], job["new_task"]) == (201, "in_progress", None)
    looks = [asana.get(f"/jobs/{job['gid']}").json()["data"] for _ in range(2)]
    assert [look["status"] for look in looks] == ["in_progress", "succeeded"]
    task = asana.get(f"/tasks/{looks[1]['new_task']['gid']}").json()["data"]
    assert (task["name"], task["completed"], task["projects"][0]["gid"]) == ("n", False, PROJECT)


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "says"),
    [
        ("GET", "/nonsense", {}, 404, "No matching route"),
        ("GET", "/tasks/123", {}, 404, "task: Unknown object: 123"),
        ("GET", "/tasks/abc", {}, 400, "Not a recognized ID"),
        ("GET", "/tasks", {}, 400, "You should specify one of"),
        ("GET", f"/tasks?project={PROJECT}&limit=101", {}, 400, "limit"),
        ("GET", f"/tasks?project={PROJECT}&colour=red", {}, 400, "colour"),
        ("PUT", "/tasks/{task}", {"json": {"completed": True}}, 400, "data"),
        ("PUT", "/tasks/{task}", {"json": {"data": {"complete": True}}}, 400, "complete: Cannot write"),
        ("PUT", "/tasks/{task}", {"json": {"data": {"completed": "yes"}}}, 400, "completed"),
        ("PUT", "/tasks/{task}", {"json": {"data": {"due_on": "tomorrow"}}}, 400, "due_on"),
        ("PUT", "/tasks/{task}", {"json": {"data": {"html_notes": "<b>x</b>"}}}, 400, "html_notes"),
        ("PUT", "/tasks/{task}", {"json": {"data": {"external": {"gid": "x"}}}}, 403, "OAuth"),
        ("PUT", "/tasks/{task}", {"content": b"completed=1"}, 415, "application/json"),
        ("POST", "/tasks/{task}/stories", {"json": {"data": {}}}, 400, "text"),
        (
            "POST",
            "/task_templates/{template}/instantiateTask",
            {"json": {"data": {"notes": "x"}}},
            400,
            "notes",
        ),
    ],
)
def test_wrong_requests_get_asana_errors(
    asana: httpx.Client, method: str, path: str, sent: dict[str, Any], status: int, says: str
) -> None:
    """Every refusal is `{"errors": [{"message": …}]}` and names what is wrong."""
    path = path.replace("{task}", instantiate(asana)).replace("{template}", TEMPLATE)
    answer = asana.request(method, path, **sent)
    assert answer.status_code == status
    assert says in answer.json()["errors"][0]["message"]


def test_credentials_are_demanded(asana: httpx.Client) -> None:
    """A wrong token gets 401."""
    answer = asana.get("/users/me", headers={"authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (401, "Not Authorized")


def test_lists_are_compact_and_paged(asana: httpx.Client) -> None:
    """Both ways to list a project give each task once; opt_fields widens what a record has."""
    made = [instantiate(asana, f"task {n}") for n in range(5)]
    for path in (f"/projects/{PROJECT}/tasks?limit=2", f"/tasks?project={PROJECT}&limit=2"):
        seen, url = [], path
        while True:
            listed = asana.get(url).json()
            seen += [record["gid"] for record in listed["data"]]
            if listed["next_page"] is None:
                break
            url = listed["next_page"]["path"]
        assert seen == made
    [first, *_] = asana.get(f"/projects/{PROJECT}/tasks").json()["data"]
    assert set(first) == {"gid", "name", "resource_type", "resource_subtype"}
    [wide, *_] = asana.get(f"/projects/{PROJECT}/tasks?opt_fields=completed,projects.name").json()["data"]
    assert wide["completed"] is False
    assert set(wide["projects"][0]) == {"gid", "name", "resource_type"}


def test_completing_sets_its_time_and_reopening_clears_it(asana: httpx.Client) -> None:
    """`completed_at` follows `completed`, and `completed_since=now` lists open tasks only."""
    task = instantiate(asana)
    done = asana.put(f"/tasks/{task}", json={"data": {"completed": True}}).json()["data"]
    assert done["completed_at"] == "2026-03-02T09:00:00Z"
    again = asana.put(f"/tasks/{task}", json={"data": {"completed": False}}).json()["data"]
    assert again["completed_at"] is None


def create_hook(asana: httpx.Client, target: str = "https://gateway.example/hooks/asana") -> httpx.Response:
    filters = [{"resource_type": "task", "action": "changed", "fields": ["completed"]}]
    return asana.post("/webhooks", json={"data": {"resource": PROJECT, "target": target, "filters": filters}})


def test_a_webhook_is_signed_with_its_handshake_secret(world: World, asana: httpx.Client, people: People) -> None:
    """After the handshake come a heartbeat and the asked-for events only, each signed over its exact body."""
    made = create_hook(asana)
    assert made.status_code == 201
    secret, task = made.json()["X-Hook-Secret"], instantiate(asana)
    people.engineer.complete(task)
    heartbeat, event = world.take_deliveries("asana")
    for delivery in (heartbeat, event):
        assert delivery.headers["X-Hook-Signature"] == sign_asana(secret, delivery.body)["X-Hook-Signature"]
        assert delivery.target == "https://gateway.example/hooks/asana"
    assert json.loads(heartbeat.body) == {"events": []}
    [told] = json.loads(event.body)["events"]
    assert (told["resource"]["gid"], told["change"]["field"]) == (task, "completed")
    assert secret not in asana.get(f"/webhooks?workspace={WORKSPACE}&resource={PROJECT}").text


@pytest.mark.parametrize(
    "answered",
    [(200, {}), (200, {"X-Hook-Secret": "other"}), (500, None)],
)
def test_a_failed_handshake_makes_no_webhook(
    world: World, asana: httpx.Client, answered: tuple[int, Mapping[str, str] | None]
) -> None:
    """Without the echoed secret and a 2xx the create call fails and nothing is kept."""
    status, headers = answered
    world.handshake = lambda _target, sent: (status, sent if headers is None else headers)
    assert create_hook(asana).status_code == 400
    assert world.as_dict()["asana"]["webhooks"] == {}


def test_localhost_is_forbidden_as_target(asana: httpx.Client) -> None:
    """Asana refuses webhooks to localhost."""
    assert create_hook(asana, "http://localhost:9000/x").status_code == 403


def test_the_gateway_may_use_the_world_during_its_handshake(world: World, api: Api) -> None:
    """While the create call is open the world is not locked: another thread gets its answers."""
    statuses: list[int] = []

    def busy(_target: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        other = threading.Thread(target=lambda: statuses.append(api("asana").get("/users/me").status_code))
        other.start()
        other.join(timeout=5)
        return 204, headers

    world.handshake = busy
    assert create_hook(api("asana")).status_code == 201
    assert statuses == [200]
