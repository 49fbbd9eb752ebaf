"""What the documentation says is so: links, commands, settings, numbers, the tests it names, the tutorial."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

from casework import clock, schema
from casework import people as casework_people
from casework.answer import Offer, Refusal, Refused, answer
from casework.case import Kind
from casework.cli import app
from casework.people import Identity, Quorum
from casework.sandbox import misbehave, server
from casework.sandbox.deliverables import FAULTS
from casework.schedule import Due
from casework.settings import Settings
from casework.wait import Form, wait_for
from casework.wiring import NEEDED
from policies import document_change
from policies.data_export import NUMBERS, Ending
from policies.messages import CATALOGUES
from tests.desk import Desk

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])
PICTURES = tuple(sorted(picture.name for picture in (DOCS / "pictures").glob("*.png")))
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```(?:console|bash|sh|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`(casework [^`\n]+|make [^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
GIVEN = re.compile(r"^```(\w+) (file|append)=(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEST_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = {command.name: command for command in GROUP.commands.values()}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchor(heading: str) -> str:
    """The name that hosts of repositories give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).strip().replace(" ", "-")


def commands(page: Path) -> Iterator[list[str]]:
    """The commands that a page shows, in blocks of shell and in running text, each as words."""
    text = page.read_text()
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line.removeprefix("$ "), comments=True):
                yield words
    for span in SPAN.findall(FENCE.sub("", text)):
        if "…" not in span:
            yield shlex.split(span)


def options(command: Any) -> set[str]:
    """The options of a command, and of those below it."""
    own = {opt for one in command.params if one.param_type_name == "option" for opt in one.opts}
    return own.union(*(options(below) for below in getattr(command, "commands", {}).values()))


def wrong_with(words: list[str]) -> str | None:
    """What is wrong with a `casework` or `make` command, or None."""
    name, *rest = words
    if name == "make":
        unknown = [word for word in rest if "=" not in word and word not in TARGETS]
        return f"make has no target {unknown[0]}" if unknown else None
    if name.rsplit("/", 1)[-1] != "casework" or not rest or rest[0].startswith("-"):
        return None
    command = COMMANDS.get(rest[0])
    if command is None:
        return f"there is no command casework {rest[0]}"
    known = options(command) | {"--help", "-h"}
    unknown = [word.partition("=")[0] for word in rest[1:] if word.startswith("-")]
    return next((f"casework {rest[0]} has no {word}" for word in unknown if word not in known), None)


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, as cells without back-ticks."""
    text = (DOCS / page).read_text()
    start = re.search(rf"^#+ {re.escape(heading)}$", text, re.MULTILINE)
    assert start, f"{page} has no heading {heading!r}"
    lines = iter(text[start.end() :].splitlines())
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip().replace("`", "") for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
        elif rows or line.startswith("#"):
            break
    return rows[2:]


def column(page: str, heading: str, number: int = 0) -> list[str]:
    """One column of a table."""
    return [row[number] for row in table(page, heading)]


# -- every page


@pages
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of ours, pictures among them, names one that is there, and each anchor a heading in it."""
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, wanted = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: there is no {path}"
        if wanted:
            assert wanted in map(anchor, HEADING.findall(file.read_text())), f"{target}: no such heading"


@pages
def test_commands_are_right(page: Path) -> None:
    """Each `casework` and `make` command, in a block of shell or in a sentence, exists with the options shown."""
    assert [wrong for words in commands(page) if (wrong := wrong_with(words))] == []


def test_wrong_commands_are_found() -> None:
    """The check itself finds an unknown command, option and target, and passes right ones."""
    assert wrong_with(["casework", "fly"]) == "there is no command casework fly"
    assert wrong_with([".venv/bin/casework", "inbox", "--loud"]) == "casework inbox has no --loud"
    assert wrong_with(["make", "coffee"]) == "make has no target coffee"
    for right in ("casework decide 4711 approval verdict=deny --as staff-11", "make demo ONCE=1", "ls -l"):
        assert wrong_with(shlex.split(right)) is None


@pages
def test_tests_that_are_named_exist(page: Path) -> None:
    """Each `tests/…::test_…` that a page gives as proof is there."""
    for file, name in TEST_NAMED.findall(page.read_text()):
        assert re.search(rf"^def {name}\(", (ROOT / file).read_text(), re.MULTILINE), f"{file} has no {name}"


