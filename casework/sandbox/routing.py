"""A table from method and path template to handler; a vendor's routes are one such table."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from casework.sandbox.http import Response

Handler = Callable[..., Response]
_H = TypeVar("_H", bound=Handler)


class Routes:
    """Routes of one vendor. The placeholder of `/tickets/{id}` matches one segment, `{path...}` one or more."""

    def __init__(self) -> None:
        self._table: list[tuple[str, str, re.Pattern[str], Handler]] = []

    def on(self, method: str, template: str) -> Callable[[_H], _H]:
        """Registers the decorated handler; it is called with the placeholders as keyword arguments."""
        several = re.sub(r"\\{(\w+)\\\.\\\.\\\.\\}", r"(?P<\1>[^/:]+(?:/[^/:]+)*)", re.escape(template))
        pattern = re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", several))

        def register(handler: _H) -> _H:
            self._table.append((method, template, pattern, handler))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        """The handler for a request and its placeholders' values; None when there is no such route."""
        for known, _, pattern, handler in self._table:
            if known == method and (match := pattern.fullmatch(path)):
                return handler, match.groupdict()
        return None

    def listing(self) -> list[tuple[str, str]]:
        """Every (method, template): what this stand-in can do."""
        return [(method, template) for method, template, _, _ in self._table]
