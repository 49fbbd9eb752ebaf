"""Jira Cloud: issues, their comments, status and links (REST API v3), with people and the service desk beside.

There are no idempotency keys. A comment that must be written once ends with a marker, and `find_comment` looks
for it among our own. An issue that must be made once carries its reference as a label, and where it is linked
in the same request, `find_issue` looks along the links, which unlike the search index never lag. All other
changes set values, so repeating them is harmless. Bodies are documents (`casework.systems.adf`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from casework.systems import adf
from casework.systems.errors import Refused, Temporary
from casework.systems.http import Http
from casework.systems.jira_desk import JiraDesk
from casework.systems.jira_models import FIELDS, Account, Bean, Comment, CommentBean, Issue, Linked, Load, Named, User
from casework.systems.jira_people import JiraPeople
from casework.systems.jira_search import JiraSearch
from casework.systems.jql import quote
from casework.systems.markers import ends_with_marker

__all__ = ["Comment", "Issue", "Jira", "Linked", "Load", "User"]

_ISSUE = "rest/api/3/issue"
_POLLS = 30
_PAGE = 100
_LABEL = re.compile(r"[\w./:-]{1,255}")


class _Transition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    to: Named


class _Created(BaseModel):
    key: str


class _CommentId(BaseModel):
    id: int


class _Allowed(BaseModel):
    name: str | None = None
    value: str | None = None


class _Meta(BaseModel):
    allowedValues: tuple[_Allowed, ...] = ()


_TRANSITIONS = TypeAdapter(list[_Transition])
_COMMENTS = TypeAdapter(list[CommentBean])
_METAS = TypeAdapter(dict[str, _Meta])


class Jira:
    """A client for one site, signed in as the account `email` with an API token. `url` is the site's root."""

    def __init__(
        self,
        url: str,
        email: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = Http("Jira", url, auth=httpx.BasicAuth(email, token), transport=transport, sleep=sleep)
        self._sleep = sleep
        self._search = JiraSearch(self._http)
        self._own_id: str | None = None
        self.people = JiraPeople(self._http, self._search)
        self.desk = JiraDesk(self._http)

    def own_id(self) -> str:
        """The account id that we act as."""
        if self._own_id is None:
            operation = "read our own user"
            answer = self._http.request(operation, "GET", "rest/api/3/myself")
            self._own_id = self._http.typed(operation, Account, answer).accountId
        return self._own_id

    @property
    def known_own_id(self) -> str | None:
        """The account id that we act as, if it was asked for before; asks nobody."""
        return self._own_id

    # -- reading

    def issue(self, key: str, fields: Sequence[str] = ()) -> Issue:
        """An issue, with these fields besides those of every issue. A moved one answers with its new key.

        Raises `NotFound` when it is not there or not ours to see.
        """
        operation = f"read issue {key}"
        params = {"fields": ",".join([*FIELDS, *fields])}
        answer = self._http.request(operation, "GET", f"{_ISSUE}/{key}", params=params)
        return self._http.typed(operation, Bean, answer).issue()

    def search(self, jql: str, fields: Sequence[str] = (), limit: int | None = None) -> Iterator[Issue]:
        """What JQL finds, at most `limit`. The index lags behind changes by seconds or more."""
        for bean in self._search.beans(jql, fields=fields, limit=limit):
            yield bean.issue()

    def count(self, jql: str) -> int:
        """About how many issues JQL finds, by Jira's own estimate."""
        return self._search.count(jql)

    def allowed(self, key: str, field: str) -> tuple[str, ...]:
        """The values that a field of this issue may be given, by name; empty when it takes none or any."""
        operation = f"read what issue {key} may be given"
        answer = self._http.request(operation, "GET", f"{_ISSUE}/{key}/editmeta")
        meta = self._http.typed(operation, _METAS, answer, "fields").get(field, _Meta())
        return tuple(name for one in meta.allowedValues if (name := one.name or one.value))

    # -- changing

    def edit(
        self,
        key: str,
        *,
        reporter: str | None = None,
        assignee: str | None = None,
        components: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        custom: Mapping[str, Any] | None = None,
    ) -> None:
        """Set the given fields; None leaves a field as it is. People are account ids. Repeatable.

        `custom` has the values of fields by their ids, in the shapes that Jira takes.
        """
        fields = _fields(reporter=reporter, assignee=assignee, components=components, labels=labels)
        fields |= custom or {}
        if not fields:
            raise ValueError("Name at least one field to set")
        self._changed(f"edit issue {key}", "PUT", f"{_ISSUE}/{key}", json={"fields": fields})

    def choose(self, key: str, field: str, option: str | None) -> None:
        """Choose an option of a select field, or none. Repeatable."""
        self.edit(key, custom={field: None if option is None else {"value": option}})

    def statuses(self, key: str) -> tuple[str, ...]:
        """Where a transition leads to from where the issue stands."""
        return tuple(transition.to.name for transition in self._transitions(key))

    def set_status(self, key: str, status: str, resolution: str | None = None) -> bool:
        """Bring the issue to this status by the transition that leads there; whether it had to be moved.

        Repeatable. Names count case aside. Raises `Refused` when no transition leads there from where it stands.
        """
        operation = f"move issue {key} to {status}"
        if _same(self.issue(key).status, status):
            return False
        way = next((one.id for one in self._transitions(key) if _same(one.to.name, status)), None)
        if way is None:
            raise Refused("Jira", operation, "no transition leads there from where it stands")
        body: dict[str, Any] = {"transition": {"id": way}}
        if resolution is not None:
            body["fields"] = {"resolution": {"name": resolution}}
        try:
            self._changed(operation, "POST", f"{_ISSUE}/{key}/transitions", json=body)
        except Refused:
            # Somebody else may have brought it there in between.
            if not _same(self.issue(key).status, status):
                raise
        return True

    def link(self, key: str, to: str, kind: str = "Relates") -> None:
        """Link an issue with another, unless a link of this kind is there. Repeatable."""
        if any(other.key == to and other.type == kind for other in self.issue(key).links):
            return
        body = {"type": {"name": kind}, "inwardIssue": {"key": key}, "outwardIssue": {"key": to}}
        operation = f"link issue {key} with {to}"
        self._http.request(operation, "POST", "rest/api/3/issueLink", json=body)

    # -- comments

    def comments(self, key: str, after: int = 0) -> Iterator[Comment]:
        """Public and internal comments with ids above `after`, oldest first."""
        operation = f"list the comments of issue {key}"
        start = 0
        while True:
            params: dict[str, str | int | bool] = {"startAt": start, "maxResults": _PAGE, "orderBy": "created"}
            answer = self._http.request(operation, "GET", f"{_ISSUE}/{key}/comment", params=params)
            found = self._http.typed(operation, _COMMENTS, answer, "comments")
            for bean in found:
                if bean.id > after:
                    yield bean.comment()
            start += len(found)
            if not found or start >= int(answer.get("total", start)):
                return

    def find_comment(self, key: str, marker: str) -> Comment | None:
        """The first comment that our own account wrote and that ends with `marker`."""
        for comment in self.comments(key):
            if ends_with_marker(comment.text, marker) and comment.author == self.own_id():
                return comment
        return None

    def add_comment(self, key: str, text: str, *, public: bool) -> int:
        """Comment on an issue, for the customer (`public`) or for colleagues alone; the comment's id.

        Not repeatable: after `Temporary` with `maybe_done` look with `find_comment` first. In a project without
        a service desk everybody who sees the issue sees its comments.
        """
        operation = f"{'answer on' if public else 'comment on'} issue {key}"
        visibility = {"key": "sd.public.comment", "value": {"internal": not public}}
        body = {"body": adf.document(text), "properties": [visibility]}
        answer = self._http.request(operation, "POST", f"{_ISSUE}/{key}/comment", json=body)
        return self._http.typed(operation, _CommentId, answer).id

    # -- making

    def create_issue(
        self,
        project: str,
        issue_type: str,
        summary: str,
        text: str,
        *,
        reference: str,
        linked_to: str | None = None,
        components: Sequence[str] | None = None,
        assignee: str | None = None,
        custom: Mapping[str, Any] | None = None,
    ) -> str:
        """Make an issue with `reference` as a label, linked in the same request where asked; its key.

        Not repeatable: after `Temporary` with `maybe_done` look with `find_issue` first.
        """
        if not _LABEL.fullmatch(reference):
            raise ValueError("A reference serves as a label: letters, digits and '_./:-' only")
        fields = {
            "project": {"key": project},
            "issuetype": {"name": issue_type},
            "summary": summary,
            "description": adf.document(text),
            **_fields(assignee=assignee, components=components, labels=[reference]),
            **(custom or {}),
        }
        body: dict[str, Any] = {"fields": fields}
        if linked_to is not None:
            link = {"type": {"name": "Relates"}, "outwardIssue": {"key": linked_to}}
            body["update"] = {"issuelinks": [{"add": link}]}
        operation = f"make an issue in {project}"
        return self._http.typed(operation, _Created, self._http.request(operation, "POST", _ISSUE, json=body)).key

    def find_issue(self, project: str, reference: str, linked_to: str | None = None) -> str | None:
        """The key of the project's issue with the label `reference`, first made first.

        With `linked_to` only the issues linked with that one are looked at, as they stand now; without it the
        search index, which may not have the newest yet.
        """
        if linked_to is not None:
            near = (self.issue(other.key) for other in self.issue(linked_to).links if other.project == project)
            return next((issue.key for issue in near if reference in issue.labels), None)
        jql = f"project = {quote(project)} AND labels = {quote(reference)} ORDER BY created ASC"
        return next((issue.key for issue in self.search(jql, limit=1)), None)

    def await_linked(self, key: str, project: str, besides: Collection[str] = ()) -> str:
        """The issue of `project` that is linked with this one, waiting about half a minute for Jira's rule to make it.

        `besides` are keys that do not count. Changes nothing; raises `Temporary` when there is none by then.
        """
        for attempt in range(_POLLS):
            if attempt:
                self._sleep(1.0)
            made = [one.key for one in self.issue(key).links if one.project == project and one.key not in besides]
            if made:
                return made[0]
        detail = f"no issue of {project} is linked with it yet"
        raise Temporary("Jira", f"wait for the rule of issue {key}", detail)

    def _transitions(self, key: str) -> list[_Transition]:
        operation = f"list the transitions of issue {key}"
        answer = self._http.request(operation, "GET", f"{_ISSUE}/{key}/transitions")
        return self._http.typed(operation, _TRANSITIONS, answer, "transitions")

    def _changed(self, operation: str, method: str, path: str, *, json: Any) -> None:
        try:
            self._http.request(operation, method, path, json=json)
        except Refused as fault:
            if fault.status != 409:
                raise
            detail = "someone else is changing the issue"
            raise Temporary("Jira", operation, detail, status=409) from None


def _fields(
    *,
    reporter: str | None = None,
    assignee: str | None = None,
    components: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
) -> dict[str, Any]:
    people = {"reporter": reporter, "assignee": assignee}
    fields: dict[str, Any] = {name: {"id": account} for name, account in people.items() if account is not None}
    if components is not None:
        fields["components"] = [{"name": name} for name in components]
    if labels is not None:
        fields["labels"] = list(labels)
    return fields


def _same(status: str, other: str) -> bool:
    return status.casefold() == other.casefold()
