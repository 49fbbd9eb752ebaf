"""The review escalation: what Tier 1 must have written, which reviews may be changed, and who agrees to a removal.

Source: "Tier 2: Escalations", part "Review Escalations". A removal is permanent, so a second agent agrees to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from policies.review_escalation_numbers import NUMBERS, ReviewEscalationNumbers
from policies.words import holds, plain

__all__ = [
    "NUMBERS",
    "Ask",
    "BackToTier1",
    "CaseNow",
    "Change",
    "Decision",
    "Ending",
    "Go",
    "Missing",
    "Review",
    "Stop",
    "after_opening",
    "ask",
    "closed_to_change",
    "comment_of",
    "decide",
    "reply_of",
]


class Change(StrEnum):
    """What the member wants."""

    EDIT = "edit"
    REMOVE = "remove"


class Missing(StrEnum):
    """What sends a case back to Tier 1."""

    CHANGE = "change"
    WHICH_CHANGE = "which-change"
    CASE_NUMBER = "case-number"
    WHICH_CASE_NUMBER = "which-case-number"
    REVIEW = "review"


_WHY = {
    Missing.CHANGE: "The subject says neither Edit Review nor Remove Review.",
    Missing.WHICH_CHANGE: "The subject says both Edit Review and Remove Review.",
    Missing.CASE_NUMBER: "The subject holds no Salesforce case number.",
    Missing.WHICH_CASE_NUMBER: "The subject holds several numbers that could be the case number.",
    Missing.REVIEW: "The review is not in Salesforce.",
}


class Ending(StrEnum):
    """How a case ends; `BACK_TO_TIER_1` is followed by what is missing."""

    EDITED = "edited"
    REMOVED = "removed"
    KEPT = "kept"
    BACK_TO_TIER_1 = "back_to_tier_1"
    STOPPED = "stopped"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ask(_Fact):
    """What the subject says; the subject itself is not kept."""

    change: Change | None = None
    case_number: str | None = None
    missing: tuple[Missing, ...] = ()


class Review(_Fact):
    """The review as Salesforce has it."""

    id: str = Field(min_length=1)
    status: str


class CaseNow(_Fact):
    """The case by which the review came in, as it stands now; `owner` is the id of whoever has it."""

    status: str
    owner: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class BackToTier1:
    """Send the case back with `note`, which names everything that is missing."""

    missing: tuple[Missing, ...]
    why: str
    note: str = "back-to-tier-1"


@dataclass(frozen=True, slots=True)
class Stop:
    """Change nothing and tell why with `note`, which says `about`."""

    note: str
    why: str
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Go:
    """Open the case, ask an agent and change the review; `second_agent`: somebody else must agree first."""

    change: Change
    review: str
    second_agent: bool
    question: str
    why: str
    second_question: str = "second-agent"


Decision = BackToTier1 | Stop | Go


def ask(subject: str, numbers: ReviewEscalationNumbers = NUMBERS) -> Ask:
    """What a subject asks for: whole words, in any case; the number stands apart from other letters and digits."""
    missing: list[Missing] = []
    edit, remove = holds(subject, numbers.edit_phrases), holds(subject, numbers.remove_phrases)
    if edit == remove:
        missing.append(Missing.WHICH_CHANGE if edit else Missing.CHANGE)
    digits = rf"(?<!\w)(?<![0-9][.,-])[0-9]{{{numbers.case_number_digits}}}(?!\w)(?![.,-][0-9])"
    found = set(re.findall(digits, plain(subject)))
    if len(found) != 1:
        missing.append(Missing.WHICH_CASE_NUMBER if found else Missing.CASE_NUMBER)
    return Ask(
        change=None if edit == remove else (Change.EDIT if edit else Change.REMOVE),
        case_number=found.pop() if len(found) == 1 else None,
        missing=tuple(missing),
    )


def decide(asked: Ask, reviews: Sequence[Review], numbers: ReviewEscalationNumbers = NUMBERS) -> Decision:
    """What happens with the review found by the case number; there are several where a case is about several."""
    missing = asked.missing or (() if reviews else (Missing.REVIEW,))
    if asked.change is None or missing:
        return BackToTier1(missing, " ".join(_WHY[one] for one in missing))
    stops = {review.id: closed_to_change(review, numbers) for review in reviews}
    open_to_change = [review for review in reviews if stops[review.id] is None]
    if len(open_to_change) > 1:
        return Stop("stopped-several", "The case is about several reviews, and the subject can't say which is meant.")
    review = (open_to_change or reviews)[0]
    stop = stops[review.id]
    if stop is not None:
        return stop
    if asked.change is Change.EDIT:
        return Go(Change.EDIT, review.id, False, "new-text", "The review may be changed; an agent gives the new text.")
    return Go(Change.REMOVE, review.id, True, "removal", "A removal is permanent, so a second agent must agree.")


def closed_to_change(review: Review, numbers: ReviewEscalationNumbers = NUMBERS) -> Stop | None:
    """Why a review must stay as it is: its status. None: it may be changed."""
    statuses = numbers.review_statuses
    if plain(review.status) in {plain(statuses.approved), plain(statuses.edited)}:
        return None
    why = f"Only a review that is {statuses.approved} or {statuses.edited} is changed."
    return Stop("stopped-status", why, {"review": review.id, "status": review.status})


def after_opening(before: CaseNow, now: CaseNow, numbers: ReviewEscalationNumbers = NUMBERS) -> Stop | None:
    """Whether to stop after the case was opened and read again: somebody else has it. None: go on.

    `before` is how it stood before it was opened, when it had to be closed.
    """
    if plain(before.status) != plain(numbers.case_statuses.closed):
        return Stop("stopped-taken", "The case was open already: somebody works on it.")
    if now.owner != before.owner:
        return Stop("stopped-taken", "Somebody else has taken the case meanwhile.")
    if plain(now.status) != plain(numbers.case_statuses.open):
        return Stop("stopped-taken", "The case is not open any more.")
    return None


def comment_of(ending: Ending) -> str | None:
    """The case comment that says what was done, and stands in the same request as a change; None without either."""
    comments = {Ending.EDITED: "comment-edited", Ending.REMOVED: "comment-removed", Ending.KEPT: "comment-kept"}
    return comments.get(ending)


def reply_of(ending: Ending) -> str | None:
    """What the member is told at the end; None when Tier 1 or the agents answer."""
    return {Ending.EDITED: "reply-edited", Ending.REMOVED: "reply-removed", Ending.KEPT: "reply-kept"}.get(ending)
