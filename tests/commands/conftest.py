"""The `casework` command, over a desk in place of the settings' database and engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import tests.commands.asking  # noqa: F401 - registers its processes
from casework import wiring
from casework.cli import app
from casework.engine.simulated import Run
from casework.sandbox import World, product
from casework.settings import ZendeskSettings, load
from casework.systems.product import ProductDatabase
from tests.conftest import START
from tests.desk import Desk


@pytest.fixture
def run() -> Callable[..., Result]:
    """Gives a command, by its words."""
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


@pytest.fixture(autouse=True)
def folder(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where commands are given: an empty folder, in which they find the desk's case files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setattr(wiring, "files", lambda _settings: desk.files)
    return tmp_path


@pytest.fixture(scope="session")
def staff(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a product database that knows the sandbox's colleagues."""
    world = World(lambda: START)
    world.seed()
    return f"sqlite:///{product.create(tmp_path_factory.mktemp('product') / 'product.db', world)}"


@pytest.fixture
def wired(desk: Desk, staff: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The commands find the desk and a product database in place of what the settings name."""
    parts = SimpleNamespace(
        files=desk.files,
        runtime=desk.runtime,
        settings=load().settings.model_copy(
            update={"zendesk": ZendeskSettings(ticket_page="https://support.example/agent/tickets/{ticket}")}
        ),
        systems=SimpleNamespace(product=ProductDatabase(staff)),
    )

    @contextmanager
    def connected() -> Iterator[Any]:
        yield parts

    monkeypatch.setattr(wiring, "connected", connected)
    return parts


@pytest.fixture
def toys(desk: Desk) -> tuple[Run, Run]:
    """Two open cases; the second one is due first."""
    return desk.start("command-toy", ticket=9), desk.start("command-toy", ticket=2)


@pytest.fixture
def many(desk: Desk) -> list[Run]:
    """Three open cases of one account, and one of another."""
    runs = [desk.start("command-toy", ticket=number) for number in (3, 4, 5, 6)]
    for number, one in enumerate(runs):
        desk.files.label(one.case_id, "team-2" if number == 3 else "team-1")
    return runs
