"""The office with HubSpot: representatives whose customers leave, engineering that takes access away, and what the deal
then holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from casework import systems, tick
from casework.answer import Accepted, Offer, answer
from casework.case import Kind
from casework.engine.simulated import Run
from casework.gateway.hook_events import HubSpotDelivery
from casework.people import Identity
from casework.sandbox import aws, product, seed_offboarding
from casework.systems.hubspot import HubSpot
from flows.offboarding_forms import Word
from tests.scenarios.office import ROBOT, Office
from tests.scenarios.wire import Killed, Mishap

__all__ = ["ADMIN", "ANSWERS", "CUSTOMER", "LAST_DAY", "NEAR", "REP", "TEAM", "Bureau"]

LAST_DAY = "2026-03-20"
"""A Friday, nearly three weeks after the offices open."""
NEAR = "2026-03-04"
"""A Wednesday, two days after."""
ANSWERS = "https://forms.example/entries/Wexcombe-41"
TEAM, CUSTOMER, ADMIN, REP = "team-103", "company-1", "user-83", "staff-11"
T = TypeVar("T")
DEAL_PAGE = "https://app.hubspot.example/contacts/1/record/0-3/{deal}"
TICKET_PAGE = "https://app.hubspot.example/contacts/1/record/0-5/{ticket}"
URL = "https://hubspot.example"


class Bureau(Office):
    """One deployment with HubSpot around it too; `deal` is the active one of a customer with one.

    After each kill the next comes `killed_again` places later, where that is set.
    """

    def __init__(self, folder: Path, cloud: aws.Aws, url: str | None = None) -> None:
        super().__init__(folder, cloud, url)
        connected = systems.current()
        self.hubspot = self.client(self._hubspot, "hubspot", URL, "token")
        places = systems.HubSpotPlaces(
            deal_page=DEAL_PAGE,
            ticket_page=TICKET_PAGE,
            offboarding_pipeline=seed_offboarding.OFFBOARDING,
            support_pipeline=seed_offboarding.SUPPORT,
            new_stage=seed_offboarding.NEW,
            our_turn_stage=seed_offboarding.OUR_TURN,
            hold_stage=seed_offboarding.HOLD,
        )
        systems.use(replace(connected, hubspot=self.hubspot, places=replace(connected.places, hubspot=places)))
        self.deal = self.deals(CUSTOMER)[-1]
        self.killed_again: int | None = None

    def _hubspot(self, url: str, token: str, **around: Any) -> HubSpot:
        return HubSpot(token, url=url, seconds=lambda: self.engine.now().timestamp(), **around)

    def hooks(self) -> None:
        """Write down what HubSpot tells us too, but for what we did ourselves, and let it be handled."""
        while deliveries := self.world.take_deliveries("hubspot"):
            for sent in deliveries:
                for event in HubSpotDelivery.model_validate_json(sent.body).root:
                    if not event.ours:
                        self.hear(event.hook())
            super().hooks()
        super().hooks()

    def _survive(self, act: Callable[[], T], seconds: float = 10) -> T:
        while True:
            try:
                return act()
            except Killed:
                if self.killed_again is not None:
                    self.wire.mishap = Mishap(len(self.wire.passed) + self.killed_again, "killed after")
                self.engine.sleep(seconds)

    # -- the people

    def leave(self, deal: str = "") -> Run:
        """A representative says in HubSpot that the customer leaves, and the case runs as far as it goes."""
        deal = deal or self.deal
        self.people.rep.edit_deal(deal, REP, client_activity_status="Offboarding Requested")
        self.begin(deal)
        return self.run("offboarding")

    def begin(self, deal: str) -> None:
        """The case of a deal is started, and runs as far as it goes."""
        subject = f"hubspot:deal:{deal}"
        self._survive(lambda: tick.start(self.runtime, "offboarding", subject, {"deal": deal}))
        self.hooks()

    def run(self, process: str) -> Run:
        """The newest run of a process."""
        return [run for run in self.engine.runs.values() if run.process == process][-1]

    def leaving(self, last_day: str = LAST_DAY) -> Run:
        """The customer leaves, and its last day is known: it was invited, and its data was offered."""
        run = self.leave()
        self.reply_to(run, day=last_day)
        return run

    def going(self, last_day: str = LAST_DAY) -> Run:
        """It leaves without its data, and has said why: only the last day is waited for."""
        run = self.leaving(last_day)
        self.say(run, Word.DATA_NOT_WANTED)
        self.say(run, Word.HELD, answers=ANSWERS)
        return run

    def ordered(self) -> Run:
        """Its last day has come, and engineering has its task."""
        run = self.going(NEAR)
        self.advance(days=2.5)
        return run

    def reply_to(self, run: Run, staff: str = REP, **values: str) -> None:
        """Somebody answers the open question of a case, and that counts."""
        (wait,) = self.waiting(run)
        with self.wire.still():
            said = answer(Offer(run.case_id, wait, values, "link", Identity(kind="person", value=staff)))
        assert isinstance(said, Accepted), said
        self.settle()

    def write(self, text: str = "May I ask something?") -> None:
        """The customer replies on the ticket on which it was written to."""
        self.reply(self.letters(), text)

    def edit(self, staff: str = REP, deal: str = "", **values: str) -> None:
        """Somebody sets properties of a deal in HubSpot."""
        self.engine.sleep(1)
        self.people.rep.edit_deal(deal or self.deal, staff, **values)
        self.hooks()

    def say(self, run: Run, said: str, staff: str = REP, **more: str) -> None:
        """The representative says what the customer has said."""
        assert self.waiting(run)[0].startswith("customer/"), self.waiting(run)
        self.reply_to(run, staff, said=said, **more)

    def deactivate(self, team: str = TEAM) -> None:
        """Engineering takes all access away from a team and completes its task."""
        product.deactivate(self.product, team, self.engine.now().isoformat())
        self.complete()

    # -- what can be seen

    def deals(self, company: str) -> list[str]:
        """The deals of a company (`company-1`), oldest first."""
        found: list[str] = self.world.state["roster"]["companies"][company]["deals"]
        return found

    def fields(self, deal: str = "") -> tuple[str | None, str | None]:
        """The Client Activity Status and the Contract End Date of a deal, as HubSpot has them."""
        values = self._records("deals")[deal or self.deal]["properties"]
        return values["client_activity_status"] or None, values["contract_end_date"] or None

    def company(self, name: str) -> dict[str, Any]:
        """The properties of a company (`company-1`), to be changed as by its owner."""
        number = self.world.state["roster"]["companies"][name]["company_id"]
        found: dict[str, Any] = self._records("companies")[number]["properties"]
        return found

    def letters(self) -> int:
        """The newest ticket on which a customer was written to."""
        return self._tickets("offboarding")[-1]

    def export(self) -> int:
        """The newest ticket of a data export that a case of ours asked for."""
        return self._tickets("data_export")[-1]

    def _tickets(self, tag: str) -> list[int]:
        known = self.world.state["zendesk"]["tickets"].values()
        return [one["id"] for one in known if tag in one["tags"]]

    def written(self) -> list[str]:
        """All that the customer was written by us, oldest first, without the references."""
        told = [text for tag in ("offboarding",) for one in self._tickets(tag) for text in self.said(one)]
        return [re.sub(r"\nRef \S+$", "", text) for text in told]

    def kinds(self, run: Run) -> list[str]:
        """The names of the messages that the customer was sent, in order."""
        writing = ("offboarding.invite", "offboarding.letter", "offboarding.ask_for_data")
        begun = [entry.payload for entry in self.entries(run) if entry.kind is Kind.STEP_BEGUN]
        return [one["with"]["message"].rpartition("/")[2] for one in begun if one["step"] in writing]

    def notes(self, deal: str = "") -> list[str]:
        """What our account noted on a deal, oldest first."""
        return [one["hs_note_body"] for one in self._beside(deal, "notes")]

    def tasks(self, deal: str = "") -> list[str]:
        """The statuses of the tasks on a deal, oldest first; withdrawn ones too."""
        return [one["hs_task_status"] for one in self._beside(deal, "tasks")]

    def withdrawn(self, deal: str = "") -> int:
        """How many of the tasks on a deal were withdrawn."""
        return sum(one["archived"] for one in self._of(deal, "tasks"))

    def _beside(self, deal: str, kind: str) -> list[dict[str, Any]]:
        return [one["properties"] for one in self._of(deal, kind)]

    def _of(self, deal: str, kind: str) -> list[dict[str, Any]]:
        beside = self.world.state["hubspot"]["associations"].get(f"deals/{deal or self.deal}/{kind}", {})
        records = self._records(kind)
        return [records[one] for one in sorted(beside, key=int)]

    def _records(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = self.world.state["hubspot"]["objects"].get(kind, {})
        return found

    def asana(self) -> list[tuple[str, bool]]:
        """The tasks in Asana by name, without the references, and whether they are completed."""
        tasks = self.world.state["asana"]["tasks"].values()
        return [(re.sub(r" \[\S+\]$", "", one["name"]), one["completed"]) for one in tasks]

    def comments(self) -> list[str]:
        """What our account commented on the newest task in Asana."""
        stories = self.world.state["asana"]["stories"].get(self.task(), [])
        return [one["text"] for one in stories if one.get("text")]

    def effects(self) -> Counter[str]:
        """Everything that people outside can see, with how often; moments and random names left out."""
        zendesk = self.world.state["zendesk"]
        seen = [f"deal: {self.fields()}"]
        seen += [f"note: {text}" for text in self.notes()]
        seen += [f"call: {status}" for status in self.tasks()]
        for one in zendesk["tickets"].values():
            ours = [said for said in zendesk["comments"][str(one["id"])] if said["author_id"] == ROBOT]
            seen += [f"ticket {one['tags']} {one['status']}: {said['public']} {said['body']}" for said in ours]
        seen += [f"asana: {one}" for one in self.asana()]
        seen += [f"asana comment: {text}" for text in self.comments()] if self.asana() else []
        seen += [f"slack {one}: {text}" for one in (REP, "staff-41", "staff-51") for text in self.slack(one)]
        changing = r"\b\d\d:\d\d\b|Ref \S+|\b[0-9a-f]{8}\b(-[0-9a-f-]+)?|/decide/[^|>]+|`[A-Z2-7]{4}-[A-Z2-7]{4}`"
        return Counter(re.sub(changing, "…", text) for text in seen)
