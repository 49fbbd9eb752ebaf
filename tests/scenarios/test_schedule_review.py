"""The Monday review of hours: the rep's answer, what differs, silence, and the coordinator, branch by branch."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from casework import systems
from casework.answer import Accepted, Refusal, Refused
from casework.case import Kind
from casework.engine.simulated import Run
from casework.gateway.modals import Modal, modal, typed
from casework.sandbox import jira_index
from casework.sandbox.http import Request, Response
from casework.sandbox.misbehave import Fault
from flows.schedule_review_forms import Reply
from policies.rep_days import Hours
from tests.scenarios.endings import assert_closed
from tests.scenarios.reviews import COORDINATOR, MONDAY, Room, new_room, room

__all__ = ["new_room", "room"]

DAY = timedelta(days=1)
FRIDAY = MONDAY + 4 * DAY
NEW_YORK_9 = datetime(2026, 3, 9, 13, tzinfo=UTC)
"""Daylight saving has begun there the day before."""


def opened(room: Room, rep: str = "staff-14") -> Run:
    """The review of a rep, opened by its schedule: on Monday at nine o'clock of their zone."""
    room.until(room.known(rep).at(MONDAY, time(9)))
    return room.review(rep)


def answers(run: Run, room: Room, **values: Any) -> Accepted | Refused:
    """The rep answers on the personal page."""
    return room.answer(run, run.parameters["rep"], "hours/", **values)


def parked(room: Room, run: Run) -> str:
    """What the operators are told of the case that is parked."""
    assert any(wait.startswith("fault>") for wait in room.waiting(run)), room.waiting(run)
    return str(room.entries(run, Kind.FAULT_PARKED)[-1].payload)


def test_all_is_right(room: Room) -> None:
    """At nine o'clock of the rep's own zone the hours come to Slack; one button confirms them, and each issue of the
    board says so, once."""
    room.until(NEW_YORK_9 - timedelta(minutes=1))
    run = room.review()
    assert room.slack("staff-14") == []
    room.until(NEW_YORK_9)
    (asked,) = room.slack("staff-14")
    assert "Week of 9 March 2026" in asked
    assert "• Monday: scheduled 8h00, revenue board 8h00" in asked
    assert "• *All: scheduled 40h00, revenue board 40h00*" in asked
    assert "They differ" not in asked
    assert "by 09:00 of your time on 11 March 2026" in asked
    assert isinstance(room.push("staff-14", "answer=right"), Accepted)
    assert_closed(room, run, "confirmed")
    issues = [room.board("staff-14", MONDAY + n * DAY) for n in range(5)]
    said = "The hours of staff-14 for the week of 9 March 2026 are confirmed: 40h00 (hours and minutes)."
    assert sorted(room.comments()) == sorted((issue, said) for issue in issues)
    (shown,) = room.slack("staff-14")
    assert "answered `right`* by staff-14" in shown
    assert room.buttons("staff-14") == [[]]
    assert room.slack(COORDINATOR) == []


def test_hours_of_each_week(room: Room) -> None:
    """Hours without a date stand for the week; those that are done, and other work, are none."""
    run = opened(room, "staff-16")
    (asked,) = room.slack("staff-16")
    assert "• Monday: scheduled 8h00, revenue board week" in asked
    assert "• *All: scheduled 40h00, revenue board 40h00*" in asked
    room.push("staff-16", "answer=right")
    assert_closed(room, run, "confirmed")
    assert [issue for issue, _ in room.comments()] == [room.board("staff-16")]


def test_the_board_differs(room: Room) -> None:
    """The rep says that the schedule is right: the coordinator mends the board, is believed after looking, and the rep
    is told."""
    run = opened(room, "staff-15")
    assert "They differ" in room.slack("staff-15")[0]
    room.push("staff-15", "answer=right")
    (asked,) = room.slack(COORDINATOR)
    assert "have different hours" in asked
    assert "To make both right: board, Friday, from 6h00 to 8h00." in asked
    assert room.buttons(COORDINATOR) == [["decide:ruling=changed", "decide:ruling=keep"]]
    room.push(COORDINATOR, "ruling=changed")
    assert "after reading both again, this is left" in room.slack(COORDINATOR)[-1]
    assert "Settled: `changed`, by staff-18" in room.slack(COORDINATOR)[0]
    room.set_hours(room.board("staff-15", FRIDAY), 8)
    room.push(COORDINATOR, "ruling=changed")
    assert_closed(room, run, "changed")
    assert "schedule and revenue board now have the same" in room.slack("staff-15")[-1]
    assert room.comments() == []


