"""People who meet in Intercom, played: visitors from outside, and the teammates who answer them.

They act as through the messenger and the inbox, so what they do reaches us only as a signed webhook or when somebody
looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casework.sandbox import intercom_records as records
from casework.sandbox.http import Json
from casework.sandbox.intercom_problem import Problem
from casework.sandbox.seed_transfer import TO_SALES, TOPIC

if TYPE_CHECKING:
    from casework.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody from outside, by the roster's name (`visitor-1`)."""

    world: World

    def write(self, visitor: str, text: str = "What does it cost?", topic: str | None = None) -> str:
        """Begins a conversation, the messenger's bot perhaps setting its topic; the conversation's id."""
        with self.world.changing():
            made = records.add_conversation(self.world, _visitor(self.world, visitor), f"<p>{text}</p>")
            if topic is not None:
                records.set_attributes(self.world, made, {TOPIC: topic})
            return str(made["id"])

    def reply(self, conversation: str, visitor: str, text: str = "Thank you") -> str:
        """Answers in a conversation, which opens it; the part's id."""
        with self.world.changing():
            author = _visitor(self.world, visitor)
            part = records.add_part(
                self.world, _known(self.world, conversation), "comment", "contact", author, f"<p>{text}</p>"
            )
            return str(part["id"])


@dataclass(frozen=True, slots=True)
class Teammate:
    """A colleague with an account in Intercom, by the roster's staff id."""

    world: World

    def tag(self, conversation: str, staff_id: str, tag: str = TO_SALES) -> None:
        """Attaches a tag by its name; one that there is not is made."""
        with self.world.changing():
            known = records.make_tag(self.world, tag)
            records.tag(self.world, _known(self.world, conversation), _admin(self.world, staff_id), known["id"])

    def untag(self, conversation: str, tag: str = TO_SALES) -> None:
        """Takes a tag off. Raises LookupError when it is not on."""
        with self.world.changing():
            try:
                records.untag(self.world, _known(self.world, conversation), records.make_tag(self.world, tag)["id"])
            except Problem as problem:
                raise LookupError(f"the conversation {conversation} has no tag {tag}") from problem

    def reply(self, conversation: str, staff_id: str, text: str = "We look into it") -> str:
        """Answers to all who take part; the part's id."""
        return self._said(conversation, staff_id, "comment", text)

    def note(self, conversation: str, staff_id: str, text: str) -> str:
        """Leaves a note for colleagues; the part's id."""
        return self._said(conversation, staff_id, "note", text)

    def close(self, conversation: str, staff_id: str) -> None:
        """Closes a conversation."""
        self._said(conversation, staff_id, "close", None)

    def reopen(self, conversation: str, staff_id: str) -> None:
        """Opens a conversation again."""
        self._said(conversation, staff_id, "open", None)

    def assign(self, conversation: str, staff_id: str, to: str) -> None:
        """Gives a conversation to a colleague (a staff id), or to a team (its id)."""
        with self.world.changing():
            kind = "admin" if to in self.world.state["roster"]["staff"] else "team"
            assignee = _admin(self.world, to)["id"] if kind == "admin" else to
            records.assign(
                self.world, _known(self.world, conversation), _admin(self.world, staff_id), kind, str(assignee)
            )

    def set_topic(self, conversation: str, topic: str) -> None:
        """Sets the topic, which no webhook tells."""
        self._edit(conversation, {TOPIC: topic})

    def miss_sla(self, conversation: str) -> None:
        """The time of its service level runs out."""
        with self.world.changing():
            sla = {"type": "conversation_sla_summary", "sla_name": "First answer", "sla_status": "missed"}
            _known(self.world, conversation)["sla"] = sla

    def delete(self, conversation: str) -> None:
        """Deletes a conversation for good."""
        with self.world.changing():
            _known(self.world, conversation)["archived"] = True

    def _edit(self, conversation: str, values: dict[str, Any]) -> None:
        with self.world.changing():
            records.set_attributes(self.world, _known(self.world, conversation), values)

    def _said(self, conversation: str, staff_id: str, kind: str, text: str | None) -> str:
        body = None if text is None else f"<p>{text}</p>"
        with self.world.changing():
            admin = _admin(self.world, staff_id)
            return str(records.add_part(self.world, _known(self.world, conversation), kind, "admin", admin, body)["id"])


def _visitor(world: World, visitor: str) -> Json:
    known = world.state["roster"]["visitors"].get(visitor)
    if known is None:
        raise LookupError(f"there is no {visitor}")
    found: Json = world.state["intercom"]["contacts"][known["contact_id"]]
    return found


def _admin(world: World, staff_id: str) -> Json:
    member = world.state["roster"]["staff"].get(staff_id, {})
    if "intercom_admin" not in member:
        raise LookupError(f"nobody called {staff_id} works in Intercom")
    found: Json = world.state["intercom"]["admins"][member["intercom_admin"]]
    return found


def _known(world: World, conversation: str) -> Json:
    found: Json | None = world.state["intercom"]["conversations"].get(conversation)
    if found is None or found.get("archived"):
        raise LookupError(f"there is no conversation {conversation}")
    return found
