"""HubSpot's CRM API: one account behind the token of a private app.

Scopes are checked by kind of object. Every answer but a search's says how much of the limits is left: so many requests
in ten seconds (`limits.rolling`), so many searches in one (`limits.searches`), so many in a day of the account's zone.
The short limits are counted always and enforced where `limits.enforced` says so, because tests' clocks stand still.
Operations that the API does not have for a kind, unknown parameters and fields are refused.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from casework.sandbox import hubspot_records, hubspot_search
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.hubspot_records import associated, requesting, shown
from casework.sandbox.hubspot_schema import Problem, described, invalid, properties_of, stamp
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_V3, _V4 = "/crm/v3/objects/{kind}", "/crm/v4/objects/{kind}/{record}/associations"
_WHOLE = frozenset({"list", "create", "read", "change", "archive", "search", "batch"})
_OPERATIONS = {
    "deals": _WHOLE,
    "tickets": _WHOLE,
    "contacts": _WHOLE,
    "tasks": _WHOLE,
    "users": frozenset({"list", "read", "change", "search"}),
    "notes": frozenset({"list", "read", "create", "search"}),
    "companies": frozenset({"read"}),
}
_ROLLING, _SEARCHING = timedelta(seconds=10), timedelta(seconds=1)


def empty() -> Json:
    """The state of a new account."""
    return hubspot_records.empty()


def point(world: World, target: str) -> None:
    """The app's webhooks go to this address from now on; HubSpot signs the address too."""
    with world.changing():
        world.state["hubspot"]["target"] = target


def answer(world: World, request: Request) -> Response:
    """The account's answer to a request."""
    searching = request.path.endswith("/search")
    try:
        if request.headers.get("authorization") != f"Bearer {world.state['credentials']['hubspot_token']}":
            what = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
            raise Problem("INVALID_AUTHENTICATION", what, status=401)
        _count(world, searching=searching)
        found = routes.find(request.method, request.path)
        if found is None:
            raise Problem("NOT_FOUND", "There is no such endpoint", status=404)
        handler, placeholders = found
        response = handler(world, request, **placeholders)
    except Problem as problem:
        response = problem.refusal(world.next_number("hubspot.correlation")).response
    except Refusal as refusal:
        response = refusal.response
    said = {} if searching else _limits(world)
    return Response(response.status, {**response.headers, **said}, response.body)


# -- limits


def _count(world: World, *, searching: bool) -> None:
    account = world.state["hubspot"]
    limits, now = account["limits"], world.now()
    day = now.astimezone(ZoneInfo(account["zone"])).date().isoformat()
    if limits["day"] != day:
        limits |= {"day": day, "used": 0}
    account["asked"] = [*_within(account["asked"], now - _ROLLING), now.isoformat()]
    if searching:
        account["searched"] = [*_within(account["searched"], now - _SEARCHING), now.isoformat()]
    if limits["used"] >= limits["daily"]:
        raise _limited(world, "DAILY", "You have reached your daily limit.")
    limits["used"] += 1
    if limits["enforced"] and len(account["asked"]) > limits["rolling"]:
        raise _limited(world, "TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")
    if limits["enforced"] and searching and len(account["searched"]) > limits["searches"]:
        raise _limited(world, "SECONDLY", "You have reached your secondly limit.")


def _within(times: list[str], since: datetime) -> list[str]:
    return [one for one in times if datetime.fromisoformat(one) > since]


def _limited(world: World, policy: str, message: str) -> Refusal:
    said = {
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "correlationId": f"5a9d0000-0000-4000-8000-{world.next_number('hubspot.correlation'):012d}",
        "policyName": policy,
    }
    return Refusal(json_response(429, said))


def _limits(world: World) -> dict[str, str]:
    account = world.state["hubspot"]
    limits = account["limits"]
    return {
        "X-HubSpot-RateLimit-Max": str(limits["rolling"]),
        "X-HubSpot-RateLimit-Remaining": str(max(0, limits["rolling"] - len(account["asked"]))),
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Daily": str(limits["daily"]),
        "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, limits["daily"] - limits["used"])),
    }


# -- asking


def _allowed(world: World, kind: str, operation: str) -> None:
    if operation not in _OPERATIONS.get(kind, ()):
        raise Problem("NOT_FOUND", "There is no such endpoint", status=404)
    _scoped(world, kind)


def _scoped(world: World, scope: str) -> None:
    if scope not in world.state["hubspot"]["scopes"]:
        what = "This app hasn't been granted all required scopes to make this call."
        raise Problem("MISSING_SCOPES", what, {"message": what, "context": {"requiredScopes": [scope]}}, status=403)


def _parameters(request: Request, *known: str) -> None:
    if surplus := sorted({name for name, _ in request.query} - set(known)):
        raise Problem("VALIDATION_ERROR", f"The query parameter {surplus[0]!r} is unknown here")


