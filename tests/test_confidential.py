"""People's own words are never in the case file, are unreadable in the database, and go when the case does."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select

from casework.answer import Accepted, Refused
from casework.case import Kind
from casework.clock import Minutes
from casework.confidential import Confidential, ConfidentialText
from casework.engine.simulated import Run
from casework.process import process
from casework.schema import metadata, texts
from casework.step import step, words
from casework.wait import wait_for
from tests.desk import SECRET, Desk
from tests.toy import ANA, OWNERS, Approval, Confirmation, code, say

pytestmark = pytest.mark.usefixtures("toy_world")

MARKER = "the director’s salary — MARKER-7d1f"


read: list[str] = []


@step(repeatable=True)
def quote(reason: ConfidentialText) -> int:
    """Write somebody's words where they belong."""
    read.append(words(reason))
    return len(read)


def denied(desk: Desk, how: str = "slack") -> Run:
    """A case in which somebody gave a reason, quoted at once."""
    read.clear()

    @process("denying", subject="toy:deny:{number}")
    def denying(number: int) -> str:
        given = wait_for(Approval, key="q", question="?", who=OWNERS, within=Minutes(60))
        assert given is not None
        assert given.reason is not None
        quote(given.reason)
        wait_for(Confirmation, key="later", question="?", who=OWNERS, within=Minutes(60))
        return "denied"

    run = desk.start("denying", number=1)
    if how == "slack":
        assert isinstance(say(run, "q/1", ANA, verdict="no", reason=f"  {MARKER} "), Accepted)
    else:
        desk.engine.type_in(run.case_id, {"verdict": "no", "reason": MARKER, "your_code": code(run, "q/1", ANA)})
    desk.settle()
    return run


@pytest.mark.parametrize("how", ["slack", "typed"])
def test_words_reach_the_step_that_needs_them_and_not_the_file(any_desk: Desk, how: str) -> None:
    """The body carries a reference; the words come out only inside the step that puts them where they belong."""
    run = denied(any_desk, how)
    assert read == [MARKER]
    [decided] = any_desk.entries(run, Kind.DECIDED)
    assert decided.payload["values"]["reason"].startswith("text:")
    assert run.standing is not None
    for shown in (str([e.payload for e in any_desk.entries(run)]), run.standing.story, str(run.typed)):
        assert "MARKER" not in shown


def everything(desk: Desk) -> bytes:
    """Every byte that a database keeps of its tables."""
    if desk.database.dialect.name == "sqlite":
        assert desk.database.url.database is not None
        path = Path(desk.database.url.database)
        return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
    with psycopg.connect(desk.database.url.set(drivername="postgresql").render_as_string(False)) as connection:
        return _dump(connection)


def _dump(connection: psycopg.Connection[tuple[object, ...]]) -> bytes:
    dumped = b""
    for table in metadata.tables:
        with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as copy:
            dumped += b"".join(bytes(block) for block in copy)
    return dumped


def test_words_are_nowhere_readable_in_the_database(any_desk: Desk) -> None:
    """No byte of the database, of SQLite's log files too, shows what was typed; the plain answer is there."""
    denied(any_desk)
    kept = everything(any_desk)
    assert b"MARKER" not in kept
    assert b"salary" not in kept
    assert b"person:question:decided" in kept


def test_an_answer_that_does_not_count_leaves_no_words(any_desk: Desk) -> None:
    """What a stranger wrote, or somebody with a wrong form, is not kept at all."""
    from tests.toy import MANAGER

    run = any_desk.start("moving", number=1)
    assert isinstance(say(run, "approval/1", MANAGER, verdict="no", reason=MARKER), Refused)
    assert isinstance(say(run, "approval/1", ANA, verdict=MARKER, reason=MARKER), Refused)
    with any_desk.files.reading() as connection:
        assert connection.execute(select(texts)).all() == []
    assert b"MARKER" not in everything(any_desk)


def test_words_are_erased_when_the_case_closes(any_desk: Desk) -> None:
    """From the end of the case nobody can read them, with the deployment's secret neither."""
    run = denied(any_desk)
    [decided] = any_desk.entries(run, Kind.DECIDED)
    reference = decided.payload["values"]["reason"]
    with any_desk.files.reading() as connection:
        assert any_desk.runtime.confidential.read(connection, reference) == MARKER
    any_desk.advance(minutes=61)
    assert any_desk.ending(run) == "denied"
    with any_desk.files.reading() as connection:
        assert connection.execute(select(texts)).all() == []
        with pytest.raises(LookupError, match="it was erased"):
            any_desk.runtime.confidential.read(connection, reference)


def test_another_secret_reads_nothing(desk: Desk) -> None:
    """A copy of the database without the deployment's secret is of no use; altered text is not read either."""
    run = denied(desk)
    reference = desk.entries(run, Kind.DECIDED)[0].payload["values"]["reason"]
    with desk.files.reading() as connection, pytest.raises(LookupError):
        Confidential(SECRET + b"!").read(connection, reference)
    with desk.files.writing() as connection:
        sealed = connection.execute(select(texts.c.sealed)).scalar_one()
        altered = {"reference": "text:x", "case_id": run.case_id, "sealed": sealed[:-1] + b"A"}
        connection.execute(insert(texts).values(altered))
    with desk.files.reading() as connection, pytest.raises(LookupError):
        desk.runtime.confidential.read(connection, "text:x")


def test_a_vendors_key_is_sealed() -> None:
    """What `seal` made, `unseal` opens, and it shows nothing."""
    box = Confidential(SECRET)
    assert box.unseal(box.seal(b"hook key")) == b"hook key"
    assert b"hook key" not in box.seal(b"hook key")
