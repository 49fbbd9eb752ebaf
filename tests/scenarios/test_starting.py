"""How a case begins: by a tag, by an operator, at most once per occurrence."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import select

from casework import systems, tick
from casework.case import Kind
from casework.occurrence import ended
from casework.schema import hooks
from tests.scenarios.endings import assert_closed
from tests.scenarios.office import Office


def test_started_by_the_tag(office: Office) -> None:
    """A ticket tagged `data_export` starts a case; one without the tag starts none."""
    plain = office.people.customer.open_ticket("user-88", [])
    office.hooks()
    assert not office.engine.runs
    _, run = office.ask("user-88")
    assert run.parameters == {"ticket": plain + 1}
    assert list(office.engine.runs.values()) == [run]


def test_named_and_tagged_for_people(office: Office) -> None:
    """A run is named by process, ticket and account, and tagged by tier and by whom it waits for."""
    ticket, run = office.ask("user-88")
    assert run.standing is not None
    assert run.standing.name == f"data-export {ticket} team-104"
    assert {"data-export", f"zendesk:ticket:{ticket}", "enterprise", "waiting:customer"} <= set(run.standing.tags)


def test_the_same_event_many_times(office: Office) -> None:
    """The same hook delivered five times opens one case."""
    ticket = office.people.customer.open_ticket("user-88", ["data_export"])
    for _ in range(5):
        office.reception("zen:event-type:ticket.created", f"zendesk:ticket:{ticket}")
    office.settle()
    assert len(office.engine.runs) == 1
    assert len(office.said(ticket)) == 1


def test_two_starts_at_once(office: Office) -> None:
    """Eight starts at the same instant open one case, and all are told the same one."""
    ticket = office.people.customer.open_ticket("user-88", ["data_export"])
    office.world.take_deliveries()
    barrier = threading.Barrier(8)
    told = []

    def start() -> None:
        barrier.wait()
        told.append(tick.start(office.runtime, "data-export", f"zendesk:ticket:{ticket}", {"ticket": ticket}))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    office.settle()
    assert len({case_id for case_id, _ in told}) == 1
    assert sum(fresh for _, fresh in told) == 1
    assert len(office.engine.runs) == 1
    assert len(office.said(ticket)) == 1


def test_the_engine_is_away_at_the_start(office: Office) -> None:
    """A start while the engine is away is made up for by the clock."""
    office.engine.away = True
    ticket = office.people.customer.open_ticket("user-88", ["data_export"])
    office.hooks()
    assert not office.engine.runs
    office.engine.away = False
    office.advance(seconds=10)
    assert office.waiting(office.run_of(ticket)) == ["reason/1"]


def test_an_unknown_ticket(office: Office) -> None:
    """An operator's slip in the number: the case ends as cancelled, and nobody outside has heard of it."""
    run = office.start("data-export", ticket=424242)
    office.settle()
    assert_closed(office, run, "cancelled")
    reasons = [entry.payload["reason"] for entry in office.entries(run, Kind.CANCEL_ASKED)]
    assert reasons == ["the ticket was deleted"]


def test_a_ticket_closed_already(office: Office) -> None:
    """A ticket that is closed before the case begins is no ground for one."""
    ticket = office.people.customer.open_ticket("user-88", ["data_export"])
    office.people.agent.close(ticket)
    office.hooks()
    assert not office.engine.runs
    run = office.start("data-export", ticket=ticket)
    office.settle()
    assert_closed(office, run, "cancelled")


@pytest.mark.parametrize("number", [0, -5, 10**18], ids=["zero", "negative", "huge"])
def test_a_number_that_cannot_be(office: Office, number: int) -> None:
    """A number that no ticket can have reaches no other ticket and ends the case."""
    run = office.start("data-export", ticket=number)
    office.settle()
    assert_closed(office, run, "cancelled")


def test_an_operator_may_start_without_the_tag(office: Office) -> None:
    """Started by an operator, the ticket needs no tag; all decisions are the same."""
    ticket = office.people.customer.open_ticket("user-80", [])
    run = office.start("data-export", ticket=ticket)
    assert_closed(office, run, "refused: ffs")


def test_nothing_restarts_a_solved_ticket(office: Office) -> None:
    """Our own closing of the ticket, and hooks that come late, start nothing."""
    ticket, run = office.ask("user-80")
    office.hooks()
    office.reception("zen:event-type:ticket.created", f"zendesk:ticket:{ticket}")
    office.settle()
    assert list(office.engine.runs.values()) == [run]


def test_reopened_while_it_runs(office: Office) -> None:
    """A ticket solved and reopened by colleagues while the case runs stays the same occurrence."""
    ticket, run = office.ask("user-88")
    office.people.agent.set_status(ticket, "solved")
    office.hooks()
    office.reply(ticket)
    assert list(office.engine.runs.values()) == [run]
    assert office.waiting(run) == ["approval/1"]


@pytest.mark.parametrize("told", ["at once", "never"])
def test_a_reply_on_the_way_to_the_end(office: Office, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """A customer who replies while our last message is being written is not left with a solved ticket.

    The reply has no hook of its own after the end: it opens the next occurrence because the end makes us look again.
    """
    ticket, run = office.ask("user-88")
    assert office.waiting(run) == ["reason/1"]
    writing = systems.current().zendesk.comment
    written: list[int] = []

    def comment(number: int, body: str, public: bool, **more: Any) -> int:
        if more.get("status") == "solved" and not written:
            office.engine.sleep(1)
            written.append(office.people.customer.reply(ticket, "We need it for Thistledown-Vantage"))
            office.world.take_deliveries("zendesk")
            if told == "at once":
                office.follow("zen:event-type:ticket.comment_added", f"zendesk:ticket:{ticket}")
        return writing(number, body, public, **more)

    monkeypatch.setattr(systems.current().zendesk, "comment", comment)
    office.advance(days=15)
    assert_closed(office, run, "withdrawn")
    assert written
    again = office.run_of(ticket)
    assert again is not run
    assert office.waiting(again) == ["reason/1"]
    assert len(office.engine.runs) == 2


def test_the_end_by_itself_starts_nothing(office: Office) -> None:
    """A case that ends looks again, and what the customer wrote before, heard or not, is no reason for another one."""
    ticket, run = office.ask("user-88")
    office.reply(ticket)
    office.engine.sleep(5)
    office.reply(ticket, "Do you have any news?")
    assert office.waiting(run) == ["approval/1"]
    office.engine.sleep(5)
    office.note(ticket, "staff-13", "#deny no contract")
    office.advance(days=1)
    assert office.ending(run) is not None
    assert list(office.engine.runs.values()) == [run]
    with office.files.reading() as connection:
        told = connection.execute(select(hooks).where(hooks.c.event == ended("data-export"))).all()
    assert [(one.delivery, one.handled_at is not None) for one in told] == [(run.case_id, True)]


def test_the_end_of_another_process_starts_nothing(office: Office) -> None:
    """Only the case that ended is asked what it has heard: a file delivered on an old ticket begins no export."""
    ticket, _ = office.ask("user-80")
    office.engine.sleep(5)
    office.people.customer.reply(ticket, "Why?")
    office.world.take_deliveries("zendesk")
    started = []
    for process in ("deliver-file", "data-export"):
        office.reception(ended(process), f"zendesk:ticket:{ticket}")
        started.append(len(office.engine.runs))
    assert started == [1, 2]
