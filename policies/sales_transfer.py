"""From support to sales: who takes a conversation, when it is closed, and until when the customer is followed.

Source: "How it works": the sales address joins the conversation, the customer is introduced, an SDR starts a new
e-mail thread, "prevents re-opening of closed support tickets when either customer or SDR replies", and then it goes by
kind. The conversation is closed once the new thread is confirmed, never before; after that it is never closed again:
who writes there once more is support's, and the SDR hears of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from policies import data_export
from policies.rep_days import moment
from policies.sales_eligibility import NotEligible, Unknown, asks_for_sales, eligibility, topic_of
from policies.sales_lead import (
    account_executive,
    end_intro,
    next_in_outreach,
    next_in_records,
    next_of_intro,
    next_of_technical,
)
from policies.sales_transfer_facts import Facts, Kept, Meeting, Route, State, Who
from policies.sales_transfer_numbers import NUMBERS, SalesTransferNumbers
from policies.sales_transfer_words import (
    Ask,
    Decision,
    Do,
    End,
    Ending,
    Kind,
    Message,
    Question,
    Step,
    Wait,
    Waiting,
    Write,
)

__all__ = [
    "NUMBERS",
    "Ask",
    "Decision",
    "Do",
    "End",
    "Ending",
    "Facts",
    "Kind",
    "Message",
    "Question",
    "Step",
    "Wait",
    "Waiting",
    "Write",
    "asks_for_sales",
    "decide",
    "follows_until",
    "is_booked",
    "kind_of",
    "owner_of",
    "topic_of",
]

_BOOKED = ("booked", "rescheduled")
"""Qualified's words for a meeting that takes place; the others are offered, canceled and no_show."""


def decide(facts: Facts, now: datetime, numbers: SalesTransferNumbers = NUMBERS) -> Decision:
    """What comes next, at a moment (aware), from facts as they are now.

    Each step is done once, but for those that look (`FIND_…`, `MATCH`) and `TELL_CUSTOMER_WROTE`, which comes once for
    each time the customer has written.
    """
    if not facts.sales_added:
        return _before(facts, numbers) or Do(Step.ADD_SALES, "The question is one that sales takes.")
    thread = facts.thread
    if thread is None:
        return _until_thread(facts, now, numbers)
    return _wrote(facts) or _close(facts) or _follow(facts, thread, now, numbers)


def kind_of(facts: Facts) -> Kind:
    """As what somebody is handed over: the paying customer always, one on trial only where it has an owner.

    The page has no words for a trial that nobody owns; the SDR, who handles leads, handles it.
    """
    if facts.who is Who.PAYING or (facts.who is Who.TRIAL and owner_of(facts) is not None):
        return Kind.CUSTOMER
    return Kind.TECHNICAL if facts.route is Route.TECHNICAL else Kind.LEAD


def owner_of(facts: Facts) -> str | None:
    """Who has the customer's account, by staff id: whom the sales manager has named, else whom Salesforce names."""
    return facts.owner or (facts.owners.first if facts.owners is not None else None)


def follows_until(thread: datetime, numbers: SalesTransferNumbers = NUMBERS) -> datetime:
    """When (UTC) following ends: `follow_days` after the new thread, by the clock of the working days' zone."""
    zone = ZoneInfo(data_export.NUMBERS.business.zone)
    local = thread.astimezone(zone)
    return moment(local.date() + timedelta(days=numbers.follow_days), local.time(), zone)


def is_booked(meeting: Meeting, since: datetime) -> bool:
    """Whether a meeting takes place and was made for this transfer, which began at a moment."""
    return meeting.status in _BOOKED and meeting.made >= since


def _before(facts: Facts, numbers: SalesTransferNumbers) -> Decision | None:
    # Nothing has been said to anybody yet, so whatever has changed can still be obeyed.
    conversation = facts.conversation
    if conversation.state is State.GONE:
        return _keep(Kept.GONE, "The conversation is not there any more.")
    if facts.stays is not None:
        return _stay(facts, facts.stays)
    if not conversation.asked and Kept.WITHDRAWN not in facts.go_on:
        return _keep(Kept.WITHDRAWN, "The conversation does not ask for a transfer any more.")
    found = eligibility(facts.who, facts.topic, numbers)
    if isinstance(found, Unknown):
        return Ask(Question.CLASSIFY, found.why, about=found.missing)
    if isinstance(found, NotEligible):
        if not facts.kept_noted:
            return Do(Step.NOTE_KEPT, found.why)
        return _keep(Kept.NOT_ELIGIBLE, found.why)
    if conversation.state is State.CLOSED and Kept.CLOSED not in facts.go_on:
        return Ask(Question.CLOSED_EARLY, "Somebody has closed the conversation before the transfer.")
    return None


