"""Certificates as files: signed JSON, and a PDF for people that proves as much, checked without anything of ours."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework.delivery.certificate import (
    CertificateInvalid,
    Ciphertext,
    Outcome,
    Run,
    Signer,
    fingerprint,
    issue,
    public_key_of,
    verify,
)
from casework.delivery.certificate_file import ATTACHMENT, LARGEST, SignedElsewhere, as_json, as_pdf, parse, verify_file
from casework.delivery.certificate_pages import RESULTS, STATES
from casework.delivery.destruction import Destruction
from casework.delivery.evidence import CopyState, Evidence, Result

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 21, 12, 34, 56, 123456, tzinfo=UTC)
CASE = "0192f3c1-7a5e-7d52-9b1e-3f0c5d2a9e11"
EVIDENCE = (
    Evidence(
        f"dropbox:{CASE}",
        True,
        CopyState.SOFT_DELETED,
        "2 revisions can still be restored, of ciphertext only",
        AT,
        date(2026, 12, 21),
    ),
    Evidence(
        f"s3:{CASE}", True, CopyState.BLOCKED, "1 versions & delete markers <are> listed", AT, None, ("R-1", "R-2")
    ),
    Evidence(f"drop:cases/{CASE}/", False, CopyState.ABSENT, "0 versions and delete markers are listed", AT),
)


def document(signer: Signer, evidence: tuple[Evidence, ...] = EVIDENCE, **changed: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "case_id": CASE,
        "outcome": Outcome.RECEIVED,
        "run": Run(actor="staff-41", run_id="run-7", code_version="1.2.3"),
        "issued_at": AT + timedelta(minutes=3),
        "ciphertext": Ciphertext(sha256="ab12" * 16, size=10_737_428_480),
    }
    return issue(signer, Destruction(CASE, "key-1", AT, evidence), **(told | changed))


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("signer") / "key")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("other") / "key")


def attachment(pdf: bytes) -> tuple[str, bytes]:
    """The one attachment, as another PDF library finds it."""
    opened = pypdfium2.PdfDocument(pdf)
    try:
        assert opened.count_attachments() == 1
        found = opened.get_attachment(0)
        return found.get_name(), bytes(found.get_data())
    finally:
        opened.close()


def words(pdf: bytes) -> str:
    """What the pages show, without white space, as another PDF library reads it."""
    opened = pypdfium2.PdfDocument(pdf)
    try:
        return "".join("".join(page.get_textpage().get_text_bounded().split()) for page in opened)
    finally:
        opened.close()


def altered(value: Any) -> Iterator[Any]:
    """The document with one leaf altered, one name left out, or one element doubled or left out, each in turn."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield {key: one for key, one in value.items() if key != name}
            for changed in altered(part):
                yield {**value, name: changed}
        yield {**value, "more": "words"}
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield value[:index] + value[index + 1 :]
            yield [*value[: index + 1], part, *value[index + 1 :]]
            for changed in altered(part):
                yield [*value[:index], changed, *value[index + 1 :]]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif value is None:
        yield "2027-01-01"
    else:
        middle = len(value) // 2
        yield value[:middle] + ("1" if value[middle : middle + 1] != "1" else "2") + value[middle + 1 :]
        yield value + " "


# -- what is noticed


def test_every_alteration_of_the_json_is_noticed(signer: Signer) -> None:
    """No field of a JSON file can be altered, left out, doubled or added, wherever it stands."""
    right = document(signer)
    assert verify_file(as_json(right), signer.public_key).trusted
    changes = list(altered(right))
    assert len(changes) > 100
    for changed in changes:
        with pytest.raises(CertificateInvalid):
            verify_file(as_json(changed), signer.public_key)


def test_every_alteration_of_the_attachment_is_noticed(signer: Signer) -> None:
    """The same in a PDF, also when whoever alters the attachment mends its length."""
    right = document(signer)
    pdf, inside = as_pdf(right, signer), as_json(right)
    assert verify_file(pdf, signer.public_key).trusted
    assert pdf.count(inside) == 1
    for changed in altered(right):
        written = as_json(changed)
        forged = pdf.replace(inside, written).replace(
            f"/Length {len(inside)}".encode(), f"/Length {len(written)}".encode()
        )
        with pytest.raises(CertificateInvalid) as invalid:
            verify_file(forged, signer.public_key)
        assert invalid.value.field not in ("file", "pages"), "the attachment was read, and found wrong"


