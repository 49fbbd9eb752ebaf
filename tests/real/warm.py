"""A worker for tests that is warm: it has imported and connected everything and forks a process for each leg.

Prefect's own process worker starts an interpreter for each leg, which costs 4 to 5 s of CPU time; 500 cases would
take most of an hour. Everything else is as with that worker: it polls the work pool, proposes Pending, lets Prefect's
flow engine run the flow in a process of its own, and proposes Crashed when that process fails. Threads in one process
would be cheaper still, but the legs of a site share no memory and no database connection, and what happens when one
leg of a case ends while the next one begins is just what is to be seen. The fork is safe: until then there is one
thread, and no connection that a child goes on with.

`python -m tests.real.warm POOL AT_ONCE`, with the settings of the site in the environment.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from casework import wiring

POLL_SECONDS = 0.1
DUE: Final = "/work_pools/{name}/get_scheduled_flow_runs"


def next_leg(pool: str, at_once: int) -> UUID:
    """Fork for each run that is due, at most `at_once` at a time; returns in the children alone, with the run's id."""
    from prefect.client.orchestration import get_client
    from prefect.states import Crashed, Pending

    legs: dict[int, UUID] = {}
    client = get_client(sync_client=True)
    while True:
        while legs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            run = legs.pop(pid)
            if status:
                client.set_flow_run_state(run, Crashed(message=f"The leg's process ended with {status}."))
        free = at_once - len(legs)
        wanted = {"limit": free, "scheduled_before": datetime.now(UTC).isoformat()}
        due = client.request("POST", DUE, path_params={"name": pool}, json=wanted).json() if free else []
        for run in (UUID(one["flow_run"]["id"]) for one in due):
            if client.set_flow_run_state(run, Pending()).status == "ACCEPT":
                pid = os.fork()
                if not pid:
                    return run
                legs[pid] = run
        if not due:
            time.sleep(POLL_SECONDS)


def main(pool: str, at_once: str) -> None:
    """Connect, then run legs until killed."""
    with wiring.connected() as wired:
        from prefect.engine import handle_engine_signals
        from prefect.flow_engine import load_flow_run, run_flow

        from tests.real.early import early

        wired.files.engine.dispose()
        gc.freeze()
        run = next_leg(pool, int(at_once))
        with handle_engine_signals(run):
            run_flow(early, flow_run=load_flow_run(run))


if __name__ == "__main__":
    main(*sys.argv[1:])
