"""The hook inbox: what vendors told us is stored together, handled once, and tried again until it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import IntegrityError, OperationalError

from casework.case import CaseFiles
from casework.database import connect
from casework.gateway import inbox as inbox_module
from casework.gateway.inbox import LONGEST_PAUSE, LONGEST_TRY, Hook, Inbox, pause
from casework.schema import hooks
from casework.systems.errors import Temporary
from tests.desk import Desk
from tests.gateway.conftest import Place, stored


def test_a_failing_hook_is_tried_again_with_growing_pauses(place: Place) -> None:
    """A hook whose system is away stays, is counted, tells why, does not stop others, and succeeds later."""
    place.zendesk(event_id="e-1", ticket=1)
    place.fail = Temporary("Zendesk", "read ticket 1", "failed to answer", status=503)
    assert place.inbox().work() == 0
    assert place.inbox().work() == 0, "not due again yet"
    (row,) = stored(place)
    assert (row.tries, row.handled_at) == (1, None)
    assert "HTTP 503" in row.problem
    place.fail = None
    place.zendesk(event_id="e-2", ticket=2)
    assert place.inbox().work() == 1
    place.desk.engine.sleep(5)
    assert place.inbox().work() == 1
    assert [subject for _, subject in place.hints] == ["zendesk:ticket:2", "zendesk:ticket:1"]


class Killed(BaseException):
    """The gateway is killed."""


def test_a_hook_is_handled_by_one_of_two_gateways(any_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two gateways that work through one inbox at the same time, each with connections of its own, share the hooks:
    both are in the middle of one at once, and none is handled by both."""
    monkeypatch.setattr(inbox_module, "LOOKS", 5)
    url = any_desk.database.url.render_as_string(hide_password=False)
    databases = [connect(url), connect(url)]
    handled: list[str] = []
    both_busy = threading.Barrier(2, timeout=20)

    def handle(_event: str, subject: str) -> None:
        handled.append(subject)
        both_busy.wait()

    gateways = [Inbox(CaseFiles(database, any_desk.engine.now, "test"), handle) for database in databases]
    subjects = [f"zendesk:ticket:{number}" for number in range(20)]
    gateways[0].store([Hook("zendesk", subject, "x", subject) for subject in subjects])
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(Inbox.work, gateways))
    assert counts == [10, 10]
    assert sorted(handled) == sorted(subjects)
    assert gateways[0].work() == 0
    for database in databases:
        database.dispose()


