"""What the documentation names is there: files, headings, `casework` commands, `make` targets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from casework.cli import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```(?:console|bash|sh|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = {command.name: command for command in typer.main.get_command(app).commands.values()}  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def anchor(heading: str) -> str:
    """The name that hosts of repositories give to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).strip().replace(" ", "-")


def commands(page: Path) -> Iterator[list[str]]:
    """The shell commands of a page, each as words."""
    for block in BLOCK.findall(page.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line.removeprefix("$ "), comments=True):
                yield words


def wrong_with(words: list[str]) -> str | None:
    """What is wrong with a `casework` or `make` command, or None."""
    name, *rest = words
    if name == "make":
        unknown = [word for word in rest if "=" not in word and word not in TARGETS]
        return f"make has no target {unknown[0]}" if unknown else None
    if name != "casework" or not rest:
        return None
    if rest[0].startswith("-"):
        return None
    command = COMMANDS.get(rest[0])
    if command is None:
        return f"there is no command casework {rest[0]}"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    unknown = [word.partition("=")[0] for word in rest[1:] if word.startswith("-")]
    return next((f"casework {rest[0]} has no {word}" for word in unknown if word not in known), None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of ours names one that is there, and each anchor a heading in it."""
    for target in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, wanted = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: there is no {path}"
        if wanted:
            assert wanted in map(anchor, HEADING.findall(file.read_text())), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_right(page: Path) -> None:
    """Each `casework` and `make` command in a block of shell exists, with the options it is shown with."""
    assert [wrong for words in commands(page) if (wrong := wrong_with(words))] == []


def test_wrong_commands_are_found() -> None:
    """The check itself finds an unknown command, option and target, and passes right ones."""
    assert wrong_with(["casework", "fly"]) == "there is no command casework fly"
    assert wrong_with(["casework", "inbox", "--loud"]) == "casework inbox has no --loud"
    assert wrong_with(["make", "coffee"]) == "make has no target coffee"
    for right in (
        "casework decide 4711 csm-approval verdict=deny --as staff-11",
        "make demo ONCE=1",
        "ls -l",
    ):
        assert wrong_with(shlex.split(right)) is None


@pytest.mark.parametrize("file", sorted((ROOT / "deployments").glob("**/*.yaml")), ids=lambda file: file.name)
def test_deployment_files_name_what_there_is(file: Path) -> None:
    """Each is YAML, and every part starts a `casework` command or a Prefect worker or server."""
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
    assert all(words[:2] in (["prefect", "worker"], ["prefect", "server"]) for words in others), others
