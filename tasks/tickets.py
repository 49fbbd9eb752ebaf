"""The ticket that a question is about, wherever it is: a number is one of Zendesk, a key one of Jira."""

from __future__ import annotations

from tasks import jira, zendesk

__all__ = ["Ticket", "link_to", "note"]

Ticket = int | str


def link_to(ticket: Ticket) -> str:
    """The ticket's page for colleagues."""
    return jira.link_to(ticket) if isinstance(ticket, str) else zendesk.link_to(ticket)


def note(ticket: Ticket, message: str, **values: object) -> int:
    """An internal note for colleagues; the comment's id."""
    write = jira.note if isinstance(ticket, str) else zendesk.note
    return write(ticket, message, **values)  # type: ignore[arg-type]
