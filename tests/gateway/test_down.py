"""An answer given while something is down is kept, or its person is told clearly and can give it again; never half."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from casework import database, tick, wiring
from casework.answer import Accepted, Offer, Refused, answer
from casework.case import Entry, Kind
from casework.cli import app
from casework.clock import Minutes
from casework.commands import questions
from casework.engine.simulated import Run
from casework.gateway import buttons, decisions
from casework.gateway.inbox import Hook
from casework.people import Identity, Invitation, Role
from casework.process import process
from casework.schema import codes, texts
from casework.wait import Heard, wait_for
from tests.conftest import START
from tests.desk import SECRET, Desk
from tests.gateway.conftest import ANA, OURS, Approval, Place, open_place

HOLD = 0.4
"""For so long, in seconds, somebody else keeps the database where it is down for a moment."""

PATIENCE = 0.25
"""For so long, in seconds, a writer waits where the database is down for longer than that."""

QUESTION = "approval/1"
REASON = "because of the Marlowe-Quux letter"

commented: list[Heard] = []
"""The commands that stand on the ticket."""
looked: list[Callable[[], object]] = []
"""What happens when a leg has looked at the ticket and is about to hand in what it found."""


def _comments(_since: datetime) -> list[Heard]:
    for happen in looked:
        happen()
    return list(commented)


@process("down-toy", subject="zendesk:ticket:{ticket}")
def down_toy(ticket: int) -> str:
    """Ask once, through every channel."""
    verdict = wait_for(
        Approval,
        key="approval",
        question="Agree?",
        who=Role(name="csm", people=(ANA,)),
        within=Minutes(60),
        listens=f"zendesk:ticket:{ticket}",
        look=_comments,
    )
    return verdict.verdict.value if verdict else "expired"


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Nothing stands on the ticket, and nothing happens when it is looked at."""
    commented.clear()
    looked.clear()


# What is down

Ends = tuple[Callable[[], object], Callable[[], object]]
"""How a fault begins and ends."""


@dataclass
class Fault:
    """Something that keeps our side from writing, from `begin` to `end`."""

    begin: Callable[[], object]
    end: Callable[[], object]
    brief: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    since: float = 0.0

    def strike(self) -> None:
        """Begin, once; a brief fault ends by itself."""
        looked.clear()
        self.begin()
        self.since = time.monotonic()
        if self.brief:
            threading.Timer(HOLD, self.stop).start()

    def stop(self) -> None:
        """End it; that is noted first, because whoever waits for the end goes on at that very moment."""
        if not self.ended.is_set():
            self.ended.set()
            self.end()


HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
held.rollback()
"""


@contextmanager
def another_writer(file: str) -> Iterator[Ends]:
    """Another process that takes the write lock of an SQLite file, and lets it go."""
    made: list[subprocess.Popen[str]] = []

    def begin() -> None:
        command = [sys.executable, "-I", "-S", "-c", HOLDER, file]
        made.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert made[0].stdout is not None
        assert made[0].stdout.readline() == "held\n"

    def end() -> None:
        made[0].communicate("\n", timeout=20)

    yield begin, end
    for left in made:
        left.kill()
        left.wait(20)
        for pipe in (left.stdin, left.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def locked_tables(address: str) -> Iterator[Ends]:
    """Another session of PostgreSQL that locks the tables against everybody, as a migration does."""
    with psycopg.connect(address) as session:
        yield (
            lambda: session.execute("LOCK TABLE waits, cases, entries, codes, hooks IN ACCESS EXCLUSIVE MODE"),
            session.rollback,
        )


@contextmanager
def turned_away(address: str, server: str) -> Iterator[Ends]:
    """A PostgreSQL that cuts every connection to our database and takes no new ones."""
    name = psycopg.conninfo.conninfo_to_dict(address)["dbname"]
    with psycopg.connect(server, autocommit=True) as session:

        def begin() -> None:
            session.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

        yield begin, lambda: session.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        session.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


@dataclass
class Site:
    """A gateway, the command and one case, and what goes down under them."""

    place: Place
    run: Run
    fault: Fault
    monkeypatch: pytest.MonkeyPatch

    @property
    def desk(self) -> Desk:
        return self.place.desk

    def of(self, *kinds: Kind) -> list[Entry]:
        """What the file says of answers, and what of them."""
        return [entry for entry in self.desk.entries(self.run) if entry.kind in kinds]

    def unused(self) -> bool:
        """Whether Ana's personal code still counts."""
        with self.desk.files.reading() as connection:
            return connection.execute(select(codes.c.used_at)).scalars().all() == [None]

    def code(self) -> str:
        return Invitation(case_id=self.run.case_id, wait=QUESTION, person=ANA).code(SECRET)


