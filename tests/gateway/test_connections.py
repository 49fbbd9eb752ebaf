"""Bodies that the thread which makes them also sends, past the event loop, over a real socket."""

from __future__ import annotations

import http.client
import logging
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from casework.gateway.connections import Blocks, Lending, Poured

MIB = 1 << 20
CONTENT = random.Random(5).randbytes(5 * MIB + 7)
ENDLESS = 1 << 40


@dataclass
class Files:
    """An application that pours one body, and what becomes of it."""

    blocks: Callable[[], Blocks]
    length: int
    sent: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    given: int = 0
    threads: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any request with the body."""
        await Poured(self._watched(), self.length, self.sent.set, 200, {}, "application/octet-stream")(
            scope, receive, send
        )

    def _watched(self) -> Blocks:
        try:
            for block in self.blocks():
                self.given += len(block)
                self.threads.add(threading.current_thread().name.partition("_")[0])
                yield block
        finally:
            self.closed.set()


@contextmanager
def served(app: Files, *, patience: int = 10) -> Iterator[tuple[http.client.HTTPConnection, uvicorn.Server]]:
    """Serve it on loopback; a connection to it, and the server, which must end with the block."""
    config = uvicorn.Config(
        app, http=Lending, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=patience
    )
    running = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1], timeout=20)
        try:
            yield connection, running
        finally:
            running.should_exit = True
            thread.join(20)
            connection.close()
            assert not thread.is_alive(), "the server does not stop"


def whole() -> Blocks:
    for at in range(0, len(CONTENT), MIB):
        yield memoryview(CONTENT)[at : at + MIB]


def endless() -> Blocks:
    block = memoryview(bytes(MIB))
    while True:
        yield block


def broken() -> Blocks:
    yield memoryview(CONTENT)[:MIB]
    raise RuntimeError("the vault is away")


def test_every_byte_arrives_and_the_connection_stays() -> None:
    """The body is sent by its own thread, is the file to the last byte, and the same connection is used again."""
    app = Files(whole, len(CONTENT))
    with served(app) as (connection, _):
        for _again in range(3):
            app.sent.clear()
            connection.request("GET", "/")
            answer = connection.getresponse()
            kept = connection.sock
            assert answer.read() == CONTENT
            assert connection.sock is kept is not None
            assert app.sent.wait(10)
    assert app.threads == {"pour"}


def test_who_does_not_read_holds_it_up() -> None:
    """No more is opened for a browser that does not read than the two sockets' buffers take."""
    app = Files(endless, ENDLESS)
    with served(app, patience=1) as (connection, _):
        connection.request("GET", "/")
        connection.getresponse()
        before = -1
        while app.given != before:
            before = app.given
            app.closed.wait(0.3)
        assert app.given < 32 * MIB
    assert not app.sent.is_set()


def test_a_browser_that_leaves_ends_its_stream(caplog: pytest.LogCaptureFixture) -> None:
    """When a browser goes in mid-stream, its blocks are closed, nothing counts as sent, and nothing is a fault."""
    app = Files(endless, ENDLESS)
    with caplog.at_level(logging.WARNING), served(app) as (connection, running):
        connection.request("GET", "/")
        connection.getresponse().read(3 * MIB)
        connection.close()
        assert app.closed.wait(10)
        deadline = threading.Event()
        while running.server_state.tasks and not deadline.wait(0.01):
            pass
    assert not app.sent.is_set()
    assert caplog.messages == []


def test_a_body_that_breaks_is_cut_off() -> None:
    """Half a file never passes for a whole one: the line is cut, and the error is told to the log by who knows it."""
    app = Files(broken, len(CONTENT))
    with served(app) as (connection, _):
        connection.request("GET", "/")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
    assert not app.sent.is_set()


def test_fewer_bytes_than_declared_are_cut_off() -> None:
    """A body that is shorter than its headers said is not left open, so that nobody waits for the rest."""
    app = Files(whole, len(CONTENT) + 1)
    with served(app) as (connection, _):
        connection.request("GET", "/")
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            connection.getresponse().read()
    assert not app.sent.is_set()


def test_a_server_that_ends_does_not_wait_for_who_does_not_read() -> None:
    """At the end of the server's patience a stalled stream is cut, and its thread ends."""
    app = Files(endless, ENDLESS)
    with served(app, patience=1) as (connection, _):
        connection.request("GET", "/")
        connection.getresponse().read(MIB)
    assert app.closed.wait(10)
    assert not app.sent.is_set()
