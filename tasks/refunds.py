"""Refunds in Salesforce: what a member was refunded, and the one record that a refund has, whoever asks for it.

The record's external id is what makes two refunds the same (member, booking, kind), and its case is the one that asks
for it. Of two cases that ask at one instant one makes it; both look at it again before anything is paid.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from casework.step import lookup, step
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.salesforce import Refund as Record
from casework.systems.salesforce import RefundAsked
from policies import refund_escalation as policy
from policies.refund_escalation import NUMBERS

__all__ = ["Held", "facts", "member", "record"]


@lookup
def member(case: str) -> str:
    """The contact whose case it is; empty where Salesforce knows none."""
    return current().salesforce.cases.case(case).contact_id or ""


@lookup
def facts(case: str, refund: policy.Refund, provider_refunded_offline: bool) -> policy.Facts:
    """What the decision about a refund needs, as Salesforce has it now."""
    found = current().salesforce.refunds.of_member(refund.member)
    held = _holder(case, refund, found)
    return policy.Facts(
        refund=refund,
        history=tuple(map(_past, found)),
        provider_refunded_offline=provider_refunded_offline,
        earlier_case=held.case if held else None,
    )


class Held(BaseModel):
    """The record of a refund, and the case that asks for it."""

    model_config = ConfigDict(frozen=True)

    refund: str
    case: str


@step(repeatable=True)
def record(case: str, refund: policy.Refund, status: str) -> Held:
    """Record the refund with this status (Salesforce's), unless another case has asked for it; who has.

    Again finds what was recorded, by its external id.
    """
    refunds = current().salesforce.refunds
    asked = RefundAsked(refund.member, case, refund.booking, refund.reason, Decimal(refund.cents) / 100, status)
    held = _holder(case, refund, refunds.of_member(refund.member))
    if held is not None:
        return held
    if status == NUMBERS.statuses.requested:
        # Made and not set: what another case records at this instant, and may have decided, stays as it is.
        made = refunds.ask(refund.key, asked)
        if made is not None:
            return Held(refund=made, case=case)
        held = _holder(case, refund, refunds.of_member(refund.member))
        if held is not None:
            return held
    return Held(refund=refunds.record(refund.key, asked).id, case=case)


def _holder(case: str, refund: policy.Refund, found: tuple[Record, ...]) -> Held | None:
    """The record by which another case asks for this refund. None without one, or when nobody waits for it any more:
    nothing was decided, and the case that asked is closed."""
    same = (one for one in found if (one.reference or "").casefold() == refund.key.casefold())
    for held in same:
        if held.case_id is None or held.case_id == case:
            continue
        if held.status != NUMBERS.statuses.requested or not _closed(held.case_id):
            return Held(refund=held.id, case=held.case_id)
    return None


def _closed(case: str) -> bool:
    try:
        return current().salesforce.cases.case(case).closed
    except NotFound:
        return True


def _past(one: Record) -> policy.PastRefund:
    reason = one.reason or ""
    return policy.PastRefund(
        id=one.id,
        booking=one.booking or "",
        kind=policy.kind_of(reason),
        reason=reason,
        paid=one.status == NUMBERS.statuses.refunded,
    )
