"""Engineering makes the deliverable, and it is checked before anything else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from casework import systems
from casework.answer import Refused
from casework.case import Kind
from casework.engine.simulated import Run
from casework.sandbox import aws
from casework.sandbox.deliverables import FAULTS, FaultKind
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office

SCALED, TEAM = "user-81", "team-102"
WRONG_TEAM = ("wrong-team-row", "wrong-manifest-team")
SENT_BACK = [
    pytest.param(fault, marks=pytest.mark.slow if at % 3 else ())
    for at, fault in enumerate(one for one in FAULTS if one not in WRONG_TEAM)
]
"""What is checked case by case in milliseconds elsewhere; some of it comes to a whole case in the fast suite."""


def waiting_for_engineering(office: Office, *tags: str) -> tuple[int, Run]:
    """A request that only needs its deliverable now."""
    ticket, run = office.ask(SCALED, *tags)
    office.reply(ticket)
    assert office.waiting(run) == ["deliverable/1"]
    return ticket, run


def test_engineering_gets_one_task_that_says_all(office: Office) -> None:
    """The task says what, which team, where and by when; the ticket links to it; a hook is listened to."""
    ticket, run = waiting_for_engineering(office)
    (task,) = office.world.state["asana"]["tasks"].values()
    for said in (TEAM, f"exports/{run.case_id}/", aws.DROP_BUCKET, "candidates, projects, sequences"):
        assert said in task["notes"]
    assert task["due_on"] == "2026-03-09"
    assert any(task["permalink_url"] in note for note in office.said(ticket, False))
    assert len(office.world.state["asana"]["webhooks"]) == 1


def test_two_cases_listen_at_once(office: Office) -> None:
    """When another case registers the hook between this one's look and its own try, which is refused then, there is
    one hook and nobody is asked."""
    agree = office.world.handshake

    def overtaken(target: str, _headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        office.world.handshake = agree
        asana, project = systems.current().asana, systems.current().places.asana_project
        asana.create_webhook(project, target, [{"resource_type": "task", "action": "changed"}])
        return 409, {}

    office.world.handshake = overtaken
    waiting_for_engineering(office)
    assert len(office.world.state["asana"]["webhooks"]) == 1


def test_only_what_was_asked_for_is_ordered(office: Office) -> None:
    """A ticket that asks for projects alone orders projects alone, and more than that is not accepted."""
    _, run = waiting_for_engineering(office, "export_projects")
    (task,) = office.world.state["asana"]["tasks"].values()
    assert "no other team: projects." in task["notes"]
    office.make(run, TEAM)
    assert office.waiting(run) == ["deliverable/2"]


def test_engineering_is_reminded_then_its_lead(office: Office) -> None:
    """A comment on the task after 4 working days, the lead in Slack after 6, each once."""
    _, _run = waiting_for_engineering(office)
    task = office.task()
    office.advance(days=3.9)
    assert office.comments_on_task(task) == []
    office.advance(days=0.2)
    (reminder,) = office.comments_on_task(task)
    assert "due" in reminder
    assert office.slack("staff-51") == []
    office.advance(days=4)
    (told,) = office.slack("staff-51")
    assert "Could you see to it" in told
    office.advance(days=8)
    assert len(office.comments_on_task(task)) == 1
    assert len(office.slack("staff-51")) == 1


@pytest.mark.parametrize("answer", ["ask again and wait on", "end the case", None])
def test_engineering_is_long_overdue(office: Office, answer: str | None) -> None:
    """After 15 working days operators wait on or end the case; without an answer it ends, drop and all."""
    ticket, run = waiting_for_engineering(office)
    office.place(run, TEAM)
    office.advance(days=21.1)
    assert office.waiting(run) == ["engineering-overdue/1"]
    if answer is None:
        office.advance(days=25)
    else:
        office.answer(run, "staff-41", decision=answer)
    if answer == "ask again and wait on":
        assert office.waiting(run) == ["deliverable/2"]
        office.complete()
        assert office.waiting(run) == ["download/1"]
    else:
        assert_closed(office, run, "cancelled")
        assert_nothing_left(office, run, "cancelled")
        assert "was stopped before it was done" in office.said(ticket)[-1]


@pytest.mark.parametrize("fault", SENT_BACK)
def test_a_wrong_deliverable_goes_back(office: Office, fault: FaultKind) -> None:
    """Anything wrong: said on the task, the task is open again, nothing leaves the drop; the right one goes on."""
    ticket, run = waiting_for_engineering(office)
    office.make(run, TEAM, fault)
    task = office.task()
    assert office.waiting(run) == ["deliverable/2"]
    (comment,) = office.comments_on_task(task)
    assert "cannot be used as it is" in comment
    assert office.world.state["asana"]["tasks"][task]["completed"] is False
    assert any("was not right" in note for note in office.said(ticket, False))
    assert len(office.said(ticket)) == 1, "the customer is not bothered"
    office.advance(days=1)
    assert office.waiting(run) == ["deliverable/2"], "the same completion does not count twice"
    office.clear_drop(run)
    office.make(run, TEAM)
    assert office.waiting(run) == ["download/1"]
    office.download(run)
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")


@pytest.mark.parametrize("fault", WRONG_TEAM)
@pytest.mark.parametrize("answer", ["have it made again", "end the case", None])
def test_another_teams_data_is_a_security_question(office: Office, fault: FaultKind, answer: str | None) -> None:
    """Another team's rows stop the case until operators decide; whatever they say, that deliverable goes."""
    ticket, run = waiting_for_engineering(office)
    office.make(run, TEAM, fault)
    assert office.waiting(run) == ["wrong-team/1"]
    assert office.comments_on_task(office.task()) == []
    assert len(office.said(ticket)) == 1
    assert isinstance(office.answer(run, "staff-52", decision="end the case"), Refused)
    if answer is None:
        office.advance(days=7.1)
    else:
        office.answer(run, "staff-42", decision=answer)
    assert office.in_bucket(aws.DROP_BUCKET, f"exports/{run.case_id}/") == 0
    if answer == "have it made again":
        assert office.waiting(run) == ["deliverable/2"]
        office.make(run, TEAM)
        assert office.waiting(run) == ["download/1"]
    else:
        assert_closed(office, run, "cancelled")
        assert_nothing_left(office, run, "cancelled")


