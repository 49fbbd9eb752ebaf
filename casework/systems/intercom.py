"""Intercom: conversations, contacts, colleagues and tags of one workspace.

What we write is found again by its marker, a contact by its address, which Intercom holds unique among users.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from casework.systems.errors import Misconfigured
from casework.systems.intercom_conversations import Conversations
from casework.systems.intercom_models import Admin, Contact, Conversation, Part, Queued, Standing, Tag, Team
from casework.systems.intercom_people import Colleagues, Contacts, Tags
from casework.systems.intercom_rest import SYSTEM, URL, IntercomRest

__all__ = ["Admin", "Contact", "Conversation", "Intercom", "Part", "Queued", "Standing", "Tag", "Team"]


class Intercom:
    """A client for one workspace, by the access token of a private app. `url` is that of the workspace's region."""

    def __init__(
        self,
        token: str,
        *,
        url: str = URL,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rest = IntercomRest(token, url=url, transport=transport, sleep=sleep)
        self.colleagues = Colleagues(self.rest)
        self.conversations = Conversations(self.rest, self.colleagues.own_id)
        self.contacts = Contacts(self.rest)
        self.tags = Tags(self.rest)

    def demand(self, tag: str) -> str:
        """Look whether we may act in the workspace, and whether it has the tag by which colleagues call us; its id.

        Raises:
            Misconfigured: says what its administrator has to mend.
        """
        self.colleagues.own_id()
        found = self.tags.named(tag)
        if found is None:
            detail = f"the workspace has no tag {tag!r}: make it (Settings, Data, Tags), or mend intercom.to_sales_tag"
            raise Misconfigured(SYSTEM, "look at the tags", detail)
        return found
