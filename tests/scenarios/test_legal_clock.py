"""The legal clock of a privacy request: started beside it, warned of, missed, extended, suspended, ended by the answer.

Received on Monday, 2 March 2026. The GDPR's month ends with 2 April in Berlin, the CCPA's 45 days with 16 April in Los
Angeles.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import select

from casework import tick
from casework.answer import Accepted, Refused
from casework.case import Kind
from casework.clock import Days
from casework.engine.simulated import Run
from casework.inbox import Question, open_questions
from casework.sandbox import salesforce_records as records
from casework.sandbox.salesforce_records import PLATFORM
from casework.schema import waits
from casework.story import timeline
from deployments.triggers import ESCALATIONS
from flows.asking import office
from policies.legal_clock_watch import Reasons, Said
from policies.tier2_intake import Process
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency

PRIVACY = "staff-95"
GDPR_ENDS = datetime(2026, 4, 2, 22, tzinfo=UTC)
CCPA_ENDS = datetime(2026, 4, 17, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _look_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock looks once a week by itself, which makes weeks pass faster here."""
    monkeypatch.setattr(import_module("flows.legal_clock"), "look_every", Days(7, office))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the clock is started: what `privacy-request` does is played by people."""
    monkeypatch.setitem(ESCALATIONS, Process.PRIVACY, ("legal-clock",))


def received(agency: Agency) -> tuple[str, Run]:
    """A member asks for their data; Salesforce's case and the clock's run."""
    case = agency.open("member-1", "DSAR")
    return case, agency.run(case, "legal-clock")


def answered(agency: Agency, case: str, status: str = "Completed") -> None:
    """An agent makes the privacy request in Salesforce, and somebody sets its status."""
    agency.people.tier2.request_privacy(case, "staff-81", "Access Data")
    complete(agency, case, status)


def complete(agency: Agency, case: str, status: str = "Completed") -> None:
    """Somebody sets the status of the case's privacy requests in Salesforce."""
    with agency.world.changing(), records.requesting(agency.world, PLATFORM) as request:
        for one in agency.records("Privacy_Request__c"):
            if one["Case__c"] == case:
                records.update(request, "Privacy_Request__c", one, {"Request_Status__c": status})
    tick.wake(agency.runtime, f"salesforce:case:{case}")
    agency.settle()


def to(agency: Agency, moment: datetime) -> None:
    """Let time pass until a moment."""
    agency.advance(seconds=(moment - agency.engine.now()).total_seconds())


def question(agency: Agency, run: Run) -> Question:
    """The one line of the inbox about the clock."""
    with agency.files.reading() as connection:
        found = open_questions(connection, agency.engine.now(), process="legal-clock").questions
    (one,) = [one for one in found if one.case_id == run.case_id]
    return one


def text(agency: Agency, run: Run) -> str:
    """What the open question says."""
    open_now = (waits.c.case_id == run.case_id, waits.c.state == "open")
    with agency.files.reading() as connection:
        return str(connection.execute(select(waits.c.question).where(*open_now)).scalar_one())


def warnings(agency: Agency, case: str) -> list[str]:
    """The warnings noted on the case, in a word each."""
    found = [re.match(r"(\d+) % .*\((\w+)\) .*The last day is (.*)\.", one) for one in agency.comments(case)]
    return [f"{one[2]} {one[1]} {one[3]}" for one in found if one]


def told(agency: Agency, run: Run) -> list[str]:
    """The warnings that the privacy role got in Slack, in a word each."""
    begun = [entry.payload["with"] for entry in agency.entries(run, Kind.STEP_BEGUN)]
    sent = [one["values"] for one in begun if one.get("message") == "legal_clock/warned"]
    return [f"{one['regime']} {one['percent']}" for one in sent]


def mailed(agency: Agency, run: Run) -> list[str]:
    """The messages that the member was sent, by name."""
    begun = [entry.payload for entry in agency.entries(run, Kind.STEP_BEGUN)]
    return [one["with"]["message"].rpartition("/")[2] for one in begun if one["step"] == "legal_clock.tell"]


