"""A form as a Slack modal: an input block for each field, and what was typed out of the submitted view.

The button that opened it answered a part (`verdict=deny`); the modal asks for the rest. The signed invitation
travels in `private_metadata`, which people cannot change. Source: Slack "Modals" and "Block Kit: Input block".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic import Field as Limited

from casework.answer import Form
from casework.gateway.questions import Field, fields, values, wrong

__all__ = ["Modal", "modal", "notice", "problems", "typed"]

MOST_CHARACTERS = 3000
TITLE = {"type": "plain_text", "text": "Your answer"}


class _Option(BaseModel):
    value: str


class _Element(BaseModel):
    """What stands in one input; only the part of its own kind is there."""

    value: str | None = None
    selected_option: _Option | None = None
    selected_options: list[_Option] = []


class _State(BaseModel):
    values: dict[str, dict[str, _Element]] = {}


class Modal(BaseModel):
    """Of a submitted view, what we use."""

    id: str = Limited(pattern=r"^V[A-Z0-9]{2,40}$")
    callback_id: str = Limited(default="", max_length=255)
    private_metadata: str = Limited(default="", max_length=MOST_CHARACTERS)
    state: _State = _State()


def modal(form: type[Form], token: str, callback_id: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The view that asks for what a form wants beside what is `given`.

    Raises:
        TypeError: a field is of a kind that cannot be shown.
    """
    said = ", ".join(f"{name}: {value}" for name, value in given.items())
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "plain_text", "text": said}}]
    return {
        "type": "modal",
        "title": TITLE,
        "submit": {"type": "plain_text", "text": "Send"},
        "close": {"type": "plain_text", "text": "Cancel"},
        "callback_id": callback_id,
        "private_metadata": token,
        "blocks": blocks + [_input(field) for field in _rest(form, given)],
    }


def notice(sentence: str) -> dict[str, Any]:
    """The view that says what became of an answer."""
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": sentence[:MOST_CHARACTERS]}}]
    return {"type": "modal", "title": TITLE, "close": {"type": "plain_text", "text": "Close"}, "blocks": blocks}


def typed(form: type[Form], given: Mapping[str, str], view: Modal) -> dict[str, object]:
    """The answer: what the button gave and what was typed into the rest."""
    found: dict[str, str] = {}
    for name, elements in view.state.values.items():
        for element in elements.values():
            chosen = [*element.selected_options, *([element.selected_option] if element.selected_option else [])]
            value = chosen[0].value if chosen else element.value
            if value is not None:
                found[name] = value
    return dict(given) | values(_rest(form, given), found)


def problems(form: type[Form], given: Mapping[str, str], sentence: str) -> dict[str, str]:
    """Where the sentence belongs, by the fields it names; a sentence about the whole stands at the first field."""
    rest = _rest(form, given)
    return dict.fromkeys(wrong(rest, sentence) or [field.name for field in rest[:1]], sentence)


def _rest(form: type[Form], given: Mapping[str, str]) -> Sequence[Field]:
    return [field for field in fields(form) if field.name not in given]


def _input(field: Field) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "input",
        "block_id": field.name,
        "optional": field.kind == "flag" or not field.required,
        "label": {"type": "plain_text", "text": field.label},
        "element": {"action_id": field.name} | _element(field),
    }
    if field.description:
        block["hint"] = {"type": "plain_text", "text": field.description}
    return block


def _element(field: Field) -> dict[str, Any]:
    match field.kind:
        case "choice":
            return {"type": "static_select", "options": [_option(choice, choice) for choice in field.choices]}
        case "flag":
            return {"type": "checkboxes", "options": [_option("Yes", "yes")]}
        case "number":
            return {"type": "plain_text_input"}
        case "text":
            most = min(field.most or MOST_CHARACTERS, MOST_CHARACTERS)
            return {"type": "plain_text_input", "multiline": True, "max_length": most}


def _option(text: str, value: str) -> dict[str, Any]:
    return {"text": {"type": "plain_text", "text": text}, "value": value}
