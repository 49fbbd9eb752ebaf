"""A real site for tests: the sandbox's world in one process, and the deployment that serves it in others.

The world is started apart from `casework up`, so that it goes on when everything of ours is killed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import select

from casework.case import Case, CaseFiles, Entry, Kind
from casework.database import connect
from casework.people import Invitation
from casework.players import Players
from casework.schema import waits
from casework.standins import sandbox_time
from casework.supervisor import choose_ports

__all__ = ["BUSY", "Browser", "Prefect", "Site", "browser", "descendants", "until"]

T = TypeVar("T")
COMMAND = (sys.executable, "-m", "casework")
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 240.0
BUSY = 503
"""What Prefect answers while its SQLite is locked; it has done nothing then."""


def until(what: str, look: Callable[[], T | None], seconds: float = PATIENCE_SECONDS, every: float = LOOK_SECONDS) -> T:
    """What `look` sees, once it sees something: other processes give no event to wait for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(every)
    raise AssertionError(f"within {seconds:g} s there was no {what}")


def browser(base_url: str = "") -> httpx.Client:
    """A client that keeps no connection: after a 503 Prefect's server closes it, maybe while it is used again."""
    return httpx.Client(
        base_url=base_url, timeout=180, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
    )


def descendants(pid: int) -> list[int]:
    """The children of a process, theirs, and so on; the youngest last."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found, news = [], [pid]
    while news:
        news = [child for parent in news for child in children.get(parent, ())]
        found += news
    return found


class Prefect:
    """The Prefect server's API, as its UI uses it."""

    def __init__(self, address: str) -> None:
        self._web = browser(f"{address}/api")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What the API says; asked again, as a person would, while Prefect's SQLite is locked: nothing was done."""
        return self._told("POST", path, json=body)

    def get(self, path: str) -> Any:
        """What there is at a path of the API."""
        return self._told("GET", path)

    def run(self, case: str) -> dict[str, Any]:
        found: dict[str, Any] = self._told("GET", f"/flow_runs/{case}")
        return found

    def state(self, case: str) -> tuple[str, str]:
        """The type and the name of a run's state."""
        state = self.run(case)["state"]
        return state["type"], state["name"]

    def inputs(self, case: str) -> dict[str, Any]:
        """Everything that a run's forms have left, by key."""
        found = self.post(f"/flow_runs/{case}/input/filter", {"prefix": "", "limit": 200})
        return {one["key"]: json.loads(one["value"]) for one in found}

    def form(self, case: str) -> dict[str, Any] | None:
        """The form that a suspended run shows: `schema` and `description`; None until all of it is there."""
        state = self.run(case)["state"]
        keys = state["state_details"]["run_input_keyset"] or {}
        if state["name"] != "Suspended" or not keys:
            return None
        inputs = self.inputs(case)
        form = {part: inputs[key] for part, key in keys.items() if key in inputs}
        return form if {"schema", "description"} <= form.keys() else None

    def resume(self, case: str, **values: str) -> str:
        """Send the form as the UI does; whether the server took it: ACCEPT, REJECT or ABORT."""
        return str(self.post(f"/flow_runs/{case}/resume", {"run_input": values})["status"])

    def cancel(self, case: str) -> None:
        """Press Cancel, as the UI does."""
        state = {"type": "CANCELLING", "name": "Cancelling", "message": "Cancelled from the UI"}
        self.post(f"/flow_runs/{case}/set_state", {"state": state})

    def task_runs(self, case: str) -> list[dict[str, Any]]:
        return self._all("/task_runs/filter", case)

    def artifacts(self, case: str) -> list[dict[str, Any]]:
        """What a run shows on its page; results, which have no type, left out."""
        return [one for one in self._all("/artifacts/filter", case) if one["type"]]

    def logs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while piece := self.post("/logs/filter", {"limit": 200, "offset": len(found)}):
            found += piece
        return found

    def _told(self, method: str, path: str, **sent: Any) -> Any:
        def told() -> httpx.Response | None:
            answer = self._web.request(method, path, **sent)
            return None if answer.status_code == BUSY else answer.raise_for_status()

        return until(f"moment at which Prefect was not busy ({path})", told).json()

    def _all(self, path: str, case: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.post(path, {"flow_runs": {"id": {"any_": [case]}}, "limit": 200})
        return found


class Site:
    """A deployment in `home`, and the world around it. Starts when entered; all of it ends on leaving."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        home.mkdir(parents=True)
        ports = choose_ports({"gateway": 0, "sandbox": 0, "aws": 0}, home / "none")
        at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        ours = {
            "HOME": str(home),
            "GATEWAY__PORT": str(ports["gateway"]),
            "GATEWAY__PUBLIC_URL": at["gateway"],
            "SANDBOX__URL": at["sandbox"],
            "SANDBOX__AWS_URL": at["aws"],
            "TICK_SECONDS": "2",
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("CASEWORK_", "PREFECT_"))}
        self.environment = clean | {f"CASEWORK_{name}": value for name, value in (ours | settings).items()}
        self.addresses: dict[str, str] = {}
        self.players = Players(at["sandbox"], at["gateway"])
        self.files = CaseFiles(connect(f"sqlite:///{home}/casework.db"), sandbox_time(home), "tests")
        self._sandbox = ("sandbox", "--port", str(ports["sandbox"]), "--aws-port", str(ports["aws"]))
        self._logs = home / "logs"
        self._logs.mkdir()

    def __enter__(self) -> Site:
        self._world = self._run("world", *self._sandbox)
        assert self._world.stdout is not None
        assert self._world.stdout.readline(), "the sandbox did not start"
        self.up()
        return self

    def __exit__(self, *_error: object) -> None:
        for process in (self._ours, self._world):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)

    # -- our side

    def up(self) -> None:
        """`casework up`, until all is ready; after `kill_all` too."""
        self._ours = self._run("up", "up", "--once-ready")
        assert self._ours.stdout is not None
        line = self._ours.stdout.readline()
        assert line, (self._logs / "up.errors").read_text()
        self.addresses = json.loads(line)
        self.prefect = Prefect(self.addresses["prefect"])

    def pid(self, name: str) -> int | None:
        """The process group of one of our children; None while it is not running."""
        written = self.home / "run" / f"{name}.pid"
        return int(written.read_text()) if written.is_file() else None

    def kill(self, name: str) -> None:
        """`kill -9` of one child and what it has started; the supervisor starts it again."""
        group = self.pid(name)
        if group is not None:
            # Legs and what forks them have groups of their own.
            for one in (group, *descendants(group)):
                with suppress(ProcessLookupError):
                    os.killpg(os.getpgid(one), signal.SIGKILL)

    def kill_all(self) -> None:
        """`kill -9` of everything of ours at once, the supervisor first."""
        self._ours.kill()
        for name in ("worker", "gateway", "prefect"):
            self.kill(name)
        self._ours.wait(30)

    def command(self, *arguments: str) -> str:
        """A command from another terminal; what it says."""
        done = subprocess.run((*COMMAND, *arguments), env=self.environment, cwd="/", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._logs / f"{name}.errors").open("ab") as errors:
            return subprocess.Popen(
                (*COMMAND, *arguments), env=self.environment, cwd="/", stdout=subprocess.PIPE, stderr=errors
            )

    def make(self, case: str, team: str, size_bytes: int) -> None:
        """Engineering puts an export into the drop of a case and completes the task."""
        (task,) = [e.payload["result"] for e in self.entries(case, Kind.STEP_DONE) if e.key == "asana.open_task/1"]
        place = {"bucket": "engineering-drop", "prefix": f"exports/{case}/", "team_id": team}
        self.players.act("engineer", "place_deliverable", **place, size_bytes=size_bytes)
        self.players.act("engineer", "complete", task=task)

    # -- what can be seen

    def case_of(self, ticket: int | str) -> Case | None:
        """The newest case of a ticket (its number or key), once its file is open."""
        found = self.files.find(str(ticket))
        return found[0] if found else None

    def entries(self, case: str, kind: Kind | None = None) -> list[Entry]:
        """A case's file, or its entries of one kind."""
        return [entry for entry in self.files.entries(case) if kind in (None, entry.kind)]

    def waiting(self, case: str) -> list[str]:
        """The names of a case's open questions."""
        open_ones = select(waits.c.wait).where(waits.c.case_id == case, waits.c.state == "open")
        with self.files.reading() as connection:
            return list(connection.execute(open_ones).scalars())

    def ending(self, case: str) -> str | None:
        return self.files.case(case).ending

    def until_waiting(self, case: str, wait: str) -> dict[str, Any]:
        """The form of a question, once its run is suspended with it and nothing is about to wake it."""

        def look() -> dict[str, Any] | None:
            assert self.ending(case) is None, f"the case ended as {self.ending(case)} before {wait}"
            at_rest = wait in self.waiting(case) and self.files.case(case).wanted_at is None
            return self.prefect.form(case) if at_rest else None

        return until(f"form for {wait} of case {case}", look)

    def until_ended(self, case: str, ending: str, name: str) -> None:
        """Wait for the end of a case and of its run, which is to have a state of this name."""
        until(f"end of case {case}", lambda: self.ending(case))
        assert self.ending(case) == ending
        until("end of the run", lambda: self.prefect.run(case)["end_time"] is not None)
        assert self.prefect.state(case)[1] == name

    def bytes_kept(self) -> dict[str, bytes]:
        """Every file that our side keeps, after both databases have brought in their write-ahead logs."""
        for database in (self.home / "casework.db", self.home / "prefect" / "prefect.db"):
            with sqlite3.connect(database, timeout=30) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() and path.relative_to(self.home).parts[0] not in ("sandbox", "keys")
        }


