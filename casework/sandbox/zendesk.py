"""Zendesk Support: tickets, comments, tags, users and search, as its ticketing API describes them.

Strict where the vendor is lax: a field that the API description does not have is refused with 422, so that a
client's misspelling is found here. Every path also answers with the suffix `.json`, as Zendesk's does.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from casework.sandbox import fields
from casework.sandbox import zendesk_tickets as tickets
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.routing import Routes
from casework.sandbox.zendesk_search import search
from casework.sandbox.zendesk_tickets import refuse

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_PAGE = 100
_IDEMPOTENCY_SECONDS = 2 * 3600


def empty() -> Json:
    """The state of a new account."""
    return {"tickets": {}, "comments": {}, "users": {}, "idempotency": {}}


def answer(world: World, request: Request) -> Response:
    """Zendesk's answer to a request."""
    try:
        _authenticate(world, request)
        found = routes.find(request.method, request.path.removesuffix(".json"))
        if found is None:
            return json_response(404, {"error": "InvalidEndpoint", "description": "Not found"})
        handler, placeholders = found
        return handler(world, request, **placeholders)
    except Refusal as refusal:
        return refusal.response


def _authenticate(world: World, request: Request) -> None:
    credentials = world.state["credentials"]
    expected = f"{credentials['zendesk_email']}/token:{credentials['zendesk_token']}"
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        given = ""
    if scheme.lower() != "basic" or given != expected:
        raise Refusal(json_response(401, {"error": "Couldn't authenticate you"}))


def _body(request: Request, root: str | None = None) -> Json:
    if request.media_type != "application/json":
        raise refuse(415, "Unsupported Media Type", "Content-Type must be application/json")
    try:
        body = json.loads(request.body)
    except ValueError:
        raise refuse(422, "Unprocessable Entity", "Server could not parse JSON") from None
    if root is None and isinstance(body, dict):
        return body
    if not isinstance(body, dict) or set(body) != {root} or not isinstance(body[root], dict):
        raise refuse(400, {"title": "Invalid attribute", "message": f"The body must be an object with {root!r} alone"})
    inner: Json = body[root]
    return inner


def _user(world: World, user_id: str) -> Json:
    user = world.state["zendesk"]["users"].get(user_id)
    if user is None:
        raise refuse(404, "RecordNotFound", "Not found")
    found: Json = user
    return found


@routes.on("GET", "/api/v2/tickets/show_many")
def _show_many(world: World, request: Request) -> Response:
    wanted = (request.parameter("ids") or "").split(",")
    if len(wanted) > _PAGE:
        raise refuse(422, "TooManyValues", f"at most {_PAGE} ids")
    beside = set(filter(None, (request.parameter("include") or "").split(",")))
    if surplus := sorted(beside - {"metric_sets", "slas"}):
        raise refuse(400, {"title": "Invalid attribute", "message": f"include: {surplus[0]} is not known here"})
    known = world.state["zendesk"]["tickets"]
    found = [tickets.shown(known[number]) for number in wanted if number in known]
    told: Json = {"tickets": found, "count": len(found), "next_page": None, "previous_page": None}
    if "metric_sets" in beside:
        told["metric_sets"] = [tickets.metrics(world, one) for one in found]
    if "slas" in beside:
        for one in found:
            one["slas"] = {"policy_metrics": tickets.targets(world, one)}
    return json_response(200, told)


@routes.on("GET", "/api/v2/tickets/{ticket_id}")
def _show(world: World, _request: Request, ticket_id: str) -> Response:
    return json_response(200, {"ticket": tickets.shown(tickets.ticket(world, ticket_id))})


@routes.on("PUT", "/api/v2/tickets/{ticket_id}")
def _update(world: World, request: Request, ticket_id: str) -> Response:
    found = tickets.ticket(world, ticket_id)
    changes = _body(request, "ticket")
    audit = tickets.update(world, found, changes, author_id=_robot(world))
    return json_response(200, {"ticket": tickets.shown(found), "audit": audit})


