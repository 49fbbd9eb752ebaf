"""The records of a week of support days, read from their case files, and the page that shows them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from casework import past
from casework.step import lookup, publish, step
from policies import messages
from policies.support_day import CheckInKind
from policies.support_week import DayRecord, WeekRow

__all__ = ["records", "show"]

PROCESS, RECORD = "support-day", "support_day.record"


@lookup
def records(monday: date) -> tuple[DayRecord, ...]:
    """How the support days of a week went, as far as they have a record: one for each rep and day.

    A case that was called off counts only where there is no other.
    """
    # Where the date line is crossed, a week begins half a day sooner or later than in UTC, and cases may start late.
    since = datetime.combine(monday - timedelta(days=1), time(), UTC)
    found: dict[tuple[str, date], DayRecord] = {}
    cases = past.opened_between(PROCESS, RECORD, since, since + timedelta(days=10))
    for case in sorted(cases, key=lambda one: not one.cancelled):
        if case.result is not None:
            one = DayRecord.model_validate(case.result)
            found[one.rep, one.day] = one
    return tuple(one for (_, day), one in sorted(found.items()) if monday <= day < monday + timedelta(days=7))


@step(repeatable=True)
def show(monday: date, rows: tuple[WeekRow, ...], without_record: tuple[str, ...]) -> None:
    """Show the week in the engine's own pages. Repeatable: it has one page, which is brought up to date."""
    text = messages.render(
        "support_day/roll-up",
        week=monday,
        reps=[row.rep or "all" for row in rows],
        days=[str(row.days) for row in rows],
        done=[str(row.done) for row in rows],
        asked=[str(row.asked) for row in rows],
        percent=["none" if row.percent_done is None else str(row.percent_done) for row in rows],
        missed_morning=[str(row.missed[CheckInKind.MORNING]) for row in rows],
        missed_midday=[str(row.missed[CheckInKind.MIDDAY]) for row in rows],
        missed_sign_off=[str(row.missed[CheckInKind.SIGN_OFF]) for row in rows],
        our_turn=["unknown" if row.our_turn is None else str(row.our_turn) for row in rows],
        without_record=without_record,
    )
    publish(f"support-week-{monday.isoformat()}", text.body, f"Support days, week of {monday.isoformat()}")
