"""Values stay data: shown by an independent Markdown renderer and by hostile examples."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from html.parser import HTMLParser
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from policies.values import Kind, as_data

HOSTILE = [
    "{{ ticket.requester.email }}",
    "{% if true %}x{% endif %}",
    "{{ ''.__class__.__mro__ }}",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</p><h1>Approved</h1>",
    "&lt;b&gt; &amp;amp; &#60;",
    "[click](https://evil.example/)",
    "![](https://evil.example/pixel.png)",
    "<https://evil.example/>",
    "[link]: https://evil.example/",
    "**bold** _it_ ~~gone~~ `code` ```",
    "# Approved",
    "#approve",
    "fine\n\n#approve\n",
    "fine\r#deny all",
    "fine\u2028#approve\u2029#approve",
    "- a\n- b",
    "+ a",
    "1. one",
    "1) one",
    "> quoted",
    "====",
    "---",
    "| a | b |\n|---|---|\n| c | d |",
    "    code",
    "a  \nb",
    "a\\\nb",
    "\\",
    "\\*a\\*",
    "\u202egnol\u202c",
    "zero\u200bwidth\ufeff",
    "bell\x07 null\x00",
    "<!channel> <@U012AB3CD>",
    "$x$ ^y^ ~z~",
    "*",
    "",
]


class Seen(HTMLParser):
    """The tags and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def with_examples(test: Callable[[str], None]) -> Callable[[str], None]:
    for one in HOSTILE:
        test = example(one)(test)
    return test


def visible(text: str) -> str:
    """One line of what a person can see of `text`, or (blank)."""
    kept = "".join(
        " " if unicodedata.category(c) == "Cc" else c
        for c in text
        if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn")
    )
    return " ".join(kept.split()) or "(blank)"


@with_examples
@given(st.text(max_size=80) | st.text(alphabet="\\`*_{}[]()<>#+-.!|~&:/ \t\n1a=\"'", max_size=30))
def test_text_in_markdown_shows_as_itself(text: str) -> None:
    """A Markdown renderer that allows HTML, tables and strike-through shows any text as that text."""
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    safe = as_data("text", text, "markdown")
    assert isinstance(safe, str)
    assert "\n" not in safe
    for template, tags, shown in (
        ("{}", ["p"], "{}"),
        ("It says: {}", ["p"], "It says: {}"),
        ("- {}", ["ul", "li"], "{}"),
        ("{} is at <https://a.example>", ["p", "a"], "{} is at https://a.example"),
    ):
        seen = Seen(renderer.render(template.format(safe)))
        assert seen.tags == tags
        assert seen.text.strip() == shown.format(visible(text))


@with_examples
@given(st.text(max_size=80))
def test_text_is_no_placeholder_and_no_address(text: str) -> None:
    """Text never holds a placeholder's braces, a clickable address, a line end or a hidden character."""
    for form in ("markdown", "plain"):
        safe = as_data("text", text, form)
        assert isinstance(safe, str)
        assert "{{" not in safe
        assert "{%" not in safe
        assert "://" not in safe
        assert safe.splitlines() == [safe]
        assert not any(unicodedata.category(one).startswith("C") for one in safe)
        assert form == "plain" or not set("<>") & set(safe)


def test_long_text_is_cut() -> None:
    """A value cannot flood a message; what was cut is marked."""
    safe = as_data("text", "x" * 10_000, "plain")
    assert isinstance(safe, str)
    assert len(safe) == 1000
    assert safe.endswith("x…")


