"""The commands about who answers: stand-ins, questions handed over, more time."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from typer.testing import Result

from casework import authority
from casework.case import Kind
from casework.engine.simulated import Run
from casework.settings import load
from tests.desk import Desk

pytestmark = pytest.mark.usefixtures("wired")


@pytest.fixture
def csm(desk: Desk) -> Run:
    """An open case that waits for a colleague whom the product database knows."""
    return desk.start("command-csm", ticket=7)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch, wired: SimpleNamespace) -> None:
    """The operators are in Berlin, and the person asked is somebody whom the product database knows."""
    monkeypatch.setenv("CASEWORK_ZONE", "Europe/Berlin")
    wired.settings = load().settings


UNTIL = ("--until", "2026-03-03")


def test_a_stand_in_is_made_listed_and_ended(run: Callable[..., Result], desk: Desk, in_berlin: None) -> None:
    """The stand-in's own ids come from the product database; moments are of the operators' zone."""
    made = run("delegate", "staff-11", "--to", "staff-12", "--since", "2026-03-02T10:30", *UNTIL, "--as", "staff-41")
    assert made.exit_code == 1
    assert "Only staff-11 or an operator" in made.stderr
    made = run("delegate", "staff-11", "--to", "staff-12", "--since", "2026-03-02T10:30", *UNTIL, "--as", "staff-11")
    assert made.exit_code == 0, made.stderr
    assert "staff-12 stands in for staff-11 from 2026-03-02 10:30 to 2026-03-03 00:00 (Europe/Berlin)" in made.stdout
    (known,) = json.loads(run("delegate", "--list", "--json").stdout)
    assert known == {
        "number": 1,
        "person": "staff-11",
        "delegate": "staff-12",
        "since": "2026-03-02T09:30:00+00:00",
        "until": "2026-03-02T23:00:00+00:00",
    }
    with desk.files.reading() as connection:
        (one,) = authority.in_force(connection, desk.engine.now())
    assert one.delegate.slack is not None
    assert one.delegate.zendesk is not None
    assert "staff-12" in run("delegate", "--list").stdout
    assert "Only staff-11 or an operator" in run("delegate", "--end", "1", "--as", "staff-12").stderr
    assert run("delegate", "--end", "1", "--as", "staff-1").exit_code == 0
    assert "no delegation 1 in force" in run("delegate", "--end", "1", "--as", "staff-1").stderr
    assert run("delegate", "--list").stdout == "Nobody stands in for anybody.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("staff-11", "--to", "staff-99", *UNTIL), "nobody has this id"),
        (("staff-99", "--to", "staff-11", *UNTIL), "nobody has this id"),
        (("staff-11", "--to", "staff-11", *UNTIL), "name somebody else"),
        (("staff-11", "--to", "staff-12", "--until", "2026-03-01"), "not in the past"),
    ],
)
def test_what_is_no_stand_in_is_said(run: Callable[..., Result], arguments: tuple[str, ...], said: str) -> None:
    """Unknown people, oneself, and a time that is over: a sentence, exit code 1, nothing kept."""
    told = run("delegate", *arguments, "--as", "staff-1")
    assert (told.exit_code, said in told.stderr) == (1, True), told.stderr
    assert json.loads(run("delegate", "--list", "--json").stdout) == []


def test_a_stand_in_has_what_is_open_already(run: Callable[..., Result], desk: Desk, csm: Run) -> None:
    """It is in their inbox at once, their case wants a leg, and they answer in the other's place."""
    told = run("delegate", "staff-11", "--to", "staff-12", *UNTIL, "--as", "staff-11")
    assert told.exit_code == 0, told.stderr
    assert desk.files.case(csm.case_id).wanted_at is not None
    assert "staff-11 (or staff-12)" in run("inbox", "--mine", "staff-12").stdout
    assert run("decide", "7", "csm", "agree=yes", "--as", "staff-12").exit_code == 0
    (decided,) = desk.entries(csm, Kind.DECIDED)
    assert (decided.actor, decided.payload["for"]) == ("staff-12", "staff-11")


def test_a_question_is_handed_over(run: Callable[..., Result], desk: Desk, csm: Run) -> None:
    """The other one is asked, told in a sentence; what cannot be is a sentence too, exit code 1."""
    rest = ("--from", "staff-11", "--to", "staff-12", "--reason", "on leave")
    refused = run("hand-over", "7", "csm", *rest, "--as", "staff-13")
    assert (refused.exit_code, refused.stderr) == (1, "Only staff-11 or an operator may hand csm/1 over.\n")
    told = run("hand-over", "7", "csm", *rest, "--as", "staff-11")
    assert told.exit_code == 0, told.stderr
    assert f"csm/1 of case {csm.case_id} is handed over: staff-12 is asked instead of staff-11" in told.stdout
    assert "waits for" in run("inbox", "--mine", "staff-12").stdout
    assert "csm: handed over from staff-11 to staff-12 by staff-11" in run("file", "7").stdout
    assert run("hand-over", "7", "csm", *rest, "--as", "staff-11").exit_code == 1


def test_a_question_gets_more_time(run: Callable[..., Result], desk: Desk, csm: Run, in_berlin: None) -> None:
    """Until a moment of the operators' zone, by an operator; the case is still open at its first deadline."""
    rest = ("--until", "2026-03-02T12:00", "--reason", "in fairness")
    refused = run("wait", "extend", "7", "csm", *rest, "--as", "staff-11")
    assert (refused.exit_code, "Only an operator" in refused.stderr) == (1, True)
    told = run("wait", "extend", "7", "csm", *rest, "--as", "staff-1")
    assert told.stdout == f"csm/1 of case {csm.case_id} is open until 2026-03-02 12:00 (Europe/Berlin).\n"
    desk.advance(minutes=119)
    assert desk.waiting(csm) == ["csm/1"]
    desk.advance(minutes=1)
    assert desk.ending(csm) == "expired"
