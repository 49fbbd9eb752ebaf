"""Who answers, and until when: stand-ins, handing a question over, and more time for it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from casework import authority, steering, wiring
from casework.commands.meant import CaseArgument, moment, one_case, one_wait
from casework.commands.shown import AsJson, Stop, as_json, say, table
from casework.inbox import open_questions
from casework.people import Person
from casework.settings import load
from casework.tick import push

__all__ = ["COMMANDS", "GROUPS"]

WaitArgument = Annotated[str, typer.Argument(metavar="WAIT", help="The question, `csm-approval` or with its attempt.")]
By = Annotated[str, typer.Option("--as", help="Your staff id.", metavar="STAFF")]
Reason = Annotated[str, typer.Option(help="Why; kept encrypted until the case closes.")]


def delegate(
    person: Annotated[str | None, typer.Argument(metavar="PERSON", help="The staff id of who is away.")] = None,
    to: Annotated[str | None, typer.Option(help="Who stands in.", metavar="STAFF")] = None,
    since: Annotated[
        str | None, typer.Option(help="From when, in the zone of the settings or with an offset; default now.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when; a date alone means its first moment.")] = None,
    by: Annotated[
        str | None, typer.Option("--as", help="Your staff id: the person's own, or an operator's.", metavar="STAFF")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="The delegations in force and to come.")] = False,
    end: Annotated[int | None, typer.Option(help="End this one now.", metavar="NUMBER")] = None,
    json: AsJson = False,
) -> None:
    """Let somebody answer in a person's place for a time; list these delegations, or end one.

    Example: `casework delegate staff-11 --to staff-12 --until 2026-08-15 --as staff-11`
    """
    making = (person, to, since, until)
    if listed:
        if end is not None or by is not None or any(making):
            raise typer.BadParameter("--list goes alone, or with --json")
        _list(json=json)
    elif end is not None:
        if any(making) or by is None:
            raise typer.BadParameter("to end a delegation, give --end NUMBER and --as STAFF")
        _end(end, by, json=json)
    elif person is None or to is None or until is None or by is None:
        raise typer.BadParameter("give PERSON, --to STAFF, --until and --as STAFF; or --list, or --end NUMBER")
    else:
        _make(person, to, since, until, by, json=json)


def _list(*, json: bool) -> None:
    settings = load().settings
    files, zone = wiring.files(settings), ZoneInfo(settings.zone)
    with files.reading() as connection:
        known = authority.in_force(connection, files.now())
    if json:
        as_json([asdict(one) | {"delegate": one.delegate.id} for one in known])
    elif not known:
        say("Nobody stands in for anybody.")
    else:
        table(
            ["number", "person", "stand-in", "since", "until"],
            [[str(one.number), one.person, one.delegate.id, *_span(one.since, one.until, zone)] for one in known],
        )
        say(f"Times in {zone}.")


def _span(since: datetime, until: datetime, zone: ZoneInfo) -> tuple[str, str]:
    return f"{since.astimezone(zone):%Y-%m-%d %H:%M}", f"{until.astimezone(zone):%Y-%m-%d %H:%M}"


def _end(number: int, by: str, *, json: bool) -> None:
    with wiring.connected() as wired, wired.files.writing() as connection:
        now = wired.files.now()
        known = {one.number: one for one in authority.in_force(connection, now)}
        if number not in known:
            raise Stop(f"There is no delegation {number} in force. `casework delegate --list` shows those there are.")
        _demand_right(wired, known[number].person, by)
        authority.revoke(connection, number, now)
    if json:
        as_json({"ended": number})
    else:
        say(f"Delegation {number} has ended: {known[number].delegate.id} no longer stands in.")


def _make(person: str, to: str, since: str | None, until: str, by: str, *, json: bool) -> None:
    with wiring.connected() as wired:
        zone = ZoneInfo(wired.settings.zone)
        now = wired.files.now()
        begins = moment(since, zone) if since is not None else now
        ends = moment(until, zone)
        _demand_right(wired, person, by)
        away, standing_in = _staff(wired, person), _staff(wired, to)
        with wired.files.writing() as connection:
            try:
                number = authority.delegate(connection, away.id, standing_in, begins, ends, by, now)
            except ValueError as wrong:
                raise Stop(str(wrong)) from None
            # Open questions are announced to the stand-in by the cases' next legs.
            asked = open_questions(connection, now, mine=person).questions if begins <= now else []
            for case_id in {question.case_id for question in asked}:
                wired.files.want_leg(case_id, connection)
    if json:
        as_json({"number": number, "person": person, "delegate": to, "since": begins, "until": ends})
    else:
        say(f"Delegation {number}: {to} stands in for {person} from {' to '.join(_span(begins, ends, zone))} ({zone}).")


def hand_over(
    case: CaseArgument,
    wait: WaitArgument,
    away_from: Annotated[str, typer.Option("--from", help="Who was asked.", metavar="STAFF")],
    to: Annotated[str, typer.Option(help="Who is asked instead.", metavar="STAFF")],
    by: By,
    reason: Reason,
) -> None:
    """Put an open question to somebody else. The one asked may do that, and an operator.

    Example: `casework hand-over 4711 csm-approval --from staff-11 --to staff-12 --as staff-11 --reason "on leave"`
    """
    with wiring.connected() as wired:
        found = one_case(wired.files, case)
        asked = one_wait(wired.files, found.case_id, wait)
        steering.hand_over(found.case_id, asked, away_from=away_from, to=_staff(wired, to), by=by, reason=reason)
        pushed = push(wired.runtime, found.case_id)
    when = "and is told" if pushed else "and is told when the Prefect server is back"
    say(f"{asked} of case {found.case_id} is handed over: {to} is asked instead of {away_from}, {when}.")


def extend(
    case: CaseArgument,
    wait: WaitArgument,
    until: Annotated[str, typer.Option(help="The new deadline, in the zone of the settings or with an offset.")],
    by: By,
    reason: Reason,
) -> None:
    """Give an open question more time. Operators may do that.

    Example: `casework wait extend 4711 csm-approval --until 2026-03-09T12:00 --as staff-41 --reason "fair"`
    """
    with wiring.connected() as wired:
        zone = ZoneInfo(wired.settings.zone)
        due = moment(until, zone)
        found = one_case(wired.files, case)
        asked = one_wait(wired.files, found.case_id, wait)
        steering.extend(found.case_id, asked, until=due, by=by, reason=reason)
        push(wired.runtime, found.case_id)
    say(f"{asked} of case {found.case_id} is open until {due.astimezone(zone):%Y-%m-%d %H:%M} ({zone}).")


COMMANDS = (delegate, hand_over)
GROUPS = {"wait": ("Change an open question.", (extend,))}


def _staff(wired: wiring.Wired, staff_id: str) -> Person:
    """A colleague as the product database knows them. Raises `NotFound` when nobody has the id."""
    known = wired.systems.product.staff(staff_id)
    return Person(id=known.id, slack=known.slack_id, zendesk=known.zendesk_id)


def _demand_right(wired: wiring.Wired, person: str, by: str) -> None:
    if by != person and by not in wired.runtime.roles.get("operators", ()):
        raise Stop(f"Only {person} or an operator may say who stands in for {person}. Nothing was changed.")