def say(agency: Agency, run: Run, said: Said, **more: Any) -> Accepted | Refused:
    """The privacy role says something of the request."""
    agency.engine.sleep(60)
    return agency.answer(run, PRIVACY, said=said.value, **more)


@pytest.mark.usefixtures("alone")
def test_the_receipt_is_confirmed(agency: Agency) -> None:
    """At the start the member is told when to expect the answer, and the privacy role what to say by when."""
    case, run = received(agency)
    assert mailed(agency, run) == ["receipt-confirmed"]
    assert "our answer by 2 April 2026" in agency.sent(case)[0]
    assert any("`legal-clock`" in one for one in agency.slack(PRIVACY))
    one = question(agency, run)
    assert (one.wait, one.due_at, one.mark) == ("legal-clock/1", GDPR_ENDS, "")
    assert "gdpr-answer-2026-04-02, ccpa-answer-2026-04-16" in text(agency, run)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("status", ["Completed", "Completed - Failed - Verification Failure"])
def test_answered_in_time(agency: Agency, status: str) -> None:
    """Completed in Salesforce the request is answered: the clock ends by itself, though the case is closed before."""
    case, run = received(agency)
    agency.people.tier2.request_privacy(case, "staff-81", "Access Data")
    agency.edit(case, "staff-81", Status="Closed")
    agency.advance(days=20)
    complete(agency, case, "In Progress")
    assert agency.ending(run) is None
    assert agency.waiting(run) == ["legal-clock/1"]
    complete(agency, case, status)
    assert_closed(agency, run, "answered")
    assert warnings(agency, case) == ["gdpr 50 2 April 2026"]


@pytest.mark.usefixtures("alone")
def test_warned_and_missed(agency: Agency) -> None:
    """Each warning comes once to Slack, case and inbox; a missed day is asked about and seen until somebody says what
    was told, and the clock goes on."""
    case, run = received(agency)
    seen: list[tuple[date, str]] = []
    for _ in range(48):
        agency.advance(days=1)
        if not seen or seen[-1][1] != question(agency, run).mark:
            seen.append((agency.engine.now().date(), question(agency, run).mark))
        if agency.engine.now() > GDPR_ENDS and agency.waiting(run) == ["legal-missed/1"]:
            assert "gdpr-answer-2026-04-02" in text(agency, run)
    assert seen == [
        (date(2026, 3, 3), ""),
        (date(2026, 3, 18), "legal: 50 %"),
        (date(2026, 3, 27), "legal: 80 %"),
        (date(2026, 4, 3), "legal: missed 2026-04-02"),
    ]
    assert warnings(agency, case) == [
        "gdpr 50 2 April 2026",
        "ccpa 50 16 April 2026",
        "gdpr 80 2 April 2026",
        "ccpa 80 16 April 2026",
    ]
    assert told(agency, run) == ["gdpr 50", "ccpa 50", "gdpr 80", "ccpa 80"]
    assert question(agency, run).wait.startswith("legal-missed/")
    assert "gdpr-answer-2026-04-02, ccpa-answer-2026-04-16" in text(agency, run)
    assert isinstance(say(agency, run, Said.AUTHORITY_TOLD), Accepted)
    assert any("staff-95 answered legal-missed: authority-told" in one for one in agency.comments(case))
    assert question(agency, run).wait == "legal-clock/2"
    assert question(agency, run).mark == "legal: missed 2026-04-02"
    say(agency, run, Said.ANSWERED)
    assert_closed(agency, run, "answered_late")


