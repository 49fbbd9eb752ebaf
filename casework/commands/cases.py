"""What people do with cases: start, look, verify, end early; and the clock by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import select

from casework import wiring
from casework.case import Case, CaseFiles, ChainBroken
from casework.commands.meant import CaseArgument, one_case
from casework.commands.shown import AsJson, Stop, as_json, complain, say, table
from casework.schema import cases as cases_table
from casework.settings import load
from casework.story import timeline
from casework.tick import push
from casework.tick import start as start_case
from casework.tick import tick as one_round

__all__ = ["COMMANDS"]


def start(
    process: Annotated[str, typer.Argument(help="For example `data-export`.")],
    ticket: Annotated[
        str,
        typer.Option(
            help="A ticket's number in Zendesk or key in Jira,"
            " the id of a Salesforce case, HubSpot deal or Intercom conversation."
        ),
    ],
    json: AsJson = False,
) -> None:
    """Start a process for a ticket; when it runs already, say so and start nothing.

    Example: `casework start data-export --ticket 4711`
    """
    with wiring.connected() as wired:
        from casework.process import processes

        if process not in processes:
            raise typer.BadParameter(f"there is no process {process!r}; there are: {', '.join(processes)}")
        try:
            parameters = processes[process].about(ticket)
        except TypeError as error:
            raise typer.BadParameter(f"{process} is not started with a ticket alone: {error}.") from None
        except ValueError:
            raise typer.BadParameter(f"{process} is about a ticket of Zendesk: {ticket!r} is no number.") from None
        subject = processes[process].subject_of(parameters)
        case_id, fresh = start_case(wired.runtime, process, subject, parameters)
    if json:
        as_json({"case": case_id, "subject": subject, "started": fresh})
    elif case_id is None:
        say(f"{process} for {subject} is noted. It starts when the Prefect server is back.")
    elif fresh:
        say(f"Case {case_id}: {process} for {subject} has started.")
    else:
        say(f"Case {case_id}: {process} for {subject} is already open; nothing was started.")


def file(
    case: CaseArgument,
    whole: Annotated[bool, typer.Option(help="Also beginnings of steps and looked-up facts.")] = False,
    json: AsJson = False,
) -> None:
    """The story of a case. A ticket with several cases shows the open or the latest one.

    Example: `casework file 4711`
    """
    settings = load().settings
    files = wiring.files(settings)
    found = one_case(files, case)
    entries = files.entries(found.case_id)
    if json:
        as_json({"case": asdict(found), "entries": [asdict(entry) for entry in entries]})
        return
    zone = ZoneInfo(settings.zone)
    account = f" · {found.account}" if found.account else ""
    state = f"ended as {found.ending}" if found.ending else "open"
    say(f"{found.process} · {found.subject}{account} · {state}\ncase {found.case_id}, times in {zone}\n")
    table(
        ["when", "", "what"],
        [
            [f"{line.at.astimezone(zone):%d %b %H:%M:%S}", line.sign, line.text]
            for line in timeline(entries, whole=whole)
        ],
    )


def verify(
    case: Annotated[
        str | None, typer.Argument(metavar="CASE", help="A case id, its beginning, or a ticket number.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every case there is.")] = False,
) -> None:
    """Check the hash chain of a case file; exit code 1 names the first entry that is not what was written.

    Example: `casework verify --all`
    """
    if (case is None) != everything:
        raise typer.BadParameter("name a CASE, or say --all")
    files = wiring.files(load().settings)
    chosen = [found.case_id for found in _every(files)] if case is None else [one_case(files, case).case_id]
    broken = 0
    for case_id in chosen:
        try:
            entries = files.verify(case_id)
        except ChainBroken as error:
            broken += 1
            complain(str(error))
        else:
            say(f"Case {case_id}: {entries} entries, unbroken.")
    if broken:
        raise typer.Exit(1)


def cancel(
    case: CaseArgument,
    reason: Annotated[str, typer.Option(help="Why; stands in the case file, so without names or addresses.")],
    person: Annotated[str, typer.Option("--as", help="Your staff id.")] = "operator",
) -> None:
    """End a case early: what it has done and can be undone is undone, newest first.

    Example: `casework cancel 4711 --reason "opened by mistake"`
    """
    with wiring.connected() as wired:
        found = one_case(wired.files, case)
        if not wired.files.ask_to_cancel(found.case_id, person, reason):
            why = f"it has ended as {found.ending}" if found.ending else "that was asked before"
            raise Stop(f"Case {found.case_id} is not cancelled again: {why}.")
        pushed = push(wired.runtime, found.case_id)
    later = "is being unwound" if pushed else "is unwound when the Prefect server is back"
    say(f"Case {found.case_id} {later}.")


def tick(json: AsJson = False) -> None:
    """One round of the clock, for cron: deadlines, reminders, lost legs, cancelled runs, the page of open questions.

    Example: `casework tick`
    """
    with wiring.connected() as wired:
        done = asdict(one_round(wired.runtime))
        wiring.board(wired).refresh()
    if json:
        as_json(done)
    else:
        say(", ".join(f"{name} {count}" for name, count in done.items()))


COMMANDS = (start, file, verify, cancel, tick)


def _every(files: CaseFiles) -> list[Case]:
    with files.reading() as connection:
        ids = connection.execute(select(cases_table.c.case_id).order_by(cases_table.c.opened_at)).scalars()
        return [files.case(case_id) for case_id in ids]
