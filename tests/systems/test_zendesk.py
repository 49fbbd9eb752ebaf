"""The Zendesk client, against answers in the shape that Zendesk publishes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from casework.systems.errors import Misconfigured, NotFound, Refused, Temporary
from casework.systems.zendesk import Zendesk
from tests.systems.vendor import PLANTED, Handler, Vendor, in_turn

OWN_ID = 700
STAMP = "2026-01-08T10:12:08Z"


def client(handler: Handler, slept: list[float] | None = None) -> tuple[Zendesk, Vendor]:
    vendor = Vendor("zendesk", handler)
    sleep = (slept if slept is not None else []).append
    return Zendesk("http://127.0.0.1:9000", "bot@casework.example", "tok", transport=vendor, sleep=sleep), vendor


def ticket(**fields: Any) -> dict[str, Any]:
    return {
        "id": 5158,
        "status": "open",
        "requester_id": 41,
        "updated_at": STAMP,
        "tags": ["data_export"],
        "follower_ids": [],
        "email_cc_ids": [],
        "subject": PLANTED,
        **fields,
    }


def comment(number: int, body: str, author: int = OWN_ID) -> dict[str, Any]:
    made = datetime(2026, 1, 8, tzinfo=UTC) + timedelta(hours=number)
    return {
        "id": 9000 + number,
        "author_id": author,
        "body": body,
        "public": True,
        "created_at": made.isoformat().replace("+00:00", "Z"),
    }


def answer(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def thread(comments: list[dict[str, Any]], page: int = 2) -> Handler:
    """Comments in cursor pages, and our own user."""

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v2/users/me":
            return answer({"user": {"id": OWN_ID, "name": "Bot", "role": "agent"}})
        assert request.url.path == "/api/v2/tickets/5158/comments"
        at = int(request.url.params.get("page[after]", "0"))
        more = at + page < len(comments)
        meta = {"has_more": more, "after_cursor": str(at + page) if more else None}
        return answer({"comments": comments[at : at + page], "meta": meta})

    return handle


def test_signs_in_as_agent_with_a_token() -> None:
    """Basic authentication is `email/token:token`, as Zendesk's API tokens want it."""
    zendesk, vendor = client(in_turn(answer({"ticket": ticket()})))
    zendesk.ticket(5158)
    expected = httpx.BasicAuth("bot@casework.example/token", "tok")._auth_header
    assert vendor.requests[0].headers["Authorization"] == expected


def test_a_ticket_is_read_without_its_texts() -> None:
    """Only ids, status, tags and times are taken; `repr` holds nothing a person wrote."""
    zendesk, _ = client(in_turn(answer({"ticket": ticket()})))
    found = zendesk.ticket(5158)
    assert (found.status, found.requester_id, found.tags) == ("open", 41, ("data_export",))
    assert found.updated_at == datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC)
    assert PLANTED not in repr(found)


def test_a_missing_ticket_is_not_found() -> None:
    """404 is NotFound and names the ticket."""
    zendesk, _ = client(in_turn(answer({"error": "RecordNotFound", "description": PLANTED}, 404)))
    with pytest.raises(NotFound, match="read ticket 5158: knows no such thing: RecordNotFound") as caught:
        zendesk.ticket(5158)
    assert PLANTED not in str(caught.value)


def test_comments_are_read_page_by_page() -> None:
    """All pages are read, in order, and each is asked for once."""
    zendesk, vendor = client(thread([comment(n, f"text {n}") for n in range(5)]))
    assert [c.id for c in zendesk.comments(5158)] == [9000, 9001, 9002, 9003, 9004]
    assert len(vendor.requests) == 3


def test_comments_since_a_moment() -> None:
    """`since` includes that moment, and must be aware."""
    zendesk, _ = client(thread([comment(n, PLANTED) for n in range(5)]))
    since = datetime(2026, 1, 8, 3, tzinfo=UTC)
    found = list(zendesk.comments(5158, since))
    assert [c.id for c in found] == [9003, 9004]
    assert PLANTED not in repr(found)
    with pytest.raises(ValueError, match="Timezone aware"):
        list(zendesk.comments(5158, since.replace(tzinfo=None)))


