"""A response to the survey whose ticket does not come: it is looked for, and then asked about; nothing is for ever."""

from __future__ import annotations

import pytest

from casework.answer import Refused
from casework.engine.simulated import Run
from casework.sandbox import jira_index, seed_documents
from tests.scenarios.documents import Studio
from tests.scenarios.endings import assert_closed

SUPPORT, OPERATOR = "staff-61", "staff-41"
GO_ON, DROP = "go on with this ticket", "drop it: no ticket is needed"


def survey_of(studio: Studio, token: str) -> Run:
    """The case of a response."""
    (run,) = [one for one in studio.engine.runs.values() if one.process == "document-survey"]
    assert run.parameters == {"response": f"{seed_documents.SURVEY}/{token}"}
    return run


@pytest.fixture
def lost(studio: Studio) -> tuple[str, Run]:
    """A response without a ticket, about which support is asked: its token and its case."""
    token = studio.people.customer.answer_survey("user-201")
    studio.hooks()
    studio.advance(minutes=20)
    assert (len(studio.unheard()), studio.engine.runs) == (1, {})
    studio.advance(minutes=20)
    run = survey_of(studio, token)
    assert (studio.waiting(run), studio.unheard()) == (["ticket/1"], [])
    studio.advance(hours=3.9)
    assert studio.slack(SUPPORT) == []
    studio.advance(hours=0.2)
    assert studio.waiting(run) == ["survey-without-ticket/1"]
    return token, run


def test_support_is_asked(studio: Studio, lost: tuple[str, Run]) -> None:
    """After four working hours support is told in Slack with the response's id, later the operators; others may not."""
    token, run = lost
    assert any(token in text and "survey-without-ticket" in text for text in studio.slack(SUPPORT))
    assert run.pause is not None
    assert f"response {seed_documents.SURVEY}/{token}" in run.pause.question
    assert isinstance(studio.answer(run, "staff-71", decision=DROP), Refused)
    assert not any(token in text for text in studio.slack(OPERATOR))
    studio.advance(days=1.1)
    assert any(token in text for text in studio.slack(OPERATOR))
    studio.answer(run, OPERATOR, decision=DROP)
    assert_closed(studio, run, "dropped")
    studio.advance(days=3)
    assert list(studio.engine.runs.values()) == [run]
    assert studio.unheard() == []


def test_support_names_the_ticket(studio: Studio, lost: tuple[str, Run]) -> None:
    """A ticket made by hand gets the response, and its document change starts with the survey's answers."""
    token, run = lost
    ticket = studio.jira.create_issue("SS", "Service Request", "Change of a contract", "Hello", reference="by-hand")
    studio.answer(run, SUPPORT, decision=GO_ON, ticket=ticket)
    assert_closed(studio, run, f"found: {ticket}")
    change = studio.case(ticket)
    assert (change.process, studio.waiting(change)) == ("document-change", ["configuration/1"])
    found = studio.world.state["jira"]["issues"][ticket]["fields"]
    assert found[seed_documents.SURVEY_RESPONSE] == token
    assert studio.jira.people.user(found["reporter"]).kind == "customer"


@pytest.mark.parametrize("which", ["unknown", "of CS", "of another response"])
def test_a_ticket_that_cannot_be_it(studio: Studio, lost: tuple[str, Run], which: str) -> None:
    """A slip in the key changes no other ticket: support is told so and asked again."""
    _, run = lost
    other, _ = studio.survey("user-202")
    ticket = {"unknown": "SS-4242", "of CS": "CS-1", "of another response": other}[which]
    before = str(studio.world.state["jira"]["issues"].get(ticket))
    studio.answer(run, SUPPORT, decision=GO_ON, ticket=ticket)
    assert studio.waiting(run) == ["survey-without-ticket/2"]
    assert run.pause is not None
    assert f"{ticket} cannot be it" in run.pause.question
    assert str(studio.world.state["jira"]["issues"].get(ticket)) == before
    refused = studio.answer(run, SUPPORT, decision=GO_ON)
    assert isinstance(refused, Refused)


def test_the_ticket_comes_after_all(studio: Studio, lost: tuple[str, Run]) -> None:
    """A ticket that Jira makes while support is asked settles the question by itself, and starts one case."""
    token, run = lost
    ticket = studio.people.customer.file_survey(token)
    studio.hooks()
    studio.advance(hours=13)
    assert_closed(studio, run, f"found: {ticket}")
    assert [one.process for one in studio.engine.runs.values()] == ["document-survey", "document-change"]
    assert any("Settled" in text for text in studio.slack(SUPPORT))


def test_the_ticket_comes_while_it_is_looked_for(studio: Studio) -> None:
    """A ticket of which no hook told, and which Jira's search knows late, is found without anybody being asked."""
    jira_index.lag(studio.world, 60)
    token = studio.people.customer.answer_survey("user-201")
    studio.hooks()
    studio.advance(minutes=40)
    run = survey_of(studio, token)
    ticket = studio.people.customer.file_survey(token)
    studio.world.take_deliveries()
    studio.advance(hours=13)
    assert_closed(studio, run, f"found: {ticket}")
    assert studio.waiting(studio.case(ticket)) == ["configuration/1"]
    assert studio.slack(SUPPORT) == []
