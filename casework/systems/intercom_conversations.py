"""Conversations: read, found, opened, answered, tagged, joined and closed.

What we write ends with a marker, and after a lost answer it is looked for among the parts of our own admin, so that a
customer who quotes it is not mistaken for us; a conversation read by its id is as it is now. Only one that we open has
to be looked for in the search, whose index lags: there we look a second time after `INDEX_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Literal

from casework.systems.errors import NotFound, Temporary
from casework.systems.intercom_models import Conversation, Part, Queued
from casework.systems.intercom_rest import SYSTEM, IntercomRest, contact_id, number
from casework.systems.markers import ends_with_marker

__all__ = ["Conversations"]

INDEX_SECONDS = 15.0
"""How long we give the search to know of a conversation. Intercom names no figure; this one is ours."""
MOST = 1000
"""So many conversations a search may find."""
_SAID = frozenset({"comment", "note"})


class Conversations:
    """The conversations of a workspace, in which we act as the admin `own_id()`."""

    def __init__(self, rest: IntercomRest, own_id: Callable[[], str]) -> None:
        self._rest = rest
        self._own_id = own_id

    # -- looking

    def conversation(self, conversation_id: str) -> Conversation:
        """A conversation as it stands now, its texts without HTML. Raises `NotFound`, also when it was deleted."""
        operation = f"read conversation {conversation_id}"
        path = f"conversations/{number(conversation_id)}"
        answer = self._rest.ask(operation, "GET", path, params={"display_as": "plaintext"})
        return self._rest.typed(operation, Conversation, answer)

    def queue(self, whose: Literal["admin", "team"], assignee_id: str) -> tuple[Queued, ...]:
        """What is not closed and assigned to an admin, or to a team, longest waiting first.

        From the search alone, which may be behind by moments: reading each one would fetch all that was said in it.
        Raises `Refused` when there are more than `MOST`.
        """
        operation = f"look into the queue of {whose} {assignee_id}"
        filters = [
            _where(f"{whose}_assignee_id", "=", number(assignee_id)),
            _where("state", "IN", ["open", "snoozed"]),
        ]
        found = self._rest.search(operation, "conversations", "conversations", filters, MOST)
        queued = (self._rest.typed(operation, Queued, one) for one in found)
        # A page that changes while it is read gives one twice.
        return tuple(sorted({one.id: one for one in queued}.values(), key=lambda one: (one.since, int(one.id))))

    def tagged(self, tag_id: str, since: datetime) -> tuple[Conversation, ...]:
        """The conversations with a tag that changed since then, each as it stands now; the newest may be missing.

        Raises `Refused` when there are more than `MOST`.
        """
        operation = f"look for conversations with tag {tag_id}"
        filters = [
            _where("tag_ids", "IN", [number(tag_id)]),
            _where("updated_at", ">", _seconds(since)),
        ]
        found = self._still(self._found(operation, filters))
        return tuple(one for one in found if any(tag.id == tag_id for tag in one.tags))

    def of_contact(self, contact: str, since: datetime) -> tuple[str, ...]:
        """The ids of the conversations in which a contact takes part and which changed since then.

        The newest may be missing. Raises `Refused` when there are more than `MOST`.
        """
        operation = f"look for the conversations of contact {contact}"
        filters = [
            _where("contact_ids", "IN", [contact_id(contact)]),
            _where("updated_at", ">", _seconds(since) - 1),
        ]
        return tuple(self._found(operation, filters))

    def find(self, conversation_id: str, marker: str) -> Part | None:
        """The newest reply or note of ours that ends with `marker`. Raises `NotFound`."""
        own, found = self._own_id(), self.conversation(conversation_id)
        ours = (part for part in reversed(found.parts) if part.kind in _SAID and _is_by(part, own))
        return next((part for part in ours if ends_with_marker(part.text, marker)), None)

    def find_close(self, conversation_id: str, after: str) -> Part | None:
        """Where we closed it, after the part with the id `after`. Raises `NotFound`."""
        own, found = self._own_id(), self.conversation(conversation_id)
        return next((part for part in found.after(after) if part.kind == "close" and _is_by(part, own)), None)

    def find_opened(self, contact: str, marker: str, since: datetime) -> str | None:
        """The id of a conversation of this contact, begun since then with a text that ends with `marker`, or None."""
        operation = f"look for a conversation of contact {contact}"
        filters = [
            _where("contact_ids", "IN", [contact_id(contact)]),
            _where("created_at", ">", _seconds(since) - 1),
        ]
        for wait in (0.0, INDEX_SECONDS):
            if wait:
                self._rest.sleep(wait)
            for one in self._still(self._found(operation, filters)):
                if ends_with_marker(one.source.body, marker):
                    return one.id
        return None

    # -- acting

    def open(self, contact: str, role: str, text: str) -> str:
        """Begin a conversation on a contact's side, as if they had written `text` (plain); its id.

        `role` is that of the `Contact`. It reaches the inbox as any other; nothing is sent to the contact.
        Not repeatable: after `Temporary` with `maybe_done` look with `find_opened` first. Raises `NotFound`.
        """
        operation = f"open a conversation of contact {contact}"
        body = {"from": {"type": role, "id": contact_id(contact)}, "body": text}
        answer = self._rest.ask(operation, "POST", "conversations", json=body)
        opened = answer.get("conversation_id") if isinstance(answer, dict) else None
        if not isinstance(opened, str):
            raise Temporary(SYSTEM, operation, "the answer names no conversation", maybe_done=True)
        return number(opened)

    def reply(self, conversation_id: str, text: str) -> str:
        """Write to all who take part, from outside too; the part's id.

        Not repeatable: after `Temporary` with `maybe_done` look with `find` first. Raises `NotFound`.
        """
        return self._write(f"reply in conversation {conversation_id}", conversation_id, "comment", text)

    def note(self, conversation_id: str, text: str) -> str:
        """Leave a note that colleagues alone see; the part's id. As `reply` not repeatable. Raises `NotFound`."""
        return self._write(f"leave a note in conversation {conversation_id}", conversation_id, "note", text)

    def close(self, conversation_id: str) -> None:
        """Close a conversation, unless it is closed.

        Not repeatable without a look, because a customer's answer opens it again: after `Temporary` with `maybe_done`
        look with `find_close` first. Raises `NotFound`.
        """
        if self.conversation(conversation_id).state == "closed":
            return
        body = {"message_type": "close", "type": "admin", "admin_id": self._own_id()}
        self._rest.ask(f"close conversation {conversation_id}", "POST", self._at(conversation_id, "parts"), json=body)

    def join(self, conversation_id: str, contact: str) -> None:
        """Let a contact take part, unless they do. Repeatable: it looks first. Raises `NotFound`."""
        if contact_id(contact) in self.conversation(conversation_id).contacts:
            return
        body = {"admin_id": self._own_id(), "customer": {"intercom_user_id": contact}}
        operation = f"add contact {contact} to conversation {conversation_id}"
        self._rest.ask(operation, "POST", self._at(conversation_id, "customers"), json=body)

    # -- within

    def _write(self, operation: str, conversation_id: str, kind: str, text: str) -> str:
        own = self._own_id()
        body = {"message_type": kind, "type": "admin", "admin_id": own, "body": _as_html(text)}
        answer = self._rest.ask(operation, "POST", self._at(conversation_id, "reply"), json=body)
        parts = self._rest.typed(operation, Conversation, answer).parts
        written = [part for part in parts if part.kind == kind and _is_by(part, own)]
        if not written:
            raise Temporary(SYSTEM, operation, "the answer has no part of ours", maybe_done=True)
        return written[-1].id

    def _at(self, conversation_id: str, what: str) -> str:
        return f"conversations/{number(conversation_id)}/{what}"

    def _found(self, operation: str, filters: Sequence[Mapping[str, Any]]) -> list[str]:
        found = self._rest.search(operation, "conversations", "conversations", filters, MOST)
        return list(dict.fromkeys(self._rest.typed(operation, Queued, one).id for one in found))

    def _still(self, ids: list[str]) -> list[Conversation]:
        """Those that are still there, as they stand now."""
        still = []
        for one in ids:
            try:
                still.append(self.conversation(one))
            except NotFound:
                continue
        return still


def _is_by(part: Part, admin_id: str) -> bool:
    return part.author.is_admin and part.author.id == admin_id


def _where(field: str, operator: str, value: str | int | list[str]) -> Mapping[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def _as_html(text: str) -> str:
    """Plain text as Intercom takes it, word for word: a paragraph for each block, a break for each line."""
    blocks = ("<br>".join(escape(line, quote=False) for line in block.splitlines()) for block in text.split("\n\n"))
    return "".join(f"<p>{block}</p>" for block in blocks if block)


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("Timezone aware datetime is required")
    return int(moment.timestamp())
