"""SOQL, as far as records are searched by field: `SELECT … FROM … WHERE … ORDER BY … LIMIT … OFFSET …`.

Conditions: `=`, `!=`, `<>`, `<`, `<=`, `>`, `>=`, `LIKE`, `IN`, `NOT IN`, `NOT`, joined by AND or OR (both only with
parentheses). Fields of related records by a path (`Case__r.CaseNumber`). Text is compared without regard to case.
What Salesforce would refuse is refused: unknown fields, long texts in conditions, quoted times, unknown escapes;
functions, aggregates and subqueries are not understood here and refused too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from casework.sandbox.http import Json
from casework.sandbox.salesforce_records import shown
from casework.sandbox.salesforce_schema import Problem, kept_id, object_of

if TYPE_CHECKING:
    from casework.sandbox.world import World

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)(?![\w.-])"
    r"|(?P<sign>!=|<>|<=|>=|[=<>(),])|(?P<word>[A-Za-z][\w.]*))",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_RESERVED = ("select", "from", "where", "and", "or", "not", "in", "like", "order", "limit", "offset")


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a query; `kind` is string, time, number, sign or word. Only words and signs can be keywords."""

    kind: str
    text: str

    def says(self, *words: str) -> bool:
        """Whether this is one of these keywords or signs."""
        return self.kind in ("word", "sign") and self.text.lower() in words


Test = Callable[[Json], bool]


def find(world: World, query: str) -> list[Json]:
    """The records that the query finds, as they are answered. Raises `Problem`."""
    return _Reader(world, _tokens(query)).run()


