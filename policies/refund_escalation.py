"""The refund escalation: which refunds are for Tier 2, who decides, and that none is asked for twice.

Source: "Tier 2: Escalations", part "Booking Refund Requests". Counts are facts from the history, never memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from policies.refund_escalation_numbers import NUMBERS, RefundEscalationNumbers

__all__ = [
    "BOOKING",
    "NO_MEMBER",
    "NO_REFUND",
    "NUMBERS",
    "AskAgent",
    "AskedBefore",
    "BackToTier1",
    "Decision",
    "Ending",
    "Facts",
    "Ground",
    "Kind",
    "PastRefund",
    "Refund",
    "comment_of",
    "decide",
    "kind_of",
    "reply_of",
    "same_reason",
]


BOOKING = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
"""How the id of a booking is written."""


class Kind(StrEnum):
    """What is to be refunded."""

    BOOKING = "booking"
    CANCELLATION_FEE = "cancellation-fee"


class Ground(StrEnum):
    """Why a refund is for Tier 2."""

    SAME_REASON = "same-reason"
    OFFLINE = "offline"


class Ending(StrEnum):
    """How a case ends."""

    REFUNDED = "refunded"
    DECLINED = "declined"
    ALREADY_ASKED = "already_asked"
    BACK_TO_TIER_1 = "back_to_tier_1"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Refund(_Fact):
    """What is asked for: ids, the reason as Salesforce codes it, hundredths of a currency (ISO 4217)."""

    member: str = Field(pattern=r"^[A-Za-z0-9-]{1,18}$")
    booking: str = Field(pattern=BOOKING)
    kind: Kind
    reason: str = Field(min_length=1)
    cents: int = Field(ge=1)
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    @property
    def key(self) -> str:
        """What makes it the same refund, whatever it amounts to: the kind for the booking of the member.

        Neither reason nor amount: asked for again with another one it is still the same money. It has at most 80
        characters, as many as the external id has by which Salesforce keeps one record for it.
        """
        return f"{self.member}.{self.booking.casefold()}.{self.kind}"

    def same_money(self, past: PastRefund) -> bool:
        """Whether a refund of the same member is this one."""
        return (past.booking.casefold(), past.kind) == (self.booking.casefold(), self.kind)


class PastRefund(_Fact):
    """A refund in the member's history; `paid` is false for one that was declined or is not decided."""

    id: str = Field(min_length=1)
    booking: str
    kind: Kind
    reason: str
    paid: bool


class Facts(_Fact):
    """All that the decision needs. `earlier_case` is the id of another case with the refund's `key`, if any."""

    refund: Refund
    history: tuple[PastRefund, ...] = ()
    provider_refunded_offline: bool = False
    earlier_case: str | None = None


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """Refund nothing: the same refund was asked for in `case`, or was paid as `refund`."""

    case: str | None
    refund: str | None
    why: str = "The same refund was asked for before."
    note: str = "already-asked"


@dataclass(frozen=True, slots=True)
class BackToTier1:
    """Tier 1 decides this one."""

    times: int
    why: str
    note: str = "back-to-tier-1"


@dataclass(frozen=True, slots=True)
class AskAgent:
    """An agent decides, with `times` (paid refunds for the same reason) shown; then a second one, where it says so."""

    grounds: tuple[Ground, ...]
    times: int
    second_agent: bool
    why: str
    question: str = "refund"
    second_question: str = "second-agent"


Decision = AskedBefore | BackToTier1 | AskAgent

NO_MEMBER = BackToTier1(0, "It is not known which member this is: the case has no contact.")
NO_REFUND = BackToTier1(0, "An agent has read it, and no refund is asked for.")


def same_reason(history: Iterable[PastRefund], reason: str) -> int:
    """How often the member was paid a booking refund for this reason; each refund counts once, no cancellation fee."""
    return len({one.id for one in history if one.paid and one.kind is Kind.BOOKING and one.reason == reason})


def decide(facts: Facts, numbers: RefundEscalationNumbers = NUMBERS) -> Decision:
    """Asked before; else an agent decides if one of the page's two grounds holds; else it is for Tier 1."""
    refund = facts.refund
    paid = [one.id for one in facts.history if one.paid and refund.same_money(one)]
    if facts.earlier_case or paid:
        return AskedBefore(facts.earlier_case, min(paid, default=None))
    times = same_reason(facts.history, refund.reason)
    grounds = []
    if refund.kind is Kind.BOOKING and times >= numbers.refunds_for_same_reason:
        grounds.append(Ground.SAME_REASON)
    if refund.kind is Kind.CANCELLATION_FEE and facts.provider_refunded_offline:
        grounds.append(Ground.OFFLINE)
    if not grounds:
        return BackToTier1(times, f"Paid {times} times for this reason, and no fee is open after an offline refund.")
    above = refund.currency != numbers.currency or refund.cents > numbers.second_agent_limit_cents
    why = _WHY[grounds[0]] + (" The amount needs a second agent." if above else "")
    return AskAgent(tuple(grounds), times, above, why)


def kind_of(reason: str, numbers: RefundEscalationNumbers = NUMBERS) -> Kind:
    """What a refund in the history was for, by its reason in Salesforce."""
    return Kind.CANCELLATION_FEE if reason == numbers.reasons.cancellation_fee else Kind.BOOKING


def comment_of(ending: Ending) -> str | None:
    """The case comment with which an agent's decision is written down; None where there was none."""
    return {Ending.REFUNDED: "comment-refunded", Ending.DECLINED: "comment-declined"}.get(ending)


def reply_of(ending: Ending) -> str | None:
    """What the member is told at the end; None when Tier 1 answers."""
    return {
        Ending.REFUNDED: "reply-refunded",
        Ending.DECLINED: "reply-declined",
        Ending.ALREADY_ASKED: "reply-already-asked",
    }.get(ending)


_WHY = {
    Ground.SAME_REASON: "The member was refunded often enough for the same reason.",
    Ground.OFFLINE: "The provider refunded offline, and the cancellation fee is still to be refunded.",
}
