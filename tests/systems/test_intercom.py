"""The Intercom client: what is written is written once, contacts are matched, queues say where conversations stand."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.sandbox import Fault, intercom_search
from casework.sandbox.seed_transfer import ROBOT, SALES, TEAM, TO_SALES, TOPIC
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.intercom import Conversation, Intercom, Queued
from casework.systems.intercom_conversations import INDEX_SECONDS
from casework.systems.intercom_rest import SLICE, Taken
from tests.systems.vendor import PLANTED, Vendor, in_turn
from tests.systems.workspaces import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    made = Workspace()
    yield made
    made.world.close()


# -- conversations


def test_a_conversation_as_it_stands(workspace: Workspace) -> None:
    """Read by its id, with its parts, tags, topic and who takes part; what was said is there but not shown."""
    conversation = workspace.conversation("technical")
    workspace.people.teammate.tag(conversation, "staff-16")
    found = workspace.client.conversations.conversation(conversation)
    assert (found.state, found.standing, found.attribute(TOPIC)) == ("open", "open", "How-to")
    assert (found.contacts, found.teammates) == ((workspace.contact("visitor-5"),), (workspace.admin("staff-16"),))
    assert (found.admin_id, found.team_id, found.tag_names) == (workspace.admin("staff-16"), TEAM, (TO_SALES,))
    assert [(part.kind, part.author.is_admin) for part in found.parts] == [("comment", True), ("comment", False)]
    assert found.source.body == "Does it work with our mail server?"
    assert found.since == workspace.clock.time - timedelta(hours=1)
    assert all(said not in repr(found) for said in ("mail server", "one more thing", "How-to", "Saoirse"))


def test_what_is_not_there(workspace: Workspace) -> None:
    """Unknown and deleted things are not found; what is no id is asked of nobody."""
    client, gone = workspace.client, workspace.conversation("unsaid")
    workspace.people.teammate.delete(gone)
    for look in (
        lambda: client.conversations.conversation(gone),
        lambda: client.conversations.reply("7", "x"),
        lambda: client.contacts.contact("0" * 24),
        lambda: client.colleagues.admin("7"),
        lambda: client.colleagues.team("7"),
    ):
        with pytest.raises(NotFound, match="not_found"):
            look()
    before = len(workspace.asked.requests)
    for wrong in ("", "../me", "12a", "٣", "7/tags"):
        with pytest.raises(ValueError, match="no id"):
            client.conversations.conversation(wrong)
        with pytest.raises(ValueError, match="no id"):
            client.contacts.contact(wrong)
    assert len(workspace.asked.requests) == before


def test_where_the_conversations_of_a_queue_stand(workspace: Workspace) -> None:
    """A team's conversations but the closed ones, longest waiting first, each with Intercom's word and since when."""
    queued = workspace.client.conversations.queue("team", TEAM)
    names = {workspace.conversation(name): name for name in workspace.world.state["roster"]["conversations"]}
    hours = {names[one.id]: (workspace.clock.time - one.since) // timedelta(hours=1) for one in queued}
    standing = {names[one.id]: one.standing for one in queued}
    assert hours == {"later": 80, "bug": 20, "feature": 5, "seats": 3, "pricing": 2, "technical": 1, "unsaid": 1}
    assert standing == {
        "later": "snoozed", "bug": "answered", "feature": "open", "seats": "unanswered", "pricing": "unanswered",
        "technical": "open", "unsaid": "unanswered",
    }  # fmt: skip
    assert [names[one.id] for one in queued if one.sla_missed] == ["feature"]
    assert [names[one.id] for one in workspace.client.conversations.queue("admin", workspace.admin("staff-16"))] == [
        "technical"
    ]
    assert workspace.client.conversations.queue("admin", workspace.admin("staff-15")) == ()


def test_a_queue_is_read_page_by_page(workspace: Workspace) -> None:
    """A queue of several pages comes whole and without what was said; one that is too long is refused, not cut."""
    first = workspace.state["conversations"][workspace.conversation("seats")]
    for number in range(400):
        key = str(300_000_000 + number)
        workspace.state["conversations"][key] = {**first, "id": key}
    assert len(workspace.client.conversations.queue("team", TEAM)) == 407
    assert len(workspace.sent("/search")) == 3
    for number in range(400, 1000):
        key = str(300_000_000 + number)
        workspace.state["conversations"][key] = {**first, "id": key}
    with pytest.raises(Refused, match="more than 1000: narrow it"):
        workspace.client.conversations.queue("team", TEAM)


_AT = st.none() | st.integers(1_700_000_000, 1_800_000_000)


@given(
    state=st.sampled_from(["open", "closed", "snoozed"]),
    waiting=_AT,
    first=_AT,
    last=_AT,
    author=st.sampled_from(["user", "lead", "admin", "bot"]),
)
def test_every_conversation_stands_somewhere(
    state: str, waiting: int | None, first: int | None, last: int | None, author: str
) -> None:
    """Whatever Intercom leaves out, a conversation has one standing since some time; who waits is never "answered"."""
    statistics = {"first_admin_reply_at": first, "last_admin_reply_at": last}
    told = {
        "id": "7", "created_at": 1_700_000_000, "updated_at": 1_800_000_000, "state": state, "waiting_since": waiting,
        "admin_assignee_id": 0, "statistics": statistics, "source": {"author": {"type": author}}, "sla_applied": None,
    }  # fmt: skip
    found = Queued.model_validate(told)
    assert found.admin_id is None
    if state != "open":
        assert found.standing == state
    elif waiting is not None:
        assert found.standing in ("open", "unanswered")
        assert found.since == datetime.fromtimestamp(waiting, UTC)
    else:
        assert found.standing == ("unanswered" if first is None and author in ("user", "lead") else "answered")
    assert found.created <= found.since <= found.changed


def test_conversations_with_a_tag(workspace: Workspace) -> None:
    """What was tagged since a moment is found, and read again: a tag that was taken off meanwhile does not count."""
    client, tag = workspace.client, workspace.client.tags.named(TO_SALES.upper())
    assert tag is not None
    kept, lost = workspace.conversation("seats"), workspace.conversation("pricing")
    for one in (kept, lost):
        workspace.people.teammate.tag(one, "staff-14")
    intercom_search.lag(workspace.world, 60)
    workspace.people.teammate.untag(lost)
    since = workspace.clock.time - timedelta(minutes=1)
    assert [one.id for one in client.conversations.tagged(tag, since)] == [kept]
    assert client.conversations.tagged(tag, workspace.clock.time) == ()
    with pytest.raises(ValueError, match="Timezone aware"):
        client.conversations.tagged(tag, since.replace(tzinfo=None))


# -- writing


def test_replies_and_notes_are_found_by_their_marker(workspace: Workspace) -> None:
    """What we wrote is found word for word by its ending, a customer's quotation is not; only a reply answers."""
    conversations, one = workspace.client.conversations, workspace.conversation("seats")
    text = "Hello <b>you</b> & me\nsecond line\n\nRef cw-1"
    note = conversations.note(one, "for us\n\nRef cw-2")
    assert conversations.conversation(one).standing == "unanswered"
    reply = conversations.reply(one, text)
    workspace.people.visitor.reply(one, "visitor-1", "You wrote Ref cw-1")
    found = conversations.find(one, "cw-1")
    assert found is not None
    assert (found.id, found.kind, found.author.id) == (reply, "comment", ROBOT)
    assert [line for line in found.text.splitlines() if line] == [line for line in text.splitlines() if line]
    assert "Hello" not in repr(found)
    second = conversations.find(one, "cw-2")
    assert second is not None
    assert (second.id, second.kind) == (note, "note")
    assert conversations.find(one, "cw-3") is None
    assert conversations.conversation(one).standing == "open"


