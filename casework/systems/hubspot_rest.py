"""HubSpot's CRM API: objects of every kind read, found, made and changed, their associations, owners and schemas.

A search looks into an index that lags behind changes by seconds or more, so it only says where to look: what is
believed is read by id, and what belongs to a record is found along its associations, which do not lag.
There are no idempotency keys: whatever must be made once carries a marker and is associated in the request that makes
it, so that it is found from there. Values are strings; the empty one clears a property.

Source: HubSpot, "CRM API" (objects, search, associations v4, owners, properties, pipelines), "Error handling".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary, vendor_code
from casework.systems.errors import vendor_request_id as correlation
from casework.systems.http import TURNED_AWAY, Http
from casework.systems.hubspot_limits import SYSTEM, Limits

__all__ = ["SYSTEM", "Filter", "HubSpotRest", "Record", "Shape", "Stage", "equals", "one_of", "own", "stamp"]

URL = "https://api.hubapi.com"
Record = Mapping[str, Any]
"""An object's properties by name, with its `id`; what has no value is None."""
M = TypeVar("M", bound=BaseModel)

_OBJECTS, _ASSOCIATIONS = "crm/v3/objects", "crm/v4/objects"
_READ, _FOUND, _BESIDE = 100, 200, 500
_MOST_FOUND = 10_000
"""HubSpot pages no further into what a search finds."""
_ID = re.compile(r"[0-9]{1,20}")
# The account has no such property, or it cannot be written: an administrator mends it.
_UNKNOWN_HERE = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE", "MISSING_SCOPES"})
# Documented for writing together with the request that makes an object: (from, to) to the type of association.
_TYPES: Mapping[tuple[str, str], int] = {
    ("tasks", "deals"): 216,
    ("tasks", "tickets"): 230,
    ("notes", "deals"): 214,
    ("notes", "tickets"): 228,
}


def own(object_id: str) -> str:
    """`object_id`, if it is one of HubSpot's. Raises ValueError for what cannot be one."""
    if not _ID.fullmatch(object_id):
        raise ValueError("this is no id of HubSpot's: digits only")
    return object_id


def stamp(moment: datetime) -> str:
    """A time as HubSpot takes it, UTC to the millisecond. Raises ValueError without a zone."""
    if moment.tzinfo is None:
        raise ValueError("Timezone aware datetime is required")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition of a search; all of those given together must hold."""

    name: str
    operator: str
    value: str | None = None
    values: tuple[str, ...] | None = None

    def body(self) -> dict[str, Any]:
        """As a search has it."""
        said = {"propertyName": self.name, "operator": self.operator, "value": self.value}
        listed = None if self.values is None else list(self.values)
        return {name: one for name, one in {**said, "values": listed}.items() if one is not None}


def equals(name: str, value: str) -> Filter:
    """The property has exactly this value."""
    return Filter(name, "EQ", value=value)


def one_of(name: str, values: Sequence[str]) -> Filter:
    """The property has one of these values. Raises ValueError when there are none."""
    if not values:
        raise ValueError("name at least one value")
    return Filter(name, "IN", values=tuple(values))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Object(_Model):
    id: str
    properties: dict[str, str | None]

    def record(self) -> Record:
        return {"id": self.id, **{name: value or None for name, value in self.properties.items()}}


class _Past(_Model):
    propertiesWithHistory: dict[str, list[dict[str, Any]]]


class _Next(_Model):
    after: str


class _Paging(_Model):
    next: _Next | None = None


class _Page(_Model):
    results: list[_Object]
    paging: _Paging | None = None


class _Found(_Page):
    total: int


class _Beside(_Model):
    toObjectId: str


class _BesidePage(_Model):
    results: list[_Beside]
    paging: _Paging | None = None


class _Option(_Model):
    value: str


class Shape(_Model):
    """What the account says of a property."""

    name: str
    type: str
    options: list[_Option] = []
    modificationMetadata: Mapping[str, bool] | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it may have, when they are listed."""
        return tuple(option.value for option in self.options)

    @property
    def writable(self) -> bool:
        """Whether its value may be set."""
        return not (self.modificationMetadata or {}).get("readOnlyValue", False)


class Stage(_Model):
    """A stage of a pipeline; `label` is what people call it."""

    id: str
    label: str
    metadata: Mapping[str, str | None] = {}

    @property
    def closed(self) -> bool:
        """Whether a ticket is closed in it."""
        return self.metadata.get("ticketState") == "CLOSED"


class _Pipeline(_Model):
    id: str
    stages: list[Stage]


_SHAPES, _PIPELINES = TypeAdapter(list[Shape]), TypeAdapter(list[_Pipeline])


