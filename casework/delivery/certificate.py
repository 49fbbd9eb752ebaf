"""The certificate of destruction: what was destroyed, when, what is left where, signed.

A JSON document. The signature is Ed25519 (RFC 8032) over the document without its ``signature``, serialised
with sorted keys, no spaces and UTF-8; as it holds strings, whole numbers, booleans and nulls only, these
are the bytes that RFC 8785 asks for. It can be checked offline by anybody. A public key that comes inside
the document only proves that nothing was altered; who signed is known by comparing with a key that came
another way.

The result is a function of the rest of the document, and is checked with it: a soft delete alone is never
called destroyed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from casework.delivery.destruction import Destruction
from casework.delivery.evidence import CopyState, Result, result
from casework.delivery.keys import read_secret_file

DOCUMENT: Literal["casework certificate of destruction"] = "casework certificate of destruction"
_PRIVATE_KEY_BYTES = 32


class Outcome(StrEnum):
    """How the delivery ended before everything was destroyed."""

    RECEIVED = "received"
    EXPIRED = "expired"
    REVOKED = "revoked"
    CANCELLED = "cancelled"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CertifiedCopy(_Part):
    copy_name: Annotated[str, Field(alias="copy")]
    sealed: bool
    state: CopyState
    until: date | None
    detail: str
    request_ids: tuple[str, ...]
    looked_at: AwareDatetime


class Ciphertext(_Part):
    sha256: Sha256
    size: Annotated[int, Field(ge=0, strict=True)]


class CertifiedKey(_Part):
    key_id: str
    destroyed_at: AwareDatetime


class Run(_Part):
    """Who and what carried the destruction out: an actor's id, a run's id, a code version."""

    actor: str
    run_id: str
    code_version: str


class Signed(_Part):
    """Which key signed; ``public_key`` is its 32 raw bytes in base64."""

    algorithm: Literal["Ed25519"]
    key_id: str
    public_key: str

    @property
    def key(self) -> bytes:
        """The public key's raw bytes. Raises :class:`CertificateInvalid`."""
        return _base64("signed.public_key", self.public_key)

    @property
    def fingerprint(self) -> str:
        """Of the public key, see :func:`fingerprint`."""
        return fingerprint(self.key)


class Certificate(_Part):
    """The document without its signature. Times are UTC."""

    document: Literal["casework certificate of destruction"]
    version: Literal[1]
    case_id: str
    deliverable_id: str
    outcome: Outcome
    result: Result
    ciphertext: Ciphertext | None
    key: CertifiedKey
    copies: tuple[CertifiedCopy, ...]
    run: Run
    issued_at: AwareDatetime
    signed: Signed


class CertificateInvalid(Exception):
    """The document is not a certificate that this key signed; ``field`` is the place that is wrong."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Verified:
    """``trusted``: signed by the key that the verifier brought, not merely by the one in the document."""

    certificate: Certificate
    key_id: str
    trusted: bool


class Signer:
    """An Ed25519 key in a file of its own (32 raw bytes, made with mode 0600 when it does not exist)."""

    def __init__(self, key_file: Path) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(read_secret_file(key_file, _PRIVATE_KEY_BYTES))

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes to publish, for :func:`verify`."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public_pem(self) -> str:
        """The same as PEM (RFC 8410), which other programs read."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def issue(
    signer: Signer,
    destruction: Destruction,
    *,
    case_id: str,
    outcome: Outcome,
    run: Run,
    issued_at: datetime,
    ciphertext: Ciphertext | None,
) -> dict[str, Any]:
    """The signed certificate of a destruction. ``ciphertext`` is None when nothing had been sealed yet."""
    copies = [
        {
            "copy": found.copy,
            "sealed": found.sealed,
            "state": found.state.value,
            "until": None if found.until is None else found.until.isoformat(),
            "detail": found.detail,
            "request_ids": list(found.request_ids),
            "looked_at": _utc(found.looked_at),
        }
        for found in destruction.evidence
    ]
    document: dict[str, Any] = {
        "document": DOCUMENT,
        "version": 1,
        "case_id": case_id,
        "deliverable_id": destruction.deliverable_id,
        "outcome": outcome.value,
        "result": result(destruction.evidence).value,
        "ciphertext": None if ciphertext is None else ciphertext.model_dump(),
        "key": {"key_id": destruction.key_id, "destroyed_at": _utc(destruction.key_destroyed_at)},
        "copies": copies,
        "run": run.model_dump(),
        "issued_at": _utc(issued_at),
        "signed": {
            "algorithm": "Ed25519",
            "key_id": key_id(signer.public_key),
            "public_key": base64.b64encode(signer.public_key).decode(),
        },
    }
    return {**document, "signature": base64.b64encode(signer.sign(canonical(document))).decode()}


def verify(document: dict[str, Any], public_key: bytes | None = None) -> Verified:
    """Check a certificate, offline. ``public_key`` is the signer's 32 raw bytes, got another way.

    Raises :class:`CertificateInvalid`.
    """
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    if document.get("document") != DOCUMENT:
        raise CertificateInvalid("document", "this is not a certificate of destruction")
    try:
        certificate = Certificate.model_validate(unsigned)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        raise CertificateInvalid(place, first["type"].replace("_", " ")) from None
    embedded = certificate.signed.key
    if public_key is not None and public_key != embedded:
        raise CertificateInvalid("signed.public_key", "another key signed this than the one expected")
    if certificate.signed.key_id != key_id(embedded):
        raise CertificateInvalid("signed.key_id", "it is not the id of the public key")
    signature = _base64("signature", document.get("signature"))
    if not signed_by(embedded, signature, canonical(unsigned)):
        raise CertificateInvalid("signature", "it does not match: the document was altered")
    if certificate.result is not result(certificate.copies):
        raise CertificateInvalid("result", "it does not follow from the copies")
    return Verified(certificate, certificate.signed.key_id, trusted=public_key is not None)


def signed_by(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether this key signed these bytes. Raises :class:`CertificateInvalid` when it is no key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError:
        raise CertificateInvalid("signed.public_key", "not an Ed25519 key") from None
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def public_key_of(pem: bytes) -> bytes:
    """The 32 raw bytes of an Ed25519 public key in PEM. Raises ValueError when it is something else."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("it is not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is another kind of key than Ed25519")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def canonical(document: dict[str, Any]) -> bytes:
    """The bytes that are signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(public_key: bytes) -> str:
    """What people compare to know a public key: the SHA-256 of its 32 raw bytes, in hex."""
    return hashlib.sha256(public_key).hexdigest()


def key_id(public_key: bytes) -> str:
    """A short name of a public key: the first 16 digits of its fingerprint."""
    return fingerprint(public_key)[:16]


def _base64(place: str, value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise CertificateInvalid(place, "missing or not base64") from None


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("Timezone aware datetime is required")
    return moment.astimezone(UTC).isoformat()
