"""Leads in Salesforce, Outreach and Qualified: made once whatever is lost, nothing of others overwritten, and what
became of them told apart from what stood there before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from casework import systems
from casework.confidential import ConfidentialText
from casework.sandbox import Fault, aws
from casework.sandbox.seed_leads import NOT_PROVIDED
from casework.sandbox.seed_sales import BOOKED, DISQUALIFIED, INTRO, LEADS
from casework.systems.errors import Misconfigured, NotFound, Refused, Temporary
from casework.systems.salesforce_ids import long
from policies.sales_transfer_facts import Conversation, Facts, Lead, LeadField, Match, OutreachProspect, Record
from tasks import lead_fields, leads, prospects
from tasks.lead_fields import Told
from tests.scenarios.conftest import open_place
from tests.scenarios.sales import OTHER_SDR, SDR, Showroom
from tests.systems.orgs import DATA

ALL = frozenset(LeadField)
NUMBERS = count()
FAULTS = [Fault.answer_lost(), Fault.timeout(), Fault.server_error(502)]


@pytest.fixture
def floor(tmp_path: Path, cloud: aws.Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Showroom]:
    """An office with the systems of sales."""
    with open_place(Showroom, tmp_path / "floor", cloud, monkeypatch) as showroom:
        yield showroom


def writer(floor: Showroom, visitor: str = "visitor-4", **typed: str) -> Told:
    """Somebody who has begun a conversation, and what the SDR has typed of them."""
    conversation = floor.people.visitor.write(visitor, "What does it cost?")
    sealed = {}
    with floor.files.writing() as connection:
        for name, text in typed.items():
            kept = f"text:{next(NUMBERS):016x}"
            sealed[LeadField(name)] = floor.runtime.confidential.keep(connection, "case-1", kept, text)
    return Told(conversation=conversation, values=sealed)


def again(act: Callable[[], Any]) -> Any:
    """What a step does: an act that may be repeated, until it has an answer."""
    while True:
        try:
            return act()
        except Temporary:
            continue


def contact_id(floor: Showroom, visitor: str) -> str:
    return str(floor.world.state["roster"]["visitors"][visitor]["contact_id"])


def lead_record(floor: Showroom, visitor: str = "visitor-4") -> dict[str, Any]:
    (found,) = floor.leads(floor.address(visitor))
    return found


# -- what is known


@pytest.mark.parametrize(
    ("visitor", "fields", "employees"),
    [
        ("visitor-4", frozenset({LeadField.EMAIL, LeadField.COMPANY, LeadField.EMPLOYEE_COUNT}), 85),
        ("visitor-5", ALL, 640),
        ("visitor-6", frozenset({LeadField.EMAIL}), None),
    ],
)
def test_known(floor: Showroom, visitor: str, fields: frozenset[LeadField], employees: int | None) -> None:
    """The address comes from Intercom and the rest from Qualified; the result has names of fields and a number only."""
    found = lead_fields.known_fields.fn(writer(floor, visitor))
    assert (found.fields, found.employees, found.contact) == (fields, employees, contact_id(floor, visitor))
    assert not [planted for planted in floor.world.planted if planted in repr(found)]


def test_typed_goes_first(floor: Showroom) -> None:
    """What the SDR has typed counts before what others say; a word for "unknown" is no value."""
    floor.sales.edit_lead(floor.address("visitor-4"), ats=NOT_PROVIDED, website="https://old.example")
    person = writer(floor, company="Marlowe Kennels", website="https://new.example").model_copy(
        update={"employees": 90}
    )
    found = lead_fields.details(person)
    assert (found.company, found.website, found.ats, found.employee_count) == (
        "Marlowe Kennels",
        "https://new.example",
        None,
        90,
    )
    assert "Marlowe" not in repr(found)


def test_address_that_is_none(floor: Showroom) -> None:
    """What Intercom has as an address and is none is not known; one that the SDR types then is."""
    floor.world.state["intercom"]["contacts"][contact_id(floor, "visitor-6")]["email"] = "none, really"
    assert lead_fields.known_fields.fn(writer(floor, "visitor-6")).fields == frozenset()
    typed = writer(floor, "visitor-6", email="quux@lead.example")
    assert lead_fields.known_fields.fn(typed).fields == {LeadField.EMAIL}
    assert lead_fields.address(typed) == "quux@lead.example"


def test_conversation_gone(floor: Showroom) -> None:
    """When a conversation was deleted its contact is still known by its id; without that nothing is, and says so."""
    person = writer(floor)
    floor.people.teammate.delete(person.conversation)
    assert lead_fields.known_fields.fn(person).fields == frozenset()
    with pytest.raises(NotFound, match=f"conversation {person.conversation}"):
        lead_fields.address(person)
    remembered = person.model_copy(update={"contact": contact_id(floor, "visitor-4")})
    assert lead_fields.address(remembered) == floor.address("visitor-4")


# -- Salesforce


def test_match(floor: Showroom) -> None:
    """Leads and contacts with the address, what of theirs is filled, and the employees of the one that counts."""
    found = leads.match.fn(writer(floor, "visitor-5"), None, None)
    (record,) = found.match.records
    assert (record.status, record.writable, found.employees) == ("Working", True, 640)
    assert record.filled == {LeadField.EMAIL, LeadField.COMPANY, LeadField.EMPLOYEE_COUNT}
    floor.people.sdr.add_lead(SDR, floor.address("visitor-5").upper(), NumberOfEmployees=12, Company=NOT_PROVIDED)
    both = leads.match.fn(writer(floor, "visitor-5"), None, None)
    other = next(one for one in both.match.records if one.id != record.id)
    assert (both.employees, LeadField.COMPANY in other.filled) == (None, False)
    assert leads.match.fn(writer(floor, "visitor-5"), other.id, None).employees == 12
    floor.people.sdr.convert_lead(record.id, SDR)
    kinds = {
        (one.kind.value, one.converted) for one in leads.match.fn(writer(floor, "visitor-5"), None, None).match.records
    }
    assert kinds == {("lead", True), ("lead", False), ("contact", False)}


@pytest.mark.parametrize("fault", FAULTS)
def test_create_once(floor: Showroom, fault: Fault) -> None:
    """One lead is there after an answer was lost, and after another case made one for the same address too."""
    person = writer(floor)
    floor.world.misbehave("salesforce", fault, match=f"POST {DATA}/sobjects/Lead")
    made = again(lambda: leads.create.fn(person, SDR))
    assert made.id == lead_record(floor)["Id"]
    assert leads.create.fn(writer(floor), OTHER_SDR) == leads.Made(id=made.id, created=False)
    record = lead_record(floor)
    assert record["OwnerId"] == floor.world.state["roster"]["staff"][SDR]["salesforce_id"]
    assert (record["FirstName"], record["LastName"]) == ("Quillon", "Marchbanks-Teasdale")
    assert (record["NumberOfEmployees"], record["ATS__c"]) == (85, None)


def test_create_with_what_salesforce_insists_on(floor: Showroom) -> None:
    """Without name and company a lead has the word for it, which is filled like an empty field later."""
    floor.world.state["intercom"]["contacts"][contact_id(floor, "visitor-6")]["name"] = None
    made = leads.create.fn(writer(floor, "visitor-6"), SDR)
    record = lead_record(floor, "visitor-6")
    assert made.created
    assert (record["LastName"], record["Company"], record["FirstName"]) == (NOT_PROVIDED, NOT_PROVIDED, None)
    assert leads.fill.fn(made.id, writer(floor, "visitor-6", company="Marlowe"), (LeadField.COMPANY,))
    assert lead_record(floor, "visitor-6")["Company"] == "Marlowe"


def test_create_for_who_is_no_user(floor: Showroom) -> None:
    """Who has taken it and is no user of Salesforce or Outreach gets nothing made in somebody else's name."""
    person = writer(floor)
    for act in (leads.create, prospects.create_prospect):
        with pytest.raises(Misconfigured, match="find the user of staff-61"):
            act.fn(person, "staff-61")
    assert (floor.leads(floor.address("visitor-4")), floor.prospects(floor.address("visitor-4"))) == ([], [])


