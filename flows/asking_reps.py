"""How reps are asked: in Slack, with buttons, until a moment of their day.

Other than `flows.asking`, which insists: a question to a rep ends by itself, and what Slack does not take is given up.
Each reminder has the buttons again, so it is a second chance, also of a message that was not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from casework.clock import Until
from casework.people import Role
from casework.until import AtLeast
from casework.wait import Act, Form, wait_for
from policies import messages
from tasks import accounts, people, rep_messages

__all__ = ["Buttons", "Text", "as_rep", "ask_rep", "tell_rep"]

F = TypeVar("F", bound=Form)
Buttons = tuple[tuple[str, str], ...]
"""Actions and labels: `decide:answer=right` answers at once, `ask:answer=changes` first asks for the rest."""

ROLE = "support-rep"
SHORTEST_SECONDS = 60.0
"""A question whose time has passed while it was prepared is open for so long."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message by its name (`support_day/check-in`), and what it says."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


def as_rep(rep: str) -> Role:
    """A rep (a staff id) as somebody who is asked."""
    return accounts.role(ROLE, rep)


def ask_rep(
    form: type[F],
    rep: Role,
    key: str,
    *,
    question: Text,
    asked: Text,
    buttons: Buttons,
    until: datetime,
    reminders: Sequence[tuple[datetime, Text]] = (),
    settled: Callable[[F | None], Text],
) -> F | None:
    """Ask a rep in Slack until a moment (aware); None when they have not answered by then.

    Args:
        form: what can be answered.
        rep: who is asked; see `as_rep`.
        key: the question's name in the case file.
        question: what stands on the personal page and in the engine's form, in Markdown.
        asked: what is written to the rep; `code` and `link` are added where it wants them.
        buttons: what stands below it, and below each reminder.
        until: when it is too late.
        reminders: what is written from which moments on, while there is no answer.
        settled: what then stands in place of all these, by the answer (None: there was none).
    """

    def write(text: Text) -> Act:
        return lambda invitation: rep_messages.ask(invitation, text.name, buttons, **text.values)

    def show(given: F | None, told: Sequence[object]) -> None:
        text = settled(given)
        for message in people.asked_in_slack(told):
            rep_messages.show(message, text.name, **text.values)

    return wait_for(
        form,
        key=key,
        question=messages.render(question.name, **question.values).body,
        who=rep,
        within=AtLeast(until, SHORTEST_SECONDS),
        announce=write(asked),
        remind=[(Until(at), write(text)) for at, text in reminders],
        settled=show,
    )


def tell_rep(rep: Role, text: Text) -> None:
    """Write to a rep what wants no answer."""
    for person in rep.people:
        rep_messages.tell(person, text.name, **text.values)
