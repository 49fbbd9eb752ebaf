"""The delivered path as one act that survives a process being killed anywhere in it, and what it left outside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from casework.engine.simulated import Run
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office
from tests.scenarios.wire import Mishap

__all__ = ["NewOffice", "Undisturbed", "deliver", "deliver_despite", "effects"]

NewOffice = Callable[..., AbstractContextManager[Office]]
STAFF = ("staff-13", "staff-22", "staff-41", "staff-42", "staff-51")
_CHANGING = (
    (re.compile(r"/d/[\w-]{43}"), "/d/TOKEN"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "DIGEST"),
    (re.compile(r"\b\d\d:\d\d\b"), "TIME"),
)


@dataclass(frozen=True)
class Undisturbed:
    """The delivered path when nothing goes wrong: what passed the wire, and what people outside see of it."""

    passed: list[str]
    effects: Counter[str]


def deliver(office: Office) -> tuple[int, Run]:
    """A customer asks, the CSM agrees by a note, engineering makes it, the customer downloads it."""
    ticket, run = office.ask("user-88")
    for wait, act in (
        ("reason/1", lambda: office.reply(ticket)),
        ("approval/1", lambda: office.note(ticket, "staff-13", "#approve")),
        ("deliverable/1", lambda: office.make(run, "team-104")),
        ("download/1", lambda: office.download(run)),
    ):
        assert office.waiting(run) == [wait], run.standing.story if run.standing else run
        act()
    assert_closed(office, run, "delivered")
    assert_nothing_left(office, run, "received")
    return ticket, run


def effects(office: Office, ticket: int) -> Counter[str]:
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


def deliver_despite(new_office: NewOffice, undisturbed: Undisturbed, mishap: Mishap) -> None:
    """Deliver with one mishap: the ending and what people see are as without, each effect once.

    A mail alone may come twice, word for word, when it was sent and that was not heard or recorded: mail cannot
    be looked for.
    """
    where = f"{mishap.kind} at {mishap.at}, {undisturbed.passed[mishap.at]}"
    in_doubt = mishap.kind not in ("busy", "broken", "silent")
    with new_office() as office:
        office.wire.mishap = mishap
        ticket, _ = deliver(office)
        assert office.wire.happened, where
        found = effects(office, ticket)
    assert set(found) == set(undisturbed.effects), where
    for text, times in found.items():
        assert times == 1 or (times == 2 and in_doubt and text.startswith("mail ")), f"{where}: {text}"
