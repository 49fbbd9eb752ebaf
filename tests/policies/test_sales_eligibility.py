"""Which conversations sales takes: every row of the page's table, what is not known, and what asks for a transfer."""

from __future__ import annotations

from itertools import product

import pytest

from policies.sales_eligibility import Eligible, NotEligible, Unknown, asks_for_sales, eligibility, topic_of
from policies.sales_transfer_facts import Topic, Who

# Row by row as the page has it; whatever is not here stays with support.
PAGE = {
    (Who.LEAD, Topic.PRICING),
    (Who.LEAD, Topic.DEMO),
    (Who.PAYING, Topic.SEATS),
    (Who.PAYING, Topic.BILLING),
    (Who.PAYING, Topic.FEATURE),
    (Who.PAYING, Topic.UPGRADE),
    (Who.TRIAL, Topic.SEATS),
    (Who.TRIAL, Topic.BILLING),
    (Who.TRIAL, Topic.FEATURE),
    (Who.TRIAL, Topic.UPGRADE),
}


@pytest.mark.parametrize(("who", "topic"), list(product(Who, Topic)))
def test_every_row_of_the_table(who: Who, topic: Topic) -> None:
    """Each row of the page is eligible, every other pair is not; either says why, and the no names what is taken."""
    found = eligibility(who, topic)
    assert isinstance(found, Eligible if (who, topic) in PAGE else NotEligible)
    assert topic.value in found.why


@pytest.mark.parametrize(
    ("who", "topic", "missing"),
    [
        (None, None, ("who", "topic")),
        *((None, topic, ("who",)) for topic in Topic if topic is not Topic.OTHER),
        *((who, None, ("topic",)) for who in Who),
    ],
)
def test_what_is_not_known_is_asked(who: Who | None, topic: Topic | None, missing: tuple[str, ...]) -> None:
    """Who or what it is about is never guessed: an agent is asked for what is missing, and for nothing else."""
    found = eligibility(who, topic)
    assert isinstance(found, Unknown)
    assert found.missing == missing


def test_of_no_topic_stays_whoever_writes() -> None:
    """What sales takes from nobody stays with support, and nobody is asked who writes."""
    assert isinstance(eligibility(None, Topic.OTHER), NotEligible)


@pytest.mark.parametrize(
    ("label", "topic"),
    [
        ("Pricing", Topic.PRICING),
        ("Plans", Topic.PRICING),
        ("Demo request", Topic.DEMO),
        ("Seats or licenses", Topic.SEATS),
        ("seats OR  licenses", Topic.SEATS),
        ("Billing", Topic.BILLING),
        ("Feature cost", Topic.FEATURE),
        ("feature  ACCESS", Topic.FEATURE),
        ("Upgrade or expansion", Topic.UPGRADE),
        ("Upgrade", None),
        ("Bug", None),
        ("Price", None),
        ("", None),
        (None, None),
    ],
)
def test_topics_by_their_labels(label: str | None, topic: Topic | None) -> None:
    """Each value of the field leads to its topic, in any case; a value that nobody has listed to none."""
    assert topic_of(label) is topic


@pytest.mark.parametrize(
    ("tagged", "topic", "by_us", "asks"),
    [
        (True, None, False, True),
        (True, "Bug", False, True),
        (False, "Billing", False, True),
        (False, "Bug", False, False),
        (True, None, True, False),
        (False, "Billing", True, False),
        (False, None, False, False),
    ],
)
def test_what_asks_for_a_transfer(tagged: bool, topic: str | None, by_us: bool, asks: bool) -> None:
    """The tag, or a topic that sales takes, set by somebody else than us."""
    assert asks_for_sales(tagged=tagged, topic=topic, by_us=by_us) is asks
