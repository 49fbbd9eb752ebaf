"""Salesforce's callouts come through the door, and what they did not tell is looked for."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from casework.gateway import create_app
from casework.gateway.polling import FIRST, GRACE, OVERLAP, Poller
from casework.reception_salesforce import salesforce_changes
from casework.sandbox import People, World
from casework.sandbox.deliverer import HOOKS
from casework.sandbox.inprocess import httpx_transport
from casework.schema import hooks
from casework.systems.errors import Misconfigured, Temporary
from casework.systems.salesforce import ClientCredentials, Salesforce
from tests.gateway.conftest import URL, Place

SECRET = "salesforce signing secret"
CASE = "500RM00000abcdeYAA"
OURS = "005RM0000000001YAA"


@pytest.fixture
def door(place: Place) -> TestClient:
    gateway = replace(place.gateway, salesforce_secret=SECRET, own_salesforce_id=lambda: OURS)
    return TestClient(create_app(gateway), base_url=URL)


def event(**change: Any) -> dict[str, Any]:
    return {"id": "callout-00000001", "event": "case.changed", "case": CASE, "actor": "005RM0000000009YAA"} | change


def send(place: Place, door: TestClient, told: Any, *, late: float = 0, secret: str = SECRET) -> Any:
    """A callout, signed as the how-to tells the org's administrator."""
    body = json.dumps(told).encode() if isinstance(told, dict) else told
    stamp = str(int(place.desk.files.now().timestamp() - late))
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Casework-Timestamp": stamp, "X-Casework-Signature": f"v1={signature}"}
    return door.post("/hooks/salesforce", content=body, headers=headers)


def stored(place: Place) -> list[Any]:
    with place.desk.files.reading() as connection:
        return list(connection.execute(select(hooks)).all())


def test_a_callout_is_heard(place: Place, door: TestClient) -> None:
    """A signed callout becomes a hint by its case's id; the same one again is known."""
    assert [send(place, door, event()).status_code for _ in range(2)] == [202, 200]
    place.inbox().work()
    assert place.hints == [("case.changed", f"salesforce:case:{CASE}")]


def test_what_we_did_is_no_news(place: Place, door: TestClient) -> None:
    """A change of our own user is written down as handled."""
    assert send(place, door, event(actor=OURS)).status_code == 202
    assert place.inbox().work() == 0
    assert len(stored(place)) == 1


@pytest.mark.parametrize("how", [{"late": 301}, {"late": -301}, {"secret": "another"}])
def test_what_is_not_authentic(place: Place, door: TestClient, how: dict[str, Any]) -> None:
    """A callout of another secret, or too old, or from the future, is refused and leaves nothing."""
    assert send(place, door, event(), **how).status_code == 401
    assert door.post("/hooks/salesforce", content=b"{}").status_code == 401
    assert stored(place) == []


@pytest.mark.parametrize(
    "told",
    [event(case="500RM0000Marlowe-Quux"), event(case="003RM00000abcdeYAA"), event(event="x"), b"<x/>", event(id="")],
)
def test_signed_nonsense(place: Place, door: TestClient, told: Any) -> None:
    """A signed body of another shape is 400, quotes nothing, and is not stored."""
    answer = send(place, door, told)
    assert answer.status_code == 400
    assert "Marlowe" not in answer.text
    assert stored(place) == []


def test_not_set_up(place: Place) -> None:
    """Without a secret there is no door."""
    bare = TestClient(create_app(place.gateway), base_url=URL)
    assert send(place, bare, event()).status_code == 404


# -- looking for what was not told


class Looks:
    """A vendor that changes, and remembers from when on it was asked."""

    def __init__(self) -> None:
        self.changed: list[tuple[str, datetime]] = []
        self.asked: list[datetime] = []

    def __call__(self, since: datetime) -> Iterable[tuple[str, datetime]]:
        self.asked.append(since)
        return [one for one in self.changed if one[1] >= since]


@pytest.fixture
def vendor() -> Looks:
    return Looks()


@pytest.fixture
def poller(place: Place, vendor: Looks) -> Callable[[], Poller]:
    """New pollers, as after a restart; each time there is news is noted in `place.said`."""
    return lambda: Poller(
        "salesforce", place.desk.files, place.inbox(), vendor, lambda: place.said.append(("news", ""))
    )


SUBJECT = f"salesforce:case:{CASE}"


def test_what_was_not_told_is_found(place: Place, vendor: Looks, poller: Callable[[], Poller]) -> None:
    """A change without a callout becomes a hint, once, however often and by however many it is looked for."""
    vendor.changed.append((SUBJECT, place.desk.files.now()))
    place.desk.advance(minutes=2)
    one, other = poller(), poller()
    assert [one.look(), other.look(), one.look()] == [1, 0, 0]
    place.inbox().work()
    assert place.hints == [("salesforce.changed", SUBJECT)]
    assert len(place.said) == 1


