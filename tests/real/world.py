"""The outside world of a real site: an HTTP server that notes when something was done, for whom, and how often.

`do` does it, `was_done` asks; both with the standard library alone, so that a benchmark does not measure a client.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Effect", "World", "do", "was_done"]

STAMPS = "X-Stamps"


def do(place: str, whom: str, number: int, **stamps: float) -> str:
    """Do something for somebody under a number, at `place` (host:port); tell moments of oneself (Unix seconds)."""
    return _ask(place, "POST", f"/{whom}/{number}", {STAMPS: json.dumps(stamps)})


def was_done(place: str, whom: str, number: int) -> str | None:
    """What came of it, if it was done."""
    try:
        return _ask(place, "GET", f"/{whom}/{number}", {})
    except LookupError:
        return None


def _ask(place: str, method: str, path: str, headers: Mapping[str, str]) -> str:
    connection = HTTPConnection(place, timeout=60)
    try:
        connection.request(method, path, headers=dict(headers))
        answer = connection.getresponse()
        if answer.status == 404:
            raise LookupError(path)
        return answer.read().decode()
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that was done: when it was seen here (Unix seconds), and what whoever did it told of itself."""

    at: float
    stamps: Mapping[str, float]


class World:
    """What was done, by whom and number; more than one effect of one number is one too many."""

    def __init__(self) -> None:
        self.done: dict[tuple[str, int], list[Effect]] = {}
        self._news = threading.Condition()
        world = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                at = time.time()
                world._note(self.path, Effect(at, json.loads(self.headers.get(STAMPS, "{}"))))
                self._say(200)

            def do_GET(self) -> None:
                self._say(200 if _key(self.path) in world.done else 404)

            def _say(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"done")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_port}"

    def _note(self, path: str, effect: Effect) -> None:
        with self._news:
            self.done.setdefault(_key(path), []).append(effect)
            self._news.notify_all()

    @contextmanager
    def serving(self) -> Iterator[World]:
        """Reachable while the block runs."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def effect(self, whom: str, number: int, within: float = 240.0) -> Effect:
        """Wait until something was done, at most so many seconds.

        Raises:
            RuntimeError: it was not done, or more than once.
        """
        with self._news:
            if not self._news.wait_for(lambda: (whom, number) in self.done, within):
                raise RuntimeError(f"{whom} did not do number {number} within {within:g} s")
            effects = self.done[whom, number]
        if len(effects) != 1:
            raise RuntimeError(f"{whom} did number {number} {len(effects)} times")
        return effects[0]

    def assert_once(self) -> None:
        """Check that nothing was done twice.

        Raises:
            RuntimeError: names what was.
        """
        if twice := {key: len(effects) for key, effects in self.done.items() if len(effects) > 1}:
            raise RuntimeError(f"done more than once: {twice}")


def _key(path: str) -> tuple[str, int]:
    whom, _, number = path[1:].rpartition("/")
    return whom, int(number)
