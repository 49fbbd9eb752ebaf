"""After the destruction nothing that the product owns holds the plaintext, or anything that would open it."""

from __future__ import annotations

import base64
import hashlib
import logging
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from starlette.testclient import TestClient

from casework.gateway import Gateway, create_app
from casework.sandbox import aws
from tests.scenarios.deliveries import NewOffice
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office

URL = "https://casework.example"
OURS = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
MARKERS = (b"Quillfeather-", b"planted-row-4b7e")
TEAM = "team-102"


def forms(secret: bytes) -> list[bytes]:
    """How a secret may lie in a file: as it is, as hexadecimal digits, as base64 wherever it begins, as UTF-16."""
    found = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    for before in range(3):
        # What the neighbours do not change: whole groups of three bytes.
        inner = secret[-before % 3 :]
        inner = inner[: len(inner) // 3 * 3]
        found += [base64.b64encode(inner), base64.urlsafe_b64encode(inner)]
    if secret.isascii():
        found.append(secret.decode().encode("utf-16-le"))
    return found


def stored(office: Office) -> Iterator[tuple[str, bytes]]:
    """Every version of every object in every bucket."""
    s3 = office.cloud.s3()
    for bucket in (aws.DROP_BUCKET, aws.VAULT_BUCKET):
        assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for version in page.get("Versions", []):
                got = s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
                yield f"s3 {bucket}", got["Body"].read()


def search(places: Iterator[tuple[str, bytes]], needles: dict[str, bytes]) -> set[tuple[str, str]]:
    """Which of the needles, in any form, lie in which of the places."""
    wanted = [(name, form) for name, needle in needles.items() for form in forms(needle)]
    return {(place, name) for place, content in places for name, form in wanted if form in content}


def fetch(office: Office, token: str) -> tuple[bytes, str]:
    """Download through the gateway, as the page's script does, up to its last word; the file and the claim."""
    codes: list[str] = []
    gateway = Gateway(office.runtime, office.delivery, lambda *_: None, lambda _link, code: codes.append(code))
    browser = TestClient(create_app(gateway), base_url=URL)
    csrf = browser.get(f"/d/{token}").text.split('name="csrf" value="')[1].split('"')[0]
    browser.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
    browser.post(f"/d/{token}/claim", data={"csrf": csrf, "code": codes[-1]}, headers=OURS)
    data, size, sha256 = b"", 1, ""
    while len(data) < size:
        piece = browser.get(f"/d/{token}/file", headers={"Range": f"bytes={len(data)}-{len(data) + 99_999}"})
        assert piece.status_code == 206
        size = int(piece.headers["content-range"].split("/")[1])
        sha256 = piece.headers["etag"].strip('"')
        said = {"start": len(data), "end": len(data) + len(piece.content)}
        data += piece.content
        browser.post(f"/d/{token}/ack", json=said, headers=OURS | {"X-CSRF": csrf})
    last = browser.post(f"/d/{token}/ack", json={"sha256": sha256}, headers=OURS | {"X-CSRF": csrf})
    assert last.json()["state"] == "received"
    (claim,) = browser.cookies.values()
    return data, claim


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_nothing_remains(
    database: str,
    new_office: NewOffice,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A whole case, downloaded through the gateway: then neither its rows nor a key is in any file.

    Searched are the buckets with all versions, the vault's folder with what it deletes softly, the key store, the
    databases with what they wrote ahead (PostgreSQL's whole data folder after a checkpoint: its dead rows too,
    because nothing was vacuumed), folders for temporary files, and the log. The same search finds the rows in the
    drop and the wrapped key in its store before.
    """
    url = request.getfixturevalue("postgres") if database == "postgresql" else None
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with caplog.at_level(logging.DEBUG), new_office(url) as office:

        def places() -> Iterator[tuple[str, bytes]]:
            yield from stored(office)
            kept = [office.folder, office.world.folder / "blobs", temporary]
            if url is not None:
                server = request.getfixturevalue("postgres_server")
                with closing(psycopg.connect(server.get_uri(), autocommit=True)) as connection:
                    connection.execute("CHECKPOINT")
                    ((folder,),) = connection.execute("SHOW data_directory").fetchall()
                kept.append(Path(folder))
            for path in {path for folder in kept for path in folder.rglob("*")}:
                # The product's own database and the vendors' records are not ours: the ticket has the link.
                if path.is_file() and path not in (office.product, office.world.folder / "state.json"):
                    yield path.name, path.read_bytes()
            # The test's own clients log the addresses that they ask for.
            ours = [record for record in caplog.records if record.name not in ("httpx", "httpcore")]
            yield "log", "\n".join(f"{record.getMessage()} {vars(record)}" for record in ours).encode()

        ticket, run = office.ask("user-81")
        office.reply(ticket)
        office.make(run, TEAM, size=300_000)
        link = office.delivery.links.of_deliverable(run.case_id)
        assert link is not None
        token = office.delivery.links.token(link.link_id)
        wrapped, _ = office.delivery.keys._row(run.case_id)
        assert wrapped is not None
        needles = {
            **{marker.decode(): marker for marker in MARKERS},
            "data key": office.delivery.keys.open(run.case_id),
            "wrapped key": wrapped,
            "token": token.encode(),
        }
        before = search(places(), needles)
        assert {("s3 " + aws.DROP_BUCKET, marker.decode()) for marker in MARKERS} <= before
        assert {place for place, name in before if name == "wrapped key"} == {"keys.db"}
        assert {name for _, name in before} == {*(marker.decode() for marker in MARKERS), "wrapped key"}

        data, claim = fetch(office, token)
        office.settle()
        assert_closed(office, run, "delivered")
        assert_nothing_left(office, run, "received")
        pieces = {f"bytes at {at}": data[at : at + 24] for at in range(0, len(data) - 24, len(data) // 12)}
        assert search(iter([("the file", data)]), pieces | {"row": MARKERS[0]}) >= {("the file", "row")}
        assert search(places(), needles | pieces | {"claim": claim.encode()}) == set()
        digest = hashlib.sha256(token.encode()).hexdigest().encode()
        assert search(places(), {"the token's digest": digest}), "the case database was not among what was searched"


@pytest.mark.parametrize("before", range(3))
def test_the_search_knows_every_form(before: int) -> None:
    """A secret is found as text, as UTF-16, as hexadecimal digits, and in base64 wherever in its text it begins."""
    secret = b"Quillfeather-1234"
    text = b"x" * before + secret + b"yz"
    for form in (text, text.hex().encode(), base64.b64encode(text), text.decode().encode("utf-16-le")):
        assert search(iter([("a place", form)]), {"secret": secret}) == {("a place", "secret")}
    assert search(iter([("a place", b"Quillfeather")]), {"secret": secret}) == set()
