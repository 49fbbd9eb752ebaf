"""What holds for every request: a bounded body, our headers, a log without addresses, forms and files of our own.

The access log names routes (`/d/{token}`), never the addresses that were asked for: they hold tokens.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from casework.gateway.faults import fault, told
from casework.gateway.pages import CONTENT_SECURITY_POLICY

__all__ = ["MOST_BYTES", "Guard", "Origins", "attachment", "raw_body", "typed_form"]

logger = logging.getLogger(__name__)
access = logging.getLogger("casework.gateway.access")

MOST_BYTES = 1024 * 1024

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
_TOO_LARGE = f"The request has more than {MOST_BYTES} bytes. Nothing was read of it; send a smaller one."


class Guard:
    """The outermost layer of ours: nothing gets in too large, nothing gets out without its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, read = time.perf_counter(), 0, 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MOST_BYTES:
                raise HTTPException(413, _TOO_LARGE)
            return message

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        try:
            declared = Headers(scope=scope).get("content-length", "")
            if declared.isdecimal() and int(declared) > MOST_BYTES:
                await fault(scope["path"], 413, _TOO_LARGE)(scope, receive, guarded)
            else:
                await self._app(scope, bounded, guarded)
        except Exception as error:  # noqa: BLE001 - told to the log and to whoever asked
            logger.error("%s %s failed: %s", scope["method"], _route(scope), told(error))
            if status:
                # Half an answer is cut off, so that nobody takes it for a whole one.
                raise ConnectionAbortedError("the answer was cut off; the log says why") from None
            sentence = "Something went wrong on our side and was noted. Please try again in a minute."
            await fault(scope["path"], 500, sentence)(scope, receive, guarded)
        finally:
            spent = (time.perf_counter() - began) * 1000
            access.info("%s %s %s in %.0f ms", scope["method"], _route(scope), status or "cut off", spent)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "(no such route)")


def attachment(name: str) -> str:
    """The Content-Disposition of a file to be saved under this name. Sources: RFC 6266, RFC 8187."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_. ") else "_" for sign in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def raw_body(request: Request) -> bytes:
    """The bytes of the request, as they were signed."""
    return await request.body()


def typed_form(request: Request, body: bytes) -> dict[str, str]:
    """The fields of a form that a page of ours posted; of a field given twice, the first.

    Raises:
        HTTPException: 415, it is not a form; 400, it is not readable as one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "This address takes the form of its page. Open the page and send its form.")
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=100)
    except ValueError as error:
        raise HTTPException(400, "The form could not be read. Open the page again and send it again.") from error
    return {name: values[0] for name, values in found.items()}


@dataclass(frozen=True)
class Origins:
    """Where our own pages are, and the values that prove that a form came from one of them."""

    secret: bytes
    allowed: Collection[str]

    @classmethod
    def of(cls, secret: bytes, *addresses: str) -> Origins:
        """The origins of these addresses of ours."""
        parts = [urlsplit(address) for address in addresses]
        return cls(secret, frozenset(f"{part.scheme}://{part.netloc}" for part in parts))

    def csrf(self, token: str) -> str:
        """The value that the page of `token` puts into its forms."""
        return hmac.digest(self.secret, b"casework form\0" + token.encode(), "sha256").hex()

    def demand(self, request: Request, token: str, given: str | None) -> None:
        """Check that a page of ours sent this request.

        Browsers say `Origin: null` when a page withholds its address, as ours do; then Sec-Fetch-Site
        decides, and in browsers without it the form's value alone.

        Raises:
            HTTPException: 403, it came from elsewhere.
        """
        if not _from_us(request.headers, self.allowed) or not hmac.compare_digest(
            (given or "").encode(), self.csrf(token).encode()
        ):
            raise HTTPException(
                403,
                "This form was not sent by its own page. Nothing was done; open the page and send it there.",
            )


def _from_us(headers: Mapping[str, str], allowed: Collection[str]) -> bool:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None and site is None:
        return False
    return site in (None, "same-origin") and origin in (None, "null", *allowed)
