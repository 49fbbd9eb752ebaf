"""The commands about links and data keys, over a desk in place of the settings' database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from casework import wiring
from casework.delivery.history import brief, histories
from casework.delivery.keys import FORMER, KeyFile, KeyStore
from casework.delivery.links import ClaimToken, Link, Links, SealedFile
from casework.engine.simulated import Run
from casework.settings import load
from tests.desk import SECRET, Desk

SIZE = 20_000_000
VISITOR = "192.0.2.7 Quillfeather/1.0"


@pytest.fixture(autouse=True)
def in_paris(monkeypatch: pytest.MonkeyPatch) -> None:
    """The readers are an hour ahead of UTC."""
    monkeypatch.setenv("CASEWORK_ZONE", "Europe/Paris")


@pytest.fixture
def links(desk: Desk) -> Links:
    return Links(desk.database, SECRET, desk.engine.now)


@pytest.fixture
def case(desk: Desk) -> Run:
    return desk.start("command-toy", ticket=9)


def made(desk: Desk, links: Links, case: Run) -> Link:
    digest = "a" * 64
    file = SealedFile(
        case.case_id, case.case_id, "9", "dropbox", "o", "k", "export.zip", SIZE, digest, SIZE + 40, digest
    )
    return links.make_ready(links.create(file, desk.engine.now() + timedelta(days=7)).link_id)


def downloaded(desk: Desk, links: Links, link: Link) -> str:
    """Two visitors, a wrong code, five ranges of which one is asked for again, the receipt; the code that was right."""
    ours = links.of_visitor(VISITOR)
    code = ours.issue_code(link.link_id)
    assert isinstance(code, str)
    ours.claim(links.token(link.link_id), f"{(int(code) + 1) % 10**6:06}")
    desk.engine.sleep(60)
    won = ours.claim(links.token(link.link_id), code)
    assert isinstance(won, ClaimToken)
    for start in (0, 4_000_000, 8_000_000, 4_000_000, 8_000_000, 12_000_000, 16_000_000):
        stream = ours.open_stream(link.link_id, won.value, start, start + 4_000_000)
        assert links.record_sent(link.link_id, stream, 4_000_000) is None
    ours.acknowledge(link.link_id, won.value, 0, 12_000_000)
    links.of_visitor("198.51.100.4 other").claim(links.token(link.link_id), code)
    ours.acknowledge(link.link_id, won.value, 12_000_000, SIZE)
    ours.receive(link.link_id, won.value, "a" * 64)
    links.mark_destroyed(link.link_id)
    return code


def test_what_happened_with_a_link(run: Callable[..., Result], desk: Desk, links: Links, case: Run) -> None:
    """Everything in order, in the reader's zone; ranges that go on are one line; visitors can be told apart."""
    link = made(desk, links, case)
    downloaded(desk, links, link)
    shown = run("link", 9)
    assert shown.exit_code == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[0] == f"link {link.link_id} · destroyed (received) · dropbox"
    assert lines[1].startswith(
        "20,000,000 bytes; 28,000,000 sent, 20,000,000 acknowledged; open until 09 Mar 2026 10:00"
    )
    ((story),) = histories(desk.database, case.case_id)
    ours, theirs = story.events[3].visitor or "", story.events[-3].visitor or ""
    assert ours[:6] != theirs[:6]
    assert lines[4:] == [
        "02 Mar 10:00:00 created",
        "02 Mar 10:00:00 made ready",
        f"02 Mar 10:00:00 {ours[:6]} code issued",
        f"02 Mar 10:00:00 {ours[:6]} code wrong",
        f"02 Mar 10:01:00 {ours[:6]} claimed",
        f"02 Mar 10:01:00 {ours[:6]} range: bytes 0 to 12,000,000, in 3 requests",
        f"02 Mar 10:01:00 {ours[:6]} resumed: bytes 4,000,000 to 20,000,000, in 4 requests",
        f"02 Mar 10:01:00 {theirs[:6]} claim refused",
        f"02 Mar 10:01:00 {ours[:6]} received",
        "02 Mar 10:01:00 destroyed",
    ]


