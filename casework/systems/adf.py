"""Plain text to and from Atlassian Document Format, in which Jira Cloud keeps descriptions and comments.

Source: developer.atlassian.com, "Atlassian Document Format". Writing uses paragraphs, line breaks and links
only. Reading gives the words of any document, with unknown nodes read through rather than dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Node = dict[str, Any]

_LINK = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]]")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_LISTS = ("bulletList", "orderedList", "taskList", "decisionList")
_LINES = ("paragraph", "heading", "codeBlock", "taskItem", "decisionItem")
_NAMED = {"mention": "text", "emoji": "text", "status": "text", "inlineCard": "url", "date": "timestamp"}


def document(text: str) -> Node:
    """`text` as a document: blank lines part paragraphs, other line ends break lines, addresses become links."""
    paragraphs = [part for part in _BLANK_LINES.split(text.replace("\r\n", "\n").strip()) if part.strip()]
    return {"type": "doc", "version": 1, "content": [_paragraph(part) for part in paragraphs]}


def text(body: Mapping[str, Any] | None) -> str:
    """The words of a document; empty for none."""
    return _blocks(_content(body)) if body is not None else ""


def _paragraph(part: str) -> Node:
    nodes: list[Node] = []
    for number, line in enumerate(part.split("\n")):
        if number:
            nodes.append({"type": "hardBreak"})
        nodes.extend(_inline(line.rstrip()))
    return {"type": "paragraph", "content": nodes}


def _inline(line: str) -> Iterator[Node]:
    end = 0
    for found in _LINK.finditer(line):
        if found.start() > end:
            yield {"type": "text", "text": line[end : found.start()]}
        address = found.group()
        yield {"type": "text", "text": address, "marks": [{"type": "link", "attrs": {"href": address}}]}
        end = found.end()
    if end < len(line):
        yield {"type": "text", "text": line[end:]}


def _content(node: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [child for child in node.get("content") or () if isinstance(child, Mapping)]


def _blocks(nodes: Sequence[Mapping[str, Any]]) -> str:
    return "\n\n".join(filter(None, map(_block, nodes)))


def _block(node: Mapping[str, Any]) -> str:
    kind = node.get("type")
    if kind in _LINES:
        return "".join(map(_word, _content(node))).strip()
    if kind in _LISTS:
        return "\n".join(_item(kind, number, item) for number, item in enumerate(_content(node), 1))
    if kind == "tableRow":
        return " | ".join(_blocks(_content(cell)) for cell in _content(node))
    if kind == "table":
        return "\n".join(map(_block, _content(node)))
    return _blocks(_content(node)) if node.get("content") else _word(node)


def _item(kind: str, number: int, item: Mapping[str, Any]) -> str:
    mark = f"{number}." if kind == "orderedList" else "-"
    lines = _block(item).split("\n")
    return "\n".join([f"{mark} {lines[0]}", *(f"  {line}" if line else "" for line in lines[1:])])


def _word(node: Mapping[str, Any]) -> str:
    kind = node.get("type")
    if kind == "hardBreak":
        return "\n"
    if kind == "text":
        return str(node.get("text", ""))
    if kind in _NAMED:
        return str((node.get("attrs") or {}).get(_NAMED[kind], ""))
    return "".join(map(_word, _content(node)))