class _Reader:
    def __init__(self, world: World, tokens: list[Token]) -> None:
        self._world, self._tokens, self._at = world, tokens, 0
        self._of: Json = {}

    def run(self) -> list[Json]:
        self._expect("select")
        names = [self._word()]
        while self._skip(","):
            names.append(self._word())
        self._expect("from")
        self._of = self._object(self._word())
        paths = [self._path(name) for name in names]
        if len({tuple(path) for path in paths}) < len(paths):
            raise _wrong("duplicate field selected")
        test = self._conditions() if self._skip("where") else lambda _record: True
        records = self._world.state["salesforce"]["records"][self._of["name"]].values()
        found = [record for record in records if test(record)]
        found = self._ordered(found)
        limit = self._number("limit")
        start = self._number("offset") or 0
        if self._left():
            raise _wrong(f"unexpected token: '{self._peek().text}'")
        found = found[start:] if limit is None else found[start : start + limit]
        return [self._row(record, paths) for record in found]

    # -- conditions

    def _conditions(self) -> Test:
        tests = [self._condition()]
        joint = ""
        while self._left() and self._peek().says("and", "or"):
            word = self._next().text.lower()
            if joint and word != joint:
                raise _wrong(f"unexpected token: '{word}'")
            joint = word
            tests.append(self._condition())
        if joint == "or":
            return lambda record: any(test(record) for test in tests)
        return lambda record: all(test(record) for test in tests)

    def _condition(self) -> Test:
        if self._skip("not"):
            denied = self._condition()
            return lambda record: not denied(record)
        if self._skip("("):
            within = self._conditions()
            self._expect(")")
            return within
        path = self._path(self._word())
        definition = self._definition(path)
        if definition["type"] == "textarea":
            raise Problem("INVALID_FIELD", f"field '{'.'.join(path)}' can not be filtered in a query call")
        sign = self._next()
        if sign.says("in") or (sign.says("not") and self._expect("in")):
            values = self._values(path, definition)
            negated = sign.says("not")
            return lambda record: (_folded(self._read(record, path), definition) in values) != negated
        if sign.says("like"):
            return self._like(path, definition)
        if sign.says("=", "!=", "<>"):
            value, negated = self._value(path, definition), not sign.says("=")
            return lambda record: (_folded(self._read(record, path), definition) == value) != negated
        if sign.says(*_COMPARED):
            if definition["type"] in ("boolean", "reference"):
                raise Problem("INVALID_FIELD", f"invalid operator on {definition['type']} field")
            limit, compare = self._value(path, definition), _COMPARED[sign.text]
            if limit is None:
                raise _wrong(f"unexpected token: null after '{sign.text}'")

            def test(record: Json) -> bool:
                has = _folded(self._read(record, path), definition)
                return has is not None and compare(has, limit)

            return test
        raise _wrong(f"unexpected token: '{sign.text}'")

    def _like(self, path: list[str], definition: Json) -> Test:
        token = self._next()
        if token.kind != "string" or definition["type"] not in ("string", "picklist", "email"):
            raise Problem("INVALID_FIELD", "LIKE is for text fields and a quoted pattern")
        pattern = re.compile(_pattern(token.text), re.IGNORECASE | re.DOTALL)

        def test(record: Json) -> bool:
            has = self._read(record, path)
            return isinstance(has, str) and pattern.fullmatch(has) is not None

        return test

    def _values(self, path: list[str], definition: Json) -> list[Any]:
        self._expect("(")
        values = [self._value(path, definition)]
        while not self._skip(")"):
            self._expect(",")
            values.append(self._value(path, definition))
        return values

    def _value(self, path: list[str], definition: Json) -> Any:
        """The value that a field is compared with, which must be of its type."""
        token, kind, name = self._next(), definition["type"], ".".join(path)
        if token.says("null"):
            return None
        if kind == "boolean" and token.says("true", "false"):
            return token.text.lower() == "true"
        if kind == "datetime" and token.kind == "time":
            return datetime.fromisoformat(token.text)
        if kind in ("currency", "double", "int") and token.kind == "number":
            return float(token.text)
        if kind in ("string", "picklist", "email", "phone", "url", "reference", "id") and token.kind == "string":
            text = _unquoted(token.text, like=False)
            if kind not in ("reference", "id"):
                return text.lower()
            known = kept_id(text)
            if known is None:
                raise Problem("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}")
            return known.lower()
        quoted = "should not" if token.kind == "string" else "should"
        what = f"value of filter criterion for field '{name}' must be of type {kind} and {quoted} be enclosed in quotes"
        raise Problem("INVALID_FIELD", what)

    # -- fields

    def _object(self, name: str) -> Json:
        try:
            return object_of(self._world, name)
        except Problem:
            raise Problem("INVALID_TYPE", f"sObject type '{name}' is not supported.") from None

    def _path(self, name: str) -> list[str]:
        """The parts of a field's name as the schema spells them."""
        of, path = self._of, []
        *relations, last = name.split(".")
        for relation in relations:
            column = next((one for one in of["fields"] if _relation(one).lower() == relation.lower()), None)
            if column is None or len(of["fields"][column].get("to", ())) != 1:
                raise Problem(
                    "INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path of {of['name']}"
                )
            path.append(column)
            of = self._object(of["fields"][column]["to"][0])
        kept = next((one for one in ("Id", *of["fields"]) if one.lower() == last.lower()), None)
        if kept is None:
            raise Problem("INVALID_FIELD", f"No such column '{last}' on entity '{of['name']}'.")
        return [*path, kept]

    def _definition(self, path: list[str]) -> Json:
        of = self._of
        for column in path[:-1]:
            of = self._object(of["fields"][column]["to"][0])
        found: Json = {"type": "id"} if path[-1] == "Id" else of["fields"][path[-1]]
        return found

    def _read(self, record: Json | None, path: list[str]) -> Any:
        of = self._of
        for column in path[:-1]:
            record, of = self._related(record, of, column)
        return None if record is None else record[path[-1]]

    def _related(self, record: Json | None, of: Json, column: str) -> tuple[Json | None, Json]:
        target = self._object(of["fields"][column]["to"][0])
        known = None if record is None else record[column]
        return self._world.state["salesforce"]["records"][target["name"]].get(known), target

    def _row(self, record: Json, paths: list[list[str]]) -> Json:
        return self._part(record, self._of, paths)

    def _part(self, record: Json, of: Json, paths: list[list[str]]) -> Json:
        own = [path[0] for path in paths if len(path) == 1]
        row = shown(self._world, of, record, own)
        for column in dict.fromkeys(path[0] for path in paths if len(path) > 1):
            other, target = self._related(record, of, column)
            within = [path[1:] for path in paths if len(path) > 1 and path[0] == column]
            row[_relation(column)] = None if other is None else self._part(other, target, within)
        return row

    def _ordered(self, found: list[Json]) -> list[Json]:
        if not self._skip("order"):
            return found
        self._expect("by")
        keys = []
        while True:
            path = self._path(self._word())
            definition = self._definition(path)
            if definition["type"] == "textarea":
                raise Problem("INVALID_FIELD", f"field '{'.'.join(path)}' can not be sorted in a query call")
            descending = bool(self._left() and self._peek().says("desc"))
            if self._left() and self._peek().says("asc", "desc"):
                self._next()
            keys.append((path, definition, descending))
            if not self._skip(","):
                break
        for path, definition, descending in reversed(keys):

            def key(record: Json, path: list[str] = path, definition: Json = definition) -> tuple[bool, Any]:
                value = _folded(self._read(record, path), definition)
                return (value is not None, value if value is not None else 0)

            found = sorted(found, key=key, reverse=descending)
        return found

    # -- tokens

    def _number(self, word: str) -> int | None:
        if not self._skip(word):
            return None
        token = self._next()
        if token.kind != "number" or not token.text.isdigit():
            raise _wrong(f"{word.upper()} needs a number, not '{token.text}'")
        return int(token.text)

    def _word(self) -> str:
        token = self._next()
        if token.kind != "word" or token.says(*_RESERVED) or (self._left() and self._peek().says("(")):
            raise _wrong(f"unexpected token: '{token.text}'")
        return token.text

    def _left(self) -> bool:
        return self._at < len(self._tokens)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        if not self._left():
            raise _wrong("unexpected token: <EOF>")
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, *words: str) -> bool:
        if self._left() and self._peek().says(*words):
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> bool:
        token = self._next()
        if not token.says(word):
            raise _wrong(f"expecting {word.upper()}, found '{token.text}'")
        return True


