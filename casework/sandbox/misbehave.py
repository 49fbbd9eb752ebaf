"""Vendors at their worst, on demand: busy, broken, silent, or behind a proxy that answers for them.

A fault waits in the world until a matching request comes; then it is used up once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from casework.sandbox.http import Request, Response, json_response, text_response

Kind = Literal["rate_limited", "server_error", "timeout", "answer_lost", "block_page"]
KINDS: tuple[Kind, ...] = ("rate_limited", "server_error", "timeout", "answer_lost", "block_page")


class Unanswered(Exception):
    """The caller gets no answer. A transport turns this into its own kind of failure."""


class TimedOut(Unanswered):
    """The vendor took the request and did nothing; the caller waits until its read time-out."""


class AnswerLost(Unanswered):
    """The vendor did what was asked, then the connection broke before the answer."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave. `retry_after` is in seconds; `status` is the HTTP status of a server error."""

    kind: Kind
    retry_after: int = 1
    status: int = 500

    @classmethod
    def rate_limited(cls, retry_after: int = 1) -> Fault:
        """429 in the vendor's shape, with Retry-After; nothing is done."""
        return cls("rate_limited", retry_after=retry_after)

    @classmethod
    def server_error(cls, status: int = 500) -> Fault:
        """A 5xx answer; nothing is done."""
        return cls("server_error", status=status)

    @classmethod
    def timeout(cls) -> Fault:
        """No answer, nothing is done."""
        return cls("timeout")

    @classmethod
    def answer_lost(cls) -> Fault:
        """It is done, but no answer comes."""
        return cls("answer_lost")

    @classmethod
    def block_page(cls) -> Fault:
        """A proxy answers 200 with an HTML page; nothing is done."""
        return cls("block_page")

    @classmethod
    def named(cls, kind: str, **details: Any) -> Fault:
        """A fault by its name, as the control API has it.

        Raises:
            ValueError: no such fault.
        """
        for known in KINDS:
            if known == kind:
                return cls(known, **details)
        raise ValueError(f"unknown fault {kind!r}: one of {', '.join(KINDS)}")

    def planned(self, times: int, match: str) -> dict[str, Any]:
        """How the world keeps it: what is wrong, how often still, for which requests."""
        return {**asdict(self), "times": times, "match": match}


def take(plans: list[dict[str, Any]], request: Request) -> Fault | None:
    """Uses up and returns the first planned fault that meets the request.

    A plan's `match` is a prefix of "METHOD /path"; a `match` that starts with a slash meets every method.
    """
    line = f"{request.method} {request.path}"
    for plan in plans:
        if not (line.startswith(plan["match"]) or request.path.startswith(plan["match"])):
            continue
        plan["times"] -= 1
        if plan["times"] <= 0:
            plans.remove(plan)
        return Fault(plan["kind"], plan["retry_after"], plan["status"])
    return None


_CORRELATION = "5a9d0000-0000-4000-8000-0000000000ff"
_MEDIA: Mapping[str, Mapping[str, str]] = {"outreach": {"content-type": "application/vnd.api+json"}}
_BLOCK_PAGE = b"<!doctype html><html><head><title>Blocked</title></head><body>Blocked by policy.</body></html>"


def answer_instead(vendor: str, fault: Fault) -> Response:
    """What a caller reads instead of the vendor's answer, for the faults that answer at all.

    Raises:
        ValueError: the fault is one that leaves the caller without an answer.
    """
    if fault.kind == "block_page":
        return Response(200, {"content-type": "text/html; charset=utf-8"}, _BLOCK_PAGE)
    if fault.kind == "server_error":
        return _server_error(vendor, fault.status)
    if fault.kind == "rate_limited":
        return _rate_limited(vendor, fault.retry_after)
    raise ValueError(f"the fault {fault.kind!r} has no answer")


def _intercom(code: str, message: str) -> dict[str, Any]:
    return {"type": "error.list", "request_id": _CORRELATION, "errors": [{"code": code, "message": message}]}


def _server_error(vendor: str, status: int) -> Response:
    shapes: Mapping[str, Any] = {
        "zendesk": {"error": "InternalError", "description": "Something went wrong"},
        "slack": {"ok": False, "error": "internal_error"},
        "asana": {"errors": [{"message": "Server Error", "phrase": "6 sad squid snuggle softly"}]},
        "jira": {"errorMessages": ["Internal server error"], "errors": {}},
        "typeform": {"code": "INTERNAL_SERVER_ERROR", "description": "Something went wrong"},
        "salesforce": [{"errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred."}],
        "hubspot": {"status": "error", "message": "internal error", "correlationId": _CORRELATION, "category": "ERROR"},
        "intercom": _intercom("server_error", "Server Error"),
        "outreach": {"errors": [{"id": "internalError", "title": "Internal Error", "detail": "Something went wrong"}]},
        "qualified": {"error": "Internal server error"},
        "onedrive": {"error": {"code": "generalException", "message": "An unspecified error has occurred."}},
    }
    if vendor in shapes:
        return json_response(status, shapes[vendor], _MEDIA.get(vendor))
    return text_response(status, "Internal Server Error")


def _rate_limited(vendor: str, retry_after: int) -> Response:
    reason = {".tag": "too_many_requests"}
    shapes: Mapping[str, Any] = {
        "zendesk": {
            "error": "APIRateLimitExceeded",
            "description": "Number of allowed API requests exceeded",
        },
        "slack": {"ok": False, "error": "ratelimited"},
        "asana": {"errors": [{"message": "You have made too many requests recently. Please, be chill."}]},
        "dropbox": {
            "error_summary": "too_many_requests/..",
            "error": {"reason": reason, "retry_after": retry_after},
        },
        "jira": {"errorMessages": ["Rate limit exceeded."], "errors": {}},
        "typeform": {"code": "TOO_MANY_REQUESTS", "description": "You have made too many requests"},
        "salesforce": [{"errorCode": "EXCEEDED_MAX_CONCURRENT_REQUESTS", "message": "Too many requests at once."}],
        "hubspot": {
            "status": "error",
            "message": "You have reached your ten_secondly_rolling limit.",
            "errorType": "RATE_LIMIT",
            "correlationId": _CORRELATION,
            "policyName": "TEN_SECONDLY_ROLLING",
        },
        "intercom": _intercom("rate_limit_exceeded", "You have exceeded the rate limit"),
        "outreach": {"errors": [{"id": "rateLimitExceeded", "title": "Rate Limit Exceeded", "detail": "Try again"}]},
        "qualified": {"code": "rate_limited", "message": "Too many requests"},
        "sns": {"Error": {"Type": "Sender", "Code": "Throttling", "Message": "Rate exceeded"}},
        "onedrive": {"error": {"code": "activityLimitReached", "message": "The request has been throttled."}},
    }
    return json_response(429, shapes[vendor], {"retry-after": str(retry_after), **_MEDIA.get(vendor, {})})
