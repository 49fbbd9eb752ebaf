"""Mails of sales to support: who hands over whom, the customer's conversation in Intercom, and that support has it.

A mail is read again wherever it is needed: its addresses and words go from the inbox to Intercom inside of one step,
and what is kept of it are its id and the ids of colleagues. In the customer's name stands only what the customer wrote
or can read anyway; what sales wrote to support alone goes into a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

from casework import clock, past
from casework.confidential import ConfidentialText
from casework.step import case_id, holders, lookup, reference, step, words
from casework.systems import Systems, current
from casework.systems.errors import NotFound, Refused
from casework.systems.intercom import Conversation
from casework.systems.mail_inbox import Received
from casework.systems.product import MalformedAddress
from policies import messages
from policies.sales_mail import Contact, ContactRole, Mode
from policies.sales_transfer_facts import State
from policies.sales_transfer_numbers import NUMBERS
from tasks import conversations, transfers
from tasks.forwarded import senders, split

__all__ = [
    "BY_MAIL",
    "MAILS",
    "TRANSFER",
    "Envelope",
    "Sent",
    "Support",
    "add_seller",
    "conversations_with",
    "create_contact",
    "envelope",
    "find_contacts",
    "is_address",
    "note_mail",
    "open_conversation",
    "sent",
    "support",
    "support_now",
    "thread_of",
    "thread_of_now",
]

TRANSFER = "sales-transfer"
MAILS = transfers.mail_subject("")
"""How what transfers of mails are about begins."""
BY_MAIL = "By e-mail, with our sales team:"
"""What stands above the words of a mail in Intercom, in the customer's name."""
LOOK_BACK = timedelta(days=30)
"""For so long a conversation that nobody touched is still looked at as one that goes to sales."""
MOST_CHARACTERS = 15_000
"""So much of a mail's words goes into one part of a conversation."""


# -- who hands over whom


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who has sent a mail to support, and about whom.

    Attributes:
        seller: the colleague in sales who has sent it, by staff id; None: nobody whom the mail server vouches for.
        outside: the addresses from outside the organisation that it went to.
        customer: the address of who it is about, None where that cannot be told.
    """

    seller: str | None
    outside: tuple[str, ...] = field(default=(), repr=False)
    customer: str | None = field(default=None, repr=False)

    @property
    def mode(self) -> Mode:
        """How support was brought in: sales stays involved where the customer reads it too."""
        return Mode.CC if self.outside else Mode.FORWARD


def envelope(mail: Received, systems: Systems, held: Callable[[str], Iterable[str]]) -> Envelope:
    """Who has sent a mail, and about whom; `held` gives the staff ids that hold a role.

    From outside is who is no colleague and has an address in another domain than the sender, the sales address, and the
    address from which we write ourselves, whose domain is at SES as that of the support address is.
    The customer is the only one from outside whom it is to, or else whom it went to; where it went to nobody from
    outside, the only one from whom a mail within its text is.
    """
    seller = _seller(mail, systems, held)
    if seller is None or mail.sender is None:
        return Envelope(None)
    ours = {_domain(one) for one in (mail.sender, systems.places.intercom.sales_address, systems.mail.sender)}

    def is_outside(address: str) -> bool:
        return _domain(address) not in ours and systems.product.staff_by_address(address) is None

    to = tuple(filter(is_outside, mail.to))
    outside = tuple(dict.fromkeys((*to, *filter(is_outside, mail.cc))))
    candidates = to if len(to) == 1 else outside or tuple(filter(is_outside, senders(mail.text)))
    return Envelope(seller, outside, candidates[0] if len(candidates) == 1 else None)


def _seller(mail: Received, systems: Systems, held: Callable[[str], Iterable[str]]) -> str | None:
    """The colleague in sales who has sent it, where the mail server vouches for that."""
    if not mail.authentic or mail.sender is None:
        return None
    colleague = systems.product.staff_by_address(mail.sender)
    executives = (segment.account_executive for segment in NUMBERS.segments)
    roles = (NUMBERS.roles.sdr, NUMBERS.roles.sales_manager, *executives)
    in_sales = colleague is not None and any(colleague.id in held(role) for role in roles)
    return colleague.id if colleague is not None and in_sales else None


def _domain(address: str) -> str:
    return address.rpartition("@")[2].strip().lower()


def conversations_with(customer: str, systems: Systems, now: datetime) -> tuple[str, ...]:
    """What transfers to sales of a customer (an address) are about, if there are any; by ids alone."""
    intercom = systems.intercom
    found = (
        conversation
        for contact in intercom.contacts.by_email(customer)
        for conversation in intercom.conversations.of_contact(contact.id, now - LOOK_BACK)
    )
    return tuple(dict.fromkeys(transfers.conversation_subject(one) for one in found))


class Sent(BaseModel):
    """What a mail of sales says, by ids: how, by whom, whether it shows the customer, and the transfer that it ends.

    `transfer` is the open case, if any, by which support has handed this very customer to sales before.
    """

    model_config = ConfigDict(frozen=True)

    mode: Mode
    sdr: str
    address_known: bool
    transfer: str | None = None


@lookup
def sent(mail: str) -> Sent:
    """What a mail of sales (its id) says.

    Raises:
        NotFound: it is not in the inbox any more.
        Refused: it is not from sales.
    """
    systems = current()
    read = envelope(systems.inbox.received(mail), systems, holders)
    if read.seller is None:
        detail = "it is not from a colleague in sales whom the mail server vouches for: end the case"
        raise Refused("SES inbox", f"read who sent mail {mail}", detail)
    transfer = None
    if read.outside and read.customer is not None:
        about = conversations_with(read.customer, systems, clock.present())
        transfer = next(iter(past.open_about(TRANSFER, about)), None)
    return Sent(mode=read.mode, sdr=read.seller, address_known=read.customer is not None, transfer=transfer)


@lookup
def is_address(typed: ConfidentialText) -> bool:
    """Whether what a colleague typed is an e-mail address, and no colleague's."""
    product = current().product
    try:
        product.address_domain(words(typed))
    except MalformedAddress:
        return False
    return product.staff_by_address(words(typed)) is None


