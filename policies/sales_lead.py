"""A lead in Salesforce, Qualified and Outreach: found by e-mail before anything is made, asked about once, filled up.

What others have written is never overwritten: only empty fields are filled, only an untouched status is changed, no
owner is changed, and who is in somebody's sequence or wants no mail is put into none. A contact belongs to its account
and a converted lead is locked, so neither is written at all.

Source: "What happens to tickets after they are assigned to Sales?": e-mail, company, employee count, ATS, website and
phone come into Salesforce through Intercom's own sync. So the sync has its time before a lead is made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from policies.sales_transfer_facts import Lead, LeadField, Record, RecordKind
from policies.sales_transfer_numbers import NUMBERS, SalesTransferNumbers, Segment
from policies.sales_transfer_words import Ask, Decision, Do, Question, Step, Wait, Waiting, Write
from policies.words import plain

__all__ = [
    "AskWhichRecord",
    "MailsGoOut",
    "MakeLead",
    "UseRecord",
    "account_executive",
    "choose_record",
    "end_intro",
    "field_name",
    "is_disqualified",
    "mails_go_out",
    "next_in_outreach",
    "next_in_records",
    "next_of_intro",
    "next_of_technical",
    "segment_of",
]


class MailsGoOut(StrEnum):
    """Whether Outreach writes to a lead by itself, or why not."""

    SEQUENCE = "sequence"
    OPTED_OUT = "opted-out"
    OTHER_SEQUENCE = "other-sequence"
    NO_ADDRESS = "no-address"


@dataclass(frozen=True, slots=True)
class UseRecord:
    """This record is the person's."""

    record: Record
    why: str


@dataclass(frozen=True, slots=True)
class MakeLead:
    """The person is not in Salesforce."""

    why: str


@dataclass(frozen=True, slots=True)
class AskWhichRecord:
    """There are several, or only converted leads: the SDR says which one counts."""

    ids: tuple[str, ...]
    why: str


def choose_record(
    records: Iterable[Record], chosen: str | None = None, made: str | None = None
) -> UseRecord | MakeLead | AskWhichRecord:
    """Which of the records with the person's e-mail address counts; `chosen` by a person, `made` by this case.

    A converted lead counts only where a person has said so: its contact is what Salesforce goes on with. A lead of our
    own that the look has not found does count, so that it is never made twice.
    """
    known = {record.id: record for record in records}
    if made is not None and made not in known:
        known[made] = Record(id=made)
    if chosen in known:
        return UseRecord(known[chosen], "A person said that this one counts.")
    current = [one for one in known.values() if one.kind is RecordKind.CONTACT or not one.converted]
    if len(current) == 1:
        return UseRecord(current[0], "It is the only record with this e-mail address.")
    if not known:
        return MakeLead("Nobody in Salesforce has this e-mail address.")
    which = "several records have" if current else "only converted leads have"
    return AskWhichRecord(tuple(sorted(known)), f"In Salesforce {which} this e-mail address.")


def next_in_records(
    lead: Lead, thread: datetime, now: datetime, sdr: str | None, numbers: SalesTransferNumbers = NUMBERS
) -> Decision | None:
    """What comes next in Salesforce and Qualified, after the new thread was confirmed; None: nothing.

    Without an e-mail address, even after asking, nothing is made: it could not be matched.
    """
    if LeadField.EMAIL not in lead.known:
        return _ask_missing(lead, None, sdr)
    match = lead.match
    if match is None or (lead.asked is not None and match.at < lead.asked):
        return Do(Step.MATCH, "Salesforce is looked into before anything is written there.")
    chosen = choose_record(match.records, lead.chosen, lead.made)
    if isinstance(chosen, AskWhichRecord):
        return Ask(Question.WHICH_RECORD, chosen.why, sdr, chosen.ids)
    if isinstance(chosen, MakeLead):
        settled = thread + timedelta(minutes=numbers.lead.sync_minutes)
        if now < settled:
            return Wait(Waiting.SYNC, "Intercom's own sync may still make the lead.", settled)
        if asking := _ask_missing(lead, None, sdr):
            return asking
        if match.at < settled:
            return Do(Step.MATCH, "The sync may have made the lead since the last look.")
        return Do(Step.CREATE_LEAD, chosen.why)
    record = chosen.record
    if record.writable:
        if asking := _ask_missing(lead, record, sdr):
            return asking
        fields = _in_order(lead.known - record.filled - lead.written)
        if fields:
            return Write(record.id, fields, "These are empty in Salesforce and known.")
    if not lead.in_qualified:
        return Do(Step.WRITE_QUALIFIED, "Qualified knows the lead by its e-mail address.")
    return None


