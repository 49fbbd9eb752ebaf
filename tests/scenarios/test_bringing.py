"""An engineer brings one file: a second person agrees, the customer downloads it once, and nothing is left of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from casework import systems, wiring
from casework.answer import Accepted, Refusal, Refused
from casework.cli import app
from casework.engine.simulated import Run
from casework.sandbox import aws
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office

CONTENT = b"name,when\n" + b"Wexcombe-Ruddle,2026-03-02\n" * 5000
ENGINEER, OPERATOR = "staff-41", "staff-42"


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    """A file whose name says whom it is about."""
    file = tmp_path / "Wexcombe-Ruddle.CSV"
    file.write_bytes(CONTENT)
    return file


def bring(office: Office, monkeypatch: pytest.MonkeyPatch, file: Path, ticket: int) -> Result:
    """`casework deliver` on this office."""
    parts = SimpleNamespace(
        files=office.files, runtime=office.runtime, delivery=office.delivery, systems=systems.current()
    )

    @contextmanager
    def connected() -> Iterator[SimpleNamespace]:
        yield parts

    monkeypatch.setattr(wiring, "connected", connected)
    told = CliRunner().invoke(app, ["deliver", str(file), "--to", str(ticket), "--as", ENGINEER])
    office.settle()
    return told


def ask_for(office: Office) -> int:
    """A ticket with a question that no process answers."""
    ticket: int = office.people.customer.open_ticket("user-81", [])
    office.hooks()
    return ticket


@pytest.fixture
def waiting(office: Office, monkeypatch: pytest.MonkeyPatch, brought: Path) -> tuple[int, Run]:
    """A file that lies in the drop and waits for an operator."""
    ticket = ask_for(office)
    told = bring(office, monkeypatch, brought, ticket)
    assert told.exit_code == 0, told.output
    return ticket, office.run_of(ticket)


def test_delivered(office: Office, waiting: tuple[int, Run]) -> None:
    """Another operator agrees, the customer downloads exactly the file, and it is destroyed and certified."""
    ticket, run = waiting
    assert office.waiting(run) == ["release/1"]
    assert isinstance(office.answer(run, OPERATOR, decision="deliver it"), Accepted)
    assert office.waiting(run) == ["download/1"]
    assert "your file is ready" in office.said(ticket)[-1]
    assert office.download(run) == CONTENT
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")
    assert "you have downloaded your file" in office.said(ticket)[-1]
    assert office.ticket(ticket)["status"] == "solved"


def test_who_brings_it_cannot_agree(office: Office, waiting: tuple[int, Run]) -> None:
    """Four eyes: the colleague who brought the file is an operator too, and is refused."""
    _, run = waiting
    said = office.answer(run, ENGINEER, decision="deliver it")
    assert isinstance(said, Refused)
    assert said.why is Refusal.FOUR_EYES
    assert office.waiting(run) == ["release/1"]


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "nobody answers"])
def test_not_delivered(office: Office, waiting: tuple[int, Run], silent: bool) -> None:
    """Refused with a reason, or not answered in time, the file is destroyed and the customer hears nothing."""
    ticket, run = waiting
    if silent:
        office.advance(days=40)
    else:
        office.answer(run, OPERATOR, decision="refuse", reason="It holds another customer too")
        assert any("It holds another customer too" in note for note in office.said(ticket, False))
    assert_closed(office, run, "denied")
    assert office.in_bucket(aws.DROP_BUCKET, f"exports/{run.case_id}/") == 0
    assert office.said(ticket) == []


def test_its_name_is_kept_nowhere(office: Office, waiting: tuple[int, Run]) -> None:
    """The case file and the drop know the file's ending and nothing else of its name."""
    _, run = waiting
    assert "Wexcombe" not in str([entry.payload for entry in office.entries(run)])
    assert "file.csv" in str(run.parameters)


def test_brought_again(
    office: Office, monkeypatch: pytest.MonkeyPatch, waiting: tuple[int, Run], brought: Path
) -> None:
    """The same file goes on with the same case; another one for the same ticket has to wait for its end."""
    ticket, run = waiting
    again = bring(office, monkeypatch, brought, ticket)
    assert (again.exit_code, run.case_id in again.output) == (0, True)
    brought.write_bytes(b"another")
    other = bring(office, monkeypatch, brought, ticket)
    assert other.exit_code == 1
    assert "Another file is being delivered" in other.output
    assert office.waiting(run) == ["release/1"]


def test_a_file_that_never_comes(office: Office, monkeypatch: pytest.MonkeyPatch, brought: Path) -> None:
    """Where the upload was broken off for good, the case ends after a day, and what may lie there is destroyed."""
    ticket = ask_for(office)
    monkeypatch.setattr(type(systems.current().s3), "upload", broken)
    assert bring(office, monkeypatch, brought, ticket).exit_code == 1
    run = office.run_of(ticket)
    assert office.waiting(run) == ["file/1"]
    office.advance(days=1.1)
    assert_closed(office, run, "cancelled: the file did not come")


def broken(*_: object) -> None:
    """The line breaks."""
    raise OSError("the line broke")


def test_another_file_than_announced(office: Office, monkeypatch: pytest.MonkeyPatch, brought: Path) -> None:
    """What lies in the drop is compared with what was announced, and goes nowhere when it differs."""
    ticket = ask_for(office)
    s3 = systems.current().s3
    genuine = s3.upload

    def altered(bucket: str, key: str, chunks: Iterator[bytes]) -> object:
        data = b"".join(chunks)
        assert hashlib.sha256(data).hexdigest()
        return genuine(bucket, key, [bytes(reversed(data))])

    monkeypatch.setattr(s3, "upload", altered)
    bring(office, monkeypatch, brought, ticket)
    office.advance(days=1.1)
    assert_closed(office, office.run_of(ticket), "cancelled: the file did not come")


def test_an_empty_file_is_not_taken(office: Office, monkeypatch: pytest.MonkeyPatch, brought: Path) -> None:
    """Nothing is started for a file without content; the sentence says so."""
    brought.write_bytes(b"")
    told = bring(office, monkeypatch, brought, ask_for(office))
    assert (told.exit_code, "nothing to deliver" in told.output) == (2, True)
    assert office.engine.runs == {}
