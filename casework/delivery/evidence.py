"""What is known about one copy of a deliverable after it was to be deleted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class CopyState(StrEnum):
    ABSENT = "verified absent"
    SOFT_DELETED = "soft-deleted"
    BLOCKED = "blocked"
    BY_HAND = "destroyed by hand"
    """A person says so. Nobody else looked."""


class Result(StrEnum):
    """What is left of a deliverable, all copies together."""

    DESTROYED = "destroyed"
    BY_HAND = "destroyed, in part by hand"
    NOT_DESTROYED = "not destroyed"


class Found(Protocol):
    """What the result depends on."""

    @property
    def sealed(self) -> bool: ...

    @property
    def state(self) -> CopyState: ...


def result(copies: Iterable[Found]) -> Result:
    """With the key destroyed: is every copy that was not sealed verified absent, or at least said to be destroyed?"""
    left = list(copies)
    if any(readable(copy) for copy in left):
        return Result.NOT_DESTROYED
    return Result.BY_HAND if any(copy.state is CopyState.BY_HAND for copy in left) else Result.DESTROYED


def readable(copy: Found) -> bool:
    """Whether a copy can still be read although the key is destroyed, as far as anybody knows."""
    return not copy.sealed and copy.state not in (CopyState.ABSENT, CopyState.BY_HAND)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at one copy.

    ``sealed`` says that the copy was ciphertext. ``until`` is the day (UTC) on which the system that keeps a
    soft-deleted copy promises to drop it. ``looked_at`` is aware, UTC.
    """

    copy: str
    sealed: bool
    state: CopyState
    detail: str
    looked_at: datetime
    until: date | None = None
    request_ids: tuple[str, ...] = ()


class Copy(Protocol):
    """One place that holds a deliverable."""

    @property
    def name(self) -> str: ...

    @property
    def sealed(self) -> bool: ...

    def delete(self) -> tuple[str, ...]:
        """Delete as thoroughly as the place allows; again is harmless. Gives the requests' ids."""

    def look(self) -> Evidence:
        """Look what is left, without changing anything."""