@pytest.mark.parametrize("kind", ["reply", "note"])
def test_a_lost_answer_leaves_doubt_and_a_part(workspace: Workspace, kind: str) -> None:
    """Writing is not repeated after a lost answer; it says that it may be done, and looking finds it."""
    conversations, one = workspace.client.conversations, workspace.conversation("seats")
    workspace.world.misbehave("intercom", Fault.answer_lost(), match="POST /conversations")
    with pytest.raises(Temporary) as told:
        getattr(conversations, kind)(one, "once\n\nRef cw-1")
    assert told.value.maybe_done
    assert conversations.find(one, "cw-1") is not None
    assert len(workspace.state["conversations"][one]["parts"]) == 1


def test_closing(workspace: Workspace) -> None:
    """A conversation is closed once; our own closing is told from a colleague's, and from one that came before."""
    conversations, one = workspace.client.conversations, workspace.conversation("feature")
    workspace.people.teammate.close(one, "staff-14")
    before = conversations.conversation(one).parts[-1].id
    conversations.close(one)
    assert len(workspace.parts(one, "close")) == 1
    assert conversations.find_close(one, "") is None
    workspace.people.visitor.reply(one, "visitor-2")
    workspace.world.misbehave("intercom", Fault.answer_lost(), match="POST /conversations")
    with pytest.raises(Temporary) as told:
        conversations.close(one)
    assert told.value.maybe_done
    ours = conversations.find_close(one, before)
    assert ours is not None
    assert conversations.find_close(one, ours.id) is None
    # The customer's answer opened it again: that it was closed is still known, and it is not closed over their head.
    workspace.people.visitor.reply(one, "visitor-2")
    assert conversations.find_close(one, before) == ours
    assert conversations.conversation(one).standing == "open"


