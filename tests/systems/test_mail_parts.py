"""What counts of a mail, whatever program or person wrote it: addresses, thread, words; nothing breaks the reading."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.systems.mail_parts import MOST_TEXT, parsed

PLAIN = b"From: Ada <Ada@Corp.example>\r\nTo: a@b.example\r\nSubject: Hi\r\n\r\nHello\r\n"


def page(html: str) -> str:
    return parsed(b"From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()).text


def test_a_plain_mail() -> None:
    """The simplest mail has its sender in lower case, its recipients and its words."""
    mail = parsed(PLAIN)
    assert (mail.sender, mail.to, mail.cc) == ("ada@corp.example", ("a@b.example",), ())
    assert (mail.subject, mail.text, mail.automatic, mail.references) == ("Hi", "Hello", False, ())


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        ("From: a@b.example, c@d.example", None),
        ("From: a@b.example\r\nFrom: c@d.example", None),
        ("From: a@b.example\r\nfrom: a@b.example", None),
        ("From: a@b.example\r\nfrom:", None),
        ("From: undisclosed", None),
        ("From:", None),
        ("X: y", None),
        ('From: "boss@corp.example" <a@b.example>', "a@b.example"),
        ("From: =?utf-8?q?J=C3=BCrgen_=3Cboss=40corp=2Eexample=3E?= <a@b.example>", "a@b.example"),
        ("From: boss@corp.example <a@b.example>", None),
        ("From: <a@b.example> <boss@corp.example>", None),
        ("From: a@b.example (unclosed", None),
        ('From: "a b"@b.example', None),
        ("From: (a (nested) one) a@b.example (too)", "a@b.example"),
        ('From: "Say \\"hi\\", <x@y.example>" <a@b.example>', "a@b.example"),
        ("From: a@b.example, x", None),
        ("From: (boss@corp.example) a@b.example", "a@b.example"),
        ("From: Ada\r\n <a@b.example>", "a@b.example"),
    ],
)
def test_who_wrote_it(header: str, sender: str | None) -> None:
    """There is a sender only where there is exactly one; a name that looks like an address is none."""
    assert parsed(f"{header}\r\n\r\nx".encode()).sender == sender


def test_recipients() -> None:
    """To and Cc have all addresses, each once, groups and names taken apart."""
    raw = (
        b"From: a@b.example\r\nTo: Team: One <one@x.example>, TWO@x.example;\r\n"
        b'Cc: "Last, First" <three@x.example>, three@X.example\r\nCc: four@x.example\r\n\r\nx'
    )
    mail = parsed(raw)
    assert mail.to == ("one@x.example", "two@x.example")
    assert mail.cc == ("three@x.example", "four@x.example")


def test_a_thread() -> None:
    """The thread comes oldest first, each id once, with the one that is answered last."""
    thread = b"In-Reply-To: <2@x>\r\nReferences: <0@x>\r\n <1@x>\t<2@x> junk\r\n"
    raw = b"From: a@b.example\r\nMessage-ID: <3@x>\r\n" + thread + b"\r\n"
    mail = parsed(raw)
    assert (mail.message_id, mail.references) == ("<3@x>", ("<0@x>", "<1@x>", "<2@x>"))
    assert parsed(b"From: a@b.example\r\nIn-Reply-To: <2@x>\r\n\r\n").references == ("<2@x>",)


@pytest.mark.parametrize(
    ("header", "automatic"),
    [
        ("Auto-Submitted: auto-replied (vacation)", True),
        ("Auto-Submitted: AUTO-GENERATED; x=y", True),
        ("Auto-Submitted: no", False),
        ("Precedence: bulk", True),
        ("Precedence: first-class", False),
        ("List-Id: <x.example>", True),
        ("Return-Path: <>", True),
        ("Return-Path: <a@b.example>", False),
        ("X-Mailer: robot", False),
    ],
)
def test_written_by_a_machine(header: str, automatic: bool) -> None:
    """Absence notes, bounces and lists say so in their headers (RFC 3834)."""
    assert parsed(f"From: a@b.example\r\n{header}\r\n\r\nx".encode()).automatic is automatic


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?= =?utf-8?b?4oKs?=", "Grüße€"),
        ("=?iso-8859-1?q?caf=E9?= now", "café now"),
        ("=?no-such-charset?q?x=E9?=", "x�"),
        ("=?utf-8?b?!!!?=", None),
        ("Grüße", "Grüße"),
        ("two\r\n lines", "two lines"),
    ],
)
def test_subjects(value: str, subject: str | None) -> None:
    """Encoded words are decoded; what cannot be decoded stays something."""
    found = parsed(f"From: a@b.example\r\nSubject: {value}\r\n\r\nx".encode()).subject
    assert found == subject if subject is not None else isinstance(found, str)


def parts(*bodies: tuple[str, str], kind: str = "mixed") -> bytes:
    listed = "".join(f"--b\r\n{headers}\r\n\r\n{body}\r\n" for headers, body in bodies)
    return f"From: a@b.example\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n{listed}--b--\r\n".encode()


def test_words_of_a_mail_with_parts() -> None:
    """Plain text goes before HTML, an attachment is left out whatever it is, and an encoding is undone."""
    plain = ("Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable", "caf=E9")
    html = ("Content-Type: text/html", "<p>page</p>")
    attached = ("Content-Type: text/plain\r\nContent-Disposition: attachment", "secret")
    picture = ("Content-Type: image/png\r\nContent-Transfer-Encoding: base64", "iVBORw0KGgo=")
    assert parsed(parts(html, plain, attached, picture)).text == "café"
    assert parsed(parts(html, attached, picture)).text == "page"
    assert parsed(parts(attached, picture)).text == ""
    assert parsed(parts(("Content-Type: text/plain; charset=x-none", "a"))).text == "a"


def test_half_a_mail() -> None:
    """Of a mail that is cut in its attachment the words are there."""
    whole = parts(("Content-Type: text/plain", "Hello"), ("Content-Type: image/png", "x" * 5000))
    assert parsed(whole[:2000]).text == "Hello"


@pytest.mark.parametrize(
    ("html", "seen"),
    [
        ("<p>One</p><p>Two &amp; &lt;three&gt;</p>", "One\n\nTwo & <three>"),
        ("a<br>b<div>c</div>", "a\nb\nc"),
        ("<style>p{}</style><script>alert(1)</script><!-- note -->x", "x"),
        ("<head><title>t</title></head><body>x</body>", "x"),
        ("<![if !mso]>x<![endif]><![foo[y", "x"),
        ("1 < 2 <3 <a href='x'>four</a>", "1 < 2 <3 four"),
        ("<SCRIPT>x</script >y<script>z", "y"),
        ("a<title>b", "a"),
        ("İ<P>x</P><STYLE>y</STYLE>z", "İ\nx\nz"),
        ("<p>open <b>bold", "open bold"),
        ("a\n   b\tc", "a b c"),
    ],
)
def test_what_a_reader_of_a_page_sees(html: str, seen: str) -> None:
    """Of HTML the words that are shown are kept, in lines; nothing that is hidden, and nothing that runs."""
    assert page(html) == seen


def test_bounded() -> None:
    """Words beyond the limit are cut and it is said; many parts, nested ones and open tags take no long time."""
    long = parsed(PLAIN + b"x" * (MOST_TEXT + 1))
    assert (len(long.text), long.cut) == (MOST_TEXT, True)
    began = time.process_time()
    for markup in ("<!--", "<a ", "<", "<script>", "</", "&", "<![", "<p"):
        page(markup * (200_000 // len(markup)))
    for header in ("a@b.example, ", "=?", "=?a?q?", "(", '"', '\\"', '"\\', "<", ":"):
        parsed(f"From: {header * (200_000 // len(header))}\r\nSubject: {header * 50_000}\r\n\r\n".encode())
    assert len(parsed(parts(*[("Content-Type: text/plain", "x")] * 3000)).text) < 3000
    many = parsed(parts(*[("X: y", "")] * 200_000))
    assert (many.sender, many.cut) == ("a@b.example", True)
    assert time.process_time() - began < 20


@pytest.mark.parametrize("kind", ["multipart/mixed; boundary=b{}", "message/rfc822"])
def test_parts_within_parts(kind: str) -> None:
    """Of a mail whose parts never end the headers are read; a few levels are read whole."""

    def nested(levels: int) -> bytes:
        lines = b"".join(
            f"Content-Type: {kind.format(level)}\r\n\r\n".encode()
            + (f"--b{level}\r\n".encode() if "{" in kind else b"")
            for level in range(levels)
        )
        return b"From: a@b.example\r\n" + lines + b"Content-Type: text/plain\r\n\r\nHello"

    assert (parsed(nested(40)).text, parsed(nested(40)).cut) == ("Hello", False)
    endless = parsed(nested(20_000))
    assert (endless.sender, endless.text, endless.cut) == ("a@b.example", "", True)


HEADERS = st.sampled_from(
    ["From", "To", "Cc", "Subject", "References", "Message-ID", "Content-Type", "Content-Disposition",
     "Content-Transfer-Encoding", "Auto-Submitted", "Authentication-Results"]
)  # fmt: skip
WORDS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([
        b"multipart/mixed; boundary=b", b"text/html; charset*=utf-8''x", b"text/plain; charset*0*=x''y; charset*1=z",
        b"=?utf-8?b?x?=", b"=?utf-8?q?=ZZ?=", b"<a@b.example>", b"\"", b"(", b"base64", b"quoted-printable",
        b"uuencode",
        b"message/rfc822", b"attachment; filename*0*=utf-8'x", b"text/plain; charset=\"", b"multipart/mixed",
    ]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(HEADERS, WORDS), max_size=6), st.binary(max_size=120))
def test_nothing_breaks_the_reading(headers: list[tuple[str, bytes]], body: bytes) -> None:
    """Whatever is sent is read as something that can be stored, without an error."""
    raw = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers) + b"\r\n" + body
    mail = parsed(raw)
    assert "\0" not in mail.text
    for one in (mail.subject, mail.text, mail.sender or "", *mail.to, *mail.references):
        one.encode()
