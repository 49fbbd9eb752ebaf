"""Answers to a form (Typeform Responses API).

A response is known by its token, which the webhook names too. The API lags behind the webhook by minutes: a
response that is not found yet may be there later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from casework.systems.errors import NotFound
from casework.systems.http import Http

_PAGE = 200


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Response(_Model):
    """A finished form. `answers` are by the fields' refs, plain: a choice is its label, several are a tuple.

    Answers and `hidden` are personal data: they belong in no log and no result. Times are UTC.
    """

    form: str
    token: str
    landed_at: datetime
    submitted_at: datetime | None
    answers: Mapping[str, Any] = Field(repr=False)
    hidden: Mapping[str, str] = Field(repr=False)


class _Field(_Model):
    id: str
    ref: str | None = None


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    field: _Field

    def value(self) -> Any:
        given = (self.model_extra or {}).get(self.type)
        if self.type == "choice" and isinstance(given, dict):
            return given.get("label", given.get("other"))
        if self.type == "choices" and isinstance(given, dict):
            return (*given.get("labels", ()), *filter(None, [given.get("other")]))
        return given


class _Item(_Model):
    response_id: str
    token: str | None = None
    landed_at: AwareDatetime
    submitted_at: AwareDatetime | None = None
    hidden: dict[str, Any] = {}
    answers: tuple[_Answer, ...] = ()

    def response(self, form: str) -> Response:
        return Response(
            form=form,
            token=self.token or self.response_id,
            landed_at=self.landed_at.astimezone(UTC),
            submitted_at=self.submitted_at.astimezone(UTC) if self.submitted_at else None,
            answers={answer.field.ref or answer.field.id: answer.value() for answer in self.answers},
            hidden={name: str(value) for name, value in self.hidden.items()},
        )


_ITEMS = TypeAdapter(list[_Item])


class Typeform:
    """A client with a personal access token. `url` is the API's root; accounts in the EU have their own."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = Http("Typeform", url, headers=headers, transport=transport, sleep=sleep)

    def response(self, form: str, token: str) -> Response:
        """The response with this token. Raises `NotFound` when there is none, or none yet."""
        operation = f"read a response of form {form}"
        for item in self._items(operation, form, included_response_ids=token):
            if token in (item.token, item.response_id):
                return item.response(form)
        raise NotFound("Typeform", operation, f"there is no response {token} yet")

    def responses(self, form: str, since: datetime | None = None) -> Iterator[Response]:
        """Finished responses, newest first; only those submitted at or after `since` (aware)."""
        query = {"completed": "true"}
        if since is not None:
            if since.tzinfo is None:
                raise ValueError("Timezone aware datetime is required")
            query["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        operation = f"list the responses of form {form}"
        before: str | None = None
        while True:
            params = query | ({"before": before} if before else {})
            found = self._items(operation, form, **params)
            yield from (item.response(form) for item in found)
            last = (found[-1].token or found[-1].response_id) if found else None
            if len(found) < _PAGE or last == before:
                return
            before = last

    def _items(self, operation: str, form: str, **query: str) -> list[_Item]:
        params: dict[str, str | int | bool] = {"page_size": _PAGE, **query}
        answer = self._http.request(operation, "GET", f"forms/{form}/responses", params=params)
        return self._http.typed(operation, _ITEMS, answer, "items")
