"""How colleagues are asked: in Slack, with reminders until it ends, and what their messages show afterwards.

Used by every process that asks them, whatever it is about (`tasks.tickets`). The calendar is the office's, in which the
data export's policy counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import count, takewhile
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from casework import clock
from casework.calendar import BusinessCalendar
from casework.clock import Delay, Minutes, WorkingDays
from casework.people import Person, Role
from casework.wait import Act, Form, Heard, wait_for
from policies import messages
from policies.data_export import NUMBERS
from tasks import accounts, people, tickets
from tasks.tickets import Ticket

__all__ = ["ask", "ask_operators", "but", "in_slack", "insist", "look_every", "office", "only", "show_outcome"]

F = TypeVar("F", bound=Form)

hours = NUMBERS.business
office = BusinessCalendar(
    ZoneInfo(hours.zone),
    hours.country,
    hours.subdivision,
    hours.opens,
    hours.closes,
    frozenset(hours.own_days_off),
)
look_every = Minutes(NUMBERS.look_every_minutes)


def ask_operators(
    form: type[F],
    ticket: Ticket,
    key: str,
    within: Delay,
    *,
    settled_by: tuple[Person, str] | None = None,
    look: Callable[[datetime], Iterable[Heard]] | None = None,
    not_by: Sequence[str] = (),
    texts: str = "data_export",
    **about: Any,
) -> F | None:
    """Put a question to the operators, as `ask` does."""
    operators = accounts.role(NUMBERS.roles.operators)
    named: dict[str, Any] = {"settled_by": settled_by, "look": look, "not_by": not_by}
    return ask(form, ticket, key, within, operators, texts=texts, **named, **about)


def ask(
    form: type[F],
    ticket: Ticket,
    key: str,
    within: Delay,
    who: Role,
    /,
    *,
    escalate: Sequence[tuple[Delay, Role]] = (),
    settled_by: tuple[Person, str] | None = None,
    look: Callable[[datetime], Iterable[Heard]] | None = None,
    not_by: Sequence[str] = (),
    texts: str = "data_export",
    remind: int | Sequence[Delay] = NUMBERS.operators_reminder_working_days,
    **about: Any,
) -> F | None:
    """Put a question to colleagues: told in Slack, reminded every `remind` working days until it ends, or after each
    of these delays, verified.

    `texts` is the folder of the message `question-<key>`. Who is added by an escalation is told in the same way.

    What happens elsewhere may settle it too: `settled_by` is the system that says so and the thing whose news are
    a reason to look, `look` how that is read.
    """
    page: dict[str, Any] = {"ticket": str(ticket), "ticket_link": tickets.link_to(ticket)}
    named = page | {"question": key, "role": who.name}
    wanted = messages.variables(f"{texts}/question-{key}")
    shown = {name: value for name, value in (page | about).items() if name in wanted}
    system, listens = settled_by or (None, None)
    return wait_for(
        form,
        key=key,
        question=messages.render(f"{texts}/question-{key}", **shown).body,
        who=Role(name=who.name, people=(*who.people, system) if system else who.people),
        within=within,
        announce=but(system, in_slack("common/question-asked", named)),
        remind=[
            (delay, but(system, in_slack("common/question-reminder", named)))
            for delay in (every_so_often(remind, within) if isinstance(remind, int) else remind)
        ],
        escalate=escalate,
        listens=listens,
        look=look,
        look_every=look_every if look else None,
        not_by=not_by,
        settled=lambda given, told: show_answer(ticket, key, told, given, system),
    )


def show_answer(
    ticket: Ticket, key: str, told: Sequence[object], given: Form | None, system: Person | None = None
) -> None:
    """Let the Slack messages and the ticket say what a colleague answered, which is not `system`.

    What is answered with a reason is noted together with it, by whoever asked.
    """
    show_outcome(ticket, key, told, given, "answered")
    if given is not None and (system is None or given.by != system.id) and "reason" not in type(given).model_fields:
        tickets.note(ticket, "common/note-answered", staff=given.by, question=key, answer=word(given))


def word(answer: Form) -> str:
    """The answer itself, in a word: its first field."""
    said = getattr(answer, next(iter(type(answer).model_fields)))
    return said.name.lower().replace("_", "-") if isinstance(said, StrEnum) else str(said)


def insist(form: type[F], ticket: Ticket, key: str, **about: Any) -> F:
    """Ask the operators, and again whenever the time passes: the case cannot go on without an answer."""
    answer = None
    while answer is None:
        within = WorkingDays(NUMBERS.operators_decision_working_days, office)
        answer = ask_operators(form, ticket, key, within, **about)
    return answer


def show_outcome(ticket: Ticket, key: str, told: Sequence[object], given: Form | None, outcome: str) -> None:
    """Let the Slack messages that asked say who settled the question and when; their buttons go."""
    named: dict[str, Any] = {"ticket": str(ticket), "ticket_link": tickets.link_to(ticket), "question": key}
    named["at"] = given.at if given is not None else clock.now()
    message = "data_export/outcome-unanswered"
    if given is not None:
        message = "data_export/outcome"
        named |= {"outcome": outcome, "staff": given.by}
    for shown in people.asked_in_slack(told):
        people.show_outcome(shown, message, **named)


def only(people: Sequence[Person], act: Act) -> Act:
    """The act for these people alone, where others may answer too."""
    return lambda invitation: act(invitation) if invitation.person in people else None


def but(system: Person | None, act: Act) -> Act:
    """The act for whoever is asked, stand-ins too, but for a system that may answer."""
    return lambda invitation: act(invitation) if invitation.person != system else None


def every_so_often(step: int, within: Delay) -> list[Delay]:
    """When colleagues are reminded, every `step` working days, of a question that is open for so long."""
    start = clock.now()
    delays = (WorkingDays(days, office) for days in count(step, step))
    return list(takewhile(lambda delay: delay.after(start) < within.after(start), delays))


def in_slack(message: str, values: Mapping[str, Any], buttons: tuple[tuple[str, str], ...] = ()) -> Act:
    """A direct message with that person's own code and link."""
    return lambda invitation: people.ask_in_slack(invitation, message, buttons, **values)
