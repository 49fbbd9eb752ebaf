"""What every room's tests may use: a desk (one deployment on the simulated engine) and the vendors' contracts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.desk import Desk

CONTRACTS = Path(__file__).resolve().parents[2] / "shared" / "contracts"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A deployment of its own on SQLite, at 09:00 UTC on Monday 2 March 2026."""
    with Desk(f"sqlite:///{tmp_path}/cases.db", datetime(2026, 3, 2, 9, tzinfo=UTC)) as desk:
        yield desk


@pytest.fixture(scope="session")
def contracts() -> Path:
    """The folder of the vendors' own API descriptions."""
    if not CONTRACTS.is_dir():
        pytest.skip("the vendors' contracts are not beside this checkout")
    return CONTRACTS
