"""Outreach's REST API (JSON:API 1.0): resources read, found, made, changed and acted on.

There are no idempotency keys. Bodies, also empty ones, are `application/vnd.api+json`, ids are integers there and
digits with us. An error has an `id` that is a code and names the attribute it is about; its sentences quote values.

Sources: Outreach, "Making requests", "Getting started" (rate limiting, maintenance).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary, vendor_code, vendor_fields
from casework.systems.http import TURNED_AWAY, Http
from casework.systems.outreach_login import ONCE_IN, SYSTEM, App, Session, Store

__all__ = ["SYSTEM", "URL", "OutreachRest", "Resource", "listed", "own"]

URL = "https://api.outreach.io"
M = TypeVar("M", bound=BaseModel)

_PAGE = 100
_MEDIA = "application/vnd.api+json"
_ID = re.compile(r"[0-9]{1,18}")
_MAINTENANCE = 900.0
"""Seconds until we look again while Outreach is being maintained and does not say for how long."""
_HOUR = 3600.0


def own(resource_id: str) -> str:
    """`resource_id`, if it is one of Outreach's. Raises ValueError for what cannot be one."""
    if not _ID.fullmatch(resource_id):
        raise ValueError("this is no id of Outreach's: digits only")
    return resource_id


def listed(*values: str) -> str:
    """Values as a filter takes them: any of these. Raises ValueError where Outreach would read something else."""
    if not values or any("," in one or ".." in one or not one.strip() for one in values):
        raise ValueError("a filter takes values without ',' and '..', and at least one")
    return ",".join(values)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Resource(_Model):
    """A resource, its attributes under their names and what it belongs to under `<relationship>_id`."""

    type: str
    id: int
    attributes: Mapping[str, Any] = {}
    relationships: Mapping[str, Any] = {}

    def flat(self) -> dict[str, Any]:
        """As one mapping."""
        related = {name: of.get("data") for name, of in self.relationships.items() if isinstance(of, Mapping)}
        to_one = {f"{name}_id": str(of["id"]) for name, of in related.items() if isinstance(of, Mapping) and "id" in of}
        return {**self.attributes, **to_one, "id": str(self.id)}


class _Links(_Model):
    next: str | None = None


class _Page(_Model):
    data: list[Resource]
    included: list[Resource] = []
    links: _Links = _Links()


