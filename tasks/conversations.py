"""Conversations of Intercom: what stands in them, and what is written into them for the customer and for colleagues.

Neither a reply nor a note has an idempotency key: each ends with a reference by which it is found again. A
conversation may be deleted at any time: what would write into one that is gone does nothing, and says so. What is said
in a conversation stays in Intercom; what is read here gives ids, times and words of ours.
"""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from casework.step import case_id, lookup, reference, step
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.intercom import Contact, Part
from casework.systems.intercom import Conversation as Read
from policies import messages
from policies.sales_eligibility import topic_of
from policies.sales_transfer_facts import Conversation, State, Topic, Who
from policies.sales_transfer_numbers import NUMBERS

__all__ = [
    "Asker",
    "Noted",
    "add_sales",
    "asker",
    "asker_now",
    "close",
    "contact_of",
    "customer",
    "introduce",
    "kept",
    "last_part",
    "note",
    "note_context",
    "stands",
    "stands_now",
]

TEXTS = "sales_transfer"

# -- what stands in a conversation


def stands_now(conversation: str) -> Conversation:
    """A conversation as it is now; gone where Intercom does not have it any more. No step."""
    read = _read(conversation)
    if read is None:
        return Conversation(id=conversation, state=State.GONE, asked=False)
    places = current().places.intercom
    asked = read.tag(places.to_sales_tag) is not None or topic_of(read.attribute(places.topic_attribute)) is not None
    return Conversation(id=conversation, state=State(read.state), asked=asked, wrote=_wrote(read))


@lookup
def stands(conversation: str) -> Conversation:
    """A conversation as it is now, as `stands_now` has it."""
    return stands_now(conversation)


@lookup
def last_part(conversation: str) -> str:
    """The id of the last that was said or done in a conversation; empty when there is nothing, or it is gone."""
    read = _read(conversation)
    return read.parts[-1].id if read is not None and read.parts else ""


def _read(conversation: str) -> Read | None:
    try:
        return current().intercom.conversations.conversation(conversation)
    except NotFound:
        return None


def _wrote(read: Read) -> AwareDatetime | None:
    """When the customer, or anybody else from outside but sales, last wrote; None: not since they began it."""
    said = [part for part in read.parts if part.kind == "comment" and part.author.is_contact]
    began = read.source.author.id if read.source.author.is_contact else None
    outside = {one for one in {part.author.id for part in said} if one == began or not _is_ours(one)}
    return max((part.at for part in said if part.author.id in outside), default=None)


def _is_ours(contact: str) -> bool:
    """Whether a contact is sales, or a colleague who answered by e-mail."""
    found = _contact(contact)
    return found is not None and _is_colleague(found.email or "")


def _is_colleague(address: str) -> bool:
    systems = current()
    if not address.strip():
        return False
    is_sales = address.strip().lower() == systems.places.intercom.sales_address.strip().lower()
    return is_sales or systems.product.staff_by_address(address) is not None


# -- who writes


class Asker(BaseModel):
    """Who writes in a conversation and about what; None: it cannot be told."""

    model_config = ConfigDict(frozen=True)

    who: Who | None = None
    topic: Topic | None = None


def asker_now(conversation: str) -> Asker:
    """Who writes in a conversation and about what, as Intercom and the product have it now. No step."""
    read = _read(conversation)
    if read is None:
        return Asker()
    found = _customer(read)
    topic = topic_of(read.attribute(current().places.intercom.topic_attribute))
    return Asker(who=None if found is None else _who(found), topic=topic)


@lookup
def asker(conversation: str) -> Asker:
    """Who writes in a conversation and about what, as `asker_now` has it."""
    return asker_now(conversation)


def customer(conversation: str, contact: str | None = None) -> Contact | None:
    """The contact whose conversation it is; None: nobody, or several may be meant.

    Where the conversation is gone, it is the `contact` whose it was, if that is said and still there. No step: it is to
    be used within one, and forgotten.
    """
    read = _read(conversation)
    if read is not None:
        return _customer(read)
    return None if contact is None else _contact(contact)


@lookup
def contact_of(conversation: str) -> str | None:
    """The id of the contact whose conversation it is, to be known when it is gone."""
    found = customer(conversation)
    return None if found is None else found.id


def _customer(read: Read) -> Contact | None:
    """Who began it; else the only one from outside who takes part and is not of ours."""
    if read.source.author.is_contact:
        return _contact(read.source.author.id)
    found = [one for one in map(_contact, read.contacts) if one is not None and not _is_colleague(one.email or "")]
    return found[0] if len(found) == 1 else None


def _contact(contact: str) -> Contact | None:
    try:
        return current().intercom.contacts.contact(contact)
    except NotFound:
        return None


