"""Messages of Amazon SNS: its documented text is signed, only its own certificates count, and nothing else passes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from casework.sandbox import World, sns
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.misbehave import Fault
from casework.systems.errors import Refused, Temporary
from casework.systems.signatures import BadSignature
from casework.systems.sns import Kind, Topic
from tests.systems.sites import Clock

HOST = "https://sns.eu-west-1.amazonaws.com"
ARN = "arn:aws:sns:eu-west-1:123456789012:inbound"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: Any = KEY, *, days: int = 10) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = (
        builder.serial_number(7).not_valid_before(NOW - timedelta(days=10)).not_valid_after(NOW + timedelta(days=days))
    )
    return dated.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


class Sns(httpx.BaseTransport):
    """SNS's host: its certificate, and what was asked of it."""

    def __init__(self, pem: bytes) -> None:
        self.pem, self.asked, self.status = pem, list[httpx.URL](), 200

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        return httpx.Response(self.status, content=self.pem)


def topic(vendor: httpx.BaseTransport) -> Topic:
    return Topic(ARN, now=lambda: NOW, transport=vendor, sleep=lambda _: None)


def signed(text: str, told: dict[str, Any], key: rsa.RSAPrivateKey = KEY) -> bytes:
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return json.dumps({**told, "Signature": base64.b64encode(signature).decode()}).encode()


TOLD: dict[str, Any] = {
    "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": ARN,
    "Subject": "My First Message", "Message": "Hello\nworld!", "Timestamp": "2026-03-02T08:59:00.000Z",
    "SignatureVersion": "2", "SigningCertURL": CERTIFICATE,
    "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe",
}  # fmt: skip
TEXT = (
    "Message\nHello\nworld!\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nMy First Message\n"
    f"Timestamp\n2026-03-02T08:59:00.000Z\nTopicArn\n{ARN}\nType\nNotification\n"
)
"""The documented text of that message: names and values in the order of the names' first bytes."""
CONFIRM = {
    **{name: TOLD[name] for name in ("MessageId", "TopicArn", "Timestamp", "SignatureVersion", "SigningCertURL")},
    "Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe.", "Token": "2336412f37",
    "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&Token=2336412f37",
}  # fmt: skip
CONFIRM_TEXT = (
    "Message\nYou have chosen to subscribe.\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\n"
    f"SubscribeURL\n{HOST}/?Action=ConfirmSubscription&Token=2336412f37\nTimestamp\n2026-03-02T08:59:00.000Z\n"
    f"Token\n2336412f37\nTopicArn\n{ARN}\nType\nSubscriptionConfirmation\n"
)


def test_a_notification(caplog: pytest.LogCaptureFixture) -> None:
    """What is signed as documented is taken; the certificate is read once, and what is said shows nowhere."""
    caplog.set_level("DEBUG")
    vendor = Sns(certificate())
    reader = topic(vendor)
    for _ in range(2):
        message = reader.read(signed(TEXT, TOLD))
    assert (message.kind, message.id, message.text) == (Kind.NOTIFICATION, TOLD["MessageId"], "Hello\nworld!")
    assert [str(one) for one in vendor.asked] == [CERTIFICATE]
    assert "Hello" not in f"{message!r} {caplog.text}"


def test_without_a_subject() -> None:
    """A field that a message does not have is not signed."""
    told = {name: value for name, value in TOLD.items() if name != "Subject"}
    text = TEXT.replace("Subject\nMy First Message\n", "")
    assert topic(Sns(certificate())).read(signed(text, told)).kind is Kind.NOTIFICATION