@routes.on("POST", "/api/v2/tickets")
def _create(world: World, request: Request) -> Response:
    given = _body(request, "ticket")
    key = request.headers.get("idempotency-key")
    if key is None:
        created = tickets.create(world, given, author_id=_robot(world))
        return json_response(201, {"ticket": tickets.shown(created)})
    if not 0 < len(key) <= 255:
        raise refuse(400, "IdempotentRequestError", "The idempotency key must have 1 to 255 characters")
    kept: Json = world.state["zendesk"]["idempotency"]
    now = world.now().timestamp()
    earlier = kept.get(key)
    if earlier is not None and now - earlier["at"] < _IDEMPOTENCY_SECONDS:
        if earlier["fields"] != given:
            message = "Request parameters don't match the given idempotency key"
            raise refuse(400, "IdempotentRequestError", message)
        return json_response(201, earlier["answer"], {"x-idempotency-lookup": "hit"})
    result = {"ticket": tickets.shown(tickets.create(world, given, author_id=_robot(world)))}
    kept[key] = {"at": now, "fields": given, "answer": result}
    return json_response(201, result, {"x-idempotency-lookup": "miss"})


@routes.on("GET", "/api/v2/tickets/{ticket_id}/comments")
def _comments(world: World, request: Request, ticket_id: str) -> Response:
    number = tickets.ticket(world, ticket_id)["id"]
    comments: list[Json] = list(world.state["zendesk"]["comments"][str(number)])
    order = request.parameter("sort_order") or "asc"
    if order not in ("asc", "desc"):
        raise refuse(400, {"title": "Invalid attribute", "message": "sort_order must be asc or desc"})
    if order == "desc":
        comments.reverse()
    return json_response(200, page(request, "comments", comments))


@routes.on("GET", "/api/v2/tickets/{ticket_id}/tags")
def _tags(world: World, _request: Request, ticket_id: str) -> Response:
    return json_response(200, {"tags": tickets.ticket(world, ticket_id)["tags"]})


def _change_tags(world: World, request: Request, ticket_id: str, how: str) -> Response:
    found = tickets.ticket(world, ticket_id)
    changes = dict(_body(request))
    if "tags" not in changes:
        raise refuse(400, {"title": "Invalid attribute", "message": "tags is required"})
    if isinstance(changes.get("safe_update"), str):
        changes["safe_update"] = changes["safe_update"] == "true"
    if how != "set":
        changes[{"add": "additional_tags", "remove": "remove_tags"}[how]] = changes.pop("tags")
    allowed = {"tags", "additional_tags", "remove_tags", "safe_update", "updated_stamp"}
    if surplus := sorted(set(changes) - allowed):
        raise tickets.invalid(surplus, "is not an attribute of this request")
    tickets.update(world, found, changes, author_id=_robot(world), tag_route=True)
    return json_response(201 if how == "set" else 200, {"tags": found["tags"]})


@routes.on("POST", "/api/v2/tickets/{ticket_id}/tags")
def _set_tags(world: World, request: Request, ticket_id: str) -> Response:
    return _change_tags(world, request, ticket_id, "set")


@routes.on("PUT", "/api/v2/tickets/{ticket_id}/tags")
def _add_tags(world: World, request: Request, ticket_id: str) -> Response:
    return _change_tags(world, request, ticket_id, "add")


@routes.on("DELETE", "/api/v2/tickets/{ticket_id}/tags")
def _remove_tags(world: World, request: Request, ticket_id: str) -> Response:
    return _change_tags(world, request, ticket_id, "remove")


@routes.on("GET", "/api/v2/tickets/{ticket_id}/followers")
def _followers(world: World, _request: Request, ticket_id: str) -> Response:
    found = tickets.ticket(world, ticket_id)
    return json_response(200, {"users": [_user(world, str(number)) for number in found["follower_ids"]]})


@routes.on("GET", "/api/v2/tickets/{ticket_id}/email_ccs")
def _email_ccs(world: World, _request: Request, ticket_id: str) -> Response:
    found = tickets.ticket(world, ticket_id)
    return json_response(200, {"users": [_user(world, str(number)) for number in found["email_cc_ids"]]})


@routes.on("GET", "/api/v2/users/me")
def _me(world: World, _request: Request) -> Response:
    return json_response(200, {"user": _user(world, str(_robot(world)))})


