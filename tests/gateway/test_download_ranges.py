"""The file that a claim opens: whole and in ranges, what is acknowledged, and when it counts as received."""

from __future__ import annotations

from datetime import timedelta

import pytest

from casework.delivery.links import LinkState
from casework.gateway.app import expire_links
from casework.gateway.security import attachment
from tests.gateway.conftest import Place
from tests.gateway.downloading import CONTENT, DIGEST, ack, claimed, events


def test_the_happy_path_as_the_script_goes_it(place: Place) -> None:
    """Code, claim, ranges, acknowledgements and the digest end in a received link and a woken case."""
    link, token = place.file(CONTENT)
    run = place.start(listens=f"link:{link.link_id}")
    landing = place.client.get(f"/d/{token}")
    for shown in ("export-1a2b.zip", "2.5 MB", DIGEST, "Monday, 9 March 2026, 09:00 (UTC)"):
        assert shown in landing.text
    assert place.claim(place.client, token).status_code == 303
    page = place.client.get(f"/d/{token}").text
    csrf = page.split('data-csrf="')[1].split('"')[0]
    arrived = b""
    for start in range(0, len(CONTENT), 1_000_000):
        end = min(start + 1_000_000, len(CONTENT))
        headers = {"Range": f"bytes={start}-{end - 1}", "If-Range": f'"{DIGEST}"'}
        piece = place.client.get(f"/d/{token}/file", headers=headers)
        assert piece.status_code == 206
        assert piece.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
        arrived += piece.content
        assert ack(place, token, csrf, start=start, end=end).json()["arrived"] == end
    assert arrived == CONTENT
    legs = run.legs
    assert ack(place, token, csrf, sha256=DIGEST).json()["state"] == "received"
    place.desk.engine.run()
    assert run.legs > legs
    assert place.links.get(link.link_id).grace_ends_at is None, "the script's word ended it, not the grace"
    assert ack(place, token, csrf, sha256=DIGEST).status_code == 200, "a repeated last word is harmless"
    assert place.client.get(f"/d/{token}/file").status_code == 404


def test_without_scripts(place: Place) -> None:
    """A plain GET sends the file as an attachment; after the grace window it counts as received."""
    link_id, token, _ = claimed(place)
    sent = place.client.get(f"/d/{token}/file")
    assert (sent.status_code, sent.content == CONTENT) == (200, True)
    assert sent.headers["content-disposition"].startswith('attachment; filename="export-1a2b.zip"')
    assert sent.headers["content-type"] == "application/octet-stream"
    assert "content-encoding" not in sent.headers
    assert place.links.get(link_id).grace_ends_at == place.desk.engine.now() + timedelta(minutes=30)
    assert "download it again until" in place.client.get(f"/d/{token}").text
    place.desk.engine.sleep(29 * 60)
    assert expire_links(place.gateway, place.inbox()) == 0
    place.desk.engine.sleep(60)
    run = place.start(listens=f"link:{link_id}")
    legs = run.legs
    assert expire_links(place.gateway, place.inbox()) == 1
    assert place.inbox().work() == 1
    assert place.links.get(link_id).state is LinkState.RECEIVED
    place.desk.engine.run()
    assert run.legs == legs + 1


def test_a_broken_download_goes_on(place: Place) -> None:
    """A browser by itself resumes with an open range under the same tag; the rest opens the grace window."""
    link_id, token, _ = claimed(place)
    with place.client.stream("GET", f"/d/{token}/file", headers={"Range": "bytes=0-999999"}) as first:
        begun = first.read()
    assert place.links.get(link_id).grace_ends_at is None
    rest = place.client.get(f"/d/{token}/file", headers={"Range": "bytes=1000000-", "If-Range": first.headers["etag"]})
    assert (rest.status_code, begun + rest.content == CONTENT) == (206, True)
    assert place.links.get(link_id).grace_ends_at is not None


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-0,5-6", 416),
        (f"bytes={len(CONTENT)}-", 416),
        ("bytes=-10", 206),
        ("lines=1-2", 200),
    ],
)
def test_ranges(place: Place, asked: str, status: int) -> None:
    """One range is served, several at once and those behind the end are refused, other units are ignored."""
    _, token, _ = claimed(place)
    answer = place.client.get(f"/d/{token}/file", headers={"Range": asked})
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
        assert answer.content == b""
    else:
        assert answer.headers["etag"] == f'"{DIGEST}"', "a strong tag: the digest of the bytes, not W/"