@pytest.mark.usefixtures("alone")
def test_answered_late(agency: Agency) -> None:
    """The answer does not settle what was missed: the privacy role still says what was told."""
    case, run = received(agency)
    to(agency, GDPR_ENDS)
    agency.advance(hours=3)
    answered(agency, case)
    assert agency.ending(run) is None
    assert question(agency, run).wait.startswith("legal-missed/")
    assert question(agency, run).mark == "legal: missed 2026-04-02"
    agency.advance(days=30)
    assert told(agency, run) == ["gdpr 50", "ccpa 50", "gdpr 80"]
    say(agency, run, Said.MEMBER_TOLD)
    assert_closed(agency, run, "answered_late")


@pytest.mark.usefixtures("alone")
def test_answered_in_the_last_minute(agency: Agency) -> None:
    """What was completed before midnight counts as in time though it is seen after; the moment is Salesforce's."""
    case, run = received(agency)
    agency.people.tier2.request_privacy(case, "staff-81", "Access Data")
    agency.advance(seconds=(GDPR_ENDS - agency.engine.now()).total_seconds() - 60)
    with agency.world.changing(), records.requesting(agency.world, PLATFORM) as request:
        (one,) = agency.records("Privacy_Request__c")
        records.update(request, "Privacy_Request__c", one, {"Request_Status__c": "Completed"})
    agency.engine.sleep(3600)
    agency.settle()
    assert_closed(agency, run, "answered")


@pytest.mark.usefixtures("alone")
def test_answered_on_a_past_day(agency: Agency) -> None:
    """A missed day was none, when the answer went out before and nobody had said so."""
    _, run = received(agency)
    to(agency, GDPR_ENDS)
    agency.advance(days=5)
    assert question(agency, run).wait.startswith("legal-missed/")
    say(agency, run, Said.ANSWERED, on="2026-04-02")
    assert_closed(agency, run, "answered")


@pytest.mark.usefixtures("alone")
def test_answered_on_a_day_too_late(agency: Agency) -> None:
    """A day after the last one leaves the miss, and only that is still asked."""
    _, run = received(agency)
    to(agency, GDPR_ENDS)
    agency.advance(days=5)
    say(agency, run, Said.ANSWERED, on="2026-04-03")
    assert question(agency, run).wait.startswith("legal-missed/")
    say(agency, run, Said.NOBODY_TOLD)
    assert_closed(agency, run, "answered_late")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("said", "more", "why"),
    [
        (Said.ANSWERED, {"on": "2026-03-20"}, "still to come"),
        (Said.EXTENDED, {}, "say why it takes longer"),
        (Said.ANSWERED, {"reasons": Reasons.BOTH.value}, "say why it takes longer"),
        (Said.WITHDRAWN, {"on": "2026-03-02"}, "leave it empty"),
        (Said.ANSWERED, {"on": "yesterday"}, "on: "),
    ],
)
def test_what_is_refused_at_once(agency: Agency, said: Said, more: dict[str, str], why: str) -> None:
    """A form that can't be so is refused with the reason, and the question stays."""
    _, run = received(agency)
    refused = say(agency, run, said, **more)
    assert isinstance(refused, Refused)
    assert why in refused.sentence
    assert agency.waiting(run) == ["legal-clock/1"]


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("said", "more", "why"),
    [
        (Said.ANSWERED, {"on": "2026-03-01"}, "before the request came in"),
        (Said.IDENTITY_PROVED, {}, "it does not fit to what is known"),
        (Said.MEMBER_TOLD, {}, "no day was missed"),
    ],
)
def test_what_does_not_count(agency: Agency, said: Said, more: dict[str, str], why: str) -> None:
    """What does not fit to the facts is asked again, and the question says why; nothing else changes."""
    _, run = received(agency)
    say(agency, run, said, **more)
    assert why in text(agency, run)
    one = question(agency, run)
    assert (one.wait, one.due_at) == ("legal-clock/2", GDPR_ENDS)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("reasons", Reasons)
