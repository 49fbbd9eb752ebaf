"""Slack messages to staff (Web API).

Posting has no idempotency key. The marker travels as the first block's `block_id`, which people neither see
nor can write, and `find` looks for it in the channel's history. Slack says most errors with HTTP 200 and
`ok: false`. Reading methods are sent as forms, which all of them accept; addresses so stay out of URLs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary, vendor_code
from casework.systems.http import Http

Block = Mapping[str, Any]

_MISCONFIGURED = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
_NOT_FOUND = frozenset(
    {"channel_not_found", "message_not_found", "user_not_found", "users_not_found", "thread_not_found"}
)
_TURNED_AWAY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
# Slack: "it's possible some aspect of the operation succeeded before the error was raised".
_UNCERTAIN = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
_MARKER_LENGTH = 255


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SlackUser(_Model):
    """A member of the workspace. `deleted` members can no longer read messages."""

    id: str
    deleted: bool = False
    is_bot: bool = False


class MessageRef(_Model):
    """Where a message stands: a channel id and a timestamp that identifies the message within it."""

    channel: str
    ts: str


class _Id(_Model):
    id: str


class _Message(_Model):
    ts: str
    blocks: tuple[dict[str, Any], ...] = ()


_MESSAGES = TypeAdapter(list[_Message])


class Slack:
    """A client for one workspace with a bot token. `url` ends with the API's root, such as `.../api`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = Http("Slack", url, headers=headers, transport=transport, sleep=sleep)

    def user_by_email(self, email: str) -> str:
        """The user id of the member with this address. Raises `NotFound`."""
        operation = "find a member by address"
        answer = self._call(operation, "users.lookupByEmail", form={"email": email})
        return self._http.typed(operation, _Id, answer, "user").id

    def user(self, user_id: str) -> SlackUser:
        """Raises `NotFound` when there is no such member."""
        operation = f"read member {user_id}"
        answer = self._call(operation, "users.info", form={"user": user_id})
        return self._http.typed(operation, SlackUser, answer, "user")

    def open_direct_message(self, user_id: str) -> str:
        """The channel id of our conversation with this member; opening it again gives the same."""
        operation = f"open a conversation with {user_id}"
        answer = self._call(operation, "conversations.open", json={"users": user_id})
        return self._http.typed(operation, _Id, answer, "channel").id

    def post(self, channel: str, text: str, blocks: Sequence[Block], marker: str) -> MessageRef:
        """Post a message that `find` recognises by `marker` (at most 255 characters).

        `text` is what notifications show. Not repeatable: after `Temporary` with `maybe_done`, `find` first.
        """
        if not blocks:
            raise ValueError("A message needs at least one block: the first carries the marker")
        if not 0 < len(marker) <= _MARKER_LENGTH:
            raise ValueError(f"A marker has 1 to {_MARKER_LENGTH} characters")
        marked = [{**blocks[0], "block_id": marker}, *blocks[1:]]
        operation = f"post to {channel}"
        body = {"channel": channel, "text": text, "blocks": marked}
        answer = self._call(operation, "chat.postMessage", json=body, repeatable=False)
        return self._http.typed(operation, MessageRef, answer)

    def find(self, channel: str, marker: str, oldest: datetime) -> MessageRef | None:
        """The message that was posted with `marker` at or after `oldest` (aware), if there is one."""
        if oldest.tzinfo is None:
            raise ValueError("Timezone aware datetime is required")
        operation = f"look through the history of {channel}"
        form = {
            "channel": channel,
            "oldest": f"{oldest.timestamp():.6f}",
            "inclusive": "true",
            "limit": "200",
        }
        while True:
            answer = self._call(operation, "conversations.history", form=form)
            for message in self._http.typed(operation, _MESSAGES, answer, "messages"):
                if message.blocks and message.blocks[0].get("block_id") == marker:
                    return MessageRef(channel=channel, ts=message.ts)
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor or cursor == form.get("cursor"):
                return None
            form["cursor"] = cursor

    def update(self, ref: MessageRef, text: str, blocks: Sequence[Block]) -> None:
        """Replace a message's text and blocks, such as buttons by who pressed them. Repeatable.

        The first block keeps the marker only when the caller gives it the same `block_id`.
        """
        body = {"channel": ref.channel, "ts": ref.ts, "text": text, "blocks": [dict(b) for b in blocks]}
        self._call(f"update message {ref.ts} in {ref.channel}", "chat.update", json=body)

    def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a modal for whoever pressed the button of this trigger, which lives three seconds and works once."""
        body = {"trigger_id": trigger_id, "view": dict(view)}
        self._call("open a view", "views.open", json=body, repeatable=False)

    def _call(
        self,
        operation: str,
        method: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Any:
        answer = self._http.request(operation, "POST", method, json=json, form=form, repeatable=repeatable)
        if not isinstance(answer, dict) or "ok" not in answer:
            raise Refused("Slack", operation, "the answer has no 'ok'")
        if answer["ok"] is not True:
            raise _fault(operation, answer.get("error"), repeatable=repeatable)
        return answer


def _fault(operation: str, error: Any, *, repeatable: bool) -> SystemFault:
    code = vendor_code(error) or "undisclosed error"
    if code in _MISCONFIGURED:
        return Misconfigured("Slack", operation, code)
    if code in _NOT_FOUND:
        return NotFound("Slack", operation, code)
    if code in _TURNED_AWAY:
        return Temporary("Slack", operation, code)
    if code in _UNCERTAIN:
        return Temporary("Slack", operation, code, maybe_done=not repeatable)
    return Refused("Slack", operation, code)
