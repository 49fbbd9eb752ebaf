"""A lead in three systems: matched before it is made, asked about once, and nothing of others overwritten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import sales_lead as policy
from policies.sales_lead import AskWhichRecord, MailsGoOut, MakeLead, UseRecord
from policies.sales_transfer_facts import Lead, LeadField, Match, OutreachProspect, Record, RecordKind
from policies.sales_transfer_numbers import NUMBERS
from policies.sales_transfer_words import Ask, Decision, Do, Wait, Waiting, Write

THREAD = datetime(2026, 3, 10, 17, tzinfo=UTC)
SYNCED = THREAD + timedelta(minutes=NUMBERS.lead.sync_minutes)
LATER = SYNCED + timedelta(hours=1)
ALL = frozenset(LeadField)
EMAIL = frozenset({LeadField.EMAIL})

LEAD = Record(id="00Q1", status="New")
OTHER = Record(id="00Q2")
CONTACT = Record(id="0031", kind=RecordKind.CONTACT)
CONVERTED = Record(id="00Q9", converted=True)


def lead(**changes: Any) -> Lead:
    return Lead(known=ALL).model_copy(update=changes)


def matched(*records: Record, at: datetime = LATER) -> Match:
    return Match(at=at, records=records)


def short(decision: Decision | None) -> str:
    """The decision in a word or two."""
    match decision:
        case Do(step):
            return f"do {step}"
        case Ask(question, _, of, about):
            assert of == "staff-11"
            return f"ask {question}: {', '.join(about)}"
        case Write(record, fields):
            return f"write {record}: {', '.join(fields)}"
        case Wait(waiting, _, until):
            assert until == (SYNCED if waiting is Waiting.SYNC else LATE)
            return f"wait {waiting}"
        case _:
            return "nothing"


@pytest.mark.parametrize(
    ("records", "chosen", "made", "found"),
    [
        ([], None, None, "make"),
        ([], "00Q1", None, "make"),
        ([], None, "00Q1", "00Q1"),
        ([LEAD], None, None, "00Q1"),
        ([LEAD], None, "00Q1", "00Q1"),
        ([CONTACT], None, None, "0031"),
        ([CONTACT, CONVERTED], None, None, "0031"),
        ([LEAD, CONVERTED], None, None, "00Q1"),
        ([LEAD, OTHER], None, None, ["00Q1", "00Q2"]),
        ([LEAD, OTHER], "00Q2", None, "00Q2"),
        ([LEAD, OTHER], "00Q7", None, ["00Q1", "00Q2"]),
        ([LEAD], None, "00Q7", ["00Q1", "00Q7"]),
        ([LEAD, CONTACT], None, None, ["0031", "00Q1"]),
        ([CONVERTED], None, None, ["00Q9"]),
        ([CONVERTED], "00Q9", None, "00Q9"),
    ],
)
def test_which_record(records: list[Record], chosen: str | None, made: str | None, found: str | list[str]) -> None:
    """The only record that is not a converted lead; nobody: one is made; all else is asked, in whatever order."""
    decision = policy.choose_record(records, chosen, made)
    match decision:
        case UseRecord(record):
            assert record.id == found
        case AskWhichRecord(ids):
            assert list(ids) == found
        case MakeLead():
            assert found == "make"
    assert decision.why
    assert policy.choose_record(reversed(records), chosen, made) == decision


@pytest.mark.parametrize(
    ("known", "now", "decision"),
    [
        (lead(), LATER, "do match"),
        (lead(match=matched()), THREAD, "wait sync"),
        (lead(match=matched(at=THREAD)), LATER, "do match"),
        (lead(match=matched()), LATER, "do create_lead"),
        (lead(match=matched(), known=EMAIL | {LeadField.ATS}), THREAD, "wait sync"),
        (
            lead(match=matched(), known=EMAIL | {LeadField.ATS}),
            LATER,
            "ask missing-fields: company, employee_count, website, phone",
        ),
        (lead(match=matched(), known=EMAIL, asked=LATER + timedelta(days=1)), LATER, "do match"),
        (lead(match=matched(), known=EMAIL, asked=LATER), LATER, "do create_lead"),
        (lead(match=matched(LEAD), asked=LATER + timedelta(days=1)), LATER, "do match"),
        (lead(match=matched(), made="00Q7", written=ALL), LATER, "do write_qualified"),
        (lead(known=frozenset()), LATER, f"ask missing-fields: {', '.join(LeadField)}"),
        (lead(known=ALL - EMAIL), LATER, "ask missing-fields: email"),
        (lead(known=ALL - EMAIL, asked=LATER), LATER, "nothing"),
        (lead(match=matched(LEAD, OTHER)), LATER, "ask which-record: 00Q1, 00Q2"),
        (lead(match=matched(LEAD)), THREAD, f"write 00Q1: {', '.join(LeadField)}"),
        (
            lead(match=matched(LEAD.model_copy(update={"filled": ALL - {LeadField.PHONE}}))),
            LATER,
            "write 00Q1: phone",
        ),
        (
            lead(match=matched(LEAD.model_copy(update={"filled": EMAIL})), known=EMAIL),
            LATER,
            "ask missing-fields: company, employee_count, ats, website, phone",
        ),
        (
            lead(match=matched(LEAD.model_copy(update={"filled": ALL})), known=EMAIL),
            LATER,
            "do write_qualified",
        ),
        (lead(match=matched(LEAD), written=ALL), LATER, "do write_qualified"),
        (lead(match=matched(LEAD), written=ALL, in_qualified=True), LATER, "nothing"),
        (lead(match=matched(CONTACT), known=EMAIL), LATER, "do write_qualified"),
        (lead(match=matched(CONVERTED), chosen="00Q9", known=EMAIL), LATER, "do write_qualified"),
    ],
)
def test_what_comes_next_in_salesforce(known: Lead, now: datetime, decision: str) -> None:
    """Looked for by e-mail, left to the sync, asked about once and together, made or filled up, then in Qualified."""
    assert short(policy.next_in_records(known, THREAD, now, "staff-11")) == decision


@pytest.mark.parametrize(
    ("found", "changes", "decision", "mails"),
    [
        (None, {}, "do find_prospect", MailsGoOut.SEQUENCE),
        (None, {"known": ALL - EMAIL}, "nothing", MailsGoOut.NO_ADDRESS),
        (OutreachProspect(), {}, "do create_prospect", MailsGoOut.SEQUENCE),
        (OutreachProspect(id="71"), {}, "do sequence", MailsGoOut.SEQUENCE),
        (OutreachProspect(id="71", opted_out=True), {}, "nothing", MailsGoOut.OPTED_OUT),
        (OutreachProspect(id="71", in_sequence=True), {}, "nothing", MailsGoOut.OTHER_SEQUENCE),
        (OutreachProspect(id="71", in_sequence=True), {"sequenced": True}, "nothing", MailsGoOut.SEQUENCE),
        (OutreachProspect(id="71"), {"sequenced": True}, "nothing", MailsGoOut.SEQUENCE),
    ],
)
def test_what_comes_next_in_outreach(
    found: OutreachProspect | None, changes: dict[str, Any], decision: str, mails: MailsGoOut
) -> None:
    """One prospect by e-mail, put into the sequence once; never who wants no mail or is in somebody's sequence."""
    known = lead(outreach=found, **changes)
    assert short(policy.next_in_outreach(known)) == decision
    assert policy.mails_go_out(known) is mails


