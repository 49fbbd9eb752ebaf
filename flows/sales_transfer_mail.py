"""From sales to support: the conversation that a mail of sales opens, linked for both sides, until an agent has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from casework import clock
from casework.confidential import ConfidentialText
from flows import sales_transfer_mail_forms as forms
from flows.sales_transfer_asking import TEXTS, Answer, Over, put
from policies import sales_mail as policy
from policies.sales_mail import MailDecision, MailFacts, UseContact
from policies.sales_transfer import NUMBERS, Ask, Do, End, Question, Step
from policies.sales_transfer_words import Message
from tasks import accounts, mails, people, transfers
from tasks.mails import Sent, Support

__all__ = ["to_support"]

F = TypeVar("F", bound=Answer)


def to_support(mail: str) -> str:
    """Hand a mail of sales (its id) over to support; how it ended."""
    told = mails.sent(mail)
    known = MailFacts(mode=told.mode, sdr=told.sdr, address_known=told.address_known)
    handover = MailHandover(mail, clock.now(), told, known)
    ending = None
    while ending is None:
        ending = _go_on(handover)
    return ending


@dataclass
class MailHandover:
    """A mail of sales at work: what it said when it came, and all that is known by now.

    `typed` has the customer's address as the SDR has typed it, sealed; `agent` whom the operators have named to be
    asked; `since` when a question was put first.
    """

    mail: str
    began: datetime
    told: Sent
    known: MailFacts
    typed: ConfidentialText | None = None
    agent: str | None = None
    since: dict[Question, datetime] = field(default_factory=dict)

    @property
    def conversation(self) -> str:
        """The conversation that was opened. Raises ValueError before."""
        if self.known.conversation is None:
            raise ValueError("the policy speaks of a conversation, and none was opened")
        return self.known.conversation

    @property
    def page(self) -> dict[str, Any]:
        """What questions and messages about it say."""
        page: dict[str, Any] = {"mail": self.mail, "sdr": self.known.sdr, "mode": self.known.mode}
        conversation = self.known.conversation
        if conversation is not None:
            link = transfers.conversation_page(conversation)
            page |= {"conversation": conversation, "conversation_link": link}
        return page

    def facts(self) -> MailFacts:
        """All that decides, as it is now."""
        if self.known.conversation is not None:
            self.known = _with(self.known, mails.support(self.known.conversation))
        return self.known

    def note(self, **said: Any) -> None:
        """Keep what has become of it."""
        self.known = self.known.model_copy(update=said)

    def ask(self, form: type[F], asked: Ask, **about: Any) -> F | Over:
        """Put a question to whoever is asked it; the answer, or why there is none."""
        word, subject = transfers.mail_word(self.mail), transfers.mail_subject(self.mail)
        if self.known.conversation is not None:
            word = transfers.conversation_word(self.known.conversation)
            subject = transfers.conversation_subject(self.known.conversation)
        given = put(
            form,
            asked,
            word,
            began=self.since.setdefault(asked.question, clock.now()),
            listens=subject,
            fresh=lambda: self._changed(asked.question),
            **self.page,
            **about,
        )
        if given is not Over.NEWS:
            del self.since[asked.question]
        return given

    def _changed(self, question: Question) -> str | None:
        """Whether the policy asks something else by now, and what it does; looks, and keeps nothing."""
        if self.known.conversation is None:
            return None
        now = policy.decide_mail(_with(self.known, mails.support_now(self.known.conversation)))
        same = isinstance(now, Ask) and now.question is question
        return None if same else type(now).__name__.lower()


def _with(known: MailFacts, support: Support) -> MailFacts:
    """All that is known, with what was looked at just now; who has said here that they take it stays who has it."""
    return known.model_copy(update={"state": support.state, "taken": known.taken or support.taken})


def _go_on(handover: MailHandover) -> str | None:
    """Do what comes next; how the case ended, if it did."""
    decision: MailDecision = policy.decide_mail(handover.facts())
    match decision:
        case Do():
            _STEPS[decision.step](handover)
        case Ask():
            _QUESTIONS[decision.question](handover, decision)
        case End():
            return decision.ending
    return None


# -- what is done


def _find_contacts(handover: MailHandover) -> None:
    handover.note(contacts=mails.find_contacts(handover.mail, handover.typed))


def _create_contact(handover: MailHandover) -> None:
    made = mails.create_contact(handover.mail, handover.typed)
    handover.note(contacts=(policy.Contact(id=made),))


def _open_conversation(handover: MailHandover) -> None:
    """Open it in the name of the one contact that counts; where that is gone by now, contacts are looked for anew."""
    known = handover.known
    counts = policy.choose_contact(known.contacts or (), known.chosen)
    if not isinstance(counts, UseContact):
        raise ValueError("the policy opens a conversation of nobody's")
    opened = mails.open_conversation(counts.id, handover.mail, handover.began, handover.typed)
    handover.note(conversation=opened, **({} if opened is not None else {"contacts": None, "chosen": None}))


def _note_mail(handover: MailHandover) -> None:
    mails.note_mail(handover.conversation, handover.mail, handover.told, handover.typed)
    handover.note(noted=True)


def _add_sdr(handover: MailHandover) -> None:
    mails.add_seller(handover.conversation, handover.known.sdr)
    handover.note(sdr_added=True)


def _tell_sdr(handover: MailHandover) -> None:
    (sdr,) = accounts.role(NUMBERS.roles.sdr, handover.known.sdr).people
    page = {name: value for name, value in handover.page.items() if name != "sdr"}
    people.tell_in_slack(sdr, f"{TEXTS}/{Message.SDR_LINKED}", **page)
    handover.note(sdr_told=True)


_STEPS: Mapping[Step, Callable[[MailHandover], None]] = {
    Step.FIND_CONTACTS: _find_contacts,
    Step.CREATE_CONTACT: _create_contact,
    Step.OPEN_CONVERSATION: _open_conversation,
    Step.NOTE_MAIL: _note_mail,
    Step.ADD_SDR: _add_sdr,
    Step.TELL_SDR: _tell_sdr,
}


# -- what is asked; a question without an answer that counts is put again


def _which_customer(handover: MailHandover, asked: Ask) -> None:
    answer = handover.ask(forms.WhichCustomer, asked)
    if isinstance(answer, Over):
        return
    if answer.decision is forms.Meant.MISTAKE:
        handover.note(mistake=True)
    elif answer.address is not None and mails.is_address(answer.address):
        handover.typed = answer.address
        handover.note(address_known=True)


def _which_contact(handover: MailHandover, asked: Ask) -> None:
    answer = handover.ask(forms.WhichContact, asked, contacts=list(asked.about))
    if not isinstance(answer, Over):
        handover.note(chosen=answer.decision)


def _support_take(handover: MailHandover, asked: Ask) -> None:
    answer = handover.ask(forms.SupportTakes, replace(asked, of=handover.agent))
    if answer is Over.TIME:
        handover.note(silent=True)
    elif not isinstance(answer, Over):
        handover.note(taken=answer.by)


def _stuck(handover: MailHandover, asked: Ask) -> None:
    """Whom the operators name is asked, and so hears of it; else support is asked again."""
    answer = handover.ask(forms.NobodyTook, asked, waiting=list(asked.about))
    if isinstance(answer, Over):
        return
    handover.agent = answer.staff if answer.staff is not None and accounts.is_colleague(answer.staff) else None
    handover.note(silent=False)


_QUESTIONS: Mapping[Question, Callable[[MailHandover, Ask], None]] = {
    Question.WHICH_CUSTOMER: _which_customer,
    Question.WHICH_CONTACT: _which_contact,
    Question.SUPPORT_TAKE: _support_take,
    Question.STUCK: _stuck,
}
