"""HubSpot's webhooks come through the door: a batch of events, one hint each, signed for our public address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from casework.gateway import create_app
from casework.sandbox import People, World
from casework.sandbox.deliverer import HOOKS
from casework.sandbox.hubspot import point
from tests.gateway.conftest import URL, Place, stored

SECRET = "hubspot client secret"
SECOND = "https://casework.second.example"


@pytest.fixture
def door(place: Place) -> TestClient:
    delivery = replace(place.gateway.delivery, second_public_url=SECOND)
    return TestClient(create_app(replace(place.gateway, hubspot_secret=SECRET, delivery=delivery)), base_url=URL)


def event(number: int = 1, **change: Any) -> dict[str, Any]:
    told = {
        "eventId": 3816279340 + number, "subscriptionId": 25, "portalId": 33, "appId": 1160452,
        "occurredAt": 1767867127000, "subscriptionType": "deal.propertyChange", "attemptNumber": 0,
        "objectId": 1246965, "propertyName": "client_activity_status", "propertyValue": "Marlowe-Quux",
        "changeSource": "CRM_UI", "sourceId": "userId:7",
    }  # fmt: skip
    return told | change


def send(place: Place, door: TestClient, told: Any, *, late: float = 0, secret: str = SECRET, base: str = URL) -> Any:
    """A delivery signed as HubSpot documents, for the address `base`, whatever the request itself is sent to."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    stamp = str(int((place.desk.files.now().timestamp() - late) * 1000))
    signed = b"POST" + f"{base}/hooks/hubspot".encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    headers = {"X-HubSpot-Request-Timestamp": stamp, "X-HubSpot-Signature-v3": signature}
    return door.post("/hooks/hubspot", content=body, headers=headers)


def test_one_hint_for_each_event(place: Place, door: TestClient) -> None:
    """The events of a batch are told apart by what happened to which object; their values are not kept."""
    batch = [
        event(1),
        event(2, subscriptionType="ticket.creation", objectId=12),
        event(3, subscriptionType="object.propertyChange", objectTypeId="0-27", objectId=13),
        event(4, subscriptionType="object.creation", objectTypeId="2-99", objectId=14),
        event(5, subscriptionType="deal.deletion"),
    ]
    assert send(place, door, batch).json() == {"accepted": 5, "known": 0}
    assert "Marlowe" not in repr(stored(place))
    place.inbox().work()
    assert sorted(place.hints) == [
        ("2-99.creation", "hubspot:2-99:14"),
        ("deal.deletion", "hubspot:deal:1246965"),
        ("deal.propertyChange", "hubspot:deal:1246965"),
        ("task.propertyChange", "hubspot:task:13"),
        ("ticket.creation", "hubspot:ticket:12"),
    ]


def test_a_repeated_delivery_is_known(place: Place, door: TestClient) -> None:
    """HubSpot repeats a batch with another number of the attempt; what is known is not stored again, the rest is."""
    assert send(place, door, [event(1)]).status_code == 202
    again = send(place, door, [event(1, attemptNumber=3), event(2)])
    assert (again.status_code, again.json()) == (202, {"accepted": 1, "known": 1})
    assert send(place, door, [event(1), event(2)]).status_code == 200
    # An event's id need not be its alone.
    assert send(place, door, [event(1, objectId=99)]).json() == {"accepted": 1, "known": 0}


def test_what_we_did_is_no_news(place: Place, door: TestClient) -> None:
    """What our own app changed is written down as handled; what another app or a person changed is news."""
    own = {"changeSource": "INTEGRATION", "sourceId": "1160452"}
    assert send(place, door, [event(1, **own)]).json() == {"accepted": 0, "known": 0}
    assert place.inbox().work() == 0
    others = [event(3, **{**own, "sourceId": "7"}), event(4, **{**own, "changeSource": "AUTOMATION_PLATFORM"})]
    assert send(place, door, [event(2, **own), *others]).json()["accepted"] == 2
    assert len(stored(place)) == 4
    place.inbox().work()
    assert place.hints == [("deal.propertyChange", "hubspot:deal:1246965")]


def test_merges_and_associations(place: Place, door: TestClient) -> None:
    """Events that name their object otherwise are hints about the first that they name."""
    merged = event(1, subscriptionType="deal.merge", primaryObjectId=5)
    joined = event(2, subscriptionType="deal.associationChange", fromObjectId=6)
    for told in (merged, joined):
        del told["objectId"]
    assert send(place, door, [merged, joined]).status_code == 202
    place.inbox().work()
    assert sorted(place.hints) == [("deal.associationChange", "hubspot:deal:6"), ("deal.merge", "hubspot:deal:5")]


