"""A transfer to sales at work: what is known of it, what happens meanwhile, and how its questions are put."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from casework import clock
from casework.confidential import ConfidentialText
from flows.sales_transfer_asking import Answer, Over, put
from policies import sales_transfer as policy
from policies.sales_transfer import Ask, Decision, Facts, Question
from policies.sales_transfer_facts import Conversation, LeadField
from tasks import conversations, leads, transfers
from tasks.leads import Told

__all__ = ["Transfer"]

F = TypeVar("F", bound=Answer)


@dataclass
class Transfer:
    """A transfer at work: its conversation in Intercom, when it was asked for, and all that is known by now.

    `told` has what the SDR has typed of a lead, sealed; `since` when a question was put first.
    """

    conversation: str
    began: datetime
    known: Facts
    told: dict[LeadField, ConfidentialText] = field(default_factory=dict)
    since: dict[Question, datetime] = field(default_factory=dict)

    @property
    def page(self) -> dict[str, Any]:
        """What questions and messages about it say."""
        return {
            "conversation": self.conversation,
            "conversation_link": transfers.conversation_page(self.conversation),
            "who": self.known.who or "none",
            "topic": self.known.topic or "none",
            "sdr": self.known.sdr or "none",
        }

    @property
    def person(self) -> Told:
        """What is known of who writes besides what Intercom has: where to find them in the other systems."""
        return Told(conversation=self.conversation, values=dict(self.told))

    def facts(self) -> Facts:
        """All that decides, as it is now."""
        conversation = conversations.stands(self.conversation)
        found = leads.outcome(self.person, self.known) if self.known.thread or self.known.lead.intro else None
        self.known = _with(self.known, conversation, found)
        return self.known

    def changed(self, decision: Decision) -> str | None:
        """Whether the policy says something else by now than a decision, and what; looks, and keeps nothing."""
        conversation = conversations.stands_now(self.conversation)
        found = leads.outcome_now(self.person, self.known) if self.known.thread or self.known.lead.intro else None
        now = policy.decide(_with(self.known, conversation, found), clock.now())
        return None if now == decision else type(now).__name__.lower()

    def note(self, **said: Any) -> None:
        """Keep what has become of it."""
        self.known = self.known.model_copy(update=said)

    def note_lead(self, **said: Any) -> None:
        """Keep what has become of the lead."""
        self.note(lead=self.known.lead.model_copy(update=said))

    def ask(self, form: type[F], asked: Ask, **about: Any) -> F | Over:
        """Put a question to whoever is asked it; the answer, or why there is none."""
        since = self.since.setdefault(asked.question, clock.now())
        given = put(
            form,
            asked,
            transfers.conversation_word(self.conversation),
            since=since,
            listens=transfers.conversation_subject(self.conversation),
            fresh=lambda: self.changed(asked),
            **self.page,
            **about,
        )
        if given is not Over.NEWS:
            del self.since[asked.question]
        return given


def _with(known: Facts, conversation: Conversation, found: leads.Outcome | None) -> Facts:
    """All that is known, with what was looked at just now."""
    now: dict[str, Any] = {"conversation": conversation}
    if found is not None:
        now |= {"meetings": found.meetings, "disqualified": known.disqualified or found.disqualified}
        now["thread"] = known.thread or found.intro_delivered
        now["lead"] = known.lead.model_copy(update={"intro_failed": found.intro_failed})
    return known.model_copy(update=now)
