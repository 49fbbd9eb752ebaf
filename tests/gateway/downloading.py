"""A file behind a link: how tests claim it, acknowledge it, and see what was noted of it."""

from __future__ import annotations

import hashlib
import random

import httpx
from sqlalchemy import select
from starlette.testclient import TestClient

from casework.delivery.links import link_events
from casework.delivery.links import links as link_table
from casework.schema import hooks
from tests.gateway.conftest import OURS, Place

CONTENT = random.Random(7).randbytes(2_500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def events(place: Place) -> list[str]:
    """What was noted of all links, oldest first."""
    with place.desk.files.reading() as connection:
        return list(connection.execute(select(link_events.c.event).order_by(link_events.c.event_id)).scalars())


def rows(place: Place) -> list[tuple[object, ...]]:
    """All links as they are stored."""
    with place.desk.files.reading() as connection:
        return [tuple(row) for row in connection.execute(select(link_table))]


def word(place: Place) -> list[tuple[str, ...]]:
    """What the gateway has left in the inbox."""
    shown = (hooks.c.vendor, hooks.c.delivery, hooks.c.event, hooks.c.subject)
    with place.desk.files.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*shown).order_by(hooks.c.delivery))]


def lock(place: Place, token: str) -> None:
    """Somebody guesses until no code works any more."""
    link = place.links.find(token)
    assert link is not None
    code = place.links.issue_code(link.link_id)
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


def ack(place: Place, token: str, csrf: str, **said: object) -> httpx.Response:
    """Say what arrived, as the page's script does."""
    answer: httpx.Response = place.client.post(f"/d/{token}/ack", json=said, headers=OURS | {"X-CSRF": csrf})
    return answer
