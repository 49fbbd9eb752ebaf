"""Sales, played: representatives who work in Outreach, and whom they write to; visitors who chat on the website.

They act as through the vendors' own pages, so what they do in Outreach reaches us as a signed webhook or when somebody
looks; what happens on the website only when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casework.sandbox import outreach_records as records
from casework.sandbox import qualified_records
from casework.sandbox.http import Json

if TYPE_CHECKING:
    from casework.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Sales:
    """A sales representative, by the roster's staff id; or somebody whom sales writes to."""

    world: World

    def add_prospect(self, staff_id: str, email: str, **values: Any) -> str:
        """Makes a prospect of their own, by Outreach's names of attributes (`company="…"`); its id.

        Raises:
            LookupError: there is no such colleague.
            ValueError: there is a prospect with this address already.
        """
        owner = self._member(staff_id)["outreach_user"]
        with self.world.changing():
            others = records.table(self.world, "prospect").values()
            if any(email.lower() in map(str.lower, one["attributes"]["emails"]) for one in others):
                raise ValueError("there is a prospect with this address already")
            end = {"type": "user", "id": int(owner)}
            data = {"type": "prospect", "attributes": {"emails": [email], **values}}
            made = records.create(self.world, "prospect", {**data, "relationships": {"owner": {"data": end}}})
            return str(made["id"])

    def edit_prospect(self, prospect: str, **values: Any) -> None:
        """Sets attributes of a prospect."""
        with self.world.changing():
            records.set_values(self.world, self._known("prospect", prospect), values, {})

    def set_stage(self, prospect: str, stage: str) -> None:
        """Brings a prospect to a stage, by its name: `Meeting Booked`, `Disqualified`, …

        Raises:
            LookupError: there is no such stage or prospect.
        """
        with self.world.changing():
            stages = records.table(self.world, "stage").values()
            found = next((one for one in stages if one["attributes"]["name"] == stage), None)
            if found is None:
                raise LookupError(f"there is no stage {stage!r}")
            related = {"stage": ("stage", str(found["id"]))}
            records.set_values(self.world, self._known("prospect", prospect), {}, related)

    def add_to_sequence(self, staff_id: str, prospect: str, sequence: str) -> str:
        """Puts a prospect into a sequence by hand, from their own mailbox; the sequence state's id."""
        box = self._member(staff_id)["outreach_mailbox"]
        ends = {"prospect": prospect, "sequence": sequence, "mailbox": box}
        related = {name: {"data": {"type": name, "id": int(key)}} for name, key in ends.items()}
        with self.world.changing():
            made = records.create(self.world, "sequenceState", {"type": "sequenceState", "relationships": related})
            return str(made["id"])

    def send_step(self, state: str) -> None:
        """Outreach sends the mail of a sequence's next step; after the last one the sequence is over."""
        with self.world.changing():
            found = self._known("sequenceState", state)
            steps = self._known("sequence", records.related_id(found, "sequence"))["attributes"]["sequenceStepCount"]
            sent = found["attributes"]["deliverCount"] + 1
            over = sent >= steps
            records.move(self.world, found, "finished" if over else "active", deliverCount=sent)

    def reply(self, prospect: str, sequence: str) -> None:
        """The prospect answers a mail of the sequence, which ends it."""
        with self.world.changing():
            found = records.running(self.world, prospect, sequence)
            if found is None:
                raise LookupError(f"prospect {prospect} is not in sequence {sequence}")
            records.move(self.world, found, "finished", repliedAt=self.world.stamp())

    def opt_out(self, prospect: str) -> None:
        """The prospect asks to be left alone."""
        self.edit_prospect(prospect, optedOut=True, emailOptedOut=True)

    def chat(self, visitor: str, texts: list[str], staff_id: str | None = None) -> str:
        """A visitor of the website (`visitor-4`) and somebody in sales chat in turn, then the visit ends; its id.

        Raises:
            LookupError: there is no such visitor or colleague.
        """
        user = None if staff_id is None else self._member(staff_id)["qualified_user"]
        with self.world.changing():
            return qualified_records.chat(self.world, self._visitor(visitor), texts, user)

    def book_meeting(self, visitor: str, status: str = "booked") -> str:
        """A visitor books a meeting on the website; its id."""
        with self.world.changing():
            return qualified_records.meet(self.world, self._visitor(visitor), status)

    def edit_lead(self, email: str, **values: Any) -> str:
        """Writes fields of a lead in Qualified; the lead's id."""
        with self.world.changing():
            return str(qualified_records.upsert(self.world, email, values)[0]["id"])

    def _member(self, staff_id: str) -> Json:
        member: Json | None = self.world.state["roster"]["staff"].get(staff_id)
        if member is None or "outreach_user" not in member:
            raise LookupError(f"nobody called {staff_id} works in Outreach")
        return member

    def _visitor(self, visitor: str) -> str:
        known = self.world.state["roster"]["visitors"].get(visitor)
        if known is None or "visitor_id" not in known:
            raise LookupError(f"there is no {visitor} of the website")
        return str(known["visitor_id"])

    def _known(self, kind: str, record: str) -> Json:
        found = records.table(self.world, kind).get(record)
        if found is None:
            raise LookupError(f"there is no {kind} {record}")
        return found
