"""The messages of a process: one Markdown file each, checked when the project starts.

A file begins with a TOML head between `+++` lines that says who reads it, how their system renders it, and
the kind of every variable:

    +++
    audience = "customer"          # or "staff"
    format = "markdown"            # or "slack" (mrkdwn), or "plain"
    subject = "…"                  # optional, a template too
    [variables]
    link = "link"
    until = "moment"
    +++
    Your export is ready: <{{ link }}>

Loading compiles every file and compares the variables that it declares with those that it uses. Values are
data: they are checked against their kind, and free text is made harmless for the format, so nothing from
outside becomes markup, a placeholder of the ticket system, or a second line. A customer's message takes no
free text at all, and neither does a Slack message, which has no way to escape it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError

from policies.values import Format, Kind, as_data, sample

__all__ = [
    "CATALOGUES",
    "DATA_EXPORT",
    "Catalogue",
    "Message",
    "MessageError",
    "MessageTemplate",
    "load",
    "render",
    "variables",
]


class MessageError(ValueError):
    """A message cannot be used as it is; the text names the file and the variable, never a value."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. `subject` is None where the template has none."""

    subject: str | None
    body: str


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    audience: Literal["customer", "staff"]
    format: Format
    subject: str | None = None
    variables: dict[str, Kind] = {}


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """One checked file. `variables` maps each name to its kind."""

    name: str
    audience: Literal["customer", "staff"]
    format: Format
    variables: Mapping[str, Kind]
    _subject: Template | None
    _body: Template

    def render(self, /, **values: object) -> Message:
        """The message with these values. Raises MessageError for a missing, unknown or wrong one."""
        _compare(self.name, self.variables, values, "given")
        safe = {name: self._safe(name, value) for name, value in values.items()}
        try:
            subject = self._subject.render(safe) if self._subject else None
            body = self._body.render(safe)
        except TemplateError as error:
            raise MessageError(f"{self.name}: {error}") from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # These can quote a value, so neither their text nor they themselves go on.
            raise MessageError(f"{self.name}: cannot be written: {type(error).__name__}") from None
        return Message(subject, body.strip() + "\n")

    def _safe(self, name: str, value: object) -> str | int | list[str]:
        kind = self.variables[name]
        try:
            return as_data(kind, value, self.format)
        except ValueError as error:
            raise MessageError(f"{self.name}: variable {name}, a {kind}: {error}") from None


class Catalogue(Mapping[str, MessageTemplate]):
    """The messages of one process by name."""

    def __init__(self, templates: Mapping[str, MessageTemplate]) -> None:
        self._templates = dict(templates)

    def __getitem__(self, name: str) -> MessageTemplate:
        return self._templates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)

    def render(self, name: str, /, **values: object) -> Message:
        """The named message. Raises MessageError when there is none, else as `MessageTemplate.render`."""
        if name not in self._templates:
            raise MessageError(f"{name}: there is no such message; there are {', '.join(self)}")
        return self._templates[name].render(**values)


def load(folder: Path) -> Catalogue:
    """Read and check every `*.md` in `folder`. Raises MessageError for the first that cannot be used."""
    files = sorted(folder.glob("*.md"))
    if not files:
        raise MessageError(f"{folder}: holds no messages (*.md)")
    return Catalogue({file.stem: _template(file) for file in files})


_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEAD = re.compile(r"\A\+\+\+\n(?P<head>.*?)^\+\+\+\n(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)


def _template(file: Path) -> MessageTemplate:
    try:
        parts = _HEAD.match(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MessageError(f"{file}: cannot be read: {error}") from error
    if parts is None:
        raise MessageError(f"{file}: begins with a TOML head between two lines +++, and this does not")
    try:
        head = _Head.model_validate(tomllib.loads(parts["head"]))
    except tomllib.TOMLDecodeError as error:
        raise MessageError(f"{file}: the head is not TOML: {error}") from error
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise MessageError(f"{file}: {'; '.join(problems)}") from error
    if not parts["body"].strip():
        raise MessageError(f"{file}: has no text")
    if head.audience == "customer" or head.format == "slack":
        for name, kind in head.variables.items():
            if kind in ("text", "texts"):
                raise MessageError(f"{file}: variable {name}: messages to customers and Slack take no {kind}")
    sources = [parts["body"], *([head.subject] if head.subject is not None else [])]
    used: set[str] = set()
    try:
        for source in sources:
            parsed = _ENVIRONMENT.parse(source)
            used |= meta.find_undeclared_variables(parsed)
            if list(meta.find_referenced_templates(parsed)):
                raise MessageError(f"{file}: a message stands alone: no include, import or extends")
        body, *subject = [_ENVIRONMENT.from_string(source) for source in sources]
    except TemplateError as error:
        raise MessageError(f"{file}: {error}") from error
    _compare(str(file), head.variables, used, "used")
    template = MessageTemplate(
        file.stem, head.audience, head.format, head.variables, subject[0] if subject else None, body
    )
    template.render(**{name: sample(kind) for name, kind in head.variables.items()})
    return template


def _compare(where: str, declared: Collection[str], names: Collection[str], how: str) -> None:
    unknown, missing = sorted(set(names) - set(declared)), sorted(set(declared) - set(names))
    if unknown:
        raise MessageError(f"{where}: unknown variable {', '.join(unknown)}: {how} but not declared")
    if missing:
        raise MessageError(f"{where}: missing variable {', '.join(missing)}: declared but not {how}")


CATALOGUES = {
    folder.name: load(folder) for folder in sorted((Path(__file__).parent / "messages").iterdir()) if folder.is_dir()
}
"""Every process's messages by the name of its folder; `common` has those of all."""

DATA_EXPORT = CATALOGUES["data_export"]


def render(path: str, /, **values: object) -> Message:
    """The message `data_export/ask-reason` with these values. Raises MessageError."""
    catalogue, name = _place(path)
    return catalogue.render(name, **values)


def variables(path: str, /) -> Collection[str]:
    """The names of a message's variables. Raises MessageError when there is no such message."""
    catalogue, name = _place(path)
    if name not in catalogue:
        raise MessageError(f"{path}: there is no such message; there are {', '.join(catalogue)}")
    return catalogue[name].variables


def _place(path: str) -> tuple[Catalogue, str]:
    folder, _, name = path.partition("/")
    if folder not in CATALOGUES:
        raise MessageError(f"{path}: there is no folder {folder}; there are {', '.join(CATALOGUES)}")
    return CATALOGUES[folder], name
