"""Messages: every file is right, says what the policy does, and a wrong file or value is told at once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from policies.data_export import NUMBERS, Ending, Missing
from policies.messages import CATALOGUES, DATA_EXPORT, MessageError, load
from policies.values import sample

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "policies" / "messages" / "data_export"
CUSTOMER = [name for name, template in DATA_EXPORT.items() if template.audience == "customer"]
NAMED_BY_THE_PROCESS = [
    "refused-ffs",
    "refused-agency",
    "refused-churned",
    "not-verified",
    "self-serve",
    "ask-reason",
    "reminder",
    "reason-reminder",
    "approval-request-slack",
    "approval-request-email",
    "approval-reminder",
    "told-csm",
    "denied",
    "engineering-task",
    "engineering-reminder",
    "deliverable-rejected",
    "ready",
    "ready-reminder",
    "downloaded",
    "expired",
    "withdrawn",
    "unverified-closed",
    "cancelled",
    "note-started",
    "note-reason-recorded",
    "note-approval",
    "note-engineering-task",
    "note-deliverable-checked",
    "note-certificate",
    "note-refused",
    "question-approval",
    "question-self-serve",
    "question-churned",
    "question-wrong-team",
    "question-link-unreachable",
    "ready-second-host",
    "note-code-locked",
    "note-claimed-elsewhere",
]


def values(name: str, **changes: object) -> dict[str, object]:
    samples = {variable: sample(kind) for variable, kind in DATA_EXPORT[name].variables.items()}
    return {**samples, **changes}


def test_every_named_message_is_there() -> None:
    """Each message that the process names has its file, and each file is in the catalogue."""
    assert set(NAMED_BY_THE_PROCESS) <= set(DATA_EXPORT)
    assert {file.stem for file in FOLDER.iterdir()} == set(DATA_EXPORT)


def texts(files: Iterable[Path]) -> Iterator[str]:
    """Every text that stands in the code of these files, documentation aside because it is never a bare name."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def unused(paths: Iterable[str], named: Iterable[str], by_process: Iterable[str]) -> set[str]:
    """Of the messages `folder/name` those that nobody names: by path anywhere, by name where a process is written.

    Questions are asked by their key: `question-which-team` as `which-team`. Where the folder is a process's choice the
    name stands behind it: `{texts}/ready`.
    """
    whole, bare = set(named), set(by_process)
    ways = {path: path.split("/")[1] for path in paths}
    return {
        path
        for path, name in ways.items()
        if path not in whole and not {name, name.removeprefix("question-"), f"/{name}"} & bare
    }


def test_every_message_is_used() -> None:
    """Each template is named by a process, its policy, a task or the core: none is kept that nobody sends."""
    processes = [*(ROOT / "flows").glob("*.py"), *(ROOT / "policies").glob("*.py")]
    rooms = [*processes, *(ROOT / "tasks").glob("*.py"), *(ROOT / "casework").glob("**/*.py")]
    paths = [f"{folder}/{name}" for folder, catalogue in CATALOGUES.items() for name in catalogue]
    assert unused(paths, texts(rooms), texts(processes)) == set()


def test_an_unused_message_is_found() -> None:
    """The search finds a message that is only named in a longer text, and passes the ways of naming one."""
    paths = ["a/one", "a/two", "a/question-three", "a/four", "a/question-five", "a/six"]
    named = ["two", "three", "four and five", "question-fiv", "/six"]
    assert unused(paths, ["a/one"], named) == {"a/four", "a/question-five"}


@pytest.mark.parametrize("name", DATA_EXPORT)
def test_each_renders_with_its_variables(name: str) -> None:
    """With its variables a message is complete: values show, and no mark of the template is left."""
    template = DATA_EXPORT[name]
    message = DATA_EXPORT.render(name, **values(name))
    whole = f"{message.subject or ''}\n{message.body}"
    assert not re.search(r"\{\{|\}\}|\{%|%\}|\{#", whole)
    assert "\n\n\n" not in message.body
    assert len(message.body) < 3000  # a Slack section's limit, and long for anybody
    for variable, kind in template.variables.items():
        if kind == "moment":
            assert "10 March 2026, 16:05 UTC" in whole, variable
        elif kind in ("word", "link"):
            assert str(sample(kind)) in whole, variable


