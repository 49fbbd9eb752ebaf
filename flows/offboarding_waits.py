"""How an offboarding waits: for the customer, whose representative says what it has said, for its export, for the last
day of service, and for engineering; in one question, which whatever is new settles.

What the customer writes is no answer by itself: the representative reads it, and until they have said what it means no
silence counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from casework import clock
from casework.clock import Delay, Minutes, WorkingDays
from casework.people import Role
from casework.until import AtLeast
from casework.wait import Act, wait_for
from flows import offboarding_forms as forms
from flows.asking import but, every_so_often, in_slack, office, show_answer
from flows.offboarding_departure import TEXTS, Departure, role_of
from flows.offboarding_forms import Word
from flows.offboarding_questions import ask_overdue
from flows.offboarding_times import deadlines, reminders
from policies import messages
from policies.offboarding import NUMBERS, Interview, Wait, Waiting, Wish
from tasks import accounts, hubspot, zendesk
from tasks import offboarding as customers
from tasks.people import CASEWORK

__all__ = ["await_news"]

KEY = "customer"
look_every = Minutes(NUMBERS.look_minutes)
MOMENT_SECONDS = 60.0
"""For so long is asked, at least, by a leg that comes late."""


def await_news(departure: Departure, decision: Wait) -> None:
    """Wait until something is new or a time is over, and keep what it means."""
    start = clock.now()
    ends = deadlines(departure, decision, start)
    over = [what for what, at in ends.items() if at <= start]
    if over:
        for what in over:
            pass_by(departure, what)
        return
    until = min(ends.values())
    rep = role_of(NUMBERS.roles.representative, departure.company)
    named = {
        "ticket": departure.deal,
        "ticket_link": hubspot.link_to(departure.deal),
        "question": KEY,
        "role": rep.name,
    }
    within, insists = AtLeast(until, MOMENT_SECONDS), departure.unread
    given = wait_for(
        forms.Said,
        key=KEY,
        question=question(departure, decision, until),
        who=Role(name=rep.name, people=(*rep.people, CASEWORK)),
        within=within,
        announce=but(CASEWORK, in_slack("common/question-asked", named)),
        remind=[*reminders(departure, decision, ends), *(insist(within, named) if insists else ())],
        escalate=escalation() if insists else (),
        listens=listens(departure, decision),
        look=looking(departure, decision),
        look_every=look_every,
        settled=lambda given, told: show_answer(departure.deal, KEY, told, given, CASEWORK),
    )
    if given is not None:
        keep(departure, given)


def pass_by(departure: Departure, what: Waiting | None) -> None:
    """Keep that the time is over."""
    match what:
        case Waiting.INTERVIEW:
            departure.settle_interview(Interview.NO_ANSWER)
        case Waiting.DATA:
            departure.note(wish=Wish.SILENT)
        case Waiting.ENGINEERING:
            ask_overdue(departure)


def question(departure: Departure, decision: Wait, until: datetime) -> str:
    """What the representative reads."""
    return messages.render(
        f"{TEXTS}/question-customer",
        deal=departure.deal,
        deal_link=hubspot.link_to(departure.deal),
        ticket=letters(departure),
        ticket_link=zendesk.link_to(letters(departure)),
        open=[one.value for one in decision.waiting],
        unread="yes" if departure.unread else "no",
        until=until,
    ).body


def insist(within: Delay, named: dict[str, Any]) -> list[tuple[Delay, Act]]:
    """The representative is reminded of what they have not read yet."""
    remind = but(CASEWORK, in_slack("common/question-reminder", named))
    return [(delay, remind) for delay in every_so_often(NUMBERS.representative_reminder_working_days, within)]


def escalation() -> list[tuple[Delay, Role]]:
    """After a while the operators may read it as well."""
    return [
        (
            WorkingDays(NUMBERS.representative_escalation_working_days, office),
            accounts.role(NUMBERS.roles.operators),
        )
    ]


def letters(departure: Departure) -> int:
    """The ticket on which the customer is written to. Raises ValueError before the invitation."""
    if departure.ticket is None:
        raise ValueError("the policy waits for a customer who was not written to")
    return departure.ticket


def listens(departure: Departure, decision: Wait) -> str:
    """Of what hints are a reason to look, besides those about the deal: what moves on by itself, or the customer."""
    if Waiting.ENGINEERING in decision.waiting:
        return f"asana:task:{departure.ordered.task}"
    export = departure.known.export
    if Waiting.EXPORT in decision.waiting and export is not None:
        return export.case
    return f"zendesk:ticket:{letters(departure)}"


def looking(departure: Departure, decision: Wait) -> Callable[[datetime], Any]:
    """The look for all that may be new."""
    known, waiting = departure.known, decision.waiting
    expected = {one.property: one.after for one in known.changes if one.property not in known.kept}
    export = known.export.case if known.export is not None and Waiting.EXPORT in waiting else None
    task = departure.ordered.task if Waiting.ENGINEERING in waiting else None
    ticket, read = departure.ticket, departure.read
    return lambda _: customers.news(departure.deal, expected, ticket=ticket, read=read, export=export, task=task)


def keep(departure: Departure, given: forms.Said) -> None:
    """Keep what is new. What others did is looked at with the facts; a comment has to be read by the representative."""
    if given.by == CASEWORK.id:
        kind, _, number = (given.seen or "").partition("-")
        if kind == "comment":
            departure.read, departure.unread = int(number), True
        return
    departure.unread = False
    match given.said:
        case Word.HELD if given.answers is not None:
            message = f"{TEXTS}/note-interview"
            hubspot.note_words(departure.deal, message, text=given.answers, staff=given.by)
            departure.settle_interview(Interview.HELD)
        case Word.DECLINED:
            departure.settle_interview(Interview.DECLINED)
        case Word.DATA_WANTED:
            departure.note(wish=Wish.WANTED)
        case Word.DATA_NOT_WANTED:
            departure.note(wish=Wish.NOT_WANTED)
        case Word.STAYS:
            departure.note(stays=True)
