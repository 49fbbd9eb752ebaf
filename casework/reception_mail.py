"""What the gateway does about mail that comes in: what SNS did not tell, because we were away, is looked for; what
sales sends to support is handed over, and a transfer to sales hears of the new thread with its customer.

A hint is only a hint: the mail is read, and it decides. A mail is handed over once, and so is a thread. We keep nothing
of mails, so a thread is known by the mails that have a case: for each mail of sales those of the last 30 days are read
once by each gateway, which remembers the ids by which mails refer to each other.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from casework import tick
from casework.runtime import Runtime
from casework.systems import Systems
from casework.systems.errors import NotFound
from casework.systems.mail_inbox import ID, MailInbox, Received
from deployments.triggers import SALES_TRANSFER
from policies.sales_mail import Ignore, Known, Mail, Start, inbound
from tasks.mails import MAILS, Envelope, conversations_with, envelope
from tasks.transfers import Direction

__all__ = ["mail_changes", "mail_starter"]

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=30)
"""A mail belongs to a case that was asked for since; so long a bucket should keep its mails."""
_REMEMBERED = 2000


def mail_starter(around: Runtime, systems: Systems) -> Callable[[str, str], None]:
    """Starts the transfer of a mail of sales to support, when told (event, subject) of a mail that came in.

    A transfer to sales that is open for the same customer looks then, because this may be the thread it waits for.
    What it gives raises `SystemFault` when the inbox or Intercom cannot be read now.
    """

    @lru_cache(_REMEMBERED)
    def thread(mail: str) -> tuple[str | None, frozenset[str]]:
        """The id by which mails refer to one, and those to which it refers."""
        read = systems.inbox.received(mail)
        return read.message_id, frozenset(read.references)

    def case_of_thread(mail: Received) -> str | None:
        """The case of another mail that this one refers to, or that refers to this one."""
        for one in around.files.asked_since(SALES_TRANSFER, MAILS, around.files.now() - LOOK_BACK):
            other = one.subject.removeprefix(MAILS)
            try:
                own_id, references = thread(other)
            except NotFound:
                continue
            if other != mail.id and (own_id in mail.references or mail.message_id in references):
                return one.case_id or one.key
        return None

    def read(mail: Received, of: Envelope, about: tuple[str, ...]) -> Mail:
        waiting = around.files.open_about(SALES_TRANSFER, about)
        return Mail(
            id=mail.id,
            by_sales=of.seller is not None,
            automatic=mail.automatic,
            by_us=mail.sender == systems.mail.sender.lower(),
            customer_on_it=bool(of.outside),
            case=case_of_thread(mail) if of.seller is not None else None,
            transfer=waiting[0].case_id if waiting else None,
        )

    def start(event: str, subject: str) -> None:
        number = subject.removeprefix(MAILS)
        if number == subject or not re.fullmatch(ID, number):
            return
        try:
            mail = systems.inbox.received(number)
        except NotFound:
            logger.info("%s told of %s, which is not there any more; nothing is started.", event, subject)
            return
        of = envelope(mail, systems, lambda role: around.roles.get(role, ()))
        about: tuple[str, ...] = ()
        if of.outside and of.customer is not None and not mail.automatic:
            about = conversations_with(of.customer, systems, around.files.now())
        match inbound(read(mail, of, about)):
            case Start(confirms=transfer):
                _start(around, subject, number)
                for one in about if transfer is not None else ():
                    tick.wake(around, one)
            case Known(case, why):
                logger.info("Nothing is started for %s, which belongs to %s: %s", subject, case, why)
            case Ignore(why):
                logger.info("Nothing is started for %s: %s", subject, why)

    return start


def _start(around: Runtime, subject: str, mail: str) -> None:
    """Start the transfer of a mail, unless it had one, whether or not that still runs."""
    parameters = {"about": mail, "direction": Direction.TO_SUPPORT.value}
    occurrence, _ = around.files.occurrence(SALES_TRANSFER, subject, parameters, again=False)
    tick.begin(around, occurrence)


def mail_changes(inbox: MailInbox) -> Callable[[datetime], Iterator[tuple[str, datetime]]]:
    """Gives, for a moment, the subjects of the mails that came since, each with when it did.

    What it gives raises `SystemFault`.
    """

    def changes(since: datetime) -> Iterator[tuple[str, datetime]]:
        for mail, at in inbox.received_since(since):
            yield f"mail:message:{mail}", at

    return changes
