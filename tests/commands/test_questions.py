"""`casework inbox` and `casework decide`: what is open, and how it is answered, one by one or many at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from typer.testing import Result

from casework.case import Kind
from casework.commands import questions
from casework.engine.simulated import Run
from casework.people import Invitation
from tests.commands.asking import ANA
from tests.desk import SECRET, Desk

pytestmark = pytest.mark.usefixtures("wired")


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
