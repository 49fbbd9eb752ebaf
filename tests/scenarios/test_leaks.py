"""Nothing personal and nothing secret is in what we keep, show or log."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from casework import schema
from casework.engine.simulated import Run
from casework.people import Invitation, Person
from casework.sandbox import mailing
from casework.sandbox.misbehave import Fault
from flows.sales_transfer_forms import Booking, LeadTake
from flows.sales_transfer_lead_forms import Knowledge
from flows.sales_transfer_mail_forms import Meant, Taking
from tests.desk import SECRET
from tests.scenarios import concerns
from tests.scenarios.deliveries import deliver
from tests.scenarios.escalations import Agency
from tests.scenarios.office import Office
from tests.scenarios.sales import AGENT, SDR, Showroom

DENIAL = "because of the Grimsdyke-Allard claim"
EXEMPTION = "as agreed with Ulverstone-Pike by telephone"
ROW = "planted-row-4b7e"


def _delivered(office: Office) -> Run:
    return deliver(office)[1]


def _denied(office: Office) -> Run:
    ticket, run = office.ask("user-88")
    office.reply(ticket)
    office.note(ticket, "staff-13", f"#deny {DENIAL}")
    assert office.ending(run) == "denied: staff-13"
    return run


def _denied_by_form(office: Office) -> Run:
    ticket, run = office.ask("user-88")
    office.reply(ticket)
    code = office.code(run, "staff-13")
    office.engine.type_in(run.case_id, {"verdict": "deny", "reason": DENIAL, "your_code": code})
    office.settle()
    assert office.ending(run) == "denied: staff-13"
    return run


def _exempted_then_withdrawn(office: Office) -> Run:
    _, run = office.ask("user-92")
    office.answer(run, "staff-41", decision="go on", reason=EXEMPTION)
    office.advance(days=20)
    assert office.ending(run) == "withdrawn"
    return run


def _wrong_team(office: Office) -> Run:
    ticket, run = office.ask("user-81")
    office.reply(ticket)
    office.make(run, "team-102", "wrong-team-row")
    office.answer(run, "staff-41", decision="end the case")
    assert office.ending(run) == "cancelled"
    return run


def _parked(office: Office) -> Run:
    for vendor, match in (("dropbox", "POST /2/files/upload"), ("zendesk", "PUT")):
        office.world.misbehave(vendor, Fault.server_error(), times=30, match=match)
    _, run = office.ask("user-84")
    assert any(wait.startswith("fault>") for wait in office.waiting(run))
    return run


def _unverified(office: Office) -> Run:
    office.write_from("user-83", "cornelius@elsewhere-77aa.example", known=True)
    ticket, run = office.ask("user-83")
    office.reply(ticket, "Our board asked for an archive after the Wexcombe-Ruddle merger")
    office.advance(days=15)
    assert office.ending(run) == "unverified"
    return run


def secrets_of(office: Office, run: Run) -> dict[str, str]:
    """What may be known to one person each, and to no record: codes, tokens, links, keys, reasons."""
    found = {"denial": DENIAL, "exemption": EXEMPTION, "row": ROW, "secret": SECRET.decode()}
    for wait in {entry.key for entry in office.entries(run) if entry.kind.value == "body:question:asked"}:
        for staff in office.world.state["roster"]["staff"]:
            asked = Invitation(case_id=run.case_id, wait=wait, person=Person(id=staff))
            found[f"code of {staff} for {wait}"] = asked.code(SECRET)
            found[f"token of {staff} for {wait}"] = asked.token(SECRET)
    link = office.delivery.links.of_deliverable(run.case_id)
    if link is not None:
        found["link"] = office.delivery.links.token(link.link_id)
    return found | {f"credential {name}": value for name, value in office.world.credentials.items()}


def kept(office: Office, run: Run, log: str) -> dict[str, bytes]:
    """Everything that outlives a step: the case database with its WAL, the engine's pages, the log."""
    files = {path.name: path.read_bytes() for path in office.folder.iterdir() if path.name.startswith("cases.db")}
    assert "cases.db-wal" in files
    standing = run.standing
    assert standing is not None
    shown = [standing.name, *standing.tags, standing.story, *run.tasks, *run.progress, str(run.typed)]
    if run.pause is not None:
        shown += [run.pause.question, str(run.pause.form.model_json_schema())]
    entries = str(office.entries(run))
    return files | {"pages": "\n".join(shown).encode(), "log": log.encode(), "file": entries.encode()}


@pytest.mark.parametrize(
    "path", [_delivered, _denied, _denied_by_form, _exempted_then_withdrawn, _wrong_team, _parked, _unverified]
)
def test_nothing_leaks(office: Office, path: Callable[[Office], Run], caplog: pytest.LogCaptureFixture) -> None:
    """No name, address, domain, message text, reason, code, token, key or row is kept, shown or logged."""
    with caplog.at_level(logging.DEBUG):
        run = path(office)
    places = kept(office, run, caplog.text + "".join(str(vars(record)) for record in caplog.records))
    needles = {text: text for text in office.world.planted} | secrets_of(office, run)
    leaks = [
        f"{name} in {place}"
        for place, content in places.items()
        for name, needle in needles.items()
        if needle.lower().encode() in content.lower()
    ]
    assert leaks == []


