"""The pages of a certificate for people: A4, every time in UTC, every fact of the signed document.

Only the standard fonts of PDF are used, so nothing depends on the machine; a character that they lack is
written as its number. Drawing the same certificate gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFStream, PDFString
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate

from casework.delivery.certificate import Certificate, CertifiedCopy, Outcome
from casework.delivery.evidence import CopyState, Result

INK, QUIET, RULE = HexColor("#1b1f24"), HexColor("#5b6570"), HexColor("#c9d0d6")
GOOD, HALF, BAD = HexColor("#1d6f42"), HexColor("#8a5a00"), HexColor("#a3262a")
MARGIN = 22 * mm
PADDING = 6  # of a frame, in points
LABEL = 38 * mm

OUTCOMES = {
    Outcome.RECEIVED: "it was downloaded, and its arrival was confirmed",
    Outcome.EXPIRED: "its time ran out",
    Outcome.REVOKED: "its link was taken back",
    Outcome.CANCELLED: "the case was ended early",
}
STATES = {
    CopyState.ABSENT: "looked for, and not there any more",
    CopyState.SOFT_DELETED: "deleted; who stores it keeps it for a while",
    CopyState.BLOCKED: "still there, or its deletion was refused",
    CopyState.BY_HAND: "a person says that it was destroyed; nobody else looked",
}

RESULTS = {
    Result.DESTROYED: (GOOD, "Destroyed: neither we nor anyone who stores data for us holds a readable copy."),
    Result.BY_HAND: (HALF, "Destroyed, in part by hand: a person says so of a copy that is named below."),
    Result.NOT_DESTROYED: (BAD, "Not destroyed: a readable copy is left. It is named below."),
}

_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=12.5, textColor=INK)
_TITLE = ParagraphStyle("title", parent=_BODY, fontName="Helvetica-Bold", fontSize=20, leading=25, spaceAfter=2)
_RESULT = ParagraphStyle(
    "result",
    parent=_BODY,
    fontName="Helvetica-Bold",
    fontSize=11.5,
    leading=15,
    leftIndent=8,
    rightIndent=8,
    borderPadding=7,
    borderWidth=1,
    spaceBefore=15,
    spaceAfter=15,
)
_HEADING = ParagraphStyle(
    "heading", parent=_BODY, fontName="Helvetica-Bold", fontSize=11.5, leading=15, spaceBefore=9, spaceAfter=2
)
_COPY = ParagraphStyle("copy", parent=_BODY, fontName="Helvetica-Bold", spaceBefore=5, spaceAfter=1)
_FACT = ParagraphStyle(
    "fact",
    parent=_BODY,
    leftIndent=LABEL,
    bulletFontName="Helvetica",
    bulletFontSize=9.5,
    bulletColor=QUIET,
    spaceAfter=1,
)
_CODE = ParagraphStyle("code", parent=_FACT, fontName="Courier", fontSize=8.6)
_SMALL = ParagraphStyle("small", parent=_BODY, fontSize=8.5, leading=11.5, textColor=QUIET, spaceBefore=3)


def draw(certificate: Certificate, signature: str, name: str, attachment: bytes) -> bytes:
    """The PDF, with the signed document attached under ``name``."""
    issued = certificate.issued_at.astimezone(UTC)

    class Page(Canvas):  # type: ignore[misc] # reportlab has no types
        """Numbers its pages once it is known how many there are, and attaches the document."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._pages: list[dict[str, Any]] = []
            self.setViewerPreference("DisplayDocTitle", "true")
            self.setDateFormatter(lambda *_: f"D:{issued:%Y%m%d%H%M%S}Z")

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, 1):
                self.__dict__.update(page)
                self._foot(number)
                super().showPage()
            _attach(self, name, attachment)
            super().save()

        def _foot(self, number: int) -> None:
            self.setStrokeColor(RULE)
            self.line(MARGIN, 15 * mm, A4[0] - MARGIN, 15 * mm)
            self.setFont("Helvetica", 8)
            self.setFillColor(QUIET)
            self.drawString(MARGIN, 11 * mm, f"Case {_shown(certificate.case_id)[:60]}")
            self.drawRightString(A4[0] - MARGIN, 11 * mm, f"Page {number} of {len(self._pages)}")

    written = BytesIO()
    SimpleDocTemplate(
        written,
        pagesize=A4,
        leftMargin=MARGIN - PADDING,
        rightMargin=MARGIN - PADDING,
        topMargin=16 * mm,
        bottomMargin=17 * mm,
        title=f"Certificate of destruction, case {_shown(certificate.case_id)}",
        author="Casework",
        subject=f"Result: {certificate.result}",
        creator=f"Casework {_shown(certificate.run.code_version)}",
        keywords="",
        lang="en",
        invariant=1,
    ).build(list(_pages(certificate, signature, name)), canvasmaker=Page)
    return written.getvalue()


