"""Qualified's Enterprise API 2.0: one account behind a token with scopes; it reads, and writes leads.

Lists go from the newest to the oldest and hold back what is new, and a window that begins within that hold is refused.
What is read by its id is current. Unknown paths, parameters and fields are refused.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from casework.sandbox import qualified_records as records
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_SCOPES = {
    "leads": "lead:view",
    "sessions": "visitor:view",
    "conversations": "visitor:view",
    "messages": "visitor:view",
    "meetings": "meeting:view",
}
_HALF_HOUR, _DAY, _WINDOW = timedelta(minutes=30), timedelta(hours=24), timedelta(minutes=15)
_EDITED = ("created_after", "created_before", "updated_after", "updated_before")
_ENDED = ("ended_after", "ended_before")
_ASKED: dict[str, tuple[str, ...]] = {
    "leads": (*_EDITED, "email"),
    "meetings": (*_EDITED, "visitor_id"),
    "sessions": (*_ENDED, "visitor_id"),
    "conversations": (*_ENDED, "visitor_id"),
    "messages": _EDITED,
}
_AT = {"created": "createdAt", "updated": "updatedAt", "ended": "endedAt"}


def empty() -> Json:
    """The state of a new account."""
    return records.empty()


def answer(world: World, request: Request) -> Response:
    """The account's answer to a request."""
    try:
        if request.headers.get("authorization") != f"Bearer {world.state['credentials']['qualified_token']}":
            raise _refuse(401, code="invalid_token", message="The token is missing or invalid")
        _count(world)
        found = routes.find(request.method, request.path)
        if found is None:
            raise _refuse(404, error="Not found")
        handler, placeholders = found
        response = handler(world, request, **placeholders)
    except Refusal as refusal:
        response = refusal.response
    return Response(response.status, {**response.headers, **_limits(world, response.status)}, response.body)


def _refuse(status: int, **said: str) -> Refusal:
    return Refusal(json_response(status, said))


def _count(world: World) -> None:
    limits, now = world.state["qualified"]["limits"], world.now()
    since = limits["since"]
    if since is None or now >= datetime.fromisoformat(since) + _WINDOW:
        limits |= {"since": now.isoformat(), "used": 0}
    if limits["used"] >= limits["window"]:
        raise _refuse(429, code="rate_limited", message="Too many requests in 15 minutes")
    limits["used"] += 1


def _limits(world: World, status: int) -> dict[str, str]:
    limits = world.state["qualified"]["limits"]
    left = 0 if limits["since"] is None else (datetime.fromisoformat(limits["since"]) + _WINDOW - world.now()).seconds
    told = {
        "RateLimit-Limit": str(limits["window"]),
        "RateLimit-Remaining": str(max(0, limits["window"] - limits["used"])),
        "RateLimit-Reset": str(left),
    }
    return {**told, "Retry-After": str(left)} if status == 429 else told


def _scoped(world: World, scope: str) -> None:
    if scope not in world.state["qualified"]["scopes"]:
        raise _refuse(403, code="insufficient_scope", message=f"The token lacks the scope {scope}")


# -- leads


@routes.on("GET", "/v2/leads/fields")
def _fields(world: World, request: Request) -> Response:
    _parameters(request)
    return json_response(200, {"data": world.state["qualified"]["fields"]})


@routes.on("POST", "/v2/leads")
def _upsert(world: World, request: Request) -> Response:
    _scoped(world, "lead:manage")
    _parameters(request)
    try:
        given = json.loads(request.body)
    except ValueError:
        given = None
    if request.media_type != "application/json" or not isinstance(given, dict) or set(given) - {"email", "fields"}:
        raise _refuse(400, error="The body must be an object with email and fields")
    email, fields = given.get("email"), given.get("fields", {})
    if not isinstance(email, str) or "@" not in email or not isinstance(fields, dict):
        raise Refusal(json_response(422, {"error": f"email is invalid: {email}", "details": {"failed_field": "email"}}))
    lead, created = records.upsert(world, email, fields)
    return json_response(201 if created else 200, lead)


