"""The Intercom stand-in refuses, lags, counts and tells as Intercom does; Intercom's own client gets on with it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from intercom import (
    AdminReplyConversationRequest,
    CreateContactRequestWithEmail,
    CreateOrUpdateTagRequest,
    Intercom,
    MultipleFilterSearchRequest,
    SingleFilterSearchRequest,
)
from intercom.conversations import ConversationsManageRequestBody_Close
from intercom.errors import NotFoundError

from casework.sandbox import People, World, intercom_search
from casework.sandbox.seed_transfer import ROBOT, TEAM, TO_SALES, TOPIC
from casework.sandbox.server import Running, serve
from tests.sandbox.conftest import Api, Clock


@pytest.fixture
def workspace(api: Api) -> httpx.Client:
    return api("intercom")


def known(world: World, name: str = "seats") -> str:
    return str(world.state["roster"]["conversations"][name])


def contact_of(world: World, visitor: str = "visitor-1") -> str:
    return str(world.state["roster"]["visitors"][visitor]["contact_id"])


def found(workspace: httpx.Client, kind: str, *filters: dict[str, Any], **more: Any) -> list[str]:
    """The ids that a search finds."""
    asked = {"query": {"operator": "AND", "value": list(filters)}, "pagination": {"per_page": 150}, **more}
    answer = workspace.post(f"/{kind}/search", json=asked)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [one["id"] for one in body["conversations" if kind == "conversations" else "data"]]


def where(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


# -- refusals

_NOTE = {"message_type": "note", "type": "admin", "admin_id": ROBOT, "body": "x"}
_CLOSE = {"message_type": "close", "type": "admin", "admin_id": ROBOT}
_SEARCH = {"query": where("state", "=", "open")}


def _query(**query: Any) -> dict[str, Any]:
    return {"json": {"query": query}}


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        # what there is not
        ("GET", "/conversations/1", {}, 404, "not_found"),
        ("GET", "/colours", {}, 404, "not_found"),
        ("DELETE", "/conversations/{conversation}", {}, 404, "not_found"),
        ("GET", "/contacts/000000000000000000000000", {}, 404, "not_found"),
        ("GET", "/contacts/find_by_external_id/nobody", {}, 404, "not_found"),
        ("GET", "/admins/1", {}, 404, "not_found"),
        ("GET", "/teams/1", {}, 404, "not_found"),
        # wrong forms
        ("GET", "/conversations?per_page=151", {}, 400, "parameter_invalid"),
        ("GET", "/conversations?order=desc", {}, 400, "parameter_invalid"),
        ("GET", "/conversations/{conversation}?display_as=html", {}, 400, "parameter_invalid"),
        ("POST", "/conversations/{conversation}/reply", {"content": b"x"}, 415, "media_type_not_acceptable"),
        ("POST", "/conversations/{conversation}/reply", {"json": []}, 400, "bad_request"),
        ("POST", "/conversations/{conversation}/reply", {"json": {**_NOTE, "colour": "red"}}, 400, "parameter_invalid"),
        ("POST", "/conversations/{conversation}/reply", {"json": {**_NOTE, "body": " "}}, 400, "parameter_invalid"),
        ("POST", "/conversations/{conversation}/reply", {"json": {**_NOTE, "admin_id": "1"}}, 404, "not_found"),
        ("POST", "/conversations/{conversation}/reply", {"json": {"type": "admin"}}, 400, "parameter_not_found"),
        ("POST", "/conversations/{conversation}/parts", {"json": {**_CLOSE, "message_type": "end"}}, 400,
         "parameter_invalid"),
        ("POST", "/conversations/{conversation}/parts", {"json": {"message_type": "close"}}, 400,
         "parameter_not_found"),
        ("POST", "/conversations/{conversation}/parts",
         {"json": {"message_type": "snoozed", "admin_id": ROBOT, "snoozed_until": 1}}, 400, "parameter_invalid"),
        ("POST", "/conversations/{conversation}/parts",
         {"json": {"message_type": "assignment", "type": "team", "admin_id": ROBOT, "assignee_id": "1"}}, 404,
         "not_found"),
        ("POST", "/conversations/{conversation}/customers",
         {"json": {"admin_id": ROBOT, "customer": {"intercom_user_id": "{contact}"}}}, 400, "action_forbidden"),
        ("POST", "/conversations/{conversation}/customers",
         {"json": {"admin_id": ROBOT, "customer": {"user_id": "a", "email": "b@c.example"}}}, 400,
         "parameter_invalid"),
        ("POST", "/conversations/{conversation}/customers",
         {"json": {"admin_id": ROBOT, "customer": {"user_id": "nobody"}}}, 404, "not_found"),
        ("POST", "/conversations/{conversation}/tags", {"json": {"id": "1", "admin_id": ROBOT}}, 404, "not_found"),
        ("DELETE", "/conversations/{conversation}/tags/7522901", {"json": {"admin_id": ROBOT}}, 404, "not_found"),
        ("PUT", "/conversations/{conversation}", {"json": {"custom_attributes": {"Colour": "red"}}}, 400,
         "parameter_invalid"),
        ("PUT", "/conversations/{conversation}", {"json": {"custom_attributes": {TOPIC: "Weather"}}}, 400,
         "parameter_invalid"),
        ("POST", "/conversations", {"json": {"from": {"type": "lead", "id": "{contact}"}, "body": "x"}}, 404,
         "not_found"),
        ("POST", "/conversations", {"json": {"from": {"type": "user", "id": "{contact}"}, "body": ""}}, 400,
         "parameter_invalid"),
        ("POST", "/contacts", {"json": {"name": "x"}}, 400, "parameter_not_found"),
        ("POST", "/contacts", {"json": {"email": "no address"}}, 400, "parameter_invalid"),
        ("POST", "/contacts", {"json": {"external_id": "user-83"}}, 409, "conflict"),
        ("POST", "/tags", {"json": {"name": ""}}, 400, "parameter_invalid"),
        # wrong searches
        ("POST", "/conversations/search", {"json": {}}, 400, "parameter_not_found"),
        ("POST", "/conversations/search", _query(field="colour", operator="=", value="x"), 400, "parameter_invalid"),
        ("POST", "/conversations/search", _query(field="open", operator=">", value=True), 400, "parameter_invalid"),
        ("POST", "/conversations/search", _query(field="state", operator="IN", value="open"), 400,
         "parameter_invalid"),
        ("POST", "/conversations/search", _query(field="updated_at", operator=">", value="now"), 400,
         "parameter_invalid"),
        ("POST", "/conversations/search", _query(operator="AND", value=[]), 400, "parameter_invalid"),
        ("POST", "/conversations/search", _query(operator="AND", value=[_SEARCH["query"]] * 16), 400,
         "parameter_invalid"),
        ("POST", "/contacts/search", {"json": {**_SEARCH, "pagination": {"per_page": 0}}}, 400, "parameter_invalid"),
        ("POST", "/conversations/search", {"json": {**_SEARCH, "pagination": {"starting_after": "x"}}}, 400,
         "parameter_invalid"),
    ],
)  # fmt: skip
def test_wrong_requests_get_intercom_s_errors(
    world: World, workspace: httpx.Client, method: str, path: str, sent: dict[str, Any], status: int, code: str
) -> None:
    """Every refusal is a list of errors with a request id, changes nothing and tells nothing."""
    names = {"{conversation}": known(world), "{contact}": contact_of(world)}

    def filled(text: str) -> str:
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    before = world.as_dict()["intercom"]
    content = {"json": json.loads(filled(json.dumps(sent["json"])))} if "json" in sent else sent
    answer = workspace.request(method, filled(path), **content)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code), answer.text
    assert answer.json()["type"] == "error.list"
    assert answer.json()["request_id"]
    after = world.as_dict()["intercom"]
    assert all(after[name] == before[name] for name in ("contacts", "conversations", "tags"))
    assert world.outbox == ()


@pytest.mark.parametrize("value", [None, "Bearer x", "Basic eDp5"])
def test_a_token_and_a_version_are_needed(workspace: httpx.Client, value: str | None) -> None:
    """Without the token there is no answer, and without the version that we were built for none either."""
    authorization = workspace.headers.pop("authorization")
    answer = workspace.get("/me", headers={"Authorization": value} if value else {})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "unauthorized")
    for version in ("", "2.13", "Unstable"):
        headers = {"Authorization": authorization, "Intercom-Version": version}
        answer = workspace.get("/me", headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "intercom_version_invalid")


# -- conversations


def test_who_waits_for_whom(world: World, workspace: httpx.Client, people: People, clock: Clock) -> None:
    """A contact waits from when they wrote until a colleague replies; notes answer nobody, an answer opens again."""
    one = people.visitor.write("visitor-4", topic="Pricing")
    began = int(clock().timestamp())

    def now() -> dict[str, Any]:
        told: dict[str, Any] = workspace.get(f"/conversations/{one}").json()
        return told

    clock.forward(minutes=1)
    workspace.post(f"/conversations/{one}/reply", json=_NOTE)
    people.visitor.reply(one, "visitor-4")
    assert (now()["waiting_since"], now()["state"], now()["custom_attributes"]) == (began, "open", {TOPIC: "Pricing"})
    assert "first_admin_reply_at" not in now()["statistics"]
    people.teammate.reply(one, "staff-14")
    assert (now()["waiting_since"], now()["statistics"]["first_admin_reply_at"]) == (None, began + 60)
    people.teammate.close(one, "staff-14")
    assert (now()["state"], now()["open"]) == ("closed", False)
    clock.forward(minutes=1)
    people.visitor.reply(one, "visitor-4")
    assert (now()["state"], now()["waiting_since"]) == ("open", began + 120)
    snooze = {"message_type": "snoozed", "admin_id": ROBOT, "snoozed_until": began + 9999}
    workspace.post(f"/conversations/{one}/parts", json=snooze)
    assert (now()["state"], now()["open"], now()["snoozed_until"]) == ("snoozed", True, began + 9999)
    people.teammate.reopen(one, "staff-14")
    assert (now()["state"], now()["snoozed_until"]) == ("open", None)
    kinds = [part["part_type"] for part in now()["conversation_parts"]["conversation_parts"]]
    assert kinds == [
        "conversation_attribute_updated_by_admin", "note", "comment", "comment", "close", "comment", "snoozed", "open",
    ]  # fmt: skip
    set_first = now()["conversation_parts"]["conversation_parts"][0]
    assert (set_first["created_at"], set_first["author"]["type"]) == (began, "bot")
    assert set_first["event_details"] == {"attribute": {"name": TOPIC}, "value": {"name": "Pricing"}}
    assert {entry["id"] for entry in now()["teammates"]["teammates"]} == {
        ROBOT,
        world.state["roster"]["staff"]["staff-14"]["intercom_admin"],
    }


def test_assigning_and_joining(world: World, workspace: httpx.Client, people: People) -> None:
    """A conversation has an admin and a team at once; an address that nobody has joins as a new lead."""
    one, member = known(world, "unsaid"), world.state["roster"]["staff"]["staff-15"]
    people.teammate.assign(one, "staff-61", "staff-15")
    people.teammate.assign(one, "staff-61", TEAM)
    told = workspace.get(f"/conversations/{one}").json()
    assert (told["admin_assignee_id"], told["team_assignee_id"]) == (int(member["intercom_admin"]), int(TEAM))
    nobody = {"message_type": "assignment", "type": "admin", "admin_id": ROBOT, "assignee_id": "0"}
    assert workspace.post(f"/conversations/{one}/parts", json=nobody).json()["admin_assignee_id"] is None
    given = {"admin_id": ROBOT, "customer": {"email": "sdr@casework-5b2e.example"}}
    joined = workspace.post(f"/conversations/{one}/customers", json=given).json()["contacts"]["contacts"]
    assert [entry["id"] for entry in joined] == [contact_of(world, "visitor-6"), joined[1]["id"]]
    assert world.state["intercom"]["contacts"][joined[1]["id"]]["role"] == "lead"


def test_texts_in_either_form(world: World, workspace: httpx.Client, people: People) -> None:
    """A text is HTML, or without it where that is asked for; the newest five hundred parts are shown."""
    one = known(world)
    people.teammate.note(one, "staff-14", "a &lt;b&gt;<br>second")
    plain = workspace.get(f"/conversations/{one}", params={"display_as": "plaintext"}).json()
    (part,) = plain["conversation_parts"]["conversation_parts"]
    assert (part["body"], plain["source"]["body"]) == ("a <b>\nsecond", "We need ten more seats")
    assert workspace.get(f"/conversations/{one}").json()["source"]["body"] == "<p>We need ten more seats</p>"
    for number in range(500):
        people.teammate.note(one, "staff-14", str(number))
    parts = workspace.get(f"/conversations/{one}").json()["conversation_parts"]
    assert (len(parts["conversation_parts"]), parts["total_count"]) == (500, 501)
    assert parts["conversation_parts"][0]["body"] == "<p>0</p>"


def test_contacts_are_unique_where_intercom_says_so(world: World, workspace: httpx.Client) -> None:
    """Two users cannot have one address, and the refusal names the first, archived or not; leads can."""
    given = {"email": "twice@tallowgate-c94e.example"}
    first = workspace.post("/contacts", json=given).json()["id"]
    refused = workspace.post("/contacts", json={**given, "email": "Twice@tallowgate-c94e.example"})
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["message"] == (
        f"A contact matching those details already exists with id={first}"
    )
    assert workspace.post("/contacts", json={**given, "role": "lead"}).status_code == 200
    world.state["intercom"]["contacts"][first]["archived"] = True
    assert workspace.post("/contacts", json=given).json()["errors"][0]["message"].startswith("An archived contact")
    assert workspace.get(f"/contacts/{first}").status_code == 404


# -- searching


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([where("state", "=", "snoozed")], {"later"}),
        ([where("state", "NIN", ["open", "snoozed"])], {"done"}),
        ([where("open", "=", False)], {"done"}),
        ([where("team_assignee_id", "=", TEAM), where("state", "!=", "open")], {"later", "done"}),
        ([where("waiting_since", ">", 1772431200)], {"pricing", "technical", "unsaid"}),
        ([where("waiting_since", "=", 1772431200)], {"seats"}),
        ([where("contact_ids", "IN", ["{visitor-4}"])], {"pricing"}),
        ([where("source.author.id", "=", "{visitor-5}")], {"technical"}),
        ([where("admin_assignee_id", "^", "8140")], {"seats", "feature", "bug", "later", "done", "technical"}),
        ([where("tag_ids", "!=", "1"), where("state", "=", "snoozed")], {"later"}),
        ([{"operator": "OR", "value": [where("state", "=", "closed"), where("state", "=", "snoozed")]}],
         {"later", "done"}),
    ],
)  # fmt: skip
def test_conversations_are_truly_searched(
    world: World, workspace: httpx.Client, filters: list[dict[str, Any]], names: set[str]
) -> None:
    """Texts, ids in lists, times to the second and groups of filters are evaluated as documented."""
    text = json.dumps(filters)
    for visitor in world.state["roster"]["visitors"]:
        text = text.replace(f"{{{visitor}}}", contact_of(world, visitor))
    called = {key: name for name, key in world.state["roster"]["conversations"].items()}
    assert {called[key] for key in found(workspace, "conversations", *json.loads(text))} == names


def test_contacts_are_searched_by_the_day(world: World, workspace: httpx.Client, clock: Clock) -> None:
    """Times of contacts count by their day, as Intercom documents; addresses whole, whatever their case."""
    noon = int(clock().timestamp())
    everybody = len(world.state["intercom"]["contacts"])
    assert len(found(workspace, "contacts", where("created_at", "=", noon + 3600))) == everybody
    assert found(workspace, "contacts", where("created_at", ">", noon - 3600)) == []
    assert len(found(workspace, "contacts", where("created_at", ">", noon - 86_400))) == everybody
    assert found(workspace, "contacts", where("email", "=", "Quillon@hollowmere-3d1f.example")) == [
        contact_of(world, "visitor-4")
    ]


def test_pages(workspace: httpx.Client) -> None:
    """A list is walked through to its end by its cursors, each conversation once."""
    seen, cursor = [], None
    while True:
        asked = {"per_page": "3"} | ({} if cursor is None else {"starting_after": cursor})
        page = workspace.get("/conversations", params=asked).json()
        seen += [one["id"] for one in page["conversations"]]
        assert all("conversation_parts" not in one for one in page["conversations"])
        if "next" not in page["pages"]:
            break
        cursor = page["pages"]["next"]["starting_after"]
    assert len(seen) == len(set(seen)) == page["total_count"] == 8


def test_a_search_that_lags(world: World, workspace: httpx.Client, people: People, clock: Clock) -> None:
    """While the index is behind, what is new is not found and what changed is found as it was; by its id it is so."""
    intercom_search.lag(world, 30)
    one = known(world)
    people.teammate.close(one, "staff-14")
    new = people.visitor.write("visitor-4")
    opened = [where("state", "=", "open")]
    assert one in found(workspace, "conversations", *opened)
    assert new not in found(workspace, "conversations", *opened)
    assert workspace.get(f"/conversations/{one}").json()["state"] == "closed"
    clock.forward(seconds=31)
    assert one not in found(workspace, "conversations", *opened)
    assert new in found(workspace, "conversations", *opened)


# -- limits and webhooks


def test_limits(world: World, workspace: httpx.Client, clock: Clock) -> None:
    """Every answer says what is left of the slice and when the next begins; past it requests are refused undone."""
    world.state["intercom"]["limits"] |= {"slice": 2, "enforced": True}
    begins = str((int(clock().timestamp()) // 10 + 1) * 10)
    for left in ("1", "0"):
        answer = workspace.get("/me")
        assert (answer.headers["x-ratelimit-remaining"], answer.headers["x-ratelimit-reset"]) == (left, begins)
    refused = workspace.post("/tags", json={"name": "x"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "rate_limit_exceeded")
    assert "retry-after" not in refused.headers
    assert len(world.state["intercom"]["tags"]) == 1
    clock.forward(seconds=10)
    assert workspace.get("/me").status_code == 200


def test_what_is_told(world: World, workspace: httpx.Client, people: People) -> None:
    """Everything that happens is one signed notification with the conversation and what is new of it."""
    one = people.visitor.write("visitor-4")
    people.visitor.reply(one, "visitor-4")
    people.teammate.reply(one, "staff-14")
    people.teammate.note(one, "staff-14", "x")
    people.teammate.assign(one, "staff-14", TEAM)
    people.teammate.tag(one, "staff-14")
    people.teammate.tag(one, "staff-14")
    people.teammate.close(one, "staff-14")
    people.teammate.reopen(one, "staff-14")
    workspace.post(f"/conversations/{one}/reply", json=_NOTE)
    people.teammate.set_topic(one, "Pricing")
    deliveries = world.take_deliveries("intercom")
    told = [json.loads(delivery.body) for delivery in deliveries]
    assert [one["topic"] for one in told] == [
        "conversation.user.created", "conversation.user.replied", "conversation.admin.replied",
        "conversation.admin.noted", "conversation.admin.assigned", "conversation_part.tag.created",
        "conversation.admin.closed", "conversation.admin.opened", "conversation.admin.noted",
    ]  # fmt: skip
    assert {(entry["data"]["item"]["type"], entry["data"]["item"]["id"]) for entry in told} == {("conversation", one)}
    assert len({entry["id"] for entry in told}) == len(told)
    parts = [entry["data"]["item"]["conversation_parts"]["conversation_parts"] for entry in told]
    assert [len(listed) for listed in parts] == [0, 1, 1, 1, 1, 0, 1, 1, 1]
    assert parts[-1][0]["author"]["id"] == ROBOT
    secret = world.credentials["intercom_client_secret"].encode()
    for delivery in deliveries:
        expected = hmac.new(secret, delivery.body, hashlib.sha1).hexdigest()
        assert delivery.headers["X-Hub-Signature"] == f"sha1={expected}"


def test_whom_there_is_not(people: People, world: World) -> None:
    """Unknown people, conversations and tags are said to be missing."""
    one = known(world)
    with pytest.raises(LookupError, match="visitor-9"):
        people.visitor.write("visitor-9")
    with pytest.raises(LookupError, match="staff-11"):
        people.teammate.reply(one, "staff-11")
    with pytest.raises(LookupError, match=TO_SALES):
        people.teammate.untag(one)
    people.teammate.delete(one)
    with pytest.raises(LookupError, match=one):
        people.teammate.close(one, "staff-14")


def test_the_seed_is_no_news_and_is_planted(world: World) -> None:
    """Nothing is told of what was there from the start, and its names and words can be looked for."""
    assert world.take_deliveries("intercom") == []
    assert {"Quillon Marchbanks-Teasdale", "What would single sign-on cost?"} <= world.planted


# -- Intercom's own client


@pytest.fixture
def served(world: World) -> Iterator[Running]:
    running = serve(world)
    yield running
    running.stop()


@pytest.fixture
def sdk(world: World, served: Running) -> Any:
    token, headers = world.credentials["intercom_token"], {"Intercom-Version": "2.14"}
    return Intercom(token=token, base_url=f"{served.url}/intercom", headers=headers)


def test_intercom_s_sdk_works_against_it(world: World, sdk: Any) -> None:
    """Intercom's client reads, searches, replies, tags and closes; the errors it sees are Intercom's."""
    one = known(world, "technical")
    read = sdk.conversations.find(one, display_as="plaintext")
    assert (read.state, read.custom_attributes[TOPIC]) == ("open", "How-to")
    assert [part.part_type for part in read.conversation_parts.conversation_parts] == ["comment", "comment"]
    wanted = MultipleFilterSearchRequest(
        operator="AND",
        value=[
            SingleFilterSearchRequest(field="team_assignee_id", operator="=", value=TEAM),
            SingleFilterSearchRequest(field="state", operator="=", value="open"),
        ],
    )
    assert len(list(sdk.conversations.search(query=wanted))) == 6
    note = AdminReplyConversationRequest(message_type="note", type="admin", admin_id=ROBOT, body="x")
    assert sdk.conversations.reply(one, request=note).conversation_parts.total_count == 3
    tag = sdk.tags.create(request=CreateOrUpdateTagRequest(name=TO_SALES))
    assert sdk.tags.tag_conversation(one, tag_id=tag.id, admin_id=ROBOT).name == TO_SALES
    close = ConversationsManageRequestBody_Close(type="admin", admin_id=ROBOT)
    assert sdk.conversations.manage(one, request=close).state == "closed"
    contact = sdk.contacts.create(request=CreateContactRequestWithEmail(email="sdk@tallowgate-c94e.example"))
    assert sdk.contacts.find(contact.id).email == "sdk@tallowgate-c94e.example"
    assert sdk.admins.identify().id == ROBOT
    with pytest.raises(NotFoundError):
        sdk.conversations.find("1")
