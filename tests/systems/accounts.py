"""A HubSpot client over the stand-in, all it says held to the API's description."""

from __future__ import annotations

from typing import Any

import httpx

from casework.sandbox import People, World
from casework.sandbox.inprocess import httpx_transport
from casework.systems.hubspot import HubSpot
from tests.systems.sites import Clock
from tests.systems.vendor import Vendor


class Account:
    """A seeded world and a client of its account; `asked` has what was sent."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock)
        self.world.seed()
        self.people = People(self.world)
        self.asked = Vendor("hubspot", httpx_transport(self.world, "hubspot").handle_request)
        self.client = self.connect()

    def connect(self, **more: Any) -> HubSpot:
        """Another client."""
        seconds = lambda: self.clock.time.timestamp()  # noqa: E731
        token = more.pop("token", self.world.credentials["hubspot_token"])
        return HubSpot(token, transport=self.asked, sleep=self.clock.sleep, seconds=seconds, **more)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.world.state["hubspot"]
        return state

    def records(self, kind: str) -> list[dict[str, Any]]:
        """All records of a kind that are not put away."""
        return [one for one in self.state["objects"][kind].values() if not one["archived"]]

    def deal(self, company: str = "company-1") -> str:
        """A customer's newest deal."""
        return str(self.world.state["roster"]["companies"][company]["deals"][-1])

    def company(self, company: str = "company-1") -> str:
        """A customer's id in HubSpot."""
        return str(self.world.state["roster"]["companies"][company]["company_id"])

    def owner(self, staff_id: str = "staff-14") -> str:
        """A colleague as an owner."""
        return str(self.world.state["roster"]["staff"][staff_id]["hubspot_owner"])

    def sent(self, path: str) -> list[httpx.Request]:
        """What was sent to paths that end so."""
        return [one for one in self.asked.requests if one.url.path.endswith(path)]
