"""The Monday review: a rep's scheduled hours next to those of the Jira revenue board, and what the answer comes to.

Source: "Customer policies", part "Schedules". A confirmation is the rep's "right" to exactly what was shown, where both
sides agree; an answer to what has changed meanwhile confirms nothing. All else, and silence, is for the coordinator,
who changes schedule or board: nothing is written into either by us, only a comment on the board's issues that says what
was confirmed. What the coordinator says was changed is believed after it was read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from policies.rep_days import Cron, Off, Rep, week_of
from policies.rep_days import Hours as RepHours
from policies.rota import Rostered
from policies.schedule_review_numbers import NUMBERS, ScheduleReviewNumbers

__all__ = [
    "NUMBERS",
    "Answer",
    "AskAgain",
    "AskCoordinator",
    "BoardEntry",
    "Confirmed",
    "Correction",
    "DayHours",
    "Ended",
    "Ending",
    "Ground",
    "Hours",
    "Message",
    "NotAsked",
    "Plan",
    "Ruling",
    "Where",
    "after_coordinator",
    "compare",
    "corrections",
    "crons",
    "decide",
    "listed",
    "plan",
    "said",
    "table",
]


class Ending(StrEnum):
    """How a review ends."""

    CONFIRMED = "confirmed"
    CHANGED = "changed"
    KEPT = "kept"
    NOT_ASKED = "not_asked"
    CANCELLED = "cancelled"


class Answer(StrEnum):
    """What a rep says; with `CHANGES` come the minutes of the days that are to be others."""

    RIGHT = "right"
    CHANGES = "changes"


class Ruling(StrEnum):
    """What the coordinator says: schedule or board were changed, or the hours stay as they are scheduled."""

    CHANGED = "changed"
    KEEP = "keep"


class Ground(StrEnum):
    """Why the coordinator is asked."""

    CHANGES = "changes"
    SILENCE = "silence"
    DIFFERENCE = "difference"


class Where(StrEnum):
    """Where hours stand."""

    SCHEDULE = "schedule"
    BOARD = "board"


class Message(StrEnum):
    """What is sent or written, by the names of the messages."""

    HOURS = "hours"
    REMINDER = "reminder"
    QUESTION_HOURS = "question-hours"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    COORDINATOR = "coordinator"
    COORDINATOR_REMINDER = "coordinator-reminder"
    QUESTION_COORDINATOR = "question-coordinator"
    COORDINATOR_ANSWERED = "coordinator-answered"
    COORDINATOR_UNANSWERED = "coordinator-unanswered"
    RULED = "ruled"
    COMMENT_CONFIRMED = "comment-confirmed"


class BoardEntry(BaseModel):
    """Hours of a rep on the board: of one date, or, with `day` None, of the whole week."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issue: str = Field(min_length=1)
    rep: str = Field(min_length=1)
    minutes: int = Field(ge=0, le=7 * 24 * 60)
    day: date | None = None


@dataclass(frozen=True, slots=True)
class DayHours:
    """One date: minutes scheduled and on the board; the board's are None where it has the week only, or nothing."""

    day: date
    scheduled: int
    board: int | None
    off: Off | None


@dataclass(frozen=True, slots=True)
class Hours:
    """What a rep is shown of a week. `board` is None where the board has nothing of the rep."""

    rep: str
    days: tuple[DayHours, ...]
    scheduled: int
    board: int | None
    differs: bool
    issues: tuple[str, ...]


def compare(rep: Rep, week: date, entries: Iterable[BoardEntry], numbers: ScheduleReviewNumbers = NUMBERS) -> Hours:
    """A rep's scheduled hours of the week in which a date is, next to the board's.

    Nothing is scheduled on holidays and leave. Each date is compared if all of the board's entries have one, else the
    week; a board that has nothing differs from hours that are scheduled.
    """
    days = week_of(week)
    own = [one for one in entries if one.rep == rep.id and (one.day is None or one.day in days)]
    by_day = bool(own) and all(one.day is not None for one in own)
    rows = tuple(
        DayHours(
            day,
            _scheduled(rep, day),
            sum(one.minutes for one in own if one.day == day) if by_day else None,
            rep.off(day),
        )
        for day in days
    )
    scheduled = sum(row.scheduled for row in rows)
    board = sum(one.minutes for one in own) if own else None
    if board is None:
        differs = scheduled > 0
    elif by_day:
        differs = any(abs(row.scheduled - (row.board or 0)) > numbers.tolerance_minutes for row in rows)
    else:
        differs = abs(scheduled - board) > numbers.tolerance_minutes
    return Hours(rep.id, rows, scheduled, board, differs, tuple(sorted({one.issue for one in own})))


