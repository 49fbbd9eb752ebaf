"""Qualified's Enterprise API 2.0: leads, visits, chats, messages and meetings of the website are read, leads written.

There are no webhooks, and a chat cannot be closed by it. Lists hold back what is new: visits, chats and messages until
30 minutes after the visit ended, leads 30 minutes and meetings 24 hours after they were made. What is read by its id is
current. Writing a lead makes it or changes it, by its address: to do so again is to do it once.

Source: Qualified, "Enterprise API 2.0".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, vendor_code, vendor_fields
from casework.systems.http import TURNED_AWAY, Http
from casework.systems.qualified_models import Conversation, Lead, Meeting, Message, Session

__all__ = ["FIELDS", "Conversation", "Lead", "Meeting", "Message", "Names", "Qualified", "Session"]

SYSTEM = "Qualified"
URL = "https://api.qualified.com"
FIELDS = ("company", "employee_count", "ats", "website", "phone")
"""What our processes know of a lead, by our names of the fields."""
M = TypeVar("M", bound=BaseModel)

_ID = re.compile(r"[A-Za-z0-9_.=:-]{1,200}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


class Names:
    """The account's names of fields, where they differ from ours: `{"employee_count": "company_size"}`.

    Raises ValueError for a name that is none of ours, and for one that no account can have.
    """

    def __init__(self, renamed: Mapping[str, str] | None = None) -> None:
        if strange := sorted(set(renamed or {}) - set(FIELDS)):
            raise ValueError(f"{strange[0]} is none of the names that can be changed: {', '.join(FIELDS)}")
        for theirs in (renamed or {}).values():
            if not _NAME.fullmatch(theirs):
                raise ValueError("a field's name has letters, digits and '_' only")
        self.theirs: Mapping[str, str] = {name: (renamed or {}).get(name, name) for name in FIELDS}

    def ours(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """An answer's fields by our names."""
        back = {theirs: ours for ours, theirs in self.theirs.items()}
        return {back.get(name, name): value for name, value in fields.items()}


