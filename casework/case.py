"""The case file: an append-only, hash-chained list of entries, one file a case.

It is journal, audit trail and replay test at once; there is no second record of what happened. A write from the
body of a case carries the epoch its leg was given and fails when a later leg has begun; a write from outside (an
answer, the clock) carries none. Payloads hold ids, digests, enums and times, never personal data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

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
    "Occurrence",
]

T = TypeVar("T")
GENESIS = "0" * 64
RACES = 2


class Kind(StrEnum):
    """What an entry records, as `who:what:did`."""

    OPENED = "case:file:opened"
    STEP_BEGUN = "body:step:begun"
    STEP_DONE = "body:step:done"
    LOOKUP_DONE = "body:lookup:done"
    QUESTION_ASKED = "body:question:asked"
    REMINDER_SENT = "clock:reminder:sent"
    ESCALATED = "clock:question:escalated"
    ANSWER_OFFERED = "person:answer:offered"
    ANSWER_REFUSED = "gate:answer:refused"
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


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a subject has a process; `case_id` is None until the engine has made the run."""

    process: str
    subject: str
    number: int
    parameters: Mapping[str, Any]
    case_id: str | None

    @property
    def key(self) -> str:
        """What the engine deduplicates the start by."""
        return f"{self.process}:{self.subject}:{self.number}"


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


