"""The review escalation: a member wants a review edited or removed.

Source: the organisation's policy page "Tier 2: Escalations", part "Review Escalations". The case that comes to Tier 2
names another one, by which the review came in and which is closed: that one is set to New and closed again at the end.
A removal is permanent, so two agents want it.
"""

from __future__ import annotations

from typing import Any

from casework.process import process
from flows.review_escalation_forms import Edit, NewText, Removal, Remove
from flows.tier2 import Escalation, ask_role, take
from policies import review_escalation as policy
from policies.review_escalation import NUMBERS, BackToTier1, Change, Ending, Go, Stop
from tasks import reviews, salesforce
from tasks.reviews import Standing, Wanted

TEXTS = "review_escalation"


@process("review-escalation", subject="salesforce:case:{case}", watch=salesforce.gone)
def review_escalation(case: str) -> str:
    """Edit or remove the review that a Salesforce case (its 18-character id) asks about."""
    wanted = reviews.wanted(case)
    decision = policy.decide(wanted.ask, wanted.reviews)
    match decision:
        case BackToTier1():
            salesforce.hand_back(case, f"{TEXTS}/{decision.note}", missing=list(decision.missing))
            return f"{Ending.BACK_TO_TIER_1}: {', '.join(decision.missing)}"
        case Stop():
            return _stop(case, decision, None)
    escalation = take(case)
    # A review can come in by the very case that is escalated, which is open.
    before = reviews.standing(wanted.home) if wanted.home != case else None
    if before is not None:
        reviews.open_again(before)
    stop = _look_again(decision, before)
    if stop is not None:
        return _stop(case, stop, before)
    if decision.change is Change.EDIT:
        return _edit(escalation, wanted, decision, before)
    return _remove(escalation, wanted, decision, before)


def _edit(escalation: Escalation, wanted: Wanted, go: Go, before: Standing | None) -> str:
    answer = _ask_for_text(escalation, wanted, go)
    if answer.decision is Edit.KEEP or answer.new_text is None:
        return _end(escalation, go, before, Ending.KEPT, agent=answer.by)
    stop = _look_again(go, before)
    if stop is not None:
        return _stop(escalation.case, stop, before)
    comment = f"{TEXTS}/{policy.comment_of(Ending.EDITED)}"
    reviews.edit(wanted.home, go.review, comment, text=answer.new_text, agent=answer.by)
    return _end(escalation, go, before, Ending.EDITED, agent=answer.by)


def _remove(escalation: Escalation, wanted: Wanted, go: Go, before: Standing | None) -> str:
    about = _about(wanted, go)
    first = ask_role(
        Removal,
        escalation,
        go.question,
        texts=TEXTS,
        remind=NUMBERS.agent_reminder_working_days,
        escalate=NUMBERS.agent_escalation_working_days,
        role=NUMBERS.roles.tier2,
        **about,
    )
    if first.decision is Remove.KEEP:
        return _end(escalation, go, before, Ending.KEPT, agent=first.by)
    second = ask_role(
        Removal,
        escalation,
        go.second_question,
        texts=TEXTS,
        remind=NUMBERS.second_agent_reminder_working_days,
        escalate=NUMBERS.second_agent_escalation_working_days,
        role=NUMBERS.roles.tier2,
        not_by=(first.by,),
        agent=first.by,
        **about,
    )
    if second.decision is Remove.KEEP:
        return _end(escalation, go, before, Ending.KEPT, agent=second.by)
    stop = _look_again(go, before)
    if stop is not None:
        return _stop(escalation.case, stop, before)
    agreed = {"agent": first.by, "second_agent": second.by}
    reviews.remove(wanted.home, go.review, f"{TEXTS}/{policy.comment_of(Ending.REMOVED)}", **agreed)
    return _end(escalation, go, before, Ending.REMOVED, **agreed)


def _ask_for_text(escalation: Escalation, wanted: Wanted, go: Go) -> NewText:
    """Ask an agent for the new text, again when it is the one that the review has."""
    unchanged = "no"
    while True:
        answer = ask_role(
            NewText,
            escalation,
            go.question,
            texts=TEXTS,
            remind=NUMBERS.agent_reminder_working_days,
            escalate=NUMBERS.agent_escalation_working_days,
            role=NUMBERS.roles.tier2,
            unchanged=unchanged,
            **_about(wanted, go),
        )
        if answer.new_text is None or reviews.is_new(go.review, answer.new_text):
            return answer
        unchanged = "yes"


def _about(wanted: Wanted, go: Go) -> dict[str, Any]:
    """What the questions say of the review."""
    other_member = "no" if wanted.same_member else "yes"
    return {"review": go.review, "review_case_link": salesforce.link_to(wanted.home), "other_member": other_member}


def _look_again(go: Go, before: Standing | None) -> Stop | None:
    """Whether somebody else has the review's case since it was opened, or the review must stay as it is by now."""
    if before is not None:
        stop = policy.after_opening(before.case, reviews.standing(before.home).case)
        if stop is not None:
            return stop
    return policy.closed_to_change(reviews.read_again(go.review))


def _stop(case: str, stop: Stop, before: Standing | None) -> str:
    """Tell the agents why nothing was changed; the case is theirs from here on."""
    if before is not None:
        reviews.put_back(before)
    salesforce.note(case, f"{TEXTS}/{stop.note}", **stop.about)
    return Ending.STOPPED


def _end(escalation: Escalation, go: Go, before: Standing | None, ending: Ending, **agents: str) -> str:
    """Tell the member, close the review's case again, and close this one."""
    salesforce.reply(escalation.case, f"{TEXTS}/{policy.reply_of(ending)}")
    if before is not None:
        reviews.put_back(before)
    closing = NUMBERS.closing
    second = {Ending.EDITED: closing.edited, Ending.REMOVED: closing.removed}.get(ending)
    comment = f"{TEXTS}/{policy.comment_of(ending)}"
    salesforce.close(
        escalation.case, comment, reason=closing.reason, secondary_reason=second, review=go.review, **agents
    )
    return ending
