"""A data export, from the customer's mail to the certificate."""

from __future__ import annotations

from dataclasses import dataclass

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from casework.demo_stage import Stage
from casework.players import Download

__all__ = ["Export"]

DELIVERABLE_BYTES = 50_000_000
REASON = "We are moving to another vendor next quarter and want our data with us."


@dataclass
class Export(Stage):
    """The play: whose data it is, who asks for it, and who agrees."""

    title = "a customer's data export, from ticket to certificate"
    process = "data-export"

    team: str = "team-104"
    customer: str = "user-88"
    csm: str = "staff-13"

    def play(self) -> None:
        """The case, act by act."""
        ticket = self.players.act("customer", "open_ticket", user_id=self.customer)
        self.says("customer", f"writes a mail: it becomes Zendesk ticket {ticket}, tagged data_export")
        self.make(ticket)

    def make(self, ticket: int) -> None:
        """What follows when the ticket is there, whoever has opened it."""
        self.case_id = self.until("the case to open", self.opened)
        self.console.print(f"         Prefect UI: {self.page}")
        self.until("the question for the reason", lambda: self.waiting("reason"))
        self.give_reason(ticket)
        self.until("the approval request", lambda: self.waiting("approval"))
        self.approve(ticket)
        self.until("engineering's task", lambda: self.waiting("deliverable"))
        self.deliver()
        with self.progress("sealed into the vault") as bar:
            self.until("the link", lambda: self.waiting("download"), lambda: self._show_sealing(bar))
        self.download(ticket)
        ending = self.until("the end", lambda: self.files.case(self.case_id).ending)
        self.tell()
        self.certificate(ending)

    # -- the acts

    def give_reason(self, ticket: int) -> None:
        """The customer answers on the ticket."""
        text = REASON
        if self.me:
            text = self.console.input("[bold]You are the customer.[/] What is the export for? ").strip() or REASON
        self.players.act("customer", "reply", ticket=ticket, text=text)
        self.says("customer", "replies on the ticket with the reason")

    def approve(self, ticket: int) -> None:
        """The CSM presses the button in Slack, or the person at the terminal decides."""
        asked = self.until("the message in Slack", lambda: self.players.asked(ticket, self.csm))
        self.console.print(
            f"         decision link: {asked.link}\n         or the form in the Prefect UI, code {asked.code}"
        )
        if self.me:
            self.console.print("[bold]You are the CSM.[/] Decide there; this goes on when you have.")
            self.until("your decision", lambda: not self.waiting("approval"), patience=3600)
            return
        self.players.act("csm", "press", channel=asked.channel, action_id="decide:verdict=approve", staff_id=self.csm)
        self.says("CSM", "presses Approve in Slack")

    def deliver(self) -> None:
        """The engineer puts the export into the drop and completes the task."""
        task = self.result("asana.open_task")
        if self.me:
            self.console.input("[bold]You are the engineer.[/] Press Enter to make the export. ")
        place = {"bucket": "engineering-drop", "prefix": f"exports/{self.case_id}/", "team_id": self.team}
        self.players.act("engineer", "place_deliverable", **place, size_bytes=DELIVERABLE_BYTES)
        self.players.act("engineer", "complete", task=task)
        self.says("engineer", f"puts {DELIVERABLE_BYTES // 1_000_000} MB into the drop and completes the Asana task")

    def download(self, ticket: int) -> None:
        """The customer opens the link, has the code sent, and downloads in ranges, acknowledging each."""
        address = self.until("the link on the ticket", lambda: self.players.link(ticket))
        if self.me:
            self.console.print(f"[bold]You are the customer.[/] Open {address} and have the code sent.")
            self.until("the code", lambda: self.players.mailed_code(self.customer), patience=3600)
            self.console.print(f"         the code in the mailbox: {self.players.mailed_code(self.customer)}")
            self.until("your download", lambda: not self.waiting("download"), patience=3600)
            return
        browser = Download(self.players, address)
        browser.send_code()
        browser.claim(self.until("the code in the mailbox", lambda: self.players.mailed_code(self.customer)))
        self.says("customer", "opens the link and types the code that came by mail")
        with self.progress("downloaded") as bar:
            while browser.go_on():
                bar.update(bar.task_ids[0], completed=browser.arrived, total=browser.size)

    def certificate(self, ending: str) -> None:
        """The certificate, the checked file, and where to look."""
        from casework.delivery.certificate import verify
        from casework.delivery.certificates import Certificates

        document = Certificates(self.files.engine).read(self.case_id)
        proved = verify(document).certificate
        self.console.rule(f"ended as {ending}")
        self.console.print(f"Certificate of destruction: [bold]{proved.result}[/], signature right")
        self.console.print(f"  key {proved.key.key_id} destroyed at {proved.key.destroyed_at:%H:%M:%S} UTC")
        for copy in proved.copies:
            kept = f" until {copy.until}" if copy.until else ""
            self.console.print(f"  {copy.copy_name}: {copy.state.value}{kept}{', sealed' if copy.sealed else ''}")
        self.console.print(f"  CASEWORK_HOME={self.site.home} casework certificate {self.case_id[:8]} --pdf")
        self.file_is_whole()

    def progress(self, what: str) -> Progress:
        """A bar with one task."""
        bar = Progress(
            TextColumn(f"         {what}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=self.console
        )
        bar.add_task(what, total=DELIVERABLE_BYTES)
        return bar

    def _show_sealing(self, bar: Progress) -> None:
        """What the Prefect UI shows of the upload."""
        wanted = {"artifacts": {"type": {"any_": ["progress"]}, "flow_run_id": {"any_": [self.case_id]}}}
        found = self.players.web.post(f"{self.site.addresses['prefect']}/api/artifacts/filter", json=wanted)
        if found.is_success and found.json():
            bar.update(bar.task_ids[0], completed=found.json()[0]["data"] / 100 * DELIVERABLE_BYTES)
