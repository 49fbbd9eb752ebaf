"""How the questions of a transfer are put: by working hours of the policy that go on counting when news interrupt.

What happens in Intercom, Salesforce, Outreach and Qualified is no answer: it settles a question when the policy would
say something else by now, and is then looked at anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from pydantic import Field, model_validator

from casework import clock
from casework.clock import Days, Delay, Minutes, Until, WorkingDays, WorkingHours
from casework.people import Identity, Role
from casework.until import AtLeast
from casework.wait import Form, Heard, wait_for
from flows.asking import but, in_slack, office, show_answer
from policies import messages
from policies.sales_transfer import NUMBERS, Ask, Question
from tasks import accounts, transfers
from tasks.people import CASEWORK

__all__ = ["TEXTS", "Answer", "Over", "Times", "put", "times_of"]

TEXTS = "sales_transfer"
look_every = Minutes(NUMBERS.look_minutes)
MOMENT_SECONDS = 60.0
"""For so long is asked, at least, by a leg that comes late."""


class Answer(Form):
    """What a person says about a transfer, in the form's own fields; or what Casework itself has seen, in a word."""

    decision: str | None = Field(None, description="What do you say?")
    seen: str | None = Field(None, max_length=100, description="Leave this empty: Casework fills it in")

    @model_validator(mode="after")
    def _said(self) -> Answer:
        if (self.decision is None) == (self.seen is None):
            raise ValueError("decision: say which it is, and leave the field seen empty")
        return self


class Over(Enum):
    """Why a question has no answer."""

    TIME = "time"
    NEWS = "news"


F = TypeVar("F", bound=Answer)


@dataclass(frozen=True, slots=True)
class Times:
    """When those who are asked are reminded, who may answer as well from when on, and when it is over; UTC."""

    remind: tuple[datetime, ...]
    escalate: tuple[tuple[datetime, str], ...]
    over: datetime


def times_of(asked: Ask, since: datetime) -> Times:
    """The times of a question that was put first at a moment."""
    manager, operators = NUMBERS.roles.sales_manager, NUMBERS.roles.operators

    def at(*delays: Delay) -> tuple[datetime, ...]:
        return tuple(delay.after(since) for delay in delays)

    def hours(reminders: Iterable[int], escalation: int, final: int, to: str) -> Times:
        remind = at(*(WorkingHours(one, office) for one in reminders))
        escalate, over = at(WorkingHours(escalation, office), WorkingHours(final, office))
        return Times(remind, ((escalate, to),), over)

    match asked.question:
        case Question.TAKE:
            return hours(
                NUMBERS.take_reminder_working_hours,
                NUMBERS.take_working_hours,
                NUMBERS.take_final_working_hours,
                manager,
            )
        case Question.NEW_THREAD:
            return hours(
                NUMBERS.thread_reminder_working_hours,
                NUMBERS.thread_working_hours,
                NUMBERS.thread_final_working_hours,
                manager,
            )
        case Question.SUPPORT_TAKE:
            return hours(
                NUMBERS.support_reminder_working_hours,
                NUMBERS.support_working_hours,
                NUMBERS.support_final_working_hours,
                operators,
            )
        case Question.OUTCOME if asked.until is not None:
            return Times(at(*(Days(days, office) for days in NUMBERS.follow_reminder_days)), (), asked.until)
    last = NUMBERS.question_final_working_days
    remind = at(*(WorkingDays(day, office) for day in range(NUMBERS.question_reminder_working_days, last)))
    escalate, over = at(WorkingDays(NUMBERS.question_escalation_working_days, office), WorkingDays(last, office))
    of_sales = asked.question.role() in (NUMBERS.roles.sdr, NUMBERS.roles.sales_manager)
    return Times(remind, ((escalate, manager if of_sales else operators),), over)


def put(
    form: type[F],
    asked: Ask,
    word: str,
    *,
    began: datetime,
    listens: str,
    fresh: Callable[[], str | None],
    **about: Any,
) -> F | Over:
    """Put a question to whoever is asked it; the answer, or why there is none.

    Args:
        form: what can be answered.
        asked: the question, and who is asked first.
        word: what it is about (`tasks.transfers`).
        began: when it was put first (UTC): reminders, escalation and end count from then.
        listens: the subject whose hints are a reason to look.
        fresh: looks, without changing anything, whether the policy says something else by now; in a word, what.
        about: the variables of the message `question-<key>`, by name; those it does not have are left out.
    """
    key, now = asked.question.value, clock.now()
    times = times_of(asked, began)
    if began < now and times.over <= now:
        return Over.TIME
    first = role_of(asked)
    joined = [accounts.role(name) for at, name in times.escalate if at <= now]
    people = {one.id: one for role in (first, *joined) for one in role.people}
    page: dict[str, Any] = {"ticket": word, "ticket_link": transfers.link_to(word)}
    named = page | {"question": key, "role": first.name}
    wanted = messages.variables(f"{TEXTS}/question-{key}")
    remind = but(CASEWORK, in_slack("common/question-reminder", named))
    given = wait_for(
        form,
        key=key,
        question=messages.render(
            f"{TEXTS}/question-{key}", **{name: value for name, value in about.items() if name in wanted}
        ).body,
        who=Role(name=first.name, people=(*people.values(), CASEWORK)),
        within=AtLeast(times.over, MOMENT_SECONDS),
        announce=but(CASEWORK, in_slack("common/question-asked", named)),
        remind=[(Until(at), remind) for at in times.remind if now < at < times.over],
        escalate=[(Until(at), accounts.role(name)) for at, name in times.escalate if now < at < times.over],
        listens=listens,
        look=lambda _: _news(word, fresh),
        look_every=look_every,
        settled=lambda given, told: show_answer(word, key, told, given, CASEWORK),
    )
    if given is None:
        return Over.TIME
    return given if given.seen is None else Over.NEWS


def role_of(asked: Ask) -> Role:
    """Who is asked first: the colleague whom the policy names, or who holds the question's role."""
    return accounts.role(asked.role or asked.question.role(), asked.of)


def _news(word: str, fresh: Callable[[], str | None]) -> Iterable[Heard]:
    seen = fresh()
    if seen is not None:
        yield Heard(Identity(kind="system", value=CASEWORK.id), {"seen": seen}, f"casework:{word}:{seen}")
