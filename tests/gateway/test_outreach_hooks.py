"""Outreach's webhooks come through the door: signed, one hint each, about the prospect."""

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
from casework.sandbox.seed_sales import BOOKED
from tests.gateway.conftest import URL, Place, stored

SECRET = "outreach webhook secret"


@pytest.fixture
def door(place: Place) -> TestClient:
    return TestClient(create_app(replace(place.gateway, outreach_secret=SECRET)), base_url=URL)


def event(kind: str = "prospect", name: str = "updated", number: int = 3, **related: Any) -> dict[str, Any]:
    data = {"type": kind, "id": number, "attributes": {"company": "Marlowe-Quux"}, "relationships": related}
    return {"data": data, "meta": {"deliveredAt": "x", "eventName": f"{kind}.{name}", "jobId": "a5a0"}}


def send(door: TestClient, told: Any, secret: str = SECRET) -> Any:
    """A delivery signed as Outreach documents."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Outreach-Webhook-Signature": signature, "Content-Type": "application/vnd.api+json"}
    return door.post("/hooks/outreach", content=body, headers=headers)


def test_news_is_of_its_prospect(place: Place, door: TestClient) -> None:
    """What happens in a sequence or to a mail is a hint about the prospect, in either form; nothing else is kept."""
    named = {"type": "prospect", "id": 3}
    for told in (
        event(),
        event("sequenceState", "finished", 17, prospect=named),
        event("mailing", "replied", 18, prospect={"data": named}),
        event("mailing", "bounced", 19, prospect={"data": None}),
        event("account", "updated", 5),
    ):
        assert send(door, told).json() == {"accepted": 1, "known": 0}
    assert "Marlowe" not in repr(stored(place))
    place.inbox().work()
    assert sorted(place.hints) == [
        ("account.updated", "outreach:account:5"),
        ("mailing.bounced", "outreach:mailing:19"),
        ("mailing.replied", "outreach:prospect:3"),
        ("prospect.updated", "outreach:prospect:3"),
        ("sequenceState.finished", "outreach:prospect:3"),
    ]


def test_a_repeated_delivery_is_known(place: Place, door: TestClient) -> None:
    """The same body again is stored once."""
    assert send(door, event()).status_code == 202
    assert send(door, event()).json() == {"accepted": 0, "known": 1}
    assert len(stored(place)) == 1


def test_what_is_not_authentic(place: Place, door: TestClient) -> None:
    """Another secret, none, or a changed body: refused, and nothing is left of it."""
    assert send(door, event(), "another").status_code == 401
    assert door.post("/hooks/outreach", content=json.dumps(event())).status_code == 401
    assert stored(place) == []


@pytest.mark.parametrize(
    "told",
    [
        b"<x/>",
        [],
        {},
        event("Marlowe-Quux"),
        event(number=-1),
        event(prospect={"id": "Marlowe-Quux"}),
        event(prospect={"data": {"id": "Marlowe-Quux"}}),
        {**event(), "meta": {"eventName": "Marlowe-Quux"}},
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
    assert send(TestClient(create_app(place.gateway), base_url=URL), event()).status_code == 404


@pytest.fixture
def world(place: Place, tmp_path: Path) -> Iterator[World]:
    made = World(place.desk.engine.now, folder=tmp_path / "world")
    made.seed()
    yield made
    made.close()


def test_the_sandbox_s_own_webhooks(place: Place, world: World) -> None:
    """What the sandbox's organisation tells gets in, without anybody's words."""
    gateway = replace(place.gateway, outreach_secret=world.credentials["outreach_webhook_secret"])
    door, sales = TestClient(create_app(gateway), base_url=URL), People(world).sales
    known = world.state["roster"]["visitors"]["visitor-5"]["prospect"]
    sales.set_stage(known, BOOKED)
    sales.add_to_sequence("staff-64", known, "1001")
    for one in world.take_deliveries("outreach"):
        assert door.post("/hooks/outreach", content=one.body, headers=one.headers).status_code == 202
    place.inbox().work()
    subject = f"outreach:prospect:{known}"
    assert sorted(place.hints) == [("prospect.updated", subject), ("sequenceState.created", subject)]
    assert not [planted for planted in world.planted if planted in repr(stored(place))]