def _customer(mail: Received, typed: ConfidentialText | None) -> str:
    """The customer's address, only ever inside of a step: as a colleague typed it, else as the mail shows it."""
    if typed is not None:
        return words(typed).strip().lower()
    shown = envelope(mail, current(), holders).customer
    if shown is None:
        detail = "it does not show the customer's address any more: who is a colleague may have changed"
        raise Refused("SES inbox", f"read whom mail {mail.id} is about", detail)
    return shown


# -- a new thread with a customer of ours


def thread_of_now(conversation: str, since: datetime) -> datetime | None:
    """When sales first wrote to the customer of a conversation since a moment (UTC), with support in copy. No step.

    Seen are the mails by which sales hands somebody to support. Each has a case, so these mails alone are read.
    """
    asked = past.subjects_since(TRANSFER, MAILS, since)
    customer = conversations.customer(conversation) if asked else None
    address = (customer.email or "").strip().lower() if customer is not None else ""
    times = (_wrote(subject.removeprefix(MAILS), address) for subject in asked if address)
    # The inbox tells whole seconds.
    return min((at for at in times if at is not None and at >= since.replace(microsecond=0)), default=None)


@lookup
def thread_of(conversation: str, since: datetime) -> AwareDatetime | None:
    """When sales first wrote to the customer, as `thread_of_now` has it."""
    return thread_of_now(conversation, since)


def _wrote(mail: str, customer: str) -> datetime | None:
    """When sales sent a mail, if it went to this address."""
    try:
        read = current().inbox.received(mail)
    except NotFound:
        return None
    return read.at if customer in envelope(read, current(), holders).outside else None


# -- the customer in Intercom


@lookup
def find_contacts(mail: str, typed: ConfidentialText | None = None) -> tuple[Contact, ...]:
    """The contacts in Intercom with the address of the customer whom a mail is about; a colleague may have typed it."""
    customer = _customer(current().inbox.received(mail), typed)
    return tuple(
        Contact(id=one.id, role=ContactRole.USER if one.role == "user" else ContactRole.LEAD)
        for one in current().intercom.contacts.by_email(customer)
    )


@step(repeatable=True)
def create_contact(mail: str, typed: ConfidentialText | None = None) -> str:
    """Make a contact with the customer's address; its id. Intercom holds addresses unique, so there is one at most."""
    return current().intercom.contacts.create(_customer(current().inbox.received(mail), typed))


def _find_opened(
    contact: str,
    mail: str,  # noqa: ARG001 - as open_conversation
    since: datetime,
    typed: ConfidentialText | None = None,  # noqa: ARG001
) -> str | None:
    return current().intercom.conversations.find_opened(contact, reference(), since)