def test_joining_is_repeatable(workspace: Workspace) -> None:
    """Done twice, and with an answer lost in between, it is done once."""
    client, one = workspace.client, workspace.conversation("seats")
    conversations = client.conversations
    sales = client.contacts.create(SALES)
    workspace.world.misbehave("intercom", Fault.answer_lost(), match="POST /conversations")
    with pytest.raises(Temporary):
        conversations.join(one, sales)
    conversations.join(one, sales)
    assert conversations.conversation(one).contacts == (workspace.contact("visitor-1"), sales)
    assert workspace.world.state["faults"]["intercom"] == []


def test_opening_on_a_contact_s_side(workspace: Workspace) -> None:
    """The conversation waits for us like any other, with the words as they were given."""
    conversations, contact = workspace.client.conversations, workspace.contact("visitor-4")
    opened = conversations.open(contact, "lead", "Could you help? <3\n\nRef cw-1")
    found = conversations.conversation(opened)
    assert (found.standing, found.contacts, found.source.author.is_contact) == ("unanswered", (contact,), True)
    with pytest.raises(NotFound):
        conversations.open("0" * 24, "user", "x")


@pytest.mark.parametrize("lag", [0, 10])
def test_a_lost_opening_is_found(workspace: Workspace, lag: int) -> None:
    """After a lost answer the conversation is found, also where the search learns of it only after a while."""
    conversations, contact = workspace.client.conversations, workspace.contact()
    intercom_search.lag(workspace.world, lag)
    began = workspace.clock.time
    workspace.world.misbehave("intercom", Fault.answer_lost(), match="POST /conversations")
    with pytest.raises(Temporary) as told:
        conversations.open(contact, "user", "A mail\n\nRef cw-1")
    assert told.value.maybe_done
    found = conversations.find_opened(contact, "cw-1", began)
    assert found == max(workspace.state["conversations"], key=int)
    assert workspace.clock.slept == ([INDEX_SECONDS] if lag else [])


