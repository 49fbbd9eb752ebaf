"""The hours that stand on the revenue board in Jira, and the comment that says which were confirmed."""

from __future__ import annotations

from datetime import date, timedelta

from casework.step import lookup, reference, step
from casework.systems import current
from casework.systems.errors import Misconfigured, NotFound
from casework.systems.jira_hours import hours_between
from policies import messages
from policies.schedule_review import BoardEntry

__all__ = ["comment", "link_to", "on_board"]


@lookup
def on_board(rep: str, account: str | None, monday: date, known: tuple[str, ...] = ()) -> tuple[BoardEntry, ...]:
    """What the board has of a rep, by their account there, for the week from a Monday on.

    `known` are issues that were found before, which are read whatever Jira's search, which lags behind, says of them.

    Raises:
        Misconfigured: the settings name no account of this rep.
    """
    if account is None:
        raise Misconfigured(
            "settings", f"find the hours of {rep} on the board", "[[reps]] has no jira_account of theirs"
        )
    systems = current()
    found = hours_between(
        systems.jira, systems.places.revenue_board, account, monday, monday + timedelta(days=6), known
    )
    return tuple(BoardEntry(issue=one.issue, rep=rep, minutes=one.minutes, day=one.day) for one in found)


def _find(issue: str, *_args: object, **_values: object) -> int | None:
    try:
        found = current().jira.find_comment(issue, reference())
    except NotFound:
        return None
    return found.id if found else None


@step(find=_find)
def comment(issue: str, message: str, **values: object) -> int | None:
    """Comment on an issue of the board; the comment's id, or None when the issue is gone meanwhile.

    A comment has no idempotency key: it ends with a reference by which it is found again.
    """
    text = messages.render(message, **values).body
    try:
        return current().jira.add_comment(issue, f"{text}\nRef {reference()}", public=False)
    except NotFound:
        return None


def link_to(issue: str) -> str:
    """The issue's page for colleagues."""
    return current().places.jira.issue_page.format(issue=issue)
