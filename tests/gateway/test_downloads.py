"""The download: found by its token, opened by a code, given to one browser, whole."""

from __future__ import annotations

import hashlib
import hmac
import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update
from starlette.testclient import TestClient

from casework.delivery.links import LinkState, link_events
from casework.delivery.links import links as link_table
from casework.gateway import create_app
from casework.gateway.app import expire_links, report_locks
from casework.gateway.security import attachment
from casework.schema import hooks
from casework.systems.errors import Temporary
from tests.gateway.conftest import OURS, URL, Place

CONTENT = random.Random(7).randbytes(2_500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def events(place: Place) -> list[str]:
    with place.desk.files.reading() as connection:
        return list(connection.execute(select(link_events.c.event).order_by(link_events.c.event_id)).scalars())


def rows(place: Place) -> list[tuple[object, ...]]:
    with place.desk.files.reading() as connection:
        return [tuple(row) for row in connection.execute(select(link_table))]


def word(place: Place) -> list[tuple[str, ...]]:
    """What the gateway has left in the inbox."""
    shown = (hooks.c.vendor, hooks.c.delivery, hooks.c.event, hooks.c.subject)
    with place.desk.files.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*shown).order_by(hooks.c.delivery))]


def lock(place: Place, token: str) -> None:
    """Somebody guesses until no code works any more."""
    code = place.links.issue_code(place.links.find(token).link_id)  # type: ignore[union-attr]
    assert isinstance(code, str)
    for _ in range(5):
        place.links.claim(token, f"{(int(code) + 1) % 10**6:06}")


def claimed(place: Place, browser: TestClient | None = None) -> tuple[str, str, str]:
    """A claimed link: its id, its token, and the form value of its page."""
    link, token = place.file(CONTENT)
    browser = browser or place.client
    assert place.claim(browser, token).status_code == 303
    csrf = browser.get(f"/d/{token}").text.split('data-csrf="')[1].split('"')[0]
    return link.link_id, token, csrf


def ack(place: Place, token: str, csrf: str, **said: object):  # type: ignore[no-untyped-def]
    return place.client.post(f"/d/{token}/ack", json=said, headers=OURS | {"X-CSRF": csrf})


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


def test_looking_changes_nothing(place: Place) -> None:
    """A thousand GET, HEAD, OPTIONS and Range on the landing page, and others below it, leave the link as it is.

    That it was shown is noted once for each visitor, and for a hundred of them at most; a form without a code
    uses nothing up.
    """
    link, token = place.file(b"x" * 100)
    before = rows(place)
    for number in range(1000):
        method = ("GET", "HEAD", "OPTIONS")[number % 3]
        headers = {"Range": "bytes=0-9"} if number % 2 else {}
        looked = place.client.request(method, f"/d/{token}", headers=headers)
        assert looked.status_code == (405 if method == "OPTIONS" else 200)
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


def test_head_of_the_file_sends_and_counts_nothing(place: Place) -> None:
    """HEAD tells the claimant size and tag, opens no stream and counts no byte."""
    link_id, token, _ = claimed(place)
    before = events(place)
    head = place.client.head(f"/d/{token}/file")
    assert (head.headers["content-length"], head.headers["etag"]) == (str(len(CONTENT)), f'"{DIGEST}"')
    assert events(place) == before
    assert place.links.get(link_id).bytes_sent == 0


def test_five_wrong_codes_lock_the_link(place: Place) -> None:
    """Wrong codes cost tries and nothing else; the fifth locks the link, and word of it is left once."""
    link, token = place.file(CONTENT)
    run = place.start(listens=f"link:{link.link_id}")
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
    right = place.codes[-1][1]
    wrong = f"{(int(right) + 1) % 10**6:06}"
    legs = run.legs
    tries = [
        place.client.post(f"/d/{token}/claim", data={"csrf": csrf, "code": code}, headers=OURS).status_code
        for code in [wrong] * 5 + [right]
    ]
    assert tries == [422, 422, 422, 422, 423, 423]
    assert place.links.get(link.link_id).state is LinkState.READY
    assert "locked" in events(place)
    assert place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS).status_code == 423
    assert word(place) == [("link", f"{link.link_id}:locked", "link.locked", f"link:{link.link_id}")]
    assert place.inbox().work() == 1
    assert place.hints == [("link.locked", f"link:{link.link_id}")]
    place.desk.engine.run()
    assert run.legs > legs


