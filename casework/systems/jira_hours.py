"""The hours that stand on the revenue board, a project of Jira: on issues that are assigned to whom they are of.

They are fields and no worklogs, because a worklog says what time was spent, while on a Monday the week is still to
come. Jira's search lags behind changes, so it only says where to look, and each issue is read again by its key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from casework.systems.errors import NotFound, Refused
from casework.systems.jira import Issue, Jira
from casework.systems.jql import field, quote

if TYPE_CHECKING:
    from casework.systems import RevenueBoard

__all__ = ["BoardHours", "hours_between"]

MOST_HOURS = 7 * 24


class BoardHours(BaseModel):
    """What one issue says: so many minutes on a date, or with `day` None in each week."""

    model_config = ConfigDict(frozen=True)

    issue: str
    minutes: int
    day: date | None


def hours_between(
    jira: Jira, board: RevenueBoard, account: str, first: date, last: date, known: Collection[str] = ()
) -> tuple[BoardHours, ...]:
    """The hours of an account from one date to another, both included, and those of each week, oldest issue first.

    `known` are issues that are looked at whether or not the search finds them: those that were found before. An issue
    without hours is other work and has none; one without a date counts until it is done.

    Raises:
        Refused: an issue has hours or a date that cannot be, or Jira knows no such account or field.
    """
    keys = {*known, *(key for jql in _searches(board, account, first, last) for key in _keys(jira, jql))}
    found = (_read(jira, board, account, key) for key in sorted(keys, key=_number))
    return tuple(one for one in found if one is not None and (one.day is None or first <= one.day <= last))


def _searches(board: RevenueBoard, account: str, first: date, last: date) -> tuple[str, str]:
    hours, day = field(board.hours_field), field(board.day_field)
    theirs = f"project = {quote(board.project)} AND assignee = {quote(account)} AND {hours} is not EMPTY"
    return (
        f"{theirs} AND {day} >= {quote(first.isoformat())} AND {day} <= {quote(last.isoformat())}",
        f"{theirs} AND {day} is EMPTY AND statusCategory != Done",
    )


def _keys(jira: Jira, jql: str) -> Iterator[str]:
    return (issue.key for issue in jira.search(jql))


def _read(jira: Jira, board: RevenueBoard, account: str, key: str) -> BoardHours | None:
    """What an issue says as it is now; None when it is gone, somebody else's, without hours, or no longer counts."""
    try:
        issue = jira.issue(key, (board.hours_field, board.day_field))
    except NotFound:
        return None
    hours, day = issue.custom.get(board.hours_field), _day(issue, board.day_field)
    if issue.project != board.project or issue.assignee != account or hours is None or (day is None and issue.done):
        return None
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not isfinite(hours):
        raise Refused("Jira", f"read the hours of issue {key}", f"{board.hours_field} is not a field of numbers")
    if not 0 <= hours <= MOST_HOURS:
        raise Refused(
            "Jira", f"read the hours of issue {key}", f"a week has 0 to {MOST_HOURS} hours: correct the issue"
        )
    return BoardHours(issue=issue.key, minutes=round(hours * 60), day=day)


def _day(issue: Issue, name: str) -> date | None:
    value = issue.custom.get(name)
    try:
        return None if value is None else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Refused("Jira", f"read the day of issue {issue.key}", f"{name} is not a field of dates") from None


def _number(key: str) -> tuple[str, int]:
    project, _, number = key.rpartition("-")
    return project, int(number)