def test_fill(floor: Showroom) -> None:
    """Only the fields that are asked for, known and empty are written; again nothing changes."""
    person = writer(floor, "visitor-5", company="Another")
    lead = lead_record(floor, "visitor-5")["Id"]
    for _ in range(2):
        assert leads.fill.fn(lead, person, (LeadField.COMPANY, LeadField.ATS))
        record = lead_record(floor, "visitor-5")
        assert (record["Company"], record["ATS__c"], record["Phone"]) == ("Tallowgate Foundation", "Hirewell", None)


@pytest.mark.parametrize("deleted", [True, False])
def test_lead_that_cannot_be_written_any_more(floor: Showroom, deleted: bool) -> None:
    """A lead that was converted or deleted meanwhile is said to be so, and needs no nurturing."""
    person, lead = writer(floor, "visitor-5"), str(lead_record(floor, "visitor-5")["Id"])
    floor.people.sdr.edit_lead(lead, SDR, Status="New")
    if deleted:
        floor.people.sdr.delete_lead(lead)
    else:
        floor.people.sdr.convert_lead(lead, SDR)
        floor.world.state["salesforce"]["records"]["Lead"][lead]["Status"] = "New"
    assert not leads.fill.fn(lead, person, (LeadField.ATS,))
    assert not leads.nurture.fn(lead)


