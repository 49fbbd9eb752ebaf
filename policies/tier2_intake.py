"""The intake of Tier 2: which process a Salesforce case is, and what a manager may change about that.

By the fields of the record and the subject first, by key words second; whatever is unclear an agent says. Texts go in,
and only the process and the kind of rule that matched come out: nothing of what somebody wrote is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies import identity_concern
from policies.numbers import Numbers, RoleName, Span, load
from policies.words import holds, plain

__all__ = ["NUMBERS", "AskAgent", "By", "Ending", "Process", "Routed", "Tier2IntakeNumbers", "route"]

Phrase = Annotated[str, Field(min_length=1, max_length=100)]
Phrases = Annotated[tuple[Phrase, ...], Field(min_length=1)]


class Process(StrEnum):
    """The processes of Tier 2, as they are named everywhere."""

    REVIEW = "review-escalation"
    REFUND = "refund-escalation"
    PRIVACY = "privacy-request"
    IDENTITY = "identity-concern"


class Ending(StrEnum):
    """How the intake ends where no process is started."""

    BACK_TO_TIER_1 = "back_to_tier_1"
    BY_HAND = "by_hand"


class By(StrEnum):
    """What a case was told apart by."""

    RECORD = "record"
    SUBJECT = "subject"
    KEY_WORD = "key-word"


class OfEach(Numbers):
    """A list for each process."""

    review_escalation: Phrases = Field(examples=[["Edit Review"]])
    refund_escalation: Phrases = Field(examples=[["Booking Refund"]])
    privacy_request: Phrases = Field(examples=[["Privacy Request"]])
    identity_concern: Phrases = Field(examples=[["display name"]])

    def of(self, process: Process) -> tuple[str, ...]:
        """The list of one process."""
        phrases: tuple[str, ...] = getattr(self, process.value.replace("-", "_"))
        return phrases


class Tiers(Numbers):
    """What the case's record calls the tiers: the agents' own, and the one that a case is handed back to."""

    ours: Phrase = Field(examples=["Tier 2"])
    below: Phrase = Field(examples=["Tier 1"])


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    tier2: RoleName = Field(examples=["tier2"])


class Tier2IntakeNumbers(Numbers):
    """Every number and word list of the intake."""

    question_reminder_working_days: Span = Field(examples=[1])
    question_escalation_working_days: Span = Field(examples=[2])
    tiers: Tiers
    reasons: OfEach
    subjects: OfEach
    roles: Roles

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.question_escalation_working_days <= self.question_reminder_working_days:
            raise ValueError("question: the escalation must come after the reminder")
        for what, lists in (("reasons", self.reasons), ("subjects", self.subjects)):
            phrases = [phrase for process in Process for phrase in {plain(one) for one in lists.of(process)}]
            if len(set(phrases)) < len(phrases):
                raise ValueError(f"{what}: a phrase can stand for one process only")
        return self


NUMBERS = load(Tier2IntakeNumbers, Path(__file__).with_name("tier2_intake.toml"))


@dataclass(frozen=True, slots=True)
class Routed:
    """It is this process. `key_word` is the id of the rule of identity concerns that matched as well, or alone.

    With a `key_word` the reply is checked like that of an identity concern, whatever the process.
    """

    process: Process
    by: By
    key_word: str | None
    why: str


@dataclass(frozen=True, slots=True)
class AskAgent:
    """An agent says which of `candidates` it is; all of them when nothing matched."""

    candidates: tuple[Process, ...]
    key_word: str | None
    why: str
    question: str = "which-process"


def route(
    reasons: tuple[str, ...],
    subject: str,
    text: str,
    *,
    numbers: Tier2IntakeNumbers = NUMBERS,
    words: identity_concern.IdentityConcernNumbers = identity_concern.NUMBERS,
) -> Routed | AskAgent:
    """Which process a case is. `reasons` are the record's case reasons, `text` what was written but for the subject."""
    key_word = identity_concern.key_word(subject, text, numbers=words)
    chosen = {plain(reason) for reason in reasons}
    by_record = [one for one in Process if chosen & {plain(reason) for reason in numbers.reasons.of(one)}]
    by_subject = [one for one in Process if holds(subject, numbers.subjects.of(one))]
    for by, candidates, how in (
        (By.RECORD, by_record, "The case reason says so."),
        (By.SUBJECT, by_subject, "The subject says so."),
    ):
        if len(candidates) == 1:
            return Routed(candidates[0], by, key_word, how)
        if candidates:
            return AskAgent(tuple(candidates), key_word, f"The {by.value} could mean several processes.")
    if key_word is not None:
        return Routed(Process.IDENTITY, By.KEY_WORD, key_word, "A key word of the policy is in it.")
    return AskAgent(tuple(Process), None, "Neither record nor subject nor key words say which process it is.")
