"""JQL, as far as issues are searched by field: conditions joined by AND, and an order.

`field = v`, `!=`, `in (…)`, `not in (…)`, `~`, `is [not] EMPTY`, `<`, `<=`, `>`, `>=`; strings with escapes. What
Jira would refuse is refused (unknown fields, people and values, reserved characters, a search without any
condition), and OR and functions, which are not understood here, are refused too rather than ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

from casework.sandbox import jira_fields, jira_index
from casework.sandbox.http import Json, Refusal
from casework.sandbox.jira_fields import refuse

if TYPE_CHECKING:
    from casework.sandbox.world import World

_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')|(?P<sign>!=|<=|>=|!~|[=<>~(),])|(?P<word>[\w.:\[\]-]+))',
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'", " ": " "}
_CLAUSES = {
    "project", "key", "status", "statuscategory", "resolution", "assignee", "reporter", "component", "labels",
    "summary", "description", "issuetype", "created", "updated", "organizations",
}  # fmt: skip
_TEXTS = ("summary", "description")
_TIMES = ("created", "updated")
_CATEGORIES = {"to do": "new", "in progress": "indeterminate", "done": "done"}
_WORD = re.compile(r"[\w-]+")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a sign or a string of a query; strings are never keywords."""

    text: str
    quoted: bool

    def says(self, *words: str) -> bool:
        """Whether this is one of these keywords or signs."""
        return not self.quoted and self.text.lower() in words


