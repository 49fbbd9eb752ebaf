"""What a transfer between support and sales is about: a conversation of Intercom or a mail of sales.

As a subject it is `intercom:conversation:4711` or `mail:message:…`; in a word for people, as everything that questions
are about has one (`tasks.tickets`), `conversation.4711` or `mail.…`.
"""

from __future__ import annotations

from enum import StrEnum

from casework.step import case_page
from casework.systems import current

__all__ = [
    "Direction",
    "conversation_in",
    "conversation_page",
    "conversation_subject",
    "conversation_word",
    "link_to",
    "mail_subject",
    "mail_word",
    "subject_of",
]

_CONVERSATION = "conversation."


class Direction(StrEnum):
    """Who hands a customer over to whom."""

    TO_SALES = "support-to-sales"
    TO_SUPPORT = "sales-to-support"


def subject_of(about: str, direction: str = Direction.TO_SALES) -> str:
    """What a transfer is about: a conversation of Intercom, or a mail of sales, by its id."""
    return conversation_subject(about) if Direction(direction) is Direction.TO_SALES else mail_subject(about)


def conversation_subject(conversation: str) -> str:
    """What hints about a conversation (its id, digits), and the transfers of it, are about."""
    return f"intercom:conversation:{conversation}"


def mail_subject(mail: str) -> str:
    """What hints about a mail that came in (its id), and the transfers of it, are about."""
    return f"mail:message:{mail}"


def conversation_word(conversation: str) -> str:
    """A conversation in a word."""
    return f"{_CONVERSATION}{conversation}"


def mail_word(mail: str) -> str:
    """A mail in a word."""
    return f"mail.{mail}"


def conversation_in(word: str) -> str | None:
    """The id of the conversation that a word says; None: it says a mail."""
    return word.removeprefix(_CONVERSATION) if word.startswith(_CONVERSATION) else None


def conversation_page(conversation: str) -> str:
    """The page of a conversation (its id) for colleagues."""
    return current().places.intercom.conversation_page.format(conversation=conversation)


def link_to(word: str) -> str:
    """The page of what a word says, for colleagues; a mail has none, and the case's stands for it."""
    conversation = conversation_in(word)
    return case_page() if conversation is None else conversation_page(conversation)
