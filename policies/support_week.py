"""A week of support days, rolled up: one row for each rep and one for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.rep_days import Off, Rep, week_of
from policies.support_day import CheckInKind, DayOff, plan

__all__ = ["DayRecord", "Ending", "WeekRow", "ending", "roll_up", "without_record"]


class Ending(StrEnum):
    """How a roll-up ends; `PUBLISHED` is followed by how many reps and how many days without a record."""

    PUBLISHED = "published"
    CANCELLED = "cancelled"


class DayRecord(BaseModel):
    """How a support day went. A day off has a reason and no check-ins.

    Attributes:
        rep: the rep's id.
        day: a date of the rep's calendar.
        off: why the rep did not work; None: they did.
        done: the check-ins that were done.
        missed: those that were not.
        our_turn: how many tickets were left at the end with us to answer; None: could not be counted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rep: str = Field(min_length=1)
    day: date
    off: Off | None = None
    done: frozenset[CheckInKind] = frozenset()
    missed: frozenset[CheckInKind] = frozenset()
    our_turn: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.done & self.missed:
            raise ValueError("a check-in is either done or missed")
        if self.off is not None and (self.done or self.missed or self.our_turn is not None):
            raise ValueError("a day off has no check-ins")
        return self


class WeekRow(BaseModel):
    """One row; `rep` None is the row of all. `days` counts working days, `our_turn` is the last known count.

    In the row of all it is the sum of the reps'. `missed` counts by kind: it shows which of the three is hard to keep.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rep: str | None
    days: int
    done: int
    missed: dict[CheckInKind, int]
    signed_off: int
    our_turn: int | None

    @property
    def asked(self) -> int:
        """How many check-ins there were."""
        return self.done + sum(self.missed.values())

    @property
    def percent_done(self) -> int | None:
        """How many of a hundred were done, rounded down, so that 100 means all; None: there were none."""
        return self.done * 100 // self.asked if self.asked else None


def roll_up(records: Iterable[DayRecord], week: date) -> tuple[WeekRow, ...]:
    """The rows of the week in which a date is, by rep id, and last the row of all. Other weeks' records are left out.

    Raises:
        ValueError: a rep has two records of one day; which one is right cannot be told.
    """
    days = week_of(week)
    found: dict[tuple[str, date], DayRecord] = {}
    for one in records:
        if one.day not in days:
            continue
        if (one.rep, one.day) in found:
            raise ValueError(f"rep {one.rep} has two support days on {one.day}: look at their cases")
        found[one.rep, one.day] = one
    kept = [found[key] for key in sorted(found)]
    rows = [_row(rep, [one for one in kept if one.rep == rep]) for rep in sorted({one.rep for one in kept})]
    lefts = [row.our_turn for row in rows if row.our_turn is not None]
    return *rows, _row(None, kept).model_copy(update={"our_turn": sum(lefts) if lefts else None})


def without_record(reps: Iterable[Rep], records: Iterable[DayRecord], week: date) -> tuple[tuple[str, date], ...]:
    """The working days, in the week of a date, that have none: rep id and date, in order."""
    known = {(one.rep, one.day) for one in records}
    days = [(rep.id, day) for rep in reps for day in week_of(week) if not isinstance(plan(rep, day), DayOff)]
    return tuple(sorted(set(days) - known))


def ending(rows: Sequence[WeekRow], missing: Sequence[object]) -> str:
    """How a roll-up ended."""
    reps = sum(row.rep is not None for row in rows)
    said = f"{Ending.PUBLISHED}: {reps} reps"
    return f"{said}, {len(missing)} days without a record" if missing else said


def _row(rep: str | None, records: list[DayRecord]) -> WeekRow:
    worked = [one for one in records if one.off is None]
    known = [one.our_turn for one in worked if one.our_turn is not None]
    return WeekRow(
        rep=rep,
        days=len(worked),
        done=sum(len(one.done) for one in worked),
        missed={kind: sum(kind in one.missed for one in worked) for kind in CheckInKind},
        signed_off=sum(CheckInKind.SIGN_OFF in one.done for one in worked),
        our_turn=known[-1] if known else None,
    )
