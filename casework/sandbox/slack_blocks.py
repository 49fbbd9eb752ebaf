"""Block Kit, checked by hand: which fields a block has and how long its texts may be.

The limits are those of Slack's Block Kit reference (docs.slack.dev/reference/block-kit).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from casework.sandbox import fields
from casework.sandbox.http import Json

MESSAGE_BLOCKS = frozenset({"section", "actions", "context", "header", "divider"})
VIEW_BLOCKS = MESSAGE_BLOCKS | {"input"}


_VIEW_TEXTS = (("title", 24), ("submit", 24), ("close", 24))
_VIEW_LIMITS = (("callback_id", 255), ("private_metadata", 3000), ("external_id", 255))


class _Wrong(Exception):
    """A block is not as the reference has it; the text says where."""


def problem(blocks: list[Any], allowed: frozenset[str], *, most: int) -> str | None:
    """What is wrong with the blocks, as a person can use it; None when nothing is."""
    try:
        if len(blocks) > most:
            raise _Wrong(f"no more than {most} blocks allowed")
        seen: set[str] = set()
        for index, block in enumerate(blocks):
            where = f"blocks/{index}"
            if block.get("type") not in allowed:
                raise _Wrong(f"unsupported type: {block.get('type')} [{where}]")
            _CHECKS[block["type"]](block, where)
            block_id = block.get("block_id")
            if block_id is not None and (not fields.text(block_id) or not 0 < len(block_id) <= 255):
                raise _Wrong(f"block_id must be 1 to 255 characters [{where}]")
            if block_id in seen:
                raise _Wrong(f"block_id already exists: {block_id} [{where}]")
            if block_id is not None:
                seen.add(block_id)
    except _Wrong as wrong:
        return str(wrong)
    return None


def view_problem(view: Json) -> str | None:
    """What is wrong with a modal's texts and blocks; None when nothing is."""
    try:
        for name, most in _VIEW_TEXTS:
            if name in view:
                _text(view[name], name, most, plain=True)
        for name, most in _VIEW_LIMITS:
            if name in view:
                _string(view[name], name, most, least=0)
        if "submit" not in view and any(block.get("type") == "input" for block in view["blocks"]):
            raise _Wrong("a view with input blocks needs submit [submit]")
    except _Wrong as wrong:
        return str(wrong)
    return problem(view["blocks"], VIEW_BLOCKS, most=100)


def _only(value: Any, where: str, allowed: tuple[str, ...], required: tuple[str, ...] = ()) -> Json:
    if not isinstance(value, dict):
        raise _Wrong(f"must be an object [{where}]")
    if surplus := sorted(set(value) - set(allowed)):
        raise _Wrong(f"invalid additional property: {surplus[0]} [{where}]")
    if missing := sorted(set(required) - set(value)):
        raise _Wrong(f"missing required field: {missing[0]} [{where}]")
    return value


def _string(value: Any, where: str, most: int, least: int = 1) -> None:
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise _Wrong(f"must be a text of {least} to {most} characters [{where}]")


def _text(value: Any, where: str, most: int, *, plain: bool = False) -> None:
    given = _only(value, where, ("type", "text", "emoji", "verbatim"), ("type", "text"))
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if given["type"] not in kinds:
        raise _Wrong(f"type must be {' or '.join(kinds)} [{where}]")
    if "emoji" in given and given["type"] != "plain_text":
        raise _Wrong(f"emoji is for plain_text only [{where}]")
    _string(given["text"], f"{where}/text", most)


def _section(block: Json, where: str) -> None:
    _only(block, where, ("type", "block_id", "text", "fields", "accessory", "expand"))
    if "text" not in block and "fields" not in block:
        raise _Wrong(f"a section needs text or fields [{where}]")
    if "text" in block:
        _text(block["text"], f"{where}/text", 3000)
    if "fields" in block:
        for index, part in enumerate(_items(block["fields"], f"{where}/fields", 10)):
            _text(part, f"{where}/fields/{index}", 2000)
    if "accessory" in block:
        _element(block["accessory"], f"{where}/accessory")


