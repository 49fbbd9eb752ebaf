"""The running leg of a case: its file in memory, and the order in which the body asks for things.

A body is replayed from the top in every leg. What its file has done is answered from the file; what it has not is
done now. A body that asks in another order than its file is stopped before anything is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from casework import clock
from casework.case import Case, Entry, Fenced, Kind, is_completion
from casework.engine import Pause
from casework.runtime import Runtime

__all__ = ["Body", "Diverged", "EndedEarly", "Waiting", "current"]

_ASKED_FOR = (Kind.STEP_BEGUN, Kind.LOOKUP_DONE, Kind.QUESTION_ASKED)
_body: ContextVar[Body | None] = ContextVar("casework_body", default=None)


class Waiting(BaseException):
    """The leg ends here because a question is open. Not an error; flow code must not catch it."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(pause.key)
        self.pause = pause


class EndedEarly(BaseException):
    """The case ends before its body is through and is unwound. Flow code must not catch it."""

    def __init__(self, ending: str) -> None:
        super().__init__(ending)
        self.ending = ending


class Halted(RuntimeError):
    """The body cannot go on here. Its text holds ids alone, says what to do, and is shown to the operators."""


class Diverged(Halted):
    """The body asks for something else than its file has at this place."""


class Body:
    """One leg of one case."""

    def __init__(self, runtime: Runtime, case: Case, entries: list[Entry]) -> None:
        self.runtime = runtime
        self.case = case
        self.entries = entries
        self._read = len(entries)
        self._completed = {entry.key: entry for entry in entries if is_completion(entry.kind)}
        self._begun = {entry.key for entry in entries if entry.kind is Kind.STEP_BEGUN}
        self._order = list(dict.fromkeys(e.key for e in entries if e.kind in _ASKED_FOR and ">" not in e.key))
        self._position = 0
        self._counts: Counter[str] = Counter()
        self._scope = ""
        self.account = case.account
        self.tags: tuple[str, ...] = ()

    @property
    def case_id(self) -> str:
        return self.case.case_id

    @contextmanager
    def running(self) -> Iterator[Body]:
        """Make this the body that steps, lookups and waits belong to."""
        token = _body.set(self)
        try:
            with clock.reading(self._now):
                yield self
        finally:
            _body.reset(token)

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """What is done inside belongs to `name`, a key of this file, and is not part of the body's own order."""
        outer, self._scope = self._scope, f"{name}>"
        try:
            yield
        finally:
            self._scope = outer

    @contextmanager
    def way(self, name: str) -> Iterator[None]:
        """What is done inside has `name` before it, and is not part of the body's own order."""
        with self.scope(self._scope + name):
            yield

    def take(self, name: str) -> str:
        """The key of the next thing called `name`, after checking that the file has it at this place.

        Raises:
            Diverged: the file has something else here.
        """
        name = self._scope + name
        self._counts[name] += 1
        key = f"{name}/{self._counts[name]}"
        if not self._scope:
            if self._position < len(self._order) and self._order[self._position] != key:
                raise Diverged(
                    f"Case {self.case_id}: the code asks for {key!r} where the file has"
                    f" {self._order[self._position]!r}. Nothing was done. Deploy a release that goes on as the file"
                    " does, then retry."
                )
            self._position += 1
        return key

    def finish(self) -> None:
        """Check that the body came past everything that its file has.

        Raises:
            Diverged: it left something out.
        """
        if self._position < len(self._order):
            raise Diverged(
                f"Case {self.case_id}: the code ended where the file has {self._order[self._position]!r}."
                " Nothing was done. Deploy a release that goes on as the file does, then retry."
            )

    def rewind(self) -> None:
        """Go back to the top of the body, as a new leg would."""
        self._position = 0
        self._counts.clear()

    def completed(self, key: str) -> Entry | None:
        """The entry that settled `key`, if there is one."""
        return self._completed.get(key)

    def begun(self, key: str) -> bool:
        """Whether a step under `key` may have acted."""
        return key in self._begun

    def append(
        self,
        kind: Kind,
        key: str,
        payload: Mapping[str, Any],
        actor: str = "body",
        connection: Connection | None = None,
    ) -> Entry:
        """Add an entry under this leg's epoch."""
        entry = self.runtime.files.append(
            self.case_id, kind, key, actor, payload, epoch=self.case.epoch, connection=connection
        )
        self.entries.append(entry)
        if is_completion(kind):
            self._completed[key] = entry
        if kind is Kind.STEP_BEGUN:
            self._begun.add(key)
        return entry

    def refresh(self) -> None:
        """Read what others wrote into the file since it was last read."""
        news = self.runtime.files.entries(self.case_id, after=self._read)
        # What this leg wrote itself is among them, each in its place.
        self.entries = [*self.entries[: self._read], *news]
        self._read = len(self.entries)
        self._completed = {entry.key: entry for entry in self.entries if is_completion(entry.kind)}

    def hold(self) -> None:
        """Make sure, before an effect is repeated, that the case is still this leg's.

        Raises:
            Fenced: a later leg has begun.
        """
        if not self.runtime.files.beat(self.case_id, self.case.epoch):
            raise Fenced(f"Case {self.case_id}: leg {self.case.epoch} was overtaken; it stops here.")

    def _now(self) -> datetime:
        key = self.take("now")
        done = self.completed(key)
        if done is None:
            done = self.append(Kind.LOOKUP_DONE, key, {"result": clock.present().isoformat()})
        return datetime.fromisoformat(done.payload["result"])


def current() -> Body:
    """The body in which this code runs.

    Raises:
        RuntimeError: it runs outside of a process.
    """
    body = _body.get()
    if body is None:
        raise RuntimeError("Steps, lookups and waits belong to a case: call them from a function under @process.")
    return body
