"""The values in a message: each has a kind, is checked against it, and is written so that it stays data.

| kind            | takes                                | written as                                   |
|-----------------|--------------------------------------|----------------------------------------------|
| word, words     | an id, an enum's value, a number     | itself: letters, digits and `. _ / -` only   |
| number          | a whole number                       | left to the template                         |
| day             | a date                               | 10 March 2026                                |
| moment, moments | an aware datetime                    | Tuesday, 10 March 2026, 16:05 UTC            |
| time            | a wall time of the reader's          | 16:05                                |
| [choices]       | some of these words, at least one    | a list to test and go through                |
| link, links     | https, or http on this very machine  | itself                                       |
| name            | a person's name, as they write it    | itself: letters, digits, spaces and `' - .`  |
| text, texts     | any text                             | one line, escaped for the format             |
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

__all__ = ["Format", "Kind", "as_data", "sample"]

NamedKind = Literal[
    "word", "words", "number", "day", "moment", "moments", "time", "link", "links", "name", "text", "texts"
]
Kind = NamedKind | list[str]
Format = Literal["markdown", "slack", "plain"]

_SAMPLES: dict[NamedKind, object] = {
    "word": "sample-1",
    "words": ("sample-1", "sample-2"),
    "number": 12,
    "day": date(2026, 3, 10),
    "moment": datetime(2026, 3, 10, 16, 5, tzinfo=UTC),
    "moments": (datetime(2026, 3, 10, 16, 5, tzinfo=UTC), datetime(2026, 3, 11, 9, tzinfo=UTC)),
    "time": time(16, 5),
    "link": "https://casework.example/sample",
    "links": ("https://casework.example/sample-1", "https://casework.example/sample-2"),
    "name": "Ana-María O’Neil Jr.",
    "text": "a sample",
    "texts": ("one sample", "another sample"),
}

_TEXT_LIMIT_CHARACTERS = 1000
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,255}")
_LINK = re.compile(r"[A-Za-z0-9._~/?=&%+:#-]{1,2000}")
_NAME_LIMIT_CHARACTERS = 100
_NAME_SIGNS = frozenset(" '\u2018\u2019-\u2010\u2011.\u00b7\u30fb\u200c\u200d")
_NAME_BEGINS = re.compile(r"['\u2018\u2019]?[^\W\d_]")
# A full stop ends a word or stands between initials; nothing else, so that no address can be made of it.
_NAME_ADDRESS = re.compile(r"\.(?:[^\W_]{2}|[.'\u2018\u2019-])|[^\W_]{2}\.[^\W_]")
_MARKDOWN_MARKS = re.compile(r"[\\`*_{}\[\]()#|~!^$@%]")
_MARKDOWN_LINE_START = re.compile(r"^(?:(?=[-+=])|(\d+)(?=[.]))")


def sample(kind: Kind) -> object:
    """A right value of this kind, to try a template with: of choices all."""
    return kind if isinstance(kind, list) else _SAMPLES[kind]


def as_data(kind: Kind, value: object, form: Format) -> str | int | list[str]:
    """`value` written for a template of format `form`. Raises ValueError, which never quotes the value."""
    match kind:
        case list():
            chosen = [_word(one) for one in _several(value)]
            if not chosen or not set(chosen) <= set(kind):
                raise ValueError(f"must be one or more of {', '.join(kind)}")
            return chosen
        case "words":
            return [_word(one) for one in _several(value)]
        case "texts":
            return [_text(one, form) for one in _several(value)]
        case "word":
            return _word(value)
        case "text":
            return _text(value, form)
        case "link":
            return _link(value, form)
        case "links":
            return [_link(one, form) for one in _several(value)]
        case "name":
            return _name(value)
        case "number":
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError("must be a whole number")
            return value
        case "day":
            if isinstance(value, datetime) or not isinstance(value, date):
                raise ValueError("must be a date")
            return f"{value.day} {value:%B %Y}"
        case "moment":
            return _moment(value)
        case "moments":
            return [_moment(one) for one in _several(value)]
        case "time":
            if not isinstance(value, time) or value.tzinfo is not None:
                raise ValueError("must be a wall time without a zone")
            return f"{value:%H:%M}"


def _several(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list or a tuple")
    return list(value)


def _word(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        raise ValueError("must be an id or a whole number")
    word = str(value)
    if not _WORD.fullmatch(word):
        raise ValueError("must be letters, digits and . _ / - only, and begin with a letter or a digit")
    return word


def _moment(value: object) -> str:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ValueError("must be a timezone aware datetime")
    moment = value.astimezone(UTC)
    return f"{moment:%A}, {moment.day} {moment:%B %Y, %H:%M} UTC"


def _link(value: object, form: Format) -> str:
    if not isinstance(value, str) or not _LINK.fullmatch(value):
        raise ValueError("must be an address with the usual characters, others %-encoded")
    parts = urlsplit(value)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(parts.hostname))
    ):
        raise ValueError("must begin with https:// and a host")
    return value.replace("&", "&amp;") if form == "slack" else value


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(value: object) -> str:
    # Nothing that is markup, an address or a placeholder in any format, so that customers can be called by it.
    if not isinstance(value, str):
        raise ValueError("must be text")
    name = unicodedata.normalize("NFC", " ".join(value.split()))
    known = all(one in _NAME_SIGNS or unicodedata.category(one)[0] in "LM" or one.isdecimal() for one in name)
    if not known or not _NAME_BEGINS.match(name) or _NAME_ADDRESS.search(name) or len(name) > _NAME_LIMIT_CHARACTERS:
        raise ValueError("must be a name: at most 100 letters, digits, spaces, apostrophes, hyphens and full stops")
    return name


def _text(value: object, form: Format) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    text = _one_line(value)
    match form:
        case "markdown":
            return _escape_markdown(text)
        case "plain":
            # Nothing is markup here, but ticket systems fill placeholders in and make addresses clickable.
            return re.sub(r"\{(?=[{%])", "{ ", text).replace("://", ": //")
        case "slack":
            raise ValueError("has no place in a Slack message, which cannot escape it")


def _one_line(text: str) -> str:
    # Line ends become spaces; other control, format (direction, zero width) and unassigned characters go.
    spaced = "".join(" " if unicodedata.category(one) == "Cc" else one for one in text)
    visible = "".join(one for one in spaced if not unicodedata.category(one).startswith("C"))
    line = " ".join(visible.split())
    if len(line) > _TEXT_LIMIT_CHARACTERS:
        line = line[: _TEXT_LIMIT_CHARACTERS - 1] + "…"
    return line or "(blank)"


def _escape_markdown(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _MARKDOWN_MARKS.sub(r"\\\g<0>", escaped)
    escaped = escaped.replace("://", ":\\//").replace("www.", "www\\.")
    return _MARKDOWN_LINE_START.sub(r"\1\\", escaped)
