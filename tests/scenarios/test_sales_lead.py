"""Sales has a lead: found by e-mail before anything is made, asked about once, filled up, followed until the end."""

from __future__ import annotations

from typing import Any

import pytest

from casework.engine.simulated import Run
from casework.sandbox import seed_leads, seed_sales
from flows.sales_transfer_forms import Booking
from flows.sales_transfer_lead_forms import Knowledge, Pointed
from policies.sales_transfer import NUMBERS
from tests.scenarios.endings import assert_closed
from tests.scenarios.sales import MANAGER, OTHER_SDR, SDR, Showroom

NEW, KNOWN, NAMELESS = "visitor-4", "visitor-5", "visitor-6"
"""Of whom Qualified has a little, everything (and so has Salesforce, nearly), and nothing."""
TYPED = {"ats": "Greengrass ATS", "website": "https://thornapple-19c2.example", "phone": "+1 555 0177"}
BOOKED = "handed_over: lead"


def lead(room: Showroom, visitor: str = NEW, topic: str = "Pricing") -> Run:
    """An SDR has taken a lead and written to them."""
    run = room.ask_sales(visitor, topic)
    room.take(run)
    room.sent(run)
    return run


def synced(room: Showroom, visitor: str = NEW) -> Run:
    """The same, and the time of Intercom's own sync is over."""
    run = lead(room, visitor)
    room.advance(minutes=NUMBERS.lead.sync_minutes + 1)
    return run


def tell(room: Showroom, run: Run, **known: Any) -> None:
    """The SDR says what they know of the lead; nothing, if there is nothing."""
    decision = Knowledge.KNOWN if known else Knowledge.NOTHING
    room.say(run, "missing-fields", SDR, decision=decision.value, **known)


def followed(room: Showroom, visitor: str = NEW, **known: Any) -> Run:
    """The lead is everywhere, and what becomes of it is followed."""
    run = synced(room, visitor)
    if visitor != KNOWN:
        tell(room, run, **known)
    assert room.asked(run) == "outcome", room.waiting(run)
    return run


def user(room: Showroom, staff: str) -> str:
    """A colleague's user in Salesforce."""
    return seed_leads.salesforce_id(room.world, staff)


def of_salesforce(room: Showroom) -> list[str]:
    """What was changed in Salesforce."""
    return [name for name in room.wire.passed if name.startswith(("salesforce POST", "salesforce PATCH"))]


def tags(run: Run) -> tuple[str, ...]:
    """What the engine's pages show of a run beside its name."""
    assert run.standing is not None
    return tuple(run.standing.tags)


# -- in Salesforce, Qualified and Outreach


def test_a_new_lead(showroom: Showroom) -> None:
    """The sync has its time; asked once for all that is missing; made once, the SDR's; in Qualified, in the sequence;
    a meeting, and the sequence ends."""
    run = lead(showroom)
    number, address = showroom.about(run), showroom.address(NEW)
    assert showroom.state(number) == "closed"
    assert showroom.asked(run) == "sync"
    assert showroom.leads(address) == []
    showroom.advance(minutes=NUMBERS.lead.sync_minutes + 1)
    assert "applicant tracking" in showroom.question(run)
    assert "how many employees" not in showroom.question(run)
    assert showroom.leads(address) == []
    tell(showroom, run, **TYPED)
    made = showroom.lead(NEW)
    assert made["OwnerId"] == user(showroom, SDR)
    assert (made["Company"], made["NumberOfEmployees"]) == ("Hollowmere Kennels", 85)
    assert (made["ATS__c"], made["Website"], made["Phone"]) == tuple(TYPED.values())
    assert (made["FirstName"], made["LastName"]) == ("Quillon", "Marchbanks-Teasdale")
    known = showroom.in_qualified(address)
    assert known is not None
    assert known["employee_count"] == 85
    assert {name: known[name] for name in TYPED} == TYPED
    (found,) = showroom.prospects(address)
    owner = showroom.world.state["roster"]["staff"][SDR]["outreach_user"]
    assert str(found["relationships"]["owner"]["data"]["id"]) == owner
    assert [sequence for sequence, _ in showroom.sequences(address)] == [seed_sales.LEADS]
    assert showroom.asked(run) == "outcome"
    showroom.sales.book_meeting(NEW)
    showroom.look()
    assert_closed(showroom, run, BOOKED)
    assert "with:ae-small-business" in tags(run)
    assert showroom.sequences(address) == [(seed_sales.LEADS, "finished")]
    assert showroom.told(run).count("missing-fields") == 1


