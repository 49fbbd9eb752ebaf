"""A request for documents across Jira, Typeform and the product: what is known of it, who configures it, and how far
that is; and what the Monday notice needs of all cases that test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from casework import inbox
from casework.people import Identity
from casework.step import lookup, reference, step
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.jira import Issue
from casework.systems.product import MalformedAddress
from casework.wait import Heard
from policies import messages
from policies.document_change import (
    NUMBERS,
    Account,
    Ask,
    Facts,
    Given,
    Role,
    State,
    Subscription,
    Workload,
    sounds_like_yes,
    state,
    with_given,
)
from tasks import jira
from tasks.jira import JIRA
from tasks.typeform import answers

__all__ = [
    "Prior",
    "Testing",
    "assign",
    "complete",
    "details",
    "facts",
    "file_under",
    "news",
    "prior",
    "request_configuration",
    "suggestion",
    "tell_reset",
    "testing",
    "workloads",
]

PROCESS = "document-change"
MOST_RECENT = 50
"""How many tickets of CS are read by key at most, to know who has the newest."""
ROLES = {role.value: role for role in Role}
SUBSCRIPTIONS = {one.value: one for one in Subscription}


# -- the customer's ticket


@step(repeatable=True)
def complete(ticket: str) -> str | None:
    """Make whoever filled in the survey the ticket's reporter, and set its request type; the reporter's account id.

    Sets values, so again changes nothing. A person whom Jira does not know yet becomes its customer. None for a ticket
    without a survey: its reporter stays.
    """
    systems, places = current(), current().places.jira
    address = answers(ticket).get(NUMBERS.survey.email)
    kind = systems.jira.desk.request_type_id(places.support_project, NUMBERS.jira.request_type)
    custom = {places.request_type_field: kind}
    if not address:
        systems.jira.edit(ticket, custom=custom)
        return None
    known = systems.jira.people.by_email(str(address))
    account = known.account_id if known else systems.jira.desk.create_customer(str(address), str(address))
    systems.jira.edit(ticket, reporter=account, custom=custom)
    return account


@step(repeatable=True)
def file_under(ticket: str, organization: str) -> int:
    """Set the ticket's organisation to the product's of this id, by its exact name; Jira's id of it.

    Sets a value, so again changes nothing. An organisation that Jira does not have is for a person to make.
    """
    systems, places = current(), current().places.jira
    name = systems.product.organization_name(organization)
    found = systems.jira.desk.organization_id(places.support_project, name)
    systems.jira.edit(ticket, custom={places.organizations_field: [found]})
    return found


@lookup
def facts(ticket: str, ask: Ask) -> Facts:
    """What the product knows of the ticket's reporter, whose address is compared exactly; with what is asked for.

    Two accounts with one address are nobody's: no account is guessed.
    """
    systems = current()
    reporter = systems.jira.issue(ticket).reporter
    address = systems.jira.people.user(reporter).email if reporter else None
    try:
        systems.product.address_domain(address or "")
    except MalformedAddress:
        return Facts(account=None, ask=ask)
    found = systems.product.accounts(address or "")
    if len({one.user_id for one in found}) != 1 or len({(one.organization_id, one.upstream_id) for one in found}) != 1:
        return Facts(account=None, ask=ask)
    roles = {ROLES.get(one.role or "", Role.OTHER) for one in found}
    one = found[0]
    account = Account(
        user=one.user_id,
        organization=one.organization_id,
        organization_type=one.organization_type,
        upstream=one.upstream_id,
        role=next(role for role in Role if role in roles),
        subscription=SUBSCRIPTIONS.get(one.subscription, Subscription.OTHER),
        documents=one.documents,
    )
    return Facts(account=account, ask=ask)


@lookup
def suggestion(ticket: str, comment: int) -> Literal["confirmed", "none"]:
    """Whether a customer's comment is a plain yes; the text itself goes nowhere."""
    said = next((one.text for one in current().jira.comments(ticket, comment - 1) if one.id == comment), "")
    return "confirmed" if sounds_like_yes(said) else "none"


