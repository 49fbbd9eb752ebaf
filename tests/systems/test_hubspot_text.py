"""Bodies of tasks and notes: text goes in word for word and comes out of whatever tags it was saved in."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casework.systems.hubspot_text import as_html, as_text

_LINE = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=20
)


@example(["<b>bold</b> & &amp; <br>", "a < b"])
@given(st.lists(_LINE, min_size=1, max_size=5))
def test_what_goes_in_comes_out(lines: list[str]) -> None:
    """Any lines come back as they were, also those that look like tags or entities."""
    text = "\n".join(lines)
    assert as_text(as_html(text)) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<div><p>one</p><p>two</p></div>", "one\n\ntwo"),
        ("<ul><li>a</li><li>b &amp; c</li></ul>", "a\nb & c"),
        ("a<br/>b", "a\nb"),
        ("<b>a</b> b", "a b"),
        ("", ""),
    ],
)
def test_the_editor_s_tags(body: str, text: str) -> None:
    """Blocks are lines, other tags nothing."""
    assert [line for line in as_text(body).splitlines() if line] == [line for line in text.splitlines() if line]
