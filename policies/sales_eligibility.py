"""Which conversations support may hand over to sales, and what asks for it.

Source: "How it works", part "Support > Sales Transfer Eligibility Determination". The table stands in
`sales_transfer.toml`. A customer is there anyone who has an account, on a free trial or in contract.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies.sales_transfer_facts import Topic, Who
from policies.sales_transfer_numbers import NUMBERS, SalesTransferNumbers
from policies.words import plain

__all__ = ["Eligible", "NotEligible", "Unknown", "asks_for_sales", "eligibility", "topic_of"]


@dataclass(frozen=True, slots=True)
class Eligible:
    """Sales takes this."""

    why: str


@dataclass(frozen=True, slots=True)
class NotEligible:
    """Support keeps this."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An agent has to say this first: `who`, `topic` or both."""

    missing: tuple[str, ...]
    why: str


def topic_of(label: str | None, numbers: SalesTransferNumbers = NUMBERS) -> Topic | None:
    """The topic that a value of Intercom's topic field means; None: none that we know, so that it is asked about."""
    if label is None:
        return None
    labels = ((Topic(name), one) for name in type(numbers.topics).model_fields for one in getattr(numbers.topics, name))
    return next((topic for topic, one in labels if plain(one) == plain(label)), None)


def asks_for_sales(
    *, tagged: bool = False, topic: str | None = None, by_us: bool = False, numbers: SalesTransferNumbers = NUMBERS
) -> bool:
    """Whether what was just done to a conversation asks for a transfer: the tag for sales added, or the topic set.

    A tag or topic that merely still stands there asks for nothing new, and neither does what our own integration does.
    """
    return not by_us and (tagged or topic_of(topic, numbers) is not None)


def eligibility(
    who: Who | None, topic: Topic | None, numbers: SalesTransferNumbers = NUMBERS
) -> Eligible | NotEligible | Unknown:
    """Whether sales takes this person's question.

    Nothing is guessed. But what is eligible or not for everybody needs no asking for who it is.
    """
    lead, customer = numbers.eligible.lead, numbers.eligible.customer
    if topic is not None and topic not in (*lead, *customer):
        return NotEligible(f"Sales takes no questions about this topic ({topic}).")
    if who is None or topic is None:
        missing = tuple(name for name, value in (("who", who), ("topic", topic)) if value is None)
        return Unknown(missing, f"It is not known yet: {' and '.join(missing)}.")
    name, topics = ("lead", lead) if who is Who.LEAD else ("customer", customer)
    if topic in topics:
        return Eligible(f"Sales takes a {name}'s questions about this topic ({topic}).")
    return NotEligible(f"Sales takes a {name}'s questions about {', '.join(topics)} only, not about {topic}.")
