"""The wire between a deployment and everything outside it, on which a test can make one thing go wrong.

Every request to a vendor and every commit to the case database passes here and gets a number. At one chosen number
the process is killed (before or after the effect), or the vendor misbehaves.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Literal, TypeVar

import urllib3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from sqlalchemy import Engine

from casework.sandbox.http import Request, Response
from casework.sandbox.misbehave import AnswerLost, Fault, TimedOut, answer_instead
from casework.sandbox.world import World

__all__ = ["COMMIT", "Killed", "Mishap", "Wire", "changes", "mishaps"]

T = TypeVar("T")
Kind = Literal["killed before", "killed after", "busy", "broken", "silent", "answer lost"]
COMMIT = "commit"


def changes(passed: str) -> bool:
    """Whether what passed the wire is more than a look."""
    return not re.search(r" (GET|HEAD)\b|/search/", passed)


class Killed(BaseException):
    """The process is gone at this very place, as with kill -9."""


@dataclass(frozen=True)
class Mishap:
    """What goes wrong at one number of the wire."""

    at: int
    kind: Kind


def mishaps(passed: Sequence[str], begins: str, kinds: Sequence[Kind]) -> list[Mishap]:
    """Of the calls whose names begin so, each that changes something goes wrong in every way, and each that only looks
    in one of them, the ways in turn."""
    turns = cycle(kinds)
    found = []
    for at, name in enumerate(passed):
        if name.startswith(begins):
            found += [Mishap(at, kind) for kind in (kinds if changes(name) else (next(turns),))]
    return found


class Wire:
    """Counts what passes; `passed` names it in order, `happened` tells whether the mishap came."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.mishap: Mishap | None = None
        self.happened = False
        self._still = 0

    @contextmanager
    def still(self) -> Iterator[None]:
        """What passes inside is somebody else's: it is not counted and nothing goes wrong."""
        self._still += 1
        try:
            yield
        finally:
            self._still -= 1

    def _next(self, name: str) -> Kind | None:
        if self._still:
            return None
        self.passed.append(name)
        if self.mishap is None or self.mishap.at != len(self.passed) - 1:
            return None
        self.happened = True
        return self.mishap.kind

    def _through(self, name: str, send: Callable[[], T], unanswered: Callable[[Kind], T]) -> T:
        kind = self._next(name)
        if kind is None:
            return send()
        if kind == "killed before":
            raise Killed(name)
        if kind == "killed after":
            send()
            raise Killed(name)
        if kind == "answer lost":
            send()
        return unanswered(kind)

    def watch_world(self, world: World) -> None:
        """Every request to Zendesk, Slack, Asana and Dropbox."""
        handle = world.handle

        def watched(vendor: str, request: Request) -> Response:
            def unanswered(kind: Kind) -> Response:
                if kind == "busy":
                    return answer_instead(vendor, Fault.rate_limited(2))
                if kind == "broken":
                    return answer_instead(vendor, Fault.server_error())
                raise (TimedOut if kind == "silent" else AnswerLost)(f"{vendor}: planned")

            return self._through(
                f"{vendor} {request.method} {request.path}", lambda: handle(vendor, request), unanswered
            )

        world.handle = watched  # type: ignore[method-assign]  # watched

    def watch_aws(self, name: str, client: Any) -> None:
        """Every request of a boto3 client."""
        session = client._endpoint.http_session
        send: Callable[[Any], AWSResponse] = session.send

        def watched(request: Any) -> AWSResponse:
            def unanswered(kind: Kind) -> AWSResponse:
                if kind in ("busy", "broken"):
                    status = 503 if kind == "busy" else 500
                    raw = urllib3.HTTPResponse(body=io.BytesIO(), status=status, preload_content=False)
                    return AWSResponse(request.url, status, HTTPHeaders(), raw)
                if kind == "silent":
                    raise ReadTimeoutError(endpoint_url=request.url)
                raise ConnectionClosedError(endpoint_url=request.url)

            return self._through(f"{name} {request.method}", lambda: send(request), unanswered)

        session.send = watched

    def watch_commits(self, database: Engine) -> None:
        """Every commit to the case database; only a kill can hit one."""
        commit = database.dialect.do_commit

        def watched(connection: Any) -> None:
            kind = self._next(COMMIT)
            if kind == "killed before":
                connection.rollback()
                raise Killed(COMMIT)
            commit(connection)
            if kind == "killed after":
                raise Killed(COMMIT)

        database.dialect.do_commit = watched  # type: ignore[method-assign,assignment]  # watched
