"""What a vendor gives us in the course of work: sealed, newest only, for every process, and not readable by others."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from casework.confidential import Confidential
from casework.schema import hook_secrets
from casework.vendor_secrets import VendorSecret
from tests.desk import Desk

PLANTED = "planted-token-5e1a"


def of(desk: Desk, name: str = "tokens", secret: bytes = b"x" * 32) -> VendorSecret:
    """As another process has it."""
    return VendorSecret(desk.files, Confidential(secret), "outreach", name)


def test_the_newest_is_read_by_everybody(desk: Desk) -> None:
    """Nothing is there at first; then what was kept last, also by another process, and each under its name."""
    assert of(desk).read() is None
    of(desk).keep("one")
    of(desk).keep("two")
    assert (of(desk).read(), of(desk, "other").read()) == ("two", None)


def test_it_lies_there_sealed(desk: Desk) -> None:
    """The database does not have the secret's text."""
    of(desk).keep(PLANTED)
    with desk.files.reading() as connection:
        (row,) = connection.execute(select(hook_secrets)).all()
    assert PLANTED.encode() not in row.sealed


def test_another_deployment_s_secret(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """What was sealed with another secret counts as nothing, is said in the log, and is replaced."""
    caplog.set_level(logging.WARNING)
    of(desk, secret=b"y" * 32).keep(PLANTED)
    assert of(desk).read() is None
    assert "the deployment's secret has changed" in caplog.text
    of(desk).keep("new")
    assert of(desk).read() == "new"


def test_several_at_once(desk: Desk) -> None:
    """Of several that keep for the first time at once, one stays, and nobody fails."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: of(desk).keep(str(number)), range(8)))
    assert of(desk).read() in set(map(str, range(8)))
