"""The demo: one data export on stand-ins, from the customer's mail to the certificate, told while it happens.

Everything is real but the outside systems: Prefect server and worker, gateway, databases, sealing, download. The
people are played through the stand-ins' own doors; with `play="me"` the person at the terminal decides.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from sqlalchemy import select

from casework import wiring
from casework.case import CaseFiles, Kind
from casework.commands.site import Site, plan
from casework.players import Download, Players, PlayFailed
from casework.schema import waits
from casework.settings import load
from casework.story import timeline
from casework.supervisor import Supervisor

__all__ = ["DemoFailed", "run"]

TEAM, CUSTOMER, CSM = "team-104", "user-88", "staff-13"
DELIVERABLE_BYTES = 50_000_000
REASON = "We are moving to another vendor next quarter and want our data with us."
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.25


class DemoFailed(RuntimeError):
    """The demo did not come to its end; the logs lie in the folder it names."""


def run(*, once: bool, play: str | None) -> None:
    """Play one case, then leave everything open until Ctrl-C, or end with `once`.

    Raises:
        DemoFailed: a step of the demo did not happen in time.
        ValueError: `play` is neither None nor `me`.
    """
    if play not in (None, "me"):
        raise ValueError(f"--play takes `me`, not {play!r}.")
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    began = time.monotonic()
    home = (load(running=False).settings.home / "demo").absolute()
    shutil.rmtree(home, ignore_errors=True)
    os.environ["CASEWORK_HOME"] = str(home)
    site = plan(load(running=False), sandbox=True)
    supervisor = Supervisor(
        site.children, folder=home / "run", logs=home / "logs", say=lambda text: console.print(f"[dim]{text}[/]")
    )
    console.rule("Casework · a customer's data export, from ticket to certificate")
    console.print("Starting Prefect server, sandbox, gateway and worker …")
    with supervisor.signals(), supervisor.running():
        if supervisor.stopped:
            return
        console.print(f"Ready after {time.monotonic() - began:.0f} s. Prefect UI: {site.addresses['prefect']}")
        watching = threading.Thread(target=supervisor.watch, daemon=True)
        watching.start()
        stage = Stage(site, wiring.files(load().settings), console, me=play == "me", stopped=lambda: supervisor.stopped)
        try:
            stage.play()
        except PlayFailed as failed:
            raise DemoFailed(f"{failed} The logs are in {home / 'logs'}.") from failed
        console.print(f"\n[bold]Done in {time.monotonic() - began:.0f} s.[/]")
        if once:
            supervisor.stop()
        else:
            console.print("Everything is left open. Ctrl-C ends it.")
            for name, address in site.addresses.items():
                console.print(f"  {name}: {address}")
            console.print(f"  the case in the Prefect UI: {stage.page}")
        watching.join()


@dataclass
class Stage:
    """One case and those who play in it."""

    site: Site
    files: CaseFiles
    console: Console
    me: bool
    stopped: Callable[[], bool]
    case_id: str = ""
    _told: int = 0
    players: Players = field(init=False)

    def __post_init__(self) -> None:
        self.players = Players(self.site.addresses["sandbox"], self.site.addresses["gateway"])

    def play(self) -> None:
        """The case, act by act."""
        ticket = self.players.act("customer", "open_ticket", user_id=CUSTOMER)
        self.says("customer", f"writes a mail: it becomes Zendesk ticket {ticket}, tagged data_export")
        self.case_id = self.until("the case to open", self._opened)
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
        asked = self.until("the message in Slack", lambda: self.players.asked(ticket, CSM))
        self.console.print(
            f"         decision link: {asked.link}\n         or the form in the Prefect UI, code {asked.code}"
        )
        if self.me:
            self.console.print("[bold]You are the CSM.[/] Decide there; this goes on when you have.")
            self.until("your decision", lambda: not self.waiting("approval"), patience=3600)
            return
        self.players.act("csm", "press", channel=asked.channel, action_id="decide:verdict=approve", staff_id=CSM)
        self.says("CSM", "presses Approve in Slack")

    def deliver(self) -> None:
        """The engineer puts the export into the drop and completes the task."""
        task = next(
            payload["result"]
            for entry in self.files.entries(self.case_id)
            if entry.kind is Kind.STEP_DONE and (payload := entry.payload)["step"] == "asana.open_task"
        )
        if self.me:
            self.console.input("[bold]You are the engineer.[/] Press Enter to make the export. ")
        place = {"bucket": "engineering-drop", "prefix": f"exports/{self.case_id}/", "team_id": TEAM}
        self.players.act("engineer", "place_deliverable", **place, size_bytes=DELIVERABLE_BYTES)
        self.players.act("engineer", "complete", task=task)
        self.says("engineer", f"puts {DELIVERABLE_BYTES // 1_000_000} MB into the drop and completes the Asana task")

    def download(self, ticket: int) -> None:
        """The customer opens the link, has the code sent, and downloads in ranges, acknowledging each."""
        address = self.until("the link on the ticket", lambda: self.players.link(ticket))
        if self.me:
            self.console.print(f"[bold]You are the customer.[/] Open {address} and have the code sent.")
            self.until("the code", lambda: self.players.mailed_code(CUSTOMER), patience=3600)
            self.console.print(f"         the code in the mailbox: {self.players.mailed_code(CUSTOMER)}")
            self.until("your download", lambda: not self.waiting("download"), patience=3600)
            return
        browser = Download(self.players, address)
        browser.send_code()
        browser.claim(self.until("the code in the mailbox", lambda: self.players.mailed_code(CUSTOMER)))
        self.says("customer", "opens the link and types the code that came by mail")
        with self.progress("downloaded") as bar:
            while browser.go_on():
                bar.update(bar.task_ids[0], completed=browser.arrived, total=browser.size)

    def certificate(self, ending: str) -> None:
        """The certificate, the checked file, and how to get them."""
        from casework.delivery.certificate import verify
        from casework.delivery.certificates import Certificates

        document = Certificates(self.files.engine).read(self.case_id)
        proved = verify(document).certificate
        entries = self.files.verify(self.case_id)
        self.console.rule(f"ended as {ending}")
        self.console.print(f"Certificate of destruction: [bold]{proved.result}[/], signature right")
        self.console.print(f"  key {proved.key.key_id} destroyed at {proved.key.destroyed_at:%H:%M:%S} UTC")
        for copy in proved.copies:
            kept = f" until {copy.until}" if copy.until else ""
            self.console.print(f"  {copy.copy_name}: {copy.state.value}{kept}{', sealed' if copy.sealed else ''}")
        self.console.print(f"  CASEWORK_HOME={self.site.home} casework certificate {self.case_id[:8]} --pdf")
        self.console.print(f"Case file: {entries} entries, chain unbroken")
        self.console.print(f"  CASEWORK_HOME={self.site.home} casework file {self.case_id[:8]}")

    # -- how it is told

    @property
    def page(self) -> str:
        """The case's run in the Prefect UI."""
        return f"{self.site.addresses['prefect']}/runs/flow-run/{self.case_id}"

    def says(self, who: str, text: str) -> None:
        """What somebody did."""
        self.console.print(f"[cyan]{time.strftime('%H:%M:%S')} {who} {text}[/]")

    def tell(self) -> None:
        """The lines of the case file that were not told yet."""
        if not self.case_id:
            return
        lines = timeline(self.files.entries(self.case_id))
        for line in lines[self._told :]:
            self.console.print(f"{line.at.astimezone():%H:%M:%S} {line.sign} {line.text}")
        self._told = len(lines)

    def until(
        self,
        what: str,
        ready: Callable[[], Any],
        meanwhile: Callable[[], None] = lambda: None,
        patience: float = PATIENCE_SECONDS,
    ) -> Any:
        """Tell the story until something is there; what it is.

        Raises:
            DemoFailed: it did not come in time, or everything was ended.
        """
        give_up = time.monotonic() + patience
        while not (found := ready()):
            self.tell()
            meanwhile()
            if self.stopped() or time.monotonic() > give_up:
                raise DemoFailed(f"{what} did not come. The logs are in {self.site.home / 'logs'}.")
            time.sleep(LOOK_SECONDS)
        self.tell()
        return found

    def progress(self, what: str) -> Progress:
        """A bar with one task."""
        bar = Progress(
            TextColumn(f"         {what}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=self.console
        )
        bar.add_task(what, total=DELIVERABLE_BYTES)
        return bar

    # -- what can be seen from outside

    def waiting(self, key: str) -> bool:
        """Whether the question is open."""
        with self.files.reading() as connection:
            found = connection.execute(
                select(waits.c.wait).where(
                    waits.c.case_id == self.case_id, waits.c.state == "open", waits.c.wait.startswith(f"{key}/")
                )
            ).first()
        return found is not None

    def _opened(self) -> str | None:
        return next((case.case_id for case in self.files.open_cases()), None)

    def _show_sealing(self, bar: Progress) -> None:
        """What the Prefect UI shows of the upload."""
        wanted = {"artifacts": {"type": {"any_": ["progress"]}, "flow_run_id": {"any_": [self.case_id]}}}
        found = self.players.web.post(f"{self.site.addresses['prefect']}/api/artifacts/filter", json=wanted)
        if found.is_success and found.json():
            bar.update(bar.task_ids[0], completed=found.json()[0]["data"] / 100 * DELIVERABLE_BYTES)
