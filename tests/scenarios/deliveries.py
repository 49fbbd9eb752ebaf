"""The delivered path as one act that survives a process being killed anywhere in it, and what it left outside."""

from __future__ import annotations

import re
from collections import Counter

from casework.engine.simulated import Run
from tests.scenarios.office import Office

__all__ = ["ENDING", "STAFF", "deliver", "effects"]

ENDING = "delivered"
STAFF = ("staff-13", "staff-22", "staff-41", "staff-42", "staff-51")
_CHANGING = (
    (re.compile(r"/d/[\w-]{43}"), "/d/TOKEN"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r"\b\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\bin comment \d+"), "in comment N"),
)


def deliver(office: Office) -> tuple[int, Run]:
    """A customer asks, the CSM agrees by a note, engineering makes it, the customer downloads it.

    When a hint was lost with the process, the next look makes up for it.
    """
    ticket, run = office.ask("user-88")
    for wait, act in (
        ("reason/1", lambda: office.reply(ticket)),
        ("approval/1", lambda: office.note(ticket, "staff-13", "#approve")),
        ("deliverable/1", lambda: office.make(run, "team-104")),
        ("download/1", lambda: office.download(run)),
    ):
        assert office.waiting(run) == [wait], run.standing.story if run.standing else run
        act()
    return ticket, run


def effects(office: Office, ticket: int, run: Run) -> Counter[str]:
    """Everything that people outside can see of a case, with how often; moments and random values left out."""
    seen = [f"customer: {text}" for text in office.said(ticket)]
    seen += [f"note: {text}" for text in office.said(ticket, False)]
    seen += [f"slack {staff}: {text}" for staff in STAFF for text in office.slack(staff)]
    seen += [f"mail {staff}: {mail.subject}\n{mail.body}" for staff in STAFF for mail in office.mails(staff)]
    found = office.ticket(ticket)
    seen += [f"ticket: {found['status']} {sorted(found['follower_ids'])} {sorted(found['email_cc_ids'])}"]
    asana = office.world.state["asana"]
    for task in asana["tasks"].values():
        seen += [f"task: {task['name']} {task['completed']} {task['due_on']} {task['notes']}"]
        seen += [f"task comment: {text}" for text in office.comments_on_task(task["gid"])]
    seen += [f"asana hook: {hook['target']}" for hook in asana["webhooks"].values()]
    for pattern, name in _CHANGING:
        seen = [pattern.sub(name, text) for text in seen]
    return Counter(seen)