SENT = {"outreach": OutreachProspect(id="71"), "intro": THREAD}
LATE = THREAD + timedelta(hours=NUMBERS.technical.sent_within_hours)


@pytest.mark.parametrize(
    ("changes", "now", "decision"),
    [
        ({}, THREAD, "do find_prospect"),
        ({"known": frozenset()}, THREAD, f"ask missing-fields: {', '.join(LeadField)}"),
        ({"known": frozenset(), "asked": THREAD}, THREAD, "nothing"),
        ({"outreach": OutreachProspect()}, THREAD, "do create_prospect"),
        ({"outreach": OutreachProspect(id="71")}, THREAD, "do send_intro"),
        ({"outreach": OutreachProspect(id="71", in_sequence=True)}, THREAD, "do send_intro"),
        ({"outreach": OutreachProspect(id="71", opted_out=True)}, THREAD, "nothing"),
        ({"outreach": OutreachProspect(opted_out=True)}, THREAD, "nothing"),
        (SENT, THREAD, "wait intro"),
        (SENT, LATE - timedelta(seconds=1), "wait intro"),
        (SENT, LATE, "do end_intro"),
        (SENT | {"intro_ended": True}, LATE, "nothing"),
        (SENT | {"intro_ended": True}, THREAD, "nothing"),
        (SENT | {"intro_failed": True}, THREAD, "nothing"),
    ],
)
def test_who_is_introduced_to_support(changes: dict[str, Any], now: datetime, decision: str) -> None:
    """Outreach sends the template once; where it may not, cannot, or takes too long, the SDR writes by hand."""
    assert short(policy.next_of_intro(lead(**changes), now, "staff-11")) == decision


