"""Jira's search (JQL): pages without a total, and an estimate of how many there are.

The index lags behind changes, so what must be found for certain is looked for by its key or its links.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter

from casework.systems.http import Http
from casework.systems.jira_models import FIELDS, Bean

_BEANS = TypeAdapter(list[Bean])
_PAGE = 100


class JiraSearch:
    """Searches with the credentials of `http`. Build conditions with `casework.systems.jql`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def beans(
        self, jql: str, *, fields: Sequence[str] = (), limit: int | None = None, history: bool = False
    ) -> Iterator[Bean]:
        """What is found, page by page; with `history` each has its latest changes."""
        operation = "search issues"
        body: dict[str, Any] = {"jql": jql, "fields": [*FIELDS, *fields]}
        if history:
            body["expand"] = "changelog"
        left = limit
        while left is None or left > 0:
            body["maxResults"] = _PAGE if left is None else min(left, _PAGE)
            answer = self._http.request(operation, "POST", "rest/api/3/search/jql", json=body, repeatable=True)
            found = self._http.typed(operation, _BEANS, answer, "issues")
            yield from found
            left = None if left is None else left - len(found)
            following = answer.get("nextPageToken")
            if answer.get("isLast") or not following or following == body.get("nextPageToken"):
                return
            body["nextPageToken"] = following

    def count(self, jql: str) -> int:
        """About how many are found: Jira's own estimate, which may lag behind the latest changes."""
        operation, path = "count issues", "rest/api/3/search/approximate-count"
        answer = self._http.request(operation, "POST", path, json={"jql": jql}, repeatable=True)
        return self._http.typed(operation, int, answer, "count")
