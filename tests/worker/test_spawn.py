"""A preloader that is begun before its worker knows what for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from casework.warm import spawn as module
from casework.warm.preload import NICE
from casework.warm.spawn import Spawned, early, spawn
from casework.warm.wire import Frames, Message, packed

STARTED = {"PATH": "/bin", "PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_CLOUD_ENABLE": "false"}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spawned]:
    """A process that was begun early with `STARTED`."""
    ours, theirs = socket.socketpair()
    waiting = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with theirs, ours, waiting:
        spawned = Spawned(waiting, ours, STARTED)
        monkeypatch.setattr(module, "_early", [spawned])
        yield spawned
        waiting.kill()


def test_it_is_taken_once(begun: Spawned) -> None:
    """Whoever wants a preloader in the same environment has it; the next has none."""
    settings = {"PREFECT_API_URL", "PREFECT_CLOUD_ENABLE", "PREFECT_SERVER_EPHEMERAL_ENABLED"}
    as_prefect_writes = STARTED | {"PREFECT_CLOUD_ENABLE": "False", "PREFECT_SERVER_EPHEMERAL_ENABLED": "True"}
    assert early(as_prefect_writes, settings) is begun
    assert begun.process.poll() is None
    assert early(as_prefect_writes, settings) is None


@pytest.mark.parametrize(
    ("more", "settings"),
    [
        ({"PREFECT_LOGGING_LEVEL": "DEBUG"}, {"PREFECT_API_URL", "PREFECT_LOGGING_LEVEL"}),
        ({"COLOUR": "red"}, {"PREFECT_API_URL"}),
        ({"PATH": "/usr/bin"}, {"PREFECT_API_URL"}),
    ],
    ids=["a setting from a file", "another variable", "another value"],
)
def test_another_environment_is_another_preloader(begun: Spawned, more: dict[str, str], settings: set[str]) -> None:
    """What was imported in another environment is not used, and ends."""
    assert early(STARTED | more, settings) is None
    assert begun.process.poll() is not None


def test_it_imports_what_it_is_told_of(tmp_path: Path) -> None:
    """A real one needs nothing that is away, has one thread, and takes in its surroundings and flows by message; others
    have the processor before it and its children, in its session and, where the kernel weighs those, among sessions."""
    (tmp_path / "seen_ahead.py").write_text("import os\nopen(os.environ['SEEN'], 'w').write('imported')\n")
    seen, away = tmp_path / "seen", "http://127.0.0.1:9"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CASEWORK_", "PREFECT_"))}
    settings = {
        "CASEWORK_HOME": str(tmp_path),
        "CASEWORK_PREFECT__API_URL": f"{away}/api",
        "CASEWORK_GATEWAY__PUBLIC_URL": away,
        "CASEWORK_SANDBOX__URL": away,
        "CASEWORK_SANDBOX__AWS_URL": away,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH")))),
    }
    spawned = spawn(clean | settings, None)
    frames = Frames()

    def told() -> Message:
        while True:
            for message in frames.feed(spawned.channel.recv(1 << 16)):
                return message

    with spawned.channel:
        spawned.channel.settimeout(100)
        assert told() == {"ready": spawned.process.pid, "threads": 1}
        spawned.channel.sendall(packed({"surroundings": {"SEEN": str(seen)}}))
        spawned.channel.sendall(packed({"import": ["seen_ahead.flow"]}))
        expected: dict[str, Any] = {"imported": ["seen_ahead.flow"], "threads": 1}
        assert told() == expected
        assert seen.read_text() == "imported"
        pid = spawned.process.pid
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + NICE, 19)
        if (session := Path(f"/proc/{pid}/autogroup")).exists():
            assert session.read_text().endswith(f" nice {NICE}\n")
    assert spawned.process.wait(30) == 0