def test_a_cursor_that_repeats_itself_ends_the_reading() -> None:
    """A vendor that says "more" with the same cursor for ever does not hold us for ever."""
    stuck = {"comments": [comment(1, "x")], "meta": {"has_more": True, "after_cursor": "same"}}
    zendesk, _ = client(in_turn(answer(stuck), answer(stuck)))
    assert len(list(zendesk.comments(5158))) == 2


@pytest.mark.parametrize(
    ("body", "author", "found"),
    [
        ("Hello\n\nRef: CW-1/ask", OWN_ID, True),
        ("Hello\n\nRef: CW-1/ask", 41, False),
        ("Thanks!\n\n> Ref: CW-1/ask", 41, False),
        ("Hello\n\nRef: CW-1/ask-again", OWN_ID, False),
    ],
)
def test_only_our_own_comment_is_found_again(body: str, author: int, found: bool) -> None:
    """A customer's reply that quotes the marker is not taken for what we wrote."""
    zendesk, _ = client(thread([comment(0, "first"), comment(1, "second"), comment(2, body, author)]))
    result = zendesk.find_comment(5158, "CW-1/ask")
    assert (result is not None and result.id == 9002) is found


def commented() -> httpx.Response:
    events = [{"id": 8, "type": "Change"}, {"id": 9, "type": "Comment", "body": PLANTED}]
    return answer({"ticket": ticket(), "audit": {"id": 7, "events": events}})


def test_a_reply_is_sent_with_everything_in_one_request() -> None:
    """Comment, status, followers and CCs travel together, so that they happen together or not at all."""
    zendesk, vendor = client(in_turn(commented()))
    made = zendesk.comment(
        5158,
        "Hello\n\nRef: CW-1/ask",
        True,
        status="pending",
        followers=[12],
        email_ccs=["csm@casework.example"],
    )
    assert made == 9
    assert vendor.bodies == [
        {
            "ticket": {
                "comment": {"body": "Hello\n\nRef: CW-1/ask", "public": True},
                "status": "pending",
                "followers": [{"user_id": 12, "action": "put"}],
                "email_ccs": [{"user_email": "csm@casework.example", "action": "put"}],
            }
        }
    ]


def test_a_note_is_internal_and_changes_nothing_else() -> None:
    """`public=False` is an internal note; fields that were not given are not sent."""
    zendesk, vendor = client(in_turn(commented()))
    zendesk.comment(5158, "note", False)
    assert vendor.bodies == [{"ticket": {"comment": {"body": "note", "public": False}}}]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("late"), httpx.Response(502)], ids=str)
def test_a_lost_answer_never_writes_twice(failure: Any, slept: list[float]) -> None:
    """After a doubt the comment is not sent again: the caller is told to look, and finds it."""
    zendesk, vendor = client(in_turn(failure), slept)
    with pytest.raises(Temporary) as caught:
        zendesk.comment(5158, PLANTED, True)
    assert caught.value.maybe_done
    assert len(vendor.requests) == 1
    assert PLANTED not in str(caught.value)


def test_a_comment_the_answer_does_not_name_is_looked_for() -> None:
    """An answer without the comment's id leaves doubt rather than a made-up id."""
    zendesk, _ = client(in_turn(answer({"ticket": ticket(), "audit": {"id": 1, "events": []}})))
    with pytest.raises(Temporary, match="look for its effect"):
        zendesk.comment(5158, "x", True)


def test_an_update_of_a_changed_ticket_is_temporary() -> None:
    """`unchanged_since` sends Zendesk's safe update; its 409 says to read again, not that it may be done."""
    conflict = answer({"error": "UpdateConflict", "description": PLANTED}, 409)
    zendesk, vendor = client(in_turn(conflict))
    with pytest.raises(Temporary) as caught:
        zendesk.update(5158, status="solved", unchanged_since=datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC))
    assert (caught.value.maybe_done, caught.value.status) == (False, 409)
    assert vendor.bodies[0]["ticket"] == {"status": "solved", "safe_update": True, "updated_stamp": STAMP}


def test_setting_fields_is_repeated() -> None:
    """Setting a status twice is setting it once, so a lost answer is tried again."""
    lost = httpx.ReadTimeout("late")
    zendesk, vendor = client(in_turn(lost, answer({"ticket": ticket(status="solved")})))
    assert zendesk.set_status(5158, "solved").status == "solved"
    assert len(vendor.requests) == 2


