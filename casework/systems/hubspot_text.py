"""Bodies of tasks and notes: HubSpot keeps them as HTML, and its pages wrap what they save in tags of their own."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

_BREAKS = frozenset({"br", "p", "div", "li", "ul", "ol", "tr"})


def as_html(text: str) -> str:
    """Plain text as a body, word for word."""
    return "<br>".join(escape(line, quote=False) for line in text.splitlines())


def as_text(body: str) -> str:
    """The words of a body, with a line for each of its blocks."""
    words = _Words()
    words.feed(body)
    words.close()
    return "\n".join(line.strip() for line in "".join(words.parts).splitlines()).strip()


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        if tag in _BREAKS:
            self.parts.append("\n")
