"""From support to sales: what is done in Intercom and who is told, until somebody in sales has the customer.

The conversation is closed by the policy's word alone, which comes once the new thread is confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from casework import clock
from casework.process import standing
from flows import sales_transfer_lead as lead
from flows.asking import office
from flows.sales_transfer_asking import TEXTS
from flows.sales_transfer_questions import QUESTIONS, account_of
from flows.sales_transfer_work import Transfer
from policies import sales_transfer as policy
from policies.sales_transfer import NUMBERS, Facts, Message, Step
from policies.sales_transfer_facts import Conversation, Kept
from tasks import accounts, conversations
from tasks import owners as customers

__all__ = ["STEPS", "begin", "go_on", "to_sales"]


def to_sales(conversation: str) -> str:
    """Hand a conversation (its id) over to sales; how it ended."""
    transfer = begin(conversation)
    ending = None
    while ending is None:
        ending = go_on(transfer)
    return ending


def begin(conversation: str) -> Transfer:
    """A transfer of which nothing is known yet."""
    return Transfer(conversation, clock.now(), Facts(conversation=Conversation(id=conversation)))


def go_on(transfer: Transfer) -> str | None:
    """Do what comes next; how the case ended, if it did."""
    decision = policy.decide(transfer.facts(), clock.now())
    show(transfer)
    match decision:
        case policy.Do():
            STEPS[decision.step](transfer)
        case policy.Write():
            lead.write(transfer, decision)
        case policy.Ask():
            QUESTIONS[decision.question](transfer, decision)
        case policy.Wait():
            lead.rest(transfer, decision)
        case policy.End():
            show(transfer, decision.to)
            return decision.ending
    return None


def show(transfer: Transfer, to: str | None = None) -> None:
    """Say in the engine's pages who it is, about what, and who has it."""
    known = transfer.known
    shown = (known.who or "unknown", f"topic:{known.topic or 'unknown'}", f"with:{to or known.sdr or 'nobody'}")
    if shown != transfer.shown:
        standing(*shown)
        transfer.shown = shown


# -- in Intercom


def add_sales(transfer: Transfer) -> None:
    """Let sales take part in the conversation; where that is gone by now, that is looked at next."""
    transfer.contact = conversations.contact_of(transfer.conversation)
    if conversations.add_sales(transfer.conversation):
        transfer.note(sales_added=True)


def introduce(transfer: Transfer) -> None:
    """Tell the customer that sales will write."""
    transfer.note(introduced=conversations.introduce(transfer.conversation, f"{TEXTS}/{Message.INTRODUCTION}"))


def note_context(transfer: Transfer) -> None:
    """Tell whoever reads the conversation what happens."""
    who, topic = transfer.known.who, transfer.known.topic
    if who is None or topic is None:
        raise ValueError("the policy hands over somebody of whom it is not known who, or about what")
    conversations.note_context(transfer.conversation, who, topic)
    transfer.note(noted=True)


def note_kept(transfer: Transfer) -> None:
    """Tell support why it keeps the conversation."""
    known = transfer.known
    values = conversations.kept(
        known.stays or Kept.NOT_ELIGIBLE, known.who, known.topic, introduced=known.introduced is not None
    )
    conversations.note(transfer.conversation, f"{TEXTS}/{Message.NOTE_KEPT}", **values)
    transfer.note(kept_noted=True)


def close(transfer: Transfer) -> None:
    """Close the conversation, once."""
    conversations.close(transfer.conversation, conversations.last_part(transfer.conversation))
    transfer.note(closed=True)


# -- who has the customer


def find_owners(transfer: Transfer) -> None:
    """Look who has the account."""
    found = customers.owners(transfer.conversation, transfer.contact)
    transfer.account = found.account
    transfer.note(owners=found.owners)


def tell_owner(transfer: Transfer) -> None:
    """Tell who has the account what it is about."""
    owner = policy.owner_of(transfer.known)
    if owner is None:
        raise ValueError("the policy speaks of who has the account, and nobody has it")
    transfer.tell(accounts.role(NUMBERS.roles.sdr, owner), Message.ACCOUNT_OWNER, **account_of(transfer))
    transfer.note(owner_told=True)


# -- who is told in Slack


def call_off(transfer: Transfer) -> None:
    """Tell the SDR who had taken it that support keeps it."""
    transfer.tell(transfer.sdr, Message.SDR_CALLED_OFF, to="support")
    transfer.note(called_off=True)


def tell_customer_wrote(transfer: Transfer) -> None:
    """Tell the SDR that the customer has written in the old conversation again."""
    wrote = transfer.known.conversation.wrote
    transfer.tell(transfer.sdr, Message.CUSTOMER_WROTE, at=wrote)
    transfer.note(heard=wrote)


def tell_manager(transfer: Transfer) -> None:
    """Tell the manager of the SDR that nobody has said what became of it."""
    known = transfer.known
    if known.thread is None:
        raise ValueError("the policy follows a transfer without a new thread")
    manager = None if known.sdr is None else customers.manager_of(known.sdr)
    transfer.tell(
        accounts.role(NUMBERS.roles.sales_manager, manager),
        Message.STALLED,
        kind=policy.kind_of(known),
        since=clock.local_date(known.thread, office),
        days=NUMBERS.follow_days,
    )
    transfer.note(manager_told=True)


STEPS: Mapping[Step, Callable[[Transfer], None]] = {
    Step.ADD_SALES: add_sales,
    Step.INTRODUCE: introduce,
    Step.NOTE_CONTEXT: note_context,
    Step.NOTE_KEPT: note_kept,
    Step.CALL_OFF: call_off,
    Step.FIND_OWNERS: find_owners,
    Step.TELL_OWNER: tell_owner,
    Step.CLOSE: close,
    Step.TELL_CUSTOMER_WROTE: tell_customer_wrote,
    Step.TELL_MANAGER: tell_manager,
    **lead.STEPS,
}
