"""The customer cannot reach the link's host: a colleague says so, operators decide, one download stays one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from casework import delivery
from casework.answer import Accepted, Offer, Refused, answer
from casework.case import Kind
from casework.engine.simulated import Run
from casework.gateway.questions import fields
from casework.people import Identity
from flows.handing_over_forms import UnreachableOneHost
from tests.scenarios.deliveries import NewOffice
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office
from tests.scenarios.wire import Mishap

SCALED, TEAM = "user-81", "team-102"
SECOND = "https://casework.second.example"
WAYS = {"second": "send it on the second host name", "wait": "wait on", "end": "end the case"}


@pytest.fixture
def two_hosts(office: Office) -> Office:
    """An office whose gateway has a second host name."""
    delivery.use(replace(office.delivery, second_public_url=SECOND))
    return office


def sent(office: Office) -> tuple[int, Run]:
    """A case whose customer has the link."""
    ticket, run = office.ask(SCALED)
    office.reply(ticket)
    office.make(run, TEAM)
    assert office.waiting(run) == ["download/1"]
    return ticket, run


def asked(office: Office) -> tuple[int, Run]:
    """A case whose operators are asked what to do."""
    ticket, run = sent(office)
    office.note(ticket, "staff-41", "#unreachable The customer's proxy blocks us")
    assert office.waiting(run) == ["link-unreachable/1"]
    return ticket, run


def addresses(office: Office, ticket: int) -> list[str]:
    """Every download link that the customer was sent."""
    return re.findall(r"https://\S+/d/[\w-]+", "\n".join(office.said(ticket)))


def test_the_second_host_name(two_hosts: Office) -> None:
    """The same link is sent once more on the second host name, the reminder too, and its download is the one."""
    ticket, run = asked(two_hosts)
    assert isinstance(two_hosts.answer(run, "staff-42", decision=WAYS["second"]), Accepted)
    assert two_hosts.waiting(run) == ["download/2"]
    two_hosts.advance(days=4.1)
    first, *later = addresses(two_hosts, ticket)
    assert first.startswith("https://casework.example/d/")
    assert later == [first.replace("https://casework.example", SECOND)] * 2
    assert two_hosts.ticket(ticket)["status"] == "pending"
    two_hosts.download(run)
    assert_closed(two_hosts, run, "delivered")
    assert_nothing_left(two_hosts, run, "received")


def test_operators_are_asked_and_reminded(two_hosts: Office) -> None:
    """Each operator is told in Slack, and again every working day; the customer reads nothing of it."""
    ticket, _ = asked(two_hosts)
    told = len(two_hosts.said(ticket))
    for staff in ("staff-41", "staff-42"):
        assert sum("`link-unreachable`" in text for text in two_hosts.slack(staff)) == 1
    two_hosts.advance(days=1.1)
    for staff in ("staff-41", "staff-42"):
        assert sum("`link-unreachable`" in text for text in two_hosts.slack(staff)) == 2
    assert len(two_hosts.said(ticket)) == told


def test_waiting_on(two_hosts: Office) -> None:
    """The wait goes on with the time that is left: nothing is sent, and the link ends when it would have."""
    ticket, run = asked(two_hosts)
    two_hosts.advance(days=2)
    two_hosts.answer(run, "staff-41", decision=WAYS["wait"])
    assert two_hosts.waiting(run) == ["download/2"]
    assert len(addresses(two_hosts, ticket)) == 1
    two_hosts.advance(days=2.2)
    assert len(addresses(two_hosts, ticket)) == 2, "the reminder comes on its day"
    two_hosts.advance(days=3.5)
    assert_closed(two_hosts, run, "expired")
    assert_nothing_left(two_hosts, run, "expired")


def test_ending_the_case(two_hosts: Office) -> None:
    """The export is destroyed and certified, and the customer reads that it was stopped."""
    ticket, run = asked(two_hosts)
    two_hosts.answer(run, "staff-41", decision=WAYS["end"])
    assert_closed(two_hosts, run, "cancelled")
    assert_nothing_left(two_hosts, run, "cancelled")
    assert any("staff-41 decided" in note and "**end**" in note for note in two_hosts.said(ticket, False))
    assert "was stopped before it was done" in two_hosts.said(ticket)[-1]
    assert two_hosts.ticket(ticket)["status"] == "solved"
    assert two_hosts.world.state["asana"]["tasks"][two_hosts.task()]["completed"] is True


def test_a_host_name_that_is_not_set_is_not_offered(office: Office) -> None:
    """With one host name the option is neither shown nor taken; the others are."""
    _, run = asked(office)
    assert run.pause is not None
    assert WAYS["second"] not in str(run.pause.form.model_json_schema())
    assert "gateway.second_public_url" in run.pause.question
    shown = {field.name: field.choices for field in fields(UnreachableOneHost)}
    assert shown["decision"][-2:] == (WAYS["wait"], WAYS["end"])
    assert WAYS["second"] not in shown["decision"]
    assert isinstance(office.answer(run, "staff-41", decision=WAYS["second"]), Refused)
    assert office.waiting(run) == ["link-unreachable/1"]
    office.answer(run, "staff-41", decision=WAYS["wait"])
    assert office.waiting(run) == ["download/2"]


def test_a_setting_that_was_taken_away_parks(two_hosts: Office) -> None:
    """If the second host name is gone when the link is to be sent there, the case parks and goes on once it is back."""
    ticket, run = asked(two_hosts)
    delivery.use(two_hosts.delivery)
    two_hosts.answer(run, "staff-41", decision=WAYS["second"])
    assert two_hosts.waiting(run) == ["fault>delivery.send_link/2/1"]
    delivery.use(replace(two_hosts.delivery, second_public_url=SECOND))
    two_hosts.answer(run, "staff-41", verdict="retry")
    assert two_hosts.waiting(run) == ["download/2"]
    assert len(addresses(two_hosts, ticket)) == 2


@pytest.mark.parametrize("staff", ["staff-31", "staff-61", None])
def test_somebody_elses_note_is_refused(office: Office, staff: str | None) -> None:
    """The approver, an agent who is no operator and the customer cannot say it; the attempt of staff is on file."""
    ticket, run = sent(office)
    if staff:
        office.note(ticket, staff, "#unreachable")
        assert [entry.payload["why"] for entry in office.entries(run, Kind.ANSWER_REFUSED)] == ["not_yours"]
    else:
        office.reply(ticket, "#unreachable")
        assert office.entries(run, Kind.ANSWER_REFUSED) == []
    assert office.waiting(run) == ["download/1"]
    office.download(run)
    assert_closed(office, run, "delivered")


def test_operators_cannot_say_that_it_was_downloaded(office: Office) -> None:
    """Whatever an operator answers to the download's wait, it only brings up the question: the link knows the rest."""
    _, run = sent(office)
    office.answer(run, "staff-41", outcome="received")
    assert office.waiting(run) == ["link-unreachable/1"]
    assert office.delivery.keys.destroyed_at(run.case_id) is None


