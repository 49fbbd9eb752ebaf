"""A privacy request on a Salesforce case: a member who signs in with Google sets a password first, then it is made."""

from __future__ import annotations

from dataclasses import dataclass

from casework.demo_stage import Stage
from casework.players import Asked

__all__ = ["Privacy"]

MEMBER, AGENT, SECOND_AGENT = "member-2", "staff-81", "staff-82"
TEXT = "Please delete my account and everything that you know about me."
DELETE = "Delete Data: that it is deleted"
AGREED = "delete: the member wants their data deleted"


@dataclass
class Privacy(Stage):
    """The play."""

    title = "a member's privacy request, from the mail to its number"
    process = "privacy-request"

    def play(self) -> None:
        """The case, act by act."""
        case = self.players.act("member", "open_case", member_id=MEMBER, subject="DSAR", text=TEXT)
        self.says("member", f"writes a mail: Tier 1 passes it on to Tier 2 as Salesforce case {case}")
        self.case_id = self.until("the case to open", self.opened)
        self.console.print(f"         Prefect UI: {self.page}")
        self.until("the steps to a password", lambda: self.waiting("password"))
        self.set_password()
        self.read(case, "request-type", AGENT, "asked", DELETE)
        self.read(case, "delete-data", SECOND_AGENT, "decision", AGREED)
        ending = self.until("the end", lambda: self.files.case(self.case_id).ending)
        self.tell()
        self.console.rule(f"ended as {ending}")
        self.show(case)
        self.file_is_whole()

    # -- the acts

    def set_password(self) -> None:
        """The member follows the steps; Salesforce tells us by a signed callout."""
        if self.me:
            self.console.input("[bold]You are the member.[/] Press Enter to set a password as the mail says. ")
        self.players.act("member", "set_password", member_id=MEMBER)
        self.says("member", "who signs in with Google, sets a password; a signed callout of Salesforce tells of it")

    def read(self, case: str, key: str, staff: str, field: str, answer: str) -> None:
        """An agent answers a question on the page behind the link in Slack."""
        self.until("the question to the agents", lambda: self.waiting(key))
        asked: Asked = self.until("the message in Slack", lambda: self.players.asked(case, staff))
        self.console.print(
            f"         decision link: {asked.link}\n         or the form in the Prefect UI, code {asked.code}"
        )
        wanted = answer.partition(":")[0]
        if self.me:
            self.console.print(f"[bold]You are {staff}.[/] Decide there ({wanted}); this goes on when you have.")
            self.until("your decision", lambda: not self.waiting(key), patience=3600)
            return
        self.players.answer(asked.link, **{field: answer})
        self.says(staff, f"reads the case in Salesforce, and answers: {wanted}")

    def show(self, case: str) -> None:
        """What Salesforce has now."""
        records = self.players.state()["salesforce"]["records"]
        (made,) = [one for one in records["Privacy_Request__c"].values() if one["Case__c"] == case]
        status = f"{made['Request_Type__c']}, {made['Request_Status__c']}"
        self.console.print(f"Privacy request: [bold]{made['Name']}[/] ({status}), made once")
        self.console.print(f"Salesforce case {records['Case'][case]['CaseNumber']}: {records['Case'][case]['Status']}")
        self.console.print(f"  {self.site.addresses['sandbox']}/sandbox/describe")
