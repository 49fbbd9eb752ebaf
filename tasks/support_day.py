"""What a support day looks at and changes: a rep's availability in HubSpot, the pages of tickets, and its record."""

from __future__ import annotations

import logging

from pydantic import BaseModel, ConfigDict

from casework import clock, past
from casework.people import Person
from casework.step import case_id, lookup, step
from casework.systems import current
from casework.systems.errors import SystemFault, Temporary
from casework.systems.hubspot import Rep
from policies import messages
from policies.support_day import NUMBERS, DayPlan, Event, SetAvailability, availability
from policies.support_queue import Ticket, Tool
from policies.support_week import DayRecord
from tasks import people, zendesk

__all__ = ["UNKNOWN", "begin", "is_repeated", "page_of", "record", "set_availability", "status_of"]

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""The availability that was never set, or could not be read now."""


@lookup
def is_repeated() -> bool:
    """Whether another case has led this rep through this day to its end."""
    return any(not one.cancelled for one in past.ended_about_the_same(case_id()))


@lookup
def status_of(rep: str) -> str | None:
    """A rep's availability in HubSpot's words, or `UNKNOWN`; None: they are no user there."""
    try:
        found = _user(rep)
    except SystemFault as fault:
        logger.warning("The availability of %s could not be read: %s", rep, fault)
        return UNKNOWN
    return None if found is None else _word(found)


@step(repeatable=True)
def set_availability(rep: str, value: str) -> bool:
    """Set it, and look: whether it is so now. Repeatable: HubSpot sets a value."""
    try:
        found = _user(rep)
        if found is None:
            return False
        current().hubspot.colleagues.set_available(found.id, value == NUMBERS.availability.available)
        after = _user(rep)
    except SystemFault as fault:
        logger.warning("Case %s could not set %s to %s: %s", case_id(), rep, value, fault)
        return False
    return after is not None and _word(after) == value


class Begun(BaseModel):
    """A day that has begun."""

    model_config = ConfigDict(frozen=True)

    day: DayPlan
    rep: Person


@step(repeatable=True)
def call_off(begun: Begun) -> None:
    """Set the rep of a day that is called off to unavailable, and say so. Repeatable: both are looked for first.

    Raises:
        SystemFault: it could not be done. Then the operators are asked, because tickets go on being assigned.
    """
    rep = begun.day.rep
    found = _user(rep)
    if found is None:
        return
    decided = availability(Event.CANCELLED, begun.day, clock.present(), _word(found))
    if isinstance(decided, SetAvailability):
        current().hubspot.colleagues.set_available(found.id, False)
        after = _user(rep)
        if after is not None and _word(after) != decided.value:
            raise Temporary("HubSpot", f"set {rep} to {decided.value}", "it is otherwise after it was set")
    people.tell_once(begun.rep, messages.render("support_day/set-unavailable", why=["cancelled"]).body)


@step(repeatable=True, undo=call_off)
def begin(day: DayPlan, rep: Person) -> Begun:
    """Say in the file that the day has begun: should it be called off, the rep gets no more tickets.

    Repeatable: nothing outside is changed.
    """
    return Begun(day=day, rep=rep)


@lookup
def record(day: DayRecord) -> DayRecord:
    """Leave in the file how the day went, for the roll-up of its week."""
    return day


def page_of(ticket: Ticket) -> str:
    """Its page for colleagues."""
    places = current().places
    match ticket.tool:
        case Tool.ZENDESK:
            return zendesk.link_to(int(ticket.id))
        case Tool.HUBSPOT:
            return places.hubspot.ticket_page.format(ticket=ticket.id)
        case Tool.INTERCOM:
            return places.intercom.conversation_page.format(conversation=ticket.id)


def _user(rep: str) -> Rep | None:
    """The rep as a user of HubSpot, found by the address that the product database has."""
    colleagues = current().hubspot.colleagues
    owner = colleagues.by_email(current().product.staff_address(rep))
    return None if owner is None or owner.user_id is None else colleagues.rep(owner.id)


def _word(rep: Rep) -> str:
    if rep.available is None:
        return UNKNOWN
    return NUMBERS.availability.available if rep.available else NUMBERS.availability.unavailable