@pytest.mark.parametrize("name", DATA_EXPORT)
def test_each_renders_only_with_its_variables(name: str) -> None:
    """One variable less or one more is refused, and the error names message and variable."""
    given = values(name)
    for variable in given:
        less = {key: value for key, value in given.items() if key != variable}
        with pytest.raises(MessageError, match=f"^{name}: missing variable {variable}: "):
            DATA_EXPORT.render(name, **less)
    with pytest.raises(MessageError, match=f"^{name}: unknown variable surprise: given but not declared"):
        DATA_EXPORT.render(name, **given, surprise="x")


@pytest.mark.parametrize("name", DATA_EXPORT)
def test_no_hostile_value_gets_through(name: str) -> None:
    """Every variable of every message refuses a planted value or neutralises it; errors never repeat it."""
    planted = "Marlowe-Quux {{ ticket.requester }} <b>[x](https://evil.example)</b>\n#approve"
    for variable, kind in DATA_EXPORT[name].variables.items():
        hostile: object = [planted] if kind == "texts" or kind == "words" or isinstance(kind, list) else planted
        if kind not in ("text", "texts"):
            with pytest.raises(MessageError, match=f"^{name}: variable {variable}, ") as caught:
                DATA_EXPORT.render(name, **values(name, **{variable: hostile}))
            assert "Quux" not in str(caught.value)
            assert caught.value.__cause__ is None
            continue
        body = DATA_EXPORT.render(name, **values(name, **{variable: hostile})).body
        assert "Quux" in body
        assert "{{" not in body
        assert "https://evil" not in body
        assert "\n#approve" not in body
        if DATA_EXPORT[name].format == "markdown":
            assert "<b>" not in body
            assert "[x](" not in body


def test_an_unknown_message_is_told() -> None:
    """A wrong name is told with the names that there are."""
    with pytest.raises(MessageError, match=r"^redy: there is no such message; there are .*ready"):
        DATA_EXPORT.render("redy")


# --- what they say ----------------------------------------------------------------------------------------


def test_ready_says_everything() -> None:
    """The customer learns the link, how often and until when, how the code comes, and what happens after."""
    link = "https://casework.example/d/aB_cD-e_f_"
    body = DATA_EXPORT.render("ready", **values("ready", link=link)).body
    assert f"<{link}>" in body
    for said in (
        "**once**",
        "until **Tuesday, 10 March 2026, 16:05 UTC**",
        "code to the address",
        "destroy",
        "ask again",
    ):
        assert said in body


@pytest.mark.parametrize("name", ["not-verified", "reminder", "note-not-verified"])
def test_each_missing_thing_is_told(name: str) -> None:
    """For each thing that verification can lack there is a text of its own, and none for what is there."""
    assert DATA_EXPORT[name].variables["missing"] == [one.value for one in Missing]
    texts = {one: DATA_EXPORT.render(name, **values(name, missing=[one])).body for one in Missing}
    assert len(set(texts.values())) == len(Missing)
    everything = DATA_EXPORT.render(name, **values(name, missing=list(Missing))).body
    assert all(len(text) < len(everything) for text in texts.values())
    if name != "note-not-verified":
        assert all(len(re.findall("^- ", text, re.MULTILINE)) == 1 for text in texts.values())


def test_the_policys_numbers_show() -> None:
    """A number of the policy reaches the customer as the manager wrote it."""
    limit = NUMBERS.self_serve_candidate_limit
    assert "up to 2,000 candidates" in DATA_EXPORT.render("self-serve", limit=limit).body
    assert "until 90 days after" in DATA_EXPORT.render("refused-churned", days=NUMBERS.churn_grace_days).body
    assert "within 14 days" in DATA_EXPORT.render("unverified-closed", days=NUMBERS.unverified_wait_days).body


def test_a_way_that_there_is_not_is_not_offered() -> None:
    """Without a second host name the question says so, and where to set one; with one it offers it."""
    one, two = (
        DATA_EXPORT.render("question-link-unreachable", **values("question-link-unreachable", ways=ways)).body
        for ways in (["wait-on", "end"], ["second-host", "wait-on", "end"])
    )
    assert "gateway.second_public_url" in one
    assert "on our other address" not in one
    assert "on our other address" in two
    assert "none is set" not in two


def test_every_ending_tells_the_customer() -> None:
    """However a case ends, there is a message that tells the customer so."""
    told = {
        Ending.DELIVERED: "downloaded",
        Ending.REFUSED: "refused-ffs",
        Ending.UNVERIFIED: "unverified-closed",
        Ending.WITHDRAWN: "withdrawn",
        Ending.DENIED: "denied",
        Ending.EXPIRED: "expired",
        Ending.CANCELLED: "cancelled",
    }
    assert set(told) == set(Ending)
    assert set(told.values()) <= set(CUSTOMER)


