"""What a manager may change about the offboarding: the model of `offboarding.toml`.

Reading it is part of the import of the policy, so a value that cannot be stops the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, WallTime, in_order, load
from policies.words import plain

__all__ = ["NUMBERS", "OffboardingNumbers"]

Name = Annotated[str, Field(min_length=1, max_length=100)]
PropertyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,99}$")]
Link = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9._~/?=&%+:#-]{1,500}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]


class DealNames(Numbers):
    """What HubSpot calls the deal's properties and their values."""

    status: PropertyName = Field(examples=["client_activity_status"])
    contract_end: PropertyName = Field(examples=["contract_end_date"])
    offboarding: Name = Field(examples=["Offboarding"])
    asking_statuses: tuple[Name, ...] = Field(min_length=1, examples=[["Offboarding requested", "Offboarding"]])
    former_statuses: tuple[Name, ...] = Field(min_length=1, examples=[["Churned"]])
    ticket_pipeline: Name = Field(examples=["Offboarding"])

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.status == self.contract_end:
            raise ValueError("deal: status and contract_end are two properties")
        asking, former = ({plain(one) for one in group} for group in (self.asking_statuses, self.former_statuses))
        if asking & former:
            raise ValueError("deal: a status cannot both ask for an offboarding and be one of a former customer")
        if plain(self.offboarding) not in asking:
            raise ValueError(
                f"deal: {self.offboarding} must be one of asking_statuses, or it could be put back to itself"
            )
        return self


class Housekeeping(Numbers):
    """How a former customer's entry in the password vault is kept."""

    former_prefix: Word = Field(examples=["Z_"])
    archive_folder: Word = Field(examples=["Archived"])


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    representative: RoleName = Field(examples=["cs-representative"])
    engineering_lead: RoleName = Field(examples=["engineering-lead"])
    operators: RoleName = Field(examples=["operators"])


class OffboardingNumbers(Numbers):
    """Every number of the offboarding; "days" are calendar days, "working_days" those of the office."""

    interview_form: Link = Field(examples=["https://forms.example/offboarding"])
    interview_wait_days: Span = Field(examples=[14])
    interview_reminder_days: tuple[Span, ...] = Field(examples=[[3, 7]])
    data_wait_days: Span = Field(examples=[14])
    data_reminder_days: tuple[Span, ...] = Field(examples=[[3, 7]])
    representative_reminder_working_days: Span = Field(examples=[1])
    representative_escalation_working_days: Span = Field(examples=[3])
    deactivation_time_of_day: WallTime = Field(examples=["17:00:00"])
    engineering_reminder_working_days: Span = Field(examples=[1])
    engineering_escalation_working_days: Span = Field(examples=[2])
    engineering_final_working_days: Span = Field(examples=[5])
    sent_back_before_escalation: int = Field(ge=1, le=10, examples=[2])
    look_minutes: int = Field(ge=1, le=1440, examples=[60])
    deal: DealNames
    housekeeping: Housekeeping
    roles: Roles

    @model_validator(mode="after")
    def _follow_each_other(self) -> Self:
        for what, days in (
            ("interview", (*self.interview_reminder_days, self.interview_wait_days)),
            ("data", (*self.data_reminder_days, self.data_wait_days)),
            (
                "representative",
                (self.representative_reminder_working_days, self.representative_escalation_working_days),
            ),
            (
                "engineering",
                (
                    self.engineering_reminder_working_days,
                    self.engineering_escalation_working_days,
                    self.engineering_final_working_days,
                ),
            ),
        ):
            in_order(what, days)
        return self


NUMBERS = load(OffboardingNumbers, Path(__file__).with_name("offboarding.toml"))
