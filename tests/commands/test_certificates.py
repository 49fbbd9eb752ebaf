"""The commands for certificates, over a desk in place of the settings' database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from casework.delivery.certificate import Ciphertext, Outcome, Run, Signer, fingerprint, issue
from casework.delivery.certificate_file import as_json, as_pdf, verify_file
from casework.delivery.certificates import Certificates
from casework.delivery.destruction import Destruction
from casework.delivery.evidence import CopyState, Evidence
from tests.desk import Desk

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def signer(folder: Path) -> Signer:
    """The key of this home."""
    return Signer(folder / ".casework" / "certificate-key")


def made(signer: Signer, case_id: str, detail: str = "0 versions") -> dict[str, Any]:
    return issue(
        signer,
        Destruction(
            case_id, case_id, AT, (Evidence(f"s3:{case_id}", True, CopyState.ABSENT, detail, AT, None, ("R-1",)),)
        ),
        case_id=case_id,
        outcome=Outcome.EXPIRED,
        run=Run(actor="casework", run_id=case_id, code_version="test"),
        issued_at=AT,
        ciphertext=Ciphertext(sha256="c" * 64, size=9),
    )


@pytest.fixture
def certified(desk: Desk, signer: Signer) -> dict[str, Any]:
    """A case of ticket 9 whose certificate was kept."""
    return Certificates(desk.database).keep(made(signer, desk.start("command-toy", ticket=9).case_id))


def test_a_certificate_is_shown(run: Callable[..., Result], certified: dict[str, Any]) -> None:
    """Without an option it is told in words; nothing is written."""
    shown = run("certificate", 9)
    assert shown.exit_code == 0
    for word in ("destroyed", certified["case_id"], "c" * 64, "verified absent", "requests R-1", "expired"):
        assert word in shown.stdout
    assert not list(Path().glob("*.pdf"))


def test_a_certificate_as_a_file(run: Callable[..., Result], certified: dict[str, Any], signer: Signer) -> None:
    """JSON on stdout or in a file, a PDF in a file, chosen by option or by the file's ending; all of them verify."""
    printed = run("certificate", 9, "--json")
    assert verify_file(printed.stdout.encode(), signer.public_key).trusted
    assert run("certificate", 9, "-o", "told.json").exit_code == 0
    assert run("certificate", 9, "--json", "-o", "told").exit_code == 0
    assert Path("told.json").read_bytes() == Path("told").read_bytes() == printed.stdout.encode()
    assert run("certificate", 9, "--output", "told.PDF").exit_code == 0
    named = run("certificate", 9, "--pdf")
    assert named.exit_code == 0
    default = Path(f"certificate-{certified['case_id'][:8]}.pdf")
    assert str(default) in named.stdout
    assert default.read_bytes() == Path("told.PDF").read_bytes() == as_pdf(certified, signer)
    assert run("verify-certificate", default).exit_code == 0


def test_which_file_is_not_guessed(run: Callable[..., Result], certified: dict[str, Any]) -> None:
    """Both at once, or a file whose ending says nothing, is not called rightly."""
    assert run("certificate", 9, "--pdf", "--json").exit_code == 2
    assert run("certificate", 9, "-o", "paper.txt").exit_code == 2
    assert not Path("paper.txt").exists()


def test_a_case_without_certificate(run: Callable[..., Result], desk: Desk) -> None:
    """It is said why there is none."""
    desk.start("command-toy", ticket=8)
    refused = run("certificate", 8)
    assert refused.exit_code == 1
    assert "has no certificate: it is still open" in refused.stderr


def test_no_pdf_by_another_key(run: Callable[..., Result], certified: dict[str, Any], folder: Path) -> None:
    """Where the signing key is missing or another one, no PDF is made, no key either, and the JSON still comes."""
    key = folder / ".casework" / "certificate-key"
    key.unlink()
    assert "There is no signing key" in run("certificate", 9, "--pdf").stderr
    assert not key.exists()
    Signer(key)
    refused = run("certificate", 9, "--pdf")
    assert refused.exit_code == 1
    assert "take --json" in refused.stderr
    assert not list(folder.glob("*.pdf"))
    assert run("certificate", 9, "--json").exit_code == 0