class HubSpotRest:
    """One account, by the token of a private app. `reserve` and `seconds` are said at `Limits`."""

    def __init__(
        self,
        token: str,
        *,
        url: str = URL,
        reserve: float = 0.05,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = Limits(reserve, seconds)
        headers = {"Authorization": f"Bearer {token}"}
        self._http = Http(SYSTEM, url, headers=headers, transport=transport, sleep=sleep, judge=self._judged)

    # -- objects

    def read(
        self, operation: str, kind: str, object_id: str, properties: Sequence[str], *, by: str | None = None
    ) -> Record:
        """An object as it stands now, by its id or by the unique property `by`. Raises `NotFound`."""
        params = {"properties": ",".join(properties)} | ({} if by is None else {"idProperty": by})
        answer = self._ask(operation, "GET", f"{_OBJECTS}/{kind}/{own(object_id)}", params=params)
        return self._http.typed(operation, _Object, answer).record()

    def past(self, operation: str, kind: str, object_id: str, name: str) -> tuple[dict[str, Any], ...]:
        """The values that a property of an object has had, each with when and by whom it was set. Raises `NotFound`."""
        params = {"properties": name, "propertiesWithHistory": name}
        answer = self._ask(operation, "GET", f"{_OBJECTS}/{kind}/{own(object_id)}", params=params)
        return tuple(self._http.typed(operation, _Past, answer).propertiesWithHistory.get(name, ()))

    def read_all(self, operation: str, kind: str, ids: Sequence[str], properties: Sequence[str]) -> tuple[Record, ...]:
        """Several objects as they stand now, in the order of `ids`; those that are not there are left out."""
        found: dict[str, Record] = {}
        for start in range(0, len(ids), _READ):
            inputs = [{"id": own(one)} for one in ids[start : start + _READ]]
            body = {"inputs": inputs, "properties": list(properties), "propertiesWithHistory": []}
            answer = self._ask(operation, "POST", f"{_OBJECTS}/{kind}/batch/read", json=body, repeatable=True)
            found |= {one.id: one.record() for one in self._http.typed(operation, _Page, answer).results}
        return tuple(found[one] for one in ids if one in found)

    def create(self, operation: str, kind: str, values: Mapping[str, str], *, beside: Sequence[tuple[str, str]]) -> str:
        """Make an object, associated with these others (kind, id) in the same request; its id.

        Not repeatable: after `Temporary` with `maybe_done` look along the associations first.
        """
        associations = [
            {
                "to": {"id": own(other)},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": _TYPES[kind, other_kind]}],
            }
            for other_kind, other in beside
        ]
        body = {"properties": dict(values), "associations": associations}
        return self._http.typed(operation, _Object, self._ask(operation, "POST", f"{_OBJECTS}/{kind}", json=body)).id

    def update(self, operation: str, kind: str, object_id: str, values: Mapping[str, str | None]) -> None:
        """Set properties; None clears one. Repeatable. Raises ValueError when there are none, `NotFound`."""
        if not values:
            raise ValueError("Name at least one property to set")
        body = {"properties": {name: value or "" for name, value in values.items()}}
        self._ask(operation, "PATCH", f"{_OBJECTS}/{kind}/{own(object_id)}", json=body, repeatable=True)

    def archive(self, operation: str, kind: str, object_id: str) -> None:
        """Put an object away, from where people can restore it for 90 days. Repeatable."""
        try:
            self._ask(operation, "DELETE", f"{_OBJECTS}/{kind}/{own(object_id)}")
        except NotFound:
            return

    def associated(self, operation: str, kind: str, object_id: str, other_kind: str) -> tuple[str, ...]:
        """The ids of the objects of another kind that this one is associated with, lowest first. Raises `NotFound`."""
        path = f"{_ASSOCIATIONS}/{kind}/{own(object_id)}/associations/{other_kind}"
        found: set[str] = set()
        params: dict[str, str | int | bool] = {"limit": _BESIDE}
        while True:
            page = self._http.typed(operation, _BesidePage, self._ask(operation, "GET", path, params=params))
            found |= {own(one.toObjectId) for one in page.results}
            if page.paging is None or page.paging.next is None:
                return tuple(sorted(found, key=int))
            params["after"] = page.paging.next.after

    # -- searching

    def search(self, operation: str, kind: str, *filters: Filter, limit: int | None = None) -> tuple[str, ...]:
        """The ids of the objects that the index finds, lowest first, at most `limit`; it lags behind changes.

        Raises `Refused` when there are more than HubSpot pages through and no `limit` was given.
        """
        found = dict.fromkeys(islice(self._found(operation, kind, filters), limit))
        return tuple(found)

    def count(self, operation: str, kind: str, *filters: Filter) -> int:
        """How many objects the index finds; it lags behind changes."""
        return self._page(operation, kind, filters, "0", 1).total

    def _found(self, operation: str, kind: str, filters: Sequence[Filter]) -> Iterator[str]:
        after = "0"
        while True:
            page = self._page(operation, kind, filters, after, _FOUND)
            for one in page.results:
                yield one.id
            if page.paging is None or page.paging.next is None:
                return
            after = page.paging.next.after
            if after.isdecimal() and int(after) >= _MOST_FOUND:
                raise Refused(SYSTEM, operation, f"the search finds more than {_MOST_FOUND}: narrow it")

    def _page(self, operation: str, kind: str, filters: Sequence[Filter], after: str, limit: int) -> _Found:
        body = {
            "filterGroups": [{"filters": [one.body() for one in filters]}] if filters else [],
            "sorts": ["hs_object_id"],
            "properties": ["hs_object_id"],
            "limit": limit,
            "after": after,
        }
        answer = self._ask(operation, "POST", f"{_OBJECTS}/{kind}/search", json=body, repeatable=True)
        return self._http.typed(operation, _Found, answer)

    # -- owners and schemas

    def owners(self, operation: str, **params: str) -> list[Any]:
        """Owners, as the answer has them; by `email` or all."""
        listed: list[Any] = []
        asked: dict[str, str | int | bool] = {"limit": _BESIDE, **params}
        while True:
            answer = self._ask(operation, "GET", "crm/v3/owners", params=asked)
            listed += self._http.typed(operation, TypeAdapter(list[dict[str, Any]]), answer, "results")
            following = self._http.typed(operation, _Paging, answer.get("paging") or {}).next
            if following is None:
                return listed
            asked["after"] = following.after

    def owner(self, operation: str, owner_id: str) -> Any:
        """An owner, as the answer has it. Raises `NotFound`."""
        return self._ask(operation, "GET", f"crm/v3/owners/{own(owner_id)}")

    def shapes(self, kind: str) -> Mapping[str, Shape]:
        """The properties that objects of a kind have in this account, by name."""
        operation = f"read the properties of {kind}"
        answer = self._ask(operation, "GET", f"crm/v3/properties/{kind}")
        return {one.name: one for one in self._http.typed(operation, _SHAPES, answer, "results")}

    def pipelines(self, kind: str) -> Mapping[str, tuple[Stage, ...]]:
        """The stages of each pipeline of a kind, by the pipelines' ids."""
        operation = f"read the pipelines of {kind}"
        answer = self._ask(operation, "GET", f"crm/v3/pipelines/{kind}")
        listed = self._http.typed(operation, _PIPELINES, answer, "results")
        return {one.id: tuple(one.stages) for one in listed}

    def typed(self, operation: str, kind: type[M], record: Any) -> M:
        """A record as a model. Raises `Refused` when it has another shape."""
        return self._http.typed(operation, kind, record)

    # -- within

    def _ask(self, operation: str, method: str, path: str, **asked: Any) -> Any:
        self._limits.demand(operation)
        return self._http.request(operation, method, path, **asked)

    def _judged(self, operation: str, answer: httpx.Response) -> SystemFault | None:
        self._limits.note(answer.headers)
        status = answer.status_code
        if not 400 <= status < 500:
            return None
        said = _said(answer)
        if status == 429:
            return self._limits.refused(operation, answer, said)
        if status == 423:
            return Temporary(SYSTEM, operation, "somebody else is changing it", status=status, retry_after=2.0)
        if status in TURNED_AWAY:
            return None
        codes = _codes(said)
        words = _worded(codes, said)
        if status == 477:
            return Temporary(SYSTEM, operation, f"the account is being moved{words}", status=status, retry_after=900.0)
        if status in (404, 410):
            return NotFound(SYSTEM, operation, f"knows no such thing{words}", status=status)
        if status in (401, 403) or codes & _UNKNOWN_HERE:
            detail = f"this account, or our app in it, does not allow it{words}"
            return Misconfigured(SYSTEM, operation, detail, status=status)
        return Refused(SYSTEM, operation, f"refused{words}", status=status)


def _said(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _codes(said: Mapping[str, Any]) -> set[str]:
    """The category of an error and the codes of its parts; never its sentences, which quote values."""
    parts = said.get("errors")
    listed = [part.get("code") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return {code for one in (said.get("category"), *listed) if (code := vendor_code(one)) is not None}


def _worded(codes: set[str], said: Mapping[str, Any]) -> str:
    given = said.get("correlationId")
    request = correlation(given if isinstance(given, str) else None)
    return (f": {', '.join(sorted(codes))}" if codes else "") + (f" [request {request}]" if request else "")
