"""The one way to talk HTTP to a vendor: bounded retries, honest doubt, nothing personal in logs or errors.

A request that may be repeated is repeated after lost connections, 429 and 5xx answers. One that may not is
repeated only when it is certain that nothing was done: the connection was never made, or the vendor turned
the request away (429, or 503 with `Retry-After`). Anything else leaves doubt, which is raised as
`Temporary(maybe_done=True)` for the caller to look into.
"""

from __future__ import annotations

import json as jsonlib
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from casework.systems.errors import (
    Misconfigured,
    NotFound,
    Refused,
    SystemFault,
    Temporary,
    vendor_code,
    vendor_fields,
    vendor_request_id,
)

_log = logging.getLogger(__name__)
T = TypeVar("T")

# RFC 9110, 9.2.2: the methods whose repetition has the effect of one.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# Request Timeout, Too Early, Too Many Requests: the request was not processed.
TURNED_AWAY = frozenset({408, 425, 429})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_REQUEST_ID_HEADERS = ("x-request-id", "x-zendesk-request-id", "x-slack-req-id", "request-id", "atl-traceid")
_CHUNK = 1 << 20

Judge = Callable[[str, httpx.Response], SystemFault | None]
"""Told the operation and its answer: the fault that the answer is, or None to let its status speak."""

_address_is_secret: ContextVar[bool] = ContextVar("casework_http_address_is_secret", default=False)


