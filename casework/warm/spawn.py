"""The start of a preloader's process; also before its worker knows what it will be for.

To import Prefect takes a worker two seconds, and a preloader, with everything of ours, somewhat longer. A worker that
begins its preloader before its own imports has both within the time of one. What such a process is begun with is what
runs without job variables have; whether that is so is seen when Prefect has been imported. So this module needs the
standard library alone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Spawned", "early", "spawn", "spawn_early"]

BY_DEFAULT = {"PREFECT_SERVER_EPHEMERAL_ENABLED"}
"""What Prefect sets for any process that nobody has given a profile."""


@dataclass(frozen=True, eq=False)
class Spawned:
    """A preloader's process, our end of the socket to it, and the environment that it was started with."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    environment: Mapping[str, str]

    def discard(self) -> None:
        """End it: it has begun nothing."""
        self.channel.close()
        self.process.kill()
        self.process.wait()


_early: list[Spawned] = []


def spawn(environment: Mapping[str, str], folder: Path | None) -> Spawned:
    """Start a preloader's process in an environment, and in a folder if one was chosen."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "casework.warm.preload", str(theirs.fileno())],
            env=dict(environment),
            # Not here: what lies where the worker was started is not what its legs import.
            cwd=folder or "/",
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            # A signal to the worker's group is not for it: the worker says what becomes of the legs.
            start_new_session=True,
        )
    return Spawned(process, ours, dict(environment))


def spawn_early() -> None:
    """Start one in the environment of this process; whoever needs one first takes it by `early`."""
    _early.append(spawn(os.environ, None))


def early(environment: Mapping[str, str], settings: Collection[str]) -> Spawned | None:
    """The process that `spawn_early` has started, once, if it is as good as one that is started now.

    Args:
        environment: what a process that is started now would be given. Prefect writes some of its settings otherwise
            than whoever set them.
        settings: the names in it of Prefect's settings. One from a file, a profile or an option of the command line
            is not known to the process that was started early.
    """
    if not _early:
        return None
    found = _early.pop()
    known = found.environment.keys() | BY_DEFAULT
    if known >= set(settings) and _without(environment, settings) == _without(found.environment, settings):
        return found
    found.discard()
    return None


def _without(environment: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}
