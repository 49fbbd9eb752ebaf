"""The roll-up of a week of support days: a table with a bar for each rep in the engine's own pages.

It starts by its schedule in `deployments`, when the week is over in every zone. Run again, it brings the week's page up
to date, also with what was not over before.
"""

from __future__ import annotations

from datetime import timedelta

from casework import clock
from casework.process import process
from policies import support_week as policy
from policies.rep_days import week_of
from tasks import reps
from tasks import support_week as tasks


@process("support-week", subject="support:week")
def support_week() -> str:
    """Roll up the week before this one (Monday to Sunday, of this week by UTC) into a page."""
    monday, *_ = week_of(clock.now().date() - timedelta(days=7))
    records = tasks.records(monday)
    rows = policy.roll_up(records, monday)
    known = [reps.rep(one) for one in reps.all_of_them()]
    missing = policy.without_record(known, records, monday)
    tasks.show(monday, rows, tuple(f"{rep}/{day.isoformat()}" for rep, day in missing))
    return policy.ending(rows, missing)
