"""An offboarding: from a status in HubSpot to the contract's end, with the customer's data export inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from casework.case import Kind
from casework.demo_export import Export
from casework.demo_stage import PATIENCE_SECONDS, Stage
from casework.players import Asked
from casework.standins import advance, sandbox_time

__all__ = ["Offboarding"]

COMPANY, TEAM, CUSTOMER, CSM = "company-1", "team-103", "user-83", "staff-11"
ASKED_FOR = "Offboarding Requested"
LEAVES_IN_DAYS = 2
WANTS = "Yes please, we want our data. And call us, we are happy to tell you why we leave."
DATA_WANTED = "it wants its data"
HELD = "the exit interview was held"
ANSWERS = "https://forms.casework.example/offboarding/entries/17"
DONE = "done"


@dataclass
class Offboarding(Stage):
    """The play."""

    title = "a customer leaves, and takes its data along"
    process = "offboarding"

    deal: str = ""

    def play(self) -> None:
        """The case, act by act."""
        self.deal = self.players.state()["roster"]["companies"][COMPANY]["deals"][-1]
        self.players.act("rep", "edit_deal", deal=self.deal, staff_id=CSM, client_activity_status=ASKED_FOR)
        self.says("CSM", f'sets the status of deal {self.deal} in HubSpot to "{ASKED_FOR}"')
        self.case_id = self.until("the case to open", self.opened)
        self.console.print(f"         Prefect UI: {self.page}")
        last_day = (sandbox_time(self.site.home)() + timedelta(days=LEAVES_IN_DAYS)).date().isoformat()
        self.answer("last-day", f"the last day of service is {last_day}", day=last_day)
        self.reply()
        self.answer("customer", DATA_WANTED, said=DATA_WANTED)
        self.answer("customer", HELD, said=HELD, answers=ANSWERS)
        self.export()
        self.deactivate()
        self.answer("housekeeping", "the password vault is in order", decision=DONE)
        ending = self.until("the end", lambda: self.files.case(self.case_id).ending)
        self.tell()
        self.console.rule(f"ended as {ending}")
        self.show()
        self.file_is_whole()

    # -- the acts

    def reply(self) -> None:
        """The customer answers the letters that it got."""
        ticket = self.until("the letter to the customer", self.letters)
        unread = self.until("the question what the customer says", lambda: self.waiting("customer"))
        text = WANTS
        if self.me:
            text = self.console.input("[bold]You are the customer.[/] Do you want your data? ").strip() or WANTS
        self.players.act("customer", "reply", ticket=ticket, text=text)
        self.says("customer", f"replies on Zendesk ticket {ticket}, and wants its data")
        self.until("that we see the reply", lambda: self.waiting("customer") not in (None, unread))

    def answer(self, question: str, told: str, **values: str) -> None:
        """The CSM answers a question on the page behind the link in Slack."""
        open_one = self.until(f"the question {question}", lambda: self.waiting(question))
        asked: Asked = self.until("the message in Slack", lambda: self.players.asked(self.deal, CSM, question))
        self.console.print(
            f"         decision link: {asked.link}\n         or the form in the Prefect UI, code {asked.code}"
        )
        if self.me:
            self.console.print(f"[bold]You are the CSM.[/] Say there that {told}; this goes on when you have.")
        else:
            self.players.answer(asked.link, **values)
            self.says("CSM", f"answers: {told}")
        patience = 3600 if self.me else PATIENCE_SECONDS
        self.until("the answer", lambda: self.waiting(question) != open_one, patience=patience)

    def export(self) -> None:
        """The customer's data export: a case of its own, for whose end the offboarding waits."""
        around = (self.site, self.files, self.console, self.me, self.stopped)
        inside = Export(*around, team=TEAM, customer=CUSTOMER, csm=CSM)
        ticket = self.until("the ticket of the data export", lambda: self.result("offboarding.ask_for_data"))
        self.console.rule(f"a case inside: the data export of Zendesk ticket {ticket}", style="dim")
        inside.make(ticket)
        self.console.rule("its end wakes the offboarding", style="dim")
        self.until("that the offboarding sees it", lambda: self.heard(f"case-{inside.case_id}"))

    def deactivate(self) -> None:
        """The last day comes; engineering takes access away, and Casework looks in the product's database."""
        open_one = self.until("the wait for the last day", lambda: self.waiting("customer"))
        shown = advance(self.site.home, timedelta(days=LEAVES_IN_DAYS + 1))
        self.says("everybody", f"lets days pass: the sandbox's clock shows {shown:%A, %H:%M} UTC")
        ordered: Mapping[str, Any] = self.until(
            "engineering's task", lambda: self.result("offboarding.order_deactivation")
        )
        self.until("the wait for engineering", lambda: self.waiting("customer") not in (None, open_one))
        if self.me:
            self.console.input("[bold]You are the engineer.[/] Press Enter to take access away. ")
        self.players.act("engineer", "deactivate", team_id=ordered["team"])
        self.players.act("engineer", "complete", task=ordered["task"])
        self.says("engineer", f"deactivates {ordered['team']} and completes the Asana task; we look whether it is so")

    # -- what can be seen

    def letters(self) -> int | None:
        """The ticket of the letters to the customer, once its data was offered there."""
        offered = self.result("offboarding.letter")
        return int(offered) if offered is not None else None

    def heard(self, thing: str) -> bool:
        """Whether the case has seen this by itself."""
        decided = [entry.payload for entry in self.files.entries(self.case_id) if entry.kind is Kind.DECIDED]
        return any(one["values"].get("seen") == thing for one in decided)

    def show(self) -> None:
        """What HubSpot has now."""
        state = self.players.state()
        deal = state["hubspot"]["objects"]["deals"][self.deal]["properties"]
        told = f"{deal['client_activity_status']}, contract ends {deal['contract_end_date']}"
        self.console.print(f"HubSpot deal {self.deal}: [bold]{told}[/]")
        self.console.print(f"  {self.site.addresses['sandbox']}/sandbox/describe")
