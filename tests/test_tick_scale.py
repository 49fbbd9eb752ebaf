"""The clock with ten thousand open questions, in several copies, and after a week in which none ran."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import event, func, select, update

from casework import tick
from casework.case import Kind
from casework.schema import entries, waits
from tests.desk import Desk
from tests.many import fill
from tests.toy import ANA, BEN, keys, outside

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("toy_world")]

MANY = 10_000
FAR = timedelta(days=30)
WEEK = timedelta(days=7)


@contextmanager
def statements(desk: Desk) -> Iterator[list[str]]:
    """What is said to the database while the block runs, without the transactions' own words."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            said.append(statement)

    event.listen(desk.database, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(desk.database, "before_cursor_execute", note)


@pytest.fixture
def crowded(any_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Desk, list[str], list[str]]:
    """A desk with ten thousand open questions, none due for a month; the cases, and those told to the engine."""
    told: list[str] = []
    ids = fill(any_desk, MANY, any_desk.engine.now() + FAR)
    monkeypatch.setattr(any_desk.engine, "resume", told.append)
    return any_desk, ids, told


def due_now(desk: Desk, *case_ids: str) -> None:
    """Bring some deadlines to this moment."""
    now = desk.engine.now()
    with desk.files.writing() as connection:
        connection.execute(update(waits).where(waits.c.case_id.in_(case_ids)).values(due_at=now, next_at=now))


def passed(desk: Desk) -> list[str]:
    """The cases whose deadline stands in their file."""
    with desk.files.reading() as connection:
        rows = connection.execute(select(entries.c.case_id).where(entries.c.kind == Kind.DEADLINE_PASSED.value))
        return [row.case_id for row in rows]


def test_an_idle_round_writes_nothing_however_many_wait(crowded: tuple[Desk, list[str], list[str]]) -> None:
    """With ten thousand open questions an idle round asks a handful of things and changes not one row."""
    desk, _, told = crowded
    with statements(desk) as said:
        assert tick.tick(desk.runtime) == tick.Round()
    assert len(said) <= 8
    assert all(one.lstrip().startswith("SELECT") for one in said), said
    assert told == []


def test_one_due_among_ten_thousand_is_fired_in_the_same_round(crowded: tuple[Desk, list[str], list[str]]) -> None:
    """The round that meets it passes its deadline and tells the engine; its work does not grow with who waits."""
    desk, ids, told = crowded
    due_now(desk, ids[4711])
    with statements(desk) as said:
        done = tick.tick(desk.runtime)
    assert (done.deadlines, done.woken) == (1, 1)
    assert told == passed(desk) == [ids[4711]]
    assert len(said) <= 30


def test_due_questions_are_found_by_an_index(crowded: tuple[Desk, list[str], list[str]]) -> None:
    """The round's question "what is due" is answered from an index, not by reading every open question."""
    desk, _, _ = crowded
    with desk.files.writing() as connection:
        connection.exec_driver_sql("ANALYZE")
    due = select(waits.c.case_id).where(waits.c.state == "open", waits.c.next_at <= desk.engine.now())
    text = due.compile(desk.database, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if desk.database.dialect.name == "sqlite" else "EXPLAIN"
    with desk.files.reading() as connection:
        plan = str(connection.exec_driver_sql(f"{explain} {text}").all())
    assert "waits_due" in plan, plan


def test_copies_at_one_instant_fire_each_due_question_once(crowded: tuple[Desk, list[str], list[str]]) -> None:
    """Four clocks meet sixty deadlines among ten thousand questions: each is passed once, and told once."""
    desk, ids, told = crowded
    due_now(desk, *ids[::170])
    together = threading.Barrier(4)

    def round_(_: int) -> tick.Round:
        together.wait()
        return tick.tick(leased)

    leased = replace(desk.runtime, lease=20.0)
    with ThreadPoolExecutor(4) as pool:
        rounds = list(pool.map(round_, range(4)))
    due = set(ids[::170])
    assert sum(one.deadlines for one in rounds) == len(due)
    assert sorted(passed(desk)) == sorted(due)
    assert sorted(told) == sorted(due)
    with desk.files.reading() as connection:
        still = connection.execute(select(func.count()).select_from(waits).where(waits.c.state == "open")).scalar_one()
    assert still == MANY - len(due)


def test_after_a_week_deadlines_pass_in_the_order_of_their_due_time(
    any_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was off for a week passes what came due meanwhile oldest first, whatever was to be looked at."""
    desk = any_desk
    ids = fill(desk, 40, desk.engine.now() + timedelta(hours=1), timedelta(hours=4))
    with desk.files.writing() as connection:
        # Every other one had a reminder to send first: the last of them before all others.
        for number, case_id in enumerate(reversed(ids[::2])):
            early = desk.engine.now() + timedelta(minutes=number)
            connection.execute(update(waits).where(waits.c.case_id == case_id).values(next_at=early))
    desk.engine.sleep(WEEK.total_seconds())
    told: list[str] = []
    monkeypatch.setattr(desk.engine, "resume", told.append)
    start, moments = desk.engine.now(), count()
    monkeypatch.setattr(desk.files, "now", lambda: start + timedelta(microseconds=next(moments)))
    assert tick.tick(desk.runtime).deadlines == len(ids)
    with desk.files.reading() as connection:
        passed = select(entries.c.case_id).where(entries.c.kind == Kind.DEADLINE_PASSED.value).order_by(entries.c.at)
        assert list(connection.execute(passed).scalars()) == ids
    assert told == ids


def test_after_downtime_one_late_reminder_comes_and_not_a_heap(any_desk: Desk) -> None:
    """Two reminders that came due while no clock ran are one message to each person; the file has both."""
    run = any_desk.start("moving", number=1)
    any_desk.engine.sleep(25 * 60)
    any_desk.settle()
    reminded = [what for what in outside.list() if what.startswith("remind")]
    assert reminded == [f"remind {ANA.id}", f"remind {BEN.id}"]
    assert keys(any_desk, run, Kind.REMINDER_SENT) == ["approval/1>reminder-1", "approval/1>reminder-2"]


def test_after_a_week_nobody_is_reminded_of_what_is_over(any_desk: Desk) -> None:
    """Reminders, escalation and deadline all came due in the week: the deadline alone has an effect."""
    run = any_desk.start("moving", number=1)
    any_desk.engine.sleep(WEEK.total_seconds())
    any_desk.settle()
    assert any_desk.ending(run) == "refused"
    assert not [what for what in outside.list() if what.startswith("remind")]
