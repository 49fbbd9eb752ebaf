"""The doors of a download: looked at, leading nowhere, noted, logged, and watched by the clock."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading

import pytest
from sqlalchemy import event, select, update
from starlette.testclient import TestClient

from casework.delivery.links import LinkState, link_events
from casework.delivery.links import links as link_table
from casework.gateway import create_app
from tests.gateway.conftest import OURS, URL, Place, look
from tests.gateway.downloading import CONTENT, DIGEST, ack, claimed, events, rows


def test_looking_changes_nothing(place: Place) -> None:
    """A thousand GET, HEAD, OPTIONS and Range on the landing page, and others below it, leave the link as it is.

    That it was shown is noted once for each visitor, and for a hundred of them at most; a form without a code
    uses nothing up.
    """
    link, token = place.file(b"x" * 100)
    before = rows(place)
    assert look(place, f"/d/{token}", 1000) == ([200, 200, 405] * 334)[:1000]
    for method in ("GET", "HEAD", "OPTIONS"):
        for path in ("/file", "/code", "/claim", "/ack"):
            assert place.client.request(method, f"/d/{token}{path}").status_code in (404, 405)
    assert rows(place) == before
    assert events(place) == ["created", "made ready", "shown"]
    for number in range(110):
        place.client.get(f"/d/{token}", headers={"User-Agent": f"scanner {number}"})
    assert rows(place) == before
    assert events(place) == ["created", "made ready"] + ["shown"] * 100
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    place.client.post(f"/d/{token}/claim", data={"csrf": csrf, "code": ""}, headers=OURS)
    assert place.links.get(link.link_id).state is LinkState.READY


def test_the_audit(place: Place) -> None:
    """Looked at, code, wrong code, claim, ranges, a resumed one, another browser, receipt and end are all events.

    Whoever it was is in them as an HMAC: not the address, not the browser's name, and another one for each link.
    """
    link, token = place.file(CONTENT)
    browser = {"User-Agent": "Quillfeather/9.1 (private)"}
    place.client.headers.update(browser)
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
    code = place.codes[-1][1]
    for typed in (f"{(int(code) + 1) % 10**6:06}", code):
        place.client.post(f"/d/{token}/claim", data={"csrf": csrf, "code": typed}, headers=OURS, follow_redirects=False)
    for asked in ("bytes=0-999999", "bytes=1000000-1999999", "bytes=1500000-2499999"):
        assert place.client.get(f"/d/{token}/file", headers={"Range": asked}).status_code == 206
    place.browser().get(f"/d/{token}")
    ack(place, token, csrf, start=0, end=len(CONTENT))
    ack(place, token, csrf, sha256=DIGEST)
    place.links.mark_destroyed(link.link_id)
    assert events(place) == [
        "created",
        "made ready",
        "shown",
        "code issued",
        "code wrong",
        "claimed",
        "range",
        "range",
        "resumed",
        "refused",
        "shown",
        "received",
        "destroyed",
    ]
    with place.desk.files.reading() as connection:
        told = connection.execute(select(link_events).order_by(link_events.c.event_id)).all()
    ours, theirs = told[2].visitor, told[9].visitor
    assert [row.visitor for row in told] == [None] * 2 + [ours] * 7 + [theirs] * 2 + [ours, None]
    assert len({ours, theirs, None}) == 3
    assert [(row.start_byte, row.end_byte) for row in told[6:9]] == [
        (0, 1_000_000),
        (1_000_000, 2_000_000),
        (1_500_000, 2_500_000),
    ]
    written = str([tuple(row) for row in told])
    for secret in ("Quillfeather", "testclient", token, code, csrf):
        assert secret not in written
    _, token = place.file(CONTENT, "d-2")
    place.client.get(f"/d/{token}")
    with place.desk.files.reading() as connection:
        last = connection.execute(select(link_events).order_by(link_events.c.event_id.desc()).limit(1)).one()
    assert (last.event, last.visitor in (ours, theirs)) == ("shown", False)


def test_links_that_lead_nowhere_look_alike(place: Place) -> None:
    """Unknown, not ready, expired, revoked and used links answer everything with the same bytes."""
    tokens = {"unknown": "x" * 43}
    for name in ("sealed", "expired", "revoked", "used"):
        link, tokens[name] = place.file(CONTENT, name, ready=name != "sealed")
        if name == "revoked":
            place.links.revoke(link.link_id)
        if name in ("expired", "used"):
            change = {"expires_at": place.desk.engine.now()} if name == "expired" else {"state": LinkState.RECEIVED}
            with place.desk.files.writing() as connection:
                where = link_table.c.link_id == link.link_id
                connection.execute(update(link_table).where(where).values(change))
    seen = set()
    for token in tokens.values():
        landing = place.client.get(f"/d/{token}")
        file = place.client.get(f"/d/{token}/file")
        csrf = place.gateway_csrf(token)
        code = place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
        claim = place.client.post(f"/d/{token}/claim", data={"csrf": csrf, "code": "123456"}, headers=OURS)
        assert landing.status_code == file.status_code == code.status_code == claim.status_code == 404
        seen |= {(answer.content, tuple(sorted(answer.headers.items()))) for answer in (landing, file, code, claim)}
    assert len(seen) == 1
    assert place.codes == []


def test_links_that_lead_nowhere_cost_the_same(place: Place) -> None:
    """Whether such a link is unknown or was one once shows in no time: each answer asks the database the same.

    The questions are compared, not the clock: equal work is what can be promised.
    """
    tokens = {"unknown": "x" * 43}
    for name in ("sealed", "expired", "revoked", "used"):
        link, tokens[name] = place.file(CONTENT, name, ready=name != "sealed")
        if name == "revoked":
            place.links.revoke(link.link_id)
        change = {"expires_at": place.desk.engine.now()} if name == "expired" else {"state": LinkState.RECEIVED}
        if name in ("expired", "used"):
            with place.desk.files.writing() as connection:
                connection.execute(update(link_table).where(link_table.c.link_id == link.link_id).values(change))
    asked: list[str] = []
    event.listen(place.desk.database, "before_cursor_execute", lambda *told: asked.append(told[2]))
    compared: list[bool] = []
    for way, form in (("", None), ("/file", None), ("/code", {}), ("/claim", {"code": "123456"}), ("/ack", {})):
        seen = set()
        for token in tokens.values():
            asked.clear()
            csrf = place.gateway_csrf(token)
            if form is None:
                answer = place.client.get(f"/d/{token}{way}")
            elif way == "/ack":
                answer = ack(place, token, csrf, sha256=DIGEST)
            else:
                answer = place.client.post(f"/d/{token}{way}", data=form | {"csrf": csrf}, headers=OURS)
            assert answer.status_code == 404
            assert asked
            seen.add((tuple(asked), answer.content))
        compared.append(len(seen) == 1)
    assert compared == [True] * 5


def test_secrets_are_compared_in_constant_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token, the claim, the digest and the form's value all go through the comparison that takes equal time."""
    compared: list[tuple[object, object]] = []
    real = hmac.compare_digest

    def watched(one: bytes, two: bytes) -> bool:
        compared.append((one, two))
        return real(one, two)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    link_id, token, csrf = claimed(place)
    ack(place, token, csrf, start=0, end=len(CONTENT))
    ack(place, token, csrf, sha256=DIGEST)
    claim = place.client.cookies[f"__Host-casework-{link_id}"]
    given = {two for _, two in compared} | {one for one, _ in compared}
    for secret in (hashlib.sha256(token.encode()).hexdigest(), hashlib.sha256(claim.encode()).hexdigest()):
        assert secret in given
    assert {csrf.encode(), DIGEST.encode()} <= given


