"""What a manager may change about the data export: the model of `data_export.toml`.

Reading it is part of the import of the policy, so a value that cannot be stops the start.
"""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import Field, field_validator, model_validator

from policies.numbers import Numbers, RoleName, Span, in_order, load

__all__ = ["NUMBERS", "Business", "DataExportNumbers", "DeliverableLimits", "Roles", "Scaled"]


class Scaled(Numbers):
    """What differs for the scaled tier."""

    approval_required: bool = Field(examples=[False])


class DeliverableLimits(Numbers):
    """What the check of a deliverable accepts at most; more is refused as a bomb or a mistake.

    `max_members` counts the files in one archive; `max_ratio` is unpacked bytes for each packed byte.
    """

    max_files: int = Field(ge=1, examples=[100])
    max_members: int = Field(ge=1, examples=[100])
    max_manifest_bytes: int = Field(ge=1, examples=[1_048_576])
    max_total_bytes: int = Field(ge=1, examples=[53_687_091_200])
    max_unpacked_bytes: int = Field(ge=1, examples=[107_374_182_400])
    max_ratio: int = Field(ge=1, examples=[200])


class Business(Numbers):
    """The calendar of working days: IANA zone, ISO 3166-1 country, its subdivision, wall times, own dates."""

    zone: str = Field(examples=["Europe/Berlin"])
    country: str = Field(examples=["DE"])
    subdivision: str | None = Field(default=None, examples=["BE"])
    opens: time = Field(examples=["09:00:00"])
    closes: time = Field(examples=["17:00:00"])
    own_days_off: tuple[date, ...] = Field(examples=[["2026-12-24"]])

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{zone!r} is not a time zone") from error
        return zone

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        try:
            holidays.country_holidays(self.country, subdiv=self.subdivision)
        except NotImplementedError as error:
            raise ValueError(
                f"no public holidays are known for country {self.country!r}, "
                f'subdivision {self.subdivision!r}; for example: country = "DE", subdivision = "BE"'
            ) from error
        if self.opens >= self.closes:
            raise ValueError(f"opens ({self.opens}) must be before closes ({self.closes})")
        return self


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    operators: RoleName = Field(examples=["operators"])
    csm: RoleName = Field(examples=["csm"])
    csm_manager: RoleName = Field(examples=["csm-manager"])
    scaled_approver: RoleName = Field(examples=["scaled-approver"])
    scaled_approver_manager: RoleName = Field(examples=["scaled-approver-manager"])
    engineering_lead: RoleName = Field(examples=["engineering-lead"])


class DataExportNumbers(Numbers):
    """Every number of the data export; "days" are calendar days, "working_days" those of `business`."""

    self_serve_candidate_limit: int = Field(ge=0, examples=[2000])
    self_serve_decision_working_days: Span = Field(examples=[5])
    churn_grace_days: int = Field(ge=0, examples=[90])
    churn_decision_working_days: Span = Field(examples=[5])
    unverified_wait_days: Span = Field(examples=[14])
    unverified_reminder_days: tuple[Span, ...] = Field(examples=[[3, 7]])
    reason_wait_working_days: Span = Field(examples=[10])
    reason_reminder_working_days: tuple[Span, ...] = Field(examples=[[2, 5]])
    approval_reminder_working_days: Span = Field(examples=[1])
    approval_escalation_working_days: Span = Field(examples=[2])
    approval_final_working_days: Span = Field(examples=[10])
    engineering_due_working_days: Span = Field(examples=[5])
    engineering_reminder_working_days: Span = Field(examples=[4])
    engineering_escalation_working_days: Span = Field(examples=[6])
    engineering_final_working_days: Span = Field(examples=[15])
    operators_decision_working_days: Span = Field(examples=[5])
    operators_reminder_working_days: Span = Field(examples=[1])
    vault: Literal["dropbox", "onedrive", "s3", "manual-transfer"] = Field(examples=["dropbox"])
    link_valid_days: Span = Field(examples=[7])
    ready_reminder_day: Span = Field(examples=[4])
    look_every_minutes: int = Field(ge=1, le=1440, examples=[30])
    scaled: Scaled
    deliverable: DeliverableLimits
    business: Business
    roles: Roles

    @model_validator(mode="after")
    def _follow_each_other(self) -> Self:
        for names in (
            ("unverified_reminder_days", "unverified_wait_days"),
            ("reason_reminder_working_days", "reason_wait_working_days"),
            (
                "approval_reminder_working_days",
                "approval_escalation_working_days",
                "approval_final_working_days",
            ),
            (
                "engineering_reminder_working_days",
                "engineering_escalation_working_days",
                "engineering_final_working_days",
            ),
            ("engineering_due_working_days", "engineering_escalation_working_days"),
            ("ready_reminder_day", "link_valid_days"),
        ):
            in_order(", ".join(names), [day for name in names for day in _each(getattr(self, name))])
        return self


def _each(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


NUMBERS = load(DataExportNumbers, Path(__file__).with_name("data_export.toml"))
