"""A seeded world, clients of its stand-ins, and a clock that moves when told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from casework.sandbox import People, World
from casework.sandbox.inprocess import httpx_transport

_CONTRACTS = Path(__file__).resolve().parents[2] / "../shared/contracts"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        """Moves the clock, for example `forward(seconds=3)`."""
        self.time += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def echo(_target: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
    """A gateway that agrees to every Asana handshake."""
    return 200, {"X-Hook-Secret": headers["X-Hook-Secret"]}


@pytest.fixture
def world(clock: Clock) -> Iterator[World]:
    made = World(clock, business=True, handshake=echo)
    made.seed()
    yield made
    made.close()


@pytest.fixture
def people(world: World) -> People:
    return People(world)


def headers_for(world: World, vendor: str) -> dict[str, str]:
    """The credentials that the vendor's stand-in accepts."""
    known = world.credentials
    if vendor == "zendesk":
        pair = f"{known['zendesk_email']}/token:{known['zendesk_token']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if vendor == "jira":
        pair = f"{known['jira_email']}:{known['jira_token']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if vendor == "onedrive":
        token = next(iter(world.state["onedrive"]["tokens"]), None) or graph_token(world)
        return {"Authorization": f"Bearer {token}"}
    if vendor == "salesforce":
        token = next(iter(world.state["salesforce"]["tokens"]), None) or salesforce_token(world)
        return {"Authorization": f"Bearer {token}"}
    if vendor == "outreach":
        alive = (token for token, of in world.state["outreach"]["access"].items() if of["until"] > _utc(world))
        token = next(alive, None) or str(outreach_tokens(world)["access_token"])
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/vnd.api+json"}
    version = {"Intercom-Version": "2.14"} if vendor == "intercom" else {}
    return {"Authorization": f"Bearer {known[vendor + '_token']}", **version}


def _utc(world: World) -> str:
    return world.now().isoformat()


def outreach_form(world: World, **change: str) -> dict[str, str]:
    """What an app sends for tokens, right but for `change`."""
    known = world.credentials
    form = {
        "grant_type": "refresh_token",
        "client_id": known["outreach_client_id"],
        "client_secret": known["outreach_secret"],
        "redirect_uri": known["outreach_redirect_uri"],
        "refresh_token": known["outreach_refresh_token"],
    }
    return form | change


def outreach_tokens(world: World, **change: str) -> dict[str, Any]:
    """Tokens of the organisation, for an app with the right credentials but for `change`."""
    with httpx.Client(transport=httpx_transport(world, "outreach"), base_url="https://api.outreach.example") as login:
        answer = login.post("/oauth/token", data=outreach_form(world, **change))
    answer.raise_for_status()
    given: dict[str, Any] = answer.json()
    return given


def graph_token(world: World, **change: str) -> str:
    """A token of the identity platform, for an app with the right credentials but for `change`."""
    known = world.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": known["onedrive_client_id"],
        "client_secret": known["onedrive_client_secret"],
        "scope": "https://graph.example/.default",
    }
    with httpx.Client(transport=httpx_transport(world, "onedrive"), base_url="https://login.example") as login:
        answer = login.post(f"/{known['onedrive_tenant']}/oauth2/v2.0/token", data=form | change)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def salesforce_token(world: World) -> str:
    """A session of the org, by the connected app's secret."""
    known = world.credentials
    form = {
        "grant_type": "client_credentials",
        "client_id": known["salesforce_client_id"],
        "client_secret": known["salesforce_client_secret"],
    }
    with httpx.Client(transport=httpx_transport(world, "salesforce"), base_url="https://org.example") as login:
        answer = login.post("/services/oauth2/token", data=form)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


Api = Callable[[str], httpx.Client]


@pytest.fixture
def api(world: World) -> Api:
    """A client with credentials for a vendor, in process."""
    hosts = {
        "zendesk": "https://support.example",
        "slack": "https://slack.example/api",
        "asana": "https://asana.example/api/1.0",
        "dropbox": "https://api.dropboxapi.com/2",
        "jira": "https://jira.example",
        "typeform": "https://api.typeform.example",
        "salesforce": "https://org.example/services/data/v64.0",
        "hubspot": "https://api.hubspot.example",
        "intercom": "https://api.intercom.example",
        "outreach": "https://api.outreach.example/api/v2",
        "qualified": "https://api.qualified.example/v2",
        "dropbox-content": "https://content.dropboxapi.com/2",
    }

    def client(name: str) -> httpx.Client:
        vendor = name.split("-")[0]
        return httpx.Client(
            transport=httpx_transport(world, vendor), base_url=hosts[name], headers=headers_for(world, vendor)
        )

    return client


@pytest.fixture(scope="session")
def contracts() -> Callable[[str], Any]:
    """Reads a vendor contract by file name; skips the test when the contracts are not beside the project."""

    def read(name: str) -> Any:
        path = _CONTRACTS / name
        if not path.exists():
            pytest.skip(f"vendor contract {name} is not beside the project")
        return json.loads(path.read_text())

    return read
