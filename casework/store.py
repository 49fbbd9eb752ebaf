"""Transactions on the case database: what everything that keeps something there is built on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

__all__ = ["Store"]

T = TypeVar("T")
RACES = 2


class Store:
    """One case database. `now` gives the present in UTC."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine = engine
        self.now = now

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write: all of it happens or nothing."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only looks and blocks nobody."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    def contested(self, work: Callable[[Connection], T]) -> T:
        """One transaction, done again when another one made the same row at the same instant."""
        for _ in range(RACES):
            try:
                with self.writing() as connection:
                    return work(connection)
            except IntegrityError:
                continue
        with self.writing() as connection:
            return work(connection)
