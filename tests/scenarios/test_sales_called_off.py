"""A transfer that is called off in the engine: support reads that it has the conversation, and no mails go on."""

from __future__ import annotations

import pytest

from casework.engine.simulated import Run
from casework.sandbox import seed_sales
from tests.scenarios.endings import assert_closed
from tests.scenarios.sales import CUSTOMERS, Showroom
from tests.scenarios.test_sales_lead import NEW, followed

KEEPS = "This stays with support (cancelled). The customer was told that sales would write"


def called_off(room: Showroom, run: Run) -> None:
    """Somebody presses Cancel in the engine's pages, twice, and the case ends."""
    for _ in range(2):
        room.engine.cancel(run.case_id)
        room.settle()
    assert_closed(room, run, "cancelled")


def kept(room: Showroom, run: Run) -> int:
    """How often it is noted in the conversation that support keeps it."""
    return sum(KEEPS in note for note in room.ours(room.about(run), "note"))


@pytest.mark.parametrize("taken", [False, True])
def test_before_the_thread(showroom: Showroom, taken: bool) -> None:
    """Before sales has written, support reads once that it has the conversation again; it stays open."""
    run = showroom.ask_sales(CUSTOMERS[0], "Billing")
    if taken:
        showroom.take(run)
    called_off(showroom, run)
    assert kept(showroom, run) == 1
    assert showroom.state(showroom.about(run)) == "open"


def test_after_the_thread(showroom: Showroom) -> None:
    """Once sales has written, the conversation stays closed, and nothing is noted in it."""
    run = showroom.ask_sales(CUSTOMERS[0], "Billing")
    showroom.take(run)
    showroom.sent(run)
    called_off(showroom, run)
    assert showroom.state(showroom.about(run)) == "closed"
    assert kept(showroom, run) == 0


def test_while_mails_go_out(showroom: Showroom) -> None:
    """A lead whom our sequence writes to is taken out of it; lead and prospect stay."""
    run = followed(showroom, NEW)
    assert showroom.sequences(showroom.address(NEW)) == [(seed_sales.LEADS, "active")]
    called_off(showroom, run)
    assert showroom.sequences(showroom.address(NEW)) == [(seed_sales.LEADS, "finished")]
    assert len(showroom.leads(showroom.address(NEW))) == 1
