"""Clients of Jira and Typeform over their stand-ins, all they say held to the vendors' own descriptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from casework.sandbox import People, World
from casework.sandbox.inprocess import httpx_transport
from casework.systems.jira import Jira
from casework.systems.typeform import Typeform
from tests.systems.vendor import Vendor


@dataclass
class Clock:
    """A clock that stands still until somebody sleeps by it."""

    time: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


class Site:
    """A seeded world and clients of it; `jira_asked` and `typeform_asked` have what they sent."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock)
        self.world.seed()
        self.people = People(self.world)
        self.jira_asked = Vendor("jira", _through(self.world, "jira"))
        self.typeform_asked = Vendor("typeform", _through(self.world, "typeform"))
        known = self.world.credentials
        self.jira = Jira(
            "https://jira.example",
            known["jira_email"],
            known["jira_token"],
            transport=self.jira_asked,
            sleep=self.clock.sleep,
        )
        self.typeform = Typeform(
            "https://api.typeform.example",
            known["typeform_token"],
            transport=self.typeform_asked,
            sleep=self.clock.sleep,
        )

    def request(self, user: str = "user-201", **answers: object) -> str:
        """The key of the support issue that a survey was made into."""
        return self.people.customer.file_survey(self.people.customer.answer_survey(user, answers))

    def account(self, person: str) -> str:
        """The Jira account of a colleague or user."""
        roster = self.world.state["roster"]
        return str((roster["staff"].get(person) or roster["users"][person])["jira_id"])


def _through(world: World, vendor: str) -> Callable[[httpx.Request], httpx.Response]:
    return httpx_transport(world, vendor).handle_request
