"""The support day: when a rep looks at the queues, what counts as looked at, when tickets may be assigned, how it ends.

Source: "Customer policies", parts "Support Check-in Cadence" (at least three times a day: 9-11 and 13-15 local time,
and before signing off) and "Your Support Workflow" (Available at the start, Unavailable at the end, "to prevent
off-hours assignment"). A window of the page is cut to the rep's hours: nobody is asked outside of them. What is then
too short is left out, and the coordinator is told so rather than that it was missed.

What waits in the queues is counted in `policies.support_queue`, a week is rolled up in `policies.support_week`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from policies.rep_days import WEEKDAYS, Cron, Off, Rep
from policies.support_day_numbers import NUMBERS, SupportDayNumbers

__all__ = [
    "NUMBERS",
    "Attention",
    "CheckIn",
    "CheckInKind",
    "DayOff",
    "DayPlan",
    "Ending",
    "Event",
    "Keep",
    "LeftOut",
    "Message",
    "SetAvailability",
    "State",
    "attention",
    "availability",
    "crons",
    "ending",
    "next_plan",
    "plan",
]


class CheckInKind(StrEnum):
    """The three of a day."""

    MORNING = "morning"
    MIDDAY = "midday"
    SIGN_OFF = "sign_off"


class LeftOut(StrEnum):
    """Why a window of the page is none in a rep's day."""

    OUTSIDE_HOURS = "outside_hours"
    TOO_SHORT = "too_short"


class State(StrEnum):
    """How a check-in stands."""

    PENDING = "pending"
    OPEN = "open"
    DONE = "done"
    MISSED = "missed"


class Ending(StrEnum):
    """How a support day ends; `MISSED` is followed by the check-ins, `DAY_OFF` by why."""

    DONE = "done"
    MISSED = "missed"
    DAY_OFF = "day_off"
    REPEATED = "repeated"
    CANCELLED = "cancelled"


class Message(StrEnum):
    """What a rep and the coordinator read, by the names of the messages."""

    GREETING = "greeting"
    CHECK_IN = "check-in"
    CHECK_IN_REMINDER = "check-in-reminder"
    SIGN_OFF = "sign-off"
    SIGN_OFF_REMINDER = "sign-off-reminder"
    QUESTION = "question"
    SETTLED = "settled"
    SET_UNAVAILABLE = "set-unavailable"
    BY_HAND = "by-hand"
    SUMMARY = "summary"
    ROLL_UP = "roll-up"


class Event(StrEnum):
    """What may change a rep's availability."""

    START_PRESSED = "start_pressed"
    SIGN_OFF_PRESSED = "sign_off_pressed"
    NOT_SIGNED_OFF = "not_signed_off"
    CANCELLED = "cancelled"


class Attention(StrEnum):
    """What the summary points the coordinator to."""

    MISSED = "missed"
    NOT_SIGNED_OFF = "not_signed_off"
    LEFT_OUT = "left_out"
    OUR_TURN = "our_turn"
    PAST_SLA = "past_sla"
    FRINGE = "fringe"
    NOT_COUNTED = "not_counted"