def test_tags_are_added_to_those_there() -> None:
    """The tags sub-resource adds; the ticket's own `tags` field would replace."""
    zendesk, vendor = client(in_turn(answer({"tags": ["data_export", "waiting"]})))
    assert zendesk.add_tags(5158, ["waiting"]) == ("data_export", "waiting")
    assert (vendor.requests[0].method, vendor.requests[0].url.path) == ("PUT", "/api/v2/tickets/5158/tags")


def user(number: int, email: str | None) -> dict[str, Any]:
    return {"id": number, "name": PLANTED, "role": "end-user", "email": email, "suspended": False}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("ada@northwind.example", 2),
        (" Ada@Northwind.EXAMPLE ", 2),
        ("da@northwind.example", None),
        ("ada@northwind.example.org", None),
    ],
)
def test_users_are_matched_exactly(asked: str, found: int | None) -> None:
    """Zendesk's search finds near addresses too; only the same one is taken."""
    users = [user(1, "ada@northwind.example.net"), user(2, "ADA@northwind.example"), user(3, None)]
    zendesk, _ = client(in_turn(answer({"users": users})))
    result = zendesk.user_by_email(asked)
    assert (result.id if result else None) == found
    assert "northwind" not in repr(result)


def test_a_user_by_id() -> None:
    """Role and address of one user."""
    zendesk, _ = client(in_turn(answer({"user": user(12, "a@b.example")})))
    assert (zendesk.user(12).role, PLANTED in repr(zendesk)) == ("end-user", False)


def test_the_search_is_narrowed_and_checked() -> None:
    """All pages are read; what the lagging index still lists but no longer fits is dropped."""
    first = {
        "results": [{**ticket(), "result_type": "ticket"}, ticket(id=5159, status="closed")],
        "next_page": "http://127.0.0.1:9000/api/v2/search.json?page=2",
        "count": 3,
    }
    second = {"results": [ticket(id=5160, tags=["other"])], "next_page": None, "count": 3}
    zendesk, vendor = client(in_turn(answer(first), answer(second)))
    assert [t.id for t in zendesk.search_tickets("data_export", ["new", "open"])] == [5158]
    query = vendor.requests[0].url.params["query"]
    assert query == "type:ticket tags:data_export status:new status:open"
    assert vendor.requests[1].url.params["page"] == "2"


def test_a_tag_cannot_widen_the_search() -> None:
    """A tag with search syntax in it is refused before it is sent."""
    zendesk, _ = client(in_turn())
    with pytest.raises(ValueError, match="tag has letters"):
        zendesk.search_tickets("x status:closed", ["open"])


def test_wrong_credentials_are_misconfigured() -> None:
    """401 says to look at the settings, and quotes no credential."""
    zendesk, _ = client(in_turn(answer({"error": "Couldn't authenticate you"}, 401)))
    with pytest.raises(Misconfigured, match="credentials") as caught:
        zendesk.ticket(1)
    assert "tok" not in str(caught.value).replace("token", "")


def test_a_refusal_names_the_code_only() -> None:
    """422 passes Zendesk's code on and leaves its sentence out."""
    zendesk, _ = client(in_turn(answer({"error": "RecordInvalid", "description": PLANTED}, 422)))
    with pytest.raises(Refused, match="RecordInvalid") as caught:
        zendesk.comment(5158, "x", True)
    assert PLANTED not in str(caught.value)


def test_the_requests_above_were_held_to_the_contract(contracts: Path) -> None:
    """The contract does refuse a wrong request, so the checks in this file can fail."""
    vendor = Vendor("zendesk", in_turn())
    body = json.dumps({"ticket": {"status": "resolved"}}).encode()
    wrong = httpx.Request("PUT", "http://127.0.0.1:9000/api/v2/tickets/1", content=body)
    wrong.headers["Content-Type"] = "application/json"
    with pytest.raises(Exception, match=r"validation error|Security"):
        vendor.handle_request(wrong)


def _queued(number: int, status: str = "open", group: int = 7, **more: Any) -> dict[str, Any]:
    return {**ticket(), "id": number, "status": status, "group_id": group, **more}


