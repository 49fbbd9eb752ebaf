"""The certificates of destruction, for support agents: the note on a ticket leads here.

An address names a deliverable by its id and is no secret: a certificate holds no personal data, no key and no
link. Looking changes nothing.
"""

from __future__ import annotations

import logging

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from casework.delivery.certificate_file import SignedElsewhere, as_json, as_pdf
from casework.gateway.parts import Gateway
from casework.gateway.security import attachment

__all__ = ["router"]

logger = logging.getLogger(__name__)


def router(gateway: Gateway) -> APIRouter:
    """`/certificates/{deliverable}.pdf`, and `.json`."""
    routes = APIRouter()
    parts = gateway.delivery

    @routes.get("/certificates/{name}.pdf")
    def for_people(name: str) -> Response:
        try:
            return _file(as_pdf(_read(name), parts.signer), "application/pdf", f"certificate-{name[:8]}.pdf")
        except SignedElsewhere as error:
            logger.error("Certificate %s has no PDF here: %s. Put the right home/certificate-key back.", name, error)
            raise HTTPException(
                503, "The PDF cannot be made here. The address with .json has the certificate."
            ) from None

    @routes.get("/certificates/{name}.json")
    def for_programs(name: str) -> Response:
        return _file(as_json(_read(name)), "application/json", f"certificate-{name[:8]}.json")

    def _read(name: str) -> dict[str, object]:
        try:
            return parts.certificates.read(name)
        except LookupError:
            raise HTTPException(404, "There is no certificate at this address.") from None

    return routes


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": attachment(name)})
