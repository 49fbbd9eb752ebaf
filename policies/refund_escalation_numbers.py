"""What a manager may change about refund escalations: the model of `refund_escalation.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, load

__all__ = ["NUMBERS", "RefundEscalationNumbers"]


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
    roles: Roles

    @model_validator(mode="after")
    def _follow_each_other(self) -> Self:
        if self.agent_escalation_working_days <= self.agent_reminder_working_days:
            raise ValueError("agent: the escalation must come after the reminder")
        if self.second_agent_escalation_working_days <= self.second_agent_reminder_working_days:
            raise ValueError("second_agent: the escalation must come after the reminder")
        return self


NUMBERS = load(RefundEscalationNumbers, Path(__file__).with_name("refund_escalation.toml"))
