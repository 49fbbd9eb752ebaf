"""Sales has a lead who needs technical help: Outreach introduces it to support, or the SDR does by hand."""

from __future__ import annotations

import pytest

from casework.engine.simulated import Run
from casework.sandbox import seed_sales
from flows.sales_transfer_forms import LeadSent, LeadTake
from flows.sales_transfer_lead_forms import Chat
from policies.sales_transfer import NUMBERS
from tests.scenarios.endings import assert_closed
from tests.scenarios.sales import OTHER_SDR, SDR, Showroom

KNOWN = "visitor-5"
"""Whom Qualified and Salesforce know, and who is a prospect of `OTHER_SDR` in Outreach."""
TECHNICAL = "handed_over: technical"


def technical(room: Showroom, visitor: str = KNOWN) -> Run:
    """An SDR takes a lead who needs technical help."""
    run = room.ask_sales(visitor, "Pricing")
    room.take(run, decision=LeadTake.TECHNICAL.value)
    return run


def introduced(room: Showroom) -> None:
    """Outreach sends the introduction, and tells of it."""
    room.sales.send_step(room.state_in(seed_sales.INTRO))
    room.hooks()


def test_technical(showroom: Showroom) -> None:
    """Outreach introduces the lead to support from the SDR's mailbox; only then the conversation is closed; the lead is
    nurtured, unless somebody works on it."""
    showroom.people.sdr.edit_lead(showroom.lead(KNOWN)["Id"], OTHER_SDR, Status="New")
    run = technical(showroom)
    number, address = showroom.about(run), showroom.address(KNOWN)
    assert [sequence for sequence, _ in showroom.sequences(address)] == [seed_sales.INTRO]
    assert showroom.state(number) == "open"
    assert showroom.asked(run) == "intro"
    showroom.advance(hours=1)
    assert showroom.state(number) == "open"
    introduced(showroom)
    assert_closed(showroom, run, TECHNICAL)
    assert showroom.state(number) == "closed"
    assert showroom.lead(KNOWN)["Status"] == "Nurturing"
    assert len(showroom.sequences(address)) == 1


def test_worked_on(showroom: Showroom) -> None:
    """A status that a colleague has set is left alone."""
    run = technical(showroom)
    introduced(showroom)
    assert_closed(showroom, run, TECHNICAL)
    assert showroom.lead(KNOWN)["Status"] == "Working"


def test_close_the_chat(showroom: Showroom) -> None:
    """A chat that is open in Qualified is closed by the SDR, who says so; no API can."""
    chat = showroom.sales.chat(KNOWN, ["Does it work with our mail server?"], SDR)
    showroom.world.state["qualified"]["conversations"][chat]["endedAt"] = None
    showroom.advance(hours=25)  # Qualified's lists lack the newest
    run = technical(showroom)
    introduced(showroom)
    assert chat in showroom.question(run)
    showroom.say(run, "close-chat", SDR, decision=Chat.CLOSED.value)
    assert_closed(showroom, run, TECHNICAL)


@pytest.mark.parametrize("why", ["bounced", "late", "opted out"])
def test_not_introduced(showroom: Showroom, why: str) -> None:
    """Outreach's mail bounces, is not sent for a day, or may not be: it is called off, and the SDR writes by hand."""
    if why == "opted out":
        showroom.sales.opt_out(showroom.prospect(KNOWN))
    run = technical(showroom)
    if why == "bounced":
        bounce(showroom)
    showroom.advance(hours=NUMBERS.technical.sent_within_hours + 0.1)
    number = showroom.about(run)
    assert showroom.asked(run) == "new-thread"
    assert showroom.state(number) == "open"
    states = [state for _, state in showroom.sequences(showroom.address(KNOWN))]
    assert states == {"bounced": ["bounced"], "late": ["finished"], "opted out": []}[why]
    showroom.sent(run, decision=LeadSent.TECHNICAL.value)
    assert_closed(showroom, run, TECHNICAL)
    assert showroom.state(number) == "closed"


def bounce(room: Showroom) -> None:
    """The introduction does not arrive."""
    states = room.world.state["outreach"]["records"]["sequenceState"]
    attributes = states[room.state_in(seed_sales.INTRO)]["attributes"]
    attributes |= {"state": "bounced", "bounceCount": 1, "updatedAt": room.world.stamp()}


def test_becomes_technical(showroom: Showroom) -> None:
    """The SDR sees only while writing that it is technical: the template by hand, no sequence of Outreach."""
    run = showroom.ask_sales(KNOWN, "Pricing")
    showroom.take(run)
    showroom.sent(run, decision=LeadSent.TECHNICAL.value)
    assert_closed(showroom, run, TECHNICAL)
    assert showroom.sequences(showroom.address(KNOWN)) == []
