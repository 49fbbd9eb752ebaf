"""An Intercom client over the stand-in, all it says held to the API's description."""

from __future__ import annotations

from typing import Any

import httpx

from casework.sandbox import People, World
from casework.sandbox.inprocess import httpx_transport
from casework.systems.intercom import Intercom
from tests.systems.sites import Clock
from tests.systems.vendor import Vendor


class Workspace:
    """A seeded world and a client of its workspace; `asked` has what was sent."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock)
        self.world.seed()
        self.people = People(self.world)
        self.asked = Vendor("intercom", httpx_transport(self.world, "intercom").handle_request)
        token = self.world.credentials["intercom_token"]
        self.client = Intercom(token, transport=self.asked, sleep=self.clock.sleep)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.world.state["intercom"]
        return state

    def conversation(self, name: str) -> str:
        """One of the seed's conversations."""
        return str(self.world.state["roster"]["conversations"][name])

    def contact(self, visitor: str = "visitor-1") -> str:
        """Somebody from outside, by the id of their contact."""
        return str(self.world.state["roster"]["visitors"][visitor]["contact_id"])

    def admin(self, staff_id: str = "staff-14") -> str:
        """A colleague."""
        return str(self.world.state["roster"]["staff"][staff_id]["intercom_admin"])

    def parts(self, conversation: str, kind: str) -> list[dict[str, Any]]:
        """What of this kind was said or done in a conversation."""
        parts = self.state["conversations"][conversation]["parts"]
        return [one for one in parts if one["part_type"] == kind]

    def sent(self, path: str) -> list[httpx.Request]:
        """What was sent to paths that end so."""
        return [one for one in self.asked.requests if one.url.path.endswith(path)]
