"""Leads of sales in Salesforce, found by e-mail address before anything is made; and what became of them everywhere."""

from __future__ import annotations

from contextlib import suppress

from pydantic import AwareDatetime, BaseModel, ConfigDict

from casework import clock
from casework.step import lookup, step
from casework.systems import current
from casework.systems.errors import Misconfigured, NotFound, Refused
from casework.systems.qualified import Meeting as Booking
from casework.systems.salesforce import Lead, LeadFields
from policies.sales_lead import UseRecord, choose_record, is_disqualified
from policies.sales_transfer import NUMBERS
from policies.sales_transfer_facts import Facts, LeadField, Match, Meeting, Record, RecordKind
from tasks.lead_fields import Told, address, details

__all__ = [
    "Found",
    "Made",
    "Outcome",
    "Told",
    "create",
    "fill",
    "link_to",
    "match",
    "nurture",
    "outcome",
    "outcome_now",
]

_CONTACT = "003"
"""How the ids of contacts begin."""


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class Found(_Fact):
    """What a look into Salesforce has found, and how many employees the record that counts has, if it says so."""

    match: Match
    employees: int | None = None


class Made(_Fact):
    """The record of somebody in Salesforce; `created`: it was made for this."""

    id: str
    created: bool


class Outcome(_Fact):
    """What became of a transfer, as the systems of sales show it."""

    meetings: tuple[Meeting, ...] = ()
    disqualified: bool = False
    intro_delivered: AwareDatetime | None = None
    intro_failed: bool = False


def link_to(record: str) -> str:
    """The page of a lead or contact for colleagues; both are on pages that differ by the name of the object alone."""
    page = current().places.lead_page
    return (page.replace("/Lead/", "/Contact/") if record.startswith(_CONTACT) else page).format(lead=record)


# -- Salesforce


@lookup
def match(person: Told, chosen: str | None, made: str | None) -> Found:
    """The leads and contacts with somebody's address, as they are now; `chosen` and `made` as the policy knows them."""
    at, email, salesforce = clock.present(), address(person), current().salesforce
    leads = {one.id: one for one in salesforce.leads.by_email(email)}
    contacts = (Record(id=one.id, kind=RecordKind.CONTACT) for one in salesforce.contacts.by_email(email))
    records = (*map(_record, leads.values()), *contacts)
    counts = choose_record(records, chosen, made)
    lead = leads.get(counts.record.id) if isinstance(counts, UseRecord) else None
    employees = None if lead is None else lead.employee_count
    return Found(match=Match(at=at, records=records), employees=employees)


@step(repeatable=True)
def create(person: Told, sdr: str) -> Made:
    """Make a lead of somebody whom nobody in Salesforce is, owned by the SDR (staff id); who is there is left alone.

    Again finds what was made: Salesforce holds unique what we make of the address, whichever case makes it.
    """
    found = details(person)
    unknown = NUMBERS.lead.unknown
    fields = LeadFields(
        email=address(person),
        first_name=found.first_name,
        last_name=found.last_name or unknown,
        company=found.company or unknown,
        **found.of(frozenset(LeadField) - {LeadField.EMAIL, LeadField.COMPANY}),
    )
    matched = current().salesforce.leads.ensure(fields, owner_id=_user(sdr))
    return Made(id=matched.id, created=matched.created)


@step(repeatable=True)
def fill(lead: str, person: Told, fields: tuple[LeadField, ...]) -> bool:
    """Write these fields into a lead where they are empty; whether it is there and open. Again changes nothing."""
    values = LeadFields(**details(person).of(frozenset(fields)))
    leads = current().salesforce.leads
    try:
        leads.fill(lead, values, unknown=(NUMBERS.lead.unknown,))
    except NotFound:
        return False
    except Refused:
        if _is_open(lead):
            raise
        return False
    return True


