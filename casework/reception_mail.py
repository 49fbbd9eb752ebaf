"""What the gateway does about mail that comes in: what SNS did not tell, because we were away, is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from casework.systems.mail_inbox import MailInbox

__all__ = ["mail_changes"]


def mail_changes(inbox: MailInbox) -> Callable[[datetime], Iterator[tuple[str, datetime]]]:
    """Gives, for a moment, the subjects of the mails that came since, each with when it did.

    What it gives raises `SystemFault`.
    """

    def changes(since: datetime) -> Iterator[tuple[str, datetime]]:
        for mail, at in inbox.received_since(since):
            yield f"mail:message:{mail}", at

    return changes
