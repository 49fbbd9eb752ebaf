"""Signing in to Outreach: a chain of tokens that outlives restarts, is shared by processes, and leaves no trace."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from casework.sandbox import Fault
from casework.sandbox.seed_sales import LEADS
from casework.systems.errors import Misconfigured, Refused, Temporary
from casework.systems.outreach import Outreach
from tests.systems.sales import Kept, SalesOrg

TOKEN = "POST /oauth/token"


@pytest.fixture(params=["on_use", "at_once"])
def org(request: pytest.FixtureRequest) -> Iterator[SalesOrg]:
    """An organisation, whichever way its refresh tokens end."""
    made = SalesOrg()
    made.state["rotation"] = request.param
    yield made
    made.world.close()


def look(client: Outreach) -> None:
    client.sequences.sequence(LEADS)


def asked(org: SalesOrg) -> int:
    """How often tokens were asked for."""
    return len(org.sent("POST", "/oauth/token"))


def test_signed_in_once_for_all_processes(org: SalesOrg) -> None:
    """One access token serves all requests of all processes, which could not all ask for one in the same minute."""
    for client in (org.client, org.client, org.connect(), org.connect()):
        look(client)
    assert (asked(org), org.kept.times) == (1, 1)


def test_the_chain_goes_on_after_restarts(org: SalesOrg) -> None:
    """Months after the token of the settings has ended a new process still gets in, by the newest of the chain."""
    known = org.world.state["credentials"]
    look(org.client)
    for _ in range(12):
        org.clock.sleep(timedelta(days=13).total_seconds())
        look(org.connect())
    known["outreach_refresh_token"] = "gone"
    org.clock.sleep(timedelta(days=13).total_seconds())
    look(org.connect(org.app(refresh_token="outreach-sandbox-refresh-e60c")))
    assert asked(org) == 14


def test_renewed_before_it_ends(org: SalesOrg) -> None:
    """An access token is renewed some minutes before its end, and not earlier; nothing is refused in between."""
    look(org.client)
    org.clock.sleep(114 * 60)
    look(org.client)
    assert asked(org) == 1
    org.clock.sleep(2 * 60)
    look(org.client)
    assert asked(org) == 2


def test_a_refused_token_is_renewed_once(org: SalesOrg) -> None:
    """A token that Outreach takes back is replaced, once; what another process has renewed is taken without asking."""
    other = org.connect()
    look(org.client)
    look(other)
    org.clock.sleep(61)
    org.state["access"].clear()
    look(org.client)
    look(other)
    assert asked(org) == 2
    org.clock.sleep(61)
    there = org.asked._handler

    def always(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            org.state["access"].clear()
        return there(request)

    org.asked._handler = always
    with pytest.raises(Misconfigured, match="unauthorized"):
        look(org.client)
    assert asked(org) == 3


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.server_error(502), Fault.block_page()])
def test_the_login_is_away(org: SalesOrg, fault: Fault) -> None:
    """A login that does not answer is a passing trouble, and then the chain goes on."""
    look(org.client)
    org.clock.sleep(3 * 3600)
    org.world.misbehave("outreach", fault, times=4, match=TOKEN)
    with pytest.raises(Temporary, match="sign in"):
        look(org.client)
    org.state["minted"] = None
    org.world.state["faults"]["outreach"].clear()
    look(org.connect())


def test_a_lost_answer_breaks_no_chain() -> None:
    """Where the one before lives until the new one is used, tokens that never arrived cost a minute."""
    org = SalesOrg()
    org.world.state["credentials"]["outreach_refresh_token"] = "an older one"
    org.state["refresh"]["first"] = (org.clock.time + timedelta(days=14)).isoformat()
    client = org.connect(org.app(refresh_token="first"))
    org.world.misbehave("outreach", Fault.answer_lost(), match=TOKEN)
    with pytest.raises(Temporary) as told:
        look(client)
    assert told.value.retry_after == 60
    org.clock.sleep(60)
    look(client)
    org.world.close()


def test_killed_between_getting_and_keeping() -> None:
    """Tokens are kept before they are used: who dies before that goes on with the one before."""
    org = SalesOrg()
    org.world.state["credentials"]["outreach_refresh_token"] = "an older one"
    org.state["refresh"]["first"] = (org.clock.time + timedelta(days=14)).isoformat()

    class Dies(Kept):
        def keep(self, text: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look(org.connect(org.app(refresh_token="first"), Dies()))
    assert org.sent("GET", LEADS) == []
    org.clock.sleep(61)
    look(org.connect(org.app(refresh_token="first")))
    assert len(org.sent("GET", LEADS)) == 1
    org.world.close()


def test_renewed_by_another_meanwhile(org: SalesOrg) -> None:
    """Of two that renew at the same time Outreach refuses one, by whatever reason; it takes what the other kept."""
    one, other = org.connect(), org.connect()
    look(one)
    look(other)
    org.clock.sleep(3 * 3600)
    there = org.asked._handler
    turned: list[bool] = []

    def meanwhile(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token" and not turned:
            turned.append(True)
            look(other)
        return there(request)

    org.asked._handler = meanwhile
    look(one)
    assert asked(org) == 3
    assert org.kept.times == 2


def test_what_the_other_keeps_is_waited_for() -> None:
    """What another process got is on its way to the store for a moment; it is looked for, for some seconds."""
    org = SalesOrg()
    look(org.client)
    newest = org.kept.text
    assert newest is not None
    org.kept.text = None
    late = org.connect()

    def sleep(seconds: float) -> None:
        org.clock.sleep(seconds)
        if len(org.clock.slept) == 3:
            org.kept.text = newest

    late.rest._http._client.auth._sleep = sleep  # type: ignore[union-attr]
    look(late)
    assert org.clock.slept == [0.5] * 3
    org.kept.text = None
    with pytest.raises(Temporary, match="no other session so soon") as told:
        look(org.connect())
    assert told.value.retry_after == 60
    org.world.close()


def test_many_threads_ask_once(org: SalesOrg) -> None:
    """Threads of one process wait for one sign-in."""
    threads = [threading.Thread(target=look, args=(org.client,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert asked(org) == 1


def test_authorised_anew(org: SalesOrg) -> None:
    """Another token in the settings begins another chain, though the old one is still kept."""
    look(org.client)
    org.clock.sleep(61)
    org.world.state["credentials"]["outreach_refresh_token"] = "newly authorised"
    look(org.connect(org.app(refresh_token="newly authorised")))
    assert b"newly" in org.sent("POST", "/oauth/token")[-1].content


def test_a_broken_chain_begins_again(org: SalesOrg) -> None:
    """Where the kept token has ended and that of the settings has not, the latter is taken; so is it for nonsense."""
    look(org.client)
    for broken in (lambda: org.state["refresh"].clear(), lambda: org.kept.keep("{}"), lambda: org.kept.keep("\x00")):
        org.clock.sleep(3 * 3600)
        broken()
        look(org.connect())


def test_the_chain_has_ended(org: SalesOrg) -> None:
    """When no token is taken any more, whoever minds the settings reads what to do."""
    org.world.state["credentials"]["outreach_refresh_token"] = "another"
    with pytest.raises(Misconfigured, match=r"invalid_grant.*outreach\.refresh_token.*14 days"):
        look(org.client)


@pytest.mark.parametrize("change", [{"client_id": "x"}, {"client_secret": "x"}, {"redirect_uri": "https://x.example"}])
def test_wrong_credentials(org: SalesOrg, change: dict[str, str]) -> None:
    """A wrong id, secret or address is for whoever minds the settings."""
    with pytest.raises(Misconfigured, match="sign in"):
        look(org.connect(org.app(**change)))


def test_tokens_of_another_shape() -> None:
    """What is no token is refused, and nothing is kept."""
    org = SalesOrg()
    org.asked._handler = lambda _: httpx.Response(200, json={"access_token": "secret-a", "expires_in": 7200})
    with pytest.raises((Refused, Misconfigured)) as told:
        look(org.client)
    assert "secret-a" not in str(told.value)
    assert org.kept.text is None
    org.world.close()


def test_no_secret_is_shown(org: SalesOrg, caplog: pytest.LogCaptureFixture) -> None:
    """Neither log nor repr nor error has a secret or a token."""
    caplog.set_level(logging.DEBUG)
    look(org.client)
    org.state["access"].clear()
    with pytest.raises(Temporary) as told:
        look(org.client)
    shown = caplog.text + repr(org.app()) + repr(told.value) + str(told.value)
    known = org.world.credentials
    for secret in (known["outreach_secret"], known["outreach_refresh_token"], "outreach-access", "outreach-refresh-0"):
        assert secret not in shown
