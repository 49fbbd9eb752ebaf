"""Thousands of cases that wait, each a copy of one that really does.

The product and Prefect have brought one case to its question: that is the pattern. All that it has left in Prefect's
database (run, states, tasks, forms, story, logs, events) and in the cases' is copied in SQL, under ids and a case
number of its own and with the file's chain computed anew. A copy is as good as the pattern: its chain holds, and when
it is answered it goes on. Through Prefect's API one waiting run would take a second. The site runs meanwhile; half a
case is seen by nobody, as each batch is one transaction on either side, Prefect's first.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Table, insert, select

from benchmarks.asker import PROCESS
from benchmarks.live import Live
from casework.case import GENESIS, digest
from casework.people import Person
from casework.schema import cases, codes, entries, occurrences, waits
from tests.real.site import until

__all__ = ["PEOPLE", "asked_of", "fill"]

PEOPLE = 200
"""The copies put their question to so many people in turn; `bench-0` is the first."""

COPIES_FROM = 1_000_000
"""Numbers of cases from here on are those of copies."""

BATCH = 100
CHECKED = 20
LOCK_SECONDS = 60

TASKS = "SELECT id FROM task_run WHERE flow_run_id = :run"
EVENTS = f"""SELECT id FROM events WHERE resource_id = 'prefect.flow-run.' || :run
    OR resource_id IN (SELECT 'prefect.task-run.' || id FROM ({TASKS}))"""  # noqa: S608 - constants
LEFT_BY_A_RUN = {
    "flow_run": "id = :run",
    "flow_run_state": "flow_run_id = :run",
    "flow_run_input": "flow_run_id = :run",
    "task_run": "flow_run_id = :run",
    "task_run_state": f"task_run_id IN ({TASKS})",
    "artifact": "flow_run_id = :run",
    "artifact_collection": "flow_run_id = :run",
    "log": "flow_run_id = :run",
    "events": f"id IN ({EVENTS})",
    "event_resources": f"event_id IN ({EVENTS})",
}
"""Where Prefect 3.8.8 keeps what there is of a run, in an order that its foreign keys allow."""

Rows = list[dict[str, Any]]


class Stencil:
    """A text in which some words are put in anew for each copy."""

    def __init__(self, text: str, words: Sequence[str]) -> None:
        self._parts = re.split(f"((?:{'|'.join(map(re.escape, words))})(?![0-9]))", text)

    def cut(self, new: Mapping[str, str]) -> str:
        """The text with other words."""
        return "".join(new.get(part, part) for part in self._parts)


@dataclass(frozen=True, slots=True)
class Names:
    """By what a case and its run are known: an id, and a number that stands in other names."""

    case: str
    number: int

    @property
    def words(self) -> tuple[str, ...]:
        """Those names, as they occur in what is kept."""
        number = self.number
        # JSON within JSON, JSON as Prefect writes it, and as a case file has it.
        numbered = (f'number\\": {number}', f'"number": {number}', f'"number":{number}')
        return (self.case, f"bench:case:{number}", f"{PROCESS} {number}", f"bench:{number}", *numbered)


def asked_of(number: int) -> Person:
    """To whom the copy with this number puts its question."""
    return Person(id=f"bench-{number % PEOPLE}")


def fill(site: Live, like: str, numbers: range) -> list[str]:
    """Copies of the case `like`, which is at rest, under these numbers (less than a million); their ids."""
    files = site.site.files
    pattern = Names(like, int(files.case(like).subject.rpartition(":")[2]))
    made = [Names(str(uuid4()), COPIES_FROM + number) for number in numbers]
    with closing(sqlite3.connect(site.site.home / "prefect" / "prefect.db", timeout=LOCK_SECONDS)) as prefect:
        runs = _Runs(prefect, pattern)
        kept = _Files(site, pattern)
        for start in range(0, len(made), BATCH):
            runs.write(made[start : start + BATCH])
            kept.write(made[start : start + BATCH])
    for one in made[:: max(1, len(made) // CHECKED)]:
        files.verify(one.case)
    return [one.case for one in made]


class _Runs:
    """What Prefect keeps of the pattern's run."""

    def __init__(self, database: sqlite3.Connection, pattern: Names) -> None:
        self._database, self._pattern = database, pattern
        database.row_factory = sqlite3.Row
        until("event of the last state", self._events_are_there)
        rows: dict[str, list[sqlite3.Row]] = {
            table: database.execute(f"SELECT * FROM {table} WHERE {which}", {"run": pattern.case}).fetchall()  # noqa: S608 - constants
            for table, which in LEFT_BY_A_RUN.items()
        }
        self._ids = sorted({row["id"] for of_table in rows.values() for row in of_table} - {pattern.case})
        self._inserts = {
            table: f"INSERT INTO {table} ({', '.join(of_table[0].keys())})"  # noqa: S608 - constants
            f" VALUES ({', '.join('?' * len(of_table[0]))})"
            for table, of_table in rows.items()
            if of_table
        }
        text = json.dumps({table: [list(row) for row in rows[table]] for table in self._inserts})
        self._stencil = Stencil(text, [*pattern.words, *self._ids])

    def _events_are_there(self) -> bool:
        """Prefect writes events some seconds later; that of a state has the state's id."""
        last = "SELECT count(*) FROM events JOIN flow_run ON events.id = flow_run.state_id WHERE flow_run.id = ?"
        return bool(self._database.execute(last, (self._pattern.case,)).fetchone()[0])

    def write(self, made: Sequence[Names]) -> None:
        """Copies of it, in one transaction."""
        copies = [json.loads(self._stencil.cut(self._words(one))) for one in made]
        with self._database:
            for table, statement in self._inserts.items():
                self._database.executemany(statement, (row for copy in copies for row in copy[table]))

    def _words(self, one: Names) -> dict[str, str]:
        return dict(zip(self._pattern.words, one.words, strict=True)) | {old: _like(old) for old in self._ids}


