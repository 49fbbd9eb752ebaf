"""Weeks of whole days, started by the schedules as they are deployed, over a change of clocks, a holiday and leave.

When what was asked is looked up in Slack, on the rep's own clock, and compared with a list made by hand.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from prefect.server.schemas.schedules import CronSchedule

from casework.sandbox import aws
from deployments import deployed
from policies.rep_days import Hours, Leave
from policies.rota import Rostered
from tests.scenarios.days import COORDINATOR, Days

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")
FIRST, LAST = date(2026, 3, 26), date(2026, 4, 8)
"""Thursday to Wednesday: Berlin's clocks change on 29 March, Brisbane's never; Good Friday and Easter Monday."""


def rep(staff: str, zone: str, country: str, part: str, starts: str, ends: str, **more: object) -> Rostered:
    hours = Hours(days=WEEK, starts=time.fromisoformat(starts), ends=time.fromisoformat(ends))
    return Rostered.model_validate(
        {"id": staff, "zone": zone, "country": country, "subdivision": part, "hours": (hours,), **more}
    )


REPS = (
    rep("staff-16", "Europe/Berlin", "DE", "BE", "08:30", "16:00"),
    rep(
        "staff-15", "Australia/Brisbane", "AU", "QLD", "10:00", "18:15",
        leave=(Leave(first=date(2026, 3, 31), last=date(2026, 4, 1)),),
    ),
)  # fmt: skip

EXPECTED = {
    "staff-16": ["08:30", "09:00", "10:30", "13:00", "14:30", "15:30", "16:00", "16:30"],
    "staff-15": ["10:00", "10:00", "10:30", "13:00", "14:30", "17:45", "18:15", "18:45"],
}
"""When each is written to on a working day on which they press the first button alone: greeting, window, reminder,
window, reminder, sign-off, reminder, that they were set unavailable."""

WORKED = {
    "staff-16": [26, 27, 30, 31, 1, 2, 7, 8],
    "staff-15": [26, 27, 30, 2, 7, 8],
}
"""Good Friday is 3 April, Easter Monday 6 April, in both countries; staff-15 is on leave on 31 March and 1 April."""


def starts(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """When the schedules that are deployed start a day, and of whom."""
    (deployment,) = (one for one in deployed(REPS) if one.process == "support-day")
    found = []
    for one in deployment.schedules:
        turns = asyncio.run(CronSchedule(cron=one.cron, timezone=one.zone).get_dates(20, first))
        found += [(at.astimezone(UTC), str(one.parameters["rep"])) for at in turns if at < last]
    return sorted(found)


def written(days: Days, staff: str) -> dict[date, list[str]]:
    """When somebody was written to: by date, the times on their clock."""
    found: dict[date, list[str]] = defaultdict(list)
    for channel in days.direct_messages(staff):
        for message in days.world.state["slack"]["messages"][channel]:
            local = days.clock(staff, datetime.fromtimestamp(float(message["ts"]), UTC))
            found[local.date()].append(f"{local:%H:%M}")
    return found


def test_two_weeks(tmp_path: Path, cloud: aws.Aws) -> None:
    """On each working day each message comes at its local minute, before and after the clocks change; on days off none
    comes; and the coordinator reads one summary for each working day."""
    with Days(tmp_path, cloud, reps=REPS) as days:
        until = datetime.combine(LAST, time(23), UTC)
        for at, staff in starts(datetime.combine(FIRST, time(), UTC) - timedelta(hours=10), until):
            days.advance(seconds=(at - days.engine.now()).total_seconds())
            days.day(staff)
            if "decide:available=yes" in days.buttons(staff):
                days.press_button(staff, "decide:available=yes")
        days.advance(seconds=(until - days.engine.now()).total_seconds())
        for staff in EXPECTED:
            seen = written(days, staff)
            assert [day.day for day in sorted(seen)] == WORKED[staff]
            assert list(seen.values()) == [EXPECTED[staff]] * len(seen), staff
        assert len(days.slack(COORDINATOR)) == sum(map(len, WORKED.values()))
        endings = [days.files.case(run.case_id).ending for run in days.engine.runs.values()]
        assert sorted({one for one in endings if one and one.startswith("day_off")}) == [
            "day_off: holiday",
            "day_off: leave",
        ]
        assert None not in endings
        days.world.close()
