"""A form as a web page shows it: fields out of the form's JSON schema, values out of what was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from casework.answer import Form

__all__ = ["Field", "fields", "values", "wrong"]


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in. `choices` are empty unless it is a choice; `most` is in characters."""

    name: str
    label: str
    description: str
    kind: Literal["choice", "text", "flag", "number"]
    required: bool
    choices: tuple[str, ...] = ()
    most: int | None = None


def fields(form: type[Form]) -> list[Field]:
    """The fields of a form, in its order.

    Raises:
        TypeError: a field is of a kind that no page can show (a list, a nested form).
    """
    schema = form.model_json_schema()
    required = schema.get("required", [])
    return [
        _field(name, whole, _resolved(whole, schema.get("$defs", {})), name in required)
        for name, whole in schema.get("properties", {}).items()
    ]


def values(of: Sequence[Field], typed: Mapping[str, str]) -> dict[str, object]:
    """What was typed, for the form to check; what was left empty is left out."""
    found: dict[str, object] = {}
    for field in of:
        if field.kind == "flag":
            found[field.name] = field.name in typed
        elif typed.get(field.name, "").strip():
            found[field.name] = typed[field.name]
    return found


def wrong(of: Sequence[Field], sentence: str) -> list[str]:
    """The names of the fields that a sentence about what is wrong names, as `answer` writes it (`reason: …`)."""
    return [field.name for field in of if re.search(rf"(?<!\w){re.escape(field.name)}: ", sentence)]


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the value itself: behind references, and without the null of an optional one."""
    if "$ref" in schema:
        return _resolved(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    real = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    return _resolved(real[0], definitions) if len(real) == 1 else schema


def _field(name: str, whole: Mapping[str, Any], schema: Mapping[str, Any], required: bool) -> Field:
    label = name.replace("_", " ").capitalize()
    description = whole.get("description", "")
    if "enum" in schema or "const" in schema:
        choices = tuple(str(value) for value in schema.get("enum", [schema.get("const")]))
        return Field(name, label, description, "choice", required, choices)
    match schema.get("type"):
        case "boolean":
            return Field(name, label, description, "flag", required)
        case "string":
            return Field(name, label, description, "text", required, most=schema.get("maxLength"))
        case "integer" | "number":
            return Field(name, label, description, "number", required)
    raise TypeError(f"The field {name} cannot be shown on a page: use a text, a number, an enum or a bool.")
