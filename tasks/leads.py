"""Leads of sales, in Salesforce, Qualified and Outreach: found by e-mail address before anything is made."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import AwareDatetime, BaseModel, ConfigDict

from casework.confidential import ConfidentialText
from casework.step import lookup
from policies.sales_transfer_facts import Facts, LeadField, Meeting

__all__ = ["Outcome", "Told", "outcome", "outcome_now"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class Told(_Fact):
    """Who writes in a conversation, and what the SDR has typed of them, sealed: where to find them in the systems."""

    conversation: str
    values: Mapping[LeadField, ConfidentialText]


class Outcome(_Fact):
    """What became of a transfer, as the systems of sales show it."""

    meetings: tuple[Meeting, ...] = ()
    disqualified: bool = False
    intro_delivered: AwareDatetime | None = None
    intro_failed: bool = False


def outcome_now(person: Told, known: Facts) -> Outcome:
    """What became of it by now. No step."""
    raise NotImplementedError


@lookup
def outcome(person: Told, known: Facts) -> Outcome:
    """What became of it by now, as `outcome_now` has it."""
    return outcome_now(person, known)
