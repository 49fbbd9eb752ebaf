"""A transfer to sales at work: what is known of it, what happens meanwhile, and how its questions are put."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from casework import clock
from casework.confidential import ConfidentialText
from casework.people import Role
from flows.sales_transfer_asking import TEXTS, Answer, Over, put
from policies import messages
from policies import sales_transfer as policy
from policies.sales_transfer import NUMBERS, Ask, Decision, Facts, Message, Question, Wait
from policies.sales_transfer_facts import Conversation, LeadField, Meeting
from tasks import accounts, conversations, leads, mails, people, transfers
from tasks.conversations import Asker
from tasks.leads import Outcome, Told

__all__ = ["Transfer"]

F = TypeVar("F", bound=Answer)


@dataclass
class Transfer:
    """A transfer at work: its conversation in Intercom, when it was asked for, and all that is known by now.

    `said` is who writes about what, as an agent has said it; `contact` the customer's in Intercom, as seen last;
    `account` the customer's in Salesforce; `booked` has the meetings that people have told of; `told` what the SDR has
    typed of a lead, sealed; `since` when the question that is open was put first; `shown` how operators know the case.
    """

    conversation: str
    began: datetime
    known: Facts
    said: Asker = field(default_factory=Asker)
    contact: str | None = None
    account: str | None = None
    booked: tuple[Meeting, ...] = ()
    told: dict[LeadField, ConfidentialText] = field(default_factory=dict)
    since: dict[Question, datetime] = field(default_factory=dict)
    shown: tuple[str, ...] = ()

    @property
    def page(self) -> dict[str, Any]:
        """What questions and messages about it say."""
        return {
            "conversation": self.conversation,
            "conversation_link": transfers.conversation_page(self.conversation),
            "who": self.known.who or "unknown",
            "topic": self.known.topic or "unknown",
            "sdr": self.known.sdr or "none",
        }

    @property
    def person(self) -> Told:
        """What is known of who writes besides what Intercom has: where to find them in the other systems."""
        return Told(
            conversation=self.conversation,
            contact=self.contact,
            values=dict(self.told),
            employees=self.known.lead.employees,
        )

    def facts(self) -> Facts:
        """All that decides, as it is now."""
        self.note(**self._seen(conversations.stands, conversations.asker, mails.thread_of, leads.outcome))
        return self.known

    def changed(self, decision: Decision) -> str | None:
        """Whether the policy says something else by now than a decision, and what; looks, and keeps nothing.

        That its time is over is no news: who waits knows that.
        """
        now = clock.now()
        if isinstance(decision, Ask | Wait) and decision.until is not None and decision.until <= now:
            return None
        seen = self._seen(conversations.stands_now, conversations.asker_now, mails.thread_of_now, leads.outcome_now)
        found = policy.decide(self.known.model_copy(update=seen), now)
        return None if found == decision else type(found).__name__.lower()

    def note(self, **said: Any) -> None:
        """Keep what has become of it."""
        self.known = self.known.model_copy(update=said)

    def note_lead(self, **said: Any) -> None:
        """Keep what has become of the lead."""
        self.note(lead=self.known.lead.model_copy(update=said))

    def ask(self, form: type[F], asked: Ask, **about: Any) -> F | Over:
        """Put a question to whoever is asked it; the answer, or why there is none.

        Its time goes on where news interrupt it and it is put again; after another question it begins anew.
        """
        since = self.since.get(asked.question, clock.now())
        self.since = {asked.question: since}
        given = put(
            form,
            asked,
            transfers.conversation_word(self.conversation),
            began=since,
            listens=transfers.conversation_subject(self.conversation),
            fresh=lambda: self.changed(asked),
            **self.page,
            **about,
        )
        if given is not Over.NEWS:
            self.since = {}
        return given

    @property
    def sdr(self) -> Role:
        """Who has taken it; before, all who may."""
        return accounts.role(NUMBERS.roles.sdr, self.known.sdr)

    def tell(self, who: Role, message: Message, **about: Any) -> None:
        """Tell colleagues in Slack, of what it is about that which the message speaks of."""
        path = f"{TEXTS}/{message}"
        told = self.page | about
        wanted = {name: told[name] for name in messages.variables(path)}
        for person in who.people:
            people.tell_in_slack(person, path, **wanted)

    def _seen(
        self,
        stands: Callable[[str], Conversation],
        asker: Callable[[str], Asker],
        thread_of: Callable[[str, datetime], datetime | None],
        outcome: Callable[[Told, Facts], Outcome],
    ) -> dict[str, Any]:
        """What the systems show of it, as far as it decides now, looked at by these."""
        known, thread = self.known, self.known.thread
        seen: dict[str, Any] = {"conversation": stands(self.conversation)}
        if not known.sales_added:
            # What an agent has said counts where it cannot be seen.
            found = asker(self.conversation)
            seen |= {"who": found.who or self.said.who, "topic": found.topic or self.said.topic}
        # Before somebody has taken it, nobody would go on with it: their mail counts once they have.
        if thread is None and known.introduced is not None and known.sdr is not None and known.stays is None:
            thread = thread_of(self.conversation, known.introduced)
        if known.thread is not None or known.lead.intro is not None:
            became = outcome(self.person, known)
            thread = thread or became.intro_delivered
            seen["meetings"] = self.booked + became.meetings
            seen["disqualified"] = known.disqualified or became.disqualified
            seen["lead"] = known.lead.model_copy(update={"intro_failed": became.intro_failed})
        return seen | {"thread": thread}
