"""What the gateway does about Salesforce: processes are started for the cases of Tier 2, and what a lost callout did
not tell is asked for.

A hint is only a hint: the case is read, and that decides. Each is taken once: by the intake, then by the process with
whose name the intake ends. One that comes back to Tier 2 after it left is taken again.
An org whose objects or fields are not as needed is told of in the log at each look, until its administrator has mended
it; nothing else of ours waits for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

from sqlalchemy import select

from casework import tick
from casework.case import Case
from casework.occurrence import ended
from casework.process import UNWOUND
from casework.runtime import Runtime
from casework.schema import cases
from casework.systems import Systems
from casework.systems.errors import NotFound
from casework.systems.salesforce import Salesforce
from deployments.triggers import ESCALATIONS, INTAKE
from policies import review_escalation
from policies.tier2_intake import NUMBERS, Ending, Process

__all__ = ["escalation_starter", "salesforce_changes"]

logger = logging.getLogger(__name__)

SUBJECT = "salesforce:case:"
LEFT_TO_PEOPLE = frozenset({UNWOUND, Ending.BY_HAND, review_escalation.Ending.STOPPED})
"""After these an agent has the case, open and in Tier 2; ours is started again by hand only."""


def escalation_starter(around: Runtime, systems: Systems) -> Callable[[str, str], None]:
    """Starts what a case of Salesforce has in Tier 2, when told (event, subject).

    What it gives raises `SystemFault` when the case cannot be read now.
    """

    def start(event: str, subject: str) -> None:
        if not subject.startswith(SUBJECT):
            return
        case = subject.removeprefix(SUBJECT)
        newest = _newest(around, subject)
        if event == ended(INTAKE):
            if newest is not None and newest.process == INTAKE and newest.ending in set(Process):
                for process in ESCALATIONS[Process(newest.ending)]:
                    tick.start(around, process, subject, {"case": case})
            return
        if newest is not None and not _let_go(newest):
            return
        try:
            found = systems.salesforce.cases.case(case)
            systems.salesforce.own_id()  # kept by the client, so that the door knows what we did ourselves
        except NotFound:
            logger.info("%s told of %s, which is not there any more; nothing is started.", event, subject)
            return
        if found.tier == NUMBERS.tiers.ours and not found.closed:
            tick.start(around, INTAKE, subject, {"case": case})

    return start


def _newest(around: Runtime, subject: str) -> Case | None:
    """The newest case about a case of Salesforce that decides what happens with it."""
    deciding = (INTAKE, *(one.value for one in Process))
    same = (cases.c.subject == subject, cases.c.process.in_(deciding))
    newest = select(cases.c.case_id).where(*same).order_by(cases.c.opened_at.desc()).limit(1)
    with around.files.reading() as connection:
        found = connection.execute(newest).first()
    return around.files.case(found.case_id) if found else None


def _let_go(case: Case) -> bool:
    """Whether ours left a case of Salesforce to others: closed it, or gave it back to Tier 1."""
    if case.closed_at is None:
        return False
    return case.ending not in LEFT_TO_PEOPLE and not (case.process == INTAKE and case.ending in set(Process))


def salesforce_changes(salesforce: Salesforce) -> Callable[[datetime], Iterator[tuple[str, datetime]]]:
    """Gives, for a moment, the subjects of the cases that changed since, each with when it did.

    Before its first look the org itself is looked at. What it gives raises `SystemFault`.
    """
    looked_at: list[bool] = []

    def changes(since: datetime) -> Iterator[tuple[str, datetime]]:
        if not looked_at:
            salesforce.demand()
            salesforce.own_id()  # kept by the client, so that the door knows what we did ourselves
            looked_at.append(True)
        for one in salesforce.cases.changed_since(since):
            yield f"salesforce:case:{one.case_id}", one.at

    return changes
