"""What starts a process: a tag on a ticket of Zendesk, how the summary of one of Jira begins, the tier of a case of
Salesforce, the status of a deal of HubSpot.

A hook is only a hint; the ticket is read before a start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from policies.document_change import NUMBERS as DOCUMENT_CHANGE
from policies.tier2_intake import Process

__all__ = [
    "ESCALATIONS",
    "INTAKE",
    "LOST_SURVEY",
    "OFFBOARDING",
    "SALES_TRANSFER",
    "TITLES",
    "TRIGGERS",
    "Title",
    "Trigger",
    "started_by",
    "titled",
]

ENDED = frozenset({"solved", "closed"})


@dataclass(frozen=True, slots=True)
class Trigger:
    """A ticket of `system` that carries `tag` and is not ended has the process."""

    process: str
    system: Literal["zendesk"]
    tag: str


TRIGGERS = (Trigger(process="data-export", system="zendesk", tag="data_export"),)


@dataclass(frozen=True, slots=True)
class Title:
    """A ticket of Jira's support project whose summary begins like this has the process."""

    process: str
    begins: str


TITLES = (Title(process="document-change", begins=DOCUMENT_CHANGE.jira.summary),)

LOST_SURVEY = "document-survey"
"""What a response to the survey has from which no ticket of Jira was made."""

INTAKE = "tier2-intake"
"""What a case of Salesforce has first that comes to Tier 2 and is not taken yet."""

ESCALATIONS = {
    Process.REVIEW: ("review-escalation",),
    Process.REFUND: ("refund-escalation",),
    Process.PRIVACY: ("privacy-request", "legal-clock"),
    Process.IDENTITY: ("identity-concern",),
}
"""What is started, all at once, when the intake ends with a process."""

OFFBOARDING = "offboarding"
"""What a customer has whose deal's status in HubSpot asks for it, or who has a ticket in the offboarding pipeline."""

SALES_TRANSFER = "sales-transfer"
"""What a conversation of Intercom has that is tagged for sales or given a topic, and a mail of sales to support."""


def started_by(system: str, tags: tuple[str, ...], status: str) -> list[Trigger]:
    """The triggers that a ticket with these tags and this status pulls."""
    if status in ENDED:
        return []
    return [trigger for trigger in TRIGGERS if trigger.system == system and trigger.tag in tags]


def titled(summary: str) -> list[Title]:
    """The titles that this summary has."""
    return [title for title in TITLES if summary.startswith(title.begins)]