def test_extended_in_time(agency: Agency, reasons: Reasons) -> None:
    """Within the first period the member is written to with the reasons, and both clocks are longer; once only."""
    case, run = received(agency)
    agency.advance(days=20)
    say(agency, run, Said.EXTENDED, reasons=reasons.value)
    assert mailed(agency, run) == ["receipt-confirmed", "extension"]
    assert "our answer comes by 31 May 2026" in agency.sent(case)[-1]
    assert agency.sent(case)[-1].count("\n- ") == len(reasons.words)
    one = question(agency, run)
    assert (one.due_at, one.mark) == (datetime(2026, 6, 1, 7, tzinfo=UTC), "")
    assert "gdpr-answer-2026-06-02" in text(agency, run)
    say(agency, run, Said.EXTENDED, reasons=reasons.value)
    assert len(agency.sent(case)) == 2
    assert "it is extended already" in text(agency, run)
    agency.advance(days=60)
    assert told(agency, run) == ["gdpr 50", "ccpa 50", "gdpr 50", "ccpa 80", "gdpr 80"]
    answered(agency, case)
    assert_closed(agency, run, "answered")


@pytest.mark.usefixtures("alone")
def test_extended_too_late_for_one(agency: Agency) -> None:
    """After the GDPR's month a notice lengthens only the CCPA's days; what was missed stays missed."""
    case, run = received(agency)
    to(agency, GDPR_ENDS)
    agency.advance(days=3)
    say(agency, run, Said.EXTENDED, reasons=Reasons.NUMBER.value)
    assert "our answer comes by 31 May 2026" in agency.sent(case)[-1]
    assert question(agency, run).mark == "legal: missed 2026-04-02"
    assert question(agency, run).wait.startswith("legal-missed/")
    say(agency, run, Said.MEMBER_TOLD)
    assert question(agency, run).due_at == datetime(2026, 6, 1, 7, tzinfo=UTC)


@pytest.mark.usefixtures("alone")
def test_extended_too_late(agency: Agency) -> None:
    """After both first periods nothing is sent, and the question says why."""
    _, run = received(agency)
    to(agency, CCPA_ENDS)
    agency.advance(days=1)
    say(agency, run, Said.EXTENDED, reasons=Reasons.BOTH.value)
    assert mailed(agency, run) == ["receipt-confirmed"]
    assert "too late for that; nothing was sent" in text(agency, run)


@pytest.mark.usefixtures("alone")
def test_identity_suspends_the_gdpr_alone(agency: Agency) -> None:
    """While a member is asked to prove who they are the GDPR's month rests, and the CCPA's days run on."""
    _, run = received(agency)
    agency.advance(days=2)
    say(agency, run, Said.IDENTITY_ASKED, on="2026-03-04")
    assert question(agency, run).due_at == CCPA_ENDS
    assert "gdpr-answer-suspended, ccpa-answer-2026-04-16" in text(agency, run)
    agency.advance(days=25)
    assert told(agency, run) == ["ccpa 50"]
    say(agency, run, Said.IDENTITY_ASKED)
    assert "it does not fit to what is known" in text(agency, run)
    say(agency, run, Said.IDENTITY_PROVED, on="2026-03-14")
    assert question(agency, run).due_at == datetime(2026, 4, 13, 22, tzinfo=UTC)
    assert "gdpr-answer-2026-04-13, ccpa-answer-2026-04-16" in text(agency, run)


@pytest.mark.usefixtures("alone")
def test_withdrawn(agency: Agency) -> None:
    """The privacy role ends a clock over nothing."""
    _, run = received(agency)
    say(agency, run, Said.WITHDRAWN)
    assert_closed(agency, run, "withdrawn")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("how", [{"Status": "Closed"}, {"Tier__c": "Tier 1"}])
def test_a_case_that_left_without_a_request(agency: Agency, how: dict[str, str]) -> None:
    """Closed or given back without a request: the privacy role is asked once whether there was one, every two working
    days; nothing ends by itself."""
    case, run = received(agency)
    agency.edit(case, "staff-81", **how)
    assert agency.waiting(run) == ["legal-left/1"]
    assert "has no privacy request in Salesforce" in text(agency, run)
    agency.advance(days=3)
    assert agency.waiting(run) == ["legal-left/2"]
    say(agency, run, Said.WITHDRAWN)
    assert_closed(agency, run, "withdrawn")


