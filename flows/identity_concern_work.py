"""What every part of an identity concern needs: the case at work, its agents, the member's answer, its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from casework import clock
from casework.clock import Days
from casework.confidential import ConfidentialText
from flows import identity_concern_forms as forms
from flows.asking import office
from flows.identity_concern_forms import About, Silence
from flows.tier2 import Escalation, F, Written, ask_role, await_member
from policies.identity_concern import NUMBERS, Ending, Nameless, Question
from tasks import identity, salesforce

__all__ = ["TEXTS", "Work", "ask_member", "ask_tier2", "close", "leave", "note"]

TEXTS = "identity_concern"


@dataclass
class Work:
    """A concern at work: its case, the last mail of the member that an agent has read, the round with Safety."""

    escalation: Escalation
    read: str
    round: int = 0

    @property
    def case(self) -> str:
        """The case's id in Salesforce."""
        return self.escalation.case

    def wrote(self) -> bool:
        """Whether the member has written what no agent has read yet."""
        return salesforce.last_mail(self.case) != self.read


def ask_tier2(form: type[F], work: Work, key: str, **about: Any) -> F:
    """Ask the agents of Tier 2."""
    return ask_role(
        form,
        work.escalation,
        key,
        texts=TEXTS,
        remind=NUMBERS.agent_reminder_working_days,
        escalate=NUMBERS.agent_escalation_working_days,
        **about,
    )


def note(work: Work, message: str, text: ConfidentialText | None, staff: str) -> None:
    """Put what a colleague wrote, if anything, on the case for the others."""
    if text is not None:
        identity.note_words(work.case, f"{TEXTS}/{message}", text=text, staff=staff, round=work.round)


def leave(work: Work, staff: str) -> Ending:
    """Leave the case to the agent who takes it over."""
    salesforce.note(work.case, f"{TEXTS}/note-left", staff=staff)
    return Ending.BY_HAND


def close(work: Work, message: str, *, secondary: bool = False, **values: Any) -> None:
    """Close the case with the reasons that the policy names."""
    closing = NUMBERS.closing
    salesforce.close(
        work.case,
        f"{TEXTS}/{message}",
        reason=closing.reason,
        secondary_reason=closing.secondary_reason_name if secondary else None,
        **values,
    )


def ask_member(work: Work, about: About | None) -> Ending | None:
    """Ask the member by mail, without a name, and wait; an ending when they are silent and the case is closed.

    Not when they have written meanwhile: that is read first.
    """
    asked: dict[str, Any] = {"about": (about or About.MORE).parts}
    while not work.wrote():
        sent = clock.now()
        until = Days(NUMBERS.member_wait_days, office).after(sent)
        salesforce.reply(work.case, f"{TEXTS}/{Nameless.ASK}", **asked, until=until)
        written = await_member(
            Written,
            work.escalation,
            "member-answer",
            partial(salesforce.mails, work.case, work.read),
            until=until,
            remind_at=[Days(days, office).after(sent) for days in NUMBERS.member_reminder_days],
            reminder=f"{TEXTS}/{Nameless.REMINDER}",
            **asked,
        )
        if written is not None:
            return None
        silent = ask_tier2(forms.Silent, work, Question.MEMBER_SILENT, days=NUMBERS.member_wait_days)
        if silent.decision is Silence.GO_ON or work.wrote():
            return None
        if silent.decision is Silence.CLOSE:
            salesforce.reply(work.case, f"{TEXTS}/{Nameless.UNANSWERED}")
            close(work, "comment-unanswered", staff=silent.by)
            return Ending.WITHDRAWN
    return None
