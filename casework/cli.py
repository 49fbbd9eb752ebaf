"""The `casework` command.

Exit codes: 0 done, 1 refused or not possible now (said on stderr), 2 not called rightly. What a script reads
goes to stdout, with `--json` as JSON; everything else goes to stderr.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import typer
from typer.core import TyperGroup

from casework import database
from casework.case import CaseUnknown, ChainBroken, FileClosed
from casework.commands import bringing, cases, certificates, deliveries, people, questions, service
from casework.commands.shown import Stop, complain
from casework.delivery.keys import KeyStoreBroken
from casework.engine import EngineAway
from casework.settings import SettingsWrong
from casework.steering import NotSteered
from casework.supervisor import AlreadyRunning, NotReady
from casework.systems.errors import SystemFault
from casework.wiring import DatabaseAway

__all__ = ["app", "main"]

SPEAKING = (
    AlreadyRunning,
    CaseUnknown,
    ChainBroken,
    DatabaseAway,
    EngineAway,
    FileClosed,
    KeyStoreBroken,
    NotReady,
    NotSteered,
    SettingsWrong,
    Stop,
    SystemFault,
)
"""Errors whose text is made for people: it is said, and the exit code is 1."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SPEAKING as error:
            complain(str(error))
        except database.AWAY as error:
            complain(f"The case database does not answer ({type(error).__name__}). Try again when it is back.")
        except OSError as error:
            complain(f"{error}.")
        raise typer.Exit(1)


app = typer.Typer(
    cls=_Group,
    name="casework",
    help="Multi-day customer-support processes as durable flows.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _before() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _add(to: typer.Typer, commands: Iterable[Callable[..., None]]) -> None:
    for command in commands:
        to.command(name=command.__name__.rstrip("_").replace("_", "-"))(command)


for part in (service, cases, bringing, deliveries, certificates, questions, people):
    _add(app, part.COMMANDS)
for name, (meaning, commands) in people.GROUPS.items():
    group = typer.Typer(name=name, help=meaning, no_args_is_help=True)
    _add(group, commands)
    app.add_typer(group)


def main() -> None:
    """Run the command."""
    app()
