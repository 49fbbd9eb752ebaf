"""What a manager may change about refund escalations: the model of `refund_escalation.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, load

__all__ = ["NUMBERS", "RefundEscalationNumbers"]


Name = Annotated[str, Field(min_length=1, max_length=100)]


class Reasons(Numbers):
    """Reasons of a refund: those of bookings, among which an agent chooses, and the one of cancellation fees."""

    booking: tuple[Name, ...] = Field(min_length=1, examples=[["Booked twice"]])
    cancellation_fee: Name = Field(examples=["Cancellation Fee"])


class Statuses(Numbers):
    """Statuses of a refund."""

    requested: Name = Field(examples=["Requested"])
    refunded: Name = Field(examples=["Refunded"])
    declined: Name = Field(examples=["Declined"])


class Closing(Numbers):
    """With what reasons a case is closed; `refunded` and `declined` are secondary ones."""

    reason: Name = Field(examples=["Booking Refund"])
    refunded: Name = Field(examples=["Refunded"])
    declined: Name = Field(examples=["Declined"])


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    tier2: RoleName = Field(examples=["tier2"])


class RefundEscalationNumbers(Numbers):
    """Every number of refund escalations; cents are hundredths of `currency` (ISO 4217)."""

    refunds_for_same_reason: int = Field(ge=1, le=100, examples=[3])
    currency: str = Field(pattern=r"^[A-Z]{3}$", examples=["USD"])
    second_agent_limit_cents: int = Field(ge=0, examples=[10000])
    agent_reminder_working_days: Span = Field(examples=[1])
    agent_escalation_working_days: Span = Field(examples=[2])
    second_agent_reminder_working_days: Span = Field(examples=[1])
    second_agent_escalation_working_days: Span = Field(examples=[2])
    reasons: Reasons
    statuses: Statuses
    closing: Closing
    roles: Roles

    @model_validator(mode="after")
    def _follow_each_other(self) -> Self:
        if self.agent_escalation_working_days <= self.agent_reminder_working_days:
            raise ValueError("agent: the escalation must come after the reminder")
        if self.second_agent_escalation_working_days <= self.second_agent_reminder_working_days:
            raise ValueError("second_agent: the escalation must come after the reminder")
        if self.reasons.cancellation_fee in self.reasons.booking:
            raise ValueError("reasons: that of cancellation fees can't be one of bookings: by it they are told apart")
        if len({*self.statuses.model_dump().values()}) < 3:
            raise ValueError("statuses: each must differ from the others")
        return self


NUMBERS = load(RefundEscalationNumbers, Path(__file__).with_name("refund_escalation.toml"))
