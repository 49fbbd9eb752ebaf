"""The hook inbox: what vendors tell us is written down before they are answered, and handled afterwards.

A hook is a hint that something is new, so only ids are kept of it: what happened, to what. It is tried until
it is handled, by one gateway at a time: whoever takes it up makes it due again for when that try is over, so a
gateway that is killed in it leaves the hook to whoever looks next. Handling it again later is harmless, because
whoever handles it looks at the truth.

A commit costs the same for one hook as for a hundred. So one thread writes: hooks that come while it commits are
stored together by its next transaction, each acknowledged only after the one that holds it; they are taken up and
marked many at a time; and hooks that say the same of the same thing are one look at it. A hook about something that has
just been looked at is due when that has rested (`casework.gateway.rests`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from casework import database
from casework.case import CaseFiles
from casework.gateway.faults import told
from casework.gateway.rests import Rests
from casework.schema import hooks

__all__ = ["LONGEST_TRY", "Hook", "Inbox", "pause"]

logger = logging.getLogger(__name__)

Key = tuple[str, str]

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
LONGEST_TRY = timedelta(minutes=1)
"""For so long nobody else tries a hook that was taken up: whoever did is done by then, or dead."""
KEPT = timedelta(days=30)
ROUND = 2000
"""So many hooks are taken up in a round: all that a storm leaves about some things while they rest."""
GROUP = 500
"""A transaction that stores hooks takes no further delivery once it has so many."""
LOOKS = 20
"""So many different looks are taken up at once: a gateway that is killed leaves no more of them to wait for others."""
LONG = timedelta(seconds=1)
"""After this no further look is begun before what was done is noted."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One thing a vendor told us. `delivery` is the id by which the vendor's repetitions are known."""

    vendor: str
    delivery: str
    event: str
    subject: str

    @property
    def key(self) -> Key:
        return self.vendor, self.delivery


@dataclass(frozen=True, slots=True, eq=False)
class _Delivery:
    """Hooks to write down together, and what will be told of it: those that were not known."""

    hooks: tuple[Hook, ...]
    handled: bool
    fresh: Future[list[Hook]] = field(default_factory=Future)


def pause(tries: int) -> timedelta:
    """How long a hook rests that has failed so often, at least once: it doubles from five seconds to ten minutes."""
    doubled: timedelta = FIRST_PAUSE * 2 ** min(tries - 1, 10)
    return min(doubled, LONGEST_PAUSE)