@pytest.mark.parametrize(("status", "then"), [("New", "Nurturing"), ("Working", "Working")])
def test_nurture(floor: Showroom, status: str, then: str) -> None:
    """Only a lead that nobody works on is nurtured by us."""
    lead = str(lead_record(floor, "visitor-5")["Id"])
    floor.people.sdr.edit_lead(lead, SDR, Status=status)
    for _ in range(2):
        assert leads.nurture.fn(lead) is (then == "Nurturing")
    assert lead_record(floor, "visitor-5")["Status"] == then


# -- Outreach


def test_find_prospect(floor: Showroom) -> None:
    """Who has the address, in which stage, whether they want mails, and whether any sequence runs for them."""
    person = writer(floor, "visitor-5")
    assert prospects.find_prospect.fn(writer(floor)) == OutreachProspect()
    found = prospects.find_prospect.fn(person)
    assert found.id is not None
    assert found == OutreachProspect(id=found.id, stage="Working")
    floor.sales.add_to_sequence(OTHER_SDR, found.id, INTRO)
    assert prospects.find_prospect.fn(person).in_sequence
    prospects.end_intro.fn(found.id)
    assert not prospects.find_prospect.fn(person).in_sequence
    floor.sales.opt_out(found.id)
    assert prospects.find_prospect.fn(person).opted_out


@pytest.mark.parametrize("fault", FAULTS)
def test_create_prospect_once(floor: Showroom, fault: Fault) -> None:
    """One prospect of the SDR's is there after an answer was lost, and after another case too."""
    floor.world.misbehave("outreach", fault, match="POST /api/v2/prospects")
    made = again(lambda: prospects.create_prospect.fn(writer(floor), SDR))
    assert prospects.create_prospect.fn(writer(floor), OTHER_SDR) == made
    (prospect,) = floor.prospects(floor.address("visitor-4"))
    owner = prospect["relationships"]["owner"]["data"]["id"]
    assert str(owner) == floor.world.state["roster"]["staff"][SDR]["outreach_user"]
    assert prospect["attributes"]["company"] == "Hollowmere Kennels"


@pytest.mark.parametrize(("put", "sequence"), [(prospects.sequence, LEADS), (prospects.send_intro, INTRO)])
@pytest.mark.parametrize("fault", FAULTS)
def test_in_a_sequence_once(floor: Showroom, put: Any, sequence: str, fault: Fault) -> None:
    """Somebody is in a sequence once after an answer was lost, and taking them out twice is to do it once."""
    began = floor.world.now()
    prospect = prospects.create_prospect.fn(writer(floor), SDR)
    floor.world.misbehave("outreach", fault, match="POST /api/v2/sequenceStates")
    placed = again(lambda: put.fn(prospect, SDR, began))
    assert put.fn(prospect, SDR, began) == placed
    assert floor.sequences(floor.address("visitor-4")) == [(sequence, "active")]
    assert placed.ours
    for _ in range(2):
        prospects.take_out.fn(placed)
    assert floor.sequences(floor.address("visitor-4")) == [(sequence, "finished")]


