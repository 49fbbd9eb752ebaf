"""The case file: an append-only, hash-chained list of entries, one file a case.

It is journal, audit trail and replay test at once; there is no second record of what happened. A write from the
body of a case carries the epoch its leg was given and fails when a later leg has begun; a write from outside (an
answer, the clock) carries none. Payloads hold ids, digests, enums and times, never personal data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update

from casework.legs import Legs
from casework.occurrence import Occurrences
from casework.schema import COMPLETIONS, cases, entries, occurrences

__all__ = [
    "Case",
    "CaseFiles",
    "CaseUnknown",
    "ChainBroken",
    "Entry",
    "Fenced",
    "FileClosed",
    "Kind",
]

GENESIS = "0" * 64

# What every entry and every leg asks is built once: to put a statement together costs as much as to run it.
_CASE = select(cases).where(cases.c.case_id == bindparam("this_case"))
_LOCKED = _CASE.with_for_update()
_HEAD = update(cases).where(cases.c.case_id == bindparam("this_case"))
_NEXT_EPOCH = _HEAD.values(epoch=cases.c.epoch + 1).returning(cases)
_ADD = insert(entries)
_AFTER = (
    select(entries)
    .where(entries.c.case_id == bindparam("this_case"), entries.c.seq > bindparam("this_seq"))
    .order_by(entries.c.seq)
)
_OF_KIND = (
    select(entries)
    .where(
        entries.c.case_id == bindparam("this_case"),
        entries.c.kind == bindparam("this_kind"),
        entries.c.key == bindparam("this_key"),
    )
    .order_by(entries.c.seq)
)


class Kind(StrEnum):
    """What an entry records, as `who:what:did`."""

    OPENED = "case:file:opened"
    STEP_BEGUN = "body:step:begun"
    STEP_DONE = "body:step:done"
    LOOKUP_DONE = "body:lookup:done"
    QUESTION_ASKED = "body:question:asked"
    REMINDER_SENT = "clock:reminder:sent"
    ESCALATED = "clock:question:escalated"
    HANDED_OVER = "person:question:handed-over"
    EXTENDED = "person:question:extended"
    ANSWER_OFFERED = "person:answer:offered"
    ANSWER_REFUSED = "gate:answer:refused"
    ANSWER_COUNTED = "person:answer:counted"
    DECIDED = "person:question:decided"
    DEADLINE_PASSED = "clock:deadline:passed"
    FAULT_PARKED = "body:fault:parked"
    CANCEL_ASKED = "person:case:cancelled"
    COMPENSATED = "body:step:compensated"
    CLOSED = "case:file:closed"


class CaseUnknown(LookupError):
    """There is no case with this id. `casework inbox` and `casework file` list those there are."""


class Fenced(RuntimeError):
    """A later leg of this case has begun: this one may not write any more."""


class FileClosed(RuntimeError):
    """The case has ended: its file takes no more entries."""


class ChainBroken(ValueError):
    """An entry of a case file is not what was written."""

    def __init__(self, case_id: str, seq: int, problem: str) -> None:
        super().__init__(
            f"Case {case_id}: entry {seq} {problem}. Keep the database as it is and compare it with a backup."
        )
        self.case_id, self.seq, self.problem = case_id, seq, problem


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a case file; `at` is UTC."""

    case_id: str
    seq: int
    at: datetime
    kind: Kind
    key: str
    actor: str
    payload: Mapping[str, Any]
    code_version: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Case:
    """Where a case stands; all moments are UTC."""

    case_id: str
    process: str
    subject: str
    occurrence: int
    account: str | None
    opened_at: datetime
    closed_at: datetime | None
    ending: str | None
    epoch: int
    wanted_at: datetime | None
    leg_seen_at: datetime | None
    cancel_asked_at: datetime | None


