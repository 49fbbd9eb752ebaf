"""The privacy request: a member's account gets its password, agents say what is asked for, the request is made once.

Source: the organisation's policy page "Tier 2: Escalations", part "DSAR Email Procedure". After everything that happens
the facts are looked at and the policy says what comes next, until a request is there and its mail went out. The legal
clock runs beside this as a process of its own.
"""

from __future__ import annotations

from casework.clock import Minutes
from casework.people import Role
from casework.process import process
from casework.wait import wait_for
from flows import privacy_request_forms as forms
from flows.privacy_request_member import TEXTS, Request, ask_agent, ask_type, by_hand, set_password
from flows.tier2 import ask_role, take
from policies import privacy_request as policy
from policies.privacy_request import NUMBERS, Ending
from tasks import privacy, salesforce


@process("privacy-request", subject="salesforce:case:{case}", watch=salesforce.gone)
def privacy_request(case: str) -> str:
    """Make the privacy request that a member asks for in a Salesforce case (its 18-character id), and close that."""
    request = Request(take(case), privacy.known(case))
    ending = None
    while ending is None:
        ending = go_on(request)
    return ending


def go_on(request: Request) -> Ending | None:
    """Do what comes next; how the case ended, if it did."""
    facts = request.facts()
    decision = policy.decide(facts)
    match decision:
        case policy.SetPassword():
            return set_password(request, decision, facts)
        case policy.AskAgent():
            return ask_agent(request, decision, facts)
        case policy.AskType():
            return ask_type(request, decision, facts)
        case policy.Create(second_agent=True):
            have_agreed(request, decision)
        case policy.Create():
            request.note(chosen=privacy.make(request.case, request.read))
        case policy.AskWhichObject():
            return ask_which(request, decision)
        case policy.UseExisting() if decision.id not in request.told:
            await_mail(request, decision.id)
        case policy.UseExisting():
            return close(request, decision)
    return None


def have_agreed(request: Request, decision: policy.Create) -> None:
    """Have a second agent read what is asked for, before it cannot be taken back."""
    answer = ask_role(
        forms.Agreement,
        request.escalation,
        decision.question,
        texts=TEXTS,
        remind=NUMBERS.second_agent_reminder_working_days,
        escalate=NUMBERS.second_agent_escalation_working_days,
        not_by=[request.reader],
        agent=request.reader,
    )
    if answer.decision is forms.Agreed.DELETE:
        request.note(agreed=True)
    else:
        request.note(asked=None, unclear=True)


def ask_which(request: Request, decision: policy.AskWhichObject) -> Ending | None:
    """Have an agent say which of the case's requests counts."""
    there = privacy.numbers(request.case)
    answer = request.ask(forms.Counting, decision.question, objects=list(there))
    if answer.number is None:
        return by_hand(request, answer.by)
    request.note(chosen=privacy.numbers(request.case).get(answer.number))
    return None


def await_mail(request: Request, made: str) -> None:
    """Wait until Salesforce's own mail about a request went out; an agent looks after it when it does not come."""
    found = privacy.made(made)
    sent = wait_for(
        forms.MailSeen,
        key="mail",
        question="Salesforce writes to the member by itself. Nobody needs to answer.",
        who=Role(name="salesforce", people=(salesforce.SALESFORCE,)),
        within=Minutes(NUMBERS.mail_wait_minutes),
        look=lambda _: privacy.mail_sent(made, failed=found.failed),
        look_every=Minutes(NUMBERS.mail_look_minutes),
    )
    if sent is None:
        about = {"number": found.number, "minutes": NUMBERS.mail_wait_minutes}
        answer = request.ask(forms.MailMissing, "mail-missing", **about)
        if answer.decision is forms.MailLooked.LOOK_AGAIN:
            return
    request.told.add(made)


def close(request: Request, decision: policy.UseExisting) -> Ending:
    """Close the case with the request's number."""
    found = privacy.made(decision.id)
    closing = NUMBERS.closing
    salesforce.close(
        request.case,
        f"{TEXTS}/{decision.comment}",
        reason=closing.reason,
        secondary_reason=closing.secondary_reason,
        number=found.number,
    )
    return Ending.NOT_VERIFIED if found.failed else Ending.REQUESTED
