"""Conversations of Intercom: what stands in them, and what is written into them for the customer and for colleagues."""

from __future__ import annotations

from casework.step import lookup
from policies.sales_transfer_facts import Conversation

__all__ = ["note", "stands", "stands_now"]


def stands_now(conversation: str) -> Conversation:
    """A conversation as it is now; gone where Intercom does not have it any more. No step."""
    raise NotImplementedError


@lookup
def stands(conversation: str) -> Conversation:
    """A conversation as it is now, as `stands_now` has it."""
    return stands_now(conversation)


def note(conversation: str, message: str, **values: object) -> str:
    """Leave an internal note for colleagues; its id."""
    raise NotImplementedError
