"""The `casework` command, over a desk in place of the settings' database and engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from typer.testing import CliRunner, Result

import flows  # noqa: F401 - registers the processes that `start` knows
from casework import authority, wiring
from casework.case import Kind
from casework.cli import app
from casework.clock import Minutes
from casework.commands import questions
from casework.commands.shown import span
from casework.commands.site import plan
from casework.engine.simulated import Run
from casework.people import Invitation, Person, Role
from casework.process import process, processes
from casework.sandbox import World, product
from casework.settings import SettingsWrong, load
from casework.systems.product import ProductDatabase
from casework.wait import Form, wait_for
from deployments import DEPLOYMENTS
from deployments.triggers import TRIGGERS, started_by
from tests.conftest import START
from tests.desk import SECRET, Desk

ROOT = Path(__file__).parents[1]
ANA = Person(id="staff-7")


class Agreed(Form):
    """A small question."""

    agree: bool


@process("command-toy", subject="zendesk:ticket:{ticket}")
def toy(ticket: int) -> str:
    """Asks twice: an hour for something small, a day for something verified."""
    who = Role(name="csm", people=(ANA,))
    first = wait_for(Agreed, key="small", question="?", who=who, within=Minutes(60 * ticket), verified=False)
    if first is None:
        return "expired"
    second = wait_for(Agreed, key="large", question="?", who=who, within=Minutes(60))
    return "agreed" if second and second.agree else "denied"


@process("command-csm", subject="zendesk:ticket:{ticket}")
def csm_asked(ticket: int) -> str:
    """Asks a colleague whom the product database knows, for an hour."""
    who = Role(name="csm", people=(Person(id="staff-11"),))
    given = wait_for(Agreed, key="csm", question="?", who=who, within=Minutes(60), verified=False)
    return "expired" if given is None else "agreed"


@pytest.fixture
def csm(desk: Desk) -> Run:
    """An open case that waits for that colleague."""
    return desk.start("command-csm", ticket=7)


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a product database that knows the sandbox's colleagues."""
    world = World(lambda: START)
    world.seed()
    return f"sqlite:///{product.create(tmp_path_factory.mktemp('product') / 'product.db', world)}"


@pytest.fixture(autouse=True)
def wired(desk: Desk, staff: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """The commands find the desk and a product database in place of what the settings name."""

    monkeypatch.chdir(tmp_path)
    parts = SimpleNamespace(
        files=desk.files,
        runtime=desk.runtime,
        settings=load().settings,
        systems=SimpleNamespace(
            product=ProductDatabase(staff),
            places=SimpleNamespace(ticket_page="https://support.example/agent/tickets/{ticket}"),
        ),
    )

    @contextmanager
    def connected() -> Iterator[Any]:
        yield parts

    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setattr(wiring, "files", lambda _settings: desk.files)
    monkeypatch.setattr(wiring, "connected", connected)
    return parts


@pytest.fixture
def run() -> Callable[..., Result]:
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, list(arguments))


@pytest.fixture
def toys(desk: Desk) -> tuple[Run, Run]:
    """Two open cases; the second one is due first."""
    return desk.start("command-toy", ticket=9), desk.start("command-toy", ticket=2)


