"""Phrases are found whole, whatever their case, apostrophes, dashes and invisible characters; never inside a word."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.words import APOSTROPHES, DASHES, holds, letters, plain

# Variation selectors choose a picture or a letter's shape and are invisible by themselves.
SELECTORS = "".join(map(chr, range(0xFE00, 0xFE10)))
WORD_CHARACTERS = st.characters(
    categories=["L", "Nd", "Mn", "Mc"], include_characters="_", exclude_characters=SELECTORS
)


@pytest.mark.parametrize(
    ("text", "phrase", "there"),
    [
        ("I am queer.", "queer", True),
        ("QUEER!", "queer", True),
        ("(Queer)", "queer", True),
        ("queer", "Queer", True),
        ("queer's", "queer", True),
        ("a queer-friendly home", "queer", True),
        ("queerly", "queer", False),
        ("genderqueer", "queer", False),
        ("queer_1", "queer", False),
        ("queer2", "queer", False),
        ("2queer", "queer", False),
        ("queeŕ", "queer", False),
        ("queer\u0335", "queer", False),
        ("ｑｕｅｅｒ", "queer", True),
        ("qu\u00adeer", "queer", True),
        ("que\u200der", "queer", True),
        ("a\u200bqueer", "queer", True),
        ("queer\N{HEAVY BLACK HEART}\ufe0fqueer", "queer", True),
        ("LGBTQ+", "LGBTQ+", True),
        ("an lgbtq+ ally", "LGBTQ+", True),
        ("LGBTQ+A", "LGBTQ+", False),
        ("LGBTQ", "LGBTQ+", False),
        ("I don't identify with it", "I don't identify", True),
        ("i DON’T identify as", "I don't identify", True),
        ("I\u00a0don't\r\n  identify as", "I don't identify", True),
        ("I don't identifying", "I don't identify", False),
        ("Hi don't identify", "I don't identify", False),
        ("non–binary", "non-binary", True),
        ("non‑binary", "non-binary", True),
        ("xqueer, but queer", "queer", True),
        ("", "queer", False),
        ("anything", "", False),
        ("анти-queer", "queer", True),
        ("антиqueer", "queer", False),
    ],
)
def test_whole_words(text: str, phrase: str, there: bool) -> None:
    """A phrase stands for itself alone: beside it is no letter of any script, mark, digit or underscore."""
    assert holds(text, [phrase]) is there


def test_every_apostrophe_of_unicode() -> None:
    """Every character named an apostrophe, a single quotation mark or a prime is read as one."""
    named = {
        chr(code)
        for code in range(0x10000)
        if unicodedata.name(chr(code), "").endswith(("APOSTROPHE", "SALTILLO", "LETTER PRIME", "PUNCTUATION GERESH"))
        or unicodedata.name(chr(code), "").endswith(("SINGLE QUOTATION MARK", "REVERSED-9 QUOTATION MARK", " PRIME"))
    }
    not_one = {chr(code) for code in (0x149, 0x2BA, 0x2EE, 0x201F, 0x2033, 0x2034, 0x2036, 0x2037, 0x2057, 0x2E42)}
    assert named - not_one <= set(APOSTROPHES)
    assert len(APOSTROPHES) == len(set(APOSTROPHES))
    assert len(DASHES) == len(set(DASHES))


@given(st.sampled_from(APOSTROPHES), st.sampled_from(["I don{}t identify", "i DON{}T IDENTIFY"]))
def test_any_apostrophe_in_any_case(apostrophe: str, written: str) -> None:
    """Whichever is typed, the phrase is found; and with a letter behind it, it is not."""
    assert holds(f"Hello, {written.format(apostrophe)} as that.", ["I don't identify"])
    assert not holds(f"Hello, {written.format(apostrophe)}s", ["I don't identify"])


@given(st.text(), WORD_CHARACTERS, st.booleans())
def test_never_across_a_word(around: str, beside: str, before: bool) -> None:
    """With a letter, mark, digit or underscore of any script beside it, that place is no match.

    But for the few letters that are written with a sign of their own, such as the Catalan l with a dot.
    """
    assume(plain(f"a{beside}a").replace("_", "").isalnum() or unicodedata.category(beside).startswith("M"))
    joined = f"{beside}queer" if before else f"queer{beside}"
    if not holds(around, ["queer"]):
        assert not holds(f"{around} .{joined}. ", ["queer"])


@given(st.text(), st.text())
def test_found_anywhere(before: str, after: str) -> None:
    """Between two spaces it is found, whatever stands around."""
    assert holds(f"{before} . transgender . {after}", ["transgender"])


@given(st.text())
def test_plain_is_stable(text: str) -> None:
    """To make a plain text plain changes nothing more."""
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize("label", ["Our Turn", "🎾 Our Turn", " our\u00a0turn! ", "OUR-TURN", "🎾our · turn"])
def test_the_letters_of_a_label(label: str) -> None:
    """Emoji, signs, spaces and capitals of a tool's label change nothing."""
    assert letters(label) == "our turn"


def test_a_label_without_letters() -> None:
    """Of signs alone nothing is left; digits and letters of any script stay."""
    assert letters("🎾 -") == ""
    assert letters("Stufe 2: Prüfung") == "stufe 2 prüfung"