def _tokens(query: str) -> list[Token]:
    tokens, at, text = [], 0, query.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _wrong(f"line 1:{at} no viable alternative at character '{text[at:].strip()[:1]}'")
        at = found.end()
        kind = found.lastgroup or "sign"
        tokens.append(Token(kind, found.group(kind)))
    return tokens


def _unquoted(literal: str, *, like: bool) -> str:
    """The text of a string. Pairs of `\\u` escapes may make one character."""

    def meant(found: re.Match[str]) -> str:
        if found.group(1):
            return chr(int(found.group(1), 16))
        if like and found.group(2) in "_%":
            return found.group(0)
        if found.group(2) not in _PLAIN:
            raise _wrong(f"Illegal string escape: \\{found.group(2)}")
        # In a pattern a backslash still has a meaning, so it stays told apart.
        return "\\\\" if like and found.group(2) == "\\" else _PLAIN[found.group(2)]

    return _ESCAPE.sub(meant, literal[1:-1]).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pattern(literal: str) -> str:
    """The regular expression of a LIKE pattern: `%` any text, `_` any one character, unless escaped."""
    parts = re.findall(r"\\(.)|(.)", _unquoted(literal, like=True), re.DOTALL)
    meaning = {"%": ".*", "_": "."}
    return "".join(re.escape(escaped) if escaped else meaning.get(one, re.escape(one)) for escaped, one in parts)


def _relation(column: str) -> str:
    """The name by which a reference is followed: `Case__r` for `Case__c`, `Contact` for `ContactId`."""
    if column.endswith("__c"):
        return column[:-1] + "r"
    return column.removesuffix("Id") if column.endswith("Id") else ""


def _folded(value: Any, definition: Json) -> Any:
    """A kept value as it is compared: text without its case, times as moments."""
    if isinstance(value, bool) or value is None:
        return value
    if definition["type"] == "datetime":
        return datetime.fromisoformat(value)
    return value.lower() if isinstance(value, str) else float(value)


def _wrong(message: str) -> Problem:
    return Problem("MALFORMED_QUERY", message)
