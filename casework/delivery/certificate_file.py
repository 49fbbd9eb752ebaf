"""A certificate as a file: the signed JSON, or a PDF for people that has it attached.

The PDF's last line is a PDF comment, ``%casework-signature Ed25519`` and the signature, in base64, of every
byte before that line, by the key that signed the certificate. So whoever alters the pages, and not only the
attached document, is found out, and a PDF can be checked long after the program that drew it has changed. The
attachment lies in the file as it is, not compressed.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from casework.delivery.certificate import (
    CertificateInvalid,
    Signer,
    Verified,
    canonical,
    key_id,
    signed_by,
    verify,
)

ATTACHMENT = "certificate.json"
LARGEST = 16 << 20
"""Bytes; what is larger is no certificate."""

_PDF = b"%PDF-"
_LAST_LINE = re.compile(rb"%casework-signature Ed25519 ([A-Za-z0-9+/]{86}==)\n\Z")
_ATTACHED = re.compile(rb"<<[^<>]*/Length (\d{1,8})[^<>]*/Type /EmbeddedFile[^<>]*>>\s*?\nstream\n")


class SignedElsewhere(ValueError):
    """The certificate was signed by another key than the one that is here, so no PDF of it can be made here."""


def as_json(document: dict[str, Any]) -> bytes:
    """The certificate as a JSON file; the spelling is for people, and not what is signed."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def as_pdf(document: dict[str, Any], signer: Signer) -> bytes:
    """The certificate for people, on A4 pages: the same bytes each time.

    Raises :class:`CertificateInvalid`, and :class:`SignedElsewhere` when ``signer`` did not sign the certificate.
    """
    from casework.delivery.certificate_pages import draw

    signed = verify(document)
    if signed.certificate.signed.key != signer.public_key:
        raise SignedElsewhere(
            f"the certificate was signed by the key {signed.key_id}, and the one here is {key_id(signer.public_key)}"
        )
    drawn = draw(signed.certificate, str(document["signature"]), ATTACHMENT, as_json(document))
    if not drawn.endswith(b"\n"):
        drawn += b"\n"
    return drawn + b"%casework-signature Ed25519 " + base64.b64encode(signer.sign(drawn)) + b"\n"


def verify_file(data: bytes, public_key: bytes | None = None) -> Verified:
    """Check a certificate's file, JSON or PDF, offline. ``public_key`` as for :func:`verify`.

    Raises :class:`CertificateInvalid`; its field is ``file`` when the file as a whole is not what it should be,
    and ``pages`` when the PDF's attachment is right and the rest of the PDF is not.
    """
    return _verify_pdf(data, public_key) if data.startswith(_PDF) else verify(parse(data), public_key)


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object of a file, every name of which stands in it once. Raises :class:`CertificateInvalid`."""
    if len(data) > LARGEST:
        raise CertificateInvalid("file", "it is too large to be a certificate")
    try:
        document = json.loads(data.decode(), object_pairs_hook=_once)
        if not isinstance(document, dict):
            raise CertificateInvalid("file", "this is not a certificate of destruction")
        canonical(document)
    except (ValueError, RecursionError):
        raise CertificateInvalid("file", "it is not JSON: it was cut, or is not a certificate") from None
    return document


def _verify_pdf(data: bytes, public_key: bytes | None) -> Verified:
    found = list(_ATTACHED.finditer(data)) if len(data) <= LARGEST else []
    attached = data[found[0].end() : found[0].end() + int(found[0][1])] if len(found) == 1 else b""
    if not attached or len(attached) < int(found[0][1]):
        raise CertificateInvalid("file", "this PDF has no certificate of destruction attached, or it was cut")
    signed = verify(parse(attached), public_key)
    last = _LAST_LINE.search(data)
    if last is None:
        raise CertificateInvalid(
            "pages", f"the signature of the whole file is missing: it was cut or saved anew; only {ATTACHMENT} is right"
        )
    if not signed_by(signed.certificate.signed.key, base64.b64decode(last[1]), data[: last.start()]):
        raise CertificateInvalid("pages", f"the PDF was altered; only the attached {ATTACHMENT} is right")
    return signed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CertificateInvalid("file", "a name stands in it twice")
    return found
