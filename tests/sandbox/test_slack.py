"""The Slack stand-in says `ok: false` where Slack does, and keeps blocks as sent."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from casework.sandbox import People, World
from casework.sandbox.seed import CHANNEL
from tests.sandbox.conftest import Api, Clock

BUTTON = {
    "type": "button",
    "action_id": "approve",
    "text": {"type": "plain_text", "text": "Approve"},
    "value": "w:1",
}
BLOCKS: list[dict[str, Any]] = [
    {"type": "section", "block_id": "case-1", "text": {"type": "mrkdwn", "text": "*Please decide*"}},
    {"type": "actions", "elements": [BUTTON]},
]


@pytest.fixture
def slack(api: Api) -> httpx.Client:
    return api("slack")


def call(slack: httpx.Client, method: str, **arguments: Any) -> dict[str, Any]:
    answer = slack.post(f"/{method}", json=arguments)
    assert answer.status_code == 200
    result: dict[str, Any] = answer.json()
    return result


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.nonsense", {}, "unknown_method"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x", "colour": "red"}, "invalid_arg_name"),
        ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("chat.postMessage", {"channel": "C0NOWHERE1", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#operators", "text": "x"}, "invalid_arguments"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        ("chat.update", {"channel": CHANNEL, "ts": "1.2", "text": "x"}, "invalid_arguments"),
        ("chat.update", {"channel": CHANNEL, "ts": "1772442000.000001", "text": "x"}, "message_not_found"),
        ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
        ("users.lookupByEmail", {"email": "nobody@elsewhere.example"}, "users_not_found"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("views.open", {"trigger_id": "1.2.x", "view": {}}, "invalid_trigger_id"),
    ],
)
def test_failures_are_ok_false(slack: httpx.Client, method: str, arguments: dict[str, Any], error: str) -> None:
    """Every failure is HTTP 200 with `ok: false` and Slack's own name for it."""
    answer = call(slack, method, **arguments)
    assert (answer["ok"], answer["error"]) == (False, error)


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, "invalid_post_type"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, "invalid_json"),
        ({"content": b"[]", "headers": {"content-type": "application/json"}}, "json_not_object"),
        ({"json": {}, "headers": {"authorization": "Bearer wrong"}}, "invalid_auth"),
        ({"json": {}, "headers": {"authorization": ""}}, "not_authed"),
    ],
)
def test_bodies_and_tokens_are_checked(slack: httpx.Client, sent: dict[str, Any], error: str) -> None:
    """A wrong content type, broken JSON and a wrong or missing token are told apart."""
    assert slack.post("/auth.test", **sent).json() == {"ok": False, "error": error}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "marquee"},
        {"type": "section"},
        {"type": "section", "text": {"type": "mrkdwn", "text": ""}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}},
        {"type": "section", "text": {"type": "markdown", "text": "x"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11},
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "divider", "text": "x"},
        {"type": "context", "elements": []},
        {"type": "actions", "elements": [BUTTON] * 26},
        {"type": "actions", "elements": [BUTTON, BUTTON]},
        {"type": "actions", "elements": [{**BUTTON, "value": "x" * 2001}]},
        {"type": "actions", "elements": [{**BUTTON, "style": "loud"}]},
        {"type": "actions", "elements": [{**BUTTON, "text": {"type": "plain_text", "text": "x" * 76}}]},
        {"type": "actions", "elements": [{**BUTTON, "onclick": "x"}]},
        {"type": "divider", "block_id": "x" * 256},
        {
            "type": "input",
            "label": {"type": "plain_text", "text": "x"},
            "element": {"type": "plain_text_input"},
        },
    ],
)
def test_wrong_blocks_are_refused(world: World, slack: httpx.Client, block: dict[str, Any]) -> None:
    """A block that Block Kit does not allow is refused, and nothing is posted."""
    answer = call(slack, "chat.postMessage", channel=CHANNEL, text="x", blocks=[block])
    assert answer["error"] == "invalid_blocks"
    assert answer["response_metadata"]["messages"][0].startswith("[ERROR] ")
    assert world.as_dict()["slack"]["messages"][CHANNEL] == []


def test_repeated_block_ids_are_refused(slack: httpx.Client) -> None:
    """Two blocks of one message cannot share a block_id."""
    twice = [{"type": "divider", "block_id": "a"}] * 2
    assert call(slack, "chat.postMessage", channel=CHANNEL, blocks=twice)["error"] == "invalid_blocks"


