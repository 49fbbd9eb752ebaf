"""The shared transport: what is repeated, what is in doubt, and what is never told."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.systems.errors import (
    Misconfigured,
    NotFound,
    Refused,
    SystemFault,
    Temporary,
    vendor_code,
)
from casework.systems.http import Http, backoff
from tests.systems.vendor import PLANTED, Handler, in_turn

OK = {"fine": True}
SECRETS = ("s3cret-token", PLANTED, "marlowe@northwind.example")


def http(handler: Handler, slept: list[float], **more: Any) -> Http:
    return Http(
        "Vendor",
        "http://vendor.example/api/1.0",
        headers={"Authorization": "Bearer s3cret-token"},
        transport=httpx.MockTransport(handler),
        sleep=slept.append,
        **more,
    )


def ok() -> httpx.Response:
    return httpx.Response(200, json=OK)


UNCERTAIN = [
    httpx.ReadTimeout("late"),
    httpx.WriteTimeout("late"),
    httpx.ReadError("cut"),
    httpx.RemoteProtocolError("cut"),
    500,
    502,
    503,
    504,
]
NOT_DONE = [
    httpx.ConnectError("no"),
    httpx.ConnectTimeout("no"),
    httpx.PoolTimeout("no"),
    429,
    425,
    408,
]


def answer(kind: Exception | int) -> httpx.Response | Exception:
    return httpx.Response(kind) if isinstance(kind, int) else kind


def test_paths_are_joined_to_the_base_with_its_own_path(slept: list[float]) -> None:
    """A base address with a path (`/api/1.0`) keeps it, with and without slashes around."""
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return ok()

    client = http(handle, slept)
    client.request("read", "GET", "tasks/1")
    client.request("read", "GET", "/tasks/1")
    assert seen == ["http://vendor.example/api/1.0/tasks/1"] * 2


@pytest.mark.parametrize("kind", [*UNCERTAIN, *NOT_DONE], ids=str)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_repeatable_request_outlives_passing_failures(kind: Exception | int, method: str, slept: list[float]) -> None:
    """Idempotent methods are repeated after every failure that may pass."""
    client = http(in_turn(answer(kind), answer(kind), ok()), slept)
    assert client.request("read", method, "x") == OK
    assert len(slept) == 2


@pytest.mark.parametrize("kind", UNCERTAIN, ids=str)
def test_an_unrepeatable_request_is_never_sent_twice_in_doubt(kind: Exception | int, slept: list[float]) -> None:
    """A POST whose outcome is unknown is sent once and raised as maybe done."""
    with pytest.raises(Temporary) as caught:
        http(in_turn(answer(kind)), slept).request("write", "POST", "x", json={})
    assert caught.value.maybe_done
    assert slept == []
    assert "look for its effect" in str(caught.value)


@pytest.mark.parametrize("kind", [*NOT_DONE, httpx.Response(503, headers={"Retry-After": "1"})], ids=str)
def test_an_unrepeatable_request_is_repeated_when_nothing_was_done(kind: Any, slept: list[float]) -> None:
    """A POST that was never sent, or was turned away, is tried again."""
    client = http(in_turn(answer(kind), ok()), slept)
    assert client.request("write", "POST", "x", json={}) == OK


def test_an_idempotency_key_is_sent_and_makes_repeatable(slept: list[float]) -> None:
    """With a key the vendor itself drops the second request, so a POST may be repeated, with the same key."""
    keys: list[str] = []
    answers = in_turn(httpx.ReadTimeout("late"), ok())

    def handle(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return answers(request)

    assert http(handle, slept).request("write", "POST", "x", json={}, idempotency_key="k1") == OK
    assert keys == ["k1", "k1"]


def test_attempts_are_bounded(slept: list[float]) -> None:
    """After the last attempt the failure is raised as Temporary, with its status."""
    client = http(in_turn(*[httpx.Response(500) for _ in range(4)]), slept)
    with pytest.raises(Temporary) as caught:
        client.request("read", "GET", "x")
    assert (caught.value.status, caught.value.maybe_done, len(slept)) == (500, False, 3)


def test_retry_after_in_seconds_is_waited(slept: list[float]) -> None:
    """The vendor's wait is slept in full, with a little added so that callers spread."""
    client = http(in_turn(httpx.Response(429, headers={"Retry-After": "7"}), ok()), slept)
    client.request("read", "GET", "x")
    assert 7 <= slept[0] <= 8