def test_a_subscription_is_confirmed(caplog: pytest.LogCaptureFixture) -> None:
    """We ask SNS's own host with the signed token, whatever address the message names; the token is logged nowhere."""
    caplog.set_level("DEBUG")
    vendor = Sns(certificate())
    reader = topic(vendor)
    message = reader.read(signed(CONFIRM_TEXT, CONFIRM))
    reader.confirm(message)
    asked = vendor.asked[-1]
    assert (asked.scheme, asked.host, asked.path) == ("https", "sns.eu-west-1.amazonaws.com", "/")
    assert dict(asked.params) == {
        "Action": "ConfirmSubscription", "TopicArn": ARN, "Token": "2336412f37", "Version": "2010-03-31",
    }  # fmt: skip
    assert "2336412f37" not in f"{caplog.text} {message!r}"
    with pytest.raises(ValueError, match="no confirmation"):
        reader.confirm(reader.read(signed(TEXT, TOLD)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"TopicArn": ARN + "-2"}, "another topic"),
        ({"SignatureVersion": "1"}, "not of version 2"),
        ({"SigningCertURL": CERTIFICATE.replace("https", "http")}, "not on the host"),
        ({"SigningCertURL": CERTIFICATE.replace("eu-west-1", "us-east-1")}, "not on the host"),
        ({"SigningCertURL": CERTIFICATE.replace("amazonaws.com", "amazonaws.com.evil.example")}, "not on the host"),
        ({"SigningCertURL": CERTIFICATE.replace("sns.", "evil.example/sns.")}, "not on the host"),
        ({"SigningCertURL": CERTIFICATE.replace("//", "//x@")}, "not on the host"),
        ({"SigningCertURL": CERTIFICATE.replace("/Simple", "/a/../Simple")}, "not on the host"),
        ({"SigningCertURL": CERTIFICATE + "?x=.pem"}, "not on the host"),
        ({"SigningCertURL": CERTIFICATE + "\n"}, "not on the host"),
        ({"SigningCertURL": f"{HOST}/other.pem"}, "not on the host"),
        ({"Type": "Other"}, "no message"),
        ({"Message": None}, "no message"),
    ],
)  # fmt: skip
def test_refused_before_anything_is_read(change: dict[str, Any], says: str) -> None:
    """Another topic, another host and the older signature are refused, and nobody is asked for a certificate."""
    vendor = Sns(certificate())
    with pytest.raises(BadSignature, match=says):
        topic(vendor).read(signed(TEXT, {**TOLD, **change}))
    assert vendor.asked == []


@pytest.mark.parametrize("field", ["Message", "MessageId", "Subject", "Timestamp", "Type", "Signature"])
def test_every_signed_field_counts(field: str) -> None:
    """A change of any field that is signed, or of the signature, is seen."""
    told = json.loads(signed(TEXT, TOLD))
    told[field] = {"Type": "UnsubscribeConfirmation", "Signature": "no base64!"}.get(field, told[field] + "x")
    with pytest.raises(BadSignature, match="does not match"):
        topic(Sns(certificate())).read(json.dumps(told).encode())


def test_a_notification_is_no_confirmation() -> None:
    """A token that was put into a signed notification is not signed by that, and confirms nothing."""
    told = {**TOLD, "Token": "x", "SubscribeURL": f"{HOST}/?x"}
    reader = topic(Sns(certificate()))
    with pytest.raises(ValueError, match="no confirmation"):
        reader.confirm(reader.read(signed(TEXT, told)))


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{}", b"null"])
def test_what_is_no_message(body: bytes) -> None:
    """Anything else is not authentic."""
    with pytest.raises(BadSignature, match="no message"):
        topic(Sns(certificate())).read(body)


