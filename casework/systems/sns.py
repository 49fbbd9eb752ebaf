"""Amazon SNS's messages to our address: whether SNS has signed them, for our topic, and what they say.

A message names the certificate that signed it. It is taken only from SNS's own host of the topic's region, over HTTPS,
so that no other key counts; then its signature is compared with every field that is signed, in SNS's order. Version 2
only (SHA256): a topic has it once `SignatureVersion` is set to 2, and SHA1, the older one, proves too little today.

SNS delivers a message again for an hour until it is taken, with the same id. Its signature is not bound to an hour, so
receivers drop what they know by its id.

Sources: Amazon SNS, "Verifying the signatures of Amazon SNS messages", "HTTP/HTTPS notification JSON format",
"HTTP/HTTPS subscription confirmation JSON format", and of the API "ConfirmSubscription".
"""

from __future__ import annotations

import base64
import binascii
import re
import time
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from threading import Lock
from urllib.parse import urlencode

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from casework.systems.errors import Misconfigured, NotFound, Refused, Temporary
from casework.systems.http import Http
from casework.systems.signatures import BadSignature

__all__ = ["ARN", "Kind", "Message", "Topic"]

ARN = r"arn:aws(-us-gov)?:sns:([a-z]{2}(-[a-z]+)+-[0-9]):[0-9]{12}:[A-Za-z0-9_-]{1,256}"
"""A topic's name, with its region as the second group. China's regions have no mail that comes in."""

_SYSTEM = "Amazon SNS"
_FILE = r"/SimpleNotificationService-[0-9a-zA-Z]{16,64}\.pem"
_MOST = 64 * 1024
_FIELDS = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
"""What is signed, in this order; a field that a message does not have is left out."""


class Kind(StrEnum):
    """What a message is."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIBED = "UnsubscribeConfirmation"


class Message(BaseModel):
    """A message that SNS has signed. What it says, and its token, are shown nowhere."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: Kind = Field(alias="Type")
    id: str = Field(alias="MessageId", pattern=r"^[0-9a-fA-F-]{8,64}$")
    topic: str = Field(alias="TopicArn")
    text: str = Field(alias="Message", repr=False)
    token: str | None = Field(None, alias="Token", repr=False)


class _Signed(BaseModel):
    """A message as it came, before anything of it is believed."""

    model_config = ConfigDict(extra="ignore")
    Type: Kind
    Message: str
    MessageId: str
    TopicArn: str
    Timestamp: str
    Subject: str | None = None
    SubscribeURL: str | None = None
    Token: str | None = None
    Signature: str
    SignatureVersion: str
    SigningCertURL: str

    def text(self) -> bytes:
        """What is signed."""
        confirms = self.Type is not Kind.NOTIFICATION
        left_out = {"Subject"} if confirms else {"SubscribeURL", "Token"}
        named = ((name, getattr(self, name)) for name in _FIELDS if name not in left_out)
        return "".join(f"{name}\n{value}\n" for name, value in named if value is not None).encode()


class Topic:
    """One topic, by its ARN; raises ValueError for anything else. `now` is the clock that certificates are held to."""

    def __init__(
        self,
        arn: str,
        *,
        now: Callable[[], datetime],
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        found = re.fullmatch(ARN, arn)
        if found is None:
            raise ValueError("A topic is named by its ARN: arn:aws:sns:REGION:ACCOUNT:NAME")
        self._arn = arn
        self._now = now
        self._root = f"https://sns.{found.group(2)}.amazonaws.com"
        self._http = Http(_SYSTEM, "", transport=transport, sleep=sleep, secret_addresses=True, attempts=2, timeout=5.0)
        self._keys: dict[str, tuple[rsa.RSAPublicKey, datetime, datetime]] = {}
        self._lock = Lock()

    def read(self, body: bytes) -> Message:
        """The message in a request's body.

        Raises:
            BadSignature: it is not of this topic, or SNS has not signed it.
            Temporary: SNS's certificate could not be read now.
        """
        try:
            told = _Signed.model_validate_json(body)
        except ValidationError:
            raise BadSignature("this is no message of Amazon SNS") from None
        if told.TopicArn != self._arn:
            raise BadSignature("it is of another topic")
        if told.SignatureVersion != "2":
            raise BadSignature("its signature is not of version 2: set the topic's SignatureVersion to 2")
        if not re.fullmatch(re.escape(self._root) + _FILE, told.SigningCertURL):
            raise BadSignature("its certificate is not on the host of SNS in the topic's region")
        try:
            signature = base64.b64decode(told.Signature, validate=True)
            self._key(told.SigningCertURL).verify(signature, told.text(), padding.PKCS1v15(), hashes.SHA256())
        except (binascii.Error, InvalidSignature):
            raise BadSignature("the signature does not match the message") from None
        return Message.model_validate(told.model_dump())

    def confirm(self, message: Message) -> None:
        """Confirm the subscription that a message asks about. Repeatable. Raises ValueError for another message.

        We ask SNS itself in place of following the address in the message.
        """
        if message.kind is not Kind.SUBSCRIPTION or message.token is None:
            raise ValueError("This message asks for no confirmation")
        asked = {"Action": "ConfirmSubscription", "TopicArn": self._arn, "Token": message.token}
        address = f"{self._root}/?{urlencode({**asked, 'Version': '2010-03-31'})}"
        self._http.content("confirm the subscription", address, most=_MOST)

    def _key(self, address: str) -> rsa.RSAPublicKey:
        if address not in self._keys:
            # One after the other, and nobody waits long: else strangers could keep every thread of ours asking SNS.
            if not self._lock.acquire(timeout=1.0):
                raise Temporary(_SYSTEM, "read a certificate", "another one is being read")
            try:
                if address not in self._keys:
                    self._keys[address] = self._read(address)
            finally:
                self._lock.release()
        key, begins, ends = self._keys[address]
        if not begins <= self._now() <= ends:
            raise BadSignature("its certificate is not valid now")
        return key

    def _read(self, address: str) -> tuple[rsa.RSAPublicKey, datetime, datetime]:
        try:
            pem = self._http.content("read the certificate", address, most=_MOST)
            certificate = x509.load_pem_x509_certificate(pem)
        except (NotFound, Refused, Misconfigured, ValueError):
            raise BadSignature("SNS has no such certificate") from None
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise BadSignature("its certificate has no RSA key")
        return key, certificate.not_valid_before_utc, certificate.not_valid_after_utc
