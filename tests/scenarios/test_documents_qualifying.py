"""How a document change begins: its ticket, the requirements, what customers are told of, whom CS gives it to."""

from __future__ import annotations

from typing import Any

import pytest

from casework.case import Kind
from casework.gateway.hook_events import JiraEvent
from casework.sandbox import seed_documents
from casework.sandbox.misbehave import Fault
from tests.scenarios.documents import Studio
from tests.scenarios.endings import assert_closed

SUPPORT, OPERATOR = "staff-61", "staff-41"
LOOK_AGAIN, STILL_MISSING = "look again", "still missing: tell the customer once more"
NO_ANSWER, WITHDRAWN = "no answer to this: wait on", "withdrawn: close the request"
WAIT_ON, END = "ask again and wait on", "end the case"


def fields(studio: Studio, issue: str) -> dict[str, Any]:
    """The fields of an issue as Jira has them."""
    found: dict[str, Any] = studio.world.state["jira"]["issues"][issue]["fields"]
    return found


@pytest.mark.parametrize(
    ("user", "answers", "missing"),
    [
        ("user-201", {}, []),
        ("user-202", {"change": "Edit a document", "documents": 3}, []),
        ("user-204", {}, []),
        ("user-205", {"change": "Edit a document"}, []),
        ("user-209", {}, []),
        ("user-203", {}, ["requester-role"]),
        ("user-207", {}, ["requester-role"]),
        ("user-204", {"documents": 2}, ["one-document"]),
        ("user-205", {}, ["one-document"]),
        ("user-205", {"documents": 0}, ["documents-unsaid"]),
        ("user-206", {}, ["subscription"]),
        ("user-88", {}, ["requester-unknown"]),
        ("user-88", {"documents": 0}, ["requester-unknown", "documents-unsaid"]),
    ],
)
def test_requirements(studio: Studio, user: str, answers: dict[str, object], missing: list[str]) -> None:
    """The customer is told of exactly what is missing, each by its own message; with nothing missing CS has it."""
    ticket, run = studio.survey(user, **answers)
    assert studio.kinds(ticket) == missing, run.standing and run.standing.story
    assert studio.waiting(run) == ["requirements/1" if missing else "configuration/1"]
    assert len(studio.told(ticket)) == len(missing)


def test_the_ticket_is_completed(studio: Studio) -> None:
    """Step 1: reporter, upstream organisation and request type; the dealer's own organisation is not it."""
    ticket, run = studio.survey("user-209")
    found = fields(studio, ticket)
    reporter = studio.jira.people.user(str(found["reporter"]))
    assert reporter.email == studio.world.state["roster"]["users"]["user-209"]["email"]
    assert reporter.kind == "customer"
    organization = studio.jira.desk.organization_id(seed_documents.SUPPORT, "Vellumgate Finance")
    assert [int(one) for one in found[seed_documents.ORGANIZATIONS]] == [organization]
    kind = studio.jira.desk.request_type_id(seed_documents.SUPPORT, seed_documents.REQUEST)
    assert kind in str(found[seed_documents.REQUEST_TYPE])
    assert run.standing is not None
    assert run.standing.name == f"document-change {ticket} org-501"
    assert {"document-change", f"jira:issue:{ticket}", "pro", "waiting:customer-solutions"} <= set(run.standing.tags)


def test_cs_gets_all_of_it(studio: Studio) -> None:
    """Step 3: Jira's rule makes CS's ticket, once; it has component, assignee, the facts and the customer's words."""
    ticket, _ = studio.survey("user-201", details="As in the letter of Brunnkogel", test_on_onboard=False)
    issue = studio.jira.issue(studio.task(ticket))
    assert issue.components == ("Vellumgate Finance",)
    assert issue.assignee == studio.world.state["roster"]["staff"]["staff-72"]["jira_id"]
    request, details = studio.notes(ticket)
    assert "org-501" in request
    assert "without a test on Onboard" in request
    assert "letter of Brunnkogel" in details
    assert studio.status(ticket) == "Needs Configuration"
    made = [link for link in studio.jira.issue(ticket).links if link.project == seed_documents.CONFIGURATION]
    assert len(made) == 1