class Slow:
    """The transactions of one database, each of which waits to be let go before it is committed."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.fail: BaseException | None = None
        writing = desk.files.writing

        @contextmanager
        def slowly() -> Iterator[Connection]:
            with writing() as connection:
                yield connection
                self.begun.release()
                assert self.let_go.acquire(timeout=20)
                if self.fail is not None:
                    raise self.fail

        monkeypatch.setattr(desk.files, "writing", slowly)


def numbered(*numbers: int) -> list[Hook]:
    return [Hook("zendesk", f"e-{number}", "x", f"zendesk:ticket:{number}") for number in numbers]


def kept(desk: Desk) -> list[str]:
    with desk.files.reading() as connection:
        return sorted(connection.execute(select(hooks.c.delivery)).scalars())


def test_hooks_that_come_together_are_committed_together(any_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes during a commit shares the next one; nobody is told that a hook is stored before its commit, and
    of a hook that comes twice in one commit the second is known."""
    slow = Slow(any_desk, monkeypatch)
    inbox = Inbox(any_desk.files, lambda _event, _subject: None)
    first = inbox.storing(numbered(0))
    assert slow.begun.acquire(timeout=20)
    others = [inbox.storing(numbered(number // 2)) for number in range(2, 42)]
    assert not first.done()
    slow.let_go.release()
    assert first.result(20) == numbered(0)
    assert slow.begun.acquire(timeout=20)
    assert not any(one.done() for one in others)
    assert kept(any_desk) == ["e-0"]
    slow.let_go.release()
    assert [one.result(20) for one in others] == [
        numbered(number // 2) if number % 2 == 0 else [] for number in range(2, 42)
    ]
    assert not slow.begun.acquire(blocking=False), "there were two transactions"
    assert len(kept(any_desk)) == 21


def test_a_commit_that_fails_is_told_to_all_it_held(any_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the database goes away in a commit, everybody whose hook it held is told so, nothing of them is stored,
    and what comes later is."""
    with monkeypatch.context() as patched:
        slow = Slow(any_desk, patched)
        inbox = Inbox(any_desk.files, lambda _event, _subject: None)
        first = inbox.storing(numbered(0))
        assert slow.begun.acquire(timeout=20)
        others = [inbox.storing(numbered(number)) for number in (1, 2, 3)]
        slow.let_go.release()
        first.result(20)
        slow.fail = OperationalError("commit", {}, Exception("the server closed the connection"))
        slow.let_go.release()
        for one in others:
            with pytest.raises(OperationalError):
                one.result(20)
        assert kept(any_desk) == ["e-0"]
    assert inbox.store(numbered(0, 1, 2)) == numbered(1, 2)


def test_a_hook_that_cannot_be_stored_takes_no_others_along(any_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that the database does not take fails alone, and one for which nobody waits any more is not stored."""
    with monkeypatch.context() as patched:
        slow = Slow(any_desk, patched)
        inbox = Inbox(any_desk.files, lambda _event, _subject: None)
        first = inbox.storing(numbered(0))
        assert slow.begun.acquire(timeout=20)
        wrong = replace(numbered(1)[0], event=None)  # type: ignore[arg-type]  # wrong on purpose
        others = [inbox.storing(told_of) for told_of in (numbered(2), [*numbered(3), wrong], numbered(4), numbered(5))]
        assert others[2].cancel()
    for _ in range(4):
        slow.let_go.release()
    first.result(20)
    assert others[0].result(20) == numbered(2)
    with pytest.raises(IntegrityError):
        others[1].result(20)
    assert others[3].result(20) == numbered(5)
    assert kept(any_desk) == ["e-0", "e-2", "e-5"]


def test_a_delivery_of_thousands_of_events_is_stored(any_desk: Desk) -> None:
    """As many events as a body can hold are stored at once; sent again with one more, only that one is new."""
    inbox = Inbox(any_desk.files, lambda _event, _subject: None)
    assert inbox.store(numbered(*range(14_000))) == numbered(*range(14_000))
    assert inbox.store(numbered(*range(14_001))) == numbered(14_000)


def test_hooks_that_say_the_same_are_one_look(any_desk: Desk) -> None:
    """Of ten hooks that say the same of each of two tickets all are handled by one look at each; another event is
    another look, and when a look fails all its hooks are tried again."""
    away = {"zendesk:ticket:1"}
    looks: list[tuple[str, str]] = []

    def look(event: str, subject: str) -> None:
        looks.append((event, subject))
        if subject in away:
            raise Temporary("Zendesk", "read ticket", "failed to answer", status=503)

    inbox = Inbox(any_desk.files, look)
    inbox.store([Hook("zendesk", f"e-{number}", "x", f"zendesk:ticket:{number % 2}") for number in range(20)])
    inbox.store([Hook("zendesk", "e-other", "y", "zendesk:ticket:0")])
    assert inbox.work() == 11
    assert sorted(looks) == [("x", "zendesk:ticket:0"), ("x", "zendesk:ticket:1"), ("y", "zendesk:ticket:0")]
    with any_desk.files.reading() as connection:
        rows = connection.execute(select(hooks).where(hooks.c.handled_at.is_(None))).all()
    assert [(row.subject, row.tries) for row in rows] == [("zendesk:ticket:1", 1)] * 10
    assert all("HTTP 503" in row.problem for row in rows)
    away.clear()
    any_desk.engine.sleep(5)
    assert inbox.work() == 10
    assert len(looks) == 4


def test_what_took_long_is_noted_before_the_next_look(any_desk: Desk) -> None:
    """When looks take long, each is noted as done before the next one begins, and all of them get their turn; no
    hook that waits for its own is taken for abandoned by another gateway."""
    noted: list[int] = []

    def take_long(_event: str, _subject: str) -> None:
        with any_desk.files.reading() as connection:
            noted.append(len(connection.execute(select(hooks).where(hooks.c.handled_at.is_not(None))).all()))
        any_desk.engine.sleep(LONGEST_TRY.total_seconds() * 2 / 3)

    inbox = Inbox(any_desk.files, take_long)
    inbox.store(numbered(1, 2, 3))
    assert inbox.work() == 3
    assert noted == [0, 1, 2]


def test_a_hook_of_a_killed_gateway_comes_due_again(any_desk: Desk) -> None:
    """A try that never ended leaves the hook to others once it would have, however long ago the hook came."""
    for age in (0, 86_400):
        tried: list[str] = []

        def die(_event: str, subject: str, tried: list[str] = tried) -> None:
            tried.append(subject)
            raise Killed

        inbox = Inbox(any_desk.files, die)
        inbox.store([Hook("zendesk", f"e-{age}", "x", "zendesk:ticket:1")])
        any_desk.engine.sleep(age)
        with pytest.raises(Killed):
            inbox.work()
        other = Inbox(any_desk.files, lambda _event, _subject: None)
        any_desk.engine.sleep(LONGEST_TRY.total_seconds() - 1)
        assert other.work() == 0
        any_desk.engine.sleep(LONGEST_PAUSE.total_seconds())
        assert other.work() == 1
        assert tried == ["zendesk:ticket:1"]


def test_whoever_takes_too_long_changes_nothing_by_failing(any_desk: Desk) -> None:
    """A try that fails after another gateway has taken the hook over leaves that gateway's try alone."""
    inside = Inbox(any_desk.files, lambda _event, _subject: None)

    def fail_late(_event: str, _subject: str) -> None:
        any_desk.engine.sleep(120)
        assert inside.work() == 1
        raise Temporary("Zendesk", "read ticket 1", "failed to answer", status=503)

    late = Inbox(any_desk.files, fail_late)
    late.store([Hook("zendesk", "e-1", "x", "zendesk:ticket:1")])
    assert late.work() == 0
    with any_desk.files.reading() as connection:
        row = connection.execute(select(hooks)).one()
    assert row.handled_at is not None
    assert row.problem is None


def test_a_look_at_the_inbox_reads_only_what_is_due(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hooks wait for their next try, a round reads from an index those that are due, oldest first, and
    no more than it handles."""
    monkeypatch.setattr(inbox_module, "ROUND", 3)
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "FROM hooks" in statement:
            asked.append((statement, parameters))

    engine = place.desk.files.engine
    event.listen(engine, "before_cursor_execute", note)
    assert place.inbox().work() == 0
    event.remove(engine, "before_cursor_execute", note)
    ((statement, parameters),) = asked
    with place.desk.files.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert [row.detail for row in plan] == ["SEARCH hooks USING INDEX hooks_due (due_at<?)"]
    assert 3 in parameters


def test_hooks_that_always_fail_do_not_keep_others_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many old hooks wait for their next try, a new one is handled at once."""
    monkeypatch.setattr(inbox_module, "ROUND", 3)
    place.inbox().store([Hook("zendesk", f"a-{number}", "x", f"zendesk:ticket:{number}") for number in range(9)])
    place.fail = Temporary("Zendesk", "read ticket", "failed to answer", status=503)
    for _ in range(3):
        assert place.inbox().work() == 0
    place.fail = None
    place.desk.engine.sleep(1)
    place.zendesk(event_id="new", ticket=4711)
    assert place.inbox().work() == 1
    assert place.hints == [("ticket.tags_changed", "zendesk:ticket:4711")]


def test_an_unknown_error_keeps_its_words_to_itself(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """The text of an unforeseen error reaches neither the table nor the log: it might quote a person."""
    place.zendesk()
    place.fail = ValueError("private words of Marlowe-Quux")
    place.inbox().work()
    assert stored(place)[0].problem.startswith("ValueError in ")
    assert "Marlowe" not in caplog.text + repr(stored(place))


def test_pauses_grow_to_ten_minutes() -> None:
    """The pauses between tries double from five seconds and stop growing at ten minutes."""
    pauses = [pause(tries).total_seconds() for tries in range(1, 60)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == pauses[-1] == 600


def test_a_busy_database_is_503_and_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away a hook is answered 503 with Retry-After; the vendor's retry succeeds."""
    busy = OperationalError("insert", {}, Exception("database is locked"))

    def locked() -> None:
        raise busy

    with monkeypatch.context() as patched:
        patched.setattr(place.desk.files, "writing", locked)
        answer = place.zendesk()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) < 60
    assert stored(place) == []
    assert place.zendesk().status_code == 202


def test_old_handled_hooks_are_forgotten(place: Place) -> None:
    """Handled hooks go after 30 days; unhandled ones stay however old they are."""
    place.inbox().store([Hook("zendesk", "a", "x", "zendesk:ticket:1")], handled=True)
    place.inbox().store([Hook("zendesk", "b", "x", "zendesk:ticket:1")])
    place.desk.engine.sleep(31 * 86400)
    assert place.inbox().forget() == 1
    assert [row.delivery for row in stored(place)] == ["b"]


# Asana
