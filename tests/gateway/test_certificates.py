"""The gateway gives support agents the certificate that the note on the ticket names."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from casework import delivery
from casework.delivery.certificate import Outcome, Run, Signer, issue
from casework.delivery.certificate_file import as_json, as_pdf, verify_file
from casework.delivery.certificates import Certificates
from casework.delivery.destruction import Destruction
from casework.delivery.evidence import CopyState, Evidence
from casework.process import process
from tasks import delivery as tasks
from tests.gateway.conftest import URL, Place

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@process("noted-toy", subject="zendesk:ticket:{ticket}")
def noted(ticket: int) -> str:
    """Ends as the address that the note on the ticket would show."""
    return str(tasks.evidence(f"case-{ticket}")["pdf"])


def certified(place: Place, name: str, signer: Signer | None = None) -> dict[str, object]:
    parts = place.gateway.delivery
    return parts.certificates.keep(
        issue(
            signer or parts.signer,
            Destruction(name, name, AT, (Evidence("drop:x/", False, CopyState.ABSENT, "0 versions", AT),)),
            case_id=name,
            outcome=Outcome.CANCELLED,
            run=Run(actor="casework", run_id=name, code_version="test"),
            issued_at=AT,
            ciphertext=None,
        )
    )


def test_the_note_leads_to_the_certificate(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address in the note gives the PDF, and with .json the document; both verify, and looking changes nothing."""
    document = certified(place, "case-7")
    delivery.use(place.gateway.delivery)
    address = place.desk.files.case(place.desk.start("noted-toy", ticket=7).case_id).ending
    assert address == f"{URL}/certificates/case-7.pdf"
    signer = place.gateway.delivery.signer
    for _ in range(3):
        pdf = place.client.get(address)
        assert pdf.status_code == 200
        assert pdf.headers["content-type"] == "application/pdf"
        assert pdf.headers["content-disposition"].startswith('attachment; filename="certificate-case-7.pdf"; ')
        assert pdf.headers["cache-control"] == "no-store"
        assert pdf.content == as_pdf(document, signer)
        assert verify_file(pdf.content, signer.public_key).trusted
    told = place.client.get(address.replace(".pdf", ".json"))
    assert told.headers["content-type"].startswith("application/json")
    assert told.content == as_json(document)


def test_no_certificate_at_this_address(place: Place) -> None:
    """What was never issued is not found, whatever the name."""
    certified(place, "case-7")
    for name in ("case-8", "case-7.pdf", "%00", "..%2fcase-7", "x" * 500):
        for ending in (".pdf", ".json"):
            assert place.client.get(f"/certificates/{name}{ending}").status_code == 404
    assert place.client.post("/certificates/case-7.pdf").status_code == 405


def test_a_certificate_of_a_lost_key_is_still_given(place: Place, tmp_path: Path) -> None:
    """When the signing key was replaced the PDF cannot be made: that is said, and the JSON still comes."""
    document = certified(place, "case-7", Signer(tmp_path / "earlier"))
    away = place.client.get("/certificates/case-7.pdf")
    assert away.status_code == 503
    assert ".json" in away.text
    assert place.client.get("/certificates/case-7.json").content == as_json(document)
    assert Certificates(place.desk.database).read("case-7") == document
