"""What a question is about, wherever it is: a ticket of Zendesk (a number), one of Jira (a key), or a response to the
survey that has no ticket (its form and token)."""

from __future__ import annotations

from typing import Any

from tasks import jira, typeform, zendesk

__all__ = ["Ticket", "link_to", "note"]

Ticket = int | str


def link_to(ticket: Ticket) -> str:
    """Its page for colleagues."""
    if isinstance(ticket, str):
        return typeform.page_of(ticket) if _is_response(ticket) else jira.link_to(ticket)
    return zendesk.link_to(ticket)


def note(ticket: Ticket, message: str, **values: Any) -> int | None:
    """An internal note for colleagues; the comment's id. None where there is no ticket to note anything on."""
    if isinstance(ticket, str):
        return None if _is_response(ticket) else jira.note(ticket, message, **values)
    return zendesk.note(ticket, message, **values)


def _is_response(ticket: str) -> bool:
    return "/" in ticket
