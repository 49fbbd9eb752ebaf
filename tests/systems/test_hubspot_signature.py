"""HubSpot's v3 signature: its published rule, its own SDK's word, proxies, replays, and every way of being wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st

from casework.systems.signatures import BadSignature, verify_hubspot

SECRET = "client-secret"
URI = "https://casework.example/hooks/hubspot"
NOW = datetime(2026, 1, 8, 10, 12, 8, tzinfo=UTC)
BODY = b'[{"eventId":1}]'


def headers(
    body: bytes = BODY, uri: str = URI, *, at: datetime = NOW, method: str = "POST", secret: str = SECRET
) -> dict[str, str]:
    """A delivery signed as the documentation says, the address given as HubSpot has decoded it."""
    stamp = str(int(at.timestamp() * 1000))
    mac = hmac.new(secret.encode(), method.encode() + uri.encode() + body + stamp.encode(), hashlib.sha256)
    return {
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": base64.b64encode(mac.digest()).decode(),
    }


def test_the_published_vector(contracts: Path) -> None:
    """The documented request verifies, and with one byte more, another method or another address it does not."""
    vectors = json.loads((contracts / "webhook-vectors.json").read_text())["vectors"]
    (vector,) = [one for one in vectors if one["vendor"] == "hubspot" and one["note"] == "v3"]
    known, body = vector["headers"], vector["body"].encode()
    now = datetime.fromtimestamp(int(known["X-HubSpot-Request-Timestamp"]) / 1000, UTC)
    verify_hubspot(vector["secret"], "post", [vector["uri"]], body, known, now)
    for method, uri, sent in (
        ("POST", vector["uri"], body + b" "),
        ("PUT", vector["uri"], body),
        ("POST", vector["uri"] + "?a=b", body),
        ("POST", vector["uri"].replace("https", "http"), body),
    ):
        with pytest.raises(BadSignature, match="does not match"):
            verify_hubspot(vector["secret"], method, [uri], sent, known, now)


@given(body=st.text(max_size=100), query=st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=20))
def test_agrees_with_hubspot_s_own_sdk(body: str, query: str) -> None:
    """What HubSpot's SDK signs for an address without escapes is accepted here."""
    stamp, uri = str(int(NOW.timestamp() * 1000)), f"{URI}?q={query}"
    signature = Signature.get_signature(SECRET, body, "v3", uri, "POST", stamp)
    given = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}
    verify_hubspot(SECRET, "POST", [uri], body.encode(), given, NOW)


DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$",
    "%27": "'", "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


@pytest.mark.parametrize(("escape", "sign"), DECODED.items())
def test_escapes_that_hubspot_decodes(escape: str, sign: str) -> None:
    """Each of the twelve documented escapes is decoded before signing, in capitals or not."""
    signed = headers(uri=f"{URI}?next=a{sign}b")
    for asked in (f"{URI}?next=a{escape}b", f"{URI}?next=a{escape.lower()}b", f"{URI}?next=a{sign}b"):
        verify_hubspot(SECRET, "POST", [asked], BODY, signed, NOW)


@pytest.mark.parametrize("escape", ["%20", "%26", "%3D", "%25", "%2B", "%23", "%253A", "%C3%A4"])
def test_escapes_that_stay(escape: str) -> None:
    """Every other escape is signed as it was sent, and nothing is decoded twice."""
    uri = f"{URI}?next={escape}"
    verify_hubspot(SECRET, "POST", [uri], BODY, headers(uri=uri), NOW)


def test_behind_a_proxy() -> None:
    """Any of our public addresses may have been called; one that is not ours does not verify."""
    ours = [URI, "https://casework.second.example/hooks/hubspot"]
    for uri in ours:
        verify_hubspot(SECRET, "POST", ours, BODY, headers(uri=uri), NOW)
    for other in ("http://127.0.0.1:8080/hooks/hubspot", "https://elsewhere.example/hooks/hubspot"):
        with pytest.raises(BadSignature, match="does not match"):
            verify_hubspot(SECRET, "POST", ours, BODY, headers(uri=other), NOW)
    with pytest.raises(BadSignature, match="does not match"):
        verify_hubspot(SECRET, "POST", [], BODY, headers(), NOW)


@pytest.mark.parametrize("seconds", [-300.001, 300.001, -86400])
def test_old_and_future_deliveries_are_replays(seconds: float) -> None:
    """Rightly signed, but over five minutes away in either direction."""
    with pytest.raises(BadSignature, match="five minutes"):
        verify_hubspot(SECRET, "POST", [URI], BODY, headers(at=NOW + timedelta(seconds=seconds)), NOW)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_the_window_includes_its_edges(seconds: int) -> None:
    """Exactly five minutes is still accepted."""
    verify_hubspot(SECRET, "POST", [URI], BODY, headers(at=NOW + timedelta(seconds=seconds)), NOW)


@pytest.mark.parametrize("stamp", ["now", "", "9" * 40, "\udcff"])
def test_a_time_without_meaning(stamp: str) -> None:
    """A rightly signed timestamp that is no number of milliseconds cannot prove freshness."""
    signed = b"POST" + URI.encode() + BODY + stamp.encode(errors="surrogateescape")
    mac = base64.b64encode(hmac.digest(SECRET.encode(), signed, "sha256")).decode()
    given = {"X-HubSpot-Request-Timestamp": stamp, "X-HubSpot-Signature-v3": mac}
    with pytest.raises(BadSignature, match="milliseconds"):
        verify_hubspot(SECRET, "POST", [URI], BODY, given, NOW)


@pytest.mark.parametrize("wrong", ["", "ü", "\udcff", "A" * 44])
def test_any_other_signature(wrong: str) -> None:
    """Nonsense, also beyond ASCII, is a bad signature and not a crash; so is that of another secret."""
    with pytest.raises(BadSignature, match="does not match"):
        verify_hubspot(SECRET, "POST", [URI], BODY, {**headers(), "X-HubSpot-Signature-v3": wrong}, NOW)
    with pytest.raises(BadSignature, match="does not match"):
        verify_hubspot(SECRET, "POST", [URI], BODY, headers(secret="another"), NOW)


def test_the_older_signatures_are_not_taken() -> None:
    """Versions 1 and 2 prove no time: alone they are refused."""
    older = {
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Signature": hashlib.sha256(SECRET.encode() + BODY).hexdigest(),
        "X-HubSpot-Request-Timestamp": headers()["X-HubSpot-Request-Timestamp"],
    }
    with pytest.raises(BadSignature, match="X-HubSpot-Signature-v3 is missing"):
        verify_hubspot(SECRET, "POST", [URI], BODY, older, NOW)
    with pytest.raises(ValueError, match="secret is empty"):
        verify_hubspot("", "POST", [URI], BODY, headers(), NOW)
