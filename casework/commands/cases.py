"""What people do with cases: start, look, decide, verify, end early."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import select

from casework import wiring
from casework.answer import Offer, Refused
from casework.answer import answer as offer_answer
from casework.case import Case, CaseFiles, ChainBroken
from casework.commands.shown import AsJson, Stop, as_json, complain, say, span, table
from casework.people import Identity
from casework.schema import cases as cases_table
from casework.schema import waits
from casework.settings import load
from casework.story import timeline
from casework.tick import push
from casework.tick import start as start_case
from casework.tick import tick as one_round

__all__ = ["COMMANDS"]

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="A case id, its beginning, or a ticket number.")]


def start(
    process: Annotated[str, typer.Argument(help="For example `data-export`.")],
    ticket: Annotated[int, typer.Option(help="The ticket's number.", min=1)],
    json: AsJson = False,
) -> None:
    """Start a process for a ticket; when it runs already, say so and start nothing.

    Example: `casework start data-export --ticket 4711`
    """
    with wiring.connected() as wired:
        from casework.process import processes

        if process not in processes:
            raise typer.BadParameter(f"there is no process {process!r}; there are: {', '.join(processes)}")
        parameters = processes[process].checked({"ticket": ticket})
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


def inbox(json: AsJson = False) -> None:
    """Every open question, the most urgent first.

    Example: `casework inbox --json`
    """
    settings = load().settings
    files = wiring.files(settings)
    now = files.now()
    with files.reading() as connection:
        rows = connection.execute(
            select(
                waits.c.case_id,
                cases_table.c.process,
                cases_table.c.subject,
                cases_table.c.account,
                waits.c.role,
                waits.c.wait,
                waits.c.asked_at,
                waits.c.due_at,
            )
            .join(cases_table, cases_table.c.case_id == waits.c.case_id)
            .where(waits.c.state == "open", cases_table.c.closed_at.is_(None))
            .order_by(waits.c.due_at, waits.c.case_id)
        ).all()
    if json:
        as_json([{**row._mapping, "overdue": row.due_at <= now} for row in rows])
        return
    if not rows:
        say("No question is open.")
        return
    zone = ZoneInfo(settings.zone)
    lines = []
    for row in rows:
        left = span(row.due_at - now)
        due = f"{row.due_at.astimezone(zone):%d %b %H:%M}"
        lines.append(
            [
                f"overdue {left}" if row.due_at <= now else f"in {left}",
                due,
                row.role,
                row.wait,
                row.process,
                row.subject,
                row.account or "",
                span(now - row.asked_at),
                row.case_id,
            ]
        )
    table(["due", str(zone), "role", "wait", "process", "subject", "account", "age", "case"], lines)


def decide(
    case: CaseArgument,
    wait: Annotated[str, typer.Argument(help="The question, `csm-approval` or with its attempt.")],
    values: Annotated[list[str] | None, typer.Argument(metavar="FIELD=VALUE…")] = None,
    person: Annotated[str | None, typer.Option("--as", help="Your staff id; recorded as not verified.")] = None,
    code: Annotated[str | None, typer.Option(help="Your personal code from the message; verified.")] = None,
) -> None:
    """Answer a question. `--code` proves who you are; `--as` only says it, and some questions refuse that.

    Example: `casework decide 4711 csm-approval verdict=approve --code K7QX-2MZP`
    """
    if (person is None) == (code is None):
        raise typer.BadParameter("say who you are with --as STAFF_ID or with --code CODE, one of them")
    filled = _fields(values or [])
    with wiring.connected() as wired:
        found = _one(wired.files, case)
        offer = Offer(
            case_id=found.case_id,
            wait=_wait(wired.files, found.case_id, wait),
            values=filled,
            channel="command",
            identity=Identity(kind="person", value=person, verified=False) if person else None,
            code=code,
        )
        told = offer_answer(offer)
        if isinstance(told, Refused):
            raise Stop(told.sentence)
        pushed = push(wired.runtime, found.case_id)
    later = "" if pushed else " It goes on when the Prefect server is back."
    say(f"Recorded: {told.by} has answered {told.wait} of case {told.case_id}.{later}")


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
    found = _one(files, case)
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
    chosen = [found.case_id for found in _every(files)] if case is None else [_one(files, case).case_id]
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
        found = _one(wired.files, case)
        if not wired.files.ask_to_cancel(found.case_id, person, reason):
            why = f"it has ended as {found.ending}" if found.ending else "that was asked before"
            raise Stop(f"Case {found.case_id} is not cancelled again: {why}.")
        pushed = push(wired.runtime, found.case_id)
    later = "is being unwound" if pushed else "is unwound when the Prefect server is back"
    say(f"Case {found.case_id} {later}.")


def tick(json: AsJson = False) -> None:
    """One round of the clock, for cron: deadlines, reminders, lost legs, cancelled runs.

    Example: `casework tick`
    """
    with wiring.connected() as wired:
        done = asdict(one_round(wired.runtime))
    if json:
        as_json(done)
    else:
        say(", ".join(f"{name} {count}" for name, count in done.items()))


COMMANDS = (start, inbox, decide, file, verify, cancel, tick)


def _fields(values: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for value in values:
        name, equals, given = value.partition("=")
        if not equals or not name or name in fields:
            raise typer.BadParameter("answers are written FIELD=VALUE, each field once")
        fields[name] = given
    return fields


def _one(files: CaseFiles, text: str) -> Case:
    """The case that is meant: of several with one subject the open one, else the latest.

    Raises:
        Stop: there is none, or several could be meant.
    """
    found = files.find(text)
    if not found:
        raise Stop(f"There is no case {text}. `casework inbox` lists those that wait.")
    open_ones = [case for case in found if case.closed_at is None]
    if len({(case.process, case.subject) for case in found}) == 1:
        return (open_ones or found)[0]
    if len(open_ones) == 1:
        return open_ones[0]
    listed = "\n".join(f"  {case.case_id}  {case.process} {case.subject}" for case in found[:20])
    raise Stop(f"{text} could be one of {len(found)} cases. Say which:\n{listed}")


def _wait(files: CaseFiles, case_id: str, name: str) -> str:
    """The full name of a wait: of its attempts the open one, else the latest.

    Raises:
        Stop: the case has no such question.
    """
    with files.reading() as connection:
        rows = connection.execute(
            select(waits.c.wait, waits.c.state).where(waits.c.case_id == case_id).order_by(waits.c.asked_at.desc())
        ).all()
    named = [row for row in rows if name in (row.wait, row.wait.rsplit("/", 1)[0])]
    if not named:
        asked = ", ".join(row.wait for row in rows if row.state == "open") or "none"
        raise Stop(f"Case {case_id} has no question {name}. Open there: {asked}.")
    return str(next((row.wait for row in named if row.state == "open"), named[0].wait))


def _every(files: CaseFiles) -> list[Case]:
    with files.reading() as connection:
        ids = connection.execute(select(cases_table.c.case_id).order_by(cases_table.c.opened_at)).scalars()
        return [files.case(case_id) for case_id in ids]
