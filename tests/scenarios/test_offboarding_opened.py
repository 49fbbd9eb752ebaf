"""What HubSpot tells of a leaving customer, followed as the gateway does: one case, whatever that case then writes."""

from __future__ import annotations

import pytest

from casework import systems
from casework.engine.simulated import Run
from casework.gateway.hook_events import HubSpotDelivery
from casework.reception_hubspot import offboarding_starter
from flows.offboarding_forms import Meant, Word
from tests.scenarios.departures import REP, Bureau

ASKED = "Offboarding Requested"


class Door:
    """Follows what HubSpot tells, and looks at every deal again each time, as after a lost hook or a case's end."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        self.start = offboarding_starter(bureau.runtime, systems.current())

    def follow(self) -> None:
        """Handle what came, then look once more at every deal."""
        bureau = self.bureau
        for sent in bureau.world.take_deliveries("hubspot"):
            for event in HubSpotDelivery.model_validate_json(sent.body).root:
                if not event.ours:
                    self.start(event.hook().event, event.hook().subject)
                    bureau.settle()
        for company in ("company-1", "company-2"):
            for deal in bureau.deals(company):
                self.start("hubspot.changed", f"hubspot:deal:{deal}")
        bureau.settle()

    def mark(self, *deals: str) -> None:
        """A representative sets the status of deals."""
        self.bureau.engine.sleep(60)
        for deal in deals:
            self.bureau.people.rep.edit_deal(deal, REP, client_activity_status=ASKED)
        self.follow()

    @property
    def runs(self) -> list[Run]:
        """The offboardings that there were, oldest first."""
        return [run for run in self.bureau.engine.runs.values() if run.process == "offboarding"]


@pytest.fixture
def door(bureau: Bureau) -> Door:
    return Door(bureau)


def test_called_off_and_asked_again(bureau: Bureau, door: Door) -> None:
    """Called off, the deal asks for it as before, and that starts nothing; a person who sets it once more does."""
    door.mark(bureau.deal)
    (run,) = door.runs
    assert bureau.fields()[0] == "Offboarding"
    bureau.files.ask_to_cancel(run.case_id, "staff-41", "not now")
    door.follow()
    assert (bureau.ending(run), bureau.fields()[0]) == ("cancelled", ASKED)
    bureau.engine.sleep(3600)
    door.follow()
    assert door.runs == [run]
    bureau.people.rep.edit_deal(bureau.deal, REP, client_activity_status="Active")
    door.mark(bureau.deal)
    assert len(door.runs) == 2


def test_a_customer_that_stays(bureau: Bureau, door: Door) -> None:
    """Nothing follows the end of a case whose customer stays, and a later leaving is a case of its own."""
    door.mark(bureau.deal)
    (run,) = door.runs
    bureau.reply_to(run, day="2026-03-20")
    bureau.say(run, Word.STAYS)
    door.follow()
    assert (bureau.ending(run), bureau.fields()[0]) == ("stayed", "Active")
    assert door.runs == [run]
    door.mark(bureau.deal)
    assert [one.parameters for one in door.runs] == [{"deal": bureau.deal}] * 2


def test_two_active_deals(bureau: Bureau, door: Door) -> None:
    """Both are marked: one case, which asks which deal counts and writes into that one, and no second one."""
    older, newer = bureau.deals("company-2")
    door.mark(older, newer)
    (run,) = door.runs
    assert bureau.waiting(run) == ["which-deal/1"]
    bureau.answer(run, "staff-13", "which-deal", decision=Meant.NAMED.value, deal=newer)
    door.follow()
    assert bureau.fields(newer)[0] == "Offboarding"
    assert door.runs == [run]


def test_a_mistake(bureau: Bureau, door: Door) -> None:
    """Whoever marked the deals did so by mistake: the case is over, and the marks alone do not bring it back."""
    door.mark(*bureau.deals("company-2"))
    (run,) = door.runs
    bureau.answer(run, "staff-13", "which-deal", decision=Meant.MISTAKE.value)
    bureau.engine.sleep(3600)
    door.follow()
    assert bureau.ending(run) == "cancelled"
    assert door.runs == [run]