def test_a_gateway_killed_at_the_lock_leaves_word_later(place: Place) -> None:
    """Killed between the fifth wrong code and its word, the clock of the next gateway leaves it, once."""
    link, token = place.file(CONTENT)
    assert report_locks(place.gateway, place.inbox()) == 0
    lock(place, token)
    assert word(place) == []
    assert [report_locks(place.gateway, place.inbox()) for _ in range(2)] == [1, 0]
    assert word(place) == [("link", f"{link.link_id}:locked", "link.locked", f"link:{link.link_id}")]


def test_the_fifth_code_may_be_the_right_one(place: Place) -> None:
    """A link that was claimed by its last try is not locked, and nobody is told that it is."""
    link, token = place.file(CONTENT)
    code = place.links.issue_code(link.link_id)
    assert isinstance(code, str)
    for typed in [f"{(int(code) + 1) % 10**6:06}"] * 4 + [code]:
        place.links.claim(token, typed)
    assert place.links.get(link.link_id).state is LinkState.CLAIMED
    assert report_locks(place.gateway, place.inbox()) == 0


def test_a_code_may_be_typed_with_a_space(place: Place) -> None:
    """`123 456` is the code 123456."""
    _, token = place.file(CONTENT)
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    sent = place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
    assert "on its way" in sent.text
    code = place.codes[-1][1]
    typed = {"csrf": csrf, "code": f" {code[:3]} {code[3:]} "}
    answer = place.client.post(f"/d/{token}/claim", data=typed, headers=OURS, follow_redirects=False)
    assert answer.status_code == 303


def test_codes_are_not_sent_without_end(place: Place) -> None:
    """Five codes an hour: whoever has the link cannot flood the requester's mailbox."""
    _, token = place.file(CONTENT)
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    answers = [place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS).status_code for _ in range(7)]
    assert answers == [200] * 5 + [429] * 2
    assert len(place.codes) == 5
    place.desk.engine.sleep(3601)
    assert place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS).status_code == 200


def test_a_code_that_cannot_be_sent(place: Place) -> None:
    """When the mail cannot go out the page says so, and the link stays ready."""

    def away(*_: object) -> None:
        raise Temporary("SES", "send a code", "failed to answer")

    _, token = place.file(CONTENT)
    client = TestClient(create_app(replace(place.gateway, code_sender=away)), base_url=URL)
    csrf = place.csrf(client.get(f"/d/{token}"))
    answer = client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
    assert (answer.status_code, "try again in a few minutes" in answer.text) == (503, True)


def test_a_second_browser_gets_nothing(place: Place) -> None:
    """After the claim another browser sees since when, gets no byte, and cannot acknowledge."""
    _, token, csrf = claimed(place)
    other = place.browser()
    page = other.get(f"/d/{token}")
    assert (page.status_code, "opened on Monday, 2 March 2026, 09:00 (UTC)" in page.text) == (403, True)
    assert other.get(f"/d/{token}/file").status_code == 404
    said = other.post(f"/d/{token}/ack", json={"sha256": DIGEST}, headers=OURS | {"X-CSRF": csrf})
    assert said.status_code == 404
    assert "received" not in events(place)


