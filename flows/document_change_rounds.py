"""Steps 3, 4 and 6 of the document change: CS configures it, the customer tests it, round after round."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from casework import clock
from casework.clock import Days, Until, WorkingDays
from flows import document_change_forms as forms
from flows.asking import insist, office
from flows.document_change_forms import Patience, Said
from flows.document_change_request import TEXTS, Remind, Request, ask_support, await_news, have_read, pass_on
from policies import document_change as policy
from policies.document_change import NUMBERS, State
from tasks import documents, jira

# -- 3. and 4. CS configures it


def configure(request: Request) -> str:
    """Have Jira make CS's ticket, give it to whoever there has the least to do, with all that the customer said; its
    key."""
    ticket, account = request.ticket, request.account
    known = documents.prior(ticket).known
    documents.clear_configuration(ticket)
    request.task, request.read = documents.request_configuration(ticket, known), 0
    loads = documents.workloads(request.task)
    agent = policy.least_loaded(loads)
    documents.assign(request.task, agent, account.upstream if account else None)
    if account is not None and request.ask.change is not None:
        asked: dict[str, Any] = {"change": request.ask.change.value, "documents": request.ask.documents}
        link = jira.link_to(ticket)
        about: dict[str, Any] = {"ticket": ticket, "ticket_link": link, "organization": account.upstream}
        jira.note(request.task, f"{TEXTS}/cs-request", **about, **asked, test=request.test)
    documents.details(ticket, request.task, f"{TEXTS}/cs-details")
    pass_on(request)
    jira.move(ticket, NUMBERS.support_statuses.needs_configuration)
    load = next(one.open_tickets for one in loads if one.agent == agent)
    jira.note(ticket, f"{TEXTS}/note-configuration", agent=agent, open=load, **request.page)
    return request.task


def await_configuration(request: Request) -> State | None:
    """Wait for CS: ready to test, published, or dropped; None when the operators end the case.

    What the customer writes meanwhile goes to CS.
    """
    while True:
        since = clock.now()
        until = WorkingDays(NUMBERS.configuration_final_working_days, office).after(since)
        remind = remind_cs(request, since)
        while (news := await_news(request, "configuration", until, State.WORKING, remind)) is not None:
            if news.state is not None:
                return news.state
            pass_on(request)
        if not wait_on(request, "configuration-overdue", State.WORKING, since=since):
            return None


def remind_cs(request: Request, since: datetime) -> Remind:
    """A reminder on CS's ticket."""
    about = {"ticket": request.ticket, "ticket_link": jira.link_to(request.ticket), "since": since}
    after = Until(WorkingDays(NUMBERS.configuration_reminder_working_days, office).after(since))
    return [(after, lambda _: jira.note(request.task, f"{TEXTS}/cs-reminder", **about))]


def wait_on(request: Request, key: str, besides: State, **about: Any) -> bool:
    """Ask the operators whether to wait on for CS; when there is news meanwhile, that is answered by itself."""
    yes = {"decision": Patience.WAIT_ON.value}
    answer = insist(
        forms.Overdue,
        request.ticket,
        key,
        texts=TEXTS,
        settled_by=(jira.JIRA, f"jira:issue:{request.task}"),
        look=lambda _: [
            replace(heard, values=yes) for heard in documents.news(request.ticket, request.read, request.task, besides)
        ],
        **request.page,
        **about,
    )
    return answer.decision is Patience.WAIT_ON


# -- 6. The test on Onboard


def try_out(request: Request) -> Said | None:
    """Let the customer test; whatever comes of it is told to CS, who have the next turn. WITHDRAWN ends the case."""
    for key, message, days in (
        ("test", "onboard-ready-first", NUMBERS.test_wait_days),
        ("last-call", "onboard-ready-second", NUMBERS.last_call_days),
    ):
        until = Days(days, office).after(clock.now())
        jira.reply(request.ticket, f"{TEXTS}/{message}", until=until)
        match hear_verdict(request, key, until):
            case forms.Reading(decision=Said.CONFIRMED) as reading:
                send_back(request, "cs-confirmed", unless_published=True, staff=reading.by)
                return Said.CONFIRMED
            case forms.Reading(decision=Said.CHANGES):
                send_back(request, "cs-changes")
                request.round += 1
                return Said.CHANGES
            case forms.Reading(decision=said):
                return said
            case State():
                return None
    send_back(request, "cs-publish", unless_published=True, days=NUMBERS.test_wait_days, more=NUMBERS.last_call_days)
    return None


def hear_verdict(request: Request, key: str, until: datetime) -> forms.Reading | State | None:
    """What the customer says about the document, read by a person; CS's new state; or None: silence."""
    while (news := await_news(request, key, until, State.READY)) is not None:
        if news.comment is None:
            return news.state
        conclusive = (Said.CONFIRMED, Said.WITHDRAWN)
        about = {"round": request.round}
        reading, shown = have_read(
            forms.Reading, request.ticket, "test-reading", news.comment, ask_support, conclusive, **about
        )
        if reading.decision is not Said.NO_ANSWER:
            return reading
        request.read = shown
    return None


def send_back(request: Request, message: str, *, unless_published: bool = False, **values: Any) -> None:
    """Give CS what the customer wrote and what is to be done, and the ticket back."""
    pass_on(request)
    jira.note(request.task, f"{TEXTS}/{message}", ticket=request.ticket, round=request.round, **values)
    jira.note(request.ticket, f"{TEXTS}/note-round", round=request.round, **request.page)
    statuses = NUMBERS.configuration_statuses
    jira.move(request.task, statuses.to_do, statuses.published if unless_published else None)
