"""Open questions: who is asked what until when, and answering them, singly or many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from time import sleep
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text
from sqlalchemy import select

from casework import wiring
from casework.answer import Offer, Refused
from casework.answer import answer as offer_answer
from casework.case import CaseFiles
from casework.commands.meant import fields, one_case, one_wait
from casework.commands.shown import AsJson, Stop, as_json, complain, grid, say, span, table
from casework.inbox import Found, open_questions
from casework.people import Identity, code_hash
from casework.runtime import Runtime
from casework.schema import codes as codes_table
from casework.settings import load
from casework.tick import push

__all__ = ["COMMANDS"]

REDRAW_SECONDS = 2.0
SHOWN = 100

OfProcess = Annotated[str | None, typer.Option("--process", help="Only of this process.")]
OfAccount = Annotated[str | None, typer.Option("--account", help="Only of this account.")]


def inbox(
    mine: Annotated[
        str | None, typer.Option(help="Only what this staff id may answer, as a stand-in too.", metavar="STAFF")
    ] = None,
    process: OfProcess = None,
    role: Annotated[str | None, typer.Option(help="Only what this role was asked.")] = None,
    account: OfAccount = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those whose time is over.")] = False,
    first: Annotated[
        int | None, typer.Option(help="How many to show; 100 if not said, all with --json.", min=1)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew every 2 seconds, until Ctrl-C.")] = False,
    json: AsJson = False,
) -> None:
    """Every open question, the most urgent first: overdue ones, then the soonest due.

    Example: `casework inbox --mine staff-11`
    """
    if watch and json:
        raise typer.BadParameter("--watch is for people and --json for scripts: choose one")
    settings = load().settings
    files, zone = wiring.files(settings), ZoneInfo(settings.zone)

    def look(most: int | None) -> tuple[Found, datetime]:
        now = files.now()
        with files.reading() as connection:
            found = open_questions(
                connection, now, mine=mine, process=process, role=role, account=account, overdue=overdue, first=most
            )
        return found, now

    if watch:
        console = Console(markup=False, highlight=False)
        _watch(console, lambda: _drawn(*look(first or max(1, console.height - 2)), zone))
        return
    found, now = look(first if json else first or SHOWN)
    if json:
        as_json([asdict(question) for question in found.questions])
    elif not found.total:
        say("No question is open.")
    else:
        table(_columns(zone), _lines(found, now, zone))
        if (more := found.total - len(found.questions)) > 0:
            complain(f"{more} more are open: --first shows more of them, --mine, --process and others choose.")


def decide(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CASE WAIT FIELD=VALUE…",
            help="The case (its id, the beginning of it, or a ticket number), the question (`csm-approval` or with"
            " its attempt), and the answer. With --all the answer alone.",
        ),
    ] = None,
    person: Annotated[str | None, typer.Option("--as", help="Your staff id; recorded as not verified.")] = None,
    code: Annotated[
        list[str] | None,
        typer.Option(help="Your personal code from the message; verified. With --all, one for each question."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Answer every open question put to you that --process and --wait name.")
    ] = False,
    process: OfProcess = None,
    wait: Annotated[str | None, typer.Option(help="With --all: the question, with or without its attempt.")] = None,
    account: OfAccount = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --all: do not ask whether to go on.")] = False,
) -> None:
    """Answer a question. `--code` proves who you are; `--as` only says it, and some questions refuse that.

    With `--all` every open question that matches is answered alike, with a line for each; exit code 1 when any of the
    answers was refused.

    Example: `casework decide 4711 csm-approval verdict=approve --code K7QX-2MZP`
    """
    words, codes = words or [], code or []
    if (person is None) == (not codes):
        raise typer.BadParameter("say who you are with --as STAFF_ID or with --code CODE, one of them")
    if everything:
        if process is None or wait is None:
            raise typer.BadParameter("with --all, say which questions: --process and --wait")
        filled = fields(words)
    else:
        if process or wait or account or yes:
            raise typer.BadParameter("--process, --wait, --account and --yes go with --all")
        if len(words) < 2:
            raise typer.BadParameter("say which CASE and which question, WAIT")
        if len(codes) > 1:
            raise typer.BadParameter("one question takes one --code")
        filled = fields(words[2:])
    identity = Identity(kind="person", value=person, verified=False) if person else None
    with wiring.connected() as wired:
        if not everything:
            found = one_case(wired.files, words[0])
            asked = one_wait(wired.files, found.case_id, words[1])
            proof = codes[0] if codes else None
            told = offer_answer(Offer(found.case_id, asked, filled, "command", identity, proof))
            if isinstance(told, Refused):
                raise Stop(_why(wired.runtime, found.case_id, asked, told))
            later = "" if push(wired.runtime, found.case_id) else " It goes on when the Prefect server is back."
            more = "" if told.settled else " More people have to answer before it is settled."
            say(f"Recorded: {told.by} has answered {told.wait} of case {told.case_id}.{more}{later}")
            return
        with wired.files.reading() as connection:
            matching = open_questions(
                connection, wired.files.now(), mine=person, process=process, wait=wait, account=account
            ).questions
        proofs = _proofs(wired.files, codes)
        chosen = [one for one in matching if identity or (one.case_id, one.wait) in proofs]
        astray = len(codes) - len({proofs[one.case_id, one.wait] for one in chosen}) if codes else 0
        if astray:
            raise Stop(f"{astray} of {len(codes)} codes belong to no open question that matches. Nothing was done.")
        if not chosen:
            raise Stop(f"No open question {wait} of {process} that matches was put to {person}. See `casework inbox`.")
        if not yes:
            count = "1 question" if len(chosen) == 1 else f"{len(chosen)} questions"
            typer.confirm(f"Answer {count} with {' '.join(words)}?", abort=True, err=True)
        refused = 0
        for one in chosen:
            proof = proofs.get((one.case_id, one.wait))
            told = offer_answer(Offer(one.case_id, one.wait, filled, "command", identity, proof))
            line = f"{one.subject} {one.wait}, case {one.case_id}"
            if isinstance(told, Refused):
                refused += 1
                complain(f"{line}: {_why(wired.runtime, one.case_id, one.wait, told)}")
            else:
                push(wired.runtime, one.case_id)
                say(f"{line}: recorded for {told.by}.")
    if refused:
        raise Stop(f"{refused} of {len(chosen)} answers were refused.")


COMMANDS = (inbox, decide)


def _why(around: Runtime, case_id: str, wait: str, refused: Refused) -> str:
    from casework.gateway.settled import why_refused  # most commands do without the gateway's pages

    return why_refused(around, case_id, wait, refused)


def _proofs(files: CaseFiles, codes: Sequence[str]) -> dict[tuple[str, str], str]:
    """Which question each code was made for: offered for another one it would be used up. `answer` checks it."""
    typed = {code_hash(code): code for code in codes}
    with files.reading() as connection:
        rows = connection.execute(select(codes_table).where(codes_table.c.code_hash.in_(typed))).all()
    return {(row.case_id, row.wait): typed[row.code_hash] for row in rows}


def _columns(zone: ZoneInfo) -> list[str]:
    return ["process", "subject", "account", "question", "mark", "role", "waits for", "age", "due", str(zone), "case"]


def _lines(found: Found, now: datetime, zone: ZoneInfo) -> list[list[str]]:
    return [
        [
            one.process,
            one.subject,
            one.account or "",
            one.wait,
            one.mark,
            one.role,
            ", ".join(one.people),
            span(now - one.asked_at),
            f"{'overdue' if one.overdue else 'in'} {span(one.due_at - now)}",
            f"{one.due_at.astimezone(zone):%d %b %H:%M}",
            one.case_id,
        ]
        for one in found.questions
    ]


def _drawn(found: Found, now: datetime, zone: ZoneInfo) -> RenderableType:
    if not found.total:
        return Text(f"No question is open ({now.astimezone(zone):%H:%M:%S}).")
    more = found.total - len(found.questions)
    return Group(grid(_columns(zone), _lines(found, now, zone)), *([Text(f"and {more} more")] if more else []))


def _watch(console: Console, draw: Callable[[], RenderableType]) -> None:
    try:
        with Live(draw(), console=console, auto_refresh=False) as live:
            while True:
                sleep(REDRAW_SECONDS)
                live.update(draw(), refresh=True)
    except KeyboardInterrupt:
        return
