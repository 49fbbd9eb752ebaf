"""Weekends, holidays, daylight saving and the Monday reset inside the waits of a document change.

The office's zone is that of Los Angeles; daylight saving begins there on Sunday, 8 March 2026, at 2:00.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from casework.case import Kind
from casework.engine.simulated import Run
from casework.sandbox.misbehave import Fault
from tests.scenarios.documents import Studio
from tests.scenarios.endings import assert_closed

SUPPORT, OPERATOR = "staff-61", "staff-41"
CHANGES = "changes: something is wrong or more is to be edited"
RESET = "Onboard is reset tonight"


def under_test(studio: Studio, days: float) -> tuple[str, Run]:
    """A request whose test began so many days after Monday morning."""
    studio.advance(days=days)
    ticket, run = studio.survey("user-201")
    studio.ready(ticket)
    assert studio.waiting(run) == ["test/1"]
    return ticket, run


def due(studio: Studio, run: Run, wait: str) -> datetime:
    """Until when a question may be answered (UTC)."""
    (asked,) = [entry for entry in studio.entries(run, Kind.QUESTION_ASKED) if entry.key == wait]
    return datetime.fromisoformat(asked.payload["due"])


def resets(studio: Studio, issue: str) -> int:
    """How often the reset was told of on an issue."""
    return sum(RESET in text for text in [*studio.told(issue), *studio.told(issue, False)])


def test_days_of_the_customer_over_daylight_saving(studio: Studio) -> None:
    """Three days from Friday 9:00 end on Monday at 9:00 on the wall, an hour less; the weekend counts."""
    _, run = under_test(studio, days=4)
    assert due(studio, run, "test/1") == datetime(2026, 3, 9, 16, 0, 1, tzinfo=UTC)


def test_days_of_cs_leave_the_weekend_out(studio: Studio) -> None:
    """CS's reminder after 3 working days from Thursday comes on Tuesday, over weekend and daylight saving."""
    studio.advance(days=3)
    ticket, run = studio.survey("user-201")
    (asked,) = [entry for entry in studio.entries(run, Kind.QUESTION_ASKED) if entry.key == "configuration/1"]
    assert asked.payload["reminders"] == ["2026-03-10T16:00:00+00:00"]
    studio.advance(days=4.9)
    assert not any("has waited for this" in note for note in studio.notes(ticket))
    studio.advance(days=0.2)
    assert any("has waited for this" in note for note in studio.notes(ticket))


def test_a_day_after_the_publication_is_24_hours(studio: Studio) -> None:
    """24 hours are 24 hours, over daylight saving too: from Saturday 9:00 to Sunday 10:00 on the wall."""
    studio.advance(days=5)
    ticket, run = studio.survey("user-201")
    studio.publish(ticket)
    assert due(studio, run, "published/1") == datetime(2026, 3, 8, 17, 0, 1, tzinfo=UTC)
    studio.advance(hours=24.1)
    assert_closed(studio, run, "published")


def test_the_reset_within_a_test(studio: Studio) -> None:
    """On Monday 10:00 customer and CS are told, once; the test goes on waiting until its own moment."""
    ticket, run = under_test(studio, days=5)
    before = due(studio, run, "test/1")
    studio.next_monday()
    assert studio.engine.time == datetime(2026, 3, 9, 17, tzinfo=UTC)
    notice = studio.notice()
    assert_closed(studio, notice, "sent: 1 told")
    assert (resets(studio, ticket), resets(studio, studio.task(ticket))) == (1, 1)
    assert studio.waiting(run) == ["test/1"]
    assert due(studio, run, "test/1") == before
    assert "has to go back up" in studio.notes(ticket)[-1]
    assert studio.files.verify(run.case_id) == len(studio.entries(run))


def test_once_on_a_monday_and_again_on_the_next(studio: Studio) -> None:
    """However often the notice runs on a Monday, nobody is told twice; on the next one they are told again."""
    ticket, run = under_test(studio, days=6.9)
    studio.next_monday()
    assert studio.notice().state == "sent: 1 told"
    assert studio.notice().state == "nothing_new"
    studio.write(ticket, "Hm, let me see")
    assert studio.waiting(run) == ["test-reading/1"]
    studio.advance(days=1)
    studio.next_monday()
    assert studio.notice().state == "sent: 1 told"
    assert (resets(studio, ticket), resets(studio, studio.task(ticket))) == (2, 2)


