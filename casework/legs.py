"""Legs: which cases have something to do, and which are being run by somebody alive.

A leg is one run of a case's body. A case wants a leg when something new is there for it; the engine is told, and
told again when nothing comes of it; a running leg gives a heartbeat, and one that falls silent counts as dead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from casework.schema import cases
from casework.store import Store

__all__ = ["Legs"]

# Asked in every round of the clock and in every leg; to put a statement together costs as much as to run it.
_THIS = cases.c.case_id == bindparam("this_case")
_UNTOLD = cases.c.pushed_at.is_(None) | (cases.c.pushed_at < bindparam("before"))
_WANT = update(cases).where(_THIS, cases.c.closed_at.is_(None), cases.c.wanted_at.is_(None))
_PUSH = update(cases).where(
    _THIS,
    cases.c.wanted_at.is_not(None),
    _UNTOLD,
    cases.c.leg_seen_at.is_(None) | (cases.c.leg_seen_at <= bindparam("before")),
)
_SEEN = update(cases).where(_THIS, cases.c.epoch == bindparam("this_epoch")).returning(cases.c.wanted_at)
_LOST = select(cases.c.case_id).where(cases.c.closed_at.is_(None), cases.c.leg_seen_at < bindparam("before"))
_UNPUSHED = (
    select(cases.c.case_id)
    .where(cases.c.closed_at.is_(None), cases.c.wanted_at.is_not(None), _UNTOLD)
    .order_by(cases.c.wanted_at)
)
_UNSETTLED = select(cases.c.case_id).where(cases.c.closed_at < bindparam("before"), cases.c.settled.is_(False))
_SETTLE = update(cases).where(_THIS)


class Legs(Store):
    """The legs of all cases of one database."""

    def want_leg(self, case_id: str, connection: Connection | None = None) -> bool:
        """Note that the case has something to do; true when that is news. The clock sees to it that a leg comes."""
        if connection is None:
            with self.writing() as own:
                return self.want_leg(case_id, own)
        news = {"this_case": case_id, "wanted_at": self.now(), "pushed_at": None}
        return connection.execute(_WANT, news).rowcount == 1

    def claim_push(self, case_id: str, again_after: timedelta) -> bool:
        """Take the right to tell the engine about a wanted leg; one caller in `again_after` gets it.

        Nobody does while a leg is running that was heard of within that time: when it ends, it looks itself.
        """
        before = self.now() - again_after
        with self.writing() as connection:
            told = {"this_case": case_id, "before": before, "pushed_at": self.now()}
            return connection.execute(_PUSH, told).rowcount == 1

    def beat(self, case_id: str, epoch: int) -> bool:
        """Heartbeat of a running leg; false when a later leg has begun."""
        return self._leg(case_id, epoch, self.now()) is not None

    def end_leg(self, case_id: str, epoch: int) -> bool:
        """The leg has let go of its case; whether there is something to do for another one."""
        row = self._leg(case_id, epoch, None)
        return row is not None and row.wanted_at is not None

    def _leg(self, case_id: str, epoch: int, seen: datetime | None) -> Row[Any] | None:
        with self.writing() as connection:
            beat = {"this_case": case_id, "this_epoch": epoch, "leg_seen_at": seen}
            return connection.execute(_SEEN, beat).one_or_none()

    def lost_legs(self, silent_since: datetime) -> list[str]:
        """Cases whose leg has not been heard of since a moment (UTC): its process is dead or cut off."""
        return self._cases(_LOST, silent_since)

    def unpushed(self, before: datetime) -> list[str]:
        """Cases that want a leg and of which the engine was not told since `before` (UTC); longest first."""
        return self._cases(_UNPUSHED, before)

    def unsettled(self, closed_before: datetime) -> list[str]:
        """Closed cases of which it is not known yet whether their run in the engine has ended too."""
        return self._cases(_UNSETTLED, closed_before)

    def _cases(self, wanted: Select[tuple[str]], before: datetime) -> list[str]:
        with self.reading() as connection:
            return list(connection.execute(wanted, {"before": before}).scalars())

    def settle(self, case_id: str) -> None:
        """The run of this closed case has ended."""
        with self.writing() as connection:
            connection.execute(_SETTLE, {"this_case": case_id, "settled": True})
