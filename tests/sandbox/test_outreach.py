"""The Outreach stand-in refuses, signs in, pages and tells as Outreach does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from casework.sandbox import People, World
from casework.sandbox.hooks import sign_outreach
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.outreach import point
from casework.sandbox.seed_sales import BOOKED, HOOKS, INTRO, LEADS, OLD
from tests.sandbox.conftest import Api, Clock, outreach_form, outreach_tokens

KNOWN = "saoirse.wexcombe-lund@tallowgate-c94e.example"


@pytest.fixture
def org(api: Api) -> httpx.Client:
    return api("outreach")


def sent(type_: str = "prospect", related: dict[str, tuple[str, int]] | None = None, **values: Any) -> dict[str, Any]:
    """A request's body."""
    ends = {name: {"data": {"type": of, "id": key}} for name, (of, key) in (related or {}).items()}
    return {"json": {"data": {"type": type_, "attributes": values, "relationships": ends}}}


def into(sequence: str = LEADS, prospect: int = 1001, mailbox: int = 1002) -> dict[str, Any]:
    """A prospect put into a sequence."""
    ends = {
        "prospect": ("prospect", prospect),
        "sequence": ("sequence", int(sequence)),
        "mailbox": ("mailbox", mailbox),
    }
    return sent("sequenceState", ends)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/prospects/999", {}, 404, "resourceNotFound"),
        ("GET", "/colours", {}, 404, "resourceNotFound"),
        ("GET", "/users/1001", {}, 404, "resourceNotFound"),
        ("PUT", "/prospects/1001", {}, 404, "resourceNotFound"),
        ("GET", "/prospects/1001?include=stage", {}, 400, "badRequest"),
        ("GET", "/prospects?filter[company]=x", {}, 422, "validationError"),
        ("GET", "/prospects?colour=red", {}, 422, "validationError"),
        ("GET", "/prospects?sort=company", {}, 422, "validationError"),
        ("GET", "/prospects?include=colour", {}, 422, "validationError"),
        ("GET", "/prospects?page[size]=1001", {}, 422, "validationError"),
        ("GET", "/prospects?count=perhaps", {}, 422, "validationError"),
        ("POST", "/prospects", {"content": b"{"}, 400, "badRequest"),
        ("POST", "/prospects", {"json": {"data": []}}, 400, "badRequest"),
        ("POST", "/prospects", sent(), 422, "validationError"),
        ("POST", "/prospects", sent("account", emails=["a@b.example"]), 422, "validationError"),
        ("POST", "/prospects", sent(emails=[KNOWN.upper()]), 422, "validationError"),
        ("POST", "/prospects", sent(emails="a@b.example"), 422, "validationError"),
        ("POST", "/prospects", sent(emails=["a@b.example"], colour="red"), 422, "validationError"),
        ("POST", "/prospects", sent(emails=["a@b.example"], openCount=7), 422, "validationError"),
        ("POST", "/prospects", sent(related={"owner": ("user", 999)}, firstName="A"), 422, "validationError"),
        ("POST", "/prospects", sent(related={"tasks": ("task", 1)}, firstName="A"), 422, "validationError"),
        ("POST", "/prospects", {"json": {"data": {"type": "prospect", "x": 1}}}, 422, "validationError"),
        ("PATCH", "/prospects/1001", sent(company="x"), 422, "validationError"),
        ("POST", "/sequenceStates", sent("sequenceState"), 422, "validationError"),
        ("POST", "/sequenceStates", sent("sequenceState", state="active"), 422, "validationError"),
        ("POST", "/sequenceStates/999/actions/finish", {}, 404, "resourceNotFound"),
        ("POST", "/webhooks", sent("webhook", url="https://a.example"), 422, "validationError"),
        ("POST", "/webhooks", sent("webhook", url="x", resource="*", action="*"), 422, "validationError"),
        ("DELETE", "/prospects/1001", {}, 404, "resourceNotFound"),
    ],
)
def test_refusals(org: httpx.Client, method: str, path: str, body: dict[str, Any], status: int, code: str) -> None:
    """What Outreach does not have or does not take is refused in its words."""
    answer = org.request(method, path, **body)
    assert (answer.status_code, answer.json()["errors"][0]["id"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/vnd.api+json"


def test_media_type_scope_and_token(world: World, org: httpx.Client) -> None:
    """Another media type, a scope that was not given and a token that ended are each refused in their own way."""
    assert org.get("/users", headers={"Content-Type": "application/json"}).status_code == 415
    world.state["outreach"]["scopes"].remove("users")
    assert org.get("/users").json()["errors"][0]["id"] == "unauthorizedOauthScope"
    assert org.get("/prospects", headers={"Authorization": "Bearer other"}).status_code == 401


def test_who_is_in_a_sequence(world: World, people: People, org: httpx.Client) -> None:
    """Nobody is twice in one at a time; who opted out, and from a mailbox that may not send, nobody at all."""
    assert org.post("/sequenceStates", **into(INTRO)).json()["data"]["attributes"]["state"] == "active"
    assert org.post("/sequenceStates", **into(OLD)).json()["data"]["attributes"]["state"] == "pending"
    again = org.post("/sequenceStates", **into(INTRO))
    assert (again.status_code, again.json()["errors"][0]["source"]["pointer"]) == (422, "/data/relationships/prospect")
    assert org.post("/sequenceStates/1001/actions/finish").status_code == 200
    assert org.post("/sequenceStates/1001/actions/finish").status_code == 422
    assert org.post("/sequenceStates", **into(INTRO)).status_code == 201
    assert org.delete("/sequenceStates/1001").status_code == 204
    world.state["outreach"]["records"]["mailbox"]["1002"]["attributes"]["sendDisabled"] = True
    assert org.post("/sequenceStates", **into(LEADS)).status_code == 422
    people.sales.opt_out("1001")
    assert org.post("/sequenceStates", **into(LEADS, mailbox=1003)).status_code == 422


def test_the_steps_of_a_sequence(people: People, org: httpx.Client) -> None:
    """Mails go out one by one; after the last, or with an answer, the sequence is over."""
    first, second = (people.sales.add_to_sequence("staff-64", "1001", name) for name in (INTRO, LEADS))
    people.sales.send_step(first)
    people.sales.send_step(second)
    states = {one["id"]: one["attributes"] for one in org.get("/sequenceStates").json()["data"]}
    assert [(states[int(key)]["state"], states[int(key)]["deliverCount"]) for key in (first, second)] == [
        ("finished", 1),
        ("active", 1),
    ]
    people.sales.reply("1001", LEADS)
    with pytest.raises(LookupError, match="is not in sequence"):
        people.sales.reply("1001", LEADS)


def test_filters_sorting_and_pages(world: World, people: People, org: httpx.Client, clock: Clock) -> None:
    """Filters are really evaluated, lists are sorted, pages follow by their cursor, related resources come along."""
    for number in range(3):
        clock.forward(seconds=1)
        people.sales.add_prospect("staff-64", f"{number}@lead.example", company="Lead")
    people.sales.set_stage("1003", BOOKED)

    def ids(query: str) -> list[int]:
        return [one["id"] for one in org.get(f"/prospects?{query}").json()["data"]]

    assert ids("filter[emails]=1@LEAD.example") == [1003]
    assert ids("filter[id]=1002,1004,9") == [1002, 1004]
    assert ids(f"filter[stageName]={BOOKED}") == [1003]
    assert ids("sort=-createdAt&page[size]=2") == [1004, 1003]
    assert ids("filter[emails]=nobody@lead.example") == []
    first = org.get("/prospects?page[size]=3&include=stage").json()
    assert {one["attributes"]["name"] for one in first["included"]} == {"Working", BOOKED}
    following = httpx.URL(first["links"]["next"]).params["page[after]"]
    rest = org.get("/prospects", params={"page[after]": following}).json()
    assert [one["id"] for one in rest["data"]] == [1004]
    assert "next" not in rest["links"]


def test_limits_are_said_and_kept(world: World, org: httpx.Client, clock: Clock) -> None:
    """Every answer says what is left of the hour; over it nothing is done until the next one."""
    world.state["outreach"]["limits"]["hourly"] = 2
    assert [org.get("/users").headers["x-ratelimit-remaining"] for _ in range(2)] == ["1", "0"]
    over = org.get("/users")
    assert (over.status_code, over.headers["retry-after"]) == (429, "2026-03-02T10:00:00+00:00")
    clock.forward(hours=1)
    assert org.get("/users").status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "x"}, 401, "invalid_client"),
        ({"client_secret": "x"}, 401, "invalid_client"),
        ({"redirect_uri": "https://x.example"}, 400, "invalid_grant"),
        ({"refresh_token": "x"}, 400, "invalid_grant"),
    ],
)
def test_signing_in_wrongly(world: World, change: dict[str, str], status: int, error: str) -> None:
    """Another grant, app, address or token is refused in OAuth's words."""
    with httpx.Client(transport=httpx_transport(world, "outreach"), base_url="https://api.outreach.example") as login:
        answer = login.post("/oauth/token", data=outreach_form(world, **change))
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_tokens_and_their_ends(world: World, clock: Clock, api: Callable[[str], httpx.Client]) -> None:
    """One access token a minute, for two hours; a refresh token ends after 14 days or once what it brought is used."""
    first = outreach_tokens(world)
    with pytest.raises(httpx.HTTPStatusError, match="429"):
        outreach_tokens(world)
    clock.forward(seconds=60)
    second = outreach_tokens(world, refresh_token=first["refresh_token"])
    clock.forward(seconds=60)
    third = outreach_tokens(world, refresh_token=first["refresh_token"])
    assert len({one["access_token"] for one in (first, second, third)}) == 3
    api("outreach").get("/users", headers={"Authorization": f"Bearer {second['access_token']}"})
    clock.forward(seconds=60)
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        outreach_tokens(world, refresh_token=first["refresh_token"])
    world.state["outreach"]["rotation"] = "at_once"
    fourth = outreach_tokens(world, refresh_token=second["refresh_token"])
    clock.forward(days=14)
    for ended in (second, fourth):
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            outreach_tokens(world, refresh_token=ended["refresh_token"])
    assert outreach_tokens(world)["expires_in"] == 7200


