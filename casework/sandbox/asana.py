"""Asana: tasks from templates, jobs, stories and webhooks with their handshake.

Bodies and answers are wrapped in `data`, errors in `errors`; ids are strings of digits. `opt_fields`
decides what
comes back. The `external` field needs an OAuth app and is refused, since the sandbox knows only personal
tokens.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from casework.sandbox import asana_tasks as tasks
from casework.sandbox import fields
from casework.sandbox.asana_tasks import named, refuse
from casework.sandbox.http import Json, Refusal, Request, Response, json_response
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

routes = Routes()
_ROOT = "/api/1.0"


def empty() -> Json:
    """The state of a new workspace."""
    tables = ("workspaces", "users", "projects", "templates", "tasks", "stories", "jobs", "webhooks")
    return {table: {} for table in tables}


def answer(world: World, request: Request) -> Response:
    """Asana's answer to a request."""
    try:
        expected = f"Bearer {world.state['credentials']['asana_token']}"
        if request.headers.get("authorization") != expected:
            raise refuse(401, "Not Authorized")
        found = routes.find(request.method, request.path)
        if found is None:
            raise refuse(404, "No matching route for request")
        handler, placeholders = found
        for name, gid in placeholders.items():
            if not gid.isdigit() and gid != "me":
                raise refuse(400, f"{name.removesuffix('_gid')}: Not a recognized ID: {gid}")
        return handler(world, request, **placeholders)
    except Refusal as refusal:
        return refusal.response


