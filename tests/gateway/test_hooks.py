"""Hooks: only authentic ones get in, each once, none is lost, and nothing but ids is kept of them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, select
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.testclient import TestClient

from casework.case import CaseFiles, Kind
from casework.database import connect
from casework.gateway import create_app
from casework.gateway import inbox as inbox_module
from casework.gateway.inbox import LONGEST_PAUSE, LONGEST_TRY, Hook, Inbox, pause
from casework.schema import asana_hooks, hooks
from casework.systems.errors import Temporary
from tests.desk import Desk
from tests.gateway.conftest import ASANA_SECRET, OUR_JIRA_ID, URL, Place


def stored(place: Place) -> list[Any]:
    with place.desk.files.reading() as connection:
        return list(connection.execute(select(hooks).order_by(hooks.c.received_at, hooks.c.delivery)))


def task_event(gid: str = "12", **change: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "user": {"gid": "1123", "resource_type": "user"},
        "created_at": "2026-03-02T09:00:00.000Z",
        "action": "changed",
        "resource": {"gid": gid, "resource_type": "task"},
        "parent": None,
        "change": {"field": "completed", "action": "changed"},
    }
    return event | change


def shake(place: Place, secret: str = ASANA_SECRET, name: str = "exports") -> Any:
    return place.client.post(f"/hooks/asana/{name}", headers={"X-Hook-Secret": secret})


def test_a_signed_hook_is_stored_answered_and_handled(place: Place) -> None:
    """A hook is answered 202, handled afterwards, wakes the case that listens, and its hint is followed."""
    run = place.start()
    legs = run.legs
    assert place.zendesk().status_code == 202
    assert place.hints == []
    assert place.inbox().work() == 1
    assert place.hints == [("ticket.tags_changed", "zendesk:ticket:4711")]
    place.desk.engine.run()
    assert run.legs == legs + 1
    assert stored(place)[0].handled_at is not None
    assert place.inbox().work() == 0


def test_nothing_but_ids_is_kept(place: Place) -> None:
    """Nothing of a hook's body but event and subject is in the database."""
    place.zendesk()
    assert "Marlowe" not in repr(stored(place))


@pytest.mark.parametrize(
    "path", ["/hooks/zendesk", "/hooks/slack", "/hooks/asana/exports", "/hooks/jira", "/hooks/typeform"]
)
def test_unsigned_hooks_are_refused(place: Place, path: str) -> None:
    """Without a signature the answer is 401 in JSON, and nothing is stored."""
    shake(place)
    answer = place.client.post(path, content=b'{"events": []}')
    assert answer.status_code == 401
    assert "Nothing was stored" in answer.json()["detail"]
    assert stored(place) == []


def test_an_altered_body_is_refused(place: Place) -> None:
    """One changed byte under a true signature is refused."""
    sent = place.zendesk().request
    altered = place.client.post("/hooks/zendesk", content=sent.content + b" ", headers=dict(sent.headers))
    assert altered.status_code == 401


@pytest.mark.parametrize("age", [301, -301])
def test_old_and_future_hooks_are_refused(place: Place, age: float) -> None:
    """A hook more than five minutes away from now is refused, at Zendesk's door and at Slack's."""
    run = place.start()
    assert place.zendesk(age=age).status_code == 401
    assert place.slack(place.press(run), age=age).status_code == 401
    assert stored(place) == []
    assert place.desk.waiting(run) == ["approval/1"]


def test_a_replay_does_nothing(place: Place) -> None:
    """The same event again, within the window, is answered 200 and changes nothing."""
    assert place.zendesk().status_code == 202
    place.inbox().work()
    assert place.zendesk(age=10).status_code == 200
    assert place.inbox().work() == 0
    assert len(stored(place)) == 1


@pytest.mark.parametrize("honest", [True, False])
def test_oversized_hooks_are_cut_off(place: Place, honest: bool) -> None:
    """More than 1 MiB is 413, whether its length is declared or it is streamed."""
    big = b"x" * (1024 * 1024 + 1)
    pieces = (big[start : start + 65536] for start in range(0, len(big), 65536))
    answer = place.client.post("/hooks/zendesk", content=big if honest else pieces)
    assert answer.status_code == 413
    assert answer.json()["error"]
    assert stored(place) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"id": "e-1"}',
        json.dumps({"id": "e\0", "type": "zen:event-type:x", "subject": "zen:ticket:1"}).encode(),
        json.dumps({"id": "e", "type": "zen:event-type:x", "subject": "zen:ticket:../1"}).encode(),
        json.dumps({"id": "e" * 500, "type": "zen:event-type:x", "subject": "zen:ticket:1"}).encode(),
    ],
)
def test_malformed_hooks_are_refused(place: Place, body: bytes) -> None:
    """A signed body of another shape is 400, says where, quotes nothing, and is not stored."""
    answer = place.zendesk(body)
    assert answer.status_code == 400
    assert "Zendesk" in answer.json()["detail"]
    assert "../" not in answer.text
    assert stored(place) == []