def test_made_by_the_sync(showroom: Showroom) -> None:
    """Intercom's own sync makes the lead meanwhile: no second one, the queue keeps it, what it lacks is filled in."""
    run = lead(showroom)
    showroom.people.sdr.sync_lead(showroom.address(NEW), "Quillon Marchbanks-Teasdale")
    showroom.advance(minutes=NUMBERS.lead.sync_minutes + 1)
    assert "how many employees" not in showroom.question(run)
    tell(showroom, run, ats="Greengrass ATS")
    made = showroom.lead(NEW)
    assert (made["Company"], made["ATS__c"], made["NumberOfEmployees"]) == ("Hollowmere Kennels", "Greengrass ATS", 85)
    assert (made["OwnerId"], made["Phone"]) == (seed_leads.QUEUE, None)
    assert showroom.asked(run) == "outcome"


def test_a_known_lead(showroom: Showroom) -> None:
    """Who is in Salesforce and Outreach already stays theirs who have them: only what is empty is filled in; nobody is
    asked for what Qualified knows."""
    before = dict(showroom.lead(KNOWN))
    theirs = showroom.prospect(KNOWN)
    run = followed(showroom, KNOWN)
    now = showroom.lead(KNOWN)
    changed = {name for name in now if now[name] != before[name]} - {"LastModifiedById"}
    assert {name for name in changed if not name.endswith(("Date", "Modstamp"))} == {"ATS__c", "Website", "Phone"}
    assert now["ATS__c"] == "Hirewell"
    assert showroom.prospect(KNOWN) == theirs
    assert [sequence for sequence, _ in showroom.sequences(showroom.address(KNOWN))] == [seed_sales.LEADS]
    assert "missing-fields" not in showroom.told(run)


def test_several_records(showroom: Showroom) -> None:
    """Two leads with the address: the SDR says which counts; the other is left alone, and no third comes."""
    address = showroom.address(KNOWN)
    other = showroom.people.sdr.add_lead(OTHER_SDR, address)
    run = lead(showroom, KNOWN)
    assert other in showroom.question(run)
    showroom.say(run, "which-record", SDR, decision=Pointed.NAMED.value, record=other[:15])
    assert showroom.asked(run) == "outcome"
    first, second = showroom.leads(address)
    assert (second["Id"], second["ATS__c"], first["ATS__c"]) == (other, "Hirewell", None)


def test_merged(showroom: Showroom) -> None:
    """The SDR merges them in Salesforce and has it looked again."""
    address = showroom.address(KNOWN)
    other = showroom.people.sdr.add_lead(OTHER_SDR, address)
    run = lead(showroom, KNOWN)
    showroom.people.sdr.delete_lead(other)
    showroom.say(run, "which-record", SDR, decision=Pointed.LOOK_AGAIN.value)
    assert showroom.asked(run) == "outcome"
    assert showroom.lead(KNOWN)["ATS__c"] == "Hirewell"


def test_another_s_record(showroom: Showroom) -> None:
    """A record of somebody else's is none of theirs, however it is named: it is asked again, and it stays as it is."""
    address = showroom.address(KNOWN)
    showroom.people.sdr.add_lead(OTHER_SDR, address)
    stranger = showroom.world.state["roster"]["leads"]["lead-2"]["lead_id"]
    before = dict(showroom.world.state["salesforce"]["records"]["Lead"][stranger])
    run = lead(showroom, KNOWN)
    showroom.say(run, "which-record", SDR, decision=Pointed.NAMED.value, record=stranger)
    assert showroom.asked(run) == "which-record"
    assert showroom.world.state["salesforce"]["records"]["Lead"][stranger] == before


def test_converted(showroom: Showroom) -> None:
    """A converted lead is locked and its contact is its account's: nothing is written, nothing is made."""
    converted = showroom.lead(KNOWN)["Id"]
    showroom.people.sdr.convert_lead(converted, OTHER_SDR)
    run = synced(showroom, KNOWN)
    assert showroom.asked(run) == "outcome"
    assert showroom.lead(KNOWN)["ATS__c"] is None
    assert len(showroom.prospects(showroom.address(KNOWN))) == 1


