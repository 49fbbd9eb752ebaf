"""A year of support days against an independent calculation: a clock that is watched minute by minute.

The watched clock knows nothing of how `policies.rep_days` and `policies.support_day` find moments: it goes through all
minutes of UTC, reads the rep's wall clock at each, and notes when a window that has not been open on this date is seen
to be, and when it no longer is. Working days it takes from the `holidays` library and the standard library's calendar.
"""

from __future__ import annotations

import calendar
from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.rep_days import WEEKDAYS, Hours, Leave, Rep
from policies.support_day import NUMBERS, DayOff, DayPlan, plan
from policies.support_day_numbers import SupportDayNumbers

WORKDAYS = WEEKDAYS[:5]
MINUTE = timedelta(minutes=1)
YEAR = 2026
Seen = tuple[date, str, datetime, datetime]


def rep(zone: str, country: str, part: str | None, starts: str, ends: str, *leave: tuple[str, str]) -> Rep:
    return Rep(
        id=f"rep-{country}",
        zone=zone,
        country=country,
        subdivision=part,
        hours=(Hours(days=WORKDAYS, starts=time.fromisoformat(starts), ends=time.fromisoformat(ends)),),
        leave=tuple(Leave(first=date.fromisoformat(one), last=date.fromisoformat(last)) for one, last in leave),
    )


REPS = [
    rep("Europe/Berlin", "DE", "BE", "09:00", "17:30", ("2026-03-23", "2026-04-05"), ("2026-12-24", "2026-12-31")),
    rep("America/Los_Angeles", "US", "CA", "07:00", "13:00", ("2026-07-01", "2026-07-03")),
    rep("Asia/Kolkata", "IN", None, "10:07", "18:52"),
    rep("America/Phoenix", "US", "AZ", "10:00", "16:00", ("2026-11-02", "2026-11-02")),
    rep("Australia/Lord_Howe", "AU", "NSW", "06:30", "15:00"),
    rep("Pacific/Auckland", "NZ", "AUK", "17:00", "20:00"),
]


def working(one: Rep, day: date, known: Container[date]) -> bool:
    """A weekday with hours, no public holiday, no leave."""
    away = any(leave.first <= day <= leave.last for leave in one.leave)
    weekday = calendar.day_name[calendar.weekday(day.year, day.month, day.day)].lower()
    return weekday in one.hours[0].days and day not in known and not away


def windows(one: Rep, numbers: SupportDayNumbers) -> dict[str, tuple[int, int]]:
    """The windows in minutes of the wall clock's day; what is outside of the hours is none."""
    hours = one.hours[0]
    found = {}
    for name, (opens, closes) in {"morning": numbers.windows.morning, "midday": numbers.windows.midday}.items():
        first, last = max(minutes(opens), minutes(hours.starts)), min(minutes(closes), minutes(hours.ends))
        if first < last:
            found[name] = (first, last)
    return found


def minutes(wall: time | datetime) -> int:
    return wall.hour * 60 + wall.minute


def watched(one: Rep, first: date, last: date, numbers: SupportDayNumbers = NUMBERS) -> list[Seen]:
    """What somebody sees who looks at the rep's clock each minute: date, window, opening, closing (UTC)."""
    zone, hours = ZoneInfo(one.zone), one.hours[0]
    spans = windows(one, numbers) | {"hours": (minutes(hours.starts), minutes(hours.ends))}
    known = holidays.country_holidays(one.country, subdiv=one.subdivision) if one.country else {}
    seen: list[Seen] = []
    today, works = date.min, False
    unopened: dict[str, tuple[int, int]] = {}
    opened: dict[str, datetime] = {}
    at = datetime.combine(first, time(0), UTC) - timedelta(hours=15)
    until = datetime.combine(last, time(0), UTC) + timedelta(hours=40)
    while at < until:
        local = at.astimezone(zone)
        day, shown = local.date(), minutes(local)
        # Only a later date is a new one: a clock that is put back at midnight shows the old one again.
        if day > today:
            seen += [(today, name, opens, at) for name, opens in opened.items()]
            today, opened = day, {}
            works = first <= day <= last and working(one, day, known)
            unopened = dict(spans) if works else {}
        if works and day == today:
            for name in list(opened):
                if shown >= spans[name][1]:
                    seen.append((today, name, opened.pop(name), at))
            for name, (opens_at, closes_at) in list(unopened.items()):
                if opens_at <= shown < closes_at:
                    opened[name] = at
                    del unopened[name]
        at += MINUTE
    return sorted(signed_off(seen, numbers))


