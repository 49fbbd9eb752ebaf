"""The survey in Typeform: whether the answers that a ticket was made from can be read yet, what they say, and which
ticket was made from a response.

A response is named by its form and token, `Dq8mYt2K/4n9x`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from casework.people import Identity, Person
from casework.step import lookup, step
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.jql import contains, quote
from casework.wait import Heard
from policies.document_change import NUMBERS, Ask, Change
from tasks.jira import JIRA

__all__ = [
    "TYPEFORM",
    "Survey",
    "adopt",
    "answers",
    "arrived",
    "filed",
    "page_of",
    "subject",
    "survey",
    "ticket_of",
    "token_of",
]

TYPEFORM = Person(id="typeform")
"""Who answers when a response can be read."""


class Survey(BaseModel):
    """What a survey asks for, by no words of the customer's: those are read where they are passed on.

    `test` is whether they want to try it on Onboard: `wanted`, `not-wanted` or `unsaid`.
    """

    model_config = ConfigDict(frozen=True)

    ask: Ask = Ask()
    test: str = "unsaid"


def token_of(ticket: str) -> str | None:
    """The token of the response that the ticket was made from; None for a ticket made by hand."""
    system = current()
    field = system.places.jira.survey_response_field
    token = system.jira.issue(ticket, [field]).custom.get(field)
    return str(token) if token else None


def answers(ticket: str) -> Mapping[str, Any]:
    """The answers by the refs of their questions, to use and forget; none for a ticket made by hand.

    Raises:
        NotFound: the ticket names a response that cannot be read, which is so for some minutes.
    """
    token, system = token_of(ticket), current()
    return system.typeform.response(system.places.survey_form, token).answers if token else {}


@lookup
def subject(ticket: str) -> str | None:
    """What the gateway is told of when the ticket's response comes; None when there is nothing to wait for."""
    token = token_of(ticket)
    try:
        answers(ticket)
    except NotFound:
        return f"typeform:response:{current().places.survey_form}/{token}"
    return None


def arrived(ticket: str) -> Iterable[Heard]:
    """Whether the ticket's response can be read."""
    try:
        answers(ticket)
    except NotFound:
        return
    yield Heard(Identity(kind="system", value=TYPEFORM.id), {}, f"typeform:{ticket}")


@lookup
def survey(ticket: str) -> Survey:
    """What is asked for, as far as the survey says it."""
    said, refs = answers(ticket), NUMBERS.survey
    change = {refs.edit: Change.EDIT, refs.add: Change.ADD}.get(str(said.get(refs.change)))
    number = said.get(refs.documents)
    test = {"True": "wanted", "False": "not-wanted"}.get(str(said.get(refs.test)), "unsaid")
    if change is None or isinstance(number, bool) or not isinstance(number, int | float) or number < 1 or number % 1:
        return Survey(test=test)
    return Survey(ask=Ask(change=change, documents=int(number)), test=test)


# -- a response whose ticket is not known


def ticket_of(response: str) -> str | None:
    """The ticket that was made from a response, as far as Jira's search knows it by now."""
    system, token = current(), response.rpartition("/")[2]
    places = system.places.jira
    field = places.survey_response_field
    wanted = f"project = {quote(places.support_project)} AND {contains(field, token)}"
    found = system.jira.search(wanted, (field,))
    return next((issue.key for issue in found if issue.custom.get(field) == token), None)


def filed(response: str) -> Iterable[Heard]:
    """Whether there is a ticket of the response by now, and which."""
    ticket = ticket_of(response)
    if ticket is not None:
        yield Heard(Identity(kind="system", value=JIRA.id), {"ticket": ticket}, f"jira:{ticket}")


@step(repeatable=True)
def adopt(ticket: str, response: str) -> bool:
    """Let a ticket be the one of this response. False when there is no such ticket for support, or it has another one.

    Sets a value, so again changes nothing.
    """
    system, token = current(), response.rpartition("/")[2]
    places = system.places.jira
    field = places.survey_response_field
    try:
        issue = system.jira.issue(ticket, (field,))
    except NotFound:
        return False
    for_support = issue.key == ticket and issue.project == places.support_project
    if not for_support or issue.custom.get(field) not in (None, "", token):
        return False
    system.jira.edit(ticket, custom={field: token})
    return True


def page_of(response: str) -> str:
    """Where colleagues find the responses to this one's form in Typeform."""
    return f"https://admin.typeform.com/form/{response.partition('/')[0]}/results#responses"
