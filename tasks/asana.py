"""Engineering's tasks in Asana."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from http import HTTPStatus

from casework.people import Identity, Person
from casework.step import hook_address, lookup, reference, step
from casework.systems import current
from casework.systems.errors import Refused, Temporary
from casework.wait import Heard
from policies import messages

__all__ = [
    "ASANA",
    "comment",
    "complete",
    "completed",
    "describe",
    "listen",
    "open_task",
    "reopen",
    "task_page",
]

ASANA = Person(id="asana")
"""Who answers when the state of a task does."""


def _named(title: str) -> str:
    return f"{title} [{reference()}]"


def _find_task(title: str) -> str | None:
    return current().asana.find_task(current().places.asana_project, _named(title))


def _find_comment(task: str, *_args: object, **_values: object) -> str | None:
    return current().asana.find_comment(task, reference())


@step(find=_find_comment)
def abandon(task: str) -> str:
    """Tell engineering that the task is not needed any more, and complete it; the comment's gid."""
    current().asana.update_task(task, completed=True)
    return current().asana.add_comment(task, f"The case was called off: nothing more to do.\nRef {reference()}")


@step(find=_find_task, undo=abandon)
def open_task(title: str) -> str:
    """Make a task from the template; its gid. A template takes a name only: it ends with a reference to find."""
    return current().asana.instantiate(current().places.asana_template, _named(title))


@step(repeatable=True)
def describe(task: str, message: str, due: date, **values: object) -> None:
    """Write what is wanted, where and by when; again writes the same."""
    text = messages.render(message, **values, due=due)
    current().asana.update_task(task, notes=text.body, due_on=due)


def _find_listening() -> str | None:
    places = current().places
    target = hook_address("asana")
    hooks = current().asana.webhooks(places.asana_workspace, places.asana_project)
    return next((hook.gid for hook in hooks if hook.target == target and hook.active), None)


@step(find=_find_listening)
def listen() -> str:
    """Have Asana tell the gateway of completed tasks, once for the project; the webhook's gid.

    Hooks are hints and may be lost: whoever waits for a task also looks now and then.
    """
    known = _find_listening()
    if known is not None:
        return known
    wanted = [{"resource_type": "task", "action": "changed", "fields": ["completed"]}]
    try:
        return current().asana.create_webhook(current().places.asana_project, hook_address("asana"), wanted)
    except Refused as refused:
        # The gateway gives its name to one webhook: another case may be registering it in this very instant.
        if refused.status != HTTPStatus.BAD_REQUEST:
            raise
        if (known := _find_listening()) is not None:
            return known
        raise Temporary(refused.system, refused.operation, refused.detail, status=refused.status) from refused


@step(find=_find_comment)
def comment(task: str, message: str, **values: object) -> str:
    """Comment on a task; the comment's gid. It ends with a reference by which it is found again."""
    text = messages.render(message, **values).body
    return current().asana.add_comment(task, f"{text}\nRef {reference()}")


@step(repeatable=True)
def reopen(task: str) -> None:
    """Set a task back to not completed; again changes nothing."""
    current().asana.update_task(task, completed=False)


@step(repeatable=True)
def complete(task: str) -> None:
    """Set a task to completed; again changes nothing."""
    current().asana.update_task(task, completed=True)


@lookup
def task_page(task: str) -> str:
    """The task's page for colleagues."""
    return current().asana.task(task).permalink_url


def completed(task: str) -> Iterable[Heard]:
    """Whether the task is completed; looks, and changes nothing."""
    found = current().asana.task(task)
    if found.completed and found.completed_at is not None:
        identity = Identity(kind="system", value=ASANA.id)
        yield Heard(identity, {}, f"asana:{task}-{found.completed_at:%Y%m%dT%H%M%S%f}", found.completed_at)
