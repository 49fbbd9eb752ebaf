"""A Salesforce client over the stand-in, all it says held to the API's description."""

from __future__ import annotations

from typing import Any

import httpx

from casework.sandbox import People, World
from casework.sandbox.inprocess import httpx_transport
from casework.systems.salesforce import ClientCredentials, Login, Salesforce
from tests.systems.sites import Clock
from tests.systems.vendor import Vendor

URL = "https://org.example"
DATA = "/services/data/v64.0"


class SfOrg:
    """A seeded world and a client of its org; `asked` has what was sent."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock)
        self.world.seed()
        self.people = People(self.world)
        self.asked = Vendor("salesforce", httpx_transport(self.world, "salesforce").handle_request)
        self.client = self.connect()

    def connect(self, login: Login | None = None, **more: Any) -> Salesforce:
        """Another client, by default signed in with the connected app's secret."""
        known = self.world.credentials
        login = login or ClientCredentials(known["salesforce_client_id"], known["salesforce_client_secret"])
        seconds = lambda: self.clock.time.timestamp()  # noqa: E731
        transport: httpx.BaseTransport = self.asked
        return Salesforce(
            URL, login, now=self.clock, transport=transport, sleep=self.clock.sleep, seconds=seconds, **more
        )

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.world.state["salesforce"]
        return state

    def records(self, kind: str) -> list[dict[str, Any]]:
        """All records of an object."""
        return list(self.state["records"][kind].values())

    def contact(self, member: str) -> str:
        """A member's contact."""
        return str(self.world.state["roster"]["members"][member]["contact_id"])

    def sent(self, path: str = "") -> list[httpx.Request]:
        """What was sent to paths that end so."""
        return [one for one in self.asked.requests if one.url.path.endswith(path)]