def test_headers_of_every_answer(place: Place) -> None:
    """Pages, files, ranges, errors and JSON all carry the same protective headers; nothing is ever compressed."""
    _, token, csrf = claimed(place)
    place.client.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"
    file = place.client.get(f"/d/{token}/file")
    range_headers = [{"Range": asked} for asked in ("bytes=0-9", "bytes=0-0,5-6")]
    answers = {
        200: [place.client.get(f"/d/{token}"), file, place.client.head(f"/d/{token}/file")],
        206: [place.client.get(f"/d/{token}/file", headers=range_headers[0])],
        400: [ack(place, token, csrf), place.client.get("/decide/x")],
        403: [place.browser().get(f"/d/{token}"), place.client.post(f"/d/{token}/code", data={"csrf": "x"})],
        404: [place.client.get("/d/unknown"), place.client.get("/nowhere")],
        405: [place.client.put("/health"), place.client.options(f"/d/{token}")],
        413: [place.client.post("/hooks/zendesk", content=b"x" * (2**20 + 1))],
        416: [place.client.get(f"/d/{token}/file", headers=range_headers[1])],
    }
    for status, given in answers.items():
        for answer in given:
            assert answer.status_code == status, (status, answer.request.url)
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert answer.headers["x-robots-tag"].startswith("noindex")
            assert "content-encoding" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers
    assert file.headers["content-type"] == "application/octet-stream"


def test_an_unforeseen_error_is_a_page(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug answers 500 with our headers and a sentence; neither page nor log holds the error's words."""

    def bug(token: str) -> None:
        raise ValueError(f"private {token}")

    monkeypatch.setattr(place.links, "find", bug)
    answer = place.client.get("/d/some-token")
    assert answer.status_code == 500
    assert "try again" in answer.text
    assert "content-security-policy" in answer.headers
    ours = "".join(record.getMessage() for record in caplog.records if record.name != "httpx")
    assert "ValueError in " in ours
    assert "some-token" not in ours + answer.text


def test_no_token_in_logs(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither token, code, form value nor claim is in any line of the log, which names routes."""
    caplog.set_level(logging.DEBUG)
    link_id, token, csrf = claimed(place)
    place.client.get(f"/d/{token}/file")
    ack(place, token, csrf, start=0, end=5)
    claim = place.client.cookies[f"__Host-casework-{link_id}"]
    run = place.start()
    place.client.get(f"/decide/{place.token(run)}")
    # The test's own client logs what it asks for; a deployment's log has only what is ours and the server's.
    lines = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert any("GET /d/{token}/file 200" in line for line in lines)
    assert any("POST /d/{token}/claim 303" in line for line in lines)
    for secret in (token, csrf, claim, place.codes[-1][1], place.token(run)):
        assert not [line for line in lines if secret in line]


def test_the_clock_of_a_running_gateway(place: Place) -> None:
    """A running gateway expires links by itself, wakes their cases, and stops cleanly."""
    link, _ = place.file(CONTENT)
    place.start(listens=f"link:{link.link_id}")
    woken = threading.Event()
    resume = place.desk.engine.resume

    def resumed(case_id: str) -> None:
        resume(case_id)
        woken.set()

    place.desk.engine.resume = resumed  # type: ignore[method-assign]  # the engine, watched
    with place.desk.files.writing() as connection:
        connection.execute(update(link_table).values(expires_at=place.desk.engine.now()))
    with TestClient(create_app(place.gateway), base_url=URL):
        assert woken.wait(10)
    assert place.links.get(link.link_id).state is LinkState.EXPIRED
    assert not [thread for thread in threading.enumerate() if thread.name in ("clock", "hooks")]