_USER = {
    "name": fields.text,
    "email": fields.text,
    "role": fields.one_of("end-user", "agent", "admin"),
    "skip_verify_email": fields.flag,
}


@routes.on("POST", "/api/v2/users/create_or_update")
def _add_user(world: World, request: Request) -> Response:
    given = _body(request, "user")
    if surplus := fields.unknown(given, _USER):
        raise tickets.invalid(surplus, "is not an attribute of this record")
    if wrong := fields.ill_typed(given, _USER):
        raise refuse(400, {"title": "Invalid attribute", "message": f"You passed an invalid value for {wrong[0]}."})
    if missing := [name for name in ("name", "email") if not given.get(name)]:
        raise tickets.invalid(missing, "cannot be blank")
    users: list[Json] = list(world.state["zendesk"]["users"].values())
    known = next((user for user in users if (user["email"] or "").lower() == given["email"].lower()), None)
    if known is not None:
        known["name"] = given["name"]
        return json_response(200, {"user": known})
    made = tickets.add_user(world, given["email"], given["name"], given.get("role", "end-user"))
    return json_response(201, {"user": made})


@routes.on("GET", "/api/v2/users/search")
def _search_users(world: World, request: Request) -> Response:
    query, external_id = request.parameter("query"), request.parameter("external_id")
    if (query is None) == (external_id is None):
        raise refuse(400, {"title": "Invalid attribute", "message": "Send either query or external_id"})
    users: list[Json] = list(world.state["zendesk"]["users"].values())
    if external_id is not None:
        found = [user for user in users if user["external_id"] == external_id]
    else:
        words = (query or "").removeprefix("email:").strip('"').lower()
        found = [u for u in users if words and (words in (u["email"] or "").lower() or words in u["name"].lower())]
    return json_response(200, page(request, "users", found))


@routes.on("GET", "/api/v2/users/{user_id}")
def _show_user(world: World, _request: Request, user_id: str) -> Response:
    return json_response(200, {"user": _user(world, user_id)})


@routes.on("GET", "/api/v2/search")
def _search(world: World, request: Request) -> Response:
    return json_response(200, page(request, "results", search(world, request)))


def page(request: Request, name: str, items: list[Json]) -> dict[str, Any]:
    """One page of a list: by cursor when the request has `page[size]`, else by page number (100 a page).

    Links keep the request's other parameters and start with the address it came to.
    """
    others = [(key, value) for key, value in request.query if not key.startswith("page") and key != "per_page"]

    def link(**paging: str) -> str:
        query = "&".join(f"{key}={value}" for key, value in [*others, *paging.items()])
        return f"{request.base}{request.path}?{query.replace(' ', '%20')}"

    size = request.parameter("page[size]")
    if size is not None:
        length, start = _number(size, _PAGE), _number(request.parameter("page[after]") or "0", None)
        end = start + length
        more = end < len(items)
        following = link(**{"page[size]": str(length), "page[after]": str(end)}) if more else None
        return {
            name: items[start:end],
            "meta": {"has_more": more, "after_cursor": str(end) if more else None, "before_cursor": None},
            "links": {"next": following, "prev": None},
        }
    length = _number(request.parameter("per_page") or str(_PAGE), _PAGE)
    current = max(1, _number(request.parameter("page") or "1", None))
    end = current * length
    return {
        name: items[end - length : end],
        "count": len(items),
        "next_page": link(page=str(current + 1), per_page=str(length)) if end < len(items) else None,
        "previous_page": link(page=str(current - 1), per_page=str(length)) if current > 1 else None,
    }


def _number(given: str, most: int | None) -> int:
    if not given.isdigit() or (most is not None and int(given) < 1):
        raise refuse(400, {"title": "Invalid attribute", "message": "Paging parameters must be positive integers"})
    return int(given) if most is None else min(int(given), most)


def _robot(world: World) -> int:
    email = world.state["credentials"]["zendesk_email"]
    for user in world.state["zendesk"]["users"].values():
        if user["email"] == email:
            number: int = user["id"]
            return number
    raise refuse(403, "Forbidden", "The user of this token has no agent; seed the world first")