def test_the_search_finds_what_there_is(office: Office) -> None:
    """The same search finds a team's id in every place but the log: it looks where things are."""
    run = _delivered(office)
    found = [place for place, content in kept(office, run, "").items() if b"team-104" in content]
    assert {"cases.db-wal", "pages", "file"} <= set(found)


# -- a concern about name or gender

OWN_NAME = "Quillon-Reth Øsk"
WRONG_NAME = "Quillon-Reff"
GENDER = "Self-described"
STORY = "You wrote to Tobermory Skellwright as if I were not transgender and NON‑BINARY, by my deadname"
NEEDED = "Which of the two Hethersgill profiles?"
ANSWERED = "The Hethersgill one with the heron"
SAID = (OWN_NAME, WRONG_NAME, GENDER, STORY, NEEDED, ANSWERED, "Skellwright", "Hethersgill", "Øsk")
WORDS = ("transgender", "non-binary", "non‑binary", "deadname")


def _concern(agency: Agency) -> Run:
    """Two rounds with Safety, a question to the member, a wrong name typed, the account changed, the reply sent."""
    case = agency.open("member-5", f"About {STORY[:40]}", STORY)
    run = agency.run(case, concerns.PROCESS)
    open_still = "still open: Tier 2 has to do or to answer something"
    concerns.say(agency, run, "member-review/1", "staff-91", decision=open_still, needed=NEEDED)
    concerns.say(agency, run, "safety-needs/1", "staff-81", decision="answered: they are asked again", answer=ANSWERED)
    concerns.say(agency, run, "member-review/2", "staff-91", decision="settled: nothing is open for us")
    asks = "both, name and gender"
    concerns.say(agency, run, "concern/1", "staff-81", decision="the member has to be asked", asks=asks)
    agency.mail(case, f"{OWN_NAME}, {GENDER}, and not {WRONG_NAME}")
    return run


def _answered(agency: Agency) -> Run:
    run = _concern(agency)
    reply = {"decision": "ready for the reply", "topic": "account-change", "change": "name and gender"}
    concerns.say(agency, run, "concern/2", "staff-82", name=OWN_NAME, gender=GENDER, **reply)
    right = "the name is right: send the reply"
    code = agency.code(run, "staff-83")
    agency.engine.type_in(run.case_id, {"decision": right, "name": WRONG_NAME, "your_code": code})
    agency.settle()
    concerns.say(agency, run, "reply-name/2", "staff-83", decision=right, name=OWN_NAME)
    assert agency.ending(run) == "resolved"
    return run


def _refused(agency: Agency) -> Run:
    """Salesforce is broken when another name is to be shown, and the operators end the case."""
    run = _concern(agency)
    reply = {"decision": "ready for the reply", "topic": "account-change", "change": "name and gender"}
    concerns.say(agency, run, "concern/2", "staff-82", name=OWN_NAME, gender=WRONG_NAME, **reply)
    agency.world.misbehave("salesforce", Fault.server_error(), times=60, match="POST")
    concerns.say(agency, run, "reply-name/1", "staff-82", decision="another name", name=OWN_NAME)
    (wait,) = agency.waiting(run)
    assert wait.startswith("fault>")
    agency.world.state["faults"]["salesforce"].clear()
    agency.answer(run, "staff-41", verdict="end the case", reason=NEEDED)
    assert agency.ending(run) == "cancelled"
    return run


def _open_still(agency: Agency) -> Run:
    """Names and texts are sealed while the case is open."""
    run = _concern(agency)
    reply = {"decision": "ready for the reply", "topic": "safety"}
    concerns.say(agency, run, "concern/2", "staff-82", name=OWN_NAME, **reply)
    assert agency.waiting(run) == ["reply-name/1"]
    return run


@pytest.mark.parametrize("path", [_answered, _refused, _open_still])
def test_nothing_of_a_concern_leaks(
    agency: Agency, path: Callable[[Agency], Run], caplog: pytest.LogCaptureFixture
) -> None:
    """No name, old or own, no gender, no text of anybody and no key word is kept, shown, logged or told in Slack."""
    with caplog.at_level(logging.DEBUG):
        run = path(agency)
    log = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    places = kept(agency, run, log)
    places["slack"] = "".join(text for staff in concerns.STAFF for text in agency.slack(staff)).encode()
    runs = [one for one in agency.engine.runs.values() if one.parameters.get("case") == run.parameters["case"]]
    places["parameters"] = str([one.parameters for one in runs]).encode()
    places["files"] = str([agency.entries(one) for one in runs]).encode()
    needles = {*agency.world.planted, *agency.world.credentials.values(), *SAID, *WORDS}
    texts = {place: content.decode(errors="replace").lower() for place, content in places.items()}
    assert [(needle, place) for place, text in texts.items() for needle in needles if needle.lower() in text] == []
    with agency.files.reading() as connection:
        sealed = connection.execute(select(func.count()).select_from(schema.texts)).scalar_one()
    assert (sealed == 0) is (agency.ending(run) is not None)