def test_the_same_for_scripts(run: Callable[..., Result], desk: Desk, links: Links, case: Run) -> None:
    """As JSON every event is there, in UTC and in the order in which it happened."""
    link = made(desk, links, case)
    downloaded(desk, links, link)
    (told,) = json.loads(run("link", case.case_id[:8], "--json").stdout)
    assert (told["link"], told["state"], told["ended_as"]) == (link.link_id, "destroyed", "received")
    assert (told["bytes"], told["bytes_sent"], told["bytes_acknowledged"]) == (SIZE, 28_000_000, SIZE)
    asked = [(one["start_byte"], one["end_byte"]) for one in told["events"] if one["start_byte"] is not None]
    assert len(asked) == 7
    assert asked[3] == (4_000_000, 8_000_000)
    moments = [one["at"] for one in told["events"]]
    assert moments == sorted(moments)
    assert moments[0] == "2026-03-02T09:00:00+00:00"


def test_links_that_followed_each_other(run: Callable[..., Result], desk: Desk, links: Links, case: Run) -> None:
    """A link that was voided for another one comes first, and the other says in whose place it is and who did it."""
    first = made(desk, links, case)
    desk.engine.sleep(3600)
    second = links.reissue(first.link_id, first.file, first.expires_at, by="staff-41", reason="text:1")
    shown = run("link", 9).stdout
    assert shown.index(f"link {first.link_id} · revoked (reissued)") < shown.index(f"link {second.link_id} · sealed")
    assert f"in place of {first.link_id}, by staff-41" in shown


def test_nothing_that_opens_or_names(run: Callable[..., Result], desk: Desk, links: Links, case: Run) -> None:
    """Neither form holds a token, a code, a claim, an address or a browser."""
    link = made(desk, links, case)
    code = downloaded(desk, links, link)
    for shown in (run("link", 9).stdout, run("link", 9, "--json").stdout):
        for secret in (links.token(link.link_id), code, "Quillfeather", "192.0.2.7", "export.zip"):
            assert secret not in shown


def test_a_case_without_a_link(run: Callable[..., Result], case: Run) -> None:
    """It is said that there is none; a script gets an empty list."""
    assert run("link", 9).stdout == f"Case {case.case_id} has no link: none was made for it.\n"
    assert json.loads(run("link", 9, "--json").stdout) == []


def test_ranges_of_others_are_not_joined(desk: Desk, links: Links, case: Run) -> None:
    """What two visitors asked for stays two lines, also where one range begins where the other ends."""
    link = made(desk, links, case)
    downloaded(desk, links, link)
    (story,) = histories(desk.database, case.case_id)
    ranges = [line for line in story.events if line.start_byte is not None][:2]
    first, second = ranges
    assert len(brief([first, second])) == 1
    assert len(brief([first, type(second)(second.at, second.event, "another", 4_000_000, 8_000_000)])) == 2


def test_keys_are_wrapped_anew(
    run: Callable[..., Result], folder: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the key file was exchanged as the handbook says, keys need the new one alone; again does nothing."""
    kek = folder / "keys" / "key-encryption-key"

    def store() -> KeyStore:
        return KeyStore(folder / "keys" / "data-keys.db", KeyFile(kek))

    @contextmanager
    def connected() -> Iterator[Any]:
        yield SimpleNamespace(delivery=SimpleNamespace(keys=store()), settings=load().settings)

    monkeypatch.setattr(wiring, "connected", connected)
    key = store().create("d-1")
    store().create("d-2")
    store().destroy("d-2", desk.engine.now())
    kek.rename(kek.with_name(kek.name + FORMER))
    assert run("rewrap-keys").stdout == "1 wrapped anew; 0 needed nothing.\n"
    kek.with_name(kek.name + FORMER).unlink()
    assert store().open("d-1") == key
    assert run("rewrap-keys").stdout == "0 wrapped anew; 1 needed nothing.\n"