class _Field(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str


class _Pages(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    hasNextPage: bool
    endCursor: str | None = None


_LIST, _FIELDS = TypeAdapter(list[Any]), TypeAdapter(list[_Field])


class Qualified:
    """A client for one account, by a token of its Enterprise API."""

    def __init__(
        self,
        token: str,
        *,
        url: str = URL,
        names: Names | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = Http(SYSTEM, url, headers=headers, transport=transport, sleep=sleep, judge=_judged)
        self._names = names or Names()

    # -- leads

    def lead(self, lead_id: str) -> Lead:
        """A lead as it is now. Raises `NotFound`."""
        return self._lead(f"read lead {lead_id}", self._one(f"read lead {lead_id}", "leads", lead_id))

    def lead_of(self, email: str) -> Lead | None:
        """The lead with this address; None: there is none, or it is not 30 minutes old."""
        if not _ADDRESS.fullmatch(email):
            raise ValueError("this is no e-mail address")
        operation = "look for a lead by address"
        found = (self._lead(operation, one) for one in self._all(operation, "leads", email=email))
        return next((one for one in found if one.email.lower() == email.lower()), None)

    def write_lead(self, email: str, fields: Mapping[str, Any]) -> Lead:
        """Have a lead with this address, with these values (by our names); others of its fields stay. Repeatable.

        Raises ValueError for a field that is none of `FIELDS`, `Refused` for a value that Qualified does not take.
        """
        if strange := sorted(set(fields) - set(FIELDS)):
            raise ValueError(f"{strange[0]} is none of the fields of a lead: {', '.join(FIELDS)}")
        if not _ADDRESS.fullmatch(email):
            raise ValueError("this is no e-mail address")
        operation = "write a lead"
        body = {"email": email, "fields": {self._names.theirs[name]: value for name, value in fields.items()}}
        return self._lead(operation, self._http.request(operation, "POST", "v2/leads", json=body, repeatable=True))

    # -- what happened on the website

    def session(self, session_id: str) -> Session:
        """A visit as it is now. Raises `NotFound`."""
        return self._read(Session, "session", "sessions", session_id)

    def sessions_of(self, visitor_id: str) -> tuple[Session, ...]:
        """The visits of somebody, newest first; one that ended within the last 30 minutes is missing."""
        return self._of(Session, "sessions", visitor_id)

    def conversation(self, conversation_id: str) -> Conversation:
        """A chat as it is now. Raises `NotFound`."""
        return self._read(Conversation, "conversation", "conversations", conversation_id)

    def conversations_of(self, visitor_id: str) -> tuple[Conversation, ...]:
        """The chats of somebody, newest first; one whose visit ended within the last 30 minutes is missing."""
        return self._of(Conversation, "conversations", visitor_id)

    def messages(self, conversation_id: str) -> tuple[Message, ...]:
        """What was said in a chat, oldest first; until 30 minutes after its visit nothing. Raises `NotFound`."""
        operation = f"read the messages of conversation {conversation_id}"
        found = self._all(operation, f"conversations/{_own(conversation_id)}/messages")
        messages = [self._http.typed(operation, Message, one) for one in found]
        return tuple(sorted(messages, key=lambda message: (message.created_at, message.id)))

    def meeting(self, meeting_id: str) -> Meeting:
        """A meeting as it is now. Raises `NotFound`."""
        return self._read(Meeting, "meeting", "meetings", meeting_id)

    def meetings_of(self, visitor_id: str) -> tuple[Meeting, ...]:
        """The meetings of somebody, newest first; one made within the last 24 hours is missing.

        A visit and a chat name theirs (`meeting_ids`) at once, which can be read by id.
        """
        return self._of(Meeting, "meetings", visitor_id)

    def demand(self) -> None:
        """Look whether leads have the fields that processes write.

        Raises:
            Misconfigured: names all of those that are missing.
        """
        operation = "read the fields of leads"
        answer = self._http.request(operation, "GET", "v2/leads/fields")
        known = {field.name for field in self._http.typed(operation, _FIELDS, answer, "data")}
        if missing := [name for name in self._names.theirs.values() if name not in known]:
            detail = (
                f"leads have no field {', '.join(missing)}: make them, or say in qualified.names what they are called"
            )
            raise Misconfigured(SYSTEM, operation, detail)

    # -- within

    def _lead(self, operation: str, answer: Any) -> Lead:
        found = self._http.typed(operation, Lead, answer)
        return found.model_copy(update={"fields": self._names.ours(found.fields)})

    def _read(self, model: type[M], called: str, kind: str, record_id: str) -> M:
        operation = f"read {called} {record_id}"
        return self._http.typed(operation, model, self._one(operation, kind, record_id))

    def _of(self, model: type[M], kind: str, visitor_id: str) -> tuple[M, ...]:
        operation = f"read the {kind} of visitor {visitor_id}"
        found = self._all(operation, kind, visitor_id=_own(visitor_id))
        return tuple(self._http.typed(operation, model, one) for one in found)

    def _one(self, operation: str, kind: str, record_id: str) -> Any:
        answer = self._http.request(operation, "GET", f"v2/{kind}/{quote(_own(record_id), safe='')}")
        return self._http.typed(operation, TypeAdapter(Any), answer, "data")

    def _all(self, operation: str, path: str, **asked: str) -> Iterator[Any]:
        params: dict[str, str | int | bool] = dict(asked)
        while True:
            answer = self._http.request(operation, "GET", f"v2/{path}", params=params)
            yield from self._http.typed(operation, _LIST, answer, "data")
            told = answer.get("pageInfo")
            pages = None if told is None else self._http.typed(operation, _Pages, told)
            if pages is None or not pages.hasNextPage or pages.endCursor in (None, params.get("after")):
                return
            params["after"] = str(pages.endCursor)


def _own(record_id: str) -> str:
    if not _ID.fullmatch(record_id) or set(record_id) == {"."}:
        raise ValueError("this is no id of Qualified's")
    return record_id


def _judged(operation: str, answer: httpx.Response) -> SystemFault | None:
    """What an error says: `code`, or the field that was not taken; its three shapes have sentences besides."""
    status = answer.status_code
    if not 400 <= status < 500 or status in TURNED_AWAY:
        return None
    try:
        said = answer.json()
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    details = said.get("details")
    failed = details.get("failed_field") if isinstance(details, dict) else None
    field = vendor_fields({failed: None}) if isinstance(failed, str) else ()
    words = ", ".join(filter(None, (vendor_code(said.get("code")), *(f"field {name}" for name in field))))
    words = f": {words}" if words else ""
    if status in (401, 403):
        return Misconfigured(
            SYSTEM, operation, f"our token, its scopes or the plan do not allow it{words}", status=status
        )
    if status in (404, 410):
        return NotFound(SYSTEM, operation, f"knows no such thing{words}", status=status)
    return Refused(SYSTEM, operation, f"refused{words}", status=status)
