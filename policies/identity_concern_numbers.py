"""What a manager may change about identity concerns: the model of `identity_concern.toml`."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.numbers import Numbers, RoleName, Span, load
from policies.words import plain

__all__ = ["NUMBERS", "IdentityConcernNumbers", "KeyWord"]

RuleId = Annotated[str, Field(pattern=r"^k[0-9]{1,3}$")]
Phrase = Annotated[str, Field(min_length=1, max_length=100)]


class KeyWord(Numbers):
    """One key word: any of its ways of writing, together with one of `together_with` where there are any.

    The id says nothing: what it stands for would be personal, of the most protected kind (GDPR Art. 9), wherever it is
    kept.
    """

    id: RuleId = Field(examples=["k1"])
    phrases: tuple[Phrase, ...] = Field(min_length=1, examples=[["non-binary", "nonbinary"]])
    together_with: tuple[Phrase, ...] = Field(default=(), examples=[["gender", "identity"]])


class Roles(Numbers):
    """What the roles are called where people are assigned to them."""

    tier2: RoleName = Field(examples=["tier2"])
    member_review_and_safety: RoleName = Field(examples=["member-review-and-safety"])


class Closing(Numbers):
    """What Salesforce's picklists call the reasons with which the case is closed; the second when the name changed."""

    reason: Phrase = Field(examples=["Gender Identity"])
    secondary_reason_name: Phrase = Field(examples=["Name Change"])


class IdentityConcernNumbers(Numbers):
    """Every number and word list of identity concerns."""

    safety_reminder_working_days: Span = Field(examples=[1])
    safety_escalation_working_days: Span = Field(examples=[3])
    member_wait_days: Span = Field(examples=[14])
    member_reminder_days: tuple[Span, ...] = Field(examples=[[3, 7]])
    agent_reminder_working_days: Span = Field(examples=[1])
    agent_escalation_working_days: Span = Field(examples=[2])
    placeholder_words: tuple[Phrase, ...] = Field(min_length=1, examples=[["name", "member"]])
    key_words: tuple[KeyWord, ...] = Field(min_length=1)
    closing: Closing
    roles: Roles

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        ids = [one.id for one in self.key_words]
        if len(set(ids)) < len(ids):
            raise ValueError("key_words: each has an id of its own")
        if any(not plain(phrase) for one in self.key_words for phrase in (*one.phrases, *one.together_with)):
            raise ValueError("key_words: a phrase has at least one visible character")
        for what, days in (
            ("safety", (self.safety_reminder_working_days, self.safety_escalation_working_days)),
            ("member", (*self.member_reminder_days, self.member_wait_days)),
            ("agent", (self.agent_reminder_working_days, self.agent_escalation_working_days)),
        ):
            if any(later <= earlier for earlier, later in pairwise(days)):
                raise ValueError(f"{what}: each must come after the one before, not {list(days)}")
        return self


NUMBERS = load(IdentityConcernNumbers, Path(__file__).with_name("identity_concern.toml"))
