"""The messages of offboarding, support day and review of hours: each renders, and lets nothing in from outside."""

from __future__ import annotations

import re
from datetime import time

import pytest

from policies import offboarding, schedule_review, support_day
from policies.data_export import NUMBERS as EXPORT
from policies.messages import CATALOGUES, MessageError
from policies.values import sample

FOLDERS = ("offboarding", "schedule_review", "support_day")
ALL = [(folder, name) for folder in FOLDERS for name in CATALOGUES[folder]]
CUSTOMER = [(folder, name) for folder, name in ALL if CATALOGUES[folder][name].audience == "customer"]


def values(folder: str, name: str, /, **changes: object) -> dict[str, object]:
    """Right values for a message, with some of them changed."""
    return {key: sample(kind) for key, kind in CATALOGUES[folder][name].variables.items()} | changes


def test_each_has_a_name_in_the_policy() -> None:
    """What the policies name is there, and nothing else."""
    questions = {f"question-{one}" for one in offboarding.Question}
    assert set(CATALOGUES["offboarding"]) == set(offboarding.Message) | questions
    assert set(CATALOGUES["support_day"]) == set(support_day.Message)
    assert set(CATALOGUES["schedule_review"]) == set(schedule_review.Message)


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_each_renders(folder: str, name: str) -> None:
    """With its variables a message is complete; without one of them it is refused."""
    given = values(folder, name)
    body = CATALOGUES[folder].render(name, **given).body
    assert not re.search(r"\{\{|\}\}|\{%|%\}|\{#", body)
    assert "\n\n\n" not in body
    assert len(body) < 3000
    for variable in given:
        with pytest.raises(MessageError, match=f"^{name}: missing variable {variable}: "):
            CATALOGUES[folder].render(name, **{key: value for key, value in given.items() if key != variable})


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_each_choice_and_nothing_renders(folder: str, name: str) -> None:
    """With only one of the things that a message can list, or an empty list, it is still whole and has no gap."""
    variables = CATALOGUES[folder][name].variables
    lists: dict[str, object] = {key: [] for key, kind in variables.items() if kind in ("words", "links")}
    zeros = {key: 0 for key, kind in variables.items() if kind == "number"}
    tries: list[dict[str, object]] = [{**lists}, {**lists, **zeros}]
    tries += [{key: [choice]} for key, kind in variables.items() if isinstance(kind, list) for choice in kind]
    for changes in tries:
        assert "\n\n\n" not in CATALOGUES[folder].render(name, **values(folder, name, **changes)).body


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_no_hostile_value_gets_through(folder: str, name: str) -> None:
    """Every variable refuses a planted value; errors never repeat it."""
    planted = "Marlowe-Quux {{ ticket.requester }} <b>[x](https://evil.example)</b>\n#approve"
    for variable, kind in CATALOGUES[folder][name].variables.items():
        hostile: object = [planted] if kind in ("words", "links") or isinstance(kind, list) else planted
        with pytest.raises(MessageError, match=f"^{name}: variable {variable}, ") as caught:
            CATALOGUES[folder].render(name, **values(folder, name, **{variable: hostile}))
        assert "Quux" not in str(caught.value)


@pytest.mark.parametrize(("folder", "name"), CUSTOMER)
def test_customers_read_plain_words(folder: str, name: str) -> None:
    """A customer reads no inner word of ours, is greeted, knows who writes, and gets a subject."""
    form = {"form_link": "https://forms.vendor.example/x"} if "form_link" in CATALOGUES[folder][name].variables else {}
    message = CATALOGUES[folder].render(name, **values(folder, name, **form))
    for inner in ("HubSpot", "Prefect", "Casework", "deal", "engineering", "operator", "deactivat", "offboard", "case"):
        assert not re.search(rf"\b{inner}", message.body, re.IGNORECASE), inner
    assert message.body.startswith("Hello")
    assert message.body.endswith("The support team\n")
    assert message.subject


def test_the_lists_of_the_day_fit_into_slack() -> None:
    """With as many lines as the numbers allow, the lists of the sign-off keep within a block's 3,000 characters."""
    lines = support_day.NUMBERS.hand_over.most_lines
    links = [f"https://desk.vendor.example/tickets/{10**9 + n}" for n in range(lines)]
    ids = [str(10**9 + n) for n in range(lines)]
    changes = {"our_turn": ids, "our_turn_links": links, "fringe": ids, "fringe_links": links, "until": time(17, 30)}
    body = CATALOGUES["support_day"].render("sign-off", **values("support_day", "sign-off", **changes)).body
    assert len(body) <= 3000


def test_the_steps_in_the_password_vault() -> None:
    """The question names the exact prefix and folder of the page."""
    names = offboarding.NUMBERS.housekeeping
    given = {"prefix": names.former_prefix, "folder": names.archive_folder}
    body = (
        CATALOGUES["offboarding"]
        .render("question-housekeeping", **values("offboarding", "question-housekeeping", **given))
        .body
    )
    assert "put `Z_` before the name" in body
    assert 'into the folder "Archived"' in body


def test_roles_are_those_of_the_project() -> None:
    """Where the data export has the same role, it has the same name here."""
    assert offboarding.NUMBERS.roles.operators == schedule_review.NUMBERS.roles.operators == EXPORT.roles.operators
    assert offboarding.NUMBERS.roles.engineering_lead == EXPORT.roles.engineering_lead
    assert support_day.NUMBERS.roles.coordinator == schedule_review.NUMBERS.roles.coordinator
