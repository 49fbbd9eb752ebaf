"""What opens an offboarding: a person sets a status or opens a ticket in HubSpot; each customer leaves once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import flows
from casework.case import Kind
from casework.gateway.hook_events import HubSpotDelivery
from casework.occurrence import ended
from casework.reception_hubspot import PATIENCE, hubspot_changes, offboarding_starter
from casework.sandbox import Fault, People, World, hubspot_search
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.seed_offboarding import ASKED, LEAVING, LEFT, NEW, OFFBOARDING, SUPPORT
from casework.systems import Systems
from casework.systems.errors import Misconfigured, Temporary
from casework.systems.hubspot import HubSpot
from tests.desk import Desk

ASKS = {"client_activity_status": "Offboarding Requested"}
CSM = "staff-11"


class Counter:
    """An account of HubSpot, what tells us of it, and the cases that are started."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        assert flows.__all__
        self.desk = desk
        self.world = World(desk.engine.now, folder=folder)
        self.world.seed()
        self.people = People(self.world)
        self.hubspot = HubSpot(
            self.world.credentials["hubspot_token"],
            transport=httpx_transport(self.world, "hubspot"),
            sleep=desk.engine.sleep,
            seconds=lambda: desk.engine.now().timestamp(),
        )
        places = SimpleNamespace(hubspot=SimpleNamespace(offboarding_pipeline=OFFBOARDING))
        self.systems = cast(Systems, SimpleNamespace(hubspot=self.hubspot, places=places))
        self.start = offboarding_starter(desk.runtime, self.systems)

    def deal(self, company: str = "company-1") -> str:
        """A customer's newest deal."""
        return str(self.world.state["roster"]["companies"][company]["deals"][-1])

    def deals(self, company: str) -> list[str]:
        """A customer's deals, oldest first."""
        return list(self.world.state["roster"]["companies"][company]["deals"])

    def set_status(self, deal: str, status: str = ASKS["client_activity_status"]) -> None:
        """A representative sets the status of a deal."""
        self.desk.engine.sleep(60)
        self.people.rep.edit_deal(deal, CSM, client_activity_status=status)

    def hooks(self) -> None:
        """Pass on what HubSpot tells, but for what we did ourselves."""
        for sent in self.world.take_deliveries("hubspot"):
            for event in HubSpotDelivery.model_validate_json(sent.body).root:
                if not event.ours:
                    self.start(event.hook().event, event.hook().subject)

    def started(self) -> list[str]:
        """The deals for which offboardings were started."""
        runs = self.desk.engine.runs.values()
        assert {run.process for run in runs} <= {"offboarding"}
        return [run.parameters["deal"] for run in runs]

    def end(self, ending: str = "stayed") -> None:
        """The case that runs ends; its end is a hint."""
        (case_id,) = (key for key, run in self.desk.engine.runs.items() if run.state == "scheduled")
        run, files = self.desk.engine.runs[case_id], self.desk.files
        subject = f"hubspot:deal:{run.parameters['deal']}"
        files.begin_leg(case_id, "offboarding", run.parameters, subject)
        self.desk.engine.sleep(60)
        files.append(case_id, Kind.CLOSED, "case", "body", {"ending": ending})
        run.state = ending
        self.start(ended("offboarding"), subject)


@pytest.fixture
def counter(desk: Desk, tmp_path: Path) -> Iterator[Counter]:
    made = Counter(desk, tmp_path / "world")
    yield made
    made.world.close()


# -- a status


@pytest.mark.parametrize("status", ["Offboarding Requested", "Offboarding"])
def test_a_person_sets_the_status(counter: Counter, status: str) -> None:
    """A status that asks starts the offboarding of that deal, once, however often it is told of."""
    counter.set_status(counter.deal(), status)
    counter.hooks()
    counter.start("deal.propertyChange", f"hubspot:deal:{counter.deal()}")
    assert counter.started() == [counter.deal()]


@pytest.mark.parametrize("status", ["Active", "Offboarded"])
def test_another_status(counter: Counter, status: str) -> None:
    """Any other status starts nothing, nor does another change of the deal."""
    counter.set_status(counter.deal("company-4"), status)
    counter.people.rep.edit_deal(counter.deal(), CSM, contract_end_date="2027-01-31")
    counter.hooks()
    assert counter.started() == []


def test_what_is_read_decides(counter: Counter) -> None:
    """A status that was taken back before we looked, and a deal that was deleted, start nothing."""
    counter.set_status(counter.deal())
    counter.set_status(counter.deal(), "Active")
    counter.set_status(counter.deal("company-4"))
    counter.people.rep.delete_deal(counter.deal("company-4"), CSM)
    counter.hooks()
    assert counter.started() == []


@pytest.mark.parametrize("subject", ["hubspot:task:12", "zendesk:ticket:12", "hubspot:deal", "link:x", ""])
def test_what_is_none_of_its_business(counter: Counter, subject: str) -> None:
    """Hints about anything else ask HubSpot nothing."""
    counter.world.misbehave("hubspot", Fault.server_error(), times=1)
    counter.start("some.thing", subject)
    assert len(counter.world.state["faults"]["hubspot"]) == 1