@pages
def test_pages_are_portable(page: Path) -> None:
    """No page holds an address of a real company or a path of one machine."""
    text = page.read_text()
    known = (
        "keepachangelog.com",
        "semver.org",
        "slack.com",
        "app.asana.com",
        "api.typeform.com",
        "login.salesforce.com",
        "api.hubapi.com",
        "api.intercom.io",
        "api.outreach.io",
        "api.qualified.com",
        "dropboxapi.com",
        "graph.microsoft.com",
        "login.microsoftonline.com",
    )
    for host in re.findall(r"https?://([\w.-]+)", text):
        local = host.startswith("127.0.0.1") or host.endswith(".example") or host == "localhost"
        assert local or host.endswith(known), host
    assert not re.search(r"(?<![\w/.])/(?:work|home|root|Users)/", text)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_shown(name: str) -> None:
    """Each picture is there, is a PNG, and stands on a page."""
    assert (DOCS / "pictures" / name).read_bytes().startswith(b"\x89PNG")
    assert any(f"pictures/{name})" in page.read_text() for page in PAGES)


@pytest.mark.parametrize("page", sorted(DOCS.glob("**/*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_is_reached(page: Path) -> None:
    """Each page of the documentation is linked to from another one."""
    others = (other for other in PAGES if other != page)
    assert any(
        (other.parent / target.partition("#")[0]).resolve() == page
        for other in others
        for target in LINK.findall(other.read_text())
    )


# -- reference pages against the code


@dataclass(frozen=True)
class Setting:
    """A setting as the code has it."""

    name: str
    default: str


def settings(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[Setting]:
    """Every setting, with its default as the page writes it."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield Setting(prefix + name, said(field.default))


def said(value: Any) -> str:
    """A value as a page writes it."""
    match value:
        case None | ():
            return "–"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(map(str, value))
    return str(value)


def test_the_settings_page_has_every_setting() -> None:
    """Names, defaults and the mark of what must be set are those of the code, in its order."""
    rows = table("reference/settings.md", "All settings")
    assert [Setting(row[0], row[1]) for row in rows] == list(settings())
    assert {row[0] for row in rows if row[2] == "yes"} == set(NEEDED)


def test_the_command_page_has_every_command() -> None:
    """Each command stands there with exactly its arguments and options."""
    text = (DOCS / "reference" / "cli.md").read_text()
    for name, command in COMMANDS.items():
        section = re.search(rf"^## `casework {name}`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert section, f"cli.md has no section for casework {name}"
        told = set(re.findall(r"^\| `(--[\w-]+)", section[1], re.MULTILINE))
        assert told == {option for option in options(command) if option.startswith("--")} - {"--help"}, name
    assert set(re.findall(r"^## `casework ([\w-]+)`$", text, re.MULTILINE)) == set(COMMANDS)


def test_the_case_file_page_has_every_kind_and_table() -> None:
    """Kinds of entries, which of them settle a key, and tables are those of the code."""
    kinds = table("reference/case-file.md", "Kinds of entries")
    assert [row[0] for row in kinds] == [kind.value for kind in Kind]
    assert [row[0] for row in kinds if row[2] == "yes"] == [k.value for k in Kind if k.value in schema.COMPLETIONS]
    assert set(column("reference/case-file.md", "Tables")) == set(schema.metadata.tables)


def numbers(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every number of the policy by its name in the file."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from numbers(value, f"{prefix}{name}.")
        else:
            yield prefix + name, said(value)


def test_the_data_export_page_has_every_number() -> None:
    """The page's numbers are those that the project reads; a manager who changes one changes the page with it."""
    assert [(row[0], row[1]) for row in table("reference/data-export.md", "Numbers")] == list(numbers(NUMBERS))


def test_the_data_export_page_has_every_ending_and_message() -> None:
    """Endings and messages are those of the code."""
    assert {ending.partition(":")[0] for ending in column("reference/data-export.md", "Endings")} == {
        ending.value for ending in Ending
    }
    assert set(column("reference/data-export.md", "Messages")) == set(CATALOGUES["data_export"])


def test_the_document_change_page_is_that_of_the_code() -> None:
    """Numbers, endings and messages are those of the code, and each row of what happens names a scenario."""
    page = "reference/document-change.md"
    assert [(row[0], row[1]) for row in table(page, "Numbers")] == list(numbers(document_change.NUMBERS))
    assert set(column(page, "Endings")) == {ending.value for ending in document_change.Ending}
    assert set(column(page, "Messages")) == set(CATALOGUES["document_change"])
    assert set(column(page, "Decisions")) == {one.value for one in document_change.Missing}
    for heading in ("Decisions", "What happens", "Whose turn it is", "A survey without a ticket", "The Monday notice"):
        for row in table(page, heading):
            assert "::test_" in row[-1], row[0]


def test_the_data_export_page_proves_each_row() -> None:
    """Each row of what happens names at least one scenario that plays it."""
    for heading in ("Decisions", "Who is told and who agrees", "What happens"):
        for row in table("reference/data-export.md", heading):
            assert "::test_" in row[-1], row[0]


def test_the_delivery_page_accounts_for_each_behaviour() -> None:
    """Each behaviour names its test, or says what is missing."""
    rows = table("reference/delivery.md", "Behaviours")
    assert [row[0] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
    for row in rows:
        assert "::test_" in row[2] or "not built" in row[2], row[0]


def test_the_sandbox_page_has_every_act_and_fault() -> None:
    """Acts of people, faults of vendors and of deliverables are those that the stand-ins know."""
    assert {tuple(row[:2]) for row in table("reference/sandbox.md", "People")} == {
        (role, act) for role, acts in server._ACTS.items() for act in acts
    }
    assert set(column("reference/sandbox.md", "Faults of vendors")) == set(misbehave.KINDS)
    assert set(column("reference/sandbox.md", "Faults of deliverables")) == set(FAULTS)


def test_the_rooms_on_the_page_are_those_that_there_are() -> None:
    """The README's map names folders that exist."""
    text = (ROOT / "README.md").read_text()
    for folder in re.findall(r"^\| `([\w/]+/)` \|", text, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder


def test_the_why_page_has_a_reason_for_each_dependency() -> None:
    """Each package that the project names, but for stubs and plugins of pytest, stands there with what it is for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    packages = {re.split(r"[<>=\[; ]", one)[0] for one in named} - {"casework"}
    told = " ".join(column("why.md", "What we depend on, and why"))
    for package in packages:
        if not package.startswith(("types-", "pytest-")):
            assert re.search(rf"(?<![\w-]){re.escape(package)}(?![\w-])", told), package


# -- how a question is asked


def test_the_waits_page_has_every_option() -> None:
    """The options are the parameters of `wait_for` in their order; the page marks which must be given."""
    rows = table("reference/waits.md", "Options")
    parameters = inspect.signature(wait_for).parameters
    assert [row[0] for row in rows] == list(parameters)
    needed = [name for name, one in parameters.items() if one.default is inspect.Parameter.empty]
    assert [row[0] for row in rows if row[2] == "must be given"] == needed
    assert all(row[1] and row[2] for row in rows)


def test_the_waits_page_has_what_a_form_says() -> None:
    """What an answered form says beside its fields stands there."""
    properties = {name for name, one in vars(Form).items() if isinstance(one, property)}
    assert set(column("reference/waits.md", "Forms")) == properties


def test_the_waits_page_has_every_field_of_a_quorum() -> None:
    """Fields and defaults are those of the code, and the ready-made ones are named."""
    rows = table("reference/waits.md", "Several people")
    assert [(row[0], row[2]) for row in rows] == [(n, said(f.default)) for n, f in Quorum.model_fields.items()]
    text = (DOCS / "reference" / "waits.md").read_text()
    for ready, value in vars(casework_people).items():
        if isinstance(value, Quorum):
            assert f"| `{ready}` |" in text, ready


def test_the_waits_page_has_every_refusal() -> None:
    """Each reason for which an answer does not count stands there as the file has it and as people are told it."""
    rows = table("reference/waits.md", "Who may answer")
    assert [tuple(row) for row in rows] == [(why.name.lower(), why.value) for why in Refusal]


def test_the_waits_page_has_every_delay_and_what_comes_due() -> None:
    """Each kind of delay, shown as it is called, and each kind of thing that comes due."""
    delays = {name for name in clock.__all__ if hasattr(getattr(clock, name), "after")} - {"Delay"}
    assert {cell.partition("(")[0] for cell in column("reference/waits.md", "Delays")} == delays
    for cell in column("reference/waits.md", "Delays"):
        name, _, given = cell.partition("(")
        arguments = given.removesuffix(")").replace("time(10)", "time").split(", ")
        assert len(arguments) == len(inspect.signature(getattr(clock, name)).parameters), cell
    assert column("reference/waits.md", "Deadlines, reminders and escalations") == list(Due)


def test_the_example_of_a_wait_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
    """The page's example is a whole module: its people are told, its rules hold, and its deadline ends it."""
    (example,) = re.findall(
        r"^```python\n(.*?)^```", (DOCS / "reference" / "waits.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "example_of_a_wait.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("example_of_a_wait")
    run = desk.start("release", number=7, author="staff-11")

    def say(staff: str, **values: str) -> Refusal | None:
        identity = Identity(kind="person", value=staff)
        told = answer(Offer(run.case_id, "release/1", values, "link", identity))
        desk.settle()
        return told.why if isinstance(told, Refused) else None

    assert say("staff-11", verdict="yes") is Refusal.FOUR_EYES
    assert say("staff-21", verdict="yes") is Refusal.NOT_YOURS
    assert say("staff-12", verdict="no") is Refusal.INVALID
    assert say("staff-12", verdict="yes") is None
    assert desk.waiting(run) == ["release/1"]
    desk.advance(days=1.1)
    assert say("staff-21", verdict="yes") is None
    assert desk.ending(run) == "released"
    assert [entry.key for entry in desk.entries(run, Kind.REMINDER_SENT)] == ["release/1>reminder-1"]

    run = desk.start("release", number=8, author="staff-11")
    desk.advance(days=3)
    assert desk.ending(run) == "kept back"


# -- the tutorial


def make(kind: str, how: str, file: Path, given: str) -> None:
    """Do what a block of the tutorial says: make a file, add to its end, or replace lines in it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind == "diff":
        lines = given.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in "- ")
        new = "".join(line[1:] for line in lines if line[0] in "+ ")
        text = file.read_text()
        assert text.count(old) == 1, f"{file.name} has these lines {text.count(old)} times:\n{old}"
        file.write_text(text.replace(old, new))
    elif how == "append":
        file.write_text(f"{file.read_text().rstrip()}\n{'' if file.suffix == '.yaml' else chr(10) * 2}{given}")
    else:
        assert not file.exists(), f"{file.name} is there already"
        file.write_text(given)


def test_the_tutorial_works(tmp_path: Path) -> None:
    """In a copy of the project, every file of the tutorial is made as it says; its test, formatting and rules hold."""
    for room in ("casework", "deployments", "flows", "policies", "tasks", "tests"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "prefect.yaml"):
        shutil.copy(ROOT / file, tmp_path / file)
    text = (DOCS / "tutorial.md").read_text()
    blocks = GIVEN.findall(text)
    assert len(re.findall(r"^```python", text, re.MULTILINE)) == sum(kind == "python" for kind, *_ in blocks)
    for kind, how, name, given in blocks:
        make(kind, how, tmp_path / name, given)

    tests = ["tests/scenarios/test_call_back.py", "tests/test_deployments.py::test_prefect_yaml_says_what_is_deployed"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *tests],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert re.search(r"\b5 passed", ran.stdout), ran.stdout[-500:]
    lint = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "flows", "tasks", "tests/scenarios/test_call_back.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert lint.returncode == 0, lint.stdout


# -- how it runs


@pytest.mark.parametrize("file", sorted((ROOT / "deployments").glob("**/*.yaml")), ids=lambda file: file.name)
def test_deployment_files_name_what_there_is(file: Path) -> None:
    """Each is YAML, and every part starts a `casework` command, our worker or a Prefect server."""
    started = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for key, below in value.items():
                if key in ("command", "args", "entrypoint") and isinstance(below, list):
                    started.append([str(word) for word in below])
                walk(below)
        elif isinstance(value, list):
            for below in value:
                walk(below)

    for document in yaml.safe_load_all(file.read_text()):
        walk(document)
    ours = [words for words in started if words[0] in COMMANDS]
    assert ["deploy"] in ours
    assert ["gateway"] in ours
    others = [words for words in started if words[0] not in COMMANDS and not words[0].startswith("--")]
    starts = (["prefect", "server", "start"], ["python", "-m", "casework.warm"])
    assert all(words[:3] in starts for words in others), others