def _several(request: Request, name: str) -> list[str]:
    """The values of a parameter that comes several times, or once with commas."""
    return [part for key, value in request.query if key == name for part in value.split(",") if part]


def _size(request: Request, default: int, most: int) -> tuple[int, int]:
    limit, after = request.parameter("limit") or str(default), request.parameter("after") or "0"
    if not limit.isdecimal() or not 0 < int(limit) <= most:
        raise Problem("VALIDATION_ERROR", f"limit: from 1 to {most}")
    if not after.isdecimal():
        raise Problem("VALIDATION_ERROR", "after: must be the cursor of a page")
    return int(limit), int(after)


def _flag(request: Request, name: str) -> bool:
    given = request.parameter(name) or "false"
    if given.lower() not in ("true", "false"):
        raise Problem("VALIDATION_ERROR", f"{name}: must be true or false")
    return given.lower() == "true"


def _body(request: Request, *keys: str) -> Json:
    if request.media_type != "application/json":
        raise Problem("VALIDATION_ERROR", "The content type must be application/json", status=415)
    try:
        given = json.loads(request.body)
    except ValueError:
        raise invalid("it is no JSON") from None
    if not isinstance(given, dict):
        raise invalid("an object is needed")
    if keys and (surplus := sorted(set(given) - set(keys))):
        raise invalid(f"unknown field {surplus[0]!r}")
    return given


def _paged(results: list[Any], limit: int, after: int) -> Json:
    page: Json = {"results": results[after : after + limit]}
    if after + limit < len(results):
        page["paging"] = {"next": {"after": str(after + limit)}}
    return page


# -- objects


@routes.on("POST", f"{_V3}/search")
def _search(world: World, request: Request, kind: str) -> Response:
    _allowed(world, kind, "search")
    _parameters(request)
    asked = _body(request)
    total, found, following = hubspot_search.find(world, kind, asked)
    names = asked.get("properties", [])
    page: Json = {"total": total, "results": [shown(world, kind, one, names, known) for one, known in found]}
    if following is not None:
        page["paging"] = {"next": {"after": following}}
    return json_response(200, page)


@routes.on("POST", f"{_V3}/batch/read")
def _batch_read(world: World, request: Request, kind: str) -> Response:
    _allowed(world, kind, "batch")
    _parameters(request, "archived")
    given = _body(request, "inputs", "properties", "propertiesWithHistory", "idProperty")
    inputs = given.get("inputs")
    if not isinstance(inputs, list) or not 0 < len(inputs) <= 100:
        raise invalid("inputs: from 1 to 100")
    found, missing = [], []
    for one in inputs:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise invalid("inputs: a list of {id}")
        try:
            record = hubspot_records.get(world, kind, one["id"], given.get("idProperty"))
        except Problem:
            missing.append(one["id"])
            continue
        found.append(shown(world, kind, record, list(given.get("properties", []))))
    now = stamp(world.now())
    told: Json = {"status": "COMPLETE", "results": found, "startedAt": now, "completedAt": now}
    if missing:
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some objects"}
        told["errors"] = [{**error, "context": {"ids": missing}, "links": {}, "errors": []}]
        told["numErrors"] = 1
    return json_response(207 if missing else 200, told)


@routes.on("GET", _V3)
def _list(world: World, request: Request, kind: str) -> Response:
    _allowed(world, kind, "list")
    _parameters(request, "limit", "after", "properties", "propertiesWithHistory", "associations", "archived")
    limit, after = _size(request, 10, 100)
    archived, names = _flag(request, "archived"), _several(request, "properties")
    records = world.state["hubspot"]["objects"].get(kind, {}).values()
    listed = [shown(world, kind, one, names) for one in records if one["archived"] == archived]
    return json_response(200, _paged(listed, limit, after))


@routes.on("POST", _V3)
def _create(world: World, request: Request, kind: str) -> Response:
    _allowed(world, kind, "create")
    _parameters(request)
    given = _body(request, "properties", "associations", "objectWriteTraceId")
    with requesting(world) as one:
        made = hubspot_records.create(one, kind, given.get("properties"), given.get("associations", []))
    return json_response(201, shown(world, kind, made, list(made["properties"])))


@routes.on("GET", f"{_V3}/{{record}}")
def _read(world: World, request: Request, kind: str, record: str) -> Response:
    _allowed(world, kind, "read")
    _parameters(request, "properties", "propertiesWithHistory", "associations", "archived", "idProperty")
    found = hubspot_records.get(world, kind, record, request.parameter("idProperty"))
    told = shown(world, kind, found, _several(request, "properties"))
    if with_history := _several(request, "propertiesWithHistory"):
        told["propertiesWithHistory"] = hubspot_records.past(kind, found, world, with_history)
    for other in _several(request, "associations"):
        beside = associated(world, kind, found["id"], other)
        if beside:
            listed = [{"id": key, "type": f"{kind}_to_{other}"} for key in beside]
            told.setdefault("associations", {})[other] = {"results": listed}
    return json_response(200, told)


