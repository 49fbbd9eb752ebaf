"""The simulated engine: the same processes in one thread on a virtual clock, a case in milliseconds.

It keeps what the real engine would show (states, names, tags, forms, stories), so that tests can look at it. A test
moves time; nothing here sleeps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NoReturn, TypeVar
from uuid import NAMESPACE_URL, uuid5

from casework.clock import instant
from casework.engine import EngineAway, Pause, Standing, Typed
from casework.occurrence import Occurrence
from casework.process import processes
from casework.systems.errors import Temporary

__all__ = ["Run", "SimulatedEngine"]

T = TypeVar("T")


class _Suspended(BaseException):
    pass


class _Overtaken(BaseException):
    pass


@dataclass
class Run:
    """One run as the engine's pages would show it; `state` is scheduled, running, suspended or an ending."""

    case_id: str
    process: str
    parameters: dict[str, Any]
    state: str = "scheduled"
    pause: Pause | None = None
    standing: Standing | None = None
    typed: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)
    progress: dict[str, tuple[int, int]] = field(default_factory=dict)
    legs: int = 0
    changed_at: datetime | None = None


class SimulatedEngine:
    """Runs cases when told to; `now` is the virtual time, in UTC."""

    suspended = _Suspended

    def __init__(self, now: datetime) -> None:
        self.time = instant(now)
        self.runs: dict[str, Run] = {}
        self.away = False
        self.inbox: tuple[list[dict[str, str]], str] | None = None
        self.pages: dict[str, tuple[str, str]] = {}
        self._queue: deque[str] = deque()
        self._current: list[str] = []

    def now(self) -> datetime:
        """The virtual moment, in UTC."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.time += timedelta(seconds=seconds)

    def run(self) -> int:
        """Run every leg that is due; the number of legs."""
        legs = 0
        while self._queue:
            self._leg(self.runs[self._queue.popleft()])
            legs += 1
        return legs

    def _leg(self, run: Run) -> None:
        self._current.append(run.case_id)
        run.legs += 1
        self._state(run, "running")
        try:
            self._state(run, processes[run.process].leg(**run.parameters))
        except _Suspended:
            pass
        except _Overtaken:
            return
        finally:
            self._current.pop()

    def _state(self, run: Run, state: str) -> None:
        run.state, run.changed_at = state, self.time

    def type_in(self, case_id: str, values: dict[str, Any]) -> None:
        """Fill in the form of a suspended run, as a person would in the engine's pages.

        Raises:
            ValueError: the form does not allow these values.
        """
        run = self.runs[case_id]
        if run.pause is None or run.state != "suspended":
            raise ValueError(f"Run {case_id} is {run.state}: it shows no form.")
        run.pause.form.model_validate(values)
        run.typed[run.pause.key] = dict(values)
        self._enqueue(run)

    def cancel(self, case_id: str) -> None:
        """Cancel a run, as a person would in the engine's pages: no code of the process runs."""
        self._state(self.runs[case_id], "cancelled")

    def _enqueue(self, run: Run) -> None:
        self._state(run, "scheduled")
        if run.case_id not in self._queue:
            self._queue.append(run.case_id)

    # -- what casework.engine.Engine asks for

    def case_id(self) -> str:
        return self._current[-1]

    def task(self, name: str, attempt: Callable[[bool], T], delays: Sequence[float]) -> T:
        self.runs[self._current[-1]].tasks.append(name)
        for number, delay in enumerate(delays):
            try:
                return attempt(number > 0)
            except Temporary as fault:
                if not fault.soon:
                    raise
                self.sleep(delay)
        return attempt(bool(delays))

    def suspend(self, pause: Pause) -> NoReturn:
        run = self.runs[pause.case_id]
        run.pause = pause
        self._state(run, "suspended")
        raise _Suspended

    def overtaken(self, reason: str) -> NoReturn:
        raise _Overtaken(reason)

    def ended(self, ending: str, early: bool) -> str:  # noqa: ARG002 - the real engine tells them apart
        return ending

    def typed(self, case_id: str, pause_keys: Sequence[str]) -> list[Typed]:
        typed = self.runs[case_id].typed
        return [Typed(key, typed[key]) for key in pause_keys if key in typed]

    def forget(self, case_id: str, pause_key: str) -> None:
        self.runs[case_id].typed.pop(pause_key, None)

    def show(self, case_id: str, standing: Standing) -> None:
        self.runs[case_id].standing = standing

    def show_inbox(self, rows: Sequence[Mapping[str, str]], description: str) -> None:
        self._reachable()
        self.inbox = [dict(row) for row in rows], description

    def publish(self, case_id: str, key: str, text: str, description: str) -> None:  # noqa: ARG002 - any case's
        self._reachable()
        self.pages[key] = (text, description)

    def progress(self, case_id: str, what: str, done: int, of: int) -> None:
        self.runs[case_id].progress[what] = (done, of)

    def start(self, occurrence: Occurrence) -> str:
        self._reachable()
        case_id = str(uuid5(NAMESPACE_URL, occurrence.key))
        if case_id not in self.runs:
            self.runs[case_id] = Run(case_id, occurrence.process, dict(occurrence.parameters))
            self._enqueue(self.runs[case_id])
        return case_id

    def resume(self, case_id: str) -> None:
        self._reachable()
        self._enqueue(self.runs[case_id])

    def finished(self, case_id: str) -> bool:
        self._reachable()
        return self.runs[case_id].state not in ("scheduled", "running", "suspended")

    def cancelled_runs(self, within: timedelta) -> list[str]:
        self._reachable()
        return [
            run.case_id
            for run in self.runs.values()
            if run.state == "cancelled" and run.changed_at is not None and run.changed_at >= self.time - within
        ]

    def _reachable(self) -> None:
        if self.away:
            raise EngineAway("The simulated engine was told to be away.")