class Inbox:
    """The hooks of one database; `handle` is told the event and the subject of each, once for those that are alike.

    `rests` says how long a thing that was looked at is left alone by hints; None: not at all.
    """

    def __init__(self, files: CaseFiles, handle: Callable[[str, str], None], rests: Rests | None = None) -> None:
        self._files = files
        self._handle = handle
        self._rests = rests
        self._coming: deque[_Delivery] = deque()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    def storing(self, told_of: Sequence[Hook], *, handled: bool = False) -> Future[list[Hook]]:
        """Begin to write down, all or none, the hooks that are not known yet.

        The future gives those once they are committed, or raises what the database did.
        """
        delivery = _Delivery(tuple(told_of), handled)
        self._coming.append(delivery)
        self._writer.submit(self._store_coming)
        return delivery.fresh

    def store(self, told_of: Sequence[Hook], *, handled: bool = False) -> list[Hook]:
        """Write down, all or none, the hooks that are not known yet; gives those."""
        return self.storing(told_of, handled=handled).result()

    def knows(self, vendor: str, delivery: str) -> bool:
        """Whether this delivery has come before."""
        same = (hooks.c.vendor == vendor, hooks.c.delivery == delivery)
        with self._files.reading() as connection:
            return connection.execute(select(hooks.c.event).where(*same)).one_or_none() is not None

    def work(self) -> int:
        """Handle what is due, oldest first; how many were. One that fails does not stop the others."""
        due = self._due()
        if self._rests is not None:
            self._rests.begin({row.subject for row in due}, self._files.now())
        handled, looks = 0, list(_alike(due).values())
        while looks:
            done, left = self._try([row for rows in looks[:LOOKS] for row in rows])
            handled += done
            looks[:LOOKS] = left
        return handled

    def forget(self) -> int:
        """Remove hooks that were handled more than 30 days ago: no vendor repeats one so late."""
        with self._files.writing() as connection:
            old = delete(hooks).where(hooks.c.handled_at < self._files.now() - KEPT)
            return connection.execute(old).rowcount

    # -- storing, in the writer's thread

    def _store_coming(self) -> None:
        """Store what has come up to now; nothing, when the transaction before has taken it along."""
        group: list[_Delivery] = []
        while self._coming and sum(len(delivery.hooks) for delivery in group) < GROUP:
            delivery = self._coming.popleft()
            if delivery.fresh.set_running_or_notify_cancel():
                group.append(delivery)
        if group:
            self._store(group)

    def _store(self, group: Sequence[_Delivery]) -> None:
        try:
            with self._files.writing() as connection:
                fresh = self._insert(connection, group)
        except BaseException as error:  # noqa: BLE001 - raised by the futures, for which somebody waits
            if len(group) > 1 and not isinstance(error, database.AWAY):
                for delivery in group:  # one that the database does not take is no fault of the others
                    self._store([delivery])
                return
            for delivery in group:
                delivery.fresh.set_exception(error)
            return
        for delivery, new in zip(group, fresh, strict=True):
            delivery.fresh.set_result(new)

    def _insert(self, connection: Connection, group: Sequence[_Delivery]) -> list[list[Hook]]:
        """Of each delivery, the hooks that are new."""
        now = self._files.now()
        rows: dict[Key, dict[str, Any]] = {}
        for delivery in group:
            for hook in delivery.hooks:
                due_at = now if self._rests is None else self._rests.over(hook.subject, now)
                rows.setdefault(hook.key, _row(hook, now, due_at, handled=delivery.handled))
        # In one order, so that two gateways that store the same wait for each other in one direction only.
        ordered = [rows[key] for key in sorted(rows)]
        new = set(map(_key, connection.execute(_STORE[connection.dialect.name], ordered))) if ordered else set()
        fresh: list[list[Hook]] = []
        for delivery in group:
            fresh.append([])
            for hook in delivery.hooks:
                if hook.key in new:
                    new.remove(hook.key)
                    fresh[-1].append(hook)
        return fresh

    # -- handling

    def _due(self) -> Sequence[Row[Any]]:
        with self._files.reading() as connection:
            return connection.execute(_DUE, {"now": self._files.now(), "first": ROUND}).all()

    def _try(self, rows: Sequence[Row[Any]]) -> tuple[int, list[list[Row[Any]]]]:
        """Take these up together, and look; how many were handled, and what is left for lack of time."""
        taken = self._writer.submit(self._take, rows).result()
        begun = self._files.now()
        handled: list[Row[Any]] = []
        outcomes: list[tuple[Row[Any], dict[str, Any]]] = []
        looks = list(_alike([row for row in rows if _key(row) in taken]).values())
        while looks and self._files.now() - begun < LONG:
            alike = looks.pop(0)
            problem = self._problem(alike[0].event, alike[0].subject)
            if problem is None:
                handled += alike
                continue
            now = self._files.now()
            for row in alike:
                tries = taken[_key(row)]
                outcomes.append((row, {"due_at": now + pause(tries), "tries": tries, "problem": problem}))
        # Given back as they were, to this gateway or another.
        outcomes += [
            (row, {"due_at": row.due_at, "tries": row.tries, "problem": row.problem})
            for alike in looks
            for row in alike
        ]
        if taken:
            self._writer.submit(self._settle, taken, handled, outcomes).result()
        return len(handled), looks

    def _problem(self, event: str, subject: str) -> str | None:
        """Handle hooks that say this; what came in between, if it could not be done."""
        try:
            self._handle(event, subject)
        except Exception as error:  # noqa: BLE001 - noted with the hooks, which are tried again
            problem = told(error)
            logger.warning("Hook %s about %s could not be handled and will be tried again: %s", event, subject, problem)
            return problem[:400]
        return None

    # -- what becomes of a try, in the writer's thread

    def _take(self, rows: Sequence[Row[Any]]) -> dict[Key, int]:
        """Begin a try of each, for as long as one may last; their numbers, without those another gateway has."""
        over = self._files.now() + LONGEST_TRY
        seen = {_key(row): row for row in rows}
        free = _among(seen).where(hooks.c.handled_at.is_(None)).with_for_update(skip_locked=True)
        with self._files.writing() as connection:
            taken = {_key(row): row.tries + 1 for row in connection.execute(free) if row.tries == seen[_key(row)].tries}
            if taken:
                values = [_named(key) | {"tries": tries, "due_at": over} for key, tries in taken.items()]
                connection.execute(_CHANGE, values)
        return taken

    def _settle(
        self,
        taken: dict[Key, int],
        handled: Sequence[Row[Any]],
        outcomes: Sequence[tuple[Row[Any], dict[str, Any]]],
    ) -> None:
        """Note what became of a try; what another gateway has taken over since is left to it, unless it is handled."""
        done = {"handled_at": self._files.now(), "problem": None}
        with self._files.writing() as connection:
            if handled:
                keys = sorted(map(_key, handled))
                connection.execute(_CHANGE, [_named(key) | done for key in keys])
            if outcomes:
                values = [
                    _named(_key(row)) | {"tries_taken": taken[_key(row)]} | outcome
                    for row, outcome in sorted(outcomes, key=lambda one: _key(one[0]))
                ]
                connection.execute(_CHANGE_UNTOUCHED, values)


