"""What is done once for many legs: `wiring.preload`, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployments import DEPLOYMENTS

SEEN = """
import json, os, sys, threading
opened = []
sys.addaudithook(lambda name, given: opened.append(name) if name == "socket.connect" else None)
from casework import wiring
before = "prefect" in sys.modules
files = wiring.preload()
from casework.engine.prefect_leg import run_leg
from casework.process import processes
from prefect.client.schemas.objects import FlowRun
fds = [os.readlink(one.path) for one in os.scandir("/proc/self/fd") if os.path.lexists(one.path)]
print(json.dumps({
    "before": before, "files": [str(one) for one in files], "processes": sorted(processes),
    "threads": len(os.listdir("/proc/self/task")), "connections": opened,
    "open": [one for one in fds if one.startswith("socket:") or one.endswith(".db")],
    "built": FlowRun.__pydantic_complete__,
}))
"""


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is so after preloading, with nothing of the deployment reachable."""
    home = tmp_path_factory.mktemp("home")
    config = home / "casework.toml"
    config.write_text("")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CASEWORK_", "PREFECT_"))}
    away = "http://127.0.0.1:9"
    settings = {
        "CASEWORK_CONFIG": str(config),
        "CASEWORK_HOME": str(home),
        "CASEWORK_PREFECT__API_URL": f"{away}/api",
        "CASEWORK_GATEWAY__PUBLIC_URL": away,
        "CASEWORK_SANDBOX__URL": away,
        "CASEWORK_SANDBOX__AWS_URL": away,
    }
    command = (sys.executable, "-c", SEEN)
    done = subprocess.run(command, env=clean | settings, cwd=home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen | {"config": str(config), "home": home}


def test_to_fork_is_safe(preloaded: dict[str, Any]) -> None:
    """Preloading begins no thread, connects to nothing, and leaves no socket and no database file open; so it needs
    nothing that is away."""
    assert preloaded["threads"] == 1
    assert preloaded["connections"] == []
    assert preloaded["open"] == []


def test_a_leg_finds_everything(preloaded: dict[str, Any]) -> None:
    """The processes are registered, and Prefect's models, which it builds at their first use, are built."""
    assert set(preloaded["processes"]) == {one.process for one in DEPLOYMENTS}
    assert preloaded["built"]


def test_prefect_is_told_first(preloaded: dict[str, Any]) -> None:
    """Importing the composition root does not import Prefect, which reads its settings then."""
    assert not preloaded["before"]


def test_what_makes_it_out_of_date(preloaded: dict[str, Any]) -> None:
    """The files of settings that were read are named, so that who preloads knows when to begin anew."""
    assert preloaded["files"] == [preloaded["config"], str(Path(preloaded["home"]) / "run" / "addresses.json")]
