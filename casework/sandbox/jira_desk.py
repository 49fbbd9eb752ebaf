"""Jira Service Management: requests as customers see them, request types, organisations and participants.

Comments here are wiki text and not documents; errors have a shape of their own. Listing a desk's organisations
is not in the description at hand, but in Atlassian's reference ("Get organizations").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from casework.sandbox import jira_fields, jira_issues
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.jira_fields import body_of
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_ROOT = "/rest/servicedeskapi"
_REQUEST = "/rest/servicedeskapi/request/{issue}"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def _refuse(status: int, sentence: str) -> Refusal:
    return Refusal(_error(status, sentence))


def _error(status: int, sentence: str) -> Response:
    shape = {"errorMessage": sentence, "i18nErrorMessage": {"i18nKey": "sd.error", "parameters": []}}
    return json_response(status, shape)


def worded(refused: Response) -> Response:
    """A refusal of the platform in service management's own shape."""
    told = refused.json()
    if "errorMessages" not in told:
        return refused
    return _error(refused.status, " ".join([*told["errorMessages"], *told["errors"].values()]))


def _query(request: Request, *known: str) -> None:
    if surplus := sorted({name for name, _ in request.query} - set(known)):
        raise _refuse(400, f"The query parameter '{surplus[0]}' is unknown.")


def _page(request: Request, records: list[Json], *known: str) -> Response:
    _query(request, "start", "limit", "expand", *known)
    start, limit = request.parameter("start") or "0", request.parameter("limit") or "50"
    if not start.isdigit() or not limit.isdigit() or not 0 < int(limit) <= 100:
        raise _refuse(400, "start and limit must be numbers, limit from 1 to 100")
    page = records[int(start) : int(start) + int(limit)]
    last = int(start) + int(limit) >= len(records)
    shape = {"size": len(page), "start": int(start), "limit": int(limit), "isLastPage": last}
    return json_response(200, {**shape, "_links": {"base": request.base, "context": ""}, "values": page})


def _request_of(world: World, issue: str) -> tuple[Json, Json]:
    found = jira_issues.issue(world, issue)
    of = world.state["jira"]["projects"][found["fields"]["project"]]
    if of["service_desk"] is None:
        raise _refuse(404, "The request does not exist, or you do not have permission to see it.")
    return found, of


def _project_of(world: World, desk: str) -> Json:
    for project in world.state["jira"]["projects"].values():
        if project["service_desk"] == desk:
            found: Json = project
            return found
    raise _refuse(404, f"The service desk with id {desk} does not exist.")


def _person(world: World, account: str) -> Json:
    known = world.state["jira"]["users"][account]
    return {name: known[name] for name in ("accountId", "displayName", "active", "emailAddress") if name in known}


def _when(stamp: str) -> Json:
    return {"jira": stamp, "iso8601": stamp.replace(".000", "", 1), "friendly": stamp[:10]}


@routes.on("GET", f"{_ROOT}/servicedesk")
def _desks(world: World, request: Request) -> Response:
    desks = [
        {"id": one["service_desk"], "projectId": one["id"], "projectKey": one["key"], "projectName": one["name"]}
        for one in world.state["jira"]["projects"].values()
        if one["service_desk"] is not None
    ]
    return _page(request, desks)


@routes.on("GET", f"{_ROOT}/servicedesk/{{desk}}/requesttype")
def _request_types(world: World, request: Request, desk: str) -> Response:
    of = _project_of(world, desk)
    query = (request.parameter("searchQuery") or "").lower()
    types = [
        {"id": number, "name": name, "description": "", "serviceDeskId": desk, "issueTypeId": "10001"}
        for number, name in of["request_types"].items()
        if query in name.lower()
    ]
    return _page(request, types, "searchQuery")


@routes.on("GET", f"{_ROOT}/servicedesk/{{desk}}/organization")
def _organizations(world: World, request: Request, desk: str) -> Response:
    known = world.state["jira"]["organizations"]
    return _page(request, [known[str(number)] for number in _project_of(world, desk)["organizations"]])