def test_nothing_personal_is_kept(room: Room) -> None:
    """The case file of a review with everything in it has ids and times, no name and no address of anybody."""
    run = opened(room, "staff-15")
    answers(run, room, answer="changes", friday="6")
    room.push(COORDINATOR, "ruling=changed")
    room.push(COORDINATOR, "ruling=keep")
    kept = "".join(str(entry.payload) for entry in room.entries(run))
    assert "staff-15" in kept
    assert [planted for planted in room.world.planted if planted in kept] == []


def test_other_hours_are_right(room: Room) -> None:
    """The rep gives another Friday: the coordinator is asked to change both sides, and both are looked at."""
    run = opened(room)
    assert isinstance(answers(run, room, answer="changes", friday="4h30"), Accepted)
    (asked,) = room.slack(COORDINATOR)
    assert "The rep says that other hours are right" in asked
    assert "schedule, Friday, from 8h00 to 4h30" in asked
    assert "board, Friday, from 8h00 to 4h30" in asked
    week = Hours(days=("monday", "tuesday", "wednesday", "thursday"), starts=time(9), ends=time(17))
    friday = Hours(days=("friday",), starts=time(9), ends=time(13, 30))
    room.roster(room.known("staff-14"), hours=(week, friday))
    room.push(COORDINATOR, "ruling=changed")
    assert "board, Friday, from 8h00 to 4h30" in room.slack(COORDINATOR)[-1]
    assert "schedule, Friday" not in room.slack(COORDINATOR)[-1]
    room.set_hours(room.board("staff-14", FRIDAY), 4.5)
    room.push(COORDINATOR, "ruling=changed")
    assert_closed(room, run, "changed")


def test_the_hours_are_kept(room: Room) -> None:
    """The coordinator keeps the hours as scheduled, and the rep is told."""
    run = opened(room)
    answers(run, room, answer="changes", monday="0")
    room.push(COORDINATOR, "ruling=keep")
    assert_closed(room, run, "kept")
    assert "keeps them as they are scheduled" in room.slack("staff-14")[-1]
    assert room.comments() == []


def test_changes_that_are_none(room: Room) -> None:
    """Hours given as they are scheduled are as right as the button."""
    run = opened(room)
    answers(run, room, answer="changes", monday="8:00", friday="8")
    assert_closed(room, run, "confirmed")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"answer": "changes"}, "at least one day"),
        ({"answer": "right", "friday": "4"}, "choose changes"),
        ({"answer": "changes", "friday": "six"}, "friday: .*such as 6:30"),
        ({"answer": "changes", "friday": "6.5"}, "friday: .*such as 6:30"),
        ({"answer": "changes", "friday": "6:75"}, "friday: .*such as 6:30"),
        ({"answer": "changes", "friday": "24:01"}, "friday: .*such as 6:30"),
        ({"answer": "changes", "friday": "-1"}, "friday: .*such as 6:30"),
        ({"answer": "perhaps"}, "answer"),
    ],
)
def test_what_cannot_be_answered(room: Room, values: dict[str, str], said: str) -> None:
    """A form that cannot be says what to do, and the question stays."""
    run = opened(room)
    refused = answers(run, room, **values)
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.INVALID
    assert re.search(said, refused.sentence), refused.sentence
    assert room.waiting(run) == ["hours/1"]


def test_the_form_in_slack() -> None:
    """The button for changes opens a modal with a field for each day, and what is typed there is an answer."""
    given = {"answer": "changes"}
    view = modal(Reply, "token", "ask:answer=changes", given)
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    assert inputs == ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    state = {"values": {"friday": {"friday": {"value": "6h30"}}, "monday": {"monday": {"value": None}}}}
    sent = Modal.model_validate({"id": "V1234", "state": state})
    assert Reply.model_validate(typed(Reply, given, sent)).changes(MONDAY) == {FRIDAY: 390}


def test_changed_since_it_was_shown(room: Room) -> None:
    """An answer to hours that have changed meanwhile confirms nothing: the rep is shown those of now."""
    run = opened(room)
    room.set_hours(room.board("staff-14", FRIDAY), 7)
    room.push("staff-14", "answer=right")
    assert room.waiting(run) == ["hours/2"]
    again = room.slack("staff-14")[-1]
    assert "have changed since they were shown" in again
    assert "• Friday: scheduled 8h00, revenue board 7h00" in again
    room.set_hours(room.board("staff-14", FRIDAY), 8)
    room.push("staff-14", "answer=right")
    room.push("staff-14", "answer=right")
    assert_closed(room, run, "confirmed")


