"""A transfer by hand: people upload the export themselves, with a service that has no interface for programs.

It is no vault. A vault takes ciphertext, gives it back and can be asked what it has left; here plaintext goes from the
drop to the service without passing through us, no key of ours makes it unreadable, and only people can delete it and
look. So it is a :class:`~casework.delivery.evidence.Copy` whose evidence is what a person said, and is called that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from casework.delivery.evidence import CopyState, Evidence

__all__ = ["NAME", "ByHand", "TransferByHand"]

NAME = "manual-transfer"
_NOT_ENFORCED = "the single download was not enforced"


@dataclass(frozen=True, slots=True)
class ByHand:
    """What was said of a transfer's end: by whom (a staff id), and whether it is destroyed. Nobody: not yet said."""

    said_by: str | None = None
    destroyed: bool = False


class TransferByHand:
    """The copy that the service has."""

    name = NAME
    sealed = False

    def __init__(self, end: ByHand, *, now: Callable[[], datetime]) -> None:
        self._end = end
        self._now = now

    def delete(self) -> tuple[str, ...]:
        """Nothing that we could do: people delete it, before."""
        return ()

    def look(self) -> Evidence:
        """What was said; never more than that."""
        state, said = CopyState.BLOCKED, "nobody has said that it was destroyed"
        if self._end.said_by is not None and self._end.destroyed:
            state, said = CopyState.BY_HAND, f"said by {self._end.said_by}"
        elif self._end.said_by is not None:
            said = f"cannot be destroyed, said by {self._end.said_by}"
        return Evidence(self.name, self.sealed, state, f"{said}; {_NOT_ENFORCED}", self._now())
