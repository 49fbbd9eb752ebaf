"""Intercom's webhooks come through the door: signed over the body, one hint each, nothing kept but ids."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from casework.gateway import create_app
from casework.sandbox import People, World
from casework.sandbox.seed_transfer import ROBOT
from tests.gateway.conftest import URL, Place, stored

SECRET = "intercom client secret"


@pytest.fixture
def door(place: Place) -> TestClient:
    gateway = replace(place.gateway, intercom_secret=SECRET, own_intercom_id=lambda: ROBOT)
    return TestClient(create_app(gateway), base_url=URL)


def event(number: int = 1, topic: str = "conversation.user.replied", *authors: str, **item: Any) -> dict[str, Any]:
    """A notification about a conversation; `authors` of its new parts as `type:id`."""
    parts = [
        {"author": {"type": kind, "id": key, "name": "Marlowe-Quux"}, "body": "Marlowe-Quux"}
        for kind, _, key in (one.partition(":") for one in authors)
    ]
    listed = {"conversation_parts": {"type": "conversation_part.list", "conversation_parts": parts}}
    shown = {"type": "conversation", "id": "531", **listed, **item}
    return {
        "type": "notification_event", "app_id": "a86dr8yl", "id": f"notif_85a4b3a0-{number}", "topic": topic,
        "data": {"type": "notification_event_data", "item": shown}, "delivery_attempts": 1, "created_at": 1767867127,
    }  # fmt: skip


def send(door: TestClient, told: Any, *, secret: str = SECRET) -> Any:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    return door.post("/hooks/intercom", content=body, headers={"X-Hub-Signature": f"sha1={signature}"})


def test_one_hint_for_each_notification(place: Place, door: TestClient) -> None:
    """What happened to which conversation is kept, what was said is not; a repetition is known by its id."""
    assert send(door, event(1, "conversation.user.created")).status_code == 202
    assert send(door, event(2, "conversation_part.tag.created")).status_code == 202
    repeated = send(door, event(1, "conversation.user.created", delivery_attempts=2))
    assert (repeated.status_code, repeated.json()) == (200, {"accepted": 0, "known": 1})
    assert (
        send(door, event(3, "contact.user.created", type="contact", id="6762f0dd1bb69f9f2193bb83")).status_code == 202
    )
    assert "Marlowe" not in repr(stored(place))
    place.inbox().work()
    assert sorted(place.hints) == [
        ("contact.user.created", "intercom:contact:6762f0dd1bb69f9f2193bb83"),
        ("conversation.user.created", "intercom:conversation:531"),
        ("conversation_part.tag.created", "intercom:conversation:531"),
    ]


def test_what_we_did_is_no_news(place: Place, door: TestClient) -> None:
    """What our own admin alone did is written down as handled; what anybody else had a part in is news."""
    assert send(door, event(1, "conversation.admin.noted", f"admin:{ROBOT}")).status_code == 202
    assert place.inbox().work() == 0
    news = [
        event(2, "conversation.admin.noted", "admin:814"),
        event(3, "conversation.admin.closed"),
        event(4, "conversation.admin.replied", "user:6762f0dd1bb69f9f2193bb83", f"admin:{ROBOT}"),
        event(5, "conversation.admin.noted", f"bot:{ROBOT}"),
        event(6, "conversation.user.replied", f"admin:{ROBOT}"),
    ]
    assert [send(door, one).status_code for one in news] == [202] * 5
    assert len(stored(place)) == 6


def test_setting_up(place: Place, door: TestClient) -> None:
    """Intercom looks at the address before it is registered, and sends a ping that is about nothing."""
    assert door.head("/hooks/intercom").status_code == 200
    ping = {"type": "notification_event", "id": "notif_ping", "topic": "ping", "data": {"item": {"type": "ping"}}}
    assert send(door, ping).json() == {"accepted": 0, "known": 0}
    assert stored(place) == []


def test_what_is_not_authentic(place: Place, door: TestClient) -> None:
    """Another secret, another method or no signature: refused, and nothing is left of it."""
    body = json.dumps(event()).encode()
    assert send(door, event(), secret="another").status_code == 401
    sha256 = {"X-Hub-Signature": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}
    assert door.post("/hooks/intercom", content=body, headers=sha256).status_code == 401
    assert door.post("/hooks/intercom", content=body).status_code == 401
    assert stored(place) == []


@pytest.mark.parametrize(
    "told",
    [
        event(1, "Marlowe-Quux"),
        event(id="Marlowe Quux"),
        event(type="Marlowe-Quux"),
        {**event(), "id": "Marlowe Quux"},
        {**event(), "data": {}},
        [],
        b"<x/>",
    ],
)
def test_signed_nonsense(place: Place, door: TestClient, told: Any) -> None:
    """A signed body of another shape is 400, quotes nothing, and is not stored."""
    answer = send(door, told)
    assert answer.status_code == 400
    assert "Marlowe" not in answer.text
    assert stored(place) == []


def test_not_set_up(place: Place) -> None:
    """Without a secret there is no door."""
    bare = TestClient(create_app(place.gateway), base_url=URL)
    assert send(bare, event()).status_code == bare.head("/hooks/intercom").status_code == 404


@pytest.fixture
def world(place: Place, tmp_path: Path) -> Iterator[World]:
    made = World(place.desk.engine.now, folder=tmp_path / "world")
    made.seed()
    yield made
    made.close()


def test_the_sandbox_s_own_webhooks(place: Place, world: World) -> None:
    """What the sandbox's workspace tells gets in, without anybody's words."""
    gateway = replace(place.gateway, intercom_secret=world.credentials["intercom_client_secret"])
    door, people = TestClient(create_app(gateway), base_url=URL), People(world)
    one = people.visitor.write("visitor-4", "What does it cost for forty people?")
    people.teammate.tag(one, "staff-14")
    for delivery in world.take_deliveries("intercom"):
        assert door.post("/hooks/intercom", content=delivery.body, headers=delivery.headers).status_code == 202
    place.inbox().work()
    assert sorted(place.hints) == [
        ("conversation.user.created", f"intercom:conversation:{one}"),
        ("conversation_part.tag.created", f"intercom:conversation:{one}"),
    ]
    assert not [planted for planted in world.planted if planted in repr(stored(place))]
