"""Amazon SNS: one topic, whose messages are signed with a key of the sandbox's own and posted to a subscriber.

Answers for its certificate and for the confirmation of a subscription. Messages go out once a subscription was
confirmed, which it was before the sandbox began. Source: Amazon SNS, "Verifying the signatures of Amazon SNS messages"
and "HTTP/HTTPS notification JSON format"; signatures are of version 2, SHA256withRSA.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from casework.sandbox.hooks import Delivery
from casework.sandbox.http import Json, Refusal, Request, Response, text_response
from casework.sandbox.routing import Routes

if TYPE_CHECKING:
    from casework.sandbox.world import World

REGION = "eu-central-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:inbound-mail"
HOST = f"https://sns.{REGION}.amazonaws.com"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
routes = Routes()


def empty() -> Json:
    """The state of the topic; the key and its certificate (PEM) are made when the first message is signed."""
    return {"key": None, "certificate": None, "confirmed": True, "tokens": [], "mails": {}}


def answer(world: World, request: Request) -> Response:
    """SNS's answer to a request."""
    found = routes.find(request.method, request.path)
    if found is None:
        return text_response(403, "AccessDenied")
    handler, placeholders = found
    try:
        response: Response = handler(world, request, **placeholders)
    except Refusal as refusal:
        return refusal.response
    return response


def subscribe(world: World) -> None:
    """An administrator subscribes our address anew: nothing comes before it was confirmed."""
    with world.changing():
        token = f"2336412f37sandbox{world.next_number('sns.token', 1):06d}"
        world.state["sns"] |= {"confirmed": False, "tokens": [*world.state["sns"]["tokens"], token]}
        address = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token={token}"
        told = f"You have chosen to subscribe to the topic {TOPIC}.\nTo confirm, visit the SubscribeURL."
        _post(world, "SubscriptionConfirmation", {"Message": told, "Token": token, "SubscribeURL": address})


def publish(world: World, message: str) -> None:
    """Sends a notification to the subscriber, if there is one that has confirmed."""
    if world.state["sns"]["confirmed"]:
        _post(world, "Notification", {"Message": message, "Subject": "Amazon SES Email Receipt Notification"})


@routes.on("GET", "/{file}")
def _certificate(world: World, _request: Request, file: str) -> Response:
    if file != _file(_identity(world)["certificate"]):
        return text_response(403, "AccessDenied")
    pem = _identity(world)["certificate"].encode()
    return Response(200, {"content-type": "application/x-pem-file"}, pem)


@routes.on("GET", "/")
def _confirm(world: World, request: Request) -> Response:
    if request.parameter("Action") != "ConfirmSubscription" or request.parameter("TopicArn") != TOPIC:
        return text_response(400, "<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>")
    topic = world.state["sns"]
    if request.parameter("Token") not in topic["tokens"]:
        return text_response(400, "<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>")
    topic["confirmed"] = True
    arn = f"<SubscriptionArn>{TOPIC}:6d0b4c1e</SubscriptionArn>"
    body = f"<ConfirmSubscriptionResponse>{arn}</ConfirmSubscriptionResponse>".encode()
    return Response(200, {"content-type": "text/xml"}, body)


def _post(world: World, kind: str, values: dict[str, str]) -> None:
    number = world.next_number("sns.message", 1)
    now = world.now()
    told: dict[str, str] = {
        **values,
        "Type": kind,
        "MessageId": str(UUID(int=number)),
        "TopicArn": TOPIC,
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "SignatureVersion": "2",
        "SigningCertURL": f"{HOST}/{_file(_identity(world)['certificate'])}",
    }
    told["Signature"] = sign(world, told)
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": told["MessageId"],
        "x-amz-sns-topic-arn": TOPIC,
    }
    world.post(Delivery(f"sns-{number:06d}", "sns", "events", headers, json.dumps(told).encode()))


def sign(world: World, told: dict[str, str]) -> str:
    """base64(SHA256withRSA(each signed field that there is: its name, its value, each with a line's end))."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    text = "".join(f"{name}\n{told[name]}\n" for name in _SIGNED[told["Type"]] if name in told)
    key = serialization.load_pem_private_key(_identity(world)["key"].encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the sandbox's key is an RSA key")
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def _file(certificate: str) -> str:
    return f"SimpleNotificationService-{hashlib.sha256(certificate.encode()).hexdigest()[:32]}.pem"


def _identity(world: World) -> Json:
    """The topic's state, with a key and its certificate."""
    topic: Json = world.state["sns"]
    if topic["key"] is None:
        topic["key"], topic["certificate"] = _made()
    return topic


@cache
def _made() -> tuple[str, str]:
    """One key for all worlds of a process: to make one takes a good part of a second."""
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()
