"""Intercom's REST API 2.14: one workspace behind the access token of a private app.

Strict where the vendor is lax: the version must be asked for, and a field that the API description does not have is
refused, so that a client's misspelling is found here. Requests are counted in slices of ten seconds, and enforced where
`limits.enforced` says so, because tests' clocks stand still.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from casework.sandbox import fields, intercom_records, intercom_search
from casework.sandbox import intercom_records as records
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.intercom_problem import Problem
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_VERSION, _SLICE, _PAGE = "2.14", 10, 150
_ONE = "/conversations/{conversation}"
_id = fields.matching(r"[0-9]{1,20}")
_CONTACT: dict[str, fields.Check] = {
    "role": fields.one_of("user", "lead"),
    "external_id": fields.text,
    "email": fields.matching(r"[^@\s]+@[^@\s]+"),
    "phone": fields.nullable(fields.text),
    "name": fields.nullable(fields.text),
    "signed_up_at": fields.nullable(fields.whole),
    "owner_id": fields.nullable(fields.whole),
    "custom_attributes": fields.nullable(fields.mapping),
}
_REPLY: dict[str, fields.Check] = {
    "message_type": fields.one_of("comment", "note"),
    "type": fields.one_of("admin"),
    "admin_id": _id,
    "body": fields.text,
}
_MANAGE: dict[str, dict[str, fields.Check]] = {
    "close": {"type": fields.one_of("admin"), "admin_id": _id, "body": fields.text},
    "snoozed": {"admin_id": _id, "snoozed_until": fields.whole},
    "open": {"admin_id": _id},
    "assignment": {"type": fields.one_of("admin", "team"), "admin_id": _id, "assignee_id": _id, "body": fields.text},
}


def empty() -> Json:
    """The state of a new workspace."""
    return intercom_records.empty()


def answer(world: World, request: Request) -> Response:
    """The workspace's answer to a request."""
    try:
        if request.headers.get("authorization") != f"Bearer {world.state['credentials']['intercom_token']}":
            raise Problem(401, "unauthorized", "Access Token Invalid")
        _count(world)
        if request.headers.get("intercom-version") != _VERSION:
            raise Problem(400, "intercom_version_invalid", "The requested version could not be found")
        found = routes.find(request.method, request.path)
        if found is None:
            raise Problem(404, "not_found", "The requested resource does not exist")
        handler, placeholders = found
        response = handler(world, request, **placeholders)
    except Problem as problem:
        response = problem.refusal(world.next_number("intercom.request")).response
    except Refusal as refusal:
        response = refusal.response
    return Response(response.status, {**response.headers, **_limits(world)}, response.body)


# -- limits


def _count(world: World) -> None:
    account, slice_ = world.state["intercom"], records.now(world) // _SLICE
    account["asked"] = [one for one in account["asked"] if one == slice_] + [slice_]
    limits = account["limits"]
    if limits["enforced"] and len(account["asked"]) > limits["slice"]:
        raise Problem(429, "rate_limit_exceeded", "You have exceeded the rate limit")


def _limits(world: World) -> dict[str, str]:
    account, slice_ = world.state["intercom"], records.now(world) // _SLICE
    used = sum(one == slice_ for one in account["asked"])
    return {
        "X-RateLimit-Limit": str(account["limits"]["slice"]),
        "X-RateLimit-Remaining": str(max(0, account["limits"]["slice"] - used)),
        "X-RateLimit-Reset": str((slice_ + 1) * _SLICE),
    }


# -- asking


def _parameters(request: Request, *known: str) -> None:
    if surplus := sorted({name for name, _ in request.query} - set(known)):
        raise Problem(400, "parameter_invalid", f"The query parameter {surplus[0]!r} is unknown here")


def _body(request: Request) -> Json:
    if request.media_type != "application/json":
        raise Problem(415, "media_type_not_acceptable", "The Content-Type header must be application/json")
    try:
        given = json.loads(request.body)
    except ValueError:
        raise Problem(400, "bad_request", "bad 'null' parameter: the body is no JSON") from None
    if not isinstance(given, dict):
        raise Problem(400, "bad_request", "bad parameter: the body must be an object")
    return given


def _checked(given: Json, allowed: dict[str, fields.Check], *required: str) -> Json:
    if surplus := fields.unknown(given, allowed):
        raise Problem(400, "parameter_invalid", f"{surplus[0]} is not a parameter of this request")
    if missing := sorted(set(required) - set(given)):
        raise Problem(400, "parameter_not_found", f"{missing[0]} is required")
    if wrong := fields.ill_typed(given, allowed):
        raise Problem(400, "parameter_invalid", f"{wrong[0]} is invalid")
    return given


def _admin(world: World, admin_id: str) -> Json:
    return records.find(world, "admins", admin_id, "Admin not found")


def _whole(world: World, conversation: Json, *, plain: bool = False) -> Response:
    return json_response(200, records.shown(world, conversation, parts=conversation["parts"], plain=plain))


