"""What people may change about an open question: who is asked, and until when. Each change stands in the file.

The body of the case learns of it at its next leg: it tells those who are newly asked, and keeps to the new time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from casework import runtime
from casework.case import Kind, digest
from casework.people import Person
from casework.schema import cases, waits

__all__ = ["NotSteered", "extend", "hand_over"]


class NotSteered(ValueError):
    """The open question stays as it is; the text says why and what can be done."""


def hand_over(case_id: str, wait: str, *, away_from: str, to: Person, by: str, reason: str) -> None:
    """Put a question to `to` instead of `away_from`, because of a reason given by `by` (ids).

    Raises:
        NotSteered: the question is not open, `away_from` was not asked or has answered, `to` was asked already or
            took part before, `by` is neither the one asked nor an operator, or there is no reason.
    """
    around = runtime.current()
    with around.files.writing() as connection:
        row = _open(connection, case_id, wait)
        _demand_reason(reason)
        asked = [str(person["id"]) for person in row.who]
        operators = around.roles.get("operators", ())
        if away_from not in asked:
            raise NotSteered(f"{wait} was not put to {away_from}: it was put to {', '.join(asked)}.")
        if by != away_from and by not in operators:
            raise NotSteered(f"Only {away_from} or an operator may hand {wait} over.")
        counted = around.files.of_kind(connection, case_id, Kind.ANSWER_COUNTED, wait)
        if away_from in {entry.payload["asked"] for entry in counted}:
            raise NotSteered(f"{away_from}, or somebody in their place, has answered {wait}: that answer counts.")
        if to.id in asked:
            raise NotSteered(f"{to.id} is asked already.")
        if to.id in row.not_by:
            raise NotSteered(f"{to.id} took part in this case before: somebody else has to decide {wait}.")
        who = [to.model_dump(mode="json") if person["id"] == away_from else person for person in row.who]
        _change(connection, case_id, wait, who=who)
        told = {"from": away_from, "to": to.id, "reason": _kept(around, connection, case_id, wait, by, reason)}
        around.files.append(case_id, Kind.HANDED_OVER, wait, by, told, connection=connection)
        around.files.want_leg(case_id, connection)


def extend(case_id: str, wait: str, *, until: datetime, by: str, reason: str) -> None:
    """Give a question more time, until a moment (UTC), because of a reason given by an operator `by` (an id).

    Raises:
        NotSteered: the question is not open, the moment is past or not later than its deadline, `by` is no operator,
            or there is no reason.
    """
    around = runtime.current()
    with around.files.writing() as connection:
        row = _open(connection, case_id, wait)
        _demand_reason(reason)
        if by not in around.roles.get("operators", ()):
            raise NotSteered(f"Only an operator may give {wait} more time.")
        if until <= max(row.due_at, around.files.now()):
            raise NotSteered(f"{wait} is open until {row.due_at:%Y-%m-%d %H:%M} UTC: give a later moment to come.")
        next_at = until if row.next_at == row.due_at else row.next_at
        _change(connection, case_id, wait, due_at=until, next_at=next_at)
        told = {
            "from": row.due_at.isoformat(),
            "due": until.isoformat(),
            "reason": _kept(around, connection, case_id, wait, by, reason),
        }
        around.files.append(case_id, Kind.EXTENDED, wait, by, told, connection=connection)
        around.files.want_leg(case_id, connection)


def _open(connection: Connection, case_id: str, wait: str) -> Row[Any]:
    row = connection.execute(
        select(waits).where(waits.c.case_id == case_id, waits.c.wait == wait).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotSteered(f"Case {case_id} has no question {wait}. `casework inbox` lists the open ones.")
    if row.state != "open":
        raise NotSteered(f"{wait} is {row.state} already: nothing about it can be changed.")
    return row


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise NotSteered("Say why: the reason is kept with the case.")


def _change(connection: Connection, case_id: str, wait: str, **values: Any) -> None:
    connection.execute(update(waits).where(waits.c.case_id == case_id, waits.c.wait == wait).values(**values))


def _kept(around: runtime.Runtime, connection: Connection, case_id: str, wait: str, by: str, reason: str) -> str:
    """Where the reason is kept: people's words are not in the file."""
    entries = connection.execute(select(cases.c.last_seq).where(cases.c.case_id == case_id)).scalar_one()
    name = f"text:{digest([case_id, wait, by, entries])[:16]}"
    return around.confidential.keep(connection, case_id, name, reason.strip())
