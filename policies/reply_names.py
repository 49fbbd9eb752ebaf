"""The name in a reply: no merge field is left, the member's own name is there, no other name of theirs is, and a person
has confirmed the name that was shown.

Source: "Tier 2: Escalations": "ALWAYS check the name you are using"; the merge field can hold another name than the one
the member uses. What is handed back says what is wrong, never a name or a piece of the reply.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Iterable
from enum import StrEnum

from policies.words import holds, plain

__all__ = ["Hold", "MergeField", "is_confirmed", "merge_fields", "why_held"]


class MergeField(StrEnum):
    """The forms of a place that is still to be filled in."""

    SALESFORCE = "{!…}"
    BRACES = "{{…}}"
    DOLLAR = "${…}"
    PERCENT = "%%…%%"
    ANGLES = "<<…>>"
    BLOCK = "{%…%}"
    PLACEHOLDER = "[Name]"


class Hold(StrEnum):
    """Why a reply can't be sent yet."""

    MERGE_FIELD = "merge-field"
    NAME_NOT_CONFIRMED = "name-not-confirmed"
    NAME_CONFIRMED_DIFFERS = "name-confirmed-differs"
    NAME_NOT_IN_REPLY = "name-not-in-reply"
    OTHER_NAME_IN_REPLY = "other-name-in-reply"
    NAME_CANNOT_BE_WRITTEN = "name-cannot-be-written"


# One mark of a pair is enough: half a merge field is as wrong as a whole one.
_MARKS = {
    MergeField.SALESFORCE: re.compile(r"\{\s*!"),
    MergeField.BRACES: re.compile(r"\{\s*\{|\}\s*\}"),
    MergeField.DOLLAR: re.compile(r"\$\s*\{"),
    MergeField.PERCENT: re.compile(r"%%"),
    MergeField.ANGLES: re.compile(r"<\s*<[^<>\n]{1,60}>\s*>"),
    MergeField.BLOCK: re.compile(r"\{\s*%|%\s*\}"),
}
# An angle with `=`, `/` or `@` is a tag of HTML or an address.
_BRACKETED = re.compile(
    r"\[([^\[\]\n]{1,60})\]|<([^<>\n=/@]{1,60})>|(?<![{$])\{(?!\s*[!%])([^{}\n]{1,60})\}(?!\})|«([^«»\n]{1,60})»"
)


def merge_fields(text: str, placeholder_words: Collection[str]) -> tuple[MergeField, ...]:
    """Which forms are in the text, as plain text or as HTML; empty when it is ready.

    In brackets a place is one when it holds one of the words, so `[Name]` and `<your first name>` are found and `[1]`
    is not. A found form that was meant is rewritten by whoever sends it: nothing of this kind is needed in a reply.
    """
    found = set()
    for written in (text, html.unescape(text)):
        # Compatibility forms, because a fullwidth brace looks like one, and nothing invisible between two marks.
        seen = "".join(one for one in unicodedata.normalize("NFKC", written) if unicodedata.category(one) != "Cf")
        found |= {form for form, marks in _MARKS.items() if marks.search(seen)}
        inside = (next(filter(None, match.groups())) for match in _BRACKETED.finditer(seen))
        if any(_names_a_place(one, placeholder_words) for one in inside):
            found.add(MergeField.PLACEHOLDER)
    return tuple(form for form in MergeField if form in found)


def is_confirmed(shown: str, confirmed: str) -> bool:
    """Whether the name that was confirmed is the very one that was shown: case and accents count, spaces outside don't.

    The same letters may come composed or not (Unicode NFC), which nobody can see.
    """
    return bool(_name(shown)) and _name(shown) == _name(confirmed)


def why_held(
    reply: str, *, shown: str, confirmed: str | None, others: Iterable[str], placeholder_words: Collection[str]
) -> tuple[Hold, ...]:
    """Why the reply can't be sent; empty when it can.

    `shown` is the name the member uses, as the agent saw it; `confirmed` what they confirmed, None before they did;
    `others` the other names on the account, of which none may be in the reply, not even a part that is no part of the
    own one. The reply is plain text or HTML.
    """
    holds_back = []
    if merge_fields(reply, placeholder_words):
        holds_back.append(Hold.MERGE_FIELD)
    if confirmed is None:
        holds_back.append(Hold.NAME_NOT_CONFIRMED)
    elif not is_confirmed(shown, confirmed):
        holds_back.append(Hold.NAME_CONFIRMED_DIFFERS)
    read = html.unescape(reply)
    if not _name(shown) or not holds(read, [shown], any_case=False):
        holds_back.append(Hold.NAME_NOT_IN_REPLY)
    if holds(read, _written(others, but=shown), any_case=False):
        holds_back.append(Hold.OTHER_NAME_IN_REPLY)
    return tuple(holds_back)


def _written(names: Iterable[str], *, but: str) -> set[str]:
    """The parts of the names that are not parts of `but`, as a reply writes names: Will is one, will is not."""
    own = set(_parts(plain(but)))
    parts = {part for name in names for part in _parts(plain(name, any_case=False)) if plain(part) not in own}
    return {form for part in parts if len(part.strip(".")) > 1 for form in (part, part.title(), part.upper())}


def _parts(name: str) -> list[str]:
    return re.split(r"[\s-]+", name)


def _names_a_place(inside: str, words: Collection[str]) -> bool:
    # `first_name`, `Contact.FirstName` and `member-name` hold the word for whoever reads them.
    apart = re.sub(r"[_.\-:]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", inside))
    return holds(apart, words)


def _name(written: str) -> str:
    return " ".join(unicodedata.normalize("NFC", written).split())
