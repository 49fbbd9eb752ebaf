"""The Dropbox stand-in: sessions, hashes, soft deletion, and plain-text refusals."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.sandbox import World
from casework.sandbox.dropbox_files import content_hash
from tests.sandbox.conftest import Api

MIB4 = 4 * 1024 * 1024


class Box:
    """Dropbox's two hosts, as a client sees them."""

    def __init__(self, api: Api) -> None:
        self._rpc, self._content = api("dropbox"), api("dropbox-content")

    def rpc(self, route: str, argument: Any) -> httpx.Response:
        return self._rpc.post(f"/{route}", json=argument)

    def content(self, route: str, argument: Any, body: bytes | None = None, **headers: str) -> httpx.Response:
        sent = {"Dropbox-API-Arg": json.dumps(argument), **headers}
        if body is None:
            return self._content.post(f"/{route}", headers=sent)
        sent.setdefault("Content-Type", "application/octet-stream")
        return self._content.post(f"/{route}", headers=sent, content=body)

    def upload(self, path: str, body: bytes, **commit: Any) -> httpx.Response:
        return self.content("files/upload", {"path": path, **commit}, body)


@pytest.fixture
def box(api: Api) -> Box:
    return Box(api)


@pytest.mark.parametrize("size", [0, 1, MIB4 - 1, MIB4, MIB4 + 1, 2 * MIB4])
def test_content_hash_is_by_blocks_of_four_mebibytes(size: int) -> None:
    """The hash equals the definition computed in one go, at every block edge."""
    data = bytes(size)
    blocks = b"".join(hashlib.sha256(data[i : i + MIB4]).digest() for i in range(0, size, MIB4))
    assert content_hash([data]) == hashlib.sha256(blocks).hexdigest()


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_content_hash_does_not_see_how_data_was_cut(chunks: list[bytes]) -> None:
    """However a body is cut into chunks, its hash is the same."""
    assert content_hash(chunks) == content_hash([b"".join(chunks)])


@pytest.mark.parametrize(
    ("route", "argument", "body", "status", "says"),
    [
        ("files/nonsense", {}, None, 400, "Unknown API function"),
        ("files/upload", {"path": "no-slash"}, b"x", 400, "path"),
        ("files/upload", {"path": "/a", "colour": "red"}, b"x", 400, "unknown field 'colour'"),
        ("files/upload", {}, b"x", 400, "missing required field 'path'"),
        ("files/upload", {"path": "/a", "mode": "append"}, b"x", 400, "mode"),
        ("files/upload", {"path": "/a", "content_hash": "0" * 64}, b"x", 409, "content_hash_mismatch"),
        ("files/upload_session/start", {"session_type": "concurrent"}, b"x", 400, "session_type"),
        (
            "files/upload_session/append_v2",
            {"cursor": {"session_id": "x", "offset": 0}},
            b"x",
            409,
            "not_found",
        ),
        ("files/download", {"path": "/none"}, None, 409, "path/not_found/"),
    ],
)
def test_wrong_content_requests_get_dropbox_errors(
    box: Box, route: str, argument: Any, body: bytes | None, status: int, says: str
) -> None:
    """A malformed request is 400 in plain text, a refused one 409 with `error_summary`."""
    answer = box.content(route, argument, body)
    assert answer.status_code == status
    assert says in answer.text
    expected = "text/plain" if status == 400 else "application/json"
    assert answer.headers["content-type"].startswith(expected)