def test_downloaded_while_operators_think(two_hosts: Office) -> None:
    """The link still works meanwhile: a download settles the question, and destruction does not wait for anybody."""
    ticket, run = asked(two_hosts)
    two_hosts.download(run)
    assert_closed(two_hosts, run, "delivered")
    assert_nothing_left(two_hosts, run, "received")
    assert "you have downloaded" in two_hosts.said(ticket)[-1]


def test_a_download_that_beats_the_end_counts(two_hosts: Office) -> None:
    """Received before the operators' end, though nobody has looked yet: the case ends as what happened."""
    ticket, run = asked(two_hosts)
    links, won = two_hosts.delivery.links, two_hosts.claim(run)
    size = won.link.file.plain_size
    links.acknowledge(won.link.link_id, won.value, 0, size)
    links.receive(won.link.link_id, won.value, won.link.file.plain_sha256)
    two_hosts.answer(run, "staff-41", decision=WAYS["end"])
    assert_closed(two_hosts, run, "delivered")
    assert_nothing_left(two_hosts, run, "received")
    assert "you have downloaded" in two_hosts.said(ticket)[-1]


def test_nobody_answers(two_hosts: Office) -> None:
    """Without an answer the link ends in its time, and the case with it."""
    ticket, run = asked(two_hosts)
    two_hosts.advance(days=7.5)
    assert_closed(two_hosts, run, "expired")
    assert_nothing_left(two_hosts, run, "expired")
    assert "was not downloaded in time" in two_hosts.said(ticket)[-1]


def test_said_again(two_hosts: Office) -> None:
    """The second address may be blocked too: the next note asks again; those before the decision do not."""
    ticket, run = asked(two_hosts)
    two_hosts.note(ticket, "staff-42", "#unreachable as my colleague says")
    two_hosts.answer(run, "staff-41", decision=WAYS["second"])
    two_hosts.advance(hours=13)
    assert two_hosts.waiting(run) == ["download/2"]
    two_hosts.note(ticket, "staff-42", "#UNREACHABLE")
    assert two_hosts.waiting(run) == ["link-unreachable/2"]
    two_hosts.answer(run, "staff-42", decision=WAYS["end"])
    assert_closed(two_hosts, run, "cancelled")
    assert_nothing_left(two_hosts, run, "cancelled")


def helped(new_office: NewOffice, mishap: Mishap | None) -> list[str]:
    """A customer is helped to the second host name, with the mishap meanwhile; what passed the wire."""
    with new_office() as office:
        delivery.use(replace(office.delivery, second_public_url=SECOND))
        ticket, run = sent(office)
        office.wire.passed.clear()
        office.wire.mishap = mishap
        office.note(ticket, "staff-41", "#unreachable")
        who, values = Identity(kind="person", value="staff-42"), {"decision": WAYS["second"]}
        with office.wire.still():
            answer(Offer(run.case_id, "link-unreachable/1", values, "link", who))
        office.settle()
        assert office.wire.happened == (mishap is not None), mishap
        assert office.waiting(run) == ["download/2"], mishap
        assert len(addresses(office, ticket)) == 2, mishap
        assert sum("staff-42 decided" in note for note in office.said(ticket, False)) == 1, mishap
        for staff in ("staff-41", "staff-42"):
            assert sum("`link-unreachable`" in text for text in office.slack(staff)) == 1, mishap
        return office.wire.passed


@pytest.mark.slow
def test_killed_meanwhile_at_a_sample_of_places(new_office: NewOffice) -> None:
    """Killed at a commit or a vendor call on this way: operators are asked once, and the link is sent again once."""
    passed = helped(new_office, None)
    for number, at in enumerate(range(0, len(passed), 9)):
        helped(new_office, Mishap(at, "killed before" if number % 2 else "killed after"))