class _WithoutSecrets(logging.Filter):
    """httpx logs the whole URL of each request; people's addresses travel in queries, and some URLs are keys."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _address_is_secret.get():
            return False
        if isinstance(record.args, tuple):
            record.args = tuple(arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


logging.getLogger("httpx").addFilter(_WithoutSecrets())


def backoff(attempt: int, *, base: float = 0.5, cap: float = 10.0) -> float:
    """Seconds to wait after failed `attempt` (from 0): exponential, half of it random to spread callers."""
    ceiling = min(cap, base * 2**attempt)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - not a secret


class Http:
    """A connection pool to one vendor.

    `patience` is the longest wait in seconds that is slept here when a vendor asks for one; a longer wait is
    raised as `Temporary(retry_after=...)`, so that no process sits through it.
    `secret_addresses`: every path given is a whole address that opens what it names, and is logged nowhere.
    `judge` sees every answer first, for a vendor whose statuses do not say what they mean.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        auth: httpx.Auth | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        attempts: int = 4,
        patience: float = 20.0,
        timeout: httpx.Timeout | float = httpx.Timeout(20.0, connect=5.0),  # noqa: B008 - immutable here
        secret_addresses: bool = False,
        judge: Judge | None = None,
    ) -> None:
        self.system = system
        self._judge = judge
        self._sleep = sleep
        self._attempts = attempts
        self._patience = patience
        self._secret_addresses = secret_addresses
        self._client = httpx.Client(
            base_url="" if secret_addresses else base_url.rstrip("/") + "/",
            headers={"Accept": "application/json", **(headers or {})},
            auth=auth,
            transport=transport,
            timeout=timeout,
            follow_redirects=False,
        )

    def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str | int | bool] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The decoded JSON answer, or None when the answer has no body.

        `operation` names the call in logs and errors; neither it nor `path` may hold personal data.
        `repeatable` defaults to what the method promises (RFC 9110, 9.2.2); True with an `idempotency_key`.
        Raises `Temporary`, `Refused`, `Misconfigured` or `NotFound`.
        """
        may_repeat = _may_repeat(method, repeatable, idempotency_key)
        key = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        asked = {
            "json": json,
            "data": form,
            "params": params,
            "content": content,
            "headers": {**(headers or {}), **key},
        }
        return self._decoded(operation, self._answered(operation, method, path, asked, may_repeat), not may_repeat)

    def content(self, operation: str, path: str, *, most: int) -> bytes:
        """What is there, as bytes: at most `most` of them, else raises `Refused`. Raises as `request` otherwise."""
        answer = self._answered(operation, "GET", path, {"headers": {"Accept": "*/*"}}, may_repeat=True)
        if len(answer.content) > most:
            raise Refused(self.system, operation, f"more than {most} bytes are there")
        return answer.content

    def done(self, operation: str, method: str, path: str, *, repeatable: bool | None = None) -> str | None:
        """Ask for something whose answer says nothing; the vendor's request id, if it gave one. Raises as `request`."""
        answer = self._answered(operation, method, path, {}, _may_repeat(method, repeatable, None))
        return _id_of(answer)

    def read(self, operation: str, path: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes `[start, end)` of what is there, which must be so long, in chunks of at most 1 MiB.

        The end of the iteration means that all of them came; a broken stream raises `Temporary`.
        """
        asked = {"headers": {"Accept": "*/*", "Accept-Encoding": "identity", "Range": f"bytes={start}-{end - 1}"}}
        answer = self._answered(operation, "GET", path, asked, may_repeat=True, stream=True)
        missing = end - start
        try:
            if answer.status_code != 206:
                raise Temporary(self.system, operation, "the range was ignored", status=answer.status_code)
            for chunk in answer.iter_raw(_CHUNK):
                missing -= len(chunk)
                yield chunk
        except httpx.RequestError as error:
            raise Temporary(self.system, operation, f"the stream broke ({type(error).__name__})") from None
        finally:
            answer.close()
        if missing:
            raise Temporary(self.system, operation, f"the stream ended {missing} bytes early")

    def _answered(
        self,
        operation: str,
        method: str,
        path: str,
        asked: Mapping[str, Any],
        may_repeat: bool,
        *,
        stream: bool = False,
    ) -> httpx.Response:
        """The good answer, after retries. Raises `Temporary`, `Refused`, `Misconfigured` or `NotFound`."""
        method = method.upper()
        for attempt in range(1, self._attempts + 1):
            started = time.monotonic()
            try:
                answer = self._sent(method, path, asked, stream)
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError) as error:
                detail = f"the request cannot be sent ({type(error).__name__})"
                raise Misconfigured(self.system, operation, detail) from None
            except httpx.RequestError as error:
                self._note(operation, method, type(error).__name__, started)
                in_doubt = not may_repeat and not isinstance(error, _NOT_SENT)
                fault = Temporary(self.system, operation, f"no answer ({type(error).__name__})", maybe_done=in_doubt)
            else:
                self._note(operation, method, answer.status_code, started)
                judged = self._judge(operation, answer) if self._judge is not None else None
                if judged is not None and not isinstance(judged, Temporary):
                    raise judged
                if judged is None and answer.status_code < 300:
                    return answer
                if judged is None and answer.status_code < 500 and answer.status_code not in TURNED_AWAY:
                    self._raise(operation, answer)
                fault = judged or self._unavailable(operation, answer, may_repeat=may_repeat)
            too_long = fault.retry_after is not None and fault.retry_after > self._patience
            if fault.maybe_done or too_long or attempt == self._attempts:
                raise fault from None
            self._sleep((fault.retry_after or 0.0) + backoff(attempt - 1))
        raise ValueError("attempts must be at least 1")

    def _sent(self, method: str, path: str, asked: Mapping[str, Any], stream: bool) -> httpx.Response:
        token = _address_is_secret.set(self._secret_addresses)
        try:
            request = self._client.build_request(method, path.lstrip("/"), **asked)
            answer = self._client.send(request, stream=stream)
            if stream and answer.status_code >= 300:
                answer.read()
            return answer
        finally:
            _address_is_secret.reset(token)

    def typed(self, operation: str, kind: type[T] | TypeAdapter[T], answer: Any, *path: str) -> T:
        """The part of `answer` under `path` as `kind`. Raises `Refused` when the answer has another shape."""
        part = answer
        for name in path:
            if not isinstance(part, dict) or name not in part:
                raise Refused(self.system, operation, f"the answer has no '{'.'.join(path)}'")
            part = part[name]
        adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
        try:
            return adapter.validate_python(part)
        except ValidationError as error:
            # Where and what kind only: pydantic's own text quotes the values.
            where = sorted({f"{'.'.join(str(x) for x in e['loc'])} {e['type']}" for e in error.errors()})
            detail = f"the answer has another shape than documented: {'; '.join(where)}"
        raise Refused(self.system, operation, detail)

    def _unavailable(self, operation: str, answer: httpx.Response, *, may_repeat: bool) -> Temporary:
        status, wait = answer.status_code, _retry_after(answer)
        turned_away = status in TURNED_AWAY or (status == 503 and wait is not None)
        return Temporary(
            self.system,
            operation,
            ("asks us to wait" if turned_away else "failed to answer") + _request_id(answer),
            status=status,
            retry_after=wait,
            maybe_done=not may_repeat and not turned_away,
        )

    def _decoded(self, operation: str, answer: httpx.Response, in_doubt: bool) -> Any:
        if not answer.content:
            return None
        try:
            return answer.json()
        except (jsonlib.JSONDecodeError, UnicodeDecodeError):
            what = "a web page, perhaps a proxy's block page" if _is_html(answer) else "what is not JSON"
        raise Temporary(self.system, operation, f"answered with {what}", status=answer.status_code, maybe_done=in_doubt)

    def _raise(self, operation: str, answer: httpx.Response) -> NoReturn:
        status, hint = answer.status_code, _hint(answer)
        if status < 400:
            raise Misconfigured(self.system, operation, "redirects elsewhere", status=status)
        if status in (401, 403, 407):
            raise Misconfigured(self.system, operation, f"denies access{hint}", status=status)
        if status in (404, 410):
            raise NotFound(self.system, operation, f"knows no such thing{hint}", status=status)
        raise Refused(self.system, operation, f"refused{hint}", status=status)

    def _note(self, operation: str, method: str, outcome: int | str, started: float) -> None:
        milliseconds = (time.monotonic() - started) * 1000
        _log.info("%s %s %s: %s in %.0f ms", self.system, method, operation, outcome, milliseconds)


def _may_repeat(method: str, repeatable: bool | None, idempotency_key: str | None) -> bool:
    return (method.upper() in _IDEMPOTENT or idempotency_key is not None) if repeatable is None else repeatable


def _is_html(answer: httpx.Response) -> bool:
    return "html" in answer.headers.get("content-type", "") or answer.content.lstrip()[:1] == b"<"


def _retry_after(answer: httpx.Response) -> float | None:
    """Seconds to wait, from `Retry-After` as seconds or as a date (RFC 9110, 10.2.3).

    A date is taken relative to the answer's own `Date`, so that our clock does not matter.
    """
    value = answer.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        answered = parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, (until - answered).total_seconds())
    except (ValueError, TypeError):
        return None


def _hint(answer: httpx.Response) -> str:
    """The vendor's error code, the fields it complains of and its request id, when they are fit to be shown."""
    try:
        body = answer.json()
    except (jsonlib.JSONDecodeError, UnicodeDecodeError):
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    code = vendor_code(error.get("code") if isinstance(error, dict) else error)
    said = [code] if code else list(vendor_fields(body.get("errors") if isinstance(body, dict) else None))
    return (f": {', '.join(said)}" if said else "") + _request_id(answer)


def _request_id(answer: httpx.Response) -> str:
    found = _id_of(answer)
    return f" [request {found}]" if found else ""


def _id_of(answer: httpx.Response) -> str | None:
    return next(filter(None, (vendor_request_id(answer.headers.get(name)) for name in _REQUEST_ID_HEADERS)), None)
