"""The survey in Typeform: whether the answers that a ticket was made from can be read yet, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from casework.people import Identity, Person
from casework.step import lookup
from casework.systems import current
from casework.systems.errors import NotFound
from casework.wait import Heard
from policies.document_change import NUMBERS, Ask, Change

__all__ = ["TYPEFORM", "Survey", "answers", "arrived", "survey", "token_of"]

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
