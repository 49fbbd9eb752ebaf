"""Webhook signatures: the vendors' own examples, replays, and every way of being wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from casework.systems.signatures import (
    REPLAY_WINDOW,
    BadSignature,
    verify_asana,
    verify_intercom,
    verify_jira,
    verify_outreach,
    verify_slack,
    verify_typeform,
    verify_zendesk,
)

SECRET = "signing-secret"
NOW = datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC)


def zendesk_headers(body: bytes, stamp: str, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return {
        "X-Zendesk-Webhook-Signature": base64.b64encode(mac).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": stamp,
    }


def slack_headers(body: bytes, stamp: str, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Signature": f"v0={mac}", "X-Slack-Request-Timestamp": stamp}


def asana_headers(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hook-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def verify(vector: dict[str, Any], body: bytes) -> None:
    secret, headers = vector["secret"], vector["headers"]
    if vector["vendor"] == "zendesk":
        now = datetime.fromisoformat(headers["X-Zendesk-Webhook-Signature-Timestamp"])
        verify_zendesk(secret, body, headers, now)
    elif vector["vendor"] == "slack":
        now = datetime.fromtimestamp(int(headers["X-Slack-Request-Timestamp"]), UTC)
        verify_slack(secret, body, headers, now)
    else:
        unstamped = {
            "asana": verify_asana,
            "intercom": verify_intercom,
            "jira": verify_jira,
            "outreach": verify_outreach,
            "typeform": verify_typeform,
        }
        unstamped[vector["vendor"]](secret, body, headers)


def test_published_vectors_verify_and_break(contracts: Path) -> None:
    """Every published request of our vendors verifies; with one byte more it does not."""
    vectors = json.loads((contracts / "webhook-vectors.json").read_text())["vectors"]
    vendors = {"zendesk", "slack", "asana", "jira", "typeform", "intercom", "outreach"}
    ours = [vector for vector in vectors if vector["vendor"] in vendors]
    assert {vector["vendor"] for vector in ours} == vendors
    for vector in ours:
        verify(vector, vector["body"].encode())
        with pytest.raises(BadSignature, match="does not match"):
            verify(vector, vector["body"].encode() + b" ")


@settings(deadline=None)
@given(body=st.binary(max_size=200), secret=st.text(st.characters(codec="ascii"), max_size=40).filter(str.strip))
def test_slack_agrees_with_slacks_own_verifier(body: bytes, secret: str) -> None:
    """What Slack's SDK signs is accepted here, for any body that it can sign."""
    stamp = str(int(NOW.timestamp()))
    try:
        body.decode()
    except UnicodeDecodeError:
        headers = slack_headers(body, stamp, secret)
    else:
        signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
        assert signature is not None
        headers = {"x-slack-signature": signature, "x-slack-request-timestamp": stamp}
    verify_slack(secret, body, headers, NOW)


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 86400])
def test_old_and_future_deliveries_are_replays(seconds: int) -> None:
    """A rightly signed delivery over five minutes away, in either direction, is refused."""
    sent = NOW + timedelta(seconds=seconds)
    with pytest.raises(BadSignature, match="five minutes"):
        verify_zendesk(SECRET, b"{}", zendesk_headers(b"{}", sent.isoformat()), NOW)
    with pytest.raises(BadSignature, match="five minutes"):
        verify_slack(SECRET, b"{}", slack_headers(b"{}", str(int(sent.timestamp()))), NOW)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_the_window_includes_its_edges(seconds: int) -> None:
    """Exactly five minutes is still accepted."""
    assert timedelta(minutes=5) == REPLAY_WINDOW
    sent = NOW + timedelta(seconds=seconds)
    verify_zendesk(SECRET, b"{}", zendesk_headers(b"{}", sent.isoformat()), NOW)
    verify_slack(SECRET, b"{}", slack_headers(b"{}", str(int(sent.timestamp()))), NOW)


