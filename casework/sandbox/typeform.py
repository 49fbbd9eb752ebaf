"""Typeform: one account's forms and the responses to them; each response is told by a signed webhook.

A response appears in the Responses API at once here; Typeform itself may take minutes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from casework.sandbox.hooks import Delivery, sign_typeform
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_ANSWER = {
    "email": "email",
    "short_text": "text",
    "long_text": "text",
    "number": "number",
    "yes_no": "boolean",
    "multiple_choice": "choice",
    "date": "date",
}
"""The type of an answer by the type of its field."""


def empty() -> Json:
    """The state of a new account."""
    return {"forms": {}, "responses": {}}


def _refuse(status: int, code: str, description: str) -> Refusal:
    return Refusal(json_response(status, {"code": code, "description": description}))


def answer(world: World, request: Request) -> Response:
    """Typeform's answer to a request."""
    try:
        if request.headers.get("authorization") != f"Bearer {world.state['credentials']['typeform_token']}":
            raise _refuse(403, "AUTHENTICATION_FAILED", "Authentication credentials not found on the request headers")
        found = routes.find(request.method, request.path)
        if found is None:
            raise _refuse(404, "NOT_FOUND", "Endpoint not found")
        handler, placeholders = found
        return handler(world, request, **placeholders)
    except Refusal as refusal:
        return refusal.response


def respond(world: World, form_id: str, answers: Mapping[str, Any], hidden: Mapping[str, str]) -> str:
    """Somebody fills in a form and sends it: kept, told by a webhook. The response's token.

    Raises:
        LookupError: there is no such form, or no field of that ref.
        ValueError: an answer is of another type than its field, or a required one is missing.
    """
    form = _form_of(world, form_id)
    by_ref = {field["ref"]: field for field in form["fields"]}
    if strange := sorted(set(answers) - set(by_ref)):
        raise LookupError(f"the form {form_id} has no field {strange[0]!r}")
    required = [ref for ref, field in by_ref.items() if field["validations"]["required"]]
    if missing := [ref for ref in required if ref not in answers]:
        raise ValueError(f"{missing[0]}: an answer is required")
    number = world.next_number("typeform.response")
    token = hashlib.md5(f"{form_id}-{number}".encode(), usedforsecurity=False).hexdigest()
    made: Json = {
        "response_id": token,
        "token": token,
        "landing_id": token,
        "landed_at": world.stamp(),
        "submitted_at": world.stamp(),
        "metadata": {"user_agent": "Mozilla/5.0", "platform": "other", "browser": "default"},
        "hidden": dict(hidden),
        "answers": [_answered(by_ref[ref], value) for ref, value in answers.items()],
    }
    world.state["typeform"]["responses"].setdefault(form_id, []).append(made)
    _tell(world, form, made)
    return token


def response(world: World, form_id: str, token: str) -> Json:
    """The kept response. Raises LookupError."""
    for one in world.state["typeform"]["responses"].get(form_id, []):
        if one["token"] == token:
            found: Json = one
            return found
    raise LookupError(f"the form {form_id} has no response {token}")


def _answered(field: Json, value: Any) -> Json:
    kind = _ANSWER[field["type"]]
    labels = [choice["label"] for choice in field["properties"].get("choices", [])]
    sound = {
        "email": isinstance(value, str) and "@" in value,
        "text": isinstance(value, str),
        "date": isinstance(value, str),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "choice": value in labels,
    }
    if not sound[kind]:
        raise ValueError(f"{field['ref']}: this is no {kind}")
    given = {"label": value, "ref": field["properties"]["choices"][labels.index(value)]["ref"]} if labels else value
    return {"type": kind, kind: given, "field": {name: field[name] for name in ("id", "type", "ref")}}


def _tell(world: World, form: Json, made: Json) -> None:
    names = ("id", "ref", "type", "title", "properties")
    told = {
        "event_id": f"01SANDBOX{world.next_number('typeform.event'):017d}",
        "event_type": "form_response",
        "form_response": {
            "form_id": form["id"],
            **{name: made[name] for name in ("token", "landed_at", "submitted_at", "hidden", "answers")},
            "definition": {
                "id": form["id"],
                "title": form["title"],
                "fields": [{name: field[name] for name in names} for field in form["fields"]],
            },
        },
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    secret = world.state["credentials"]["typeform_webhook_secret"]
    headers = {"Content-Type": "application/json", **sign_typeform(secret, body)}
    world.post(Delivery(f"typeform-{told['event_id']}", "typeform", "events", headers, body))


def _form_of(world: World, form_id: str) -> Json:
    form: Json | None = world.state["typeform"]["forms"].get(form_id)
    if form is None:
        raise LookupError(f"there is no form {form_id}")
    return form


def _asked_form(world: World, form_id: str) -> Json:
    try:
        return _form_of(world, form_id)
    except LookupError:
        raise _refuse(404, "FORM_NOT_FOUND", f"Unable to find form with uid `{form_id}`") from None


@routes.on("GET", "/me")
def _me(_world: World, _request: Request) -> Response:
    return json_response(200, {"alias": "Casework Robot", "language": "en", "user_id": "01SANDBOXUSER"})


@routes.on("GET", "/forms/{form}")
def _form(world: World, _request: Request, form: str) -> Response:
    return json_response(200, _asked_form(world, form))


@routes.on("GET", "/forms/{form}/responses")
def _responses(world: World, request: Request, form: str) -> Response:
    _asked_form(world, form)
    known = {"page_size", "since", "before", "included_response_ids", "completed"}
    if surplus := sorted({name for name, _ in request.query} - known):
        raise _refuse(400, "VALIDATION_ERROR", f"{surplus[0]}: unknown parameter")
    size = request.parameter("page_size") or "25"
    if not size.isdigit() or not 0 < int(size) <= 1000:
        raise _refuse(400, "VALIDATION_ERROR", "page_size: from 1 to 1000")
    found = world.state["typeform"]["responses"].get(form, [])[::-1]
    if (wanted := request.parameter("included_response_ids")) is not None:
        found = [one for one in found if one["token"] in wanted.split(",")]
    if (asked := request.parameter("since")) is not None:
        since = _asked_moment("since", asked)
        found = [one for one in found if _moment(one["submitted_at"]) >= since]
    total = len(found)
    if (before := request.parameter("before")) is not None:
        tokens = [one["token"] for one in found]
        if before not in tokens:
            raise _refuse(400, "VALIDATION_ERROR", "before: no such response")
        found = found[tokens.index(before) + 1 :]
    pages = -(-len(found) // int(size))
    return json_response(200, {"total_items": total, "page_count": pages, "items": found[: int(size)]})


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _asked_moment(name: str, text: str) -> datetime:
    try:
        moment = _moment(text)
        if moment.tzinfo is None:
            raise ValueError(name)
    except ValueError:
        raise _refuse(400, "VALIDATION_ERROR", f"{name}: an ISO 8601 time in UTC") from None
    return moment
