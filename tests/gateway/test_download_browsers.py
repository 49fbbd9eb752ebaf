"""A link belongs to the browser that claimed it; others get nothing, and staff are told of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from casework.gateway import create_app
from tests.gateway.conftest import OURS, URL, Place
from tests.gateway.downloading import CONTENT, DIGEST, claimed, events, word


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