def _until_thread(facts: Facts, now: datetime, numbers: SalesTransferNumbers) -> Decision:
    if facts.stays is not None:
        return _stay(facts, facts.stays)
    # Where the conversation is gone there is nothing to write into, but sales has it in its own inbox.
    if facts.conversation.state is not State.GONE:
        if not facts.conversation.asked and Kept.WITHDRAWN not in facts.go_on:
            return Ask(Question.UNTAGGED, "Somebody has taken back what asked for the transfer.")
        if facts.introduced is None:
            return Do(Step.INTRODUCE, "The customer hears that sales will write.")
        if not facts.noted:
            return Do(Step.NOTE_CONTEXT, "Who reads the conversation sees what happens.")
    if facts.silent:
        waiting = Question.TAKE if facts.sdr is None else Question.NEW_THREAD
        return Ask(Question.STUCK, "Sales has let the time pass.", about=(waiting.value,))
    if facts.sdr is None:
        return Ask(Question.TAKE, "Nobody in sales has taken it.")
    if found := _wrote(facts) or _owners(facts):
        return found
    if kind_of(facts) is Kind.TECHNICAL and (intro := next_of_intro(facts.lead, now, facts.sdr, numbers)):
        return intro
    return Ask(Question.NEW_THREAD, "The conversation stays open until the new thread is there.", facts.sdr)


def _owners(facts: Facts) -> Decision | None:
    if facts.who is Who.LEAD:
        return None
    if facts.owners is None and facts.owner is None:
        return Do(Step.FIND_OWNERS, "The account may have an account executive or a CSM.")
    if owner_of(facts) is None:
        if facts.who is Who.PAYING:
            return Ask(Question.ACCOUNT_OWNER, "The account has neither an account executive nor a CSM.")
        return None
    if not facts.owner_told:
        return Do(Step.TELL_OWNER, "Who has the account hears what it is about.")
    return None


def _close(facts: Facts) -> Decision | None:
    # Also where somebody has closed it already: otherwise it would be closed when the customer opens it again.
    if facts.closed or facts.conversation.state is State.GONE:
        return None
    return Do(Step.CLOSE, "The new thread is there.")


def _wrote(facts: Facts) -> Decision | None:
    # Sales has moved to another thread: what is said in the old one after the introduction must not be lost.
    wrote = facts.conversation.wrote
    since = facts.heard or facts.introduced
    if facts.sdr is None or wrote is None or since is None or wrote <= since:
        return None
    return Do(Step.TELL_CUSTOMER_WROTE, "The customer has written into the old conversation.")


def _follow(facts: Facts, thread: datetime, now: datetime, numbers: SalesTransferNumbers) -> Decision:
    kind, sdr = kind_of(facts), facts.sdr
    if facts.disqualified:
        return _end_sequence(facts) or _handed_over(kind, sdr, "Sales has it, and says that nothing will come of it.")
    booked = any(is_booked(one, facts.introduced or thread) for one in facts.meetings)
    until = follows_until(thread, numbers)
    # Where a mail has shown the thread, who has the account may not have been looked for yet.
    if now < until and (found := _owners(facts)):
        return found
    if kind is Kind.CUSTOMER:
        if facts.owner_has_it or booked:
            return _handed_over(kind, owner_of(facts), "Who has the account has taken it up.")
        if now >= until:
            return _stalled(facts, kind)
        return Ask(Question.OUTCOME, _STILL, owner_of(facts), until=until, role=ACCOUNT_OWNER)
    if now >= until and not booked:
        return _stalled(facts, kind)
    if found := next_in_records(facts.lead, thread, now, sdr, numbers):
        return found
    if kind is Kind.TECHNICAL:
        return next_of_technical(facts.lead, sdr, numbers) or _handed_over(
            kind, sdr, "Support helps, and the SDR nurtures the lead."
        )
    if booked:
        executive = account_executive(facts.lead.employees, numbers)
        return _end_sequence(facts) or _handed_over(kind, executive, "A meeting is booked.")
    return next_in_outreach(facts.lead) or Ask(Question.OUTCOME, _STILL, sdr, until=until)


ACCOUNT_OWNER = "account-owner"
"""As what a customer's account executive, CSM, or whoever was named instead of them, is asked."""
_STILL = "Nobody has said what became of it."


def _end_sequence(facts: Facts) -> Decision | None:
    lead = facts.lead
    if not lead.sequenced or lead.sequence_ended:
        return None
    return Do(Step.END_SEQUENCE, "Who has an answer gets no more mails that ask for one.")


def _stalled(facts: Facts, kind: Kind) -> Decision:
    if not facts.manager_told:
        return Do(Step.TELL_MANAGER, "The time is over, and nobody knows what became of it.")
    return End(f"{Ending.STALLED}: {kind}", "The sales manager knows that it stands still.", facts.sdr)


def _handed_over(kind: Kind, to: str | None, why: str) -> End:
    return End(f"{Ending.HANDED_OVER}: {kind}", why, to)


def _stay(facts: Facts, kept: Kept) -> Decision:
    if ending := end_intro(facts.lead):
        return ending
    if facts.sdr is not None and not facts.called_off:
        return Do(Step.CALL_OFF, "Support keeps the conversation.")
    if not facts.kept_noted and facts.conversation.state is not State.GONE:
        return Do(Step.NOTE_KEPT, "Support keeps the conversation.")
    return _keep(kept, "A person said that support keeps it.")


def _keep(kept: Kept, why: str) -> End:
    return End(f"{Ending.KEPT_BY_SUPPORT}: {kept}", why)
