"""The numbers of a policy: a TOML file that a manager edits, read into a frozen, strict model.

Every number has its unit in its name (`churn_grace_days`) and an example in its model. There are no
defaults in code: what the file does not say is an error, and so is a name that the model does not know.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import time
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

__all__ = ["Numbers", "NumbersError", "RoleName", "Span", "WallTime", "in_order", "load"]


def _to_the_minute(chosen: time) -> time:
    if chosen.tzinfo is not None or chosen != time(chosen.hour, chosen.minute):
        raise ValueError("a wall time to the minute, without a zone")
    return chosen


RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=60)]
Span = Annotated[int, Field(ge=1, le=366)]
WallTime = Annotated[time, AfterValidator(_to_the_minute)]


class Numbers(BaseModel):
    """Base of every model of policy numbers, and of the tables inside them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def in_order(what: str, days: Sequence[int]) -> None:
    """Check, for a validator, that moments come one after the other.

    Raises ValueError: names what does not.
    """
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError(f"{what}: each must come after the one before, not {list(days)}")


class NumbersError(ValueError):
    """A policy's numbers cannot be used; the text names the file, each wrong name, and an example."""


N = TypeVar("N", bound=Numbers)


def load(model: type[N], path: Path) -> N:
    """Read `path` into `model`.

    Raises NumbersError for a missing or unreadable file, bad TOML, and missing, unknown or wrong values;
    all problems are told at once.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise NumbersError(f"{path}: cannot be read as TOML: {error}") from error
    try:
        # Through JSON: only there does pydantic's strict mode take arrays as tuples and text as enums.
        return model.model_validate_json(json.dumps(content, default=lambda moment: moment.isoformat()))
    except ValidationError as error:
        problems = [_problem(model, one) for one in error.errors(include_url=False, include_context=False)]
        raise NumbersError("\n".join(f"{path}: {problem}" for problem in problems)) from error


def _problem(model: type[Numbers], error: ErrorDetails) -> str:
    location = error["loc"]
    name = ".".join(str(part) for part in location)
    if error["type"] == "missing":
        text = f"{name}: is missing"
    elif error["type"] == "extra_forbidden":
        near = get_close_matches(str(location[-1]), _names(model, location[:-1]), n=1)
        return f"{name}: is not a number of this policy" + (f"; did you mean {near[0]}?" if near else "")
    elif error["type"] == "value_error":
        text = f"{name or 'numbers that do not fit together'}: {error['msg'].removeprefix('Value error, ')}"
    else:
        text = f"{name}: {error['msg']}, not {error['input']!r}"
    field = _field(model, location)
    if field is None or not field.examples:
        return text
    return f"{text}; for example: {location[-1]} = {json.dumps(field.examples[0])}"


def _names(model: type[Numbers], location: Sequence[int | str]) -> list[str]:
    inner = _table(_field(model, location)) if location else model
    return list(inner.model_fields) if inner else []


def _field(model: type[Numbers], location: Sequence[int | str]) -> FieldInfo | None:
    table: type[Numbers] | None = model
    field: FieldInfo | None = None
    for part in location:
        if table is None:
            return None
        field = table.model_fields.get(str(part))
        table = _table(field)
    return field


def _table(field: FieldInfo | None) -> type[Numbers] | None:
    annotation: Any = field.annotation if field else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, Numbers) else None
