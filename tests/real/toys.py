"""Flows that do little, for what a worker is to do with any flow."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from prefect import Flow, flow

__all__ = ["asynchronous", "killed", "note", "slow"]


@flow
def note(place: str) -> None:
    """Write down the process that this is, its parent, and the run that it is told to be."""
    Path(place).write_text(f"{os.getpid()} {os.getppid()} {os.environ['PREFECT__FLOW_RUN_ID']}")


@flow
def slow(place: str, seconds: float) -> None:
    """Take a while; a line when it begins and one when it has been through."""
    with Path(place).open("a") as written:
        written.write(f"begun {os.getpid()}\n")
        written.flush()
        time.sleep(seconds)
        written.write(f"done {os.getpid()}\n")


@flow
def killed() -> None:
    """End as a process does that the machine has no memory for."""
    os.kill(os.getpid(), signal.SIGKILL)


@flow
async def asynchronous(place: str) -> None:
    """Be a coroutine."""
    await asyncio.sleep(0)
    Path(place).write_text("done")


def names() -> list[str]:
    """All of them."""
    return [name for name, one in globals().items() if isinstance(one, Flow)]
