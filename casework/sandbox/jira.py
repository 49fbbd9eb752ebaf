"""Jira Cloud: the platform API (v3) and, below `/rest/servicedeskapi`, service management.

Basic authentication with an address and a token. An unknown route, parameter or field is refused, where Jira
itself would pass over some: a typing error must not go unnoticed here.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from casework.sandbox import jira_desk, jira_fields, jira_issues, jira_query
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.jira_fields import body_of, refuse
from casework.sandbox.jira_issues import ROBOT
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_API = "/rest/api/3"
_ISSUE = "/rest/api/3/issue/{issue}"
_DONE = Response(204, {}, b"")


def empty() -> Json:
    """The state of a new site."""
    return jira_issues.empty()


def answer(world: World, request: Request) -> Response:
    """Jira's answer to a request; what its own rules were put down to do is done before."""
    jira_issues.run_rules(world)
    table = jira_desk.routes if request.path.startswith("/rest/servicedeskapi") else routes
    try:
        known = world.state["credentials"]
        pair = f"{known['jira_email']}:{known['jira_token']}".encode()
        if request.headers.get("authorization") != "Basic " + base64.b64encode(pair).decode():
            raise refuse(401, "Client must be authenticated to access this resource.")
        found = table.find(request.method, request.path)
        if found is None:
            raise refuse(404, f"null for uri: {request.path}")
        handler, placeholders = found
        return handler(world, request, **placeholders)
    except Refusal as refusal:
        return jira_desk.worded(refusal.response) if table is jira_desk.routes else refusal.response


def _query(request: Request, *known: str) -> None:
    if surplus := sorted({name for name, _ in request.query} - set(known)):
        raise refuse(400, f"The query parameter '{surplus[0]}' is unknown.")


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.parameter(name) or str(default)
    if not text.isdigit() or int(text) > most:
        raise refuse(400, f"The value of '{name}' is not a number from 0 to {most}.")
    return int(text)


def _fields(request: Request) -> list[str]:
    asked = [name for key, value in request.query if key == "fields" for name in value.split(",") if name]
    return asked or ["*all"]


@routes.on("GET", f"{_API}/myself")
def _myself(world: World, request: Request) -> Response:
    _query(request, "expand")
    return json_response(200, jira_fields.user(world, ROBOT))


@routes.on("GET", f"{_API}/field")
def _field_list(world: World, request: Request) -> Response:
    _query(request)
    system = [
        {"id": name, "key": name, "name": name.capitalize(), "custom": False, "searchable": True, "clauseNames": [name]}
        for name in (*jira_fields.SYSTEM, *jira_fields.READ_ONLY)
    ]
    custom = [
        {"id": name, "key": name, "name": one["name"], "custom": True, "searchable": True,
         "clauseNames": [f"cf[{name.removeprefix('customfield_')}]", one["name"]]}
        for name, one in world.state["jira"]["fields"].items()
    ]  # fmt: skip
    return json_response(200, [*system, *custom])


@routes.on("GET", f"{_API}/user")
def _user(world: World, request: Request) -> Response:
    _query(request, "accountId", "expand")
    account = request.parameter("accountId")
    if account is None:
        raise refuse(400, "Either the accountId or username query parameter must be provided")
    if account not in world.state["jira"]["users"]:
        raise refuse(404, "Specified user does not exist or you do not have required permissions")
    return json_response(200, jira_fields.user(world, account))


def _people(world: World, request: Request, accounts: list[str]) -> Response:
    """Users by the beginning of a word of their name or of their address; cut first, filtered then, as Jira does."""
    start, size = _number(request, "startAt", 0, 10**6), _number(request, "maxResults", 50, 1000)
    query = (request.parameter("query") or "").lower()
    users = [world.state["jira"]["users"][account] for account in sorted(accounts)]
    met = [
        one
        for one in users[start : start + size]
        if one["active"]
        and (
            (one.get("emailAddress") or "").lower().startswith(query)
            or any(word.startswith(query) for word in one["displayName"].lower().split())
        )
    ]
    return json_response(200, [jira_fields.user(world, one["accountId"]) for one in met])


