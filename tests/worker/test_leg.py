"""What a leg's process says when its flow has ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Pending

from casework.warm.preload import run_leg

pytestmark = pytest.mark.engine


@flow
def unwound() -> State[Any]:
    """End as a case does that was cancelled and has undone what it did."""
    return Cancelled(message="Unwound.")


@flow
def broken() -> None:
    """End as nobody meant it to."""
    raise RuntimeError("broken")


def run_of(name: str, monkeypatch: pytest.MonkeyPatch) -> FlowRun:
    """A run that is Pending, as it is when a leg's process begins."""
    monkeypatch.setenv("PREFECT__FLOW_ENTRYPOINT", f"{__name__}.{name}")
    with get_client(sync_client=True) as client:
        return client.create_flow_run(globals()[name], state=Pending())


def end(run: UUID) -> str:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
    assert state is not None
    return f"{state.name}: {state.message}"


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Errors in the run's own log, and what Prefect's engine says beside it."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener = Listener(logging.ERROR)
    loggers = [logging.getLogger(name) for name in ("prefect.engine", "prefect.flow_runs")]
    for logger in loggers:
        logger.addHandler(listener)
    yield said
    for logger in loggers:
        logger.removeHandler(listener)


@pytest.mark.usefixtures("prefect_api")
def test_a_cancelled_case_is_no_error(monkeypatch: pytest.MonkeyPatch, complaints: list[str]) -> None:
    """A flow that returns Cancelled ends so, and its process says nothing of an unexpected exception."""
    run = run_of("unwound", monkeypatch)
    run_leg({"flow_run": run.model_dump(mode="json"), "related": {}})
    assert end(run.id) == "Cancelled: Unwound."
    assert complaints == []


@pytest.mark.usefixtures("prefect_api")
def test_a_failure_is_told_once(monkeypatch: pytest.MonkeyPatch, complaints: list[str]) -> None:
    """A flow that fails says so in its run's log, one time."""
    run = run_of("broken", monkeypatch)
    run_leg({"flow_run": run.model_dump(mode="json"), "related": {}})
    assert end(run.id).startswith("Failed")
    assert complaints == ["Encountered exception during execution: RuntimeError('broken')"]
