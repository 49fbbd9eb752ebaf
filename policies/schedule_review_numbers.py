"""What a manager may change about the review of hours: the model of `schedule_review.toml`.

Reading it is part of the import of the policy, so a value that cannot be stops the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, in_order, load

__all__ = ["NUMBERS", "ScheduleReviewNumbers"]


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    coordinator: RoleName = Field(examples=["support-coordinator"])
    operators: RoleName = Field(examples=["operators"])


class ScheduleReviewNumbers(Numbers):
    """Every number of the review."""

    tolerance_minutes: int = Field(ge=0, le=480, examples=[0])
    reminder_working_days: Span = Field(examples=[1])
    silence_working_days: Span = Field(examples=[2])
    coordinator_reminder_working_days: Span = Field(examples=[1])
    coordinator_escalation_working_days: Span = Field(examples=[2])
    roles: Roles

    @model_validator(mode="after")
    def _follow_each_other(self) -> Self:
        in_order("rep", (self.reminder_working_days, self.silence_working_days))
        in_order("coordinator", (self.coordinator_reminder_working_days, self.coordinator_escalation_working_days))
        return self


NUMBERS = load(ScheduleReviewNumbers, Path(__file__).with_name("schedule_review.toml"))
