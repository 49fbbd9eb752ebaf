"""The identity concern: what makes a case one, which approved reply fits, and what must hold before it is sent.

Source: "Tier 2: Escalations", part "Gender Sensitivity Concerns". Always Tier 2. The member's words go in and
nothing of them comes out: a topic, or the id of the rule that matched, which says nothing by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from policies.identity_concern_numbers import NUMBERS, IdentityConcernNumbers
from policies.reply_names import Hold, MergeField
from policies.reply_names import why_held as _why_held
from policies.words import holds

__all__ = [
    "NUMBERS",
    "Ending",
    "Hold",
    "IdentityConcernNumbers",
    "MergeField",
    "Nameless",
    "Question",
    "Reply",
    "Resolution",
    "Topic",
    "Wish",
    "key_word",
    "reply_for",
    "why_held",
]


class Topic(StrEnum):
    """What the page lists, as ids that do not say anything about the member."""

    OPTIONS = "options"
    SAFETY = "safety"
    NAME_SHOWN = "name-shown"
    ACCOUNT_CHANGE = "account-change"
    POST_OR_PROFILE = "post-or-profile"
    KEY_WORD = "key-word"


class Ending(StrEnum):
    """How a case ends."""

    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"
    BY_HAND = "by_hand"


class Reply(StrEnum):
    """The approved templates, by the names of their messages; each takes the name that the member uses."""

    RESOLVED = "resolved"
    OPTIONS = "options-noted"
    SAFETY = "safety-handled"
    NAME_SHOWN = "name-shown"
    NAME_CHANGED = "name-changed"
    GENDER_CHANGED = "gender-changed"
    BOTH_CHANGED = "name-and-gender-changed"
    POST_OR_PROFILE = "post-or-profile-handled"


class Nameless(StrEnum):
    """What the member is mailed before a person has confirmed their name, by the names of the messages: it has none."""

    ASK = "ask-member"
    REMINDER = "member-reminder"
    UNANSWERED = "closed-unanswered"


class Question(StrEnum):
    """What people are asked, by the names of the questions; none holds the member's words or names."""

    MEMBER_REVIEW = "member-review"
    SAFETY_NEEDS = "safety-needs"
    CONCERN = "concern"
    MEMBER_SILENT = "member-silent"
    CHANGE = "change-account"
    REPLY = "reply-name"


class Wish(BaseModel):
    """What is to be changed on the account; the new values are the member's and are not kept here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: bool = False
    gender: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """Which reply is sent, and whether the account must show a change before."""

    reply: Reply
    look_at_account: bool
    why: str


def key_word(*texts: str, numbers: IdentityConcernNumbers = NUMBERS) -> str | None:
    """The id of the first rule of the policy's list that is in one of the texts; None when there is none.

    Raises nothing and keeps nothing: the texts are not in the result, in errors or in logs.
    """
    for rule in numbers.key_words:
        if any(holds(text, rule.phrases) for text in texts) and (
            not rule.together_with or any(holds(text, rule.together_with) for text in texts)
        ):
            return rule.id
    return None


_BY_TOPIC = {
    Topic.OPTIONS: Reply.OPTIONS,
    Topic.SAFETY: Reply.SAFETY,
    Topic.NAME_SHOWN: Reply.NAME_SHOWN,
    Topic.ACCOUNT_CHANGE: Reply.RESOLVED,
    Topic.POST_OR_PROFILE: Reply.POST_OR_PROFILE,
    Topic.KEY_WORD: Reply.RESOLVED,
}


def reply_for(topic: Topic, wish: Wish) -> Resolution:
    """Which approved template answers: what was changed counts first, then the topic."""
    match wish.name, wish.gender:
        case True, True:
            return Resolution(Reply.BOTH_CHANGED, True, "Name and gender were changed on the account.")
        case True, False:
            return Resolution(Reply.NAME_CHANGED, True, "The name was changed on the account.")
        case False, True:
            return Resolution(Reply.GENDER_CHANGED, True, "The gender was changed on the account.")
    return Resolution(_BY_TOPIC[topic], False, "Nothing on the account was to be changed; the reply fits the topic.")


def why_held(
    reply: str,
    *,
    shown: str,
    confirmed: str | None,
    others: tuple[str, ...] = (),
    numbers: IdentityConcernNumbers = NUMBERS,
) -> tuple[Hold, ...]:
    """Why the finished reply can't be sent: see `policies.reply_names.why_held`."""
    return _why_held(
        reply, shown=shown, confirmed=confirmed, others=others, placeholder_words=numbers.placeholder_words
    )
