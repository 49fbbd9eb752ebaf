"""HubSpot's search: filters truly evaluated, in an index that may be behind.

HubSpot documents that new and changed records take a moment until searches see them. Here the index is as far behind as
`lag` says, at once unless a test or a player sets it; a record read by its id is always as it is. Limits are those that
HubSpot documents: five groups of six filters, eighteen in all, pages of 200, ten thousand results.
"""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from casework.sandbox.http import Json
from casework.sandbox.hubspot_schema import Problem, invalid, properties_of, wrong

if TYPE_CHECKING:
    from casework.sandbox.world import World

_KEYS = {"query", "limit", "after", "sorts", "properties", "filterGroups"}
_GROUPS, _FILTERS, _ALL, _PAGE, _MOST = 5, 6, 18, 200, 10_000
_ONE = {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}
_SEVERAL, _NONE = {"IN", "NOT_IN"}, {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}
_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "EQ": operators.eq, "NEQ": operators.ne, "LT": operators.lt,
    "LTE": operators.le, "GT": operators.gt, "GTE": operators.ge,
}  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Match = tuple[Json, Json]
"""A record, and its properties as the index knows them."""


def empty() -> Json:
    """An index that is never behind. `known` has, by kind and id, what a record was since when."""
    return {"lag_seconds": 0, "known": {}}


def lag(world: World, seconds: float) -> None:
    """From now on searches see what was so many seconds ago."""
    world.state["hubspot"]["index"] = {"lag_seconds": seconds, "known": {}}


def changing(world: World, kind: str, record: Json) -> None:
    """To be told before a record changes: until the index follows, it has what is so now."""
    index = world.state["hubspot"]["index"]
    if index["lag_seconds"]:
        index["known"].setdefault(f"{kind}/{record['id']}", [[None, _kept(record)]])


def changed(world: World, kind: str, record: Json) -> None:
    """To be told when a record was made or has changed."""
    index = world.state["hubspot"]["index"]
    if index["lag_seconds"]:
        now = world.now().isoformat()
        index["known"].setdefault(f"{kind}/{record['id']}", []).append([now, _kept(record)])


def _kept(record: Json) -> Json | None:
    return None if record["archived"] else deepcopy(record["properties"])


def find(world: World, kind: str, asked: Any) -> tuple[int, list[Match], str | None]:
    """How many match, one page of them, and where the next page begins. Raises `Problem`."""
    if not isinstance(asked, dict):
        raise invalid("an object is needed")
    if surplus := sorted(set(asked) - _KEYS):
        raise invalid(f"unknown field {surplus[0]!r}")
    known = properties_of(world, kind)
    groups = _groups(asked.get("filterGroups", []), known)
    limit, after = asked.get("limit", 10), asked.get("after", "0")
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= _PAGE:
        raise invalid(f"limit: from 1 to {_PAGE}")
    if not isinstance(after, str) or not (after == "" or after.isdecimal()):
        raise invalid("after: must be the cursor of a page")
    start = int(after or 0)
    if start + limit > _MOST:
        raise Problem("VALIDATION_ERROR", f"paging past {_MOST} results is not supported")
    found = [
        match
        for match in _searched(world, kind)
        if not groups or any(all(_holds(match[1], one, known) for one in group) for group in groups)
    ]
    if words := asked.get("query"):
        found = [one for one in found if str(words).lower() in " ".join(filter(None, one[1].values())).lower()]
    for name, reverse in reversed(_sorts(asked.get("sorts", []), known)):
        found.sort(key=lambda one: _ordered(one[1].get(name), known[name]), reverse=reverse)
    end = start + limit
    return len(found), found[start:end], str(end) if end < len(found) else None


def _searched(world: World, kind: str) -> list[Match]:
    account = world.state["hubspot"]
    index = account["index"]
    until = world.now() - timedelta(seconds=index["lag_seconds"])
    found: list[Match] = []
    for number, record in account["objects"].get(kind, {}).items():
        versions = index["known"].get(f"{kind}/{number}")
        if versions is None:
            versions = [[None, _kept(record)]]
        known = [values for since, values in versions if since is None or datetime.fromisoformat(since) <= until]
        if known and known[-1] is not None:
            found.append((record, known[-1]))
    return found