def signed_off(seen: list[Seen], numbers: SupportDayNumbers) -> Iterator[Seen]:
    """The windows that are long enough, and from the hours the one in which to sign off."""
    for day, name, opens, closes in seen:
        if name == "hours":
            before, after = numbers.sign_off.opens_minutes, numbers.sign_off.closes_minutes
            yield day, "sign_off", max(opens, closes - before * MINUTE), closes + after * MINUTE
        elif closes - opens >= numbers.windows.shortest_minutes * MINUTE:
            yield day, name, opens, closes


def planned(one: Rep, first: date, last: date, numbers: SupportDayNumbers = NUMBERS) -> list[Seen]:
    """What the policy plans for the same dates."""
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    plans = (plan(one, day, numbers) for day in days)
    return sorted(
        (found.day, check_in.kind.value, check_in.opens, check_in.closes)
        for found in plans
        if isinstance(found, DayPlan)
        for check_in in found.check_ins
    )


@pytest.mark.parametrize("one", REPS, ids=lambda one: one.zone)
def test_a_year_of_support_days(one: Rep) -> None:
    """Each window of a year opens once, at the right local minute, on the rep's working days and no others."""
    first, last = date(YEAR, 1, 1), date(YEAR, 12, 31)
    found = planned(one, first, last)
    assert found == watched(one, first, last)
    assert len({(day, kind) for day, kind, _, _ in found}) == len(found) > 200
    for _, kind, opens, _ in found:
        if kind != "sign_off":
            bounds = windows(one, NUMBERS)[kind]
            assert minutes(opens.astimezone(ZoneInfo(one.zone))) == bounds[0]


ZONES = ["Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata"]
# The days before, on and after which the clocks of these zones change, and some on which they do not.
CHANGES = [
    "2026-03-29",
    "2026-10-25",
    "2026-03-08",
    "2026-11-01",
    "2026-04-24",
    "2026-10-30",
    "2026-04-05",
    "2026-10-04",
]
CHANGE = st.sampled_from([date.fromisoformat(day) for day in CHANGES])
QUARTERS = st.lists(st.integers(0, 95), min_size=6, max_size=6, unique=True).map(sorted)


def odd(zone: str, quarters: list[int]) -> tuple[Rep, SupportDayNumbers]:
    """A rep who works on all days, with windows and hours at any time of the day."""
    walls = [time(n // 4, n % 4 * 15) for n in quarters]
    hours = Hours(days=WEEKDAYS, starts=walls[0], ends=walls[5])
    moved = NUMBERS.windows.model_copy(update={"morning": (walls[1], walls[2]), "midday": (walls[3], walls[4])})
    return Rep(id="rep-1", zone=zone, hours=(hours,)), NUMBERS.model_copy(update={"windows": moved})


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), CHANGE, st.integers(-1, 1), QUARTERS)
@example("Europe/Berlin", date(2026, 3, 29), 0, [7, 8, 11, 12, 16, 20])  # a window that is skipped whole
@example("Europe/Berlin", date(2026, 3, 29), 0, [8, 9, 11, 13, 14, 15])  # hours that begin in the gap
@example("Europe/Berlin", date(2026, 10, 25), 0, [8, 9, 11, 13, 16, 20])  # a window that comes twice
@example("Africa/Cairo", date(2026, 4, 24), 0, [0, 1, 8, 9, 20, 30])  # a day that begins at 01:00
def test_days_on_which_clocks_change(zone: str, day: date, offset: int, quarters: list[int]) -> None:
    """Whatever the hours and windows, also those in a gap or in an hour that comes twice."""
    one, numbers = odd(zone, quarters)
    asked = day + timedelta(days=offset)
    assert planned(one, asked, asked, numbers) == watched(one, asked, asked, numbers)


def test_the_day_that_was_skipped() -> None:
    """Samoa had no 30 December 2011: there is nothing to look at on it."""
    apia = Rep(id="rep-1", zone="Pacific/Apia", hours=(Hours(days=WEEKDAYS, starts=time(9), ends=time(17)),))
    assert isinstance(plan(apia, date(2011, 12, 30)), DayOff)
    assert isinstance(plan(apia, date(2011, 12, 31)), DayPlan)