# -- CS's ticket


class Prior(BaseModel):
    """What CS has of a ticket already: the ticket that still counts, if there is one, and all that are linked."""

    model_config = ConfigDict(frozen=True)

    task: str | None = None
    known: tuple[str, ...] = ()


@lookup
def prior(ticket: str) -> Prior:
    """The issues of CS that the ticket is linked with; the newest that was not dropped counts."""
    return _prior(ticket)


def _prior(ticket: str) -> Prior:
    project = current().places.jira.configuration_project
    linked = [one.key for one in current().jira.issue(ticket).links if one.project == project]
    newest_first = sorted(linked, key=lambda key: int(key.rpartition("-")[2]), reverse=True)
    task = next((key for key in newest_first if _state(key) is not State.DROPPED), None)
    return Prior(task=task, known=tuple(linked))


@step(repeatable=True)
def abandon(task: str) -> str:
    """Tell CS that the case was called off, and cancel their ticket unless it is done; its key.

    Looks for its comment first, so again changes nothing. A ticket that was deleted needs nothing.
    """
    system, marker = current().jira, reference()
    try:
        issue = system.issue(task)
    except NotFound:
        return task
    if system.find_comment(task, marker) is None:
        project = current().places.jira.support_project
        ticket = next((one.key for one in issue.links if one.project == project), task)
        text = messages.render("document_change/cs-called-off", ticket=ticket).body
        system.add_comment(task, f"{text}\nRef {marker}", public=False)
    canceled = NUMBERS.configuration_statuses.canceled
    if not issue.done and canceled.casefold() in map(str.casefold, system.statuses(task)):
        system.set_status(task, canceled)
    return task


@step(repeatable=True)
def clear_configuration(ticket: str) -> None:
    """Take back what an earlier case has chosen, so that choosing it makes a new ticket; again changes nothing."""
    current().jira.choose(ticket, current().places.jira.needs_configuration_field, None)


@step(repeatable=True, undo=abandon)
def request_configuration(ticket: str, besides: tuple[str, ...]) -> str:
    """Choose what needs configuration, whereupon Jira's own rule makes CS's ticket; its key.

    To choose it again changes nothing, and so makes no second one. `besides` are those that were linked before.
    """
    system, places = current().jira, current().places.jira
    system.choose(ticket, places.needs_configuration_field, NUMBERS.jira.needs_configuration)
    return system.await_linked(ticket, places.configuration_project, besides)


@lookup
def workloads(task: str) -> tuple[Workload, ...]:
    """Everybody who can be given this ticket of CS, with what they have of all that was made before it.

    Jira's search lags behind: it counts what is older than some minutes, and what was made since is read by key.
    """
    people, project = current().jira.people, current().places.jira.configuration_project
    recent = list(_made_just_before(task))
    oldest = recent[-1].key if recent else task
    loads = [people.load(project, account, before=oldest) for account in people.assignable(project)]
    counted = [Workload(agent=one.account_id, open_tickets=one.open, last_assigned=one.last_assigned) for one in loads]
    support = current().places.jira.support_project
    given = [
        Given(agent=issue.assignee, at=issue.created)
        for issue in reversed(recent)
        if not issue.done and (issue.assignee or any(other.project == support for other in issue.links))
    ]
    return with_given(counted, given)


def _made_just_before(task: str) -> Iterator[Issue]:
    """CS's tickets that were made so shortly before this one that the search may not know them; newest first."""
    jira = current().jira
    project, _, number = task.rpartition("-")
    since = jira.issue(task).created - timedelta(minutes=NUMBERS.assignment_index_minutes)
    for earlier in range(int(number) - 1, max(0, int(number) - 1 - MOST_RECENT), -1):
        try:
            issue = jira.issue(f"{project}-{earlier}")
        except NotFound:
            continue  # deleted
        if issue.project != project:
            continue  # moved elsewhere: Jira answers with its new key
        if issue.created < since:
            return
        yield issue


