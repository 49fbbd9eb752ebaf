"""From sales to support: which mail asks for it, whose conversation is opened, and that support has it.

Source: "If Sales receives an email that needs to be transferred to Support: SDR either forwards or CC's" the support
address, "depending on potential level of continued involvement on the Sales end". So where the customer reads the mail
too, sales stays involved and takes part in the conversation; where it was forwarded, sales does not. Either way both
sides have a link to the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from policies.sales_transfer_facts import State
from policies.sales_transfer_words import Ask, Do, End, Ending, Kind, Question, Step

__all__ = [
    "AskWhichContact",
    "Contact",
    "ContactRole",
    "Ignore",
    "Known",
    "Mail",
    "MailDecision",
    "MailFacts",
    "MakeContact",
    "Mode",
    "Start",
    "UseContact",
    "choose_contact",
    "decide_mail",
    "inbound",
]


class Mode(StrEnum):
    """How support was brought in: by a copy, with the customer on the mail, or by a mail to support alone."""

    CC = "cc"
    FORWARD = "forward"


class ContactRole(StrEnum):
    """What a contact is in Intercom, by its words."""

    USER = "user"
    LEAD = "lead"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mail(_Fact):
    """A mail to the support address.

    Attributes:
        id: the id under which we keep it.
        by_sales: whether its sender is a colleague in sales, and the mail server vouches for that.
        automatic: whether a machine wrote it: an absence note, a bounce, a list (RFC 3834).
        by_us: whether it is one of our own.
        customer_on_it: whether somebody from outside the organisation is among its recipients.
        case: the case that an earlier mail of its thread has started, whether or not that still runs.
        transfer: the case of a transfer to sales that still waits for its new thread with this very customer.
    """

    id: str = Field(min_length=1)
    by_sales: bool
    automatic: bool = False
    by_us: bool = False
    customer_on_it: bool = False
    case: str | None = None
    transfer: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """The mail hands somebody over to support; `confirms`: the case whose new thread it is, which hears of it."""

    mode: Mode
    confirms: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Known:
    """The mail goes on in a thread that has its case: it belongs to that, and no second conversation is opened."""

    case: str
    why: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """The mail starts nothing here."""

    why: str


def inbound(mail: Mail) -> Start | Known | Ignore:
    """What a mail to the support address asks for. The same mail twice asks for the same thing."""
    if mail.by_us or mail.automatic:
        return Ignore("A machine has written it.")
    if mail.case is not None:
        return Known(mail.case, "Its thread has its case.")
    if not mail.by_sales:
        return Ignore("It is not from sales: Intercom has it as a customer's own.")
    if mail.customer_on_it:
        return Start(Mode.CC, mail.transfer, "Sales has copied support in and stays involved.")
    return Start(Mode.FORWARD, None, "Sales has forwarded it.")


class Contact(_Fact):
    """A contact in Intercom with the customer's e-mail address."""

    id: str = Field(min_length=1)
    role: ContactRole = ContactRole.USER


@dataclass(frozen=True, slots=True)
class UseContact:
    """This contact is the customer."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class MakeContact:
    """Intercom does not know the customer."""

    why: str


@dataclass(frozen=True, slots=True)
class AskWhichContact:
    """There are several: an agent says which one counts."""

    ids: tuple[str, ...]
    why: str


def choose_contact(
    contacts: Iterable[Contact], chosen: str | None = None
) -> UseContact | MakeContact | AskWhichContact:
    """Whose conversation is opened; `chosen` by an agent. A user goes before leads, which Intercom makes of visits."""
    known = {contact.id: contact for contact in contacts}
    if chosen is not None and chosen in known:
        return UseContact(chosen, "An agent said that this one counts.")
    users = [one for one in known.values() if one.role is ContactRole.USER]
    candidates = users or list(known.values())
    if len(candidates) == 1:
        return UseContact(candidates[0].id, f"It is the only {candidates[0].role} with this e-mail address.")
    if candidates:
        ids = tuple(sorted(one.id for one in candidates))
        return AskWhichContact(ids, f"Several {candidates[0].role}s in Intercom have this e-mail address.")
    return MakeContact("Nobody in Intercom has this e-mail address.")


class MailFacts(_Fact):
    """All that the decision needs, once a mail has started a case.

    Attributes:
        mode: how support was brought in.
        sdr: the staff id of who has sent it.
        address_known: whether the customer's e-mail address is known, from the mail or from the SDR.
        mistake: whether the SDR has said that it was not meant for support.
        contacts: those in Intercom with that address; None: look (again).
        chosen: the contact that an agent has said counts.
        conversation: the conversation that was opened.
        state: its state now.
        noted: whether the context is noted in it.
        sdr_added: whether the SDR takes part in it.
        sdr_told: whether the SDR has its link.
        taken: the staff id of the agent who has it: assigned, or the first to answer.
        silent: whether the time of the question to support is over, the last deadline too.
    """

    mode: Mode
    sdr: str = Field(min_length=1)
    address_known: bool = True
    mistake: bool = False
    contacts: tuple[Contact, ...] | None = None
    chosen: str | None = None
    conversation: str | None = None
    state: State = State.OPEN
    noted: bool = False
    sdr_added: bool = False
    sdr_told: bool = False
    taken: str | None = None
    silent: bool = False


MailDecision = Do | Ask | End


def decide_mail(facts: MailFacts) -> MailDecision:
    """What comes next. Each step is done once, but for `FIND_CONTACTS`, which looks."""
    if facts.conversation is None:
        return _open(facts)
    if facts.state is State.GONE:
        return End(Ending.CANCELLED, "Somebody has deleted the conversation.")
    if not facts.noted:
        return Do(Step.NOTE_MAIL, "Support sees where it comes from, and whom in sales to ask.")
    if facts.mode is Mode.CC and not facts.sdr_added:
        return Do(Step.ADD_SDR, "Sales stays involved.")
    if not facts.sdr_told:
        return Do(Step.TELL_SDR, "Sales sees where it went.")
    if facts.taken is not None:
        return End(f"{Ending.HANDED_OVER}: {Kind.SUPPORT}", "An agent has it.", facts.taken)
    if facts.state is State.CLOSED:
        return End(f"{Ending.HANDED_OVER}: {Kind.SUPPORT}", "Support has closed it.")
    if facts.silent:
        return Ask(Question.STUCK, "Support has let the time pass.", about=(Question.SUPPORT_TAKE.value,))
    return Ask(Question.SUPPORT_TAKE, "No agent has it.")


def _open(facts: MailFacts) -> MailDecision:
    if facts.mistake:
        return End(Ending.CANCELLED, "It was not meant for support.", facts.sdr)
    if not facts.address_known:
        return Ask(Question.WHICH_CUSTOMER, "The mail does not show whom it is about.", facts.sdr)
    if facts.contacts is None:
        return Do(Step.FIND_CONTACTS, "Intercom is looked into before anybody is made there.")
    match choose_contact(facts.contacts, facts.chosen):
        case MakeContact(why):
            return Do(Step.CREATE_CONTACT, why)
        case AskWhichContact(ids, why):
            return Ask(Question.WHICH_CONTACT, why, about=ids)
        case UseContact():
            return Do(Step.OPEN_CONVERSATION, "Support gets the mail with its context.")
