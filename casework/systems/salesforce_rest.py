"""Salesforce's REST API: records read, found, made, changed, and several changed together or not at all.

A record that must be made once is made by upsert on a field that the org keeps unique: again, it finds the first.
`together` sends changes as one all-or-none composite request: when one is refused none has happened, and the fault
names the one that was. Assignment rules are left out of what we do (`Sforce-Auto-Assign`).

Source: Salesforce, "REST API Developer Guide" (sObject Rows, by External ID, Query, Composite, Conditional Request
Headers, Status Codes).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from casework.systems import soql
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.http import TURNED_AWAY, Http
from casework.systems.salesforce_faults import ChangedMeanwhile, Duplicate, Error, PartRefused, errors_of, worded
from casework.systems.salesforce_ids import long
from casework.systems.salesforce_limits import LOOK_AGAIN, Allowance
from casework.systems.salesforce_login import Login, Session

__all__ = [
    "Change",
    "FieldShape",
    "Record",
    "SalesforceRest",
    "Upserted",
    "creating",
    "updating",
]

SYSTEM = "Salesforce"
VERSION = "v64.0"
Record = Mapping[str, Any]
M = TypeVar("M", bound=BaseModel)

_NO_ASSIGNMENT = {"Sforce-Auto-Assign": "FALSE"}
_MOST = 25
# Nothing was done, and the same request may do later.
_BUSY = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE"})
# What we ask for is not in this org, or not for our user: an administrator mends it, not a person who works on cases.
_UNKNOWN_HERE = frozenset({"INVALID_FIELD", "INVALID_TYPE", "INVALID_FIELD_FOR_INSERT_UPDATE", "API_DISABLED_FOR_ORG"})


@dataclass(frozen=True, slots=True)
class Change:
    """One of several changes; `part` names it in faults ("the comment")."""

    part: str
    method: str
    path: str
    body: Mapping[str, Any]

    @property
    def makes(self) -> bool:
        """Whether this makes a record, so that to repeat it makes another."""
        return self.method == "POST"


def creating(part: str, kind: str, values: Mapping[str, Any]) -> Change:
    """Make a record of an object."""
    return Change(part, "POST", f"sobjects/{soql.field(kind)}", values)


def updating(part: str, kind: str, record_id: str, values: Mapping[str, Any]) -> Change:
    """Set fields of a record."""
    return Change(part, "PATCH", f"sobjects/{soql.field(kind)}/{long(record_id)}", values)


@dataclass(frozen=True, slots=True)
class Upserted:
    """A record that is there now; `created`: by this request."""

    id: str
    created: bool


class _Saved(BaseModel):
    id: str | None = None
    success: bool
    created: bool = False
    errors: tuple[Error, ...] = ()


class _Page(BaseModel):
    done: bool
    nextRecordsUrl: str | None = None
    records: list[dict[str, Any]]


class _Part(BaseModel):
    httpStatusCode: int
    body: Any = None


class _Composite(BaseModel):
    compositeResponse: list[_Part]


class _Choice(BaseModel):
    value: str
    active: bool = True


class FieldShape(BaseModel):
    """A field as the org describes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    type: str
    externalId: bool = False
    unique: bool = False
    updateable: bool = True
    createable: bool = True
    picklistValues: tuple[_Choice, ...] = ()

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that may be chosen."""
        return tuple(one.value for one in self.picklistValues if one.active)


class _Shape(BaseModel):
    fields: tuple[FieldShape, ...] = Field(())


class _Acted(BaseModel):
    isSuccess: bool
    errors: tuple[Error, ...] | None = None


_ACTED = TypeAdapter(list[_Acted])


class SalesforceRest:
    """A client of one org, by the root of its My Domain.

    `now` is the clock that assertions are dated by, `seconds` one that only goes forward. `reserve` is the part of
    the org's allowance of requests that is left to others. Once that is reached, requests raise `Temporary`.
    """

    def __init__(
        self,
        url: str,
        login: Login,
        *,
        now: Callable[[], datetime],
        version: str = VERSION,
        reserve: float = 0.05,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = f"services/data/{version}"
        self._allowance = Allowance(reserve, seconds)
        self._session = Session(Http(SYSTEM, url, transport=transport, sleep=sleep), login, now)
        self._http = Http(
            SYSTEM,
            url,
            auth=self._session,
            headers=_NO_ASSIGNMENT,
            transport=transport,
            sleep=sleep,
            judge=self._judged,
        )

    def own_id(self) -> str:
        """The id of the user that we act as. Raises as a request does."""
        if self._session.user_id is None:
            self._session.sign_in()
        if self._session.user_id is None:
            raise Refused(SYSTEM, "sign in", "the answer does not say whom we act as")
        return self._session.user_id

    @property
    def known_own_id(self) -> str | None:
        """The id of the user that we act as, if we have signed in; asks nobody."""
        return self._session.user_id

    # -- reading

    def query(self, operation: str, query: str) -> Iterator[Record]:
        """What a query of `casework.systems.soql` finds, page by page."""
        answer = self._ask(operation, "GET", f"{self._root}/query", params={"q": query})
        while True:
            page = self._http.typed(operation, _Page, answer)
            yield from page.records
            if page.done or not page.nextRecordsUrl:
                return
            answer = self._ask(operation, "GET", page.nextRecordsUrl)

    def first(self, operation: str, query: str) -> Record | None:
        """The first record that a query finds, or None."""
        return next(self.query(operation, query), None)

    def record(self, operation: str, kind: str, record_id: str, fields: Sequence[str]) -> Record:
        """These fields of a record, as they are now. Raises `NotFound`."""
        params = {"fields": ",".join(map(soql.field, fields))}
        found: Record = self._ask(operation, "GET", self._row(kind, record_id), params=params)
        return found

    def describe(self, kind: str) -> Mapping[str, FieldShape]:
        """The fields of an object by name. Raises `NotFound` when the org has no such object for our user."""
        operation = f"describe {kind}"
        answer = self._ask(operation, "GET", f"{self._root}/sobjects/{soql.field(kind)}/describe")
        return {field.name: field for field in self._http.typed(operation, _Shape, answer).fields}

    # -- changing

    def create(self, operation: str, kind: str, values: Mapping[str, Any]) -> str:
        """Make a record; its id. Not repeatable: after `Temporary` with `maybe_done` look for it first.

        Raises `Duplicate` when another one has the value of a unique field.
        """
        answer = self._ask(operation, "POST", f"{self._root}/sobjects/{soql.field(kind)}", json=values)
        return self._saved_id(operation, self._http.typed(operation, _Saved, answer))

    def update(
        self,
        operation: str,
        kind: str,
        record_id: str,
        values: Mapping[str, Any],
        *,
        unchanged_since: datetime | None = None,
    ) -> None:
        """Set fields of a record. Repeatable. Raises `NotFound`.

        With `unchanged_since` only if nobody has changed the record after the second in which that time lies, else
        raises `ChangedMeanwhile`; also when it was we, in a try whose answer was lost. So then look again.
        """
        held = {} if unchanged_since is None else {"If-Unmodified-Since": _http_date(unchanged_since)}
        self._ask(operation, "PATCH", self._row(kind, record_id), json=values, headers=held, repeatable=True)

    def upsert(self, operation: str, kind: str, by: str, value: str, values: Mapping[str, Any]) -> Upserted:
        """Make the record whose unique field `by` has this value, or set the fields of the one that is there.

        Repeatable: nothing is made twice. Raises `Refused` when several have the value, which an org prevents by
        making the field Unique.
        """
        path = f"{self._root}/sobjects/{soql.field(kind)}/{soql.field(by)}/{quote(value, safe='')}"
        answer = self._ask(operation, "PATCH", path, json=values, repeatable=True)
        if answer is None:  # 204: versions before 46 answer an update so
            raise Misconfigured(SYSTEM, operation, "the API's version is too old: an upsert names no record")
        saved = self._http.typed(operation, _Saved, answer)
        return Upserted(self._saved_id(operation, saved), saved.created)

    def together(self, operation: str, *changes: Change) -> tuple[str | None, ...]:
        """Do all of these changes or none, in this order; the ids of the records that were made, None for others.

        Not repeatable when one of them makes a record: after `Temporary` with `maybe_done` look for it first.
        Raises `PartRefused`, which names the change that was refused; then nothing has happened.
        """
        if not 0 < len(changes) <= _MOST:
            raise ValueError(f"from 1 to {_MOST} changes at once")
        asked = [
            {
                "method": change.method,
                "url": f"/{self._root}/{change.path}",
                "referenceId": f"part{at}",
                "httpHeaders": _NO_ASSIGNMENT,
                "body": dict(change.body),
            }
            for at, change in enumerate(changes)
        ]
        body = {"allOrNone": True, "compositeRequest": asked}
        again = not any(change.makes for change in changes)
        answer = self._ask(operation, "POST", f"{self._root}/composite", json=body, repeatable=again)
        parts = self._http.typed(operation, _Composite, answer).compositeResponse
        if len(parts) != len(changes):
            raise Temporary(SYSTEM, operation, "not every change was answered", maybe_done=not again)
        self._all_done(operation, changes, parts)
        return tuple(
            self._saved_id(operation, self._http.typed(operation, _Saved, part.body)) if change.makes else None
            for change, part in zip(changes, parts, strict=True)
        )

    def act(self, operation: str, action: str, inputs: Mapping[str, Any]) -> None:
        """Run one of Salesforce's standard actions with these inputs. Not repeatable.

        Source: Salesforce, "Actions Developer Guide".
        """
        path = f"{self._root}/actions/standard/{soql.field(action)}"
        answer = self._ask(operation, "POST", path, json={"inputs": [dict(inputs)]})
        done = self._http.typed(operation, _ACTED, answer)
        if not done or not all(one.isSuccess for one in done):
            raise Refused(
                SYSTEM, operation, f"refused: {worded([error for one in done for error in one.errors or ()])}"
            )

    def typed(self, operation: str, kind: type[M], record: Mapping[str, Any]) -> M:
        """A record as a model. Raises `Refused` when it has another shape."""
        return self._http.typed(operation, kind, dict(record))

    # -- within

    def _ask(self, operation: str, method: str, path: str, **asked: Any) -> Any:
        self._allowance.demand(operation)
        return self._http.request(operation, method, path, **asked)

    def _row(self, kind: str, record_id: str) -> str:
        return f"{self._root}/sobjects/{soql.field(kind)}/{long(record_id)}"

    def _saved_id(self, operation: str, saved: _Saved) -> str:
        if not saved.success or saved.id is None:
            raise Refused(SYSTEM, operation, f"refused: {worded(saved.errors)}")
        return long(saved.id)

    def _all_done(self, operation: str, changes: Sequence[Change], parts: Sequence[_Part]) -> None:
        """Raise for the change that was refused, not for those that were only halted because of it."""
        failed = [(change.part, part, errors_of(part.body)) for change, part in zip(changes, parts, strict=True)]
        failed = [one for one in failed if one[1].httpStatusCode >= 300]
        if not failed:
            return
        causes = [one for one in failed if not any(error.code == "PROCESSING_HALTED" for error in one[2])]
        name, part, errors = (causes or failed)[0]
        if any(error.code in _BUSY for error in errors):
            raise Temporary(SYSTEM, operation, f"{worded(errors)} for {name}; nothing was changed")
        detail = f"{name} was refused: {worded(errors)}; nothing was changed"
        raise PartRefused(SYSTEM, operation, detail, status=part.httpStatusCode, part=name)

    def _judged(self, operation: str, answer: httpx.Response) -> SystemFault | None:
        self._allowance.note(answer.headers.get("sforce-limit-info"))
        status = answer.status_code
        if status == 300:
            detail = "several records have the value that only one may have: make the field Unique, then merge them"
            return Refused(SYSTEM, operation, detail, status=status)
        if not 400 <= status < 500 or status in TURNED_AWAY:
            return None
        if status == 412:
            return ChangedMeanwhile(SYSTEM, operation, "somebody has changed the record meanwhile", status=status)
        try:
            errors = errors_of(answer.json())
        except ValueError:
            return None
        codes = {error.code for error in errors}
        if "REQUEST_LIMIT_EXCEEDED" in codes:
            self._allowance.exhausted()
            detail = (
                "the org's allowance of requests in 24 hours is used up: find in its Setup what uses it, or buy more"
            )
            return Temporary(SYSTEM, operation, detail, status=status, retry_after=LOOK_AGAIN)
        if codes & _BUSY:
            return Temporary(SYSTEM, operation, worded(errors), status=status)
        if status == 404:
            return NotFound(SYSTEM, operation, "knows no such thing", status=status)
        if status in (401, 403) or codes & _UNKNOWN_HERE:
            detail = f"this org, or our user in it, does not allow it: {worded(errors)}"
            return Misconfigured(SYSTEM, operation, detail, status=status)
        refused = Duplicate if "DUPLICATE_VALUE" in codes else Refused
        return refused(SYSTEM, operation, f"refused: {worded(errors)}", status=status) if errors else None


def _http_date(moment: datetime) -> str:
    """The end of the moment's second: a date of HTTP has no parts of one (RFC 9110, 5.6.7)."""
    at = moment.astimezone(UTC)
    return format_datetime(at.replace(microsecond=0) + timedelta(seconds=1 if at.microsecond else 0), usegmt=True)
