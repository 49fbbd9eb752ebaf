"""The Zendesk stand-in refuses what Zendesk refuses, and does what it does."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from casework.sandbox import People, World
from tests.sandbox.conftest import Api, Clock

Ticket = "/api/v2/tickets/{}"


@pytest.fixture
def zendesk(api: Api) -> httpx.Client:
    return api("zendesk")


@pytest.fixture
def ticket(people: People) -> int:
    return people.customer.open_ticket("user-88")


def test_credentials_are_demanded(world: World, zendesk: httpx.Client) -> None:
    """Missing, wrong and malformed credentials get 401; nothing is told."""
    for value in (None, "Basic eDp5", "Basic %%%", "Bearer zd-sandbox-token-5c1f"):
        zendesk.headers.pop("authorization", None)
        if value is not None:
            zendesk.headers["authorization"] = value
        answer = zendesk.get("/api/v2/users/me")
        assert (answer.status_code, answer.json()) == (401, {"error": "Couldn't authenticate you"})


@pytest.mark.parametrize(
    ("change", "status", "names"),
    [
        ({"comment": {"body": "x", "publik": True}}, 422, "comment.publik"),
        ({"stauts": "open"}, 422, "stauts"),
        ({"additional_tags": ["x"]}, 422, "additional_tags"),
        ({"status": "resolved"}, 400, "status"),
        ({"comment": {"body": 3}}, 400, "comment.body"),
        ({"comment": {"public": False}}, 422, "comment.body"),
        ({"followers": [{"user_id": 400101}]}, 422, "followers"),
        ({"followers": [{"user_id": True}]}, 400, "followers.user_id"),
        ({"email_ccs": [{"action": "put"}]}, 422, "email_ccs"),
        ({"requester_id": 1}, 422, "requester_id"),
        ({"safe_update": True}, 400, "updated_stamp"),
    ],
)
def test_a_wrong_field_is_refused_and_changes_nothing(
    world: World, zendesk: httpx.Client, ticket: int, change: dict[str, Any], status: int, names: str
) -> None:
    """An unknown or ill-typed field is named in the error, and the whole update is dropped."""
    before = world.as_dict()["zendesk"]
    answer = zendesk.put(Ticket.format(ticket), json={"ticket": {"tags": ["changed"], **change}})
    assert answer.status_code == status
    assert names in answer.text
    assert world.as_dict()["zendesk"] == before


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "error"),
    [
        ("GET", "/api/v2/tickets/999", {}, 404, "RecordNotFound"),
        ("GET", "/api/v2/nonsense", {}, 404, "InvalidEndpoint"),
        ("PATCH", "/api/v2/tickets/5001", {}, 404, "InvalidEndpoint"),
        ("PUT", "/api/v2/tickets/5001", {"data": {"ticket": "x"}}, 415, "Unsupported Media Type"),
        ("POST", "/api/v2/tickets", {"json": {"ticket": {"subject": "x"}}}, 422, "RecordInvalid"),
        ("GET", "/api/v2/search?query=free words", {}, 422, "invalid"),
        ("GET", "/api/v2/users/search", {}, 400, "Invalid attribute"),
    ],
)
def test_wrong_requests_get_zendesk_errors(
    zendesk: httpx.Client, ticket: int, method: str, path: str, sent: dict[str, Any], status: int, error: str
) -> None:
    """Unknown routes and records, wrong content types and searches fail in Zendesk's own envelope."""
    answer = zendesk.request(method, path, **sent)
    assert answer.status_code == status
    assert error in str(answer.json()["error"])


def test_json_suffix_is_accepted(zendesk: httpx.Client, ticket: int) -> None:
    """A path with `.json` is the same path."""
    plain, suffixed = zendesk.get(Ticket.format(ticket)), zendesk.get(Ticket.format(ticket) + ".json")
    assert plain.status_code == 200
    assert plain.json() == suffixed.json()


def test_one_update_comments_follows_ccs_tags_and_solves(zendesk: httpx.Client, ticket: int) -> None:
    """A PUT does everything it was sent at once; ids answer where addresses were sent."""
    change = {
        "comment": {"body": "Done", "public": False},
        "followers": [{"user_email": "philippa.marlowe-quux@casework-5b2e.example", "action": "put"}],
        "email_ccs": [{"user_email": "colleague@northwind-7f3a.example", "action": "put"}],
        "tags": ["data_export", "checked"],
        "status": "solved",
    }
    answer = zendesk.put(Ticket.format(ticket), json={"ticket": change}).json()
    changed = answer["ticket"]
    assert changed["status"] == "solved"
    assert changed["tags"] == ["checked", "data_export"]
    assert changed["follower_ids"] == [7005]
    [cc] = changed["email_cc_ids"]
    assert zendesk.get(f"/api/v2/users/{cc}").json()["user"]["email"] == "colleague@northwind-7f3a.example"
    [_, note] = zendesk.get(Ticket.format(ticket) + "/comments").json()["comments"]
    assert (note["body"], note["public"]) == ("Done", False)
    [event] = [event for event in answer["audit"]["events"] if event["type"] == "Comment"]
    assert (event["id"], answer["audit"]["id"]) == (note["id"], note["audit_id"])


