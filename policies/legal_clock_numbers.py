"""What a manager may change about the legal clock: the model of `legal_clock.toml`. What the law says is not here."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from pydantic import Field, field_validator, model_validator

from policies.numbers import Numbers, RoleName, load

__all__ = ["NUMBERS", "AnsweredIn", "LegalClockNumbers"]

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Percent = Annotated[int, Field(ge=1, le=99)]


class AnsweredIn(Numbers):
    """Where requests are answered: IANA zone, ISO 3166-1 country, its subdivision."""

    zone: str = Field(examples=["Europe/Berlin"])
    country: Country = Field(examples=["DE"])
    subdivision: str | None = Field(default=None, examples=["BE"])

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{zone!r} is not a time zone") from error
        return zone

    @model_validator(mode="after")
    def _has_holidays(self) -> Self:
        try:
            holidays.country_holidays(self.country, subdiv=self.subdivision)
        except NotImplementedError as error:
            raise ValueError(
                f"no public holidays are known for country {self.country!r}, subdivision {self.subdivision!r}"
            ) from error
        return self


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    privacy: RoleName = Field(examples=["privacy"])


class LegalClockNumbers(Numbers):
    """Every choice about the clock; "days" are calendar days in the zone of the regime."""

    warning_percents: tuple[Percent, ...] = Field(min_length=1, examples=[[50, 80]])
    identity_question_days: int = Field(ge=0, le=14, examples=[3])
    look_every_minutes: int = Field(ge=10, le=1440, examples=[720])
    ask_again_working_days: int = Field(ge=1, le=10, examples=[2])
    ccpa_saturday_is_a_business_day: bool = Field(examples=[False])
    gdpr_countries: tuple[Country, ...] = Field(min_length=1, examples=[["DE", "FR"]])
    answered_statuses: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1, examples=[["Completed"]])
    gdpr: AnsweredIn
    ccpa: AnsweredIn
    roles: Roles

    @model_validator(mode="after")
    def _follow_each_other(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.warning_percents)):
            raise ValueError(
                f"warning_percents: each must come after the one before, not {list(self.warning_percents)}"
            )
        return self


NUMBERS = load(LegalClockNumbers, Path(__file__).with_name("legal_clock.toml"))
