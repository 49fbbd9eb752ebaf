"""The supervisor, over small HTTP servers as children."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from casework.supervisor import AlreadyRunning, Child, NotReady, Supervisor, choose_ports

SERVER = """
import http.server, signal, sys
name, port, trace = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def told(*_):
    open(trace, "a").write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"here")
http.server.HTTPServer.allow_reuse_address = True
http.server.HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


class Site:
    """A folder with children in it, and what the supervisor says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trace = folder / "trace"
        self.said: queue.Queue[str] = queue.Queue()

    def server(self, name: str) -> Child:
        port = choose_ports({name: 0}, self.folder / "none")[name]
        arguments = [sys.executable, "-c", SERVER, name, str(port), str(self.trace)]
        return Child(name, arguments, ready=f"http://127.0.0.1:{port}/")

    def supervisor(self, *children: Child, ready_seconds: float = 20) -> Supervisor:
        return Supervisor(
            children,
            folder=self.folder / "run",
            logs=self.folder / "logs",
            say=self.said.put,
            ready_seconds=ready_seconds,
            grace_seconds=5,
            backoff_seconds=(0.05, 0.1),
        )

    def pid(self, name: str) -> int:
        return int((self.folder / "run" / f"{name}.pid").read_text())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def until(true: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for something that another process does; there is no event to wait for across processes."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def answers_anew(site: Site, child: Child, old: int) -> bool:
    return site.pid(child.name) != old and answers(child)


def answers(child: Child) -> bool:
    try:
        return httpx.get(child.ready or "", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


@contextmanager
def watched(supervisor: Supervisor) -> Iterator[None]:
    with supervisor.running():
        thread = threading.Thread(target=supervisor.watch)
        thread.start()
        try:
            yield
        finally:
            supervisor.stop()
            thread.join()


def test_all_are_ready_inside_and_gone_after(site: Site) -> None:
    """In the block every child answers; after it none is left, ended the last started first."""
    first, second = site.server("first"), site.server("second")
    with watched(site.supervisor(first, second)):
        assert answers(first)
        assert answers(second)
        pids = [site.pid("first"), site.pid("second")]
    assert not any(alive(pid) for pid in pids)
    assert site.trace.read_text().split() == ["second", "first"]
    assert not list((site.folder / "run").glob("*.pid"))


def test_a_killed_child_is_started_again_and_that_is_said(site: Site) -> None:
    """A child killed with -9 answers again under another pid, every time, and people are told."""
    child = site.server("gateway")
    with watched(site.supervisor(child)):
        for _ in range(2):
            old = site.pid("gateway")
            os.kill(old, signal.SIGKILL)
            said = site.said.get(timeout=10)
            assert "gateway ended (signal SIGKILL)" in said
            until(partial(answers_anew, site, child, old))


def test_what_needs_a_killed_child_is_started_again_after_it(site: Site) -> None:
    """When a child dies, the one that needs it is ended, and comes back only once the other answers again."""
    server = site.server("server")
    seen = site.folder / "seen"
    look = (
        "import sys, time, urllib.request; urllib.request.urlopen(sys.argv[1]);"
        " open(sys.argv[2], 'a').write('x'); time.sleep(60)"
    )
    worker = Child("worker", [sys.executable, "-c", look, server.ready or "", str(seen)], needs="server")
    with watched(site.supervisor(server, worker)):
        until(seen.exists)
        first = site.pid("worker")
        os.kill(site.pid("server"), signal.SIGKILL)
        said = [site.said.get(timeout=10), site.said.get(timeout=10)]
        assert "server ended (signal SIGKILL)" in said[0]
        assert said[1] == "worker is ended and started again with server, which it needs."
        until(lambda: seen.read_text() == "xx")
        assert site.pid("worker") != first
        assert not alive(first)
        assert site.said.empty()


def test_the_pauses_grow(site: Site) -> None:
    """A child that dies at once is started again after growing pauses, not in a hot loop."""
    child = Child("sick", [sys.executable, "-c", "import os; os.write(1, b'x'); os._exit(3)"])
    with watched(site.supervisor(child)):
        said = [site.said.get(timeout=10) for _ in range(3)]
    assert all("exit code 3" in sentence for sentence in said)
    assert ["0.05 s" in said[0], "0.1 s" in said[1], "0.1 s" in said[2]] == [True, True, True]


def test_a_child_that_cannot_start_stops_the_start(site: Site) -> None:
    """The error names the child and its log, and those started before it are ended."""
    first = site.server("first")
    broken = Child("broken", [sys.executable, "-c", "raise SystemExit(7)"], ready="http://127.0.0.1:1/")
    with (
        pytest.raises(NotReady, match=r"broken ended at once \(exit code 7\).*broken\.log"),
        site.supervisor(first, broken).running(),
    ):
        pytest.fail("it was not ready")
    assert not answers(first)


def test_a_child_that_is_never_ready_stops_the_start(site: Site) -> None:
    """Waiting has a bound."""
    mute = Child("mute", [sys.executable, "-c", "import time; time.sleep(60)"], ready="http://127.0.0.1:1/")
    with (
        pytest.raises(NotReady, match="not ready after"),
        site.supervisor(mute, ready_seconds=0.3).running(),
    ):
        pytest.fail("it was not ready")


def test_a_child_that_dies_while_a_later_one_starts_is_started_again(site: Site) -> None:
    """A death during the start is noticed at once, not when everything is ready."""
    first = site.server("first")
    kill = "import os, signal; os.kill(int(open(%r).read()), signal.SIGKILL); import time; time.sleep(60)"
    pid_file = str(site.folder / "run" / "first.pid")
    second = Child("second", [sys.executable, "-c", kill % pid_file], ready=first.ready)
    never = Child("never", [sys.executable, "-c", "import time; time.sleep(60)"], ready="http://127.0.0.1:1/")
    with (
        pytest.raises(NotReady, match="never was not ready"),
        site.supervisor(first, second, never, ready_seconds=2).running(),
    ):
        pytest.fail("it was not ready")
    assert "first ended (signal SIGKILL)" in site.said.get(timeout=1)


def test_a_task_runs_to_its_end_before_the_next_child(site: Site) -> None:
    """A `once` child must succeed before the next one is started, and is not started again."""
    marker = site.folder / "deployed"
    task = Child("task", [sys.executable, "-c", f"open({str(marker)!r}, 'x')"], once=True)
    needs = Child("needs", [sys.executable, "-c", f"open({str(marker)!r}); import time; time.sleep(60)"])
    with watched(site.supervisor(task, needs)):
        assert marker.exists()
        assert alive(site.pid("needs"))
    failing = Child("task", [sys.executable, "-c", "raise SystemExit(1)"], once=True)
    with pytest.raises(NotReady, match="task ended at once"), site.supervisor(failing).running():
        pytest.fail("the task failed")


def test_only_one_supervisor_has_a_folder(site: Site) -> None:
    """A second start over the same home is refused and does not touch the first one's children."""
    child = site.server("first")
    with watched(site.supervisor(child)):
        with pytest.raises(AlreadyRunning), site.supervisor(child).running():
            pytest.fail("two are running")
        assert answers(child)


