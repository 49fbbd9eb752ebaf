"""Fixtures of the client tests: contracts, and a clock that nobody waits for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.vendor import CONTRACTS


@pytest.fixture
def contracts() -> Path:
    if not CONTRACTS.is_dir():
        pytest.skip("the vendors' contracts do not lie beside this project")
    return CONTRACTS


@pytest.fixture
def slept() -> list[float]:
    """The waits a client asked for, in seconds; `slept.append` is the sleep to inject."""
    return []
