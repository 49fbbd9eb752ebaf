"""OneDrive as Graph describes it: what it refuses, what expires, and what a deletion takes with it."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import httpx
import pytest

from casework.sandbox import World
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.onedrive import quick_xor_hash
from tests.sandbox.conftest import Clock, graph_token

MULTIPLE = 320 * 1024
WANTED = {"item": {"@microsoft.graph.conflictBehavior": "replace"}}

# Published test vectors of the hash (rclone, MIT): base64 of the content, and of its hash.
VECTORS = (
    ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
    ("2fuxhBJXtpWFe8dOfdGeHw==", "O9tHLAghgSvYohKFyMMxnNCHaHg="),
    ("T6LYJIfDh81JrAK309H2JMJTXis=", "zBTHrspn3mEcohlJdIUAbjGNaNg="),
)


@pytest.fixture
def bare(world: World) -> httpx.Client:
    return httpx.Client(transport=httpx_transport(world, "onedrive"), base_url="https://graph.example")


@pytest.fixture
def graph(world: World, bare: httpx.Client) -> httpx.Client:
    drive = f"https://graph.example/v1.0/drives/{world.credentials['onedrive_drive']}"
    token = {"Authorization": f"Bearer {graph_token(world)}"}
    return httpx.Client(transport=httpx_transport(world, "onedrive"), base_url=drive, headers=token)


def begin(graph: httpx.Client, name: str = "casework/a") -> str:
    return str(graph.post(f"/root:/{name}:/createUploadSession", json=WANTED).json()["uploadUrl"])


def put(client: httpx.Client, address: str, data: bytes, start: int, total: int) -> httpx.Response:
    said = {"Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}"}
    return client.put(address, content=data, headers=said)


def store(graph: httpx.Client, bare: httpx.Client, data: bytes) -> dict[str, object]:
    answer = put(bare, begin(graph), data, 0, len(data))
    found: dict[str, object] = answer.json()
    return found


@pytest.mark.parametrize(("content", "expected"), VECTORS)
def test_the_hash_is_the_published_one(tmp_path: Path, content: str, expected: str) -> None:
    """The stand-in's hash, which judges the client's, agrees with published vectors."""
    (tmp_path / "file").write_bytes(base64.b64decode(content))
    assert quick_xor_hash(tmp_path / "file") == expected


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "guessed"}, 401, "invalid_client"),
        ({"client_id": "another"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "Files.ReadWrite"}, 400, "invalid_scope"),
        ({"resource": "x"}, 400, "invalid_request"),
    ],
)
def test_a_wrong_app_gets_no_token(world: World, change: dict[str, str], status: int, error: str) -> None:
    """Each part of the sign-in counts."""
    with pytest.raises(httpx.HTTPStatusError) as caught:
        graph_token(world, **change)
    assert (caught.value.response.status_code, caught.value.response.json()["error"]) == (status, error)


def test_a_token_ends(graph: httpx.Client, clock: Clock) -> None:
    """After an hour the token opens nothing."""
    assert graph.get("root").status_code == 200
    clock.forward(hours=1)
    assert graph.get("root").status_code == 401


def test_addresses_that_are_keys_take_no_token(graph: httpx.Client, bare: httpx.Client) -> None:
    """The token must not go to the upload's and the download's address; without it both work."""
    address = begin(graph)
    assert put(graph, address, b"x", 0, 1).status_code == 401
    item = put(bare, address, b"x", 0, 1).json()
    assert graph.get(item["@microsoft.graph.downloadUrl"]).status_code == 401
    assert bare.get(item["@microsoft.graph.downloadUrl"]).content == b"x"


@pytest.mark.parametrize(
    ("length", "said", "status"),
    [
        (MULTIPLE, "bytes 0-327679/400000", 202),
        (MULTIPLE - 1, "bytes 0-327678/400000", 400),
        (MULTIPLE, "bytes 0-327678/400000", 400),
        (MULTIPLE, "bytes 327680-655359/700000", 416),
        (MULTIPLE, "bytes 0-327679/*", 400),
        (MULTIPLE, "", 400),
        (10, "bytes 0-9/9", 400),
        (60 * 1024 * 1024, "bytes 0-62914559/100000000", 400),
    ],
)
def test_fragments_are_in_order_and_of_the_right_size(
    graph: httpx.Client, bare: httpx.Client, length: int, said: str, status: int
) -> None:
    """In order, multiples of 320 KiB but for the last, under 60 MiB, and as the header says."""
    answer = bare.put(begin(graph), content=bytes(length), headers={"Content-Range": said} if said else {})
    assert answer.status_code == status


def test_the_size_cannot_change_on_the_way(graph: httpx.Client, bare: httpx.Client) -> None:
    """What the first fragment said of the size holds for all."""
    address = begin(graph)
    assert put(bare, address, bytes(MULTIPLE), 0, MULTIPLE + 2).status_code == 202
    assert put(bare, address, b"x", MULTIPLE, MULTIPLE + 1).status_code == 400


def test_a_session_ends_by_itself(graph: httpx.Client, bare: httpx.Client, clock: Clock) -> None:
    """An upload that nobody goes on with expires."""
    address = begin(graph)
    clock.forward(days=8)
    assert put(bare, address, b"x", 0, 1).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"deferCommit": True},
        {"item": {"@microsoft.graph.conflictBehavior": "overwrite"}},
        {"item": {"conflictBehavior": "replace"}},
        [],
    ],
)
def test_unknown_wishes_are_refused(graph: httpx.Client, body: object) -> None:
    """A wish that is not known, or not served here, fails loudly."""
    assert graph.post("/root:/a:/createUploadSession", json=body).status_code == 400


def test_ranges(graph: httpx.Client, bare: httpx.Client, clock: Clock) -> None:
    """A range comes as 206; one behind the end is refused; the address ends after an hour."""
    data = os.urandom(1000)
    address = str(store(graph, bare, data)["@microsoft.graph.downloadUrl"])
    answer = bare.get(address, headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, data[10:20])
    assert bare.get(address, headers={"Range": "bytes=1000-"}).status_code == 416
    clock.forward(hours=2)
    assert bare.get(address).status_code == 401


def test_a_deletion_takes_all_versions(graph: httpx.Client, bare: httpx.Client, world: World) -> None:
    """Permanent deletion leaves no item and no content; asked again it knows no such item."""
    store(graph, bare, b"one")
    item = store(graph, bare, b"two")["id"]
    assert "onedrive /casework/a 3 bytes" in world.describe()
    assert graph.post(f"items/{item}/permanentDelete").status_code == 204
    assert graph.post(f"items/{item}/permanentDelete").status_code == 404
    assert graph.get("/root:/casework/a").json()["error"]["code"] == "itemNotFound"
    assert list((world.folder / "blobs").iterdir()) == []


def test_another_drive_is_not_there(world: World, graph: httpx.Client) -> None:
    """The app sees its own drive only."""
    assert graph.get("https://graph.example/v1.0/drives/b!other/root").status_code == 404
    assert graph.get("https://graph.example/v1.0/me/drive").status_code == 400
