"""What a question is about, wherever it is: a ticket of Zendesk (a number), one of Jira (a key, `SS-12`), a response to
the survey that has no ticket (its form and token, `Dq8mYt2K/4n9x`), a deal of HubSpot (its id, digits alone, as text),
a case of Salesforce (its id, which has letters), or what a transfer between support and sales is about (in a word with
a dot, `conversation.4711`)."""

from __future__ import annotations

from typing import Any

from tasks import conversations, hubspot, jira, salesforce, transfers, typeform, zendesk

__all__ = ["Ticket", "link_to", "note"]

Ticket = int | str


def link_to(ticket: Ticket) -> str:
    """Its page for colleagues."""
    match ticket:
        case int():
            return zendesk.link_to(ticket)
        case str() if _is_of_transfer(ticket):
            return transfers.link_to(ticket)
        case str() if _is_response(ticket):
            return typeform.page_of(ticket)
        case str() if _is_issue(ticket):
            return jira.link_to(ticket)
        case str() if _is_deal(ticket):
            return hubspot.link_to(ticket)
    return salesforce.link_to(ticket)


def note(ticket: Ticket, message: str, **values: Any) -> int | str | None:
    """An internal note for colleagues; the comment's id. None where there is no ticket to note anything on."""
    match ticket:
        case int():
            return zendesk.note(ticket, message, **values)
        case str() if _is_of_transfer(ticket):
            conversation = transfers.conversation_in(ticket)
            return None if conversation is None else conversations.note(conversation, message, **values)
        case str() if _is_response(ticket):
            return None
        case str() if _is_issue(ticket):
            return jira.note(ticket, message, **values)
        case str() if _is_deal(ticket):
            return hubspot.note(ticket, message, **values)
    return salesforce.note(ticket, message, **values)


def _is_of_transfer(ticket: str) -> bool:
    return "." in ticket


def _is_response(ticket: str) -> bool:
    return "/" in ticket


def _is_issue(ticket: str) -> bool:
    return "-" in ticket


def _is_deal(ticket: str) -> bool:
    return ticket.isdecimal()
