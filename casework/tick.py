"""The clock: one round of looking which cases have something to do and telling the engine.

It runs in the gateway every few seconds, in as many copies as there are; each case is taken by one of them. It
decides nothing but passed deadlines: a case that is woken looks for itself.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.exc import DBAPIError, OperationalError

from casework.answer import pass_deadline
from casework.engine import EngineAway
from casework.occurrence import Occurrence
from casework.runtime import Runtime
from casework.schema import cases, waits

__all__ = ["Round", "begin", "push", "start", "tick", "wake"]

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(minutes=5)
"""After this a wait that was due is looked at again, should nothing have come of it."""

AT_ONCE = 50
"""Of how many due waits one transaction takes care: a person's answer waits at most for one."""

CANCELLED_LOOK_BACK = timedelta(hours=24)

# Asked in every round and for every hint; to put a statement together costs as much as to run it.
_LISTENING = (
    select(waits.c.case_id)
    .join(cases, cases.c.case_id == waits.c.case_id)
    .where(waits.c.state == "open", (waits.c.listens == bindparam("thing")) | (cases.c.subject == bindparam("thing")))
    .distinct()
)
_DUE = (
    select(waits.c.case_id, waits.c.wait, waits.c.due_at, waits.c.next_at, waits.c.looks)
    .where(waits.c.state == "open", waits.c.next_at <= bindparam("now"))
    # One order for all copies of the clock: they lock the cases of a batch one after the other.
    .order_by(waits.c.due_at, waits.c.case_id, waits.c.wait)
)
_LATER = update(waits).where(
    waits.c.case_id == bindparam("this_case"),
    waits.c.wait == bindparam("this_wait"),
    waits.c.next_at == bindparam("was_next"),
)


@dataclass
class Round:
    """What one round did; counts."""

    deadlines: int = 0
    woken: int = 0
    lost: int = 0
    started: int = 0
    cancelled: int = 0


def push(around: Runtime, case_id: str) -> bool:
    """Tell the engine that a case wants a leg, unless a living leg has it. False: not now."""
    lease = timedelta(seconds=around.lease)
    try:
        if around.files.claim_push(case_id, again_after=lease):
            around.engine.resume(case_id)
    except EngineAway as away:
        logger.warning("Case %s is due a leg and will be tried again: %s", case_id, away)
        return False
    except DBAPIError as error:
        # What the leg is for is recorded; whoever recorded it must not be told that it is not.
        cause = type(error).__name__
        logger.warning("Case %s is due a leg and will be tried again: the database answers %s.", case_id, cause)
        return False
    return True


def wake(around: Runtime, subject: str) -> list[str]:
    """Let the cases look that are about `subject` (`zendesk:ticket:4711`) or listen to it: something is new there."""
    with around.files.reading() as connection:
        woken = list(connection.execute(_LISTENING, {"thing": subject}).scalars())
    for case_id in woken:
        around.files.want_leg(case_id)
        push(around, case_id)
    return woken


def tick(around: Runtime) -> Round:
    """One round: deadlines, due looks and reminders, lost legs, unstarted occurrences, cancelled runs."""
    done = Round()
    now = around.files.now()
    lease = timedelta(seconds=around.lease)
    _due_waits(around, done)
    for case_id in around.files.lost_legs(silent_since=now - lease):
        logger.warning("Case %s: its leg has been silent for over %s s and is taken up again.", case_id, around.lease)
        around.files.want_leg(case_id)
        done.lost += 1
    _start(around, done, now - timedelta(seconds=5))
    try:
        for case_id in around.engine.cancelled_runs(CANCELLED_LOOK_BACK):
            done.cancelled += around.files.ask_to_cancel(case_id, "engine", "cancelled in the Prefect UI")
    except EngineAway as away:
        logger.warning("Cancelled runs could not be looked for and will be again: %s", away)
    _open(around, done, now - max(lease, timedelta(seconds=5)))
    _settle(around, now - lease)
    for case_id in around.files.unpushed(before=now - lease):
        if not push(around, case_id):
            break  # what is away now would hold up every other case for as long
        done.woken += 1
    return done


def _settle(around: Runtime, before: datetime) -> None:
    """See to it that the engine's runs of closed cases have ended too: a last leg may have been killed."""
    for case_id in around.files.unsettled(closed_before=before):
        try:
            if around.engine.finished(case_id):
                around.files.settle(case_id)
            else:
                around.engine.resume(case_id)
        except EngineAway as away:
            logger.warning("Case %s is closed; its run could not be looked at: %s", case_id, away)
            return


def _due_waits(around: Runtime, done: Round) -> None:
    now = around.files.now()
    with around.files.reading() as connection:
        due = connection.execute(_DUE, {"now": now}).all()
    for start in range(0, len(due), AT_ONCE):
        try:
            with around.files.writing() as connection:
                passed = [_due_wait(around, connection, wait, now) for wait in due[start : start + AT_ONCE]]
        except OperationalError as error:
            logger.warning("Due questions wait for the next round: the database answers %s.", type(error).__name__)
        else:
            done.deadlines += sum(passed)


def _due_wait(around: Runtime, connection: Connection, wait: Row[Any], now: datetime) -> bool:
    """Pass the deadline of one question, or let its case look; whether the deadline passed."""
    # Where answers are found by looking, the case looks once more before its time is over.
    passed = not wait.looks and pass_deadline(connection, wait.case_id, wait.wait, now)
    later = now + LOOK_AGAIN if wait.due_at <= now else min(wait.due_at, now + LOOK_AGAIN)
    moved = {"this_case": wait.case_id, "this_wait": wait.wait, "was_next": wait.next_at, "next_at": later}
    if connection.execute(_LATER, moved).rowcount == 1:
        around.files.want_leg(wait.case_id, connection)
    return passed


def _start(around: Runtime, done: Round, before: datetime) -> None:
    for occurrence in around.files.unstarted(before):
        try:
            around.files.started(occurrence, around.engine.start(occurrence))
            done.started += 1
        except EngineAway as away:
            logger.warning("%s cannot be started yet and will be tried again: %s", occurrence.key, away)
            return


def _open(around: Runtime, done: Round, before: datetime) -> None:
    """Give runs that died before they opened their file another try."""
    for case_id in around.files.unopened(before):
        try:
            around.engine.resume(case_id)
            done.woken += 1
        except EngineAway as away:
            logger.warning("Case %s has not begun and will be tried again: %s", case_id, away)
            return


def start(around: Runtime, process: str, subject: str, parameters: dict[str, object]) -> tuple[str | None, bool]:
    """Start a process for a subject once per occurrence.

    Returns:
        The case id (None while the engine is away; the clock starts it then), and whether this opened it.
    """
    occurrence, fresh = around.files.occurrence(process, subject, parameters)
    return begin(around, occurrence), fresh


def begin(around: Runtime, occurrence: Occurrence) -> str | None:
    """Have the engine start an occurrence, unless it has: the case id; None while the engine is away."""
    if occurrence.case_id is not None:
        return occurrence.case_id
    try:
        case_id = around.engine.start(occurrence)
    except EngineAway as away:
        logger.warning("%s will be started when the engine is back: %s", occurrence.key, away)
        return None
    around.files.started(occurrence, case_id)
    return case_id
