"""Jira Service Management: request types, organisations, customers and who takes part in a request.

Listing a desk's organisations is documented by Atlassian ("Get organizations" of a service desk).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter

from casework.systems.errors import NotFound, Refused
from casework.systems.http import Http
from casework.systems.jira_models import Account, Named

_ROOT = "rest/servicedeskapi"
_PAGE = 50


class _Desk(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    projectKey: str = ""


class _Choice(Named):
    id: str


_M = TypeVar("_M", bound=BaseModel)
_DESKS = TypeAdapter(list[_Desk])
_CHOICES = TypeAdapter(list[_Choice])
_ACCOUNTS = TypeAdapter(list[Account])


class JiraDesk:
    """The service desks that our own account is an agent of."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def request_type_id(self, project: str, name: str) -> str:
        """The request type of this name, case aside. Raises `NotFound`."""
        operation = f"find a request type of {project}"
        found = self._pages(operation, f"{_ROOT}/servicedesk/{self._desk(project)}/requesttype", _CHOICES)
        return self._only(operation, [one.id for one in found if one.name.casefold() == name.casefold()])

    def organization_id(self, project: str, name: str) -> int:
        """The desk's organisation of exactly this name. Raises `NotFound`; `Refused` when two have it."""
        operation = f"find an organisation of {project}"
        found = self._pages(operation, f"{_ROOT}/servicedesk/{self._desk(project)}/organization", _CHOICES)
        return int(self._only(operation, [one.id for one in found if one.name.strip() == name.strip()]))

    def create_customer(self, email: str, name: str) -> str:
        """Make an account for a customer and give its id; an address that has one already is refused.

        Not repeatable: after `Temporary` with `maybe_done` look with `JiraPeople.by_email` first.
        """
        operation, path = "make a customer", f"{_ROOT}/customer"
        body = {"email": email, "displayName": name}
        return self._http.typed(operation, Account, self._http.request(operation, "POST", path, json=body)).accountId

    def participants(self, key: str) -> tuple[str, ...]:
        """Account ids of those who take part in a request beside its reporter."""
        pages = self._pages(f"list the participants of {key}", f"{_ROOT}/request/{key}/participant", _ACCOUNTS)
        return tuple(account.accountId for account in pages)

    def add_participants(self, key: str, account_ids: Sequence[str]) -> None:
        """Let people take part in a request; again changes nothing."""
        body = {"accountIds": list(account_ids)}
        path = f"{_ROOT}/request/{key}/participant"
        self._http.request(f"add participants to {key}", "POST", path, json=body, repeatable=True)

    def _desk(self, project: str) -> str:
        operation = f"find the service desk of {project}"
        desks = self._pages(operation, f"{_ROOT}/servicedesk", _DESKS)
        return self._only(operation, [desk.id for desk in desks if desk.projectKey == project])

    def _only(self, operation: str, found: Sequence[str]) -> str:
        if not found:
            raise NotFound("Jira", operation, "there is none of this name")
        if len(found) > 1:
            raise Refused("Jira", operation, f"{len(found)} have this name")
        return found[0]

    def _pages(self, operation: str, path: str, kind: TypeAdapter[list[_M]]) -> Iterator[_M]:
        start = 0
        while True:
            answer = self._http.request(operation, "GET", path, params={"start": start, "limit": _PAGE})
            found = self._http.typed(operation, kind, answer, "values")
            yield from found
            if not found or answer.get("isLastPage", True):
                return
            start += len(found)
