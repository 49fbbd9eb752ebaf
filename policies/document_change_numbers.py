"""What a manager may change about the document change: the model of `document_change.toml`.

Reading it is part of the import of the policy, so a value that cannot be stops the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, WallTime, in_order, load

__all__ = ["NUMBERS", "WEEKDAYS", "DocumentChangeNumbers"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""By the numbers of the standard library's `calendar`: Monday is 0."""

Name = Annotated[str, Field(min_length=1, max_length=100)]
Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")]


class Reset(Numbers):
    """When customers who test are told that Onboard is reset; a wall time in the zone of the working days."""

    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        examples=["monday"]
    )
    time_of_day: WallTime = Field(examples=["10:00:00"])


class JiraNames(Numbers):
    """What is looked for and chosen in Jira."""

    summary: Name = Field(examples=["Document Survey:"])
    request_type: Name = Field(examples=["Company specific data change"])
    needs_configuration: Name = Field(examples=["Docs"])


class SupportStatuses(Numbers):
    """Statuses of the support project."""

    waiting: Name = Field(examples=["Waiting for support"])
    needs_configuration: Name = Field(examples=["Needs Configuration"])
    closed: Name = Field(examples=["Closed"])


class ConfigurationStatuses(Numbers):
    """Statuses of the project of those who configure."""

    to_do: Name = Field(examples=["To Do"])
    ready_to_test: Name = Field(examples=["On Hold"])
    published: Name = Field(examples=["Published on Engine"])
    canceled: Name = Field(examples=["Canceled"])

    @model_validator(mode="after")
    def _differ(self) -> Self:
        names = [name.casefold() for name in (self.to_do, self.ready_to_test, self.published, self.canceled)]
        if len(set(names)) < len(names):
            raise ValueError("configuration_statuses: four different statuses are needed to tell what CS has done")
        return self


class Survey(Numbers):
    """The survey's questions by their refs, and the labels of the answers that are told apart."""

    email: Ref = Field(examples=["requester_email"])
    change: Ref = Field(examples=["change"])
    documents: Ref = Field(examples=["documents"])
    test: Ref = Field(examples=["test_on_onboard"])
    details: Ref = Field(examples=["details"])
    edit: Name = Field(examples=["Edit a document"])
    add: Name = Field(examples=["Add a document"])


class Roles(Numbers):
    """Which role does what."""

    support: RoleName = Field(examples=["support"])


class DocumentChangeNumbers(Numbers):
    """Every number of the document change; "days" are calendar days, "working_days" those of the office."""

    premium_documents: int = Field(ge=1, examples=[1])
    survey_wait_minutes: int = Field(ge=1, le=1440, examples=[60])
    survey_look_minutes: int = Field(ge=1, le=60, examples=[5])
    survey_ticket_minutes: int = Field(ge=1, le=1440, examples=[30])
    survey_ticket_working_hours: int = Field(ge=1, le=80, examples=[4])
    assignment_index_minutes: int = Field(ge=1, le=240, examples=[10])
    requirements_wait_days: Span = Field(examples=[7])
    requirements_reminder_days: tuple[Span, ...] = Field(examples=[[2]])
    test_wait_days: Span = Field(examples=[3])
    last_call_days: Span = Field(examples=[1])
    published_wait_hours: int = Field(ge=1, le=720, examples=[24])
    configuration_reminder_working_days: Span = Field(examples=[3])
    configuration_final_working_days: Span = Field(examples=[10])
    reading_escalation_working_days: Span = Field(examples=[1])
    reading_final_working_days: Span = Field(examples=[3])
    operators_decision_working_days: Span = Field(examples=[5])
    reset: Reset
    jira: JiraNames
    support_statuses: SupportStatuses
    configuration_statuses: ConfigurationStatuses
    survey: Survey
    roles: Roles

    @model_validator(mode="after")
    def _follow_each_other(self) -> Self:
        for what, days in (
            ("requirements", (*self.requirements_reminder_days, self.requirements_wait_days)),
            ("configuration", (self.configuration_reminder_working_days, self.configuration_final_working_days)),
            ("reading", (self.reading_escalation_working_days, self.reading_final_working_days)),
        ):
            in_order(what, days)
        return self


NUMBERS = load(DocumentChangeNumbers, Path(__file__).with_name("document_change.toml"))