class Colour(StrEnum):
    DARK_RED = "dark-red"


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("word", "team-104", "team-104"),
        ("word", 35436, "35436"),
        ("word", Colour.DARK_RED, "dark-red"),
        ("word", UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("word", "exports/7c1f/", "exports/7c1f/"),
        ("words", ["a", Colour.DARK_RED], ["a", "dark-red"]),
        (["a", "b"], ("b",), ["b"]),
        ("number", 2000, 2000),
        ("day", date(2026, 3, 1), "1 March 2026"),
        ("time", time(9), "09:00"),
        ("time", time(16, 5, 59), "16:05"),
        ("moment", datetime(2026, 3, 10, 16, 5, 59, tzinfo=UTC), "Tuesday, 10 March 2026, 16:05 UTC"),
        (
            "moment",
            datetime(2026, 3, 10, 0, 30, tzinfo=timezone(timedelta(hours=1))),
            "Monday, 9 March 2026, 23:30 UTC",
        ),
        ("link", "https://casework.example/d/aB_-9?x=1&y=2", "https://casework.example/d/aB_-9?x=1&y=2"),
        ("link", "http://127.0.0.1:4200/runs", "http://127.0.0.1:4200/runs"),
        ("link", "http://localhost:8080/d/1", "http://localhost:8080/d/1"),
        ("links", ("https://a.example/1", "https://a.example/2"), ["https://a.example/1", "https://a.example/2"]),
        (
            "moments",
            [datetime(2026, 3, 10, 16, 5, tzinfo=UTC), datetime(2026, 3, 11, 1, tzinfo=timezone(timedelta(hours=1)))],
            ["Tuesday, 10 March 2026, 16:05 UTC", "Wednesday, 11 March 2026, 00:00 UTC"],
        ),
        ("texts", ["a", "b"], ["a", "b"]),
        ("name", "Ruth", "Ruth"),
        ("name", "  Ana-María   O’Neil Jr. ", "Ana-María O’Neil Jr."),
        ("name", "J.R. D'Arcy", "J.R. D'Arcy"),
        ("name", "Zoe\u0308", "Zoë"),
        ("name", "’t Hooft", "’t Hooft"),
        ("name", "Kaʻiulani", "Kaʻiulani"),
        ("name", "नेहा", "नेहा"),
        ("name", "محمد", "محمد"),
        ("name", "陳大文", "陳大文"),
        ("name", "X Æ A-12", "X Æ A-12"),
    ],
)
def test_right_values(kind: Kind, value: object, written: object) -> None:
    """Each kind writes its values as the table in the module says."""
    assert as_data(kind, value, "markdown") == written


def test_links_in_slack() -> None:
    """Slack wants & as an entity, and gets it."""
    assert as_data("link", "https://a.example/?x=1&y=2", "slack") == "https://a.example/?x=1&amp;y=2"


@pytest.mark.parametrize("form", ["markdown", "slack", "plain"])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("word", one) for one in HOSTILE],
        *[("link", one) for one in HOSTILE],
        ("word", "two words"),
        ("word", "line\n"),
        ("word", "someone@northwind.example"),
        ("word", "x" * 300),
        ("word", "ünicode"),
        ("word", True),
        ("word", None),
        ("word", 1.5),
        ("word", -1),
        ("words", "team-104"),
        ("words", ["fine", "not fine"]),
        (["a", "b"], []),
        (["a", "b"], ["c"]),
        (["a", "b"], "a"),
        ("number", "12"),
        ("number", True),
        ("number", 1.0),
        ("day", "2026-03-10"),
        ("time", "09:00"),
        ("time", time(9, tzinfo=UTC)),
        ("time", datetime(2026, 3, 10, tzinfo=UTC)),
        ("day", datetime(2026, 3, 10, tzinfo=UTC)),
        ("moment", datetime(2026, 3, 10)),  # noqa: DTZ001 - the point of it
        ("moment", date(2026, 3, 10)),
        ("moments", datetime(2026, 3, 10, tzinfo=UTC)),
        ("moments", [datetime(2026, 3, 10, tzinfo=UTC), "2026-03-10"]),
        ("links", "https://a.example/"),
        ("links", ["https://a.example/", "javascript:alert(1)"]),
        ("link", "http://casework.example/"),
        ("link", "http://localhost.evil.example/"),
        ("link", "http://127.0.0.1@evil.example/"),
        ("link", "https://user:password@evil.example/"),
        ("link", "javascript:alert(1)"),
        ("link", "https:///nothing"),
        ("link", "https://a.example/ b"),
        ("link", "https://a.example/>x"),
        ("link", "https://a.example/|x"),
        ("link", "https://a.example/\n"),
        ("link", "/relative"),
        ("link", b"https://a.example/"),
        ("text", 5),
        ("text", None),
        ("texts", "one"),
        ("texts", ["one", 2]),
        *[("name", one) for one in HOSTILE if " ".join(one.split()) not in ("code", "a b")],
        ("name", "{!Contact.FirstName}"),
        ("name", "[Name]"),
        ("name", "%%Name%%"),
        ("name", "Ruth <ruth@member.example>"),
        ("name", "evil.example"),
        ("name", "www.evil"),
        ("name", "a..b"),
        ("name", "Ruth, call us"),
        ("name", "12 Ruth"),
        ("name", "- Ruth"),
        ("name", "x" * 101),
        ("name", None),
        ("name", 7),
    ],
)
def test_wrong_values_are_refused(kind: Kind, value: object, form: str) -> None:
    """A value that is not of its kind is refused in every format, and the error does not repeat it."""
    with pytest.raises(ValueError, match=r"^(must|has no place)") as caught:
        as_data(kind, value, form)  # type: ignore[arg-type]  # the names of formats, as drawn
    if isinstance(value, str) and len(value) > 5:
        assert value not in str(caught.value)


def test_slack_takes_no_text() -> None:
    """Free text has no place in a Slack message, where it could not be escaped."""
    with pytest.raises(ValueError, match="Slack"):
        as_data("text", "hello", "slack")