def test_header_names_have_no_case() -> None:
    """Proxies and frameworks change the case of header names."""
    headers = {k.upper(): v for k, v in zendesk_headers(b"x", NOW.isoformat()).items()}
    verify_zendesk(SECRET, b"x", headers, NOW)
    verify_asana(SECRET, b"x", {k.lower(): v for k, v in asana_headers(b"x").items()})


def test_the_timestamp_is_signed() -> None:
    """A fresh timestamp over an old signature does not revive a delivery."""
    headers = zendesk_headers(b"{}", "2025-01-01T00:00:00Z")
    headers["X-Zendesk-Webhook-Signature-Timestamp"] = NOW.isoformat()
    with pytest.raises(BadSignature, match="does not match"):
        verify_zendesk(SECRET, b"{}", headers, NOW)


@pytest.mark.parametrize("wrong", ["", "v0=", "ü", "\udcff", "A" * 64])
def test_any_other_signature_is_refused(wrong: str) -> None:
    """Nonsense, also beyond ASCII, is a bad signature and not a crash."""
    stamp = str(int(NOW.timestamp()))
    with pytest.raises(BadSignature, match="does not match"):
        verify_slack(SECRET, b"{}", {**slack_headers(b"{}", stamp), "X-Slack-Signature": wrong}, NOW)
    with pytest.raises(BadSignature, match="does not match"):
        verify_asana(SECRET, b"{}", {"X-Hook-Signature": wrong})
    with pytest.raises(BadSignature, match="does not match"):
        verify_jira(SECRET, b"{}", {"X-Hub-Signature": f"sha256={wrong}"})
    for header in (wrong, f"sha256={wrong}"):
        with pytest.raises(BadSignature, match="does not match"):
            verify_typeform(SECRET, b"{}", {"Typeform-Signature": header})


@pytest.mark.parametrize("method", ["sha1", "md5", "", "SHA256", "none"])
def test_jira_may_not_choose_a_weaker_method(method: str) -> None:
    """The method stands in the header, which anybody can write: only sha256 is taken, rightly signed or not."""
    mac = hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()
    verify_jira(SECRET, b"{}", {"x-hub-signature": f"sha256={mac}"})
    with pytest.raises(BadSignature, match="method"):
        verify_jira(SECRET, b"{}", {"X-Hub-Signature": f"{method}={mac}"})


@pytest.mark.parametrize("stamp", ["today", "2026-01-08T10:12:08", ""])
def test_a_zendesk_time_without_meaning_is_refused(stamp: str) -> None:
    """A rightly signed timestamp that is no time, or has no zone, cannot prove freshness."""
    with pytest.raises(BadSignature, match="the timestamp"):
        verify_zendesk(SECRET, b"{}", zendesk_headers(b"{}", stamp), NOW)


@pytest.mark.parametrize("stamp", ["now", "", "9" * 30])
def test_a_slack_time_without_meaning_is_refused(stamp: str) -> None:
    """A rightly signed timestamp that is no number of seconds cannot prove freshness."""
    with pytest.raises(BadSignature, match="the timestamp"):
        verify_slack(SECRET, b"{}", slack_headers(b"{}", stamp), NOW)


def test_a_missing_header_is_named() -> None:
    """The reason says which header was expected."""
    with pytest.raises(BadSignature, match="X-Hook-Signature is missing"):
        verify_asana(SECRET, b"{}", {})


def test_an_empty_secret_is_an_error_of_ours() -> None:
    """Nothing verifies against an empty secret, because anyone could sign with it."""
    with pytest.raises(ValueError, match="secret is empty"):
        verify_asana("", b"{}", asana_headers(b"{}", ""))


def test_now_must_be_aware() -> None:
    """A naive time is refused rather than guessed."""
    with pytest.raises(ValueError, match="Timezone aware"):
        verify_zendesk(SECRET, b"", zendesk_headers(b"", NOW.isoformat()), NOW.replace(tzinfo=None))
