"""Legs under observation: each in a process forked from one that has imported everything, as a warm worker's are.

What a leg asks for is written down: requests, connections, statements on the case database, modules imported and
threads begun, each with its milliseconds since the fork, until the very end of its process.

`python -m tests.real.leg` reads a line of JSON for each leg, what a worker tells its preloader; it runs the leg, and
answers with one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import httpx
from sqlalchemy import Engine, event

from casework.warm.preload import finish, imported, run_leg

Seen = list[tuple[float, str, str, float]]
"""Milliseconds since the fork, what it was, what it was about, and how many milliseconds it took."""


def watch(seen: Seen) -> None:
    """Write down into `seen` what happens in this process from now on."""
    began = time.perf_counter()

    def note(what: str, about: str, since: float | None = None) -> None:
        now = time.perf_counter()
        at = since or now
        seen.append(((at - began) * 1000, what, about, (now - at) * 1000))

    send, send_async = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def handle(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        at = time.perf_counter()
        try:
            return send(self, request)
        finally:
            note("request", f"{request.method} {request.url.path}", at)

    async def handle_async(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        at = time.perf_counter()
        try:
            return await send_async(self, request)
        finally:
            note("request", f"{request.method} {request.url.path}", at)

    def audit(name: str, given: tuple[Any, ...]) -> None:
        if name == "socket.connect":
            note("connection", str(given[1]))
        elif name == "sqlite3.connect":
            note("connection", "sqlite")
        elif name == "import":
            note("import", str(given[0]))

    begin = threading.Thread.start

    def start(self: threading.Thread) -> None:
        note("thread", self.name)
        begin(self)

    httpx.HTTPTransport.handle_request = handle  # type: ignore[method-assign]  # watched
    httpx.AsyncHTTPTransport.handle_async_request = handle_async  # type: ignore[method-assign]  # watched
    threading.Thread.start = start  # type: ignore[method-assign]  # watched
    event.listen(Engine, "before_cursor_execute", lambda _c, _u, sql, *_: note("sql", " ".join(sql.split())))
    event.listen(Engine, "commit", lambda _: note("sql", "COMMIT"))
    sys.addaudithook(audit)


def observed(asked: dict[str, Any], told: int) -> None:
    """Run a leg in this process, end it as a worker's child does, and tell what was seen until then."""
    seen: Seen = []
    watch(seen)
    os.environ.update(asked["environment"])
    with suppress(SystemExit):
        run_leg(asked)
    finish()
    os.write(told, json.dumps(seen).encode() + b"\n")
    os._exit(0)


def main() -> None:
    """Do what every leg would do first, then fork for each line."""
    imported(["tests.real.lean.lean"])
    told = os.dup(1)
    os.dup2(2, 1)  # what a leg prints is not an answer
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            observed(json.loads(line), told)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