def test_the_next_ones_go_round(studio: Studio) -> None:
    """Each ticket goes to whoever has the fewest open ones; of several, to who was given one longest ago."""
    staff = {one["jira_id"]: name for name, one in studio.world.state["roster"]["staff"].items() if "jira_id" in one}
    given = []
    for _ in range(5):
        studio.engine.sleep(60)
        ticket, _ = studio.survey("user-201")
        given.append(staff[str(studio.jira.issue(studio.task(ticket)).assignee)])
    assert given == ["staff-72", "staff-73", "staff-72", "staff-73", "staff-71"]


def test_cleared_up_by_itself(studio: Studio) -> None:
    """A reply after the role was given in the product needs nobody to read it: the request goes on."""
    ticket, run = studio.survey("user-203")
    studio.product_says("UPDATE organization_roles SET role = 'manager' WHERE user_id = ?", "user-203")
    studio.write(ticket, "I am a manager now, says Fenchelberg")
    assert studio.waiting(run) == ["configuration/1"]
    assert any("says Fenchelberg" in note for note in studio.notes(ticket))


def test_cleared_up_by_what_support_reads(studio: Studio) -> None:
    """What a reply says is read by support: with another number of documents it is looked at again."""
    ticket, run = studio.survey("user-204", documents=2)
    studio.write(ticket, "Then only the contract")
    assert studio.waiting(run) == ["requirements-reading/1"]
    studio.answer(run, SUPPORT, decision=LOOK_AGAIN, change="add", documents=1)
    assert studio.waiting(run) == ["configuration/1"]


def test_as_often_as_needed(studio: Studio) -> None:
    """Still missing: told once more, with seven days from then; no answer: the wait goes on without a message."""
    ticket, run = studio.survey("user-206")
    for round_ in (2, 3):
        studio.advance(days=5)
        studio.write(ticket, "Soon")
        studio.answer(run, SUPPORT, decision=STILL_MISSING)
        assert studio.waiting(run) == [f"requirements/{round_}"]
    assert studio.kinds(ticket).count("subscription") == 3
    studio.write(ticket, "Out of office")
    studio.answer(run, SUPPORT, decision=NO_ANSWER)
    assert studio.kinds(ticket).count("subscription") == 3
    studio.advance(days=7.1)
    assert_closed(studio, run, "not_eligible: subscription")


@pytest.mark.parametrize(
    ("user", "answers", "ending", "message"),
    [
        ("user-206", {}, "not_eligible: subscription", "not-eligible"),
        ("user-203", {"documents": 0}, "not_eligible: requester-role", "not-eligible"),
        ("user-88", {}, "withdrawn", "withdrawn"),
    ],
    ids=["not met", "not met and unclear", "unclear"],
)
def test_silence(studio: Studio, user: str, answers: dict[str, object], ending: str, message: str) -> None:
    """Reminded on day 2, closed after 7: not eligible by what was not met, withdrawn where only an answer lacked."""
    ticket, run = studio.survey(user, **answers)
    studio.advance(days=1.9)
    assert "requirements-reminder" not in studio.kinds(ticket)
    studio.advance(days=0.2)
    assert studio.kinds(ticket).count("requirements-reminder") == 1
    studio.advance(days=4.8)
    assert studio.ending(run) is None
    studio.advance(days=0.2)
    assert_closed(studio, run, ending)
    assert (studio.kinds(ticket)[-1], studio.status(ticket)) == (message, "Closed")


def test_withdrawn_before_it_began(studio: Studio) -> None:
    """A customer who takes it back, as support reads it, is told so, and the ticket is closed."""
    ticket, run = studio.survey("user-206")
    studio.write(ticket, "Never mind")
    studio.answer(run, SUPPORT, decision=WITHDRAWN)
    assert_closed(studio, run, "withdrawn")
    assert studio.kinds(ticket)[-1] == "withdrawn"


