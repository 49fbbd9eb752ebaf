"""Finding words in what people write, whatever apostrophes, dashes, letter case and invisible characters they use.

A phrase is found whole: no letter, mark, digit or underscore stands beside it. What is handed back is never a person's
text, only whether the phrase is in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["APOSTROPHES", "DASHES", "holds", "letters", "plain"]

APOSTROPHES = (
    "'`\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02c8\u02ca\u02cb\u055a\u05f3\u07f4\u07f5\u1fbd\u1fbf\u1fef\u1ffd\u1ffe"
    "\u2018\u2019\u201a\u201b\u2032\u2035\u275b\u275c\ua78b\ua78c\uff07\uff40"
)
"""All that stands for an apostrophe, in any script; Unicode has no property for it, so a test goes by the names."""

DASHES = "-\u058a\u05be\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u207b\u208b\u2212\ufe58\ufe63\uff0d"
_MARKS_OF_WRITING = str.maketrans(dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys(DASHES, "-") | {"\u200b": " "})


def plain(text: str, *, any_case: bool = True) -> str:
    """The text with one kind of apostrophe and dash, without width, invisible characters, runs of space, and case."""
    # Before, because compatibility takes accents apart; again after, because it makes apostrophes of some letters.
    seen = unicodedata.normalize("NFKC", text.translate(_MARKS_OF_WRITING))
    if any_case:
        seen = unicodedata.normalize("NFKC", seen.casefold())
    return " ".join("".join(one for one in seen.translate(_MARKS_OF_WRITING) if not _is_invisible(one)).split())


def holds(text: str, phrases: Iterable[str], *, any_case: bool = True) -> bool:
    """Whether one of the phrases stands in the text as whole words."""
    searched = plain(text, any_case=any_case)
    return any(_stands_in(searched, plain(phrase, any_case=any_case)) for phrase in phrases)


def letters(text: str) -> str:
    """The text's words alone, in small letters: of a tool's label without emoji and other signs."""
    return " ".join("".join(one if _is_of_a_word(one) else " " for one in plain(text)).split())


def _stands_in(text: str, phrase: str) -> bool:
    at = text.find(phrase) if phrase else -1
    while at >= 0:
        if not _is_of_a_word(text[at - 1 : at]) and not _is_of_a_word(text[at + len(phrase) :][:1]):
            return True
        at = text.find(phrase, at + 1)
    return False


def _is_of_a_word(one: str) -> bool:
    return bool(one) and (one.isalnum() or one == "_" or unicodedata.category(one).startswith("M"))


def _is_invisible(one: str) -> bool:
    return unicodedata.category(one) == "Cf" or "\ufe00" <= one <= "\ufe0f"