def _size(request: Request) -> tuple[int, int]:
    size, after = request.parameter("per_page") or "20", request.parameter("starting_after") or "0"
    if not size.isdecimal() or not 0 < int(size) <= _PAGE or not after.isdecimal():
        raise Problem(400, "parameter_invalid", f"per_page: from 1 to {_PAGE}; starting_after: the cursor of a page")
    return int(size), int(after)


# -- conversations


@routes.on("GET", "/conversations")
def _list(world: World, request: Request) -> Response:
    _parameters(request, "per_page", "starting_after")
    stored = sorted(world.state["intercom"]["conversations"].values(), key=lambda one: one["updated_at"], reverse=True)
    listed, pages, total = intercom_search.page([one for one in stored if not one.get("archived")], *_size(request))
    return json_response(200, _conversations(world, listed, pages, total))


@routes.on("POST", "/conversations/search")
def _search(world: World, request: Request) -> Response:
    asked = _checked(_body(request), {"query": fields.mapping, "pagination": fields.nullable(fields.mapping)}, "query")
    return json_response(200, _conversations(world, *intercom_search.search(world, "conversations", asked)))


def _conversations(world: World, listed: list[Json], pages: Json, total: int) -> Json:
    shown = [records.shown(world, one) for one in listed]
    return {"type": "conversation.list", "conversations": shown, "total_count": total, "pages": pages}


@routes.on("POST", "/conversations")
def _open(world: World, request: Request) -> Response:
    allowed: dict[str, fields.Check] = {
        "from": fields.mapping,
        "body": fields.text,
        "subject": fields.text,
        "created_at": fields.whole,
    }
    given = _checked(_body(request), allowed, "from", "body")
    kind = fields.one_of("lead", "user", "contact")
    sender = _checked(given["from"], {"type": kind, "id": fields.text}, "type", "id")
    contact = records.find(world, "contacts", sender["id"], "User Not Found")
    if sender["type"] not in ("contact", contact["role"]):
        raise Problem(404, "not_found", "User Not Found")
    if not given["body"].strip():
        raise Problem(400, "parameter_invalid", "body: must not be blank")
    made = records.add_conversation(world, contact, given["body"], subject=given.get("subject", ""))
    told = {
        "type": "user_message",
        "id": made["source"]["id"],
        "created_at": made["created_at"],
        "body": made["source"]["body"],
        "message_type": "inapp",
        "conversation_id": made["id"],
    }
    return json_response(200, told)


@routes.on("GET", _ONE)
def _read(world: World, request: Request, conversation: str) -> Response:
    _parameters(request, "display_as")
    how = request.parameter("display_as")
    if how not in (None, "plaintext"):
        raise Problem(400, "parameter_invalid", "display_as: plaintext or nothing")
    return _whole(world, records.find(world, "conversations", conversation), plain=how == "plaintext")


@routes.on("PUT", _ONE)
def _update(world: World, request: Request, conversation: str) -> Response:
    _parameters(request, "display_as")
    found = records.find(world, "conversations", conversation)
    given = _checked(_body(request), {"read": fields.flag, "custom_attributes": fields.mapping})
    found["read"] = given.get("read", found["read"])
    if "custom_attributes" in given:
        records.set_attributes(world, found, given["custom_attributes"])
    return _whole(world, found)


@routes.on("POST", f"{_ONE}/reply")
def _reply(world: World, request: Request, conversation: str) -> Response:
    found = records.find(world, "conversations", conversation)
    given = _checked(_body(request), _REPLY, "message_type", "type", "admin_id", "body")
    if not given["body"].strip():
        raise Problem(400, "parameter_invalid", "body: must not be blank")
    records.add_part(world, found, given["message_type"], "admin", _admin(world, given["admin_id"]), given["body"])
    return _whole(world, found)


@routes.on("POST", f"{_ONE}/parts")
def _manage(world: World, request: Request, conversation: str) -> Response:
    found = records.find(world, "conversations", conversation)
    given = _body(request)
    kind = given.pop("message_type", None)
    if kind not in _MANAGE:
        raise Problem(400, "parameter_invalid", "message_type is invalid")
    _checked(given, _MANAGE[kind], *(set(_MANAGE[kind]) - {"body"}))
    admin = _admin(world, given["admin_id"])
    if kind == "assignment":
        records.assign(world, found, admin, given["type"], given["assignee_id"])
        return _whole(world, found)
    if kind == "snoozed" and given["snoozed_until"] <= records.now(world):
        raise Problem(400, "parameter_invalid", "snoozed_until: must be in the future")
    records.add_part(world, found, kind, "admin", admin, given.get("body"))
    found["snoozed_until"] = given.get("snoozed_until")
    return _whole(world, found)


@routes.on("POST", f"{_ONE}/customers")
def _join(world: World, request: Request, conversation: str) -> Response:
    found = records.find(world, "conversations", conversation)
    given = _checked(_body(request), {"admin_id": _id, "customer": fields.mapping}, "admin_id", "customer")
    names = ("intercom_user_id", "user_id", "email")
    who = _checked(given["customer"], dict.fromkeys(names, fields.text))
    if len(who) != 1:
        raise Problem(400, "parameter_invalid", f"customer: one of {', '.join(names)}")
    records.join(world, found, _admin(world, given["admin_id"]), _customer(world, *who.items()))
    return _whole(world, found)


