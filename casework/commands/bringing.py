"""What an engineer does who has a file and no process: bring it, to be delivered as an export is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from casework import wiring
from casework.case import Case, CaseUnknown
from casework.commands.shown import Stop, say
from casework.delivery.digests import Tally
from casework.tick import begin, push

__all__ = ["COMMANDS"]

PROCESS = "deliver-file"
BLOCK = 1 << 20
ENDING = re.compile(r"[a-z0-9]{1,8}")


def deliver(
    file: Annotated[Path, typer.Argument(help="The file to deliver.", exists=True, dir_okay=False, readable=True)],
    to: Annotated[int, typer.Option(help="The ticket of whoever gets it.", min=1)],
    person: Annotated[str, typer.Option("--as", help="Your staff id; another person has to agree.")],
) -> None:
    """Deliver one file to whoever asked on a ticket: one download, then destroyed and certified.

    Its name is not kept. An operator other than you has to agree before the customer hears of it. Given again for the
    same file, it goes on where it was stopped.

    Example: `casework deliver report.csv --to 4711 --as staff-51`
    """
    size = file.stat().st_size
    if not size:
        raise typer.BadParameter(f"{file} is empty: there is nothing to deliver.")
    ending = file.suffix.lower().removeprefix(".")
    name = f"file.{ending if ENDING.fullmatch(ending) else 'bin'}"
    digest = Tally.of(_shown(_blocks(file), size, "Reading")).sha256
    with wiring.connected() as wired:
        from casework.process import processes
        from tasks.drop import drop_of, place

        wanted = {"ticket": to, "name": name, "size": size, "sha256": digest, "by": person}
        subject = processes[PROCESS].subject_of(wanted)
        known, _ = wired.files.occurrence(PROCESS, subject, wanted)
        if dict(known.parameters) != wanted:
            raise Stop(f"Another file is being delivered on ticket {to}, as case {known.case_id}. Wait for its end.")
        case_id = begin(wired.runtime, known)
        if case_id is None:
            raise Stop("The Prefect server is away, so nothing was uploaded. Give the command again when it is back.")
        prefix = place(case_id)
        chunks = _shown(_blocks(file), size, "Uploading")
        wired.systems.s3.upload(wired.delivery.drop_bucket, f"{prefix}{name}", chunks)
        begun = _begun(wired, case_id)
        if begun is not None and begun.closed_at is not None:
            drop_of(prefix).delete()
            raise Stop(
                f"Case {case_id} has ended meanwhile; what was uploaded is deleted. See `casework file {case_id}`."
            )
        if begun is not None:
            wired.files.want_leg(case_id)
            push(wired.runtime, case_id)
    say(f"Case {case_id}: the file is there. An operator other than {person} is asked whether it may go.")


COMMANDS = (deliver,)


def _begun(wired: wiring.Wired, case_id: str) -> Case | None:
    """The case; None before its first leg, which looks for the file by itself."""
    try:
        return wired.files.case(case_id)
    except CaseUnknown:
        return None


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while block := opened.read(BLOCK):
            yield block


def _shown(blocks: Iterable[bytes], size: int, what: str) -> Iterable[bytes]:
    return track(blocks, what, total=-(-size // BLOCK), console=Console(stderr=True), transient=True)