@routes.on("POST", f"{_ROOT}/customer")
def _customer(world: World, request: Request) -> Response:
    _query(request, "strictConflictStatusCode")
    given = body_of(request, "email", "displayName", "fullName")
    email, name = given.get("email"), given.get("displayName") or given.get("fullName")
    if not isinstance(email, str) or not _ADDRESS.fullmatch(email) or not isinstance(name, str) or not name.strip():
        raise _refuse(400, "An email address and a display name are required.")
    users = world.state["jira"]["users"]
    if any((one.get("emailAddress") or "").lower() == email.lower() for one in users.values()):
        conflict = request.parameter("strictConflictStatusCode") == "true"
        raise _refuse(409 if conflict else 400, "An account already exists for this email address.")
    return json_response(201, _person(world, add_user(world, email, name, "customer")["accountId"]))


def add_user(world: World, email: str, name: str, kind: str, account: str | None = None) -> Json:
    """An account; its id comes from a counter unless one is given."""
    number = world.next_number("jira.user", 1)
    made: Json = {
        "accountId": account or f"qm:00000000-0000-4000-8000-{number:012d}",
        "accountType": kind,
        "displayName": name,
        "active": True,
        "emailAddress": email,
    }
    world.state["jira"]["users"][made["accountId"]] = made
    return made


@routes.on("GET", _REQUEST)
def _get(world: World, request: Request, issue: str) -> Response:
    _query(request, "expand")
    found, of = _request_of(world, issue)
    fields = found["fields"]
    kind = next((fields[name] for name in of["fields"] if jira_fields.kind_of(world, name) == "request-type"), None)
    status = jira_fields.status(world, fields["status"])["statusCategory"]["key"]
    told: Json = {
        "issueId": found["id"],
        "issueKey": found["key"],
        "serviceDeskId": of["service_desk"],
        "createdDate": _when(fields["created"]),
        "reporter": _person(world, fields["reporter"]) if fields["reporter"] else {},
        "currentStatus": {"status": fields["status"], "statusCategory": status.upper()},
        "summary": fields["summary"],
        "requestFieldValues": [{"fieldId": "summary", "label": "Summary", "value": fields["summary"]}],
    }
    if kind is not None:
        told["requestTypeId"] = kind
    return json_response(200, told)


def _shown_comment(world: World, made: Json) -> Json:
    return {
        "id": made["id"],
        "body": jira_fields.words(made["body"]),
        "public": made["public"],
        "author": _person(world, made["author"]),
        "created": _when(made["created"]),
    }


@routes.on("GET", f"{_REQUEST}/comment")
def _comments(world: World, request: Request, issue: str) -> Response:
    found, _ = _request_of(world, issue)
    wanted = {True: request.parameter("public") != "false", False: request.parameter("internal") != "false"}
    made = [one for one in world.state["jira"]["comments"][found["key"]] if wanted[one["public"]]]
    return _page(request, [_shown_comment(world, one) for one in made], "public", "internal")


@routes.on("POST", f"{_REQUEST}/comment")
def _comment(world: World, request: Request, issue: str) -> Response:
    found, _ = _request_of(world, issue)
    _query(request)
    given = body_of(request, "body", "public")
    body, public = given.get("body"), given.get("public", False)
    if not isinstance(body, str) or not body.strip() or not isinstance(public, bool):
        raise _refuse(400, "A comment has a body, and may say whether it is public.")
    made = jira_issues.comment(world, found, jira_fields.plain(body), public=public, by=jira_issues.ROBOT)
    return json_response(201, _shown_comment(world, made))


@routes.on("GET", f"{_REQUEST}/participant")
def _list_participants(world: World, request: Request, issue: str) -> Response:
    found, _ = _request_of(world, issue)
    return _page(request, [_person(world, account) for account in found["participants"]])


@routes.on("POST", f"{_REQUEST}/participant")
def _add_participants(world: World, request: Request, issue: str) -> Response:
    found, _ = _request_of(world, issue)
    accounts = body_of(request, "accountIds").get("accountIds")
    users = world.state["jira"]["users"]
    if not isinstance(accounts, list) or not accounts or not all(one in users for one in accounts):
        raise _refuse(400, "One or more of the users do not exist.")
    kept: list[str] = found["participants"]
    kept.extend(one for one in dict.fromkeys(accounts) if one not in kept)
    return _page(request, [_person(world, account) for account in kept])
