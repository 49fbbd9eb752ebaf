"""What the gateway has done for it: processes started by hints, codes mailed, Slack told.

A hint is only a hint. What it is about is read from the system, and that decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx

from casework import tick
from casework.delivery.links import Link
from casework.runtime import Runtime
from casework.systems.errors import NotFound, Temporary
from casework.systems.mail import Mail
from casework.systems.zendesk import Zendesk
from deployments.triggers import started_by
from policies import messages

__all__ = ["code_sender", "own_account", "starter", "tell_slack"]

logger = logging.getLogger(__name__)


def starter(around: Runtime, zendesk: Zendesk) -> Callable[[str, str], None]:
    """Starts what a ticket's tags ask for, once per occurrence, when told (event, subject).

    What it gives raises `SystemFault` when the ticket cannot be read now.
    """

    def start(event: str, subject: str) -> None:
        system, _, thing = subject.partition(":")
        kind, _, number = thing.partition(":")
        if (system, kind) != ("zendesk", "ticket") or not number.isdecimal():
            return
        try:
            ticket = zendesk.ticket(int(number))
            zendesk.own_id()  # kept by the client, so that the door knows what we did ourselves
        except NotFound:
            logger.info("%s told of %s, which is not there any more; nothing is started.", event, subject)
            return
        for trigger in started_by(system, ticket.tags, ticket.status):
            tick.start(around, trigger.process, subject, {"ticket": ticket.id})

    return start


def own_account(zendesk: Zendesk) -> Callable[[], str | None]:
    """The id that we write to Zendesk as, as far as it is known; asks nobody, because a hook waits for it."""
    return lambda: None if zendesk.known_own_id is None else str(zendesk.known_own_id)


def code_sender(zendesk: Zendesk, mail: Mail) -> Callable[[Link, str], None]:
    """Mails a link's code to whoever asked on its ticket. What it gives raises `SystemFault`."""

    def send(link: Link, code: str) -> None:
        ticket = zendesk.ticket(int(link.file.ticket.rsplit(":", 1)[-1]))
        address = zendesk.user(ticket.requester_id).email
        if not address:
            raise NotFound("Zendesk", f"mail a code for ticket {ticket.id}", "the requester has no address")
        text = messages.render("common/download-code", code=code)
        mail.send(address, text.subject or "", text.body, link.link_id)

    return send


def tell_slack(response_url: str, text: str) -> None:
    """Say something to the person who pressed a button, and to nobody else.

    Raises:
        Temporary: Slack does not take it now.
    """
    message = {"response_type": "ephemeral", "replace_original": False, "text": text}
    try:
        status = httpx.post(response_url, json=message, timeout=10).status_code
    except httpx.HTTPError as error:
        raise Temporary("Slack", "answer a pressed button", type(error).__name__) from None
    if status >= 400:
        raise Temporary("Slack", "answer a pressed button", "it was not taken", status=status)
