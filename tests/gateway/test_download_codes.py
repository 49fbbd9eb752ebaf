"""The codes that open a link: sent to the requester, typed, guessed, locked."""

from __future__ import annotations

from dataclasses import replace

from starlette.testclient import TestClient

from casework.delivery.links import LinkState
from casework.gateway import create_app
from casework.gateway.app import report_locks
from casework.systems.errors import Temporary
from tests.gateway.conftest import OURS, URL, Place
from tests.gateway.downloading import CONTENT, events, lock, word


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