# -- reading


def _parameters(request: Request, *known: str) -> None:
    if surplus := sorted({name for name, _ in request.query} - set(known)):
        raise _refuse(400, error=f"unknown parameter {surplus[0]}")


@routes.on("GET", "/v2/{kind}")
def _list(world: World, request: Request, kind: str) -> Response:
    if kind not in _ASKED:
        raise _refuse(404, error="Not found")
    return _listed(world, request, kind, list(world.state["qualified"][kind].values()))


@routes.on("GET", "/v2/conversations/{record}/messages")
def _messages(world: World, request: Request, record: str) -> Response:
    if record not in world.state["qualified"]["conversations"]:
        raise _refuse(404, code="not_found", message="Conversation not found")
    said = world.state["qualified"]["messages"].values()
    return _listed(world, request, "messages", [one for one in said if one["conversationId"] == record])


@routes.on("GET", "/v2/{kind}/{record}")
def _read(world: World, request: Request, kind: str, record: str) -> Response:
    if kind not in _SCOPES:
        raise _refuse(404, error="Not found")
    _scoped(world, _SCOPES[kind])
    _parameters(request)
    found = world.state["qualified"][kind].get(record)
    if found is None:
        raise _refuse(404, error=f"No {kind} with id {record}")
    return json_response(200, {"data": found})


def _listed(world: World, request: Request, kind: str, found: list[Json]) -> Response:
    _scoped(world, _SCOPES[kind])
    _parameters(request, "after", "before", *_ASKED[kind])
    shown = [one for one in found if _released(world, kind, one) and _meets(world, request, kind, one)]
    shown.sort(key=lambda one: (_moment(one.get("endedAt") or one["createdAt"]), one["id"]), reverse=True)
    size, start = world.state["qualified"]["page"], 0
    if (after := request.parameter("after")) is not None:
        ids = [one["id"] for one in shown]
        if after not in ids:
            raise _refuse(400, error="after: this cursor cannot be read any more")
        start = ids.index(after) + 1
    page = shown[start : start + size]
    told = {
        "hasNextPage": start + size < len(shown),
        "hasPreviousPage": bool(page),
        "startCursor": page[0]["id"] if page else None,
        "endCursor": page[-1]["id"] if page else None,
    }
    return json_response(200, {"data": page, "pageInfo": told})


def _released(world: World, kind: str, record: Json) -> bool:
    """Whether the hold is over in which lists do not have it."""
    if kind in ("leads", "meetings"):
        return _moment(record["createdAt"]) <= world.now() - _hold(kind)
    if kind == "messages":
        record = world.state["qualified"]["conversations"][record["conversationId"]]
    session = record if kind == "sessions" else world.state["qualified"]["sessions"][record["sessionId"]]
    return session["endedAt"] is not None and _moment(session["endedAt"]) <= world.now() - _hold(kind)


def _hold(kind: str) -> timedelta:
    return _DAY if kind == "meetings" else _HALF_HOUR


def _meets(world: World, request: Request, kind: str, record: Json) -> bool:
    for name, value in request.query:
        if name == "email" and record["email"].lower() != value.lower():
            return False
        if name == "visitor_id" and record["visitorId"] != value:
            return False
        what, _, side = name.rpartition("_")
        if what not in _AT:
            continue
        bound = _asked_moment(name, value)
        if side == "after" and bound > world.now() - _hold(kind):
            raise _refuse(400, error=f"{name}: this is not released yet")
        at = _moment(record.get(_AT[what]) or record["createdAt"])
        if at < bound if side == "after" else at >= bound:
            return False
    return True


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _asked_moment(name: str, text: str) -> datetime:
    try:
        moment = _moment(text)
    except ValueError:
        raise _refuse(400, error=f"{name}: an ISO 8601 time") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
