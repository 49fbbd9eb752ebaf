"""An answer given while the Prefect server or the worker is away is recorded at once; its case goes on afterwards."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from casework.case import Kind
from tests.real.conftest import REASON
from tests.real.site import Site, until

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(900)]

PEOPLE = {"user-88": "staff-13", "user-83": "staff-11", "user-91": "staff-11"}
AT_ONCE_SECONDS = 10.0
"""Within this, an answer is acknowledged; Prefect's client alone would wait for six minutes."""


@contextmanager
def hanging(site: Site, name: str) -> Iterator[None]:
    """One of our children is there and does nothing, as on a machine that swaps."""
    group = site.pid(name)
    assert group is not None
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def decided(site: Site, case: str) -> list[str]:
    """The channels by which the approval of a case was decided."""
    return [one.payload["channel"] for one in site.entries(case, Kind.DECIDED) if one.key == "approval/1"]


def ordered(site: Site, case: str) -> bool:
    """Whether a case waits for what it has ordered from engineering."""
    return "deliverable/1" in site.waiting(case)


def test_answers_while_something_is_away(site: Site) -> None:
    """Three people approve: on the decision page while the worker hangs, on the page while the Prefect server hangs,
    and by the Slack button just after the Prefect server was killed. Each answer is recorded and acknowledged at
    once, and each case goes on when things are back, with one decision and one order to engineering."""
    tickets = [site.players.act("customer", "open_ticket", user_id=user) for user in PEOPLE]
    cases = [until("case", partial(site.case_of, ticket)).case_id for ticket in tickets]
    for case, ticket in zip(cases, tickets, strict=True):
        site.until_waiting(case, "reason/1")
        site.players.act("customer", "reply", ticket=ticket, text=REASON)
    asked = []
    for case, ticket, staff in zip(cases, tickets, PEOPLE.values(), strict=True):
        site.until_waiting(case, "approval/1")
        asked.append(until("message in Slack", partial(site.players.asked, ticket, staff)))

    for name, case, message in (("worker", cases[0], asked[0]), ("prefect", cases[1], asked[1])):
        with hanging(site, name):
            began = time.monotonic()
            site.players.answer(message.link, verdict="approve")
            assert time.monotonic() - began < AT_ONCE_SECONDS
            assert decided(site, case) == ["link"]
    site.kill("prefect")
    began = time.monotonic()
    press = {"channel": asked[2].channel, "ts": asked[2].ts, "staff_id": PEOPLE["user-91"]}
    site.players.act("csm", "press", action_id="decide:verdict=approve", **press)
    until("decision", lambda: decided(site, cases[2]), seconds=AT_ONCE_SECONDS)
    assert decided(site, cases[2]) == ["slack"]

    for case in cases:
        until(f"order of case {case}", partial(ordered, site, case))
        assert len(decided(site, case)) == 1
        steps = [one.payload["step"] for one in site.entries(case, Kind.STEP_DONE)]
        assert steps.count("asana.open_task") == 1
        assert site.files.verify(case) == len(site.entries(case))
        site.command("cancel", case, "--reason", "the test is over")
