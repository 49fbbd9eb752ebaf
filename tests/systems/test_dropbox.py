"""The Dropbox client behind the official SDK: streams, lost answers, soft deletes, and what a proxy says."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from dropbox.content_hash import content_hash
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.systems.dropbox import BLOCK, ContentHash, Dropbox
from casework.systems.dropbox_faults import rewrite_adapter
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from tests.systems.fake_dropbox import FakeDropbox, failed, lost

PATH = "/Vault/case-1/export.sealed"
APPEND, FINISH = "files/upload_session/append_v2", "files/upload_session/finish"


@pytest.fixture
def vendor() -> FakeDropbox:
    return FakeDropbox()


@pytest.fixture
def dropbox(vendor: FakeDropbox, slept: list[float]) -> Dropbox:
    return connected(vendor, slept)


def connected(vendor: FakeDropbox, slept: list[float]) -> Dropbox:
    adapters = {"https://api.dropboxapi.com": vendor, "https://content.dropboxapi.com": vendor}
    return Dropbox("s3cret", adapters=adapters, sleep=slept.append)


def chunks(size: int) -> Iterator[bytes]:
    """`size` bytes that differ everywhere, in odd chunks."""
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    return (content[at : at + 1_000_003] for at in range(0, size, 1_000_003))


SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1, 5 * BLOCK + 7]


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_is_stored_whole(dropbox: Dropbox, vendor: FakeDropbox, size: int) -> None:
    """Around every block and part edge the stored file is the stream, with its content hash."""
    content = b"".join(chunks(size))
    told: list[int] = []
    stored = dropbox.upload(PATH, chunks(size), told.append)
    assert vendor.files[PATH] == [content]
    assert (stored.path, stored.size, stored.content_hash) == (PATH, size, content_hash(content))
    assert told == sorted(set(told))
    assert told[-1:] == ([size] if size else [])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from([0, 1, BLOCK // 2, BLOCK, BLOCK + 1]), max_size=3))
def test_the_content_hash_is_dropboxs(sizes: list[int]) -> None:
    """Hashing whole blocks as they stream gives what the SDK computes over everything."""
    content = b"x" * sum(sizes)
    hasher = ContentHash()
    for at in range(0, len(content), 2 * BLOCK):
        piece = content[at : at + 2 * BLOCK]
        assert hasher.update(piece) == content_hash(piece)
    assert hasher.hexdigest() == content_hash(content)


def test_uploading_needs_memory_for_parts_only(
    dropbox: Dropbox, vendor: FakeDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """128 MiB pass through about three parts of memory."""
    hasher = ContentHash()

    def forget(argument: Any, body: bytes, headers: Any) -> Any:
        hasher.update(body)
        return 200, None

    metadata = {
        "name": "a",
        "id": "id:a",
        "path_display": PATH,
        "client_modified": "2026-01-08T10:12:08Z",
        "server_modified": "2026-01-08T10:12:08Z",
        "rev": "000000001",
        "size": 128 << 20,
    }
    monkeypatch.setattr(vendor, "files_upload_session_append_v2", forget)
    monkeypatch.setattr(
        vendor,
        "files_upload_session_finish",
        lambda *_: (200, metadata | {"content_hash": hasher.hexdigest()}),
    )
    tracemalloc.start()
    dropbox.upload(PATH, (b"x" * (1 << 20) for _ in range(128)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20
    assert vendor.largest_body == 2 * BLOCK


CUT = requests.exceptions.ConnectionError("cut")
LATE = requests.exceptions.ReadTimeout("late")


@pytest.mark.parametrize("route", ["files/upload_session/start", APPEND, FINISH])
@pytest.mark.parametrize("what", [CUT, LATE, lost, lambda: (500, b"oops"), lambda: (503, b"busy")])
def test_an_upload_survives_any_single_failure(dropbox: Dropbox, vendor: FakeDropbox, route: str, what: Any) -> None:
    """Whichever request is cut, late, or answered in vain, the file is stored once and whole."""
    vendor.script[route] = [what]
    content = b"".join(chunks(2 * BLOCK + 5))
    stored = dropbox.upload(PATH, chunks(2 * BLOCK + 5))
    assert vendor.files[PATH] == [content]
    assert stored.content_hash == content_hash(content)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_lost_append_is_not_appended_twice(dropbox: Dropbox, vendor: FakeDropbox, at: int) -> None:
    """The offset tells that a part had arrived, first, middle or last."""
    vendor.script[APPEND] = [None] * at + [lost]
    dropbox.upload(PATH, chunks(5 * BLOCK))
    assert vendor.files[PATH] == [b"".join(chunks(5 * BLOCK))]
    assert vendor.calls.count(APPEND) == 4


def test_a_closed_session_counts_as_arrived_and_the_hash_decides(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """`closed` to an append leads on to finish; what is stored there is compared, and differs here."""
    vendor.files[PATH] = [b"another file"]
    vendor.script[APPEND] = [lambda: failed("closed")]
    vendor.script[FINISH] = [lambda: failed("lookup_failed", lookup_failed={".tag": "closed"})]
    with pytest.raises(Refused, match="differs in size or content hash"):
        dropbox.upload(PATH, chunks(5))


def test_other_bytes_of_the_same_size_are_refused(
    dropbox: Dropbox, vendor: FakeDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content hash is compared, not only the size."""
    finish = vendor.files_upload_session_finish

    def corrupting(argument: Any, body: bytes, headers: Any) -> Any:
        session = vendor.sessions[argument["cursor"]["session_id"]]
        assert session is not None
        session[0] ^= 1
        return finish(argument, body, headers)

    monkeypatch.setattr(vendor, "files_upload_session_finish", corrupting)
    with pytest.raises(Refused, match="differs"):
        dropbox.upload(PATH, chunks(5))


