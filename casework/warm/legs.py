"""The processes of runs that a worker has: begun from the right preloader, signalled, heard of when they end.

A run can have two for an instant: it is asked to go on while its last process is still sending its logs. So each has
a number of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

from prefect.logging import get_logger

from casework.warm.plans import own_surroundings
from casework.warm.preloader import Preloader, PreloaderGone, Surroundings
from casework.warm.spawn import early

__all__ = ["Leg", "Legs"]

PRELOADERS = 4
TRIES = 3

logger = get_logger("workers.casework-warm")


@dataclass(eq=False, slots=True)
class Leg:
    """The process of one run. `began` gives its pid; `ended` its exit code, minus the number of the signal that ended
    it, or None when its preloader was killed with it; `settled` is set when its run has its state. `cancelled` and
    `released` say why it was asked to end."""

    run: UUID
    number: int
    preloader: Preloader
    began: asyncio.Future[int | None]
    ended: asyncio.Future[int | None]
    settled: asyncio.Event
    cancelled: bool = False
    released: bool = False

    @property
    def pid(self) -> int | None:
        return self.began.result() if self.began.done() and not self.began.exception() else None

    def signal(self, number: int) -> None:
        """Send a signal to its process group, if it is still there."""
        with suppress(PreloaderGone):
            self.preloader.signal(self.number, number)

    async def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many seconds."""
        await asyncio.wait([self.ended], timeout=seconds)
        return self.ended.done()


class Legs:
    """All of them, and their preloaders; `entrypoints` says which flows to import ahead in given surroundings."""

    def __init__(self, entrypoints: Callable[[Surroundings], list[str]]) -> None:
        self._entrypoints = entrypoints
        self._preloaders: dict[Surroundings, Preloader] = {}
        self._legs: dict[int, Leg] = {}
        self._numbers = count(1)

    def __iter__(self) -> Iterator[Leg]:
        return iter(list(self._legs.values()))

    def of(self, run: UUID) -> list[Leg]:
        """The processes of a run that have not ended, oldest first."""
        return [leg for leg in self if leg.run == run]

    def is_newest(self, leg: Leg) -> bool:
        """Whether no later process of the same run was begun."""
        return not any(other.run == leg.run and other.number > leg.number for other in self)

    async def begin(self, run: UUID, around: Surroundings, message: Mapping[str, Any]) -> Leg:
        """Have a process for a run, from a preloader whose code is the code on disk. `done` ends what this begins.

        Raises:
            PreloaderGone: none could be had.
        """
        loop = asyncio.get_running_loop()
        for tries in range(1, TRIES + 1):
            preloader = self.preloader(around)
            leg = Leg(run, next(self._numbers), preloader, loop.create_future(), loop.create_future(), asyncio.Event())
            self._legs[leg.number] = leg
            try:
                await preloader.begin(leg.number, message)
                if await leg.began is not None:
                    return leg
            except PreloaderGone:
                if tries == TRIES:
                    raise
                await asyncio.sleep(tries)
            finally:
                if leg.pid is None:
                    self.done(leg)
            self._replace(preloader)
        raise PreloaderGone("The code on disk changes faster than it can be imported. Resume the run when it rests.")

    def done(self, leg: Leg) -> None:
        """Everything about it is settled."""
        self._legs.pop(leg.number, None)
        leg.settled.set()

    def preloader(self, around: Surroundings) -> Preloader:
        """The preloader for these surroundings; started, when there is none. The longest unused are let go."""
        found = self._preloaders.pop(around, None) or Preloader(around, self)
        found.import_ahead(self._entrypoints(around))
        self._preloaders[around] = found
        while len(self._preloaders) > PRELOADERS:
            self._preloaders.pop(next(iter(self._preloaders))).retire()
        return found

    def begin_preloader(self) -> Surroundings:
        """Have the preloader of runs without job variables, whatever is deployed; the one that was begun early."""
        around, settings = own_surroundings()
        if around not in self._preloaders:
            self._preloaders[around] = Preloader(around, self, early(dict(around.environment), settings))
        return around

    def let_go(self, around: Surroundings) -> None:
        """No run needs the preloader of these surroundings."""
        if (found := self._preloaders.pop(around, None)) is not None:
            found.retire()

    async def close(self) -> None:
        """Let go of all preloaders."""
        for preloader in self._preloaders.values():
            await preloader.close()

    def _replace(self, preloader: Preloader) -> None:
        """The next run gets another; this one ends with its last leg."""
        if self._preloaders.get(preloader.surroundings) is preloader:
            self.let_go(preloader.surroundings)

    # -- what preloaders say

    def began(self, number: int, pid: int) -> None:
        """A process is there."""
        if (leg := self._legs.get(number)) is not None:
            logger.debug("Run %s has process %s.", leg.run, pid)
            leg.began.set_result(pid)

    def refused(self, number: int) -> None:
        """The code on disk is not the preloader's any more."""
        if (leg := self._legs.get(number)) is not None:
            logger.info("The code on disk has changed: a new preloader takes over.")
            leg.began.set_result(None)

    def ended(self, number: int, status: int) -> None:
        """A process has ended."""
        if (leg := self._legs.get(number)) is not None:
            leg.ended.set_result(status)

    def gone(self, preloader: Preloader) -> None:
        """A preloader has ended, and every process that it had."""
        if self._preloaders.get(preloader.surroundings) is preloader:
            del self._preloaders[preloader.surroundings]
        for leg in self:
            if leg.preloader is preloader:
                if not leg.began.done():
                    leg.began.set_exception(PreloaderGone(PreloaderGone.__doc__))
                if not leg.ended.done():
                    leg.ended.set_result(None)
