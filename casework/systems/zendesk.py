"""Zendesk tickets, their comments and their people (Ticketing API v2).

Updating a ticket takes no idempotency key. A comment that must be written once ends with a marker; after a
doubt `find_comment` looks for it among the comments of our own account, so that a customer who quotes it is
not mistaken for us. Changes of fields set values, so repeating them is harmless.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from casework.systems.errors import Refused, Temporary
from casework.systems.http import Http
from casework.systems.markers import ends_with_marker

Status: TypeAlias = Literal["new", "open", "pending", "hold", "solved", "closed"]
Person: TypeAlias = int | str
"""A Zendesk user id, or an e-mail address."""

_TAG = re.compile(r"[\w./-]+")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Ticket(_Model):
    """A ticket without its texts. Times are UTC; `updated_at` serves as `unchanged_since` of an update."""

    id: int
    status: Status
    requester_id: int
    updated_at: datetime
    tags: tuple[str, ...] = ()
    follower_ids: tuple[int, ...] = ()
    email_cc_ids: tuple[int, ...] = ()


class Comment(_Model):
    """A public reply or an internal note. `body` is personal data: it belongs in no log and no result."""

    id: int
    author_id: int | None
    public: bool
    created_at: datetime
    body: str = Field(repr=False)


class User(_Model):
    """A person in Zendesk. `email` is personal data."""

    id: int
    role: str
    suspended: bool = False
    email: str | None = Field(default=None, repr=False)


class _Event(_Model):
    id: int
    type: str


_COMMENTS = TypeAdapter(list[Comment])
_USERS = TypeAdapter(list[User])
_TICKETS = TypeAdapter(list[Ticket])
_EVENTS = TypeAdapter(list[_Event])


class Zendesk:
    """A client for one account, signed in as the agent `email` with an API token. `url` is its root."""

    def __init__(
        self,
        url: str,
        email: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        auth = httpx.BasicAuth(f"{email}/token", token)
        self._http = Http("Zendesk", url, auth=auth, transport=transport, sleep=sleep)
        self._own_id: int | None = None

    def ticket(self, ticket_id: int) -> Ticket:
        """Raises `NotFound` when the ticket is not there."""
        operation = f"read ticket {ticket_id}"
        answer = self._http.request(operation, "GET", f"api/v2/tickets/{ticket_id}")
        return self._http.typed(operation, Ticket, answer, "ticket")

    def comments(self, ticket_id: int, since: datetime | None = None) -> Iterator[Comment]:
        """Public replies and internal notes, oldest first; only those made at or after `since` (aware)."""
        if since is not None and since.tzinfo is None:
            raise ValueError("Timezone aware datetime is required")
        operation = f"list the comments of ticket {ticket_id}"
        params: dict[str, str | int | bool] = {"page[size]": 100}
        while True:
            answer = self._http.request(operation, "GET", f"api/v2/tickets/{ticket_id}/comments", params=params)
            for comment in self._http.typed(operation, _COMMENTS, answer, "comments"):
                if since is None or comment.created_at >= since:
                    yield comment
            meta = answer.get("meta") or {}
            after = meta.get("after_cursor")
            if not meta.get("has_more") or not after or after == params.get("page[after]"):
                return
            params["page[after]"] = after

    def find_comment(self, ticket_id: int, marker: str) -> Comment | None:
        """The first comment that our own account wrote and that ends with `marker`."""
        for comment in self.comments(ticket_id):
            if ends_with_marker(comment.body, marker) and comment.author_id == self.own_id():
                return comment
        return None

    def own_id(self) -> int:
        """The user id that we write as."""
        if self._own_id is None:
            operation = "read our own user"
            answer = self._http.request(operation, "GET", "api/v2/users/me")
            self._own_id = self._http.typed(operation, User, answer, "user").id
        return self._own_id

    @property
    def known_own_id(self) -> int | None:
        """The user id that we write as, if it was asked for before; asks nobody."""
        return self._own_id

    def comment(
        self,
        ticket_id: int,
        body: str,
        public: bool,
        *,
        status: Status | None = None,
        followers: Sequence[Person] = (),
        email_ccs: Sequence[Person] = (),
    ) -> int:
        """Write a reply (`public`) or an internal note and give its comment id.

        Not repeatable. After `Temporary` with `maybe_done` look with `find_comment` first.
        """
        change: dict[str, Any] = {"comment": {"body": body, "public": public}}
        change |= _fields(status=status, followers=followers, email_ccs=email_ccs)
        operation = f"{'reply on' if public else 'add a note to'} ticket {ticket_id}"
        answer = self._put(operation, ticket_id, change, repeatable=False)
        for event in self._http.typed(operation, _EVENTS, answer, "audit", "events"):
            if event.type == "Comment":
                return event.id
        raise Temporary("Zendesk", operation, "the answer names no comment", maybe_done=True)

    def update(
        self,
        ticket_id: int,
        *,
        status: Status | None = None,
        followers: Sequence[Person] = (),
        email_ccs: Sequence[Person] = (),
        unchanged_since: datetime | None = None,
    ) -> Ticket:
        """Set fields; followers and CCs are added to those there.

        With `unchanged_since` (a ticket's `updated_at`) Zendesk refuses when someone changed the ticket
        since; that raises `Temporary`: read the ticket again and decide again.
        """
        change = _fields(status=status, followers=followers, email_ccs=email_ccs)
        if unchanged_since is not None:
            if unchanged_since.tzinfo is None:
                raise ValueError("Timezone aware datetime is required")
            change |= {
                "safe_update": True,
                "updated_stamp": unchanged_since.isoformat().replace("+00:00", "Z"),
            }
        operation = f"update ticket {ticket_id}"
        answer = self._put(operation, ticket_id, change, repeatable=True)
        return self._http.typed(operation, Ticket, answer, "ticket")

    def set_status(self, ticket_id: int, status: Status) -> Ticket:
        """Set the status alone."""
        return self.update(ticket_id, status=status)

    def add_tags(self, ticket_id: int, tags: Sequence[str]) -> tuple[str, ...]:
        """Add `tags` to those there and give all of them."""
        operation = f"add tags to ticket {ticket_id}"
        path = f"api/v2/tickets/{ticket_id}/tags"
        answer = self._http.request(operation, "PUT", path, json={"tags": list(tags)})
        return tuple(self._http.typed(operation, list[str], answer, "tags"))

    def user(self, user_id: int) -> User:
        """Raises `NotFound` when there is no such user."""
        operation = f"read user {user_id}"
        answer = self._http.request(operation, "GET", f"api/v2/users/{user_id}")
        return self._http.typed(operation, User, answer, "user")

    def user_by_email(self, email: str) -> User | None:
        """The user with exactly this address, ASCII case aside. Zendesk's own search also finds near ones."""
        wanted = email.strip().lower()
        operation = "find a user by address"
        answer = self._http.request(operation, "GET", "api/v2/users/search", params={"query": wanted})
        users = self._http.typed(operation, _USERS, answer, "users")
        return next((user for user in users if user.email and user.email.strip().lower() == wanted), None)

    def search_tickets(self, tag: str, statuses: Sequence[Status]) -> tuple[Ticket, ...]:
        """Tickets with this tag in one of `statuses`. The search index lags behind changes by minutes."""
        if not _TAG.fullmatch(tag):
            raise ValueError("A Zendesk tag has letters, digits, '_', '-', '.' and '/' only")
        query = " ".join(["type:ticket", f"tags:{tag}", *(f"status:{status}" for status in statuses)])
        operation = f"search tickets tagged {tag}"
        found: dict[int, Ticket] = {}
        page = 1
        while True:
            params: dict[str, str | int | bool] = {"query": query} | ({"page": page} if page > 1 else {})
            answer = self._http.request(operation, "GET", "api/v2/search", params=params)
            tickets = self._http.typed(operation, _TICKETS, answer, "results")
            found |= {ticket.id: ticket for ticket in tickets}
            if not tickets or not answer.get("next_page"):
                return tuple(t for t in found.values() if tag in t.tags and t.status in statuses)
            page += 1

    def _put(self, operation: str, ticket_id: int, change: dict[str, Any], *, repeatable: bool) -> Any:
        path = f"api/v2/tickets/{ticket_id}"
        try:
            return self._http.request(operation, "PUT", path, json={"ticket": change}, repeatable=repeatable)
        except Refused as fault:
            if fault.status != 409:
                raise
        # 409: someone else is changing the ticket, or it changed since `unchanged_since`. Nothing was done.
        raise Temporary("Zendesk", operation, "someone else changed the ticket meanwhile", status=409)


def _fields(*, status: Status | None, followers: Sequence[Person], email_ccs: Sequence[Person]) -> dict[str, Any]:
    change: dict[str, Any] = {}
    if status is not None:
        change["status"] = status
    if followers:
        change["followers"] = [_person(person) for person in followers]
    if email_ccs:
        change["email_ccs"] = [_person(person) for person in email_ccs]
    return change


def _person(person: Person) -> dict[str, Any]:
    who: dict[str, Any] = {"user_id": person} if isinstance(person, int) else {"user_email": person}
    return who | {"action": "put"}
