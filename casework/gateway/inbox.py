"""The hook inbox: what vendors tell us is written down before they are answered, and handled afterwards.

A hook is a hint that something is new, so only ids are kept of it: what happened, to what. It is tried until
it is handled, by one gateway at a time: a try counts from its beginning, so a gateway that is killed in it leaves the
hook to whoever looks next. Handling it again later is harmless, because whoever handles it looks at the truth.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from casework.case import CaseFiles
from casework.gateway.faults import told
from casework.schema import hooks

__all__ = ["LONGEST_TRY", "Hook", "Inbox", "patience", "tries_within"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
LONGEST_TRY = timedelta(minutes=1)
"""For so long nobody else tries a hook that was taken up: whoever did is done by then, or dead."""
KEPT = timedelta(days=30)
ROUND = 500


@dataclass(frozen=True, slots=True)
class Hook:
    """One thing a vendor told us. `delivery` is the id by which the vendor's repetitions are known."""

    vendor: str
    delivery: str
    event: str
    subject: str


def patience(tries: int) -> timedelta:
    """How long after its arrival a hook that failed `tries` times is due: pauses double up to ten minutes."""
    return sum((_pause(number) for number in range(tries)), timedelta())


def tries_within(age: timedelta) -> int:
    """How many tries a hook of this age has behind it: the next one is due when it is older."""
    tries, due = 0, timedelta()
    while due <= age:
        due += _pause(tries)
        tries += 1
    return tries


def _pause(number: int) -> timedelta:
    doubled: timedelta = FIRST_PAUSE * 2 ** min(number, 10)
    return min(doubled, LONGEST_PAUSE)


class Inbox:
    """The hooks of one database; `handle` is told the event and the subject of each."""

    def __init__(self, files: CaseFiles, handle: Callable[[str, str], None]) -> None:
        self._files = files
        self._handle = handle

    def store(self, told_of: Sequence[Hook], *, handled: bool = False) -> list[Hook]:
        """Write down, all or none, the hooks that are not known yet; gives those."""
        now = self._files.now()
        fresh = []
        with self._files.writing() as connection:
            for hook in told_of:
                values = {
                    "vendor": hook.vendor,
                    "delivery": hook.delivery,
                    "event": hook.event,
                    "subject": hook.subject,
                    "received_at": now,
                    "handled_at": now if handled else None,
                    "tries": 0,
                }
                try:
                    with connection.begin_nested():
                        connection.execute(insert(hooks).values(values))
                except IntegrityError:
                    continue
                fresh.append(hook)
        return fresh

    def knows(self, vendor: str, delivery: str) -> bool:
        """Whether this delivery has come before."""
        same = (hooks.c.vendor == vendor, hooks.c.delivery == delivery)
        with self._files.reading() as connection:
            return connection.execute(select(hooks.c.event).where(*same)).one_or_none() is not None

    def work(self) -> int:
        """Handle what is due, oldest first; how many were. One that fails does not stop the others."""
        return sum(self._one(row) for row in self._due())

    def forget(self) -> int:
        """Remove hooks that were handled more than 30 days ago: no vendor repeats one so late."""
        with self._files.writing() as connection:
            old = delete(hooks).where(hooks.c.handled_at < self._files.now() - KEPT)
            return connection.execute(old).rowcount

    def _due(self) -> Sequence[Row[Any]]:
        now = self._files.now()
        with self._files.reading() as connection:
            rows = connection.execute(
                select(hooks).where(hooks.c.handled_at.is_(None)).order_by(hooks.c.received_at, hooks.c.delivery)
            ).all()
        return [row for row in rows if row.received_at + patience(row.tries) <= now][:ROUND]

    def _one(self, row: Row[Any]) -> bool:
        tries = self._take(row)
        if tries is None:
            return False
        this = (hooks.c.vendor == row.vendor, hooks.c.delivery == row.delivery)
        try:
            self._handle(row.event, row.subject)
        except Exception as error:  # noqa: BLE001 - noted with the hook, which is tried again
            logger.warning(
                "Hook %s about %s could not be handled and will be tried again: %s",
                row.event,
                row.subject,
                told(error),
            )
            failed = {"tries": tries_within(self._files.now() - row.received_at), "problem": told(error)[:400]}
            with self._files.writing() as connection:
                connection.execute(update(hooks).where(*this, *_untouched(tries)).values(failed))
            return False
        with self._files.writing() as connection:
            connection.execute(update(hooks).where(*this).values(handled_at=self._files.now(), problem=None))
        return True

    def _take(self, row: Row[Any]) -> int | None:
        """Begin a try, for as long as one may last; its number, or None when another gateway was first."""
        tries = tries_within(self._files.now() - row.received_at + LONGEST_TRY)
        this = (hooks.c.vendor == row.vendor, hooks.c.delivery == row.delivery)
        with self._files.writing() as connection:
            taken = connection.execute(update(hooks).where(*this, *_untouched(row.tries)).values(tries=tries))
        return tries if taken.rowcount == 1 else None


def _untouched(tries: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Nobody has tried or handled a hook since it had so many tries behind it."""
    return hooks.c.tries == tries, hooks.c.handled_at.is_(None)
