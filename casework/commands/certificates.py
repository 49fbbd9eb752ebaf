"""Certificates of destruction: get one, check one, and the key to check them with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from casework import connections, wiring
from casework.commands.meant import CaseArgument, one_case
from casework.commands.shown import AsJson, Stop, as_json, complain, say
from casework.delivery.certificate import Certificate, CertificateInvalid, Signer, fingerprint, public_key_of, verify
from casework.delivery.certificate_file import LARGEST, SignedElsewhere, verify_file
from casework.delivery.certificate_file import as_json as json_file
from casework.delivery.certificate_file import as_pdf as pdf_file
from casework.delivery.certificates import Certificates
from casework.settings import Settings, load

__all__ = ["COMMANDS"]

NOT_KNOWN = 3
"""Exit code: nothing was altered, and who signed is not known."""


def certificate(
    case: CaseArgument,
    pdf: Annotated[bool, typer.Option("--pdf", help="As a PDF for people, the signed document attached.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As the signed JSON document.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; its ending says which, if not said.")
    ] = None,
) -> None:
    """The certificate of what was destroyed in a case: shown, or as a file.

    Example: `casework certificate 4711 --pdf -o certificate.pdf`
    """
    if pdf and json:
        raise typer.BadParameter("take one of --pdf and --json")
    ending = output.suffix.lower() if output else ""
    if output and not (pdf or json) and ending not in (".pdf", ".json"):
        raise typer.BadParameter("say --pdf or --json, or let the file end in .pdf or .json")
    settings = load().settings
    files = wiring.files(settings)
    found = one_case(files, case)
    try:
        document = Certificates(files.engine).read(found.case_id)
    except LookupError:
        state = f"it ended as {found.ending}, with nothing to destroy" if found.ending else "it is still open"
        raise Stop(f"Case {found.case_id} has no certificate: {state}.") from None
    if pdf or (not json and ending == ".pdf"):
        target = output or Path(f"certificate-{found.case_id[:8]}.pdf")
        try:
            content = pdf_file(document, _signer(settings))
        except SignedElsewhere as error:
            raise Stop(f"No PDF can be made here: {error}. Put the right one back, or take --json.") from None
        target.write_bytes(content)
        say(f"Written to {target}.")
    elif output is not None:
        output.write_bytes(json_file(document))
        say(f"Written to {output}.")
    elif json:
        typer.echo(json_file(document).decode(), nl=False)
    else:
        _tell(verify(document).certificate)


def verify_certificate(
    file: Annotated[Path, typer.Argument(help="A certificate, JSON or PDF.")],
    key: Annotated[
        Path | None, typer.Option(help="The issuer's public key, PEM. Without it: that of this home, if there is one.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Check a certificate, offline: that nothing was altered, and who signed it.

    Exit codes: 0 both are right; 1 it was altered, cut, signed by another key, or is no certificate; 3 nothing was
    altered, but there was no key to know the signer by.

    Example: `casework verify-certificate certificate.pdf --key issuer.pem`
    """
    expected, whose = _expected(key)
    with file.open("rb") as opened:
        data = opened.read(LARGEST + 1)
    try:
        checked = verify_file(data, expected)
    except CertificateInvalid as error:
        said = f"{file} is NOT a valid certificate. {_printable(str(error))}."
        raise Stop(f"{said} Do not rely on it; ask its issuer for it anew.") from None
    proved = checked.certificate
    if json:
        as_json(
            {
                "unaltered": True,
                "trusted": checked.trusted,
                "signer": proved.signed.fingerprint,
                "certificate": proved.model_dump(mode="json", by_alias=True),
            }
        )
    else:
        say(f"Nothing in {file} was altered since it was signed.\n")
        say(f"{'signer':<16}{proved.signed.fingerprint}")
        say(f"{'':<16}{whose if checked.trusted else 'trust not checked: the key came with the certificate'}")
        _tell(proved)
    if not checked.trusted:
        complain("Who signed is NOT known. Get the issuer's public key another way, and give it with --key.")
        raise typer.Exit(NOT_KNOWN)


def certificate_key() -> None:
    """The public key that this home's certificates are checked with, as PEM. Give it to auditors.

    Example: `casework certificate-key > issuer.pem`
    """
    signer = _signer(load().settings)
    typer.echo(signer.public_pem, nl=False)
    complain(f"fingerprint (SHA-256 of its 32 bytes): {fingerprint(signer.public_key)}")


COMMANDS = (certificate, verify_certificate, certificate_key)


def _expected(key: Path | None) -> tuple[bytes | None, str]:
    """The public key that must have signed, if one is known, and whose it is."""
    if key is not None:
        try:
            return public_key_of(key.read_bytes()), f"the key in {key}"
        except ValueError as error:
            raise Stop(f"{key} cannot be used: {error}. `casework certificate-key` gives the right one.") from None
    settings = load().settings
    path = connections.certificate_key(settings)
    return (Signer(path).public_key, f"the key of this home, {path}") if path.exists() else (None, "")


def _signer(settings: Settings) -> Signer:
    path = connections.certificate_key(settings)
    if not path.exists():
        raise Stop(f"There is no signing key {path}: the first process that runs makes it. Is `home` right?")
    return Signer(path)


def _tell(proved: Certificate) -> None:
    sealed, run = proved.ciphertext, proved.run
    lines = [
        ("result", proved.result),
        ("case", proved.case_id),
        ("deliverable", f"{proved.deliverable_id}, which ended as {proved.outcome}"),
        ("ciphertext", f"SHA-256 {sealed.sha256}, {sealed.size} bytes" if sealed else "none was made"),
        ("key", f"{proved.key.key_id}, destroyed at {proved.key.destroyed_at.isoformat()}"),
    ]
    for copy in proved.copies:
        held = "encrypted" if copy.sealed else "not encrypted"
        until = f" until {copy.until}" if copy.until else ""
        asked = f"; requests {', '.join(copy.request_ids)}" if copy.request_ids else ""
        lines.append(("copy", f"{copy.copy_name} ({held}): {copy.state}{until}"))
        lines.append(("", f"{copy.detail}; looked at {copy.looked_at.isoformat()}{asked}"))
    lines.append(("carried out by", f"{run.actor}, run {run.run_id}, version {run.code_version}"))
    lines.append(("issued", proved.issued_at.isoformat()))
    for label, text in lines:
        say(f"{label:<16}{_printable(text)}")


def _printable(text: str) -> str:
    """Whoever made the file may not steer the terminal that shows it."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