def test_a_reply_after_it_was_closed(studio: Studio) -> None:
    """Who replies after the end is looked at again from the beginning."""
    ticket, run = studio.survey("user-206")
    studio.advance(days=7.1)
    assert studio.ending(run) == "not_eligible: subscription"
    studio.product_says("UPDATE organizations SET subscription = 'pro' WHERE id = ?", "org-504")
    studio.write(ticket, "We have Pro now")
    again = studio.case(ticket)
    assert again is not run
    assert studio.waiting(again) == ["configuration/1"]


# -- starting


def test_both_hooks_start_one_case(studio: Studio) -> None:
    """The survey's hook and the ticket's, each several times, open one case."""
    token = studio.people.customer.answer_survey("user-201")
    ticket = studio.people.customer.file_survey(token)
    studio.hooks()
    for event, subject in (
        ("form_response", f"typeform:response:{seed_documents.SURVEY}/{token}"),
        ("issue_created", f"jira:issue:{ticket}"),
    ):
        for _ in range(3):
            studio.survey_starter(event, subject)
    studio.settle()
    assert len(studio.engine.runs) == 1
    assert len([note for note in studio.told(ticket, False) if "goes on with this request" in note]) == 1


def test_the_survey_comes_before_its_ticket(studio: Studio) -> None:
    """A response whose ticket is not made yet is tried again, and starts the case though the ticket's hook was lost."""
    token = studio.people.customer.answer_survey("user-201")
    studio.hooks()
    assert len(studio.unheard()) == 1
    assert not studio.engine.runs
    ticket = studio.people.customer.file_survey(token)
    studio.world.take_deliveries()
    studio.advance(minutes=1)
    assert studio.waiting(studio.case(ticket)) == ["configuration/1"]
    assert studio.unheard() == []


@pytest.mark.parametrize("summary", ["Question", "document survey: Vellumgate", "Re: Document Survey: Vellumgate"])
def test_other_tickets_start_nothing(studio: Studio, summary: str) -> None:
    """A ticket with another summary has no case, nor has one of CS's."""
    studio.jira.create_issue("SS", "Service Request", summary, "Hello", reference="other")
    studio.jira.create_issue("CS", "Task", "Document Survey: here", "Hello", reference="elsewhere")
    for event in studio.world.take_deliveries("jira"):
        studio.hear(JiraEvent.model_validate_json(event.body).hook(event.body))
    studio.settle()
    assert not studio.engine.runs


def test_a_ticket_that_is_not_there(studio: Studio) -> None:
    """A slip in the key ends the case as cancelled, and nobody outside has heard of it."""
    run = studio.start("document-change", ticket="SS-4242")
    studio.settle()
    assert_closed(studio, run, "cancelled")


def test_the_response_is_late(studio: Studio) -> None:
    """Typeform knows the response some minutes after its ticket: the case waits for it, silently."""
    kept = studio.world.state["typeform"]["responses"]
    token = studio.people.customer.answer_survey("user-201")
    ticket = studio.people.customer.file_survey(token)
    studio.world.state["typeform"]["responses"] = {}
    studio.hooks()
    run = studio.case(ticket)
    assert studio.waiting(run) == ["survey/1"]
    studio.world.state["typeform"]["responses"] = kept
    studio.advance(minutes=6)
    assert studio.waiting(run) == ["configuration/1"]
    assert not any("survey" in text for text in studio.slack(OPERATOR))


@pytest.mark.parametrize("decision", [WAIT_ON, END], ids=["wait on", "end"])
def test_the_response_never_comes(studio: Studio, decision: str) -> None:
    """After an hour the operators look: again, or they end it and the customer is told."""
    token = studio.people.customer.answer_survey("user-201")
    ticket = studio.people.customer.file_survey(token)
    studio.world.state["typeform"]["responses"] = {}
    studio.hooks()
    run = studio.case(ticket)
    studio.advance(minutes=66)
    assert studio.waiting(run) == ["survey-missing/1"]
    studio.answer(run, OPERATOR, decision=decision)
    if decision == WAIT_ON:
        assert studio.waiting(run) == ["survey/2"]
    else:
        assert_closed(studio, run, "cancelled")
        assert studio.status(ticket) == "Closed"