class OutreachRest:
    """One organisation, as the user who authorised the app. `store` is where the tokens are kept; `now` is aware."""

    def __init__(
        self,
        app: App,
        store: Store,
        *,
        now: Callable[[], datetime],
        url: str = URL,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        login = Http(SYSTEM, url, transport=transport, sleep=sleep, judge=_throttled)
        headers = {"Accept": _MEDIA, "Content-Type": _MEDIA}
        auth = Session(login, app, store, now, sleep)
        api = f"{url}/api/v2"
        self._http = Http(SYSTEM, api, headers=headers, auth=auth, transport=transport, sleep=sleep, judge=_judged)

    def read(self, operation: str, kind: str, resource_id: str) -> dict[str, Any]:
        """A resource as it stands now. Raises `NotFound`."""
        answer = self._http.request(operation, "GET", f"{kind}/{own(resource_id)}")
        return self._http.typed(operation, Resource, answer, "data").flat()

    def found(
        self, operation: str, kind: str, filters: Mapping[str, str], *, sort: str = "id", include: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """The resources that meet all filters (`{"emails": …}`, `{"prospect][id": …}`), page by page as they are taken.

        What is included of others is under its relationship's name.
        """
        params: dict[str, str | int | bool] = {f"filter[{name}]": value for name, value in filters.items()}
        params |= {"page[size]": _PAGE, "sort": sort, "count": False}
        if include is not None:
            params["include"] = include
        while True:
            answer = self._http.request(operation, "GET", kind, params=params)
            page = self._http.typed(operation, _Page, answer)
            beside = {str(one.id): one.flat() for one in page.included}
            for one in page.data:
                flat = one.flat()
                if include is not None:
                    flat[include] = beside.get(flat.get(f"{include}_id", ""))
                yield flat
            cursor = parse_qs(urlsplit(page.links.next or "").query).get("page[after]", [""])[0]
            if not cursor or cursor == params.get("page[after]"):
                return
            params["page[after]"] = cursor

    def create(
        self,
        operation: str,
        kind: str,
        type_: str,
        attributes: Mapping[str, Any],
        related: Mapping[str, tuple[str, str]],
    ) -> str:
        """Make a resource that belongs to others (type, id), by the relationships' names; its id. Not repeatable."""
        body = {"data": _body(type_, attributes, related)}
        answer = self._http.request(operation, "POST", kind, json=body)
        return str(self._http.typed(operation, Resource, answer, "data").id)

    def update(self, operation: str, kind: str, type_: str, resource_id: str, attributes: Mapping[str, Any]) -> None:
        """Set attributes. Repeatable. Raises `NotFound`."""
        body = {"data": {**_body(type_, attributes, {}), "id": int(own(resource_id))}}
        self._http.request(operation, "PATCH", f"{kind}/{own(resource_id)}", json=body, repeatable=True)

    def act(self, operation: str, kind: str, resource_id: str, action: str) -> None:
        """Do what a resource offers; again only where the caller knows that it may be. Raises `NotFound`."""
        self._http.request(operation, "POST", f"{kind}/{own(resource_id)}/actions/{action}")

    def typed(self, operation: str, model: type[M], flat: Any) -> M:
        """A resource as a model. Raises `Refused` when it has another shape."""
        return self._http.typed(operation, model, flat)


def _body(type_: str, attributes: Mapping[str, Any], related: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    body: dict[str, Any] = {"type": type_, "attributes": dict(attributes)}
    if related:
        body["relationships"] = {
            name: {"data": {"type": other, "id": int(own(other_id))}} for name, (other, other_id) in related.items()
        }
    return body


def _throttled(operation: str, answer: httpx.Response) -> SystemFault | None:
    """Asking for tokens more than once a minute is refused, and says so or not for how long."""
    if answer.status_code != 429:
        return None
    wait = _wait(answer, ONCE_IN)
    return Temporary(SYSTEM, operation, "gives no other session so soon", status=429, retry_after=wait)


def _judged(operation: str, answer: httpx.Response) -> SystemFault | None:
    status = answer.status_code
    if status == 429:
        wait = _wait(answer, _HOUR)
        return Temporary(SYSTEM, operation, "our user's requests of the hour are used up", status=429, retry_after=wait)
    if status == 503 and "retry-after" in answer.headers:
        wait = _wait(answer, _MAINTENANCE)
        return Temporary(SYSTEM, operation, "is being maintained", status=503, retry_after=wait)
    if not 400 <= status < 500 or status in TURNED_AWAY:
        return None
    words = _worded(answer)
    if status in (401, 403):
        detail = f"our user or our app's scopes do not allow it{words}"
        return Misconfigured(SYSTEM, operation, detail, status=status)
    if status in (404, 410):
        return NotFound(SYSTEM, operation, f"knows no such thing{words}", status=status)
    return Refused(SYSTEM, operation, f"refused{words}", status=status)


def _wait(answer: httpx.Response, usual: float) -> float:
    """Seconds, from `Retry-After` as seconds, as seconds since 1970 or as a time: Outreach's pages have all of them.

    Times count from the answer's own `Date`, so that our clock does not matter; `usual` where nothing can be read.
    """
    given = answer.headers.get("retry-after", "").strip()
    try:
        if given.isascii() and given.isdecimal() and float(given) < 10 * _HOUR:
            return float(given)
        answered = parsedate_to_datetime(answer.headers.get("date", ""))
        until = datetime.fromtimestamp(int(given), UTC) if given.isdecimal() else datetime.fromisoformat(given)
    except (ValueError, TypeError, OverflowError, OSError):
        return usual
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - answered).total_seconds()), 24 * _HOUR)


def _worded(answer: httpx.Response) -> str:
    """The codes of an error and the attributes that it is about."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    errors = body.get("errors") if isinstance(body, dict) else None
    told: set[str] = set()
    for one in errors if isinstance(errors, list) else []:
        if not isinstance(one, dict) or (code := vendor_code(one.get("id"))) is None:
            continue
        source = one.get("source")
        pointer = str(source.get("pointer", "")) if isinstance(source, dict) else ""
        fields = vendor_fields({pointer.rpartition("/")[2]: None})
        told.add(f"{code} of {fields[0]}" if fields else code)
    return f": {', '.join(sorted(told))}" if told else ""
