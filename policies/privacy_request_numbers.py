"""What a manager may change about privacy requests: the model of `privacy_request.toml`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, load
from policies.words import plain

__all__ = ["NUMBERS", "PrivacyRequestNumbers"]

Name = Annotated[str, Field(min_length=1, max_length=100)]


class Words(Numbers):
    """Words by which a type is suggested."""

    data_categories: tuple[Name, ...] = Field(min_length=1, examples=[["categories"]])
    access_data: tuple[Name, ...] = Field(min_length=1, examples=[["access"]])
    delete_data: tuple[Name, ...] = Field(min_length=1, examples=[["delete"]])


class RequestTypes(Numbers):
    """The values of Request Type in Salesforce."""

    data_categories: Name = Field(examples=["Data Categories"])
    access_data: Name = Field(examples=["Access Data"])
    delete_data: Name = Field(examples=["Delete Data"])


class RequestStatuses(Numbers):
    """The two values of Request Status in Salesforce that are used."""

    requested: Name = Field(examples=["Requested"])
    verification_failure: Name = Field(examples=["Completed - Failed - Verification Failure"])


class Mails(Numbers):
    """The subjects of Salesforce's own mails by the status that makes it send them."""

    requested: Name = Field(examples=["Privacy CCPA - Request Link"])
    verification_failure: Name = Field(examples=["Privacy CCPA - User Verification"])


class Closing(Numbers):
    """The reasons with which the case is closed."""

    reason: Name = Field(examples=["Account Management"])
    secondary_reason: Name = Field(examples=["Data Deletion"])


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    tier2: RoleName = Field(examples=["tier2"])


class PrivacyRequestNumbers(Numbers):
    """Every number and name of privacy requests."""

    password_wait_days: Span = Field(examples=[14])
    password_reminder_days: tuple[Span, ...] = Field(examples=[[3, 7]])
    type_wait_days: Span = Field(examples=[14])
    type_reminder_days: tuple[Span, ...] = Field(examples=[[3, 7]])
    agent_reminder_working_days: Span = Field(examples=[1])
    agent_escalation_working_days: Span = Field(examples=[2])
    second_agent_reminder_working_days: Span = Field(examples=[1])
    second_agent_escalation_working_days: Span = Field(examples=[2])
    mail_wait_minutes: int = Field(ge=1, le=1440, examples=[60])
    mail_look_minutes: int = Field(ge=1, le=60, examples=[10])
    words: Words
    request_types: RequestTypes
    request_statuses: RequestStatuses
    mails: Mails
    closing: Closing
    roles: Roles

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        for what, days in (
            ("password", (*self.password_reminder_days, self.password_wait_days)),
            ("type", (*self.type_reminder_days, self.type_wait_days)),
            ("agent", (self.agent_reminder_working_days, self.agent_escalation_working_days)),
            ("second_agent", (self.second_agent_reminder_working_days, self.second_agent_escalation_working_days)),
        ):
            if any(later <= earlier for earlier, later in pairwise(days)):
                raise ValueError(f"{what}: each must come after the one before, not {list(days)}")
        for names in (self.request_types, self.request_statuses, self.mails):
            values = [plain(value) for value in names.model_dump().values()]
            if len(set(values)) < len(values):
                raise ValueError(f"{', '.join(names.model_dump().values())}: each must be another one")
        return self


NUMBERS = load(PrivacyRequestNumbers, Path(__file__).with_name("privacy_request.toml"))
