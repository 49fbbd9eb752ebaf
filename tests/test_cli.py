"""The `casework` command, over a desk in place of the settings' database and engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text
from typer.testing import CliRunner, Result

import flows  # noqa: F401 - registers the processes that `start` knows
from casework import wiring
from casework.case import Kind
from casework.cli import app
from casework.clock import Minutes
from casework.commands.shown import span
from casework.commands.site import plan
from casework.engine.simulated import Run
from casework.people import Invitation, Person, Role
from casework.process import process, processes
from casework.settings import SettingsWrong, load
from casework.wait import Form, wait_for
from deployments import DEPLOYMENTS
from deployments.triggers import TRIGGERS, started_by
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


@pytest.fixture(autouse=True)
def _wired(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Wired:
        files, runtime = desk.files, desk.runtime

    @contextmanager
    def connected() -> Iterator[Any]:
        yield Wired

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.setattr(wiring, "files", lambda _settings: desk.files)
    monkeypatch.setattr(wiring, "connected", connected)


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


def test_every_command_has_an_example(run: Callable[..., Result]) -> None:
    """The help of each command shows how it is called."""
    names = [line.split()[1] for line in run("--help").stdout.splitlines() if line.startswith("│ ")]
    commands = [command.name for command in app.registered_commands]
    assert set(commands) <= {*names}
    for name in commands:
        assert f"casework {name}" in run(str(name), "--help").stdout.replace("`", "")


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