def _customer(world: World, given: tuple[str, str]) -> Json:
    name, value = given
    if name == "intercom_user_id":
        return records.find(world, "contacts", value, "User Not Found")
    by = "external_id" if name == "user_id" else "email"
    known = [one for one in world.state["intercom"]["contacts"].values() if not one.get("archived")]
    found = next((one for one in known if one[by] == value), None)
    if found is None and by == "external_id":
        raise Problem(404, "not_found", "User Not Found")
    return found or records.add_contact(world, {"role": "lead", "email": value})


@routes.on("POST", f"{_ONE}/tags")
def _tag(world: World, request: Request, conversation: str) -> Response:
    found = records.find(world, "conversations", conversation, "Conversation not found")
    given = _checked(_body(request), {"id": _id, "admin_id": _id}, "id", "admin_id")
    return json_response(200, records.tag(world, found, _admin(world, given["admin_id"]), given["id"]))


@routes.on("DELETE", f"{_ONE}/tags/{{tag}}")
def _untag(world: World, request: Request, conversation: str, tag: str) -> Response:
    found = records.find(world, "conversations", conversation, "Conversation not found")
    _admin(world, _checked(_body(request), {"admin_id": _id}, "admin_id")["admin_id"])
    return json_response(200, records.untag(world, found, tag))


# -- contacts


@routes.on("POST", "/contacts")
def _create_contact(world: World, request: Request) -> Response:
    given = _checked(_body(request), _CONTACT)
    if not {"role", "email", "external_id"} & set(given):
        raise Problem(400, "parameter_not_found", "role, email or external_id is required")
    return json_response(200, _contact(records.add_contact(world, given)))


@routes.on("POST", "/contacts/search")
def _search_contacts(world: World, request: Request) -> Response:
    asked = _checked(_body(request), {"query": fields.mapping, "pagination": fields.nullable(fields.mapping)}, "query")
    listed, pages, total = intercom_search.search(world, "contacts", asked)
    shown = [_contact(one) for one in listed]
    return json_response(200, {"type": "list", "data": shown, "total_count": total, "pages": pages})


@routes.on("GET", "/contacts/find_by_external_id/{external_id}")
def _by_external_id(world: World, _request: Request, external_id: str) -> Response:
    for one in world.state["intercom"]["contacts"].values():
        if one["external_id"] == external_id and not one.get("archived"):
            return json_response(200, _contact(one))
    raise Problem(404, "not_found", "User Not Found")


@routes.on("GET", "/contacts/{contact}")
def _read_contact(world: World, _request: Request, contact: str) -> Response:
    return json_response(200, _contact(records.find(world, "contacts", contact, "User Not Found")))


@routes.on("PUT", "/contacts/{contact}")
def _edit_contact(world: World, request: Request, contact: str) -> Response:
    found = records.find(world, "contacts", contact, "User Not Found")
    return json_response(200, _contact(records.edit_contact(world, found, _checked(_body(request), _CONTACT))))


def _contact(stored: Json) -> Json:
    at = f"/contacts/{stored['id']}"
    nothing: Json = {"type": "list", "data": [], "total_count": 0, "has_more": False}
    lists = {name: {**nothing, "url": f"{at}/{name}"} for name in ("tags", "notes", "companies")}
    return {name: value for name, value in stored.items() if name != "archived"} | lists


# -- colleagues and tags


@routes.on("GET", "/me")
def _me(world: World, _request: Request) -> Response:
    account = world.state["intercom"]
    app: Any = {"type": "app", "id_code": records.APP, "name": "Sandbox", "region": "EU", "timezone": "Europe/Berlin"}
    own = {name: value for name, value in account["admins"][account["me"]].items() if name != "avatar"}
    avatar = {"type": "avatar", "image_url": None}
    return json_response(200, {**own, "email_verified": True, "app": app, "avatar": avatar})


@routes.on("GET", "/admins")
def _admins(world: World, _request: Request) -> Response:
    return json_response(200, {"type": "admin.list", "admins": list(world.state["intercom"]["admins"].values())})


@routes.on("GET", "/admins/{admin}")
def _read_admin(world: World, _request: Request, admin: str) -> Response:
    return json_response(200, _admin(world, admin))


@routes.on("GET", "/teams")
def _teams(world: World, _request: Request) -> Response:
    return json_response(200, {"type": "team.list", "teams": list(world.state["intercom"]["teams"].values())})


@routes.on("GET", "/teams/{team}")
def _read_team(world: World, _request: Request, team: str) -> Response:
    return json_response(200, records.find(world, "teams", team, "Team not found"))


@routes.on("GET", "/tags")
def _tags(world: World, _request: Request) -> Response:
    return json_response(200, {"type": "list", "data": list(world.state["intercom"]["tags"].values())})


@routes.on("POST", "/tags")
def _make_tag(world: World, request: Request) -> Response:
    name = _checked(_body(request), {"name": fields.matching(r"\S.*")}, "name")["name"]
    return json_response(200, records.make_tag(world, name))
