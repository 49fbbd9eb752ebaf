"""The identity concern: with Member Review and Safety, and with the member's own name in what they read.

Source: the organisation's policy page "Tier 2: Escalations", part "Gender Sensitivity Concerns". Names are typed by
who has read them in Salesforce and are sealed until the case ends. A person confirms the name on the finished reply
before anything is changed or sent; until then the member gets mails without any name.
"""

from __future__ import annotations

from casework.confidential import ConfidentialText
from casework.process import process
from flows import identity_concern_forms as forms
from flows.identity_concern_forms import Name, Needs, Next, Safety, Shown
from flows.identity_concern_work import TEXTS, Work, ask_member, ask_tier2, close, leave, note
from flows.tier2 import ask_role, take
from policies.identity_concern import NUMBERS, Ending, Hold, Question, Topic, Wish, reply_for
from tasks import identity, salesforce
from tasks.identity import Changed


@process("identity-concern", subject="salesforce:case:{case}", watch=salesforce.gone)
def identity_concern(case: str) -> Ending:
    """Settle a concern about name or gender with Member Review and Safety, and answer with the member's own name."""
    work = Work(take(case), salesforce.last_mail(case))
    rule = identity.key_word(case) or "none"
    ending = settle(work)
    while ending is None:
        latest = salesforce.last_mail(case)
        news, work.read = latest != work.read, latest
        concern = ask_tier2(forms.Concern, work, Question.CONCERN, rule=rule, news=["yes" if news else "no"])
        match concern.decision:
            case Next.BY_HAND:
                ending = leave(work, concern.by)
            case Next.SAFETY:
                note(work, "note-answer", concern.task, concern.by)
                ending = settle(work)
            case Next.MEMBER:
                ending = ask_member(work, concern.asks)
            case Next.REPLY if concern.name is not None:
                ending = answer(work, concern, concern.name)
    return ending


# -- with Member Review and Safety


def settle(work: Work) -> Ending | None:
    """Ask Member Review and Safety, in as many rounds as they need; an ending when it ends meanwhile."""
    while True:
        work.round += 1
        said = ask_role(
            forms.Reviewed,
            work.escalation,
            Question.MEMBER_REVIEW,
            texts=TEXTS,
            remind=NUMBERS.safety_reminder_working_days,
            escalate=NUMBERS.safety_escalation_working_days,
            role=NUMBERS.roles.member_review_and_safety,
            round=work.round,
        )
        if said.decision is Safety.SETTLED:
            return None
        note(work, "note-needed", said.needed, said.by)
        work.read = salesforce.last_mail(work.case)
        needed = ask_tier2(forms.Needed, work, Question.SAFETY_NEEDS, round=work.round)
        match needed.decision:
            case Needs.BY_HAND:
                return leave(work, needed.by)
            case Needs.ANSWERED:
                note(work, "note-answer", needed.answer, needed.by)
            case Needs.MEMBER:
                if (ending := ask_member(work, needed.asks)) is not None:
                    return ending


# -- the reply


def answer(work: Work, concern: forms.Concern, name: ConfidentialText) -> Ending | None:
    """Show the reply, have its name confirmed, change the account, send; None when something else comes first."""
    wish = concern.change.wish
    gender = concern.gender if wish.gender else None
    reply = reply_for(concern.topic or Topic.KEY_WORD, wish).reply
    held: tuple[Hold, ...] = ()
    while True:
        shown = identity.draft(work.case, reply, name=name)
        said = ask_tier2(forms.Confirmation, work, Question.REPLY, held=list(dict.fromkeys((*shown, *held))))
        if said.decision is Name.LATER or said.name is None:
            return None
        if said.decision is Name.OTHER:
            name, held = said.name, ()
            continue
        held = identity.why_held(work.case, reply, name=name, confirmed=said.name)
        if held:
            continue
        if work.wrote() or not change(work, wish, name if wish.name else None, gender) or work.wrote():
            return None
        held = identity.answer(work.case, reply, name=name, confirmed=said.name)
        if not held:
            close(work, "comment-closed", staff=said.by, reply=reply, secondary=wish.name)
            return Ending.RESOLVED


def change(work: Work, wish: Wish, name: ConfidentialText | None, gender: ConfidentialText | None) -> bool:
    """Change the account where asked and look that it shows; where it does not, an agent says whether to go on."""
    if name is None and gender is None:
        return True
    changed = identity.change(work.case, name=name, gender=gender)
    if changed is Changed.MADE and identity.shows(work.case, name=name, gender=gender):
        return True
    outcome = "not-shown" if changed is Changed.MADE else changed.value
    what = [part for part in ("name", "gender") if getattr(wish, part)]
    looked = ask_tier2(forms.Shows, work, Question.CHANGE, what=what, change=[outcome])
    return looked.decision is Shown.SHOWS