def canonical(value: Any) -> str:
    """JSON with one spelling for one value: what hashes and digests are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, as hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _hash(row: Mapping[str, Any]) -> str:
    fields = ("case_id", "seq", "kind", "key", "actor", "payload", "code_version", "previous_hash")
    return digest([row["at"].isoformat(), *(row[field] for field in fields)])


def _case(row: Row[Any]) -> Case:
    return Case(*(row._mapping[name] for name in Case.__slots__))


def _entry(row: Row[Any]) -> Entry:
    values = dict(row._mapping)
    return Entry(**(values | {"kind": Kind(values["kind"]), "payload": json.loads(values["payload"])}))


class CaseFiles(Occurrences, Legs):
    """All case files of one database.

    `now` gives the present in UTC; `code_version` names the release that writes.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime], code_version: str) -> None:
        super().__init__(engine, now)
        self.code_version = code_version

    def begin_leg(
        self, case_id: str, process: str, parameters: Mapping[str, Any], subject: str
    ) -> tuple[Case, list[Entry]]:
        """Open the file if it is new, take the next epoch, and read the file: the start of every leg."""

        def begin(connection: Connection) -> tuple[Case, list[Entry]]:
            this = {"this_case": case_id, "wanted_at": None, "pushed_at": None, "leg_seen_at": self.now()}
            row = connection.execute(_NEXT_EPOCH, this).one_or_none()
            if row is None:
                self._open(connection, case_id, process, parameters, subject)
                row = connection.execute(_NEXT_EPOCH, this).one()
            return _case(row), self._read(connection, case_id)

        return self.contested(begin)

    def _open(
        self, connection: Connection, case_id: str, process: str, parameters: Mapping[str, Any], subject: str
    ) -> None:
        number = self.adopt(connection, case_id, process, parameters, subject)
        connection.execute(
            insert(cases).values(
                case_id=case_id,
                process=process,
                subject=subject,
                occurrence=number,
                opened_at=self.now(),
                epoch=0,
                last_seq=0,
                settled=False,
                last_hash=GENESIS,
            )
        )
        payload = {"process": process, "subject": subject, "occurrence": number, "parameters": dict(parameters)}
        self.append(case_id, Kind.OPENED, "case", "case", payload, connection=connection)

    def append(
        self,
        case_id: str,
        kind: Kind,
        key: str,
        actor: str,
        payload: Mapping[str, Any],
        *,
        epoch: int | None = None,
        connection: Connection | None = None,
    ) -> Entry:
        """Add one entry.

        Raises:
            CaseUnknown, FileClosed: there is no such open case.
            Fenced: `epoch` is not the case's epoch any more (said first: a later leg may have closed the file).
            sqlalchemy.exc.IntegrityError: this key is completed already.
        """
        if connection is None:
            with self.writing() as own:
                return self.append(case_id, kind, key, actor, payload, epoch=epoch, connection=own)
        case = self._locked(connection, case_id)
        if case is None:
            raise CaseUnknown(f"There is no case {case_id}. `casework inbox` lists the open ones.")
        if epoch is not None and epoch != case.epoch:
            raise Fenced(f"Case {case_id}: leg {epoch} was overtaken by leg {case.epoch}; it stops here.")
        if case.closed_at is not None:
            raise FileClosed(f"Case {case_id} ended as {case.ending}: nothing can be added to its file.")
        row = {
            "case_id": case_id,
            "seq": case.last_seq + 1,
            "at": self.now(),
            "kind": kind.value,
            "key": key,
            "actor": actor,
            "payload": canonical(dict(payload)),
            "code_version": self.code_version,
            "previous_hash": case.last_hash,
        }
        row["hash"] = _hash(row)
        connection.execute(_ADD, row)
        head: dict[str, Any] = {"last_seq": row["seq"], "last_hash": row["hash"]}
        if kind is Kind.CLOSED:
            head |= {
                "closed_at": row["at"],
                "ending": payload.get("ending"),
                "wanted_at": None,
                "leg_seen_at": None,
            }
        connection.execute(_HEAD, head | {"this_case": case_id})
        return Entry(**(row | {"kind": kind, "payload": json.loads(row["payload"])}))

    def _locked(self, connection: Connection, case_id: str) -> Row[Any] | None:
        return connection.execute(_LOCKED, {"this_case": case_id}).one_or_none()

    def case(self, case_id: str) -> Case:
        """One case.

        Raises:
            CaseUnknown: there is none with this id.
        """
        with self.reading() as connection:
            row = connection.execute(_CASE, {"this_case": case_id}).one_or_none()
        if row is None:
            raise CaseUnknown(f"There is no case {case_id}. `casework inbox` lists the open ones.")
        return _case(row)

    def last_ended(self, process: str, subject: str) -> Case | None:
        """The newest case of a process about a subject that has ended."""
        same = (cases.c.process == process, cases.c.subject == subject, cases.c.closed_at.is_not(None))
        with self.reading() as connection:
            row = connection.execute(select(cases).where(*same).order_by(cases.c.occurrence.desc()).limit(1)).first()
        return _case(row) if row else None

    def find(self, text: str) -> list[Case]:
        """Cases by the beginning of their id or by subject, `zendesk:ticket:4711` or just `4711`; newest first."""
        matches = (
            cases.c.case_id.startswith(text, autoescape=True)
            | (cases.c.subject == text)
            | cases.c.subject.endswith(f":{text}", autoescape=True)
        )
        with self.reading() as connection:
            rows = connection.execute(select(cases).where(matches).order_by(cases.c.opened_at.desc())).all()
        return [_case(row) for row in rows]

    def open_cases(self) -> list[Case]:
        """Every case that has not ended, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(
                select(cases).where(cases.c.closed_at.is_(None)).order_by(cases.c.opened_at)
            ).all()
        return [_case(row) for row in rows]

    def open_about(self, process: str, subjects: Collection[str]) -> list[Case]:
        """The cases of a process about any of these subjects that have not ended, newest first."""
        same = (cases.c.process == process, cases.c.subject.in_(subjects), cases.c.closed_at.is_(None))
        with self.reading() as connection:
            rows = connection.execute(select(cases).where(*same).order_by(cases.c.opened_at.desc())).all()
        return [_case(row) for row in rows]

    def entries(self, case_id: str, after: int = 0) -> list[Entry]:
        """The file of a case, in order: all of it, or what follows an entry."""
        with self.reading() as connection:
            return self._read(connection, case_id, after)

    def of_kind(self, connection: Connection, case_id: str, kind: Kind, key: str) -> list[Entry]:
        """The entries of one kind and key, in order, as the caller's transaction sees them."""
        wanted = {"this_case": case_id, "this_kind": kind.value, "this_key": key}
        return [_entry(row) for row in connection.execute(_OF_KIND, wanted)]

    def _read(self, connection: Connection, case_id: str, after: int = 0) -> list[Entry]:
        return [_entry(row) for row in connection.execute(_AFTER, {"this_case": case_id, "this_seq": after})]

    def verify(self, case_id: str) -> int:
        """Check the whole chain of a case; the number of entries.

        Raises:
            ChainBroken: names the first entry that is missing or changed.
        """
        # One statement sees one moment: a file that grows meanwhile is not taken for a broken one.
        whole = (
            select(entries, cases.c.last_seq, cases.c.last_hash)
            .select_from(cases.outerjoin(entries, entries.c.case_id == cases.c.case_id))
            .where(cases.c.case_id == case_id)
            .order_by(entries.c.seq)
        )
        with self.reading() as connection:
            rows = connection.execute(whole).all()
        if not rows:
            raise CaseUnknown(f"There is no case {case_id}. `casework inbox` lists the open ones.")
        last_seq, last_hash = rows[0].last_seq, rows[0].last_hash
        rows = [row for row in rows if row.seq is not None]
        previous = GENESIS
        for seq, row in enumerate(rows, start=1):
            if row.seq != seq:
                raise ChainBroken(case_id, seq, "is missing")
            if row.previous_hash != previous:
                raise ChainBroken(case_id, seq, "does not follow the entry before it")
            if row.hash != _hash(dict(row._mapping)):
                raise ChainBroken(case_id, seq, "was changed after it was written")
            previous = row.hash
        if (last_seq, last_hash) != (len(rows), previous):
            raise ChainBroken(case_id, len(rows) + 1, "is missing at the end of the file")
        return len(rows)

    def label(self, case_id: str, account: str) -> None:
        """Set the account (an id) by which people know the case."""
        with self.writing() as connection:
            connection.execute(update(cases).where(cases.c.case_id == case_id).values(account=account))

    def ask_to_cancel(self, case_id: str, actor: str, reason: str) -> bool:
        """Record that the case is to end early; its next leg unwinds it. False when that was asked before.

        A run cancelled before its first leg gets its file here, so that its subject becomes free again.
        """

        def ask(connection: Connection) -> bool:
            case = self._locked(connection, case_id)
            if case is None:
                started = connection.execute(select(occurrences).where(occurrences.c.case_id == case_id)).one_or_none()
                if started is None:
                    return False
                self._open(connection, case_id, started.process, started.parameters, started.subject)
            elif case.closed_at is not None or case.cancel_asked_at is not None:
                return False
            self.append(case_id, Kind.CANCEL_ASKED, "cancel", actor, {"reason": reason}, connection=connection)
            connection.execute(
                update(cases)
                .where(cases.c.case_id == case_id)
                .values(cancel_asked_at=self.now(), wanted_at=self.now(), pushed_at=None)
            )
            return True

        return self.contested(ask)


def is_completion(kind: Kind) -> bool:
    """Whether an entry of this kind settles its key for ever."""
    return kind.value in COMPLETIONS
