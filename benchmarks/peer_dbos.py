"""A peer: DBOS, whose workflow asks, is answered and acts as our process does.

`python -m benchmarks.peer_dbos DATABASE PLACE ROUNDS` serves `POST /start`, which gives a workflow's id, and
`POST /answer/ID`. It prints its port. A workflow that waits keeps a thread of this process; nothing is replayed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import PIPE, Popen

import httpx
from dbos import DBOS, DBOSConfig

from tests.real.world import do

__all__ = ["Dbos", "running"]

ROOT = Path(__file__).absolute().parents[1]
TOPIC = "go"
A_MONTH_SECONDS = 60 * 60 * 24 * 30


class Dbos:
    """The process that runs, seen from outside."""

    def __init__(self, process: Popen[str], port: int) -> None:
        self.pid = process.pid
        self._web = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)

    def start(self) -> str:
        """A new workflow; its id."""
        return self._web.post("/start").raise_for_status().text

    def send(self, workflow: str) -> float:
        """Answer a workflow; when it was sent (Unix seconds)."""
        sent = time.time()
        self._web.post(f"/answer/{workflow}").raise_for_status()
        return sent


@contextmanager
def running(database: str, place: str, rounds: int) -> Iterator[Dbos]:
    """DBOS on a database (SQLAlchemy URL), in a process of its own; its workflows act at `place`, so many times."""
    command = (sys.executable, "-m", "benchmarks.peer_dbos", database, place, str(rounds))
    with Popen(command, cwd=ROOT, stdout=PIPE, text=True) as process:
        try:
            port = process.stdout.readline() if process.stdout else ""
            if not port:
                raise RuntimeError("DBOS did not start; its words are above")
            yield Dbos(process, int(port))
        finally:
            process.terminate()


def _act(place: str, workflow: str, number: int) -> str:
    return do(place, workflow, number)


def _serve(database: str, place: str, rounds: int) -> None:
    config: DBOSConfig = {"name": "bench", "system_database_url": database, "log_level": "WARNING"}
    DBOS(config=config)
    act = DBOS.step(name="act")(_act)

    @DBOS.workflow(name="ask")
    def ask() -> str:
        for done in range(rounds):
            if DBOS.recv(TOPIC, timeout_seconds=A_MONTH_SECONDS) != "approve":
                return "refused"
            act(place, str(DBOS.workflow_id), done)
        return "done"

    def start() -> str:
        return DBOS.start_workflow(ask).workflow_id

    def answer(workflow: str) -> str:
        DBOS.send(workflow, "approve", TOPIC)
        return "recorded"

    DBOS.launch()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(start, answer)) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


def _handler(start: Callable[[], str], answer: Callable[[str], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            _, act, *rest = self.path.split("/")
            told = (start() if act == "start" else answer(*rest)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
