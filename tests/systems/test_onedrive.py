"""The client of OneDrive: its token, fragments that go on after a doubt, and nothing that opens anything in a log."""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import Callable, Iterator
from threading import Thread

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.systems.chunks import StreamLength
from casework.systems.errors import Misconfigured, NotFound, Refused, Temporary
from casework.systems.onedrive import FRAGMENT, App, OneDrive
from casework.systems.quickxor import QuickXor
from tests.systems.vendor import PLANTED

DRIVE = "/v1.0/drives/b!d/root"
UPLOAD = f"https://up.example/{PLANTED}/1"
DATA = random.Random(7).randbytes(2 * FRAGMENT + 100)
Answer = Callable[[httpx.Request], httpx.Response | None]


def hash_of(data: bytes) -> str:
    content = QuickXor()
    content.update(data)
    return content.base64()


class Graph(httpx.BaseTransport):
    """A Graph for one test: by default it does everything right; `instead` answers first, until it gives None."""

    def __init__(self, instead: Answer = lambda _: None) -> None:
        self.requests: list[httpx.Request] = []
        self.tokens = 0
        self.got = b""
        self.instead = instead

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        return self.instead(request) or self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/token"):
            self.tokens += 1
            return httpx.Response(
                200, json={"token_type": "Bearer", "expires_in": 3600, "access_token": f"t{self.tokens}"}
            )
        if request.url.host == "up.example":
            assert "authorization" not in request.headers
            return self._upload(request)
        if path.endswith("createUploadSession"):
            return httpx.Response(200, json={"uploadUrl": UPLOAD})
        if path == DRIVE:
            return httpx.Response(200, json={"id": "root"})
        return self.item() if self.got else httpx.Response(404, json={"error": {"code": "itemNotFound"}})

    def _upload(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            start = int(request.headers["content-range"].split()[1].split("-")[0])
            if start != len(self.got):
                return httpx.Response(416, json={"error": {"code": "invalidRange"}})
            self.got += request.content
            total = int(request.headers["content-range"].split("/")[1])
            if len(self.got) == total:
                return self.item(201)
        return httpx.Response(202, json={"nextExpectedRanges": [f"{len(self.got)}-"]})

    def item(self, status: int = 200) -> httpx.Response:
        file = {"hashes": {"quickXorHash": hash_of(self.got)}}
        return httpx.Response(status, json={"id": "i1", "size": len(self.got), "file": file})

    def sent(self, method: str) -> list[str]:
        return [one.headers["content-range"] for one in self.requests if one.method == method and one.content]


def client(graph: Graph, seconds: Callable[[], float] = lambda: 0.0, slept: list[float] | None = None) -> OneDrive:
    sleep = (slept if slept is not None else []).append
    app = App("tenant.example", "app-1", f"secret-{PLANTED}")
    return OneDrive(
        "b!d",
        app,
        url="https://graph.example/v1.0",
        login_url="https://login.example",
        transport=graph,
        sleep=sleep,
        seconds=seconds,
    )


def once(answer: httpx.Response | Exception, to: Callable[[httpx.Request], bool]) -> Answer:
    left = [answer]

    def instead(request: httpx.Request) -> httpx.Response | None:
        if left and to(request):
            given = left.pop()
            if isinstance(given, Exception):
                raise given
            return given
        return None

    return instead


# -- the hash


@given(st.binary(max_size=2000), st.integers(1, 500))
def test_the_hash_does_not_depend_on_the_pieces(data: bytes, size: int) -> None:
    """Fed in any pieces it is the hash of the definition, done bit by bit."""
    content = QuickXor()
    for at in range(0, len(data), size):
        content.update(data[at : at + size])
    ring = 0
    for at, byte in enumerate(data):
        for bit in range(8):
            ring ^= (byte >> bit & 1) << (11 * at + bit) % 160
    ring ^= len(data) << 96
    assert content.base64() == base64.b64encode(ring.to_bytes(20, "little")).decode()


# -- the token


def test_a_token_is_kept_and_renewed_before_it_ends() -> None:
    """One sign-in serves many requests; five minutes before its end another is asked for."""
    now = [0.0]
    graph = Graph()
    drive = client(graph, lambda: now[0])
    for moment, tokens in ((0, 1), (3299, 1), (3301, 2), (6500, 2)):
        now[0] = moment
        drive.metadata("/a")
        assert graph.tokens == tokens
    body = dict(part.split("=") for part in graph.requests[0].content.decode().split("&"))
    assert body["scope"] == "https%3A%2F%2Fgraph.example%2F.default"


def test_many_threads_sign_in_once() -> None:
    """Threads that begin together share one token."""
    graph = Graph()
    drive = client(graph)
    threads = [Thread(target=drive.metadata, args=("/a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert graph.tokens == 1


def test_a_refused_token_is_renewed_once() -> None:
    """A 401 brings one new token; a second 401 is a fault of the settings, and not tried for ever."""

    def refuse(bad: int) -> Answer:
        def instead(request: httpx.Request) -> httpx.Response | None:
            token = request.headers.get("authorization", "")
            return httpx.Response(401) if token and int(token[-1]) <= bad else None

        return instead

    graph = Graph(refuse(1))
    assert client(graph).metadata("/a") is None
    assert graph.tokens == 2
    graph = Graph(refuse(9))
    with pytest.raises(Misconfigured):
        client(graph).metadata("/a")
    assert graph.tokens == 2


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_sign_in_that_is_refused_is_misconfigured(status: int) -> None:
    """Whatever is wrong with the app, the settings must be mended; the vendor's code is told."""
    answer = httpx.Response(status, json={"error": "unauthorized_client", "error_description": PLANTED})
    with pytest.raises(Misconfigured, match=r"sign in.*unauthorized_client") as caught:
        client(Graph(once(answer, lambda request: request.url.path.endswith("/token")))).metadata("/a")
    assert PLANTED not in str(caught.value)


# -- uploading


def puts(request: httpx.Request) -> bool:
    return request.method == "PUT"


def last(request: httpx.Request) -> bool:
    return puts(request) and f"-{len(DATA) - 1}/" in request.headers["content-range"]


def test_fragments_follow_each_other() -> None:
    """Multiples of 320 KiB but for the last, in order, without our token; progress ends at the size."""
    graph, seen = Graph(), list[int]()
    stored = client(graph).upload("/folder/a b", iter([DATA[:5], DATA[5:]]), len(DATA), seen.append)
    size = len(DATA)
    bounds = [(0, FRAGMENT), (FRAGMENT, 2 * FRAGMENT), (2 * FRAGMENT, size)]
    assert graph.sent("PUT") == [f"bytes {start}-{end - 1}/{size}" for start, end in bounds]
    assert FRAGMENT % (320 * 1024) == 0
    assert FRAGMENT < 60 * 1024 * 1024
    assert (graph.got, seen) == (DATA, [end for _, end in bounds])
    assert (stored.size, stored.quick_xor_hash) == (size, hash_of(DATA))
    begun = next(one for one in graph.requests if one.url.path.endswith("createUploadSession"))
    assert begun.url.raw_path == b"/v1.0/drives/b!d/root:/folder/a%20b:/createUploadSession"
    assert json.loads(begun.content) == {"item": {"@microsoft.graph.conflictBehavior": "replace"}}


def test_a_fragment_that_arrived_in_part_goes_on_from_there() -> None:
    """The session says where it stands, and only what is missing is sent."""
    half = FRAGMENT // 2
    graph = Graph()

    def cut(request: httpx.Request) -> httpx.Response | None:
        if puts(request) and not graph.got:
            graph.got = request.content[:half]
            return httpx.Response(202, json={"nextExpectedRanges": [f"{half}-"]})
        return None

    graph.instead = cut
    client(graph).upload("/a", [DATA], len(DATA))
    assert graph.got == DATA
    assert graph.sent("PUT")[1] == f"bytes {half}-{FRAGMENT - 1}/{len(DATA)}"


def test_a_fragment_that_is_there_already_is_not_doubled() -> None:
    """The answer was lost, the same fragment sent again and refused with 416: the upload goes on behind it."""
    graph = Graph()

    def lose(request: httpx.Request) -> httpx.Response | None:
        if puts(request) and not graph.got:
            graph.got = request.content
            raise httpx.ReadError("lost")
        return None

    graph.instead = lose
    client(graph).upload("/a", [DATA], len(DATA))
    assert graph.got == DATA
    assert any(one.method == "GET" and one.url.host == "up.example" for one in graph.requests)


def finished(graph: Graph, content: bytes) -> Answer:
    """The last answer is lost, the session is gone, and the drive has this content."""
    gone = list[bool]()

    def instead(request: httpx.Request) -> httpx.Response | None:
        if last(request) and not gone:
            gone.append(True)
            graph.got = content
            raise httpx.ReadError("lost")
        return httpx.Response(404) if gone and request.url.host == "up.example" else None

    return instead


def test_a_lost_last_answer_is_settled_by_what_is_there() -> None:
    """The file at the path has the size and hash of what was sent: it is stored."""
    graph = Graph()
    graph.instead = finished(graph, DATA)
    assert client(graph).upload("/a", [DATA], len(DATA)).quick_xor_hash == hash_of(DATA)


def test_an_older_file_of_the_same_size_settles_nothing() -> None:
    """A former upload of the same size is not mistaken for this one."""
    graph = Graph()
    graph.instead = finished(graph, bytes(len(DATA)))
    with pytest.raises(Temporary, match="the upload session is gone"):
        client(graph).upload("/a", [DATA], len(DATA))


def test_a_session_that_stands_still_is_not_asked_for_ever() -> None:
    """A session that accepts nothing ends the upload."""
    standing = {"nextExpectedRanges": ["0-"]}
    graph = Graph(lambda request: httpx.Response(202, json=standing) if puts(request) else None)
    with pytest.raises(Temporary, match="expects byte 0"):
        client(graph).upload("/a", [DATA], len(DATA))


def test_another_content_than_sent_is_refused() -> None:
    """The drive's hash decides."""
    graph = Graph()

    def other(request: httpx.Request) -> httpx.Response | None:
        if not last(request):
            return None
        file = {"hashes": {"quickXorHash": hash_of(b"other")}}
        return httpx.Response(201, json={"id": "i1", "size": len(DATA), "file": file})

    graph.instead = other
    with pytest.raises(Refused, match="differs in size or hash"):
        client(graph).upload("/a", [DATA], len(DATA))


@pytest.mark.parametrize("length", [0, 5, FRAGMENT, len(DATA) + 1])
def test_a_stream_of_another_length_gives_the_session_up(length: int) -> None:
    """Too short or too long: the session is given up, so that nothing of it stays."""
    graph = Graph()
    with pytest.raises(StreamLength):
        client(graph).upload("/a", [bytes(length)], len(DATA))
    assert graph.requests[-1].method == "DELETE"


def test_told_to_wait() -> None:
    """429 and 503 with Retry-After are waited for when it is short, and told to the caller when it is long."""
    for status in (429, 503):
        slept = list[float]()
        busy = httpx.Response(status, headers={"Retry-After": "7"})
        client(Graph(once(busy, puts)), slept=slept).upload("/a", [DATA], len(DATA))
        assert len(slept) == 1
        assert slept[0] >= 7
        late = httpx.Response(status, headers={"Retry-After": "600"})
        with pytest.raises(Temporary) as caught:
            client(Graph(once(late, puts))).upload("/a", [DATA], len(DATA))
        assert caught.value.retry_after == 600


# -- reading and deleting


def reading(body: bytes, status: int = 206) -> Graph:
    item = {"id": "i1", "size": 10, "file": {}, "@microsoft.graph.downloadUrl": f"https://down.example/{PLANTED}?t=1"}

    def instead(request: httpx.Request) -> httpx.Response | None:
        if request.url.host == "down.example":
            assert "authorization" not in request.headers
            return httpx.Response(status, stream=Body(body))
        return httpx.Response(200, json=item) if "root:" in request.url.path else None

    return Graph(instead)


class Body(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


def test_a_range_is_asked_for_without_our_token() -> None:
    """The range goes to the item's own address, clamped to its size."""
    graph = reading(b"89")
    assert b"".join(client(graph).read("/a", 8, 20)) == b"89"
    assert graph.requests[-1].headers["range"] == "bytes=8-9"


@pytest.mark.parametrize(("graph", "told"), [(reading(b"8"), "1 bytes early"), (reading(b"0123", 200), "was ignored")])
def test_a_stream_that_ends_early_or_is_another_is_temporary(graph: Graph, told: str) -> None:
    """The end of the iteration means that all of the range came."""
    with pytest.raises(Temporary, match=told):
        list(client(graph).read("/a", 8, 10))


def test_what_is_not_there() -> None:
    """Looking gives None, reading raises, deleting is no error."""
    drive = client(Graph())
    assert drive.metadata("/a") is None
    assert drive.permanently_delete("/a") == ()
    with pytest.raises(NotFound):
        list(drive.read("/a", 0, 1))


def test_a_drive_that_is_not_there_proves_nothing() -> None:
    """When the drive itself is unknown, an unknown item is a fault of the settings."""
    with pytest.raises(Misconfigured, match="the drive is not there"):
        client(Graph(lambda request: httpx.Response(404) if request.method == "GET" else None)).metadata("/a")


def test_a_held_item_is_refused() -> None:
    """What a retention policy holds cannot be deleted, and the fault has the vendor's code."""
    graph = Graph(
        lambda request: (
            httpx.Response(423, json={"error": {"code": "resourceLocked", "message": PLANTED}})
            if request.method == "POST" and "permanentDelete" in request.url.path
            else None
        )
    )
    graph.got = b"x"
    with pytest.raises(Refused, match="resourceLocked") as caught:
        client(graph).permanently_delete("/a")
    assert PLANTED not in str(caught.value)


# -- what is said


def test_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the token, nor the secret, nor an address that opens something is in a log or an error."""
    caplog.set_level(logging.DEBUG)
    graph = Graph(lambda request: httpx.Response(500) if last(request) else None)
    with pytest.raises(Temporary) as caught:
        client(graph).upload("/a", [DATA], len(DATA))
    list(client(reading(b"89")).read("/a", 8, 10))
    told = caplog.text + repr(caught.value) + repr(App("t", "i", PLANTED))
    assert "OneDrive PUT upload a fragment: 202" in caplog.text
    for secret in (PLANTED, "up.example", "down.example", "Bearer"):
        assert secret not in told