def test_a_queue_is_what_stands_now() -> None:
    """What the search found is read again: what was solved or moved meanwhile is not in the queue any more."""
    targets = [
        {"metric": "first_reply_time", "stage": "achieved", "breach_at": "2026-01-08T00:00:00Z"},
        {"metric": "next_reply_time", "stage": "active", "breach_at": "2026-01-09T08:00:00Z"},
        {"metric": "requester_wait_time", "stage": "active", "breach_at": "2026-01-10T08:00:00Z"},
        {"metric": "agent_work_time", "stage": "paused", "breach_at": None},
    ]
    now = [_queued(1), _queued(2, "solved"), _queued(3, group=8), _queued(4, slas={"policy_metrics": targets})]
    metrics = [{"ticket_id": 1, "status_updated_at": "2026-01-07T10:00:00Z"}, {"ticket_id": 4}]
    found = {"results": [_queued(number) for number in (4, 3, 2, 1)], "next_page": None}
    zendesk, vendor = client(in_turn(answer(found), answer({"tickets": now, "metric_sets": metrics})))
    first, last = zendesk.queue("group", 7)
    assert (first.id, first.since, first.due) == (1, datetime(2026, 1, 7, 10, tzinfo=UTC), None)
    # Without a metric it is in its status since it changed last, at the latest.
    assert (last.id, last.since) == (4, datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC))
    assert last.due == datetime(2026, 1, 9, 8, tzinfo=UTC)
    assert vendor.requests[0].url.params["query"] == "type:ticket group:7 status<solved"
    assert PLANTED not in repr((first, last))


def test_a_queue_without_anything_beside_it() -> None:
    """An account that tells neither metrics nor service levels has a queue all the same; an empty one asks no more."""
    zendesk, _ = client(in_turn(answer({"results": [_queued(1)]}), answer({"tickets": [_queued(1, assignee_id=9)]})))
    assert [(one.id, one.due) for one in zendesk.queue("assignee", 9)] == [(1, None)]
    zendesk, vendor = client(in_turn(answer({"results": []})))
    assert zendesk.queue("group", 7) == ()
    assert len(vendor.requests) == 1


def test_a_queue_that_is_too_long() -> None:
    """Where Zendesk stops paging, the queue is refused rather than cut."""

    def handle(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        listed = [_queued(number) for number in range(page * 100, page * 100 + 100)]
        return answer({"results": listed, "next_page": "https://next.example"})

    zendesk, vendor = client(handle)
    with pytest.raises(Refused, match="more than 1000"):
        zendesk.queue("group", 7)
    assert len(vendor.requests) == 10


def test_a_ticket_is_opened_with_its_reference() -> None:
    """Its own name is idempotency key and `external_id`; the first comment is public."""

    def made(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)["ticket"]
        assert request.headers["Idempotency-Key"] == asked["external_id"] == "cw-3f0a"
        assert asked["comment"] == {"body": "Hello", "public": True}
        assert (asked["requester_id"], asked["status"], asked["tags"]) == (41, "pending", ["offboarding"])
        return answer({"ticket": ticket(external_id="cw-3f0a")}, 201)

    zendesk, _ = client(made)
    assert zendesk.create("cw-3f0a", 41, "You leave", "Hello", status="pending", tags=("offboarding",)) == 5158
    with pytest.raises(ValueError, match="signs only"):
        zendesk.create("cw 3f0a", 41, "You leave", "Hello")


def test_a_ticket_is_found_by_its_reference_alone() -> None:
    """What the search finds besides does not count, and of two the older does."""
    found = [
        ticket(id=9, external_id="cw-3f0a"),
        ticket(id=7, external_id="cw-3f0a"),
        ticket(id=5, external_id="cw-3f"),
    ]
    zendesk, _ = client(lambda _: answer({"results": found, "count": 3, "next_page": None, "previous_page": None}))
    assert zendesk.find_ticket("cw-3f0a") == 7
    assert zendesk.find_ticket("cw-9") is None


def test_somebody_is_made_known() -> None:
    """By address and a name of ours, as an end user who gets no mail about it."""

    def made(request: httpx.Request) -> httpx.Response:
        user = {"email": "a@b.example", "name": "User user-1", "role": "end-user", "skip_verify_email": True}
        assert json.loads(request.content) == {"user": user}
        return answer({"user": {"id": 41, "name": "User user-1", "role": "end-user", "email": "a@b.example"}}, 201)

    assert client(made)[0].add_user(" a@b.example", "User user-1").id == 41
