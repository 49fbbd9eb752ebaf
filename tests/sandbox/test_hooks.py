"""What the vendors send is signed by their own rules, over the exact bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import SignatureVerifier

from casework.sandbox import People, World
from casework.sandbox.hooks import sign_asana, sign_slack, sign_zendesk
from casework.sandbox.seed import CHANNEL
from tests.sandbox.conftest import Api


@pytest.mark.parametrize("vendor", ["zendesk", "asana", "slack"])
def test_published_signature_vectors_are_reproduced(contracts: Callable[[str], Any], vendor: str) -> None:
    """Each vector's headers come out of its secret and body, among them Slack's own example."""
    vectors = [v for v in contracts("webhook-vectors.json")["vectors"] if v["vendor"] == vendor]
    assert vectors
    for vector in vectors:
        headers, body, secret = vector["headers"], vector["body"].encode(), vector["secret"]
        if vendor == "zendesk":
            made = sign_zendesk(secret, headers["X-Zendesk-Webhook-Signature-Timestamp"], body)
        elif vendor == "slack":
            made = sign_slack(secret, int(headers["X-Slack-Request-Timestamp"]), body)
        else:
            made = sign_asana(secret, body)
        assert made.items() <= headers.items()


def test_ticket_events_are_told_in_order(world: World, people: People) -> None:
    """Opening, tagging, commenting, solving and merging each tell one event in Zendesk's envelope."""
    ticket, other = people.customer.open_ticket("user-88"), people.customer.open_ticket("user-89", tags=[])
    world.take_deliveries()
    people.customer.reply(ticket, "because of the merger")
    people.agent.set_status(ticket, "solved")
    people.agent.merge(ticket, other)
    told = []
    for delivery in world.take_deliveries("zendesk"):
        envelope = json.loads(delivery.body)
        told.append(envelope["type"].removeprefix("zen:event-type:ticket."))
        stamp = delivery.headers["X-Zendesk-Webhook-Signature-Timestamp"]
        signed = sign_zendesk(world.credentials["zendesk_webhook_secret"], stamp, delivery.body)
        assert signed.items() <= delivery.headers.items()
        assert envelope["subject"] == f"zen:ticket:{ticket}"
    assert told == [
        "comment_added",
        "status_changed",
        "comment_added",
        "tags_changed",
        "status_changed",
        "merged",
    ]


def test_a_pressed_button_is_told_as_slack_does(world: World, people: People, api: Api, clock: Any) -> None:
    """The delivery is form-encoded, passes Slack's own verifier and has the pressed button's value."""
    for number in (1, 2):
        button = {"type": "button", "action_id": "approve", "value": f"wait-{number}",
                  "text": {"type": "plain_text", "text": "Approve"}}  # fmt: skip
        blocks = [{"type": "actions", "block_id": f"q{number}", "elements": [button]}]
        posted = api("slack").post("/chat.postMessage", json={"channel": CHANNEL, "text": "?", "blocks": blocks})
        if number == 1:
            first = posted.json()["ts"]
    people.csm.press(CHANNEL, "approve", "staff-13")
    people.csm.press(CHANNEL, "approve", "staff-13", ts=first)
    newest, chosen = world.take_deliveries("slack")
    for delivery, value in ((newest, "wait-2"), (chosen, "wait-1")):
        [payload] = parse_qs(delivery.body.decode())["payload"]
        told = json.loads(payload)
        assert (told["type"], told["user"]["id"]) == ("block_actions", "U0STAFF13X")
        assert told["actions"][0]["value"] == value
        verifier = SignatureVerifier(world.credentials["slack_signing_secret"])
        verifier.clock.now = lambda: clock().timestamp()  # type: ignore[method-assign]
        assert verifier.is_valid_request(delivery.body, delivery.headers)


def test_pressing_what_is_not_there_is_an_error(people: People) -> None:
    """A button, channel or colleague that does not exist is named."""
    with pytest.raises(LookupError, match="no button 'approve'"):
        people.csm.press(CHANNEL, "approve", "staff-13")
    with pytest.raises(LookupError, match="no Slack channel"):
        people.csm.press("C0NOWHERE1", "approve", "staff-13")
    with pytest.raises(LookupError, match="nobody called 'staff-99'"):
        people.csm.press(CHANNEL, "approve", "staff-99")
