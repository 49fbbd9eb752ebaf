"""What a person means who types a case, a question, a field or a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import select

from casework.case import Case, CaseFiles
from casework.commands.shown import Stop
from casework.schema import waits

__all__ = ["CaseArgument", "fields", "moment", "one_case", "one_wait"]

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="A case id, its beginning, or a ticket number.")]


def fields(values: list[str]) -> dict[str, Any]:
    """What is filled in, from `FIELD=VALUE` words."""
    filled: dict[str, Any] = {}
    for value in values:
        name, equals, given = value.partition("=")
        if not equals or not name or name in filled:
            raise typer.BadParameter("answers are written FIELD=VALUE, each field once")
        filled[name] = given
    return filled


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A moment in ISO 8601, in UTC; without an offset it is in `zone`, and a date alone is its first moment."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a moment: write 2026-03-02, 2026-03-02T10:00 ({zone}) or 2026-03-02T10:00+01:00"
        ) from None
    return (said if said.tzinfo is not None else said.replace(tzinfo=zone)).astimezone(UTC)


def one_case(files: CaseFiles, text: str) -> Case:
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


def one_wait(files: CaseFiles, case_id: str, name: str) -> str:
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