def test_while_hubspot_is_away(counter: Counter) -> None:
    """The hint is tried again, and then starts the case."""
    counter.set_status(counter.deal())
    counter.world.misbehave("hubspot", Fault.server_error(), times=20)
    with pytest.raises(Temporary):
        counter.hooks()
    counter.world.state["faults"]["hubspot"].clear()
    counter.start("deal.propertyChange", f"hubspot:deal:{counter.deal()}")
    assert counter.started() == [counter.deal()]


# -- what we wrote ourselves


def test_what_the_case_writes_starts_nothing(counter: Counter) -> None:
    """Our status stands there, and somebody changes another field: while the case runs and after it nothing starts."""
    counter.set_status(counter.deal())
    counter.hooks()
    counter.hubspot.deals.edit(counter.deal(), status="Offboarding")
    for ending in (None, "offboarded: held"):
        if ending is not None:
            counter.end(ending)
        counter.desk.engine.sleep(3600)
        counter.people.rep.edit_deal(counter.deal(), CSM, contract_end_date="2026-12-31")
        counter.start("deal.propertyChange", f"hubspot:deal:{counter.deal()}")
        assert counter.started() == [counter.deal()]


def test_our_status_in_another_deal_of_the_customer(counter: Counter) -> None:
    """The case is about one deal and writes into the one that counts: that one does not start a second case."""
    asked, counts = counter.deals("company-2")
    counter.set_status(asked)
    counter.hooks()
    counter.hubspot.deals.edit(counts, status="Offboarding")
    counter.start("hubspot.changed", f"hubspot:deal:{counts}")
    counter.end("offboarded: declined")
    counter.start("hubspot.changed", f"hubspot:deal:{counts}")
    assert counter.started() == [asked]


def test_a_cancelled_case_puts_the_asking_back(counter: Counter) -> None:
    """After cancelling the deal asks as before, and HubSpot's clock may be ahead of ours: that is no new request."""
    counter.set_status(counter.deal())
    counter.hooks()
    counter.hubspot.deals.edit(counter.deal(), status="Offboarding")
    counter.end("cancelled")
    counter.desk.engine.sleep(20)
    counter.hubspot.deals.edit(counter.deal(), status="Offboarding Requested")
    counter.start("hubspot.changed", f"hubspot:deal:{counter.deal()}")
    assert counter.started() == [counter.deal()]


def test_asked_again_after_the_end(counter: Counter) -> None:
    """A customer that stayed may leave later: what a person sets after the end starts the next case at once."""
    counter.set_status(counter.deal())
    counter.hooks()
    counter.end("stayed")
    counter.people.rep.edit_deal(counter.deal(), CSM, client_activity_status="Active")
    counter.set_status(counter.deal())
    counter.hooks()
    assert counter.started() == [counter.deal(), counter.deal()]


# -- one customer


def test_two_deals_of_one_customer(counter: Counter) -> None:
    """Both deals are marked: the customer leaves once, whoever looks first, and the older one names the case."""
    older, newer = counter.deals("company-2")
    counter.set_status(newer)
    counter.set_status(older)
    counter.start("deal.propertyChange", f"hubspot:deal:{newer}")
    counter.start("deal.propertyChange", f"hubspot:deal:{older}")
    assert counter.started() == [older]
    counter.end("stayed")
    counter.start("deal.propertyChange", f"hubspot:deal:{newer}")
    assert counter.started() == [older]


def test_another_customer(counter: Counter) -> None:
    """Customers do not wait for each other."""
    for company in ("company-1", "company-4"):
        counter.set_status(counter.deal(company))
        counter.hooks()
    assert counter.started() == [counter.deal("company-1"), counter.deal("company-4")]


def test_a_start_that_waits_for_the_engine(counter: Counter) -> None:
    """While the engine is away the customer's start is kept; its other deal does not start a second one."""
    older, newer = counter.deals("company-2")
    counter.desk.engine.away = True
    counter.set_status(newer)
    counter.hooks()
    counter.set_status(older)
    counter.hooks()
    counter.desk.engine.away = False
    occurrences = counter.desk.files.unstarted(counter.desk.files.now())
    assert [one.parameters for one in occurrences] == [{"deal": newer}]


def test_a_deal_of_no_company(counter: Counter) -> None:
    """A deal that is associated with nobody is its own customer."""
    counter.world.state["hubspot"]["associations"].clear()
    counter.set_status(counter.deal())
    counter.hooks()
    assert counter.started() == [counter.deal()]


# -- tickets


def ticket(counter: Counter, company: str = "company-1", **how: Any) -> str:
    """A ticket is opened."""
    counter.desk.engine.sleep(60)
    return counter.people.rep.open_ticket(company, CSM, **how)


def test_a_ticket_with_a_deal(counter: Counter) -> None:
    """A ticket in the offboarding pipeline starts the offboarding of its deal."""
    older, _ = counter.deals("company-2")
    ticket(counter, "company-2", deal=older)
    counter.hooks()
    assert counter.started() == [older]