def test_an_opening_that_was_not(workspace: Workspace) -> None:
    """Another contact's, an older one, and one that only quotes the marker are not it; we have looked twice."""
    conversations = workspace.client.conversations
    conversations.open(workspace.contact("visitor-2"), "user", "A mail\n\nRef cw-1")
    conversations.open(workspace.contact(), "user", "Ref cw-1 was the reference")
    conversations.open(workspace.contact(), "user", "Ref cw-1")
    workspace.clock.time += timedelta(minutes=5)
    assert conversations.find_opened(workspace.contact(), "cw-1", workspace.clock.time) is None
    assert workspace.clock.slept == [INDEX_SECONDS]


def test_the_conversations_of_a_contact(workspace: Workspace) -> None:
    """Those in which they take part, begun by them or not, and which changed since; no other contact's."""
    conversations, contact = workspace.client.conversations, workspace.contact("visitor-4")
    other = conversations.open(workspace.contact("visitor-5"), "lead", "x")
    workspace.clock.time += timedelta(minutes=5)
    since = workspace.clock.time
    mine = conversations.open(contact, "lead", "x")
    assert conversations.of_contact(contact, since) == (mine,)
    conversations.join(other, contact)
    assert set(conversations.of_contact(contact, since)) == {mine, other}
    assert conversations.of_contact(workspace.contact("visitor-6"), since) == ()
    assert len(conversations.of_contact(contact, since - timedelta(days=30))) == 3


# -- contacts and colleagues


def test_contacts_by_address(workspace: Workspace) -> None:
    """Exactly the address, ASCII case aside: users before leads, and no other that only looks like it."""
    contacts, email = workspace.client.contacts, "quillon@hollowmere-3d1f.example"
    (found,) = contacts.by_email(f" {email.title()} ")
    assert (found.id, found.role) == (workspace.contact("visitor-4"), "lead")
    assert not [said for said in ("quillon", "Quillon") if said in repr(found)]
    user = contacts.create(email)
    assert [one.id for one in contacts.by_email(email)] == [user, found.id]
    assert contacts.by_email("n@hollowmere-3d1f.example") == contacts.by_email(" ") == ()


def test_a_contact_is_made_once(workspace: Workspace) -> None:
    """Made again, with its answer lost, or while the search does not know it yet: it is the one that there is."""
    contacts = workspace.client.contacts
    intercom_search.lag(workspace.world, 3600)
    workspace.world.misbehave("intercom", Fault.answer_lost(), times=2, match="POST /contacts")
    made = contacts.create("new@tallowgate-c94e.example", "Somebody New")
    assert contacts.by_email("new@tallowgate-c94e.example") == ()
    assert contacts.create("New@tallowgate-c94e.example") == made
    known = [one for one in workspace.state["contacts"].values() if one["email"].startswith("new@")]
    assert [(one["id"], one["name"], one["role"]) for one in known] == [(made, "Somebody New", "user")]


def test_an_archived_contact(workspace: Workspace) -> None:
    """An address that belongs to an archived contact is told, by its id and not by the address."""
    contacts, email = workspace.client.contacts, "old@tallowgate-c94e.example"
    made = contacts.create(email)
    workspace.state["contacts"][made]["archived"] = True
    with pytest.raises(Refused, match=f"archived contact \\({made}\\)") as told:
        contacts.create(email)
    assert email not in str(told.value)
    assert contacts.by_email(email) == ()


def test_colleagues(workspace: Workspace) -> None:
    """Ourselves, an admin by id and by address, and a team."""
    colleagues, member = workspace.client.colleagues, workspace.world.state["roster"]["staff"]["staff-14"]
    unasked = colleagues.known_own_id
    assert (unasked, colleagues.own_id(), colleagues.known_own_id) == (None, ROBOT, ROBOT)
    found = colleagues.by_email(member["email"].upper())
    assert found is not None
    assert found == colleagues.admin(workspace.admin("staff-14"))
    assert (found.away, found.team_ids) == (False, (TEAM,))
    assert member["email"] not in repr(found)
    assert colleagues.by_email("") is colleagues.by_email("nobody@support.example") is None
    assert workspace.admin("staff-14") in colleagues.team(TEAM).admin_ids


