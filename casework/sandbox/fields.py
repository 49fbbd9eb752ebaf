"""Checks of field names and types, shared by the stand-ins; each words the problem in its vendor's way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)


def whole(value: Any) -> bool:
    """An integer; true and false are not integers."""
    return isinstance(value, int) and not isinstance(value, bool)


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def mapping(value: Any) -> bool:
    """A JSON object."""
    return isinstance(value, dict)


def nullable(check: Check) -> Check:
    """Null, or what the check accepts."""
    return lambda value: value is None or check(value)


def list_of(check: Check) -> Check:
    """An array whose every item passes the check."""
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def one_of(*values: str) -> Check:
    """One of the named strings."""
    return lambda value: isinstance(value, str) and value in values


def matching(pattern: str) -> Check:
    """A string that wholly matches the pattern."""
    compiled = re.compile(pattern, re.DOTALL)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def iso_date(value: Any) -> bool:
    """A calendar date such as 2026-03-31."""
    return isinstance(value, str) and len(value) == 10 and _parses(date.fromisoformat, value)


def iso_time(value: Any) -> bool:
    """A time with an offset, such as 2026-03-31T08:00:00Z."""
    if not (isinstance(value, str) and _parses(datetime.fromisoformat, value)):
        return False
    return datetime.fromisoformat(value).tzinfo is not None


def _parses(parse: Callable[[str], object], value: str) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def unknown(value: Mapping[str, Any], allowed: Mapping[str, Check]) -> list[str]:
    """Names in the value which nobody knows."""
    return sorted(set(value) - set(allowed))


def ill_typed(value: Mapping[str, Any], allowed: Mapping[str, Check]) -> list[str]:
    """Known names whose value does not pass its check."""
    return sorted(name for name, check in allowed.items() if name in value and not check(value[name]))