def test_staff_are_told_of_another_browser_once(place: Place) -> None:
    """However often and however another browser tries a claimed link, word of it is left once, and it is handled."""
    link_id, token, csrf = claimed(place)
    assert place.client.get(f"/d/{token}").status_code == 200
    assert word(place) == [], "the browser that claimed is no other one"
    other = place.browser()
    typed = {"csrf": csrf, "code": "123456"}
    tries = [
        other.get(f"/d/{token}").status_code,
        other.get(f"/d/{token}/file").status_code,
        other.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS).status_code,
        other.post(f"/d/{token}/claim", data=typed, headers=OURS).status_code,
    ]
    assert tries == [403, 404, 403, 403]
    told = ("link", f"{link_id}:elsewhere", "link.claimed-elsewhere", f"link:{link_id}")
    assert word(place) == [told]
    assert place.inbox().work() == 1
    assert place.hints == [(told[2], told[3])]
    assert other.get(f"/d/{token}").status_code == 403
    assert place.inbox().work() == 0


@pytest.mark.parametrize("way", ["/file", "/code", "/claim"])
def test_each_try_of_another_browser_is_told(place: Place, way: str) -> None:
    """Asking for the file, for a code and for the claim each leave word by themselves."""
    _, token, csrf = claimed(place)
    method = "GET" if way == "/file" else "POST"
    form = {"data": {"csrf": csrf, "code": "123456"}} if method == "POST" else {}
    place.browser().request(method, f"/d/{token}{way}", headers=OURS, **form)
    assert [row[2] for row in word(place)] == ["link.claimed-elsewhere"]


def test_a_browser_that_keeps_its_cookie_back_is_not_accused(place: Place) -> None:
    """Led here from the mail's page, the claimant's browser sends no cookie: nobody is told until it goes on."""
    _, token, _ = claimed(place)
    other = place.browser()
    assert other.get(f"/d/{token}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert other.head(f"/d/{token}").status_code == 403
    assert word(place) == []
    assert other.get(f"/d/{token}", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 403
    assert [row[2] for row in word(place)] == ["link.claimed-elsewhere"]


def test_no_word_of_links_that_are_not_claimed(place: Place) -> None:
    """A ready link that is looked at, and one that has ended, tell staff nothing."""
    link, token = place.file(CONTENT)
    for _ in range(2):
        place.browser().get(f"/d/{token}")
        place.browser().get(f"/d/{token}/file")
        place.links.revoke(link.link_id)
    assert word(place) == []


@pytest.mark.parametrize("second", ["https://casework.second.example", "http://127.0.0.1:8081"])
def test_the_second_host_name(place: Place, second: str) -> None:
    """The same link works at the second address: its forms, its cookie, its file; the first one goes on working."""
    delivery = replace(place.gateway.delivery, second_public_url=second)
    app = create_app(replace(place.gateway, delivery=delivery))
    _, token = place.file(CONTENT)
    there = TestClient(app, base_url=second)
    csrf = place.csrf(there.get(f"/d/{token}"))
    ours = {"Origin": second, "Sec-Fetch-Site": "same-origin"}
    assert there.post(f"/d/{token}/code", data={"csrf": csrf}, headers=ours).status_code == 200
    typed = {"csrf": csrf, "code": place.codes[-1][1]}
    won = there.post(f"/d/{token}/claim", data=typed, headers=ours, follow_redirects=False)
    assert won.status_code == 303
    assert won.headers["set-cookie"].startswith("__Host-" if second.startswith("https") else "casework-")
    assert ("Secure" in won.headers["set-cookie"]) == second.startswith("https")
    assert there.get(f"/d/{token}/file").content == CONTENT
    said = there.post(f"/d/{token}/ack", json={"start": 0, "end": 9}, headers=ours | {"X-CSRF": csrf})
    assert said.json()["arrived"] == 9

    _, token = place.file(CONTENT, "d-2")
    assert place.claim(TestClient(app, base_url=URL), token).status_code == 303
    assert (
        "__Host-casework-"
        in place.claim(TestClient(app, base_url=URL), place.file(CONTENT, "d-3")[1]).headers["set-cookie"]
    )


def test_without_a_second_host_name_its_forms_do_nothing(place: Place) -> None:
    """An address that is not set is somewhere else."""
    _, token = place.file(CONTENT)
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    headers = {"Origin": "https://casework.second.example", "Sec-Fetch-Site": "same-origin"}
    assert place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=headers).status_code == 403
    assert place.codes == []


def test_one_winner(place: Place) -> None:
    """Eight browsers with the right code at the same instant: one of them wins."""
    _, token = place.file(CONTENT)
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    place.client.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
    typed = {"csrf": csrf, "code": place.codes[-1][1]}
    gate = threading.Barrier(8)

    def claim(_: int) -> int:
        browser = place.browser()
        gate.wait()
        sent = browser.post(f"/d/{token}/claim", data=typed, headers=OURS, follow_redirects=False)
        return int(sent.status_code)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(8))) == [303] + [403] * 7


