"""HubSpot's rules of one account: properties with their types, what may be written, and how an error looks.

Values are strings on the way in and out; the empty string clears. Calculated properties, and those that HubSpot keeps
itself, cannot be written. A stage belongs to a pipeline, an owner must be one of the account's.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from casework.sandbox import fields
from casework.sandbox.http import Json, Refusal, json_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

TYPE_IDS = {
    "contacts": "0-1",
    "companies": "0-2",
    "deals": "0-3",
    "tickets": "0-5",
    "tasks": "0-27",
    "notes": "0-46",
    "users": "0-115",
}
"""What HubSpot calls the types of its objects in events of the newer kind."""
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_SPANS = {**{day: {at} for at, day in enumerate(_DAYS)}, "MONDAY_TO_FRIDAY": {0, 1, 2, 3, 4}}
_SPANS |= {"SATURDAY_SUNDAY": {5, 6}, "EVERY_DAY": set(range(7))}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Problem(Exception):
    """A request that HubSpot refuses: a category, a sentence, and what is wrong in particular."""

    def __init__(self, category: str, message: str, *details: Json, status: int = 400) -> None:
        super().__init__(message)
        self.category, self.message, self.details, self.status = category, message, details, status

    def body(self, number: int) -> Json:
        """The body of an answer that refuses."""
        said: Json = {
            "status": "error",
            "message": self.message,
            "correlationId": f"5a9d0000-0000-4000-8000-{number:012d}",
            "category": self.category,
        }
        return {**said, "errors": list(self.details)} if self.details else said

    def refusal(self, number: int) -> Refusal:
        """The answer."""
        return Refusal(json_response(self.status, self.body(number)))


def wrong(name: str, code: str, message: str) -> Problem:
    """The refusal of a property's value."""
    detail = {"message": message, "code": code, "context": {"propertyName": [name]}}
    return Problem("VALIDATION_ERROR", f"Property values were not valid: {message}", detail)


def invalid(message: str) -> Problem:
    """The refusal of a request's form."""
    return Problem("VALIDATION_ERROR", f"Invalid input JSON: {message}")


def prop(kind: str = "string", **more: Any) -> Json:
    """A property of a type: `string`, `number`, `bool`, `date`, `datetime`, `enumeration`.

    `options` (internal names of choices), `read_only`, `required`, `own` (the account's, not HubSpot's), `by_default`
    (answered when nobody asks), `external` (choices that lie elsewhere: owners, pipelines, stages), `default`,
    `check` (`hours`, `absences`, `zone`), `unique`.
    """
    return {"type": kind, **more}