def _groups(given: Any, known: Json) -> list[list[Json]]:
    if not isinstance(given, list) or len(given) > _GROUPS:
        raise invalid(f"filterGroups: a list of at most {_GROUPS}")
    groups = []
    for group in given:
        filters = group.get("filters") if isinstance(group, dict) else None
        if not isinstance(filters, list) or not 0 < len(filters) <= _FILTERS or set(group) != {"filters"}:
            raise invalid(f"filters: a list of 1 to {_FILTERS}")
        groups.append([_filter(one, known) for one in filters])
    if sum(map(len, groups)) > _ALL:
        raise invalid(f"at most {_ALL} filters in all")
    return groups


def _filter(given: Any, known: Json) -> Json:
    if not isinstance(given, dict) or not isinstance(given.get("propertyName"), str):
        raise invalid("a filter has a propertyName, an operator and a value")
    name, operator = given["propertyName"], given.get("operator")
    if name not in known:
        raise wrong(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    needed: dict[str, type]
    if operator in _ONE:
        needed = {"value": str}
    elif operator in _SEVERAL:
        needed = {"values": list}
    elif operator == "BETWEEN":
        needed = {"value": str, "highValue": str}
    elif operator in _NONE:
        needed = {}
    else:
        raise invalid(f"operator {operator!r} is unknown")
    given_values = {key: value for key, value in given.items() if key not in ("propertyName", "operator")}
    if set(given_values) != set(needed) or not all(isinstance(given_values[key], kind) for key, kind in needed.items()):
        raise invalid(f"operator {operator} takes {sorted(needed)}")
    listed = [*given_values.get("values", []), *(given_values[key] for key in ("value", "highValue") if key in needed)]
    if not all(isinstance(one, str) for one in listed) or ("values" in needed and not listed):
        raise invalid(f"operator {operator} takes strings")
    for one in listed:
        _ordered(one, known[name], asked=True)
    return given


def _sorts(given: Any, known: Json) -> list[tuple[str, bool]]:
    if not isinstance(given, list) or len(given) > 1 or not all(isinstance(one, str) for one in given):
        raise invalid("sorts: a list of at most one")
    names = [(one.removeprefix("-"), one.startswith("-")) for one in given]
    if strange := [name for name, _ in names if name not in known]:
        raise invalid(f"sorts: there is no property {strange[0]!r}")
    return names


def _holds(values: Json, one: Json, known: Json) -> bool:
    name, operator = one["propertyName"], one["operator"]
    value: str | None = values.get(name)
    if operator in _NONE:
        return (value is not None) is (operator == "HAS_PROPERTY")
    if value is None:
        return operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
    of = known[name]
    mine = _ordered(value, of)
    if operator in _SEVERAL:
        return (mine in [_ordered(wanted, of) for wanted in one["values"]]) is (operator == "IN")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return _has_token(value, one["value"]) is (operator == "CONTAINS_TOKEN")
    wanted = _ordered(one["value"], of)
    if operator == "BETWEEN":
        return bool(wanted <= mine <= _ordered(one["highValue"], of))
    return bool(_COMPARED[operator](mine, wanted))


def _has_token(value: str, wanted: str) -> bool:
    pattern = re.escape(wanted.lower()).replace(r"\*", r"\S*")
    return any(re.fullmatch(pattern, token) for token in re.split(r"[\s@.,;:/-]+", value.lower())) or bool(
        re.fullmatch(pattern, value.lower())
    )


def _ordered(value: str | None, of: Json, *, asked: bool = False) -> Any:
    """A value as its type compares. Raises `Problem` for one that was asked for and is none of the type."""
    empty: dict[str, Any] = {"number": Decimal(-(10**18)), "datetime": _EPOCH, "date": _EPOCH}
    kind = of["type"]
    if value is None:
        return empty.get(kind, "")
    try:
        if kind == "number":
            return Decimal(value)
        if kind in ("datetime", "date"):
            if value.isdecimal():
                return _EPOCH + timedelta(milliseconds=int(value))
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, ArithmeticError):
        if asked:
            raise invalid(f"{value!r} is no {kind}") from None
        raise
    return value.lower()
