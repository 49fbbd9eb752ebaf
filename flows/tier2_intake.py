"""The intake of Tier 2: one look decides which process a Salesforce case is; what it cannot tell an agent says.

Source: the organisation's policy page "Tier 2: Escalations". A case is taken once: the intake ends with the name of the
process, which the gateway starts then.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from casework.process import process
from casework.wait import Form
from flows.tier2 import Escalation, ask_role
from policies.tier2_intake import NUMBERS, AskAgent, Ending, Process
from tasks import salesforce, tier2

TEXTS = "tier2_intake"


class Meant(StrEnum):
    REVIEW = Process.REVIEW.value
    REFUND = Process.REFUND.value
    PRIVACY = Process.PRIVACY.value
    IDENTITY = Process.IDENTITY.value
    NOT_TIER_2 = "not Tier 2: back to Tier 1"
    BY_HAND = "an agent works on it by hand"


class WhichProcess(Form):
    """What an agent has read a case to be."""

    process: Meant = Field(description="Which process is this?")


@process("tier2-intake", subject="salesforce:case:{case}", watch=salesforce.gone)
def tier2_intake(case: str) -> str:
    """Tell which process of Tier 2 a Salesforce case (its 18-character id) is; that one is started then."""
    routed = tier2.route(case)
    if not isinstance(routed, AskAgent):
        return routed.process
    answer = ask_role(
        WhichProcess,
        Escalation(case, salesforce.number(case)),
        routed.question,
        texts=TEXTS,
        remind=NUMBERS.question_reminder_working_days,
        escalate=NUMBERS.question_escalation_working_days,
        candidates=[one.value for one in routed.candidates],
        sensitive="yes" if routed.key_word else "no",
    )
    match answer.process:
        case Meant.NOT_TIER_2:
            salesforce.hand_back(case, f"{TEXTS}/back-to-tier-1", staff=answer.by)
            return Ending.BACK_TO_TIER_1
        case Meant.BY_HAND:
            salesforce.note(case, f"{TEXTS}/note-left", staff=answer.by)
            return Ending.BY_HAND
    return Process(answer.process.value)