@step(find=_find_opened)
def open_conversation(
    contact: str,
    mail: str,
    since: AwareDatetime,  # noqa: ARG001 - from when on it is looked for
    typed: ConfidentialText | None = None,
) -> str | None:
    """Begin the customer's conversation, with what the customer can read of a mail; its id.

    It ends with a reference by which it is found again among those begun `since`. None when the contact is gone.
    """
    intercom = current().intercom
    _, theirs = _parted(current().inbox.received(mail), typed)
    try:
        role = intercom.contacts.contact(contact).role
        return intercom.conversations.open(contact, role, _signed(f"{BY_MAIL}\n\n{theirs}"))
    except NotFound:
        return None


def _find_noted(conversation: str, mail: str, *_args: object, **_values: object) -> str | None:  # noqa: ARG001 - as note_mail
    try:
        found = current().intercom.conversations.find(conversation, reference())
    except NotFound:
        return None
    return found.id if found else None


@step(find=_find_noted)
def note_mail(conversation: str, mail: str, told: Sent, typed: ConfidentialText | None = None) -> str | None:
    """Note in the conversation where it comes from, with what sales wrote to support alone; None when it is gone."""
    read = current().inbox.received(mail)
    ours, _ = _parted(read, typed)
    text = messages.render(
        "sales_transfer/note-mail",
        case=case_id()[:8],
        sdr=told.sdr,
        mode=told.mode,
        mail=mail,
        transfer="none" if told.transfer is None else told.transfer[:8],
    ).body
    quoted = "" if told.mode is Mode.CC else f"{read.subject}\n\n{ours}"
    try:
        return current().intercom.conversations.note(conversation, _signed(f"{text}\n{quoted}"))
    except NotFound:
        return None


def _parted(mail: Received, typed: ConfidentialText | None) -> tuple[str, str]:
    """A mail's words: what sales wrote to support alone, and what the customer wrote or can read."""
    if envelope(mail, current(), holders).mode is Mode.CC:
        return "", _within(f"{mail.subject}\n\n{mail.text}", cut=mail.cut)
    ours, theirs = split(mail.text, _customer(mail, typed))
    return _within(ours, cut=mail.cut and not theirs), _within(theirs, cut=mail.cut and bool(theirs))


def _within(text: str, *, cut: bool) -> str:
    """A text that Intercom takes, which says so where it is cut."""
    return f"{text[:MOST_CHARACTERS]}\n\n[…]" if cut or len(text) > MOST_CHARACTERS else text


def _signed(text: str) -> str:
    return f"{text.strip()}\n\nRef {reference()}"


@step(repeatable=True)
def add_seller(conversation: str, staff: str) -> str | None:
    """Let a colleague in sales take part in a conversation, by e-mail; the contact, None when the conversation is gone.

    The contact with the colleague's address is there once, and joins once.
    """
    systems = current()
    contact = systems.intercom.contacts.create(systems.product.staff_address(staff))
    try:
        systems.intercom.conversations.join(conversation, contact)
    except NotFound:
        return None
    return contact


# -- support has it


class Support(BaseModel):
    """How a conversation stands, and who in support has it: by staff id, or the role where the colleague is unknown."""

    model_config = ConfigDict(frozen=True)

    state: State
    taken: str | None = None


def support_now(conversation: str) -> Support:
    """How a conversation stands with support now. No step."""
    try:
        read = current().intercom.conversations.conversation(conversation)
    except NotFound:
        return Support(state=State.GONE)
    admin = _admin_of(read)
    return Support(state=State(read.state), taken=None if admin is None else _colleague(admin))


@lookup
def support(conversation: str) -> Support:
    """How a conversation stands with support, as `support_now` has it."""
    return support_now(conversation)


def _admin_of(conversation: Conversation) -> str | None:
    """The admin who has it: to whom it is assigned, or who was the first to answer; not ourselves."""
    own = current().intercom.colleagues.own_id()
    answered = (part.author.id for part in conversation.parts if part.kind == "comment" and part.author.is_admin)
    having = (one for one in (conversation.admin_id, *answered) if one is not None and one != own)
    return next(having, None)


def _colleague(admin: str) -> str:
    systems = current()
    try:
        address = systems.intercom.colleagues.admin(admin).email
    except NotFound:
        address = None
    known = systems.product.staff_by_address(address) if address else None
    return NUMBERS.roles.support if known is None else known.id
