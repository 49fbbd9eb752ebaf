"""The revenue board: a Jira project with the hours that reps are scheduled for, of a date or of each week.

An issue holds a number of hours for whom it is assigned to. One rep's hours are as the reps' schedule has them, one's
are short on a Friday, one's stand for each week; other work is on the board too.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from casework.sandbox import jira_desk, jira_issues
from casework.sandbox.http import Json

if TYPE_CHECKING:
    from casework.sandbox.world import World

REVENUE = "REV"
HOURS, DAY = "customfield_10070", "customfield_10071"
HOURS_TYPE, WORK_TYPE = "Hours", "Revenue task"
PLANNED, OVER = "Planned", "Over"

_REPS = ("staff-14", "staff-15", "staff-16")
_COORDINATOR = "staff-18"
_WEEKS = 2
_DAY_HOURS, _SHORT_HOURS, _WEEK_HOURS, _FORMER_HOURS = 8, 6, 40, 20


def account(staff_id: str) -> str:
    """The Jira account of a rep, or of who coordinates them."""
    return f"712020:00000000-0000-4000-8000-0000000000{staff_id[-2:]}"


def plant(world: World) -> None:
    """Makes the project, the accounts and, from this week on, the hours."""
    jira, roster = world.state["jira"], world.state["roster"]
    for staff_id in (*_REPS, _COORDINATOR):
        member = roster["staff"][staff_id]
        made = jira_desk.add_user(world, member["email"], member["name"], "atlassian", account(staff_id))
        member["jira_id"] = made["accountId"]
    jira["fields"] |= {HOURS: {"name": "Hours", "kind": "number"}, DAY: {"name": "Day", "kind": "date"}}
    jira["statuses"] |= {PLANNED: {"id": "10150", "category": "new"}, OVER: {"id": "10151", "category": "done"}}
    jira["projects"][REVENUE] = _project()
    _hours(world)
    # What was there before anybody looked is no news.
    world.state["outbox"] = [kept for kept in world.state["outbox"] if kept["vendor"] != "jira"]


def schedule(world: World, assignee: str, hours: float | None, day: str | None, by: str, kind: str = HOURS_TYPE) -> str:
    """An issue of the board for this account: hours of a date (None: of each week), or work without any; its key."""
    given: Json = {
        "project": {"key": REVENUE},
        "issuetype": {"name": kind},
        "summary": "Scheduled hours" if hours is not None else "Other work",
        "assignee": {"id": assignee},
        HOURS: hours,
        DAY: day,
    }
    made = jira_issues.create(world, given, [], by=by)
    return str(made["key"])


def _project() -> Json:
    ways = [
        {"id": "211", "name": "Over", "from": [PLANNED], "to": OVER, "resolution": "Done"},
        {"id": "221", "name": "Plan again", "from": [OVER], "to": PLANNED, "resolution": None},
    ]
    return {
        "id": "10003",
        "key": REVENUE,
        "name": "Revenue",
        "type": "business",
        "service_desk": None,
        "issue_types": {HOURS_TYPE: "10003", WORK_TYPE: "10004"},
        "statuses": [PLANNED, OVER],
        "transitions": ways,
        "components": {},
        "fields": [HOURS, DAY],
        "agents": [account(staff_id) for staff_id in (*_REPS, _COORDINATOR)],
        "request_types": {},
        "organizations": [],
    }


def _hours(world: World) -> None:
    as_scheduled, short, weekly = map(account, _REPS)
    by = account(_COORDINATOR)
    for day in _working_days(world.now().date()):
        friday = day.weekday() == 4
        schedule(world, as_scheduled, _DAY_HOURS, day.isoformat(), by)
        schedule(world, short, _SHORT_HOURS if friday else _DAY_HOURS, day.isoformat(), by)
    schedule(world, weekly, _WEEK_HOURS, None, by)
    former = schedule(world, weekly, _FORMER_HOURS, None, by)
    jira_issues.transit(world, jira_issues.issue(world, former), "211", {}, by=by)
    schedule(world, as_scheduled, None, None, by, WORK_TYPE)


def _working_days(today: date) -> list[date]:
    monday = today - timedelta(days=today.weekday())
    return [monday + timedelta(days=7 * week + day) for week in range(_WEEKS) for day in range(5)]