def test_the_cookie(place: Place) -> None:
    """The claim's cookie is __Host-, Secure, HttpOnly, SameSite=Strict; plain http lacks the first two."""

    _, token = place.file(CONTENT)
    cookie = place.claim(place.client, token).headers["set-cookie"]
    assert cookie.startswith("__Host-casework-")
    for part in ("HttpOnly", "Path=/", "SameSite=strict", "Secure"):
        assert part in cookie
    assert "Domain" not in cookie

    plain = "http://127.0.0.1:8080"
    delivery = replace(place.gateway.delivery, public_url=plain)
    client = TestClient(create_app(replace(place.gateway, delivery=delivery)), base_url=plain)
    _, token = place.file(CONTENT, "d-2")
    csrf = place.csrf(client.get(f"/d/{token}"))
    client.post(f"/d/{token}/code", data={"csrf": csrf}, headers={"Origin": plain})
    typed = {"csrf": csrf, "code": place.codes[-1][1]}
    won = client.post(f"/d/{token}/claim", data=typed, headers={"Origin": plain}, follow_redirects=False)
    assert won.headers["set-cookie"].startswith("casework-")
    assert "Secure" not in won.headers["set-cookie"]
    assert "Download your data export" in client.get(f"/d/{token}").text


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


def test_forms_from_elsewhere_do_nothing(place: Place) -> None:
    """Another site can neither have a code sent nor claim nor acknowledge."""
    _, token = place.file(CONTENT)
    csrf = place.csrf(place.client.get(f"/d/{token}"))
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    ):
        for path in ("code", "claim"):
            sent = place.client.post(f"/d/{token}/{path}", data={"csrf": csrf, "code": "1"}, headers=headers)
            assert sent.status_code == 403
        said = place.client.post(f"/d/{token}/ack", json={"sha256": DIGEST}, headers=headers | {"X-CSRF": csrf})
        assert said.status_code == 403
    assert place.codes == []
    assert events(place) == ["created", "made ready", "shown"]


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


def test_the_attachment(place: Place) -> None:
    """The file comes as an attachment whose name is plain ASCII, with the real one beside it (RFC 6266)."""
    assert attachment('Zoë "1".zip') == (
        "attachment; filename=\"Zo_ _1_.zip\"; filename*=UTF-8''Zo%C3%AB%20%221%22.zip"
    )
    _, token, _ = claimed(place)
    told = place.client.get(f"/d/{token}/file").headers["content-disposition"]
    assert told == "attachment; filename=\"export-1a2b.zip\"; filename*=UTF-8''export-1a2b.zip"


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

    place.desk.engine.resume = resumed  # type: ignore[method-assign]
    with place.desk.files.writing() as connection:
        connection.execute(update(link_table).values(expires_at=place.desk.engine.now()))
    with TestClient(create_app(place.gateway), base_url=URL):
        assert woken.wait(10)
    assert place.links.get(link.link_id).state is LinkState.EXPIRED
    assert not [thread for thread in threading.enumerate() if thread.name in ("clock", "hooks")]