def test_every_altered_byte_of_the_pdf_is_noticed(signer: Signer) -> None:
    """The pages are signed too: no byte of the file can be altered, none left out at its end, none added."""
    pdf = as_pdf(document(signer), signer)
    for at in range(0, len(pdf), 7):
        with pytest.raises(CertificateInvalid):
            verify_file(pdf[:at] + bytes([pdf[at] ^ 1]) + pdf[at + 1 :], signer.public_key)
    for end in (*range(5, len(pdf), 101), len(pdf) - 1):
        with pytest.raises(CertificateInvalid):
            verify_file(pdf[:end], signer.public_key)
    for more in (b"\n", b"%\n", pdf):
        with pytest.raises(CertificateInvalid):
            verify_file(pdf + more, signer.public_key)


def test_pages_of_one_certificate_do_not_fit_another(signer: Signer) -> None:
    """Two right certificates cannot be put together: pages that say one thing over a document that says another."""
    good, bad = document(signer), document(signer, (Evidence("drop:x/", False, CopyState.BLOCKED, "held", AT),))
    assert (good["result"], bad["result"]) == ("destroyed", "not destroyed")
    pdf = as_pdf(bad, signer)
    mixed = pdf.replace(as_json(bad), as_json(good)).replace(
        f"/Length {len(as_json(bad))}".encode(), f"/Length {len(as_json(good))}".encode()
    )
    with pytest.raises(CertificateInvalid) as invalid:
        verify_file(mixed, signer.public_key)
    assert invalid.value.field == "pages"


def test_a_pdf_that_was_saved_anew_says_what_is_still_right(signer: Signer) -> None:
    """A viewer that saves the PDF drops its last line: told apart from forgery, and what to take instead."""
    pdf = as_pdf(document(signer), signer)
    with pytest.raises(CertificateInvalid, match=r"saved anew; only certificate\.json is right"):
        verify_file(pdf[: pdf.rindex(b"%casework-signature")], signer.public_key)


def test_another_signer_is_noticed(signer: Signer, other: Signer) -> None:
    """Whoever signs with a key of their own is found out as soon as the verifier has ours; else it is not trusted."""
    for forged in (as_json(document(other)), as_pdf(document(other), other)):
        with pytest.raises(CertificateInvalid, match="another key"):
            verify_file(forged, signer.public_key)
        assert not verify_file(forged).trusted
    with pytest.raises(SignedElsewhere):
        as_pdf(document(other), signer)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b"%PDF-1.4\n%%EOF\n",
        b'{"document": "another kind of paper"}',
        b'{"document": "\\ud800"}',
        b"[" * 100_000,
        b'{"version": ' + b"9" * 5000 + b"}",
        b" " * (LARGEST + 1),
        b"%PDF-" + b" " * (LARGEST + 1),
    ],
    ids=range(13),
)
def test_what_is_no_certificate(text: bytes) -> None:
    """Anything else than a certificate is refused in words, without an error of ours."""
    with pytest.raises(CertificateInvalid) as invalid:
        verify_file(text)
    assert invalid.value.field in ("file", "document")


def test_a_name_stands_in_it_once(signer: Signer) -> None:
    """A JSON with one name twice shows a person one value and a program the other: it is no certificate."""
    text = as_json(document(signer))
    twice = text.replace(b'"result"', b'"result": "not destroyed",\n  "result"', 1)
    assert verify(json.loads(twice), signer.public_key).trusted, "the doubled name is all that is wrong"
    with pytest.raises(CertificateInvalid, match="twice"):
        verify_file(twice, signer.public_key)


