"""A process runs once for each occurrence of its subject.

The same event delivered five times, twice at the same instant, asks for one occurrence; only when its case has
ended can the same subject have the next one. What came of a subject while its case was on its way to the end opened
nothing, and the case does not read it any more. So the end itself is a hint: it goes into the inbox together with the
last entry, and whoever starts cases looks at the subject once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from casework.schema import cases, hooks, occurrences
from casework.store import Store

__all__ = ["AlreadyOpen", "Occurrence", "Occurrences", "ended", "is_end"]

# To put a statement together costs as much as to run it.
_LATEST = (
    select(occurrences)
    .where(occurrences.c.process == bindparam("process"), occurrences.c.subject == bindparam("subject"))
    .order_by(occurrences.c.number.desc())
    .limit(1)
)
_CLOSED_AT = select(cases.c.closed_at).where(cases.c.case_id == bindparam("case_id"))
_UNSTARTED = select(occurrences).where(occurrences.c.case_id.is_(None), occurrences.c.asked_at < bindparam("before"))
_UNOPENED = (
    select(occurrences.c.case_id)
    .outerjoin(cases, cases.c.case_id == occurrences.c.case_id)
    .where(occurrences.c.case_id.is_not(None), occurrences.c.asked_at < bindparam("before"), cases.c.case_id.is_(None))
)


class AlreadyOpen(RuntimeError):
    """A subject has one open case of a process at a time; this one has another."""


def ended(process: str) -> str:
    """What the end of a case of this process is called among the hints, beside the vendors' own events."""
    return f"case.closed:{process}"


def is_end(event: str) -> bool:
    """Whether a hint is the end of a case."""
    return event.startswith(ended(""))


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


class Occurrences(Store):
    """What was asked to be started in one database."""

    def occurrence(
        self, process: str, subject: str, parameters: Mapping[str, Any], *, again: bool = True
    ) -> tuple[Occurrence, bool]:
        """The running occurrence of `process` for `subject`, or the next one, and whether it is new.

        With `again=False` there is no next one: one that is over is given as it is.
        Two callers at the same instant get the same occurrence: the loser of the race reads the winner's.
        """

        def ask(connection: Connection) -> tuple[Occurrence, bool]:
            latest = self._latest(connection, process, subject)
            if latest and (not again or latest.case_id is None or self._is_open(connection, latest.case_id)):
                return latest, False
            return self._add(connection, process, subject, parameters, latest, None), True

        return self.contested(ask)

    def _add(
        self,
        connection: Connection,
        process: str,
        subject: str,
        parameters: Mapping[str, Any],
        latest: Occurrence | None,
        case_id: str | None,
    ) -> Occurrence:
        """The occurrence after `latest`."""
        number = latest.number + 1 if latest else 1
        connection.execute(
            insert(occurrences).values(
                process=process,
                subject=subject,
                number=number,
                parameters=dict(parameters),
                asked_at=self.now(),
                case_id=case_id,
            )
        )
        return Occurrence(process, subject, number, dict(parameters), case_id)

    def latest(self, process: str, subject: str) -> Occurrence | None:
        """The newest occurrence of `process` for `subject`, over or not."""
        with self.reading() as connection:
            return self._latest(connection, process, subject)

    def _latest(self, connection: Connection, process: str, subject: str) -> Occurrence | None:
        row = connection.execute(_LATEST, {"process": process, "subject": subject}).one_or_none()
        return Occurrence(row.process, row.subject, row.number, row.parameters, row.case_id) if row else None

    def _is_open(self, connection: Connection, case_id: str) -> bool:
        row = connection.execute(_CLOSED_AT, {"case_id": case_id}).one_or_none()
        return row is None or row.closed_at is None

    def asked_since(self, process: str, begins: str, since: datetime) -> list[Occurrence]:
        """What a process was asked for since a moment (UTC) about subjects that begin so, oldest first."""
        wanted = select(occurrences).where(
            occurrences.c.process == process,
            occurrences.c.subject.startswith(begins, autoescape=True),
            occurrences.c.asked_at >= since,
        )
        with self.reading() as connection:
            rows = connection.execute(wanted.order_by(occurrences.c.asked_at, occurrences.c.subject)).all()
        return [Occurrence(row.process, row.subject, row.number, row.parameters, row.case_id) for row in rows]

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
            rows = connection.execute(_UNSTARTED, {"before": before}).all()
        return [Occurrence(row.process, row.subject, row.number, row.parameters, None) for row in rows]

    def unopened(self, before: datetime) -> list[str]:
        """Runs of occurrences asked for before a moment (UTC) whose first leg has not opened the file yet."""
        with self.reading() as connection:
            return [row.case_id for row in connection.execute(_UNOPENED, {"before": before})]

    def adopt(
        self, connection: Connection, case_id: str, process: str, parameters: Mapping[str, Any], subject: str
    ) -> int:
        """The number of the occurrence that a case is, in the caller's transaction.

        A case that nobody asked for here (started in the engine's own pages) is the next occurrence.

        Raises:
            AlreadyOpen: the subject has an open case already.
        """
        known: int | None = connection.execute(
            select(occurrences.c.number).where(occurrences.c.case_id == case_id)
        ).scalar()
        if known is not None:
            return known
        latest = self._latest(connection, process, subject)
        if latest and latest.case_id is None:
            same = (
                occurrences.c.process == process,
                occurrences.c.subject == subject,
                occurrences.c.number == latest.number,
            )
            connection.execute(update(occurrences).where(*same).values(case_id=case_id))
            return latest.number
        if latest and latest.case_id and self._is_open(connection, latest.case_id):
            raise AlreadyOpen(
                f"{process} for {subject} is already open as case {latest.case_id}: nothing was done here."
            )
        return self._add(connection, process, subject, parameters, latest, case_id).number

    def tell_end(self, connection: Connection, case_id: str, process: str, subject: str) -> None:
        """Put the end of a case among the hints about its subject, in the transaction that ends it; once a case."""
        told = {"vendor": "casework", "delivery": case_id, "event": ended(process), "subject": subject}
        connection.execute(insert(hooks).values(**told, received_at=self.now(), tries=0))
