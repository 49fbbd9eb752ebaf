"""The schema is what the migrations make, on both databases, also when several processes start at once."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import OperationalError

from casework import database, schema
from casework.case import CaseFiles
from casework.database import connect, migrate
from casework.delivery import certificates, link
from casework.gateway.inbox import Inbox
from casework.people import ANY, Quorum

TABLES = [schema.metadata, link.metadata]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/folder/cases.db"
    address: str = request.getfixturevalue("postgres")
    return address


def definitions(engine: Engine) -> list[str]:
    """Every table, column and index, in the database's own words."""
    if engine.dialect.name == "sqlite":
        query = (
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL UNION ALL "
            "SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c.[notnull] || ' ' || c.pk || ' ' ||"
            " coalesce(c.dflt_value, '') FROM sqlite_master m, pragma_table_info(m.name) c"
            " WHERE m.type = 'table' AND m.name NOT LIKE 'alembic%'"
        )
    else:
        query = (
            "SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'"
            " AND tablename NOT LIKE 'alembic%' UNION ALL "
            "SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable,"
            " column_default) FROM information_schema.columns WHERE table_schema = 'public'"
            " AND table_name NOT LIKE 'alembic%'"
        )
    with engine.connect() as connection:
        return sorted(" ".join(row[0].split()) for row in connection.execute(text(query)))


def differences(connection: Connection) -> list[object]:
    """What a migration would have to change for the database to be as the code declares it."""
    # Alembic compares several metadata, as its `target_metadata` may be; this function's types know of one.
    found: list[object] = compare_metadata(MigrationContext.configure(connection), TABLES)  # type: ignore[arg-type]  # as said above
    return found


def test_the_migrations_make_the_schema(url: str) -> None:
    """A migrated database differs in nothing from the tables that the code declares, indexes included."""
    assert certificates.certificates.metadata is link.metadata
    engine = connect(url)
    migrate(engine)
    with engine.connect() as connection:
        assert differences(connection) == []
    migrated = definitions(engine)
    for metadata in TABLES:
        metadata.drop_all(engine)
    assert definitions(engine) == []
    for metadata in TABLES:
        metadata.create_all(engine)
    assert definitions(engine) == migrated
    engine.dispose()


MIGRATE = """
import sys
from casework.database import connect, migrate
sys.stdin.readline()
migrate(connect(sys.argv[1]))
"""


def test_several_processes_migrate_at_once(url: str) -> None:
    """Three processes that start together on an empty database all succeed, and it is migrated once."""
    starters = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    ended = [starter.communicate(timeout=60)[1] for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 3, ended
    engine = connect(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
        assert differences(connection) == []
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing(url: str) -> None:
    """When a table cannot be made, neither the others nor Alembic's own are there; the next try succeeds."""
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE waits (obstacle INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        migrate(engine)
    assert inspect(engine).get_table_names() == ["waits"]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE waits"))
    migrate(engine)
    assert "entries" in inspect(engine).get_table_names()
    engine.dispose()


def test_sqlite_is_safe_against_power_cuts_and_readers(tmp_path: Path) -> None:
    """SQLite runs in WAL mode, syncs every commit, waits for a lock, keeps references and wipes deleted rows."""
    engine = connect(f"sqlite:///{tmp_path}/cases.db")
    with engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "secure_delete")
        found = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
    assert found == ["wal", 2, 20_000, 1, 1]
    engine.dispose()


def test_an_sqlite_transaction_has_the_lock_from_its_beginning(tmp_path: Path) -> None:
    """A second writer waits before it reads, so it cannot decide on what the first is about to change."""
    engine = connect(f"sqlite:///{tmp_path}/cases.db")
    other = connect(f"sqlite:///{tmp_path}/cases.db")
    with engine.begin(), other.connect() as second:
        second.execution_options(isolation_level="AUTOCOMMIT")
        second.exec_driver_sql("PRAGMA busy_timeout = 1")
        with pytest.raises(Exception, match="database is locked"):
            second.exec_driver_sql("BEGIN IMMEDIATE")
    engine.dispose()
    other.dispose()


def test_a_writer_looks_often_whether_the_lock_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for SQLite's write lock looks again within milliseconds however long it has waited, and has the lock
    at the first look after it is free."""
    engines = [connect(f"sqlite:///{tmp_path}/cases.db") for _ in range(2)]
    holder = engines[0].connect()
    holder.begin()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 200:
            holder.commit()

    monkeypatch.setattr(time, "sleep", sleep)
    with engines[1].begin() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == database.BUSY_TIMEOUT_MS
    assert len(slept) == 200
    assert max(slept) <= 0.003
    holder.close()
    for engine in engines:
        engine.dispose()


def test_a_writer_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When SQLite's write lock does not come free, whoever waits is told that the database is locked, and what it
    does next waits as before."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 20)
    engines = [connect(f"sqlite:///{tmp_path}/cases.db") for _ in range(2)]
    with engines[0].begin(), pytest.raises(OperationalError, match="database is locked"), engines[1].begin():
        pass
    with engines[1].begin() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 20
    for engine in engines:
        engine.dispose()


def test_hooks_that_wait_while_the_release_changes_are_due_at_once(url: str) -> None:
    """A hook that waits when the database is brought from 0004 on, and one that a gateway of the older release still
    writes after that, are handled at the next look."""
    engine = connect(url)
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    written = text(
        "INSERT INTO hooks (vendor, delivery, event, subject, received_at, tries)"
        " VALUES ('zendesk', :delivery, 'x', 'zendesk:ticket:1', '2026-03-02 09:00:00+00', 3)"
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        connection.execute(written, {"delivery": "before"})
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(written, {"delivery": "after"})
    handled: list[str] = []
    files = CaseFiles(engine, lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), "test")
    assert Inbox(files, lambda _event, subject: handled.append(subject)).work() == 2
    assert handled == ["zendesk:ticket:1"]
    engine.dispose()


def test_questions_asked_before_several_could_be_asked_go_on(url: str) -> None:
    """A question that is open while the database is brought from 0001 on is answered by any one of those asked."""
    engine = connect(url)
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO cases (case_id, process, subject, occurrence, opened_at, epoch, last_seq, last_hash,"
                " settled) VALUES ('c', 'p', 's', 1, '2026-03-02 09:00:00+00', 1, 0, 'h', false)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO waits (case_id, wait, state, form, role, who, not_by, verified, question, looks, asked_at,"
                " due_at, next_at, pause_keys) VALUES ('c', 'w/1', 'open', 'f', 'r', '[]', '[]', true, 'q', false,"
                " '2026-03-02 09:00:00+00', '2026-03-02 10:00:00+00', '2026-03-02 10:00:00+00', '[]')"
            )
        )
    migrate(engine)
    with engine.connect() as connection:
        kept = connection.execute(select(schema.waits.c.quorum)).scalar_one()
    assert Quorum.model_validate(kept) == ANY
    engine.dispose()
