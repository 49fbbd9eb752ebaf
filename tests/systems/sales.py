"""Clients of Outreach and Qualified over their stand-ins, all they say held to the vendors' own descriptions."""

from __future__ import annotations

from typing import Any

import httpx

from casework.sandbox import People, World
from casework.sandbox import seed_sales as seed
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.mailing import SUPPORT
from casework.systems.outreach import App, Needs, Outreach
from casework.systems.qualified import Names, Qualified
from tests.systems.sites import Clock
from tests.systems.vendor import Vendor

NEEDS = Needs((seed.LEADS, seed.INTRO), seed.INTRO_TEMPLATE, SUPPORT, seed.HOOKS)


class Kept:
    """Where tokens are, for as many clients as share it; `times` is how often something was kept."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.times = 0

    def read(self) -> str | None:
        return self.text

    def keep(self, text: str) -> None:
        self.text = text
        self.times += 1


class SalesOrg:
    """A seeded world and clients of its sales systems; `asked` has what was sent to Outreach, `site_asked` the rest."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock)
        self.world.seed()
        self.people = People(self.world)
        self.asked = Vendor("outreach", httpx_transport(self.world, "outreach").handle_request)
        self.site_asked = Vendor("qualified", httpx_transport(self.world, "qualified").handle_request)
        self.kept = Kept()
        self.client = self.connect()
        self.site = self.visit()

    def app(self, **change: str) -> App:
        """Our app, with the right credentials but for `change`."""
        known = self.world.credentials
        given = {
            "client_id": known["outreach_client_id"],
            "client_secret": known["outreach_secret"],
            "redirect_uri": known["outreach_redirect_uri"],
            "refresh_token": known["outreach_refresh_token"],
        }
        return App(**(given | change))

    def connect(self, app: App | None = None, kept: Kept | None = None, needs: Needs = NEEDS) -> Outreach:
        """Another client of Outreach, as another process has one: by default with the same tokens."""
        return Outreach(
            app or self.app(),
            kept or self.kept,
            now=self.clock,
            needs=needs,
            transport=self.asked,
            sleep=self.clock.sleep,
        )

    def visit(self, names: Names | None = None, token: str | None = None) -> Qualified:
        """Another client of Qualified."""
        token = token or self.world.credentials["qualified_token"]
        return Qualified(token, names=names, transport=self.site_asked, sleep=self.clock.sleep)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.world.state["outreach"]
        return state

    def records(self, kind: str) -> dict[str, Any]:
        """All resources of a kind in Outreach, by id."""
        found: dict[str, Any] = self.state["records"].get(kind, {})
        return found

    def visitor(self, name: str = "visitor-4") -> dict[str, Any]:
        """Somebody who was on the website."""
        found: dict[str, Any] = self.world.state["roster"]["visitors"][name]
        return found

    def mailbox(self, staff_id: str = "staff-64") -> str:
        """A colleague's mailbox."""
        return str(self.world.state["roster"]["staff"][staff_id]["outreach_mailbox"])

    def sent(self, method: str, path: str) -> list[httpx.Request]:
        """What was sent so to paths that end so."""
        return [one for one in self.asked.requests if one.method == method and one.url.path.endswith(path)]
