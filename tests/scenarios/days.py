"""The office with HubSpot and Intercom: reps, their days in their own zones, and what is written to them.

Schedules are played as Prefect reads them: whenever a cron line of a rep comes round, the process is started.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from casework import standins, systems
from casework.answer import Accepted, Offer, Refused, answer
from casework.engine.simulated import Run
from casework.people import Identity, read_token
from casework.sandbox import aws
from casework.sandbox import seed_offboarding as seed
from casework.sandbox.inprocess import httpx_transport
from casework.systems.hubspot import HubSpot
from casework.systems.intercom import Intercom
from policies.rota import Rostered
from tests.desk import SECRET
from tests.scenarios.office import Office

__all__ = ["COORDINATOR", "Days"]

COORDINATOR = "staff-18"
PAGES = "https://pages.example"


class Days(Office):
    """One deployment with reps: those of the sandbox, or others."""

    def __init__(
        self, folder: Path, cloud: aws.Aws, url: str | None = None, reps: Iterable[Rostered] = standins.REPS
    ) -> None:
        super().__init__(folder, cloud, url)
        self.reps = {one.id: one for one in reps}
        credentials = self.world.credentials
        places = replace(
            systems.current().places,
            hubspot=systems.HubSpotPlaces(
                f"{PAGES}/deals/{{deal}}", f"{PAGES}/tickets/{{ticket}}", seed.OFFBOARDING, seed.SUPPORT,
                seed.NEW, seed.OUR_TURN, seed.HOLD,
            ),
            intercom=systems.IntercomPlaces(
                f"{PAGES}/conversations/{{conversation}}", "to-sales", "Topic", "sales@support.example"
            ),
        )  # fmt: skip
        self.hubspot = HubSpot(
            credentials["hubspot_token"],
            transport=httpx_transport(self.world, "hubspot"),
            sleep=self.engine.sleep,
            seconds=lambda: self.engine.now().timestamp(),
        )
        intercom = Intercom(
            credentials["intercom_token"], transport=httpx_transport(self.world, "intercom"), sleep=self.engine.sleep
        )
        systems.use(replace(systems.current(), hubspot=self.hubspot, intercom=intercom, places=places))
        roles = {**self.runtime.roles, "support-coordinator": (COORDINATOR,)}
        self.runtime = replace(self.runtime, rota=self.reps, roles=roles)

    def hooks(self) -> None:
        """What HubSpot and Intercom tell us starts nothing here."""
        for vendor in ("hubspot", "intercom"):
            self.world.take_deliveries(vendor)
        super().hooks()

    # -- time

    def clock(self, rep: str, moment: datetime | None = None) -> datetime:
        """What the rep's clock shows, now or at a moment."""
        return (moment or self.engine.now()).astimezone(ZoneInfo(self.reps[rep].zone))

    def until(self, rep: str, wall: str, day: date | None = None) -> None:
        """Let time pass until the rep's clock shows a time, of today's date if none is given."""
        shown = datetime.combine(day or self.clock(rep).date(), time.fromisoformat(wall), ZoneInfo(self.reps[rep].zone))
        self.advance(seconds=(shown - self.engine.now()) / timedelta(seconds=1))

    # -- the people

    def day(self, rep: str) -> Run:
        """Their schedule starts the day of a rep."""
        return self.start("support-day", rep=rep)

    def started(self, rep: str) -> Run:
        """The same, whatever is killed meanwhile: the schedule starts it once, and the clock sees to the rest."""
        self._survive(lambda: self.start("support-day", rep=rep))
        self.settle()
        (run,) = self.engine.runs.values()
        return run

    def press_button(self, staff: str, action: str) -> Accepted | Refused:
        """Somebody presses a button (`decide:checked=yes`) in the newest message to them that has it."""
        (channel,) = self.direct_messages(staff)
        self.people.csm.press(channel, action, staff)
        (delivery,) = self.world.take_deliveries("slack")
        pressed = json.loads(parse_qs(delivery.body.decode())["payload"][0])
        (button,) = pressed["actions"]
        asked = read_token(SECRET, button["value"])
        field, _, value = action.partition(":")[2].partition("=")
        identity = Identity(kind="slack", value=pressed["user"]["id"])
        reference = f"slack:{pressed['trigger_id']}"
        said = answer(Offer(asked.case_id, asked.wait, {field: value}, "slack", identity, reference=reference))
        self.settle()
        return said

    # -- what can be seen

    def available(self, staff: str) -> bool:
        """Whether HubSpot assigns tickets to somebody."""
        user = self.world.state["roster"]["staff"][staff]["hubspot_user"]
        status = self.world.state["hubspot"]["objects"]["users"][user]["properties"]["hs_availability_status"]
        return bool(status == "available")

    def heads(self, staff: str) -> list[str]:
        """The first line of each message to somebody, without marks."""
        written = self.slack(staff) if self.direct_messages(staff) else []
        return [text.splitlines()[0].replace("*", "") for text in written]

    def buttons(self, staff: str) -> list[str]:
        """The buttons that can still be pressed."""
        messages: list[dict[str, Any]] = [
            message
            for channel in self.direct_messages(staff)
            for message in self.world.state["slack"]["messages"][channel]
        ]
        blocks = [block for message in messages for block in message["blocks"] if block["type"] == "actions"]
        return [button["action_id"] for block in blocks for button in block["elements"]]
