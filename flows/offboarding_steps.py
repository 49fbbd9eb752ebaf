"""What is done in an offboarding: letters to the customer, the data export, engineering's task, the look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from casework import clock
from casework.clock import Days
from flows.asking import office
from flows.offboarding_departure import TEXTS, Departure
from policies.offboarding import (
    NUMBERS,
    BackToEngineering,
    Engineering,
    Export,
    Look,
    Step,
    Waiting,
)
from tasks import accounts, asana, hubspot, people
from tasks import offboarding as customers

__all__ = ["STEPS", "back_to_engineering", "last_day", "letter", "tell_lead", "write_to"]


def invite(departure: Departure) -> None:
    """Ask the customer for an exit interview, and have its representative call it."""
    start = clock.now()
    about: dict[str, Any] = {
        "form_link": NUMBERS.interview_form,
        "until": Days(NUMBERS.interview_wait_days, office).after(start),
    }
    customer = departure.customer
    departure.ticket = customers.invite(customer.contact, customer.team, f"{TEXTS}/invitation", **about).ticket
    owner = customers.representative(departure.company).owner
    if owner is not None:
        page = {"deal": departure.deal, "deal_link": hubspot.link_to(departure.deal)}
        message = f"{TEXTS}/interview-task"
        departure.interview_task = hubspot.give_task(departure.deal, owner, message, about["until"], **about, **page)
    departure.since[Waiting.INTERVIEW] = start
    departure.note(invited=True)


def offer_data(departure: Departure) -> None:
    """Offer the customer its data; its time is counted from the invitation, so that reminders come together."""
    departure.since[Waiting.DATA] = departure.since[Waiting.INTERVIEW]
    until = Days(NUMBERS.data_wait_days, office).after(departure.since[Waiting.DATA])
    write_to(departure, "data-offer", last_day=last_day(departure), until=until)
    departure.note(offered=True)


def open_export(departure: Departure) -> None:
    """Have the customer's data exported by a case of its own."""
    ticket = customers.ask_for_data(departure.customer.contact, f"{TEXTS}/export-request")
    departure.note(export=Export(case=customers.open_export(ticket)))


def order_deactivation(departure: Departure) -> None:
    """Give engineering the task to take all access away."""
    ordered = customers.order_deactivation(departure.deal, departure.customer.team)
    departure.order = ordered
    asana.describe(ordered.task, f"{TEXTS}/deactivation-task", last_day(departure), **departure.page)
    asana.listen()
    departure.since[Waiting.ENGINEERING] = clock.now()
    departure.note(engineering=Engineering(task=ordered.task))


def look(departure: Departure) -> None:
    """Look whether anybody can still get in."""
    seen = customers.access(departure.customer.team)
    task = departure.known.engineering
    counts = {"active_users": seen.active_users, "live_sessions": seen.live_sessions}
    departure.note(look=Look(at=seen.at, round=task.sent_back if task is not None else 0, **counts))


def back_to_engineering(departure: Departure, decision: BackToEngineering) -> None:
    """Open engineering's task again with what was seen; when it was so too often, their lead hears of it."""
    task = departure.ordered.task
    asana.comment(
        task,
        f"{TEXTS}/still-there",
        team=departure.customer.team,
        active_users=_counted(decision.active_users),
        live_sessions=_counted(decision.live_sessions),
        sent_back=decision.sent_back,
    )
    asana.reopen(task)
    departure.since[Waiting.ENGINEERING] = clock.now()
    departure.note(engineering=Engineering(task=task, sent_back=decision.sent_back))
    if decision.escalate:
        tell_lead(departure, **departure.task_page)


def tell_lead(departure: Departure, **task_page: Any) -> None:
    """Tell the engineering lead that a customer who left still has access."""
    task = departure.known.engineering
    about = {"team": departure.customer.team, "last_day": last_day(departure), **task_page}
    about["sent_back"] = task.sent_back if task is not None else 0
    for person in accounts.role(NUMBERS.roles.engineering_lead).people:
        people.tell_in_slack(person, f"{TEXTS}/deactivation-escalated", **about)


def tell_offboarded(departure: Departure) -> None:
    """Tell the customer that its access has ended."""
    write_to(departure, "offboarded", solved=True, last_day=last_day(departure))
    departure.note(told=True)


def call_off(departure: Departure) -> None:
    """Stop engineering."""
    customers.call_off(departure.ordered)
    departure.note(called_off=True)


def tell_stayed(departure: Departure) -> None:
    """Tell a customer who stays so, if it was written to before; nobody has to call it any more."""
    if departure.interview_task is not None:
        hubspot.withdraw_task(departure.interview_task)
    if departure.ticket is not None:
        write_to(departure, "stayed", solved=True)
    departure.note(told_stayed=True)


def write_to(departure: Departure, message: str, *, solved: bool = False, **values: Any) -> None:
    """Write to the customer, once, and go on where that stands."""
    departure.ticket = letter(departure, message, solved=solved, **values)


def letter(departure: Departure, message: str, *, solved: bool = False, **values: Any) -> int:
    """Write to the customer, once; the ticket on which it stands."""
    return customers.letter(
        departure.customer.contact,
        departure.ticket,
        f"{TEXTS}/{message}",
        status="solved" if solved else "pending",
        **values,
    )


def last_day(departure: Departure) -> date:
    """The last day of service. Raises ValueError while nobody has said it."""
    if departure.known.last_day is None:
        raise ValueError("the policy goes on without the last day of service")
    return departure.known.last_day


def _counted(number: int | None) -> str:
    return "unknown" if number is None else str(number)


STEPS: Mapping[Step, Callable[[Departure], None]] = {
    Step.INVITE: invite,
    Step.OFFER_DATA: offer_data,
    Step.OPEN_EXPORT: open_export,
    Step.ORDER_DEACTIVATION: order_deactivation,
    Step.LOOK: look,
    Step.TELL_OFFBOARDED: tell_offboarded,
    Step.CALL_OFF: call_off,
    Step.TELL_STAYED: tell_stayed,
}