@pytest.mark.parametrize(
    ("record", "changes", "decision"),
    [
        (LEAD, {}, "do nurture"),
        (LEAD, {"nurtured": True}, "nothing"),
        (LEAD, {"nurtured": True, "chat": "c-1"}, "ask close-chat: c-1"),
        (LEAD, {"nurtured": True, "chat": "c-1", "chat_closed": True}, "nothing"),
        (OTHER, {}, "do nurture"),
        (LEAD.model_copy(update={"status": "Working - Contacted"}), {}, "nothing"),
        (LEAD.model_copy(update={"status": "Nurturing"}), {}, "nothing"),
        (CONTACT, {}, "nothing"),
        (CONTACT, {"chat": "c-1"}, "ask close-chat: c-1"),
    ],
)
def test_who_needs_technical_help(record: Record, changes: dict[str, Any], decision: str) -> None:
    """An untouched lead is nurtured, another status is left as it is; the chat is closed by the SDR."""
    known = lead(match=matched(record), **changes)
    assert short(policy.next_of_technical(known, "staff-11")) == decision


RECORDS = st.builds(
    Record,
    id=st.sampled_from(["1", "2", "3", "4"]),
    kind=st.sampled_from(RecordKind),
    converted=st.booleans(),
    filled=st.frozensets(st.sampled_from(LeadField)),
)
LEADS = st.builds(
    Lead,
    known=st.frozensets(st.sampled_from(LeadField)),
    asked=st.none() | st.just(LATER),
    match=st.none() | st.builds(Match, at=st.sampled_from([THREAD, LATER]), records=st.lists(RECORDS).map(tuple)),
    chosen=st.none() | st.sampled_from(["1", "9"]),
    made=st.none() | st.sampled_from(["1", "9"]),
    written=st.frozensets(st.sampled_from(LeadField)),
)


@settings(max_examples=150, deadline=None)
@given(LEADS, st.sampled_from([THREAD, LATER]))
def test_nothing_of_others_is_overwritten(known: Lead, now: datetime) -> None:
    """Only empty fields of a record that may be written are filled; nothing is made beside a record, before the sync
    had its time, or without an e-mail address; and only what nobody knows is asked, once."""
    decision = policy.next_in_records(known, THREAD, now, "staff-11")
    records = {one.id: one for one in known.match.records} if known.match is not None else {}
    if isinstance(decision, Write) and decision.id in records:
        assert records[decision.id].writable
        assert not set(decision.fields) & (records[decision.id].filled | known.written)
        assert set(decision.fields) <= known.known
        assert known.match is not None
        assert known.match.at >= (known.asked or known.match.at)
    if short(decision) == "do create_lead":
        assert not records
        assert known.made is None
        assert LeadField.EMAIL in known.known
        assert known.match is not None
        assert known.match.at >= SYNCED
    if isinstance(decision, Ask) and decision.question.value == "missing-fields":
        assert known.asked is None
        assert not set(decision.about) & known.known


@pytest.mark.parametrize(
    ("employees", "segment", "executive"),
    [
        (0, "small-business", "ae-small-business"),
        (1, "small-business", "ae-small-business"),
        (199, "small-business", "ae-small-business"),
        (200, "mid-market", "ae-mid-market"),
        (999, "mid-market", "ae-mid-market"),
        (1000, "enterprise", "ae-enterprise"),
        (3_000_000, "enterprise", "ae-enterprise"),
    ],
)
def test_the_account_executive_of_the_segment(employees: int, segment: str, executive: str) -> None:
    """Each bound of the table belongs to the segment that begins with it."""
    assert policy.segment_of(employees).name == segment
    assert policy.account_executive(employees) == executive


def test_of_unknown_size() -> None:
    """A lead of unknown size is the sales manager's to give away; a negative number is a mistake."""
    assert policy.account_executive(None) == NUMBERS.roles.sales_manager
    with pytest.raises(ValueError, match="cannot be negative: -1"):
        policy.segment_of(-1)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_segments_only_rise(one: int, other: int) -> None:
    """A larger company is never in a smaller segment, and each is at least as large as its segment's bound."""
    smaller, larger = sorted((one, other))
    assert policy.segment_of(smaller).from_employees <= policy.segment_of(larger).from_employees <= larger


@pytest.mark.parametrize(
    ("status", "disqualified"),
    [("Unqualified", True), ("closed - not converted", True), ("Nurturing", False), ("New", False), (None, False)],
)
def test_disqualified_by_its_status(status: str | None, disqualified: bool) -> None:
    """What Salesforce says of the lead is seen without an answer of the SDR."""
    assert policy.is_disqualified(status) is disqualified


def test_salesforces_names() -> None:
    """Each field that the page names has its name in Salesforce."""
    assert [policy.field_name(field) for field in LeadField] == [
        "Email",
        "Company",
        "NumberOfEmployees",
        "ATS__c",
        "Website",
        "Phone",
    ]