def test_a_foreign_offset_is_not_taken_for_ours(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """An offset that is neither before nor after our part stops the upload."""
    vendor.script[APPEND] = [lambda: failed("incorrect_offset", correct_offset=3)]
    with pytest.raises(Refused, match="incorrect_offset"):
        dropbox.upload(PATH, chunks(5))


def test_an_expired_session_means_to_upload_anew(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """A session that is gone is no missing file: it is Temporary, since a new upload will do."""
    vendor.script[APPEND] = [lambda: failed("not_found")] * 4
    with pytest.raises(Temporary, match="upload anew"):
        dropbox.upload(PATH, chunks(5))


def test_the_sources_own_error_comes_through(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """An error of the stream is not mistaken for one of Dropbox; no file appears."""

    def broken() -> Iterator[bytes]:
        yield b"x" * (3 * BLOCK)
        raise ConnectionResetError("source")

    with pytest.raises(ConnectionResetError, match="source"):
        dropbox.upload(PATH, broken())
    assert vendor.files == {}


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (0, 10), (3, 7), (7, None), (None, 4), (5, 5), (9, 10), (0, 99)]
)
def test_ranges_are_half_open(dropbox: Dropbox, vendor: FakeDropbox, start: int | None, end: int | None) -> None:
    """`read(start, end)` gives what slicing the file's bytes would give."""
    vendor.files[PATH] = [b"0123456789"]
    assert b"".join(dropbox.read(PATH, start, end)) == b"0123456789"[start:end]


def test_a_short_stream_is_never_taken_for_whole(
    dropbox: Dropbox, vendor: FakeDropbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that ends early, or a range that was ignored, raises Temporary."""
    vendor.files[PATH] = [b"0123456789"]
    download = vendor.files_download

    def short(*arguments: Any) -> Any:
        status, body, headers = download(*arguments)
        return status, body[:-1], headers

    monkeypatch.setattr(vendor, "files_download", short)
    with pytest.raises(Temporary, match="1 bytes early"):
        list(dropbox.read(PATH, 2, 8))
    monkeypatch.setattr(vendor, "files_download", lambda a, b, h: download(a, b, {}))
    with pytest.raises(Temporary, match="range was ignored"):
        list(dropbox.read(PATH, 2, 8))


def test_deleting_is_soft_and_looked_at(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """After a delete the file is gone but restorable; after a permanent one nothing is known of it."""
    dropbox.upload(PATH, [b"one"])
    dropbox.upload(PATH, [b"two"])
    assert dropbox.delete(PATH) is True
    assert dropbox.delete(PATH) is False
    assert dropbox.metadata(PATH) is None
    left = dropbox.revisions(PATH)
    assert left is not None
    assert (left.is_deleted, left.server_deleted) == (True, datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC))
    assert [entry.content_hash for entry in left.entries] == [content_hash(b"two"), content_hash(b"one")]
    assert dropbox.permanently_delete(PATH) is True
    assert dropbox.permanently_delete(PATH) is False
    assert dropbox.revisions(PATH) is None


def test_a_personal_account_cannot_delete_permanently(slept: list[float]) -> None:
    """Without the scope the fault says so, once, without retries."""
    vendor = FakeDropbox(business=False)
    with pytest.raises(Misconfigured, match="missing_scope"):
        connected(vendor, slept).permanently_delete(PATH)
    assert len(vendor.calls) == 1


def test_looking_at_files(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """A file has its metadata, nothing has None, reading nothing is NotFound, a folder is refused."""
    vendor.files[PATH] = [b"abc"]
    found = dropbox.metadata(PATH)
    assert found is not None
    assert (found.size, found.content_hash) == (3, content_hash(b"abc"))
    assert dropbox.metadata("/absent") is None
    with pytest.raises(NotFound, match="path/not_found"):
        list(dropbox.read("/absent"))
    with pytest.raises(Refused, match="folder"):
        dropbox.metadata("/folder")


def test_the_account_is_known_by_id_and_kind(dropbox: Dropbox) -> None:
    """Name and address of the account are not taken."""
    account = dropbox.account()
    assert (account.account_id[:5], account.type, account.team) == ("dbid:", "basic", False)
    assert "arlowe" not in repr(account)


def rate_limited(seconds: int) -> Any:
    error = {"reason": {".tag": "too_many_requests"}, "retry_after": seconds}
    return 429, {"error_summary": "too_many_requests/..", "error": error}


def test_rate_limits_are_waited_for_a_bounded_time(dropbox: Dropbox, vendor: FakeDropbox, slept: list[float]) -> None:
    """A short wait is kept, a long one given back, and neither repeats for ever."""
    vendor.files[PATH] = [b"abc"]
    vendor.script["files/get_metadata"] = [lambda: rate_limited(3), None, *[lambda: rate_limited(600)]]
    assert dropbox.metadata(PATH) is not None
    assert 3 <= slept[0] <= 4
    with pytest.raises(Temporary) as caught:
        dropbox.metadata(PATH)
    assert (caught.value.retry_after, len(slept)) == (600, 1)


def test_write_contention_is_repeated(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """`too_many_write_operations` comes as 409 and passes by itself."""
    vendor.files[PATH] = [b"abc"]
    vendor.script["files/delete_v2"] = [lambda: failed("too_many_write_operations")]
    assert dropbox.delete(PATH) is True


BLOCK_PAGE = (200, b"<html>Marlowe: blocked by policy</html>", {"content-type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda: BLOCK_PAGE, Temporary),
        (lambda: (200, b"<html>Marlowe</html>"), Temporary),
        (lambda: (403, b"<html>Marlowe</html>"), Temporary),
        (lambda: (409, {"message": "Marlowe"}), Temporary),
        (lambda: (500, b"Marlowe"), Temporary),
        (lambda: (400, b"Marlowe: bad argument"), Refused),
        (lambda: (418, b"Marlowe"), Refused),
        (
            lambda: (401, {"error": {".tag": "invalid_access_token"}, "error_summary": "Marlowe"}),
            Misconfigured,
        ),
        (lambda: failed("path", path={".tag": "malformed_path", "malformed_path": "Marlowe"}), Refused),
        (lambda: failed("path", path={".tag": "restricted_content"}), Refused),
    ],
)
def test_each_failure_has_its_kind_and_tells_nothing(
    dropbox: Dropbox, vendor: FakeDropbox, answer: Any, kind: type[SystemFault]
) -> None:
    """Block pages and errors become our kinds; what they say is not told on."""
    vendor.script["files/get_metadata"] = [answer] * 4
    with pytest.raises(kind) as caught:
        dropbox.metadata(PATH)
    assert "arlowe" not in f"{caught.value}{caught.value.__context__}"
    assert "s3cret" not in str(caught.value)


def test_a_block_page_in_place_of_a_download(dropbox: Dropbox, vendor: FakeDropbox) -> None:
    """A page with status 200 and without Dropbox's header is never given out as the file."""
    vendor.files[PATH] = [b"abc"]
    vendor.script["files/download"] = [lambda: BLOCK_PAGE] * 4
    with pytest.raises(Temporary, match="proxy"):
        list(dropbox.read(PATH))


def test_a_path_starts_with_a_slash(dropbox: Dropbox) -> None:
    """What the SDK would refuse with its own exception is refused with ours, before anything is sent."""
    with pytest.raises(ValueError, match="'/'"):
        dropbox.upload("case-1/export", [b"x"])


class _Recorder(BaseHTTPRequestHandler):
    seen: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.seen.append((self.path, body))
        if self.path.endswith("/oauth2/token"):
            answer = b'{"access_token": "fresh", "expires_in": 14400}'
        else:
            assert self.headers["Authorization"] == "Bearer fresh"
            answer = b'{"session_id": "s"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None: ...


def test_rewritten_requests_reach_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host goes to its own base, path kept, past proxies; a refresh token is exchanged there too."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    _Recorder.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        base = f"http://127.0.0.1:{server.server_port}/dropbox"
        dropbox = Dropbox(
            "refresh",
            app_key="key",
            app_secret="secret",
            adapters={
                "https://api.dropboxapi.com": rewrite_adapter(f"{base}/api"),
                "https://content.dropboxapi.com": rewrite_adapter(f"{base}/content/"),
            },
            attempts=1,
        )
        with pytest.raises(SystemFault):
            dropbox.upload(PATH, [])
    finally:
        server.shutdown()
        server.server_close()
    paths = [path for path, _ in _Recorder.seen]
    assert paths == [
        "/dropbox/api/oauth2/token",
        "/dropbox/content/2/files/upload_session/start",
        "/dropbox/content/2/files/upload_session/finish",
    ]
    assert b"refresh_token=refresh" in _Recorder.seen[0][1]
