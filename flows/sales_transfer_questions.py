"""What people are asked in a transfer to sales, and what their answers mean; what is asked of a lead, elsewhere.

A question whose time is over means silence of sales where sales is asked to move; any other one is put again, and so is
one that news have settled, if the policy still asks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from casework import clock
from flows import sales_transfer_forms as forms
from flows import sales_transfer_lead as lead
from flows.asking import office
from flows.sales_transfer_asking import Answer, Over
from flows.sales_transfer_work import Transfer
from policies import sales_transfer as policy
from policies.sales_lead import account_executive, mails_go_out
from policies.sales_transfer import NUMBERS, Ask, Kind, Message, Question
from policies.sales_transfer_facts import Kept, Meeting, Route, Who
from tasks import accounts
from tasks import owners as customers
from tasks.conversations import Asker

__all__ = ["QUESTIONS", "account_of"]

BOOKED = "booked"
"""Qualified's word for a meeting that takes place."""


# -- of support


def ask_asker(transfer: Transfer, asked: Ask) -> None:
    """Have an agent say who writes, or about what; what can be seen in Intercom meanwhile counts first."""
    answer = transfer.ask(forms.Classify, asked, missing=asked.about)
    if not isinstance(answer, Over) and answer.decision is forms.Classified.SAID:
        said = transfer.said
        transfer.said = Asker(who=answer.who or said.who, topic=answer.topic or said.topic)


def ask_closed_early(transfer: Transfer, asked: Ask) -> None:
    """Have it said whether a conversation that was closed before the transfer still goes to sales."""
    still_for_sales(transfer, transfer.ask(forms.ClosedEarly, asked), Kept.CLOSED)


def ask_untagged(transfer: Transfer, asked: Ask) -> None:
    """Have it said whether a conversation whose tag or topic was taken off still goes to sales."""
    introduced = "no" if transfer.known.introduced is None else "yes"
    still_for_sales(transfer, transfer.ask(forms.Untagged, asked, introduced=introduced), Kept.WITHDRAWN)


def still_for_sales(transfer: Transfer, answer: forms.ClosedEarly | forms.Untagged | Over, why: Kept) -> None:
    """Keep whether it goes on, in spite of this, or support keeps it because of that."""
    if isinstance(answer, Over):
        return
    if answer.decision is forms.StillForSales.GO_ON:
        transfer.note(go_on=transfer.known.go_on | {why})
    else:
        transfer.note(stays=why)


# -- of sales


def ask_take(transfer: Transfer, asked: Ask) -> None:
    """Have an SDR take it; of a lead they also say whether it needs technical help."""
    of_lead = transfer.known.who is Who.LEAD
    answer: Answer | Over = transfer.ask(forms.TakeLead if of_lead else forms.Take, asked)
    if isinstance(answer, Over):
        grow_silent(transfer, answer)
    elif answer.decision in (forms.Taken.NOT_FOR_SALES, forms.LeadTake.NOT_FOR_SALES):
        transfer.note(stays=Kept.DECLINED)
    else:
        technical = answer.decision is forms.LeadTake.TECHNICAL
        transfer.note(sdr=answer.by, route=Route.TECHNICAL if technical else None)


def ask_thread(transfer: Transfer, asked: Ask) -> None:
    """Have the SDR say that the new thread is there: that confirms it, at the moment of the answer."""
    owner = policy.owner_of(transfer.known)
    about = {"owner": owner or "none", "template": NUMBERS.technical.template}
    answer: Answer | Over = transfer.ask(forms.LeadThread if owner is None else forms.Thread, asked, **about)
    if isinstance(answer, Over):
        grow_silent(transfer, answer)
    elif answer.decision in (forms.Sent.NOT_FOR_SALES, forms.LeadSent.NOT_FOR_SALES):
        transfer.note(stays=Kept.DECLINED)
    else:
        routes = {forms.LeadSent.SALES: Route.SALES, forms.LeadSent.TECHNICAL: Route.TECHNICAL}
        route = next((to for said, to in routes.items() if answer.decision is said), transfer.known.route)
        transfer.note(thread=given_at(answer), route=route)


def grow_silent(transfer: Transfer, why: Over) -> None:
    """Keep that sales has let the time pass, if that is why there is no answer."""
    if why is Over.TIME:
        transfer.note(silent=True)


def ask_stuck(transfer: Transfer, asked: Ask) -> None:
    """Have the operators move it; whom they name has to be a colleague, and who had it hears that they have it not."""
    answer = transfer.ask(forms.Stuck, asked, waiting=asked.about)
    if isinstance(answer, Over):
        return
    match answer.decision:
        case forms.Moved.KEEP:
            transfer.note(stays=Kept.NOT_TAKEN)
        case forms.Moved.ASK_AGAIN:
            transfer.note(silent=False)
        case forms.Moved.NAMED if answer.sdr is not None and accounts.is_colleague(answer.sdr):
            if transfer.known.sdr not in (None, answer.sdr):
                transfer.tell(transfer.sdr, Message.SDR_CALLED_OFF, to=answer.sdr)
            transfer.note(silent=False, sdr=answer.sdr)


def ask_account_owner(transfer: Transfer, asked: Ask) -> None:
    """Have the sales manager name who takes a customer whose account nobody has; it has to be a colleague."""
    answer = transfer.ask(forms.AccountOwner, asked, **account_of(transfer))
    if not isinstance(answer, Over) and answer.owner is not None and accounts.is_colleague(answer.owner):
        transfer.note(owner=answer.owner)


def account_of(transfer: Transfer) -> dict[str, Any]:
    """What messages say of the customer's account; where none is known, the conversation stands for it."""
    if transfer.account is None:
        return {"account": "none", "account_link": transfer.page["conversation_link"]}
    return {"account": transfer.account, "account_link": customers.account_page(transfer.account)}


def ask_outcome(transfer: Transfer, asked: Ask) -> None:
    """Have it said what became of it, until the time is over; then the policy sees that by itself."""
    known, kind = transfer.known, policy.kind_of(transfer.known)
    if known.thread is None or asked.until is None:
        raise ValueError("the policy asks what became of a transfer that has no new thread, or without an end")
    answer: Answer | Over = transfer.ask(
        forms.CustomerOutcome if kind is Kind.CUSTOMER else forms.LeadOutcome,
        asked,
        kind=kind,
        since=clock.local_date(known.thread, office),
        executive=account_executive(known.lead.employees),
        mails=mails_go_out(known.lead),
        until=asked.until,
    )
    if isinstance(answer, Over):
        return
    match answer.decision:
        case forms.Custody.MINE:
            transfer.note(owner_has_it=True)
        case forms.Booking.BOOKED:
            transfer.booked += (Meeting(status=BOOKED, made=given_at(answer)),)
        case _:
            transfer.note(disqualified=True)


def given_at(answer: Answer) -> datetime:
    """When an answer counted. Raises ValueError for one that nobody gave."""
    if answer.at is None:
        raise ValueError("an answer counts from a moment on, and this one has none")
    return answer.at


QUESTIONS: Mapping[Question, Callable[[Transfer, Ask], None]] = {
    Question.CLASSIFY: ask_asker,
    Question.CLOSED_EARLY: ask_closed_early,
    Question.UNTAGGED: ask_untagged,
    Question.TAKE: ask_take,
    Question.STUCK: ask_stuck,
    Question.ACCOUNT_OWNER: ask_account_owner,
    Question.NEW_THREAD: ask_thread,
    Question.OUTCOME: ask_outcome,
    **lead.QUESTIONS,
}
