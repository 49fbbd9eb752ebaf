"""The parts of a mail that count: who wrote to whom, in which thread, and its words as plain text.

Mails are written by anybody's programs, so nothing here trusts their form: a header that cannot be decoded stays as it
is, a charset that nobody knows is read as UTF-8, and what is no text is left out. Sources: RFC 5322, RFC 2045 to 2047,
RFC 3834 (which mails were written by machines).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from html import unescape
from itertools import islice
from string import ascii_lowercase, ascii_uppercase

__all__ = ["Parts", "parsed"]

MOST_TEXT = 100_000
"""Characters of a mail's words that are kept."""
_MOST_PAGE = 200_000
_MOST_HEADER = 16_384
_MOST_PARTS = 200
_MOST_NESTED = 60
_MOST_BOUNDARIES = 5000
_MOST_ADDRESSES = 200
_MOST_REFERENCES = 100
_ADDRESS = r"[^@\s<>()\",;:\\]{1,64}@[A-Za-z0-9.-]{1,253}"
_MAILBOX = re.compile(rf"[^<>@]*<(?P<within>{_ADDRESS})>|(?P<bare>{_ADDRESS})")
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)")
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
"""As `lower`, which gives some letters of other alphabets another length."""
_HIDDEN = frozenset({"script", "style", "title", "template"})
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "hr"})
_NESTING = re.compile(rb"multipart/|message/", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")


@dataclass(frozen=True, slots=True)
class Parts:
    """Of a mail, what counts. `headers` are all of them as they came, their names in lower case, from the top."""

    headers: tuple[tuple[str, str], ...]
    sender: str | None
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    text: str
    cut: bool
    message_id: str | None
    references: tuple[str, ...]
    automatic: bool


def parsed(raw: bytes) -> Parts:
    """The parts of a mail, or of its beginning."""
    # Parts within parts, or after parts, without end would break the parser. Of such a mail the headers are enough.
    nested = sum(1 for _ in islice(_NESTING.finditer(raw), _MOST_NESTED + 1))
    endless = nested > _MOST_NESTED or raw.count(b"\n--") > _MOST_BOUNDARIES
    mail = BytesHeaderParser().parsebytes(raw) if endless else message_from_bytes(raw)
    headers = tuple((name.lower(), _clean(str(value))) for name, value in mail.raw_items())

    def all_of(name: str) -> list[str]:
        return [value for key, value in headers if key == name]

    senders = [one for value in all_of("from") for one in _mailboxes(value)]
    text = "" if endless else _text(mail)
    own = _ids(all_of("message-id"))
    thread = _ids([*all_of("references"), *all_of("in-reply-to")])
    return Parts(
        headers=headers,
        # Of two senders one could be vouched for and the other be shown.
        sender=senders[0] if len(senders) == len(all_of("from")) == 1 else None,
        to=_addresses(all_of("to")),
        cc=_addresses(all_of("cc")),
        subject=" ".join(_decoded(value) for value in all_of("subject")[:1]).strip(),
        text=text[:MOST_TEXT],
        cut=endless or len(text) > MOST_TEXT,
        message_id=own[0] if own else None,
        references=thread[-_MOST_REFERENCES:],
        automatic=_automatic(headers),
    )


def _automatic(headers: tuple[tuple[str, str], ...]) -> bool:
    said = {name: value.split(";")[0].strip().lower() for name, value in reversed(headers)}
    return (
        said.get("auto-submitted", "no") != "no"
        or said.get("precedence") in ("bulk", "list", "junk", "auto_reply")
        or "list-id" in said
        or said.get("return-path") == "<>"
    )


def _addresses(values: list[str]) -> tuple[str, ...]:
    """The addresses of headers, in lower case, each once; what is none is passed over."""
    found = (one for value in values for one in _mailboxes(value) if one is not None)
    return tuple(dict.fromkeys(found))[:_MOST_ADDRESSES]


def _mailboxes(value: str) -> list[str | None]:
    """Each mailbox of a header: its address, None where it has no single one. Names and comments say nothing.

    Not by the standard library: it follows comments within comments until it falls, and guesses where it cannot know.
    """
    chunks, chunk, depth, quoted, escaped = [], "", 0, False, False
    for sign in value[:_MOST_HEADER]:
        if escaped:
            escaped = False
        elif (quoted or depth) and sign == "\\":
            escaped = True
        elif quoted:
            quoted = sign != '"'
        elif sign == "(":
            depth += 1
        elif depth:
            depth -= sign == ")"
        elif sign == '"':
            quoted, chunk = True, chunk + '"'
        elif sign in ",;":
            chunks.append(chunk)
            chunk = ""
        elif sign == ":" and "<" not in chunk:
            chunk = ""  # it was the name of a group
        else:
            chunk += sign
    chunks.append(chunk + '"' if quoted or depth else chunk)
    matched = [_MAILBOX.fullmatch(" ".join(one.split())) for one in chunks if one.strip()]
    return [None if one is None else (one["within"] or one["bare"]).lower() for one in matched]


def _ids(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for value in values for one in _MESSAGE_ID.findall(value)))