@step(repeatable=True)
def assign(task: str, agent: str, organization: str | None) -> None:
    """Give CS's ticket to a colleague (an account id), with the organisation's name as its component, if it is known.

    Sets values, so again changes nothing.
    """
    names = [current().product.organization_name(organization)] if organization is not None else None
    current().jira.edit(task, assignee=agent, components=names)


def _find_details(ticket: str, task: str, message: str, **_values: object) -> int | None:  # noqa: ARG001 - as details
    found = current().jira.find_comment(task, reference())
    return found.id if found else None


@step(find=_find_details)
def details(ticket: str, task: str, message: str) -> int | None:
    """Copy what the customer added in the survey to CS's ticket, as an internal comment; its id, None without any."""
    said = str(answers(ticket).get(NUMBERS.survey.details) or "").strip()
    if not said:
        return None
    head = messages.render(message, ticket=ticket).body
    text = f"{head}\n{said[: jira.MOST_CHARACTERS]}\n\nRef {reference()}"
    return current().jira.add_comment(task, text, public=False)


def _state(task: str) -> State:
    try:
        issue = current().jira.issue(task)
    except NotFound:
        return State.DROPPED
    return state(issue.status, issue.done)


def news(ticket: str, read: int, task: str, besides: State | None) -> Iterable[Heard]:
    """What is new: customers' comments with ids above `read`, and CS's ticket in another state than `besides`, which is
    None as long as there is no such ticket.

    A change of state counts as given when CS's ticket last changed, which is not before.
    """
    yield from jira.replies(ticket, read)
    if besides is None:
        return
    changed = None
    try:
        issue = current().jira.issue(task)
    except NotFound:
        stands, mark = State.DROPPED, "deleted"
    else:
        stands, mark, changed = state(issue.status, issue.done), f"{issue.updated:%Y%m%dT%H%M%S}", issue.updated
    if stands is not besides:
        identity = Identity(kind="system", value=JIRA.id)
        yield Heard(identity, {"state": stands.value}, f"jira:{task}-{stands}-{mark}", changed)


# -- for the Monday notice


class Testing(BaseModel):
    """A case whose customer has a document on Onboard."""

    model_config = ConfigDict(frozen=True)

    case: str
    ticket: str


@lookup
def testing(questions: tuple[str, ...]) -> tuple[Testing, ...]:
    """The cases in which one of these questions is open, by the case files."""
    return _testing(questions)


def _testing(questions: tuple[str, ...]) -> tuple[Testing, ...]:
    waiting = [one for question in questions for one in inbox.waiting(PROCESS, question)]
    return tuple(Testing(case=one.case_id, ticket=one.subject.rsplit(":", 1)[-1]) for one in waiting)


@step(repeatable=True)
def tell_reset(
    one: Testing, questions: tuple[str, ...], on: date, to_customer: str, to_colleagues: str
) -> Literal["told", "told before", "moved on"]:
    """Tell a customer who tests, and CS, that Onboard is reset on a day (the office's date).

    What tells of that day has a marker made of the other case and the day, and is looked for first: whichever run of
    the notice comes on that day again, nobody is told twice. A case that has moved on since is left alone.
    """
    if one not in _testing(questions) or jira.gone(one.ticket) is not None:
        return "moved on"
    system, marker = current().jira, f"cw-reset-{one.case[:12]}-{on:%Y%m%d}"
    ours = False
    for issue, message, public in ((one.ticket, to_customer, True), (_prior(one.ticket).task, to_colleagues, False)):
        if issue is None:
            continue
        told = system.find_comment(issue, marker)
        if told is None:
            named = {} if public else {"ticket": one.ticket, "ticket_link": jira.link_to(one.ticket)}
            text = messages.render(message, **named).body
            system.add_comment(issue, f"{text}\nRef {reference()} {marker}", public=public)
        ours = ours or told is None or reference() in told.text
    return "told" if ours else "told before"
