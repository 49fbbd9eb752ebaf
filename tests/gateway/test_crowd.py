"""Many customers at once: whoever only looks does not stand in the queue of those who claim."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import Connection, select

from casework import database
from casework.delivery.links import link_events
from tests.gateway.conftest import Place
from tests.gateway.serving import served

THREADS, CROWD = 40, 50
"""How many threads answer what may write, and more people than that."""


def test_a_page_does_not_wait_for_those_who_claim(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While fifty claims wait for the database, the page of a link comes; that it was shown is recorded when it can be.

    Then all claims are answered, none of them with the right code, and the link is as locked as it should be.
    """
    link, token = place.file(b"content")
    place.links.issue_code(link.link_id)

    def claim(url: str, csrf: str) -> int:
        typed = {"csrf": csrf, "code": "wrong"}
        return httpx.post(f"{url}/d/{token}/claim", data=typed, headers={"Origin": url}, timeout=60).status_code

    writers = threading.Semaphore(0)

    def take(connection: Connection, line: threading.Lock) -> None:
        if "AnyIO" in threading.current_thread().name:
            writers.release()
        take_write_lock(connection, line)

    take_write_lock = database._take_write_lock
    monkeypatch.setattr(database, "_take_write_lock", take)

    with served(place) as url, ThreadPoolExecutor(CROWD) as people:
        csrf = place.csrf(httpx.get(f"{url}/d/{token}", headers={"User-Agent": "first"}))
        with place.desk.files.writing():
            claims = [people.submit(claim, url, csrf) for _ in range(CROWD)]
            assert all(writers.acquire(timeout=20) for _ in range(THREADS)), "the claims do not wait for the database"
            page = httpx.get(f"{url}/d/{token}", headers={"User-Agent": "second"}, timeout=10)
            assert page.status_code == 200
            assert not any(one.done() for one in claims)
        assert sorted({one.result() for one in claims}) == [422, 423]
        with place.desk.files.reading() as connection:
            told = [row.event for row in connection.execute(select(link_events))]
    assert told.count("code wrong") == 5
    assert told.count("shown") == 2
