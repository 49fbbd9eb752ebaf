"""Clocks in processes of their own, over one database, that a test can kill.

What they tell their engine comes out of one pipe, a line for each word: the process, and the case that it wants a leg
for, or `round` when it has gone through one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Any, Self, cast

from casework import clock, runtime, tick
from casework.case import CaseFiles
from casework.confidential import Confidential
from casework.database import connect
from casework.engine import Engine

__all__ = ["Clocks", "Shifted"]

ROOT = Path(__file__).resolve().parents[1]
ROUND = "round"
REST_SECONDS = 0.05
PATIENCE_SECONDS = 240.0


class Shifted:
    """The present of several processes: the machine's clock, moved by as much as a file says."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self.file.read_text()))

    def move_to(self, moment: datetime) -> None:
        """Let it be `moment` now, for everybody at once."""
        new = self.file.with_suffix(".new")
        new.write_text(str((moment - datetime.now(UTC)).total_seconds()))
        new.replace(self.file)


class Clocks:
    """Running clocks; all of them end when this is left."""

    def __init__(self, url: str, present: Shifted, lease: float) -> None:
        self._url, self._present, self._lease = url, present, lease
        self._running: list[subprocess.Popen[bytes]] = []
        self._told: list[tuple[int, str]] = []
        self._rest = b""
        self.rounds: Counter[int] = Counter()

    def __enter__(self) -> Self:
        self._read, self._write = os.pipe()
        self._ready = DefaultSelector()
        self._ready.register(self._read, EVENT_READ)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in self._running:
            running.kill()
            running.wait(20)
        self._ready.close()
        os.close(self._read)
        os.close(self._write)

    def start(self, count: int) -> None:
        """Start some clocks."""
        for _ in range(count):
            said = (str(self._write), str(self._present.file), str(self._lease))
            command = (sys.executable, "-m", "tests.clocks", *said)
            environment = os.environ | {"CLOCKS_DATABASE": self._url}
            self._running.append(subprocess.Popen(command, pass_fds=[self._write], cwd=ROOT, env=environment))

    def until_ready(self) -> None:
        """Wait until all that run are connected."""
        while self.count and not all(self.rounds[one.pid] for one in self._running):
            self._told += self._listen()

    def kill(self, which: int = 0) -> None:
        """`kill -9` of one of those that run."""
        victim = self._running.pop(which)
        victim.kill()
        victim.wait(20)

    @property
    def count(self) -> int:
        """How many run."""
        assert all(one.poll() is None for one in self._running), "a clock has ended by itself"
        return len(self._running)

    def orders(self, enough: Callable[[], bool]) -> Iterator[tuple[int, str]]:
        """Who orders a leg for which case, as it comes in, until it is enough and all have gone round twice since."""
        end = time.monotonic() + PATIENCE_SECONDS
        quiet_since: Counter[int] | None = None
        while True:
            assert time.monotonic() < end, "the clocks do not get done"
            self._told += self._listen()
            if self._told:
                quiet_since = None
            while self._told:
                yield self._told.pop(0)
            if not enough():
                continue
            if quiet_since is None:
                quiet_since = Counter(self.rounds)
            elif self.count and all(self.rounds[one.pid] >= quiet_since[one.pid] + 2 for one in self._running):
                return

    def _listen(self) -> list[tuple[int, str]]:
        """What has been said since, after a moment's patience."""
        if not self._ready.select(0.01):
            return []
        *lines, self._rest = (self._rest + os.read(self._read, 65536)).split(b"\n")
        said = [line.decode().split(" ", 1) for line in lines]
        self.rounds.update(int(who) for who, what in said if what == ROUND)
        return [(int(who), what) for who, what in said if what != ROUND]


class _Post:
    """What a clock asks of its engine; orders are passed on."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def say(self, what: str) -> None:
        # One write of less than a page arrives whole, whoever else writes and whoever is killed.
        os.write(self._pipe, f"{os.getpid()} {what}\n".encode())

    def resume(self, case_id: str) -> None:
        self.say(case_id)

    def cancelled_runs(self, within: timedelta) -> list[str]:
        return []

    def finished(self, case_id: str) -> bool:
        return True


def main(pipe: str, shift: str, lease: str) -> None:
    """Tick until killed."""
    present, post = Shifted(Path(shift)), _Post(int(pipe))
    secret = b"a secret for tests only, 32 bytes"
    parts: dict[str, Any] = {"public_url": "https://casework.example", "case_page": "{case}", "roles": {}}
    around = runtime.Runtime(
        files=CaseFiles(connect(os.environ["CLOCKS_DATABASE"]), present, "test"),
        engine=cast(Engine, post),
        confidential=Confidential(secret),
        secret=secret,
        lease=float(lease),
        **parts,
    )
    with clock.use(present), runtime.use(around):
        post.say(ROUND)
        while True:
            tick.tick(around)
            post.say(ROUND)
            time.sleep(REST_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
