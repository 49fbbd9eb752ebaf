"""The gateway is killed in the middle of a download: the same browser goes on with the next one."""

from __future__ import annotations

import hashlib
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from casework.delivery.links import ClaimToken, LinkState
from tests.gateway.conftest import Place

CONTENT = random.Random(17).randbytes(40_000_000)
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(listening: socket.socket, place: Place, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway in a process of its own, on a socket that outlives it."""
    descriptor = listening.fileno()
    database = str(place.desk.database.url)
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.serving", database, str(tmp_path), str(descriptor)],
        pass_fds=[descriptor],
        cwd=ROOT,
    )
    try:
        yield running
    finally:
        running.kill()
        running.wait(20)


def until_killed(browser: httpx.Client, path: str, running: subprocess.Popen[bytes]) -> bytes:
    """Kill the gateway once the first bytes are here; what had arrived when the stream broke."""
    begun = b""
    try:
        with browser.stream("GET", path) as answer:
            for piece in answer.iter_bytes(1_000_000):
                begun += piece
                running.kill()
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return begun
    return pytest.fail("the stream did not break")


def test_a_killed_gateway_loses_nothing(place: Place, tmp_path: Path) -> None:
    """After kill -9 in mid-stream the claim still holds: the rest arrives whole, and is received once."""
    link, token = place.file(CONTENT)
    code = place.links.issue_code(link.link_id)
    assert isinstance(code, str)
    won = place.links.claim(token, code)
    assert isinstance(won, ClaimToken)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        browser = httpx.Client(
            base_url=url,
            headers={"Origin": url, "X-CSRF": place.gateway_csrf(token)},
            cookies={f"casework-{link.link_id}": won.value},
            timeout=60,
        )
        with process(listening, place, tmp_path) as first:
            begun = until_killed(browser, f"/d/{token}/file", first)
        assert 0 < len(begun) < len(CONTENT)
        assert place.links.get(link.link_id).state is LinkState.CLAIMED
        with process(listening, place, tmp_path):
            rest = browser.get(f"/d/{token}/file", headers={"Range": f"bytes={len(begun)}-{len(CONTENT) - 1}"})
            assert rest.status_code == 206
            digest = hashlib.sha256(begun + rest.content).hexdigest()
            browser.post(f"/d/{token}/ack", json={"start": 0, "end": len(CONTENT)})
            assert browser.post(f"/d/{token}/ack", json={"sha256": digest}).json()["state"] == "received"
        browser.close()
    assert place.links.get(link.link_id).state is LinkState.RECEIVED
