"""What starts a process: a tag on a ticket. A hook is only a hint; the ticket is read before a start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["TRIGGERS", "Trigger", "started_by"]

ENDED = frozenset({"solved", "closed"})


@dataclass(frozen=True, slots=True)
class Trigger:
    """A ticket of `system` that carries `tag` and is not ended has the process."""

    process: str
    system: Literal["zendesk"]
    tag: str


TRIGGERS = (Trigger(process="data-export", system="zendesk", tag="data_export"),)


def started_by(system: str, tags: tuple[str, ...], status: str) -> list[Trigger]:
    """The triggers that a ticket with these tags and this status pulls."""
    if status in ENDED:
        return []
    return [trigger for trigger in TRIGGERS if trigger.system == system and trigger.tag in tags]