def test_order_does_not_matter(place: Place) -> None:
    """Hooks that arrive in the wrong order, and twice, each count once and end in the same state."""
    run = place.start()
    for event_id in ("e-3", "e-1", "e-2", "e-1"):
        place.zendesk(event_id=event_id)
    assert place.inbox().work() == 3
    place.desk.settle()
    assert place.desk.waiting(run) == ["approval/1"]
    assert len(stored(place)) == 3


def test_the_same_hook_at_once_from_two_threads(place: Place) -> None:
    """Two deliveries of one event at the same instant are stored once, and both are answered with success."""
    gate = threading.Barrier(2)

    def deliver(event_id: str) -> int:
        gate.wait()
        return place.zendesk(event_id=event_id).status_code

    with ThreadPoolExecutor(2) as pool:
        for round_number in range(10):
            codes = sorted(pool.map(deliver, [f"e-{round_number}"] * 2))
            assert codes == [200, 202]
    assert len(stored(place)) == 10


def test_killed_between_store_and_handle(place: Place) -> None:
    """What a killed gateway had stored and not handled is handled when the next one starts."""
    assert place.zendesk().status_code == 202
    handled = threading.Event()
    place.hint = lambda event, subject: handled.set()  # type: ignore[method-assign]
    with TestClient(create_app(place.gateway), base_url=URL):
        assert handled.wait(10)
    assert stored(place)[0].handled_at is not None


def test_a_new_hook_wakes_the_worker(place: Place) -> None:
    """In a running gateway a hook is handled at once, long before the worker's next round."""
    handled = threading.Event()
    place.hint = lambda event, subject: handled.set()  # type: ignore[method-assign]
    with TestClient(create_app(place.gateway), base_url=URL) as client:
        place.client = client
        assert place.zendesk().status_code == 202
        assert handled.wait(4)


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
        wrong = replace(numbered(1)[0], event=None)  # type: ignore[arg-type]
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


def test_asana_shakes_hands_once(place: Place) -> None:
    """The handshake's secret is echoed and kept sealed; the same again is fine, another is refused."""
    answer = shake(place)
    assert (answer.status_code, answer.headers["x-hook-secret"]) == (200, ASANA_SECRET)
    assert shake(place).status_code == 200
    assert shake(place, "another secret of somebody").status_code == 409
    with place.desk.files.reading() as connection:
        (row,) = connection.execute(select(asana_hooks)).all()
    assert ASANA_SECRET.encode() not in row.sealed
    assert place.asana([]).status_code == 200


def test_asana_events_before_the_handshake(place: Place) -> None:
    """Events of a webhook that has not shaken hands are 401."""
    assert place.asana([task_event()]).status_code == 401
    assert stored(place) == []


def test_asana_events_count_once(place: Place) -> None:
    """Each event of a delivery is one hook; a repeated delivery adds only what is new."""
    shake(place)
    assert place.asana([task_event("12"), task_event("13")]).status_code == 202
    assert place.asana([task_event("13"), task_event("12")]).status_code == 200
    assert place.asana([task_event("13"), task_event("14")]).json() == {"accepted": 1, "known": 1}
    assert [row.subject for row in stored(place)].count("asana:task:13") == 1


def test_a_comment_is_news_of_its_task(place: Place) -> None:
    """A story added to a task wakes who listens to the task."""
    shake(place)
    story = {"gid": "99", "resource_type": "story"}
    place.asana([task_event(action="added", resource=story, parent={"gid": "12", "resource_type": "task"})])
    (row,) = stored(place)
    assert (row.event, row.subject) == ("story.added", "asana:task:12")


def test_malformed_asana_events(place: Place) -> None:
    """One event of another shape refuses the whole delivery: nothing of it is stored."""
    shake(place)
    assert place.asana([task_event(), {"action": "changed"}]).status_code == 400
    assert stored(place) == []


# Slack


def test_the_right_person_approves_by_button(place: Place) -> None:
    """A press of the person asked settles the question, with a verified Slack identity, and says so."""
    run = place.start()
    assert place.slack(place.press(run)).status_code == 200
    place.desk.settle()
    assert place.desk.ending(run) == "approve"
    (decided,) = place.desk.entries(run, Kind.DECIDED)
    assert (decided.actor, decided.payload["channel"], decided.payload["verified"]) == (
        "staff-7",
        "slack",
        True,
    )
    assert place.said == [("https://hooks.slack.com/actions/T1/2/3", "Your answer is recorded. Thank you.")]