def find(world: World, jql: str) -> list[Json]:
    """The issues that the query finds, in its order (newest made first by default)."""
    reader = _Reader(world, _tokens(jql))
    tests = reader.conditions()
    keys = reader.order()
    if not tests:
        raise _wrong("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    found = [one for one, fields in jira_index.searched(world) if all(test(fields, one) for test in tests)]
    found.sort(key=lambda one: int(one["id"]), reverse=True)
    for name, descending in reversed(keys):
        found.sort(key=lambda one: _sort_key(one, name), reverse=descending)
    return found


Test = Callable[[Json, Json], bool]


class _Reader:
    def __init__(self, world: World, tokens: list[Token]) -> None:
        self._world, self._tokens, self._at = world, tokens, 0

    def conditions(self) -> list[Test]:
        tests: list[Test] = []
        while self._left() and not self._peek().says("order"):
            if tests:
                self._expect("and")
            tests.append(self._condition())
        return tests

    def order(self) -> list[tuple[str, bool]]:
        keys: list[tuple[str, bool]] = []
        if not self._left():
            return keys
        self._expect("order")
        self._expect("by")
        while True:
            name = self._field(self._next())
            if name not in ("key", *_TIMES):
                raise _wrong(f"Not able to sort using field '{name}'.")
            descending = bool(self._left() and self._peek().says("desc"))
            if self._left() and self._peek().says("asc", "desc"):
                self._next()
            keys.append((name, descending))
            if not self._left():
                return keys
            self._expect(",")

    def _condition(self) -> Test:
        name, sign = self._field(self._next()), self._next()
        if sign.says("is"):
            negated = self._skip("not")
            self._expect("empty", "null")
            return self._empty(name, negated)
        if sign.says("in") or (sign.says("not") and self._skip("in")):
            return self._among(name, self._values(), negated=sign.says("not"))
        value = self._next()
        if value.says("empty", "null") and sign.says("=", "!="):
            return self._empty(name, sign.says("!="))
        if value.quoted is False and self._left() and self._peek().says("("):
            raise _wrong(f"Unable to find JQL function '{value.text}'.")
        if sign.says("~", "!~"):
            return self._like(name, value.text, negated=sign.says("!~"))
        if sign.says("=", "!="):
            return self._among(name, [value], negated=sign.says("!="))
        if sign.says("<", "<=", ">", ">="):
            return self._compared(name, sign.text, value.text)
        raise _wrong(f"Expecting operator but got '{sign.text}'.")

    def _empty(self, name: str, negated: bool) -> Test:
        read = self._reading(name)
        return lambda fields, issue: bool(read(fields, issue)) == negated

    def _among(self, name: str, values: list[Token], *, negated: bool) -> Test:
        if name in _TEXTS or self._kind(name) in ("text", "document"):
            raise _wrong(f"The operator '{'!=' if negated else '='}' is not supported by the '{name}' field.")
        if name in _TIMES or self._kind(name) in ("number", "date"):
            raise _wrong(f"The operator '=' is not understood here for the '{name}' field.")
        wanted = [self._meant(name, value.text) for value in values]
        read = self._reading(name)

        def test(fields: Json, issue: Json) -> bool:
            has = read(fields, issue)
            # As in Jira, an empty field meets neither `=` nor `!=`.
            return bool(has) and any(one in wanted for one in has) != negated

        return test

    def _like(self, name: str, text: str, *, negated: bool) -> Test:
        if name not in _TEXTS and self._kind(name) not in ("text", "document"):
            raise _wrong(f"The operator '~' is not supported by the '{name}' field.")
        phrase = text[1:-1] if len(text) > 1 and text.startswith('"') and text.endswith('"') else None
        wanted = _WORD.findall((text if phrase is None else phrase).lower())
        if not wanted:
            raise _wrong(f"The text query '{text}' for field '{name}' is not allowed to be empty or have no words.")
        if not re.fullmatch(r'[\w\s"-]*', text):
            raise _wrong(f"Unable to parse the text '{text}' for field '{name}'.")
        read = self._reading(name)

        def test(fields: Json, issue: Json) -> bool:
            has = _WORD.findall(" ".join(read(fields, issue)).lower())
            spans = [has[at : at + len(wanted)] for at in range(len(has) - len(wanted) + 1)]
            hit = wanted in spans if phrase is not None else set(wanted) <= set(has)
            return hit != negated

        return test

    def _compared(self, name: str, sign: str, text: str) -> Test:
        if name == "key":
            return self._older_or_newer(sign, self._meant(name, text))
        if self._kind(name) == "date":
            day = _moment(name, text, ("%Y-%m-%d", "%Y/%m/%d")).date().isoformat()
            # An empty field meets no comparison.
            return lambda fields, _issue: bool(fields.get(name)) and _COMPARE[sign](fields[name], day)
        if name not in _TIMES:
            raise _wrong(f"The operator '{sign}' is not supported by the '{name}' field.")
        limit = jira_fields.stamp(_moment(name, text, ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")))
        return lambda fields, _issue: _COMPARE[sign](fields[name], limit)

    def _older_or_newer(self, sign: str, key: str) -> Test:
        """Keys are compared by their numbers, within their project."""
        project, _, number = key.rpartition("-")

        def test(_fields: Json, issue: Json) -> bool:
            of, _, has = issue["key"].rpartition("-")
            return bool(of == project) and _COMPARE[sign](int(has), int(number))

        return test

    def _reading(self, name: str) -> Callable[[Json, Json], list[str]]:
        """How a field's values are read from an issue, as plain strings; none where it is empty."""
        statuses = self._world.state["jira"]["statuses"]
        if name == "key":
            return lambda _fields, issue: [issue["key"]]
        if name == "statuscategory":
            return lambda fields, _issue: [statuses[fields["status"]]["category"]]
        kept = {"component": "components", "organizations": self._organizations()}.get(name, name)

        def read(fields: Json, _issue: Json) -> list[str]:
            value = fields.get(kept)
            if isinstance(value, dict):
                return [jira_fields.words(value)]
            if isinstance(value, list):
                return [str(one) for one in value]
            return [] if value is None or value == "" else [str(value)]

        return read

    def _meant(self, name: str, text: str) -> str:
        """The kept form of a value that a query names. What does not exist is refused."""
        jira = self._world.state["jira"]
        tables: dict[str, Any] = {
            "project": jira["projects"],
            "status": jira["statuses"],
            "resolution": jira["resolutions"],
            "assignee": jira["users"],
            "reporter": jira["users"],
            "component": [name for project in jira["projects"].values() for name in project["components"]],
            "issuetype": [name for project in jira["projects"].values() for name in project["issue_types"]],
        }
        if name == "statuscategory":
            if text.lower() not in _CATEGORIES:
                raise self._strange(name, text)
            return _CATEGORIES[text.lower()]
        if name == "organizations":
            named = [number for number, one in jira["organizations"].items() if text in (number, one["name"])]
            if not named:
                raise self._strange(name, text)
            return str(named[0])
        if name in ("status", "resolution", "component", "issuetype"):
            text = next((known for known in tables[name] if known.lower() == text.lower()), text)
        if name in tables and text not in tables[name]:
            raise self._strange(name, text)
        if name == "key" and text not in jira["issues"]:
            raise _wrong(f"An issue with key '{text}' does not exist for field 'key'.")
        return text

    def _strange(self, name: str, text: str) -> Refusal:
        return _wrong(f"The value '{text}' does not exist for the field '{name}'.")

    def _field(self, token: Token) -> str:
        """The name by which the field is kept."""
        known = self._world.state["jira"]["fields"]
        if token.says(*_CLAUSES):
            return token.text.lower()
        if token.says("issuekey", "issue", "id"):
            return "key"
        for field, definition in known.items():
            number = field.removeprefix("customfield_")
            if token.says(f"cf[{number}]") or token.text == definition["name"]:
                return str(field)
        raise _wrong(f"Field '{token.text}' does not exist or you do not have permission to view it.")

    def _kind(self, name: str) -> str | None:
        return jira_fields.kind_of(self._world, name)

    def _organizations(self) -> str:
        fields = self._world.state["jira"]["fields"].items()
        return next((name for name, one in fields if one["kind"] == "organizations"), "organizations")

    def _values(self) -> list[Token]:
        self._expect("(")
        values = [self._next()]
        while not self._skip(")"):
            self._expect(",")
            values.append(self._next())
        return values

    def _left(self) -> bool:
        return self._at < len(self._tokens)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        if not self._left():
            raise _wrong("The JQL query ends too early.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, *words: str) -> bool:
        if self._left() and self._peek().says(*words):
            self._at += 1
            return True
        return False

    def _expect(self, *words: str) -> None:
        token = self._next()
        if not token.says(*words):
            raise _wrong(f"Expecting '{words[0].upper()}' but got '{token.text}'.")


def _tokens(jql: str) -> list[Token]:
    tokens, at = [], 0
    rest = jql.rstrip()
    while at < len(rest):
        found = _TOKEN.match(rest, at)
        if found is None:
            raise _wrong(f"The character '{rest[at:].strip()[:1]}' is a reserved JQL character (position {at + 1}).")
        at = found.end()
        if (string := found.group("string")) is not None:
            tokens.append(
                Token(
                    _ESCAPE.sub(_unescaped, string[1:-1]).encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
                    True,
                )
            )
        else:
            tokens.append(Token(found.group("sign") or found.group("word"), False))
    return tokens


def _unescaped(found: re.Match[str]) -> str:
    if found.group(1):
        return chr(int(found.group(1), 16))
    if found.group(2) not in _PLAIN:
        raise _wrong(f"'\\{found.group(2)}' is an illegal JQL escape sequence.")
    return _PLAIN[found.group(2)]


def _moment(name: str, text: str, forms: tuple[str, ...]) -> datetime:
    """A time that a query names, in one of these forms, as UTC."""
    for form in forms:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise _wrong(f"Date value '{text}' for field '{name}' is invalid.")


def _sort_key(issue: Json, name: str) -> tuple[str, int]:
    number = int(issue["id"])
    return (issue["fields"][name], number) if name in _TIMES else (issue["key"].rpartition("-")[0], number)


def _wrong(message: str) -> Refusal:
    return refuse(400, f"Error in the JQL Query: {message}")