def handshake_over_http(target: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
    """POSTs an empty body with the handshake's header to the webhook's target, as Asana does."""
    answered = httpx.post(target, headers=dict(headers), content=b"{}", timeout=10)
    return answered.status_code, {name.lower(): value for name, value in answered.headers.items()}


def _data(request: Request, known: Mapping[str, fields.Check]) -> Json:
    if request.media_type != "application/json":
        raise refuse(415, "Content-Type must be application/json")
    try:
        body = json.loads(request.body)
    except ValueError:
        raise refuse(400, "Could not parse request data, invalid JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        raise refuse(400, "Could not parse request data: the body must be an object with data")
    if surplus := sorted(set(body) - {"data", "options"}):
        raise refuse(400, f"{surplus[0]}: Unknown input")
    given: Json = body["data"]
    if "external" in given:
        raise refuse(403, "external: this field needs an OAuth app; a personal access token cannot write it")
    if surplus := fields.unknown(given, known):
        raise refuse(400, f"{surplus[0]}: Cannot write this property")
    if wrong := fields.ill_typed(given, known):
        raise refuse(400, f"{wrong[0]}: Value is not of the right type")
    return given


def _query(request: Request, *known: str) -> None:
    allowed = {*known, "opt_fields", "opt_pretty"}
    if surplus := sorted({name for name, _ in request.query} - allowed):
        raise refuse(400, f"{surplus[0]}: Unknown parameter")


def _selected(request: Request, record: Json, default: tuple[str, ...] | None = None) -> Json:
    """The record's fields that `opt_fields` names, or the default ones (None: all)."""
    asked = request.parameter("opt_fields")
    if asked is None:
        return record if default is None else {name: record[name] for name in default if name in record}
    paths = [path.strip().split(".") for path in asked.split(",") if path.strip()]
    picked: Json = _pick(record, paths)
    return picked


def _pick(record: Any, paths: list[list[str]]) -> Any:
    if isinstance(record, list):
        return [_pick(item, paths) for item in record]
    if not isinstance(record, dict):
        return record
    picked: Json = {name: record[name] for name in ("gid", "resource_type") if name in record}
    for head in {path[0] for path in paths} & set(record):
        rest = [path[1:] for path in paths if path[0] == head and len(path) > 1]
        picked[head] = _pick(record[head], rest) if rest else record[head]
    return picked


def _listing(request: Request, records: list[Json], default: tuple[str, ...] | None = None) -> Response:
    limit = request.parameter("limit") or "100"
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        raise refuse(400, "limit: Must be between 1 and 100")
    offset = request.parameter("offset") or "o0"
    if not (offset.startswith("o") and offset[1:].isdigit()):
        raise refuse(400, "offset: Your pagination token is invalid.")
    start, end = int(offset[1:]), int(offset[1:]) + int(limit)
    following = None
    if end < len(records):
        others = "&".join(f"{key}={value}" for key, value in request.query if key not in ("offset", "limit"))
        path = f"{request.path.removeprefix(_ROOT)}?limit={limit}&offset=o{end}" + (f"&{others}" if others else "")
        following = {"offset": f"o{end}", "path": path, "uri": f"{request.base}{_ROOT}{path}"}
    data = [_selected(request, record, default) for record in records[start:end]]
    return json_response(200, {"data": data, "next_page": following})


_COMPACT = ("gid", "resource_type", "name", "resource_subtype")
_STORY_COMPACT = ("gid", "resource_type", "created_at", "created_by", "resource_subtype", "text", "type")


@routes.on("GET", "/api/1.0/users/{user_gid}")
def _user(world: World, request: Request, user_gid: str) -> Response:
    _query(request, "workspace")
    gid = tasks.ROBOT if user_gid == "me" else user_gid
    return json_response(200, {"data": _selected(request, named(world, "users", gid))})


@routes.on("GET", "/api/1.0/task_templates")
def _templates(world: World, request: Request) -> Response:
    _query(request, "project", "limit", "offset")
    project = request.parameter("project")
    if project is None:
        raise refuse(400, "project: Missing input")
    found = [t for t in world.state["asana"]["templates"].values() if t["project"]["gid"] == project]
    return _listing(request, found, ("gid", "resource_type", "name"))


@routes.on("GET", "/api/1.0/task_templates/{task_template_gid}")
def _template(world: World, request: Request, task_template_gid: str) -> Response:
    _query(request)
    record = named(world, "templates", task_template_gid)
    shown = {name: value for name, value in record.items() if name != "notes"}
    return json_response(200, {"data": _selected(request, shown)})


@routes.on("POST", "/api/1.0/task_templates/{task_template_gid}/instantiateTask")
def _instantiate(world: World, request: Request, task_template_gid: str) -> Response:
    # Asana's own Python client repeats the body of this call as a query parameter.
    _query(request, "body")
    template = named(world, "templates", task_template_gid)
    given = _data(request, {"name": fields.text}) if request.body else {}
    task = tasks.create(world, template, given.get("name") or template["name"])
    gid = str(world.next_number("asana.gid", 1209000000000001))
    job: Json = {
        "gid": gid,
        "resource_type": "job",
        "resource_subtype": "instantiate_task",
        "status": "in_progress",
        "new_task": {name: task[name] for name in _COMPACT},
    }
    world.state["asana"]["jobs"][gid] = {**job, "looked_at": 0}
    return json_response(201, {"data": _selected(request, {**job, "new_task": None})})


@routes.on("GET", "/api/1.0/jobs/{job_gid}")
def _job(world: World, request: Request, job_gid: str) -> Response:
    """A job is `in_progress` on the first look and `succeeded` from the second on."""
    _query(request)
    kept = named(world, "jobs", job_gid)
    kept["looked_at"] += 1
    if kept["looked_at"] > 1:
        kept["status"] = "succeeded"
    shown = {name: value for name, value in kept.items() if name != "looked_at"}
    if shown["status"] != "succeeded":
        shown["new_task"] = None
    return json_response(200, {"data": _selected(request, shown)})


@routes.on("GET", "/api/1.0/tasks/{task_gid}")
def _task(world: World, request: Request, task_gid: str) -> Response:
    _query(request)
    return json_response(200, {"data": _selected(request, named(world, "tasks", task_gid))})


@routes.on("PUT", "/api/1.0/tasks/{task_gid}")
def _update(world: World, request: Request, task_gid: str) -> Response:
    _query(request)
    task = named(world, "tasks", task_gid)
    tasks.update(world, task, _data(request, tasks.WRITABLE), user_gid=tasks.ROBOT)
    return json_response(200, {"data": _selected(request, task)})


def _of_project(world: World, request: Request, project_gid: str) -> Response:
    named(world, "projects", project_gid)
    found = [
        task
        for task in world.state["asana"]["tasks"].values()
        if any(project["gid"] == project_gid for project in task["projects"])
    ]
    since = request.parameter("completed_since")
    if since is not None:
        moment = world.stamp() if since == "now" else since
        found = [task for task in found if not task["completed"] or task["completed_at"] >= moment]
    return _listing(request, found, _COMPACT)


@routes.on("GET", "/api/1.0/tasks")
def _tasks(world: World, request: Request) -> Response:
    _query(request, "project", "completed_since", "limit", "offset")
    project = request.parameter("project")
    if project is None:
        raise refuse(400, "You should specify one of the following: project, tag, section, user task list, assignee")
    return _of_project(world, request, project)


@routes.on("GET", "/api/1.0/projects/{project_gid}/tasks")
def _project_tasks(world: World, request: Request, project_gid: str) -> Response:
    _query(request, "completed_since", "limit", "offset")
    return _of_project(world, request, project_gid)


@routes.on("GET", "/api/1.0/tasks/{task_gid}/stories")
def _stories(world: World, request: Request, task_gid: str) -> Response:
    _query(request, "limit", "offset")
    named(world, "tasks", task_gid)
    return _listing(request, world.state["asana"]["stories"].get(task_gid, []), _STORY_COMPACT)


@routes.on("POST", "/api/1.0/tasks/{task_gid}/stories")
def _comment(world: World, request: Request, task_gid: str) -> Response:
    _query(request)
    task = named(world, "tasks", task_gid)
    given = _data(request, {"text": fields.text, "html_text": tasks.rich_text, "is_pinned": fields.flag})
    if ("text" in given) == ("html_text" in given):
        raise refuse(400, "text: Send either text or html_text")
    story = tasks.add_story(world, task, given.get("text") or given["html_text"], user_gid=tasks.ROBOT)
    return json_response(201, {"data": _selected(request, story)})


@routes.on("GET", "/api/1.0/webhooks")
def _webhooks(world: World, request: Request) -> Response:
    _query(request, "workspace", "resource", "limit", "offset")
    if request.parameter("workspace") is None:
        raise refuse(400, "workspace: Missing input")
    resource = request.parameter("resource")
    found = [h for h in world.state["asana"]["webhooks"].values() if resource in (None, h["resource"]["gid"])]
    return _listing(request, [_shown_hook(hook) for hook in found])


@routes.on("GET", "/api/1.0/webhooks/{webhook_gid}")
def _webhook(world: World, request: Request, webhook_gid: str) -> Response:
    _query(request)
    return json_response(200, {"data": _selected(request, _shown_hook(named(world, "webhooks", webhook_gid)))})


@routes.on("DELETE", "/api/1.0/webhooks/{webhook_gid}")
def _delete_webhook(world: World, _request: Request, webhook_gid: str) -> Response:
    named(world, "webhooks", webhook_gid)
    del world.state["asana"]["webhooks"][webhook_gid]
    return json_response(200, {"data": {}})


def _shown_hook(hook: Json) -> Json:
    return {name: value for name, value in hook.items() if name != "secret"}


_FILTER: dict[str, fields.Check] = {
    "resource_type": fields.text,
    "resource_subtype": fields.text,
    "action": fields.one_of("changed", "added", "removed", "deleted", "undeleted"),
    "fields": fields.list_of(fields.text),
}


@routes.on("POST", "/api/1.0/webhooks")
def _create_webhook(world: World, request: Request) -> Response:
    _query(request)
    filters: fields.Check = fields.list_of(
        lambda one: fields.mapping(one) and not fields.unknown(one, _FILTER) and not fields.ill_typed(one, _FILTER)
    )
    given = _data(request, {"resource": fields.text, "target": fields.text, "filters": filters})
    if missing := [name for name in ("resource", "target") if name not in given]:
        raise refuse(400, f"{missing[0]}: Missing input")
    target = urlsplit(given["target"])
    if target.scheme not in ("http", "https") or not target.hostname:
        raise refuse(400, "target: Not a valid URL")
    if target.hostname == "localhost":
        raise refuse(403, "target: Forbidden: localhost is not reachable")
    resource = _resource(world, given["resource"])
    secret = secrets.token_hex(32)
    with world.unlocked():
        try:
            status, headers = world.handshake(given["target"], {"X-Hook-Secret": secret})
        except httpx.HTTPError as error:
            raise refuse(400, f"The remote server did not respond to the handshake ({type(error).__name__})") from None
    echoed = {name.lower(): value for name, value in headers.items()}.get("x-hook-secret")
    if status not in (200, 204) or echoed != secret:
        raise refuse(400, "The remote server did not respond with the handshake secret.")
    gid = str(world.next_number("asana.gid", 1209000000000001))
    hook: Json = {
        "gid": gid,
        "resource_type": "webhook",
        "active": True,
        "resource": resource,
        "target": given["target"],
        "created_at": world.stamp(),
        "filters": given.get("filters", []),
        "secret": secret,
    }
    world.state["asana"]["webhooks"][gid] = hook
    tasks.deliver(world, hook, [])
    return json_response(201, {"data": _selected(request, _shown_hook(hook)), "X-Hook-Secret": secret})


def _resource(world: World, gid: str) -> Json:
    asana = world.state["asana"]
    for table in ("projects", "tasks", "workspaces"):
        if gid in asana[table]:
            record = asana[table][gid]
            return {"gid": gid, "resource_type": record["resource_type"], "name": record["name"]}
    raise refuse(404, f"resource: Unknown object: {gid}")