def test_a_ticket_of_a_company(counter: Counter) -> None:
    """Without a deal of its own it is the customer's newest, and one whose status asks comes before that."""
    ticket(counter, "company-1")
    counter.hooks()
    assert counter.started() == [counter.deal("company-1")]
    older, _ = counter.deals("company-2")
    counter.set_status(older)
    counter.world.take_deliveries("hubspot")
    ticket(counter, "company-2")
    counter.hooks()
    assert counter.started() == [counter.deal("company-1"), older]


def test_a_ticket_and_a_status(counter: Counter) -> None:
    """Both for one customer: one case. When that has ended, moving the ticket on starts no other."""
    opened = ticket(counter)
    counter.set_status(counter.deal())
    counter.hooks()
    assert counter.started() == [counter.deal()]
    counter.end("offboarded: held")
    for stage in (LEAVING, LEFT):
        counter.desk.engine.sleep(60)
        counter.people.rep.edit_ticket(opened, CSM, hs_pipeline_stage=stage)
        counter.hooks()
    assert counter.started() == [counter.deal()]


def test_a_ticket_that_comes_into_the_pipeline(counter: Counter) -> None:
    """One of the help desk starts nothing until somebody moves it; after an end that counts as new, however old."""
    opened = ticket(counter, pipeline=SUPPORT, stage=NEW)
    counter.hooks()
    assert counter.started() == []
    counter.set_status(counter.deal())
    counter.hooks()
    counter.end("stayed")
    counter.desk.engine.sleep(60)
    counter.people.rep.edit_ticket(opened, CSM, hs_pipeline=OFFBOARDING, hs_pipeline_stage=ASKED)
    counter.start("ticket.propertyChange", f"hubspot:ticket:{opened}")
    assert counter.started() == [counter.deal(), counter.deal()]


def test_a_closed_ticket(counter: Counter) -> None:
    """One that is closed when we look starts nothing."""
    ticket(counter, stage=LEFT)
    counter.hooks()
    assert counter.started() == []


def test_a_ticket_without_a_customer(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    """A form's ticket is associated later: it is looked at again for a day; then the log says what to do."""
    opened = ticket(counter, "company-5")
    for table in list(counter.world.state["hubspot"]["associations"]):
        if f"/{opened}" in table or table.startswith("tickets"):
            counter.world.state["hubspot"]["associations"].pop(table)
    with pytest.raises(Temporary, match=f"customer of ticket {opened}"):
        counter.hooks()
    counter.desk.engine.sleep(PATIENCE.total_seconds())
    with caplog.at_level(logging.ERROR):
        counter.start("ticket.creation", f"hubspot:ticket:{opened}")
    assert f"Ticket {opened} is in the offboarding pipeline" in caplog.text
    assert counter.started() == []
    company = counter.world.state["roster"]["companies"]["company-5"]["company_id"]
    counter.world.state["hubspot"]["associations"][f"tickets/{opened}/companies"] = {company: 339}
    counter.start("ticket.propertyChange", f"hubspot:ticket:{opened}")
    assert counter.started() == [counter.deal("company-5")]


# -- what was not told


def test_what_changed_is_found(counter: Counter) -> None:
    """Asking deals and open tickets in the pipeline that changed since are told of; others are not."""
    counter.set_status(counter.deal("company-4"))
    counter.desk.engine.sleep(3600)
    since = counter.desk.files.now()
    counter.set_status(counter.deal())
    counter.set_status(counter.deal("company-5"), "Active")
    opened, _ = ticket(counter), ticket(counter, stage=LEFT)
    ticket(counter, pipeline=SUPPORT, stage=NEW)
    found = list(hubspot_changes(counter.systems)(since))
    assert [subject for subject, _ in found] == [f"hubspot:deal:{counter.deal()}", f"hubspot:ticket:{opened}"]
    assert all(since < at <= counter.desk.files.now() for _, at in found)
    for subject, _ in found:
        counter.start("hubspot.changed", subject)
    assert counter.started() == [counter.deal()]


def test_an_index_that_lags(counter: Counter) -> None:
    """What the index has not yet is found by a later look, from the same moment."""
    since, changes = counter.desk.files.now(), hubspot_changes(counter.systems)
    hubspot_search.lag(counter.world, 30)
    counter.set_status(counter.deal())
    assert list(changes(since)) == []
    counter.desk.engine.sleep(30)
    assert len(list(changes(since))) == 1


def test_the_account_is_looked_at_first(counter: Counter) -> None:
    """An account that lacks something is told of at each look until it is mended."""
    needed = counter.world.state["hubspot"]["properties"]["deals"].pop("contract_end_date")
    changes = hubspot_changes(counter.systems)
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"deals\.contract_end_date is not there"):
            list(changes(counter.desk.files.now()))
    counter.world.state["hubspot"]["properties"]["deals"]["contract_end_date"] = needed
    assert list(changes(counter.desk.files.now())) == []