class _Files:
    """What the case database keeps of the pattern."""

    def __init__(self, site: Live, pattern: Names) -> None:
        self._files, self._pattern = site.site.files, pattern
        with self._files.reading() as connection:
            self._rows = {table: self._read(connection, table) for table in (occurrences, cases, entries, waits, codes)}
        self._payloads = [Stencil(entry["payload"], pattern.words) for entry in self._rows[entries]]

    def _read(self, connection: Connection, table: Table) -> Rows:
        of_case = select(table).where(table.c.case_id == self._pattern.case).order_by(*table.primary_key)
        return [dict(row._mapping) for row in connection.execute(of_case)]

    def write(self, made: Sequence[Names]) -> None:
        """Copies of it, in one transaction."""
        written: dict[Table, Rows] = {table: [] for table in self._rows}
        for one in made:
            for table, rows in self._copy(one).items():
                written[table] += rows
        with self._files.writing() as connection:
            for table, rows in written.items():
                connection.execute(insert(table), rows)

    def _copy(self, one: Names) -> dict[Table, Rows]:
        new = dict(zip(self._pattern.words, one.words, strict=True))
        own = {"case_id": one.case, "subject": f"bench:case:{one.number}"}
        copies: dict[Table, Rows] = {
            table: [{name: own.get(name, value) for name, value in row.items()} for row in rows]
            for table, rows in self._rows.items()
        }
        previous = GENESIS
        for entry, payload in zip(copies[entries], self._payloads, strict=True):
            entry |= {"payload": payload.cut(new), "previous_hash": previous}
            chained = ("case_id", "seq", "kind", "key", "actor", "payload", "code_version", "previous_hash")
            entry["hash"] = previous = digest([entry["at"].isoformat(), *(entry[name] for name in chained)])
        copies[cases][0]["last_hash"] = previous
        for occurrence in copies[occurrences]:
            occurrence["parameters"] = occurrence["parameters"] | {"number": one.number}
        for wait in copies[waits]:
            wait["who"] = [asked_of(one.number).model_dump(mode="json")]
        for code in copies[codes]:
            code["code_hash"] = digest([code["code_hash"], one.case])
        return copies


def _like(old: str) -> str:
    """A new id of the same kind: of version 7, which begins with its time, with the same time."""
    new = str(uuid4())
    return old[:14] + new[14:] if old[14] == "7" else new
