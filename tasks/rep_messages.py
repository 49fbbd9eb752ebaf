"""Messages to reps in Slack, which are of use only in their hour: what cannot be sent now is given up.

Unlike other messages to colleagues they park no case: a day goes on without Slack, and a window that nobody was told of
closes like any other. That one was not sent is logged, and is seen from its result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from casework.people import Invitation, Person
from casework.step import case_id, step
from casework.systems.errors import SystemFault, Temporary
from casework.systems.slack import MessageRef
from policies import messages
from tasks import people

__all__ = ["ask", "show", "tell"]

T = TypeVar("T")
logger = logging.getLogger(__name__)


@step(repeatable=True)
def withdraw(asked: MessageRef | None) -> None:
    """Say where a question stood that the case ended without an answer to it; the same again changes nothing."""
    _now("say that a question is withdrawn", lambda: people.withdraw(asked))


@step(repeatable=True, undo=withdraw)
def ask(
    invitation: Invitation, message: str, buttons: tuple[tuple[str, str], ...], **values: object
) -> MessageRef | None:
    """A direct message with this rep's code, link and buttons; None: it could not be sent, or has nowhere to go.

    Repeatable: it looks first whether this step has sent it. Buttons are as for `people.ask_in_slack`.
    """
    return _now(f"ask {invitation.person.id}", lambda: people.ask_once(invitation, message, buttons, values))


@step(repeatable=True)
def show(asked: MessageRef, message: str, **values: object) -> None:
    """Put this message where a question stood, without its buttons; again changes nothing."""
    text = messages.render(message, **values).body
    _now("show what became of a question", lambda: people.replace_text(asked, text))


@step(repeatable=True)
def tell(person: Person, message: str, **values: object) -> MessageRef | None:
    """A direct message; None: it could not be sent. Repeatable: it looks first whether this step has sent it."""
    text = messages.render(message, **values).body
    return _now(f"tell {person.id}", lambda: people.tell_once(person, text))


def _now(what: str, act: Callable[[], T]) -> T | None:
    """What is repeatable done now, or not at all. Once more where it may have been done: so it is known."""
    try:
        try:
            return act()
        except Temporary as doubt:
            if not doubt.maybe_done:
                raise
            return act()
    except SystemFault as fault:
        logger.warning("Case %s could not %s in Slack, and goes on without: %s", case_id(), what, fault)
        return None