@dataclass(frozen=True, slots=True)
class Plan:
    """When a rep is asked, reminded (None: there is no time for it) and no longer waited for, in UTC."""

    rep: str
    monday: date
    asks: datetime
    reminds: datetime | None
    silent: datetime


@dataclass(frozen=True, slots=True)
class NotAsked:
    """The rep does not work in that week, or not any more."""

    rep: str
    monday: date


def plan(rep: Rep, opened: datetime, numbers: ScheduleReviewNumbers = NUMBERS) -> Plan | NotAsked:
    """The review that is opened at a moment: of the week that the rep's calendar shows then.

    It asks when the hours of the rep's first working day in it start, or at once if that is past: of the days whose
    hours are not over, so that nobody's time to answer is gone before they were asked. Reminder and silence come at the
    start of the hours of later working days, and the next week's review ends the wait.

    Raises:
        ValueError: the moment has no time zone.
    """
    today = rep.today(opened)
    monday, sunday = week_of(today)[0], week_of(today)[-1]
    # At most the days of the week, the next one, on which the next review asks, and today, if that is over.
    found = [day for day in islice(rep.working_days(today), 9) if rep.at(day, _hours(rep, day).ends) > opened]
    if not found or found[0] > sunday:
        return NotAsked(rep.id, monday)
    week_and_next = [day for day in found if day <= sunday] + [day for day in found if day > sunday][:1]
    starts = [rep.at(day, _hours(rep, day).starts) for day in week_and_next]
    # Somebody who does not come back has no next working day: then the week itself ends the wait.
    later = starts[1:] or [rep.at(sunday, time(23, 59))]
    silent = later[min(numbers.silence_working_days, len(later)) - 1]
    reminders = [at for at in later[numbers.reminder_working_days - 1 :] if at < silent]
    return Plan(rep.id, monday, starts[0], reminders[0] if reminders else None, silent)


def crons(rep: Rostered) -> tuple[Cron, ...]:
    """When a rep's reviews are opened: on Mondays, when the earliest of the hours start.

    Nobody without hours has any, nor who has no account on the board. The case waits until the plan asks.
    """
    if not rep.hours or rep.jira_account is None:
        return ()
    at = min(one.starts for one in rep.hours)
    return (Cron(f"{at.minute} {at.hour} * * mon", rep.zone),)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Write the comment on the board's issues; the review is over."""

    issues: tuple[str, ...]
    why: str
    comment: Message = Message.COMMENT_CONFIRMED
    ending: Ending = Ending.CONFIRMED


@dataclass(frozen=True, slots=True)
class AskAgain:
    """What was shown is no longer so: show the hours as they are now."""

    hours: Hours
    why: str


@dataclass(frozen=True, slots=True)
class Correction:
    """What would have to be changed: on which date (None: of the week), where, from how many minutes to how many."""

    where: Where
    day: date | None
    minutes: int | None
    right: int


@dataclass(frozen=True, slots=True)
class AskCoordinator:
    """The coordinator changes schedule or board, or keeps the hours as scheduled."""

    grounds: tuple[Ground, ...]
    corrections: tuple[Correction, ...]
    why: str
    question: Message = Message.QUESTION_COORDINATOR


@dataclass(frozen=True, slots=True)
class Ended:
    """The review is over."""

    ending: Ending
    why: str


def decide(
    shown: Hours,
    current: Hours,
    answer: Answer | None,
    changes: Mapping[date, int] | None = None,
    numbers: ScheduleReviewNumbers = NUMBERS,
) -> Confirmed | AskAgain | AskCoordinator:
    """What a rep's answer to `shown` comes to; None: the time was over. `current` are the hours read again since.

    `changes` are the minutes that are right, by date; without any it is as if the rep had said that all is right.

    Raises:
        ValueError: a change is of a date outside the week, or of more minutes than a day has.
    """
    wanted = _wanted(shown, changes or {})
    if answer is None:
        grounds = (Ground.SILENCE, *((Ground.DIFFERENCE,) if current.differs else ()))
        return AskCoordinator(grounds, corrections(current, {}, numbers), "The rep has not answered.")
    if shown != current:
        return AskAgain(current, "Schedule or board have changed since they were shown.")
    if answer is Answer.CHANGES and wanted:
        return AskCoordinator(
            (Ground.CHANGES, *((Ground.DIFFERENCE,) if current.differs else ())),
            corrections(current, wanted, numbers),
            "The rep says that other hours are right.",
        )
    if current.differs:
        return AskCoordinator(
            (Ground.DIFFERENCE,),
            corrections(current, {}, numbers),
            "The rep says that the schedule is right, and the board has other hours.",
        )
    return Confirmed(current.issues, "The rep has confirmed the hours, and the board has the same.")


