"""Whether a webhook was sent by the vendor it claims, checked over the raw bytes before anything is parsed.

Sources: Zendesk "Verifying webhooks", Asana "Webhooks guide", Slack "Verifying requests from Slack", Jira "Webhooks"
(secure admin webhooks), Typeform "Secure your webhooks", HubSpot "Validating requests", Intercom "Webhooks", Outreach
"Webhooks". Zendesk, Slack and HubSpot sign a timestamp; a delivery more than five minutes from `now`, either way, is
refused as a replay (Slack's and HubSpot's own rule; Zendesk names none). The others sign none: their receivers must
drop duplicates.
Salesforce signs nothing by itself: its callouts are written by the org's administrator, in the form that
`verify_salesforce` says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

REPLAY_WINDOW = timedelta(minutes=5)
_DECODED = re.compile("%(" + "|".join(f"{ord(sign):02X}" for sign in ":/?@!$'()*,;") + ")", re.IGNORECASE)
"""The escapes that HubSpot decodes in an address before it signs it; all others it leaves."""


class BadSignature(Exception):
    """A delivery is not authentic or too old. `reason` never quotes the delivery."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def verify_zendesk(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
    """base64 HMAC-SHA256 over timestamp + body; the secret is used as text. Raises `BadSignature`."""
    stamp = _header(headers, "X-Zendesk-Webhook-Signature-Timestamp")
    given = _header(headers, "X-Zendesk-Webhook-Signature")
    _same(given, base64.b64encode(_mac(secret, stamp.encode() + body)).decode())
    try:
        sent = datetime.fromisoformat(stamp)
    except ValueError:
        raise BadSignature("the timestamp is not an ISO 8601 time") from None
    if sent.tzinfo is None:
        raise BadSignature("the timestamp has no time zone")
    _recent(sent, now)


def verify_asana(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """hex HMAC-SHA256 over the body, keyed with the handshake's `X-Hook-Secret`. Raises `BadSignature`."""
    _same(_header(headers, "X-Hook-Signature"), _mac(secret, body).hex())


def verify_slack(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
    """`v0=` + hex HMAC-SHA256 over `v0:{timestamp}:{body}`. Raises `BadSignature`."""
    stamp = _header(headers, "X-Slack-Request-Timestamp")
    given = _header(headers, "X-Slack-Signature")
    _same(given, "v0=" + _mac(secret, b"v0:" + stamp.encode() + b":" + body).hex())
    _recent(_seconds(stamp), now)


def verify_jira(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """`X-Hub-Signature`: the method, `=`, hex HMAC over the body. Only `sha256` is taken. Raises `BadSignature`."""
    method, _, _ = (given := _header(headers, "X-Hub-Signature")).partition("=")
    if method != "sha256":
        raise BadSignature("the signature's method is not sha256")
    _same(given, "sha256=" + _mac(secret, body).hex())


def verify_typeform(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """`sha256=` + base64 HMAC-SHA256 over the body. Raises `BadSignature`."""
    expected = base64.b64encode(_mac(secret, body)).decode()
    _same(_header(headers, "Typeform-Signature"), f"sha256={expected}")


def verify_salesforce(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
    """`v1=` + hex HMAC-SHA256 over `{timestamp}.{body}`, the timestamp in Unix seconds. Raises `BadSignature`.

    A form of our own, after those of Slack and Stripe, which Apex can make: `Crypto.generateMac('hmacSHA256', …)`.
    """
    stamp = _header(headers, "X-Casework-Timestamp")
    given = _header(headers, "X-Casework-Signature")
    _same(given, "v1=" + _mac(secret, stamp.encode() + b"." + body).hex())
    _recent(_seconds(stamp), now)


def verify_hubspot(
    secret: str, method: str, uris: Sequence[str], body: bytes, headers: Mapping[str, str], now: datetime
) -> None:
    """`X-HubSpot-Signature-v3`: base64 HMAC-SHA256 over method + address + body + timestamp. Raises `BadSignature`.

    The timestamp is in milliseconds. `uris` are the addresses, with their queries, by which HubSpot may have called
    us from outside: behind a proxy a request does not know its own. HubSpot's older signatures are not taken: they
    prove no time.
    """
    stamp = _header(headers, "X-HubSpot-Request-Timestamp")
    given = _header(headers, "X-HubSpot-Signature-v3").encode(errors="surrogateescape")
    signed = [
        _mac(secret, method.upper().encode() + _as_signed(uri).encode() + body + stamp.encode(errors="surrogateescape"))
        for uri in uris
    ]
    # All of them are compared, whichever it is.
    if not sum(hmac.compare_digest(given, base64.b64encode(one)) for one in signed):
        raise BadSignature("the signature does not match the body")
    try:
        sent = _seconds("0") + timedelta(milliseconds=int(stamp))
    except (ValueError, OverflowError):
        raise BadSignature("the timestamp is not a number of milliseconds") from None
    _recent(sent, now)


def verify_intercom(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """`X-Hub-Signature`: `sha1=` + hex HMAC-SHA1 over the body; Intercom has no other. Raises `BadSignature`."""
    _same(_header(headers, "X-Hub-Signature"), "sha1=" + _mac(secret, body, hashlib.sha1).hex())


def verify_outreach(secret: str, body: bytes, headers: Mapping[str, str]) -> None:
    """`Outreach-Webhook-Signature`: hex HMAC-SHA256 over the body. Raises `BadSignature`."""
    _same(_header(headers, "Outreach-Webhook-Signature"), _mac(secret, body).hex())


def _as_signed(uri: str) -> str:
    return _DECODED.sub(lambda escape: chr(int(escape[1], 16)), uri)


def _mac(secret: str, signed: bytes, method: Callable[..., Any] = hashlib.sha256) -> bytes:
    if not secret.strip():
        raise ValueError("The signing secret is empty: anyone could sign with it")
    return hmac.new(secret.encode(), signed, method).digest()


def _header(headers: Mapping[str, str], name: str) -> str:
    for key, value in headers.items():
        if key.lower() == name.lower():
            return value
    raise BadSignature(f"the header {name} is missing")


def _same(given: str, expected: str) -> None:
    # Bytes, because compare_digest refuses text that is not ASCII.
    if not hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode()):
        raise BadSignature("the signature does not match the body")


def _seconds(stamp: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise BadSignature("the timestamp is not a number of seconds") from None


def _recent(sent: datetime, now: datetime) -> None:
    if now.tzinfo is None:
        raise ValueError("Timezone aware datetime is required")
    if abs(now - sent) > REPLAY_WINDOW:
        raise BadSignature("the timestamp is more than five minutes away")
