"""How commands speak: results on stdout, everything else on stderr, JSON where a script reads."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

__all__ = ["AsJson", "Stop", "as_json", "complain", "grid", "say", "span", "table"]

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")]


class Stop(RuntimeError):
    """The command cannot do what it was asked; the text says why and what to do."""


def say(text: str) -> None:
    """A result, on stdout."""
    typer.echo(text)


def complain(text: str) -> None:
    """Something that is not a result, on stderr."""
    typer.echo(text, err=True)


def as_json(value: Any) -> None:
    """A result as JSON; moments in ISO 8601, UTC."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def table(columns: list[str], rows: list[list[str]]) -> None:
    """A result as a table; lines are not cut when nobody watches."""
    width = None if sys.stdout.isatty() else 240
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    console.print(grid(columns, rows))


def grid(columns: list[str], rows: list[list[str]]) -> Table:
    """A table to be drawn."""
    drawn = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        drawn.add_row(*row)
    return drawn


def span(length: timedelta) -> str:
    """A length of time in its largest unit: `3 d`, `5 h`, `12 min`."""
    minutes = int(abs(length).total_seconds() // 60)
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"


def _plain(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