def test_what_was_told_is_not_news(place: Place, door: TestClient, vendor: Looks, poller: Callable[[], Poller]) -> None:
    """A change whose callout came is not put there again; a later one of the same case that was not told is."""
    vendor.changed.append((SUBJECT, place.desk.files.now()))
    send(place, door, event())
    place.desk.advance(minutes=2)
    assert poller().look() == 0
    vendor.changed[0] = (SUBJECT, place.desk.files.now())
    place.desk.advance(minutes=2)
    assert poller().look() == 1


def test_a_callout_has_its_time(place: Place, vendor: Looks, poller: Callable[[], Poller]) -> None:
    """A change of this minute may still be told; when it was not it is found by a later look."""
    looking = poller()
    vendor.changed.append((SUBJECT, place.desk.files.now()))
    assert looking.look() == 0
    place.desk.advance(minutes=30)
    vendor.changed.append(("salesforce:case:500RM00000zzzzzYAA", place.desk.files.now() - GRACE))
    assert looking.look() == 2


def test_looks_overlap(place: Place, vendor: Looks, poller: Callable[[], Poller]) -> None:
    """The first look goes a day back, the next ones overlap; after a restart they go on from the last news."""
    start, looking = place.desk.files.now(), poller()
    looking.look()
    vendor.changed.append((SUBJECT, start))
    place.desk.advance(minutes=5)
    looking.look()
    place.desk.advance(hours=30)
    poller().look()
    assert vendor.asked == [
        start - FIRST - OVERLAP,
        start - GRACE - OVERLAP,
        start + timedelta(minutes=5) - OVERLAP,
    ]


def test_a_vendor_that_is_away(place: Place, poller: Callable[[], Poller]) -> None:
    """A look that fails is made again from the same moment: nothing in between is lost."""
    looks = Looks()
    failing = [True]

    def away(since: datetime) -> Iterable[tuple[str, datetime]]:
        found = looks(since)
        if failing:
            raise Temporary("Salesforce", "look", "is away")
        return found

    looking = Poller("salesforce", place.desk.files, place.inbox(), away, lambda: None)
    with pytest.raises(Temporary):
        looking.look()
    place.desk.advance(hours=2)
    looks.changed.append((SUBJECT, place.desk.files.now() - timedelta(hours=1)))
    failing.clear()
    assert looking.look() == 1


# -- the sandbox's org


@pytest.fixture
def world(place: Place, tmp_path: Path) -> Iterator[World]:
    made = World(place.desk.engine.now, folder=tmp_path / "world")
    made.seed()
    yield made
    made.close()


def client_of(world: World) -> Salesforce:
    known = world.credentials
    login = ClientCredentials(known["salesforce_client_id"], known["salesforce_client_secret"])
    transport = httpx_transport(world, "salesforce")
    return Salesforce("https://org.example", login, now=world.now, transport=transport, sleep=lambda _: None)


def test_the_org_s_own_callouts(place: Place, world: World) -> None:
    """What the sandbox's org tells gets in, without anybody's words; what is lost on the way is found by a look."""
    gateway = replace(place.gateway, salesforce_secret=world.credentials["salesforce_webhook_secret"])
    door = TestClient(create_app(gateway), base_url=URL)
    people, changes = People(world), salesforce_changes(client_of(world))
    told, untold = (people.member.open_case("member-5", "Change my name", "I am Marigoldine") for _ in range(2))
    for one in world.take_deliveries("salesforce"):
        if told in one.body.decode():
            target = HOOKS[f"{one.vendor}.{one.kind}"]
            assert door.post(target, content=one.body, headers=one.headers).status_code == 202
    place.desk.advance(minutes=2)
    poller = Poller("salesforce", place.desk.files, place.inbox(), changes, lambda: None)
    assert poller.look() == 1
    place.inbox().work()
    assert sorted(place.hints) == [
        ("case.created", f"salesforce:case:{told}"),
        ("salesforce.changed", f"salesforce:case:{untold}"),
    ]
    assert not [planted for planted in world.planted if planted in repr(stored(place))]


def test_the_org_is_looked_at_first(place: Place, world: World) -> None:
    """An org that lacks something is told of at each look until it is mended; then its changes come."""
    needed = world.state["salesforce"]["objects"]["Case"]["fields"].pop("Tier__c")
    changes = salesforce_changes(client_of(world))
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"Case\.Tier__c is not there"):
            list(changes(place.desk.files.now()))
    world.state["salesforce"]["objects"]["Case"]["fields"]["Tier__c"] = needed
    assert list(changes(place.desk.files.now())) == []


def test_the_gateway_looks(place: Place, vendor: Looks) -> None:
    """A gateway with an org looks by itself, and its worker is woken for what is found."""
    vendor.changed.append((SUBJECT, place.desk.files.now() - timedelta(minutes=2)))
    handled = threading.Event()
    gateway = replace(place.gateway, salesforce_changes=vendor, on_hint=lambda event, subject: handled.set())
    with TestClient(create_app(gateway), base_url=URL):
        assert handled.wait(4)
