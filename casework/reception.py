"""What the gateway has done for it: processes started by hints, staff told of links, codes mailed, Slack told.

A hint is only a hint. What it is about is read from the system, and that decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import Row, select

from casework import tick
from casework.answer import Offer, answer, forms
from casework.case import Kind, digest
from casework.delivery.links import Link, Links
from casework.occurrence import ended, is_end
from casework.runtime import Runtime
from casework.schema import waits
from casework.systems.errors import NotFound, Temporary
from casework.systems.mail import Mail
from casework.systems.zendesk import Zendesk
from deployments.triggers import TRIGGERS, started_by
from policies import messages
from tasks.zendesk import command_of, commands, replies

__all__ = ["Follower", "code_sender", "link_notes", "own_account", "starter", "tell_slack", "together"]

logger = logging.getLogger(__name__)

Follower = Callable[[str, str], None]
"""Told the event and the subject of a hint; passes over what it does not know."""


def together(*followers: Follower) -> Follower:
    """One that tells all of these; a hint that one of them cannot follow now is tried again with all."""

    def follow(event: str, subject: str) -> None:
        for follower in followers:
            follower(event, subject)

    return follow


def starter(around: Runtime, zendesk: Zendesk) -> Follower:
    """Starts what a ticket's tags ask for, once per occurrence, when told (event, subject).

    Told that a case has ended, it starts the next occurrence when the customer has written what that case did not
    hear: our last reply has solved the ticket over it. It also tells who commands something on the ticket too late.

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
        if is_end(event):
            closed = [one for one in TRIGGERS if event == ended(one.process) and ticket.status != "closed"]
            wanted = [one for one in closed if _unheard(around, one.process, ticket.id)]
        else:
            wanted = started_by(system, ticket.tags, ticket.status)
        for trigger in wanted:
            tick.start(around, trigger.process, subject, {"ticket": ticket.id})
        if event.endswith("ticket.comment_added") and ticket.status != "closed":
            _tell_late(around, zendesk, ticket.id)

    return start


def _unheard(around: Runtime, process: str, ticket: int) -> bool:
    """Whether the requester has written on a ticket since its last case listened last, and that has not heard it.

    What is written while a case waits for somebody else is read by colleagues on the ticket. Zendesk's times are whole
    seconds, so the second in which a question was settled counts.
    """
    case = around.files.last_ended(process, f"zendesk:ticket:{ticket}")
    if case is None:
        return False
    since, heard = case.opened_at.replace(microsecond=0) + timedelta(seconds=1), set()
    for entry in around.files.entries(case.case_id):
        if entry.kind in (Kind.DECIDED, Kind.DEADLINE_PASSED, Kind.CANCEL_ASKED):
            since = max(since, entry.at.replace(microsecond=0))
        elif entry.kind is Kind.ANSWER_OFFERED:
            heard.add(entry.payload["reference"])
    return any(
        said.at is not None and said.at >= since and said.reference not in heard for said in replies(ticket, told=0)
    )


def _tell_late(around: Runtime, zendesk: Zendesk, ticket: int) -> None:
    """Tell who commands something on a ticket whose question is settled already, once, by a note there.

    While a question is open its case looks for itself. The note comes first and is found again by its reference,
    so that a process that is killed in between tells neither twice nor never.
    """
    question = _last_settled(around, f"zendesk:ticket:{ticket}")
    if question is None:
        return
    entries = around.files.entries(question.case_id)
    known = {entry.payload["reference"] for entry in entries if entry.kind is Kind.ANSWER_OFFERED}
    ending = next(
        entry for entry in entries if entry.key == question.wait and entry.kind in (Kind.DECIDED, Kind.DEADLINE_PASSED)
    )
    by = ending.actor if ending.kind is Kind.DECIDED else "deadline"
    for heard in commands(ticket, question.asked_at):
        if heard.reference in known:
            continue
        mark = f"cw-{digest([question.case_id, heard.reference])[:12]}"
        if zendesk.find_comment(ticket, mark) is None:
            text = messages.render("common/note-late-command", **command_of(heard), by=by, at=ending.at).body
            zendesk.comment(ticket, f"{text}\nRef {mark}", public=False)
        channel = heard.reference.split(":", 1)[0]
        answer(Offer(question.case_id, question.wait, heard.values, channel, heard.identity, None, heard.reference))


def _last_settled(around: Runtime, subject: str) -> Row[Any] | None:
    """The newest question that commands on `subject` answer, when it is decided or its time is over."""
    listens = (waits.c.listens == subject, waits.c.looks)
    with around.files.reading() as connection:
        rows = connection.execute(select(waits).where(*listens).order_by(waits.c.asked_at.desc())).all()
    asked = [row for row in rows if row.form in forms and "verdict" in forms[row.form].model_fields]
    return asked[0] if asked and asked[0].state in ("decided", "passed") else None


def link_notes(links: Links, zendesk: Zendesk) -> Follower:
    """Notes on a link's ticket, once for each link, what staff must know of it: a locked code, another browser.

    The note ends with a marker by which it is found again. What it gives raises `SystemFault` when the note
    cannot be written now.
    """

    def note(event: str, subject: str) -> None:
        if event not in ("link.locked", "link.claimed-elsewhere"):
            return
        link = links.get(subject.removeprefix("link:"))
        if event == "link.locked":
            what, text = "locked", messages.render("data_export/note-code-locked")
        else:
            at = link.claimed_at or link.updated_at
            what, text = "elsewhere", messages.render("data_export/note-claimed-elsewhere", at=at)
        ticket, marker = _ticket(link), f"cw-link-{link.link_id[:12]}-{what}"
        try:
            closed = zendesk.ticket(ticket).status == "closed"
        except NotFound:
            closed = True
        if closed:
            logger.warning("%s of %s cannot be noted: ticket %s is closed or deleted.", event, subject, ticket)
        elif zendesk.find_comment(ticket, marker) is None:
            zendesk.comment(ticket, f"{text.body}\nRef {marker}", False)

    return note


def own_account(zendesk: Zendesk) -> Callable[[], str | None]:
    """The id that we write to Zendesk as, as far as it is known; asks nobody, because a hook waits for it."""
    return lambda: None if zendesk.known_own_id is None else str(zendesk.known_own_id)


def code_sender(zendesk: Zendesk, mail: Mail) -> Callable[[Link, str], None]:
    """Mails a link's code to whoever asked on its ticket. What it gives raises `SystemFault`."""

    def send(link: Link, code: str) -> None:
        ticket = zendesk.ticket(_ticket(link))
        address = zendesk.user(ticket.requester_id).email
        if not address:
            raise NotFound("Zendesk", f"mail a code for ticket {ticket.id}", "the requester has no address")
        text = messages.render("common/download-code", code=code)
        mail.send(address, text.subject or "", text.body, link.link_id)

    return send


def _ticket(link: Link) -> int:
    return int(link.file.ticket.rsplit(":", 1)[-1])


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
