"""Signed deliveries from the vendors: who signs what, and how.

The signed text is the exact body that goes out; each vendor's rule is from its own webhook page
(Zendesk "verifying webhook authenticity", Asana "webhooks guide", Slack "verifying requests", Jira "webhooks",
Typeform "secure your webhooks", HubSpot "validating requests", Intercom and Outreach "webhooks"). Salesforce
signs nothing by itself: an org's administrator writes its callouts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request from a vendor to us. `kind` says which of our addresses it is for unless `target` does."""

    id: str
    vendor: str
    kind: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    target: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As it is kept in the world's state; bodies are always UTF-8 text."""
        return {
            "id": self.id,
            "vendor": self.vendor,
            "kind": self.kind,
            "headers": self.headers,
            "body": self.body.decode(),
            "target": self.target,
        }

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Delivery:
        """The inverse of `as_dict`."""
        return cls(
            kept["id"],
            kept["vendor"],
            kept["kind"],
            dict(kept["headers"]),
            kept["body"].encode(),
            kept["target"],
        )


def _mac(secret: str, text: bytes) -> hmac.HMAC:
    return hmac.new(secret.encode(), text, hashlib.sha256)


def sign_zendesk(secret: str, timestamp: str, body: bytes) -> dict[str, str]:
    """base64(HMAC-SHA256(timestamp + body)); the timestamp is signed as the text it is sent as."""
    signature = base64.b64encode(_mac(secret, timestamp.encode() + body).digest()).decode()
    return {
        "X-Zendesk-Webhook-Signature": signature,
        "X-Zendesk-Webhook-Signature-Timestamp": timestamp,
    }


def sign_asana(secret: str, body: bytes) -> dict[str, str]:
    """hex(HMAC-SHA256(body)), with the secret of the handshake."""
    return {"X-Hook-Signature": _mac(secret, body).hexdigest()}


def sign_slack(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """v0=hex(HMAC-SHA256("v0:timestamp:body")); the timestamp is in Unix seconds."""
    signature = _mac(secret, f"v0:{timestamp}:".encode() + body).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={signature}"}


def sign_jira(secret: str, body: bytes) -> dict[str, str]:
    """sha256=hex(HMAC-SHA256(body)), as a webhook of Jira's administration with a secret."""
    return {"X-Hub-Signature": f"sha256={_mac(secret, body).hexdigest()}"}


def sign_typeform(secret: str, body: bytes) -> dict[str, str]:
    """sha256=base64(HMAC-SHA256(body))."""
    return {"Typeform-Signature": f"sha256={base64.b64encode(_mac(secret, body).digest()).decode()}"}


def sign_salesforce(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """v1=hex(HMAC-SHA256("timestamp.body")), as the org's own Apex signs its callouts; Unix seconds."""
    signature = _mac(secret, f"{timestamp}.".encode() + body).hexdigest()
    return {"X-Casework-Timestamp": str(timestamp), "X-Casework-Signature": f"v1={signature}"}


def sign_intercom(secret: str, body: bytes) -> dict[str, str]:
    """sha1=hex(HMAC-SHA1(body)), with the app's client secret."""
    return {"X-Hub-Signature": f"sha1={hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}"}


def sign_hubspot(secret: str, method: str, uri: str, timestamp: int, body: bytes) -> dict[str, str]:
    """v3: base64(HMAC-SHA256(method + address + body + timestamp)), milliseconds; the older v1 comes along."""
    for sign in ":/?@!$'()*,;":
        uri = uri.replace(f"%{ord(sign):02X}", sign)
    signature = _mac(secret, method.encode() + uri.encode() + body + str(timestamp).encode()).digest()
    return {
        "X-HubSpot-Request-Timestamp": str(timestamp),
        "X-HubSpot-Signature-v3": base64.b64encode(signature).decode(),
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Signature": hashlib.sha256(secret.encode() + body).hexdigest(),
    }


def sign_outreach(secret: str, body: bytes) -> dict[str, str]:
    """hex(HMAC-SHA256(body)), with the webhook's own secret."""
    return {"Outreach-Webhook-Signature": _mac(secret, body).hexdigest()}