@pytest.mark.parametrize("name", CUSTOMER)
def test_customers_texts_are_plain(name: str) -> None:
    """A customer reads no inner word of ours, and only messages that need it hold a link."""
    body = DATA_EXPORT.render(name, **values(name)).body
    for inner in (
        "Asana",
        "Slack",
        "Prefect",
        "Dropbox",
        "CSM",
        "Zendesk",
        "vault",
        "operator",
        "case",
        "engineering",
    ):
        assert not re.search(rf"\b{inner}\b", body, re.IGNORECASE), inner
    assert ("link" in DATA_EXPORT[name].variables) == (name.split("-")[0] == "ready")
    assert body.startswith("Hello,\n")
    assert body.endswith("The support team\n")


def test_only_who_answers_gets_a_code() -> None:
    """A personal code goes only into requests for an answer, never to a customer, a ticket or a task."""
    holders = {
        f"{folder}/{name}"
        for folder, catalogue in CATALOGUES.items()
        for name, template in catalogue.items()
        if "code" in template.variables
    }
    approval = {f"data_export/approval-{name}" for name in ("request-slack", "request-email", "escalated")}
    assert holders == approval | {
        "common/question-asked",
        "common/parked",
        "common/download-code",
        "legal_clock/warned",
        "schedule_review/coordinator",
    }


def test_the_engineering_task_has_a_name_of_its_own() -> None:
    """The task can be found by its name, because the case is in it."""
    task = DATA_EXPORT.render(
        "engineering-task", **values("engineering-task", case="7c1f", team="team-104", ticket=35436)
    )
    assert task.subject == "Data export of team team-104 (ticket 35436, case 7c1f)"
    assert '"team_id": "team-104"' in task.body


# --- wrong files ------------------------------------------------------------------------------------------

HEAD = '+++\naudience = "staff"\nformat = "markdown"\n[variables]\nticket = "word"\n+++\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "{{ ticket }} {{ team }}", "unknown variable team: used but not declared"),
        (HEAD + "Hello.", "missing variable ticket: declared but not used"),
        (HEAD.replace("[var", 'subject = "{{ case }}"\n[var') + "{{ ticket }}", "unknown variable case"),
        (HEAD + "{{ ticket", "unexpected end of template"),
        (HEAD + "{{ ticket | shout }}", "shout"),
        (HEAD + "{{ ticket.number }}", "number"),
        (HEAD + "{{ ticket.__class__.__mro__ }}", "unsafe"),
        (HEAD + "{{ '{:,}'.format(ticket) }}", "cannot be written: ValueError"),
        (HEAD + "{% include ticket %}", "stands alone"),
        (HEAD + "{% include 'x.md' %}{{ ticket }}", "stands alone"),
        (HEAD + "  \n", "has no text"),
        ("{{ ticket }}", "begins with a TOML head"),
        ("+++\naudience = \n+++\nx", "the head is not TOML"),
        (
            HEAD.replace("staff", "everybody") + "{{ ticket }}",
            "audience: Input should be 'customer' or 'staff'",
        ),
        (HEAD.replace("markdown", "html") + "{{ ticket }}", "format: "),
        (HEAD.replace('"word"', '"wrd"') + "{{ ticket }}", "variables.ticket"),
        (HEAD.replace("format", "fromat") + "{{ ticket }}", "fromat: Extra inputs are not permitted"),
        (
            HEAD.replace('"word"', '"text"').replace("staff", "customer") + "{{ ticket }}",
            "customers and Slack take no text",
        ),
        (HEAD.replace('"word"', '"texts"').replace("markdown", "slack") + "{{ ticket }}", "take no texts"),
    ],
)
def test_a_wrong_file_stops_the_start(tmp_path: Path, text: str, told: str) -> None:
    """Each mistake in a message is an error when it is loaded, with the file's name."""
    (tmp_path / "greeting.md").write_text(text, encoding="utf-8")
    with pytest.raises(MessageError) as caught:
        load(tmp_path)
    assert told in str(caught.value)
    assert "greeting" in str(caught.value)


def test_a_folder_without_messages_is_told(tmp_path: Path) -> None:
    """An empty folder is a mistake, not a process without messages."""
    with pytest.raises(MessageError, match="holds no messages"):
        load(tmp_path)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    """A file in another encoding is told by its name."""
    (tmp_path / "greeting.md").write_bytes(HEAD.encode() + b"\xff{{ ticket }}")
    with pytest.raises(MessageError, match=r"greeting\.md: cannot be read"):
        load(tmp_path)