def test_headers_hosts_and_tokens_are_checked(box: Box, api: Api) -> None:
    """Wrong content types, the wrong host and wrong credentials fail each in Dropbox's way."""
    assert box.content("files/upload", {"path": "/a"}, b"x", **{"Content-Type": "text/csv"}).status_code == 400
    assert api("dropbox").post("/files/get_metadata", content=b"{}").status_code == 400
    assert box.rpc("files/upload", {"path": "/a"}).status_code == 404
    wrong = api("dropbox").post("/files/get_metadata", json={}, headers={"Authorization": "Bearer x"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, {".tag": "invalid_access_token"})
    missing = api("dropbox")
    del missing.headers["authorization"]
    assert missing.post("/files/get_metadata", json={}).status_code == 400


def test_a_session_takes_pieces_in_order_only(box: Box) -> None:
    """Offsets must match, a closed session takes no more, and finishing commits exactly what was sent."""
    session = box.content("files/upload_session/start", {}, b"abc").json()["session_id"]

    def append(offset: int, body: bytes, **more: Any) -> httpx.Response:
        cursor = {"session_id": session, "offset": offset}
        return box.content("files/upload_session/append_v2", {"cursor": cursor, **more}, body)

    assert append(3, b"def").json() is None
    wrong = append(3, b"def")
    assert wrong.json()["error"] == {".tag": "incorrect_offset", "correct_offset": 6}
    assert wrong.json()["error_summary"] == "incorrect_offset/..."
    assert append(6, b"gh", close=True).status_code == 200
    assert append(6, b"gh", close=True).json()["error"] == {".tag": "closed"}
    finish = {"cursor": {"session_id": session, "offset": 7}, "commit": {"path": "/File.bin"}}
    failed = box.content("files/upload_session/finish", finish, b"").json()["error"]
    assert failed["lookup_failed"] == {".tag": "incorrect_offset", "correct_offset": 8}
    finish["cursor"]["offset"] = 8
    made = box.content("files/upload_session/finish", finish, b"").json()
    assert (made["size"], made["content_hash"]) == (8, content_hash([b"abcdefgh"]))
    assert box.content("files/download", {"path": "/file.BIN"}).content == b"abcdefgh"


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("lines=1-2", 400, None, None),
    ],
)
def test_downloads_honour_ranges(
    box: Box, asked: str | None, status: int, content: bytes | None, content_range: str | None
) -> None:
    """One range is answered with 206 and its place; a range outside with 416."""
    box.upload("/ten", b"0123456789")
    ranges = {} if asked is None else {"Range": asked}
    answer = box.content("files/download", {"path": "/ten"}, None, **ranges)
    assert answer.status_code == status
    assert answer.headers.get("content-range") == content_range
    if content is not None:
        assert answer.content == content
        assert json.loads(answer.headers["dropbox-api-result"])["size"] == 10


def test_writing_over_a_file_depends_on_the_mode(box: Box) -> None:
    """`add` takes the same content again unless strict_conflict is set; `overwrite` makes a revision."""
    first = box.upload("/a", b"one").json()
    assert box.upload("/A", b"one").json()["rev"] == first["rev"]
    assert box.upload("/a", b"one", strict_conflict=True).status_code == 409
    assert box.upload("/a", b"two").json()["error_summary"] == "path/conflict/file/..."
    assert box.upload("/a", b"two", autorename=True).json()["path_display"] == "/a (1)"
    second = box.upload("/a", b"two", mode="overwrite").json()
    assert second["rev"] != first["rev"]
    assert box.upload("/a", b"three", mode={".tag": "update", "update": first["rev"]}).status_code == 409
    entries = box.rpc("files/list_revisions", {"path": "/a"}).json()["entries"]
    assert [entry["rev"] for entry in entries] == [second["rev"], first["rev"]]


def test_deleting_is_soft_until_it_is_permanent(world: World, box: Box) -> None:
    """A deleted file keeps its revisions and can be restored; permanent deletion ends that."""
    rev = box.upload("/a", b"secret bytes").json()["rev"]
    assert box.rpc("files/delete_v2", {"path": "/a"}).json()["metadata"]["rev"] == rev
    assert box.rpc("files/get_metadata", {"path": "/a"}).json()["error_summary"] == "path/not_found/..."
    shown = box.rpc("files/get_metadata", {"path": "/a", "include_deleted": True}).json()
    assert shown[".tag"] == "deleted"
    listed = box.rpc("files/list_revisions", {"path": "/a"}).json()
    assert (listed["is_deleted"], [entry["rev"] for entry in listed["entries"]]) == (True, [rev])
    assert box.rpc("files/restore", {"path": "/a", "rev": rev}).json()["size"] == 12
    assert box.rpc("files/permanently_delete", {"path": "/a"}).json() is None
    assert box.rpc("files/list_revisions", {"path": "/a"}).status_code == 409
    assert not any(b"secret" in blob.read_bytes() for blob in (world.folder / "blobs").iterdir())


def test_permanent_deletion_needs_a_business_account(world: World, box: Box) -> None:
    """Without the Business scope a file cannot be deleted for good."""
    box.upload("/a", b"x")
    world.state["business"] = False
    answer = box.rpc("files/permanently_delete", {"path": "/a"})
    assert (answer.status_code, answer.json()["error"][".tag"]) == (401, "missing_scope")
    assert box.rpc("files/get_metadata", {"path": "/a"}).status_code == 200
