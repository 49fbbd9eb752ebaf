"""A customer's browser as a benchmark needs it: it claims a link, fetches bytes, and compares them with the file."""

from __future__ import annotations

import http.client
import json
import mmap
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks.delivery_site import MIB, Plain


class Browser:
    """One browser at one link of one gateway; cookies and the form's value are kept."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._page = url, f"/d/{token}"
        self._cookie, self._csrf = "", ""

    def look(self) -> int:
        """Open the landing page; the status."""
        answer, body = self._ask("GET", self._page)
        self._csrf = body.partition('name="csrf" value="')[2].partition('"')[0] or self._csrf
        return answer.status

    def claim(self, code: str) -> bool:
        """Type the code; whether the download is ours."""
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": self._url}
        answer, _ = self._ask("POST", f"{self._page}/claim", form, urlencode({"csrf": self._csrf, "code": code}))
        self._cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        return answer.status == 303

    def fetch(self, plain: Plain, start: int = 0, end: int | None = None) -> int:
        """Fetch the file, or a range of it as the page's script does; how many bytes were those of the plain file."""
        ranged = {} if end is None else {"Range": f"bytes={start}-{end - 1}"}
        return fetch(self._url, f"{self._page}/file", plain, start, {"Cookie": self._cookie, **ranged})

    def pour(self) -> int:
        """Fetch the file and look at nothing of it; how many bytes came."""
        return pour(self._url, f"{self._page}/file", {"Cookie": self._cookie})

    def acknowledge(self, **said: object) -> dict[str, object]:
        """Say what arrived."""
        headers = {"Content-Type": "application/json", "Origin": self._url, "X-CSRF": self._csrf}
        answer, body = self._ask("POST", f"{self._page}/ack", headers, json.dumps(said))
        if answer.status != 200:
            raise RuntimeError(f"the acknowledgement got {answer.status}")
        found: dict[str, object] = json.loads(body)
        return found

    def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
    ) -> tuple[http.client.HTTPResponse, str]:
        with _connection(self._url) as connection:
            connection.request(method, path, body, {"Cookie": self._cookie, **(headers or {})})
            answer = connection.getresponse()
            return answer, answer.read().decode()


def fetch(url: str, path: str, plain: Plain, start: int = 0, headers: dict[str, str] | None = None) -> int:
    """GET a file and compare what comes with the plain one from `start` on; how many bytes came and were right."""
    with (
        _connection(url) as connection,
        Path(plain.path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as wanted,
    ):
        at = start
        for arrived in _arriving(connection, path, headers):
            if arrived.tobytes() != wanted[at : at + len(arrived)]:
                raise RuntimeError(f"what came is not the file, within {len(arrived)} bytes of {at}")
            at += len(arrived)
        return at - start


def pour(url: str, path: str, headers: dict[str, str] | None = None) -> int:
    """GET a file and do nothing with it, so that the server is what takes the time; how many bytes came."""
    with _connection(url) as connection:
        return sum(len(arrived) for arrived in _arriving(connection, path, headers))


def drain(port: int) -> int:
    """Read a loopback connection to its end and do nothing with what comes; how many bytes came."""
    buffer, came = bytearray(MIB), 0
    with socket.create_connection(("127.0.0.1", port)) as line:
        while count := line.recv_into(buffer):
            came += count
    return came


def _arriving(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str] | None
) -> Iterator[memoryview]:
    """What comes, all in one buffer: each piece is good until the next is asked for."""
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    if answer.status not in (200, 206):
        raise RuntimeError(f"a GET of the file got {answer.status}")
    buffer = memoryview(bytearray(MIB))
    while count := answer.readinto(buffer):
        yield buffer[:count]


@contextmanager
def _connection(url: str) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
    try:
        yield connection
    finally:
        connection.close()
