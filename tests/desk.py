"""A deployment for tests: the case database, the simulated engine, and time that tests move."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType, TracebackType
from typing import Any, Self

from sqlalchemy import Engine, bindparam, event, func, make_url, select

from casework import clock, runtime, tick
from casework.case import CaseFiles, Entry, Kind
from casework.confidential import Confidential
from casework.database import connect
from casework.delivery import certificates  # noqa: F401 - its table belongs to the delivery's
from casework.delivery.links import metadata as delivery_tables
from casework.engine.simulated import Run, SimulatedEngine
from casework.process import processes
from casework.schema import metadata, waits

SECRET = b"a secret for tests only, 32 bytes"

_NEXT_DUE = select(func.min(waits.c.next_at)).where(waits.c.state == "open")
_WAITING = select(waits.c.wait).where(waits.c.case_id == bindparam("this_case"), waits.c.state == "open")


class _Compiled(dict[Any, Any]):
    """Compiled statements of all SQLite desks: each has a dialect object of its own, which is part of the key and all
    that differs; to compile anew costs more than most of what a desk is asked."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


_compiled = _Compiled()


def _make_tables(database: Engine) -> None:
    metadata.create_all(database)
    delivery_tables.create_all(database)


@cache
def _empty() -> bytes:
    """An SQLite database with all tables and nothing in them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        database = connect(f"sqlite:///{file}")
        _make_tables(database)
        database.dispose()
        return file.read_bytes()


def _unsynchronised(connection: sqlite3.Connection, _record: object) -> None:
    # Processes are killed here, the machine is not: waiting for the disk would only take time.
    with closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA synchronous = OFF")


def _database(url: str) -> Engine:
    """A database with all tables; what it holds already stays."""
    file = make_url(url).database
    if not url.startswith("sqlite") or file is None:
        database = connect(url)
        _make_tables(database)
        return database
    if not Path(file).exists():
        Path(file).write_bytes(_empty())
    database = connect(url)
    event.listen(database, "connect", _unsynchronised)
    database.update_execution_options(compiled_cache=_compiled)
    return database


class Desk:
    """One deployment on the simulated engine."""

    def __init__(self, url: str, start: datetime, roles: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> None:
        self.engine = SimulatedEngine(start)
        self.database = _database(url)
        self.files = CaseFiles(self.database, self.engine.now, "test")
        self.runtime = runtime.Runtime(
            files=self.files,
            engine=self.engine,
            confidential=Confidential(SECRET),
            secret=SECRET,
            public_url="https://casework.example",
            case_page="https://prefect.example/runs/flow-run/{case}",
            roles={"operators": ("staff-1",), **roles},
            lease=0.0,
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(clock.use(self.engine.now))
        self._stack.enter_context(runtime.use(self.runtime))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.database.dispose()

    def start(self, process: str, **parameters: Any) -> Run:
        """Start a case and run it as far as it goes."""
        subject = processes[process].subject_of(parameters)
        case_id, _ = tick.start(self.runtime, process, subject, parameters)
        self.engine.run()
        assert case_id is not None
        return self.engine.runs[case_id]

    def settle(self) -> None:
        """Run everything that is due at this moment."""
        for _ in range(50):
            done = tick.tick(self.runtime)
            if not self.engine.run() and not (done.woken or done.started):
                return
        raise AssertionError("the cases do not come to rest: something wakes them again and again")

    def advance(self, **delta: float) -> None:
        """Let time pass, stopping at each moment at which a wait has something to do."""
        until = self.engine.time + timedelta(**delta)
        while True:
            with self.files.reading() as connection:
                due = connection.execute(_NEXT_DUE).scalar()
            if due is None or due > until:
                break
            self.engine.time = max(self.engine.time, due)
            self.settle()
        self.engine.time = until
        self.settle()

    def entries(self, run: Run, kind: Kind | None = None) -> list[Entry]:
        """The case file, or its entries of one kind."""
        return [entry for entry in self.files.entries(run.case_id) if kind in (None, entry.kind)]

    def waiting(self, run: Run) -> list[str]:
        """The names of the questions that are open."""
        with self.files.reading() as connection:
            return list(connection.execute(_WAITING, {"this_case": run.case_id}).scalars())

    def ending(self, run: Run) -> str | None:
        """How the case ended, or None while it is open."""
        return self.files.case(run.case_id).ending
