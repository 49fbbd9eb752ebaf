"""How the Dropbox SDK says no, in our kinds of fault; and the way to a stand-in.

An endpoint's error is a union of tags such as `path/not_found`; those are passed on, the texts beside them
are not. What a proxy answers in Dropbox's place trips the SDK's own assertions and decoders.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from dropbox.exceptions import (
    ApiError,
    AuthError,
    BadInputError,
    DropboxException,
    HttpError,
    InternalServerError,
    PathRootError,
    RateLimitError,
)
from requests.adapters import HTTPAdapter
from stone.backends.python_rsrc.stone_base import Union
from stone.backends.python_rsrc.stone_validators import ValidationError

from casework.systems.errors import (
    Misconfigured,
    NotFound,
    Refused,
    SystemFault,
    Temporary,
    vendor_code,
    vendor_request_id,
)

SYSTEM = "Dropbox"
_WRITES = frozenset({"too_many_write_operations", "too_many_requests"})
# An upload session that is unknown or expired, while appending and while finishing.
_SESSION_GONE = frozenset({"not_found", "lookup_failed/not_found"})
SDK_FAILURES = (
    DropboxException,
    requests.RequestException,
    OSError,
    # The SDK meets a proxy's page with an assertion, a decoder's error or a missing header.
    AssertionError,
    ValidationError,
    ValueError,
    KeyError,
)


def fault_of(operation: str, error: Exception) -> SystemFault:
    """One of `SDK_FAILURES` as one of our kinds."""
    asked = vendor_request_id(getattr(error, "request_id", None))
    tail = f" [request {asked}]" if asked else ""
    match error:
        case ApiError():
            return _endpoint_fault(operation, tags_of(error), tail)
        case RateLimitError():
            return Temporary(SYSTEM, operation, f"asks us to wait{tail}", status=429, retry_after=error.backoff)
        case InternalServerError():
            return Temporary(SYSTEM, operation, f"failed to answer{tail}", status=error.status_code)
        case AuthError():
            return Misconfigured(SYSTEM, operation, f"denies access: {_tags(error.error)}{tail}", status=401)
        case PathRootError():
            return Misconfigured(SYSTEM, operation, f"knows no such root folder{tail}", status=422)
        case BadInputError():
            return Refused(SYSTEM, operation, f"calls the request malformed{tail}", status=400)
        case HttpError():
            return Refused(SYSTEM, operation, f"refused{tail}", status=error.status_code)
        case AssertionError() | ValidationError() | ValueError() | KeyError():
            return Temporary(SYSTEM, operation, "answered with what is not Dropbox's, perhaps a proxy's page")
    return Temporary(SYSTEM, operation, f"no answer ({type(error).__name__})")


def tags_of(error: ApiError) -> str:
    """The tags of an endpoint's error from the outside in, such as `lookup_failed/closed`."""
    return _tags(error.error)


def _tags(union: Any) -> str:
    tags = []
    while isinstance(union, Union):
        tags.append(str(union._tag))
        # A struct such as UploadWriteFailed holds the next union in `reason`.
        union = getattr(union._value, "reason", union._value)
    return vendor_code("/".join(tags)) or "undisclosed"


def _endpoint_fault(operation: str, tags: str, tail: str) -> SystemFault:
    names = tags.split("/")
    detail = f"{tags}{tail}"
    if _WRITES.intersection(names):
        return Temporary(SYSTEM, operation, detail, status=409)
    if tags in _SESSION_GONE:
        return Temporary(SYSTEM, operation, f"the upload session is gone, upload anew: {detail}", status=409)
    if names[-1] == "not_found":
        return NotFound(SYSTEM, operation, detail, status=409)
    return Refused(SYSTEM, operation, detail, status=409)


class _Rewriting(HTTPAdapter):
    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url.rstrip("/")

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,  # noqa: ARG002 - chosen for Dropbox's host, which is not where this goes
    ) -> requests.Response:
        """Send to the base instead, past any proxy."""
        split = urlsplit(request.url or "")
        request.url = self._base_url + split.path + (f"?{split.query}" if split.query else "")
        return super().send(request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies={})


def rewrite_adapter(base_url: str) -> HTTPAdapter:
    """An adapter that sends what is meant for a Dropbox host to `base_url`, keeping the path `/2/files/...`.

    Mount one on `https://api.dropboxapi.com` and one on `https://content.dropboxapi.com`.
    """
    return _Rewriting(base_url)
