"""What a transfer between support and sales may come to: the words of its decisions, both directions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policies.sales_transfer_facts import LeadField
from policies.sales_transfer_numbers import NUMBERS, SalesTransferNumbers

__all__ = ["Ask", "Decision", "Do", "End", "Ending", "Kind", "Message", "Question", "Step", "Wait", "Waiting", "Write"]


class Kind(StrEnum):
    """What was handed over; `SUPPORT`: a mail of sales, to support."""

    CUSTOMER = "customer"
    LEAD = "lead"
    TECHNICAL = "technical"
    SUPPORT = "support"


class Ending(StrEnum):
    """How a case ends. `HANDED_OVER` and `STALLED` are followed by the kind, `KEPT_BY_SUPPORT` by why."""

    HANDED_OVER = "handed_over"
    KEPT_BY_SUPPORT = "kept_by_support"
    STALLED = "stalled"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """Something that is done now; what of it may come again is said at `sales_transfer.decide`."""

    ADD_SALES = "add_sales"
    INTRODUCE = "introduce"
    NOTE_CONTEXT = "note_context"
    NOTE_KEPT = "note_kept"
    CALL_OFF = "call_off"
    SEND_INTRO = "send_intro"
    END_INTRO = "end_intro"
    FIND_OWNERS = "find_owners"
    TELL_OWNER = "tell_owner"
    CLOSE = "close"
    TELL_CUSTOMER_WROTE = "tell_customer_wrote"
    MATCH = "match"
    CREATE_LEAD = "create_lead"
    WRITE_QUALIFIED = "write_qualified"
    NURTURE = "nurture"
    FIND_PROSPECT = "find_prospect"
    CREATE_PROSPECT = "create_prospect"
    SEQUENCE = "sequence"
    END_SEQUENCE = "end_sequence"
    TELL_MANAGER = "tell_manager"
    FIND_CONTACTS = "find_contacts"
    CREATE_CONTACT = "create_contact"
    OPEN_CONVERSATION = "open_conversation"
    NOTE_MAIL = "note_mail"
    ADD_SDR = "add_sdr"
    TELL_SDR = "tell_sdr"


class Question(StrEnum):
    """What a person is asked, by the key of the question; its message is `question-<key>`."""

    CLASSIFY = "classify"
    CLOSED_EARLY = "closed-early"
    UNTAGGED = "untagged"
    TAKE = "take"
    STUCK = "stuck"
    ACCOUNT_OWNER = "account-owner"
    NEW_THREAD = "new-thread"
    MISSING_FIELDS = "missing-fields"
    WHICH_RECORD = "which-record"
    CLOSE_CHAT = "close-chat"
    OUTCOME = "outcome"
    WHICH_CUSTOMER = "which-customer"
    WHICH_CONTACT = "which-contact"
    SUPPORT_TAKE = "support-take"

    def role(self, numbers: SalesTransferNumbers = NUMBERS) -> str:
        """Who is asked first where the decision names nobody."""
        roles = numbers.roles
        if self in (
            Question.CLASSIFY,
            Question.CLOSED_EARLY,
            Question.UNTAGGED,
            Question.WHICH_CONTACT,
            Question.SUPPORT_TAKE,
        ):
            return roles.support
        if self is Question.STUCK:
            return roles.operators
        return roles.sales_manager if self is Question.ACCOUNT_OWNER else roles.sdr


class Waiting(StrEnum):
    """What is waited for."""

    SYNC = "sync"
    INTRO = "intro"


class Message(StrEnum):
    """What is sent or written, by the names of the messages. Only `INTRODUCTION` goes to the customer."""

    INTRODUCTION = "introduction"
    NOTE_CONTEXT = "note-context"
    NOTE_KEPT = "note-kept"
    SDR_CALLED_OFF = "sdr-called-off"
    ACCOUNT_OWNER = "account-owner"
    CUSTOMER_WROTE = "customer-wrote"
    STALLED = "stalled"
    NOTE_MAIL = "note-mail"
    SDR_LINKED = "sdr-linked"


@dataclass(frozen=True, slots=True)
class Do:
    """Do this, then decide again."""

    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Write:
    """Fill these fields of a lead in Salesforce, which are empty there and known to us."""

    id: str
    fields: tuple[LeadField, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a person, then decide again.

    Attributes:
        question: what is asked.
        why: why it has to be.
        of: the staff id of who is asked first; None: the question's role.
        about: the fields, records or facts that are missing or to choose from.
        until: when (UTC) the answer comes too late; None: by the numbers of the question.
        role: as what they are asked; None: as the question's role.
    """

    question: Question
    why: str
    of: str | None = None
    about: tuple[str, ...] = ()
    until: datetime | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done until a moment (UTC)."""

    waiting: Waiting
    why: str
    until: datetime


@dataclass(frozen=True, slots=True)
class End:
    """The case is over; `to` is the staff id or the role of who has it now, None: who had it before."""

    ending: str
    why: str
    to: str | None = None


Decision = Do | Write | Ask | Wait | End