@routes.on("PATCH", f"{_V3}/{{record}}")
def _change(world: World, request: Request, kind: str, record: str) -> Response:
    _allowed(world, kind, "change")
    _parameters(request, "idProperty")
    given = _body(request, "properties", "objectWriteTraceId")
    found = hubspot_records.get(world, kind, record, request.parameter("idProperty"))
    values = given.get("properties")
    if not values:
        raise invalid("properties: at least one is needed")
    with requesting(world) as one:
        # What a failed request changed is undone in a copy, so the record is looked up in it.
        hubspot_records.update(one, kind, hubspot_records.get(world, kind, found["id"]), values)
    return json_response(200, shown(world, kind, hubspot_records.get(world, kind, found["id"]), list(values)))


@routes.on("DELETE", f"{_V3}/{{record}}")
def _archive(world: World, request: Request, kind: str, record: str) -> Response:
    _allowed(world, kind, "archive")
    _parameters(request)
    with requesting(world) as one:
        hubspot_records.archive(one, kind, hubspot_records.get(world, kind, record))
    return Response(204, {}, b"")


# -- associations


@routes.on("GET", f"{_V4}/{{other}}")
def _beside(world: World, request: Request, kind: str, record: str, other: str) -> Response:
    _scoped(world, kind)
    _parameters(request, "limit", "after")
    limit, after = _size(request, 500, 500)
    listed = [
        {"toObjectId": key, "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": number}]}
        for key, number in associated(world, kind, record, other).items()
    ]
    return json_response(200, _paged(listed, limit, after))


@routes.on("PUT", f"{_V4}/default/{{other}}/{{to}}")
def _associate(world: World, request: Request, kind: str, record: str, other: str, to: str) -> Response:
    _scoped(world, kind)
    _parameters(request)
    hubspot_records.associate(world, kind, record, other, to)
    now, types = stamp(world.now()), hubspot_records.TYPES
    both = (((kind, record), (other, to)), ((other, to), (kind, record)))
    results = [
        {
            "from": {"id": one[1]},
            "to": {"id": two[1]},
            "associationSpec": {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": types[one[0], two[0]],
            },
        }
        for one, two in both
    ]
    return json_response(200, {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now})


@routes.on("DELETE", f"{_V4}/{{other}}/{{to}}")
def _separate(world: World, request: Request, kind: str, record: str, other: str, to: str) -> Response:
    _scoped(world, kind)
    _parameters(request)
    hubspot_records.get(world, kind, record)
    hubspot_records.separate(world, kind, record, other, to)
    return Response(204, {}, b"")


# -- owners and schemas


@routes.on("GET", "/crm/v3/owners")
def _owners(world: World, request: Request) -> Response:
    _scoped(world, "owners")
    _parameters(request, "email", "limit", "after", "archived")
    limit, after = _size(request, 100, 500)
    archived, email = _flag(request, "archived"), request.parameter("email")
    owners = world.state["hubspot"]["owners"].values()
    listed = [one for one in owners if one["archived"] == archived and email in (None, one["email"])]
    return json_response(200, _paged(listed, limit, after))


@routes.on("GET", "/crm/v3/owners/")
def _owners_by_the_other_spelling(world: World, request: Request) -> Response:
    return _owners(world, request)


@routes.on("GET", "/crm/v3/owners/{owner}")
def _owner(world: World, request: Request, owner: str) -> Response:
    _scoped(world, "owners")
    _parameters(request, "idProperty", "archived")
    by = request.parameter("idProperty") or "id"
    if by not in ("id", "userId"):
        raise Problem("VALIDATION_ERROR", "idProperty: id or userId")
    archived = _flag(request, "archived")
    for one in world.state["hubspot"]["owners"].values():
        if str(one[by] if by == "id" else one.get("userId")) == owner and one["archived"] == archived:
            return json_response(200, one)
    raise Problem("OBJECT_NOT_FOUND", "resource not found", status=404)


@routes.on("GET", "/crm/v3/properties/{kind}")
def _properties(world: World, request: Request, kind: str) -> Response:
    _parameters(request, "archived", "properties")
    listed = [described(name, of) for name, of in properties_of(world, kind).items()]
    return json_response(200, {"results": listed})


@routes.on("GET", "/crm/v3/pipelines/{kind}")
def _pipelines(world: World, request: Request, kind: str) -> Response:
    _parameters(request)
    properties_of(world, kind)
    return json_response(200, {"results": world.state["hubspot"]["pipelines"].get(kind, [])})
