"""What an offboarding needs of the systems: who the customer is, letters to it, engineering's task, whether access is
gone, the customer's data export, and the news that a waiting case looks for.

Letters go through a ticket of Zendesk, which mails them: so each is there once, and what the customer replies is seen.
What the customer writes stays there; what is read here gives ids.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from casework import beside, clock
from casework.people import Identity
from casework.step import lookup, reference, step
from casework.systems import current
from casework.systems.errors import Misconfigured, NotFound, Refused
from casework.systems.product import MalformedAddress
from casework.systems.zendesk import Status
from casework.wait import Heard
from policies import messages
from policies.offboarding import Export, Property
from tasks import asana, hubspot, zendesk
from tasks.people import CASEWORK

__all__ = [
    "EXPORT_TAG",
    "Access",
    "Conversation",
    "Customer",
    "Ordered",
    "Representative",
    "access",
    "ask_for_data",
    "call_off",
    "company_of",
    "customer",
    "export",
    "has_written",
    "invite",
    "is_done",
    "letter",
    "news",
    "open_export",
    "order_deactivation",
    "representative",
    "take_back",
]

logger = logging.getLogger(__name__)

EXPORT = "data-export"
EXPORT_TAG = "data_export"
"""What a ticket of Zendesk carries that asks for a data export."""
LETTERS_TAG = "offboarding"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


# -- the customer


class Customer(_Fact):
    """Who leaves: the team in the product, and the user there to whom we write, one who administers the team."""

    team: str
    contact: str


class Representative(_Fact):
    """Who represents us at a customer: as an owner of records in HubSpot, and as a colleague; None: not known there."""

    owner: str | None = None
    staff: str | None = None


@lookup
def company_of(deal: str) -> str:
    """The customer that a deal is with, by its id in HubSpot.

    Raises:
        Refused: it is not with exactly one.
    """
    companies = current().hubspot.deals.companies_of(deal)
    if len(companies) != 1:
        what = f"it is with {len(companies)} companies: leave the one that is the customer there, then retry"
        raise Refused("HubSpot", f"find the customer of deal {deal}", what)
    return companies[0]


@lookup
def customer(company: str) -> Customer:
    """The team of a customer, by the domain that HubSpot has of it, and whom we write to.

    Raises:
        Refused: that does not lead to exactly one team, or nobody there administers it.
    """
    product = current().product
    operation = f"find the team of company {company}"
    try:
        domain = product.address_domain(f"of@{current().hubspot.companies.company(company).domain or ''}")
    except MalformedAddress:
        raise Refused("HubSpot", operation, "it has no domain: give it that of its team, then retry") from None
    teams = product.teams_with_domain(domain)
    if len(teams) != 1:
        raise Refused("HubSpot", operation, f"its domain is that of {len(teams)} teams: correct it, then retry")
    admins = [one.user_id for one in product.members(teams[0]) if one.admin and one.active]
    if not admins:
        what = f"team {teams[0]} has no active admin to write to: name one in the product, then retry"
        raise Refused("product database", operation, what)
    return Customer(team=teams[0], contact=admins[0])


@lookup
def representative(company: str) -> Representative:
    """Who represents us at a customer now: the owner of its company in HubSpot, as a colleague by the address."""
    systems = current()
    owner_id = systems.hubspot.companies.company(company).owner_id
    if owner_id is None:
        return Representative()
    try:
        owner = systems.hubspot.colleagues.owner(owner_id)
    except NotFound:
        return Representative()
    if owner.archived:
        return Representative()
    known = systems.product.staff_by_address(owner.email or "")
    return Representative(owner=owner.id, staff=known.id if known else None)


# -- letters


class Conversation(_Fact):
    """The ticket of Zendesk through which a customer was written to, and whom it is with."""

    ticket: int
    team: str


def _requester(contact: str) -> int:
    """The contact as Zendesk knows them, made known without a name where it does not."""
    address = current().product.user_address(contact)
    found = current().zendesk.user_by_email(address) or current().zendesk.add_user(address, f"User {contact}")
    return found.id


def _takes_replies(ticket: int) -> bool:
    return zendesk.gone(ticket) is None


def _find_letter(contact: str, ticket: int | None, *_args: object, **_values: object) -> int | None:  # noqa: ARG001 - as letter
    if ticket is not None and _has_comment(ticket):
        return ticket
    return current().zendesk.find_ticket(reference())


def _has_comment(ticket: int) -> bool:
    try:
        return current().zendesk.find_comment(ticket, reference()) is not None
    except NotFound:
        return False


def _write(
    contact: str, ticket: int | None, message: str, tag: str, status: Status, values: Mapping[str, object]
) -> int:
    text = messages.render(message, **values)
    system = current().zendesk
    if ticket is not None and _takes_replies(ticket):
        system.comment(ticket, f"{text.body}\nRef {reference()}", True, status=status)
        return ticket
    requester = _requester(contact)
    return system.create(reference(), requester, text.subject or "", text.body, status=status, tags=(tag,))


@step(find=_find_letter)
def letter(contact: str, ticket: int | None, message: str, *, status: Status = "pending", **values: object) -> int:
    """Write to the customer on its ticket, or on a new one where that takes nothing any more; the ticket's number.

    A reply ends with a reference by which it is found again; a new ticket has it as its key and `external_id`.
    """
    return _write(contact, ticket, message, LETTERS_TAG, status, values)


def _find_invited(contact: str, team: str, *_args: object, **_values: object) -> Conversation | None:
    ticket = _find_letter(contact, None)
    return None if ticket is None else Conversation(ticket=ticket, team=team)


def _find_taken_back(conversation: Conversation) -> int | None:
    if not _takes_replies(conversation.ticket):
        return 0
    found = current().zendesk.find_comment(conversation.ticket, reference())
    return found.id if found else None


@step(find=_find_taken_back)
def take_back(conversation: Conversation) -> int:
    """Tell the customer that nothing is prepared any more; the comment's id, or 0.

    Whose access is gone already is not told so, because it would not be true; nor is one whose ticket is closed.
    """
    if not _takes_replies(conversation.ticket) or _access(conversation.team).gone:
        return 0
    text = f"{messages.render('offboarding/cancelled').body}\nRef {reference()}"
    return current().zendesk.comment(conversation.ticket, text, True, status="solved")


@step(find=_find_invited, undo=take_back)
def invite(contact: str, team: str, message: str, **values: object) -> Conversation:
    """Write to the customer for the first time; if the case ends early, it is told so."""
    return Conversation(ticket=_write(contact, None, message, LETTERS_TAG, "pending", values), team=team)


def has_written(ticket: int, read: int) -> Iterable[Heard]:
    """What the customer wrote on its ticket after the comment `read`, as news."""
    identity = Identity(kind="system", value=CASEWORK.id)
    for one in zendesk.replies(ticket, read):
        yield Heard(identity, {"seen": f"comment-{one.values['comment']}"}, one.reference, one.at)


# -- the customer's data


def _find_asked(contact: str, *_args: object, **_values: object) -> int | None:
    return _find_letter(contact, None)


@step(find=_find_asked)
def ask_for_data(contact: str, message: str, **values: object) -> int:
    """Open the ticket by which a data export is asked for in the customer's name; its number."""
    return _write(contact, None, message, EXPORT_TAG, "open", values)


