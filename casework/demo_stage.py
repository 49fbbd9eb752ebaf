"""What every play of the demo has: one case, those who play in it, and how it is told while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rich.console import Console
from sqlalchemy import select

from casework.case import CaseFiles, Kind
from casework.commands.site import Site
from casework.players import Players
from casework.schema import waits
from casework.story import timeline

__all__ = ["DemoFailed", "Stage"]

PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.25


class DemoFailed(RuntimeError):
    """The demo did not come to its end; the logs lie in the folder it names."""


@dataclass
class Stage:
    """One case and those who play in it. What happens is each play's own: `title`, and `play`."""

    title: ClassVar[str]
    process: ClassVar[str]

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
        raise NotImplementedError

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

    # -- what can be seen from outside

    def waiting(self, key: str) -> str | None:
        """The question with this key that is open (`customer/2`), if one is."""
        same = (waits.c.case_id == self.case_id, waits.c.state == "open", waits.c.wait.startswith(f"{key}/"))
        with self.files.reading() as connection:
            found: str | None = connection.execute(select(waits.c.wait).where(*same)).scalar()
            return found

    def opened(self) -> str | None:
        """The id of the play's case, once its file is open."""
        return next((case.case_id for case in self.files.open_cases() if case.process == self.process), None)

    def result(self, step: str) -> Any:
        """What a step of the case gave, the newest time; None as long as it was not done."""
        done = [entry.payload for entry in self.files.entries(self.case_id) if entry.kind is Kind.STEP_DONE]
        return next((one["result"] for one in reversed(done) if one["step"] == step), None)

    def file_is_whole(self) -> None:
        """The checked case file, and how to read it."""
        entries = self.files.verify(self.case_id)
        self.console.print(f"Case file: {entries} entries, chain unbroken")
        self.console.print(f"  CASEWORK_HOME={self.site.home} casework file {self.case_id[:8]}")
