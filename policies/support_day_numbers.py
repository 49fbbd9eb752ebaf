"""What a manager may change about the support day: the model of `support_day.toml`.

Reading it is part of the import of the policy, so a value that cannot be stops the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, WallTime, load
from policies.words import letters

__all__ = ["NUMBERS", "SupportDayNumbers", "Turns"]

Name = Annotated[str, Field(min_length=1, max_length=100)]
Minutes = Annotated[int, Field(ge=1, le=240)]


class Windows(Numbers):
    """Between which wall times of the rep's zone the queues are looked at."""

    morning: tuple[WallTime, WallTime] = Field(examples=[["09:00:00", "11:00:00"]])
    midday: tuple[WallTime, WallTime] = Field(examples=[["13:00:00", "15:00:00"]])
    shortest_minutes: Minutes = Field(examples=[45])
    reminder_minutes: Minutes = Field(examples=[30])

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        times = [*self.morning, *self.midday]
        if times != sorted(set(times)):
            raise ValueError("windows: each time must come after the one before")
        if self.shortest_minutes <= self.reminder_minutes:
            raise ValueError("shortest_minutes: must be more than reminder_minutes, or nobody could be reminded")
        return self


class SignOff(Numbers):
    """From how long before the end of the hours, until how long after it, a rep signs off."""

    opens_minutes: Minutes = Field(examples=[30])
    closes_minutes: Minutes = Field(examples=[30])


class HandOver(Numbers):
    """What is listed at the end of the day."""

    fringe_working_days: Span = Field(examples=[5])
    most_lines: int = Field(ge=1, le=50, examples=[20])


class Week(Numbers):
    """When the week before is rolled up, on Mondays; `time_of_day` is UTC."""

    time_of_day: WallTime = Field(examples=["12:00:00"])


class Turns(Numbers):
    """A tool's words for whose turn it is."""

    new: tuple[Name, ...] = Field(examples=[["new"]])
    ours: tuple[Name, ...] = Field(examples=[["open"]])
    theirs: tuple[Name, ...] = Field(examples=[["pending"]])
    engineering: tuple[Name, ...] = Field(examples=[["hold"]])
    done: tuple[Name, ...] = Field(examples=[["solved"]])

    @model_validator(mode="after")
    def _differ(self) -> Self:
        words = [letters(word) for group in self.model_dump().values() for word in group]
        if "" in words:
            raise ValueError("turns: a word without a letter or digit says nothing")
        if len(set(words)) < len(words):
            raise ValueError("turns: a word stands twice, so whose turn it is can't be told")
        return self


class Tools(Numbers):
    """The tools whose queues are looked at."""

    intercom: Turns
    zendesk: Turns
    hubspot: Turns


class AvailabilityNames(Numbers):
    """The values of HubSpot's availability, and how long after the first try it is tried again."""

    available: Name = Field(examples=["available"])
    unavailable: Name = Field(examples=["away"])
    again_minutes: tuple[Minutes, ...] = Field(examples=[[5, 15, 45]])

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.available == self.unavailable:
            raise ValueError("availability: two different values are needed")
        if list(self.again_minutes) != sorted(set(self.again_minutes)):
            raise ValueError("again_minutes: each must be more than the one before")
        return self


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    coordinator: RoleName = Field(examples=["support-coordinator"])


class SupportDayNumbers(Numbers):
    """Every number of the support day; "working_days" are those of the rep."""

    windows: Windows
    sign_off: SignOff
    hand_over: HandOver
    week: Week
    turns: Tools
    availability: AvailabilityNames
    roles: Roles


NUMBERS = load(SupportDayNumbers, Path(__file__).with_name("support_day.toml"))