class CaseFiles:
    """All case files of one database.

    `now` gives the present in UTC; `code_version` names the release that writes.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime], code_version: str) -> None:
        self.engine = engine
        self.now = now
        self.code_version = code_version

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write: all of it happens or nothing."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only looks and blocks nobody."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    # -- started once per occurrence

    def occurrence(self, process: str, subject: str, parameters: Mapping[str, Any]) -> tuple[Occurrence, bool]:
        """The running occurrence of `process` for `subject`, or the next one, and whether it is new.

        Two callers at the same instant get the same occurrence: the loser of the race reads the winner's.
        """

        def ask(connection: Connection) -> tuple[Occurrence, bool]:
            latest = self._latest_occurrence(connection, process, subject)
            if latest and (latest.case_id is None or self._is_open(connection, latest.case_id)):
                return latest, False
            number = latest.number + 1 if latest else 1
            connection.execute(
                insert(occurrences).values(
                    process=process,
                    subject=subject,
                    number=number,
                    parameters=dict(parameters),
                    asked_at=self.now(),
                )
            )
            return Occurrence(process, subject, number, dict(parameters), None), True

        return self._contested(ask)

    def _contested(self, work: Callable[[Connection], T]) -> T:
        """One transaction, done again when another one made the same row at the same instant."""
        for _ in range(RACES):
            try:
                with self.writing() as connection:
                    return work(connection)
            except IntegrityError:
                continue
        with self.writing() as connection:
            return work(connection)

    def _latest_occurrence(self, connection: Connection, process: str, subject: str) -> Occurrence | None:
        row = connection.execute(
            select(occurrences)
            .where(occurrences.c.process == process, occurrences.c.subject == subject)
            .order_by(occurrences.c.number.desc())
            .limit(1)
        ).one_or_none()
        return Occurrence(row.process, row.subject, row.number, row.parameters, row.case_id) if row else None

    def _is_open(self, connection: Connection, case_id: str) -> bool:
        row = connection.execute(select(cases.c.closed_at).where(cases.c.case_id == case_id)).one_or_none()
        return row is None or row.closed_at is None

    def started(self, occurrence: Occurrence, case_id: str) -> None:
        """Record the run that the engine made for an occurrence; the first one recorded stays."""
        with self.writing() as connection:
            connection.execute(
                update(occurrences)
                .where(
                    occurrences.c.process == occurrence.process,
                    occurrences.c.subject == occurrence.subject,
                    occurrences.c.number == occurrence.number,
                    occurrences.c.case_id.is_(None),
                )
                .values(case_id=case_id)
            )

    def unstarted(self, before: datetime) -> list[Occurrence]:
        """Occurrences asked for before a moment (UTC) for which no run has been recorded."""
        with self.reading() as connection:
            rows = connection.execute(
                select(occurrences).where(occurrences.c.case_id.is_(None), occurrences.c.asked_at < before)
            ).all()
        return [Occurrence(row.process, row.subject, row.number, row.parameters, None) for row in rows]

    def unopened(self, before: datetime) -> list[str]:
        """Runs of occurrences asked for before a moment (UTC) whose first leg has not opened the file yet."""
        with self.reading() as connection:
            rows = connection.execute(
                select(occurrences.c.case_id)
                .outerjoin(cases, cases.c.case_id == occurrences.c.case_id)
                .where(
                    occurrences.c.case_id.is_not(None),
                    occurrences.c.asked_at < before,
                    cases.c.case_id.is_(None),
                )
            )
            return [row.case_id for row in rows]

    # -- one case

    def begin_leg(
        self, case_id: str, process: str, parameters: Mapping[str, Any], subject: str
    ) -> tuple[Case, list[Entry]]:
        """Open the file if it is new, take the next epoch, and read the file: the start of every leg."""

        def begin(connection: Connection) -> tuple[Case, list[Entry]]:
            if self._locked(connection, case_id) is None:
                self._open(connection, case_id, process, parameters, subject)
            connection.execute(
                update(cases)
                .where(cases.c.case_id == case_id)
                .values(epoch=cases.c.epoch + 1, wanted_at=None, pushed_at=None, leg_seen_at=self.now())
            )
            case = _case(connection.execute(select(cases).where(cases.c.case_id == case_id)).one())
            return case, self._read(connection, case_id)

        return self._contested(begin)

    def _open(
        self, connection: Connection, case_id: str, process: str, parameters: Mapping[str, Any], subject: str
    ) -> None:
        known = connection.execute(select(occurrences.c.number).where(occurrences.c.case_id == case_id)).scalar()
        if known is None:
            latest = self._latest_occurrence(connection, process, subject)
            if latest and latest.case_id is None:
                known = latest.number
                where = (
                    occurrences.c.process == process,
                    occurrences.c.subject == subject,
                    occurrences.c.number == known,
                )
                connection.execute(update(occurrences).where(*where).values(case_id=case_id))
            else:
                known = latest.number + 1 if latest else 1
                if latest and latest.case_id and self._is_open(connection, latest.case_id):
                    raise RuntimeError(
                        f"{process} for {subject} is already open as case {latest.case_id}: nothing was done here."
                    )
                connection.execute(
                    insert(occurrences).values(
                        process=process,
                        subject=subject,
                        number=known,
                        parameters=dict(parameters),
                        asked_at=self.now(),
                        case_id=case_id,
                    )
                )
        connection.execute(
            insert(cases).values(
                case_id=case_id,
                process=process,
                subject=subject,
                occurrence=known,
                opened_at=self.now(),
                epoch=0,
                last_seq=0,
                settled=False,
                last_hash=GENESIS,
            )
        )
        payload = {
            "process": process,
            "subject": subject,
            "occurrence": known,
            "parameters": dict(parameters),
        }
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
        connection.execute(insert(entries).values(row))
        head: dict[str, Any] = {"last_seq": row["seq"], "last_hash": row["hash"]}
        if kind is Kind.CLOSED:
            head |= {
                "closed_at": row["at"],
                "ending": payload.get("ending"),
                "wanted_at": None,
                "leg_seen_at": None,
            }
        connection.execute(update(cases).where(cases.c.case_id == case_id).values(head))
        return Entry(**(row | {"kind": kind, "payload": json.loads(row["payload"])}))

    def _locked(self, connection: Connection, case_id: str) -> Row[Any] | None:
        return connection.execute(select(cases).where(cases.c.case_id == case_id).with_for_update()).one_or_none()

    def case(self, case_id: str) -> Case:
        """One case.

        Raises:
            CaseUnknown: there is none with this id.
        """
        with self.reading() as connection:
            row = connection.execute(select(cases).where(cases.c.case_id == case_id)).one_or_none()
        if row is None:
            raise CaseUnknown(f"There is no case {case_id}. `casework inbox` lists the open ones.")
        return _case(row)

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

    def entries(self, case_id: str) -> list[Entry]:
        """The whole file of a case, in order."""
        with self.reading() as connection:
            return self._read(connection, case_id)

    def _read(self, connection: Connection, case_id: str) -> list[Entry]:
        return [
            _entry(row)
            for row in connection.execute(select(entries).where(entries.c.case_id == case_id).order_by(entries.c.seq))
        ]

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

    # -- legs

    def want_leg(self, case_id: str, connection: Connection | None = None) -> bool:
        """Note that the case has something to do; true when that is news. The clock sees to it that a leg comes."""
        if connection is None:
            with self.writing() as own:
                return self.want_leg(case_id, own)
        done = connection.execute(
            update(cases)
            .where(cases.c.case_id == case_id, cases.c.closed_at.is_(None), cases.c.wanted_at.is_(None))
            .values(wanted_at=self.now(), pushed_at=None)
        )
        return done.rowcount == 1

    def claim_push(self, case_id: str, again_after: timedelta) -> bool:
        """Take the right to tell the engine about a wanted leg; one caller in `again_after` gets it."""
        with self.writing() as connection:
            done = connection.execute(
                update(cases)
                .where(
                    cases.c.case_id == case_id,
                    cases.c.wanted_at.is_not(None),
                    cases.c.pushed_at.is_(None) | (cases.c.pushed_at < self.now() - again_after),
                )
                .values(pushed_at=self.now())
            )
            return done.rowcount == 1

    def beat(self, case_id: str, epoch: int) -> bool:
        """Heartbeat of a running leg; false when a later leg has begun."""
        return self._leg(case_id, epoch, self.now())

    def end_leg(self, case_id: str, epoch: int) -> bool:
        """The leg has let go of its case."""
        return self._leg(case_id, epoch, None)

    def _leg(self, case_id: str, epoch: int, seen: datetime | None) -> bool:
        with self.writing() as connection:
            done = connection.execute(
                update(cases).where(cases.c.case_id == case_id, cases.c.epoch == epoch).values(leg_seen_at=seen)
            )
            return done.rowcount == 1

    def lost_legs(self, silent_since: datetime) -> list[str]:
        """Cases whose leg has not been heard of since a moment (UTC): its process is dead or cut off."""
        with self.reading() as connection:
            rows = connection.execute(
                select(cases.c.case_id).where(cases.c.closed_at.is_(None), cases.c.leg_seen_at < silent_since)
            )
            return [row.case_id for row in rows]

    def unpushed(self, before: datetime) -> list[str]:
        """Cases that want a leg and of which the engine was not told since `before` (UTC)."""
        with self.reading() as connection:
            rows = connection.execute(
                select(cases.c.case_id).where(
                    cases.c.closed_at.is_(None),
                    cases.c.wanted_at.is_not(None),
                    cases.c.pushed_at.is_(None) | (cases.c.pushed_at < before),
                )
            )
            return [row.case_id for row in rows]

    def unsettled(self, closed_before: datetime) -> list[str]:
        """Closed cases of which it is not known yet whether their run in the engine has ended too."""
        with self.reading() as connection:
            rows = connection.execute(
                select(cases.c.case_id).where(cases.c.closed_at < closed_before, cases.c.settled.is_(False))
            )
            return [row.case_id for row in rows]

    def settle(self, case_id: str) -> None:
        """The run of this closed case has ended."""
        with self.writing() as connection:
            connection.execute(update(cases).where(cases.c.case_id == case_id).values(settled=True))

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

        return self._contested(ask)


def is_completion(kind: Kind) -> bool:
    """Whether an entry of this kind settles its key for ever."""
    return kind.value in COMPLETIONS
