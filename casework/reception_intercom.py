"""What the gateway does about Intercom: a transfer to sales is started for a conversation whose tag or topic asks.

A hint is only a hint: the conversation is read, and it decides. The tag stays where it is when the transfer is over,
so each tagging asks once: a case that was open when it was done, or has ended since, was for that one. So does each
setting of the topic, of which no webhook tells: whatever is told of a conversation is a reason to look at its topic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from casework import tick
from casework.case import Case
from casework.runtime import Runtime
from casework.systems import IntercomPlaces, Systems
from casework.systems.errors import NotFound
from casework.systems.intercom import Conversation
from deployments.triggers import SALES_TRANSFER
from policies.sales_eligibility import asks_for_sales

__all__ = ["intercom_changes", "transfer_starter"]

logger = logging.getLogger(__name__)

CONVERSATION = "intercom:conversation:"
OLD = timedelta(days=7)
"""What was asked longer ago and had no case, people have done by themselves, before Casework was there to ask."""


def transfer_starter(around: Runtime, systems: Systems) -> Callable[[str, str], None]:
    """Starts the transfer of a conversation to sales, once for each time it is asked for, when told (event, subject).

    What it gives raises `SystemFault` when Intercom cannot be read now.
    """

    def start(event: str, subject: str) -> None:
        number = subject.removeprefix(CONVERSATION)
        if number == subject or not (number.isascii() and number.isdecimal()):
            return
        own = systems.intercom.colleagues.own_id()  # kept by the client, so that the door knows what we did ourselves
        try:
            conversation = systems.intercom.conversations.conversation(number)
        except NotFound:
            logger.info("%s told of %s, which is not there any more; nothing is started.", event, subject)
            return
        asked = _asked_at(conversation, systems.places.intercom, own)
        if asked is None:
            return
        last = around.files.last_ended(SALES_TRANSFER, subject)
        if last is None and around.files.now() - asked > OLD:
            logger.warning(
                "Conversation %s was marked for sales on %s, which is too long ago; nothing is started."
                " Where it is still to go to sales, take the tag off and attach it again.",
                number,
                asked.date(),
            )
        elif last is None or asked > _had(last, conversation, own):
            tick.start(around, SALES_TRANSFER, subject, {"about": number})

    return start


def _asked_at(conversation: Conversation, places: IntercomPlaces, own: str) -> datetime | None:
    """When the tag or the topic that stand there were set, by Intercom's clock; None: neither asks for sales.

    Where Intercom does not say when, that is when the conversation began.
    """
    asked = []
    tag = conversation.tag(places.to_sales_tag)
    if tag is not None and asks_for_sales(tagged=True, by_us=tag.by.id == own):
        asked.append(tag.at or conversation.created)
    if asks_for_sales(topic=conversation.attribute(places.topic_attribute)):
        sets = (part.at for part in conversation.parts if part.attribute == places.topic_attribute)
        asked.append(max(sets, default=conversation.created))
    return max(asked, default=None)


def _had(last: Case, conversation: Conversation, own: str) -> datetime:
    """Up to when what was asked is what the last case was about: its end, or what we did last in the conversation.

    A case may end in seconds, and Intercom's clock be ahead of ours by as many; what we did there has Intercom's time.
    """
    ours = (part.at for part in conversation.parts if part.author.is_admin and part.author.id == own)
    return max((last.closed_at or last.opened_at, *ours))


def intercom_changes(systems: Systems) -> Callable[[datetime], Iterator[tuple[str, datetime]]]:
    """Gives, for a moment, the subjects of the conversations tagged for sales that changed since, each with when.

    What it gives raises `SystemFault`, `Misconfigured` until the workspace has the tag.
    """

    def changes(since: datetime) -> Iterator[tuple[str, datetime]]:
        tag = systems.intercom.demand(systems.places.intercom.to_sales_tag)
        for one in systems.intercom.conversations.tagged(tag, since):
            yield f"{CONVERSATION}{one.id}", one.changed

    return changes
