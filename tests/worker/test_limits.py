"""Limits, priorities and pauses of work pools and queues, and the worker's own `--limit`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.utilities.engine import propose_state

from tests.worker.conftest import Shop

pytestmark = [pytest.mark.engine, pytest.mark.slow]

Opened = Callable[[], AbstractAsyncContextManager[Shop]]

THREE = {"low": {"priority": 3}, "high": {"priority": 1}, "middle": {"priority": 2}}
GRACE_SECONDS = 1.0
"""Five polls: what has not begun after so long does not begin."""


def test_one_at_a_time_by_priority(shop: Opened) -> None:
    """A worker with `--limit 1` runs one run at a time, those of the queue with the lowest number first, and begins
    the next as soon as one has ended."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make(THREE)
            for queue in THREE:
                await ours.schedule(queue, queue)
            async with ours.worker(limit=1):
                for number, expected in enumerate(("high", "middle", "low"), 1):
                    assert (await ours.until_begun(number))[-1] == expected
                    await asyncio.sleep(GRACE_SECONDS / 2)
                    assert len(ours.begun) == number
                    await ours.end(expected)

    asyncio.run(play())


def test_what_comes_later_and_matters_more(shop: Opened) -> None:
    """While a run holds the only slot, one comes that matters more than those that wait: it is the next."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make(THREE)
            await ours.schedule("low", "first")
            async with ours.worker(limit=1):
                await ours.until_begun(1)
                await ours.schedule("middle", "second")
                await ours.schedule("high", "third")
                await ours.end("first")
                assert await ours.until_begun(2) == ["first", "third"]
                await ours.end("third")
                assert await ours.until_begun(3) == ["first", "third", "second"]

    asyncio.run(play())


def test_the_limit_of_a_pool(shop: Opened) -> None:
    """No more runs of a pool are under way than it allows, whatever queue they are in."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make(THREE, concurrency_limit=2)
            for queue in THREE:
                await ours.schedule(queue, queue)
            async with ours.worker():
                assert set(await ours.until_begun(2)) == {"high", "middle"}
                await asyncio.sleep(GRACE_SECONDS)
                assert len(ours.begun) == 2
                await ours.end("middle")
                assert (await ours.until_begun(3))[-1] == "low"

    asyncio.run(play())


def test_the_limit_of_a_pool_while_runs_are_being_taken(shop: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that comes between the look at what is free and the taking of it gets no slot that is given already."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make(THREE, concurrency_limit=1)
            await ours.schedule("low", "first")
            async with ours.worker():
                taking, go_on = asyncio.Event(), asyncio.Event()

                async def slow(*given: Any, **named: Any) -> Any:
                    taking.set()
                    await go_on.wait()
                    return await propose_state(*given, **named)

                monkeypatch.setattr("casework.worker.propose_state", slow)
                await asyncio.wait_for(taking.wait(), 10)
                await ours.schedule("high", "second")
                await asyncio.sleep(GRACE_SECONDS)
                go_on.set()
                await ours.until_begun(1)
                await asyncio.sleep(GRACE_SECONDS)
                assert ours.begun == ["first"]
                await ours.end("first")
                assert await ours.until_begun(2) == ["first", "second"]

    asyncio.run(play())


def test_what_is_not_due_holds_no_slot(shop: Opened) -> None:
    """A run that matters more and is due in ten seconds does not keep the only slot of its pool from one due now."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make(THREE, concurrency_limit=1)
            await ours.schedule("high", "later", at=datetime.now(UTC) + timedelta(seconds=60))
            soon = datetime.now(UTC) + timedelta(seconds=10)
            await ours.schedule("high", "soon", at=soon)
            await ours.schedule("low", "now")
            async with ours.worker():
                assert await ours.until_begun(1) == ["now"]
                assert datetime.now(UTC) < soon

    asyncio.run(play())


def test_the_limit_of_a_queue(shop: Opened) -> None:
    """A queue that takes one run at a time has one under way; other queues of the pool are not held up."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make({"single": {"priority": 1, "concurrency_limit": 1}, "free": {"priority": 2}})
            for name in ("first", "second"):
                await ours.schedule("single", name)
            for name in ("third", "fourth"):
                await ours.schedule("free", name)
            async with ours.worker():
                assert set(await ours.until_begun(3)) == {"first", "third", "fourth"}
                await asyncio.sleep(GRACE_SECONDS)
                assert len(ours.begun) == 3
                await ours.end("first")
                assert (await ours.until_begun(4))[-1] == "second"

    asyncio.run(play())


def test_the_queues_of_a_worker(shop: Opened) -> None:
    """A worker that was given queues (`--work-queue`) leaves runs of the others alone."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make(THREE)
            for queue in THREE:
                await ours.schedule(queue, queue)
            async with ours.worker(work_queues=["low", "high"]):
                assert set(await ours.until_begun(2)) == {"high", "low"}
                await asyncio.sleep(GRACE_SECONDS)
                assert len(ours.begun) == 2

    asyncio.run(play())


def test_a_paused_queue(shop: Opened) -> None:
    """Runs of a paused queue wait, and those of others do not wait for them."""

    async def play() -> None:
        async with shop() as ours:
            await ours.make({"paused": {"priority": 1, "is_paused": True}, "free": {"priority": 2}})
            await ours.schedule("paused", "first")
            await ours.schedule("free", "second")
            async with ours.worker():
                assert await ours.until_begun(1) == ["second"]
                await asyncio.sleep(GRACE_SECONDS)
                assert ours.begun == ["second"]

    asyncio.run(play())
