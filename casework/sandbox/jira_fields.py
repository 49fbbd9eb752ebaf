"""What a Jira issue has: each field's kind, what may be written into it and how it is answered.

Issues are kept with plain values (account ids, names, ids); answers have Jira's own objects. A field that is
not on the project's screen cannot be set, and says so as Jira does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from casework.sandbox.http import Json, Refusal, Request, json_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

SYSTEM: Mapping[str, str] = {
    "summary": "string",
    "description": "document",
    "reporter": "user",
    "assignee": "user",
    "labels": "labels",
    "components": "components",
}
"""Fields of every issue that can be edited, and their kinds."""
READ_ONLY = ("status", "resolution", "issuetype", "project", "created", "updated", "issuelinks")
_BLOCKS = (
    *("paragraph", "bulletList", "orderedList", "heading", "blockquote", "codeBlock", "panel", "rule", "table"),
    *("mediaSingle", "mediaGroup", "expand", "taskList", "decisionList", "blockCard"),
)
_INLINE = ("text", "hardBreak", "mention", "emoji", "inlineCard", "status", "date")
_INSIDE = ("listItem", "taskItem", "decisionItem", "tableRow", "tableCell", "tableHeader", "media", "nestedExpand")
_MARKS = ["strong", "em", "code", "link", "strike", "underline", "subsup", "textColor", "backgroundColor"]
_LABEL = re.compile(r"\S{1,255}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CATEGORIES = {
    "new": (2, "To Do", "blue-gray"),
    "indeterminate": (4, "In Progress", "yellow"),
    "done": (3, "Done", "green"),
}


def refuse(status: int, /, *messages: str, **errors: str) -> Refusal:
    """Jira's error shape: sentences, and sentences by field."""
    return Refusal(json_response(status, {"errorMessages": list(messages), "errors": errors}))


def body_of(request: Request, *known: str) -> Json:
    """The request's JSON object; refused when it has anything but these."""
    if request.media_type != "application/json":
        raise refuse(415, "Content-Type must be application/json")
    try:
        given = json.loads(request.body)
    except ValueError:
        raise refuse(400, "Invalid request payload. Refer to the REST API documentation and try again.") from None
    if not isinstance(given, dict) or set(given) - set(known):
        raise refuse(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return given


def stamp(moment: datetime) -> str:
    """A time as Jira writes it: milliseconds and an offset without a colon."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def is_document(value: Any) -> bool:
    """Whether this is a document (ADF version 1) of nodes that exist, with no text node empty."""
    return (
        isinstance(value, dict)
        and value.get("type") == "doc"
        and value.get("version") == 1
        and not set(value) - {"type", "version", "content"}
        and isinstance(value.get("content"), list)
        and all(isinstance(node, dict) and node.get("type") in _BLOCKS and _sound(node) for node in value["content"])
    )


def _sound(node: Json) -> bool:
    if set(node) - {"type", "content", "text", "marks", "attrs"} or node["type"] not in (*_BLOCKS, *_INLINE, *_INSIDE):
        return False
    if (node["type"] == "text") != bool(node.get("text")):
        return False
    marks, content = node.get("marks", []), node.get("content", [])
    if not all(isinstance(mark, dict) and mark.get("type") in _MARKS for mark in marks):
        return False
    if any(mark["type"] == "link" and not (mark.get("attrs") or {}).get("href") for mark in marks):
        return False
    return isinstance(content, list) and all(isinstance(one, dict) and "type" in one and _sound(one) for one in content)


def words(node: Any) -> str:
    """The text of a document, its nodes parted by blanks: what Jira's text search reads."""
    if not isinstance(node, dict):
        return ""
    own = [node["text"]] if "text" in node else []
    return " ".join([*own, *filter(None, map(words, node.get("content", [])))])


def plain(text: str) -> Json:
    """A document of one paragraph for each line."""
    lines = [line for line in text.splitlines() if line.strip()]
    content = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"type": "doc", "version": 1, "content": content}


def kind_of(world: World, field: str) -> str | None:
    """The kind of a field that can be edited somewhere, else None."""
    custom = world.state["jira"]["fields"].get(field)
    return SYSTEM.get(field) or (custom["kind"] if custom else None)


def on_screen(project: Json) -> list[str]:
    """The fields that may be set in this project."""
    return [*SYSTEM, *project["fields"]]


def taken(world: World, project: Json, given: Mapping[str, Any]) -> Json:
    """The values to keep, or a refusal that names every field that is wrong."""
    kept: Json = {}
    wrong: dict[str, str] = {}
    for field, value in given.items():
        kind = kind_of(world, field)
        if kind is None or field not in on_screen(project):
            wrong[field] = f"Field '{field}' cannot be set. It is not on the appropriate screen, or unknown."
            continue
        try:
            kept[field] = _TAKE[kind](world, project, field, value)
        except ValueError as error:
            wrong[field] = str(error)
    if wrong:
        raise refuse(400, **wrong)
    return kept


def shown(world: World, field: str, kept: Any) -> Any:
    """A kept value as Jira answers it."""
    kind = kind_of(world, field)
    if kept is None or kind is None:
        return kept
    return _SHOW[kind](world, field, kept) if kind in _SHOW else kept