def _clean(value: str) -> str:
    """A header as text: bytes beyond ASCII, which have no place in one, as the UTF-8 that they mostly are."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decoded(value: str) -> str:
    """A header's words, decoded (RFC 2047)."""
    flat = " ".join(value.split())[:_MOST_HEADER]
    try:
        pieces = decode_header(flat)
    except (HeaderParseError, ValueError):
        return flat
    return "".join(
        piece if isinstance(piece, str) else _in_charset(piece, charset or "utf-8") for piece, charset in pieces
    )


def _in_charset(raw: bytes, charset: str) -> str:
    try:
        return raw.decode(charset, errors="replace")
    except (LookupError, ValueError):  # a charset that nobody knows, or one that is no charset of text
        return raw.decode("utf-8", errors="replace")


def _text(mail: Message) -> str:
    """The words of a mail: of its plain texts, or, where it has none, of its HTML; attachments are left out."""
    plain: list[str] = []
    pages: list[str] = []
    for number, part in enumerate(mail.walk()):
        if number >= _MOST_PARTS:
            break
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind not in ("text/plain", "text/html"):
            continue
        raw = part.get_payload(decode=True)
        words = _in_charset(raw, _charset(part)) if isinstance(raw, bytes) else ""
        (plain if kind == "text/plain" else pages).append(words)
    found = "\n".join(plain) if any(one.strip() for one in plain) else "\n".join(map(_seen, pages))
    lines = (line.rstrip() for line in found.replace("\r\n", "\n").replace("\0", "").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _charset(part: Message) -> str:
    found = part.get_content_charset()
    return found if isinstance(found, str) else "utf-8"


def _seen(page: str) -> str:
    """What a reader of a page sees: no markup, no scripts, no styles, no comments.

    Not by the standard library's parser: the time it takes grows with the square of open tags.
    """
    page = page[:_MOST_PAGE]
    lower, seen, at = page.translate(_LOWER), [], 0
    while (sign := page.find("<", at)) >= 0:
        seen.append(_shown(page[at:sign]))
        tag = _TAG.match(lower, sign)
        comment = lower.startswith("<!--", sign)
        if tag is None and not comment and not lower.startswith(("<!", "<?"), sign):
            seen.append("<")
            at = sign + 1
            continue
        closing, opened = ("-->", sign + 4) if comment else (">", sign)
        if tag is not None and tag["name"] in _HIDDEN and not tag["end"]:
            opened = lower.find(f"</{tag['name']}", tag.end())
        end = lower.find(closing, opened) if opened >= 0 else -1
        if end < 0:  # it never ends, so that nothing more is shown
            return _lines(seen)
        if tag is not None and tag["name"] in _BREAKS:
            seen.append("\n")
        at = end + len(closing)
    return _lines([*seen, _shown(page[at:])])


def _shown(text: str) -> str:
    return re.sub(r"\s+", " ", unescape(text))


def _lines(seen: list[str]) -> str:
    return "\n".join(line.strip() for line in "".join(seen).split("\n"))