@dataclass(frozen=True, slots=True)
class CheckIn:
    """One window, in UTC. It is open from `opens` until just before `closes`; nobody answered by `reminds`: remind."""

    kind: CheckInKind
    opens: datetime
    reminds: datetime
    closes: datetime

    def state(self, done: datetime | None, now: datetime) -> State:
        """How it stands; `done` is when the button was pressed (aware), which counts while the window is open."""
        if done is not None and self.opens <= done < self.closes and done <= now:
            return State.DONE
        if now < self.opens:
            return State.PENDING
        return State.OPEN if now < self.closes else State.MISSED


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A working day. All moments in UTC; `day` is a date of the rep's own calendar.

    `ends` is the end of the hours; at `unavailable_at` a rep who has not signed off is set unavailable.
    """

    rep: str
    day: date
    starts: datetime
    ends: datetime
    check_ins: tuple[CheckIn, ...]
    left_out: Mapping[CheckInKind, LeftOut]

    @property
    def sign_off(self) -> CheckIn:
        """The last check-in, which every working day has."""
        return self.check_ins[-1]

    @property
    def unavailable_at(self) -> datetime:
        """When a rep who has not signed off is set unavailable."""
        return self.sign_off.closes

    def states(self, done: Mapping[CheckInKind, datetime], now: datetime) -> dict[CheckInKind, State]:
        """How each check-in stands, in order."""
        return {one.kind: one.state(done.get(one.kind), now) for one in self.check_ins}


@dataclass(frozen=True, slots=True)
class DayOff:
    """The rep does not work on that date."""

    rep: str
    day: date
    why: Off


def plan(rep: Rep, day: date, numbers: SupportDayNumbers = NUMBERS) -> DayPlan | DayOff:
    """The day of a rep: a date of their own calendar."""
    off, hours = rep.off(day), rep.hours_on(day)
    if off is not None or hours is None:
        return DayOff(rep.id, day, off or Off.NO_HOURS)
    starts, ends = rep.at(day, hours.starts), rep.at(day, hours.ends)
    if starts == ends:
        # The clocks skipped all of it, as when a country crosses the date line.
        return DayOff(rep.id, day, Off.NO_HOURS)
    remind = timedelta(minutes=numbers.windows.reminder_minutes)
    check_ins: list[CheckIn] = []
    left_out: dict[CheckInKind, LeftOut] = {}
    for kind, window in (
        (CheckInKind.MORNING, numbers.windows.morning),
        (CheckInKind.MIDDAY, numbers.windows.midday),
    ):
        found = _cut(window, (hours.starts, hours.ends))
        if found is None:
            left_out[kind] = LeftOut.OUTSIDE_HOURS
            continue
        opens, closes = (rep.at(day, wall) for wall in found)
        if closes - opens < timedelta(minutes=numbers.windows.shortest_minutes):
            left_out[kind] = LeftOut.TOO_SHORT
        else:
            check_ins.append(CheckIn(kind, opens, closes - remind, closes))
    before, after = (timedelta(minutes=n) for n in (numbers.sign_off.opens_minutes, numbers.sign_off.closes_minutes))
    check_ins.append(CheckIn(CheckInKind.SIGN_OFF, max(starts, ends - before), ends, ends + after))
    return DayPlan(rep.id, day, starts, ends, tuple(check_ins), left_out)


def next_plan(rep: Rep, after: date, numbers: SupportDayNumbers = NUMBERS) -> DayPlan | None:
    """The first working day after a date; None where there is none within a year."""
    plans = (plan(rep, day, numbers) for day in rep.working_days(after + timedelta(days=1)))
    return next((one for one in plans if isinstance(one, DayPlan)), None)


def crons(rep: Rep) -> tuple[Cron, ...]:
    """When the cases of a rep's days are opened: at the start of the hours of each weekday.

    Holidays and leave are not in it: the case sees them in `plan` and ends as a day off.
    """
    starts = sorted({one.starts for one in rep.hours})
    return tuple(Cron(f"{at.minute} {at.hour} * * {','.join(_days(rep, at))}", rep.zone) for at in starts)


@dataclass(frozen=True, slots=True)
class SetAvailability:
    """Write this value (HubSpot's) and tell the rep why."""

    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Write nothing."""

    why: str


def availability(
    event: Event, day: DayPlan, now: datetime, status: str | None, numbers: SupportDayNumbers = NUMBERS
) -> SetAvailability | Keep:
    """What becomes of a rep's availability, which is `status` now; None: HubSpot does not know the rep.

    Only the rep makes themselves available, within the day: what they change by hand in between stays.
    """
    names = numbers.availability
    if status is None:
        return Keep("The rep has no user in HubSpot.")
    value = names.available if event is Event.START_PRESSED else names.unavailable
    if event is Event.START_PRESSED and not day.starts <= now < day.ends:
        return Keep("It is outside of the rep's hours.")
    if event is Event.NOT_SIGNED_OFF and now < day.unavailable_at:
        return Keep("There is still time to sign off.")
    if status == value:
        return Keep("It is so already.")
    return SetAvailability(value, _WHY[event])


_WHY = {
    Event.START_PRESSED: "The rep has begun the day.",
    Event.SIGN_OFF_PRESSED: "The rep has signed off.",
    Event.NOT_SIGNED_OFF: "The hours are over and the rep has not signed off: nothing is assigned out of hours.",
    Event.CANCELLED: "The day was called off: nothing is assigned to somebody who does not look.",
}


def ending(day: DayPlan | DayOff, done: Mapping[CheckInKind, datetime]) -> str:
    """How a day ended, once all its windows are closed or done."""
    if isinstance(day, DayOff):
        return f"{Ending.DAY_OFF}: {day.why}"
    missed = _missed(day, done)
    return f"{Ending.MISSED}: {', '.join(missed)}" if missed else Ending.DONE.value


def attention(
    day: DayPlan,
    done: Mapping[CheckInKind, datetime],
    *,
    our_turn: int,
    past_sla: int,
    fringe: int,
    not_counted: int = 0,
) -> tuple[Attention, ...]:
    """What the coordinator should look at in a finished day; nothing: the summary is sent all the same.

    The counts are those of the end of the day; `not_counted` counts queues that could not be read.
    """
    missed = _missed(day, done)
    found = {
        Attention.MISSED: any(kind is not CheckInKind.SIGN_OFF for kind in missed),
        Attention.NOT_SIGNED_OFF: CheckInKind.SIGN_OFF in missed,
        Attention.LEFT_OUT: bool(day.left_out),
        Attention.OUR_TURN: our_turn > 0,
        Attention.PAST_SLA: past_sla > 0,
        Attention.FRINGE: fringe > 0,
        Attention.NOT_COUNTED: not_counted > 0,
    }
    return tuple(one for one, so in found.items() if so)


def _missed(day: DayPlan, done: Mapping[CheckInKind, datetime]) -> list[CheckInKind]:
    return [kind for kind, state in day.states(done, day.unavailable_at).items() if state is not State.DONE]


def _cut(window: tuple[time, time], hours: tuple[time, time]) -> tuple[time, time] | None:
    opens, closes = max(window[0], hours[0]), min(window[1], hours[1])
    return (opens, closes) if opens < closes else None


def _days(rep: Rep, at: time) -> Iterator[str]:
    # Cron counts from Sunday, which is 0.
    days = {day for one in rep.hours if one.starts == at for day in one.days}
    return (str(n) for n in range(7) if WEEKDAYS[n - 1] in days)