@contextmanager
def opened(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> Iterator[Site]:
    """One case that waits, over a database of its own."""
    with Desk(url, START) as desk:
        place = open_place(desk, tmp_path)
        yield Site(place, desk.start("down-toy", ticket=4711), fault, monkeypatch)
        fault.stop()


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def brief(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A database that somebody else keeps for a moment."""
    if request.param == "SQLite":
        file = f"{tmp_path}/cases.db"
        with (
            another_writer(file) as (begin, end),
            opened(tmp_path, f"sqlite:///{file}", monkeypatch, Fault(begin, end, brief=True)) as site,
        ):
            yield site
        return
    url = request.getfixturevalue("postgres")
    with (
        locked_tables(url.replace("+psycopg", "")) as (begin, end),
        opened(tmp_path, url, monkeypatch, Fault(begin, end, brief=True)) as site,
    ):
        yield site


@pytest.fixture(params=["SQLite locked", "PostgreSQL locked", "PostgreSQL away"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A database that is not to be had for longer than anybody waits."""
    if request.param == "SQLite locked":
        monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", int(PATIENCE * 1000))
        file = f"{tmp_path}/cases.db"
        with (
            another_writer(file) as (begin, end),
            opened(tmp_path, f"sqlite:///{file}", monkeypatch, Fault(begin, end)) as site,
        ):
            yield site
        return
    url = request.getfixturevalue("postgres")
    address = url.replace("+psycopg", "")
    if request.param == "PostgreSQL locked":
        impatient = f"{url}{'&' if '?' in url else '?'}options=-c%20lock_timeout%3D{int(PATIENCE * 1000)}"
        with (
            locked_tables(address) as (begin, end),
            opened(tmp_path, impatient, monkeypatch, Fault(begin, end)) as site,
        ):
            yield site
        return
    server = request.getfixturevalue("postgres_server").get_uri()
    with turned_away(address, server) as (begin, end), opened(tmp_path, url, monkeypatch, Fault(begin, end)) as site:
        yield site


# How people answer: each gives what the person is told, and whether that is that it was recorded


def by_page(site: Site) -> tuple[str, bool]:
    """Send the form of the decision page."""
    token = site.place.token(site.run)
    typed = {"csrf": site.place.gateway_csrf(token), "verdict": "deny", "reason": REASON}
    shown = site.place.client.post(f"/decide/{token}", data=typed, headers=OURS)
    assert (shown.status_code == 503) == ("retry-after" in shown.headers)
    return shown.text, shown.status_code == 200


def by_press(site: Site) -> tuple[str, bool]:
    """Press a Slack button."""
    pressed = site.place.press(site.run, action_ts=f"{time.monotonic():.6f}")
    status = site.place.slack(pressed).status_code
    return site.place.said[-1][1], status == 200


def by_modal(site: Site) -> tuple[str, bool]:
    """Send a Slack modal; it stays open where what was typed is not recorded."""
    told = site.place.slack(site.place.submit(site.run, reason=REASON)).json()
    if told["response_action"] == "errors":
        return told["errors"]["reason"], False
    return told["view"]["blocks"][0]["text"]["text"], True


def by_command(site: Site) -> tuple[str, bool]:
    """Call `casework decide` with the personal code."""

    @contextmanager
    def connected() -> Iterator[Any]:
        yield SimpleNamespace(files=site.desk.files, runtime=site.desk.runtime)

    site.monkeypatch.setattr(wiring, "connected", connected)
    words = ["decide", site.run.case_id, QUESTION, "verdict=deny", f"reason={REASON}", "--code", site.code()]
    done = CliRunner().invoke(app, words)
    assert done.exit_code in (0, 1)
    return done.output, done.exit_code == 0


CHANNELS = {"page": by_page, "press": by_press, "modal": by_modal, "command": by_command}
RECORDED = ("Your answer is recorded", "Recorded: staff-7")
ATTEMPTS = (Kind.ANSWER_OFFERED, Kind.ANSWER_REFUSED, Kind.ANSWER_COUNTED, Kind.DECIDED)
AGAIN = ("Send it again in a moment", "Press again in a moment", "Please try again in a moment", "Try again when")


def assert_answered_once(site: Site) -> None:
    """The file has one answer, whole, and the case goes on to its end by it."""
    site.desk.engine.sleep(1)
    site.desk.settle()
    assert [entry.kind for entry in site.of(*ATTEMPTS)] == [Kind.ANSWER_OFFERED, Kind.DECIDED]
    assert site.desk.ending(site.run) in ("approve", "deny")
    assert site.desk.files.verify(site.run.case_id) == len(site.desk.entries(site.run))


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_answer_waits_for_a_busy_database(brief: Site, channel: str) -> None:
    """While somebody else keeps the database for a moment, an answer waits for it, counts, and is told so."""
    brief.fault.strike()
    told, recorded = CHANNELS[channel](brief)
    assert time.monotonic() - brief.fault.since >= HOLD
    assert recorded
    assert any(word in told for word in RECORDED)
    assert_answered_once(brief)


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_answer_that_cannot_be_recorded_is_told_so(lasting: Site, channel: str) -> None:
    """While the database is not to be had, the person is told so in the same channel, nothing of the answer is kept,
    and the code still counts; the same answer given again when it is back is recorded."""
    lasting.fault.strike()
    told, recorded = CHANNELS[channel](lasting)
    assert not recorded
    assert any(word in told for word in AGAIN), told
    lasting.fault.stop()
    assert lasting.of(*ATTEMPTS) == []
    assert lasting.unused()
    with lasting.desk.files.reading() as connection:
        assert connection.execute(select(texts)).all() == []
    told, recorded = CHANNELS[channel](lasting)
    assert recorded
    assert any(word in told for word in RECORDED)
    assert_answered_once(lasting)


def test_what_was_typed_is_not_typed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision page whose answer cannot be recorded comes back with the choice and the text in it."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", int(PATIENCE * 1000))
    file = f"{tmp_path}/cases.db"
    with (
        another_writer(file) as (begin, end),
        opened(tmp_path, f"sqlite:///{file}", monkeypatch, Fault(begin, end)) as site,
    ):
        site.fault.strike()
        told, recorded = by_page(site)
        assert not recorded
        assert 'role="alert"' in told
        assert 'value="deny" required checked' in told
        assert REASON in told


def test_a_modal_that_is_wanted_while_the_database_is_away(lasting: Site) -> None:
    """Deny… pressed while the database is not to be had opens nothing, says so, and works when it is back."""
    deny = lasting.place.press(lasting.run, action_id="ask:verdict=deny")
    lasting.fault.strike()
    assert lasting.place.slack(deny).status_code == 503
    assert "Press again in a moment" in lasting.place.said[-1][1]
    assert lasting.place.modals == []
    lasting.fault.stop()
    assert lasting.place.slack(deny).status_code == 200
    assert len(lasting.place.modals) == 1


RECORDERS = {
    "page": (decisions, "answer"),
    "press": (buttons, "answer"),
    "modal": (buttons, "answer"),
    "command": (questions, "offer_answer"),
}


@pytest.mark.parametrize("channel", RECORDERS)
def test_a_recorded_answer_stays_recorded(lasting: Site, channel: str) -> None:
    """The database goes away in the instant after an answer was recorded: its person is told that it is, and not to
    give it again; the case goes on when the database is back."""

    def then_away(offer: Offer) -> Accepted | Refused:
        outcome = answer(offer)
        lasting.fault.strike()
        return outcome

    module, name = RECORDERS[channel]
    lasting.monkeypatch.setattr(module, name, then_away)
    told, recorded = CHANNELS[channel](lasting)
    assert recorded
    assert any(word in told for word in RECORDED)
    lasting.fault.stop()
    assert_answered_once(lasting)


# Answers that a leg finds


def typed_into_the_form(site: Site) -> None:
    """Ana fills in the engine's own form."""
    values = {"verdict": "deny", "reason": REASON, "your_code": site.code(), "wait": QUESTION, "urgent": False}
    site.desk.engine.type_in(site.run.case_id, values)


def commanded_on_the_ticket(site: Site) -> None:
    """Ana writes `#deny` on the ticket, and its hook comes in."""
    who = Identity(kind="slack", value=ANA.slack or "")
    commented.append(Heard(who, {"verdict": "deny", "reason": REASON}, "zendesk:1001", site.desk.engine.now()))
    tick.wake(site.desk.runtime, "zendesk:ticket:4711")


FOUND = {"form": typed_into_the_form, "ticket": commanded_on_the_ticket}


def strike_when_found(site: Site) -> None:
    """Let the fault begin when the leg has found the answer and is about to hand it in."""
    found = site.desk.engine.typed

    def typed(*arguments: Any) -> Any:
        given = found(*arguments)
        if given:
            site.fault.strike()
        return given

    site.monkeypatch.setattr(site.desk.engine, "typed", typed)
    looked.append(site.fault.strike)


@pytest.mark.parametrize("channel", FOUND)
def test_a_leg_waits_for_a_busy_database(brief: Site, channel: str) -> None:
    """An answer found by a leg waits while somebody else keeps the database for a moment, and counts once."""
    FOUND[channel](brief)
    if channel == "ticket":
        looked.append(brief.fault.strike)
    else:
        strike_when_found(brief)
    brief.desk.engine.run()
    assert brief.fault.ended.is_set()
    assert_answered_once(brief)


@pytest.mark.parametrize("channel", FOUND)
def test_an_answer_of_a_broken_leg_is_found_again(lasting: Site, channel: str) -> None:
    """A leg that cannot record what it has found breaks off and leaves it where it was, and nothing in the file; the
    next leg finds it there, and it counts once."""
    FOUND[channel](lasting)
    if channel == "ticket":
        looked.append(lasting.fault.strike)
    else:
        strike_when_found(lasting)
    with pytest.raises(OperationalError):
        lasting.desk.engine.run()
    lasting.monkeypatch.undo()
    lasting.fault.stop()
    assert lasting.of(*ATTEMPTS, Kind.FAULT_PARKED) == []
    assert lasting.unused()
    assert_answered_once(lasting)
    assert lasting.run.typed == {}


# The engine is away


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_answer_while_the_engine_is_away(place: Place, channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the engine does not answer, an answer is recorded and acknowledged; the case goes on when it is back."""
    run = place.desk.start("down-toy", ticket=4711)
    site = Site(place, run, Fault(lambda: None, lambda: None), monkeypatch)
    place.desk.engine.away = True
    told, recorded = CHANNELS[channel](site)
    assert recorded
    assert any(word in told for word in RECORDED)
    assert place.desk.waiting(run) == []
    place.desk.engine.sleep(1)
    assert tick.tick(place.desk.runtime).woken == 0
    assert place.desk.ending(run) is None
    place.desk.engine.away = False
    assert_answered_once(site)


def test_a_hook_while_the_engine_is_away(place: Place) -> None:
    """A hook about a ticket on which somebody has decided is kept, though the engine cannot be told yet."""
    run = place.desk.start("down-toy", ticket=4711)
    place.desk.engine.away = True
    place.inbox().store([Hook("zendesk", "e-1", "ticket.comment_added", "zendesk:ticket:4711")])
    who = Identity(kind="slack", value=ANA.slack or "")
    commented[:] = [Heard(who, {"verdict": "approve"}, "zendesk:1001", place.desk.engine.now())]
    assert place.inbox().work() == 1
    place.desk.engine.away = False
    place.desk.engine.sleep(1)
    place.desk.settle()
    assert place.desk.ending(run) == "approve"
