"""A file's way to its browser: the thread that opens it also sends it, past the event loop.

A block that was just decrypted is still in its core's cache; handed on to the event loop's thread it is not, and each
handing over waits for the interpreter's lock. So a connection lends its socket for the length of a body. Of the bytes
that went by, h11 is told their number only, which its documentation calls "Support for sendfile()".
Servers that lend nothing, as a test's client, are given the blocks in ASGI's way.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, cast

import h11
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["Blocks", "Lending", "Poured"]

Blocks = Generator[memoryview, None, None]
Pour = Callable[[Blocks, int], Awaitable[bool]]

_POUR = "casework.pour"
_BLOCK_SECONDS = 3600.0
"""Whoever takes no more than a block in this time is given up, and may ask for the rest with a range."""


class Poured(Response):
    """An answer of so many bytes, whose blocks are made and sent in one thread.

    `sent` is called when all were taken, unless the browser was known to be gone by then.
    """

    def __init__(
        self, blocks: Blocks, length: int, sent: Callable[[], None], status: int, headers: Mapping[str, str], kind: str
    ) -> None:
        super().__init__(None, status, {**headers, "content-length": str(length)}, kind)
        self._blocks, self._length, self._sent = blocks, length, sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        pour: Pour | None = scope.get("extensions", {}).get(_POUR)
        if pour is None:
            async for block in iterate_in_threadpool(self._blocks):
                await send({"type": "http.response.body", "body": block, "more_body": True})
            taken = not await Request(scope, receive).is_disconnected()
        else:
            taken = await pour(self._blocks, self._length)
        if taken:
            await run_in_threadpool(self._sent)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Lending(H11Protocol):
    """uvicorn's own protocol, which lends its socket for the body of an answer whose length is declared."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        answer = self.app

        async def lending(scope: Any, receive: Any, send: Any) -> None:
            # With TLS the socket is no place for what is not encrypted.
            if self.scheme == "http":
                scope["extensions"] = {_POUR: self._pour}
            await answer(scope, receive, send)

        self.app = lending

    async def _pour(self, blocks: Blocks, length: int) -> bool:
        """Send blocks of so many bytes in all; False when nobody takes them, and then the connection is at its end."""
        # When the headers are gone, nothing but these bytes is written until all of them are.
        self.transport.set_write_buffer_limits(0)
        await self.flow.drain()
        cycle = self.cycle
        if cycle.disconnected:
            return False
        self.conn.send_with_data_passthrough(h11.Data(cast("bytes", _Counted(length))))
        line = self.transport.get_extra_info("socket").dup()
        thread = ThreadPoolExecutor(1, "pour")
        count = self.loop.run_in_executor(thread, copy_context().run, _send, line, blocks, cycle)
        thread.shutdown(wait=False)
        try:
            taken = await count == length
        except asyncio.CancelledError:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            raise
        if not taken:
            self.transport.abort()
            # By then the connection knows that it is lost.
            await asyncio.sleep(0)
        return taken


@dataclass(frozen=True, slots=True)
class _Counted:
    """As many bytes, of which h11 asks for nothing else."""

    count: int

    def __len__(self) -> int:
        return self.count


def _send(line: socket.socket, blocks: Blocks, cycle: RequestResponseCycle) -> int:
    """How many bytes were taken, by somebody who was not gone afterwards."""
    count = 0
    with line, closing(blocks):
        # It is the event loop's socket by another name and stays non-blocking, as it does with a time.
        line.settimeout(_BLOCK_SECONDS)
        for block in blocks:
            try:
                line.sendall(block)
            except OSError:
                break
            if cycle.disconnected:
                break
            count += len(block)
    return count
