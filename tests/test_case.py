"""The case file takes entries in order, tells what was changed, and is opened once per occurrence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from casework import tick
from casework.case import CaseFiles, CaseUnknown, ChainBroken, Fenced, FileClosed, Kind
from casework.database import connect
from casework.schema import COMPLETIONS, cases, entries, metadata
from tests.conftest import START
from tests.desk import Desk
from tests.toy import ANA, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")

SUBJECT = "toy:move:1"


def opened(files: CaseFiles, case_id: str = "case-1", subject: str = SUBJECT) -> str:
    """A case with one leg."""
    files.begin_leg(case_id, "moving", {"number": 1}, subject)
    return case_id


# -- the chain

COLUMNS = [column.name for column in entries.columns]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaseFiles]:
    """A database with two files of eight entries each."""
    engine = connect(f"sqlite:///{tmp_path_factory.mktemp('shelf')}/cases.db")
    metadata.create_all(engine)
    moments = iter(START + timedelta(seconds=n, microseconds=n) for n in range(1000))
    files = CaseFiles(engine, lambda: next(moments), "1.0")
    for case_id in ("case-1", "case-2"):
        opened(files, case_id, f"toy:move:{case_id}")
        for number in range(7):
            files.append(case_id, Kind.STEP_BEGUN, f"step/{number}", "body", {"with": {"n": number, "ü": "é"}})
    yield files
    engine.dispose()


class Undone(Exception):
    """Takes a change back."""


def found_after(files: CaseFiles, change: Any) -> ChainBroken | None:
    """What `verify` says of case-1 after a change, which is taken back."""
    found = None
    with files.engine.connect() as connection:
        transaction = connection.begin()
        change(connection)
        reading = files.reading
        files.reading = lambda: _Given(connection)  # type: ignore[method-assign,assignment,return-value]  # in the same transaction
        try:
            files.verify("case-1")
        except ChainBroken as broken:
            found = broken
        finally:
            files.reading = reading  # type: ignore[method-assign]  # as it was
            transaction.rollback()
    assert files.verify("case-1") == 8
    return found


class _Given:
    """A connection that is already open."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __enter__(self) -> Connection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        pass


def another(column: str, value: Any, data: st.DataObject) -> Any:
    """Another value for a column."""
    if column == "seq":
        return data.draw(st.integers(-5, 40).filter(lambda new: new not in range(1, 9)))
    if column == "at":
        return value + timedelta(microseconds=data.draw(st.integers(1, 10**12)))
    if column == "case_id":
        return data.draw(st.sampled_from(["case-3", "", "CASE-1"]))
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
    return data.draw(text.filter(lambda new: new != value))


@given(data=st.data(), seq=st.integers(1, 8), column=st.sampled_from(COLUMNS))
@settings(max_examples=120, deadline=None, database=None)
def test_any_single_change_of_any_column_is_found_and_named(
    shelf: CaseFiles, data: st.DataObject, seq: int, column: str
) -> None:
    """One column of one entry changed in the database: the check names that entry (or the gap it left)."""

    def change(connection: Connection) -> None:
        this = (entries.c.case_id == "case-1", entries.c.seq == seq)
        value = connection.execute(select(entries.c[column]).where(*this)).scalar_one()
        connection.execute(update(entries).where(*this).values({column: another(column, value, data)}))

    broken = found_after(shelf, change)
    assert broken is not None
    moved_first = column == "seq" and "is missing" in broken.problem
    assert broken.seq == seq or moved_first
    assert "case-1" in str(broken)


@given(first=st.integers(1, 8), count=st.integers(1, 8))
@settings(max_examples=40, deadline=None, database=None)
def test_deleted_and_cut_off_entries_are_found(shelf: CaseFiles, first: int, count: int) -> None:
    """Entries deleted from the beginning, the middle or the end: the first missing one is named."""
    gone = range(first, min(first + count, 9))

    def change(connection: Connection) -> None:
        connection.execute(delete(entries).where(entries.c.case_id == "case-1", entries.c.seq.in_(gone)))

    broken = found_after(shelf, change)
    assert broken is not None
    assert (broken.seq, "missing" in broken.problem) == (first, True)


@given(pair=st.lists(st.integers(1, 8), min_size=2, max_size=2, unique=True))
@settings(max_examples=30, deadline=None, database=None)
def test_swapped_entries_are_found(shelf: CaseFiles, pair: list[int]) -> None:
    """Two entries that change places are found at the first of both places."""

    def change(connection: Connection) -> None:
        for old, new in ((pair[0], 100), (pair[1], pair[0]), (100, pair[1])):
            this = (entries.c.case_id == "case-1", entries.c.seq == old)
            connection.execute(update(entries).where(*this).values(seq=new))

    broken = found_after(shelf, change)
    assert broken is not None
    assert broken.seq == min(pair)


