"""What an Asana task is and how it changes; each change tells the webhooks on it or on its project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from casework.sandbox import fields
from casework.sandbox.hooks import Delivery, sign_asana
from casework.sandbox.http import Json, Refusal, json_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

ROBOT = "1200000000000099"
_WORDS = {"templates": "task_template"}


def rich_text(value: Any) -> bool:
    """Asana's rich text: well-formed XML in one `<body>`."""
    if not isinstance(value, str):
        return False
    try:
        return ElementTree.fromstring(value).tag == "body"  # noqa: S314 - expat here only judges a test's own text
    except ElementTree.ParseError:
        return False


WRITABLE: dict[str, fields.Check] = {
    "name": fields.text,
    "notes": fields.text,
    "html_notes": rich_text,
    "completed": fields.flag,
    "due_on": fields.nullable(fields.iso_date),
    "due_at": fields.nullable(fields.iso_time),
    "start_on": fields.nullable(fields.iso_date),
    "assignee": fields.nullable(fields.text),
    "liked": fields.flag,
}


def refuse(status: int, message: str) -> Refusal:
    """Asana's error shape."""
    help_text = "For more information on API status codes and how to handle them, read the docs on errors."
    return Refusal(json_response(status, {"errors": [{"message": message, "help": help_text}]}))


def named(world: World, table: str, gid: str) -> Json:
    """The stored record; 404 when there is none."""
    found = world.state["asana"][table].get(gid)
    if found is None:
        raise refuse(404, f"{_WORDS.get(table, table.removesuffix('s'))}: Unknown object: {gid}")
    record: Json = found
    return record


def _compact(record: Json) -> Json:
    return {name: record[name] for name in ("gid", "resource_type", "name")}


def create(world: World, template: Json, name: str) -> Json:
    """A task made from a template, in the template's project."""
    gid, stamp = str(world.next_number("asana.gid", 1209000000000001)), world.stamp()
    workspace = next(iter(world.state["asana"]["workspaces"].values()))
    task: Json = {
        "gid": gid,
        "resource_type": "task",
        "resource_subtype": "default_task",
        "name": name,
        "notes": template["notes"],
        "completed": False,
        "completed_at": None,
        "created_at": stamp,
        "modified_at": stamp,
        "due_on": None,
        "due_at": None,
        "start_on": None,
        "assignee": None,
        "followers": [],
        "projects": [template["project"]],
        "tags": [],
        "parent": None,
        "liked": False,
        "workspace": _compact(workspace),
        "permalink_url": f"https://app.asana.example/0/{template['project']['gid']}/{gid}",
    }
    world.state["asana"]["tasks"][gid] = task
    world.state["asana"]["stories"][gid] = []
    _tell(
        world,
        task,
        {"action": "added", "resource": _resource(task), "parent": _resource(template["project"])},
    )
    return task


def update(world: World, task: Json, given: Json, *, user_gid: str) -> None:
    """Changes a task; setting `completed` also sets or clears its time."""
    if "notes" in given and "html_notes" in given:
        raise refuse(400, "You can only provide one of `notes` and `html_notes`")
    if "due_on" in given and "due_at" in given:
        raise refuse(400, "You can only provide one of `due_on` and `due_at`")
    changes = dict(given)
    if changes.get("assignee") is not None:
        changes["assignee"] = _compact(_assignee(world, changes["assignee"]))
    if "html_notes" in changes:
        changes["notes"] = "".join(ElementTree.fromstring(changes["html_notes"]).itertext())  # noqa: S314 - as above
    changed = [name for name, value in changes.items() if task.get(name) != value]
    task.update(changes)
    if "completed" in changed:
        task["completed_at"] = world.stamp() if task["completed"] else None
    if changed:
        task["modified_at"] = world.stamp()
    for name in changed:
        change = {"field": name, "action": "changed"}
        _tell(
            world,
            task,
            {"action": "changed", "resource": _resource(task), "parent": None, "change": change},
            user_gid,
        )


def _assignee(world: World, wanted: str) -> Json:
    users: dict[str, Json] = world.state["asana"]["users"]
    for user in users.values():
        if wanted in (user["gid"], user["email"]) or (wanted == "me" and user["gid"] == ROBOT):
            return user
    raise refuse(400, "assignee: Not a user in this workspace")


def add_story(world: World, task: Json, text: str, *, user_gid: str) -> Json:
    """A comment on a task."""
    if not text.strip():
        raise refuse(400, "text: A story needs text")
    story: Json = {
        "gid": str(world.next_number("asana.gid", 1209000000000001)),
        "resource_type": "story",
        "resource_subtype": "comment_added",
        "type": "comment",
        "text": text,
        "created_at": world.stamp(),
        "created_by": _compact(named(world, "users", user_gid)),
        "is_pinned": False,
        "target": {name: task[name] for name in ("gid", "resource_type", "name", "resource_subtype")},
    }
    world.state["asana"]["stories"][task["gid"]].append(story)
    _tell(world, task, {"action": "added", "resource": _resource(story), "parent": _resource(task)}, user_gid)
    return story


def _resource(record: Json) -> Json:
    names = ("gid", "resource_type", "resource_subtype")
    return {name: record[name] for name in names if name in record}


def _tell(world: World, task: Json, event: Json, user_gid: str = ROBOT) -> None:
    at = world.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    full = {"user": {"gid": user_gid, "resource_type": "user"}, "created_at": at, **event}
    places = {task["gid"], *(project["gid"] for project in task["projects"]), task["workspace"]["gid"]}
    for hook in world.state["asana"]["webhooks"].values():
        if hook["resource"]["gid"] in places and _wanted(hook["filters"], full):
            deliver(world, hook, [full])


def _wanted(filters: list[Json], event: Json) -> bool:
    def meets(one: Json) -> bool:
        resource = event["resource"]
        return (
            one.get("resource_type", resource["resource_type"]) == resource["resource_type"]
            and one.get("resource_subtype", resource.get("resource_subtype")) == resource.get("resource_subtype")
            and one.get("action", event["action"]) == event["action"]
            and ("fields" not in one or event.get("change", {}).get("field") in one["fields"])
        )

    return not filters or any(meets(one) for one in filters)


def deliver(world: World, hook: Json, events: list[Json]) -> None:
    """Sends events to a webhook's target, signed with its handshake's secret; no events: a heartbeat."""
    body = json.dumps({"events": events}, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", **sign_asana(hook["secret"], body)}
    number = world.next_number("asana.delivery")
    world.post(Delivery(f"asana-{number}", "asana", "events", headers, body, hook["target"]))