@pytest.mark.usefixtures("alone")
def test_a_case_that_was_deleted(agency: Agency) -> None:
    """Nothing can be noted on it any more, and that keeps nothing from its end."""
    case, run = received(agency)
    del agency.world.state["salesforce"]["records"]["Case"][case]
    agency.advance(days=20)
    assert question(agency, run).wait.startswith("legal-left/")
    assert told(agency, run) == ["gdpr 50"]
    say(agency, run, Said.WITHDRAWN)
    assert_closed(agency, run, "withdrawn")


@pytest.mark.usefixtures("alone")
def test_weeks_without_anybody_at_work(agency: Agency) -> None:
    """After a stop over warnings and a missed day, the privacy role is told of what is so now, and each thing once."""
    case, run = received(agency)
    agency.engine.sleep(38 * 24 * 3600)
    agency.settle()
    assert agency.waiting(run) == ["legal-missed/1"]
    assert warnings(agency, case) == ["ccpa 80 16 April 2026"]
    assert question(agency, run).mark == "legal: missed 2026-04-02"
    agency.advance(hours=20)
    assert warnings(agency, case) == ["ccpa 80 16 April 2026"]


@pytest.mark.usefixtures("alone")
def test_late_before_it_began(agency: Agency) -> None:
    """A case that comes to Tier 2 after its days are over: no day is promised, and both misses are asked about."""
    case = agency.open("member-1", "DSAR", tier="Tier 1")
    agency.advance(days=60)
    agency.edit(case, "staff-81", Tier__c="Tier 2")
    run = agency.run(case, "legal-clock")
    assert mailed(agency, run) == ["receipt-late"]
    assert "ccpa-confirm-2026-03-16, gdpr-answer-2026-04-02, ccpa-answer-2026-04-16" in text(agency, run)


@pytest.mark.usefixtures("alone")
def test_a_member_whom_nobody_can_write_to(agency: Agency) -> None:
    """The operators pass the mail over; the CCPA's confirmation then is open, and somebody may say that it was done."""
    case = agency.open(None, "DSAR", email=None)
    run = agency.run(case, "legal-clock")
    assert agency.waiting(run) == ["fault>legal_clock.tell/1/1"]
    agency.answer(run, "staff-41", verdict="skip", reason="no address")
    one = question(agency, run)
    assert (one.wait, one.due_at) == ("legal-clock/1", datetime(2026, 3, 17, 7, tzinfo=UTC))
    agency.advance(days=5)
    say(agency, run, Said.CONFIRMED, on="2026-03-05")
    assert question(agency, run).due_at == GDPR_ENDS


def test_beside_the_privacy_request(agency: Agency) -> None:
    """Both start together, and the clock goes on when the case is called off and closed."""
    case, run = received(agency)
    assert len(agency.runs(case, "privacy-request")) == 1
    assert agency.waiting(run) == ["legal-clock/1"]
    agency.edit(case, "staff-81", Status="Closed")
    assert agency.endings(case, "privacy-request") == ["cancelled"]
    assert agency.waiting(run) == ["legal-left/1"]


@pytest.mark.usefixtures("alone")
def test_the_digest_and_the_story_say_it(agency: Agency) -> None:
    """The morning's message and the case's story carry the mark too."""
    _, run = received(agency)
    agency.advance(days=21)
    agency.start("inbox-digest")
    agency.settle()
    assert any("*legal-50*" in one for one in agency.slack(PRIVACY))
    lines = [line.text for line in timeline(agency.entries(run))]
    assert any("legal-clock: asked privacy" in line and "legal: 50 % from 2026-03-1" in line for line in lines)
    assert [entry.payload["marks"][0][1] for entry in agency.entries(run, Kind.QUESTION_ASKED)] == [""]
