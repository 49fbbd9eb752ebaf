"""What a transfer does about a lead: in Salesforce, Outreach and Qualified, and what it asks the SDR about it.

What can be read is not asked: before the SDR is asked for fields, it is looked once more for what is known. Only then
they are asked, once, for all that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from casework import clock
from casework.until import sleep_until
from flows import sales_transfer_lead_forms as forms
from flows.asking import insist
from flows.sales_transfer_asking import TEXTS, Over, look_every
from flows.sales_transfer_lead_forms import Knowledge, Pointed
from flows.sales_transfer_work import Transfer
from policies.sales_lead import UseRecord, choose_record
from policies.sales_transfer import Ask, Question, Step, Wait, Waiting, Write
from policies.sales_transfer_facts import LeadField, OutreachProspect, RecordKind
from tasks import lead_fields, leads, prospects, transfers

__all__ = ["QUESTIONS", "STEPS", "learn", "rest", "write"]


def learn(transfer: Transfer) -> bool:
    """Look for what is known of the lead; whether more is than before."""
    lead, found = transfer.known.lead, lead_fields.known_fields(transfer.person)
    transfer.contact = found.contact or transfer.contact
    if found.fields <= lead.known:
        return False
    transfer.note_lead(known=lead.known | found.fields, employees=found.employees)
    return True


# -- Salesforce


def write(transfer: Transfer, decision: Write) -> None:
    """Fill fields of a lead; one that was deleted, merged or converted meanwhile is looked for anew."""
    lead = transfer.known.lead
    if leads.fill(decision.id, transfer.person, decision.fields):
        transfer.note_lead(written=lead.written | set(decision.fields))
        return
    transfer.note_lead(
        match=None,
        made=None if lead.made == decision.id else lead.made,
        chosen=None if lead.chosen == decision.id else lead.chosen,
    )


def _match(transfer: Transfer) -> None:
    lead = transfer.known.lead
    found = leads.match(transfer.person, lead.chosen, lead.made)
    transfer.note_lead(match=found.match, employees=lead.employees if found.employees is None else found.employees)


def _create_lead(transfer: Transfer) -> None:
    lead = transfer.known.lead
    made = leads.create(transfer.person, _sdr(transfer))
    transfer.note_lead(made=made.id, written=lead.known if made.created else lead.written, match=None)


def _nurture(transfer: Transfer) -> None:
    lead = transfer.known.lead
    counts = choose_record(lead.match.records if lead.match is not None else (), lead.chosen, lead.made)
    if isinstance(counts, UseRecord):
        leads.nurture(counts.record.id)
    transfer.note_lead(nurtured=True)


# -- Outreach


def _find_prospect(transfer: Transfer) -> None:
    transfer.note_lead(outreach=prospects.find_prospect(transfer.person))


def _create_prospect(transfer: Transfer) -> None:
    made = prospects.create_prospect(transfer.person, _sdr(transfer))
    transfer.note_lead(outreach=OutreachProspect(id=made))


def _sequence(transfer: Transfer) -> None:
    if prospects.sequence(_prospect(transfer), _sdr(transfer), transfer.began) is None:
        transfer.note_lead(outreach=None)
        return
    transfer.note_lead(sequenced=True)


def _end_sequence(transfer: Transfer) -> None:
    prospects.end_sequence(_prospect(transfer))
    transfer.note_lead(sequence_ended=True)


def _send_intro(transfer: Transfer) -> None:
    if prospects.send_intro(_prospect(transfer), _sdr(transfer), transfer.began) is None:
        transfer.note_lead(outreach=None)
        return
    transfer.note_lead(intro=clock.now())


def _end_intro(transfer: Transfer) -> None:
    prospects.end_intro(_prospect(transfer))
    transfer.note_lead(intro_ended=True)


# -- Qualified


def _write_qualified(transfer: Transfer) -> None:
    lead = prospects.write_qualified(transfer.person)
    transfer.note_lead(in_qualified=True, chat=prospects.open_chat(lead))


STEPS: Mapping[Step, Callable[[Transfer], None]] = MappingProxyType(
    {
        Step.MATCH: _match,
        Step.CREATE_LEAD: _create_lead,
        Step.NURTURE: _nurture,
        Step.FIND_PROSPECT: _find_prospect,
        Step.CREATE_PROSPECT: _create_prospect,
        Step.SEQUENCE: _sequence,
        Step.END_SEQUENCE: _end_sequence,
        Step.SEND_INTRO: _send_intro,
        Step.END_INTRO: _end_intro,
        Step.WRITE_QUALIFIED: _write_qualified,
    }
)

# -- what the SDR is asked


def _missing_fields(transfer: Transfer, asked: Ask) -> None:
    if learn(transfer):
        return
    given = transfer.ask(forms.MissingFields, asked, missing=[str(field) for field in asked.about])
    if given is Over.NEWS:
        return
    lead = transfer.known.lead
    if not isinstance(given, Over) and given.decision is Knowledge.KNOWN:
        transfer.told |= given.texts()
        employees = lead.employees if given.employee_count is None else given.employee_count
        transfer.note_lead(known=lead.known | given.told(), employees=employees)
        if LeadField.EMAIL in given.told():
            learn(transfer)  # by this address Qualified may know more
    transfer.note_lead(asked=clock.now())


def _which_record(transfer: Transfer, asked: Ask) -> None:
    match = transfer.known.lead.match
    there = match.records if match is not None else ()
    about = {
        "records": list(asked.about),
        "record_links": [leads.link_to(record) for record in asked.about],
        "converted": "no" if any(one.kind is RecordKind.CONTACT or not one.converted for one in there) else "yes",
    }
    given = transfer.ask(forms.WhichRecord, asked, **about)
    if given is Over.TIME:
        given = insist(forms.WhichRecord, _word(transfer), asked.question.value, texts=TEXTS, **transfer.page, **about)
    if isinstance(given, Over):
        return
    named = [one for one in asked.about if given.record is not None and one[:15] == given.record[:15]]
    chosen = named[0] if named else given.record
    transfer.note_lead(chosen=chosen if given.decision is Pointed.NAMED else None, match=None)


def _close_chat(transfer: Transfer, asked: Ask) -> None:
    about = {"chat": transfer.known.lead.chat}
    given = transfer.ask(forms.CloseChat, asked, **about)
    if given is Over.TIME:
        given = insist(forms.CloseChat, _word(transfer), asked.question.value, texts=TEXTS, **transfer.page, **about)
    if given is not Over.NEWS:
        transfer.note_lead(chat_closed=True)


QUESTIONS: Mapping[Question, Callable[[Transfer, Ask], None]] = MappingProxyType(
    {
        Question.MISSING_FIELDS: _missing_fields,
        Question.WHICH_RECORD: _which_record,
        Question.CLOSE_CHAT: _close_chat,
    }
)


def rest(transfer: Transfer, decision: Wait) -> None:
    """Let the case rest until the time is over, or the policy says something else: nobody is asked meanwhile."""
    listens = transfers.conversation_subject(transfer.conversation)
    if decision.waiting is Waiting.INTRO:
        listens = prospects.subject_of(_prospect(transfer))
    sleep_until(
        decision.until,
        decision.waiting.value,
        listens=listens,
        look=lambda: transfer.changed(decision) is not None,
        look_every=look_every,
    )


def _sdr(transfer: Transfer) -> str:
    """Who has taken it. Raises ValueError before anybody has."""
    if transfer.known.sdr is None:
        raise ValueError("the policy acts for an SDR who has not taken the transfer")
    return transfer.known.sdr


def _prospect(transfer: Transfer) -> str:
    """The prospect's id. Raises ValueError before it is known."""
    found = transfer.known.lead.outreach
    if found is None or found.id is None:
        raise ValueError("the policy acts on a prospect that was not looked for")
    return found.id


def _word(transfer: Transfer) -> str:
    return transfers.conversation_word(transfer.conversation)