# -- random certificates

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - the zone is drawn
    datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5.5))]),
)
evidences = st.builds(
    Evidence,
    texts,
    st.booleans(),
    st.sampled_from(CopyState),
    texts,
    moments,
    st.none() | st.dates(),
    st.lists(texts).map(tuple),
)
ciphertexts = st.builds(
    Ciphertext, sha256=st.binary(min_size=32, max_size=32).map(bytes.hex), size=st.integers(0, 2**60)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    evidence=st.lists(evidences, max_size=12).map(tuple),
    case_id=texts,
    outcome=st.sampled_from(Outcome),
    run=st.builds(Run, actor=texts, run_id=texts, code_version=texts),
    issued_at=moments,
    ciphertext=st.none() | ciphertexts,
    data=st.data(),
)
def test_any_certificate(signer: Signer, evidence: tuple[Evidence, ...], data: st.DataObject, **told: Any) -> None:
    """Whatever a certificate says, both files verify, the PDF is the same each time, and its attachment is the JSON."""
    made = document(signer, evidence, **told)
    as_file, pdf = as_json(made), as_pdf(made, signer)
    assert parse(as_file) == made
    assert verify_file(as_file, signer.public_key).certificate == verify_file(pdf, signer.public_key).certificate
    assert as_pdf(json.loads(as_file), signer) == pdf
    assert attachment(pdf) == (ATTACHMENT, as_file)
    for right in (as_file, pdf):
        at = data.draw(st.integers(0, len(right) - 1))
        wrong = right[:at] + bytes([right[at] ^ data.draw(st.integers(1, 255))]) + right[at + 1 :]
        try:
            read = verify_file(wrong, signer.public_key).certificate
        except CertificateInvalid:
            continue
        assert right is as_file, "a byte of white space"
        assert read == verify(made).certificate


# -- the pages


def test_the_pages_show_every_fact(signer: Signer) -> None:
    """Each fact of the document stands on the pages, as text that can be searched and read out."""
    shown = words(as_pdf(document(signer), signer))
    told = document(signer)
    wanted = [CASE, "key-1", "received", "10,737,428,480bytes", "ab12" * 16, "21November2026,12:34:56UTC"]
    wanted += ["21November2026,12:37:56UTC", "21December2026", "staff-41", "run-7", "1.2.3", "R-1,R-2"]
    wanted += [told["signature"], told["signed"]["public_key"], fingerprint(signer.public_key)]
    for copy in told["copies"]:
        wanted += ["".join(copy[name].split()) for name in ("copy", "state", "detail")]
    assert [fact for fact in wanted if fact not in shown] == []
    assert "Destroyed:neitherwenor" in shown


def test_a_usual_certificate_is_one_page(signer: Signer) -> None:
    """Three copies fit on one A4 page; forty take several, numbered."""
    for evidence, least, most in ((EVIDENCE, 1, 1), (EVIDENCE * 14, 3, 12)):
        pdf = as_pdf(document(signer, evidence), signer)
        opened = pypdfium2.PdfDocument(pdf)
        assert least <= len(opened) <= most
        assert opened[0].get_size() == pytest.approx((595.28, 841.89), abs=0.1)
        count = len(opened)
        opened.close()
        assert f"Page{count}of{count}" in words(pdf)


def test_the_pages_never_say_more_than_is_proved(signer: Signer) -> None:
    """Each result has its own sentence, and each state its own words; only one of them begins with *Destroyed:*."""
    assert set(RESULTS) == set(Result)
    assert set(STATES) == set(CopyState)
    assert [result for result, (_, said) in RESULTS.items() if said.startswith("Destroyed:")] == [Result.DESTROYED]
    left = document(signer, (Evidence("drop:x/", False, CopyState.SOFT_DELETED, "kept", AT, date(2027, 1, 1)),))
    shown = words(as_pdf(left, signer))
    assert "Notdestroyed:areadablecopyisleft" in shown
    assert "Destroyed:" not in shown


def test_the_pdf_says_what_it_is(signer: Signer) -> None:
    """Title, language and time of making are set, and no font of this machine is used."""
    pdf = as_pdf(document(signer), signer)
    opened = pypdfium2.PdfDocument(pdf)
    told = opened.get_metadata_dict()
    opened.close()
    assert told["Title"] == f"Certificate of destruction, case {CASE}"
    assert told["CreationDate"] == "D:20261121123756Z"
    assert re.search(rb"/Lang \(en\)", pdf)
    assert set(re.findall(rb"/BaseFont /([\w-]+)", pdf)) == {b"Helvetica", b"Helvetica-Bold", b"Courier"}


def test_the_pages_are_read_in_order(signer: Signer) -> None:
    """Whoever has the text read aloud hears it as it stands on the pages: each heading, then what is below it.

    Labels come with their values. The pages have no tags, which the library that draws them cannot make; the attached
    document is the same for programs.
    """
    pdf = as_pdf(document(signer, EVIDENCE * 6), signer)
    shown = words(pdf)
    headings = ["Certificateofdestruction", "Whatitisabout", "Whatwasfoundofeachcopy", "Whodidit", "Signer'skey"]
    places = [shown.index(heading) for heading in headings]
    assert places == sorted(places)
    copies = [shown.index("".join(copy["copy"].split())) for copy in document(signer)["copies"]]
    assert copies == sorted(copies)
    for label, value in (("Case", CASE), ("Key", "key-1"), ("Carriedoutby", "staff-41"), ("Run", "run-7")):
        assert f"{label}{value}" in shown
    assert b"/DisplayDocTitle true" in pdf