def user(world: World, account: str | None) -> Json | None:
    """A person as records refer to them."""
    if account is None:
        return None
    return {
        "self": f"https://jira.example/rest/api/3/user?accountId={account}",
        **world.state["jira"]["users"][account],
    }


def status(world: World, name: str) -> Json:
    """A status with its category."""
    known = world.state["jira"]["statuses"][name]
    number, label, color = _CATEGORIES[known["category"]]
    category = {"id": number, "key": known["category"], "colorName": color, "name": label}
    return {"id": known["id"], "name": name, "statusCategory": category}


def _string(_world: World, _project: Json, field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("Operation value must be a string")
    if field == "summary" and (not value.strip() or "\n" in value or len(value) > 255):
        raise ValueError("You must specify a summary of the issue: one line of at most 255 characters.")
    return value


def _number(_world: World, _project: Json, _field: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("Operation value must be a number")
    return float(value)


def _day(_world: World, _project: Json, _field: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("Operation value must be a string in the format yyyy-MM-dd")
    return date.fromisoformat(value).isoformat()


def _document(_world: World, _project: Json, _field: str, value: Any) -> Json | None:
    if value is None:
        return None
    if not is_document(value):
        raise ValueError("Operation value must be an Atlassian Document (see the Atlassian Document Format)")
    return dict(value)


def _user(world: World, project: Json, field: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not set(value) <= {"id", "accountId"} or len(value) != 1:
        raise ValueError("data was not an object with an accountId")
    account: str = next(iter(value.values()))
    known = world.state["jira"]["users"].get(account)
    if known is None or not known["active"]:
        raise ValueError("Specify a valid 'id' for user" if known is None else "User is not active")
    if field == "assignee" and account not in project["agents"]:
        raise ValueError(f"User '{account}' cannot be assigned issues.")
    return account


def _labels(_world: World, _project: Json, _field: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and _LABEL.fullmatch(one) for one in value):
        raise ValueError("The label contains spaces which is invalid, or is not a string.")
    return sorted(set(value))


def _components(_world: World, project: Json, _field: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(
        isinstance(one, dict) and set(one) in ({"name"}, {"id"}) for one in value
    ):
        raise ValueError("expected an array of objects with a name or an id")
    by_id = {number: name for name, number in project["components"].items()}
    names = [one.get("name") or by_id.get(one.get("id")) for one in value]
    if strange := [name for name in names if name not in project["components"]]:
        raise ValueError(f"Component name '{strange[0]}' is not valid")
    return [str(name) for name in names]


def _option(world: World, _project: Json, field: str, value: Any) -> str | None:
    if value is None:
        return None
    options = world.state["jira"]["fields"][field]["options"]
    if not isinstance(value, dict) or set(value) not in ({"value"}, {"id"}):
        raise ValueError("Specify a valid 'id' or 'name' for the option")
    by_id = {number: name for name, number in options.items()}
    name = value.get("value") or by_id.get(value.get("id"))
    if name not in options:
        raise ValueError(f"Option value '{name}' is not valid")
    return str(name)


def _organizations(world: World, project: Json, _field: str, value: Any) -> list[int]:
    known = world.state["jira"]["organizations"]
    if not isinstance(value, list) or not all(isinstance(one, int) and not isinstance(one, bool) for one in value):
        raise ValueError("expected an array of ids of organizations")
    if strange := [one for one in value if str(one) not in known or one not in project["organizations"]]:
        raise ValueError(f"Organization with id {strange[0]} does not exist in this project")
    return list(value)


def _request_type(_world: World, project: Json, _field: str, value: Any) -> str:
    if not isinstance(value, str) or value not in project["request_types"]:
        raise ValueError("The request type you have specified is invalid.")
    return value


_TAKE: Mapping[str, Callable[[Any, Json, str, Any], Any]] = {
    "string": _string,
    "text": _string,
    "number": _number,
    "date": _day,
    "document": _document,
    "user": _user,
    "labels": _labels,
    "components": _components,
    "option": _option,
    "organizations": _organizations,
    "request-type": _request_type,
}


def _shown_option(world: World, field: str, kept: Any) -> Json:
    return {"value": kept, "id": world.state["jira"]["fields"][field]["options"][kept]}


def _shown_request_type(world: World, _field: str, kept: Any) -> Json:
    for project in world.state["jira"]["projects"].values():
        if kept in project["request_types"]:
            name = project["request_types"][kept]
            return {"requestType": {"id": kept, "name": name, "serviceDeskId": project["service_desk"]}}
    raise LookupError(f"no request type {kept}")


_SHOW: Mapping[str, Callable[[Any, str, Any], Any]] = {
    "user": lambda world, _field, kept: user(world, kept),
    "components": lambda _world, _field, kept: [{"name": name} for name in kept],
    "option": _shown_option,
    "organizations": lambda world, _field, kept: [
        {"id": str(number), "name": world.state["jira"]["organizations"][str(number)]["name"]} for number in kept
    ],
    "request-type": _shown_request_type,
}