def test_nobody_is_taken_out_of_what_others_put_them_into(floor: Showroom) -> None:
    """Who was in the sequence by an SDR's hand before the case stays in it when the case is called off."""
    prospect = prospects.create_prospect.fn(writer(floor), SDR)
    floor.sales.add_to_sequence(OTHER_SDR, prospect, INTRO)
    floor.engine.sleep(60)
    placed = prospects.send_intro.fn(prospect, SDR, floor.world.now())
    assert placed is not None
    prospects.take_out.fn(placed)
    prospects.take_out.fn(None)
    assert floor.sequences(floor.address("visitor-4")) == [(INTRO, "active")]


def test_ends(floor: Showroom) -> None:
    """Each end is that of its own sequence, and of none that others run."""
    began = floor.world.now()
    prospect = prospects.create_prospect.fn(writer(floor), SDR)
    prospects.sequence.fn(prospect, SDR, began)
    prospects.send_intro.fn(prospect, SDR, began)
    for _ in range(2):
        prospects.end_sequence.fn(prospect)
        assert sorted(floor.sequences(floor.address("visitor-4"))) == [(LEADS, "finished"), (INTRO, "active")]
    prospects.end_intro.fn(prospect)
    assert sorted(floor.sequences(floor.address("visitor-4"))) == [(LEADS, "finished"), (INTRO, "finished")]


def test_who_wants_no_mail(floor: Showroom) -> None:
    """Who has asked to be left alone since we looked is put into no sequence; any other refusal is one."""
    prospect = prospects.create_prospect.fn(writer(floor), SDR)
    floor.sales.opt_out(prospect)
    assert prospects.sequence.fn(prospect, SDR, floor.world.now()) is None
    assert prospects.send_intro.fn(prospect, SDR, floor.world.now()) is None
    other = prospects.create_prospect.fn(writer(floor, "visitor-6"), SDR)
    box = floor.world.state["roster"]["staff"][SDR]["outreach_mailbox"]
    floor.world.state["outreach"]["records"]["mailbox"][box]["attributes"]["sendDisabled"] = True
    with pytest.raises(Refused):
        prospects.sequence.fn(other, SDR, floor.world.now())


# -- Qualified


def test_write_qualified(floor: Showroom) -> None:
    """What Qualified has stays; what it lacks is written, also for a lead that its lists do not have yet."""
    first = prospects.write_qualified.fn(writer(floor, "visitor-6", company="Marlowe"))
    assert prospects.write_qualified.fn(writer(floor, "visitor-6", company="Another", phone="+1 555 0199")) == first
    fields = floor.in_qualified(floor.address("visitor-6"))
    assert fields == {"company": "Marlowe", "phone": "+1 555 0199"}


def test_open_chat(floor: Showroom) -> None:
    """The newest chat that is not over; none where all are."""
    lead = prospects.write_qualified.fn(writer(floor))
    chats = [floor.sales.chat("visitor-4", ["Hello"], SDR) for _ in range(2)]
    floor.engine.sleep(3600)
    assert prospects.open_chat.fn(lead) is None
    for chat in chats:
        floor.world.state["qualified"]["conversations"][chat]["endedAt"] = None
    assert prospects.open_chat.fn(lead) == chats[-1]


# -- what became of it


def facts(floor: Showroom, person: Told, **lead: Any) -> Facts:
    """A transfer whose new thread is there."""
    now = floor.world.now()
    conversation = Conversation(id=person.conversation)
    return Facts(conversation=conversation, introduced=now, thread=now, lead=Lead(known=ALL, **lead))


@pytest.mark.parametrize(("stage", "meetings", "disqualified"), [(BOOKED, 1, False), (DISQUALIFIED, 0, True)])
def test_stage(floor: Showroom, stage: str, meetings: int, disqualified: bool) -> None:
    """A stage says what became of a transfer where the prospect came to it since; one from before says nothing."""
    person = writer(floor, "visitor-5")
    known = facts(floor, person, outreach=prospects.find_prospect.fn(person))
    floor.engine.sleep(60)
    assert known.lead.outreach is not None
    floor.sales.set_stage(str(known.lead.outreach.id), stage)
    became = leads.outcome_now(person, known)
    assert (len(became.meetings), became.disqualified) == (meetings, disqualified)
    assert [one.status for one in became.meetings if one.made > known.introduced] == ["booked"] * meetings  # type: ignore[operator]
    before = facts(floor, person, outreach=prospects.find_prospect.fn(person))
    floor.sales.edit_prospect(str(known.lead.outreach.id), company="Elsewhere")
    assert leads.outcome_now(person, before) == leads.Outcome()


