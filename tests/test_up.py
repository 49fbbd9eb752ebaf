"""The real `casework up`: Prefect server, worker, gateway and sandbox as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(900)]

COMMAND = (sys.executable, "-m", "casework")


class Site:
    """A running `casework up --sandbox`, and its commands from another terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {name: value for name, value in os.environ.items() if "CASEWORK_" not in name}
        self.environment["CASEWORK_HOME"] = str(home)
        self.errors = home.with_suffix(".errors")
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                (*COMMAND, "up", "--sandbox", "--once-ready"),
                env=self.environment,
                cwd=home.parent,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.errors.read_text()
        self.addresses: dict[str, str] = json.loads(line)

    def command(self, *arguments: str) -> str:
        done = subprocess.run((*COMMAND, *arguments), env=self.environment, cwd="/", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def open_ticket(self) -> int:
        address = f"{self.addresses['sandbox']}/sandbox/people/customer/open_ticket"
        answer = httpx.post(address, json={"user_id": "user-83"}, timeout=10)
        return int(answer.raise_for_status().json()["result"])

    def pids(self) -> dict[str, int]:
        return {path.stem: int(path.read_text()) for path in (self.home / "run").glob("[a-z]*.pid")}

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(90)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "home")
    try:
        yield site
    finally:
        if site.process.poll() is None:
            site.end()


def until(look: Callable[[], Any], seconds: float = 90) -> Any:
    """What `look` sees, once it sees something; other processes give no event to wait for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.5)
    raise AssertionError("it did not happen in time")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_ticket_becomes_a_case_and_everything_ends(site: Site) -> None:
    """A tagged ticket's hook opens a case on the worker, from any directory; a killed worker comes back and
    takes the next one; one Ctrl-C ends all processes; a restart has the same addresses and cases."""
    first = f"zendesk:ticket:{site.open_ticket()}"
    waiting = until(lambda: json.loads(site.command("inbox", "--json")))
    assert [(row["process"], row["subject"]) for row in waiting] == [("data-export", first)]
    assert "unbroken" in site.command("verify", "--all")

    worker = site.pids()["worker"]
    os.killpg(worker, signal.SIGKILL)
    until(lambda: site.pids().get("worker", worker) != worker)
    assert "worker ended (signal SIGKILL)" in site.errors.read_text()
    site.open_ticket()
    until(lambda: len(json.loads(site.command("inbox", "--json"))) == 2)

    pids = site.pids()
    assert set(pids) >= {"prefect", "sandbox", "gateway", "worker"}
    assert site.end() == 0
    assert all(gone(pid) for pid in pids.values())

    again = Site(site.home)
    try:
        assert again.addresses == site.addresses
        assert len(json.loads(again.command("inbox", "--json"))) == 2
    finally:
        assert again.end() == 0