def test_what_the_workspace_needs(workspace: Workspace) -> None:
    """A workspace without the tag is told to its administrator."""
    client = workspace.client
    client.demand(TO_SALES)
    with pytest.raises(Misconfigured, match=r"no tag 'for-sales'.*intercom\.to_sales_tag"):
        client.demand("for-sales")


# -- faults


def _answering(*answers: httpx.Response | Exception) -> tuple[Intercom, Vendor, list[float]]:
    slept: list[float] = []
    vendor = Vendor("intercom", in_turn(*answers))
    return Intercom("secret-token", transport=vendor, sleep=slept.append), vendor, slept


def _refusal(status: int, code: str, **headers: str) -> httpx.Response:
    errors = [{"code": code, "message": PLANTED, "field": PLANTED}]
    told = {"type": "error.list", "request_id": "b14d75ab-7d26-4191-b33f-77ca0a4d4ede", "errors": errors}
    return httpx.Response(status, json=told, headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "fault", "said"),
    [
        (400, "parameter_invalid", Refused, "refused: parameter_invalid"),
        (400, "intercom_version_invalid", Misconfigured, "intercom_version_invalid"),
        (401, "unauthorized", Misconfigured, "does not allow it: unauthorized"),
        (402, "payment_required", Misconfigured, "payment_required"),
        (403, "api_plan_restricted", Misconfigured, "api_plan_restricted"),
        (404, "not_found", NotFound, "knows no such thing: not_found"),
        (409, "parameter_invalid", Refused, "parameter_invalid"),
        (422, f"{PLANTED} is wrong", Refused, r"refused \[request b14d75ab"),
    ],
)
def test_errors_carry_codes_and_no_sentences(status: int, code: str, fault: type[SystemFault], said: str) -> None:
    """Each refusal is the fault that says what to do, with Intercom's code and request id and nobody's words."""
    client, _, _ = _answering(_refusal(status, code))
    with pytest.raises(fault, match=said) as told:
        client.conversations.conversation("7")
    assert type(told.value) is fault
    assert PLANTED not in str(told.value)
    assert "secret-token" not in repr(told.value.args)


def test_the_version_is_pinned() -> None:
    """Every request names the version, and carries the token where it belongs."""
    client, vendor, _ = _answering(httpx.Response(200, json={"type": "list", "data": []}))
    client.tags.named("x")
    assert vendor.requests[0].headers["Intercom-Version"] == "2.14"
    assert vendor.requests[0].headers["Authorization"] == "Bearer secret-token"


_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
_RESET = str(int((_NOW + timedelta(seconds=4)).timestamp()))


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, SLICE),
        ({"X-RateLimit-Reset": _RESET}, SLICE),
        ({"X-RateLimit-Reset": _RESET, "Date": "yesterday"}, SLICE),
        ({"X-RateLimit-Reset": "soon", "Date": format_datetime(_NOW, usegmt=True)}, SLICE),
        ({"X-RateLimit-Reset": _RESET, "Date": format_datetime(_NOW, usegmt=True)}, 4.0),
        ({"X-RateLimit-Reset": "1", "Date": format_datetime(_NOW, usegmt=True)}, 1.0),
    ],
)
def test_a_limit_is_waited_out(headers: dict[str, str], wait: float) -> None:
    """A 429 was not done, so it comes again when the next slice begins, by the answer's own clock, also a writing."""
    me = httpx.Response(200, json={"type": "admin", "id": "7"})
    part = {"type": "conversation_part", "id": "9", "part_type": "note", "created_at": 1, "body": "x",
            "author": {"type": "admin", "id": "7", "name": "n", "email": "a@b.example"}}  # fmt: skip
    parts = {"type": "conversation_part.list", "conversation_parts": [part]}
    done = {"type": "conversation", "id": "5", "created_at": 1, "updated_at": 1, "state": "open",
            "conversation_parts": parts}  # fmt: skip
    client, _, slept = _answering(me, _refusal(429, "rate_limit_exceeded", **headers), httpx.Response(200, json=done))
    assert client.conversations.note("5", "x") == "9"
    assert len(slept) == 1
    assert wait <= slept[0] <= wait + 0.5


