"""What is known about one copy of a deliverable after it was to be deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class CopyState(StrEnum):
    ABSENT = "verified absent"
    SOFT_DELETED = "soft-deleted"
    BLOCKED = "blocked"


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