def next_in_outreach(lead: Lead) -> Decision | None:
    """What comes next in Outreach; None: nothing, such as for who wants no mail or is in a sequence already."""
    found = lead.outreach
    if lead.sequenced or mails_go_out(lead) is not MailsGoOut.SEQUENCE:
        return None
    if found is None:
        return Do(Step.FIND_PROSPECT, "Outreach is looked into before anything is made there.")
    if found.id is None:
        return Do(Step.CREATE_PROSPECT, "Nobody in Outreach has this e-mail address.")
    return Do(Step.SEQUENCE, "The lead is qualified by e-mail.")


def mails_go_out(lead: Lead) -> MailsGoOut:
    """Whether the lead is in our sequence or may be put into it, as far as is known yet."""
    if LeadField.EMAIL not in lead.known:
        return MailsGoOut.NO_ADDRESS
    found = lead.outreach
    if found is None or lead.sequenced:
        return MailsGoOut.SEQUENCE
    if found.opted_out:
        return MailsGoOut.OPTED_OUT
    return MailsGoOut.OTHER_SEQUENCE if found.in_sequence else MailsGoOut.SEQUENCE


def next_of_intro(
    lead: Lead, now: datetime, sdr: str | None, numbers: SalesTransferNumbers = NUMBERS
) -> Decision | None:
    """What comes next to introduce a lead to support by Outreach's template; None: the SDR does it by hand.

    Somebody else's sequence is no hindrance: this is one mail that the lead waits for.
    """
    if LeadField.EMAIL not in lead.known:
        return _ask_missing(lead, None, sdr)
    found = lead.outreach
    if found is None:
        return Do(Step.FIND_PROSPECT, "Outreach is looked into before anything is made there.")
    if found.opted_out or lead.intro_failed:
        return None
    if found.id is None:
        return Do(Step.CREATE_PROSPECT, "Nobody in Outreach has this e-mail address.")
    if lead.intro is None:
        return Do(Step.SEND_INTRO, "The lead is introduced to support, with support in copy.")
    until = lead.intro + timedelta(hours=numbers.technical.sent_within_hours)
    if now < until and not lead.intro_ended:
        return Wait(Waiting.INTRO, "Outreach has not delivered the introduction yet.", until)
    return end_intro(lead)


def end_intro(lead: Lead) -> Decision | None:
    """How an introduction that is still on its way is called off; None: there is none."""
    if lead.intro is None or lead.intro_failed or lead.intro_ended:
        return None
    return Do(Step.END_INTRO, "Nobody gets the introduction twice, or after all.")


def next_of_technical(lead: Lead, sdr: str | None, numbers: SalesTransferNumbers = NUMBERS) -> Decision | None:
    """What comes next for a lead who needs technical help; None: nothing. The record was dealt with before."""
    if not lead.nurtured and lead.match is not None:
        chosen = choose_record(lead.match.records, lead.chosen, lead.made)
        if isinstance(chosen, UseRecord) and chosen.record.writable and _is_untouched(chosen.record.status, numbers):
            return Do(Step.NURTURE, "The lead is nurtured in Salesforce while support helps it.")
    if lead.chat is not None and not lead.chat_closed:
        return Ask(Question.CLOSE_CHAT, "A chat can be closed only in Qualified itself.", sdr, (lead.chat,))
    return None


def segment_of(employees: int, numbers: SalesTransferNumbers = NUMBERS) -> Segment:
    """The segment of a company with so many employees.

    Raises:
        ValueError: the number is negative.
    """
    if employees < 0:
        raise ValueError(f"A number of employees cannot be negative: {employees}")
    return next(one for one in reversed(numbers.segments) if one.from_employees <= employees)


def account_executive(employees: int | None, numbers: SalesTransferNumbers = NUMBERS) -> str:
    """The role of who meets a lead: the segment's account executive; of unknown size: the sales manager chooses."""
    return numbers.roles.sales_manager if employees is None else segment_of(employees, numbers).account_executive


def is_disqualified(status: str | None, numbers: SalesTransferNumbers = NUMBERS) -> bool:
    """Whether the status of a lead in Salesforce says that nothing will come of it."""
    return status is not None and plain(status) in map(plain, numbers.lead.disqualified_statuses)


def field_name(field: LeadField, numbers: SalesTransferNumbers = NUMBERS) -> str:
    """Salesforce's name of a lead's field, before a site renames it."""
    return str(getattr(numbers.lead.fields, field.value))


def _ask_missing(lead: Lead, record: Record | None, sdr: str | None) -> Ask | None:
    if lead.asked is not None:
        return None
    there = record.filled if record is not None else frozenset()
    missing = _in_order(frozenset(LeadField) - lead.known - there)
    if not missing:
        return None
    return Ask(Question.MISSING_FIELDS, "Salesforce needs these to know the lead.", sdr, missing)


def _in_order(fields: frozenset[LeadField]) -> tuple[LeadField, ...]:
    return tuple(field for field in LeadField if field in fields)


def _is_untouched(status: str | None, numbers: SalesTransferNumbers) -> bool:
    return status is None or plain(status) in map(plain, numbers.lead.untouched_statuses)
