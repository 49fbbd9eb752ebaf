"""What a manager may change about the transfer between support and sales: the model of `sales_transfer.toml`.

Reading it is part of the import of the policy, so a value that cannot be stops the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, in_order, load
from policies.sales_transfer_facts import LeadField, Topic
from policies.words import plain

__all__ = ["NUMBERS", "SalesTransferNumbers", "Segment"]

Name = Annotated[str, Field(min_length=1, max_length=100)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]
Hours = Annotated[int, Field(ge=1, le=80)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]


class Topics(Numbers):
    """The values of Intercom's topic field for each topic of the table."""

    pricing: tuple[Name, ...] = Field(examples=[["Pricing"]])
    demo: tuple[Name, ...] = Field(examples=[["Demo request"]])
    seats: tuple[Name, ...] = Field(examples=[["Seats or licenses"]])
    billing: tuple[Name, ...] = Field(examples=[["Billing"]])
    feature: tuple[Name, ...] = Field(examples=[["Feature cost"]])
    upgrade: tuple[Name, ...] = Field(examples=[["Upgrade or expansion"]])

    @model_validator(mode="after")
    def _differ(self) -> Self:
        _once("topics", [label for name in type(self).model_fields for label in getattr(self, name)])
        return self


class Eligible(Numbers):
    """With which topics a lead and a customer are transferred."""

    lead: tuple[Topic, ...] = Field(examples=[["pricing", "demo"]])
    customer: tuple[Topic, ...] = Field(examples=[["seats", "billing", "feature", "upgrade"]])

    @model_validator(mode="after")
    def _other_stays(self) -> Self:
        if Topic.OTHER in (*self.lead, *self.customer):
            raise ValueError("eligible: what is of no topic stays with support")
        return self


class FieldNames(Numbers):
    """Salesforce's names of the fields that a lead needs."""

    email: FieldName = Field(examples=["Email"])
    company: FieldName = Field(examples=["Company"])
    employee_count: FieldName = Field(examples=["NumberOfEmployees"])
    ats: FieldName = Field(examples=["ATS__c"])
    website: FieldName = Field(examples=["Website"])
    phone: FieldName = Field(examples=["Phone"])

    @model_validator(mode="after")
    def _differ(self) -> Self:
        _once("lead.fields", [getattr(self, field) for field in LeadField])
        return self


class LeadNames(Numbers):
    """How leads are kept in Salesforce."""

    sync_minutes: int = Field(ge=0, le=1440, examples=[15])
    unknown: Name = Field(examples=["[not provided]"])
    untouched_statuses: tuple[Name, ...] = Field(examples=[["New"]])
    nurturing_status: Name = Field(examples=["Nurturing"])
    disqualified_statuses: tuple[Name, ...] = Field(min_length=1, examples=[["Unqualified"]])
    fields: FieldNames

    @model_validator(mode="after")
    def _differ(self) -> Self:
        _once("lead", [*self.untouched_statuses, self.nurturing_status, *self.disqualified_statuses])
        return self


class Technical(Numbers):
    """How a lead is introduced to support: a template in Outreach, and for how long it may take to go out."""

    template: Name = Field(examples=["Technical Support Intro"])
    sent_within_hours: int = Field(ge=1, le=168, examples=[4])


class Segment(Numbers):
    """Leads from so many employees up to the next segment, and the role of the account executive who meets them."""

    name: Word = Field(examples=["mid-market"])
    from_employees: int = Field(ge=0, examples=[200])
    account_executive: RoleName = Field(examples=["ae-mid-market"])


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    sdr: RoleName = Field(examples=["sdr"])
    sales_manager: RoleName = Field(examples=["sales-manager"])
    support: RoleName = Field(examples=["support"])
    operators: RoleName = Field(examples=["operators"])


class SalesTransferNumbers(Numbers):
    """Every number of the transfer; "days" are calendar days, "working_…" those of the office."""

    take_reminder_working_hours: tuple[Hours, ...] = Field(examples=[[2]])
    take_working_hours: Hours = Field(examples=[4])
    take_final_working_hours: Hours = Field(examples=[12])
    thread_reminder_working_hours: tuple[Hours, ...] = Field(examples=[[4]])
    thread_working_hours: Hours = Field(examples=[8])
    thread_final_working_hours: Hours = Field(examples=[16])
    support_reminder_working_hours: tuple[Hours, ...] = Field(examples=[[2]])
    support_working_hours: Hours = Field(examples=[4])
    support_final_working_hours: Hours = Field(examples=[12])
    question_reminder_working_days: Span = Field(examples=[1])
    question_escalation_working_days: Span = Field(examples=[2])
    question_final_working_days: Span = Field(examples=[5])
    follow_days: Span = Field(examples=[14])
    follow_reminder_days: tuple[Span, ...] = Field(examples=[[5, 10]])
    look_minutes: int = Field(ge=1, le=1440, examples=[60])
    topics: Topics
    eligible: Eligible
    lead: LeadNames
    technical: Technical
    segments: tuple[Segment, ...] = Field(min_length=1)
    roles: Roles

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for what in ("take", "thread", "support"):
            reminders, told, final = (
                getattr(self, f"{what}_{step}working_hours") for step in ("reminder_", "", "final_")
            )
            in_order(what, (*reminders, told, final))
        question = (
            self.question_reminder_working_days,
            self.question_escalation_working_days,
            self.question_final_working_days,
        )
        in_order("question", question)
        in_order("follow", (*self.follow_reminder_days, self.follow_days))
        bounds = [segment.from_employees for segment in self.segments]
        in_order("segments", bounds)
        if bounds[0] != 0:
            raise ValueError(f"segments: the first must begin with 0 employees, not {bounds[0]}")
        _once("segments", [segment.name for segment in self.segments])
        return self


def _once(what: str, names: Sequence[str]) -> None:
    seen = [plain(name) for name in names]
    if twice := sorted({name for name in names if seen.count(plain(name)) > 1}):
        raise ValueError(f"{what}: {twice[0]} stands twice")


NUMBERS = load(SalesTransferNumbers, Path(__file__).with_name("sales_transfer.toml"))
