"""Intercom's REST API: one workspace, its limits, how it pages, and what its errors are.

The version of the API is pinned by a header, because a workspace's own default moves. Ids of conversations, admins,
teams and tags are digits, those of contacts 24 hexadecimal signs. Times are seconds since 1970. Nothing takes a key of
idempotency.

Source: Intercom, "REST API" 2.14 (conversations, contacts, searching, pagination), "Rate limiting", "Error codes".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary, vendor_code
from casework.systems.errors import vendor_request_id as request_id
from casework.systems.http import TURNED_AWAY, Http

__all__ = ["SYSTEM", "IntercomRest", "Taken", "contact_id", "number"]

SYSTEM = "Intercom"
URL = "https://api.intercom.io"
VERSION = "2.14"
SLICE = 10.0
"""Seconds over which Intercom spreads what it allows in a minute."""

T = TypeVar("T")
_PAGE = 150
_NUMBER = re.compile(r"[0-9]{1,20}")
_CONTACT = re.compile(r"[0-9a-f]{24}")
_HOLDER = re.compile(r"\bid=([0-9a-f]{24})\b")
# The workspace, or our app in it, is set up otherwise: an administrator mends it.
_NOT_FOR_US = frozenset({"intercom_version_invalid", "api_plan_restricted", "token_suspended", "token_blocked"})


class Taken(Refused):
    """There is a contact with these details already: `holder` is its id, where Intercom tells it."""

    def __init__(
        self,
        system: str,
        operation: str,
        detail: str,
        *,
        status: int | None = None,
        holder: str | None = None,
        archived: bool = False,
    ) -> None:
        super().__init__(system, operation, detail, status=status)
        self.holder = holder
        self.archived = archived


def number(given: str) -> str:
    """`given`, if it is an id of a conversation, an admin, a team or a tag. Raises ValueError for what is none."""
    if not _NUMBER.fullmatch(given):
        raise ValueError("this is no id of Intercom's: digits only")
    return given


def contact_id(given: str) -> str:
    """`given`, if it is an id of a contact. Raises ValueError for what is none."""
    if not _CONTACT.fullmatch(given):
        raise ValueError("this is no id of an Intercom contact: 24 hexadecimal signs")
    return given


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Next(_Model):
    starting_after: str | None = None


class _Pages(_Model):
    next: _Next | None = None


class IntercomRest:
    """One workspace, by the access token of a private app. `sleep` waits for so many seconds."""

    def __init__(
        self,
        token: str,
        *,
        url: str = URL,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.sleep = sleep
        headers = {"Authorization": f"Bearer {token}", "Intercom-Version": VERSION}
        self._http = Http(SYSTEM, url, headers=headers, transport=transport, sleep=sleep, judge=_judged)

    def ask(self, operation: str, method: str, path: str, **asked: Any) -> Any:
        """The decoded answer of one request; `asked` and the faults are those of `Http.request`."""
        return self._http.request(operation, method, path, **asked)

    def typed(self, operation: str, kind: type[T] | TypeAdapter[T], answer: Any, *path: str) -> T:
        """An answer, or what stands in it, as a model. Raises `Refused` when it has another shape."""
        return self._http.typed(operation, kind, answer, *path)

    def search(
        self, operation: str, kind: str, listed: str, filters: Sequence[Mapping[str, Any]], most: int
    ) -> Iterator[Any]:
        """What a search finds, page by page, where all `filters` hold; its index lags behind changes.

        `listed` is the name under which an answer lists this `kind`.

        Raises:
            Refused: there are more than `most`.
        """
        query: Mapping[str, Any] = {"operator": "AND", "value": list(filters)} if len(filters) > 1 else filters[0]
        after, seen = None, 0
        while True:
            paging = {"per_page": _PAGE} | ({} if after is None else {"starting_after": after})
            asked = {"query": query, "pagination": paging}
            answer = self.ask(operation, "POST", f"{kind}/search", json=asked, repeatable=True)
            found = self.typed(operation, list[dict[str, Any]], answer, listed)
            seen += len(found)
            if seen > most:
                raise Refused(SYSTEM, operation, f"the search finds more than {most}: narrow it")
            yield from found
            following = self.typed(operation, _Pages, answer.get("pages") or {}).next
            if not found or following is None or following.starting_after in (None, after):
                return
            after = following.starting_after


def _judged(operation: str, answer: httpx.Response) -> SystemFault | None:
    status = answer.status_code
    if status == 429:
        wait = _until_reset(answer.headers)
        return Temporary(SYSTEM, operation, "too many requests at once", status=status, retry_after=wait)
    if not 400 <= status < 500 or status in TURNED_AWAY:
        return None
    said = _said(answer)
    codes = _codes(said)
    words = _worded(codes, said)
    if status == 409 and "conflict" in codes:
        holder, archived = _holder(said)
        detail = f"there is such a contact already{words}"
        return Taken(SYSTEM, operation, detail, status=status, holder=holder, archived=archived)
    if status in (404, 410):
        return NotFound(SYSTEM, operation, f"knows no such thing{words}", status=status)
    if status in (401, 402, 403) or _NOT_FOR_US & set(codes):
        detail = f"this workspace, or our app in it, does not allow it{words}"
        return Misconfigured(SYSTEM, operation, detail, status=status)
    return Refused(SYSTEM, operation, f"refused{words}", status=status)


def _until_reset(headers: Mapping[str, str]) -> float:
    """Seconds until the next slice: Intercom sends no `Retry-After` but when it begins; by the answer's own clock."""
    reset = headers.get("x-ratelimit-reset", "")
    if not (reset.isascii() and reset.isdecimal()):
        return SLICE
    try:
        answered = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return SLICE
    return min(max(1.0, int(reset) - answered), 60.0)


def _said(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _errors(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = said.get("errors")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _codes(said: Mapping[str, Any]) -> list[str]:
    """The codes of an error; never its sentences, which quote values."""
    return [code for one in _errors(said) if (code := vendor_code(one.get("code"))) is not None]


def _holder(said: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The id of the contact that has the details already, and whether it is archived: the sentence alone says both."""
    sentences = " ".join(str(one.get("message") or "") for one in _errors(said))
    found = _HOLDER.search(sentences)
    return (found[1] if found is not None else None), sentences.startswith("An archived contact ")


def _worded(codes: Sequence[str], said: Mapping[str, Any]) -> str:
    given = said.get("request_id")
    found = request_id(given) if isinstance(given, str) else None
    return (f": {', '.join(dict.fromkeys(codes))}" if codes else "") + (f" [request {found}]" if found else "")
