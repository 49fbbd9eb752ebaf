"""A worker's hold on one preloader: started, asked to begin and to signal legs, listened to, let go.

Everything that happens is told to one callback each; when the preloader is gone, that is told last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from prefect.logging import get_logger

from casework.warm.spawn import Spawned, spawn
from casework.warm.wire import Frames, Message, packed

__all__ = ["Listener", "Preloader", "PreloaderGone", "Surroundings", "of_run", "surroundings"]

PIECE_BYTES = 1 << 16
LIMIT_BYTES = 1 << 24

logger = get_logger("workers.casework-warm")


class PreloaderGone(RuntimeError):
    """The process that forks runs ended before it could begin this one; its log says why."""


@dataclass(frozen=True)
class Surroundings:
    """What legs of one preloader share: the environment, and the folder that it was started in, if one was chosen."""

    environment: tuple[tuple[str, str], ...]
    folder: Path | None


class Listener(Protocol):
    """Who hears what becomes of legs."""

    def began(self, number: int, pid: int) -> None:
        """A leg's process is there."""

    def refused(self, number: int) -> None:
        """The preloader's code is not the code on disk any more; nothing was begun."""

    def ended(self, number: int, status: int) -> None:
        """A leg's process has ended: its exit code, or minus the number of the signal that killed it."""

    def gone(self, preloader: Preloader) -> None:
        """The preloader has ended, and with it whatever legs it still had."""


class Preloader:
    """One preloader process in given surroundings."""

    def __init__(self, surroundings: Surroundings, listener: Listener, spawned: Spawned | None = None) -> None:
        self.surroundings = surroundings
        self._listener = listener
        self._imported: set[str] = set()
        found = spawned or spawn(dict(surroundings.environment), surroundings.folder)
        self._process, self._channel = found.process, found.channel
        self._channel.setblocking(False)
        self._ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._writer: asyncio.StreamWriter | None = None
        self._listening = asyncio.get_running_loop().create_task(self._listen())
        if spawned is not None:
            self._send_when_ready({"surroundings": dict(surroundings.environment)})

    @property
    def pid(self) -> int:
        return self._process.pid

    async def begin(self, leg: int, message: Mapping[str, Any]) -> None:
        """Ask for a leg; `began` or `refused` is told to the listener.

        Raises:
            PreloaderGone: it has ended, or could not start.
        """
        await asyncio.shield(self._ready)
        self._send({"leg": leg, **message})

    def import_ahead(self, entrypoints: Iterable[str]) -> None:
        """Have the modules of these flows imported before the next leg begins, those that are not yet."""
        new = set(entrypoints) - self._imported
        self._imported |= new
        if new:
            self._send_when_ready({"import": sorted(new)})

    def signal(self, leg: int, number: int) -> None:
        """Send a signal to the process group of a leg, if it is still there."""
        if self._ready.done() and not self._ready.cancelled() and self._ready.exception() is None:
            self._send({"leg": leg, "signal": number})

    def retire(self) -> None:
        """Take no more legs; it ends when its last one has."""
        self._send_when_ready({"retire": True})

    def _send_when_ready(self, message: Message) -> None:
        def send(ready: asyncio.Future[int]) -> None:
            if not ready.cancelled() and ready.exception() is None:
                with suppress(PreloaderGone):
                    self._send(message)

        if self._ready.done():
            send(self._ready)
        else:
            self._ready.add_done_callback(send)

    async def close(self) -> None:
        """Let go of it: legs that it still has go on for a while without us."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    def _send(self, message: Message) -> None:
        if self._writer is None or self._writer.is_closing():
            raise PreloaderGone(PreloaderGone.__doc__)
        self._writer.write(packed(message))

    async def _listen(self) -> None:
        try:
            reader, self._writer = await asyncio.open_connection(sock=self._channel, limit=LIMIT_BYTES)
            frames = Frames()
            try:
                while piece := await reader.read(PIECE_BYTES):
                    for message in frames.feed(piece):
                        self._hear(message)
            except ConnectionResetError:
                logger.debug("The preloader %s closed in the middle.", self.pid)
        finally:
            if self._writer is not None:
                self._writer.close()
            if not self._ready.done():
                self._ready.set_exception(PreloaderGone(PreloaderGone.__doc__))
                self._ready.exception()  # whoever waits for it is told; nobody has to
            self._listener.gone(self)
        # Its end is near: the socket closes with it.
        await asyncio.to_thread(self._process.wait)

    def _hear(self, message: Message) -> None:
        if "threads" in message and message["threads"] != 1:
            logger.warning(
                "The preloader has %s threads: a module begins one when it is imported, and forks are not safe."
                " Move that into a function.",
                message["threads"],
            )
        if "ready" in message:
            self._ready.set_result(message["ready"])
        elif "imported" in message:
            logger.debug("The preloader %s has imported %s.", self.pid, ", ".join(message["imported"]))
        elif "began" in message:
            self._listener.began(message["began"], message["pid"])
        elif "stale" in message:
            self._listener.refused(message["stale"])
        else:
            self._listener.ended(message["ended"], message["status"])


def surroundings(environment: Mapping[str, str | None], folder: Path | None) -> Surroundings:
    """What is shared by runs with this job environment: all of it but what names the run (`PREFECT__…`)."""
    shared = {name: value for name, value in environment.items() if value is not None and not _is_of_run(name)}
    return Surroundings(tuple(sorted(shared.items())), folder)


def of_run(environment: Mapping[str, str | None]) -> dict[str, str]:
    """What of a job environment names the run, its flow, its deployment and its worker."""
    return {name: value for name, value in environment.items() if value is not None and _is_of_run(name)}


def _is_of_run(name: str) -> bool:
    return name.startswith("PREFECT__")