@pytest.mark.parametrize("query", ["", "?next=%2Fa%3Ab&x=%20"])
@pytest.mark.parametrize("base", [URL, SECOND])
def test_signed_for_our_public_addresses(place: Place, door: TestClient, base: str, query: str) -> None:
    """Behind a proxy the request comes in as http for another host; what HubSpot called and signed is what counts."""
    inside = TestClient(door.app, base_url="http://10.0.0.7:8080")
    signed = query.replace("%2F", "/").replace("%3A", ":")
    body = json.dumps([event()]).encode()
    stamp = str(int(place.desk.files.now().timestamp() * 1000))
    mac = hmac.digest(SECRET.encode(), f"POST{base}/hooks/hubspot{signed}".encode() + body + stamp.encode(), "sha256")
    headers = {"X-HubSpot-Request-Timestamp": stamp, "X-HubSpot-Signature-v3": base64.b64encode(mac).decode()}
    assert inside.post(f"/hooks/hubspot{query}", content=body, headers=headers).status_code == 202


@pytest.mark.parametrize(
    "how", [{"late": 301}, {"late": -301}, {"secret": "another"}, {"base": "http://casework.example"}]
)
def test_what_is_not_authentic(place: Place, door: TestClient, how: dict[str, Any]) -> None:
    """Another secret or address, too old or from the future: refused, and nothing is left of it."""
    assert send(place, door, [event()], **how).status_code == 401
    assert door.post("/hooks/hubspot", content=b"[]").status_code == 401
    assert stored(place) == []


@pytest.mark.parametrize(
    "told",
    [
        event(),
        [event(objectId="Marlowe-Quux")],
        [event(1), event(2, subscriptionType="Marlowe-Quux")],
        [event(objectTypeId="Marlowe-Quux")],
        b"<x/>",
        [{}],
    ],
)
def test_signed_nonsense(place: Place, door: TestClient, told: Any) -> None:
    """A signed body of another shape is 400, quotes nothing, and is stored in no part."""
    answer = send(place, door, told)
    assert answer.status_code == 400
    assert "Marlowe" not in answer.text
    assert stored(place) == []


def test_nothing_in_it(place: Place, door: TestClient) -> None:
    """An empty batch is taken."""
    assert send(place, door, []).json() == {"accepted": 0, "known": 0}


def test_not_set_up(place: Place) -> None:
    """Without a secret there is no door."""
    bare = TestClient(create_app(place.gateway), base_url=URL)
    assert send(place, bare, [event()]).status_code == 404


@pytest.fixture
def world(place: Place, tmp_path: Path) -> Iterator[World]:
    made = World(place.desk.engine.now, folder=tmp_path / "world")
    made.seed()
    yield made
    made.close()


def test_the_sandbox_s_own_webhooks(place: Place, world: World) -> None:
    """What the sandbox's account tells gets in, without anybody's words, where it is pointed at our address."""
    gateway = replace(place.gateway, hubspot_secret=world.credentials["hubspot_client_secret"])
    door, people = TestClient(create_app(gateway), base_url=URL), People(world)
    point(world, f"{URL}{HOOKS['hubspot.events']}")
    deal = world.state["roster"]["companies"]["company-1"]["deals"][-1]
    people.rep.edit_deal(deal, "staff-11", client_activity_status="Offboarding Requested")
    ticket = people.rep.open_ticket("company-1", "staff-11", deal=deal)
    for one in world.take_deliveries("hubspot"):
        assert one.target == f"{URL}/hooks/hubspot"
        assert door.post("/hooks/hubspot", content=one.body, headers=one.headers).status_code == 202
    place.inbox().work()
    assert sorted(place.hints) == [
        ("deal.propertyChange", f"hubspot:deal:{deal}"),
        ("ticket.creation", f"hubspot:ticket:{ticket}"),
    ]
    assert not [planted for planted in world.planted if planted in repr(stored(place))]


def test_the_gateway_looks(place: Place) -> None:
    """A gateway with an account looks by itself for what was not told, and its worker is woken for what is found."""
    subject, at = "hubspot:deal:12", place.desk.files.now() - timedelta(minutes=2)
    heard: list[tuple[str, str]] = []
    handled = threading.Event()

    def follow(event: str, subject: str) -> None:
        heard.append((event, subject))
        handled.set()

    gateway = replace(place.gateway, hubspot_changes=lambda since: [(subject, at)], on_hint=follow)
    with TestClient(create_app(gateway), base_url=URL):
        assert handled.wait(4)
    assert heard == [("hubspot.changed", subject)]
