"""What happened to the links of a case, for staff and audit: read from what is recorded, changing nothing.

Nothing here opens a link, and nobody is named: who came is an HMAC of address and browser, another for each link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine, select

from casework.delivery.link import Link, LinkEvent, link_events, link_of, links

__all__ = ["History", "Line", "brief", "histories"]


@dataclass(frozen=True, slots=True)
class Line:
    """One event; `at` is UTC. `[start_byte, end_byte)` is the range that was asked for, in `times` requests."""

    at: datetime
    event: LinkEvent
    visitor: str | None
    start_byte: int | None
    end_byte: int | None
    times: int = 1


@dataclass(frozen=True, slots=True)
class History:
    """A link, the one that was voided for it and by whom (ids), and its events, oldest first."""

    link: Link
    replaces: str | None
    reissued_by: str | None
    events: tuple[Line, ...]

    @property
    def bytes_acknowledged(self) -> int:
        """How much the browser said has arrived."""
        return sum(end - start for start, end in self.link.acknowledged)


def histories(engine: Engine, case_id: str) -> tuple[History, ...]:
    """Every link of a case with its events, the oldest link first; none when no link was made."""
    ours = select(links).where(links.c.case_id == case_id).order_by(links.c.created_at, links.c.link_id)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        told = []
        for row in connection.execute(ours).all():
            happened = select(link_events).where(link_events.c.link_id == row.link_id).order_by(link_events.c.event_id)
            events = tuple(
                Line(one.at, LinkEvent(one.event), one.visitor, one.start_byte, one.end_byte)
                for one in connection.execute(happened)
            )
            told.append(History(link_of(row), row.replaces, row.reissued_by, events))
    return tuple(told)


def brief(events: Sequence[Line]) -> list[Line]:
    """The same events, ranges that one visitor asked for one after the other told as one."""
    told: list[Line] = []
    for line in events:
        last = told[-1] if told else None
        if (
            last is not None
            and line.event is LinkEvent.RANGE
            and last.event in (LinkEvent.RANGE, LinkEvent.RESUMED)
            and (line.visitor, line.start_byte) == (last.visitor, last.end_byte)
        ):
            told[-1] = replace(last, end_byte=line.end_byte, times=last.times + 1)
        else:
            told.append(line)
    return told