def test_inbox_shows_what_burns_first(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """Open questions come with who, age and due, the soonest due first; `--json` has the same for scripts."""
    desk.engine.sleep(timedelta(minutes=90).total_seconds())
    shown = run("inbox")
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert [("zendesk:ticket:2" in line, "zendesk:ticket:9" in line) for line in lines[1:3]] == [
        (True, False),
        (False, True),
    ]
    assert "in 30 min" in lines[1]
    assert "90 min" in lines[1]
    rows = json.loads(run("inbox", "--json").stdout)
    assert [row["case_id"] for row in rows] == [toys[1].case_id, toys[0].case_id]
    assert [row["overdue"] for row in rows] == [False, False]
    desk.engine.sleep(timedelta(hours=1).total_seconds())
    assert "overdue 30 min" in run("inbox").stdout
    assert [row["overdue"] for row in json.loads(run("inbox", "--json").stdout)] == [True, False]


def test_an_empty_inbox_says_so(run: Callable[..., Result]) -> None:
    """No open question is a sentence, and an empty list for scripts."""
    assert run("inbox").stdout == "No question is open.\n"
    assert json.loads(run("inbox", "--json").stdout) == []


def test_a_decision_is_recorded_and_the_case_goes_on(
    run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]
) -> None:
    """An accepted answer is told in a sentence, stands in the file as unverified, and wakes the case."""
    told = run("decide", "2", "small", "agree=yes", "--as", "staff-7")
    assert told.exit_code == 0, told.stderr
    assert f"staff-7 has answered small/1 of case {toys[1].case_id}" in told.stdout
    desk.settle()
    (decided,) = desk.entries(toys[1], Kind.DECIDED)
    assert (decided.actor, decided.payload["verified"], decided.payload["channel"]) == (
        "staff-7",
        False,
        "command",
    )
    assert desk.waiting(toys[1]) == ["large/1"]


def test_a_verified_question_needs_the_code(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """A staff id on the command line proves nothing; the personal code does."""
    case_id = toys[1].case_id
    run("decide", case_id, "small", "agree=yes", "--as", "staff-7")
    desk.settle()
    refused = run("decide", case_id, "large", "agree=yes", "--as", "staff-7")
    assert refused.exit_code == 1
    assert "needs your personal code" in refused.stderr
    code = Invitation(case_id=case_id, wait="large/1", person=ANA).code(SECRET)
    assert run("decide", case_id[:8], "large", "agree=yes", "--code", code).exit_code == 0
    desk.settle()
    assert desk.ending(toys[1]) == "agreed"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("2", "small", "agree=yes", "--as", "staff-8"), 1, "put to somebody else"),
        (("2", "small", "agree=perhaps", "--as", "staff-7"), 1, "agree: Input should be a valid boolean"),
        (("2", "small", "--as", "staff-7"), 1, "agree: Field required"),
        (("2", "large", "agree=yes", "--as", "staff-7"), 1, "no question large. Open there: small/1"),
        (("3", "small", "agree=yes", "--as", "staff-7"), 1, "There is no case 3"),
        (("2", "small", "agree=yes", "--code", "AAAA-AAAA"), 1, "code is not known"),
        (("2", "small", "agree=yes"), 2, "say who you are"),
        (("2", "small", "agree=yes", "--as", "staff-7", "--code", "x"), 2, "one of them"),
        (("2", "small", "agree", "--as", "staff-7"), 2, "FIELD=VALUE"),
        (("2", "small", "agree=yes", "agree=no", "--as", "staff-7"), 2, "each field once"),
    ],
)
def test_what_is_not_an_answer_is_refused(
    run: Callable[..., Result],
    desk: Desk,
    toys: tuple[Run, Run],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """Each refusal has its sentence on stderr and its exit code; the question stays open."""
    refused = run("decide", *arguments)
    assert refused.exit_code == code
    assert said in " ".join(refused.stderr.replace("│", " ").split())
    assert refused.stdout == ""
    assert desk.waiting(toys[1]) == ["small/1"]


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
    assert desk.engine.inbox is None
    run("tick")
    assert desk.engine.inbox is not None
    rows, _ = desk.engine.inbox
    assert [row["subject"] for row in rows] == [
        f"[ticket {number}](https://support.example/agent/tickets/{number})" for number in (2, 9)
    ]
    desk.engine.away = True
    assert run("tick").exit_code == 0


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


def test_the_inbox_chooses(run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run]) -> None:
    """Each filter leaves what it says; what is cut off is counted on stderr; a watch is not for scripts."""
    desk.engine.sleep(timedelta(minutes=130).total_seconds())

    def subjects(*options: str) -> list[str]:
        return [row["subject"].rsplit(":", 1)[1] for row in json.loads(run("inbox", "--json", *options).stdout)]

    assert subjects() == subjects("--mine", "staff-7") == subjects("--process", "command-toy") == ["2", "9"]
    assert subjects("--role", "csm", "--overdue") == subjects("--first", "1") == ["2"]
    assert subjects("--mine", "staff-8") == subjects("--account", "team-1") == subjects("--role", "legal") == []
    cut = run("inbox", "--first", "1")
    assert "1 more are open" in cut.stderr
    assert "zendesk:ticket:9" not in cut.stdout
    assert run("inbox", "--watch", "--json").exit_code == 2


