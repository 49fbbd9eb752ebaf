"""Outreach's REST API (JSON:API 1.0): one organisation behind the tokens of an app that a user authorised.

An access token lives two hours and is given once a minute. A refresh token lives 14 days; it ends when an access token
that it brought is first used, or, where `rotation` of the state says `at_once`, when it is exchanged: Outreach does not
say which. That of the credentials stands for an administrator who authorises again whenever it is needed: it does not
age. Unknown paths, parameters, filters and attributes, and another media type, are refused.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from casework.sandbox import outreach_records as records
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.outreach_records import PATHS, answered, refuse, related_id
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_API = "/api/v2"
_LIVES, _REFRESHES, _ONCE_IN = timedelta(hours=2), timedelta(days=14), timedelta(seconds=60)
_FILTERS = {
    "prospect": ("id", "emails", "externalId", "stageName"),
    "sequence": ("id", "name", "enabled"),
    "sequenceState": ("id", "state", "prospect][id", "sequence][id"),
    "mailbox": ("id", "email"),
    "user": ("id", "email"),
    "template": ("id", "name"),
    "webhook": ("id",),
}
_SORTS = ("id", "createdAt", "updatedAt")
_LISTING = ("page[size]", "page[after]", "sort", "include", "count")


def empty() -> Json:
    """The state of a new organisation."""
    return records.empty()


def point(world: World, target: str) -> None:
    """The webhooks that are there lead to this address from now on."""
    with world.changing():
        for webhook in records.table(world, "webhook").values():
            webhook["attributes"]["url"] = target


def answer(world: World, request: Request) -> Response:
    """The organisation's answer to a request."""
    try:
        found = routes.find(request.method, request.path)
        if found is None:
            raise refuse(404, "resourceNotFound", "Resource Not Found", "There is no such path")
        handler, placeholders = found
        if request.path == "/oauth/token":
            return handler(world, request)
        _demand(world, request)
        return _counted(world, handler(world, request, **placeholders))
    except Refusal as refusal:
        return _counted(world, refusal.response)


def _demand(world: World, request: Request) -> None:
    org = world.state["outreach"]
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = org["access"].get(token) if scheme == "Bearer" else None
    if given is None or datetime.fromisoformat(given["until"]) <= world.now():
        raise refuse(401, "unauthorized", "Unauthorized", "The access token is invalid or has expired.")
    org["refresh"].pop(given["ends"], None)
    limits, hour = org["limits"], world.now().replace(minute=0, second=0, microsecond=0)
    if limits["hour"] != hour.isoformat():
        limits |= {"hour": hour.isoformat(), "used": 0}
    if limits["used"] >= limits["hourly"]:
        raise refuse(429, "rateLimitExceeded", "Rate Limit Exceeded", "You have exceeded your permitted rate limit.")
    limits["used"] += 1
    if request.media_type != records.MEDIA:
        what = f"Expected Content-Type header to be '{records.MEDIA}'."
        raise refuse(415, "unsupportedMediaType", "Unsupported Media Type", what)
    scope = request.path.removeprefix(f"{_API}/").split("/")[0]
    if scope in PATHS and scope not in org["scopes"]:
        what = f"Your authorization does not include the required scope '{scope}'."
        raise refuse(403, "unauthorizedOauthScope", "Unauthorized OAuth Scope", what)


