"""Issues in Jira: what stands on them, answers to customers, comments for colleagues, statuses.

A comment has no idempotency key: it ends with a reference by which it is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache

from pydantic import BaseModel, ConfigDict

from casework.people import Identity, Person
from casework.step import case_id, case_page, lookup, reference, step
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.jira import Comment
from casework.wait import Heard
from policies import messages
from policies.document_change import NUMBERS

__all__ = [
    "JIRA",
    "begin",
    "close",
    "comment_link",
    "gone",
    "last_reply",
    "latest",
    "link_to",
    "move",
    "note",
    "open_again",
    "pass_on",
    "replies",
    "reply",
]

JIRA = Person(id="jira")
"""Who answers when what stands on an issue does."""

MOST_CHARACTERS = 30_000
"""Of one comment that is passed on; Jira takes 32,767 with what we write around it."""


def _find(issue: str, *_args: object, **_values: object) -> int | None:
    found = current().jira.find_comment(issue, reference())
    return found.id if found else None


def _write(issue: str, message: str, public: bool, values: dict[str, object]) -> int:
    text = messages.render(message, **values).body
    return current().jira.add_comment(issue, f"{text}\nRef {reference()}", public=public)


@step(find=_find)
def reply(issue: str, message: str, **values: object) -> int:
    """Write to the customer; the comment's id."""
    return _write(issue, message, True, values)


@step(find=_find)
def note(issue: str, message: str, **values: object) -> int:
    """Write an internal comment for colleagues; its id."""
    return _write(issue, message, False, values)


@step(repeatable=True)
def move(issue: str, status: str, unless: str | None = None) -> bool:
    """Bring the issue to a status, unless it stands at another one that is better; whether it had to be moved.

    Again changes nothing.
    """
    jira = current().jira
    if unless is not None and jira.issue(issue).status.casefold() == unless.casefold():
        return False
    return jira.set_status(issue, status)


@step(repeatable=True)
def close(issue: str) -> bool:
    """Close the customer's ticket; again changes nothing."""
    return current().jira.set_status(issue, NUMBERS.support_statuses.closed)


@step(repeatable=True)
def open_again(issue: str) -> bool:
    """Open a ticket that is done again; one that is open stays where it stands. False when nothing had to be done."""
    jira = current().jira
    return jira.issue(issue).done and jira.set_status(issue, NUMBERS.support_statuses.waiting)


class Begun(BaseModel):
    """An issue on which a case was announced, and what the customer reads if the case is called off."""

    model_config = ConfigDict(frozen=True)

    issue: str
    call_off: str


def _find_begun(issue: str, message: str, call_off: str) -> Begun | None:  # noqa: ARG001 - as begin
    return Begun(issue=issue, call_off=call_off) if _find(issue) else None


@step(repeatable=True)
def call_off(begun: Begun) -> int:
    """Tell the customer that nothing comes of it and close the ticket, where it is still open; the comment's id or 0.

    Looks for its comment first: a repetition only closes.
    """
    if gone(begun.issue) is not None:
        return 0
    told = _find(begun.issue) or _write(begun.issue, begun.call_off, True, {})
    current().jira.set_status(begun.issue, NUMBERS.support_statuses.closed)
    return told


@step(find=_find_begun, undo=call_off)
def begin(issue: str, message: str, call_off: str) -> Begun:
    """Note on the issue that a case has begun; if it ends early, the customer is told with `call_off`."""
    _write(issue, message, False, {"case": case_id()[:8], "case_link": case_page()})
    return Begun(issue=issue, call_off=call_off)


@step(repeatable=True)
def pass_on(issue: str, to: str, message: str, after: int, upto: int, **values: object) -> int:
    """Copy what the customer wrote on `issue`, in comments with ids above `after` up to `upto`, to another one, as
    internal comments below `message`; how many there were.

    Each copy ends with a reference of its own and is looked for before it is made. The words go from Jira to Jira and
    are kept nowhere else.
    """
    jira = current().jira
    written = [comment for comment in _written(issue, after) if comment.id <= upto]
    for comment in written:
        marker = f"{reference()}-{comment.id}"
        if jira.find_comment(to, marker) is None:
            head = messages.render(message, **values, ticket=issue, comment=comment.id).body
            rest = "" if len(comment.text) <= MOST_CHARACTERS else "\n(The rest is in that comment.)"
            text = f"{head}\n{comment.text[:MOST_CHARACTERS]}{rest}\n\nRef {marker}"
            jira.add_comment(to, text, public=False)
    return len(written)


def link_to(issue: str) -> str:
    """The issue's page for colleagues."""
    return current().places.jira.issue_page.format(issue=issue)


def comment_link(issue: str, comment: int) -> str:
    """The page of one comment for colleagues."""
    return f"{link_to(issue)}?focusedCommentId={comment}"


# -- looking; nothing here changes anything


def _written(issue: str, after: int) -> Iterator[Comment]:
    """Public comments above an id by the reporter, or by anybody else who is a customer."""
    jira = current().jira
    reporter = jira.issue(issue).reporter
    is_customer = _customers()
    for comment in jira.comments(issue, after):
        author = comment.author
        ours = not comment.public or author is None or author == jira.own_id()
        if not ours and (author == reporter or is_customer(str(author))):
            yield comment


def _customers() -> Callable[[str], bool]:
    """Whether an account is a customer's; each is asked for once."""

    @cache
    def is_customer(account: str) -> bool:
        return current().jira.people.user(account).kind == "customer"

    return is_customer


def replies(issue: str, after: int) -> Iterable[Heard]:
    """What customers wrote on the issue, in comments with ids above `after`."""
    identity = Identity(kind="system", value=JIRA.id)
    for comment in _written(issue, after):
        yield Heard(identity, {"comment": comment.id}, f"jira:comment-{comment.id}", comment.created)


def latest(issue: str) -> tuple[int, datetime] | None:
    """The id of the last comment that a customer wrote, and when (UTC)."""
    found = list(_written(issue, 0))
    return (found[-1].id, found[-1].created) if found else None


@lookup
def last_reply(issue: str) -> int:
    """The id of the last comment that a customer wrote on the issue; 0 without one."""
    found = latest(issue)
    return found[0] if found else 0


def gone(ticket: str) -> str | None:
    """Why the ticket is no ground for a case any more (closed, deleted, moved elsewhere), or None."""
    systems = current()
    try:
        found = systems.jira.issue(ticket)
    except NotFound:
        return "the ticket was deleted"
    if found.project != systems.places.jira.support_project:
        return "the ticket was moved to another project"
    return "the ticket was closed" if found.done else None
