"""Prefect's server, whose garbage is collected by a thread of its own: `python -m casework.engine.prefect_server`.

Takes what `prefect` takes: `server start --port 4200`. With SQLite, Prefect 3.8.8 stands still for a minute under
bursts: the garbage collector, in the thread of the event loop, closes a cursor whose connection waits for the write
lock in another thread, and waits with it until that gives up; meanwhile what holds the lock cannot go on.
"""

from __future__ import annotations

import gc
import threading
import time

COLLECT_SECONDS = 1.0


def collect() -> None:
    """Collect garbage for ever; whatever has to wait for a connection to be closed, it is not the event loop."""
    while True:
        time.sleep(COLLECT_SECONDS)
        gc.collect(1)
        if gc.get_count()[2] > gc.get_threshold()[2]:
            gc.collect()


def main() -> None:
    """Run Prefect's own command."""
    from prefect.cli import app

    gc.freeze()
    gc.disable()
    threading.Thread(target=collect, name="garbage", daemon=True).start()
    app()


if __name__ == "__main__":
    main()
