"""Zendesk tickets, their comments and their people (Ticketing API v2).

Making a ticket takes an idempotency key, which holds for two hours; after that, the ticket is found by its
`external_id`, for which the search index, minutes late, is early enough. Updating takes no key. A comment that must
be written once ends with a marker; after a doubt `find_comment` looks for it among the comments of our own account,
so that a customer who quotes it is not mistaken for us. Changes of fields set values, so repeating them is harmless.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
_REFERENCE = re.compile(r"[\w-]{1,100}")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Ticket(_Model):
    """A ticket without its texts. Times are UTC; `updated_at` serves as `unchanged_since` of an update."""

    id: int
    status: Status
    requester_id: int
    updated_at: datetime
    external_id: str | None = None
    tags: tuple[str, ...] = ()
    follower_ids: tuple[int, ...] = ()
    email_cc_ids: tuple[int, ...] = ()


class _Target(_Model):
    """A target of a service level: when it is missed, unless it is reached before."""

    stage: str | None = None
    breach_at: datetime | None = None


class _Targets(_Model):
    policy_metrics: tuple[_Target, ...] = ()


class _InQueue(_Model):
    id: int
    status: Status
    assignee_id: int | None = None
    group_id: int | None = None
    updated_at: datetime
    slas: _Targets | None = None


class _Metrics(_Model):
    ticket_id: int
    status_updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """A ticket as it stands in a queue: in its status since then, its next target due then, if it has one (UTC)."""

    id: int
    status: Status
    since: datetime
    due: datetime | None


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
_IN_QUEUE, _METRICS = TypeAdapter(list[_InQueue]), TypeAdapter(list[_Metrics])
_MANY, _MOST_FOUND = 100, 1000


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

    def find_ticket(self, external_id: str) -> int | None:
        """The number of the oldest ticket with this `external_id`; the search index lags behind by minutes."""
        if not _REFERENCE.fullmatch(external_id):
            raise ValueError("A reference has letters, digits, '_' and '-' only")
        operation = f"find ticket {external_id}"
        params: dict[str, str | int | bool] = {"query": f"type:ticket external_id:{external_id}"}
        answer = self._http.request(operation, "GET", "api/v2/search", params=params)
        found = self._http.typed(operation, _TICKETS, answer, "results")
        return min((ticket.id for ticket in found if ticket.external_id == external_id), default=None)

    def create(
        self,
        external_id: str,
        requester_id: int,
        subject: str,
        body: str,
        *,
        status: Status = "open",
        tags: Sequence[str] = (),
    ) -> int:
        """Open a ticket for somebody, who reads `body` as its first public comment; its number.

        `external_id` (letters, digits, `_`, `-`) is also the idempotency key: for two hours the same call gives the
        ticket that it made. Later look with `find_ticket` first.
        """
        if not _REFERENCE.fullmatch(external_id) or not all(map(_TAG.fullmatch, tags)):
            raise ValueError("A reference and tags have letters, digits and some signs only")
        ticket = {
            "external_id": external_id,
            "requester_id": requester_id,
            "subject": subject,
            "comment": {"body": body, "public": True},
            "status": status,
            "tags": list(tags),
        }
        operation = f"open ticket {external_id}"
        answer = self._http.request(
            operation, "POST", "api/v2/tickets", json={"ticket": ticket}, idempotency_key=external_id
        )
        return self._http.typed(operation, Ticket, answer, "ticket").id

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

    def add_user(self, email: str, name: str) -> User:
        """Make somebody known who has not written yet, without a mail to them. Repeatable, by the address.

        Whoever is known already is called `name` afterwards: look with `user_by_email` first.
        """
        operation = "make a user"
        user = {"email": email.strip(), "name": name, "role": "end-user", "skip_verify_email": True}
        answer = self._http.request(
            operation, "POST", "api/v2/users/create_or_update", json={"user": user}, repeatable=True
        )
        return self._http.typed(operation, User, answer, "user")

    def search_tickets(self, tag: str, statuses: Sequence[Status]) -> tuple[Ticket, ...]:
        """Tickets with this tag in one of `statuses`. The search index lags behind changes by minutes."""
        if not _TAG.fullmatch(tag):
            raise ValueError("A Zendesk tag has letters, digits, '_', '-', '.' and '/' only")
        query = " ".join(["type:ticket", f"tags:{tag}", *(f"status:{status}" for status in statuses)])
        found = self._search(f"search tickets tagged {tag}", query)
        return tuple(ticket for ticket in found if tag in ticket.tags and ticket.status in statuses)

    def queue(self, whose: Literal["assignee", "group"], owner_id: int) -> tuple[Queued, ...]:
        """The tickets of an agent, or of a group, that are not solved, longest in their status first.

        The search says where to look, and lags behind by minutes; what counts is each ticket as it stands now, read a
        hundred at a time with its metrics and service levels beside it (Zendesk, "Side-loading related records"). An
        account that does not tell these has no targets, and a ticket's last change for when its status began.

        Raises:
            Refused: there are more than Zendesk pages through.
        """
        operation = f"look into the queue of {whose} {owner_id}"
        ids = [ticket.id for ticket in self._search(operation, f"type:ticket {whose}:{owner_id} status<solved")]
        queued: list[Queued] = []
        for start in range(0, len(ids), _MANY):
            params = {"ids": ",".join(map(str, ids[start : start + _MANY])), "include": "metric_sets,slas"}
            answer = self._http.request(operation, "GET", "api/v2/tickets/show_many", params=params)
            listed = self._http.typed(operation, _IN_QUEUE, answer, "tickets")
            metrics = self._http.typed(operation, _METRICS, answer.get("metric_sets") or [])
            since = {one.ticket_id: one.status_updated_at for one in metrics}
            queued += [
                Queued(one.id, one.status, since.get(one.id) or one.updated_at, _next_due(one))
                for one in listed
                if owner_id == (one.assignee_id if whose == "assignee" else one.group_id)
                and one.status not in ("solved", "closed")
            ]
        return tuple(sorted(queued, key=lambda one: (one.since, one.id)))

    def _search(self, operation: str, query: str) -> tuple[Ticket, ...]:
        found: dict[int, Ticket] = {}
        page = 1
        while True:
            params: dict[str, str | int | bool] = {"query": query} | ({"page": page} if page > 1 else {})
            answer = self._http.request(operation, "GET", "api/v2/search", params=params)
            tickets = self._http.typed(operation, _TICKETS, answer, "results")
            found |= {ticket.id: ticket for ticket in tickets}
            if not tickets or not answer.get("next_page"):
                return tuple(found.values())
            if page * _MANY >= _MOST_FOUND:
                raise Refused("Zendesk", operation, f"the search finds more than {_MOST_FOUND}: narrow it")
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


def _next_due(ticket: _InQueue) -> datetime | None:
    targets = ticket.slas.policy_metrics if ticket.slas is not None else ()
    return min((one.breach_at for one in targets if one.breach_at and one.stage != "achieved"), default=None)


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
