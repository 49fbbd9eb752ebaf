"""The messages of the transfer between support and sales: each renders, and lets nothing in from outside."""

from __future__ import annotations

import re

import pytest

from policies import document_change, sales_transfer
from policies.data_export import NUMBERS as EXPORT
from policies.messages import CATALOGUES, MessageError
from policies.sales_lead import MailsGoOut
from policies.sales_mail import Mode
from policies.sales_transfer import NUMBERS, Kind
from policies.sales_transfer_facts import Kept, LeadField
from policies.values import sample

MESSAGES = CATALOGUES["sales_transfer"]


def values(name: str, /, **changes: object) -> dict[str, object]:
    """Right values for a message, with some of them changed."""
    return {key: sample(kind) for key, kind in MESSAGES[name].variables.items()} | changes


def body(name: str, /, **changes: object) -> str:
    return MESSAGES.render(name, **values(name, **changes)).body


def test_each_has_a_name_in_the_policy() -> None:
    """What the policy names is there, and nothing else; only the introduction goes to the customer."""
    assert set(MESSAGES) == set(sales_transfer.Message) | {f"question-{one}" for one in sales_transfer.Question}
    assert [name for name in MESSAGES if MESSAGES[name].audience == "customer"] == ["introduction"]


@pytest.mark.parametrize("name", MESSAGES)
def test_each_renders(name: str) -> None:
    """With its variables a message is complete; without one of them it is refused."""
    given = values(name)
    text = MESSAGES.render(name, **given).body
    assert not re.search(r"\{\{|\}\}|\{%|%\}|\{#", text)
    assert "\n\n\n" not in text
    assert len(text) < 3000
    for variable in given:
        with pytest.raises(MessageError, match=f"^{name}: missing variable {variable}: "):
            MESSAGES.render(name, **{key: value for key, value in given.items() if key != variable})


CHOICES: dict[str, list[str]] = {
    "mode": list(Mode),
    "kind": list(Kind),
    "reason": list(Kept),
    "mails": list(MailsGoOut),
    "introduced": ["yes", "no"],
    "converted": ["yes", "no"],
    "owner": ["none"],
    "account": ["none"],
    "to": ["support"],
    "transfer": ["none"],
}


@pytest.mark.parametrize("name", MESSAGES)
def test_each_choice_and_nothing_renders(name: str) -> None:
    """With each word that a message tells apart, only one of what it lists, or an empty list, it has no gap."""
    variables = MESSAGES[name].variables
    tries: list[dict[str, object]] = [{key: [] for key, kind in variables.items() if kind in ("words", "links")}]
    tries += [{key: [choice]} for key, kind in variables.items() if isinstance(kind, list) for choice in kind]
    tries += [{key: word} for key in variables for word in CHOICES.get(key, ())]
    for changes in tries:
        text = body(name, **changes)
        assert "\n\n\n" not in text
        assert ": ." not in text
        assert "`none`" not in text


def test_nobody_is_not_named() -> None:
    """Where nobody in sales has taken it yet, the question does not speak of somebody."""
    assert "nobody in sales is asked any more" in body("question-untagged", sdr="none")
    assert "nobody in sales has taken it" in body("question-stuck", waiting=["take"], sdr="none")
    for name in ("question-untagged", "question-stuck"):
        assert "`none`" not in body(name, sdr="none", **({"waiting": ["take"]} if name == "question-stuck" else {}))


@pytest.mark.parametrize("name", MESSAGES)
def test_no_hostile_value_gets_through(name: str) -> None:
    """Every variable refuses a planted value, or makes it harmless; errors never repeat it."""
    planted = "Marlowe-Quux {{ ticket.requester }} <b>[x](https://evil.example)</b>\n#approve"
    for variable, kind in MESSAGES[name].variables.items():
        hostile: object = [planted] if kind in ("words", "links") or isinstance(kind, list) else planted
        if kind == "text":
            text = body(name, **{variable: hostile})
            assert "{{" not in text
            assert "https://evil" not in text
            continue
        with pytest.raises(MessageError, match=f"^{name}: variable {variable}, ") as caught:
            MESSAGES.render(name, **values(name, **{variable: hostile}))
        assert "Quux" not in str(caught.value)


def test_the_customer_reads_plain_words() -> None:
    """The introduction is warm, says that a new e-mail will come, and uses no inner word of ours."""
    text = body("introduction")
    assert text.startswith("Hello")
    assert text.endswith("The support team\n")
    assert "in a new message" in text
    for inner in ("Intercom", "Salesforce", "Outreach", "Qualified", "SDR", "Casework", "lead", "ticket", "transfer"):
        assert not re.search(rf"\b{inner}", text, re.IGNORECASE), inner


def test_missing_fields_are_asked_together() -> None:
    """One question names every field of Salesforce that can be missing, and says that it comes once."""
    assert MESSAGES["question-missing-fields"].variables["missing"] == list(LeadField)
    text = body("question-missing-fields", missing=list(LeadField))
    assert text.count("\n- ") == len(LeadField)
    assert "once" in text


def test_the_template_is_named() -> None:
    """Who needs technical help gets the page's Outreach template, with support in copy; a customer's owner does not."""
    given = {"template": NUMBERS.technical.template}
    assert '"Technical Support Intro", with support in copy' in body("question-new-thread", owner="none", **given)
    assert "Technical" not in body("question-new-thread", owner="staff-21", **given)


def test_roles_are_those_of_the_project() -> None:
    """Where another process has the same role, it has the same name here."""
    assert NUMBERS.roles.operators == EXPORT.roles.operators
    assert NUMBERS.roles.support == document_change.NUMBERS.roles.support
