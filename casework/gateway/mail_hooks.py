"""What Amazon SNS tells of mail that came in by SES: which one it is, and nothing of what stands in it.

Of a notification only the mail's id is kept: it is read from the bucket when the hint is followed, with what SES found
about its sender. A subscription to our topic is confirmed. Whatever else the topic says is taken and passed over, so
that SNS does not repeat it. Source: Amazon SES, "Contents of notifications for Amazon SES email receiving".
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from casework.gateway.inbox import Hook
from casework.systems.errors import SystemFault
from casework.systems.mail_inbox import ID
from casework.systems.sns import Kind, Message, Topic

__all__ = ["mail_hook"]

logger = logging.getLogger(__name__)


class _Action(BaseModel):
    type: Literal["S3"]


class _Receipt(BaseModel):
    action: _Action


class _Mail(BaseModel):
    messageId: str = Field(pattern=f"^{ID}$")


class _Notification(BaseModel):
    """Of SES's notification, what we keep."""

    notificationType: Literal["Received"]
    receipt: _Receipt
    mail: _Mail


def mail_hook(
    topic: Topic | None, body: bytes, demand_signature: Callable[[str, Callable[[], None]], None]
) -> Hook | None:
    """The hook that a message of SNS is; None when it tells of no mail. May ask SNS, and wait for it.

    Raises:
        HTTPException: 404, no mail comes in here; 401, it is not authentic; 503, SNS does not answer us now, so that
            the message is to be sent again.
    """
    if topic is None:
        raise HTTPException(404, "No mail comes in here: configure mail.inbound_bucket and mail.inbound_topic.")
    read: list[Message] = []
    try:
        demand_signature("Amazon SNS", lambda: read.append(topic.read(body)))
        (message,) = read
        if message.kind is Kind.SUBSCRIPTION:
            topic.confirm(message)
            logger.info("The subscription to %s is confirmed.", message.topic)
    except SystemFault as fault:
        logger.error("A message of Amazon SNS could not be taken: %s", fault)
        raise HTTPException(503, "Amazon SNS does not answer us now. Nothing was stored; send it again.") from fault
    if message.kind is Kind.UNSUBSCRIBED:
        logger.error("The subscription to %s was ended: mail is seen by looking only. Subscribe again.", message.topic)
    return _told(message) if message.kind is Kind.NOTIFICATION else None


def _told(message: Message) -> Hook | None:
    """SNS gives a message the same id each time that it sends it."""
    try:
        found = _Notification.model_validate_json(message.text)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, p['loc'])) or 'message'}: {p['type']}" for p in error.errors()[:5]]
        logger.warning("Message %s of Amazon SNS tells of no stored mail: %s", message.id, "; ".join(problems))
        return None
    return Hook("mail", message.id, "mail.received", f"mail:message:{found.mail.messageId}")
