"""The reps of the settings as people read them: a line for each, with hours, leave and queues in few words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.rep_days import WEEKDAYS, Hours, Weekday
from policies.rota import Rostered

__all__ = ["COLUMNS", "lines"]

COLUMNS = ["rep", "zone", "holidays", "hours", "leave", "queues", "board account"]


def lines(reps: Iterable[Rostered]) -> list[list[str]]:
    """A line for each rep; `–` where there is nothing."""
    return [
        [
            rep.id,
            rep.zone,
            "-".join(filter(None, (rep.country, rep.subdivision))) or "–",
            _each(_hours(one) for one in rep.hours),
            _each(f"{one.first} to {one.last}" for one in rep.leave),
            _each(f"{one.name} ({one.tool.value} {one.queue})" for one in rep.environments),
            rep.jira_account or "–",
        ]
        for rep in reps
    ]


def _hours(hours: Hours) -> str:
    return f"{_days(hours.days)} {hours.starts:%H:%M}-{hours.ends:%H:%M}"


def _days(days: Sequence[Weekday]) -> str:
    """`mon-fri`, `mon, wed`: in the order of the week, three days and more in a row from the first to the last."""
    runs: list[list[int]] = []
    for number in sorted(map(WEEKDAYS.index, days)):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    short = [day[:3] for day in WEEKDAYS]
    return ", ".join(
        f"{short[run[0]]}-{short[run[-1]]}" if len(run) > 2 else ", ".join(short[one] for one in run) for run in runs
    )


def _each(parts: Iterable[str]) -> str:
    return "; ".join(parts) or "–"
