"""What the page about the transfer between support and sales says is so: numbers, endings, messages, each row tried."""

from __future__ import annotations

import pytest

from policies import sales_transfer
from policies.messages import CATALOGUES
from policies.sales_transfer import NUMBERS, Kind
from policies.sales_transfer_facts import Kept
from tests.test_docs import column, numbers, table

PAGE = "reference/sales-transfer-decisions.md"


def test_every_number() -> None:
    """Each number stands there as the file has it; the segments have a table of their own."""
    assert [(row[0], row[1]) for row in table(PAGE, "Numbers")] == [
        one for one in numbers(NUMBERS) if one[0] != "segments"
    ]
    assert table(PAGE, "Segments") == [
        [one.name, str(one.from_employees), one.account_executive] for one in NUMBERS.segments
    ]


def test_every_message() -> None:
    """Each message stands there with who reads it."""
    rows = {row[0]: row[1] for row in table(PAGE, "Messages")}
    assert set(rows) == set(CATALOGUES["sales_transfer"])
    for name, template in CATALOGUES["sales_transfer"].items():
        assert rows[name].startswith("customer") is (template.audience == "customer"), name
        assert ("Slack" in rows[name]) is (template.format == "slack"), name


def test_every_ending() -> None:
    """Endings, and what follows them, are those of the code."""
    rows = dict(table(PAGE, "Endings"))
    assert set(rows) == set(sales_transfer.Ending)
    assert all(kind in rows["handed_over"] for kind in Kind)
    assert all(why in rows["kept_by_support"] for why in Kept)


@pytest.mark.parametrize(
    "heading",
    [
        "Who is transferred",
        "From support to sales",
        "What others do meanwhile",
        "A lead in three systems",
        "What may be written",
        "From sales to support",
    ],
)
def test_each_row_is_tried(heading: str) -> None:
    """Each row of a table of decisions names at least one test."""
    rows = column(PAGE, heading, -1)
    assert rows
    assert all("::test_" in proof for proof in rows)


def test_the_table_of_who_is_transferred() -> None:
    """The page's rows for sales are the file's, neither more nor fewer."""
    shown = {(row[0], row[1].partition(":")[0]) for row in table(PAGE, "Who is transferred") if row[2] == "sales"}
    eligible = NUMBERS.eligible
    assert shown == {("lead", topic) for topic in eligible.lead} | {("customer", topic) for topic in eligible.customer}