def test_what_a_concern_leaks_would_be_found(agency: Agency) -> None:
    """What is kept is searched where it is: the rule that matched is in the file, the names are in Salesforce."""
    run = _answered(agency)
    case = run.parameters["case"]
    assert any(entry.payload.get("result") == "k3" for entry in agency.entries(run))
    assert any(OWN_NAME in text for text in agency.comments(case))
    assert any(NEEDED in text for text in agency.comments(case))
    assert b"safety-needs" in kept(agency, run, "")["cases.db-wal"]


# -- a transfer between support and sales

WROTE = "Ought the Fothergill-Amari branch to pay for both?"
MAILED = "Ask for Ermintrude at Lockington-Sze; the importer stops"
ADDRESS = "ermintrude@lockington-8c1d.example"
TYPED = {
    "company": "Lockington-Sze & Daughters",
    "ats": "Bramblehire Nine",
    "website": "https://lockington-8c1d.example",
    "phone": "+1 555 010 4477",
}


def _lead_of_sales(room: Showroom) -> Run:
    """A lead without an address writes, and writes again; the SDR types who it is; a meeting is booked."""
    contact = room.world.state["roster"]["visitors"]["visitor-6"]["contact_id"]
    room.world.state["intercom"]["contacts"][contact]["email"] = ""
    run = room.ask_sales("visitor-6", "Pricing", WROTE)
    room.take(run)
    room.again(run, f"{WROTE} Again.")
    room.sent(run)
    room.say(run, "missing-fields", SDR, decision=Knowledge.KNOWN.value, email=ADDRESS, employee_count=4711, **TYPED)
    room.advance(minutes=20)
    (made,) = room.leads(ADDRESS)
    assert made["Company"] == TYPED["company"]
    assert len(room.prospects(ADDRESS)) == 1
    return run


def _booked(room: Showroom) -> Run:
    run = _lead_of_sales(room)
    room.say(run, "outcome", SDR, decision=Booking.BOOKED.value)
    assert room.ending(run) == "handed_over: lead"
    return run


def _vendors_refuse(room: Showroom) -> Run:
    """Outreach, Salesforce and Intercom fail in the middle: the case is parked, and what they said is nowhere."""
    for vendor in ("outreach", "salesforce", "qualified"):
        room.world.misbehave(vendor, Fault.server_error(), times=30, match="POST")
    run = room.ask_sales("visitor-4", "Pricing", WROTE)
    room.take(run, decision=LeadTake.TECHNICAL.value)
    assert room.asked(run).startswith("fault>")
    return run


def _mail_of_sales(room: Showroom) -> Run:
    """A mail that does not show the customer: the SDR types the address; the conversation is open still."""
    room.mail(mailing.SUPPORT, text=MAILED)
    run = room.run()
    room.say(run, "which-customer", SDR, decision=Meant.GIVEN.value, address=ADDRESS)
    assert room.asked(run) == "support-take"
    return run


def _mail_taken(room: Showroom) -> Run:
    run = _mail_of_sales(room)
    room.say(run, "support-take", AGENT, decision=Taking.MINE.value)
    assert room.ending(run) == "handed_over: support"
    return run


@pytest.mark.parametrize("path", [_lead_of_sales, _booked, _vendors_refuse, _mail_of_sales, _mail_taken])
def test_nothing_of_a_transfer_leaks(
    showroom: Showroom, path: Callable[[Showroom], Run], caplog: pytest.LogCaptureFixture
) -> None:
    """No name, address, company, text of anybody, typed field, token or key is kept, shown, logged or told in Slack."""
    with caplog.at_level(logging.DEBUG):
        run = path(showroom)
    places = kept(showroom, run, caplog.text + "".join(str(vars(record)) for record in caplog.records))
    told = [text for staff in showroom.world.state["roster"]["staff"] for text in showroom.slack(staff)]
    places |= {"slack": "".join(told).encode(), "parameters": str(run.parameters).encode()}
    typed = {WROTE, MAILED, ADDRESS, "Ermintrude", "Lockington", "lockington-8c1d", *TYPED.values()}
    needles = {*showroom.world.planted, *showroom.world.credentials.values(), *typed}
    texts = {place: content.decode(errors="replace").lower() for place, content in places.items()}
    assert [(needle, place) for place, text in texts.items() for needle in needles if needle.lower() in text] == []
    with showroom.files.reading() as connection:
        sealed = connection.execute(select(func.count()).select_from(schema.texts)).scalar_one()
    typed_by_somebody = path is not _vendors_refuse
    assert (sealed > 0) is (typed_by_somebody and showroom.ending(run) is None)


def test_what_a_transfer_leaks_would_be_found(showroom: Showroom) -> None:
    """What is kept is searched where it is: the number of employees is in the file, the words are in Intercom."""
    run = _lead_of_sales(showroom)
    places = kept(showroom, run, "")
    assert all(b"4711" in places[place] for place in ("file", "cases.db-wal"))
    assert WROTE in showroom.conversation(showroom.about(run))["source"]["body"]
    assert b"missing-fields" in places["pages"]
