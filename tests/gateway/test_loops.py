"""The loops beside the requests: woken by news, and resting in between."""

from __future__ import annotations

import threading

import pytest

from casework.gateway import loops
from casework.gateway.loops import Loop


def test_news_of_a_burst_is_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a loop is woken in a rest, one round follows it; news in a round is not lost."""
    monkeypatch.setattr(loops, "REST_SECONDS", 0.05)
    rounds = threading.Semaphore(0)
    go_on = threading.Semaphore(0)

    def act() -> None:
        rounds.release()
        assert go_on.acquire(timeout=20)

    loop = Loop("test", 3600, act)
    loop.start()
    assert rounds.acquire(timeout=20)
    for _ in range(10):
        loop.wake()
    go_on.release()
    assert rounds.acquire(timeout=20)
    go_on.release()
    assert not rounds.acquire(timeout=0.3), "the ten were one round"
    loop.wake()
    assert rounds.acquire(timeout=20)
    go_on.release()
    loop.stop()


def test_a_loop_that_rests_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop is stopped in its rest as quickly as while it waits for news."""
    monkeypatch.setattr(loops, "REST_SECONDS", 3600)
    done = threading.Event()
    loop = Loop("test", 3600, done.set)
    loop.start()
    assert done.wait(20)
    loop.stop(patience=20)
    assert not loop._thread.is_alive()