class Browser:
    """Whoever answers: a browser at a site's pages."""

    def __init__(self, site: Site) -> None:
        self._gateway, self._prefect = site.addresses["gateway"], f"{site.addresses['prefect']}/api"
        self._secret = (site.home / "secret").read_bytes()
        self._web = browser()

    def decision_page(self, invitation: Invitation) -> str | None:
        """Open the personal decision page and send its form; why it was not taken, else None."""
        page = f"{self._gateway}/decide/{invitation.token(self._secret)}"
        (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', self._web.get(page).raise_for_status().text)
        sent = self._web.post(page, data={"csrf": csrf, "verdict": "approve"}, headers={"Origin": self._gateway})
        if sent.status_code == BUSY:
            return "the gateway is busy"
        assert sent.status_code == 200, sent.text
        return None

    def prefect_form(self, invitation: Invitation) -> str | None:
        """Press Resume in the Prefect UI, with its form filled in; why it was not taken, else None."""
        typed = {"verdict": "approve", "your_code": invitation.code(self._secret), "wait": invitation.wait}
        told = self.post(f"/flow_runs/{invitation.case_id}/resume", {"run_input": typed})
        if told is None:
            return "Prefect is busy"
        return None if told["status"] == "ACCEPT" else str(told["details"]["reason"])

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What Prefect's API says; None when its database is locked, which happens on SQLite: nothing was done."""
        answer = self._web.post(self._prefect + path, json=body)
        return None if answer.status_code == BUSY else answer.raise_for_status().json()

    def states(self, case: str) -> list[tuple[datetime, str]]:
        """The states that a run has had, by moment (UTC) and type, oldest first."""
        answer = self._web.get(f"{self._prefect}/flow_run_states/", params={"flow_run_id": case})
        return sorted(
            (datetime.fromisoformat(one["timestamp"]), one["type"]) for one in answer.raise_for_status().json()
        )
