"""Text as Jira keeps it, and values as its query language takes them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.sandbox.jira_fields import is_document, plain
from casework.sandbox.jira_query import Token, _tokens
from casework.systems import adf, jql

LINES = st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12), min_size=1, max_size=4)


@settings(deadline=None)
@given(st.lists(LINES.map("\n".join), max_size=4))
def test_text_comes_back_as_it_was_written(paragraphs: list[str]) -> None:
    """Paragraphs and lines survive, addresses among them, in a document that Jira's own rules allow."""
    text = "\n\n".join([*paragraphs, "see https://casework.example/d?a=1, please."])
    made = adf.document(text)
    assert is_document(made)
    assert adf.text(made) == text


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_makes_a_document(text: str) -> None:
    """Whatever is written, the document is one, and no word is lost."""
    made = adf.document(text)
    assert is_document(made)
    assert re.sub(r"\s", "", adf.text(made)) == re.sub(r"\s", "", text)


def test_addresses_become_links_without_the_full_stop() -> None:
    """The sentence's own punctuation is no part of the address."""
    (paragraph,) = adf.document("See https://casework.example/a (or https://casework.example/b).")["content"]
    links = [node["marks"][0]["attrs"]["href"] for node in paragraph["content"] if "marks" in node]
    assert links == ["https://casework.example/a", "https://casework.example/b"]


def node(kind: str, *content: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(content), **more}


def words(text: str) -> dict[str, Any]:
    return node("paragraph", {"type": "text", "text": text})


def test_documents_of_people_are_read() -> None:
    """Lists, tables, mentions, emoji, cards and nodes that nobody here knows are read; pictures have no words."""
    document = node(
        "doc",
        node("heading", {"type": "text", "text": "Title"}),
        node("bulletList", node("listItem", words("one"), words("more")), node("listItem", words("two"))),
        node("orderedList", node("listItem", words("first"), node("bulletList", node("listItem", words("inner"))))),
        node("table", node("tableRow", node("tableHeader", words("a")), node("tableCell", words("b")))),
        node(
            "paragraph",
            {"type": "mention", "attrs": {"id": "1", "text": "@Ann"}},
            {"type": "text", "text": " "},
            {"type": "emoji", "attrs": {"shortName": ":+1:", "text": "👍"}},
            {"type": "hardBreak"},
            {"type": "inlineCard", "attrs": {"url": "https://b.example"}},
        ),
        node("mediaSingle", {"type": "media", "attrs": {"id": "x"}}),
        node("panel", words("note"), node("somethingNew", words("deep"))),
    )
    assert adf.text(document) == (
        "Title\n\n- one\n  \n  more\n- two\n\n1. first\n  \n  - inner\n\na | b\n\n@Ann 👍\nhttps://b.example\n\nnote\n\ndeep"
    ).replace("  \n", "\n")
    assert adf.text(None) == adf.text(plain("")) == ""


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_quoted_value_is_one_string(value: str) -> None:
    """Read by the grammar, what was quoted is one string with exactly this value, and no control character is sent."""
    quoted = jql.quote(value)
    assert quoted.isprintable()
    assert _tokens(quoted) == [Token(value, quoted=True)]


@pytest.mark.parametrize("name", ["customfield_1 OR", "cf[1]", "", "status = 1", "customfield_", "a.b"])
def test_only_ids_name_fields(name: str) -> None:
    """Anything else is an error of ours, before Jira sees it."""
    with pytest.raises(ValueError, match="by its id"):
        jql.field(name)


@pytest.mark.parametrize("words", ['a"b', "a*", "a OR b)", "", " a", "a\\", "~a", "ab?", "a  b"])
def test_only_words_are_searched_for(words: str) -> None:
    """Jira's text search has operators of its own; text that might hold one is not searched for."""
    with pytest.raises(ValueError, match="Only words"):
        jql.contains("summary", words)
    assert jql.contains("customfield_10060", "ab-1 c") == 'cf[10060] ~ "\\"ab-1 c\\""'
