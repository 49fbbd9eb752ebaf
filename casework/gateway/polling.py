"""Looking for what a vendor did not tell: where hooks may be lost for good, somebody asks every few minutes.

Each look begins a while before the last one, so that nothing falls between two. What a hook has told since it changed
is not news; the rest goes into the inbox, where it is known by its subject and its time, so that several gateways that
look put it there once. After a restart the looks go on from the last news found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from casework.case import CaseFiles
from casework.gateway.inbox import Hook, Inbox
from casework.schema import hooks

__all__ = ["Poller"]

OVERLAP = timedelta(minutes=10)
FIRST = timedelta(days=1)
"""How far back the very first look goes."""
GRACE = timedelta(minutes=1)
"""For so long a change may still be told of by its hook."""

Changes = Callable[[datetime], Iterable[tuple[str, datetime]]]
"""Given a moment, the subjects that changed since, each with when it did."""


class Poller:
    """Looks by `changes` for what `vendor` did not tell; `news` wakes whoever handles the inbox."""

    def __init__(self, vendor: str, files: CaseFiles, inbox: Inbox, changes: Changes, news: Callable[[], None]) -> None:
        self._news = news
        self._vendor, self._name = vendor, f"{vendor}-look"
        self._files, self._inbox, self._changes = files, inbox, changes
        self._looked: datetime | None = None

    def look(self) -> int:
        """Put into the inbox what changed and was not told; how much. Raises what the vendor's client raises."""
        now = self._files.now()
        since = (self._looked or self._last_news() or now - FIRST) - OVERLAP
        latest: dict[str, datetime] = {}
        for subject, at in self._changes(since):
            latest[subject] = max(at, latest.get(subject, at))
        untold = [
            Hook(self._name, f"{subject}@{at.isoformat()}", f"{self._vendor}.changed", subject)
            for subject, at in latest.items()
            if at <= now - GRACE and not self._told(subject, at)
        ]
        fresh = self._inbox.store(untold) if untold else []
        self._looked = now - GRACE
        if fresh:
            self._news()
        return len(fresh)

    def _told(self, subject: str, at: datetime) -> bool:
        """Whether a hook about the subject came after the change."""
        same = (hooks.c.vendor == self._vendor, hooks.c.subject == subject, hooks.c.received_at >= at)
        with self._files.reading() as connection:
            return connection.execute(select(hooks.c.delivery).where(*same).limit(1)).first() is not None

    def _last_news(self) -> datetime | None:
        with self._files.reading() as connection:
            found = connection.execute(select(func.max(hooks.c.received_at)).where(hooks.c.vendor == self._name))
            last: datetime | None = found.scalar_one()
            return last
