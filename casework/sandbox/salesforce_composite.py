"""Composite requests: up to 25 subrequests one after the other, which may refer to each other's answers.

With `allOrNone` the first that fails undoes the others, and every other one answers `PROCESSING_HALTED`. The outer
answer is 200 either way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from casework.sandbox import salesforce_records
from casework.sandbox.http import Json
from casework.sandbox.salesforce_records import ROBOT, requesting
from casework.sandbox.salesforce_schema import Problem, object_of

if TYPE_CHECKING:
    from casework.sandbox.world import World

_MOST = 25
_ADDRESS = re.compile(r"/services/data/v\d\d\.0/sobjects/([^/]+)(?:/([^/]+)(?:/([^/]+))?)?/?")
_REFERENCE = re.compile(r"@\{(\w+)\.(\w+)\}")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."


class _Undone(Exception):
    """The whole request is undone."""


def run(world: World, given: Json) -> list[Json]:
    """The answers to the subrequests. Raises `Problem` when the request itself is wrong."""
    if surplus := sorted(set(given) - {"allOrNone", "collateSubrequests", "compositeRequest"}):
        raise Problem("JSON_PARSER_ERROR", f"Unrecognized field '{surplus[0]}'")
    asked = given.get("compositeRequest")
    if not isinstance(asked, list) or not asked:
        raise Problem("JSON_PARSER_ERROR", "compositeRequest: a list of subrequests")
    if len(asked) > _MOST:
        raise Problem("LIMIT_EXCEEDED", f"Limit of {_MOST} subrequests is exceeded")
    for one in asked:
        _demand_shape(one)
    if len({one["referenceId"] for one in asked}) < len(asked):
        raise Problem("INVALID_INPUT", "Duplicate referenceId")
    if not given.get("allOrNone", False):
        return _each(world, asked)
    answers: list[Json] = []
    try:
        with requesting(world, ROBOT) as request:
            for one in asked:
                answers.append(_answered(request, one, answers))
                if answers[-1]["httpStatusCode"] >= 300:
                    raise _Undone
    except _Undone:
        halted = {"httpStatusCode": 400, "httpHeaders": {}}
        said = [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}]
        failed = len(answers) - 1
        return [
            answers[at] if at == failed else {"body": said, **halted, "referenceId": one["referenceId"]}
            for at, one in enumerate(asked)
        ]
    return answers


def _each(world: World, asked: list[Json]) -> list[Json]:
    """Every subrequest for itself."""
    answers: list[Json] = []
    for one in asked:
        try:
            with requesting(world, ROBOT) as request:
                answers.append(_answered(request, one, answers))
                if answers[-1]["httpStatusCode"] >= 300:
                    raise _Undone
        except _Undone:
            continue
    return answers


def _demand_shape(one: Any) -> None:
    known = {"method", "url", "referenceId", "body", "httpHeaders"}
    if not isinstance(one, dict) or not {"method", "url", "referenceId"} <= set(one) <= known:
        raise Problem("JSON_PARSER_ERROR", "A subrequest has a method, a url and a referenceId")
    if not _NAME.fullmatch(str(one["referenceId"])):
        raise Problem("INVALID_INPUT", "A referenceId has letters, digits and '_'")
    if forbidden := {name.lower() for name in one.get("httpHeaders", {})} & {"accept", "authorization", "content-type"}:
        raise Problem("INVALID_INPUT", f"The header {min(forbidden)} is not allowed in a subrequest")


def _answered(request: salesforce_records.Request, one: Json, before: list[Json]) -> Json:
    status, body = 404, None
    try:
        status, body = _done(request, one, before)
    except Problem as problem:
        status, body = problem.status, problem.body()
    return {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": one["referenceId"]}


def _done(request: salesforce_records.Request, one: Json, before: list[Json]) -> tuple[int, Any]:
    world = request.world
    url = _resolved(one["url"], before)
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
    name, record, value = (None if part is None else unquote(part) for part in found.groups())
    given = {key: _resolved(value, before) for key, value in one.get("body", {}).items()}
    of = object_of(world, name or "")
    match one["method"], record, value:
        case "POST", None, None:
            made = salesforce_records.create(request, of["name"], given)
            return 201, {"id": made["Id"], "success": True, "errors": []}
        case "PATCH", str(), None:
            salesforce_records.update(request, of["name"], salesforce_records.get(world, of, record), given)
            return 204, None
        case "PATCH", str(), str():
            outcome = salesforce_records.upsert(request, of["name"], record, value, given)
            if isinstance(outcome, list):
                return 300, [other["Id"] for other in outcome]
            kept, created = outcome
            return 201 if created else 200, {"id": kept["Id"], "success": True, "errors": [], "created": created}
        case "GET", str(), None:
            return 200, salesforce_records.shown(world, of, salesforce_records.get(world, of, record))
    raise Problem("METHOD_NOT_ALLOWED", f"HTTP Method '{one['method']}' not allowed.", status=405)


def _resolved(value: Any, before: list[Json]) -> Any:
    """A value with `@{reference.id}` replaced by what that subrequest answered."""
    if not isinstance(value, str):
        return value

    def meant(found: re.Match[str]) -> str:
        for answer in before:
            if answer["referenceId"] == found.group(1) and isinstance(answer["body"], dict):
                said = answer["body"].get(found.group(2))
                if said is not None:
                    return str(said)
        raise Problem("PROCESSING_HALTED", f"Invalid reference specified. No value for {found.group(0)} found")

    return _REFERENCE.sub(meant, value)