PARENT = """
import sys
from pathlib import Path
from casework.supervisor import Child, Supervisor
folder, arguments, ready = Path(sys.argv[1]), sys.argv[3:], sys.argv[2]
supervisor = Supervisor(
    [Child("first", arguments, ready=ready)], folder=folder / "run", logs=folder / "logs", say=print)
with supervisor.signals(), supervisor.running():
    print("ready", flush=True)
    supervisor.watch()
print("ended", flush=True)
"""


def _parent(site: Site, child: Child) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", PARENT, str(site.folder), child.ready or "", *child.arguments]
    parent = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    return parent


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_all(site: Site, number: signal.Signals) -> None:
    """Ctrl-C (or SIGTERM) ends the children in order and then the supervisor, with exit code 0."""
    child = site.server("first")
    parent = _parent(site, child)
    pid = site.pid("first")
    parent.send_signal(number)
    assert parent.communicate(timeout=15)[0] == "ended\n"
    assert parent.returncode == 0
    assert not alive(pid)


def test_children_of_a_killed_supervisor_are_replaced(site: Site) -> None:
    """After `kill -9` of the supervisor the next start ends the orphan and takes its place."""
    child = site.server("first")
    parent = _parent(site, child)
    orphan = site.pid("first")
    parent.kill()
    parent.communicate(timeout=10)
    assert alive(orphan)
    with watched(site.supervisor(child)):
        assert "left running by an earlier start" in site.said.get(timeout=5)
        assert not alive(orphan)
        assert site.pid("first") != orphan
        assert answers(child)


def test_ports_stay_the_same_over_a_restart(site: Site) -> None:
    """A free port is chosen once and kept; when somebody else has it, another one is chosen."""
    kept = site.folder / "addresses.json"
    first = choose_ports({"gateway": 0, "prefect": 0}, kept)
    assert len(set(first.values())) == 2
    kept.write_text(json.dumps({"ports": first}))
    assert choose_ports({"gateway": 0, "prefect": 0}, kept) == first
    with socket.create_server(("127.0.0.1", first["gateway"])):
        again = choose_ports({"gateway": 0, "prefect": 0}, kept)
        assert again["gateway"] != first["gateway"]
        assert again["prefect"] == first["prefect"]
        with pytest.raises(OSError, match=f"Port {first['gateway']} for the gateway is taken"):
            choose_ports({"gateway": first["gateway"]}, kept)