def test_an_entry_of_another_case_is_found(shelf: CaseFiles) -> None:
    """An entry that was written for another case does not fit, nor does one that was slipped in at the end."""

    def exchange(connection: Connection) -> None:
        connection.execute(delete(entries).where(entries.c.case_id == "case-1", entries.c.seq == 5))
        this = (entries.c.case_id == "case-2", entries.c.seq == 5)
        connection.execute(update(entries).where(*this).values(case_id="case-1"))

    def slip_in(connection: Connection) -> None:
        last = connection.execute(select(entries).where(entries.c.case_id == "case-1", entries.c.seq == 8)).one()
        connection.execute(insert(entries).values(dict(last._mapping) | {"seq": 9, "key": "step/9"}))

    for change, seq in ((exchange, 5), (slip_in, 9)):
        broken = found_after(shelf, change)
        assert broken is not None
        assert broken.seq == seq


@pytest.mark.parametrize("change", [{"last_seq": 7}, {"last_seq": 9}, {"last_hash": "0" * 64}])
def test_a_changed_head_is_found(shelf: CaseFiles, change: dict[str, Any]) -> None:
    """The case row says how long its file is and how it ends; changed, it contradicts the entries."""
    broken = found_after(shelf, lambda c: c.execute(update(cases).where(cases.c.case_id == "case-1").values(change)))
    assert broken is not None
    assert broken.seq == 9


def test_a_file_that_grows_is_not_broken(any_desk: Desk) -> None:
    """Checked again and again while another thread writes, a file is never said to be broken."""
    files = any_desk.files
    case_id = opened(files)
    stop = threading.Event()

    def write() -> None:
        for number in range(150):
            files.append(case_id, Kind.REMINDER_SENT, f"x/{number}", "clock", {"sent": True})
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    lengths = []
    while not stop.is_set():
        lengths.append(files.verify(case_id))
    writer.join()
    assert files.verify(case_id) == 151
    assert lengths == sorted(lengths)


def test_an_unknown_case_has_no_file(desk: Desk) -> None:
    """Asking for a case that is not there says how to find those that are."""
    for ask in (desk.files.case, desk.files.verify):
        with pytest.raises(CaseUnknown, match="casework inbox"):
            ask("nothing")
    with pytest.raises(CaseUnknown):
        desk.files.append("nothing", Kind.DECIDED, "x/1", "staff-7", {})


# -- appending


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind.value in COMPLETIONS and kind != Kind.CLOSED])
def test_a_key_is_completed_once(any_desk: Desk, kind: Kind) -> None:
    """No second completion of a key gets into a file, whatever its kind; another case has keys of its own."""
    files = any_desk.files
    case_id = opened(files)
    files.append(case_id, kind, "x/1", "body", {})
    for again in (kind, Kind.DECIDED, Kind.STEP_DONE):
        with pytest.raises(IntegrityError):
            files.append(case_id, again, "x/1", "body", {})
    assert files.verify(case_id) == 2
    files.append(opened(files, "case-2", "toy:move:2"), kind, "x/1", "body", {})


def test_completions_are_the_kinds_that_settle_a_key() -> None:
    """The database's rule and the code's words agree."""
    assert set(COMPLETIONS) <= {kind.value for kind in Kind}


def test_an_older_epoch_writes_nothing(any_desk: Desk) -> None:
    """Law 3: after a later leg has begun, a write of the earlier one fails, also when the file has been closed."""
    files = any_desk.files
    case_id = opened(files)
    files.begin_leg(case_id, "moving", {"number": 1}, SUBJECT)
    with pytest.raises(Fenced, match="leg 1 was overtaken by leg 2"):
        files.append(case_id, Kind.STEP_BEGUN, "x/1", "body", {}, epoch=1)
    files.append(case_id, Kind.CLOSED, "case", "body", {"ending": "done"}, epoch=2)
    with pytest.raises(Fenced):
        files.append(case_id, Kind.STEP_BEGUN, "x/1", "body", {}, epoch=1)
    with pytest.raises(FileClosed, match="ended as done"):
        files.append(case_id, Kind.DECIDED, "x/1", "staff-7", {})
    assert files.verify(case_id) == 2


def test_many_writers_make_one_chain(any_desk: Desk) -> None:
    """Eight threads that append at once all get in, one after the other, and the chain holds."""
    files = any_desk.files
    case_id = opened(files)
    together = threading.Barrier(8)

    def write(writer: int) -> None:
        together.wait()
        for number in range(5):
            files.append(case_id, Kind.REMINDER_SENT, f"{writer}/{number}", "clock", {})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert files.verify(case_id) == 41


def test_times_keep_their_microseconds_and_zone(any_desk: Desk) -> None:
    """A moment comes back from either database as it went in, in UTC; a naive one is refused."""
    any_desk.engine.time = START.replace(microsecond=123_457)
    case_id = opened(any_desk.files)
    [entry] = any_desk.files.entries(case_id)
    assert entry.at == START.replace(microsecond=123_457)
    assert entry.at.utcoffset() == timedelta(0)
    any_desk.files.now = lambda: datetime(2026, 3, 2)  # noqa: DTZ001 - naive on purpose
    with pytest.raises(Exception, match="Timezone aware datetime is required"):
        any_desk.files.append(case_id, Kind.DECIDED, "x/1", "staff-7", {})