def test_converted_only(showroom: Showroom) -> None:
    """Its contact has another address by now: the SDR says whether this lead counts; it stays locked."""
    converted = showroom.lead(KNOWN)["Id"]
    contact = showroom.people.sdr.convert_lead(converted, OTHER_SDR)
    showroom.world.state["salesforce"]["records"]["Contact"][contact]["Email"] = "elsewhere@tallowgate-c94e.example"
    run = lead(showroom, KNOWN)
    assert "converted leads only" in showroom.question(run)
    showroom.say(run, "which-record", SDR, decision=Pointed.NAMED.value, record=converted)
    showroom.advance(minutes=NUMBERS.lead.sync_minutes + 1)
    assert showroom.asked(run) == "outcome"
    assert showroom.lead(KNOWN)["ATS__c"] is None


def test_time_passes(showroom: Showroom) -> None:
    """Nobody says what is missing: the manager hears of it; after five working days it goes on without, asked once."""
    run = synced(showroom, NAMELESS)
    assert showroom.asked(run) == "missing-fields"
    showroom.advance(days=2.1)
    assert any("missing-fields" in text for text in showroom.slack(MANAGER))
    assert showroom.leads(showroom.address(NAMELESS)) == []
    showroom.advance(days=5.5)
    assert showroom.asked(run) == "outcome"
    made = showroom.lead(NAMELESS)
    assert (made["Company"], made["Phone"], made["LastName"]) == (NUMBERS.lead.unknown, None, "Farthingale-Boe")
    assert showroom.told(run).count("missing-fields") == 1
    showroom.sales.book_meeting(NAMELESS)
    showroom.say(run, "outcome", SDR, decision=Booking.BOOKED.value)
    assert "with:sales-manager" in tags(run)


def test_without_address(showroom: Showroom) -> None:
    """A visitor without an e-mail address: what the SDR types is looked for everywhere before anything is made."""
    contact = showroom.world.state["roster"]["visitors"][NAMELESS]["contact_id"]
    showroom.world.state["intercom"]["contacts"][contact]["email"] = ""
    run = lead(showroom, NAMELESS)
    assert "the e-mail address" in showroom.question(run)
    tell(showroom, run, email=showroom.address(KNOWN))
    showroom.advance(minutes=NUMBERS.lead.sync_minutes + 1)
    assert showroom.asked(run) == "outcome"
    assert showroom.lead(KNOWN)["ATS__c"] == "Hirewell"
    assert len(showroom.prospects(showroom.address(KNOWN))) == 1


def test_never_an_address(showroom: Showroom) -> None:
    """Nobody knows the address: nothing is made anywhere, and the SDR is asked only what became of it."""
    contact = showroom.world.state["roster"]["visitors"][NAMELESS]["contact_id"]
    showroom.world.state["intercom"]["contacts"][contact]["email"] = ""
    run = lead(showroom, NAMELESS)
    before = len(of_salesforce(showroom))
    tell(showroom, run)
    assert "no e-mail address" in showroom.question(run)
    assert len(of_salesforce(showroom)) == before
    showroom.say(run, "outcome", SDR, decision=Booking.NOTHING.value)
    assert_closed(showroom, run, BOOKED)


def test_not_overwritten(showroom: Showroom) -> None:
    """What a colleague wrote into Salesforce while the SDR was asked stays, whatever the SDR types."""
    showroom.people.sdr.sync_lead(showroom.address(NAMELESS))
    run = lead(showroom, NAMELESS)
    made = showroom.lead(NAMELESS)["Id"]
    showroom.people.sdr.edit_lead(made, OTHER_SDR, Phone="+1 555 0100")
    tell(showroom, run, phone="+1 555 0199", company="Thornapple", employee_count=2400)
    now = showroom.lead(NAMELESS)
    assert (now["Phone"], now["Company"], now["NumberOfEmployees"]) == ("+1 555 0100", "Thornapple", 2400)


def test_deleted_meanwhile(showroom: Showroom) -> None:
    """The lead is deleted in Salesforce while the SDR is asked: one is made, and it is whole."""
    showroom.people.sdr.sync_lead(showroom.address(NAMELESS))
    run = lead(showroom, NAMELESS)
    showroom.people.sdr.delete_lead(showroom.lead(NAMELESS)["Id"])
    tell(showroom, run, phone="+1 555 0199")
    showroom.advance(minutes=NUMBERS.lead.sync_minutes + 1)
    assert showroom.lead(NAMELESS)["Phone"] == "+1 555 0199"
    assert showroom.asked(run) == "outcome"


