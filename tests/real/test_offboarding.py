"""An offboarding on the real engine, on sandbox time: begun by a signed webhook, with a data export inside that is a
case of its own, and deactivation believed only after looking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from casework.case import Case, Kind
from casework.players import Asked, Download
from casework.schema import hooks
from casework.standins import sandbox_time
from flows import offboarding_forms as forms
from tests.real.site import Site, until

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(900)]

COMPANY, TEAM, CUSTOMER, CSM = "company-1", "team-103", "user-83", "staff-11"
SECRET = "the fees of Ambrosius Feldwinkel"
ANSWERS = "shelf 4, the Quittenbaum folder"
SIZE_BYTES = 24_000_000


class Leaving:
    """A customer that leaves, and the case about it, played from outside."""

    def __init__(self, site: Site) -> None:
        self.site, self.players = site, site.players
        self.deal = str(self.players.state()["roster"]["companies"][COMPANY]["deals"][-1])
        self.players.act(
            "rep", "edit_deal", deal=self.deal, staff_id=CSM, client_activity_status="Offboarding Requested"
        )
        self.case = until("offboarding", lambda: site.case_of(self.deal)).case_id

    def result(self, step: str) -> Any:
        """What a step of the case gave, the newest time; None as long as it was not done."""
        done = [entry.payload for entry in self.site.entries(self.case, Kind.STEP_DONE)]
        return next((one["result"] for one in reversed(done) if one["step"] == step), None)

    def did(self, step: str) -> bool:
        """Whether a step of the case was done."""
        return any(entry.payload["step"] == step for entry in self.site.entries(self.case, Kind.STEP_DONE))

    def open_question(self, key: str, *not_these: str | None) -> str:
        """The question with this key that is open."""

        def look() -> str | None:
            found = [one for one in self.site.waiting(self.case) if one.startswith(f"{key}/")]
            return found[0] if found and found[0] not in not_these else None

        wait = until(f"question {key}", look)
        self.site.until_waiting(self.case, wait)
        return wait

    def answer(self, key: str, **values: str) -> None:
        """The customer's representative answers on the personal page."""
        wait = self.open_question(key)
        asked: Asked = until("message in Slack", lambda: self.players.asked(self.deal, CSM, key))
        self.players.answer(asked.link, **values)
        until("counted answer", lambda: wait not in self.site.waiting(self.case))

    def complete_task(self) -> None:
        """Engineering completes its task."""
        self.players.act("engineer", "complete", task=self.result("offboarding.order_deactivation")["task"])

    def deal_now(self) -> tuple[str, str]:
        """Status and end of contract, as HubSpot has them."""
        values = self.players.state()["hubspot"]["objects"]["deals"][self.deal]["properties"]
        return values["client_activity_status"], values["contract_end_date"]


def export_of(site: Site, ticket: int) -> Case | None:
    """The newest data export of a ticket."""
    return next((one for one in site.files.find(str(ticket)) if one.process == "data-export"), None)


def play_export(site: Site, ticket: int, case: str) -> None:
    """The data export inside, from the reason to the download."""
    site.until_waiting(case, "reason/1")
    site.players.act("customer", "reply", ticket=ticket, text=SECRET)
    site.until_waiting(case, "approval/1")
    asked = until("message in Slack", lambda: site.players.asked(ticket, CSM))
    site.players.act("csm", "press", channel=asked.channel, action_id="decide:verdict=approve", staff_id=CSM)
    site.until_waiting(case, "deliverable/1")
    site.make(case, TEAM, SIZE_BYTES)
    site.until_waiting(case, "download/1")
    browser = Download(site.players, until("link on the ticket", lambda: site.players.link(ticket)))
    browser.send_code()
    browser.claim(until("code in the mailbox", lambda: site.players.mailed_code(CUSTOMER)))
    while browser.go_on():
        pass
    site.until_ended(case, "delivered", "Delivered")


def test_an_offboarding_with_an_export_inside(site: Site) -> None:
    """The status starts one case; the customer wants its data, so a data export is opened as a case of its own, and its
    end alone wakes the offboarding. Engineering says too early that access is gone, and is sent back. Then the contract
    has its end, the case ends as held, and no word of anybody is in what we keep."""
    leaving = Leaving(site)
    _, ended_before = leaving.deal_now()
    last_day = (sandbox_time(site.home)() + timedelta(days=2)).date().isoformat()
    leaving.answer("last-day", day=last_day)
    assert leaving.deal_now() == ("Offboarding", ended_before)

    unread = leaving.open_question("customer")
    site.players.act(
        "customer", "reply", ticket=until("letter", lambda: leaving.result("offboarding.letter")), text=SECRET
    )
    leaving.open_question("customer", None, unread)
    leaving.answer("customer", said=forms.Word.DATA_WANTED.value)
    leaving.answer("customer", said=forms.Word.HELD.value, answers=ANSWERS)

    ticket = until("ticket of the export", lambda: leaving.result("offboarding.ask_for_data"))
    export = until("data export", lambda: export_of(site, ticket)).case_id
    play_export(site, ticket, export)
    until("that the offboarding saw the end", lambda: f"case-{export}" in str(site.entries(leaving.case, Kind.DECIDED)))

    site.command("advance", "--days", "3.1")
    until("engineering's task", lambda: leaving.result("offboarding.order_deactivation"))
    leaving.open_question("customer")
    leaving.complete_task()
    until("that engineering is sent back", lambda: leaving.did("asana.reopen"))
    assert leaving.deal_now() == ("Offboarding", ended_before)
    site.players.act("engineer", "deactivate", team_id=TEAM)
    leaving.complete_task()
    leaving.answer("housekeeping", decision=forms.Vault.DONE.value)
    site.until_ended(leaving.case, "offboarded: held", "Offboarded: held")

    assert leaving.deal_now() == ("Offboarding", last_day)
    assert site.files.verify(leaving.case) == len(site.entries(leaving.case))
    cases = [one for one in site.files.find(str(ticket)) if one.process == "data-export"]
    assert [one.occurrence for one in cases] == [1]
    about = select(hooks.c.event).where(hooks.c.vendor == "hubspot", hooks.c.subject == f"hubspot:deal:{leaving.deal}")
    with site.files.reading() as connection:
        assert "deal.propertyChange" in set(connection.execute(about).scalars())
    kept = b"".join(site.bytes_kept().values())
    planted = (SECRET, "Feldwinkel", "Quittenbaum", "Pebblewick", "Cornelius")
    assert [one for one in planted if one.encode() in kept] == []