def test_cases_are_found_by_id_and_subject(desk: Desk) -> None:
    """The beginning of an id, a whole subject or just its number find a case; letters that mean something do not."""
    files = desk.files
    opened(files, "aaaa-1", "zendesk:ticket:4711")
    opened(files, "bbbb-2", "zendesk:ticket:14711")
    assert [case.case_id for case in files.find("aa")] == ["aaaa-1"]
    assert [case.case_id for case in files.find("zendesk:ticket:4711")] == ["aaaa-1"]
    assert [case.case_id for case in files.find("4711")] == ["aaaa-1"]
    assert files.find("%") == []


# -- law 9: started once per occurrence


@pytest.mark.parametrize("count", [2, 5, 16])
def test_started_at_one_instant_there_is_one_case(any_desk: Desk, count: int) -> None:
    """Law 9: the same event delivered many times at once opens one case, whoever wins."""
    together = threading.Barrier(count)

    def start(_: int) -> tuple[str | None, bool]:
        together.wait()
        return tick.start(any_desk.runtime, "moving", SUBJECT, {"number": 1})

    with ThreadPoolExecutor(count) as pool:
        results = list(pool.map(start, range(count)))
    assert len({case_id for case_id, _ in results}) == 1
    assert [fresh for _, fresh in results].count(True) == 1
    any_desk.settle()
    assert len(any_desk.files.open_cases()) == 1
    assert outside.list().count("reserve") == 1


def test_a_reopened_subject_gets_the_next_occurrence(any_desk: Desk) -> None:
    """Law 9: while a case is open, starting finds it; once it has ended, starting opens the next occurrence."""
    first = any_desk.start("moving", number=1)
    assert any_desk.start("moving", number=1) is first
    any_desk.advance(minutes=61)
    assert any_desk.ending(first) == "refused"
    second = any_desk.start("moving", number=1)
    assert second.case_id != first.case_id
    assert any_desk.files.case(second.case_id).occurrence == 2
    assert outside.list().count("reserve") == 2


def test_a_second_run_of_an_open_subject_does_nothing(any_desk: Desk) -> None:
    """A run that somebody makes by hand for a subject whose case is open is refused before anything is done."""
    any_desk.start("moving", number=1)
    done = list(outside.done)
    with pytest.raises(RuntimeError, match="already open as case"):
        any_desk.files.begin_leg("by-hand", "moving", {"number": 1}, SUBJECT)
    assert outside.done == done
    assert len(any_desk.files.open_cases()) == 1


def test_a_run_made_by_hand_is_an_occurrence(any_desk: Desk) -> None:
    """A run that nobody asked the clock for opens the next occurrence; a hint that comes meanwhile finds it."""
    opened(any_desk.files, "by-hand")
    assert tick.start(any_desk.runtime, "moving", SUBJECT, {"number": 1}) == ("by-hand", False)


def test_the_first_recorded_run_of_an_occurrence_stays(desk: Desk) -> None:
    """When a run made by hand was first, the run that the clock makes for the same occurrence does nothing."""
    occurrence, _ = desk.files.occurrence("moving", SUBJECT, {"number": 1})
    opened(desk.files, "by-hand")
    desk.files.started(occurrence, "by-the-clock")
    with pytest.raises(RuntimeError, match="already open as case by-hand"):
        opened(desk.files, "by-the-clock")


def test_cancelling_is_asked_once(any_desk: Desk) -> None:
    """Several copies of the clock that see the same cancelled run record it once."""
    case_id = opened(any_desk.files)
    together = threading.Barrier(4)

    def ask(_: int) -> bool:
        together.wait()
        return any_desk.files.ask_to_cancel(case_id, "engine", "cancelled")

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [False, False, False, True]
    assert not any_desk.files.ask_to_cancel("nothing", "engine", "cancelled")


@given(
    payload=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_what_is_written_is_read(shelf: CaseFiles, payload: Any) -> None:
    """Whatever JSON a payload holds, the file gives it back and the chain holds."""
    case_id = f"case-{id(payload)}-{shelf.now().timestamp()}"
    opened(shelf, case_id, case_id)
    shelf.append(case_id, Kind.STEP_DONE, "x/1", "body", {"result": payload})
    assert shelf.entries(case_id)[-1].payload["result"] == payload
    assert shelf.verify(case_id) == 2


def test_an_ended_case_is_told_from_its_file_alone(desk: Desk, tmp_path: Path) -> None:
    """Another release on another machine reads the same file and the same chain."""
    run = desk.start("moving", number=1)
    say(run, "approval/1", ANA, verdict="no")
    desk.settle()
    other = CaseFiles(connect(str(desk.database.url)), lambda: START, "2.0")
    assert other.entries(run.case_id) == desk.files.entries(run.case_id)
    assert other.verify(run.case_id) == len(desk.entries(run))
    other.engine.dispose()
