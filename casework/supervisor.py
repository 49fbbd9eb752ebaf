"""Starts child processes in order, waits until each is ready, starts again those that die, and ends them all.

Each child has a session of its own, so that one Ctrl-C reaches only us and we end them in order, the last
started first. A child holds a lock on `<folder>/<name>.lock` for as long as it lives: when we were killed
ourselves, the next start finds by it whom we left behind, and ends those before it starts them anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

__all__ = ["AlreadyRunning", "Child", "NotReady", "Supervisor", "choose_ports"]

READY_SECONDS = 90.0
POLL_SECONDS = 0.1
GRACE_SECONDS = 10.0
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
"""After so long a life the next death counts as the first one again."""


class NotReady(RuntimeError):
    """A child ended or did not get ready in time; the text says where its log is."""


class AlreadyRunning(RuntimeError):
    """Another supervisor runs over this folder. End that one first (Ctrl-C where it runs)."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep alive. It is ready when `ready`, an HTTP address, answers 200; None: at once.

    With `once` it must end with exit code 0 before the next is started. When the child that it `needs` has died,
    it is ended too, and both are started again, the needed one first: until that is ready.
    """

    name: str
    arguments: Sequence[str]
    ready: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    needs: str | None = None


@dataclass(slots=True)
class _Life:
    child: Child
    process: subprocess.Popen[bytes]
    since: float
    deaths: int = 0


class Supervisor:
    """Runs `children`; pids are kept in `folder`, output is appended to `logs`.

    `say` gets a sentence for people whenever something happens.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        folder: Path,
        logs: Path,
        say: Callable[[str], None],
        ready_seconds: float = READY_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        backoff_seconds: Sequence[float] = BACKOFF_SECONDS,
    ) -> None:
        self._children = children
        self._folder, self._logs, self._say = folder, logs, say
        self._ready_seconds, self._grace_seconds = ready_seconds, grace_seconds
        self._backoff = backoff_seconds
        self._lives: dict[str, _Life] = {}
        self._due: dict[str, float] = {}
        self._http = httpx.Client(timeout=2, trust_env=False)
        self._events: queue.Queue[tuple[str, int] | None] = queue.Queue()
        self._stopping = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """All children, started and ready while the block runs; ended in any case.

        Raises:
            AlreadyRunning: another supervisor has this folder.
            NotReady: a child did not get ready; those before it have been ended again.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._folder / "supervisor.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(f"{self._folder}: {AlreadyRunning.__doc__}") from None
            try:
                for child in self._children:
                    if self._stopping.is_set():
                        break
                    self._end_left_behind(child.name)
                    self._begin(child)
                    self._await(child)
                    self._attend(child)
                yield
            finally:
                self._end_all()

    def watch(self) -> None:
        """Start again whatever dies, with growing pauses, until `stop`."""
        while not self._stopping.is_set():
            self._keep_alive(within=3600)

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Let `watch` return; safe from a signal handler and from other threads."""
        self._stopping.set()
        self._events.put(None)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """While the block runs, Ctrl-C and SIGTERM end the watch."""

        def asked(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    # -- one child

    def _keep_alive(self, within: float) -> None:
        """Deal with the next death or due start, if there is one within so many seconds."""
        due = self._due
        pause = min([within, *(moment - time.monotonic() for moment in due.values())])
        try:
            event = self._events.get(timeout=max(pause, 0))
        except queue.Empty:
            event = None
        if self._stopping.is_set():
            return
        if event is not None:
            name, pid = event
            life = self._lives[name]
            if life.process.pid == pid and name not in due:
                due[name] = time.monotonic() + self._mourn(life)
                self._end_those_that_need(name)
        for name in [name for name, moment in due.items() if moment <= time.monotonic()]:
            child = self._lives[name].child
            if child.needs is not None and not self._is_ready(child.needs):
                due[name] = time.monotonic() + POLL_SECONDS
                continue
            del due[name]
            self._begin(child)
            self._attend(child)

    def _end_those_that_need(self, name: str) -> None:
        for other, life in self._lives.items():
            if life.child.needs == name and other not in self._due:
                self._due[other] = time.monotonic()
                self._say(f"{other} is ended and started again with {name}, which it needs.")
                self._kill(life.process.pid)

    def _is_ready(self, name: str) -> bool:
        child = self._lives[name].child
        return name not in self._due and (child.ready is None or self._answers(child.ready))

    def _begin(self, child: Child) -> None:
        known = self._lives.get(child.name)
        with (self._logs / f"{child.name}.log").open("ab") as log, self._lock(child.name).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            process = subprocess.Popen(
                list(child.arguments),
                env={**os.environ, **child.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
            )
        self._lives[child.name] = _Life(child, process, time.monotonic(), known.deaths if known else 0)
        draft = self._folder / f".{child.name}.pid"
        draft.write_text(f"{process.pid}\n")
        draft.replace(self._folder / f"{child.name}.pid")

    def _attend(self, child: Child) -> None:
        """From now on the child's death is an event."""
        if not child.once:
            arguments = (child.name, self._lives[child.name].process)
            threading.Thread(target=self._report, args=arguments, daemon=True).start()

    def _report(self, name: str, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._events.put((name, process.pid))

    def _mourn(self, life: _Life) -> float:
        """Say that a child has died; how many seconds to wait before it is started again."""
        if time.monotonic() - life.since > STEADY_SECONDS:
            life.deaths = 0
        pause = self._backoff[min(life.deaths, len(self._backoff) - 1)]
        life.deaths += 1
        self._kill(life.process.pid)
        self._say(
            f"{life.child.name} ended ({_how(life.process.returncode)}) and is started again in {pause:g} s; "
            f"log: {self._log(life.child.name)}"
        )
        return pause

    def _await(self, child: Child) -> None:
        life, until = self._lives[child.name], time.monotonic() + self._ready_seconds
        while not self._stopping.is_set():
            code = life.process.poll()
            if code == 0 and child.once:
                return
            if code is not None:
                raise NotReady(f"{child.name} ended at once ({_how(code)}). Its log says why: {self._log(child.name)}")
            if not child.once and (child.ready is None or self._answers(child.ready)):
                return
            if time.monotonic() > until:
                raise NotReady(
                    f"{child.name} was not ready after {self._ready_seconds:g} s. Its log: {self._log(child.name)}"
                )
            self._keep_alive(within=POLL_SECONDS)

    def _answers(self, address: str) -> bool:
        try:
            return self._http.get(address).status_code == 200
        except httpx.HTTPError:
            return False

    # -- the end

    def _end_all(self) -> None:
        self._stopping.set()
        for life in reversed(self._lives.values()):
            if life.process.poll() is None:
                self._signal(life.process.pid, signal.SIGTERM)
                try:
                    life.process.wait(self._grace_seconds)
                except subprocess.TimeoutExpired:
                    self._say(f"{life.child.name} did not end when asked and is killed.")
            self._kill(life.process.pid)
            life.process.wait()
            (self._folder / f"{life.child.name}.pid").unlink(missing_ok=True)

    def _end_left_behind(self, name: str) -> None:
        """End the child of a supervisor that was killed: its lock is held, so its group is still ours."""
        written = self._folder / f"{name}.pid"
        with self._lock(name).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                group = int(written.read_text())
            self._say(f"{name} was left running by an earlier start (process {group}) and is ended.")
            self._signal(group, signal.SIGTERM)
            if not _locked_within(lock.fileno(), self._grace_seconds):
                self._kill(group)
                if not _locked_within(lock.fileno(), self._grace_seconds):
                    raise AlreadyRunning(f"{name} (process group {group}) cannot be ended. End it, then start again.")

    def _kill(self, group: int) -> None:
        self._signal(group, signal.SIGKILL)

    def _signal(self, group: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(group, number)

    def _lock(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def choose_ports(wanted: Mapping[str, int], kept: Path) -> dict[str, int]:
    """A port for each name: the one wanted, else (0) the one kept from last time, else a free one.

    Raises:
        OSError: a wanted port is taken.
    """
    before: dict[str, int] = json.loads(kept.read_text())["ports"] if kept.is_file() else {}
    chosen: dict[str, int] = {}
    held: list[socket.socket] = []
    try:
        for name, port in wanted.items():
            try:
                held.append(_bound(port or before.get(name, 0)))
            except OSError as error:
                if port:
                    raise OSError(f"Port {port} for the {name} is taken. End what uses it, or set another.") from error
                held.append(_bound(0))
            chosen[name] = held[-1].getsockname()[1]
    finally:
        for bound in held:
            bound.close()
    return chosen


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound


def _locked_within(descriptor: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