def test_the_wrong_person_is_refused_and_told(place: Place) -> None:
    """A press of somebody else is recorded as refused and told; the question stays open."""
    run = place.start()
    assert place.slack(place.press(run, user="U00000008")).status_code == 200
    assert place.desk.waiting(run) == ["approval/1"]
    assert "put to somebody else" in place.said[0][1]
    assert [e.payload["why"] for e in place.desk.entries(run, Kind.ANSWER_REFUSED)] == ["not_yours"]


def test_one_press_counts_once(place: Place) -> None:
    """The same press, twice at the same instant and once more, is offered once and told once."""
    run = place.start()
    gate = threading.Barrier(2)

    def press(_: int) -> int:
        gate.wait()
        return place.slack(place.press(run)).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(press, range(2))) == [200, 200]
    assert place.slack(place.press(run)).status_code == 200
    assert len(place.desk.entries(run, Kind.ANSWER_OFFERED)) == 1
    assert len(place.said) == 1
    assert "Marlowe" not in repr(stored(place))


def test_a_changed_button_is_refused(place: Place) -> None:
    """A button whose value is not our signature settles nothing, and the person is told."""
    run = place.start()
    assert place.slack(place.press(run, value=place.token(run)[:-2])).status_code == 200
    assert place.desk.waiting(run) == ["approval/1"]
    assert "changed" in place.said[0][1]


@pytest.mark.parametrize(
    "address",
    ["https://hooks.slack.com.evil.example/x", "http://hooks.slack.com/x", "https://evil.example/", ""],
)
def test_words_go_to_slack_only(place: Place, address: str) -> None:
    """A response_url that does not lead to Slack gets nothing; the answer counts all the same."""
    run = place.start()
    place.slack(place.press(run) | {"response_url": address})
    assert place.said == []
    assert place.desk.waiting(run) == []


def test_other_buttons_and_events_are_taken_quietly(place: Place) -> None:
    """Buttons that answer nothing are 200; the Events API's challenge is answered; malformed is 400."""
    run = place.start()
    assert place.slack(place.press(run, action_id="open-link")).status_code == 200
    challenge = place.slack(
        json.dumps({"type": "url_verification", "challenge": "c-1"}).encode(), kind="application/json"
    )
    assert challenge.json() == {"challenge": "c-1"}
    for body in (b"payload=%7B", b"", b"other=1", b"payload=[]"):
        assert place.slack(body).status_code == 400, body
    assert place.slack(place.press(run, action_ts="")).status_code == 400
    assert place.desk.waiting(run) == ["approval/1"]


def issue_event(**change: Any) -> dict[str, Any]:
    """A webhook of Jira about SS-1."""
    event: dict[str, Any] = {
        "timestamp": 1772442000000,
        "webhookEvent": "jira:issue_updated",
        "user": {"accountId": "712020:ann", "displayName": "Ann Marlowe-Quux"},
        "issue": {"id": "10001", "key": "SS-1", "fields": {"summary": "Marlowe-Quux"}},
    }
    return event | change


def response_event(**change: Any) -> dict[str, Any]:
    """A webhook of Typeform about a response."""
    answers = [{"type": "text", "text": "Marlowe-Quux", "field": {"id": "1", "type": "short_text", "ref": "name"}}]
    response = {"form_id": "F1", "token": "t1", "answers": answers}
    return {"event_id": "e1", "event_type": "form_response", "form_response": response} | change


def test_jira_and_typeform_are_heard(place: Place) -> None:
    """Events and comments of an issue, and a form that was sent, become hints by ids; no words are kept."""
    comment = {"author": {"accountId": "712020:ann"}, "body": "Marlowe-Quux"}
    made = issue_event(webhookEvent="comment_created", comment=comment)
    del made["user"]
    codes = [place.jira(issue_event()), place.jira(made), place.typeform(response_event())]
    assert [answer.status_code for answer in codes] == [202, 202, 202]
    place.inbox().work()
    assert sorted(place.hints) == [
        ("comment_created", "jira:issue:SS-1"),
        ("form_response", "typeform:response:F1/t1"),
        ("issue_updated", "jira:issue:SS-1"),
    ]
    assert "Marlowe" not in repr(stored(place))


def test_what_we_did_in_jira_is_no_news(place: Place) -> None:
    """An edit or comment of our own account is written down as handled, and nobody is told."""
    ours = {"accountId": OUR_JIRA_ID}
    edited = issue_event(user=ours)
    commented = issue_event(webhookEvent="comment_created", comment={"author": ours}, user={})
    assert [place.jira(told).status_code for told in (edited, commented)] == [202, 202]
    assert place.inbox().work() == 0
    assert place.hints == []


