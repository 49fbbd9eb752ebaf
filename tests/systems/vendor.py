"""A vendor for one test: a function from request to answer, held to the vendor's published contract.

Requests that a client sends, and successful answers that a test invents, are both checked with openapi-core
when the contracts lie beside the project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

CONTRACTS = Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
PLANTED = "Marlowe-Quux"
"""Stands for anything personal; must be in no log and no error."""


@lru_cache
def contract(vendor: str) -> OpenAPI | None:
    path = CONTRACTS / f"{vendor}.openapi.json"
    config = Config(extra_format_validators={"date-time": _a_time, "uuid": _an_id})
    return OpenAPI.from_dict(json.loads(path.read_text()), config=config) if path.exists() else None


def _a_time(value: Any) -> bool:
    """RFC 3339, or as Jira writes it, with an offset that has no colon."""
    return not isinstance(value, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)", value))


def _an_id(value: Any) -> bool:
    """A UUID, or what Intercom's description calls one: 24 hexadecimal signs."""
    return not isinstance(value, str) or bool(
        re.fullmatch(r"[0-9a-f]{24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value)
    )


class _Request:
    def __init__(self, request: httpx.Request) -> None:
        self.host_url = f"{request.url.scheme}://{request.url.netloc.decode()}"
        self.path = request.url.path
        self.method = request.method.lower()
        self.content_type = request.headers.get("content-type", "")
        self.body = request.content or None
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()),
            header=Headers(list(request.headers.items())),
        )


class _Answer:
    def __init__(self, answer: httpx.Response) -> None:
        self.status_code = answer.status_code
        self.content_type = answer.headers.get("content-type", "")
        self.headers = Headers(list(answer.headers.items()))
        self.data = answer.content


Handler = Callable[[httpx.Request], httpx.Response]


class Vendor(httpx.BaseTransport):
    """Answers with `handler`, keeping all requests in `requests`."""

    def __init__(self, name: str, handler: Handler) -> None:
        self._name = name
        self._handler = handler
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        described = self._described(request)
        if described is not None:
            described.validate_request(_Request(request))
        answer = self._handler(request)
        answer.read()
        # Slack's error answers are left out: the 2021 description lists a closed few of their codes.
        failed = answer.content.startswith(b'{"ok":false')
        # Jira's description gives its empty answers a body of any kind; a proxy's page is nobody's description.
        empty = self._name == "jira" and not answer.content
        page = "html" in answer.headers.get("content-type", "")
        if described is not None and answer.status_code < 300 and not (failed or empty or page):
            described.validate_response(_Request(request), _Answer(answer))
        return answer

    def _described(self, request: httpx.Request) -> OpenAPI | None:
        """The description that has this request. That of a desk's organisations is documented, but not at hand."""
        path = request.url.path
        if "/actions/standard/" in path:
            return None  # documented in the Actions Developer Guide, not at hand as a description
        if self._name == "outreach" and path.startswith(("/oauth/", "/api/v2/templates/")):
            return None  # signing in and templates are documented, not at hand as a description
        if self._name != "jira" or "/servicedeskapi/" not in path:
            return contract(self._name)
        return None if path.endswith("/organization") else contract("jira-service-management")

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def in_turn(*answers: httpx.Response | Exception) -> Handler:
    """A handler that gives each of `answers` once; one answer too few fails the test."""
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle
