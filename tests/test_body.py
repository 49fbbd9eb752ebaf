"""The running leg reads its file, gives keys in order, and sees what others write meanwhile."""

from __future__ import annotations

import pytest

from casework import clock
from casework.body import Body, Diverged, current
from casework.case import Fenced, Kind
from tests.desk import Desk


@pytest.fixture
def body(any_desk: Desk) -> Body:
    """A leg of a case that has looked once and asked once."""
    case, entries = any_desk.files.begin_leg("case-1", "moving", {"number": 1}, "toy:move:1")
    first = Body(any_desk.runtime, case, entries)
    first.append(Kind.LOOKUP_DONE, first.take("size"), {"result": 1})
    first.append(Kind.QUESTION_ASKED, first.take("q"), {})
    return again(any_desk)


def again(desk: Desk) -> Body:
    """The next leg of the case."""
    return Body(desk.runtime, *desk.files.begin_leg("case-1", "moving", {"number": 1}, "toy:move:1"))


def test_keys_count_what_has_the_same_name(body: Body) -> None:
    """The same thing asked for again gets the next number, in scopes of their own too."""
    assert [body.take("size"), body.take("q"), body.take("q"), body.take("size")] == [
        "size/1",
        "q/1",
        "q/2",
        "size/2",
    ]
    with body.scope("q/1>tell:x"):
        assert [body.take("mail"), body.take("mail")] == ["q/1>tell:x>mail/1", "q/1>tell:x>mail/2"]


def test_another_order_is_an_error_that_names_both(body: Body) -> None:
    """What the code asks for and what the file has are both said, and what to do."""
    with pytest.raises(Diverged, match=r"asks for 'q/1' where the file has 'size/1'\. Nothing was done\. Deploy"):
        body.take("q")


def test_an_early_end_is_an_error_that_names_what_is_left(body: Body) -> None:
    """A body that returns before its file is through has lost a step."""
    body.take("size")
    with pytest.raises(Diverged, match="ended where the file has 'q/1'"):
        body.finish()
    body.rewind()
    assert body.take("size") == "size/1"


def test_scopes_are_not_part_of_the_order(body: Body) -> None:
    """Announcements and reminders may come at any time; the body's own order stays."""
    body.take("size")
    with body.scope("q/1>reminder-1:x"):
        body.take("mail")
    assert body.take("q") == "q/1"
    body.finish()


def test_what_others_settled_between_two_own_entries_is_seen(any_desk: Desk, body: Body) -> None:
    """An answer that came in just before an entry of this leg is in the file, and after a refresh in the leg."""
    any_desk.files.append("case-1", Kind.DECIDED, "q/1", "staff-7", {"values": {}})
    body.append(Kind.REMINDER_SENT, "q/1>reminder-1", {"sent": True})
    assert body.completed("q/1") is None
    body.refresh()
    settled = body.completed("q/1")
    assert settled is not None
    assert settled.kind is Kind.DECIDED


def test_an_overtaken_leg_neither_writes_nor_repeats(any_desk: Desk, body: Body) -> None:
    """Once the next leg has begun, this one may not append, and may not repeat an effect."""
    body.hold()
    later = again(any_desk)
    with pytest.raises(Fenced):
        body.append(Kind.STEP_BEGUN, "x/1", {})
    with pytest.raises(Fenced, match="leg 2 was overtaken"):
        body.hold()
    later.hold()


def test_the_time_is_journaled_in_order(any_desk: Desk, body: Body) -> None:
    """Each `now()` has a key like any lookup, and in the next leg it says the same."""
    body.take("size")
    body.take("q")
    with body.running():
        assert current() is body
        first = clock.now()
        any_desk.engine.sleep(60)
        second = clock.now()
    assert (second - first).total_seconds() == 60
    any_desk.engine.sleep(3600)
    later = again(any_desk)
    later.take("size")
    later.take("q")
    with later.running():
        assert [clock.now(), clock.now()] == [first, second]
    with pytest.raises(RuntimeError, match="belong to a case"):
        current()
