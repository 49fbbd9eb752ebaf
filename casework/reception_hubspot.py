"""What the gateway does about HubSpot: an offboarding is started for a customer of whom somebody says that it leaves.

A hint is only a hint: deals and tickets are read, and they decide. A customer leaves once: while an offboarding about
any of its deals is open, nothing else is started for it, and what had been asked before one ended was asked of that
one. So our own writing starts nothing either: the status that a case wrote is older than the case's end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from casework import tick
from casework.runtime import Runtime
from casework.schema import cases, occurrences
from casework.systems import Systems
from casework.systems.errors import NotFound, Temporary
from casework.systems.hubspot import Deal, HubSpot, Ticket
from deployments.triggers import OFFBOARDING
from policies.offboarding import asks_to_offboard

__all__ = ["hubspot_changes", "offboarding_starter"]

logger = logging.getLogger(__name__)

SKEW = timedelta(minutes=1)
"""So far HubSpot's clock may be ahead of ours: what an app set so soon after a case's end was set by the case."""
PATIENCE = timedelta(days=1)
"""For so long a ticket may be without a customer; a form's ticket is associated after it is made."""


def offboarding_starter(around: Runtime, systems: Systems) -> Callable[[str, str], None]:
    """Starts the offboarding of a customer, when told (event, subject) of a deal or a ticket that asks for one.

    What it gives raises `SystemFault` when HubSpot cannot be read now, or a new ticket has no customer yet.
    """

    def start(event: str, subject: str) -> None:
        kind, _, number = subject.rpartition(":")
        if kind not in ("hubspot:deal", "hubspot:ticket") or not (number.isascii() and number.isdecimal()):
            return
        try:
            if kind == "hubspot:deal":
                deal = _by_deal(around, systems.hubspot, number)
            else:
                deal = _by_ticket(around, systems, number)
        except NotFound:
            logger.info("%s told of %s, which is not there any more; nothing is started.", event, subject)
            return
        if deal is not None:
            tick.start(around, OFFBOARDING, f"hubspot:deal:{deal}", {"deal": deal})

    return start


def _by_deal(around: Runtime, hubspot: HubSpot, number: str) -> str | None:
    """The deal to start with when the status of this one asks for an offboarding; None: it does not, or had one."""
    told = hubspot.deals.deal(number)
    if not asks_to_offboard(told.status, set_by_us=False):
        return None
    customer = _customer(hubspot, (told,))
    last_end = _last_end(around, customer)
    return None if last_end is None else _asking(hubspot, customer, last_end)


def _by_ticket(around: Runtime, systems: Systems, number: str) -> str | None:
    """The deal to start with when this ticket asks for an offboarding; None: it does not, or had one.

    Raises:
        Temporary: it has no customer with a deal yet.
    """
    hubspot = systems.hubspot
    ticket = hubspot.tickets.ticket(number)
    if ticket.closed or ticket.pipeline != systems.places.hubspot.offboarding_pipeline:
        return None
    since = hubspot.tickets.in_pipeline_since(number)
    own = tuple(hubspot.deals.deal(one) for one in hubspot.tickets.deals_of(number))
    customer = _customer(hubspot, own, hubspot.tickets.companies_of(number))
    if not customer:
        _tell_without_customer(ticket, around.files.now() - since)
        return None
    last_end = _last_end(around, customer)
    if last_end is None or since <= last_end:
        return None
    return _asking(hubspot, customer, last_end) or (own or customer)[-1].id


def _customer(hubspot: HubSpot, deals: Sequence[Deal], companies: Sequence[str] = ()) -> tuple[Deal, ...]:
    """All deals of the customer of these deals and companies, oldest first."""
    of = dict.fromkeys((*companies, *(one for deal in deals for one in hubspot.deals.companies_of(deal.id))))
    known = {deal.id: deal for deal in deals}
    known |= {deal.id: deal for company in of for deal in hubspot.deals.of_company(company)}
    return tuple(sorted(known.values(), key=lambda deal: (deal.created, int(deal.id))))


def _asking(hubspot: HubSpot, customer: Sequence[Deal], last_end: datetime) -> str | None:
    """The oldest deal of a customer whose status has asked since a moment: whoever looks then starts the same case."""
    for deal in customer:
        if asks_to_offboard(deal.status, set_by_us=False):
            newest = next(iter(hubspot.deals.statuses(deal.id)), None)
            if newest is None or newest.at > last_end + (SKEW if newest.app is not None else timedelta(0)):
                return deal.id
    return None


def _last_end(around: Runtime, customer: Sequence[Deal]) -> datetime | None:
    """When the last offboarding of a customer ended, long ago when there was none; None while there is one."""
    subjects = [f"hubspot:deal:{deal.id}" for deal in customer]
    same = (occurrences.c.process == OFFBOARDING, occurrences.c.subject.in_(subjects))
    asked = select(cases.c.closed_at).select_from(occurrences).where(*same)
    with around.files.reading() as connection:
        ends = connection.execute(asked.outerjoin(cases, cases.c.case_id == occurrences.c.case_id)).scalars().all()
    if None in ends:
        return None
    return max(ends, default=datetime.min.replace(tzinfo=around.files.now().tzinfo))


def _tell_without_customer(ticket: Ticket, old: timedelta) -> None:
    """Have a young ticket looked at again; of an old one the log says what to do.

    Raises:
        Temporary: it is young.
    """
    if old < PATIENCE:
        operation = f"find the customer of ticket {ticket.id}"
        raise Temporary("HubSpot", operation, "it is associated with no deal, and with no company that has one")
    logger.error(
        "Ticket %s is in the offboarding pipeline, but with no deal and no company that has one; nothing is started."
        " Associate it with the customer's deal, then move it to another stage and back.",
        ticket.id,
    )


def hubspot_changes(systems: Systems) -> Callable[[datetime], Iterator[tuple[str, datetime]]]:
    """Gives, for a moment, the subjects of what asks for an offboarding and changed since, each with when it did.

    Before its first look the account itself is looked at. What it gives raises `SystemFault`.
    """
    hubspot, pipeline = systems.hubspot, systems.places.hubspot.offboarding_pipeline
    looked_at: list[bool] = []

    def changes(since: datetime) -> Iterator[tuple[str, datetime]]:
        if not looked_at:
            hubspot.demand()
            looked_at.append(True)
        asking = [one for one in hubspot.deals.known_statuses() if asks_to_offboard(one, set_by_us=False)]
        for deal in hubspot.deals.with_status(asking, since=since) if asking else ():
            yield f"hubspot:deal:{deal.id}", deal.changed
        for ticket in hubspot.tickets.changed_in(pipeline, since):
            if not ticket.closed:
                yield f"hubspot:ticket:{ticket.id}", ticket.changed

    return changes
