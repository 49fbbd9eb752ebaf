"""The Qualified stand-in refuses, holds back and pages as Qualified does."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from casework.sandbox import People, World
from tests.sandbox.conftest import Api, Clock


@pytest.fixture
def site(api: Api) -> httpx.Client:
    return api("qualified")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/leads/le_1", {}, 404),
        ("GET", "/colours", {}, 404),
        ("GET", "/colours/1", {}, 404),
        ("GET", "/conversations/co_1/messages", {}, 404),
        ("DELETE", "/leads/le_1", {}, 404),
        ("GET", "/leads?colour=red", {}, 400),
        ("GET", "/leads?visitor_id=x", {}, 400),
        ("GET", "/leads?after=x", {}, 400),
        ("GET", "/leads?created_after=yesterday", {}, 400),
        ("GET", "/leads?updated_after=2026-03-02T08:45:00Z", {}, 400),
        ("GET", "/sessions?created_after=2026-03-01", {}, 400),
        ("GET", "/leads/fields?x=1", {}, 400),
        ("POST", "/leads", {"content": b"{"}, 400),
        ("POST", "/leads", {"json": {"email": "a@b.example", "x": 1}}, 400),
        ("POST", "/leads", {"json": {"email": "nobody"}}, 422),
        ("POST", "/leads", {"json": {"email": "a@b.example", "fields": {"colour": "red"}}}, 422),
        ("POST", "/leads", {"json": {"email": "a@b.example", "fields": {"employee_count": "many"}}}, 422),
        ("POST", "/leads", {"json": {"email": "a@b.example", "fields": {"website": "b.example"}}}, 422),
    ],
)
def test_refusals(site: httpx.Client, method: str, path: str, body: dict[str, Any], status: int) -> None:
    """What Qualified does not have or does not take is refused."""
    answer = site.request(method, path, **body)
    assert answer.status_code == status, answer.text


def test_tokens_and_scopes(world: World, site: httpx.Client) -> None:
    """Another token and a missing scope are told apart; the names of fields need no scope."""
    world.state["qualified"]["scopes"].clear()
    assert site.get("/leads/fields").status_code == 200
    for answer in (site.get("/leads"), site.get("/sessions/x"), site.post("/leads", json={"email": "a@b.example"})):
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    other = site.get("/leads", headers={"Authorization": "Bearer other"})
    assert (other.status_code, other.json()["code"]) == (401, "invalid_token")


def test_leads_by_address(site: httpx.Client, clock: Clock) -> None:
    """The first time makes a lead, the next change it; windows are by when it was made or changed."""
    first = site.post("/leads", json={"email": "A@b.example", "fields": {"company": "B"}})
    again = site.post("/leads", json={"email": "a@B.example", "fields": {"ats": "C"}})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["fields"] == {"company": "B", "ats": "C"}
    clock.forward(hours=1)
    since = {"updated_after": "2026-03-02T09:00:00Z", "updated_before": "2026-03-02T09:00:01"}
    assert first.json()["id"] in [one["id"] for one in site.get("/leads", params=since).json()["data"]]
    assert len(site.get("/leads", params={"created_before": "2026-03-02"}).json()["data"]) == 2


def test_what_is_new_is_held_back(people: People, site: httpx.Client, clock: Clock) -> None:
    """Lists have a chat half an hour after its visit, a meeting after a day; newest first, by pages."""
    chat = people.sales.chat("visitor-6", ["Hello", "Hi"])
    meeting = people.sales.book_meeting("visitor-6")

    def listed(path: str, **query: str) -> list[str]:
        return [one["id"] for one in site.get(path, params=query).json()["data"]]

    assert (listed("/conversations"), listed("/messages"), listed("/meetings")) == ([], [], [])
    assert site.get(f"/conversations/{chat}").json()["data"]["id"] == chat
    clock.forward(minutes=30)
    assert listed("/conversations", ended_after="2026-03-02T08:00:00Z") == [chat]
    inside = site.get("/conversations", params={"ended_after": "2026-03-02T09:00:01Z"})
    assert inside.status_code == 400
    assert listed("/messages") == listed(f"/conversations/{chat}/messages") == ["me_00000002", "me_00000001"]
    assert listed("/sessions", visitor_id="vi_00000004") == []
    assert len(listed("/sessions", visitor_id="vi_00000006")) == 2
    clock.forward(days=1)
    assert listed("/meetings") == [meeting]


def test_pages(world: World, people: People, site: httpx.Client, clock: Clock) -> None:
    """A page says whether there is another, which begins after its last record."""
    world.state["qualified"]["page"] = 1
    for text in ("a", "b"):
        people.sales.chat("visitor-6", [text])
        clock.forward(hours=1)
    first = site.get("/conversations").json()
    assert first["pageInfo"]["hasNextPage"]
    second = site.get("/conversations", params={"after": first["pageInfo"]["endCursor"]}).json()
    assert not second["pageInfo"]["hasNextPage"]
    assert first["data"][0]["createdAt"] > second["data"][0]["createdAt"]


def test_the_window_is_counted(world: World, site: httpx.Client, clock: Clock) -> None:
    """Every answer says what is left of the window; over it, when the next begins."""
    world.state["qualified"]["limits"]["window"] = 1
    assert site.get("/leads").headers["ratelimit-remaining"] == "0"
    clock.forward(minutes=5)
    over = site.get("/leads")
    assert (over.status_code, over.json()["code"], over.headers["retry-after"]) == (429, "rate_limited", "600")
    clock.forward(minutes=10)
    assert site.get("/leads").status_code == 200
