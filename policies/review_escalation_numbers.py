"""What a manager may change about review escalations: the model of `review_escalation.toml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, load
from policies.words import plain

__all__ = ["NUMBERS", "ReviewEscalationNumbers"]

Name = Annotated[str, Field(min_length=1, max_length=100)]


class ReviewStatuses(Numbers):
    """The statuses of a review that may be changed."""

    approved: Name = Field(examples=["Approved"])
    edited: Name = Field(examples=["Edited"])


class CaseStatuses(Numbers):
    """Statuses of a Salesforce case."""

    open: Name = Field(examples=["New"])
    closed: Name = Field(examples=["Closed"])


class Changed(Numbers):
    """The status that a change gives a review."""

    edited: Name = Field(examples=["Edited"])
    removed: Name = Field(examples=["Rejected"])


class Closing(Numbers):
    """With what reasons an escalation is closed; `edited` and `removed` are secondary ones."""

    reason: Name = Field(examples=["Reviews"])
    edited: Name = Field(examples=["Review Edited"])
    removed: Name = Field(examples=["Review Removed"])


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    tier2: RoleName = Field(examples=["tier2"])


class ReviewEscalationNumbers(Numbers):
    """Every number and name of review escalations."""

    edit_phrases: tuple[Name, ...] = Field(min_length=1, examples=[["Edit Review"]])
    remove_phrases: tuple[Name, ...] = Field(min_length=1, examples=[["Remove Review"]])
    case_number_digits: int = Field(ge=4, le=12, examples=[8])
    agent_reminder_working_days: Span = Field(examples=[1])
    agent_escalation_working_days: Span = Field(examples=[2])
    second_agent_reminder_working_days: Span = Field(examples=[1])
    second_agent_escalation_working_days: Span = Field(examples=[2])
    review_statuses: ReviewStatuses
    changed: Changed
    case_statuses: CaseStatuses
    closing: Closing
    roles: Roles

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if {plain(one) for one in self.edit_phrases} & {plain(one) for one in self.remove_phrases}:
            raise ValueError("edit_phrases and remove_phrases have no phrase in common: nothing is removed by mistake")
        if self.agent_escalation_working_days <= self.agent_reminder_working_days:
            raise ValueError("agent: the escalation must come after the reminder")
        if self.second_agent_escalation_working_days <= self.second_agent_reminder_working_days:
            raise ValueError("second_agent: the escalation must come after the reminder")
        return self


NUMBERS = load(ReviewEscalationNumbers, Path(__file__).with_name("review_escalation.toml"))