def test_signs_that_the_fonts_lack_are_numbers(signer: Signer) -> None:
    """Nothing is left out silently: a sign of another script is written as its number."""
    pdf = as_pdf(document(signer, case_id="Łódź-\x07"), signer)
    assert "<U+0141>ód<U+017A>-<U+0007>" in words(pdf)


# -- without anything of ours


def files(folder: Path, signer: Signer) -> dict[str, Any]:
    told = document(signer)
    (folder / "certificate.json").write_bytes(as_json(told))
    (folder / "certificate.pdf").write_bytes(as_pdf(told, signer))
    (folder / "issuer.pem").write_text(signer.public_pem)
    return told


def test_cryptography_alone_checks_both(signer: Signer, tmp_path: Path) -> None:
    """What is signed is as the reference says: sorted compact JSON, and all of the PDF before its last line."""
    files(tmp_path, signer)
    key = load_pem_public_key((tmp_path / "issuer.pem").read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    told = json.loads((tmp_path / "certificate.json").read_text())
    signature = base64.b64decode(told.pop("signature"))
    message = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    key.verify(signature, message)
    with pytest.raises(InvalidSignature):
        key.verify(signature, message.replace(b"destroyed", b"Destroyed"))
    pdf = (tmp_path / "certificate.pdf").read_bytes()
    signed = re.fullmatch(rb"(.*\n)(%casework-signature [^\n]*)\n", pdf, re.S)
    assert signed is not None
    body, last = signed.groups()
    key.verify(base64.b64decode(last.split()[-1]), body)
    assert public_key_of((tmp_path / "issuer.pem").read_bytes()) == signer.public_key


def test_the_commands_of_the_reference(signer: Signer, tmp_path: Path) -> None:
    """The page's own lines, with openssl, jq and coreutils, say yes to both files, and no to altered ones."""
    missing = [name for name in ("openssl", "jq", "bash") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not on this machine")
    page = (ROOT / "docs" / "reference" / "delivery.md").read_text()
    part = page[page.index("## Check a certificate without Casework") :]
    json_lines, pdf_lines, key_lines = re.findall(r"^```bash\n(.*?)^```", part, re.MULTILINE | re.DOTALL)[:3]
    files(tmp_path, signer)

    def run(lines: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-eu", "-o", "pipefail", "-c", lines]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30)

    for lines, name in ((json_lines, "certificate.json"), (pdf_lines, "certificate.pdf")):
        right = run(lines)
        assert right.returncode == 0, right.stderr
        assert "Signature Verified Successfully" in right.stdout
        file = tmp_path / name
        file.write_bytes(file.read_bytes().replace(b"staff-41", b"staff-42"))
        wrong = run(lines)
        assert wrong.returncode != 0
        assert "Signature Verified Successfully" not in wrong.stdout
    assert fingerprint(signer.public_key) in run(key_lines).stdout


@pytest.mark.slow
def test_checked_offline_from_an_empty_folder(signer: Signer, tmp_path: Path) -> None:
    """The command needs no settings, no database and no network, leaves nothing behind, and its code tells a script."""
    files(tmp_path, signer)
    before = sorted(tmp_path.iterdir())
    code = (
        "import socket, sqlite3, sys\n"
        "def refuse(*_args, **_values): raise RuntimeError('not offline')\n"
        "socket.socket.connect = socket.getaddrinfo = sqlite3.connect = refuse\n"
        "from casework.cli import main\n"
        "main()\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CASEWORK_")}

    def check(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, "verify-certificate", *arguments],
            cwd=tmp_path,
            env=clean | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    known = check("certificate.json", "--key", "issuer.pem")
    assert known.returncode == 0, known.stderr
    assert "the key in issuer.pem" in known.stdout
    unknown = check("certificate.pdf")
    assert unknown.returncode == 3, unknown.stderr
    assert "trust not checked" in unknown.stdout
    assert sorted(tmp_path.iterdir()) == before
