"""The stand-ins without sockets: transports for httpx and requests that call the world directly."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from casework.sandbox.http import Request, Response
from casework.sandbox.misbehave import AnswerLost, TimedOut

if TYPE_CHECKING:
    from casework.sandbox.world import World


class _Stream(httpx.SyncByteStream):
    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks


class _HttpxTransport(httpx.BaseTransport):
    def __init__(self, world: World, vendor: str) -> None:
        self._world, self._vendor = world, vendor

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = _ask(
                self._world, self._vendor, request.method, str(request.url), request.headers, request.read()
            )
        except TimedOut as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except AnswerLost as error:
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        body = [response.body] if isinstance(response.body, bytes) else response.body
        return httpx.Response(response.status, headers=_with_length(response), stream=_Stream(body))


class _RequestsAdapter(BaseAdapter):
    def __init__(self, world: World, vendor: str) -> None:
        super().__init__()
        self._world, self._vendor = world, vendor
        self._builder = HTTPAdapter()

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        headers = {name: value if isinstance(value, str) else value.decode() for name, value in request.headers.items()}
        try:
            response = _ask(
                self._world,
                self._vendor,
                request.method or "GET",
                request.url or "",
                headers,
                _whole(request.body),
            )
        except TimedOut as error:
            raise requests.exceptions.ReadTimeout(str(error), request=request) from error
        except AnswerLost as error:
            raise requests.exceptions.ConnectionError(str(error), request=request) from error
        body = iter([response.body]) if isinstance(response.body, bytes) else response.body
        raw = urllib3.HTTPResponse(
            body=io.BufferedReader(_Reader(body)),
            headers=dict(_with_length(response)),
            status=response.status,
            preload_content=False,
        )
        return self._builder.build_response(request, raw)

    def close(self) -> None:
        self._builder.close()


class _Reader(io.RawIOBase):
    """Chunks as a file; holds one chunk at a time."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            following = next(self._chunks, None)
            if following is None:
                return 0
            self._rest = following
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _whole(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    return b"".join(body)


def _with_length(response: Response) -> Mapping[str, str]:
    if isinstance(response.body, bytes):
        return {**response.headers, "content-length": str(len(response.body))}
    return response.headers


def _ask(world: World, vendor: str, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Response:
    parts = urlsplit(url)
    request = Request.build(
        method,
        parts.path,
        query=parts.query,
        headers=headers,
        body=body,
        base=f"{parts.scheme}://{parts.netloc}",
    )
    return world.handle(vendor, request)


def httpx_transport(world: World, vendor: str) -> httpx.BaseTransport:
    """A transport for `httpx.Client`; the address's host does not matter, its path is the vendor's own.

    A planned time-out raises `httpx.ReadTimeout`, a lost answer `httpx.RemoteProtocolError`.
    """
    return _HttpxTransport(world, vendor)


def requests_adapter(world: World, vendor: str) -> BaseAdapter:
    """An adapter to mount on a `requests.Session`, for Dropbox on `https://api.dropboxapi.com` and its
    content host.

    A planned time-out raises `requests.exceptions.ReadTimeout`, a lost answer its `ConnectionError`.
    """
    return _RequestsAdapter(world, vendor)
