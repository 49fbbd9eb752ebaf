"""The transfer from support to sales: a customer who wants seats, and a lead who asks what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from casework.demo_stage import PATIENCE_SECONDS, Stage
from casework.players import Asked
from casework.standins import advance

__all__ = ["SalesTransfer"]

AGENT, SDR, OWNER = "staff-61", "staff-64", "staff-68"
CUSTOMER, CUSTOMER_CHAT = "visitor-1", "seats"
LEAD, LEAD_CHAT = "visitor-4", "pricing"
TAKEN, SENT, SENT_TO_LEAD, MINE = "I take it", "sent", "sent, for sales", "I have it"
KNOWN = {"decision": "what I know stands here", "ats": "Hirewell", "website": "https://hollowmere-3d1f.example"}
SYNC_MINUTES = 16
"""A little longer than Casework leaves to Intercom's own sync with Salesforce."""
LOOK_MINUTES = 61
"""A little longer than until somebody looks for what no hook tells."""


@dataclass
class SalesTransfer(Stage):
    """The play: two cases, one after the other."""

    title = "support hands a customer and a lead over to sales"
    process = "sales-transfer"

    conversation: str = ""

    def play(self) -> None:
        """Both cases, act by act."""
        self.begin(CUSTOMER_CHAT, "a customer wants ten more seats")
        self.answer(SDR, "take", "takes it", decision=TAKEN)
        self.until("word to who has the account", lambda: self.conversation in self.slack_of(OWNER))
        self.says("account executive", "reads in Slack whose account it is, and what it is about")
        self.answer(SDR, "new-thread", "has written to the customer in a new thread", decision=SENT)
        self.answer(OWNER, "outcome", "has the customer", decision=MINE)
        self.end()
        self.begin(LEAD_CHAT, "somebody without an account asks what it costs")
        self.answer(SDR, "take", "takes it", decision=TAKEN)
        self.answer(SDR, "new-thread", "has written to the lead in a new thread", decision=SENT_TO_LEAD)
        self.sync()
        self.answer(SDR, "missing-fields", "says what the other systems do not know, once", **KNOWN)
        self.book()
        self.end()
        self.show()

    # -- the acts

    def begin(self, chat: str, told: str) -> None:
        """An agent tags a conversation for sales, and the case opens."""
        self.case_id, self._told = "", 0
        self.conversation = str(self.players.state()["roster"]["conversations"][chat])
        self.players.act("teammate", "tag", conversation=self.conversation, staff_id=AGENT)
        self.says("support", f"tags Intercom conversation {self.conversation} for sales: {told}")
        self.case_id = self.until("the case to open", self.opened)
        self.console.print(f"         Prefect UI: {self.page}")

    def answer(self, staff: str, question: str, told: str, **values: str) -> None:
        """Somebody in sales answers a question on the page behind the link in Slack."""
        open_one = self.until(f"the question {question}", lambda: self.waiting(question))
        asked: Asked = self.until(
            "the message in Slack", lambda: self.players.asked(self.conversation, staff, question)
        )
        self.console.print(
            f"         decision link: {asked.link}\n         or the form in the Prefect UI, code {asked.code}"
        )
        if self.me:
            self.console.print(f"[bold]You are in sales.[/] Say there: {told}; this goes on when you have.")
        else:
            self.players.answer(asked.link, **values)
            self.says("account executive" if staff == OWNER else "SDR", told)
        patience = 3600 if self.me else PATIENCE_SECONDS
        self.until("the answer", lambda: self.waiting(question) != open_one, patience=patience)

    def sync(self) -> None:
        """Intercom's own sync makes the lead in Salesforce, while Casework leaves it the time."""
        self.until("the time that Intercom has", lambda: self.waiting("sync"))
        self.players.act("sdr", "sync_lead", email=self.address())
        self.says("Intercom", "makes a lead of the address in Salesforce, with nothing else in it")
        self.forward(SYNC_MINUTES)

    def book(self) -> None:
        """The lead books a meeting on the website, which nothing but looking shows."""
        self.until("the question what became of it", lambda: self.waiting("outcome"))
        self.players.act("sales", "book_meeting", visitor=LEAD)
        self.says("lead", "books a meeting on the website")
        self.forward(LOOK_MINUTES)

    def forward(self, minutes: int) -> None:
        """Time passes."""
        shown = advance(self.site.home, timedelta(minutes=minutes))
        self.says("everybody", f"lets {minutes} minutes pass: the sandbox's clock shows {shown:%A, %H:%M} UTC")

    def end(self) -> None:
        """The end of the case at hand."""
        ending = self.until("the end", lambda: self.files.case(self.case_id).ending)
        self.tell()
        self.console.rule(f"ended as {ending}")
        conversation = self.players.state()["intercom"]["conversations"][self.conversation]
        self.console.print(f"Intercom conversation {self.conversation}: [bold]{conversation['state']}[/]")
        self.file_is_whole()

    # -- what can be seen

    def address(self) -> str:
        """The lead's e-mail address."""
        return str(self.players.state()["roster"]["visitors"][LEAD]["email"])

    def slack_of(self, staff: str) -> str:
        """Everything that somebody was written in Slack."""
        slack, roster = self.players.state()["slack"], self.players.state()["roster"]
        person = roster["staff"][staff]["slack_id"]
        return str([slack["messages"][name] for name, one in slack["channels"].items() if one.get("user") == person])

    def show(self) -> None:
        """What the systems of sales have of the lead now."""
        state, address = self.players.state(), self.address()
        leads = [one for one in state["salesforce"]["records"]["Lead"].values() if one["Email"] == address]
        records = state["outreach"]["records"]
        prospects = [key for key, one in records["prospect"].items() if address in one["attributes"]["emails"]]
        states = [
            one["attributes"]["state"]
            for one in records["sequenceState"].values()
            if str(one["relationships"]["prospect"]["data"]["id"]) in prospects
        ]
        self.console.print(f"Salesforce: {len(leads)} lead of the address, {leads[0]['NumberOfEmployees']} employees")
        self.console.print(f"Outreach: {len(prospects)} prospect, its sequence {', '.join(states)}")
        self.console.print(f"  {self.site.addresses['sandbox']}/sandbox/describe")
