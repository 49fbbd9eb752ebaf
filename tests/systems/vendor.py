"""A vendor for one test: a function from request to answer, held to the vendor's published contract.

Requests that a client sends, and successful answers that a test invents, are both checked with openapi-core
when the contracts lie beside the project.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

CONTRACTS = Path(__file__).resolve().parents[2].parent / "shared" / "contracts"
PLANTED = "Marlowe-Quux"
"""Stands for anything personal; must be in no log and no error."""


@lru_cache
def contract(vendor: str) -> OpenAPI | None:
    path = CONTRACTS / f"{vendor}.openapi.json"
    return OpenAPI.from_dict(json.loads(path.read_text())) if path.exists() else None


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
        self._contract = contract(name)
        self._handler = handler
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if self._contract is not None:
            self._contract.validate_request(_Request(request))
        answer = self._handler(request)
        # Slack's error answers are left out: the 2021 description lists a closed few of their codes.
        failed = answer.content.startswith(b'{"ok":false')
        if self._contract is not None and answer.status_code < 300 and not failed:
            self._contract.validate_response(_Request(request), _Answer(answer))
        return answer

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
