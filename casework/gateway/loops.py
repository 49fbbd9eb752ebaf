"""A thread that does one thing again and again, goes on after errors, and stops when told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from casework.gateway.faults import told

__all__ = ["Loop"]

logger = logging.getLogger(__name__)

REST_SECONDS = 0.2
"""Between two rounds; what comes in a burst is done together, and whoever answers requests has the processor."""


class Loop:
    """Calls `act` at once, then every `seconds`, or as soon as `wake` is called and a rest is over.

    `seconds` may also be asked for after each round.
    """

    def __init__(self, name: str, seconds: float | Callable[[], float], act: Callable[[], object]) -> None:
        self._name, self._seconds, self._act = name, seconds, act
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to do now."""
        self._news.set()

    def stop(self, patience: float = 10.0) -> None:
        """End after the round at hand; wait for that at most `patience` seconds."""
        self._stopping.set()
        self._news.set()
        self._thread.join(patience)
        if self._thread.is_alive():
            logger.warning("The %s loop is still busy and is left behind.", self._name)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                self._act()
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever happens in a round
                logger.error("The %s loop goes on after an error: %s", self._name, told(error))
            if not self._stopping.wait(REST_SECONDS):
                seconds = self._seconds() if callable(self._seconds) else self._seconds
                self._news.wait(max(seconds - REST_SECONDS, 0))