def test_an_outdated_tag_gets_the_whole_file(place: Place) -> None:
    """A range of another version of the file is answered with the whole one."""
    _, token, _ = claimed(place)
    headers = {"Range": "bytes=10-19", "If-Range": '"another"'}
    assert place.client.get(f"/d/{token}/file", headers=headers).status_code == 200


def test_head_of_the_file_sends_and_counts_nothing(place: Place) -> None:
    """HEAD tells the claimant size and tag, opens no stream and counts no byte."""
    link_id, token, _ = claimed(place)
    before = events(place)
    head = place.client.head(f"/d/{token}/file")
    assert (head.headers["content-length"], head.headers["etag"]) == (str(len(CONTENT)), f'"{DIGEST}"')
    assert events(place) == before
    assert place.links.get(link_id).bytes_sent == 0


def test_a_wrong_digest_is_not_a_receipt(place: Place) -> None:
    """Missing bytes or another digest leave the link claimed, and the browser is told to download again."""
    link_id, token, csrf = claimed(place)
    assert ack(place, token, csrf, sha256=DIGEST).status_code == 409
    ack(place, token, csrf, start=0, end=len(CONTENT))
    assert ack(place, token, csrf, sha256="0" * 64).status_code == 409
    assert place.links.get(link_id).state is LinkState.CLAIMED


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"start": 1},
        {"start": 5, "end": 5},
        {"start": 0, "end": 10**9},
        {"sha256": "x"},
        {"start": 0, "end": 1, "x": 1},
    ],
)
def test_nonsense_acknowledgements(place: Place, said: dict[str, object]) -> None:
    """Acknowledgements of another shape, or of bytes that the file has not, are 400 in JSON."""
    _, token, csrf = claimed(place)
    answer = ack(place, token, csrf, **said)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_bytes_are_capped(place: Place) -> None:
    """A claim gets no more than 1.5 times the file and 8 MiB; then it is told so."""
    _, token, _ = claimed(place)
    most = len(CONTENT) * 1.5 + 8 * 1024 * 1024
    sent, status = 0, 200
    for _ in range(8):
        answer = place.client.get(f"/d/{token}/file")
        status = answer.status_code
        sent += len(answer.content) if status == 200 else 0
    assert status == 429
    assert sent <= most


def test_a_vault_that_is_away(place: Place) -> None:
    """While the vault is away the answer is 503 with Retry-After, and the claim stays."""
    _, token, _ = claimed(place)
    place.vault.away = True
    answer = place.client.get(f"/d/{token}/file")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    place.vault.away = False
    assert place.client.get(f"/d/{token}/file").content == CONTENT


def test_a_destroyed_key_is_gone(place: Place) -> None:
    """When the key is destroyed, the claim's own browser is told what everybody is told."""
    _, token, _ = claimed(place)
    place.gateway.delivery.keys.destroy("d-1", place.desk.engine.now())
    assert place.client.get(f"/d/{token}/file").status_code == 404


def test_the_attachment(place: Place) -> None:
    """The file comes as an attachment whose name is plain ASCII, with the real one beside it (RFC 6266)."""
    assert attachment('Zoë "1".zip') == (
        "attachment; filename=\"Zo_ _1_.zip\"; filename*=UTF-8''Zo%C3%AB%20%221%22.zip"
    )
    _, token, _ = claimed(place)
    told = place.client.get(f"/d/{token}/file").headers["content-disposition"]
    assert told == "attachment; filename=\"export-1a2b.zip\"; filename*=UTF-8''export-1a2b.zip"