@pytest.mark.parametrize("form", [False, True])
def test_blocks_come_back_from_the_history(slack: httpx.Client, form: bool) -> None:
    """Both body kinds post the same blocks; given block ids are kept, missing ones are made."""
    arguments: dict[str, Any] = {"channel": CHANNEL, "text": "decide", "blocks": BLOCKS}
    encoded = {**arguments, "blocks": json.dumps(BLOCKS)}
    if form:
        posted = slack.post("/chat.postMessage", data=encoded).json()
    else:
        posted = slack.post("/chat.postMessage", json=arguments).json()
    [message] = call(slack, "conversations.history", channel=CHANNEL)["messages"]
    assert message == posted["message"]
    assert message["blocks"][0] == BLOCKS[0]
    assert message["blocks"][1]["block_id"]


def test_a_message_to_a_user_opens_one_direct_channel(slack: httpx.Client) -> None:
    """Opening a conversation twice and posting to the user all meet in one D… channel."""
    first = call(slack, "conversations.open", users="U0STAFF13X")["channel"]["id"]
    again = call(slack, "conversations.open", users="U0STAFF13X")
    posted = call(slack, "chat.postMessage", channel="U0STAFF13X", text="hello")
    assert again["channel"]["id"] == first == posted["channel"]
    assert again["already_open"] is True


def test_history_pages_and_time_stamps_never_repeat(slack: httpx.Client) -> None:
    """Under a standing clock every ts differs, and pages give each message once, newest first."""
    sent = [call(slack, "chat.postMessage", channel=CHANNEL, text=str(n))["ts"] for n in range(5)]
    assert len(set(sent)) == 5
    seen, cursor = [], ""
    while True:
        answer = call(slack, "conversations.history", channel=CHANNEL, limit=2, cursor=cursor)
        seen += [message["ts"] for message in answer["messages"]]
        cursor = answer["response_metadata"]["next_cursor"]
        if not answer["has_more"]:
            break
    assert seen == sent[::-1]
    newer = call(slack, "conversations.history", channel=CHANNEL, oldest=sent[2])["messages"]
    assert [message["ts"] for message in newer] == [sent[4], sent[3]]


def test_replies_stay_in_their_thread(slack: httpx.Client) -> None:
    """A reply is in the thread and not in the channel's history."""
    parent = call(slack, "chat.postMessage", channel=CHANNEL, text="parent")["ts"]
    reply = call(slack, "chat.postMessage", channel=CHANNEL, text="reply", thread_ts=parent)["ts"]
    thread = call(slack, "conversations.replies", channel=CHANNEL, ts=parent)["messages"]
    assert [message["ts"] for message in thread] == [parent, reply]
    assert [m["ts"] for m in call(slack, "conversations.history", channel=CHANNEL)["messages"]] == [parent]


def test_update_replaces_text_and_blocks(slack: httpx.Client) -> None:
    """An updated message has the new content under the old ts."""
    ts = call(slack, "chat.postMessage", channel=CHANNEL, text="a", blocks=BLOCKS)["ts"]
    call(slack, "chat.update", channel=CHANNEL, ts=ts, text="approved")
    [message] = call(slack, "conversations.history", channel=CHANNEL)["messages"]
    assert (message["ts"], message["text"], message.get("blocks")) == (ts, "approved", None)


def test_a_trigger_opens_one_view_within_three_seconds(slack: httpx.Client, people: People, clock: Clock) -> None:
    """A trigger works once, and not when it is older than three seconds."""
    call(slack, "chat.postMessage", channel=CHANNEL, text="x", blocks=BLOCKS)
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Why"}, "blocks": [{"type": "divider"}]}
    trigger = people.csm.press(CHANNEL, "approve", "staff-13")
    assert call(slack, "views.open", trigger_id=trigger, view=view)["view"]["type"] == "modal"
    assert call(slack, "views.open", trigger_id=trigger, view=view)["error"] == "exchanged_trigger_id"
    late = people.csm.press(CHANNEL, "approve", "staff-13")
    clock.forward(seconds=4)
    assert call(slack, "views.open", trigger_id=late, view=view)["error"] == "expired_trigger_id"
