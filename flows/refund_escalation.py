"""The refund escalation: a refund that Tier 1 may not decide.

Source: the organisation's policy page "Tier 2: Escalations", part "Booking Refund Requests". What is asked for stands
in no field of the case, so an agent reads it; what was refunded before is counted in Salesforce. A refund has one
record there, whoever asks for it and however often.
"""

from __future__ import annotations

from typing import Any

from casework.process import process
from flows.refund_escalation_forms import Agreement, Asked, Decision, Details, Refunded, Second
from flows.tier2 import Escalation, ask_role, take
from policies import refund_escalation as policy
from policies.refund_escalation import NUMBERS, AskAgent, AskedBefore, BackToTier1, Ending, Refund
from tasks import refunds, salesforce

TEXTS = "refund_escalation"


@process("refund-escalation", subject="salesforce:case:{case}", watch=salesforce.gone)
def refund_escalation(case: str) -> str:
    """Decide the refund that a Salesforce case (its 18-character id) asks for."""
    member = refunds.member(case)
    if not member:
        return _hand_back(case, policy.NO_MEMBER)
    escalation = take(case)
    details = _ask_details(escalation)
    if details.asked is Asked.NO_REFUND:
        return _hand_back(case, policy.NO_REFUND)
    refund, offline = details.refund(member), details.asked is Asked.FEE_OFFLINE
    decision = policy.decide(refunds.facts(case, refund, offline))
    match decision:
        case BackToTier1():
            return _hand_back(case, decision)
        case AskedBefore():
            return _end_asked_before(case, decision)
    held = refunds.record(case, refund, NUMBERS.statuses.requested)
    if held.case != case:
        return _end_asked_before(case, AskedBefore(held.case, None))
    ending, agents = _ask_agents(escalation, refund, decision)
    # Somebody may have paid by hand meanwhile, or another case have asked at the same instant.
    again = policy.decide(refunds.facts(case, refund, offline))
    if isinstance(again, AskedBefore):
        return _end_asked_before(case, again)
    statuses = NUMBERS.statuses
    held = refunds.record(case, refund, statuses.refunded if ending is Ending.REFUNDED else statuses.declined)
    if held.case != case:
        return _end_asked_before(case, AskedBefore(held.case, None))
    return _end(case, refund, ending, times=decision.times, **agents)


def _ask_details(escalation: Escalation) -> Details:
    return ask_role(
        Details,
        escalation,
        "details",
        texts=TEXTS,
        remind=NUMBERS.agent_reminder_working_days,
        escalate=NUMBERS.agent_escalation_working_days,
        role=NUMBERS.roles.tier2,
        currency=NUMBERS.currency,
    )


def _ask_agents(escalation: Escalation, refund: Refund, ask: AskAgent) -> tuple[Ending, dict[str, str]]:
    """What the agents decide, and who they are as the case comment names them."""
    about: dict[str, Any] = {
        "booking": refund.booking,
        "kind": refund.kind.value,
        "cents": refund.cents,
        "currency": refund.currency,
        "times": ask.times,
    }
    first = ask_role(
        Decision,
        escalation,
        ask.question,
        texts=TEXTS,
        remind=NUMBERS.agent_reminder_working_days,
        escalate=NUMBERS.agent_escalation_working_days,
        role=NUMBERS.roles.tier2,
        grounds=[one.value for one in ask.grounds],
        second_agent="yes" if ask.second_agent else "no",
        **about,
    )
    if first.decision is Refunded.DECLINE:
        return Ending.DECLINED, {"agent": first.by}
    if not ask.second_agent:
        return Ending.REFUNDED, {"agent": first.by, "second_agent": "none"}
    second = ask_role(
        Agreement,
        escalation,
        ask.second_question,
        texts=TEXTS,
        remind=NUMBERS.second_agent_reminder_working_days,
        escalate=NUMBERS.second_agent_escalation_working_days,
        role=NUMBERS.roles.tier2,
        not_by=(first.by,),
        agent=first.by,
        **about,
    )
    if second.decision is Second.DISAGREE:
        return Ending.DECLINED, {"agent": second.by}
    return Ending.REFUNDED, {"agent": first.by, "second_agent": second.by}


def _hand_back(case: str, back: BackToTier1) -> str:
    salesforce.hand_back(case, f"{TEXTS}/{back.note}", why=back.why)
    return Ending.BACK_TO_TIER_1


def _end_asked_before(case: str, before: AskedBefore) -> str:
    """Tell the member that it was asked for before, and close the case with a comment that names the first."""
    salesforce.reply(case, f"{TEXTS}/{policy.reply_of(Ending.ALREADY_ASKED)}")
    first = {"earlier_case": before.case or "none", "refund": before.refund or "none"}
    salesforce.close(case, f"{TEXTS}/{before.note}", reason=NUMBERS.closing.reason, **first)
    return Ending.ALREADY_ASKED


def _end(case: str, refund: Refund, ending: Ending, **about: object) -> str:
    """Tell the member, and close the case with the comment that says what was decided."""
    money = {"cents": refund.cents, "currency": refund.currency}
    paid = money if ending is Ending.REFUNDED else {}
    salesforce.reply(case, f"{TEXTS}/{policy.reply_of(ending)}", **paid)
    second = NUMBERS.closing.refunded if paid else NUMBERS.closing.declined
    comment = f"{TEXTS}/{policy.comment_of(ending)}"
    about |= {"booking": refund.booking, **paid}
    salesforce.close(case, comment, reason=NUMBERS.closing.reason, secondary_reason=second, **about)
    return ending
