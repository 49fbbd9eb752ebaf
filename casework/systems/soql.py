"""Queries in Salesforce's language (SOQL), with values bound so that nothing escapes from them.

Source: Salesforce's "SOQL and SOSL Reference": strings in single quotes with backslash escapes; times, numbers,
truth values and null without quotes. Names of objects and fields are checked to be names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

__all__ = ["Value", "either", "equals", "field", "literal", "mentions", "quote", "select", "since", "within"]

Value = str | bool | int | datetime | None

_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(\.[A-Za-z][A-Za-z0-9_]{0,79}){0,5}")
_ORDER = re.compile(rf"{_FIELD.pattern}( ASC| DESC)?")
_ESCAPES = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f",
}  # fmt: skip


def quote(value: str) -> str:
    """`value` as one string of SOQL, whatever is in it."""
    return "'" + "".join(map(_escaped, value)) + "'"


def literal(value: Value) -> str:
    """A value as SOQL writes it. Raises ValueError for a time without a zone."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return _moment(value)
    return quote(value)


def field(name: str) -> str:
    """A field, or one of a related record (`Case__r.CaseNumber`). Raises ValueError for anything but names."""
    if not _FIELD.fullmatch(name):
        raise ValueError("A field is named by letters, digits and '_', such as 'Status' or 'Case__r.CaseNumber'")
    return name


def equals(name: str, value: Value) -> str:
    """The condition that a field has this value; of text SOQL compares without regard to case."""
    return f"{field(name)} = {literal(value)}"


def within(name: str, values: Collection[str]) -> str:
    """The condition that a field has one of these values. Raises ValueError when there is none."""
    if not values:
        raise ValueError("IN needs at least one value")
    return f"{field(name)} IN ({', '.join(map(quote, values))})"


def since(name: str, moment: datetime) -> str:
    """The condition that a time is not before `moment`."""
    return f"{field(name)} >= {_moment(moment)}"


def either(*conditions: str) -> str:
    """The condition that at least one of these is met."""
    return f"({' OR '.join(conditions)})"


def mentions(name: str, words: str) -> str:
    """The condition that a short text has these words in it, case aside; `%` and `_` stand for themselves."""
    pattern = "".join("\\" + one if one in "%_" else _escaped(one) for one in words)
    return f"{field(name)} LIKE '%{pattern}%'"


def select(
    fields: Sequence[str], kind: str, *conditions: str, order: str | None = None, limit: int | None = None
) -> str:
    """The query for records of an object that meet all conditions; `order` is a field, with `ASC` or `DESC`."""
    parts = [f"SELECT {', '.join(map(field, fields))} FROM {field(kind)}"]  # noqa: S608 - checked names
    if conditions:
        parts.append("WHERE " + " AND ".join(conditions))
    if order is not None:
        if not _ORDER.fullmatch(order):
            raise ValueError("An order is a field, with ASC or DESC")
        parts.append(f"ORDER BY {order}")
    if limit is not None:
        parts.append(f"LIMIT {int(limit)}")
    return " ".join(parts)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("Timezone aware datetime is required")
    at = value.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else "".join(f"\\u{unit:04x}" for unit in _units(character))


def _units(character: str) -> list[int]:
    """UTF-16 code units, which is what `\\uXXXX` counts in."""
    encoded = character.encode("utf-16-be", errors="surrogatepass")
    return [int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2)]
