"""What the warm worker uses of Prefect that Prefect does not promise: one test fails when any of it changes."""

from __future__ import annotations

import inspect
from importlib.metadata import entry_points
from typing import Any

import pytest
from prefect._internal import control_listener
from prefect._internal.attempt_control import INTENT_FOR_BYTE
from prefect._internal.metrics import RunMetrics
from prefect.engine import handle_engine_signals
from prefect.events.clients import PrefectEventSubscriber, get_events_subscriber
from prefect.flow_engine import load_flow, run_flow
from prefect.runner._control_channel import ControlChannel, ControlSignalStatus
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseWorker

from casework.worker import TYPE, WarmWorker

SIGNATURES = {
    control_listener.configure_from_env: [],
    RunMetrics: ["flow_run", "flow"],
    ControlChannel.register: ["self", "flow_run_id"],
    ControlChannel.unregister: ["self", "flow_run_id"],
    ControlChannel.get_conclusion: ["self", "flow_run_id"],
    ControlChannel.signal: ["self", "flow_run_id", "intent"],
    handle_engine_signals: ["flow_run_id"],
    load_flow: ["flow_run"],
    propose_state: ["client", "state", "flow_run_id", "force"],
    BaseWorker.setup: ["self"],
    BaseWorker.teardown: ["self", "exc_info"],
    BaseWorker.sync_with_backend: ["self"],
    BaseWorker.get_and_submit_flow_runs: ["self"],
    BaseWorker.run: ["self", "flow_run", "configuration", "task_status"],
    BaseWorker.kill_infrastructure: ["self", "infrastructure_pid", "configuration", "grace_seconds"],
    BaseWorker._mark_flow_run_as_cancelled: ["self", "flow_run", "state_updates"],
    BaseWorker._propose_crashed_state: ["self", "flow_run", "message", "client"],
}
ATTRIBUTES = {
    "_exit_stack",
    "_has_successfully_synced",
    "_last_polled_time",
    "_limiter",
    "_logger",
    "_prefetch_seconds",
    "_runs_task_group",
    "_work_pool",
    "_work_pool_name",
    "_work_queues",
}


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__qualname__)
def test_a_function_takes_what_it_took(function: Any) -> None:
    """Each has the parameters that we give or override."""
    assert list(inspect.signature(function).parameters) == SIGNATURES[function]


def test_a_worker_has_what_it_had() -> None:
    """Each attribute of the base class that we read or set is there before `setup`."""
    assert vars(WarmWorker("pool")).keys() >= ATTRIBUTES


def test_the_event_stream_begins_where_we_say() -> None:
    """Unless it is said, a connect brings the events of a whole minute."""
    stream = PrefectEventSubscriber("http://127.0.0.1:9/api")
    assert vars(stream)["_backfill_since"] is None
    assert "since=self._backfill_since" in inspect.getsource(type(stream)._reconnect)


def test_the_base_class_polls_by_what_we_override() -> None:
    """`start` calls our poll and our heartbeat; nothing else submits runs."""
    source = inspect.getsource(BaseWorker.start)
    assert "workload=self.get_and_submit_flow_runs" in source
    assert "workload=self._sync_and_initialize" in source
    assert "await self.sync_with_backend()" in inspect.getsource(BaseWorker._sync_and_initialize)
    assert inspect.getsource(BaseWorker).count("self._submit_scheduled_flow_runs(") == 1


def test_intents_and_environment_are_called_as_they_were() -> None:
    """The engine knows the intents that we send, and reads the variables that we set."""
    assert {"cancel", "reschedule"} <= set(INTENT_FOR_BYTE.values())
    assert {one.name for one in ControlSignalStatus} >= {"ALREADY_CONCLUDED"}
    assert "PREFECT__FLOW_ENTRYPOINT" in inspect.getsource(load_flow)
    source = inspect.getsource(control_listener)
    assert "INTENT_FOR_BYTE.get(" in source
    assert "PREFECT__CONTROL_PORT" in source
    assert "PREFECT__CONTROL_TOKEN" in source


def test_public_functions_take_what_we_give() -> None:
    """Some public ones that carry everything."""
    assert {"flow", "flow_run", "return_type", "error_logger"} <= inspect.signature(run_flow).parameters.keys()
    assert {"filter", "reconnection_attempts"} <= inspect.signature(get_events_subscriber).parameters.keys()


def test_the_worker_is_found_by_its_type() -> None:
    """`prefect worker start --type casework-warm` finds it through the package's entry point."""
    names = {one.name: one.value for one in entry_points(group="prefect.collections")}
    assert names.get("casework") == "casework.worker", "install the package again: its entry points are old"
    assert BaseWorker.get_worker_class_from_type(TYPE) is WarmWorker
