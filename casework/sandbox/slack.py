"""Slack's Web API: messages with blocks, direct messages, users and views.

As at Slack every failure is HTTP 200 with `ok: false`; unknown methods, arguments and block fields are
refused. Blocks are kept as sent, get a `block_id` when they have none, and come back in the history.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from casework.sandbox import fields
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.slack_blocks import MESSAGE_BLOCKS, problem, view_problem

if TYPE_CHECKING:
    from casework.sandbox.world import World

TEAM, BOT_USER, BOT, APP = "T0SANDBOX1", "U0SANDBOXBOT", "B0SANDBOX1", "A0SANDBOX1"
TRIGGER_SECONDS = 3
_TEXT_LIMIT = 40_000

_Method = Callable[["World", Json], Json]
_ts = fields.matching(r"\d{10}\.\d{6}")
_channel = fields.matching(r"[CGDUW][A-Z0-9]{2,}")
_user = fields.matching(r"[UW][A-Z0-9]{2,}")
_limit: fields.Check = lambda value: fields.whole(value) and 1 <= value <= 1000  # noqa: E731 - a check among checks
_window: dict[str, fields.Check] = {
    "channel": _channel,
    "latest": _ts,
    "oldest": lambda value: _ts(value) or value == "0",
    "inclusive": fields.flag,
    "limit": _limit,
    "cursor": fields.text,
    "include_all_metadata": fields.flag,
}
_look: dict[str, fields.Check] = {"link_names": fields.flag, "parse": fields.text, "as_user": fields.flag}
METHODS: dict[str, tuple[_Method, dict[str, fields.Check], tuple[str, ...]]] = {}
_STRUCTURED = ("blocks", "attachments", "metadata", "view")
_READS = {"auth.test", "users.info", "users.lookupByEmail", "conversations.history", "conversations.replies"}


def empty() -> Json:
    """The state of a new workspace."""
    return {"users": {}, "channels": {}, "messages": {}, "views": {}, "triggers": {}}


def fail(error: str, *messages: str) -> Refusal:
    """`ok: false` with Slack's error name and, for people, what is wrong."""
    answer: Json = {"ok": False, "error": error}
    if messages:
        answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in messages]}
    return Refusal(json_response(200, answer))


def answer(world: World, request: Request) -> Response:
    """Slack's answer to a request."""
    try:
        if not request.path.startswith("/api/"):
            return json_response(404, {"ok": False, "error": "not_found"})
        name = request.path.removeprefix("/api/")
        if name not in METHODS:
            raise fail("unknown_method")
        given = _arguments(request, name)
        _authenticate(world, request, given.pop("token", None))
        method, known, required = METHODS[name]
        if surplus := fields.unknown(given, known):
            raise fail("invalid_arg_name", *(f"unknown argument: {argument}" for argument in surplus))
        if missing := [argument for argument in required if argument not in given]:
            raise fail("invalid_arguments", *(f"missing required field: {argument}" for argument in missing))
        if wrong := fields.ill_typed(given, known):
            raise fail("invalid_arguments", *(f"invalid value: {argument}" for argument in wrong))
        return json_response(200, {"ok": True, **method(world, given)})
    except Refusal as refusal:
        return refusal.response


def _authenticate(world: World, request: Request, in_body: Any) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = token if scheme.lower() == "bearer" else in_body
    if not given:
        raise fail("not_authed")
    if given != world.state["credentials"]["slack_token"]:
        raise fail("invalid_auth")


def _arguments(request: Request, name: str) -> Json:
    if request.method == "GET":
        if name not in _READS:
            raise fail("invalid_post_type", "use POST for this method")
        return {key: _from_form(key, value) for key, value in request.query}
    if request.method != "POST":
        raise fail("invalid_post_type")
    if not request.body:
        return {key: _from_form(key, value) for key, value in request.query}
    if request.media_type == "application/x-www-form-urlencoded":
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
        return {key: _from_form(key, value) for key, value in pairs}
    if request.media_type == "application/json":
        try:
            given = json.loads(request.body)
        except ValueError:
            raise fail("invalid_json") from None
        if not isinstance(given, dict):
            raise fail("json_not_object")
        return {key: _from_form(key, value) if key in _STRUCTURED else value for key, value in given.items()}
    raise fail("missing_post_type" if not request.media_type else "invalid_post_type")


def _from_form(key: str, value: Any) -> Any:
    if key in _STRUCTURED and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            raise fail("invalid_blocks" if key == "blocks" else "invalid_arguments", f"{key} is not JSON") from None
    if key == "limit" and isinstance(value, str) and value.isdigit():
        return int(value)
    booleans = ("inclusive", "unfurl_links", "unfurl_media", "mrkdwn", "link_names", "return_im", "as_user",
                "include_locale", "include_all_metadata", "reply_broadcast")  # fmt: skip
    if key in booleans and isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.lower(), value)
    return value