def corrections(
    hours: Hours, wanted: Mapping[date, int], numbers: ScheduleReviewNumbers = NUMBERS
) -> tuple[Correction, ...]:
    """What would have to be changed so that both have the right minutes: those wanted, else those scheduled."""
    right = {row.day: wanted.get(row.day, row.scheduled) for row in hours.days}
    found = [
        Correction(Where.SCHEDULE, row.day, row.scheduled, right[row.day])
        for row in hours.days
        if row.scheduled != right[row.day]
    ]
    if hours.board is None or all(row.board is None for row in hours.days):
        total = sum(right.values())
        if (hours.board is None and total) or abs((hours.board or 0) - total) > numbers.tolerance_minutes:
            found.append(Correction(Where.BOARD, None, hours.board, total))
    else:
        found += [
            Correction(Where.BOARD, row.day, row.board, right[row.day])
            for row in hours.days
            if abs((row.board or 0) - right[row.day]) > numbers.tolerance_minutes
        ]
    return tuple(found)


def after_coordinator(
    ruling: Ruling, asked: AskCoordinator, current: Hours, numbers: ScheduleReviewNumbers = NUMBERS
) -> Ended | AskCoordinator:
    """What the coordinator's answer comes to, with the hours read again after it."""
    if ruling is Ruling.KEEP:
        return Ended(Ending.KEPT, "The coordinator keeps the hours as they are scheduled.")
    wanted = {one.day: one.right for one in asked.corrections if one.where is Where.SCHEDULE and one.day is not None}
    left = corrections(current, wanted, numbers)
    if left:
        return AskCoordinator(asked.grounds, left, "Schedule or board do not have these hours yet.")
    return Ended(Ending.CHANGED, "Schedule and board have the right hours.")


def table(hours: Hours) -> dict[str, list[str] | str]:
    """The variables of messages that show a week: its rows, but for days on which there is nothing, and the sums."""
    rows = [row for row in hours.days if row.off is not Off.NO_HOURS or row.board]
    weekly = hours.board is not None and all(row.board is None for row in hours.days)
    return {
        "days": [f"{row.day:%A}" for row in rows],
        "scheduled": [said(row.scheduled) if row.off in (None, Off.NO_HOURS) else row.off.value for row in rows],
        "board": ["week" if weekly else said(row.board) for row in rows],
        "scheduled_total": said(hours.scheduled),
        "board_total": said(hours.board),
        "differs": "yes" if hours.differs else "no",
    }


def listed(found: Iterable[Correction]) -> dict[str, list[str]]:
    """The variables of messages that say what would have to be changed."""
    every = tuple(found)
    return {
        "where": [one.where.value for one in every],
        "days": [f"{one.day:%A}" if one.day is not None else "week" for one in every],
        "now": [said(one.minutes) for one in every],
        "right": [said(one.right) for one in every],
    }


def said(minutes: int | None) -> str:
    """Hours and minutes as the messages say them: 6h30; `none` where there are none."""
    return "none" if minutes is None else f"{minutes // 60}h{minutes % 60:02}"


def _wanted(shown: Hours, changes: Mapping[date, int]) -> dict[date, int]:
    scheduled = {row.day: row.scheduled for row in shown.days}
    if not set(changes) <= set(scheduled):
        raise ValueError("changes: only dates of the week that was shown")
    if not all(0 <= minutes <= 24 * 60 for minutes in changes.values()):
        raise ValueError("changes: a day has 0 to 1440 minutes")
    return {day: minutes for day, minutes in changes.items() if minutes != scheduled[day]}


def _scheduled(rep: Rep, day: date) -> int:
    hours = rep.hours_on(day)
    if hours is None or rep.off(day) is not None:
        return 0
    return (hours.ends.hour - hours.starts.hour) * 60 + hours.ends.minute - hours.starts.minute


def _hours(rep: Rep, day: date) -> RepHours:
    hours = rep.hours_on(day)
    if hours is None:
        raise ValueError(f"rep {rep.id} has no hours on {day}")
    return hours