def _counted(world: World, response: Response) -> Response:
    limits = world.state["outreach"]["limits"]
    reset = world.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    told = {
        "X-RateLimit-Limit": str(limits["hourly"]),
        "X-RateLimit-Remaining": str(max(0, limits["hourly"] - limits["used"])),
        "X-RateLimit-Reset": reset.isoformat(),
        "Date": world.now().strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    if response.status == 429:
        told["Retry-After"] = reset.isoformat()
    return Response(response.status, {**response.headers, **told}, response.body)


# -- sign-in


def _oauth(status: int, error: str, **headers: str) -> Refusal:
    return Refusal(json_response(status, {"error": error, "error_description": "The request was refused."}, headers))


@routes.on("POST", "/oauth/token")
def _token(world: World, request: Request) -> Response:
    known, org, now = world.state["credentials"], world.state["outreach"], world.now()
    try:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if request.media_type != "application/x-www-form-urlencoded" or form.get("grant_type") != "refresh_token":
            raise _oauth(400, "unsupported_grant_type")
        if (
            form.get("client_id") != known["outreach_client_id"]
            or form.get("client_secret") != known["outreach_secret"]
        ):
            raise _oauth(401, "invalid_client")
        if form.get("redirect_uri") != known["outreach_redirect_uri"]:
            raise _oauth(400, "invalid_grant")
        given = form.get("refresh_token", "")
        if given != known["outreach_refresh_token"]:
            until = org["refresh"].get(given)
            if until is None or datetime.fromisoformat(until) <= now:
                raise _oauth(400, "invalid_grant")
        minted = org["minted"]
        if minted is not None and now < datetime.fromisoformat(minted) + _ONCE_IN:
            raise _oauth(429, "rate_limit_exceeded")
    except Refusal as refusal:
        return refusal.response
    number = world.next_number("outreach.token")
    access, refresh = f"outreach-access-{number:06d}", f"outreach-refresh-{number:06d}"
    org["minted"] = now.isoformat()
    ends = given if org["rotation"] == "on_use" else None
    if ends is None:
        org["refresh"].pop(given, None)
    org["access"][access] = {"until": (now + _LIVES).isoformat(), "ends": ends}
    org["refresh"][refresh] = (now + _REFRESHES).isoformat()
    told = {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": int(_LIVES.total_seconds()),
        "refresh_token": refresh,
        "scope": " ".join(f"{scope}.all" for scope in org["scopes"]),
        "created_at": int(now.timestamp()),
    }
    return json_response(200, told)


# -- resources


def _kind(path: str, *allowed: str) -> str:
    kind = PATHS.get(path)
    if kind is None or (allowed and kind not in allowed):
        raise refuse(404, "resourceNotFound", "Resource Not Found", "There is no such path")
    return kind


def _bare(request: Request) -> None:
    if request.query:
        raise refuse(400, "badRequest", "Bad Request", f"The parameter {request.query[0][0]!r} is unknown here")


def _sent(request: Request) -> Json:
    _bare(request)
    try:
        data = json.loads(request.body).get("data")
    except (ValueError, AttributeError):
        data = None
    if not isinstance(data, dict):
        raise refuse(400, "badRequest", "Bad Request", "The body must be an object with 'data'")
    return data


@routes.on("GET", f"{_API}/{{path}}")
def _list(world: World, request: Request, path: str) -> Response:
    kind = _kind(path)
    wanted: dict[str, list[str]] = {}
    for name, value in request.query:
        if name in _LISTING:
            continue
        filtered = name.removeprefix("filter[").removesuffix("]") if name.startswith("filter[") else None
        if filtered not in _FILTERS[kind]:
            raise records.invalid(f"'{name}' cannot be filtered by")
        wanted[filtered] = value.split(",")
    sort = request.parameter("sort") or "id"
    by, last_first = sort.removeprefix("-"), sort.startswith("-")
    if by not in _SORTS:
        raise records.invalid(f"cannot sort by '{by}'")
    if (request.parameter("count") or "true") not in ("true", "false"):
        raise records.invalid("count is true or false")
    found = [one for one in records.table(world, kind).values() if _meets(world, one, wanted)]
    found.sort(key=lambda one: ("" if by == "id" else one["attributes"][by], one["id"]), reverse=last_first)
    return answered(200, _page(world, request, path, found))


def _page(world: World, request: Request, path: str, found: list[Json]) -> Json:
    asked, after = request.parameter("page[size]") or "50", request.parameter("page[after]") or "0"
    if not asked.isdecimal() or not 0 < int(asked) <= 1000 or not after.isdecimal():
        raise records.invalid("page[size] is from 1 to 1000, page[after] a cursor")
    size, start = min(int(asked), world.state["outreach"]["page"] or 1000), int(after)
    page = found[start : start + size]
    told: Json = {"data": page, "links": {}}
    if start + size < len(found):
        told["links"]["next"] = f"{request.base}{_API}/{path}?{quote('page[after]')}={start + size}"
    if (include := request.parameter("include")) is not None:
        told["included"] = _included(world, page, include.split(","))
    return told


def _included(world: World, page: list[Json], names: list[str]) -> list[Json]:
    beside: dict[tuple[str, str], Json] = {}
    for one in page:
        for name in names:
            end = one["relationships"].get(name, {}).get("data")
            if name not in records.BELONGS.get(one["type"], {}):
                raise records.invalid(f"cannot include '{name}'")
            if end is not None:
                beside[end["type"], str(end["id"])] = records.get(world, end["type"], str(end["id"]))
    return list(beside.values())


def _meets(world: World, record: Json, wanted: dict[str, list[str]]) -> bool:
    return all(_value(world, record, name) & {one.lower() for one in values} for name, values in wanted.items())


def _value(world: World, record: Json, name: str) -> set[str]:
    if name == "id":
        return {str(record["id"])}
    if name.endswith("][id"):
        return {related_id(record, name.removesuffix("][id"))}
    if name == "stageName":
        stage = records.table(world, "stage").get(related_id(record, "stage"))
        return {stage["attributes"]["name"].lower()} if stage else set()
    value: Any = record["attributes"].get(name)
    return {str(one).lower() for one in (value if isinstance(value, list) else [value]) if one is not None}


@routes.on("GET", f"{_API}/{{path}}/{{record}}")
def _read(world: World, request: Request, path: str, record: str) -> Response:
    kind = _kind(path, "prospect", "sequence", "sequenceState", "template")
    _bare(request)
    return answered(200, {"data": records.get(world, kind, record)})


@routes.on("POST", f"{_API}/{{path}}")
def _create(world: World, request: Request, path: str) -> Response:
    data = _sent(request)
    kind = _kind(path, "prospect", "sequenceState", "webhook")
    return answered(201, {"data": records.create(world, kind, data)})


@routes.on("PATCH", f"{_API}/prospects/{{record}}")
def _update(world: World, request: Request, record: str) -> Response:
    data, found = _sent(request), records.get(world, "prospect", record)
    if data.get("id") != found["id"]:
        raise records.invalid("id must be that of the path", "id", part="")
    records.update(world, found, data)
    return answered(200, {"data": found})


@routes.on("DELETE", f"{_API}/{{path}}/{{record}}")
def _delete(world: World, request: Request, path: str, record: str) -> Response:
    kind = _kind(path, "sequenceState", "webhook")
    _bare(request)
    gone = records.get(world, kind, record)
    del records.table(world, kind)[record]
    records.tell(world, gone, "destroyed", {})
    return answered(204, None)


@routes.on("POST", f"{_API}/sequenceStates/{{record}}/actions/finish")
def _finish(world: World, request: Request, record: str) -> Response:
    _bare(request)
    found = records.get(world, "sequenceState", record)
    if found["attributes"]["state"] in ("finished", "opted_out"):
        raise records.invalid("Sequence state is already finished.", "state")
    records.move(world, found, "finished")
    return answered(200, {"data": found})