@step(repeatable=True)
def open_export(ticket: int) -> str:
    """Have the data export of a ticket made by a case of its own, once; what that is about."""
    return beside.open_case(EXPORT, {"ticket": ticket})


@lookup
def export(subject: str) -> Export:
    """A data export as it is now: its case once that is over, what it is about until then."""
    ended = beside.ending_of(EXPORT, subject)
    return Export(case=subject) if ended is None else Export(case=ended.case_id, ending=ended.ending)


# -- access


class Access(_Fact):
    """What was seen of a team's access, and when (UTC); None where the product's database cannot be asked."""

    at: AwareDatetime
    active_users: int | None
    live_sessions: int | None

    @property
    def gone(self) -> bool:
        """Whether nobody can get in any more, for all that was seen."""
        return self.active_users == 0 and self.live_sessions == 0


def _asked(count: Callable[[], int]) -> int | None:
    try:
        return count()
    except Misconfigured as fault:
        # A product without sessions, say: a person is asked instead.
        logger.warning("Whether access is gone has to be looked at by hand: %s", fault)
        return None


def _access(team: str) -> Access:
    product = current().product
    return Access(
        at=clock.present(),
        active_users=_asked(lambda: sum(one.active for one in product.members(team))),
        live_sessions=_asked(lambda: product.live_sessions(team)),
    )


@lookup
def access(team: str) -> Access:
    """Whether anybody of a team can still get in."""
    return _access(team)


class Ordered(_Fact):
    """Engineering's task to take a team's access away."""

    task: str
    team: str


def _title(deal: str, team: str) -> str:
    return f"Deactivate team {team} (deal {deal}) [{reference()}]"


def _find_ordered(deal: str, team: str) -> Ordered | None:
    task = current().asana.find_task(current().places.asana_project, _title(deal, team))
    return Ordered(task=task, team=team) if task else None


def _find_called_off(ordered: Ordered) -> str | None:
    return current().asana.find_comment(ordered.task, reference())


@step(find=_find_called_off)
def call_off(ordered: Ordered) -> str:
    """Tell engineering on its task not to deactivate the team, and complete it; the comment's gid."""
    system = current().asana
    system.update_task(ordered.task, completed=True)
    text = messages.render("offboarding/called-off", team=ordered.team).body
    return system.add_comment(ordered.task, f"{text}\nRef {reference()}")


@step(find=_find_ordered, undo=call_off)
def order_deactivation(deal: str, team: str) -> Ordered:
    """Make engineering's task, from the template; what is wanted is written into it next (`asana.describe`).

    A template takes a name only: it ends with a reference to find.
    """
    system, places = current().asana, current().places
    return Ordered(task=system.instantiate(places.asana_template, _title(deal, team)), team=team)


@lookup
def is_done(task: str) -> bool:
    """Whether engineering has completed its task."""
    return any(True for _ in asana.completed(task))


# -- looking; nothing here changes anything


def news(
    deal: str,
    expected: Mapping[Property, str | None],
    *,
    ticket: int | None,
    read: int,
    export: str | None,
    task: str | None,
) -> Iterable[Heard]:
    """What is a reason to decide again: others have changed what we wrote into the deal, the customer has written, its
    data export (by what that is about) is over, engineering has completed its task. Each is looked at anew then."""
    identity = Identity(kind="system", value=CASEWORK.id)

    def heard(seen: str, channel: str, at: datetime | None = None) -> Heard:
        return Heard(identity, {"seen": seen}, f"{channel}:{seen}", at)

    if task is not None:
        for done in asana.completed(task):
            yield heard(f"task-{task}", "asana", done.at)
    if export is not None and (ended := beside.ending_of(EXPORT, export)) is not None:
        yield heard(f"case-{ended.case_id}", "casework", ended.at)
    if ticket is not None and _takes_replies(ticket):
        yield from has_written(ticket, read)
    if expected:
        now = hubspot.stands(deal)
        if any(now.value(name) != value for name, value in expected.items()):
            yield heard(f"deal-{deal}", "hubspot")