_KEY = (hooks.c.vendor, hooks.c.delivery)
_STORE = {
    "sqlite": sqlite.insert(hooks).on_conflict_do_nothing().returning(*_KEY),
    "postgresql": postgresql.insert(hooks).on_conflict_do_nothing().returning(*_KEY),
}
"""Writes hooks down and gives the keys of those that were not known."""
_CHANGE = update(hooks).where(
    hooks.c.vendor == bindparam("this_vendor"), hooks.c.delivery == bindparam("this_delivery")
)
_CHANGE_UNTOUCHED = _CHANGE.where(hooks.c.tries == bindparam("tries_taken"), hooks.c.handled_at.is_(None))
_DUE = (
    select(hooks)
    .where(hooks.c.handled_at.is_(None), hooks.c.due_at <= bindparam("now"))
    .order_by(hooks.c.due_at, hooks.c.delivery)
    .limit(bindparam("first"))
)


def _named(key: Key) -> dict[str, Any]:
    return {"this_vendor": key[0], "this_delivery": key[1]}


def _key(row: Row[Any]) -> Key:
    return row.vendor, row.delivery


def _among(keys: Collection[Key]) -> Select[Any]:
    return select(hooks).where(tuple_(*_KEY).in_(keys))


def _alike(rows: Sequence[Row[Any]]) -> dict[tuple[str, str], list[Row[Any]]]:
    """Hooks by what they say: their event and its subject. Any of them is followed by one look at the truth."""
    alike: dict[tuple[str, str], list[Row[Any]]] = {}
    for row in rows:
        alike.setdefault((row.event, row.subject), []).append(row)
    return alike


def _row(hook: Hook, now: datetime, due_at: datetime, *, handled: bool) -> dict[str, Any]:
    return {
        "vendor": hook.vendor,
        "delivery": hook.delivery,
        "event": hook.event,
        "subject": hook.subject,
        "received_at": now,
        "due_at": due_at,
        "handled_at": now if handled else None,
        "tries": 0,
    }