def test_completed_without_a_deliverable(office: Office) -> None:
    """A task completed with an empty drop goes back like any wrong deliverable."""
    _, run = waiting_for_engineering(office)
    office.complete()
    assert office.waiting(run) == ["deliverable/2"]
    assert office.comments_on_task(office.task())


def test_a_deliverable_before_it_is_asked_for(office: Office) -> None:
    """Files that lie in the drop early change nothing until the task is completed, then they count."""
    ticket, run = office.ask(SCALED)
    office.place(run, TEAM)
    assert office.waiting(run) == ["reason/1"]
    office.reply(ticket)
    assert office.waiting(run) == ["deliverable/1"]
    office.complete()
    assert office.waiting(run) == ["download/1"]


def test_a_lost_hook_is_made_up_for(office: Office) -> None:
    """When Asana's hook is lost, the next look finds the completed task."""
    _, run = waiting_for_engineering(office)
    office.place(run, TEAM)
    office.people.engineer.complete(office.task())
    office.world.take_deliveries()
    assert office.waiting(run) == ["deliverable/1"]
    office.advance(hours=12.1)
    assert office.waiting(run) == ["download/1"]


def test_what_is_told_about_a_deliverable_has_no_content(office: Office) -> None:
    """The case file tells kinds, file names and row numbers of what is wrong, and none of the rows."""
    _, run = waiting_for_engineering(office)
    office.make(run, TEAM, "wrong-team-row")
    (asked,) = [e for e in office.entries(run, Kind.QUESTION_ASKED) if e.key == "wrong-team/1"]
    assert asked
    assert "Quillfeather" not in str(office.entries(run))
