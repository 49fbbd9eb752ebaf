"""A request at work, and how it learns what is new: customers' replies, which people read, and CS's status.

What customers write is kept from getting lost: each comment is read by somebody or passed on to CS, once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from casework import clock
from casework.clock import Delay, Until, WorkingDays
from casework.people import Role
from casework.wait import Act, wait_for
from flows import document_change_forms as forms
from flows.asking import ask, look_every, office
from policies import document_change as policy
from policies.data_export import NUMBERS as HOUSE
from policies.document_change import NUMBERS, State
from tasks import accounts, documents, jira

TEXTS = "document_change"
IN_THE_TEST = ("test", "last-call", "test-reading")
"""The questions of which one is open while a customer has a document on Onboard."""

Remind = Sequence[tuple[Delay, Act]]
F = TypeVar("F", forms.Clarification, forms.Reading, forms.FollowUp, forms.LostTicket)


@dataclass
class Request:
    """A request at work: what is asked for, CS's ticket, the last of the customer's comments that was read or given to
    CS, and the round. `account` is None while it is not known."""

    ticket: str
    ask: policy.Ask = field(default_factory=policy.Ask)
    test: str = "unsaid"
    account: policy.Account | None = None
    task: str = ""
    read: int = 0
    round: int = 1

    @property
    def page(self) -> dict[str, Any]:
        """What questions about CS's ticket say."""
        return {"task": self.task, "task_link": jira.link_to(self.task)}


def await_news(
    request: Request, key: str, until: datetime, besides: State | None = None, remind: Remind = ()
) -> forms.News | None:
    """Wait until the customer has written something that was not read, or CS's ticket is in another state than
    `besides`; None when nothing of that came until then. A last look finds what came at the last moment."""
    news = None
    if clock.now() < until:
        news = wait_for(
            forms.News,
            key=key,
            question="The customer answers on the ticket, and CS by the status of theirs. Nobody else needs to answer.",
            who=Role(name="customer" if besides is not State.WORKING else "customer-solutions", people=(jira.JIRA,)),
            within=Until(until),
            remind=remind,
            listens=f"jira:issue:{request.task or request.ticket}",
            look=lambda _: documents.news(request.ticket, request.read, request.task, besides),
            look_every=look_every,
        )
    if news is None:
        latest = jira.last_reply(request.ticket)
        if latest > request.read:
            return forms.News(comment=latest)
    return news


def have_read(
    form: type[F],
    ticket: str,
    key: str,
    comment: int,
    reader: Callable[..., F],
    conclusive: Collection[StrEnum],
    **about: Any,
) -> tuple[F, int]:
    """Have a colleague read what the customer wrote; the answer, and the last comment that it is about.

    Nothing is concluded from a reply after which the customer wrote again: then that is read too.
    """
    while True:
        link, suggestion = jira.comment_link(ticket, comment), documents.suggestion(ticket, comment)
        answer = reader(form, ticket, key, texts=TEXTS, comment_link=link, suggestion=suggestion, **about)
        latest = jira.last_reply(ticket)
        if latest <= comment or answer.decision not in conclusive:
            return answer, comment
        comment = latest


def ask_support(form: type[F], ticket: str, key: str, **about: Any) -> F:
    """Ask support, then the operators as well, and again whenever the time passes."""
    support, operators = accounts.role(NUMBERS.roles.support), accounts.role(HOUSE.roles.operators)
    escalate = [(WorkingDays(NUMBERS.reading_escalation_working_days, office), operators)]
    within = WorkingDays(NUMBERS.reading_final_working_days, office)
    answer = None
    while answer is None:
        answer = ask(form, ticket, key, within, support, escalate=escalate, **about)
    return answer


def pass_on(request: Request) -> None:
    """Put what the customer wrote and CS does not have yet on CS's ticket."""
    latest = jira.last_reply(request.ticket)
    if latest > request.read:
        jira.pass_on(request.ticket, request.task, f"{TEXTS}/cs-wrote", request.read, latest, round=request.round)
        request.read = latest
