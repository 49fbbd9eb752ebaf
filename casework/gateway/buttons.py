"""Slack: a pressed button is an answer, or opens a modal whose submission is one.

A button's `value` is the signed invitation of the person asked. Its `action_id` is the answer
(`decide:verdict=approve`), or the part of it with which a modal asks for the rest (`ask:verdict=deny`). Who presses
and who submits is what Slack says. Slack repeats no press that fails, so it is answered only after the answer is
recorded; while that cannot be done, Slack and the person are told so. Source: Slack "Handling user interaction",
"Modals", "Verifying requests from Slack".
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import select
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from casework import database, tick
from casework.answer import Accepted, Form, Offer, Refusal, Refused, answer, forms
from casework.gateway.faults import NOT_RECORDED, fault, told
from casework.gateway.hooks import demand_signature
from casework.gateway.inbox import Hook, Inbox
from casework.gateway.modals import Modal, modal, notice, problems, typed
from casework.gateway.parts import Gateway
from casework.gateway.security import raw_body
from casework.gateway.settled import how_settled, why_refused
from casework.people import Identity, Invitation, read_token
from casework.schema import waits
from casework.systems.signatures import verify_slack

__all__ = ["router"]

logger = logging.getLogger(__name__)

DECIDE, ASK = "decide:", "ask:"
RECORDED = "Your answer is recorded. Thank you."
CHANGED = "Your answer was not recorded: this button was changed. Use the one in our message."
AWAY = "Nothing was recorded: our records cannot be reached just now. Press again in a moment."

LANES = 64
"""So many deliveries are taken at once; two of the same press or submission come one after the other."""


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
    view: Modal | None = None

    def button(self) -> _Action | None:
        """The pressed button that is about a question, if one is."""
        return next((action for action in self.actions if action.action_id.startswith((DECIDE, ASK))), None)


def router(gateway: Gateway, inbox: Inbox) -> APIRouter:
    """`/hooks/slack`, for events and interactivity."""
    routes = APIRouter()
    lanes = [threading.Lock() for _ in range(LANES)]

    def one_at_a_time(delivery: str) -> threading.Lock:
        return lanes[hash(delivery) % LANES]

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
        if pressed.type == "view_submission" and pressed.view is not None:
            delivery = sha256(body).hexdigest()[:32]
            with one_at_a_time(delivery):
                return _submitted(gateway, inbox, pressed.user.id, pressed.view, delivery)
        button = pressed.button() if pressed.type == "block_actions" else None
        if button is None:
            return Response(status_code=200)
        if not button.action_ts:
            raise HTTPException(
                400, "This is not a press as Slack documents it: it has no action_ts. Nothing was stored."
            )
        delivery = f"{pressed.trigger_id}:{button.action_ts}"
        try:
            with one_at_a_time(delivery):
                return _taken(gateway, inbox, pressed, button, delivery)
        except database.AWAY as error:
            logger.error("A Slack press could not be recorded, and its person is told so: %s", told(error))
            answered = fault(request.url.path, 503, AWAY, retry_after=5)
            answered.background = BackgroundTask(_say, gateway, pressed.response_url, AWAY)
            return answered

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


def _taken(gateway: Gateway, inbox: Inbox, pressed: Interaction, button: _Action, delivery: str) -> Response:
    """A press that is new opens a modal or answers; what becomes of it is said after Slack is answered."""
    if button.action_id.startswith(ASK):
        known = not inbox.store([Hook("slack", delivery, "modal.wanted", "case:none")], handled=True)
        return Response(status_code=200, background=None if known else BackgroundTask(_ask, gateway, pressed, button))
    if inbox.knows("slack", delivery):
        return Response(status_code=200)
    outcome = _offer(gateway, pressed.user.id, button, f"slack:{delivery}")
    subject = outcome.case_id if isinstance(outcome, Accepted) else "none"
    _remember(inbox, Hook("slack", delivery, "button.pressed", f"case:{subject}"))
    return Response(status_code=200, background=BackgroundTask(_afterwards, gateway, outcome, pressed.response_url))


def _remember(inbox: Inbox, delivery: Hook) -> None:
    """Know a delivery again. What it answered is in the case file already, and is not taken back if this fails."""
    try:
        inbox.store([delivery], handled=True)
    except database.AWAY as error:
        logger.warning("A Slack delivery was acted on and would be offered again if repeated: %s", told(error))


def _offer(gateway: Gateway, user: str, button: _Action, reference: str) -> Accepted | str:
    """What becomes of the answer that the press gives: recorded, or a sentence that says why it is not."""
    try:
        invitation = read_token(gateway.runtime.secret, button.value)
    except ValueError:
        return CHANGED
    outcome = _answered(invitation, user, _given(button.action_id, DECIDE), reference)
    return outcome if isinstance(outcome, Accepted) else _why(gateway, invitation, outcome)


def _answered(invitation: Invitation, user: str, given: dict[str, object], reference: str) -> Accepted | Refused:
    identity = Identity(kind="slack", value=user)
    return answer(Offer(invitation.case_id, invitation.wait, given, "slack", identity, reference=reference))


def _given(action_id: str, prefix: str) -> dict[str, Any]:
    """What a button answers by itself."""
    field, _, value = action_id.removeprefix(prefix).partition("=")
    return {field: value}


def _why(gateway: Gateway, invitation: Invitation, refused: Refused) -> str:
    return why_refused(gateway.runtime, invitation.case_id, invitation.wait, refused)


def _form(gateway: Gateway, invitation: Invitation) -> type[Form] | str:
    """The form of an open question, or a sentence that says why there is none."""
    same = (waits.c.case_id == invitation.case_id, waits.c.wait == invitation.wait)
    with gateway.runtime.files.reading() as connection:
        wait = connection.execute(select(waits).where(*same)).one_or_none()
    if wait is None:
        return "There is no such question here. Ask the support team to send you a new message."
    if wait.state != "open" or gateway.runtime.files.now() >= wait.due_at:
        settled = how_settled(gateway.runtime, invitation.case_id, invitation.wait)
        return f"This question takes no answer any more. {settled}"
    if wait.form not in forms:
        return "This release does not have the form of this question. Ask the support team to update it."
    return forms[wait.form]


def _ask(gateway: Gateway, pressed: Interaction, button: _Action) -> None:
    """Open the modal; Slack lets that happen within three seconds of the press."""
    try:
        form = _form(gateway, read_token(gateway.runtime.secret, button.value))
    except ValueError:
        form = CHANGED
    except database.AWAY as error:
        logger.error("A question could not be looked up for a Slack modal: %s", told(error))
        form = AWAY
    sentence = form if isinstance(form, str) else None
    if not isinstance(form, str):
        try:
            if gateway.open_modal is None:
                sentence = "No form can be opened here: answer on your personal page."
            else:
                view = modal(form, button.value, button.action_id, _given(button.action_id, ASK))
                gateway.open_modal(pressed.trigger_id, view)
        except Exception as error:  # noqa: BLE001 - told to the person, who has other ways to answer
            logger.warning("A Slack modal could not be opened: %s", told(error))
            sentence = "The form could not be opened just now. Press again, or answer on your personal page."
    if sentence is not None:
        _say(gateway, pressed.response_url, sentence)


def _submitted(gateway: Gateway, inbox: Inbox, user: str, view: Modal, delivery: str) -> Response:
    """The answer that a modal gives; while it cannot be recorded, the modal stays with what was typed, and says so."""
    try:
        return _filled_in(gateway, inbox, user, view, delivery)
    except database.AWAY as error:
        logger.error("A Slack modal could not be recorded, and says so: %s", told(error))
        shown = next(iter(view.state.values), None)
        return _shown(NOT_RECORDED) if shown is None else _wrong({shown: NOT_RECORDED})


def _filled_in(gateway: Gateway, inbox: Inbox, user: str, view: Modal, delivery: str) -> Response:
    """The answer that a modal gives. What the form does not allow is told at its field, and the modal stays."""
    if not view.callback_id.startswith(ASK) or inbox.knows("slack", delivery):
        return Response(status_code=200)
    try:
        invitation = read_token(gateway.runtime.secret, view.private_metadata)
    except ValueError:
        return _shown(CHANGED)
    form = _form(gateway, invitation)
    given = _given(view.callback_id, ASK)
    # A question that is settled by now takes no answer, and the attempt is recorded all the same.
    filled = given if isinstance(form, str) else typed(form, given, view)
    outcome = _answered(invitation, user, filled, f"slack:{view.id}:{delivery}")
    if isinstance(outcome, Refused):
        if outcome.why is Refusal.INVALID and not isinstance(form, str):
            return _wrong(problems(form, given, outcome.sentence))
        return _shown(_why(gateway, invitation, outcome))
    _remember(inbox, Hook("slack", delivery, "modal.submitted", f"case:{outcome.case_id}"))
    response = _shown(RECORDED)
    response.background = BackgroundTask(tick.push, gateway.runtime, outcome.case_id)
    return response


def _wrong(problems: Mapping[str, str]) -> Response:
    """The modal stays, with a sentence at each of these fields."""
    return JSONResponse({"response_action": "errors", "errors": dict(problems)})


def _shown(sentence: str) -> Response:
    """The modal gives way to a sentence."""
    return JSONResponse({"response_action": "update", "view": notice(sentence)})


def _afterwards(gateway: Gateway, outcome: Accepted | str, response_url: str) -> None:
    # Said first: telling the engine may take its time or fail while it is away, and the clock sees to that.
    _say(gateway, response_url, RECORDED if isinstance(outcome, Accepted) else outcome)
    if isinstance(outcome, Accepted):
        tick.push(gateway.runtime, outcome.case_id)


def _say(gateway: Gateway, response_url: str, sentence: str) -> None:
    """Tell whoever pressed a button, and nobody else."""
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
