"""The commands about cases: read, checked, started, called off, and the clock for all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from typer.testing import Result

import flows  # noqa: F401 - registers the processes that `start` knows
from casework.engine.simulated import Run
from tests.desk import Desk

pytestmark = pytest.mark.usefixtures("wired")


def test_file_tells_the_story(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """By ticket or by id; `--whole` shows more, `--json` everything."""
    shown = run("file", "9")
    assert "command-toy opened for zendesk:ticket:9 (occurrence 1)" in shown.stdout
    assert "small: asked csm (staff-7)" in shown.stdout
    run("decide", "9", "small", "agree=no", "--as", "staff-7")
    assert run("file", toys[0].case_id, "--whole").stdout.count("\n") > run("file", "9").stdout.count("\n")
    whole = json.loads(run("file", "9", "--json").stdout)
    assert whole["case"]["case_id"] == toys[0].case_id
    assert [entry["seq"] for entry in whole["entries"]] == list(range(1, len(whole["entries"]) + 1))
    assert run("file", "4711").exit_code == 1


def test_the_open_case_of_a_ticket_is_meant(run: Callable[..., Result], desk: Desk) -> None:
    """Of several occurrences the open one is shown, and when all have ended the latest."""
    desk.start("command-toy", ticket=1)
    desk.advance(hours=2)
    second = desk.start("command-toy", ticket=1)
    assert second.case_id in run("file", "1").stdout
    desk.advance(hours=2)
    assert second.case_id in run("file", "1").stdout


def test_verify_names_the_first_broken_entry(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """An unbroken chain is counted; a changed entry is named, exit code 1; `--all` goes on to the rest."""
    good = run("verify", "9")
    assert (good.exit_code, "entries, unbroken" in good.stdout) == (0, True)
    assert run("verify", "--all").exit_code == 0
    with desk.files.writing() as connection:
        connection.execute(
            text("UPDATE entries SET actor = 'nobody' WHERE case_id = :case AND seq = 1"),
            {"case": toys[0].case_id},
        )
    broken = run("verify", "9")
    assert broken.exit_code == 1
    assert f"Case {toys[0].case_id}: entry 1 was changed after it was written" in broken.stderr
    every = run("verify", "--all")
    assert every.exit_code == 1
    assert f"{toys[1].case_id}: " in every.stdout
    assert run("verify").exit_code == 2


def test_start_twice_opens_one_case(run: Callable[..., Result], desk: Desk) -> None:
    """The second start names the case that is open and starts nothing; unknown processes are a wrong call."""
    first = run("start", "command-toy", "--ticket", "5")
    assert (first.exit_code, "has started" in first.stdout) == (0, True)
    desk.engine.run()
    again = run("start", "command-toy", "--ticket", "5")
    assert (again.exit_code, "already open" in again.stdout) == (0, True)
    told = json.loads(run("start", "command-toy", "--ticket", "5", "--json").stdout)
    assert told == {"case": next(iter(desk.engine.runs)), "subject": "zendesk:ticket:5", "started": False}
    assert len(desk.engine.runs) == 1
    for process, says in (("command-toy", "no number"), ("deliver-file", "not started with a ticket alone")):
        wrong = run("start", process, "--ticket", "SS-12")
        assert (wrong.exit_code, says in " ".join(wrong.stderr.split())) == (2, True)
    unknown = run("start", "nothing", "--ticket", "5")
    assert (unknown.exit_code, "data-export" in unknown.stderr) == (2, True)


def test_start_while_the_engine_is_away_is_noted(run: Callable[..., Result], desk: Desk) -> None:
    """The start is not lost: the clock makes the run when the engine is back."""
    desk.engine.away = True
    told = run("start", "command-toy", "--ticket", "6")
    assert (told.exit_code, "is noted" in told.stdout) == (0, True)
    desk.engine.away = False
    desk.engine.sleep(10)
    assert "started 1" in run("tick").stdout
    desk.engine.run()
    assert "zendesk:ticket:6" in run("inbox").stdout


def test_cancel_ends_early_once(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """The case is unwound; asking again, before or after, is refused with the reason."""
    assert run("cancel", "9", "--reason", "by mistake", "--as", "staff-41").exit_code == 0
    assert "asked before" in run("cancel", "9", "--reason", "again").stderr
    desk.settle()
    assert desk.ending(toys[0]) == "cancelled"
    late = run("cancel", "9", "--reason", "again")
    assert (late.exit_code, "ended as cancelled" in late.stderr) == (1, True)


def test_tick_counts(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """One round passes what is due and says what it did."""
    desk.engine.sleep(timedelta(hours=3).total_seconds())
    assert json.loads(run("tick", "--json").stdout)["deadlines"] == 1
    assert "deadlines 0" in run("tick").stdout


def test_tick_shows_what_is_open(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """Where no gateway runs the page of open questions is kept current all the same, with the tickets' addresses."""
    before = desk.engine.inbox
    assert before is None
    run("tick")
    assert desk.engine.inbox is not None
    rows, _ = desk.engine.inbox
    assert [row["subject"] for row in rows] == [
        f"[ticket {number}](https://support.example/agent/tickets/{number})" for number in (2, 9)
    ]
    desk.engine.away = True
    assert run("tick").exit_code == 0
