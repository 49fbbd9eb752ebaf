"""The Slack client, against answers in the shape that Slack publishes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.slack import MessageRef, Slack
from tests.systems.vendor import PLANTED, Handler, Vendor, in_turn

CHANNEL = "D012345678"
USER = "U012345678"
TS = "1767867127.000200"
BLOCKS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Approve?"}},
    {"type": "divider"},
]


def client(handler: Handler, slept: list[float] | None = None) -> tuple[Slack, Vendor]:
    vendor = Vendor("slack", handler)
    sleep = (slept if slept is not None else []).append
    return Slack("http://127.0.0.1:9000/api", "xoxb-secret", transport=vendor, sleep=sleep), vendor


def said(**body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def failed(code: str) -> httpx.Response:
    return said(ok=False, error=code)


def message(marker: str | None, ts: str = TS) -> dict[str, Any]:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
    return {
        "type": "message",
        "text": PLANTED,
        "user": USER,
        "ts": ts,
        "blocks": [block | ({"block_id": marker} if marker else {})],
    }


def profile(user_id: str) -> dict[str, Any]:
    return {
        "avatar_hash": "0123456789ab",
        "display_name": PLANTED,
        "display_name_normalized": PLANTED,
        "email": "ada@casework.example",
        "image_24": "http://127.0.0.1/24",
        "image_32": "http://127.0.0.1/32",
        "image_48": "http://127.0.0.1/48",
        "image_72": "http://127.0.0.1/72",
        "image_192": "http://127.0.0.1/192",
        "image_512": "http://127.0.0.1/512",
        "phone": "",
        "real_name": PLANTED,
        "real_name_normalized": PLANTED,
        "skype": "",
        "status_emoji": "",
        "status_text": "",
        "title": "",
        "fields": {},
    }


def member(user_id: str = USER, **fields: Any) -> dict[str, Any]:
    return {
        "id": user_id,
        "name": PLANTED,
        "is_bot": False,
        "is_app_user": False,
        "updated": 1767867127,
        "deleted": False,
        "profile": profile(user_id),
        **fields,
    }


def history(*messages: dict[str, Any], cursor: str | None = None) -> httpx.Response:
    more = {"response_metadata": {"next_cursor": cursor}} if cursor else {}
    counts = {"channel_actions_count": 0, "channel_actions_ts": None, "pin_count": 0}
    return said(ok=True, messages=list(messages), has_more=cursor is not None, **counts, **more)


def posted() -> httpx.Response:
    return said(ok=True, channel=CHANNEL, ts=TS, message=message("CW-1/ask"))


def test_a_message_is_posted_with_its_marker() -> None:
    """The marker becomes the first block's id; the caller's blocks are not changed."""
    slack, vendor = client(in_turn(posted()))
    assert slack.post(CHANNEL, "Approve?", BLOCKS, "CW-1/ask") == MessageRef(channel=CHANNEL, ts=TS)
    assert vendor.requests[0].headers["Authorization"] == "Bearer xoxb-secret"
    body = vendor.bodies[0]
    assert (body["channel"], body["text"]) == (CHANNEL, "Approve?")
    assert body["blocks"] == [{**BLOCKS[0], "block_id": "CW-1/ask"}, BLOCKS[1]]
    assert "block_id" not in BLOCKS[0]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("late"), httpx.Response(500), failed("fatal_error")], ids=str)
def test_a_lost_answer_never_posts_twice(failure: Any) -> None:
    """After a doubt nothing is sent again and the caller is told to look."""
    slack, vendor = client(in_turn(failure))
    with pytest.raises(Temporary) as caught:
        slack.post(CHANNEL, PLANTED, BLOCKS, "CW-1/ask")
    assert caught.value.maybe_done
    assert len(vendor.requests) == 1


def test_a_rate_limited_post_is_sent_again(slept: list[float]) -> None:
    """429 means that nothing was posted; Slack's own wait is kept."""
    limited = httpx.Response(429, headers={"Retry-After": "2"}, json={"ok": False, "error": "ratelimited"})
    slack, _ = client(in_turn(limited, posted()), slept)
    assert slack.post(CHANNEL, "x", BLOCKS, "m").ts == TS
    assert slept[0] >= 2


def test_a_message_is_found_by_its_marker_over_pages() -> None:
    """All pages of the history since `oldest` are read until the marker is found."""
    pages = [
        history(message(None), message("CW-1/ask-again", "1767867127.000100"), cursor="c2"),
        history(message("CW-1/ask", "1767867128.000300")),
    ]
    slack, vendor = client(in_turn(*pages))
    found = slack.find(CHANNEL, "CW-1/ask", datetime(2026, 1, 8, tzinfo=UTC))
    assert found == MessageRef(channel=CHANNEL, ts="1767867128.000300")
    forms = [parse_qs(request.content.decode()) for request in vendor.requests]
    assert [form.get("cursor") for form in forms] == [None, ["c2"]]
    assert forms[0]["oldest"] == ["1767830400.000000"]


