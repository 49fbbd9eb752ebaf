"""Sequences, and the way of each prospect through them.

A prospect who is in a sequence already is refused another time, so adding looks first, and again after a lost answer.
Where one mail of a template is to go out, it is the only step of a sequence of its own: other than a task or a mail
made by itself, which could not be found again, that is there once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from casework.systems.errors import Refused, Temporary
from casework.systems.outreach_models import Mailbox, Sequence, SequenceState, Template, User, address
from casework.systems.outreach_rest import OutreachRest, listed, own

__all__ = ["Colleagues", "Sequences"]

_KIND = "sequenceStates"


class Sequences:
    """The sequences of an organisation, and who is in them."""

    def __init__(self, rest: OutreachRest) -> None:
        self._rest = rest

    def sequence(self, sequence_id: str) -> Sequence:
        """A sequence as it stands now. Raises `NotFound`."""
        operation = f"read sequence {sequence_id}"
        return self._rest.typed(operation, Sequence, self._rest.read(operation, "sequences", sequence_id))

    def template(self, template_id: str) -> Template:
        """A template as it stands now, without its words. Raises `NotFound`."""
        operation = f"read template {template_id}"
        return self._rest.typed(operation, Template, self._rest.read(operation, "templates", template_id))

    def state(self, state_id: str) -> SequenceState:
        """A prospect's way through a sequence, as far as it is now. Raises `NotFound`."""
        operation = f"read sequence state {state_id}"
        return self._rest.typed(operation, SequenceState, self._rest.read(operation, _KIND, state_id))

    def of(self, prospect_id: str, sequence_id: str | None = None) -> tuple[SequenceState, ...]:
        """Every time that a prospect was in a sequence, or in any, oldest first."""
        operation = f"look for prospect {prospect_id} in sequence {sequence_id or '(any)'}"
        filters = {"prospect][id": listed(own(prospect_id))}
        if sequence_id is not None:
            filters["sequence][id"] = listed(own(sequence_id))
        found = self._rest.found(operation, _KIND, filters)
        return tuple(self._rest.typed(operation, SequenceState, one) for one in found)

    def last_changed(self, sequence_ids: tuple[str, ...]) -> Iterator[SequenceState]:
        """Who is in any of these sequences, the last changed first, page by page as they are taken."""
        operation = "look for what changed in sequences"
        filters = {"sequence][id": listed(*map(own, sequence_ids))}
        for one in self._rest.found(operation, _KIND, filters, sort="-updatedAt"):
            yield self._rest.typed(operation, SequenceState, one)

    def add(self, prospect_id: str, sequence_id: str, mailbox_id: str, *, since: datetime) -> SequenceState:
        """Put a prospect into a sequence, which sends from that mailbox. Repeatable.

        One who is still in it, by whomever, stays; so does one who was put in at `since` or later and has come to
        the end already. Who was through it earlier goes through it again.

        Raises:
            Temporary: with `maybe_done`, it may have been done but cannot be found yet: try again.
            Refused: the sequence does not take this prospect, such as one who has asked to be left alone.
        """
        if since.tzinfo is None:
            raise ValueError("Timezone aware datetime is required")
        if (there := self._in(prospect_id, sequence_id, since)) is not None:
            return there
        operation = f"add prospect {prospect_id} to sequence {sequence_id}"
        related = {
            "prospect": ("prospect", prospect_id),
            "sequence": ("sequence", sequence_id),
            "mailbox": ("mailbox", mailbox_id),
        }
        try:
            return self.state(self._rest.create(operation, _KIND, "sequenceState", {}, related))
        except (Refused, Temporary) as fault:
            in_doubt = isinstance(fault, Refused) or fault.maybe_done
            if in_doubt and (there := self._in(prospect_id, sequence_id, since)) is not None:
                return there
            raise

    def finish(self, state_id: str) -> None:
        """Take a prospect out of a sequence: nothing more is sent by it. Repeatable. Raises `NotFound`."""
        if self.state(state_id).over:
            return
        try:
            self._rest.act(f"finish sequence state {state_id}", _KIND, state_id, "finish")
        except (Refused, Temporary) as fault:
            in_doubt = isinstance(fault, Refused) or fault.maybe_done
            if not (in_doubt and self.state(state_id).over):
                raise

    def _in(self, prospect_id: str, sequence_id: str, since: datetime) -> SequenceState | None:
        counting = [one for one in self.of(prospect_id, sequence_id) if not one.over or one.created >= since]
        return counting[-1] if counting else None


class Colleagues:
    """The organisation's own people, and the mailboxes that sequences send from."""

    def __init__(self, rest: OutreachRest) -> None:
        self._rest = rest

    def by_email(self, email: str) -> User | None:
        """A colleague by address; None when nobody has it."""
        operation = "look for a colleague by address"
        found = self._rest.found(operation, "users", {"email": listed(address(email))})
        users = (self._rest.typed(operation, User, one) for one in found)
        return next((user for user in users if user.email.lower() == address(email)), None)

    def mailbox(self, email: str) -> Mailbox | None:
        """The mailbox of an address that sequences can send from; None when there is none, or it may not send."""
        operation = "look for a mailbox by address"
        found = self._rest.found(operation, "mailboxes", {"email": listed(address(email))})
        boxes = (self._rest.typed(operation, Mailbox, one) for one in found)
        return next((box for box in boxes if box.email.lower() == address(email) and not box.send_disabled), None)
