"""What waits in the queues that reps look at, in Intercom, Zendesk and HubSpot.

Only ids, statuses and times come back: what somebody wrote stays where it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from casework.step import lookup
from casework.systems import current
from casework.systems.errors import SystemFault
from policies.support_queue import Ticket, Tool

__all__ = ["counted"]

_log = logging.getLogger(__name__)


@lookup
def counted(tool: Tool, queue: str) -> tuple[Ticket, ...] | None:
    """What is not closed in a queue, longest waiting first; None: it could not be counted.

    `queue` is the queue's id in its tool: of a team in Intercom, a group in Zendesk, a pipeline of tickets in HubSpot.
    A tool that cannot be asked, for whatever reason of its own or of the settings, must neither park a rep's day nor
    keep the other queues from being counted. So after the client's own few tries its fault goes to the log, and the
    day says that this queue could not be counted.
    """
    try:
        return _LOOK[tool](queue)
    except SystemFault as fault:
        _log.warning("The queue %s could not be counted: %s", queue, fault)
        return None


def _in_intercom(team: str) -> tuple[Ticket, ...]:
    return tuple(
        Ticket(tool=Tool.INTERCOM, id=one.id, status=one.standing, since=one.since, sla_missed=one.sla_missed)
        for one in current().intercom.conversations.queue("team", team)
    )


def _in_zendesk(group: str) -> tuple[Ticket, ...]:
    return tuple(
        Ticket(tool=Tool.ZENDESK, id=str(one.id), status=one.status, since=one.since, sla_due=one.due)
        for one in current().zendesk.queue("group", int(group))
    )


def _in_hubspot(pipeline: str) -> tuple[Ticket, ...]:
    """By the labels of the stages, which people know.

    Where the account does not tell since when a ticket is in its stage, it is so since it was made at the latest, so
    that no old one is missed.
    """
    tickets = current().hubspot.tickets
    labels = {stage.id: stage.label for stage in tickets.stages(pipeline) if not stage.closed}
    if not labels:
        return ()
    return tuple(
        Ticket(
            tool=Tool.HUBSPOT,
            id=one.id,
            status=labels[one.stage],
            since=one.stage_since or one.created,
            sla_due=one.due,
        )
        for one in tickets.queue(pipeline, tuple(labels))
    )


_LOOK: Mapping[Tool, Callable[[str], tuple[Ticket, ...]]] = {
    Tool.INTERCOM: _in_intercom,
    Tool.ZENDESK: _in_zendesk,
    Tool.HUBSPOT: _in_hubspot,
}
