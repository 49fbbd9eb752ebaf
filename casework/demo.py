"""The demo: one case on stand-ins, from its first event to its end, told while it happens.

Everything is real but the outside systems: Prefect server and worker, gateway, databases, sealing, download. The
people are played through the stand-ins' own doors; with `play="me"` the person at the terminal decides.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Mapping

from rich.console import Console

from casework import wiring
from casework.commands.site import plan
from casework.demo_documents import Documents
from casework.demo_export import Export
from casework.demo_offboarding import Offboarding
from casework.demo_privacy import Privacy
from casework.demo_sales import SalesTransfer
from casework.demo_stage import DemoFailed, Stage
from casework.players import PlayFailed
from casework.settings import load
from casework.supervisor import Supervisor

__all__ = ["PLAYS", "DemoFailed", "run"]

PLAYS: Mapping[str, type[Stage]] = {
    one.process: one for one in (Export, Documents, Privacy, Offboarding, SalesTransfer)
}
"""The plays by their process; the first is played when none is named."""


def run(*, once: bool, play: str | None, process: str = Export.process) -> None:
    """Play one case of a process, then leave everything open until Ctrl-C, or end with `once`.

    Raises:
        DemoFailed: a step of the demo did not happen in time.
        ValueError: `play` is neither None nor `me`, or there is no play of this process.
    """
    if play not in (None, "me"):
        raise ValueError(f"--play takes `me`, not {play!r}.")
    if process not in PLAYS:
        raise ValueError(f"There is no play of {process!r}; there are {', '.join(PLAYS)}.")
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    began = time.monotonic()
    home = (load(running=False).settings.home / "demo").absolute()
    shutil.rmtree(home, ignore_errors=True)
    os.environ["CASEWORK_HOME"] = str(home)
    # The play moves the clock by days and waits for what that brings.
    os.environ.setdefault("CASEWORK_TICK_SECONDS", "1")
    site = plan(load(running=False), sandbox=True)
    supervisor = Supervisor(
        site.children, folder=home / "run", logs=home / "logs", say=lambda text: console.print(f"[dim]{text}[/]")
    )
    console.rule(f"Casework · {PLAYS[process].title}")
    console.print("Starting Prefect server, sandbox, gateway and worker …")
    with supervisor.signals(), supervisor.running():
        if supervisor.stopped:
            return
        console.print(f"Ready after {time.monotonic() - began:.0f} s. Prefect UI: {site.addresses['prefect']}")
        watching = threading.Thread(target=supervisor.watch, daemon=True)
        watching.start()
        files = wiring.files(load().settings)
        stage = PLAYS[process](site, files, console, me=play == "me", stopped=lambda: supervisor.stopped)
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
