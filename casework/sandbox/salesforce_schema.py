"""What the org's objects have: each field's type, what may be written into it, and how it is described.

Objects are kept in the state as plain JSON, so that a test can rename a field or take a value away as an
administrator would. Values are checked as the REST API does, with its error codes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from casework.sandbox import fields
from casework.sandbox.http import Json, Refusal, json_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")


class Problem(Exception):
    """A record or a query is refused: Salesforce's code, a sentence, and the fields that it is about."""

    def __init__(self, code: str, message: str, *names: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.names, self.status = code, message, names, status

    def body(self) -> list[Json]:
        """The body of an answer that refuses."""
        said: Json = {"message": self.message, "errorCode": self.code}
        return [{**said, "fields": list(self.names)} if self.names else said]

    def refusal(self) -> Refusal:
        """The answer."""
        return Refusal(json_response(self.status, self.body()))


def stamp(moment: datetime) -> str:
    """A time as Salesforce writes it: milliseconds and an offset without a colon."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def field(kind: str, **more: Any) -> Json:
    """A field of a type. By default it may be empty, written, and is not unique.

    `length`, `values` (restricted choices), `to` (objects that it refers to), `default`, `required`, `read_only`,
    `create_only`, `external_id` (with Unique, unless `not_unique`).
    """
    return {"type": kind, **more}


def long_id(value: str) -> str:
    """The 18 characters of an id: each of the last three says which of five are capitals."""
    ends = ""
    for at in (0, 5, 10):
        bits = sum(2**number for number, one in enumerate(value[at : at + 5]) if "A" <= one <= "Z")
        ends += _LETTERS[bits]
    return value[:15] + ends


def new_id(world: World, prefix: str) -> str:
    """A new id of an object, whose prefix it begins with."""
    number, digits = world.next_number(f"salesforce.{prefix}", 1001), ""
    while number:
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
    return long_id(f"{prefix}RM{digits.rjust(10, '0')}")


def kept_id(value: Any) -> str | None:
    """The long form of what may be an id, or None: 18 characters must have the right ending."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        return None
    known = long_id(value)
    return known if len(value) == 15 or value == known else None


def object_of(world: World, name: str) -> Json:
    """An object by its name, case aside. Raises `Problem`."""
    known: Json = world.state["salesforce"]["objects"]
    for kept, definition in known.items():
        if kept.lower() == name.lower():
            return {"name": kept, **definition}
    raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)


def described(of: Json) -> Json:
    """The describe of an object."""
    return {
        "name": of["name"],
        "label": of["label"],
        "custom": of["name"].endswith("__c"),
        "createable": True,
        "updateable": True,
        "queryable": True,
        "keyPrefix": of["prefix"],
        "fields": [_described(name, one) for name, one in of["fields"].items()],
    }


def _described(name: str, of: Json) -> Json:
    automatic = of.get("read_only", False)
    shown: Json = {
        "name": name,
        "type": of["type"],
        "label": name.removesuffix("__c").replace("_", " "),
        "length": of.get("length", 0),
        "nillable": not of.get("required", False),
        "createable": not automatic,
        "updateable": not automatic and not of.get("create_only", False),
        "externalId": of.get("external_id", False),
        "unique": of.get("external_id", False) and not of.get("not_unique", False),
        "defaultedOnCreate": "default" in of,
        "picklistValues": [
            {"value": one, "label": one, "active": True, "defaultValue": one == of.get("default")}
            for one in of.get("values", ())
        ],
    }
    if "to" in of:
        shown["referenceTo"] = of["to"]
    return shown


def writable(world: World, of: Json, given: Json, *, creating: bool) -> Json:
    """The values to keep. Raises `Problem` for the first that is wrong."""
    taken: Json = {}
    lower = {name.lower(): name for name in of["fields"]}
    for key, value in given.items():
        if key == "attributes":
            continue
        name = lower.get(key.lower())
        if name is None:
            raise Problem("INVALID_FIELD", f"No such column '{key}' on sobject of type {of['name']}")
        definition = of["fields"][name]
        if definition.get("read_only") or (definition.get("create_only") and not creating):
            what = f"Unable to create/update fields: {name}. Please check the security settings of this field."
            raise Problem("INVALID_FIELD_FOR_INSERT_UPDATE", what, name)
        taken[name] = _value(world, name, definition, value)
    return taken


def complete(of: Json, values: Json) -> Json:
    """A new record's values with defaults for what was not given. Raises `Problem` for what is required."""
    full = {name: values.get(name, definition.get("default")) for name, definition in of["fields"].items()}
    full |= {name: False for name, one in of["fields"].items() if one["type"] == "boolean" and full[name] is None}
    missing = [name for name, one in of["fields"].items() if one.get("required") and full[name] in (None, "")]
    if missing:
        raise Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)
    return full


def _value(world: World, name: str, of: Json, value: Any) -> Any:
    if value is None or value == "":
        if of.get("required") or of["type"] == "boolean":
            raise Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", name)
        return None
    kind = of["type"]
    if kind in ("string", "textarea", "email", "picklist", "phone", "url") and not isinstance(value, str):
        raise _malformed(kind, value)
    if kind == "boolean" and not isinstance(value, bool):
        raise _malformed(kind, value)
    if kind in ("currency", "double") and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise _malformed(kind, value)
    if kind == "int" and (isinstance(value, bool) or not isinstance(value, int)):
        raise _malformed(kind, value)
    if kind == "datetime" and not (isinstance(value, str) and _TIME.fullmatch(value)):
        raise _malformed(kind, value)
    if kind == "date" and not fields.iso_date(value):
        raise _malformed(kind, value)
    if kind == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise Problem("INVALID_EMAIL_ADDRESS", f"{name}: invalid email address: {value}", name)
    if "length" in of and len(value) > of["length"]:
        what = f"{name}: data value too large: {value[:40]} (max length={of['length']})"
        raise Problem("STRING_TOO_LONG", what, name)
    if "values" in of and value not in of["values"]:
        what = f"{name}: bad value for restricted picklist field: {value}"
        raise Problem("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", what, name)
    return _reference(world, name, of, value) if kind == "reference" else value


def _reference(world: World, name: str, of: Json, value: Any) -> str:
    known = kept_id(value)
    if known is None:
        raise Problem("MALFORMED_ID", f"{name}: id value of incorrect type: {value}", name)
    records = world.state["salesforce"]["records"]
    if not any(known in records[target] for target in of["to"]):
        raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", name)
    return known


def _malformed(kind: str, value: Any) -> Problem:
    what = f"Cannot deserialize instance of {kind} from a value of type {type(value).__name__}"
    return Problem("JSON_PARSER_ERROR", what)
