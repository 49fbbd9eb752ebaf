"""HubSpot's limits: short ones are waited out, the day's is left alone in time, and both say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from casework.systems.errors import Temporary
from casework.systems.hubspot import HubSpot
from casework.systems.hubspot_limits import LOOK_AGAIN, Limits
from tests.systems.accounts import Account
from tests.systems.vendor import PLANTED, Vendor, in_turn


@pytest.fixture
def account() -> Iterator[Account]:
    made = Account()
    yield made
    made.world.close()


def limited(policy: str | None, **headers: str) -> httpx.Response:
    said = {"status": "error", "message": PLANTED, "errorType": "RATE_LIMIT", "correlationId": "c"}
    return httpx.Response(429, json=said | ({"policyName": policy} if policy else {}), headers=headers)


@pytest.mark.parametrize(
    ("policy", "headers", "wait"),
    [
        ("SECONDLY", {}, 1.0),
        ("TEN_SECONDLY_ROLLING", {}, 10.0),
        ("ten_secondly_rolling", {}, 10.0),
        ("TEN_SECONDLY_ROLLING", {"Retry-After": "17"}, 17.0),
        ("SECONDLY", {"Retry-After": "0"}, 1.0),
        ("SOMETHING_NEW", {}, 10.0),
        (None, {}, 10.0),
    ],
)
def test_short_limits_are_waited_out(
    account: Account, policy: str | None, headers: dict[str, str], wait: float
) -> None:
    """A 429 of seconds is slept here as long as its policy lasts, longer when `Retry-After` says so, and repeated."""
    refused = in_turn(limited(policy, **headers))
    slept: list[float] = []

    def handle(request: httpx.Request) -> httpx.Response:
        return account.asked.handle_request(request) if slept else refused(request)

    token, transport = account.world.credentials["hubspot_token"], httpx.MockTransport(handle)
    client = HubSpot(token, transport=transport, sleep=slept.append)
    # A request that makes something is repeated too: what was turned away was not done.
    client.notes.create(("deals", account.deal()), "once", at=account.clock.time)
    assert len(account.records("notes")) == 1
    assert len(slept) == 1
    assert wait < slept[0] <= wait + 0.5


def test_a_short_limit_that_stays() -> None:
    """After four times it is raised, as an error that is worth trying again and has done nothing."""
    vendor = Vendor("hubspot", in_turn(*[limited("TEN_SECONDLY_ROLLING")] * 4))
    with pytest.raises(Temporary, match=r"too many requests at once \(TEN_SECONDLY_ROLLING\)") as told:
        HubSpot("t", transport=vendor, sleep=lambda _: None).notes.create(("deals", "7"), "x", at=Account().clock.time)
    assert (told.value.retry_after, told.value.maybe_done, told.value.status) == (10.0, False, 429)
    assert PLANTED not in str(told.value)


def test_a_burst(account: Account) -> None:
    """Where the account allows so many requests in ten seconds, a longer burst gets through by waiting."""
    account.state["limits"] |= {"rolling": 5, "enforced": True}
    for _ in range(12):
        account.client.deals.deal(account.deal())
    assert len(account.clock.slept) == 2
    assert all(10 <= wait <= 10.5 for wait in account.clock.slept)


def test_searches_have_a_limit_of_their_own(account: Account) -> None:
    """Searches in one second are limited apart; the next second they go on."""
    account.state["limits"] |= {"searches": 2, "enforced": True}
    for _ in range(5):
        account.client.rest.count("count", "deals")
    assert len(account.clock.slept) == 2
    assert all(1 <= wait <= 1.5 for wait in account.clock.slept)


def test_the_day_s_requests_are_used_up(account: Account) -> None:
    """The day's limit is raised with what to do, asks nobody for a quarter of an hour, and ends at midnight there."""
    client = account.connect(reserve=0.0)
    account.state["limits"] |= {"daily": 3}
    for _ in range(3):
        client.deals.deal(account.deal())
    asked = len(account.asked.requests)
    for _ in range(2):
        with pytest.raises(Temporary, match=r"lower hubspot\.reserve.*midnight") as told:
            client.deals.deal(account.deal())
        assert told.value.retry_after == LOOK_AGAIN
        assert len(account.asked.requests) == asked
    account.clock.sleep(LOOK_AGAIN)
    with pytest.raises(Temporary, match="used up"):
        client.deals.deal(account.deal())
    assert len(account.asked.requests) == asked + 1
    account.clock.time += timedelta(hours=20)
    assert client.deals.deal(account.deal()).status == "Active"


def test_the_last_is_left_to_others(account: Account) -> None:
    """Before the last of the day's requests is used we stop, so that the account's other apps go on."""
    client = account.connect(reserve=0.25)
    account.state["limits"] |= {"daily": 8}
    for _ in range(6):
        client.deals.deal(account.deal())
    with pytest.raises(Temporary, match="2 of the account's 8 requests"):
        client.deals.deal(account.deal())
    assert account.state["limits"]["used"] == 6


def test_searches_say_nothing_of_the_day(account: Account) -> None:
    """An answer without the headers changes nothing of what is known."""
    client = account.connect(reserve=0.5)
    account.state["limits"] |= {"daily": 10}
    client.rest.count("count", "deals")
    for _ in range(4):
        client.deals.deal(account.deal())
    with pytest.raises(Temporary):
        client.rest.count("count", "deals")


@pytest.mark.parametrize(
    "headers", [{}, {"x-hubspot-ratelimit-daily": "x"}, {"x-hubspot-ratelimit-daily-remaining": "0"}]
)
def test_headers_that_say_nothing(headers: dict[str, Any]) -> None:
    """Only both figures together count."""
    limits = Limits(0.05, lambda: 0.0)
    limits.note(headers)
    limits.demand("read")


@pytest.mark.parametrize("reserve", [-0.1, 1.0])
def test_a_reserve_that_cannot_be(reserve: float) -> None:
    """The reserve is a part of the whole."""
    with pytest.raises(ValueError, match="reserve"):
        Limits(reserve, lambda: 0.0)