def test_another_key() -> None:
    """What somebody else has signed is refused, and so are certificates that are over, of another kind, or none."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(BadSignature, match="does not match"):
        topic(Sns(certificate())).read(signed(TEXT, TOLD, other))
    curve = ec.generate_private_key(ec.SECP256R1())
    for pem, says in (
        (certificate(days=-1), "not valid now"),
        (certificate(curve), "no RSA key"),
        (b"<html>", "no such certificate"),
        (b"x" * 100_000, "no such certificate"),
    ):
        with pytest.raises(BadSignature, match=says):
            topic(Sns(pem)).read(signed(TEXT, TOLD))


@pytest.mark.parametrize(
    ("status", "kind"), [(403, BadSignature), (404, BadSignature), (302, BadSignature), (503, Temporary)]
)
def test_a_certificate_that_does_not_come(status: int, kind: type[Exception]) -> None:
    """A certificate that is not there makes the message a forgery; an SNS that is away is a passing trouble."""
    vendor = Sns(certificate())
    vendor.status = status
    reader = topic(vendor)
    with pytest.raises(kind):
        reader.read(signed(TEXT, TOLD))
    vendor.status = 200
    assert reader.read(signed(TEXT, TOLD)).id == TOLD["MessageId"]


def test_one_certificate_at_a_time() -> None:
    """While one certificate is being read another one is not asked for; what is known is believed all the same."""
    vendor, seen = Sns(certificate()), list[object]()
    second, third = (CERTIFICATE.replace("0123", other) for other in ("9876", "5555"))

    def handle(asked: httpx.Request) -> httpx.Response:
        if "9876" in asked.url.path:
            seen.append(reader.read(signed(TEXT, TOLD)).kind)
            with ThreadPoolExecutor(1) as pool:
                other = pool.submit(reader.read, signed(TEXT, {**TOLD, "SigningCertURL": third}))
                seen.append(other.exception())
        return vendor.handle_request(asked)

    reader = topic(httpx.MockTransport(handle))
    reader.read(signed(TEXT, TOLD))
    reader.read(signed(TEXT, {**TOLD, "SigningCertURL": second}))
    assert seen[0] is Kind.NOTIFICATION
    assert isinstance(seen[1], Temporary)
    assert [str(one) for one in vendor.asked] == [CERTIFICATE, second]


@pytest.mark.parametrize(
    "arn", ["", "inbound", "arn:aws:sqs:eu-west-1:123456789012:x", "arn:aws:sns:evil.example/:1:x"]
)
def test_a_topic_has_an_arn(arn: str) -> None:
    """Its region decides whom we trust, so it can be nothing else."""
    with pytest.raises(ValueError, match="ARN"):
        Topic(arn, now=lambda: NOW)


# -- the stand-in


@pytest.fixture
def world() -> Iterator[World]:
    made = World(Clock())
    yield made
    made.close()


def test_the_sandbox_s_topic(world: World) -> None:
    """What the sandbox signs is authentic; a new subscription hears nothing until it is confirmed, and then again."""
    reader = Topic(sns.TOPIC, now=world.now, transport=httpx_transport(world, "sns"), sleep=lambda _: None)
    sns.publish(world, "one")
    sns.subscribe(world)
    sns.publish(world, "lost")
    first, second = [reader.read(one.body) for one in world.take_deliveries("sns")]
    assert (first.text, second.kind) == ("one", Kind.SUBSCRIPTION)
    with pytest.raises(Refused):
        reader.confirm(second.model_copy(update={"token": "guessed"}))
    reader.confirm(second)
    sns.publish(world, "two")
    (third,) = world.take_deliveries("sns")
    assert reader.read(third.body).text == "two"
    with pytest.raises(BadSignature, match="does not match"):
        reader.read(third.body.replace(b"two", b"too"))


def test_the_sandbox_s_topic_is_away(world: World) -> None:
    """A certificate that cannot be read now is read at the next message; a path of nobody's is denied as by S3."""
    sns.publish(world, "one")
    (told,) = world.take_deliveries("sns")
    transport = httpx_transport(world, "sns")
    reader = Topic(sns.TOPIC, now=world.now, transport=transport, sleep=lambda _: None)
    world.misbehave("sns", Fault.timeout(), times=2)
    with pytest.raises(Temporary):
        reader.read(told.body)
    world.misbehave("sns", Fault.rate_limited(1))
    assert reader.read(told.body).text == "one"
    with httpx.Client(transport=transport, base_url=sns.HOST) as client:
        denied = [client.get(path).status_code for path in ("/SimpleNotificationService-x.pem", "/a/b", "/?Action=x")]
    assert denied == [403, 403, 400]
