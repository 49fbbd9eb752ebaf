"""What is counted in the queues of reps: each tool by its own words, and a tool that is down says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from casework import systems
from casework.sandbox import Fault
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.seed_offboarding import OFFBOARDING, SUPPORT
from casework.sandbox.seed_transfer import TEAM
from casework.systems.hubspot import HubSpot
from casework.systems.intercom import Intercom
from casework.systems.zendesk import Zendesk
from policies.support_queue import Ticket, Tool, Turn
from tasks import queues
from tests.scenarios.office import Office

GROUP = 9_100_001


def never(_seconds: float) -> None:
    """Waits for nobody."""


@pytest.fixture
def desk(office: Office) -> Iterator[Office]:
    """The office, with all the tools that have queues."""
    before, world = systems.current(), office.world
    known = world.credentials
    systems.use(
        replace(
            before,
            zendesk=Zendesk(
                "https://support.example",
                known["zendesk_email"],
                known["zendesk_token"],
                transport=httpx_transport(world, "zendesk"),
                sleep=never,
            ),
            intercom=Intercom(known["intercom_token"], transport=httpx_transport(world, "intercom"), sleep=never),
            hubspot=HubSpot(known["hubspot_token"], transport=httpx_transport(world, "hubspot"), sleep=never),
        )
    )
    yield office
    systems.use(before)


def look(tool: Tool, queue: str) -> tuple[Ticket, ...]:
    """What is looked up, outside of any case."""
    found = queues.counted.fn(tool, queue)
    assert found is not None
    return found


def test_intercom(desk: Office) -> None:
    """A team's conversations that are not closed, by where they stand; a missed service level is told."""
    found = look(Tool.INTERCOM, TEAM)
    assert [one.status for one in found].count("unanswered") == 3
    assert [one.turn() for one in found].count(Turn.OURS) == 2
    assert {one.turn() for one in found} == {Turn.NEW, Turn.OURS, Turn.THEIRS}
    assert [one.id for one in found if one.past_sla(desk.world.now())] == [
        desk.world.state["roster"]["conversations"]["feature"]
    ]


def test_zendesk(desk: Office) -> None:
    """A group's tickets that are not solved, by their status and since when, whatever else changed meanwhile."""
    began, agent = desk.world.now(), desk.people.agent
    tickets = [desk.people.customer.open_ticket("user-88", []) for _ in range(5)]
    for ticket in tickets[:4]:
        agent.take(ticket, "staff-14" if ticket != tickets[0] else None, GROUP, 1 if ticket == tickets[1] else None)
    agent.set_status(tickets[2], "hold")
    agent.set_status(tickets[3], "solved")
    desk.engine.sleep(7200)
    agent.internal_note(tickets[2], "staff-14", "still held")
    found = {one.id: one for one in look(Tool.ZENDESK, str(GROUP))}
    assert {key: one.turn() for key, one in found.items()} == {
        str(tickets[0]): Turn.NEW,
        str(tickets[1]): Turn.OURS,
        str(tickets[2]): Turn.ENGINEERING,
    }
    assert {one.since for one in found.values()} == {began.replace(microsecond=0)}
    assert [key for key, one in found.items() if one.past_sla(desk.world.now())] == [str(tickets[1])]
    assert desk.world.now() - began == timedelta(hours=2)


def test_hubspot(desk: Office) -> None:
    """The open tickets of a pipeline by the labels of their stages, since when they are in them, with what is due."""
    found = look(Tool.HUBSPOT, SUPPORT)
    now = desk.world.now()
    assert [one.status for one in found].count("Our Turn") == 2
    assert {one.status: one.turn() for one in found} == {
        "New": Turn.NEW,
        "Our Turn": Turn.OURS,
        "Their Turn": Turn.THEIRS,
        "Engineering Hold": Turn.ENGINEERING,
    }
    (held,) = [one for one in found if one.turn() is Turn.ENGINEERING]
    assert now - held.since >= timedelta(hours=200)
    assert [one.status for one in found if one.past_sla(now)] == ["New"]
    assert look(Tool.HUBSPOT, OFFBOARDING) == ()


@pytest.mark.parametrize(
    ("tool", "vendor", "queue"),
    [(Tool.INTERCOM, "intercom", TEAM), (Tool.ZENDESK, "zendesk", "1"), (Tool.HUBSPOT, "hubspot", SUPPORT)],
)
def test_a_tool_that_is_down(
    desk: Office, caplog: pytest.LogCaptureFixture, tool: Tool, vendor: str, queue: str
) -> None:
    """A tool that is down, or does not let us in, is said to be uncounted, in the log too; the next time it counts."""
    counted = look(tool, queue)
    desk.world.misbehave(vendor, Fault.server_error(503), times=4)
    with caplog.at_level(logging.WARNING, logger="tasks.queues"):
        assert queues.counted.fn(tool, queue) is None
    assert f"The queue {queue} could not be counted" in caplog.text
    assert look(tool, queue) == counted
    desk.world.state["credentials"][f"{vendor}_token"] = "another"
    assert queues.counted.fn(tool, queue) is None


def test_what_is_not_set_up_or_not_there(desk: Office) -> None:
    """A tool without settings and a pipeline that the account does not have cannot be counted either."""
    assert queues.counted.fn(Tool.HUBSPOT, "404") is None
    known = systems.current()
    systems.use(replace(known, intercom=systems.Systems.intercom))
    assert queues.counted.fn(Tool.INTERCOM, TEAM) is None
    systems.use(known)


def test_nothing_personal(desk: Office) -> None:
    """What is counted holds ids, words of the tools and times."""
    desk.people.agent.take(desk.people.customer.open_ticket("user-88", []), "staff-14", GROUP)
    told = repr([look(Tool.INTERCOM, TEAM), look(Tool.HUBSPOT, SUPPORT), look(Tool.ZENDESK, str(GROUP))])
    assert not [planted for planted in desk.world.planted if planted in told]