@step(repeatable=True)
def nurture(lead: str) -> bool:
    """Give a lead that nobody works on the status of nurturing; whether it has it now. Again changes nothing."""
    numbers = NUMBERS.lead
    try:
        return current().salesforce.leads.nurture(lead, numbers.nurturing_status, untouched=numbers.untouched_statuses)
    except NotFound:
        return False
    except Refused:
        if _is_open(lead):
            raise
        return False


def _record(lead: Lead) -> Record:
    unknown = (NUMBERS.lead.unknown,)
    filled = frozenset(field for field in LeadField if lead.holds(field.value, unknown))
    return Record(id=lead.id, converted=lead.converted, status=lead.status, filled=filled)


def _is_open(lead: str) -> bool:
    try:
        return not current().salesforce.leads.lead(lead).converted
    except NotFound:
        return False


def _user(staff_id: str) -> str:
    user = current().salesforce.users.by_email(current().product.staff_address(staff_id))
    if user is None:
        detail = "nobody active has their e-mail address: make them a user, or give their user the address"
        raise Misconfigured("Salesforce", f"find the user of {staff_id}", detail)
    return user.id


# -- what became of it


def outcome_now(person: Told, known: Facts) -> Outcome:
    """What became of it by now. No step.

    Until the new thread is there, only whether the introduction has arrived; then what stands in Outreach, Salesforce
    and Qualified. What stood there before the transfer says nothing about it, so it does not count.
    """
    if known.thread is None:
        return _introduced(known)
    stage, at = _stage(known)
    booked = stage in current().places.outreach.booked_stages
    return Outcome(
        meetings=(*((Meeting(status="booked", made=at),) if booked and at else ()), *_meetings(person)),
        disqualified=stage in current().places.outreach.disqualified_stages or _is_disqualified(known),
        intro_failed=known.lead.intro_failed,
    )


@lookup
def outcome(person: Told, known: Facts) -> Outcome:
    """What became of it by now, as `outcome_now` has it."""
    return outcome_now(person, known)


def _introduced(known: Facts) -> Outcome:
    prospect, failed = known.lead.outreach, known.lead.intro_failed
    if known.lead.intro is None or prospect is None or prospect.id is None:
        return Outcome(intro_failed=failed)
    outreach = current().outreach.sequences
    state = next(reversed(outreach.of(prospect.id, current().places.outreach.technical_sequence)), None)
    if state is None:
        return Outcome(intro_failed=failed)
    return Outcome(
        intro_delivered=state.changed if state.delivered else None,
        intro_failed=failed or bool(state.bounced) or state.state in ("bounced", "opted_out"),
    )


def _stage(known: Facts) -> tuple[str | None, AwareDatetime | None]:
    """The stage of the prospect and when it changed, where it is another one than when we looked first."""
    before = known.lead.outreach
    if before is None or before.id is None:
        return None, None
    try:
        now = current().outreach.prospects.prospect(before.id)
    except NotFound:
        return None, None
    return (now.stage, now.changed) if now.stage != before.stage else (None, None)


def _is_disqualified(known: Facts) -> bool:
    lead = known.lead
    if lead.match is None:
        return False
    counts = choose_record(lead.match.records, lead.chosen, lead.made)
    if not isinstance(counts, UseRecord) or not counts.record.writable or is_disqualified(counts.record.status):
        return False
    try:
        return is_disqualified(current().salesforce.leads.lead(counts.record.id).status)
    except NotFound:
        return False


def _meetings(person: Told) -> tuple[Meeting, ...]:
    """The meetings in Qualified, also those that its lists do not have yet."""
    qualified = current().qualified
    try:
        lead = qualified.lead_of(address(person))
    except NotFound:
        return ()
    found: dict[str, Booking] = {}
    for visitor in lead.visitor_ids if lead is not None else ():
        found |= {one.id: one for one in qualified.meetings_of(visitor)}
        named = {one for session in qualified.sessions_of(visitor) for one in session.meeting_ids}
        for meeting in sorted(named - set(found)):
            with suppress(NotFound):
                found[meeting] = qualified.meeting(meeting)
    return tuple(Meeting(status=one.status, made=one.created_at) for one in found.values())
