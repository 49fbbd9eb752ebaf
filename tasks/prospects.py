"""Leads in Outreach and in Qualified: prospects and the sequences that they are in, what the website knows, its chats.

Nobody is made twice and nobody is written to twice: each of these looks for the address, or for who is in a sequence,
before it acts, and again where an answer was lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from casework.step import lookup, step
from casework.systems import current
from casework.systems.errors import Misconfigured, NotFound, Refused
from casework.systems.outreach import ProspectFields, User
from policies.sales_transfer_facts import LeadField, OutreachProspect
from tasks.lead_fields import Told, address, details

__all__ = [
    "Placed",
    "create_prospect",
    "end_intro",
    "end_sequence",
    "find_prospect",
    "open_chat",
    "send_intro",
    "sequence",
    "subject_of",
    "take_out",
    "write_qualified",
]


class Placed(BaseModel):
    """Somebody's way through a sequence of Outreach, by its id; not `ours`: a person has put them there before."""

    model_config = ConfigDict(frozen=True)

    state: str
    ours: bool


def subject_of(prospect: str) -> str:
    """What hints about a prospect (its id) are about."""
    return f"outreach:prospect:{prospect}"


# -- Outreach


@lookup
def find_prospect(person: Told) -> OutreachProspect:
    """Who has somebody's address in Outreach; of several the oldest, and what any of them asks for holds for all."""
    outreach = current().outreach
    found = outreach.prospects.by_email(address(person))
    if not found:
        return OutreachProspect()
    return OutreachProspect(
        id=found[0].id,
        opted_out=not all(one.may_be_written_to for one in found),
        in_sequence=any(not state.over for one in found for state in outreach.sequences.of(one.id)),
        stage=found[0].stage,
    )


@step(repeatable=True)
def create_prospect(person: Told, sdr: str) -> str:
    """Make a prospect of the SDR's (staff id); its id. Again finds who has the address by then, whoever made them."""
    found = details(person)
    fields = ProspectFields(found.first_name, found.last_name, found.company, found.website, found.phone)
    return current().outreach.prospects.ensure(address(person), fields, owner_id=_user(sdr).id).id


@step(repeatable=True)
def take_out(placed: Placed | None) -> None:
    """Let nothing more be sent to somebody whom we have put into a sequence; again changes nothing."""
    if placed is not None and placed.ours:
        _finish((placed.state,))


@step(repeatable=True, undo=take_out)
def sequence(prospect: str, sdr: str, since: datetime) -> Placed | None:
    """Put a prospect into the sequence of leads, from the mailbox of the SDR (staff id).

    None: they have asked to be left alone meanwhile. Again does nothing more for who was put in since that moment.
    """
    return _put(prospect, current().places.outreach.lead_sequence, sdr, since)


@step(repeatable=True, undo=take_out)
def send_intro(prospect: str, sdr: str, since: datetime) -> Placed | None:
    """Have Outreach introduce a prospect to support by its template, as `sequence` does."""
    return _put(prospect, current().places.outreach.technical_sequence, sdr, since)


@step(repeatable=True)
def end_sequence(prospect: str) -> None:
    """Take a prospect out of the sequence of leads; again changes nothing."""
    _end(prospect, current().places.outreach.lead_sequence)


@step(repeatable=True)
def end_intro(prospect: str) -> None:
    """Call the introduction to support off, where it was not sent yet; again changes nothing."""
    _end(prospect, current().places.outreach.technical_sequence)


def _put(prospect: str, sequence_id: str, sdr: str, since: datetime) -> Placed | None:
    outreach, mailbox = current().outreach, _user(sdr).mailbox_id
    if mailbox is None:
        raise Misconfigured("Outreach", f"find the mailbox of {sdr}", "their user has none: connect one")
    try:
        state = outreach.sequences.add(prospect, sequence_id, mailbox, since=since)
    except Refused:
        if outreach.prospects.prospect(prospect).may_be_written_to:
            raise
        return None
    return Placed(state=state.id, ours=state.created >= since)


def _end(prospect: str, sequence_id: str) -> None:
    _finish(one.id for one in current().outreach.sequences.of(prospect, sequence_id) if not one.over)


def _finish(states: Iterable[str]) -> None:
    for state in states:
        try:
            current().outreach.sequences.finish(state)
        except NotFound:
            continue


def _user(staff_id: str) -> User:
    user = current().outreach.colleagues.by_email(current().product.staff_address(staff_id))
    if user is None:
        detail = "nobody has their e-mail address: make them a user, or give their user the address"
        raise Misconfigured("Outreach", f"find the user of {staff_id}", detail)
    return user


# -- Qualified


@step(repeatable=True)
def write_qualified(person: Told) -> str:
    """Have a lead in Qualified with what is known of somebody, where it has nothing else; its id.

    By the address, so again changes nothing. Lists lack the newest leads, and what is written comes back at once.
    """
    found, qualified = details(person), current().qualified
    email = address(person)
    lead = qualified.write_lead(email, {})
    known = found.of(frozenset(LeadField) - {LeadField.EMAIL})
    empty = {name: value for name, value in known.items() if lead.fields.get(name) in (None, "")}
    return qualified.write_lead(email, empty).id if empty else lead.id


@lookup
def open_chat(lead: str) -> str | None:
    """The newest chat of a lead (its id in Qualified) that is still open, by its id."""
    qualified = current().qualified
    chats = [one for visitor in qualified.lead(lead).visitor_ids for one in qualified.conversations_of(visitor)]
    still = sorted((one.created_at, one.id) for one in chats if one.ended_at is None)
    return still[-1][1] if still else None
