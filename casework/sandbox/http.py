"""What a stand-in takes and gives: a request, a response, and the refusal of a request.

Nothing here knows a socket or a framework, so the same stand-in answers in process and when served.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` starts with a slash and has no query; header names are lower case.

    `base` is the address under which the caller reached this vendor; absolute links in answers start with it.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    base: str = ""

    @classmethod
    def build(
        cls,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str],
        body: bytes,
        base: str = "",
    ) -> Request:
        """A request from what any transport has; header names are lower-cased, the query is decoded."""
        return cls(
            method.upper(),
            path,
            tuple(parse_qsl(query, keep_blank_values=True)),
            {name.lower(): value for name, value in headers.items()},
            body,
            base,
        )

    @property
    def media_type(self) -> str:
        """The content type without its parameters; empty when none was sent."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def parameter(self, name: str) -> str | None:
        """The first query value of that name."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; a large body is an iterator of chunks."""

    status: int
    headers: Mapping[str, str]
    body: bytes | Iterator[bytes]

    @property
    def content(self) -> bytes:
        """The whole body. An iterator is used up by this."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)

    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.content)


class Refusal(Exception):
    """A stand-in refused the request; carries the vendor's own error answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"refused with HTTP {response.status}")
        self.response = response


def json_response(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. The content type has no charset: the Dropbox SDK demands exactly `application/json`."""
    return Response(status, {"content-type": "application/json", **(headers or {})}, json.dumps(value).encode())


def text_response(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """A plain-text answer."""
    return Response(status, {"content-type": "text/plain; charset=utf-8", **(headers or {})}, text.encode())