def _pages(certificate: Certificate, signature: str, name: str) -> Iterator[Flowable]:
    yield Paragraph("Certificate of destruction", _TITLE)
    yield Paragraph(f"Issued by Casework on {_moment(certificate.issued_at)}. All times are UTC.", _SMALL)
    colour, said = RESULTS[certificate.result]
    yield Paragraph(said, ParagraphStyle("coloured", parent=_RESULT, textColor=colour, borderColor=colour))
    if certificate.ciphertext is None:
        yield Paragraph("The data was not encrypted for a download through us. No key for it can be made now.", _BODY)
    else:
        yield Paragraph(
            "The data was encrypted before it was stored for its download. First the key was destroyed, then every "
            "copy was deleted, then each was looked for. An encrypted copy that is still kept somewhere cannot be "
            "read, because its key is destroyed.",
            _BODY,
        )
    yield from _together("What it is about", _subject(certificate))
    yield Paragraph("What was found of each copy", _HEADING)
    if not certificate.copies:
        yield Paragraph("No copy was ever made.", _BODY)
    for copy in certificate.copies:
        yield KeepTogether(list(_copy(copy)))
    yield from _together(
        "Who did it",
        [
            _fact("Carried out by", certificate.run.actor),
            _fact("Run", certificate.run.run_id, _CODE),
            _fact("Version", certificate.run.code_version),
        ],
    )
    yield from _together("Signature", _signature(certificate, signature, name))


def _together(title: str, below: Iterable[Flowable]) -> Iterator[Flowable]:
    yield KeepTogether([Paragraph(title, _HEADING), *below])


def _subject(certificate: Certificate) -> Iterator[Flowable]:
    yield _fact("Case", certificate.case_id, _CODE)
    yield _fact("Deliverable", certificate.deliverable_id, _CODE)
    yield _fact("How it ended", f"{certificate.outcome.value}: {OUTCOMES[certificate.outcome]}")
    if certificate.ciphertext is not None:
        yield _fact("Encrypted file", f"{certificate.ciphertext.size:,} bytes, with this SHA-256:")
        yield _fact("", certificate.ciphertext.sha256, _CODE)
    yield _fact("Key", certificate.key.key_id, _CODE)
    yield _fact("Key destroyed", _moment(certificate.key.destroyed_at))


def _copy(copy: CertifiedCopy) -> Iterator[Flowable]:
    yield Paragraph(f"{_text(copy.copy_name)} · {'encrypted' if copy.sealed else 'not encrypted'}", _COPY)
    yield _fact("Found", f"{copy.state.value}: {STATES[copy.state]}")
    if copy.until is not None:
        yield _fact("Kept until", f"{copy.until:%d %B %Y}")
    yield _fact("Looked at", _moment(copy.looked_at))
    yield _fact("Evidence", copy.detail)
    if copy.request_ids:
        yield _fact("Request ids", ", ".join(copy.request_ids), _CODE)


def _signature(certificate: Certificate, signature: str, name: str) -> Iterator[Flowable]:
    signed = certificate.signed
    yield _fact("Signer's key", f"{signed.algorithm} key {signed.key_id}, fingerprint (SHA-256 of the public key):")
    yield _fact("", signed.fingerprint, _CODE)
    yield _fact("Public key", signed.public_key, _CODE)
    yield _fact("Signature", signature, _CODE)
    yield Paragraph(
        f"It signs the document {escape(name)}, which is attached to this PDF; the last line of the PDF signs these "
        'pages too. Check both with <font name="Courier">casework verify-certificate FILE</font>, offline. Anybody can '
        "see that nothing was altered; to know who signed, compare the fingerprint with one that you did not get with "
        "this file.",
        _SMALL,
    )


def _fact(label: str, value: str, style: ParagraphStyle = _FACT) -> Flowable:
    return Paragraph(_text(value) or "–", style, bulletText=label or None)


def _attach(canvas: Canvas, name: str, content: bytes) -> None:
    """An embedded file (ISO 32000-1, 7.11.4), not compressed."""
    document = canvas._doc
    held = PDFDictionary(
        {
            "Type": PDFName("EmbeddedFile"),
            "Subtype": "/application#2Fjson",
            "Params": document.Reference(PDFDictionary({"Size": len(content)})),
        }
    )
    stream = document.Reference(PDFStream(held, content, filters=()))
    spec = PDFDictionary(
        {
            "Type": PDFName("Filespec"),
            "F": PDFString(name),
            "UF": PDFString(name),
            "Desc": PDFString("The signed certificate"),
            "AFRelationship": PDFName("Source"),
            "EF": PDFDictionary({"F": stream, "UF": stream}),
        }
    )
    names = PDFDictionary({"Names": PDFArray([PDFString(name), document.Reference(spec)])})
    document.Catalog.Names = PDFDictionary({"EmbeddedFiles": names})
    document.Catalog.PageMode = PDFName("UseAttachments")


def _moment(moment: datetime) -> str:
    """To the second; the attached document has what is below."""
    at = moment.astimezone(UTC)
    return f"{at:%d %B %Y, %H:%M:%S} UTC"


def _text(value: str) -> str:
    return escape(_shown(value))


def _shown(value: str) -> str:
    """What the standard fonts can show; another character as its number."""
    return "".join(sign if sign.isprintable() and _drawable(sign) else f"<U+{ord(sign):04X}>" for sign in value)


def _drawable(sign: str) -> bool:
    try:
        sign.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True