def test_status(floor: Showroom) -> None:
    """A lead is disqualified by its status in Salesforce, where it was not so already when it was looked for."""
    person = writer(floor, "visitor-5")
    known = facts(floor, person, match=leads.match.fn(person, None, None).match)
    lead = str(lead_record(floor, "visitor-5")["Id"])
    assert leads.outcome_now(person, known) == leads.Outcome()
    floor.people.sdr.edit_lead(lead, SDR, Status="Unqualified")
    assert leads.outcome_now(person, known).disqualified
    before = facts(floor, person, match=leads.match.fn(person, None, None).match)
    assert leads.outcome_now(person, before) == leads.Outcome()


def test_what_is_gone_says_nothing(floor: Showroom) -> None:
    """A lead, a prospect, a meeting and a contact that were deleted are looked for without a fault."""
    person = writer(floor)
    gone = Match(at=floor.world.now(), records=(Record(id=long("00Q000000000001")),))
    known = facts(floor, person, match=gone, outreach=OutreachProspect(id="999999"))
    del floor.world.state["qualified"]["meetings"][floor.sales.book_meeting("visitor-4")]
    floor.engine.sleep(1860)
    assert leads.outcome_now(person, known) == leads.Outcome()
    floor.people.teammate.delete(person.conversation)
    assert leads.outcome_now(person, known) == leads.Outcome()


def test_meetings(floor: Showroom) -> None:
    """A meeting counts from the half hour on after which its visit is listed, a day before it is listed itself."""
    person = writer(floor)
    known = facts(floor, person)
    floor.engine.sleep(60)
    booked = floor.world.now()
    meeting = floor.sales.book_meeting("visitor-4")
    floor.engine.sleep(1860)
    (found,) = leads.outcome_now(person, known).meetings
    assert (found.status, found.made) == ("booked", booked.replace(microsecond=0))
    floor.engine.sleep(timedelta(days=2).total_seconds())
    floor.world.state["qualified"]["meetings"][meeting]["status"] = "canceled"
    assert [one.status for one in leads.outcome_now(person, known).meetings] == ["canceled"]


@pytest.mark.parametrize(
    ("state", "delivered", "failed"), [("finished", True, False), ("bounced", False, True), ("active", False, False)]
)
def test_introduction(floor: Showroom, state: str, delivered: bool, failed: bool) -> None:
    """Until the new thread is there it is looked whether the introduction to support has arrived, or cannot."""
    person, began = writer(floor), floor.world.now()
    prospect = prospects.create_prospect.fn(person, SDR)
    placed = prospects.send_intro.fn(prospect, SDR, began)
    assert placed is not None
    known = facts(floor, person, outreach=OutreachProspect(id=prospect), intro=began).model_copy(
        update={"thread": None}
    )
    floor.engine.sleep(60)
    sent = floor.world.now().replace(microsecond=0)
    if state == "finished":
        floor.sales.send_step(placed.state)
    if state == "bounced":
        found = floor.world.state["outreach"]["records"]["sequenceState"][placed.state]["attributes"]
        found |= {"state": "bounced", "bounceCount": 1}
    became = leads.outcome_now(person, known)
    assert became.intro_failed is failed
    assert became.intro_delivered == (sent if delivered else None)
    assert floor.sequences(floor.address("visitor-4")) == [(INTRO, state)]


def test_pages(floor: Showroom) -> None:
    """A lead and a contact have each its own page."""
    known = systems.current()
    page = "https://org.example/lightning/r/Lead/{lead}/view"
    systems.use(replace(known, places=replace(known.places, lead_page=page)))
    assert leads.link_to("00Q1") == "https://org.example/lightning/r/Lead/00Q1/view"
    assert leads.link_to("0031") == "https://org.example/lightning/r/Contact/0031/view"


def test_sealed_words_stay_sealed(floor: Showroom) -> None:
    """What a step is told of somebody, and what the case file keeps of that, has references and no words."""
    person = writer(floor, company="Marlowe Kennels")
    assert "Marlowe" not in person.model_dump_json()
    assert isinstance(person.values[LeadField.COMPANY], ConfidentialText)
