"""What the gateway does when Jira or Typeform tells of something: processes are started for the tickets of surveys.

A hint is only a hint. What it is about is read from Jira, and that decides. The end of a case is a hint too: what a
customer wrote between the case's last look and its last entry is found by looking once more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import func, select

from casework import tick
from casework.case import Case, Kind
from casework.occurrence import ended
from casework.runtime import Runtime
from casework.schema import hooks
from casework.systems import Systems
from casework.systems.errors import NotFound, Temporary
from casework.systems.jira import Issue
from deployments.triggers import LOST_SURVEY, TITLES, titled
from policies.document_change import NUMBERS, found_ticket
from tasks import jira, typeform

__all__ = ["survey_starter"]

logger = logging.getLogger(__name__)


def survey_starter(around: Runtime, systems: Systems) -> Callable[[str, str], None]:
    """Starts what a ticket of Jira asks for by its summary, once per occurrence, when told (event, subject).

    Told of a survey's response, it looks for the ticket that is made from it; one that does not come gets a case of its
    own, which asks people. A ticket that is done, and one whose case has just ended, has nothing started, unless a
    customer has written on it what no case has read.

    What it gives raises `SystemFault` when Jira cannot be read now, or has no ticket for a response yet.
    """

    def start(event: str, subject: str) -> None:
        system, kind, thing = (*subject.split(":", 2), "", "")[:3]
        try:
            if (system, kind) == ("jira", "issue"):
                _for_issue(around, systems, systems.jira.issue(thing), event)
            elif (system, kind) == ("typeform", "response") and event == ended(LOST_SURVEY):
                survey = around.files.last_ended(LOST_SURVEY, subject)
                ticket = found_ticket(survey.ending or "") if survey else None
                if ticket is not None:
                    _for_issue(around, systems, systems.jira.issue(ticket), event, surveyed=True)
            elif (system, kind) == ("typeform", "response"):
                ticket = typeform.ticket_of(thing)
                if ticket is not None:
                    _for_issue(around, systems, systems.jira.issue(ticket), event)
                else:
                    _without_ticket(around, subject, thing)
        except NotFound:
            logger.info("%s told of %s, which is not there any more; nothing is started.", event, subject)

    return start


def _for_issue(around: Runtime, systems: Systems, issue: Issue, event: str, *, surveyed: bool = False) -> None:
    """Start what the issue's summary asks for, or what it has had before. `surveyed`: it is known to be a survey's.

    That its case has ended is no reason by itself to start the next one: only what that case had not read is.
    """
    systems.jira.own_id()  # kept by the client, so that the door knows what we did ourselves
    if issue.project != systems.places.jira.support_project:
        return
    about = f"jira:issue:{issue.key}"
    for title in TITLES:
        asked = surveyed or title in titled(issue.summary)
        if (asked and not issue.done and event != ended(title.process)) or _unread(
            around, title.process, about, issue.key
        ):
            tick.start(around, title.process, about, {"ticket": issue.key})


def _without_ticket(around: Runtime, subject: str, response: str) -> None:
    """Start the case of a response that has had no ticket for too long.

    Raises:
        Temporary: it is not that long yet; whoever tells of the response tries again.
    """
    with around.files.reading() as connection:
        told = connection.execute(select(func.min(hooks.c.received_at)).where(hooks.c.subject == subject)).scalar()
    if told is not None and around.files.now() - told < timedelta(minutes=NUMBERS.survey_ticket_minutes):
        raise Temporary("Jira", "find the ticket of a survey's response", "it is not made yet")
    tick.start(around, LOST_SURVEY, subject, {"response": response})


def _unread(around: Runtime, process: str, subject: str, key: str) -> bool:
    """Whether a customer has written on a ticket what its last case had not read when it ended."""
    case = around.files.last_ended(process, subject)
    written = jira.latest(key) if case else None
    if case is None or written is None:
        return False
    comment, at = written
    if case.cancel_asked_at is not None:
        return at > case.cancel_asked_at
    return comment > _last_read(around, case)


def _last_read(around: Runtime, case: Case) -> int:
    """The last comment of the customer that a case has read; 0 when it never looked."""
    looks = [
        int(entry.payload["result"])
        for entry in around.files.entries(case.case_id)
        if entry.kind is Kind.LOOKUP_DONE and entry.payload.get("step") == jira.last_reply.name
    ]
    return max(looks, default=0)
