"""What is open, the most urgent first: for everybody, for a role, or for one person and those they stand in for.

The number of queries does not grow with the number of questions. `put_to`, `waiting`, `readers`, `reached` and
`page_of` are for steps: they look in the deployment in force.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, cast, func, or_, select

from casework import runtime
from casework.authority import stand_ins
from casework.case import Kind
from casework.people import ANY, Person, Quorum
from casework.schedule import mark_at
from casework.schema import cases, entries, waits
from casework.until import Nothing

__all__ = ["Found", "Question", "open_questions", "page_of", "put_to", "reached", "readers", "waiting"]


@dataclass(frozen=True, slots=True)
class Question:
    """One open question; moments are UTC, people are ids.

    `stand_ins` names, for each person asked who has any today, those who may answer in that person's place. `mark` is
    what whoever asked wants seen of it now, such as `legal: 80 %`; mostly empty.
    """

    case_id: str
    process: str
    subject: str
    account: str | None
    wait: str
    role: str
    who: tuple[str, ...]
    stand_ins: Mapping[str, tuple[str, ...]]
    asked_at: datetime
    due_at: datetime
    overdue: bool
    mark: str = ""

    @property
    def people(self) -> list[str]:
        """Whom it waits for, each with those who may answer in their place: `staff-11 (or staff-12)`."""
        named = ((person, ", ".join(self.stand_ins.get(person, ()))) for person in self.who)
        return [f"{person} (or {others})" if others else person for person, others in named]


@dataclass(frozen=True, slots=True)
class Found:
    """The questions asked for, and how many there are in all."""

    questions: list[Question]
    total: int


_SHOWN: tuple[ColumnElement[Any], ...] = (
    waits.c.case_id,
    cases.c.process,
    cases.c.subject,
    cases.c.account,
    waits.c.wait,
    waits.c.role,
    waits.c.who,
    waits.c.not_by,
    waits.c.quorum,
    waits.c.asked_at,
    waits.c.due_at,
)


def open_questions(
    connection: Connection,
    now: datetime,
    *,
    mine: str | None = None,
    process: str | None = None,
    wait: str | None = None,
    role: str | None = None,
    account: str | None = None,
    overdue: bool = False,
    first: int | None = None,
) -> Found:
    """The open questions to which every given filter applies, overdue ones first, then the soonest due.

    Args:
        connection: the case database.
        now: the moment, UTC.
        mine: a person's id: what they may answer now, for themselves or as a delegate, and have not answered yet.
        process: the process's name.
        wait: the question's name, with or without its attempt.
        role: the role that was asked.
        account: the account's id.
        overdue: only those whose time is over; they wait for a last look into a system.
        first: how many of them, at least 1; default all.
    """
    givers = {person: [one.id for one in others] for person, others in stand_ins(connection, now).items()}
    # A case that ends withdraws what it has asked, so the cases need not be looked at for what is open.
    wanted: list[ColumnElement[bool]] = [waits.c.state == "open", waits.c.form != Nothing.form_name()]
    for column, value in ((cases.c.process, process), (waits.c.role, role), (cases.c.account, account)):
        if value is not None:
            wanted.append(column == value)
    if wait is not None:
        wanted.append(_named(wait))
    if overdue:
        wanted.append(waits.c.due_at <= now)
    seats: set[str] = set()
    if mine is not None:
        seats = {mine, *(person for person, delegates in givers.items() if mine in delegates)}
        wanted.append(or_(*(_asks(person) for person in sorted(seats))))
    asked = waits.join(cases, cases.c.case_id == waits.c.case_id)
    query: Select[Any] = select(*_SHOWN).select_from(asked).where(*wanted)
    query = query.order_by(waits.c.due_at, waits.c.case_id, waits.c.wait)
    if mine is None:
        counted = waits if process is account is None else asked
        total = select(func.count()).select_from(counted).where(*wanted).scalar_subquery()
        rows = connection.execute(query.add_columns(total.label("total")).limit(first)).all()
        marks = _marks(connection, rows, now)
        return Found([_question(row, givers, marks, now) for row in rows], rows[0].total if rows else 0)
    rows = connection.execute(query).all()
    taken = _taken(connection, rows)
    rows = [row for row in rows if _may(row, mine, seats, taken[row.case_id, row.wait])]
    shown = rows[:first]
    marks = _marks(connection, shown, now)
    return Found([_question(row, givers, marks, now) for row in shown], len(rows))


def put_to(person: str, first: int) -> Found:
    """What a person (an id) may answer now, the `first` that burn most."""
    files = runtime.current().files
    with files.reading() as connection:
        return open_questions(connection, files.now(), mine=person, first=first)


def waiting(process: str, wait: str) -> list[Question]:
    """The open questions of this name (with or without its attempt) in all cases of a process."""
    files = runtime.current().files
    with files.reading() as connection:
        return open_questions(connection, files.now(), process=process, wait=wait).questions


def readers() -> list[Person]:
    """Everybody to whom something open was put, and who stands in for one of them now; once each, by id."""
    files = runtime.current().files
    now, known = files.now(), dict[str, Person]()
    with files.reading() as connection:
        groups = connection.execute(select(cast(waits.c.who, Text)).where(waits.c.state == "open").distinct())
        for (group,) in groups:
            for person in map(Person.model_validate, json.loads(group)):
                if person.id not in known or person.slack is not None:
                    known[person.id] = person
        for person_id, others in stand_ins(connection, now).items():
            if person_id in known:
                known.update({one.id: one for one in others if one.id not in known})
    return [known[person] for person in sorted(known)]


def reached(case_id: str, step: str, since: datetime) -> set[str]:
    """Whom (ids) cases about the same subject as this one have reached by a step since a moment (UTC).

    The step takes a `person`. One that was begun and of which it is not known whether it was done counts.
    """
    files = runtime.current().files
    subject = files.case(case_id).subject
    found = set()
    for case in files.find(subject):
        if case.subject != subject or (case.closed_at is not None and case.closed_at < since):
            continue
        entries_of_step = [entry for entry in files.entries(case.case_id) if entry.payload.get("step") == step]
        done = {entry.key: entry for entry in entries_of_step if entry.kind is Kind.STEP_DONE}
        for entry in entries_of_step:
            if entry.kind is Kind.STEP_BEGUN:
                last = done.get(entry.key, entry)
                if last.at >= since and (last is entry or last.payload["result"] is not None):
                    found.add(str(entry.payload["with"]["person"]["id"]))
    return found


def page_of(case_id: str) -> str:
    """The page on which colleagues see a case."""
    return runtime.current().case_page.format(case=case_id)


def _named(name: str) -> ColumnElement[bool]:
    attempt = func.substr(waits.c.wait, len(name) + 2)
    return (waits.c.wait == name) | (
        waits.c.wait.startswith(f"{name}/", autoescape=True) & ~attempt.contains("/", autoescape=True)
    )


def _asks(person: str) -> ColumnElement[bool]:
    """Whether `who` names a person: the column is the JSON text of a list of people."""
    return cast(waits.c.who, Text).contains(f'"id": {json.dumps(person)}', autoescape=True)


def _may(row: Row[Any], mine: str, seats: set[str], taken: set[str]) -> bool:
    """Whether `mine` fills a seat of this question by which `answer` would take an answer."""
    barred = taken.union(row.not_by)
    asked = (person["id"] for person in row.who)
    return any(person in seats and not {person, mine} & barred for person in asked)


def _taken(connection: Connection, rows: Sequence[Row[Any]]) -> dict[tuple[str, str], set[str]]:
    """Who has answered, and in whose place, where more than one answer is needed."""
    taken: dict[tuple[str, str], set[str]] = defaultdict(set)
    several = {row.case_id for row in rows if Quorum.model_validate(row.quorum) != ANY}
    counted = select(entries.c.case_id, entries.c.key, entries.c.actor, entries.c.payload).where(
        entries.c.case_id.in_(several), entries.c.kind == Kind.ANSWER_COUNTED.value
    )
    for vote in connection.execute(counted) if several else ():
        taken[vote.case_id, vote.key] |= {vote.actor, json.loads(vote.payload)["asked"]}
    return taken


def _marks(connection: Connection, shown: Sequence[Row[Any]], now: datetime) -> dict[tuple[str, str], str]:
    """What is to be seen now of those of the questions shown that have a mark, by case and name."""
    ids = sorted({row.case_id for row in shown})
    marks = {}
    # A database takes some ten thousand values in one statement.
    for some in (ids[at : at + 10_000] for at in range(0, len(ids), 10_000)):
        marked = select(entries.c.case_id, entries.c.key, entries.c.payload).where(
            entries.c.case_id.in_(some),
            entries.c.kind == Kind.QUESTION_ASKED.value,
            entries.c.payload.contains('"marks"'),
        )
        for row in connection.execute(marked):
            marks[row.case_id, row.key] = mark_at(json.loads(row.payload), now)
    return marks


def _question(
    row: Row[Any], givers: Mapping[str, list[str]], marks: Mapping[tuple[str, str], str], now: datetime
) -> Question:
    who = tuple(str(person["id"]) for person in row.who)
    return Question(
        case_id=row.case_id,
        process=row.process,
        subject=row.subject,
        account=row.account,
        wait=row.wait,
        role=row.role,
        who=who,
        stand_ins={person: tuple(givers[person]) for person in who if person in givers},
        asked_at=row.asked_at,
        due_at=row.due_at,
        overdue=row.due_at <= now,
        mark=marks.get((row.case_id, row.wait), ""),
    )
