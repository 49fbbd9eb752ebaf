"""What the pages about offboarding and support day say is so: numbers, endings, messages, each row tried."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from policies import offboarding, schedule_review, support_day
from policies.messages import CATALOGUES
from tests.test_docs import column, numbers, table

OFFBOARDING = "reference/offboarding-decisions.md"
SUPPORT = "reference/support-day-decisions.md"


@pytest.mark.parametrize(
    ("page", "heading", "known"),
    [
        (OFFBOARDING, "Numbers", offboarding.NUMBERS),
        (SUPPORT, "support_day.toml", support_day.NUMBERS),
        (SUPPORT, "schedule_review.toml", schedule_review.NUMBERS),
    ],
)
def test_every_number(page: str, heading: str, known: BaseModel) -> None:
    """Each number stands there as the file has it."""
    assert [(row[0], row[1]) for row in table(page, heading)] == list(numbers(known))


@pytest.mark.parametrize(
    ("page", "heading", "folder"),
    [
        (OFFBOARDING, "Messages", "offboarding"),
        (SUPPORT, "support_day", "support_day"),
        (SUPPORT, "schedule_review", "schedule_review"),
    ],
)
def test_every_message(page: str, heading: str, folder: str) -> None:
    """Each message stands there with who reads it."""
    rows = {row[0]: row[1] for row in table(page, heading)}
    assert set(rows) == set(CATALOGUES[folder])
    for name, template in CATALOGUES[folder].items():
        assert (rows[name] == "customer") is (template.audience == "customer"), name
        assert ("Slack" in rows[name]) is (template.format == "slack"), name


def test_every_ending() -> None:
    """Endings are those of the code."""
    assert set(column(OFFBOARDING, "Endings")) == set(offboarding.Ending)
    assert set(column(SUPPORT, "Endings")) == set(support_day.Ending) | set(schedule_review.Ending)


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        (OFFBOARDING, "Which deal"),
        (OFFBOARDING, "What comes next"),
        (OFFBOARDING, "What an export's ending means"),
        (OFFBOARDING, "Putting the deal back"),
        (SUPPORT, "Time"),
        (SUPPORT, "The support day"),
        (SUPPORT, "What is counted"),
        (SUPPORT, "The review of hours"),
    ],
)
def test_each_row_is_tried(page: str, heading: str) -> None:
    """Each row of a table of decisions names at least one test."""
    rows = column(page, heading, -1)
    assert rows
    assert all("::test_" in proof for proof in rows)
