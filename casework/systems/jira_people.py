"""People in Jira: found by their exact address, and how much work they have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pydantic import TypeAdapter

from casework.systems.http import Http
from casework.systems.jira_models import Load, User
from casework.systems.jira_search import JiraSearch
from casework.systems.jql import quote

_USERS = TypeAdapter(list[User])
_PAGE = 100


class JiraPeople:
    """People as our own account may see them; addresses that somebody hides are not seen, and so match nobody."""

    def __init__(self, http: Http, search: JiraSearch) -> None:
        self._http = http
        self._search = search

    def by_email(self, email: str) -> User | None:
        """Whoever has exactly this address, ASCII case aside; Jira's own search also finds near ones.

        When several have it: active before inactive, colleagues before customers, then by account id.
        """
        wanted = email.strip().lower()
        if not wanted:
            return None
        found = self._users("find a user by address", "rest/api/3/user/search", query=wanted)
        same = [user for user in found if user.email and user.email.strip().lower() == wanted]
        same.sort(key=lambda user: (not user.active, user.kind != "atlassian", user.account_id))
        return same[0] if same else None

    def user(self, account_id: str) -> User:
        """Raises `NotFound` when there is no such account."""
        operation = "read a user"
        answer = self._http.request(operation, "GET", "rest/api/3/user", params={"accountId": account_id})
        return self._http.typed(operation, User, answer)

    def assignable(self, project: str) -> tuple[str, ...]:
        """Account ids of the active colleagues who may be given issues of the project, sorted."""
        path = "rest/api/3/user/assignable/search"
        found = self._users(f"list who can be assigned in {project}", path, project=project)
        return tuple(sorted(user.account_id for user in found if user.active and user.kind == "atlassian"))

    def load(self, project: str, account_id: str, before: str | None = None) -> Load:
        """Open issues of the project that this person has, by Jira's estimate, and when they last got one.

        The latter looks at the issues that they still have, newest change first, as far as is needed. `before` is the
        key of an issue: only those that were made earlier count, because the index may not know the newest yet.
        """
        theirs = f"project = {quote(project)} AND assignee = {quote(account_id)}"
        if before is not None:
            theirs += f" AND key < {quote(before)}"
        last: datetime | None = None
        for bean in self._search.beans(f"{theirs} ORDER BY updated DESC", history=True):
            if last is not None and bean.fields.updated <= last:
                break
            given = bean.assigned_to(account_id)
            last = given if last is None else max(last, given)
        return Load(account_id, self._search.count(f"{theirs} AND statusCategory != Done"), last)

    def _users(self, operation: str, path: str, **query: str) -> Iterator[User]:
        start = 0
        while True:
            params: dict[str, str | int | bool] = {**query, "startAt": start, "maxResults": _PAGE}
            found = self._http.typed(operation, _USERS, self._http.request(operation, "GET", path, params=params))
            yield from found
            # Jira filters a page after it has cut it, so a short page is not the last; an empty one is.
            if not found:
                return
            start += _PAGE
