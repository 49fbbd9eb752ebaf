"""The process that has imported everything that a run needs, and forks one for each: `python -m casework.warm.preload`.

It is single-threaded, opens no connection, and never runs a flow itself, so that a fork copies nothing half done: its
children have every import behind them and every connection before them. What to import and which runs to begin come
over the socket whose number is its argument; how its children ended goes back over it.

When the worker is gone the children are let finish, for a minute: a leg that ends by itself loses nothing. When this
process is gone its children are killed by the kernel: nobody would know of them.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import inspect
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casework.warm.releases import Release
from casework.warm.wire import Frames, Message, packed

__all__ = ["Preload", "finish", "imported", "run_leg"]

ORPHAN_SECONDS = 60.0
"""So long legs may go on without a worker; then they are asked to end, and killed `LAST_SECONDS` later."""

LAST_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""The files of the release are compared at most so often."""

NICE = 5
"""So much later than others legs have the processor: first those are served who talk to people and vendors."""

PIECE_BYTES = 1 << 16
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Leg:
    number: int
    pid: int
    watch: int
    """A pidfd: readable once the process has ended."""


class Preload:
    """Forks on demand over `channel`. `serve` returns in the children alone, with what each is to run."""

    def __init__(self, channel: socket.socket, release: Release) -> None:
        self._channel = channel
        self._frames = Frames()
        self._legs: dict[int, _Leg] = {}
        self._release = release
        self._looked = time.monotonic()
        self._stale = False
        self._taking = True
        self._orphaned: float | None = None
        self._asked = False
        self._pid = os.getpid()

    def serve(self) -> Message | None:
        """Begin and watch legs until there is nothing more to do: the run to do, in a child; None, in this process."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            while self._taking or self._legs:
                for key, _ in selector.select(self._patience()):
                    if key.fd in self._legs:
                        selector.unregister(key.fd)
                        self._ended(self._legs.pop(key.fd))
                        continue
                    piece = self._channel.recv(PIECE_BYTES)
                    if not piece:
                        selector.unregister(self._channel)
                        self._taking, self._orphaned = False, time.monotonic()
                        continue
                    for message in self._frames.feed(piece):
                        if (begun := self._obey(message, selector)) is not None:
                            return begun
                self._end_orphans()
        return None

    def _obey(self, message: Message, selector: selectors.BaseSelector) -> Message | None:
        if "retire" in message:
            self._taking = False
        elif "surroundings" in message:
            os.environ.update(message["surroundings"])
        elif "import" in message:
            import_ahead(message["import"])
            self._release.take_in()
            self._say({"imported": message["import"], "threads": threading.active_count()})
        elif "signal" in message:
            for leg in self._legs.values():
                if leg.number == message["leg"]:
                    os.killpg(leg.pid, message["signal"])
        elif not self._is_current():
            self._say({"stale": message["leg"]})
        else:
            return self._fork(message, selector)
        return None

    def _is_current(self) -> bool:
        if not self._stale and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._stale = not self._release.is_current()
        return not self._stale

    def _fork(self, message: Message, selector: selectors.BaseSelector) -> Message | None:
        pid = os.fork()
        if not pid:
            selector.close()
            self._channel.close()
            for leg in self._legs.values():
                os.close(leg.watch)
            _become(message, self._pid)
            return message
        with contextlib.suppress(PermissionError):  # the child has done so first, and runs another program by now
            os.setpgid(pid, pid)
        leg = _Leg(message["leg"], pid, os.pidfd_open(pid))
        self._legs[leg.watch] = leg
        selector.register(leg.watch, selectors.EVENT_READ)
        self._say({"began": leg.number, "pid": pid})
        return None

    def _ended(self, leg: _Leg) -> None:
        _, status = os.waitpid(leg.pid, 0)
        os.close(leg.watch)
        self._say({"ended": leg.number, "status": os.waitstatus_to_exitcode(status)})

    def _say(self, message: Message) -> None:
        if self._orphaned is None:
            # A worker that has gone is noticed by the next read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._channel.sendall(packed(message))

    def _patience(self) -> float | None:
        if self._orphaned is None:
            return None
        seconds = ORPHAN_SECONDS + (LAST_SECONDS if self._asked else 0)
        return max(self._orphaned + seconds - time.monotonic(), 0.05)

    def _end_orphans(self) -> None:
        if self._orphaned is None or not self._legs:
            return
        alone = time.monotonic() - self._orphaned
        if alone >= ORPHAN_SECONDS + LAST_SECONDS:
            self._signal_all(signal.SIGKILL)
        elif alone >= ORPHAN_SECONDS and not self._asked:
            self._asked = True
            self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for leg in self._legs.values():
            os.killpg(leg.pid, number)


def _become(message: Message, parent: int) -> None:
    """Make this fresh child a process of its own, with the environment and the folder of its run."""
    os.setpgid(0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.environ.update(message["environment"])
    os.chdir(message["folder"])
    if not message["stream_output"]:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)


def run_leg(message: Message) -> None:
    """Run one flow run by Prefect's own engine, as `python -m prefect.engine` does; ends by SystemExit or returns.

    Otherwise than there, a run that is over as Cancelled or Failed is not told of again as an unexpected exception.
    """
    from prefect._internal.control_listener import configure_from_env
    from prefect._internal.metrics import RunMetrics
    from prefect.client.schemas.objects import FlowRun
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import load_flow, run_flow
    from prefect.logging.loggers import flow_run_logger

    from casework.engine import prefect_leg

    configure_from_env()
    run = FlowRun.model_validate(message["flow_run"])
    with handle_engine_signals(run.id):
        run_logger = flow_run_logger(flow_run=run)
        try:
            flow = load_flow(run)
        except Exception:
            # A flow's module may raise anything when it is imported; people look for it in the log of their run.
            run_logger.exception("The flow could not be loaded.")
            raise
        with RunMetrics(run, flow):
            if flow.isasync or flow.isgenerator:
                # A generator has no state to return.
                wanted: Any = "result" if flow.isgenerator else "state"
                _finish(run_flow(flow, flow_run=run, return_type=wanted, error_logger=run_logger))  # type: ignore[arg-type]
            else:
                prefect_leg.run_leg(flow, run, message["related"], run_logger)


def _finish(result: Any) -> None:
    """Run what an asynchronous flow or a generator has left to do."""
    import asyncio

    if inspect.iscoroutine(result):
        asyncio.run(result)
    elif inspect.isasyncgen(result):

        async def drain() -> None:
            async for _ in result:
                pass

        asyncio.run(drain())
    elif inspect.isgenerator(result):
        for _ in result:
            pass


def imported(entrypoints: Sequence[str] = ()) -> Release:
    """Import what any leg needs, and the modules of these flows.

    Returns:
        What must not change on disk for this process to be of use.
    """
    from casework import wiring

    read = wiring.preload()
    import_ahead(entrypoints)
    return Release(read)


def import_ahead(entrypoints: Sequence[str]) -> None:
    """Import the modules of these flows; one that fails fails again, visibly, in its leg."""
    for entrypoint in entrypoints:
        try:
            importlib.import_module(entrypoint.rpartition(".")[0])
        except Exception:
            # A flow's module may raise anything when it is imported; the other flows are not to suffer from it.
            logger.warning("%s could not be imported ahead.", entrypoint, exc_info=True)
    # What is there now stays for all legs: none of them looks through it for garbage, or copies it for that.
    gc.freeze()


def finish() -> None:
    """What the end of an interpreter does but for taking itself apart: all that is to be sent is sent.

    To take it apart would copy the memory that a leg shares with its parent, which costs nearly as much as the leg.
    """
    threading._shutdown()  # type: ignore[attr-defined] # private, and what the interpreter itself calls
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _give_way() -> None:
    """Let others have the processor before this process and its children."""
    os.nice(NICE)
    # Where the kernel shares the processor among sessions first, a process's own niceness counts within its session
    # alone (sched(7), "The autogroup feature"). This session holds a preloader and its legs.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE))


def _main() -> None:
    # Imports make much that stays and little garbage: to look for it takes a fifth of their time.
    gc.disable()
    channel = socket.socket(fileno=int(sys.argv[1]))
    preload = Preload(channel, imported())
    gc.enable()
    _give_way()
    channel.sendall(packed({"ready": os.getpid(), "threads": threading.active_count()}))
    message = preload.serve()
    if message is None:
        return
    code = 0
    try:
        run_leg(message)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - the end of the process, as the interpreter's own
        traceback.print_exc()
        code = 1
    finish()
    os._exit(code)


if __name__ == "__main__":
    _main()