def test_silence(room: Room) -> None:
    """A reminder with the buttons after one working day of the rep, the coordinator after two."""
    run = opened(room, "staff-15")
    asked = room.engine.runs[run.case_id]
    room.until(datetime(2026, 3, 9, 22, 59, tzinfo=UTC))  # Tuesday, 8:59 in Brisbane
    assert len(room.slack("staff-15")) == 1
    room.until(datetime(2026, 3, 9, 23, 1, tzinfo=UTC))
    assert "wait for your answer" in room.slack("staff-15")[1]
    assert room.buttons("staff-15")[1] == ["decide:answer=right", "ask:answer=changes"]
    assert room.slack(COORDINATOR) == []
    room.until(datetime(2026, 3, 10, 23, 1, tzinfo=UTC))
    assert "The rep has not answered" in room.slack(COORDINATOR)[0]
    assert "have different hours" in room.slack(COORDINATOR)[0]
    assert all("nobody answered in time" in one for one in room.slack("staff-15"))
    room.push(COORDINATOR, "ruling=keep")
    assert_closed(room, asked, "kept")


def test_silence_without_a_difference(room: Room) -> None:
    """Who is silent while all agrees is asked about too, with nothing to mend."""
    run = opened(room)
    room.advance(days=3)
    assert "To make both right" not in room.slack(COORDINATOR)[0]
    room.push(COORDINATOR, "ruling=changed")
    assert_closed(room, run, "changed")


def test_the_coordinator_is_silent(room: Room) -> None:
    """Reminded each working day of the office; after two the operators may answer too; asked again when it is over."""
    run = opened(room, "staff-15")
    room.push("staff-15", "answer=right")  # on Sunday afternoon in the office's zone
    room.until(datetime(2026, 3, 10, 15, 59, tzinfo=UTC))
    assert len(room.slack(COORDINATOR)) == 1
    room.until(datetime(2026, 3, 10, 16, tzinfo=UTC))
    assert "still wait for you" in room.slack(COORDINATOR)[1]
    room.until(datetime(2026, 3, 11, 15, 59, tzinfo=UTC))
    assert room.slack("staff-41") == []
    room.until(datetime(2026, 3, 11, 16, tzinfo=UTC))
    assert "Whose hours are right" in room.slack("staff-41")[0]
    room.advance(days=30)
    assert "Nobody has answered in time" in room.slack(COORDINATOR)[0]
    assert "Whose hours are right" in "".join(room.slack(COORDINATOR)[1:])
    room.answer(run, COORDINATOR, "coordinator/", ruling="keep")
    assert_closed(room, run, "kept")


def test_who_is_away_all_week(room: Room) -> None:
    """Somebody on leave all week is not asked, and nobody about them."""
    room.leave("staff-14", MONDAY, FRIDAY)
    run = room.review()
    assert_closed(room, run, "not_asked")
    assert room.slack("staff-14") == room.slack(COORDINATOR) == []


def test_monday_off(room: Room) -> None:
    """Who is away on Monday is asked on the first day back; what is scheduled that day says why."""
    room.leave("staff-14", MONDAY, MONDAY)
    opened(room)
    room.until(NEW_YORK_9 + DAY - timedelta(minutes=1))
    assert room.slack("staff-14") == []
    room.until(NEW_YORK_9 + DAY)
    (asked,) = room.slack("staff-14")
    assert "• Monday: scheduled leave, revenue board 8h00" in asked
    assert "by 09:00 of your time on 12 March 2026" in asked


def test_opened_late(room: Room) -> None:
    """Where nothing could be opened until Thursday noon, the rep is asked at once and still has two working days."""
    room.until(NEW_YORK_9 + 3 * DAY + timedelta(hours=3))
    room.review()
    (asked,) = room.slack("staff-14")
    assert "Week of 9 March 2026" in asked
    assert "by 09:00 of your time on 16 March 2026" in asked


def test_opened_twice(room: Room) -> None:
    """A week has one review, however often it is opened; the next week has its own."""
    first = opened(room)
    assert room.review() is first
    room.until(NEW_YORK_9 + 7 * DAY)
    assert room.review() is not first


