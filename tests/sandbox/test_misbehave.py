"""Planned faults come as often as planned, to the requests they are for, with or without the effect."""

from __future__ import annotations

import httpx
import pytest
import requests

from casework.sandbox import VENDORS, Fault, World
from casework.sandbox.inprocess import httpx_transport, requests_adapter
from tests.sandbox.conftest import Api, headers_for

_PATHS = {
    "zendesk": ("GET", "/api/v2/users/me"),
    "slack": ("POST", "/api/auth.test"),
    "asana": ("GET", "/api/1.0/users/me"),
    "dropbox": ("POST", "/2/users/get_current_account"),
    "jira": ("GET", "/rest/api/3/myself"),
    "typeform": ("GET", "/me"),
    "salesforce": ("GET", "/services/data/v64.0/limits"),
    "hubspot": ("GET", "/crm/v3/owners"),
    "intercom": ("GET", "/me"),
    "outreach": ("GET", "/api/v2/users"),
    "qualified": ("GET", "/v2/leads/fields"),
    "onedrive": ("GET", "/v1.0/drives/b!sandbox-drive-0001/root"),
}


def ask(world: World, vendor: str) -> httpx.Response:
    method, path = _PATHS[vendor]
    with httpx.Client(transport=httpx_transport(world, vendor), headers=headers_for(world, vendor)) as client:
        return client.request(method, f"https://vendor.example{path}")


@pytest.mark.parametrize("vendor", [one for one in VENDORS if one != "sns"])
def test_every_vendor_can_misbehave(world: World, vendor: str) -> None:
    """Rate limit, server error, block page and time-out each come once; then the vendor answers again.

    SNS has its own tests: nobody signs in there, and what it answers for is named by its key.
    """
    headers_for(world, vendor)  # signed in before anything goes wrong
    world.misbehave(vendor, Fault.rate_limited(retry_after=7))
    limited = ask(world, vendor)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    world.misbehave(vendor, Fault.server_error(503))
    assert ask(world, vendor).status_code == 503
    world.misbehave(vendor, Fault.block_page())
    page = ask(world, vendor)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    world.misbehave(vendor, Fault.timeout())
    with pytest.raises(httpx.ReadTimeout):
        ask(world, vendor)
    assert ask(world, vendor).status_code == 200


def test_a_fault_is_for_matching_requests_and_as_often_as_planned(world: World, api: Api) -> None:
    """`match` spares other requests, `times` counts the hits."""
    world.misbehave("zendesk", Fault.server_error(), times=2, match="PUT /api/v2/tickets")
    zendesk = api("zendesk")
    assert zendesk.get("/api/v2/users/me").status_code == 200
    puts = [zendesk.put("/api/v2/tickets/1", json={"ticket": {}}).status_code for _ in range(3)]
    assert puts == [500, 500, 404]


@pytest.mark.parametrize(("fault", "effects"), [(Fault.timeout(), 0), (Fault.answer_lost(), 1)])
def test_a_lost_answer_has_acted_and_a_time_out_has_not(world: World, api: Api, fault: Fault, effects: int) -> None:
    """The two failures look alike to the caller; only the world knows whether a ticket was made."""
    world.misbehave("zendesk", fault)
    with pytest.raises(httpx.TransportError):
        api("zendesk").post("/api/v2/tickets", json={"ticket": {"comment": {"body": "x"}}})
    assert len(world.as_dict()["zendesk"]["tickets"]) == effects


def test_requests_sees_the_same_faults(world: World) -> None:
    """The adapter for requests raises requests' own errors."""
    session = requests.Session()
    session.mount("https://api.dropboxapi.com", requests_adapter(world, "dropbox"))
    url = "https://api.dropboxapi.com/2/users/get_current_account"
    for fault, error in (
        (Fault.timeout(), requests.exceptions.ReadTimeout),
        (Fault.answer_lost(), requests.exceptions.ConnectionError),
    ):
        world.misbehave("dropbox", fault)
        with pytest.raises(error):
            session.post(url, headers=headers_for(world, "dropbox"))
    assert session.post(url, headers=headers_for(world, "dropbox")).ok


def test_wrong_plans_are_refused(world: World) -> None:
    """A fault for nobody, for no request or of no kind is an error when it is planned."""
    with pytest.raises(LookupError, match="no stand-in for 'zendask'"):
        world.misbehave("zendask", Fault.timeout())
    with pytest.raises(ValueError, match="at least 1"):
        world.misbehave("zendesk", Fault.timeout(), times=0)
    with pytest.raises(ValueError, match="unknown fault 'sulks'"):
        Fault.named("sulks")
