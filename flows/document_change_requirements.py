"""Steps 1 and 2 of the document change: the ticket is completed, the requirements are looked at until they are met."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from casework import clock
from casework.clock import Days, Minutes, Until
from casework.people import Role
from casework.process import standing
from casework.wait import wait_for
from flows import document_change_forms as forms
from flows.asking import insist, office
from flows.document_change_forms import Cleared, Patience
from flows.document_change_request import TEXTS, Remind, Request, ask_support, await_news, have_read
from policies import document_change as policy
from policies.document_change import NUMBERS, Ending, Missing
from tasks import documents, jira, typeform


def qualify(request: Request) -> str | None:
    """Go on once nothing is missing, or say how the case ended."""
    ticket = request.ticket
    if not await_survey(ticket):
        jira.last_reply(ticket)
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
    if unmet := policy.unmet(missing):
        jira.reply(ticket, f"{TEXTS}/not-eligible", missing=unmet)
    else:
        jira.reply(ticket, f"{TEXTS}/withdrawn")
    jira.close(ticket)
    return ending
