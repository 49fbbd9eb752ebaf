"""Colleagues who answer in Slack, played: customer success managers above all.

What they press and send reaches us as an interaction that Slack signs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from casework.sandbox import slack
from casework.sandbox.hooks import Delivery, sign_slack
from casework.sandbox.http import Json
from casework.sandbox.roster import known

if TYPE_CHECKING:
    from casework.sandbox.world import World

_PRESSED = ("action_id", "type", "text", "value", "style")


@dataclass(frozen=True, slots=True)
class Csm:
    """Anyone on the staff who answers in Slack."""

    world: World

    def press(self, channel: str, action_id: str, staff_id: str, ts: str | None = None) -> str:
        """Presses a button, of the message `ts` or of the newest that has it; returns the trigger's id.

        Raises:
            LookupError: there is no such channel, message, button or colleague.
        """
        with self.world.changing():
            user = known(self.world, "staff", staff_id)["slack_id"]
            message, block, button = self._button(channel, action_id, ts)
            now = self.world.now().timestamp()
            trigger = f"{self.world.next_number('slack.trigger', 1001)}.{int(now)}.sandbox"
            self.world.state["slack"]["triggers"][trigger] = {"at": now, "used": False, "user": user}
            payload: Json = {
                "type": "block_actions",
                "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": slack.TEAM},
                "api_app_id": slack.APP,
                "token": "unused",
                "container": {"type": "message", "message_ts": message["ts"], "channel_id": channel},
                "trigger_id": trigger,
                "team": {"id": slack.TEAM, "domain": "sandbox"},
                "enterprise": None,
                "is_enterprise_install": False,
                "channel": {"id": channel, "name": "directmessage" if channel.startswith("D") else "channel"},
                "message": message,
                "state": {"values": {}},
                "response_url": f"https://hooks.slack.example/actions/{slack.TEAM}/{trigger}",
                "actions": [
                    {
                        **{name: button[name] for name in _PRESSED if name in button},
                        "block_id": block["block_id"],
                        "action_ts": f"{now:.6f}",
                    }
                ],
            }
            self._send(payload)
            return trigger

    def submit_modal(self, staff_id: str, values: dict[str, str]) -> str:
        """Fills in the newest modal that this colleague has open and sends it; returns the view's id.

        `values` are texts, or values of options, by `block_id`; what is not given stays empty. It may be sent again,
        as after an answer with errors.

        Raises:
            LookupError: this colleague has no modal open, or it has no such input.
            ValueError: an input that must be filled in is empty, or a text is too long: Slack sends nothing then.
        """
        with self.world.changing():
            user = known(self.world, "staff", staff_id)["slack_id"]
            views = [one["view"] for one in self.world.state["slack"]["views"].values() if one["user"] == user]
            if not views:
                raise LookupError(f"{staff_id} has no modal open")
            view = views[-1]
            inputs = [block for block in view["blocks"] if block["type"] == "input"]
            if surplus := sorted(set(values) - {block["block_id"] for block in inputs}):
                raise LookupError(f"the modal has no input {surplus[0]!r}")
            state = {
                block["block_id"]: {block["element"]["action_id"]: _filled(block, values.get(block["block_id"]))}
                for block in inputs
            }
            now = self.world.now().timestamp()
            payload: Json = {
                "type": "view_submission",
                "team": {"id": slack.TEAM, "domain": "sandbox"},
                "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": slack.TEAM},
                "api_app_id": slack.APP,
                "token": "unused",
                "trigger_id": f"{self.world.next_number('slack.trigger', 1001)}.{int(now)}.sandbox",
                "view": {**view, "state": {"values": state}},
                "response_urls": [],
                "is_enterprise_install": False,
                "enterprise": None,
            }
            self._send(payload)
            return str(view["id"])

    def _send(self, payload: Json) -> None:
        """Posts an interaction to the app, signed."""
        body = f"payload={quote_plus(json.dumps(payload, separators=(',', ':')))}".encode()
        secret = self.world.state["credentials"]["slack_signing_secret"]
        now = int(self.world.now().timestamp())
        headers = {"Content-Type": "application/x-www-form-urlencoded", **sign_slack(secret, now, body)}
        self.world.post(Delivery(f"slack-{payload['trigger_id']}", "slack", "interactivity", headers, body))

    def _button(self, channel: str, action_id: str, ts: str | None) -> tuple[Json, Json, Json]:
        messages = self.world.state["slack"]["messages"].get(channel)
        if messages is None:
            raise LookupError(f"no Slack channel {channel}")
        for message in reversed(messages):
            for block in message.get("blocks", []) if ts in (None, message["ts"]) else []:
                for element in [*block.get("elements", []), block.get("accessory", {})]:
                    if element.get("type") == "button" and element.get("action_id") == action_id:
                        return message, block, element
        raise LookupError(f"no button {action_id!r} in channel {channel}" + (f" at {ts}" if ts else ""))


def _filled(block: Json, value: str | None) -> Json:
    """An input as a submitted view holds it, checked as Slack's own window does."""
    element = block["element"]
    if not value and not block.get("optional"):
        raise ValueError(f"{block['block_id']}: please fill this in")
    if element["type"] == "plain_text_input":
        if len(value or "") > element.get("max_length", 3000):
            raise ValueError(f"{block['block_id']}: too long")
        return {"type": element["type"], "value": value or None}
    options = [option for option in element["options"] if option["value"] == value]
    if value and not options:
        raise LookupError(f"{block['block_id']} has no option {value!r}")
    if element["type"] == "checkboxes":
        return {"type": element["type"], "selected_options": options}
    return {"type": element["type"], "selected_option": options[0] if options else None}
