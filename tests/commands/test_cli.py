"""What holds for every command: how it is called, what it is told of the settings, how it tells spans of time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import Result

from casework.cli import app
from casework.commands.shown import span
from casework.engine.simulated import Run

pytestmark = pytest.mark.usefixtures("wired")


def test_every_command_has_an_example(run: Callable[..., Result]) -> None:
    """The help of each command shows how it is called."""
    names = [line.split()[1] for line in run("--help").stdout.splitlines() if line.startswith("│ ")]
    commands = [[str(command.name)] for command in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        commands += [
            [str(group.typer_instance.info.name), str(one.name)] for one in group.typer_instance.registered_commands
        ]
    assert {name for name, *_ in commands} <= {*names}
    for words in commands:
        assert f"casework {' '.join(words)}" in run(*words, "--help").stdout.replace("`", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("decide", "--all", "agree=yes", "--as", "staff-7"), "--process and --wait"),
        (("decide", "3", "small", "agree=yes", "--as", "staff-7", "--yes"), "go with --all"),
        (("decide", "3", "--as", "staff-7"), "which CASE and which question"),
        (("decide", "3", "small", "--code", "A", "--code", "B"), "one question takes one --code"),
        (("delegate", "--list", "--end", "1"), "--list goes alone"),
        (("delegate", "--end", "1"), "--end NUMBER and --as STAFF"),
        (("delegate", "staff-11", "--to", "staff-12"), "give PERSON"),
        (("delegate", "staff-11", "--to", "staff-12", "--until", "soon", "--as", "staff-11"), "is not a moment"),
    ],
)
def test_wrong_calls_are_said(
    run: Callable[..., Result], many: list[Run], arguments: tuple[str, ...], said: str
) -> None:
    """A command that is not called rightly is exit code 2, and says how."""
    told = run(*arguments)
    assert told.exit_code == 2
    assert said in " ".join(told.stderr.replace("│", " ").split())


def test_config_masks_and_names(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every setting has its origin; secrets are not shown; a wrong one is exit code 1 on stderr."""
    monkeypatch.setenv("CASEWORK_SLACK__TOKEN", "planted-9c4f")
    rows = {row["name"]: row for row in json.loads(run("config", "--json").stdout)}
    assert rows["slack.token"] == {
        "name": "slack.token",
        "value": "***",
        "origin": "environment CASEWORK_SLACK__TOKEN",
    }
    assert "planted" not in run("config").stdout
    monkeypatch.setenv("CASEWORK_GATEWAY__PORT", "planted-9c4f")
    wrong = run("config")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "gateway.port" in wrong.stderr
    assert "planted" not in wrong.stderr


REPS = [
    {
        "id": "staff-14",
        "zone": "America/New_York",
        "country": "US",
        "subdivision": "NY",
        "hours": [
            {"days": ["friday", "monday", "tuesday", "wednesday"], "starts": "09:00", "ends": "17:00"},
            {"days": ["saturday", "sunday"], "starts": "10:00", "ends": "11:30"},
        ],
        "leave": [{"first": "2026-12-24", "last": "2026-12-31"}],
        "jira_account": "712020:a",
    },
    {"id": "staff-15", "zone": "UTC"},
]


def test_config_shows_reps_in_a_line_each(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the settings stand their ids, below them a table with a line for each; JSON has all of it in its place."""
    monkeypatch.setenv("CASEWORK_REPS", json.dumps(REPS))
    lines = run("config").stdout.splitlines()
    assert any(re.match(r"reps +staff-14, staff-15 +environment CASEWORK_REPS", line) for line in lines)
    shown = [re.split(r" {2,}", line.strip()) for line in lines[-3:]]
    assert shown == [
        ["rep", "zone", "holidays", "hours", "leave", "queues", "board account"],
        [
            *("staff-14", "America/New_York", "US-NY"),
            "mon-wed, fri 09:00-17:00; sat, sun 10:00-11:30",
            *("2026-12-24 to 2026-12-31", "–", "712020:a"),
        ],
        ["staff-15", "UTC", "–", "–", "–", "–", "–"],
    ]
    (row,) = [one for one in json.loads(run("config", "--json").stdout) if one["name"] == "reps"]
    assert [one["id"] for one in row["value"]] == ["staff-14", "staff-15"]


@pytest.mark.parametrize(
    ("length", "said"),
    [({"minutes": 5}, "5 min"), ({"hours": 1}, "60 min"), ({"hours": 5}, "5 h"), ({"days": 9}, "9 d")],
)
def test_spans_are_short(length: dict[str, int], said: str) -> None:
    """A length of time is told in one unit, and its sign is left to the sentence around it."""
    assert span(timedelta(**length)) == said
    assert span(-timedelta(**length)) == said