def _who(contact: Contact) -> Who | None:
    """By the one team that the product has of them, whose id or address Intercom knows.

    A team in contract pays, one without is on trial. Who has an account otherwise, or had one, is nobody whom we know.
    """
    product = current().product
    address = contact.email or ""
    if contact.external_id is not None:
        try:
            address = product.user_address(contact.external_id)
        except NotFound:
            return None
    teams = {one.team_id for one in product.memberships(address)}
    if not teams:
        has_account = contact.external_id is not None or bool(product.accounts(address))
        return None if has_account else Who.LEAD
    team = product.team(teams.pop()) if len(teams) == 1 else None
    if team is None or team.status != "active":
        return None
    return Who.TRIAL if team.contract_end is None else Who.PAYING


# -- what is written


@step(repeatable=True)
def add_sales(conversation: str) -> bool:
    """Let sales take part in a conversation, by its address; false when that is gone.

    The contact with the address is there once, and joins once.
    """
    systems = current()
    contact = systems.intercom.contacts.create(systems.places.intercom.sales_address)
    try:
        systems.intercom.conversations.join(conversation, contact)
    except NotFound:
        return False
    return True


def _find(conversation: str) -> Part | None:
    """What the step at hand has written into a conversation, if it has."""
    try:
        return current().intercom.conversations.find(conversation, reference())
    except NotFound:
        return None


def _find_introduced(conversation: str, *_args: object, **_values: object) -> AwareDatetime | None:
    found = _find(conversation)
    return found.at if found else None


@step(find=_find_introduced)
def introduce(conversation: str, message: str, **values: object) -> AwareDatetime | None:
    """Write to the customer, who gets it with all who take part; when, by Intercom's clock; None when it is gone."""
    try:
        current().intercom.conversations.reply(conversation, _written(message, values))
    except NotFound:
        return None
    return _find_introduced(conversation)


def _find_noted(conversation: str, *_args: object, **_values: object) -> str | None:
    found = _find(conversation)
    return found.id if found else None


@step(find=_find_noted)
def note(conversation: str, message: str, **values: object) -> str | None:
    """Leave an internal note for colleagues; its id, None when the conversation is gone."""
    return _note(conversation, message, values)


def _note(conversation: str, message: str, values: dict[str, object]) -> str | None:
    try:
        return current().intercom.conversations.note(conversation, _written(message, values))
    except NotFound:
        return None


def _written(message: str, values: dict[str, object]) -> str:
    """A message, which may name this case, and the reference by which it is found."""
    named = {"case": case_id()[:8]} if "case" in messages.variables(message) else {}
    return f"{messages.render(message, **values, **named).body}\nRef {reference()}"


class Noted(BaseModel):
    """A conversation in which it was noted that it goes to sales, and as whose about what."""

    model_config = ConfigDict(frozen=True)

    conversation: str
    who: Who
    topic: Topic


def kept(reason: str, who: Who | None, topic: Topic | None, *, introduced: bool) -> dict[str, object]:
    """What the note says by which support keeps a conversation."""
    return {
        "reason": reason,
        "who": who or "unknown",
        "topic": topic or "unknown",
        "lead_topics": NUMBERS.eligible.lead,
        "customer_topics": NUMBERS.eligible.customer,
        "introduced": "yes" if introduced else "no",
    }


def _find_context(conversation: str, who: Who, topic: Topic) -> Noted | None:
    return Noted(conversation=conversation, who=who, topic=topic) if _find(conversation) else None


def _find_called_off(noted: Noted) -> str | None:
    if stands_now(noted.conversation).state in (State.CLOSED, State.GONE):
        return ""
    return _find_noted(noted.conversation)


@step(find=_find_called_off)
def call_off(noted: Noted) -> str | None:
    """Note that support keeps the conversation after all, unless it is closed, as it is once sales has written."""
    if stands_now(noted.conversation).state in (State.CLOSED, State.GONE):
        return ""
    return _note(noted.conversation, f"{TEXTS}/note-kept", kept("cancelled", noted.who, noted.topic, introduced=True))


@step(find=_find_context, undo=call_off)
def note_context(conversation: str, who: Who, topic: Topic) -> Noted | None:
    """Note that the conversation goes to sales; if the case ends early, colleagues read that as well."""
    done = _note(conversation, f"{TEXTS}/note-context", {"who": who, "topic": topic})
    return None if done is None else Noted(conversation=conversation, who=who, topic=topic)


def _find_closed(conversation: str, after: str) -> bool | None:
    try:
        return True if current().intercom.conversations.find_close(conversation, after) else None
    except NotFound:
        return True


@step(find=_find_closed)
def close(conversation: str, after: str) -> bool:  # noqa: ARG001 - by it the step is found again
    """Close a conversation, unless it is closed or gone; `after` is the last part seen before (`last_part`).

    By that it is told from one that was open again when the answer was lost, because the customer wrote.
    """
    try:
        current().intercom.conversations.close(conversation)
    except NotFound:
        return False
    return True