def _method(name: str, known: dict[str, fields.Check], *required: str) -> Callable[[_Method], _Method]:
    def register(method: _Method) -> _Method:
        METHODS[name] = (method, known, required)
        return method

    return register


@_method("auth.test", {})
def _auth_test(_world: World, _given: Json) -> Json:
    return {
        "url": "https://sandbox.slack.example/",
        "team": "Sandbox",
        "user": "casework",
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": False,
    }


@_method("users.info", {"user": _user, "include_locale": fields.flag}, "user")
def _users_info(world: World, given: Json) -> Json:
    user = world.state["slack"]["users"].get(given["user"])
    if user is None:
        raise fail("user_not_found")
    return {"user": user}


@_method("users.lookupByEmail", {"email": fields.text}, "email")
def _lookup(world: World, given: Json) -> Json:
    for user in world.state["slack"]["users"].values():
        if user["profile"].get("email", "").lower() == given["email"].lower():
            return {"user": user}
    raise fail("users_not_found")


@_method("conversations.open", {"users": fields.text, "channel": _channel, "return_im": fields.flag})
def _open(world: World, given: Json) -> Json:
    if "channel" in given:
        channel = _channel_of(world, given["channel"])
        return {"channel": channel if given.get("return_im") else {"id": channel["id"]}, "already_open": True}
    users = [user.strip() for user in given.get("users", "").split(",") if user.strip()]
    if not users:
        raise fail("users_list_not_supplied")
    if len(users) > 1:
        raise fail("method_not_supported_for_channel_type", "group messages are not in this sandbox")
    known = {channel.get("user") for channel in world.state["slack"]["channels"].values()}
    channel = direct_channel(world, users[0])
    shown = channel if given.get("return_im") else {"id": channel["id"]}
    return {"channel": shown, "already_open": users[0] in known, "no_op": users[0] in known}


def direct_channel(world: World, user_id: str) -> Json:
    """The direct-message channel between the bot and a user; made when there is none."""
    slack = world.state["slack"]
    if user_id not in slack["users"]:
        raise fail("user_not_found")
    for channel in slack["channels"].values():
        if channel.get("user") == user_id:
            found: Json = channel
            return found
    created: Json = {
        "id": f"D0DIRECT{world.next_number('slack.channel'):03d}",
        "is_im": True,
        "is_open": True,
        "user": user_id,
    }
    slack["channels"][created["id"]] = created
    slack["messages"][created["id"]] = []
    return created


def _channel_of(world: World, channel_id: str) -> Json:
    if channel_id[0] in "UW":
        return direct_channel(world, channel_id)
    channel = world.state["slack"]["channels"].get(channel_id)
    if channel is None:
        raise fail("channel_not_found")
    found: Json = channel
    return found


def _next_ts(world: World) -> str:
    """Unix seconds and six digits; never repeats or goes back, even under a clock that stands still."""
    last = world.state["counters"].get("slack.ts", 0)
    micros = max(int(world.now().timestamp() * 1_000_000), last + 1)
    world.state["counters"]["slack.ts"] = micros
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _blocks(world: World, blocks: list[Json]) -> list[Json]:
    if found := problem(blocks, MESSAGE_BLOCKS, most=50):
        raise fail("invalid_blocks", found)
    return [_with_id(world, block) for block in blocks]


def _with_id(world: World, block: Json) -> Json:
    return block if block.get("block_id") else {**block, "block_id": f"b{world.next_number('slack.block'):04d}"}


_CONTENT: dict[str, fields.Check] = {
    "channel": _channel,
    "text": fields.text,
    "blocks": fields.list_of(fields.mapping),
    "attachments": fields.list_of(fields.mapping),
    "metadata": lambda value: fields.mapping(value) and set(value) == {"event_type", "event_payload"},
    **_look,
}


@_method(
    "chat.postMessage",
    {
        **_CONTENT,
        "thread_ts": _ts,
        "reply_broadcast": fields.flag,
        "mrkdwn": fields.flag,
        "unfurl_links": fields.flag,
        "unfurl_media": fields.flag,
        "username": fields.text,
        "icon_emoji": fields.text,
        "icon_url": fields.text,
    },
    "channel",
)
def _post(world: World, given: Json) -> Json:
    channel = _channel_of(world, given["channel"])["id"]
    _check_text(given)
    messages: list[Json] = world.state["slack"]["messages"][channel]
    thread = given.get("thread_ts")
    if thread is not None and not any(message["ts"] == thread for message in messages):
        raise fail("thread_not_found")
    message: Json = {
        "type": "message",
        "ts": _next_ts(world),
        "user": BOT_USER,
        "bot_id": BOT,
        "team": TEAM,
        "text": given.get("text", ""),
    }
    if given.get("blocks"):
        message["blocks"] = _blocks(world, given["blocks"])
    for name in ("metadata", "thread_ts"):
        if name in given:
            message[name] = given[name]
    messages.append(message)
    return {"channel": channel, "ts": message["ts"], "message": message}


