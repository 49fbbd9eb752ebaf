"""What the stand-ins send, as it stands in their outboxes, goes through the door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from casework.gateway import create_app
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.people import People
from casework.sandbox.world import World
from casework.schema import asana_hooks, hooks
from tests.gateway.conftest import URL, Place

TARGETS = {"zendesk.events": "/hooks/zendesk", "slack.interactivity": "/hooks/slack"}


@pytest.fixture
def world(place: Place, tmp_path: Path) -> Iterator[World]:
    """A sandbox whose clock is the desk's, and whose Asana shakes hands with the door."""
    made = World(
        place.desk.engine.now,
        folder=tmp_path / "world",
        handshake=lambda target, headers: _shaken(door(place, made), target, headers),
    )
    made.seed()
    yield made
    made.close()


def _shaken(client: TestClient, target: str, headers: object) -> tuple[int, dict[str, str]]:
    answer = client.post(target, headers=headers, content=b"{}")
    return answer.status_code, dict(answer.headers)


def door(place: Place, world: World) -> TestClient:
    known = world.credentials
    gateway = replace(
        place.gateway,
        zendesk_secret=known["zendesk_webhook_secret"],
        slack_secret=known["slack_signing_secret"],
        slack_origins=("https://hooks.slack.example",),
    )
    return TestClient(create_app(gateway), base_url=URL)


def deliver(place: Place, world: World) -> list[int]:
    client = door(place, world)
    return [
        client.post(
            one.target or TARGETS[f"{one.vendor}.{one.kind}"], content=one.body, headers=one.headers
        ).status_code
        for one in world.take_deliveries()
    ]


def test_zendesk_as_the_sandbox_sends_it(place: Place, world: World) -> None:
    """Opening a ticket and noting on it arrive as hooks about that ticket, without anybody's words."""
    ticket = People(world).customer.open_ticket("user-88", tags=["data_export"])
    People(world).agent.internal_note(ticket, "staff-61", "a note")
    codes = deliver(place, world)
    assert codes
    assert set(codes) == {202}
    with place.desk.files.reading() as connection:
        rows = connection.execute(select(hooks)).all()
    assert {row.subject for row in rows} == {f"zendesk:ticket:{ticket}"}
    assert not [planted for planted in world.planted if planted in repr(rows)]


def test_slack_as_the_sandbox_sends_it(place: Place, world: World) -> None:
    """A button pressed in the sandbox's Slack is an answer of whoever pressed it, and that person is told."""
    run = place.start()
    known = world.credentials
    slack = httpx.Client(
        base_url="https://slack.example/api",
        transport=httpx_transport(world, "slack"),
        headers={"Authorization": f"Bearer {known['slack_token']}"},
    )
    slack_id = world.state["roster"]["staff"]["staff-11"]["slack_id"]
    channel = slack.post("/conversations.open", json={"users": slack_id}).json()["channel"]["id"]
    button = {
        "type": "button",
        "action_id": "decide:verdict=approve",
        "text": {"type": "plain_text", "text": "Yes"},
        "value": place.token(run),
    }
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "?"}}
    blocks = [section, {"type": "actions", "elements": [button]}]
    posted = slack.post("/chat.postMessage", json={"channel": channel, "text": "?", "blocks": blocks}).json()
    assert posted["ok"], posted
    People(world).csm.press(channel, "decide:verdict=approve", "staff-11")
    assert deliver(place, world) == [200]
    assert place.desk.waiting(run) == ["approval/1"], "this colleague was not asked"
    assert "put to somebody else" in place.said[-1][1]


def test_asana_as_the_sandbox_sends_it(place: Place, world: World) -> None:
    """A webhook shakes hands with the door while it is made, and its first heartbeat is taken."""
    known = world.credentials
    asana = httpx.Client(
        base_url="https://asana.example/api/1.0",
        transport=httpx_transport(world, "asana"),
        headers={"Authorization": f"Bearer {known['asana_token']}"},
    )
    project = next(iter(world.state["asana"]["projects"]))
    made = asana.post("/webhooks", json={"data": {"resource": project, "target": f"{URL}/hooks/asana/exports"}})
    assert made.status_code == 201, made.text
    assert deliver(place, world) == [200]
    with place.desk.files.reading() as connection:
        assert connection.execute(select(asana_hooks.c.name)).scalars().all() == ["exports"]
