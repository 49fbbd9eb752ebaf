"""The connection to the case database: SQLite in WAL mode by default, PostgreSQL by URL.

On SQLite a transaction takes the write lock when it begins, so two writers queue instead of failing half-way.
"""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

__all__ = ["AWAY", "connect", "migrate"]

AWAY = (OperationalError, InterfaceError, TimeoutError)
"""What is raised while the database cannot be reached or is held by somebody else for too long."""

BUSY_TIMEOUT_MS = 20_000
LOOK_AGAIN_SECONDS = (0.0005, 0.003)
"""From and to: after this, at random, who waits for SQLite's write lock looks whether it is free."""
MIGRATIONS = Path(__file__).parent / "migrations"


def connect(url: str) -> Engine:
    """An engine for `url`; the folder of an SQLite file is made when it is missing."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        patience = {"connect_timeout": 10, "options": f"-c lock_timeout={BUSY_TIMEOUT_MS}"}
        pool: dict[str, Any] = {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 20}
        return create_engine(address, connect_args=patience | address.query, hide_parameters=True, **pool)
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    # A writer that waits for its turn has a connection already; who only looks does not wait for those to come back.
    engine = create_engine(address, hide_parameters=True, pool_size=10, max_overflow=50)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    line = Lock()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            _take_write_lock(connection, line)

    return engine


def _take_write_lock(connection: Connection, line: Lock) -> None:
    """Begin a transaction that may write, on SQLite; of those in `line` one at a time looks whether it can.

    SQLite's own wait sleeps longer each time, up to 100 ms, so a lock that is free every few milliseconds goes to
    whoever came last, and the first waits for a second.

    Raises:
        OperationalError: others held the lock for as long as we wait.
    """
    raw: Any = connection.connection.driver_connection
    end = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    in_front = line.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
    try:
        raw.execute("PRAGMA busy_timeout = 0")
        while in_front and time.monotonic() < end:
            try:
                raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(random.uniform(*LOOK_AGAIN_SECONDS))  # noqa: S311 - no secret
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # what it raises is SQLAlchemy's
    finally:
        raw.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if in_front:
            line.release()


def migrate(engine: Engine) -> None:
    """Bring the database to this release's schema; several callers at once are safe, and one that is there is quick."""
    if _is_current(engine):
        return
    from alembic import command  # 12 MB and a third of a second, which most processes do without
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4273)")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _is_current(engine: Engine) -> bool:
    """Whether the last migration of this release has been made."""
    newest = max(script.name.partition("_")[0] for script in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest
        except DBAPIError:
            if inspect(connection).has_table("alembic_version"):
                raise
            return False