def test_retry_after_as_a_date_counts_from_the_answers_own_date(slept: list[float]) -> None:
    """A date is read relative to the vendor's clock, not ours."""
    headers = {"Retry-After": "Wed, 21 Oct 2015 07:28:09 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}
    client = http(in_turn(httpx.Response(503, headers=headers), ok()), slept)
    client.request("read", "GET", "x")
    assert 9 <= slept[0] <= 10


@pytest.mark.parametrize("value", ["soon", "-5", "1.5", "٣", "Wed, 21 Oct 2015 07:28:09 GMT"])
def test_an_unreadable_retry_after_falls_back_to_our_own_waits(value: str, slept: list[float]) -> None:
    """Nonsense, or a date without a `Date` to compare it with, is as if nothing had been said."""
    client = http(in_turn(httpx.Response(429, headers=[(b"Retry-After", value.encode())]), ok()), slept)
    client.request("read", "GET", "x")
    assert 0 < slept[0] <= 0.5


def test_a_long_wait_is_given_back_to_the_caller(slept: list[float]) -> None:
    """Nobody sleeps through a wait over `patience`: it is raised with its seconds."""
    client = http(in_turn(httpx.Response(429, headers={"Retry-After": "600"})), slept)
    with pytest.raises(Temporary) as caught:
        client.request("read", "GET", "x")
    assert (caught.value.retry_after, slept) == (600, [])


@settings(deadline=None)
@given(st.integers(0, 40))
def test_backoff_grows_and_is_bounded(attempt: int) -> None:
    """Waits are between half and the whole of a ceiling that doubles up to ten seconds."""
    ceiling = min(10.0, 0.5 * 2**attempt)
    assert ceiling / 2 <= backoff(attempt) <= ceiling


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Misconfigured),
        (403, Misconfigured),
        (404, NotFound),
        (409, Refused),
        (422, Refused),
        (301, Misconfigured),
    ],
)
def test_each_status_has_its_kind(status: int, kind: type[SystemFault], slept: list[float]) -> None:
    """Final answers are not repeated and say which kind of trouble they are."""
    with pytest.raises(kind) as caught:
        http(in_turn(httpx.Response(status, json={"error": "RecordInvalid"})), slept).request("do", "PUT", "x")
    assert (caught.value.status, slept) == (status, [])
    assert str(caught.value).startswith("Vendor: do: ")


@pytest.mark.parametrize("content", [b"<html>Blocked by policy</html>", b"OK", b"\xff\xfe{", b'{"cut": '])
@pytest.mark.parametrize(("method", "doubt"), [("GET", False), ("POST", True)])
def test_what_is_not_json_is_no_answer(content: bytes, method: str, doubt: bool, slept: list[float]) -> None:
    """A block page with status 200 is Temporary, and leaves a change in doubt."""
    with pytest.raises(Temporary) as caught:
        http(in_turn(httpx.Response(200, content=content)), slept).request("do", method, "x")
    assert caught.value.maybe_done is doubt


def test_an_empty_answer_is_none(slept: list[float]) -> None:
    """204 and other answers without a body give None."""
    assert http(in_turn(httpx.Response(204)), slept).request("do", "DELETE", "x") is None


FAILURES: list[httpx.Response | Exception] = [
    httpx.ReadTimeout(f"reading {PLANTED}"),
    httpx.Response(500, text=PLANTED),
    httpx.Response(401, json={"error": f"token s3cret-token of {PLANTED}"}),
    httpx.Response(404, text=PLANTED),
    httpx.Response(422, json={"error": "marlowe@northwind.example", "description": PLANTED}),
    httpx.Response(422, json={"error": {"title": PLANTED}}),
    httpx.Response(200, text=f"<html>{PLANTED}</html>"),
    httpx.Response(429, headers={"Retry-After": "600", "x-request-id": f"{PLANTED}<>"}),
    httpx.Response(302, headers={"Location": f"http://{PLANTED}.example"}),
]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_nothing_personal_reaches_logs_or_errors(
    failure: httpx.Response | Exception, slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """Queries, bodies, headers, answers and tokens stay out of logs (httpx's too) and of error texts."""
    caplog.set_level(logging.DEBUG)
    client = http(in_turn(failure), slept, attempts=1)
    with pytest.raises(SystemFault) as caught:
        client.request(
            "find a user",
            "POST",
            "users/search",
            params={"query": "marlowe@northwind.example"},
            json={"name": PLANTED},
        )
    told = caplog.text + str(caught.value) + repr(caught.value) + str(caught.value.__cause__)
    assert not [secret for secret in SECRETS if secret in told]
    assert "find a user" in caplog.text


def test_successes_are_logged_by_operation_and_status_alone(
    slept: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """The log of a good request names system, method, operation, status and time, not the query."""
    caplog.set_level(logging.DEBUG)
    http(in_turn(ok()), slept).request("find a user", "GET", "users", params={"query": PLANTED})
    assert "Vendor GET find a user: 200 in " in caplog.text
    assert "HTTP Request: GET http://vendor.example/api/1.0/users" in caplog.text
    assert PLANTED not in caplog.text


def test_an_answer_of_another_shape_is_refused_without_its_values(slept: list[float]) -> None:
    """A missing part or a wrong type names the field, never the value."""
    client = http(in_turn(), slept)
    with pytest.raises(Refused, match=r"no 'ticket\.id'"):
        client.typed("read", int, {"ticket": {}}, "ticket", "id")
    with pytest.raises(Refused) as caught:
        client.typed("read", list[int], {"ids": [1, PLANTED]}, "ids")
    assert "1 int_parsing" in str(caught.value)
    assert PLANTED not in str(caught.value)
    assert caught.value.__context__ is None


def test_faults_survive_pickling() -> None:
    """A fault raised in another process arrives with all it knows."""
    fault = Temporary("Vendor", "do", "failed", status=503, retry_after=3.0, maybe_done=True)
    copy = pickle.loads(pickle.dumps(fault))
    assert (str(copy), copy.retry_after, copy.maybe_done, copy.status) == (str(fault), 3.0, True, 503)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("RecordInvalid", True),
        ("channel_not_found", True),
        ("path/not_found", True),
        ("a@b.example", False),
        ("two words", False),
        ("xoxb-1234", False),
        ("x" * 60, False),
        (None, False),
        ({"title": "x"}, False),
    ],
)
def test_only_bare_codes_pass_from_a_vendor(text: Any, passes: bool) -> None:
    """What a vendor says is told on only when it is a code."""
    assert (vendor_code(text) is not None) is passes