def _actions(block: Json, where: str) -> None:
    _only(block, where, ("type", "block_id", "elements"), ("elements",))
    seen: set[str] = set()
    for index, element in enumerate(_items(block["elements"], f"{where}/elements", 25)):
        _element(element, f"{where}/elements/{index}")
        action = element.get("action_id")
        if action in seen:
            raise _Wrong(f"action_id already exists: {action} [{where}]")
        if action is not None:
            seen.add(action)


def _context(block: Json, where: str) -> None:
    _only(block, where, ("type", "block_id", "elements"), ("elements",))
    for index, element in enumerate(_items(block["elements"], f"{where}/elements", 10)):
        at = f"{where}/elements/{index}"
        if isinstance(element, dict) and element.get("type") == "image":
            _only(element, at, ("type", "image_url", "alt_text"), ("image_url", "alt_text"))
        else:
            _text(element, at, 2000)


def _header(block: Json, where: str) -> None:
    _only(block, where, ("type", "block_id", "text"), ("text",))
    _text(block["text"], f"{where}/text", 150, plain=True)


def _divider(block: Json, where: str) -> None:
    _only(block, where, ("type", "block_id"))


def _input(block: Json, where: str) -> None:
    known = ("type", "block_id", "label", "element", "hint", "optional", "dispatch_action")
    _only(block, where, known, ("label", "element"))
    _text(block["label"], f"{where}/label", 2000, plain=True)
    element = _only(
        block["element"],
        f"{where}/element",
        (
            "type",
            "action_id",
            "multiline",
            "placeholder",
            "options",
            "initial_value",
            "min_length",
            "max_length",
        ),
        ("type",),
    )
    if element["type"] not in ("plain_text_input", "static_select", "radio_buttons", "checkboxes"):
        raise _Wrong(f"unsupported input element: {element['type']} [{where}]")
    if element["type"] == "plain_text_input":
        if "options" in element or not 1 <= element.get("max_length", 3000) <= 3000:
            raise _Wrong(f"a text has no options and at most 3000 characters [{where}]")
    else:
        _options(element.get("options"), where, most=100 if element["type"] == "static_select" else 10)
    if "hint" in block:
        _text(block["hint"], f"{where}/hint", 2000, plain=True)


def _items(value: Any, where: str, most: int) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise _Wrong(f"must be a list of 1 to {most} items [{where}]")
    return value


def _element(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise _Wrong(f"must be an object [{where}]")
    if value.get("type") == "button":
        _button(value, where)
    elif value.get("type") == "static_select":
        _select(value, where)
    else:
        raise _Wrong(f"unsupported element: {value.get('type')} [{where}]")


def _button(value: Json, where: str) -> None:
    known = ("type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
    _only(value, where, known, ("text",))
    _text(value["text"], f"{where}/text", 75, plain=True)
    limits = (("action_id", 255), ("url", 3000), ("value", 2000), ("accessibility_label", 75))
    for name, most in limits:
        if name in value:
            _string(value[name], f"{where}/{name}", most)
    if value.get("style", "primary") not in ("primary", "danger"):
        raise _Wrong(f"style must be primary or danger [{where}]")
    if "confirm" in value:
        _confirm(value["confirm"], f"{where}/confirm")


def _confirm(value: Any, where: str) -> None:
    parts = ("title", "text", "confirm", "deny")
    given = _only(value, where, (*parts, "style"), parts)
    _text(given["title"], f"{where}/title", 100, plain=True)
    _text(given["text"], f"{where}/text", 300)
    _text(given["confirm"], f"{where}/confirm", 30, plain=True)
    _text(given["deny"], f"{where}/deny", 30, plain=True)


def _select(value: Json, where: str) -> None:
    known = ("type", "action_id", "placeholder", "options", "initial_option", "confirm", "focus_on_load")
    _only(value, where, known, ("options",))
    _options(value["options"], where, most=100)


def _options(value: Any, where: str, *, most: int) -> None:
    for index, option in enumerate(_items(value, f"{where}/options", most)):
        at = f"{where}/options/{index}"
        given = _only(option, at, ("text", "value", "description"), ("text", "value"))
        _text(given["text"], f"{at}/text", 75, plain=True)
        _string(given["value"], f"{at}/value", 150)


_CHECKS: dict[str, Callable[[Json, str], None]] = {
    "section": _section,
    "actions": _actions,
    "context": _context,
    "header": _header,
    "divider": _divider,
    "input": _input,
}