def test_the_key_for_auditors(run: Callable[..., Result], certified: dict[str, Any], signer: Signer) -> None:
    """What `certificate-key` prints is what `--key` takes; the fingerprint stands beside it, the secret nowhere."""
    printed = run("certificate-key")
    assert printed.exit_code == 0
    assert fingerprint(signer.public_key) in printed.stderr
    Path("issuer.pem").write_text(printed.stdout)
    Path("told.json").write_bytes(as_json(certified))
    checked = run("verify-certificate", "told.json", "--key", "issuer.pem")
    assert checked.exit_code == 0
    assert "the key in issuer.pem" in checked.stdout


def test_the_home_knows_its_own(run: Callable[..., Result], certified: dict[str, Any], tmp_path: Path) -> None:
    """Without `--key` the key of this home counts; a certificate of another issuer is then refused."""
    Path("ours.json").write_bytes(as_json(certified))
    ours = run("verify-certificate", "ours.json")
    assert ours.exit_code == 0
    assert "the key of this home" in ours.stdout
    other = Signer(tmp_path / "other")
    Path("theirs.json").write_bytes(as_json(made(other, "case-2")))
    theirs = run("verify-certificate", "theirs.json")
    assert theirs.exit_code == 1
    assert "another key signed this" in theirs.stderr
    Path("other.pem").write_text(other.public_pem)
    assert run("verify-certificate", "theirs.json", "--key", "other.pem").exit_code == 0


def test_what_is_wrong_is_said(run: Callable[..., Result], certified: dict[str, Any], signer: Signer) -> None:
    """Altered, cut, something else, an unusable key, no such file: one sentence each, and nothing on stdout."""
    pdf = as_pdf(certified, signer)
    Path("altered.json").write_bytes(as_json({**certified, "case_id": "case-2"}))
    Path("altered.pdf").write_bytes(pdf.replace(b"%PDF-1.4", b"%PDF-1.5"))
    Path("cut.pdf").write_bytes(pdf[:-200])
    Path("half.pdf").write_bytes(pdf[:900])
    Path("letter.txt").write_text("Dear auditor")
    Path("other.json").write_text('{"document": "an invoice"}')
    said = {
        "altered.json": "it does not match: the document was altered",
        "altered.pdf": "the PDF was altered; only the attached certificate.json is right",
        "cut.pdf": "the signature of the whole file is missing",
        "half.pdf": "has no certificate of destruction attached, or it was cut",
        "letter.txt": "was cut, or is not a certificate",
        "other.json": "this is not a certificate of destruction",
        "nowhere.json": "No such file",
    }
    for name, sentence in said.items():
        refused = run("verify-certificate", name)
        assert refused.exit_code == 1, name
        assert sentence in refused.stderr
        assert refused.stdout == ""
    Path("ours.json").write_bytes(as_json(certified))
    unusable = run("verify-certificate", "ours.json", "--key", "letter.txt")
    assert unusable.exit_code == 1
    assert "it is not a public key in PEM" in unusable.stderr


def test_for_scripts(run: Callable[..., Result], certified: dict[str, Any], signer: Signer, folder: Path) -> None:
    """`--json` gives the whole finding; an unknown signer has an exit code of its own."""
    Path("told.json").write_bytes(as_json(certified))
    known = json.loads(run("verify-certificate", "told.json", "--json").stdout)
    assert (known["unaltered"], known["trusted"]) == (True, True)
    assert known["signer"] == fingerprint(signer.public_key)
    assert known["certificate"]["copies"][0]["copy"] == f"s3:{certified['case_id']}"
    (folder / ".casework" / "certificate-key").unlink()
    unknown = run("verify-certificate", "told.json", "--json")
    assert unknown.exit_code == 3
    assert json.loads(unknown.stdout)["trusted"] is False
    assert "Who signed is NOT known" in unknown.stderr


def test_a_certificate_cannot_steer_the_terminal(run: Callable[..., Result], tmp_path: Path) -> None:
    """What a stranger wrote into a certificate is shown without signs that move a cursor or change colours."""
    stranger = Signer(tmp_path / "stranger")
    Path("told.json").write_bytes(as_json(made(stranger, "case-2", "\x1b[2Jgone\r\n")))
    shown = run("verify-certificate", "told.json")
    assert shown.exit_code == 3
    assert "?[2Jgone??" in shown.stdout
    Path("named.json").write_bytes(as_json({**made(stranger, "case-2"), "\x1b[2J": 1}))
    assert "\x1b" not in run("verify-certificate", "named.json").stderr
