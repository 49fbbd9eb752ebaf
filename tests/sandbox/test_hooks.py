"""What the vendors send is signed by their own rules, over the exact bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import SignatureVerifier

from casework.sandbox import People, World
from casework.sandbox.hooks import sign_asana, sign_jira, sign_outreach, sign_slack, sign_typeform, sign_zendesk
from casework.sandbox.seed import CHANNEL
from tests.sandbox.conftest import Api


@pytest.mark.parametrize("vendor", ["zendesk", "asana", "slack", "jira", "outreach", "typeform"])
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
            signs = {"asana": sign_asana, "jira": sign_jira, "outreach": sign_outreach, "typeform": sign_typeform}
            made = signs[vendor](secret, body)
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
        verifier.clock.now = lambda: clock().timestamp()  # type: ignore[method-assign]  # the SDK has no other way to set it
        assert verifier.is_valid_request(delivery.body, delivery.headers)


REASON = {
    "type": "input",
    "block_id": "reason",
    "optional": False,
    "label": {"type": "plain_text", "text": "Reason"},
    "element": {"type": "plain_text_input", "action_id": "reason", "max_length": 10},
}
VIEW = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Why"},
    "submit": {"type": "plain_text", "text": "Send"},
    "callback_id": "ask",
    "private_metadata": "token",
    "blocks": [REASON],
}


def opened(people: People, api: Api, view: dict[str, Any]) -> Any:
    """What Slack says to opening a view after a press of staff-13."""
    button = {"type": "button", "action_id": "why", "text": {"type": "plain_text", "text": "Why"}, "value": "v"}
    blocks = [{"type": "actions", "elements": [button]}]
    api("slack").post("/chat.postMessage", json={"channel": CHANNEL, "text": "?", "blocks": blocks})
    trigger = people.csm.press(CHANNEL, "why", "staff-13")
    return api("slack").post("/views.open", json={"trigger_id": trigger, "view": view}).json()


def test_a_submitted_modal_is_told_as_slack_does(world: World, people: People, api: Api, clock: Any) -> None:
    """The delivery passes Slack's own verifier and has who sent it, what the view carried and what was typed."""
    view_id = opened(people, api, VIEW)["view"]["id"]
    world.take_deliveries("slack")
    assert people.csm.submit_modal("staff-13", {"reason": "No"}) == view_id
    (delivery,) = world.take_deliveries("slack")
    told = json.loads(parse_qs(delivery.body.decode())["payload"][0])
    assert (told["type"], told["user"]["id"], told["view"]["id"]) == ("view_submission", "U0STAFF13X", view_id)
    assert (told["view"]["callback_id"], told["view"]["private_metadata"]) == ("ask", "token")
    assert told["view"]["state"]["values"]["reason"]["reason"] == {"type": "plain_text_input", "value": "No"}
    verifier = SignatureVerifier(world.credentials["slack_signing_secret"])
    verifier.clock.now = lambda: clock().timestamp()  # type: ignore[method-assign]  # the SDK has no other way to set it
    assert verifier.is_valid_request(delivery.body, delivery.headers)


def test_a_modal_is_sent_only_as_slack_lets_people(world: World, people: People, api: Api) -> None:
    """Nothing is sent while a needed input is empty or too long, by somebody without a modal, or for no input."""
    opened(people, api, VIEW)
    world.take_deliveries("slack")
    for staff, values, error, says in (
        ("staff-13", {}, ValueError, "fill this in"),
        ("staff-13", {"reason": "x" * 11}, ValueError, "too long"),
        ("staff-13", {"other": "x"}, LookupError, "no input 'other'"),
        ("staff-12", {"reason": "x"}, LookupError, "no modal open"),
    ):
        with pytest.raises(error, match=says):
            people.csm.submit_modal(staff, values)
    assert world.take_deliveries("slack") == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": {"type": "plain_text", "text": "x" * 25}}, "title"),
        ({"title": {"type": "mrkdwn", "text": "x"}}, "plain_text"),
        ({"private_metadata": "x" * 3001}, "private_metadata"),
        ({"submit": {"type": "plain_text", "text": ""}}, "submit"),
        ({"blocks": [{**REASON, "hint": {"type": "mrkdwn", "text": "x"}}]}, "hint"),
        ({"blocks": [{**REASON, "element": {"type": "checkboxes", "action_id": "a", "options": []}}]}, "items"),
        ({"blocks": [{**REASON, "element": {"type": "plain_text_input", "max_length": 3001}}]}, "3000"),
    ],
)
def test_views_are_checked(people: People, api: Api, change: dict[str, Any], says: str) -> None:
    """A view with a text or an input that Slack does not take is refused, and the reason says where."""
    said = opened(people, api, VIEW | change)
    assert said["error"] == "invalid_arguments"
    assert says in said["response_metadata"]["messages"][0]


def test_inputs_need_a_way_to_send_them(people: People, api: Api) -> None:
    """A view with an input and without submit is refused."""
    said = opened(people, api, {name: part for name, part in VIEW.items() if name != "submit"})
    assert "needs submit" in said["response_metadata"]["messages"][0]


def test_pressing_what_is_not_there_is_an_error(people: People) -> None:
    """A button, channel or colleague that does not exist is named."""
    with pytest.raises(LookupError, match="no button 'approve'"):
        people.csm.press(CHANNEL, "approve", "staff-13")
    with pytest.raises(LookupError, match="no Slack channel"):
        people.csm.press("C0NOWHERE1", "approve", "staff-13")
    with pytest.raises(LookupError, match="nobody called 'staff-99'"):
        people.csm.press(CHANNEL, "approve", "staff-99")