def _check_text(given: Json) -> None:
    if not given.get("text") and not given.get("blocks"):
        raise fail("no_text")
    if len(given.get("text", "")) > _TEXT_LIMIT:
        raise fail("msg_too_long")


@_method("chat.update", {**_CONTENT, "ts": _ts, "file_ids": fields.list_of(fields.text)}, "channel", "ts")
def _update(world: World, given: Json) -> Json:
    channel = _channel_of(world, given["channel"])["id"]
    _check_text(given)
    message = find_message(world, channel, given["ts"])
    if message is None:
        raise fail("message_not_found")
    if message["user"] != BOT_USER:
        raise fail("cant_update_message")
    blocks = _blocks(world, given["blocks"]) if given.get("blocks") else None
    message["text"] = given.get("text", "")
    message.pop("blocks", None)
    if blocks is not None:
        message["blocks"] = blocks
    message["edited"] = {"user": BOT_USER, "ts": _next_ts(world)}
    return {"channel": channel, "ts": message["ts"], "text": message["text"], "message": message}


def find_message(world: World, channel: str, ts: str) -> Json | None:
    """The message with that time stamp in a channel."""
    messages: list[Json] = world.state["slack"]["messages"].get(channel, [])
    return next((message for message in messages if message["ts"] == ts), None)


def _cut(given: Json, messages: list[Json]) -> tuple[list[Json], Json]:
    inclusive = given.get("inclusive", False)
    oldest, latest = float(given.get("oldest", 0)), float(given.get("latest", "inf"))

    def inside(message: Json) -> bool:
        at = float(message["ts"])
        return oldest <= at <= latest if inclusive else oldest < at < latest

    found = [message for message in messages if inside(message)]
    cursor = given.get("cursor", "")
    if cursor and not cursor.isdigit():
        raise fail("invalid_cursor")
    start = int(cursor or 0)
    end = start + given.get("limit", 100)
    more = end < len(found)
    return found[start:end], {
        "has_more": more,
        "response_metadata": {"next_cursor": str(end) if more else ""},
    }


@_method("conversations.history", _window, "channel")
def _history(world: World, given: Json) -> Json:
    channel = _channel_of(world, given["channel"])["id"]
    top = [m for m in world.state["slack"]["messages"][channel] if m.get("thread_ts", m["ts"]) == m["ts"]]
    messages, paging = _cut(given, sorted(top, key=lambda m: str(m["ts"]), reverse=True))
    return {
        "messages": messages,
        **paging,
        "pin_count": 0,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }


@_method("conversations.replies", {**_window, "ts": _ts}, "channel", "ts")
def _replies(world: World, given: Json) -> Json:
    channel = _channel_of(world, given["channel"])["id"]
    parent = find_message(world, channel, given["ts"])
    if parent is None:
        raise fail("thread_not_found")
    replies = [m for m in world.state["slack"]["messages"][channel] if m.get("thread_ts") == parent["ts"]]
    head = {**parent, "thread_ts": parent["ts"], "reply_count": len(replies), "subscribed": False}
    messages, paging = _cut(given, [head, *({**reply, "parent_user_id": parent["user"]} for reply in replies)])
    return {"messages": messages, **paging}


_VIEW: dict[str, fields.Check] = {
    "type": fields.one_of("modal"),
    "title": fields.mapping,
    "blocks": fields.list_of(fields.mapping),
    "submit": fields.mapping,
    "close": fields.mapping,
    "callback_id": fields.text,
    "private_metadata": fields.text,
    "notify_on_close": fields.flag,
    "external_id": fields.text,
    "clear_on_close": fields.flag,
}


@_method("views.open", {"trigger_id": fields.text, "view": fields.mapping}, "trigger_id", "view")
def _views_open(world: World, given: Json) -> Json:
    trigger = world.state["slack"]["triggers"].get(given["trigger_id"])
    if trigger is None:
        raise fail("invalid_trigger_id")
    if trigger["used"]:
        raise fail("exchanged_trigger_id")
    if world.now().timestamp() - trigger["at"] > TRIGGER_SECONDS:
        raise fail("expired_trigger_id")
    view = given["view"]
    wrong = fields.unknown(view, _VIEW) + fields.ill_typed(view, _VIEW)
    wrong += [name for name in ("type", "title", "blocks") if name not in view]
    if wrong:
        raise fail("invalid_arguments", *(f"invalid view: {name}" for name in wrong))
    if found := view_problem(view):
        raise fail("invalid_arguments", found)
    trigger["used"] = True
    opened = {
        "id": f"V0SANDBOX{world.next_number('slack.view'):03d}",
        "team_id": TEAM,
        **view,
        "blocks": [_with_id(world, block) for block in view["blocks"]],
        "hash": f"{world.now().timestamp():.6f}.h",
        "state": {"values": {}},
        "app_id": APP,
        "bot_id": BOT,
    }
    opened["root_view_id"] = opened["id"]
    world.state["slack"]["views"][opened["id"]] = {"user": trigger["user"], "view": opened}
    return {"view": opened}