def test_a_message_that_was_never_posted_is_not_found() -> None:
    """The end of the history without the marker gives None, so the caller may post."""
    slack, _ = client(in_turn(history(message(None))))
    assert slack.find(CHANNEL, "CW-1/ask", datetime(2026, 1, 8, tzinfo=UTC)) is None
    with pytest.raises(ValueError, match="Timezone aware"):
        slack.find(CHANNEL, "CW-1/ask", datetime(2026, 1, 8))  # noqa: DTZ001 - the point


def test_addresses_stay_out_of_urls() -> None:
    """A member is looked up by a form in the body, so that no access log holds the address."""
    slack, vendor = client(in_turn(said(ok=True, user=member())))
    assert slack.user_by_email("ada+1@casework.example") == USER
    assert vendor.requests[0].url.query == b""
    assert parse_qs(vendor.requests[0].content.decode()) == {"email": ["ada+1@casework.example"]}


def test_a_member_is_read_by_id() -> None:
    """Whether a member is gone is what we need to know; nothing personal is kept."""
    slack, _ = client(in_turn(said(ok=True, user=member(deleted=True))))
    found = slack.user(USER)
    assert (found.id, found.deleted) == (USER, True)
    assert PLANTED not in repr(found)


def test_a_direct_message_is_opened() -> None:
    """The conversation's channel id is given; opening may be repeated."""
    opened = said(ok=True, channel={"id": CHANNEL})
    slack, vendor = client(in_turn(httpx.ReadTimeout("late"), opened))
    assert slack.open_direct_message(USER) == CHANNEL
    assert vendor.bodies[1] == {"users": USER}


def test_a_message_is_replaced() -> None:
    """An update names channel and timestamp and carries the new blocks; it is repeatable."""
    done = said(ok=True, channel=CHANNEL, ts=TS, text="Approved", message={"text": "Approved"})
    slack, vendor = client(in_turn(httpx.ReadTimeout("late"), done))
    slack.update(MessageRef(channel=CHANNEL, ts=TS), "Approved", BLOCKS)
    assert vendor.bodies[1] == {"channel": CHANNEL, "ts": TS, "text": "Approved", "blocks": BLOCKS}


def test_a_view_is_opened_once() -> None:
    """Opening names the trigger and the view; without an answer it is not tried again: the trigger works once."""
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Why"}, "blocks": BLOCKS}
    slack, vendor = client(in_turn(said(ok=True, view=view), httpx.ReadTimeout("late")))
    slack.open_view("1001.1.x", view)
    assert vendor.bodies[0] == {"trigger_id": "1001.1.x", "view": view}
    with pytest.raises(Temporary):
        slack.open_view("1002.1.x", view)
    assert len(vendor.bodies) == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ratelimited", Temporary),
        ("internal_error", Temporary),
        ("invalid_auth", Misconfigured),
        ("not_authed", Misconfigured),
        ("missing_scope", Misconfigured),
        ("users_not_found", NotFound),
        ("channel_not_found", NotFound),
        ("not_in_channel", Refused),
        ("invalid_blocks", Refused),
        (f"{PLANTED} <a@b.example>", Refused),
    ],
)
def test_each_error_code_has_its_kind(code: str, kind: type[SystemFault]) -> None:
    """`ok: false` with status 200 is an error like any other; only codes are told on."""
    slack, _ = client(in_turn(failed(code)))
    with pytest.raises(kind) as caught:
        slack.user_by_email("ada@casework.example")
    assert PLANTED not in str(caught.value)
    assert "ada@" not in str(caught.value)


@pytest.mark.parametrize("answer", [[], {"user": {}}, "text"], ids=str)
def test_an_answer_that_is_not_slacks_is_refused(answer: Any) -> None:
    """Without `ok` an answer proves nothing."""
    slack = Slack(
        "http://127.0.0.1:9000/api",
        "t",
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=json.dumps(answer))),
    )
    with pytest.raises(Refused, match="'ok'"):
        slack.user(USER)


@pytest.mark.parametrize(("blocks", "marker"), [([], "m"), (BLOCKS, ""), (BLOCKS, "m" * 256)])
def test_a_message_that_could_not_be_found_again_is_not_posted(blocks: Any, marker: str) -> None:
    """No block or no usable marker is refused before anything is sent."""
    slack, vendor = client(in_turn())
    with pytest.raises(ValueError, match=r"block|marker"):
        slack.post(CHANNEL, "x", blocks, marker)
    assert vendor.requests == []
