"""Values and fields in Jira's query language, bound so that nothing escapes from them.

Source: Atlassian's "Advanced search reference - JQL": strings in double quotes, with backslash escapes.
"""

from __future__ import annotations

import re

_CUSTOM = re.compile(r"customfield_([0-9]{1,12})")
_FIELD = re.compile(r"[A-Za-z]{1,40}")
_WORDS = re.compile(r"[\w-]+( [\w-]+)*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(value: str) -> str:
    """`value` as one string of JQL, whatever is in it."""
    return '"' + "".join(map(_escaped, value)) + '"'


def field(name: str) -> str:
    """A field by its id: `cf[10060]` for `customfield_10060`. Raises ValueError for anything but a field's id."""
    if found := _CUSTOM.fullmatch(name):
        return f"cf[{found.group(1)}]"
    if _FIELD.fullmatch(name):
        return name
    raise ValueError("A field is named by its id, such as 'status' or 'customfield_10060'")


def contains(name: str, words: str) -> str:
    """The condition that a text field has these words in this order.

    Jira's text search has a language of its own, so only words may be searched: letters, digits, `_` and `-`.
    It is not exact (case and endings are folded): compare what is found. Raises ValueError for other text.
    """
    if not _WORDS.fullmatch(words):
        raise ValueError("Only words of letters, digits, '_' and '-' can be searched for in a text")
    phrase = f'"{words}"'
    return f"{field(name)} ~ {quote(phrase)}"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    return character if character.isprintable() else "".join(f"\\u{unit:04x}" for unit in _units(character))


def _units(character: str) -> list[int]:
    """UTF-16 code units, which is what `\\uXXXX` counts in."""
    encoded = character.encode("utf-16-be", errors="surrogatepass")
    return [int.from_bytes(encoded[at : at + 2], "big") for at in range(0, len(encoded), 2)]
