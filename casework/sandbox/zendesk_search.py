"""Zendesk's search language, as far as tickets and users are searched by property.

Terms of one property are alternatives (`status:open status:pending`), different properties must all hold, a
leading minus excludes. Free words are not understood here, and that is said rather than ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from casework.sandbox.http import Json, Request
from casework.sandbox.zendesk_tickets import STATUSES, refuse

if TYPE_CHECKING:
    from casework.sandbox.world import World

_TERM = re.compile(r'(-?)(\w+)(:|<=|>=|<|>)("[^"]*"|\S+)')
_TIMES = {"created": "created_at", "updated": "updated_at"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ":": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
}


def search(world: World, request: Request) -> list[Json]:
    """Every result of the request's query, in the asked order (newest created first by default)."""
    query = request.parameter("query")
    if not query:
        raise refuse(422, "invalid", "Missing required parameter: query")
    terms = _TERM.findall(query)
    if _TERM.sub("", query).strip():
        raise refuse(422, "invalid", "Invalid search: only property terms are understood here")
    kinds = {value for _, name, _, value in terms if name == "type"}
    if kinds not in ({"ticket"}, {"user"}):
        raise refuse(422, "invalid", "Invalid search: say type:ticket or type:user")
    kind = kinds.pop()
    records: list[Json] = list(world.state["zendesk"][f"{kind}s"].values())
    found = [record for record in records if _holds(record, terms)]
    key = request.parameter("sort_by") or "created_at"
    if key not in ("created_at", "updated_at"):
        raise refuse(422, "invalid", "Invalid sort_by: created_at or updated_at")
    found.sort(key=lambda r: (r[key], r["id"]), reverse=(request.parameter("sort_order") or "desc") != "asc")
    return [{**record, "result_type": kind} for record in found]


def _holds(record: Json, terms: list[tuple[str, str, str, str]]) -> bool:
    wanted: dict[tuple[str, str], list[bool]] = {}
    for minus, name, sign, value in terms:
        if name == "type":
            continue
        hit = _term_holds(record, name, sign, value.strip('"'))
        if minus and hit:
            return False
        if not minus:
            wanted.setdefault((name, sign), []).append(hit)
    return all(any(hits) for hits in wanted.values())


def _term_holds(record: Json, name: str, sign: str, value: str) -> bool:
    compare = _COMPARE[sign]
    if name == "tags" and sign == ":":
        return value in record["tags"]
    if name == "status" and "status" in record:
        if value not in STATUSES:
            raise refuse(422, "invalid", f"Invalid search: status {value!r}")
        return compare(STATUSES.index(record["status"]), STATUSES.index(value))
    if name in _TIMES:
        return compare(record[_TIMES[name]], value)
    if name in ("email", "role", "external_id") and sign == ":":
        return str(record.get(name) or "").lower() == value.lower()
    if name in ("requester", "assignee", "group") and sign == ":":
        return str(record.get(f"{name}_id")) == value
    raise refuse(422, "invalid", f"Invalid search: property {name!r}")