def stamp(moment: datetime) -> str:
    """A time as HubSpot writes it: UTC to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def properties_of(world: World, kind: str) -> Json:
    """The properties that objects of a kind have."""
    known: Json = world.state["hubspot"]["properties"]
    if kind not in known:
        raise Problem("OBJECT_NOT_FOUND", f"Unable to infer object type from: {kind}", status=400)
    found: Json = known[kind]
    return found


def stages_of(world: World, kind: str, pipeline: str | None) -> list[str]:
    """The stages of a pipeline."""
    for one in world.state["hubspot"]["pipelines"].get(kind, []):
        if one["id"] == pipeline:
            return [stage["id"] for stage in one["stages"]]
    return []


def described(name: str, of: Json) -> Json:
    """A property as the properties API tells it."""
    ours = bool(of.get("own"))
    options = [
        {"label": label, "value": value, "displayOrder": at, "hidden": False}
        for at, (value, label) in enumerate(of.get("options", {}).items())
    ]
    kinds = {"enumeration": "select", "bool": "booleancheckbox", "number": "number", "string": "text"}
    return {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "type": of["type"],
        "fieldType": kinds.get(of["type"], "date"),
        "description": "",
        "groupName": "information",
        "options": options,
        "hubspotDefined": not ours,
        "calculated": False,
        "externalOptions": "external" in of,
        "hasUniqueValue": bool(of.get("unique")),
        "hidden": False,
        "formField": False,
        "archived": False,
        "modificationMetadata": {
            "archivable": ours,
            "readOnlyDefinition": not ours,
            "readOnlyValue": bool(of.get("read_only")),
        },
    }


def writable(world: World, kind: str, given: Any) -> Json:
    """The values to keep. Raises `Problem` for all that is wrong with them."""
    if not isinstance(given, dict):
        raise invalid("properties: must be an object")
    known, problems, taken = properties_of(world, kind), [], {}
    for name, value in given.items():
        try:
            taken[name] = _value(world, kind, name, known.get(name), value)
        except Problem as problem:
            problems.append(problem)
    if problems:
        details = [detail for problem in problems for detail in problem.details]
        raise Problem("VALIDATION_ERROR", problems[0].message, *details)
    return taken


def _value(world: World, kind: str, name: str, of: Json | None, value: Any) -> str | None:
    if of is None:
        raise wrong(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if not isinstance(value, str):
        raise wrong(name, "INVALID_TYPE", f"{name} must be a string")
    if of.get("read_only"):
        raise wrong(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    if value == "":
        return None
    if of["type"] == "enumeration" and "options" in of and value not in of["options"]:
        raise wrong(name, "INVALID_OPTION", f"{value} was not one of the allowed options: {list(of['options'])}")
    if of["type"] == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        raise wrong(name, "INVALID_NUMBER", f"{value} was not a valid number.")
    if of["type"] == "bool" and value not in ("true", "false"):
        raise wrong(name, "INVALID_BOOLEAN", f"{value} was not a valid boolean.")
    if of["type"] == "date":
        return _date(name, value)
    if of["type"] == "datetime":
        return _moment(name, value)
    _external(world, kind, name, of.get("external"), value)
    if (check := of.get("check")) is not None:
        _CHECKS[check](name, value)
    return value


def _date(name: str, value: str) -> str:
    if re.fullmatch(r"\d{1,15}", value):
        moment = _EPOCH + timedelta(milliseconds=int(value))
        if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
            return moment.date().isoformat()
    if fields.iso_date(value):
        return value
    raise wrong(name, "INVALID_DATE", f"{value} is not midnight UTC in milliseconds, or YYYY-MM-DD.")


def _moment(name: str, value: str) -> str:
    if re.fullmatch(r"\d{1,15}", value):
        return stamp(_EPOCH + timedelta(milliseconds=int(value)))
    if fields.iso_time(value):
        return stamp(datetime.fromisoformat(value))
    raise wrong(name, "INVALID_LONG", f"{value} was not a valid time.")


def _external(world: World, kind: str, name: str, where: str | None, value: str) -> None:
    account = world.state["hubspot"]
    if where == "owners" and (value not in account["owners"] or account["owners"][value]["archived"]):
        raise wrong(name, "INVALID_OWNER_ID", f"Owner {value} does not exist or is not valid.")
    pipelines = account["pipelines"].get(kind, [])
    if where == "pipelines" and value not in [one["id"] for one in pipelines]:
        raise wrong(name, "INVALID_PIPELINE", f"{value} is no pipeline.")
    if where == "stages" and not any(value in stages_of(world, kind, one["id"]) for one in pipelines):
        raise wrong(name, "INVALID_STAGE", f"{value} is no stage of any pipeline.")


def _zone(name: str, value: str) -> None:
    if value not in available_timezones():
        raise wrong(name, "INVALID_OPTION", f"{value} is no time zone.")


def _hours(name: str, value: str) -> None:
    taken: list[tuple[int, int, int]] = []
    for one in _listed(name, value, {"days", "startMinute", "endMinute"}):
        start, end = one["startMinute"], one["endMinute"]
        sound = fields.whole(start) and fields.whole(end) and 0 <= start < end <= 1440
        if not sound or one["days"] not in _SPANS:
            raise wrong(name, "INVALID_WORKING_HOURS", "Working hours are days with minutes from 0 to 1440.")
        for day in _SPANS[one["days"]]:
            if any(day == other and start < its_end and its_start < end for other, its_start, its_end in taken):
                raise wrong(name, "INVALID_WORKING_HOURS", "Working hours overlap.")
            taken.append((day, start, end))


def _absences(name: str, value: str) -> None:
    until = 0
    for one in _listed(name, value, {"startTimestamp", "endTimestamp"}):
        start, end = one["startTimestamp"], one["endTimestamp"]
        if not (fields.whole(start) and fields.whole(end) and until <= start < end):
            raise wrong(name, "INVALID_OUT_OF_OFFICE", "Times out of office are in order and do not overlap.")
        until = end


def _listed(name: str, value: str, keys: set[str]) -> list[Json]:
    try:
        listed = json.loads(value)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(one, dict) and set(one) == keys for one in listed):
        raise wrong(name, "INVALID_JSON", f"{name} is a JSON list of {sorted(keys)}.")
    return listed


_CHECKS = {"zone": _zone, "hours": _hours, "absences": _absences}
