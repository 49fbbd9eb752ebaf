"""The seam between a case and what runs it.

An engine starts runs, runs steps as its tasks, lets go of a run that waits, and takes it up again. It is never
asked what happened: that stands in the case file. `prefect` is the real one; `simulated` runs the same processes
in one thread on a virtual clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, Protocol, TypeVar

from pydantic import BaseModel

from casework.occurrence import Occurrence

__all__ = ["Engine", "EngineAway", "Pause", "Standing", "Typed"]

T = TypeVar("T")


class EngineAway(RuntimeError):
    """The engine cannot be reached now. What was decided stands in the case file; the clock tries again."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a run lets go of its process: the question that is open, and the form that answers it."""

    case_id: str
    key: str
    question: str
    form: type[BaseModel]


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into the engine's own form for one pause."""

    pause_key: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What operators see of a case in the engine's own pages."""

    name: str
    tags: Sequence[str]
    story: str


class Engine(Protocol):
    """What a case needs of whatever runs it; `suspended` is what `suspend` raises once the run is suspended."""

    @property
    def suspended(self) -> type[BaseException]: ...

    def case_id(self) -> str:
        """The id of the run in which this code runs."""

    def task(self, name: str, attempt: Callable[[bool], T], delays: Sequence[float]) -> T:
        """Run `attempt` as one task, again after each delay (seconds) while it raises `Temporary`.

        `attempt` is told whether an earlier attempt may have acted.
        """

    def suspend(self, pause: Pause) -> NoReturn:
        """End this leg; the run waits without a process."""

    def overtaken(self, reason: str) -> NoReturn:
        """End this leg without touching the run's state: a later leg has it."""

    def ended(self, ending: str, early: bool) -> Any:
        """The value that a leg returns to its engine when the case has closed."""

    def typed(self, case_id: str, pause_keys: Sequence[str]) -> list[Typed]:
        """What was typed into the forms of these pauses and not forgotten yet."""

    def forget(self, case_id: str, pause_key: str) -> None:
        """Remove what was typed into a form, once it is recorded."""

    def show(self, case_id: str, standing: Standing) -> None:
        """Bring the engine's own pages up to date."""

    def show_inbox(self, rows: Sequence[Mapping[str, str]], description: str) -> None:
        """Bring the one page of open questions up to date; cells are Markdown. The same again changes nothing.

        Raises:
            EngineAway: it cannot be asked now.
        """

    def publish(self, case_id: str, key: str, text: str, description: str) -> None:
        """Show a page (Markdown) that a case has made, or bring it up to date: there is one by this key.

        Raises:
            EngineAway: it cannot be asked now.
        """

    def progress(self, case_id: str, what: str, done: int, of: int) -> None:
        """Show how far a long step is, in bytes or items."""

    def start(self, occurrence: Occurrence) -> str:
        """Make the run of an occurrence, once however often asked; the case id.

        Raises:
            EngineAway: it cannot be asked now.
        """

    def resume(self, case_id: str) -> None:
        """Give the case a leg, whatever state its run is in; nothing happens where one is on its way.

        Raises:
            EngineAway: it cannot be asked now.
        """

    def finished(self, case_id: str) -> bool:
        """Whether the case's run has ended.

        Raises:
            EngineAway: it cannot be asked now.
        """

    def cancelled_runs(self, within: timedelta) -> list[str]:
        """Runs that people cancelled in the engine's own pages lately, by the engine's own clock."""
