"""The messages of Tier 2: each renders, keeps what comes from outside harmless, and speaks plainly to members."""

from __future__ import annotations

import re

import pytest

from policies.messages import CATALOGUES, MessageError
from policies.values import sample

FOLDERS = (
    "identity_concern",
    "legal_clock",
    "privacy_request",
    "refund_escalation",
    "review_escalation",
    "tier2_intake",
)
ALL = [(folder, name) for folder in FOLDERS for name in CATALOGUES[folder]]
CUSTOMER = [(folder, name) for folder, name in ALL if CATALOGUES[folder][name].audience == "customer"]


def values(folder: str, name: str, /, **changes: object) -> dict[str, object]:
    """Right values for a message, with some of them changed."""
    return {key: sample(kind) for key, kind in CATALOGUES[folder][name].variables.items()} | changes


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
def test_each_choice_renders(folder: str, name: str) -> None:
    """With only one of the things that a message can list, it is still whole and has no gap."""
    for variable, kind in CATALOGUES[folder][name].variables.items():
        for choice in kind if isinstance(kind, list) else ():
            body = CATALOGUES[folder].render(name, **values(folder, name, **{variable: [choice]})).body
            assert "\n\n\n" not in body


@pytest.mark.parametrize(("folder", "name"), ALL)
def test_no_hostile_value_gets_through(folder: str, name: str) -> None:
    """Every variable refuses a planted value, or makes it harmless; errors never repeat it."""
    planted = "Marlowe-Quux {{ ticket.requester }} <b>[x](https://evil.example)</b>\n#approve"
    for variable, kind in CATALOGUES[folder][name].variables.items():
        hostile: object = [planted] if kind == "words" or isinstance(kind, list) else planted
        if kind == "text":
            body = CATALOGUES[folder].render(name, **values(folder, name, **{variable: hostile})).body
            assert "{{" not in body
            assert "https://evil" not in body
            continue
        with pytest.raises(MessageError, match=f"^{name}: variable {variable}, ") as caught:
            CATALOGUES[folder].render(name, **values(folder, name, **{variable: hostile}))
        assert "Quux" not in str(caught.value)


@pytest.mark.parametrize(("folder", "name"), CUSTOMER)
def test_members_read_plain_words(folder: str, name: str) -> None:
    """A member reads no inner word of ours and no link, is greeted, and knows who writes."""
    body = CATALOGUES[folder].render(name, **values(folder, name)).body
    for inner in ("Salesforce", "Prefect", "Tier", "Casework", "agent", "operator", "queue", "GDPR", "CCPA"):
        assert not re.search(rf"\b{inner}\b", body, re.IGNORECASE), inner
    assert "link" not in CATALOGUES[folder][name].variables.values()
    assert body.startswith("Hello")
    assert body.endswith("The support team\n")


@pytest.mark.parametrize(("folder", "name"), [one for one in CUSTOMER if one[0] == "identity_concern"])
def test_nothing_gendered_is_said(folder: str, name: str) -> None:
    """The approved templates use no gendered word (the page: "Using non-gendered terms during interactions")."""
    body = CATALOGUES[folder].render(name, **values(folder, name)).body
    assert not re.search(r"\b(he|she|him|her|his|hers|sir|madam|ma'am|mr|mrs|ms|miss)\b", body, re.IGNORECASE)