def test_safe_update_refuses_an_outdated_stamp(zendesk: httpx.Client, ticket: int, clock: Clock) -> None:
    """With safe_update, only a writer who saw the latest change may write: 409 otherwise."""
    stamp = zendesk.get(Ticket.format(ticket)).json()["ticket"]["updated_at"]
    clock.forward(seconds=2)
    guarded = {"ticket": {"tags": ["a"], "safe_update": True, "updated_stamp": stamp}}
    assert zendesk.put(Ticket.format(ticket), json=guarded).status_code == 200
    answer = zendesk.put(Ticket.format(ticket), json=guarded)
    assert (answer.status_code, answer.json()["error"]) == (409, "UpdateConflict")


def test_idempotency_key_creates_once(world: World, zendesk: httpx.Client, clock: Clock) -> None:
    """One key makes one ticket within two hours; the same key with another body is an error."""
    body = {"ticket": {"subject": "s", "comment": {"body": "b"}}}

    def create(sent: dict[str, Any]) -> httpx.Response:
        return zendesk.post("/api/v2/tickets", json=sent, headers={"Idempotency-Key": "k"})

    first, again = create(body), create(body)
    assert first.json() == again.json()
    assert [a.headers["x-idempotency-lookup"] for a in (first, again)] == ["miss", "hit"]
    other = create({"ticket": {"subject": "other", "comment": {"body": "b"}}})
    assert (other.status_code, other.json()["error"]) == (400, "IdempotentRequestError")
    clock.forward(hours=2, seconds=1)
    assert create(body).json()["ticket"]["id"] != first.json()["ticket"]["id"]


@pytest.mark.parametrize("size", ["per_page=2", "page[size]=2"])
def test_comment_pages_link_to_each_other(zendesk: httpx.Client, people: People, ticket: int, size: str) -> None:
    """Following the links of a list gives every comment once, in order, with either kind of paging."""
    for number in range(4):
        people.agent.internal_note(ticket, "staff-61", f"note {number}")
    url: str | None = f"{Ticket.format(ticket)}/comments?{size}"
    bodies: list[str] = []
    while url:
        listed = zendesk.get(url).json()
        bodies += [comment["body"] for comment in listed["comments"]]
        url = listed["next_page"] if "next_page" in listed else listed["links"]["next"]
    assert bodies == ["Please export all our data.", *(f"note {n}" for n in range(4))]


def test_search_by_tag_and_status(zendesk: httpx.Client, people: People) -> None:
    """Terms of one property are alternatives, different properties must all hold."""
    first, second, third = (people.customer.open_ticket("user-88") for _ in range(3))
    people.customer.open_ticket("user-88", tags=["other"])
    people.agent.set_status(second, "pending")
    people.agent.set_status(third, "solved")
    query = {"query": "type:ticket tags:data_export status:new status:pending", "sort_order": "asc"}
    found = zendesk.get("/api/v2/search", params=query).json()
    assert [hit["id"] for hit in found["results"]] == [first, second]
    less = zendesk.get("/api/v2/search", params={"query": "type:ticket tags:data_export status<solved"})
    assert less.json()["count"] == 2


def test_what_is_beside_tickets(zendesk: httpx.Client, people: People, world: World, clock: Clock) -> None:
    """Metrics and targets come along when asked for: since when a ticket is in its status, and what is due."""
    ticket, began = people.customer.open_ticket("user-88"), world.stamp()
    clock.forward(hours=1)
    people.agent.take(ticket, group=7, due_hours=2)
    shown = "/api/v2/tickets/show_many"
    told = zendesk.get(shown, params={"ids": str(ticket), "include": "metric_sets,slas"}).json()
    assert told["metric_sets"][0]["status_updated_at"] == began
    assert [one["breach_at"] for one in told["tickets"][0]["slas"]["policy_metrics"]] == ["2026-03-02T12:00:00Z"]
    assert (told["tickets"][0]["status"], told["tickets"][0]["group_id"]) == ("new", 7)
    people.agent.take(ticket, "staff-14")
    told = zendesk.get(shown, params={"ids": str(ticket), "include": "metric_sets"}).json()
    assert (told["metric_sets"][0]["status_updated_at"], told["tickets"][0]["status"]) == (world.stamp(), "open")
    assert "slas" not in told["tickets"][0]
    assert zendesk.get(shown, params={"ids": str(ticket), "include": "colours"}).status_code == 400
    assert zendesk.get(shown, params={"ids": ",".join(["1"] * 101)}).status_code == 422
    found = zendesk.get("/api/v2/search", params={"query": "type:ticket group:7 assignee:7301"}).json()
    assert [one["id"] for one in found["results"]] == [ticket]


def test_user_search_is_not_exact(zendesk: httpx.Client) -> None:
    """As at Zendesk, a search for an address also finds others that contain it: callers must compare."""
    found = zendesk.get("/api/v2/users/search", params={"query": "northwind-7f3a.example"}).json()["users"]
    assert len(found) == 2


def test_closed_tickets_stay_closed(zendesk: httpx.Client, people: People, ticket: int) -> None:
    """Nothing about a closed ticket can be changed."""
    people.agent.close(ticket)
    answer = zendesk.put(Ticket.format(ticket), json={"ticket": {"status": "open"}})
    assert answer.status_code == 422
    assert "closed prevents ticket update" in answer.text
