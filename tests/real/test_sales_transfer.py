"""The transfer to sales on the real engine, on sandbox time: a customer and a lead, begun by signed webhooks, with
Intercom, Salesforce, Outreach and Qualified as stand-ins behind HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from casework.players import Asked
from casework.schema import hooks
from flows import sales_transfer_forms as forms
from flows.sales_transfer_lead_forms import Knowledge
from tests.real.site import Site, until

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(900)]

AGENT, SDR, OWNER = "staff-61", "staff-64", "staff-68"
SECRET = "the seats of Ambrosius Feldwinkel"
ATS, WEBSITE, PHONE = "Quittenbaum Tracker", "https://quittenbaum.example", "+1 555 0173"


class Handover:
    """A conversation that support has tagged for sales, and the case about it, played from outside."""

    def __init__(self, site: Site, chat: str, visitor: str) -> None:
        self.site, self.players, self.visitor = site, site.players, visitor
        self.conversation = str(self.players.state()["roster"]["conversations"][chat])
        self.players.act("visitor", "reply", conversation=self.conversation, visitor=visitor, text=SECRET)
        self.players.act("teammate", "tag", conversation=self.conversation, staff_id=AGENT)
        self.case = until("transfer", lambda: site.case_of(self.conversation)).case_id

    def open_question(self, key: str) -> str:
        """The question with this key that is open."""
        wait = until(
            f"question {key}",
            lambda: next((one for one in self.site.waiting(self.case) if one.startswith(f"{key}/")), None),
        )
        self.site.until_waiting(self.case, wait)
        return wait

    def answer(self, staff: str, key: str, **values: str) -> None:
        """Somebody answers on the personal page."""
        wait = self.open_question(key)
        asked: Asked = until("message in Slack", lambda: self.players.asked(self.conversation, staff, key))
        self.players.answer(asked.link, **values)
        until("counted answer", lambda: wait not in self.site.waiting(self.case))

    def now(self) -> dict[str, Any]:
        """The conversation, as Intercom has it."""
        found: dict[str, Any] = self.players.state()["intercom"]["conversations"][self.conversation]
        return found

    def ours(self, kind: str) -> int:
        """How often our account did something in the conversation."""
        me = self.players.state()["intercom"]["me"]
        return sum(one["part_type"] == kind and one["author"]["id"] == me for one in self.now()["parts"])

    def whole(self) -> None:
        """The case file is a chain, there is one case, and the first that was told of it was a webhook of Intercom."""
        assert self.site.files.verify(self.case) == len(self.site.entries(self.case))
        assert [one.occurrence for one in self.site.files.find(self.conversation)] == [1]
        subject = f"intercom:conversation:{self.conversation}"
        about = select(hooks.c.event).where(hooks.c.vendor == "intercom", hooks.c.subject == subject)
        with self.site.files.reading() as connection:
            assert "conversation_part.tag.created" in set(connection.execute(about).scalars())


def hand_over_the_customer(site: Site) -> None:
    """Who wants seats goes to who has the account; the conversation is closed once the new thread is there."""
    customer = Handover(site, "seats", "visitor-1")
    customer.answer(SDR, "take", decision=forms.Taken.MINE.value)
    customer.open_question("new-thread")
    assert (customer.now()["state"], customer.ours("comment")) == ("open", 1)
    customer.answer(SDR, "new-thread", decision=forms.Sent.SENT.value)
    customer.open_question("outcome")
    assert customer.now()["state"] == "closed"
    customer.answer(OWNER, "outcome", decision=forms.Custody.MINE.value)
    site.until_ended(customer.case, "handed_over: customer", "Handed over: customer")
    assert (customer.ours("comment"), customer.ours("close")) == (1, 1)
    customer.whole()


def hand_over_the_lead(site: Site) -> None:
    """Who asks what it costs is one lead, one prospect and once in a sequence, which ends with the meeting."""
    lead = Handover(site, "pricing", "visitor-4")
    players, address = site.players, site.players.state()["roster"]["visitors"]["visitor-4"]["email"]
    lead.answer(SDR, "take", decision=forms.LeadTake.MINE.value)
    lead.answer(SDR, "new-thread", decision=forms.LeadSent.SALES.value)
    until("the time that Intercom has", lambda: any(one.startswith("sync/") for one in site.waiting(lead.case)))
    players.act("sdr", "sync_lead", email=address)
    site.command("advance", "--days", "0.012")
    known = {"ats": ATS, "website": WEBSITE, "phone": PHONE}
    lead.answer(SDR, "missing-fields", decision=Knowledge.KNOWN.value, **known)
    lead.open_question("outcome")
    players.act("sales", "book_meeting", visitor="visitor-4")
    site.command("advance", "--days", "0.043")
    site.until_ended(lead.case, "handed_over: lead", "Handed over: lead")
    lead.whole()

    state = players.state()
    (record,) = [one for one in state["salesforce"]["records"]["Lead"].values() if one["Email"] == address]
    written = {name: record[name] for name in ("NumberOfEmployees", "ATS__c", "Website", "Phone")}
    assert written == {"NumberOfEmployees": 85, "ATS__c": ATS, "Website": WEBSITE, "Phone": PHONE}
    outreach = state["outreach"]["records"]
    (prospect,) = [key for key, one in outreach["prospect"].items() if address in one["attributes"]["emails"]]
    ways = [one for one in outreach["sequenceState"].values() if _end(one, "prospect") == prospect]
    assert [(_end(one, "sequence"), one["attributes"]["state"]) for one in ways] == [("1001", "finished")]


def _end(record: dict[str, Any], name: str) -> str:
    return str(record["relationships"][name]["data"]["id"])


def test_a_customer_and_a_lead(site: Site) -> None:
    """A customer goes to who has the account, a lead into Salesforce, Qualified and Outreach once, from the tag to the
    end; and no word of anybody is in what we keep."""
    hand_over_the_customer(site)
    hand_over_the_lead(site)
    kept = b"".join(site.bytes_kept().values())
    planted = (SECRET, "Feldwinkel", "Quittenbaum", PHONE, "Marchbanks", "hollowmere")
    assert [one for one in planted if one.encode() in kept] == []