def test_a_limit_far_away_is_not_slept() -> None:
    """A wait that is too long to sit through is raised, as one that did nothing; never longer than a minute."""
    headers = {"X-RateLimit-Reset": "9999999999", "Date": format_datetime(_NOW, usegmt=True)}
    client, _, slept = _answering(_refusal(429, "rate_limit_exceeded", **headers))
    with pytest.raises(Temporary, match="too many requests at once") as told:
        client.tags.named("x")
    assert (told.value.retry_after, told.value.maybe_done, slept) == (60.0, False, [])


def test_a_burst(workspace: Workspace) -> None:
    """Where the workspace allows so much in a slice, a longer burst gets through by waiting."""
    workspace.state["limits"] |= {"slice": 5, "enforced": True}
    for _ in range(12):
        workspace.client.conversations.conversation(workspace.conversation("seats"))
    assert len(workspace.clock.slept) == 2
    assert all(SLICE <= wait <= SLICE + 0.5 for wait in workspace.clock.slept)


@pytest.mark.parametrize("fault", [Fault.server_error(503), Fault.timeout(), Fault.block_page()])
def test_reading_goes_on_after_faults(workspace: Workspace, fault: Fault) -> None:
    """What only reads, searching included, is asked again."""
    workspace.world.misbehave("intercom", fault, match="POST /conversations/search")
    if fault.kind == "block_page":
        with pytest.raises(Temporary):
            workspace.client.conversations.queue("team", TEAM)
    assert len(workspace.client.conversations.queue("team", TEAM)) == 7


@pytest.mark.parametrize("told", [{}, {"conversation_id": 7}])
def test_an_answer_that_says_too_little(told: dict[str, Any]) -> None:
    """An opening that names no conversation, and a reply without a part of ours, leave a doubt, not a success."""
    message = {"type": "user_message", "id": "1", "created_at": 1, "body": "x", "message_type": "inapp"}
    client = Intercom("t", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=message | told)))
    with pytest.raises(Temporary, match="names no conversation") as fault:
        client.conversations.open("0" * 24, "user", "x")
    assert fault.value.maybe_done
    empty = {"type": "conversation", "id": "5", "created_at": 1, "updated_at": 1, "state": "open"}
    client, _, _ = _answering(httpx.Response(200, json={"id": "7"}), httpx.Response(200, json=empty))
    with pytest.raises(Temporary, match="no part of ours") as fault:
        client.conversations.reply("5", "x")
    assert fault.value.maybe_done


def test_ids_in_either_shape() -> None:
    """Ids are texts in one place and numbers in another, as Intercom's own examples have them."""
    told = {"id": "5", "created_at": 1, "updated_at": 1, "state": "closed", "admin_assignee_id": "814",
            "team_assignee_id": 905, "conversation_parts": None}  # fmt: skip
    found = Conversation.model_validate(told)
    assert (found.admin_id, found.team_id, found.parts, found.after("1")) == ("814", "905", (), ())


def test_what_is_taken_survives_pickling() -> None:
    """The fault that names a contact goes from one process to another with what it says."""
    fault = Taken("Intercom", "make a contact", "there is such a contact", status=409, holder="a" * 24)
    back = pickle.loads(pickle.dumps(fault))
    assert (back.holder, str(back)) == (fault.holder, str(fault))


def test_texts_go_out_as_html(workspace: Workspace) -> None:
    """Blocks become paragraphs, and no word of a text becomes a tag."""
    workspace.client.conversations.note(workspace.conversation("seats"), "a <b>\nb\n\nc & d")
    (sent,) = workspace.sent("/reply")
    assert json.loads(sent.content)["body"] == "<p>a &lt;b&gt;<br>b</p><p>c &amp; d</p>"
