"""Intercom's search: filters truly evaluated, two levels deep, in an index that may be behind.

The index is as far behind as `lag` says, at once unless a test or a player sets it; what is read by its id is always as
it is. Limits are those that Intercom documents: fifteen filters in a group, two levels, pages of 150. Contacts are
compared by the day of a time, conversations by its second, as documented.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from casework.sandbox.http import Json
from casework.sandbox.intercom_problem import Problem

if TYPE_CHECKING:
    from casework.sandbox.world import World

_PAGE, _FILTERS, _DAY = 150, 15, 86_400
_TEXT = frozenset({"=", "!=", "IN", "NIN", "~", "!~", "^", "$"})
_NUMBER = frozenset({"=", "!=", "IN", "NIN", ">", "<", ">=", "<="})
_FLAG = frozenset({"=", "!="})
_FIELDS = {
    "conversations": {
        "id": _TEXT, "created_at": _NUMBER, "updated_at": _NUMBER, "waiting_since": _NUMBER,
        "snoozed_until": _NUMBER, "state": _TEXT, "open": _FLAG, "read": _FLAG, "priority": _TEXT,
        "admin_assignee_id": _TEXT, "team_assignee_id": _TEXT, "tag_ids": _TEXT, "contact_ids": _TEXT,
        "teammate_ids": _TEXT, "source.author.id": _TEXT, "source.type": _TEXT,
    },
    "contacts": {
        "id": _TEXT, "role": _TEXT, "email": _TEXT, "email_domain": _TEXT, "external_id": _TEXT, "name": _TEXT,
        "phone": _TEXT, "created_at": _NUMBER, "updated_at": _NUMBER,
    },
}  # fmt: skip


def empty() -> Json:
    """An index that is never behind. `known` has, by kind and id, what a record was since when."""
    return {"lag_seconds": 0, "known": {}}


def lag(world: World, seconds: float) -> None:
    """From now on searches see what was so many seconds ago."""
    world.state["intercom"]["index"] = {"lag_seconds": seconds, "known": {}}


def changing(world: World, kind: str, record: Json) -> None:
    """To be told before a record changes: until the index follows, it has what is so now."""
    index = world.state["intercom"]["index"]
    if index["lag_seconds"]:
        index["known"].setdefault(f"{kind}/{record['id']}", [[None, _kept(record)]])


def changed(world: World, kind: str, record: Json) -> None:
    """To be told when a record was made or has changed."""
    index = world.state["intercom"]["index"]
    if index["lag_seconds"]:
        versions = index["known"].setdefault(f"{kind}/{record['id']}", [])
        versions.append([world.now().isoformat(), _kept(record)])


def _kept(record: Json) -> Json | None:
    return None if record.get("archived") else deepcopy(record)


def search(world: World, kind: str, asked: Json) -> tuple[list[Json], Json, int]:
    """One page of what is found, newest first; what the answer says of pages; how many there are. Raises `Problem`."""
    paging = asked.get("pagination") or {}
    size, after = paging.get("per_page", 20), paging.get("starting_after")
    if set(paging) - {"per_page", "starting_after", "page"} or not isinstance(size, int) or not 0 < size <= _PAGE:
        raise _invalid(f"pagination: per_page from 1 to {_PAGE}, starting_after")
    if after is not None and not (isinstance(after, str) and after.isdecimal()):
        raise _invalid("pagination: starting_after must be the cursor of a page")
    found = [one for one in _indexed(world, kind) if _holds(kind, one, asked.get("query"), 0)]
    found.sort(key=lambda one: (one["updated_at"], one["id"]), reverse=True)
    return page(found, size, int(after or 0))


def page(found: list[Json], size: int, start: int) -> tuple[list[Json], Json, int]:
    """One page, and how Intercom says what follows."""
    pages: Json = {
        "type": "pages", "page": start // size + 1, "per_page": size, "total_pages": max(1, -(-len(found) // size)),
    }  # fmt: skip
    if start + size < len(found):
        pages["next"] = {"per_page": size, "starting_after": str(start + size)}
    return found[start : start + size], pages, len(found)


def _indexed(world: World, kind: str) -> list[Json]:
    account = world.state["intercom"]
    index = account["index"]
    seen, until = [], world.now() - timedelta(seconds=index["lag_seconds"])
    for key, record in account[kind].items():
        versions = index["known"].get(f"{kind}/{key}", [[None, _kept(record)]])
        past = [one for since, one in versions if since is None or datetime.fromisoformat(since) <= until]
        if past and past[-1] is not None:
            seen.append(past[-1])
    return seen


def _holds(kind: str, record: Json, query: Any, depth: int) -> bool:
    if not isinstance(query, dict):
        raise _invalid("query: an object is needed")
    if query.get("operator") in ("AND", "OR"):
        inner = query.get("value")
        if set(query) != {"operator", "value"} or not isinstance(inner, list) or not 0 < len(inner) <= _FILTERS:
            raise _invalid(f"query: from 1 to {_FILTERS} filters in a group")
        if depth > 1:
            raise _invalid("query: two levels of groups at most")
        hits = [_holds(kind, record, one, depth + 1) for one in inner]
        return all(hits) if query["operator"] == "AND" else any(hits)
    if set(query) != {"field", "operator", "value"}:
        raise _invalid("query: field, operator and value")
    allowed = _FIELDS[kind].get(query["field"])
    if allowed is None:
        raise _invalid(f"query: the field {query['field']!r} cannot be searched")
    if query["operator"] not in allowed:
        raise _invalid(f"query: no operator {query['operator']!r} for {query['field']!r}")
    if (query["operator"] in ("IN", "NIN")) != isinstance(query["value"], list):
        raise _invalid("query: IN and NIN take a list, all others do not")
    return _compares(kind, query["field"], query["operator"], _value(record, query["field"]), query["value"])


def _value(record: Json, field: str) -> Any:
    if field == "tag_ids":
        return [one["id"] for one in record["tags"]]
    if field in ("contact_ids", "teammate_ids"):
        return list(record[f"{field.removesuffix('_ids')}s"])
    value: Any = record
    for name in field.split("."):
        value = value.get(name)
    return value


def _compares(kind: str, field: str, operator: str, value: Any, wanted: Any) -> bool:
    if field.endswith(("_at", "_since", "_until")):
        unit = _DAY if kind == "contacts" else 1
        have = None if value is None else value // unit
        ask = [_whole(one) // unit for one in (wanted if isinstance(wanted, list) else [wanted])]
        if operator in ("=", "IN"):
            return have in ask
        if operator in ("!=", "NIN"):
            return have not in ask
        if have is None:
            return False
        return bool({">": have > ask[0], "<": have < ask[0], ">=": have >= ask[0], "<=": have <= ask[0]}[operator])
    listed = value if isinstance(value, list) else [value]
    have_all = {"" if one is None else str(one).lower() for one in listed}
    asked = {"" if one is None else str(one).lower() for one in (wanted if isinstance(wanted, list) else [wanted])}
    hit = {
        "=": bool(have_all & asked),
        "IN": bool(have_all & asked),
        "~": any(part in one for part in asked for one in have_all),
        "^": any(one.startswith(part) for part in asked for one in have_all),
        "$": any(one.endswith(part) for part in asked for one in have_all),
    }
    return not hit[{"!=": "=", "NIN": "IN", "!~": "~"}[operator]] if operator not in hit else hit[operator]


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not str(value).isdecimal():
        raise _invalid("query: times are whole seconds")
    return int(value)


def _invalid(message: str) -> Problem:
    return Problem(400, "parameter_invalid", message)
