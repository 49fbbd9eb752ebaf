"""The hook inbox: what vendors tell us is written down before they are answered, and handled afterwards.

A hook is a hint that something is new, so only ids are kept of it: what happened, to what. It is tried until
it is handled; handling it twice is harmless, because whoever handles it looks at the truth.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from casework.case import CaseFiles
from casework.gateway.faults import told
from casework.schema import hooks

__all__ = ["Hook", "Inbox", "patience"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
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
    return sum((min(FIRST_PAUSE * 2 ** min(n, 10), LONGEST_PAUSE) for n in range(tries)), timedelta())


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
            rows: Sequence[Row[Any]] = connection.execute(
                select(hooks)
                .where(hooks.c.handled_at.is_(None))
                .order_by(hooks.c.received_at, hooks.c.delivery)
                .limit(ROUND)
            ).all()
        return [row for row in rows if row.received_at + patience(row.tries) <= now]

    def _one(self, row: Row[Any]) -> bool:
        values: dict[str, object]
        try:
            self._handle(row.event, row.subject)
        except Exception as error:  # noqa: BLE001 - noted with the hook, which is tried again
            logger.warning(
                "Hook %s about %s could not be handled and will be tried again: %s",
                row.event,
                row.subject,
                told(error),
            )
            values = {"tries": hooks.c.tries + 1, "problem": told(error)[:400]}
        else:
            values = {"handled_at": self._files.now(), "problem": None}
        same = (hooks.c.vendor == row.vendor, hooks.c.delivery == row.delivery)
        with self._files.writing() as connection:
            connection.execute(update(hooks).where(*same).values(values))
        return "handled_at" in values
