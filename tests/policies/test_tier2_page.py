"""What the page about the decisions of Tier 2 says is so: its numbers, its messages, and that each row is tried."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from policies import (
    identity_concern,
    legal_clock,
    privacy_request,
    refund_escalation,
    review_escalation,
    tier2_intake,
)
from policies.messages import CATALOGUES
from tests.test_docs import column, numbers, table

PAGE = "reference/tier2-decisions.md"
NUMBERS: dict[str, BaseModel] = {
    "legal_clock": legal_clock.NUMBERS,
    "tier2_intake": tier2_intake.NUMBERS,
    "review_escalation": review_escalation.NUMBERS,
    "refund_escalation": refund_escalation.NUMBERS,
    "privacy_request": privacy_request.NUMBERS,
    "identity_concern": identity_concern.NUMBERS,
}


@pytest.mark.parametrize("policy", NUMBERS)
def test_every_number(policy: str) -> None:
    """Each number stands there as the file has it, but for the key words, which are kept in one place."""
    rows = [(row[0], row[1]) for row in table(PAGE, f"{policy}.toml")]
    assert rows == [one for one in numbers(NUMBERS[policy]) if one[0] != "key_words"]


@pytest.mark.parametrize("folder", NUMBERS)
def test_every_message(folder: str) -> None:
    """Each message stands there with who reads it."""
    rows = {row[0]: row[1] for row in table(PAGE, folder)}
    assert set(rows) == set(CATALOGUES[folder])
    for name, template in CATALOGUES[folder].items():
        assert (rows[name] == "member") is (template.audience == "customer"), name


@pytest.mark.parametrize(
    "heading", ["Intake", "Reviews", "Refunds", "Privacy requests", "The legal clock", "Identity concerns"]
)
def test_each_row_is_tried(heading: str) -> None:
    """Each row of a table of decisions names at least one test."""
    assert all("::test_" in proof for proof in column(PAGE, heading, -1))
