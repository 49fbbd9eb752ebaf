"""What other cases have found out: read for steps, from their files, by one query. Ids and results only."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, select

from casework import runtime
from casework.case import Kind
from casework.process import UNWOUND
from casework.schema import cases, entries

__all__ = ["Past", "ended_about_the_same", "open_about", "opened_between", "subjects_since"]


@dataclass(frozen=True, slots=True)
class Past:
    """Another case: how it ended (None: it has not), and what a step of it gave (JSON; None: it was not done)."""

    case_id: str
    subject: str
    ending: str | None
    result: Any = None

    @property
    def cancelled(self) -> bool:
        """Whether it was ended early."""
        return self.ending == UNWOUND


def ended_about_the_same(case_id: str) -> list[Past]:
    """The ended cases of this one's process that were about the same as this one, oldest first."""
    files = runtime.current().files
    this = files.case(case_id)
    same: list[ColumnElement[bool]] = [
        cases.c.process == this.process,
        cases.c.subject == this.subject,
        cases.c.case_id != case_id,
        cases.c.closed_at.is_not(None),
    ]
    return _read(select(cases.c.case_id, cases.c.subject, cases.c.ending).where(*same).order_by(cases.c.opened_at))


def opened_between(process: str, step: str, since: datetime, until: datetime) -> list[Past]:
    """The cases of a process that were opened from `since` until before `until` (UTC), oldest first.

    Each with what a step or lookup (`support_day.record`) gave in its body the first time.
    """
    done = (Kind.STEP_DONE.value, Kind.LOOKUP_DONE.value)
    of_step = and_(entries.c.case_id == cases.c.case_id, entries.c.key == f"{step}/1", entries.c.kind.in_(done))
    wanted = select(cases.c.case_id, cases.c.subject, cases.c.ending, entries.c.payload)
    opened = (cases.c.process == process, cases.c.opened_at >= since, cases.c.opened_at < until)
    return _read(wanted.select_from(cases.outerjoin(entries, of_step)).where(*opened).order_by(cases.c.opened_at))


def open_about(process: str, subjects: Collection[str]) -> list[str]:
    """The ids of the open cases of a process about any of these subjects, newest first."""
    return [case.case_id for case in runtime.current().files.open_about(process, subjects)]


def subjects_since(process: str, begins: str, since: datetime) -> list[str]:
    """What a process was asked for since a moment (UTC) is about, where that begins so; oldest first, each once."""
    asked = runtime.current().files.asked_since(process, begins, since)
    return list(dict.fromkeys(one.subject for one in asked))


def _read(query: Select[Any]) -> list[Past]:
    with runtime.current().files.reading() as connection:
        rows = connection.execute(query).all()
    return [Past(one.case_id, one.subject, one.ending, *map(_result, one[3:])) for one in rows]


def _result(payload: str | None) -> Any:
    return None if payload is None else json.loads(payload)["result"]