@pytest.mark.parametrize("at", ["test", "last-call", "test-reading"])
def test_everybody_in_the_test_is_told(studio: Studio, at: str) -> None:
    """Waiting for the first answer, for the second, or for support to read one: the document is on Onboard."""
    ticket, run = under_test(studio, days=3 if at == "last-call" else 6)
    studio.engine.sleep(1)
    if at == "last-call":
        studio.advance(days=3.01)
    if at == "test-reading":
        studio.write(ticket, "Looks odd")
    assert studio.waiting(run) == [f"{at}/1"]
    studio.next_monday()
    if studio.waiting(run) == [f"{at}/1"]:
        assert studio.notice().state == "sent: 1 told"
        assert resets(studio, ticket) == 1


def test_nobody_else_is_told(studio: Studio) -> None:
    """Who waits for CS, has been published, or lacks something is not written to."""
    waiting, _ = studio.survey("user-201")
    published, _ = studio.survey("user-202")
    studio.publish(published)
    lacking, _ = studio.survey("user-206")
    assert studio.notice().state == "nothing_new"
    assert [resets(studio, ticket) for ticket in (waiting, published, lacking)] == [0, 0, 0]


def test_several_at_once(studio: Studio) -> None:
    """Each case is told on its own ticket, and CS on the one that belongs to it."""
    studio.advance(days=6)
    tickets = [studio.survey(user)[0] for user in ("user-201", "user-202", "user-204")]
    for ticket in tickets:
        studio.ready(ticket)
    studio.next_monday()
    assert studio.notice().state == "sent: 3 told"
    for ticket in tickets:
        assert (resets(studio, ticket), resets(studio, studio.task(ticket))) == (1, 1)
        assert any(RESET in note and ticket in note for note in studio.notes(ticket))


def test_a_notice_that_is_interrupted(studio: Studio) -> None:
    """An answer of Jira that is lost after a comment was made, and a Jira that stays away: told once, all of them."""
    studio.advance(days=6)
    tickets = [studio.survey(user)[0] for user in ("user-201", "user-202")]
    for ticket in tickets:
        studio.ready(ticket)
    studio.next_monday()
    path = f"POST /rest/api/3/issue/{tickets[0]}/comment"
    studio.world.misbehave("jira", Fault.answer_lost(), match=path)
    studio.world.misbehave("jira", Fault.server_error(), times=40, match=f"POST /rest/api/3/issue/{tickets[1]}")
    notice = studio.notice()
    (wait,) = studio.waiting(notice)
    assert wait.startswith("fault>documents.tell_reset")
    studio.world.state["faults"]["jira"] = []
    studio.answer(notice, OPERATOR, verdict="retry")
    assert_closed(studio, notice, "sent: 2 told")
    assert [resets(studio, ticket) for ticket in tickets] == [1, 1]


def test_a_case_that_moved_on_is_left_alone(studio: Studio) -> None:
    """A customer whose test is over by the time their turn comes is not written to."""
    ticket, run = under_test(studio, days=6)
    studio.next_monday()
    studio.world.misbehave("jira", Fault.server_error(), times=60, match=f"GET /rest/api/3/issue/{ticket}")
    notice = studio.notice()
    (wait,) = studio.waiting(notice)
    studio.world.state["faults"]["jira"] = []
    studio.publish(ticket)
    assert studio.waiting(run) == ["published/1"]
    studio.answer(notice, OPERATOR, verdict="retry")
    assert notice.state == "nothing_new", wait
    assert resets(studio, ticket) == 0


def test_after_the_reset_the_test_goes_on(studio: Studio) -> None:
    """A customer who asks for more time on Monday gets the document back up: a round like any other."""
    ticket, run = under_test(studio, days=6)
    studio.next_monday()
    studio.notice()
    studio.write(ticket, "Please put it up again, we need more time")
    studio.answer(run, SUPPORT, decision=CHANGES)
    studio.advance(days=1)
    studio.ready(ticket)
    assert studio.waiting(run) == ["test/2"]
    assert due(studio, run, "test/2") > studio.engine.time + timedelta(days=2.9)
