"""The pages that people see: templates, one style sheet, one script, all inside the page.

Style and script are the same in every answer and are allowed by their hash, so two answers of one kind are
the same bytes and nothing is loaded from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup
from starlette.responses import HTMLResponse

__all__ = ["CONTENT_SECURITY_POLICY", "markdown", "moment", "page", "size"]

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "style.css").read_text()
_SCRIPT = (_FOLDER / "sha256.js").read_text() + (_FOLDER / "download.js").read_text()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_hash(_STYLE)}",
        f"script-src {_hash(_SCRIPT)}",
        "connect-src 'self'",
        "img-src data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_templates = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals |= {"style": Markup(_STYLE), "script": Markup(_SCRIPT)}  # noqa: S704 - our own files


def _below_the_title(state: StateCore) -> None:
    """Headings of a text stand below the page's own, the highest of them at the second level."""
    headings = [token for token in state.tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=2)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) - highest + 2, 6)}"


class _Markdown(MarkdownIt):
    """CommonMark without raw HTML and pictures, whose links lead to web addresses only."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.disable("image")
        self.core.ruler.push("below_the_title", _below_the_title)

    def validateLink(self, url: str) -> bool:
        return url.lower().startswith(("https://", "http://"))


_markdown = _Markdown()


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **values: Any) -> HTMLResponse:
    """A page of ours; every value is escaped."""
    return HTMLResponse(_templates.get_template(template).render(values), status, dict(headers or {}))


def markdown(text: str) -> Markup:
    """CommonMark as HTML, to stand below a page's title.

    Raw HTML shows as text, pictures as links, and links lead to web addresses only.
    """
    return Markup(_markdown.render(text))  # noqa: S704 - made by the renderer, which escapes


def moment(at: datetime, zone: tzinfo) -> str:
    """A moment as people of `zone` read it."""
    return f"{at.astimezone(zone):%A, %-d %B %Y, %H:%M} ({at.astimezone(zone):%Z})"


def size(count: int) -> str:
    """Bytes as people read them, in powers of ten."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
