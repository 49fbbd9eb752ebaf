"""Slack: a pressed button is an answer.

A button's `value` is the signed invitation of the person asked, its `action_id` (`decide:verdict=approve`)
the answer; who presses it is what Slack says. Slack repeats no press that fails, so it is answered only after
the answer is recorded. Source: Slack "Handling user interaction", "Verifying requests from Slack".
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, ValidationError
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from casework import tick
from casework.answer import Accepted, Offer, Refused, answer
from casework.gateway.faults import told
from casework.gateway.hooks import demand_signature
from casework.gateway.inbox import Hook, Inbox
from casework.gateway.parts import Gateway
from casework.gateway.security import raw_body
from casework.people import Identity, read_token
from casework.systems.signatures import verify_slack

__all__ = ["router"]

logger = logging.getLogger(__name__)

PREFIX = "decide:"


class _Person(BaseModel):
    id: str = Field(pattern=r"^[UW][A-Z0-9]{2,30}$")


class _Action(BaseModel):
    action_id: str = ""
    value: str = ""
    action_ts: str = Field(default="", max_length=40)


class Interaction(BaseModel):
    """Of Slack's interactive payload, what we use."""

    type: str
    user: _Person
    trigger_id: str = Field(default="", max_length=120)
    response_url: str = ""
    actions: list[_Action] = []

    def decision(self) -> _Action | None:
        """The pressed button that answers a question, if one does."""
        return next((action for action in self.actions if action.action_id.startswith(PREFIX)), None)


def router(gateway: Gateway, inbox: Inbox) -> APIRouter:
    """`/hooks/slack`, for events and interactivity."""
    routes = APIRouter()
    one_at_a_time = threading.Lock()

    @routes.post("/hooks/slack")
    def slack(request: Request, body: Annotated[bytes, Depends(raw_body)]) -> Response:
        secret = gateway.slack_secret
        if secret is None:
            raise HTTPException(404, "Hooks of Slack are not set up here: configure the app's signing secret.")
        now = gateway.runtime.files.now()
        demand_signature("Slack", lambda: verify_slack(secret, body, request.headers, now))
        if request.headers.get("content-type", "").startswith("application/json"):
            return _event(body)
        pressed = _pressed(body)
        button = pressed.decision() if pressed.type == "block_actions" else None
        if button is None:
            return Response(status_code=200)
        if not button.action_ts:
            raise HTTPException(
                400, "This is not a press as Slack documents it: it has no action_ts. Nothing was stored."
            )
        delivery = f"{pressed.trigger_id}:{button.action_ts}"
        with one_at_a_time:
            if inbox.knows("slack", delivery):
                return Response(status_code=200)
            outcome = _offer(gateway, pressed.user.id, button, f"slack:{delivery}")
            subject = outcome.case_id if isinstance(outcome, Accepted) else "none"
            inbox.store([Hook("slack", delivery, "button.pressed", f"case:{subject}")], handled=True)
        after = BackgroundTask(_afterwards, gateway, outcome, pressed.response_url)
        return Response(status_code=200, background=after)

    return routes


def _event(body: bytes) -> Response:
    """The handshake of the Events API is answered; its events are of no concern here."""
    try:
        event = json.loads(body)
        challenge = event["challenge"] if event["type"] == "url_verification" else None
    except (ValueError, KeyError, TypeError) as error:
        raise HTTPException(400, "This is not an event as Slack documents it. Nothing was stored.") from error
    return JSONResponse({"challenge": challenge}) if challenge is not None else Response(status_code=200)


def _pressed(body: bytes) -> Interaction:
    try:
        payload = parse_qs(body.decode(), strict_parsing=True, max_num_fields=20)["payload"][0]
        return Interaction.model_validate_json(payload)
    except (ValueError, KeyError) as error:
        kind = "its payload has another shape" if isinstance(error, ValidationError) else "it has no payload"
        raise HTTPException(
            400, f"This is not an interaction as Slack documents it: {kind}. Nothing was stored."
        ) from None


def _offer(gateway: Gateway, user: str, button: _Action, reference: str) -> Accepted | Refused | str:
    """The answer that the press gives, recorded; or a sentence, when the button is not one of ours."""
    try:
        invitation = read_token(gateway.runtime.secret, button.value)
    except ValueError:
        return "Your answer was not recorded: this button was changed. Use the one in our message."
    field, _, value = button.action_id.removeprefix(PREFIX).partition("=")
    identity = Identity(kind="slack", value=user)
    offer = Offer(invitation.case_id, invitation.wait, {field: value}, "slack", identity, reference=reference)
    return answer(offer)


def _afterwards(gateway: Gateway, outcome: Accepted | Refused | str, response_url: str) -> None:
    if isinstance(outcome, Accepted):
        tick.push(gateway.runtime, outcome.case_id)
        sentence = "Your answer is recorded. Thank you."
    else:
        sentence = outcome.sentence if isinstance(outcome, Refused) else outcome
    if gateway.tell_slack is None:
        return
    if not _leads_to_slack(response_url, gateway.slack_origins):
        logger.warning("A Slack press was not answered in words: its response_url leads elsewhere.")
        return
    try:
        gateway.tell_slack(response_url, sentence)
    except Exception as error:  # noqa: BLE001 - the answer is recorded; only the courtesy failed
        logger.warning("Slack could not be told what became of an answer: %s", told(error))


def _leads_to_slack(response_url: str, origins: Iterable[str]) -> bool:
    return any(response_url.startswith(f"{origin.rstrip('/')}/") for origin in origins)
