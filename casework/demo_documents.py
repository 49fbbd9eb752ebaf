"""A document change: tested on Onboard, changed, confirmed, published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from casework.demo_stage import Stage
from casework.standins import advance

__all__ = ["Documents"]

CUSTOMER, SUPPORT, CONFIGURER = "user-201", "staff-61", "staff-72"
CHANGES = "changes: something is wrong or more is to be edited"
CONFIRMED = "confirmed: the document is right"
DETAILS = "The new letterhead, please."


@dataclass
class Documents(Stage):
    """The play."""

    title = "a customer's document, from the survey to Engine"
    process = "document-change"

    def play(self) -> None:
        """The case, act by act."""
        token = self.players.act("customer", "answer_survey", user_id=CUSTOMER, answers={"details": DETAILS})
        self.says("customer", "fills in the survey: a document to add, to be tested first")
        ticket = self.players.act("customer", "file_survey", token=token)
        self.says("Typeform", f"makes Jira ticket {ticket}")
        self.case_id = self.until("the case to open", self.opened)
        self.console.print(f"         Prefect UI: {self.page}")
        self.configure(lambda: self.waiting("configuration"))
        self.reply(ticket, "The logo is too small.")
        self.read(ticket, CHANGES)
        self.configure(lambda: self.waiting("configuration"))
        self.reply(ticket, "Yes, looks good!")
        self.read(ticket, CONFIRMED)
        self.publish()
        self.until("the day in which the customer may answer", lambda: self.waiting("published"))
        shown = advance(self.site.home, timedelta(hours=25))
        self.says("everybody", f"lets a day pass: the sandbox's clock shows {shown:%A, %H:%M} UTC")
        ending = self.until("the end", lambda: self.files.case(self.case_id).ending)
        self.tell()
        self.console.rule(f"ended as {ending}")
        self.console.print(f"Jira: {self.site.addresses['sandbox']}/sandbox/describe")
        self.file_is_whole()

    # -- the acts

    def configure(self, asked: Callable[[], Any]) -> None:
        """CS puts the document onto Onboard."""
        self.until("CS's ticket", asked)
        task = self.result("documents.request_configuration")
        self.players.act("agent", "move_issue", issue=task, status="On Hold", staff_id=CONFIGURER)
        self.says("CS", f"puts {task} on hold: the document can be tested on Onboard")
        self.until("the test", lambda: self.waiting("test"))

    def reply(self, ticket: str, text: str) -> None:
        """The customer tests and answers."""
        if self.me:
            text = self.console.input("[bold]You are the customer.[/] What do you say about the document? ") or text
        self.players.act("customer", "comment_issue", issue=ticket, text=text)
        self.says("customer", "looks at the document and replies on the ticket")

    def read(self, ticket: str, decision: str) -> None:
        """Support says what the reply means, on the page behind the link in Slack."""
        self.until("the question to support", lambda: self.waiting("test-reading"))
        asked = self.until("the message in Slack", lambda: self.players.asked(ticket, SUPPORT))
        self.console.print(
            f"         decision link: {asked.link}\n         or the form in the Prefect UI, code {asked.code}"
        )
        if self.me:
            wanted = decision.partition(":")[0]
            self.console.print(f"[bold]You are support.[/] Decide there ({wanted}); this goes on when you have.")
            self.until("your decision", lambda: not self.waiting("test-reading"), patience=3600)
            return
        self.players.answer(asked.link, decision=decision)
        self.says("support", f"reads it, and answers: {decision.partition(':')[0]}")

    def publish(self) -> None:
        """CS puts the document onto Engine; Jira tells the customer."""
        self.until("CS's ticket", lambda: self.waiting("configuration"))
        task = self.result("documents.request_configuration")
        self.players.act("agent", "move_issue", issue=task, status="Published on Engine", staff_id=CONFIGURER)
        self.says("CS", f"publishes {task} on Engine")
