"""`casework deploy` and a Prefect server that is busy, as one on SQLite is that has just been started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from deployments import DEPLOYMENTS

pytestmark = pytest.mark.engine

BUSY = b'{"exception_message": "Service Unavailable"}'


@contextmanager
def busy(api: str, times: int) -> Iterator[str]:
    """The address of a server that answers the making of deployments so many times as a busy one does (3.8.8)."""
    left = times

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            nonlocal left
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if left and (self.command, self.path) == ("POST", "/api/deployments/"):
                left -= 1
                status, content = 503, BUSY
            else:
                headers = {"Content-Type": self.headers.get("Content-Type", "")}
                url = api.removesuffix("/api") + self.path
                with httpx.Client(trust_env=False) as client:
                    answer = client.request(self.command, url, content=body, headers=headers)
                status, content = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the test looks at what the command says."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
            thread.join()


def deploy(api: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CASEWORK_", "PREFECT_"))}
    named = {
        "CASEWORK_HOME": str(home),
        "CASEWORK_GATEWAY__PUBLIC_URL": "http://127.0.0.1:1",
        "CASEWORK_PREFECT__API_URL": api,
        "CASEWORK_SANDBOX__URL": "http://127.0.0.1:2",
    }
    command = (sys.executable, "-m", "casework", "deploy", "--json")
    return subprocess.run(command, env=clean | named | environment, capture_output=True, text=True, timeout=120)


def test_a_busy_server_is_asked_again(prefect_api: str, tmp_path: Path) -> None:
    """A server that cannot write just now does not stop `casework up`: all processes are deployed in the end."""
    with busy(prefect_api, 1) as api:
        ended = deploy(api, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert len(json.loads(ended.stdout)["deployments"]) == len(list(DEPLOYMENTS))


def test_a_server_that_stays_busy_is_named(prefect_api: str, tmp_path: Path) -> None:
    """Who deploys is told what the server answered, and where to look."""
    with busy(prefect_api, 1) as api:
        ended = deploy(api, tmp_path, PREFECT_CLIENT_MAX_RETRIES="0")
    assert ended.returncode == 1
    assert "answers 503. Look at its log" in ended.stderr