def test_webhooks_tell_what_they_are_for(world: World, people: People, org: httpx.Client) -> None:
    """A webhook is told of its resource and action alone, with what changed, signed with its own secret."""
    org.post(
        "/webhooks", **sent("webhook", url="https://a.example", resource="prospect", action="created", secret="s1")
    )
    org.post("/webhooks", **sent("webhook", url="https://b.example", resource="*", action="finished"))
    off = org.post("/webhooks", **sent("webhook", url="https://c.example", resource="*", action="*", active=False))
    assert org.delete(f"/webhooks/{off.json()['data']['id']}").status_code == 204
    made = people.sales.add_prospect("staff-64", "new@lead.example")
    state = people.sales.add_to_sequence("staff-64", made, INTRO)
    people.sales.send_step(state)
    people.sales.edit_prospect(made, company="Lead & Co")
    told = world.take_deliveries("outreach")
    names = [(one.target, json.loads(one.body)["meta"]["eventName"]) for one in told]
    assert names == [
        (HOOKS, "prospect.created"),
        ("https://a.example", "prospect.created"),
        (HOOKS, "sequenceState.created"),
        (HOOKS, "sequenceState.finished"),
        ("https://b.example", "sequenceState.finished"),
        (HOOKS, "prospect.updated"),
    ]
    assert "Outreach-Webhook-Signature" not in told[4].headers
    for one, secret in ((told[0], world.credentials["outreach_webhook_secret"]), (told[1], "s1")):
        assert sign_outreach(secret, one.body).items() <= one.headers.items()
    finished, updated = json.loads(told[3].body)["data"], json.loads(told[5].body)["data"]
    assert finished["relationships"]["prospect"] == {"type": "prospect", "id": int(made)}
    assert set(updated["attributes"]) == {"company", "updatedAt"}


def test_webhooks_are_pointed_elsewhere(world: World, people: People) -> None:
    """Where the sandbox is served with a gateway, the webhooks that are there lead to it."""
    point(world, "https://gateway.example/hooks/outreach")
    people.sales.set_stage("1001", BOOKED)
    assert [one.target for one in world.take_deliveries("outreach")] == ["https://gateway.example/hooks/outreach"]
    people.sales.set_stage("1001", BOOKED)
    assert world.take_deliveries("outreach") == []


def test_who_does_not_work_there(people: People) -> None:
    """Unknown colleagues, stages, prospects and visitors are said to be unknown, and a taken address to be taken."""
    sales = people.sales
    for act in (
        lambda: sales.add_prospect("staff-11", "a@lead.example"),
        lambda: sales.set_stage("1001", "Elsewhere"),
        lambda: sales.edit_prospect("999", company="x"),
        lambda: sales.chat("visitor-9", ["x"]),
    ):
        with pytest.raises(LookupError):
            act()
    with pytest.raises(ValueError, match="already"):
        sales.add_prospect("staff-64", KNOWN.upper())
