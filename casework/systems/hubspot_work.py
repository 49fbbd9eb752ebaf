"""Tasks for colleagues and notes, each on a deal or a ticket, made once.

HubSpot has no idempotency keys, and whether tasks may have a unique property depends on the account. So the text ends
with a marker, and the task or note is associated with its record in the very request that makes it: after a lost answer
`find` goes through what the record is associated with, which unlike the search index does not lag, for that ending.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from casework.systems.errors import NotFound
from casework.systems.hubspot_models import Note, Task
from casework.systems.hubspot_rest import HubSpotRest, own, stamp
from casework.systems.hubspot_text import as_html
from casework.systems.markers import ends_with_marker

__all__ = ["Notes", "On", "Tasks"]

On = tuple[Literal["deals", "tickets"], str]
"""The record that something is about: its kind and id."""

_LONGEST = 65_536
_TASK = (
    "hs_task_status",
    "hubspot_owner_id",
    "hs_timestamp",
    "hs_createdate",
    "hs_lastmodifieddate",
    "hs_task_subject",
    "hs_task_body",
)
_NOTE = ("hs_timestamp", "hs_note_body")


class Tasks:
    """Tasks for colleagues."""

    def __init__(self, rest: HubSpotRest) -> None:
        self._rest = rest

    def task(self, task_id: str) -> Task:
        """A task as it stands now. Raises `NotFound`."""
        operation = f"read task {task_id}"
        return self._rest.typed(operation, Task, self._rest.read(operation, "tasks", task_id, _TASK))

    def of(self, on: On) -> tuple[Task, ...]:
        """The tasks of a record, by whomever, as they stand now. Raises `NotFound`."""
        operation = f"read the tasks of {on[0]} {on[1]}"
        ids = self._rest.associated(operation, *on, "tasks")
        records = self._rest.read_all(operation, "tasks", ids, _TASK)
        return tuple(self._rest.typed(operation, Task, record) for record in records)

    def find(self, on: On, marker: str) -> Task | None:
        """The first task of a record whose text ends with `marker`, also when it is done. Raises `NotFound`."""
        return next((one for one in self.of(on) if ends_with_marker(one.text, marker)), None)

    def create(
        self,
        on: On,
        subject: str,
        text: str,
        *,
        due: datetime,
        owner_id: str,
        kind: Literal["CALL", "EMAIL", "TODO"] = "TODO",
        priority: Literal["LOW", "MEDIUM", "HIGH", "NONE"] = "NONE",
    ) -> str:
        """Give somebody a task on a record; its id.

        Not repeatable: after `Temporary` with `maybe_done` look with `find` first.
        """
        values = {
            "hs_timestamp": stamp(due),
            "hs_task_subject": subject,
            "hs_task_body": _body(text),
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": kind,
            "hs_task_priority": priority,
            "hubspot_owner_id": own(owner_id),
        }
        return self._rest.create(f"make a task on {on[0]} {on[1]}", "tasks", values, beside=[on])

    def complete(self, task_id: str) -> None:
        """Mark a task as done. Repeatable. Raises `NotFound`."""
        self._rest.update(f"complete task {task_id}", "tasks", task_id, {"hs_task_status": "COMPLETED"})

    def withdraw(self, task_id: str) -> None:
        """Take a task back that nobody needs to do any more; people can restore it for 90 days. Repeatable."""
        self._rest.archive(f"withdraw task {task_id}", "tasks", task_id)


class Notes:
    """Notes for colleagues."""

    def __init__(self, rest: HubSpotRest) -> None:
        self._rest = rest

    def find(self, on: On, marker: str) -> Note | None:
        """The newest note of a record that ends with `marker`. Raises `NotFound`."""
        return next((note for note in self._of(on) if ends_with_marker(note.text, marker)), None)

    def create(self, on: On, text: str, *, at: datetime) -> str:
        """Leave a note on a record, dated `at`; its id.

        Not repeatable: after `Temporary` with `maybe_done` look with `find` first.
        """
        values = {"hs_timestamp": stamp(at), "hs_note_body": _body(text)}
        return self._rest.create(f"leave a note on {on[0]} {on[1]}", "notes", values, beside=[on])

    def _of(self, on: On) -> Iterator[Note]:
        operation = f"read the notes of {on[0]} {on[1]}"
        # The newest first, one by one: ours is mostly the first, and HubSpot's description reads no batches of notes.
        for note_id in reversed(self._rest.associated(operation, *on, "notes")):
            try:
                record = self._rest.read(operation, "notes", note_id, _NOTE)
            except NotFound:
                continue
            yield self._rest.typed(operation, Note, record)


def _body(text: str) -> str:
    body = as_html(text)
    if not 0 < len(body) <= _LONGEST:
        raise ValueError(f"a text has from 1 to {_LONGEST} characters, with its tags")
    return body
