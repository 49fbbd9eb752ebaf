"""What agents can answer in a refund escalation: choices, ids and an amount."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from casework.wait import Form
from policies.refund_escalation import BOOKING, NUMBERS, Kind, Refund

__all__ = ["Agreement", "Asked", "Decision", "Details", "Refunded", "Second"]


class Asked(StrEnum):
    BOOKING = "a booking"
    FEE_OFFLINE = "a cancellation fee: the provider refunded the member offline"
    FEE = "a cancellation fee: nothing was refunded offline"
    NO_REFUND = "no refund: back to Tier 1"


Reason = Annotated[str, Field(json_schema_extra={"enum": list(NUMBERS.reasons.booking)})]


class Details(Form):
    """What is asked for, as an agent has read it."""

    asked: Asked = Field(description="What is to be refunded?")
    booking: Annotated[str, Field(pattern=BOOKING)] | None = Field(None, description="The id of the booking")
    amount: Annotated[str, Field(pattern=r"^[0-9]{1,7}(\.[0-9]{2})?$")] | None = Field(
        None, description=f"How much, in {NUMBERS.currency}, as in 25.00"
    )
    reason: Reason | None = Field(None, description="Why (needed for a booking)")

    @field_validator("reason")
    @classmethod
    def _one_of_salesforce(cls, reason: str | None) -> str | None:
        if reason is not None and reason not in NUMBERS.reasons.booking:
            raise ValueError(f"one of: {', '.join(NUMBERS.reasons.booking)}")
        return reason

    @model_validator(mode="after")
    def _complete(self) -> Details:
        if self.asked is Asked.NO_REFUND:
            return self
        if not self.booking:
            raise ValueError("booking: for a refund, give the id of the booking")
        if self.cents < 1:
            raise ValueError("amount: for a refund, give an amount that is more than nothing")
        if self.asked is Asked.BOOKING and not self.reason:
            raise ValueError("reason: for a refund of a booking, choose why")
        return self

    @property
    def cents(self) -> int:
        """The amount in hundredths."""
        return int(Decimal(self.amount or "0") * 100)

    def refund(self, member: str) -> Refund:
        """The refund that is asked for by a member (a contact's id)."""
        booked = self.asked is Asked.BOOKING
        return Refund(
            member=member,
            booking=self.booking or "",
            kind=Kind.BOOKING if booked else Kind.CANCELLATION_FEE,
            reason=(self.reason or "") if booked else NUMBERS.reasons.cancellation_fee,
            cents=self.cents,
            currency=NUMBERS.currency,
        )


class Refunded(StrEnum):
    REFUND = "refund"
    DECLINE = "decline"


class Decision(Form):
    """Whether the money is refunded."""

    decision: Refunded = Field(description="Is it refunded?")


class Second(StrEnum):
    AGREE = "agree"
    DISAGREE = "disagree: it is declined"


class Agreement(Form):
    """Whether a second agent agrees to a refund."""

    decision: Second = Field(description="Do you agree to this refund?")