def test_twice_the_same_person(showroom: Showroom) -> None:
    """Two conversations of one person: one lead, one prospect, once in the sequence."""
    first, second = lead(showroom), lead(showroom)
    showroom.advance(minutes=NUMBERS.lead.sync_minutes + 1)
    tell(showroom, first, **TYPED)
    tell(showroom, second, phone="+1 555 0199")
    assert showroom.asked(first) == showroom.asked(second) == "outcome"
    assert showroom.lead(NEW)["Phone"] == TYPED["phone"]
    assert showroom.lead(NEW)["ATS__c"] == TYPED["ats"]
    assert len(showroom.sequences(showroom.address(NEW))) == 1


# -- mails of Outreach


@pytest.mark.parametrize("why", ["opted out", "other sequence"])
def test_no_mails(showroom: Showroom, why: str) -> None:
    """Who wants no mail, or is in somebody's sequence already, is put into none; the SDR reads why."""
    address, theirs = showroom.address(KNOWN), showroom.prospect(KNOWN)
    if why == "opted out":
        showroom.sales.opt_out(theirs)
    else:
        showroom.sales.add_to_sequence(OTHER_SDR, theirs, seed_sales.LEADS)
    run = followed(showroom, KNOWN)
    said = "the lead wants none" if why == "opted out" else "in another sequence already"
    assert said in showroom.question(run)
    assert len(showroom.sequences(address)) == (0 if why == "opted out" else 1)
    showroom.say(run, "outcome", SDR, decision=Booking.BOOKED.value)
    assert_closed(showroom, run, BOOKED)
    assert [state for _, state in showroom.sequences(address) if state == "finished"] == []


# -- what became of it


@pytest.mark.parametrize("segment", NUMBERS.segments)
def test_whose_meeting(showroom: Showroom, segment: Any) -> None:
    """Whose account executive meets the lead goes by its employees."""
    run = synced(showroom, NAMELESS)
    tell(showroom, run, employee_count=segment.from_employees)
    assert segment.account_executive in showroom.question(run)
    showroom.say(run, "outcome", SDR, decision=Booking.BOOKED.value)
    assert_closed(showroom, run, BOOKED)
    assert f"with:{segment.account_executive}" in tags(run)


@pytest.mark.parametrize(
    ("what", "ending"),
    [
        ("meeting", BOOKED),
        ("rescheduled", BOOKED),
        ("stage", BOOKED),
        ("disqualified stage", BOOKED),
        ("status", BOOKED),
        ("canceled", None),
        ("nurturing", None),
    ],
)
def test_seen(showroom: Showroom, what: str, ending: str | None) -> None:
    """A meeting in Qualified, Outreach's stages and Salesforce's status are seen without anybody's answer."""
    run = followed(showroom, KNOWN)
    theirs, made = showroom.prospect(KNOWN), showroom.lead(KNOWN)["Id"]
    match what:
        case "meeting":
            showroom.sales.book_meeting(KNOWN)
        case "rescheduled" | "canceled":
            showroom.sales.book_meeting(KNOWN, what)
        case "stage":
            showroom.sales.set_stage(theirs, seed_sales.BOOKED)
        case "disqualified stage":
            showroom.sales.set_stage(theirs, seed_sales.DISQUALIFIED)
        case "status" | "nurturing":
            status = "Unqualified" if what == "status" else "Nurturing"
            showroom.people.sdr.edit_lead(made, OTHER_SDR, Status=status)
    showroom.look()
    assert showroom.ending(run) == ending
    ((_, state),) = showroom.sequences(showroom.address(KNOWN))
    assert (state == "finished") is (ending is not None)


def test_an_earlier_meeting(showroom: Showroom) -> None:
    """A meeting from before the transfer, and a stage and a status that stood there already, say nothing about it."""
    showroom.sales.book_meeting(KNOWN)
    showroom.sales.set_stage(showroom.prospect(KNOWN), seed_sales.BOOKED)
    showroom.people.sdr.edit_lead(showroom.lead(KNOWN)["Id"], OTHER_SDR, Status="Unqualified")
    showroom.advance(hours=1)
    run = followed(showroom, KNOWN)
    showroom.look()
    assert showroom.asked(run) == "outcome"


def test_stalled(showroom: Showroom) -> None:
    """After 14 days without a word the SDR's manager hears of it; the sequence goes on, which is the SDR's."""
    run = followed(showroom, KNOWN)
    showroom.advance(days=13.9)
    assert showroom.ending(run) is None
    showroom.advance(days=0.3)
    assert_closed(showroom, run, "stalled: lead")
    assert [head for head in showroom.heads(MANAGER) if "stands still" in head]