# -- called off, and vendors that fail


@pytest.mark.parametrize("how", ["closed", "deleted", "operator"])
@pytest.mark.parametrize("wait", ["requirements", "configuration", "test", "test-reading", "published"])
def test_called_off(studio: Studio, wait: str, how: str) -> None:
    """At each wait a ticket closed or deleted from outside, or an operator, ends the case; CS learns that."""
    ticket, run = studio.survey("user-203" if wait == "requirements" else "user-201")
    if wait in ("test", "test-reading"):
        studio.ready(ticket)
    if wait == "test-reading":
        studio.write(ticket, "Hm")
    if wait == "published":
        studio.publish(ticket)
    assert studio.waiting(run) == [f"{wait}/1"]
    task = None if wait == "requirements" else studio.task(ticket)
    if how == "closed":
        studio.people.agent.move_issue(ticket, "Closed", SUPPORT)
    elif how == "deleted":
        studio.people.agent.delete_issue(ticket)
    else:
        studio.files.ask_to_cancel(run.case_id, OPERATOR, "not wanted")
    studio.hooks()
    studio.advance(days=2)
    assert_closed(studio, run, "cancelled")
    if how == "operator":
        assert studio.status(ticket) == "Closed"
        assert "we have stopped working" in studio.told(ticket)[-1]
    if task is not None:
        assert studio.status(task) == ("Published on Engine" if wait == "published" else "Canceled")
        assert "called off" in [one.text for one in studio.jira.comments(task)][-1]
    assert studio.case(ticket) is run


def test_reopened_from_outside(studio: Studio) -> None:
    """A ticket that colleagues open again after the end is the next occurrence; the operators say what for."""
    ticket, run = studio.survey("user-201")
    studio.publish(ticket)
    studio.advance(hours=24.1)
    assert studio.ending(run) == "published"
    studio.people.agent.move_issue(ticket, "Waiting for support", SUPPORT)
    studio.hooks()
    again = studio.case(ticket)
    assert again is not run
    assert studio.waiting(again) == ["after-end/1"]


@pytest.mark.parametrize("vendor", ["jira", "typeform"])
def test_a_vendor_that_is_down_parks_the_case(studio: Studio, vendor: str) -> None:
    """A vendor that stays away is a question to the operators, not a failed run; retried, the case goes on."""
    token = studio.people.customer.answer_survey("user-201")
    ticket = studio.people.customer.file_survey(token)
    studio.world.misbehave(vendor, Fault.server_error(), times=40, match="PUT" if vendor == "jira" else "GET")
    studio.hooks()
    run = studio.case(ticket)
    (wait,) = studio.waiting(run)
    assert wait.startswith("fault>")
    studio.world.state["faults"][vendor] = []
    studio.answer(run, OPERATOR, verdict="retry")
    assert studio.waiting(run) == ["configuration/1"]


def test_automation_is_nobodys_reply(studio: Studio) -> None:
    """What Jira's own rules and colleagues write on the ticket is no reply of the customer's."""
    ticket, run = studio.survey("user-201")
    studio.people.agent.comment_issue(ticket, SUPPORT, "We look into it", public=True)
    studio.hooks()
    studio.publish(ticket)
    studio.advance(hours=24.1)
    assert_closed(studio, run, "published")


def test_nothing_personal_is_kept(studio: Studio) -> None:
    """Neither names, addresses, companies nor what anybody wrote is in the case files or in what people see of them."""
    ticket, run = studio.survey("user-201", details="Zirkonhain-Obst wants a new letterhead")
    studio.ready(ticket)
    studio.write(ticket, "Quarzfeld says no")
    studio.answer(run, SUPPORT, decision="changes: something is wrong or more is to be edited")
    studio.publish(ticket)
    studio.advance(hours=25)
    assert run.standing is not None
    kept = str([entry.payload for entry in studio.entries(run)]) + run.standing.story + run.standing.name
    private = {*studio.world.planted, "Zirkonhain-Obst", "Quarzfeld"}
    assert [text for text in private if text in kept] == []
    assert studio.entries(run, Kind.CLOSED)