def test_slack_is_down(room: Room) -> None:
    """What Slack does not take parks nothing: the reminder is the next chance, silence goes on as silence."""
    room.until(NEW_YORK_9 - timedelta(minutes=1))
    run = room.review()
    room.world.misbehave("slack", Fault.server_error(), times=40)
    room.until(NEW_YORK_9)
    assert room.waiting(run) == ["hours/1"]
    room.world.state["faults"]["slack"].clear()
    room.until(NEW_YORK_9 + DAY + timedelta(minutes=1))
    assert "wait for your answer" in room.slack("staff-14")[0]
    room.push("staff-14", "answer=right")
    assert_closed(room, run, "confirmed")


def test_the_index_lags(room: Room) -> None:
    """What the coordinator changes in an issue that was shown counts at once, whatever Jira's search knows by then."""
    run = opened(room, "staff-15")
    room.push("staff-15", "answer=right")
    jira_index.lag(room.world, 3600)
    room.set_hours(room.board("staff-15", FRIDAY), 8)
    room.push(COORDINATOR, "ruling=changed")
    assert_closed(room, run, "changed")


def test_an_issue_is_made_anew(room: Room) -> None:
    """Hours that were deleted and entered anew are those that count."""
    run = opened(room, "staff-15")
    room.push("staff-15", "answer=right")
    room.people.agent.delete_issue(room.board("staff-15", FRIDAY), COORDINATOR)
    room.people.agent.schedule_hours("staff-15", 8, FRIDAY.isoformat())
    room.push(COORDINATOR, "ruling=changed")
    assert_closed(room, run, "changed")


def test_hours_that_cannot_be(room: Room) -> None:
    """More hours than a week has park the case, which names the issue; corrected, it goes on."""
    issue = room.board("staff-14", FRIDAY)
    room.set_hours(issue, 900)
    run = opened(room)
    assert f"hours of issue {issue}: a week has 0 to 168 hours" in parked(room, run)
    room.set_hours(issue, 8)
    room.answer(run, "staff-41", "fault", verdict="retry")
    room.push("staff-14", "answer=right")
    assert_closed(room, run, "confirmed")


def test_no_account_on_the_board(room: Room) -> None:
    """A review of a rep without an account on the board, started by hand, parks and says what the settings lack."""
    room.roster(room.known("staff-14"), jira_account=None)
    run = opened(room)
    assert "[[reps]] has no jira_account of theirs" in parked(room, run)


def test_no_board(room: Room) -> None:
    """Without a revenue board in the settings the case parks and names the setting."""
    connected = systems.current()
    bare = systems.Places("https://support.example/{ticket}", "1", "1", "1", jira=connected.places.jira)
    systems.use(replace(connected, places=bare))
    run = opened(room)
    assert "jira.revenue_project is not set" in parked(room, run)
    systems.use(connected)
    room.answer(run, "staff-41", "fault", verdict="retry")
    assert room.waiting(run) == ["hours/1"]


@pytest.mark.parametrize("stage", ["before", "asked", "coordinator"])
def test_called_off(room: Room, stage: str) -> None:
    """Called off before it asks, while the rep is asked, or the coordinator: what was asked says so, and has no
    buttons any more."""
    room.until(NEW_YORK_9 - timedelta(minutes=1))
    run = room.review()
    if stage != "before":
        room.until(NEW_YORK_9)
    if stage == "coordinator":
        answers(run, room, answer="changes", monday="0")
    room.files.ask_to_cancel(run.case_id, "staff-41", "not wanted")
    room.settle()
    assert_closed(room, run, "cancelled")
    told = [*room.slack("staff-14"), *room.slack(COORDINATOR)]
    assert [one for one in told if "Not needed any more" in one] == told[-1:]
    assert not any(room.buttons("staff-14") + room.buttons(COORDINATOR))


def test_an_issue_is_deleted_while_it_is_confirmed(room: Room) -> None:
    """An issue that goes between the last look and its comment has none; the others have theirs."""
    run = opened(room)
    issue = room.board("staff-14", FRIDAY)
    passed = room.world.handle

    def deleted_before(vendor: str, request: Request) -> Response:
        if request.path.endswith(f"{issue}/comment") and issue in room.world.state["jira"]["issues"]:
            room.people.agent.delete_issue(issue, COORDINATOR)
        return passed(vendor, request)

    room.world.handle = deleted_before  # type: ignore[method-assign]
    room.push("staff-14", "answer=right")
    assert_closed(room, run, "confirmed")
    assert len(room.comments()) == 4
