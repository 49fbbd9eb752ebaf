"""Tickets in Zendesk: what stands on them, replies, internal notes, followers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from casework.confidential import ConfidentialText
from casework.people import Identity, Person
from casework.step import case_id, case_page, lookup, reference, step, words
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.zendesk import Comment, Status
from casework.wait import Heard
from policies import messages

__all__ = [
    "begin",
    "command_of",
    "commands",
    "follow",
    "gone",
    "link_to",
    "note",
    "note_words",
    "replies",
    "reply",
    "requester",
    "solve",
    "unreachable",
]


def _find(ticket: int, *_args: object, **_values: object) -> int | None:
    found = current().zendesk.find_comment(ticket, reference())
    return found.id if found else None


def _write(
    ticket: int,
    message: str,
    public: bool,
    status: Status | None,
    ccs: tuple[Person, ...],
    values: dict[str, object],
) -> int:
    text = messages.render(message, **values).body
    people = [person.zendesk for person in ccs if person.zendesk is not None]
    return current().zendesk.comment(
        ticket, f"{text}\nRef {reference()}", public, status=status, followers=people, email_ccs=people
    )


@step(find=_find)
def reply(
    ticket: int,
    message: str,
    *,
    status: Status | None = None,
    copy_to: tuple[Person, ...] = (),
    **values: object,
) -> int:
    """Write to the customer; the comment's id. `copy_to` are put into CC and follow the ticket.

    Zendesk has no idempotency key here: the reply ends with a reference by which it is found again.
    """
    return _write(ticket, message, True, status, copy_to, values)


@step(find=_find)
def note(ticket: int, message: str, *, status: Status | None = None, **values: object) -> int:
    """Write an internal note for colleagues; the comment's id. Found again as `reply` is."""
    return _write(ticket, message, False, status, (), values)


@step(find=_find)
def note_words(ticket: int, message: str, *, text: ConfidentialText, **values: object) -> int:
    """Write an internal note that quotes what a colleague typed; the case file never has the words."""
    return _write(ticket, message, False, None, (), values | {"reason": words(text)})


class Begun(BaseModel):
    """A ticket on which a case was announced, and what the customer reads if the case is called off."""

    model_config = ConfigDict(frozen=True)

    ticket: int
    call_off: str


def _find_begun(ticket: int, message: str, call_off: str, **_values: object) -> Begun | None:  # noqa: ARG001 - as begin
    return Begun(ticket=ticket, call_off=call_off) if _find(ticket) else None


def _find_called_off(begun: Begun) -> int | None:
    return _find(begun.ticket) if gone(begun.ticket) is None else 0


@step(find=_find_called_off)
def call_off(begun: Begun) -> int:
    """Tell the customer that nothing comes of it, where the ticket still takes a reply; the comment's id or 0."""
    if gone(begun.ticket) is not None:
        return 0
    return _write(begun.ticket, begun.call_off, True, "solved", (), {})


@step(find=_find_begun, undo=call_off)
def begin(ticket: int, message: str, call_off: str, **values: object) -> Begun:
    """Note on the ticket that a case has begun; if it ends early, the customer is told with `call_off`."""
    case = {"case": case_id()[:8], "case_link": case_page()}
    _write(ticket, message, False, None, (), values | case)
    return Begun(ticket=ticket, call_off=call_off)


@step(repeatable=True)
def solve(ticket: int) -> None:
    """Set the ticket to solved; again changes nothing."""
    current().zendesk.set_status(ticket, "solved")


@step(repeatable=True)
def follow(ticket: int, people: tuple[Person, ...]) -> None:
    """Let colleagues follow the ticket; again changes nothing."""
    ids = [person.zendesk for person in people if person.zendesk is not None]
    if ids:
        current().zendesk.update(ticket, followers=ids)


@lookup
def requester(ticket: int) -> Person:
    """Who asked, by the Zendesk id."""
    found = current().zendesk.ticket(ticket).requester_id
    return Person(id=f"zendesk-{found}", zendesk=found)


def link_to(ticket: int) -> str:
    """The ticket's page for colleagues."""
    return current().places.ticket_page.format(ticket=ticket)


# -- looking for answers; nothing here changes anything


def replies(ticket: int, told: int) -> Iterable[Heard]:
    """Public comments of the requester after our comment `told`: each answers a question to the customer."""
    zendesk = current().zendesk
    asked = zendesk.ticket(ticket).requester_id
    for comment in zendesk.comments(ticket):
        if comment.id > told and comment.public and comment.author_id == asked:
            yield _heard(comment, {"comment": comment.id})


def commands(ticket: int, since: datetime) -> Iterable[Heard]:
    """`#approve` and `#deny why` in internal notes since a moment (UTC); public replies never decide.

    Zendesk's times are whole seconds, so the second of the moment itself counts.
    """
    notes = current().zendesk.comments(ticket, since.replace(microsecond=0))
    for comment, command, rest in _commanded(notes, "#approve", "#deny"):
        values: dict[str, object] = {"verdict": command[1:]}
        if rest:
            values["reason"] = rest
        yield _heard(comment, values)


def unreachable(ticket: int, told: int) -> Iterable[Heard]:
    """`#unreachable` in internal notes after our comment `told`: the customer cannot reach the download."""
    for comment, _, _ in _commanded(current().zendesk.comments(ticket), "#unreachable"):
        if comment.id > told:
            yield _heard(comment, {"outcome": "unreachable"})


def _commanded(comments: Iterable[Comment], *known: str) -> Iterator[tuple[Comment, str, str]]:
    """Internal notes that begin with one of these commands, with the command and what follows it."""
    for comment in comments:
        command, *rest = comment.body.split(maxsplit=1) or [""]
        if not comment.public and comment.author_id is not None and command.lower() in known:
            yield comment, command.lower(), rest[0].strip() if rest else ""


def _heard(comment: Comment, values: dict[str, object]) -> Heard:
    identity = Identity(kind="zendesk", value=str(comment.author_id))
    return Heard(identity, values, f"ticket:comment-{comment.id}", comment.created_at)


def command_of(heard: Heard) -> dict[str, Any]:
    """A command as a note may tell it: what was asked for, by whom, in which comment; ids only."""
    return {
        "command": str(heard.values["verdict"]),
        "author": heard.identity.value,
        "comment": heard.reference.removeprefix("ticket:"),
    }


def gone(ticket: int) -> str | None:
    """Why the ticket is no ground for a case any more (closed, merged, deleted), or None."""
    try:
        found = current().zendesk.ticket(ticket)
    except NotFound:
        return "the ticket was deleted"
    if "closed_by_merge" in found.tags:
        return "the ticket was merged into another"
    return "the ticket was closed" if found.status == "closed" else None
