"""The document change: a customer wants to change the documents that its own customers sign.

A change is configured by CS, tried on Onboard when the customer wants that, over as many rounds as it takes, and lives
on Engine in the end. Source: the organisation's policy page "Document change requests". What is decided stands in
`policies.document_change`, every number in its TOML file, every text in its messages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from casework import clock
from casework.clock import Days, Delay, Minutes, Until, WorkingDays
from casework.people import Role
from casework.process import process, standing
from casework.wait import Act, wait_for
from flows import document_change_forms as forms
from flows.asking import ask, insist, look_every, office
from flows.document_change_forms import Cleared, Patience, Said, Then
from policies import document_change as policy
from policies.data_export import NUMBERS as HOUSE
from policies.document_change import NUMBERS, Ending, Missing, State
from tasks import accounts, documents, jira, typeform

TEXTS = "document_change"
IN_THE_TEST = ("test", "last-call", "test-reading")
"""The questions of which one is open while a customer has a document on Onboard."""

Remind = Sequence[tuple[Delay, Act]]
F = TypeVar("F", forms.Clarification, forms.Reading, forms.FollowUp)


@process("document-change", subject="jira:issue:{ticket}", watch=jira.gone)
def document_change(ticket: str) -> str:
    """Have the documents changed that a customer's own customers sign: configured, tested in rounds, published.

    Start it with the key of the support ticket in Jira. It waits days for people without holding a process; the story
    of each case is the artifact of its run.
    """
    jira.open_again(ticket)
    jira.begin(ticket, f"{TEXTS}/note-started", f"{TEXTS}/cancelled")
    request = Request(ticket)
    ended = take_up(request)
    if ended is not None:
        return ended
    while True:
        match await_configuration(request):
            case State.READY:
                if try_out(request) is Said.WITHDRAWN:
                    return end(request, Ending.WITHDRAWN)
            case State.PUBLISHED:
                if await_silence(request):
                    jira.close(ticket)
                    return Ending.PUBLISHED
            case State.DROPPED if wait_on(request, "configuration-dropped", State.DROPPED):
                request.task = documents.prior(ticket).task or configure(request)
            case _:
                return end(request, Ending.CANCELLED)


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


def take_up(request: Request) -> str | None:
    """Bring the request to CS, or say how the case ended. One that CS has already is for the operators."""
    task = documents.prior(request.ticket).task
    if task is None:
        ended = qualify(request)
        request.task = "" if ended else configure(request)
        return ended
    request.task = task
    answer = insist(forms.FollowUp, request.ticket, "after-end", texts=TEXTS, **request.page)
    if answer.decision is Then.HAND_ON:
        send_back(request, "cs-after-publication", staff=answer.by)
        return None
    jira.last_reply(request.ticket)
    jira.close(request.ticket)
    return Ending.PUBLISHED


# -- 1. and 2. The ticket is completed, and the requirements are looked at


def qualify(request: Request) -> str | None:
    """Go on once nothing is missing, or say how the case ended."""
    ticket = request.ticket
    if not await_survey(ticket):
        jira.reply(ticket, f"{TEXTS}/cancelled")
        jira.close(ticket)
        return Ending.CANCELLED
    documents.complete(ticket)
    survey = typeform.survey(ticket)
    request.ask, request.test = survey.ask, survey.test
    decision = look(request)
    while isinstance(decision, policy.Incomplete):
        ending = clear_up(request, decision.missing)
        if ending is not None:
            return ending
        decision = look(request)
    account = request.account = decision.account
    standing(account.upstream, account.subscription.value)
    documents.file_under(ticket, account.upstream)
    own = {"own": account.organization, "type": account.organization_type}
    jira.note(ticket, f"{TEXTS}/note-eligible", why=decision.why, organization=account.upstream, **own)
    return None


def look(request: Request) -> policy.Decision:
    """The requirements, by what is known now."""
    return policy.decide(documents.facts(request.ticket, request.ask))


def await_survey(ticket: str) -> bool:
    """Wait until the survey's answers can be read; operators are asked when they do not come. False: end the case."""
    while (listens := typeform.subject(ticket)) is not None:
        arrived = wait_for(
            forms.Arrived,
            key="survey",
            question="The survey's answers are on their way. Nobody needs to answer.",
            who=Role(name="survey", people=(typeform.TYPEFORM,)),
            within=Minutes(NUMBERS.survey_wait_minutes),
            listens=listens,
            look=lambda _: typeform.arrived(ticket),
            look_every=Minutes(NUMBERS.survey_look_minutes),
        )
        if arrived is None and insist(forms.Overdue, ticket, "survey-missing", texts=TEXTS).decision is Patience.END:
            return False
    return True


