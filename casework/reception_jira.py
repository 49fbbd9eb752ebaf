"""What the gateway does when Jira or Typeform tells of something: processes are started for the tickets of surveys.

A hint is only a hint. What it is about is read from Jira, and that decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from casework import tick
from casework.case import Case, Kind
from casework.runtime import Runtime
from casework.systems import Systems
from casework.systems.errors import NotFound, Temporary
from casework.systems.jira import Issue
from casework.systems.jql import contains, quote
from deployments.triggers import titled
from tasks import jira

__all__ = ["survey_starter"]

logger = logging.getLogger(__name__)


def survey_starter(around: Runtime, systems: Systems) -> Callable[[str, str], None]:
    """Starts what a ticket of Jira asks for by its summary, once per occurrence, when told (event, subject).

    Told of a survey's response, it looks for the ticket that is made from it. A ticket that is done has nothing
    started, unless a customer has written on it what no case has read.

    What it gives raises `SystemFault` when Jira cannot be read now, or has no ticket for a response yet.
    """

    def start(event: str, subject: str) -> None:
        system, kind, thing = (*subject.split(":", 2), "", "")[:3]
        try:
            if (system, kind) == ("jira", "issue"):
                issue = systems.jira.issue(thing)
            elif (system, kind) == ("typeform", "response"):
                issue = _made_from(systems, thing.rpartition("/")[2])
            else:
                return
        except NotFound:
            logger.info("%s told of %s, which is not there any more; nothing is started.", event, subject)
            return
        systems.jira.own_id()  # kept by the client, so that the door knows what we did ourselves
        if issue.project != systems.places.jira.support_project:
            return
        for title in titled(issue.summary):
            about = f"jira:issue:{issue.key}"
            if not issue.done or _unread(around, about, issue.key):
                tick.start(around, title.process, about, {"ticket": issue.key})

    return start


def _made_from(systems: Systems, token: str) -> Issue:
    """The ticket that was made from a response.

    Raises:
        Temporary: there is none yet; whoever tells of the response tries again.
    """
    places = systems.places.jira
    field = places.survey_response_field
    wanted = f"project = {quote(places.support_project)} AND {contains(field, token)}"
    for issue in systems.jira.search(wanted, (field,)):
        if issue.custom.get(field) == token:
            return issue
    raise Temporary("Jira", "find the ticket of a survey's response", "it is not made yet")


def _unread(around: Runtime, subject: str, key: str) -> bool:
    """Whether a customer has written on a ticket what its last case had not read when it ended."""
    ended = [case for case in around.files.find(subject) if case.subject == subject and case.closed_at is not None]
    written = jira.latest(key)
    if not ended or written is None:
        return False
    comment, at = written
    newest = max(ended, key=lambda case: case.occurrence)
    read = _last_read(around, newest)
    return comment > read if read is not None else newest.closed_at is not None and at > newest.closed_at


def _last_read(around: Runtime, case: Case) -> int | None:
    """The last comment of the customer that a case has read; None when it was called off or never looked."""
    if any(entry.kind is Kind.CANCEL_ASKED for entry in around.files.entries(case.case_id)):
        return None
    looks = [
        int(entry.payload["result"])
        for entry in around.files.entries(case.case_id)
        if entry.kind is Kind.LOOKUP_DONE and entry.payload.get("step") == jira.last_reply.name
    ]
    return max(looks, default=None)
