"""What can be answered in a review of hours: times and choices, no words."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from casework.wait import Form
from policies.rep_days import WEEKDAYS, week_of
from policies.schedule_review import Answer, Ruling

__all__ = ["Reply", "Ruled"]

_TIME = re.compile(r"(\d{1,2})(?:[:h]([0-5]\d))?")


def _hours(text: str) -> str:
    found = _TIME.fullmatch(text.strip())
    if found is None or _minutes(text) > 24 * 60:
        raise ValueError("hours and minutes of a day, such as 6:30, 6h30 or 6")
    return text.strip()


def _minutes(text: str) -> int:
    hours, _, minutes = text.strip().replace("h", ":").partition(":")
    return int(hours) * 60 + int(minutes or 0)


OfADay = Annotated[str, AfterValidator(_hours), Field(max_length=8)] | None


class Reply(Form):
    """What a rep says of the hours of a week."""

    answer: Answer = Field(description="Are these hours right?")
    monday: OfADay = Field(None, description="The right hours of Monday, such as 6:30; empty: as scheduled")
    tuesday: OfADay = Field(None, description="The right hours of Tuesday")
    wednesday: OfADay = Field(None, description="The right hours of Wednesday")
    thursday: OfADay = Field(None, description="The right hours of Thursday")
    friday: OfADay = Field(None, description="The right hours of Friday")
    saturday: OfADay = Field(None, description="The right hours of Saturday")
    sunday: OfADay = Field(None, description="The right hours of Sunday")

    @model_validator(mode="after")
    def _complete(self) -> Reply:
        given = any(getattr(self, day) is not None for day in WEEKDAYS)
        if self.answer is Answer.CHANGES and not given:
            raise ValueError("give the right hours of at least one day")
        if self.answer is Answer.RIGHT and given:
            raise ValueError("choose changes to give other hours, or leave the days empty")
        return self

    def changes(self, monday: date) -> dict[date, int]:
        """The minutes that are right, by the dates of the week of a Monday."""
        told = {day: getattr(self, name) for name, day in zip(WEEKDAYS, week_of(monday), strict=True)}
        return {day: _minutes(text) for day, text in told.items() if text is not None}


class Ruled(Form):
    """What the coordinator says of the hours of a rep."""

    ruling: Ruling = Field(description="What is to be done?")