def clear_up(request: Request, missing: Sequence[Missing]) -> str | None:
    """Tell the customer of each thing that is missing, and wait for a reply that settles one; else how it ends."""
    ticket = request.ticket
    until = Days(NUMBERS.requirements_wait_days, office).after(clock.now())
    for one in missing:
        limit = {"limit": NUMBERS.premium_documents} if one is Missing.ONE_DOCUMENT else {}
        jira.reply(ticket, f"{TEXTS}/{one.value}", until=until, **limit)
    jira.note(ticket, f"{TEXTS}/note-missing", missing=missing, until=until)
    while (news := await_news(request, "requirements", until, remind=remind_of(ticket, missing, until))) is not None:
        if isinstance(look(request), policy.Eligible) or news.comment is None:
            return None
        reading, request.read = have_read(
            forms.Clarification,
            ticket,
            "requirements-reading",
            news.comment,
            ask_support,
            (Cleared.WITHDRAWN,),
            missing=missing,
        )
        if reading.change is not None:
            request.ask = policy.Ask(change=reading.change, documents=reading.documents)
        match reading.decision:
            case Cleared.LOOK_AGAIN | Cleared.STILL_MISSING:
                return None
            case Cleared.WITHDRAWN:
                return close(ticket, Ending.WITHDRAWN, ())
    return close(ticket, policy.after_silence(missing), missing)


def remind_of(ticket: str, missing: Sequence[Missing], until: datetime) -> Remind:
    """Reminders of what is missing, counted from its telling."""
    message, start = f"{TEXTS}/requirements-reminder", clock.now()
    return [
        (
            Until(Days(day, office).after(start)),
            lambda _: jira.reply(ticket, message, missing=missing, until=until),
        )
        for day in NUMBERS.requirements_reminder_days
    ]


def close(ticket: str, ending: str, missing: Sequence[Missing]) -> str:
    """Tell the customer how it ends, and close the ticket."""
    unmet = [one for one in missing if one not in policy.UNCLEAR]
    if unmet:
        jira.reply(ticket, f"{TEXTS}/not-eligible", missing=unmet)
    else:
        jira.reply(ticket, f"{TEXTS}/withdrawn")
    jira.close(ticket)
    return ending


# -- 3. and 4. CS configures it


def configure(request: Request) -> str:
    """Have Jira make CS's ticket, give it to whoever there has the least to do, with all that the customer said; its
    key."""
    ticket, account = request.ticket, request.account
    known = documents.prior(ticket).known
    documents.clear_configuration(ticket)
    request.task, request.read = documents.request_configuration(ticket, known), 0
    loads = documents.workloads()
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


# -- 5. Published: an answer within a day is for the operators


def await_silence(request: Request) -> bool:
    """Give the customer a day to answer the publication, of which Jira tells; False when CS has to look again."""
    until = Minutes(60 * NUMBERS.published_wait_hours).after(clock.now())
    news = await_news(request, "published", until, State.PUBLISHED)
    if news is None:
        return True
    if news.comment is None:
        return False
    answer, _ = have_read(forms.FollowUp, request.ticket, "published-answer", news.comment, insist, (Then.CLOSE,))
    if answer.decision is Then.HAND_ON:
        send_back(request, "cs-after-publication", staff=answer.by)
    return answer.decision is Then.CLOSE


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


def end(request: Request, ending: Ending) -> str:
    """Tell CS and the customer that nothing comes of it, and close both tickets."""
    pass_on(request)
    documents.abandon(request.task)
    jira.reply(request.ticket, f"{TEXTS}/{ending.value}")
    jira.close(request.ticket)
    return ending


# -- How people are asked, and what customers write is kept from getting lost


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