def test_a_repeated_delivery_is_known(place: Place) -> None:
    """The same body again is known, whatever its unsigned headers say; the same response too."""
    codes = [place.jira(issue_event(), **{"X-Atlassian-Webhook-Identifier": name}).status_code for name in ("a", "b")]
    codes += [place.typeform(response_event()).status_code for _ in range(2)]
    assert codes == [202, 200, 202, 200]
    assert len(stored(place)) == 2


def test_signed_nonsense_of_jira_and_typeform_is_refused(place: Place) -> None:
    """A signed body of another shape is 400, says where, quotes nothing, and is not stored."""
    answers = [
        place.jira(issue_event(issue={"key": "SS-1 Marlowe-Quux"})),
        place.jira(issue_event(webhookEvent="Marlowe-Quux")),
        place.jira(b"Hello World!"),
        place.typeform(response_event(form_response={"form_id": "F1", "token": "a/Marlowe-Quux"})),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert "Marlowe" not in answer.text
    assert "issue.key" in answers[0].json()["detail"]
    assert stored(place) == []


def test_a_vendor_that_is_not_set_up(desk: Any, place: Place) -> None:
    """Without a signing secret there is no door: 404, not an open one."""

    bare = replace(place.gateway, zendesk_secret=None, slack_secret=None, jira_secret=None, typeform_secret=None)
    client = TestClient(create_app(bare), base_url=URL)
    for path in ("/hooks/zendesk", "/hooks/slack", "/hooks/jira", "/hooks/typeform"):
        assert client.post(path, content=b"{}").status_code == 404


def test_secrets_are_not_shown(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the gateway's own description nor the log of a refused hook holds a secret."""
    caplog.set_level(logging.DEBUG)
    place.client.post("/hooks/zendesk", content=b"{}")
    assert "signing secret" not in repr(place.gateway) + caplog.text


# Readiness


def test_ready_while_the_engine_is_away(place: Place) -> None:
    """The door stays open while the engine is away: answers and hooks are kept until it is back."""
    place.desk.engine.away = True
    for path, status in (("/ready", "ready"), ("/health", "up")):
        answer = place.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": status})


def test_not_ready_without_the_database(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database does not answer, /ready is 503 and says so; /health stays 200."""
    monkeypatch.setattr(place.desk.files, "engine", create_engine(f"sqlite:///{tmp_path}/nowhere/cases.db"))
    answer = place.client.get("/ready")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["problems"]["database"]
    assert place.client.get("/health").status_code == 200


def test_ready_notices_an_unmigrated_database(place: Place, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database without this release's tables is not ready, and the answer names them."""
    monkeypatch.setattr(place.desk.files, "engine", create_engine(f"sqlite:///{tmp_path}/empty.db"))
    answer = place.client.get("/ready")
    assert answer.status_code == 503
    assert "hooks" in answer.json()["problems"]["database"]


def test_the_vendors_documented_deliveries_get_in(place: Place, contracts: Path) -> None:
    """The signed requests that the vendors describe are taken as they are, at the time they were signed."""
    vectors = json.loads((contracts / "webhook-vectors.json").read_text())["vectors"]
    place.desk.engine.time = datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC)
    taken = []
    for vector in vectors:
        vendor, body = vector["vendor"], vector["body"]
        if vendor not in ("zendesk", "asana", "slack", "jira", "typeform") or "slash" in vector.get("note", ""):
            continue
        if not body.startswith(("{", "payload=")):
            continue  # Atlassian's own example of a signature, which is no event
        names = [f"{one}_secret" for one in ("zendesk", "slack", "jira", "typeform")]
        gateway = replace(place.gateway, **dict.fromkeys(names, vector["secret"]))
        client = TestClient(create_app(gateway), base_url=URL)
        if vendor == "asana":
            client.post("/hooks/asana/vector", headers={"X-Hook-Secret": vector["secret"]})
        path = "/hooks/asana/vector" if vendor == "asana" else f"/hooks/{vendor}"
        answer = client.post(path, content=body.encode(), headers=vector["headers"])
        assert answer.is_success, (vector, answer.text)
        taken.append(vendor)
    assert sorted(set(taken)) == ["asana", "jira", "slack", "typeform", "zendesk"]
    response = "typeform:response:lT4Z3j/a3a12ec67a1365927098a606107fac15"
    assert {row.subject for row in stored(place)} == {
        *("asana:task:12345", "zendesk:ticket:5158", "jira:issue:ED-1"),
        response,
    }