@routes.on("GET", f"{_API}/user/search")
def _user_search(world: World, request: Request) -> Response:
    _query(request, "query", "startAt", "maxResults")
    if not request.parameter("query"):
        raise refuse(400, "Either the query or the accountId parameter must be provided")
    return _people(world, request, list(world.state["jira"]["users"]))


@routes.on("GET", f"{_API}/user/assignable/search")
def _assignable(world: World, request: Request) -> Response:
    _query(request, "query", "project", "issueKey", "startAt", "maxResults")
    key, issue = request.parameter("project"), request.parameter("issueKey")
    if (key is None) == (issue is None):
        raise refuse(400, "Either the project or the issueKey parameter must be provided")
    if issue is not None:
        key = jira_issues.issue(world, issue)["fields"]["project"]
    if key not in world.state["jira"]["projects"]:
        raise refuse(404, f"No project could be found with key '{key}'.")
    return _people(world, request, world.state["jira"]["projects"][key]["agents"])


@routes.on("POST", f"{_API}/issue")
def _create(world: World, request: Request) -> Response:
    _query(request, "updateHistory")
    given = body_of(request, "fields", "update")
    fields, update = given.get("fields"), given.get("update", {})
    if not isinstance(fields, dict) or not isinstance(update, dict):
        raise refuse(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    if surplus := sorted(set(update) - {"issuelinks"}):
        raise refuse(400, **{surplus[0]: "Field cannot be set. It is not on the appropriate screen, or unknown."})
    links = [_link_wanted(one) for one in update.get("issuelinks", [])]
    made = jira_issues.create(world, fields, links, by=ROBOT)
    self_ = f"{request.base}{_API}/issue/{made['id']}"
    return json_response(201, {"id": made["id"], "key": made["key"], "self": self_})


def _link_wanted(operation: Any) -> tuple[str, str]:
    added = operation.get("add") if isinstance(operation, dict) and set(operation) == {"add"} else None
    if not isinstance(added, dict) or len(set(added) & {"inwardIssue", "outwardIssue"}) != 1:
        raise refuse(400, issuelinks="expected {'add': {'type': …, 'outwardIssue': …}}")
    _relates(added)
    direction = "outwardIssue" if "outwardIssue" in added else "inwardIssue"
    return direction, str(added[direction].get("key"))


def _relates(given: Json) -> None:
    name = given["type"].get("name") if isinstance(given.get("type"), dict) else None
    if name != jira_issues.RELATES["name"]:
        raise refuse(404, f"No issue link type with name '{name}' found.")


@routes.on("GET", _ISSUE)
def _issue(world: World, request: Request, issue: str) -> Response:
    _query(request, "fields", "expand", "properties", "updateHistory", "fieldsByKeys", "failFast")
    found = jira_issues.issue(world, issue)
    return json_response(200, jira_issues.shown(world, found, _fields(request)))


@routes.on("PUT", _ISSUE)
def _edit(world: World, request: Request, issue: str) -> Response:
    _query(request, "notifyUsers", "returnIssue")
    found = jira_issues.issue(world, issue)
    given = body_of(request, "fields", "update")
    if given.get("update"):
        raise refuse(400, "Only whole fields can be set here: 'update' is not understood.")
    if not isinstance(given.get("fields"), dict) or not given["fields"]:
        raise refuse(400, "one of 'fields' or 'update' required")
    jira_issues.edit(world, found, given["fields"], by=ROBOT)
    if request.parameter("returnIssue") == "true":
        return json_response(200, jira_issues.shown(world, found, ["*all"]))
    return _DONE


@routes.on("PUT", f"{_ISSUE}/assignee")
def _assign(world: World, request: Request, issue: str) -> Response:
    _query(request)
    jira_issues.edit(world, jira_issues.issue(world, issue), {"assignee": body_of(request, "accountId")}, by=ROBOT)
    return _DONE


@routes.on("GET", f"{_ISSUE}/editmeta")
def _editmeta(world: World, request: Request, issue: str) -> Response:
    _query(request)
    jira = world.state["jira"]
    of = jira["projects"][jira_issues.issue(world, issue)["fields"]["project"]]
    metas = {}
    for name in jira_fields.on_screen(of):
        custom = jira["fields"].get(name)
        meta: Json = {
            "key": name,
            "name": custom["name"] if custom else name.capitalize(),
            "required": name == "summary",
            "operations": ["set"],
            "schema": {"type": jira_fields.kind_of(world, name)},
        }
        if name == "components":
            meta["allowedValues"] = [{"id": number, "name": known} for known, number in of["components"].items()]
        if custom and custom["kind"] == "option":
            meta["allowedValues"] = [{"id": number, "value": known} for known, number in custom["options"].items()]
        metas[name] = meta
    return json_response(200, {"fields": metas})


@routes.on("GET", f"{_ISSUE}/transitions")
def _transitions(world: World, request: Request, issue: str) -> Response:
    _query(request, "expand", "transitionId", "sortByOpsBarAndStatus")
    ways = jira_issues.transitions(world, jira_issues.issue(world, issue))
    listed = [
        {"id": one["id"], "name": one["name"], "to": jira_fields.status(world, one["to"]), "isAvailable": True,
         "isGlobal": False, "isInitial": False, "isConditional": False, "hasScreen": False, "looped": False}
        for one in ways
    ]  # fmt: skip
    return json_response(200, {"expand": "transitions", "transitions": listed})


@routes.on("POST", f"{_ISSUE}/transitions")
def _transit(world: World, request: Request, issue: str) -> Response:
    _query(request)
    found = jira_issues.issue(world, issue)
    given = body_of(request, "transition", "fields")
    wanted = given.get("transition")
    number = wanted.get("id") if isinstance(wanted, dict) else None
    if not isinstance(number, str):
        raise refuse(400, "Missing 'transition' identifier")
    jira_issues.transit(world, found, number, given.get("fields", {}), by=ROBOT)
    return _DONE


@routes.on("GET", f"{_ISSUE}/comment")
def _comments(world: World, request: Request, issue: str) -> Response:
    _query(request, "startAt", "maxResults", "orderBy", "expand")
    found = jira_issues.issue(world, issue)
    start, size = _number(request, "startAt", 0, 10**6), _number(request, "maxResults", 5000, 5000)
    order = request.parameter("orderBy") or "created"
    if order not in ("created", "+created", "-created"):
        raise refuse(400, "orderBy: created, +created or -created")
    made = world.state["jira"]["comments"][found["key"]]
    made = made[::-1] if order == "-created" else made
    page = [jira_issues.shown_comment(world, found, one) for one in made[start : start + size]]
    return json_response(200, {"startAt": start, "maxResults": size, "total": len(made), "comments": page})


@routes.on("POST", f"{_ISSUE}/comment")
def _comment(world: World, request: Request, issue: str) -> Response:
    _query(request, "expand")
    found = jira_issues.issue(world, issue)
    given = body_of(request, "body", "properties")
    public = True
    for one in given.get("properties", []):
        if not isinstance(one, dict) or set(one) != {"key", "value"}:
            raise refuse(400, "A property has a key and a value.")
        if one["key"] == "sd.public.comment":
            if not isinstance(one["value"], dict) or not isinstance(one["value"].get("internal"), bool):
                raise refuse(400, 'sd.public.comment has the value {"internal": true} or {"internal": false}.')
            public = not one["value"]["internal"]
    made = jira_issues.comment(world, found, given.get("body") or {}, public=public, by=ROBOT)
    return json_response(201, jira_issues.shown_comment(world, found, made))


@routes.on("GET", f"{_ISSUE}/changelog")
def _changelog(world: World, request: Request, issue: str) -> Response:
    _query(request, "startAt", "maxResults")
    found = jira_issues.issue(world, issue)
    start, size = _number(request, "startAt", 0, 10**6), _number(request, "maxResults", 100, 100)
    every = _histories(world, found)
    page = every[start : start + size]
    last = start + size >= len(every)
    return json_response(
        200, {"startAt": start, "maxResults": size, "total": len(every), "isLast": last, "values": page}
    )


def _histories(world: World, found: Json) -> list[Json]:
    kept = world.state["jira"]["histories"][found["key"]]
    return [{**one, "author": jira_fields.user(world, one["author"])} for one in kept]


@routes.on("GET", f"{_ISSUE}/properties/{{name}}")
def _property(world: World, request: Request, issue: str, name: str) -> Response:
    _query(request)
    kept = world.state["jira"]["properties"][jira_issues.issue(world, issue)["key"]]
    if name not in kept:
        raise refuse(404, f"The property {name} does not exist.")
    return json_response(200, {"key": name, "value": kept[name]})


@routes.on("PUT", f"{_ISSUE}/properties/{{name}}")
def _set_property(world: World, request: Request, issue: str, name: str) -> Response:
    _query(request)
    kept = world.state["jira"]["properties"][jira_issues.issue(world, issue)["key"]]
    try:
        value = json.loads(request.body)
    except ValueError:
        raise refuse(400, "The value of a property has to be valid JSON.") from None
    status = 200 if name in kept else 201
    kept[name] = value
    return json_response(status, {})


@routes.on("POST", f"{_API}/issueLink")
def _link(world: World, request: Request) -> Response:
    _query(request)
    given = body_of(request, "type", "inwardIssue", "outwardIssue")
    _relates(given)
    ends = [given.get(name) for name in ("inwardIssue", "outwardIssue")]
    if not all(isinstance(one, dict) and isinstance(one.get("key"), str) for one in ends):
        raise refuse(400, "inwardIssue and outwardIssue have a key each")
    source, target = (jira_issues.issue(world, one["key"]) for one in ends if one)
    jira_issues.link(world, source, target)
    return Response(201, {}, b"")


@routes.on("POST", f"{_API}/search/jql")
def _search(world: World, request: Request) -> Response:
    _query(request)
    given = body_of(request, "jql", "fields", "maxResults", "nextPageToken", "expand", "fieldsByKeys", "properties")
    names, size = given.get("fields", []), given.get("maxResults", 50)
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise refuse(400, "fields: an array of strings")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= 5000:
        raise refuse(400, "maxResults: from 1 to 5000")
    return _found(world, given.get("jql"), names, size, given.get("nextPageToken"), given.get("expand"))


@routes.on("GET", f"{_API}/search/jql")
def _search_get(world: World, request: Request) -> Response:
    _query(request, "jql", "fields", "maxResults", "nextPageToken", "expand", "fieldsByKeys", "properties", "failFast")
    names = _fields(request) if request.parameter("fields") else []
    size = _number(request, "maxResults", 50, 5000)
    token, expand = request.parameter("nextPageToken"), request.parameter("expand")
    return _found(world, request.parameter("jql"), names, size, token, expand)


def _found(world: World, jql: Any, names: list[str], size: int, token: str | None, expand: str | None) -> Response:
    if not isinstance(jql, str):
        raise refuse(400, "jql: a string is required")
    found = jira_query.find(world, jql)
    start = 0
    if token is not None:
        asked, _, at = base64.b64decode(token.encode()).decode(errors="replace").rpartition("|")
        if asked != jql or not at.isdigit():
            raise refuse(400, "Invalid value for parameter 'nextPageToken'.")
        start = int(at)
    end = start + size
    answered: Json = {"isLast": end >= len(found)}
    answered["issues"] = [_result(world, one, names, expand) for one in found[start:end]]
    if end < len(found):
        answered["nextPageToken"] = base64.b64encode(f"{jql}|{end}".encode()).decode()
    return json_response(200, answered)


def _result(world: World, found: Json, names: list[str], expand: str | None) -> Json:
    if not names:
        return {"id": found["id"]}
    record = jira_issues.shown(world, found, names)
    if "changelog" in (expand or "").split(","):
        histories = _histories(world, found)[::-1]
        record["changelog"] = {"startAt": 0, "maxResults": len(histories), "total": len(histories)}
        record["changelog"]["histories"] = histories
    return record


@routes.on("POST", f"{_API}/search/approximate-count")
def _count(world: World, request: Request) -> Response:
    _query(request)
    jql = body_of(request, "jql").get("jql")
    if not isinstance(jql, str):
        raise refuse(400, "jql: a string is required")
    return json_response(200, {"count": len(jira_query.find(world, jql))})