def test_the_inbox_is_drawn_anew_until_it_is_enough(
    run: Callable[..., Result], desk: Desk, toys: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--watch` looks again after each pause, and Ctrl-C ends it without an error."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt
        run("decide", "2", "small", "agree=no", "--as", "staff-7")
        run("decide", "9", "small", "agree=no", "--as", "staff-7")

    monkeypatch.setattr(questions, "sleep", pause)
    watched = run("inbox", "--watch")
    assert (watched.exit_code, pauses) == (0, [2.0, 2.0])
    assert "No question is open (09:00:00)" in watched.stdout


@pytest.fixture
def many(desk: Desk) -> list[Run]:
    """Three open cases of one account, and one of another."""
    runs = [desk.start("command-toy", ticket=number) for number in (3, 4, 5, 6)]
    for number, one in enumerate(runs):
        desk.files.label(one.case_id, "team-2" if number == 3 else "team-1")
    return runs


ALL_SMALL = ("decide", "--all", "--process", "command-toy", "--wait", "small")


def test_many_questions_are_answered_alike(run: Callable[..., Result], desk: Desk, many: list[Run]) -> None:
    """Every one that matches gets the answer and a line; the rest is left; each stands in its own file."""
    told = run(*ALL_SMALL, "--account", "team-1", "agree=yes", "--as", "staff-7", "--yes")
    assert told.exit_code == 0, told.stderr
    assert [line.split(",")[0] for line in told.stdout.splitlines()] == [
        f"zendesk:ticket:{n} small/1" for n in (3, 4, 5)
    ]
    desk.settle()
    assert [desk.waiting(one) for one in many] == [["large/1"]] * 3 + [["small/1"]]
    assert [len(desk.entries(one, Kind.DECIDED)) for one in many] == [1, 1, 1, 0]


def test_many_answers_need_a_yes(run: Callable[..., Result], desk: Desk, many: list[Run]) -> None:
    """Without one nothing is answered; the question says how many."""
    told = run(*ALL_SMALL, "agree=yes", "--as", "staff-7")
    assert told.exit_code == 1
    assert "Answer 4 questions with agree=yes?" in told.stderr
    assert [desk.entries(one, Kind.ANSWER_OFFERED) for one in many] == [[]] * 4


def test_each_refusal_of_many_is_told(run: Callable[..., Result], desk: Desk, many: list[Run]) -> None:
    """Those refused have their sentence and make the exit code 1; those accepted count all the same."""
    run("decide", "3", "small", "agree=yes", "--as", "staff-7")
    desk.settle()
    codes = [Invitation(case_id=one.case_id, wait="small/1", person=ANA).code(SECRET) for one in many[1:3]]
    proofs = [word for code in codes for word in ("--code", code)]
    wrong = run(*ALL_SMALL, "agree=perhaps", "--as", "staff-7", "--yes")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert wrong.stderr.count("agree: Input should be a valid boolean") == 3
    assert "3 of 3 answers were refused" in wrong.stderr
    first = run("decide", "4", "small", "agree=perhaps", "--code", codes[0])
    assert first.exit_code == 1
    told = run(*ALL_SMALL, "agree=yes", *proofs, "--yes")
    assert told.exit_code == 1
    assert "this code has been used" in told.stderr
    assert "1 of 2 answers were refused" in told.stderr
    desk.settle()
    assert [desk.waiting(one) for one in many[1:]] == [["small/1"], ["large/1"], ["small/1"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--as", "staff-8", "--yes"), 1, "was put to staff-8"),
        (("--as", "staff-7", "--account", "team-9", "--yes"), 1, "No open question small"),
        (("--code", "AAAA-AAAA", "--yes"), 1, "1 of 1 codes belong to no open question that matches. Nothing was done"),
    ],
)
def test_no_question_that_matches_is_said(
    run: Callable[..., Result], desk: Desk, many: list[Run], arguments: tuple[str, ...], code: int, said: str
) -> None:
    """What was not put to the person is not offered in their name; codes of other questions are not used up."""
    told = run(*ALL_SMALL, "agree=yes", *arguments)
    assert (told.exit_code, said in told.stderr) == (code, True), told.stderr
    assert [desk.entries(one, Kind.ANSWER_OFFERED) for one in many] == [[]] * 4


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


UNTIL = ("--until", "2026-03-03")


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch, wired: SimpleNamespace) -> None:
    """The operators are in Berlin, and the person asked is somebody whom the product database knows."""
    monkeypatch.setenv("CASEWORK_ZONE", "Europe/Berlin")
    wired.settings = load().settings


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
    ("length", "said"),
    [({"minutes": 5}, "5 min"), ({"hours": 1}, "60 min"), ({"hours": 5}, "5 h"), ({"days": 9}, "9 d")],
)
def test_spans_are_short(length: dict[str, int], said: str) -> None:
    """A length of time is told in one unit, and its sign is left to the sentence around it."""
    assert span(timedelta(**length)) == said
    assert span(-timedelta(**length)) == said


def test_prefect_yaml_says_what_is_deployed() -> None:
    """`prefect.yaml` and the typed list agree; all that is deployed and triggered is a known process."""
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    settings = load().settings.prefect
    assert written["pull"] is None
    assert [
        (one["name"], one["flow_name"], one["entrypoint"], tuple(one["tags"]), one["work_pool"]["name"])
        for one in written["deployments"]
    ] == [(settings.deployment, one.process, one.entrypoint, one.tags, settings.work_pool) for one in DEPLOYMENTS]
    assert [
        [(timed["cron"], timed["timezone"], timed.get("parameters", {})) for timed in one.get("schedules", [])]
        for one in written["deployments"]
    ] == [[(timed.cron, timed.zone, timed.parameters) for timed in one.schedules] for one in DEPLOYMENTS]
    ours = {name for name, one in processes.items() if one.function.__module__.startswith("flows.")}
    assert {one.process for one in DEPLOYMENTS} == ours
    assert {trigger.process for trigger in TRIGGERS} <= {one.process for one in DEPLOYMENTS}


@pytest.mark.parametrize("status", ["new", "open", "pending", "hold", "solved", "closed"])
@pytest.mark.parametrize("tags", [(), ("data_export",), ("data_exports",), ("vip", "data_export")])
def test_triggers_look_at_tag_and_status(tags: tuple[str, ...], status: str) -> None:
    """Exactly the tag, on a ticket that is not ended, starts the data export."""
    pulled = [trigger.process for trigger in started_by("zendesk", tags, status)]
    assert pulled == (["data-export"] if "data_export" in tags and status not in ("solved", "closed") else [])
    assert started_by("elsewhere", tags, status) == []


def test_up_needs_systems_or_the_sandbox(tmp_path: Path) -> None:
    """Without either, everything that is missing is named at once and nothing has been written."""
    with pytest.raises(SettingsWrong) as caught:
        plan(load(), sandbox=False)
    for name in ("zendesk.url", "CASEWORK_ZENDESK__TOKEN", "product.url", "roles.operators", "--sandbox"):
        assert name in str(caught.value)
    assert not (tmp_path / ".casework").exists()


def test_up_plans_the_site_and_tells_other_commands(tmp_path: Path) -> None:
    """The children come in the order in which they need each other; the chosen addresses are found again."""
    site = plan(load(running=False), sandbox=True)
    assert [child.name for child in site.children] == ["prefect", "sandbox", "deploy", "gateway", "worker"]
    found = load().settings
    assert found.gateway.public_url == site.addresses["gateway"]
    assert found.sandbox.url == site.addresses["sandbox"]
    assert plan(load(running=False), sandbox=True).addresses == site.addresses
    for child in site.children:
        assert child.environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
        assert child.environment["CASEWORK_HOME"] == str(tmp_path / ".casework")
    # It reads every suspended run every five seconds.
    assert site.children[0].environment["PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED"] == "false"
