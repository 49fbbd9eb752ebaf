"""The document change: who may have documents changed, what is missing, who configures it, and what CS has done.

Facts in, decision out. The source is the organisation's policy page "Document change requests". Unlike a table of rows
its requirements stand side by side: the customer is told of everything that is missing at once, and of nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from policies.document_change_facts import Account, Ask, Change, Facts, Given, Role, Subscription, Workload
from policies.document_change_numbers import NUMBERS, DocumentChangeNumbers

__all__ = [
    "NUMBERS",
    "Account",
    "Ask",
    "Change",
    "Decision",
    "Eligible",
    "Ending",
    "Facts",
    "Given",
    "Incomplete",
    "Missing",
    "Notice",
    "Role",
    "State",
    "Subscription",
    "Survey",
    "Workload",
    "after_silence",
    "decide",
    "found_ticket",
    "least_loaded",
    "sounds_like_yes",
    "state",
    "unmet",
    "with_given",
]


class Missing(StrEnum):
    """What a request lacks; each has a message of this name. The first two are unclear, the others not met."""

    REQUESTER = "requester-unknown"
    DOCUMENTS = "documents-unsaid"
    SUBSCRIPTION = "subscription"
    ONE_DOCUMENT = "one-document"
    ROLE = "requester-role"


UNCLEAR = frozenset({Missing.REQUESTER, Missing.DOCUMENTS})

_WHY = {
    Missing.REQUESTER: "No account that belongs to an organisation has exactly this address, or several have it.",
    Missing.DOCUMENTS: "It is not said how many documents are to be edited or added.",
    Missing.SUBSCRIPTION: "Only Premium and Pro accounts can have documents of their own.",
    Missing.ONE_DOCUMENT: "A Premium account has one document.",
    Missing.ROLE: "Only an admin or a manager of the upstream organisation can ask for this.",
}


class Ending(StrEnum):
    """How a case ends; `NOT_ELIGIBLE` is followed by what was not met."""

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    NOT_ELIGIBLE = "not_eligible"
    CANCELLED = "cancelled"


class Notice(StrEnum):
    """How a Monday notice ends; `SENT` is followed by how many customers were told."""

    SENT = "sent"
    NOTHING_NEW = "nothing_new"


class Survey(StrEnum):
    """How the case of a response without a ticket ends; `FOUND` is followed by the ticket's key."""

    FOUND = "found"
    DROPPED = "dropped"


class State(StrEnum):
    """What CS has done with a request."""

    WORKING = "working"
    READY = "ready"
    PUBLISHED = "published"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Send the message of each that is missing, wait for the customer, look again."""

    missing: tuple[Missing, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Eligible:
    """Have it configured, for the organisation of `account`."""

    account: Account
    why: str


Decision = Incomplete | Eligible


def decide(facts: Facts, numbers: DocumentChangeNumbers = NUMBERS) -> Decision:
    """All requirements at once; what cannot be judged because the account is not known is not held against anybody."""
    account = facts.account
    missing: list[Missing] = []
    if account is None:
        missing.append(Missing.REQUESTER)
    if facts.ask.documents is None:
        missing.append(Missing.DOCUMENTS)
    if account is not None:
        if account.subscription is Subscription.OTHER:
            missing.append(Missing.SUBSCRIPTION)
        wanted = facts.ask.after(account.documents)
        limited = account.subscription is Subscription.PREMIUM
        if limited and wanted is not None and wanted > numbers.premium_documents:
            missing.append(Missing.ONE_DOCUMENT)
        if account.role is Role.OTHER:
            missing.append(Missing.ROLE)
    if account is None or missing:
        return Incomplete(tuple(missing), " ".join(_WHY[one] for one in missing))
    who = "an admin" if account.role is Role.ADMIN else "a manager"
    plan = account.subscription.value.capitalize()
    return Eligible(account, f"The requester is {who} of the upstream organisation, which has {plan}.")


def unmet(missing: Iterable[Missing]) -> tuple[Missing, ...]:
    """The requirements that were not met: of what is missing, all but what only lacks an answer."""
    return tuple(one for one in missing if one not in UNCLEAR)


def after_silence(missing: Iterable[Missing]) -> str:
    """How a request ends that the customer did not complete: by what was not met, or as withdrawn when all that was
    missing was an answer."""
    found = unmet(missing)
    return f"{Ending.NOT_ELIGIBLE}: {', '.join(found)}" if found else Ending.WITHDRAWN.value


def least_loaded(workloads: Iterable[Workload]) -> str:
    """Who gets the next ticket: the fewest open ones; of several whoever was given one longest ago, then by id.

    Raises:
        ValueError: there is nobody.
    """
    found = sorted(workloads, key=lambda one: (one.open_tickets, one.since, one.agent))
    if not found:
        raise ValueError("nobody can be given the ticket: no colleague may be assigned in CS's project")
    return found[0].agent


def with_given(workloads: Iterable[Workload], given: Iterable[Given]) -> tuple[Workload, ...]:
    """The workloads once tickets that they do not count yet are given out, in their order.

    One that nobody has yet will go to whoever `least_loaded` chooses. So cases that look at the same instant, each
    with the tickets made before its own, choose what they would have chosen one after the other.
    """
    loads = {one.agent: one for one in workloads}
    for one in given:
        agent = one.agent or least_loaded(loads.values())
        if agent in loads:
            had = loads[agent]
            last = max(one.at, had.last_assigned or one.at)
            loads[agent] = had.model_copy(update={"open_tickets": had.open_tickets + 1, "last_assigned": last})
    return tuple(loads.values())


def found_ticket(ending: str) -> str | None:
    """The ticket that the case of a response has found, by how that case ended."""
    how, _, ticket = ending.partition(": ")
    return ticket if how == Survey.FOUND else None


def state(status: str, done: bool, numbers: DocumentChangeNumbers = NUMBERS) -> State:
    """What the status of CS's ticket means; `done`: the status counts as done in Jira.

    A ticket that is done without being published was dropped.
    """
    names = numbers.configuration_statuses
    name = status.casefold()
    if name == names.published.casefold():
        return State.PUBLISHED
    if name == names.ready_to_test.casefold():
        return State.READY
    return State.DROPPED if done or name == names.canceled.casefold() else State.WORKING


_CONFIRMS = frozenset({"approve", "approved", "confirm", "confirmed", "good", "great", "ok", "okay", "perfect", "yes"})
# fmt: off
_ADDS_NOTHING = frozenset({
    "a", "all", "and", "everything", "fine", "for", "from", "hello", "hi", "i", "is", "it", "its", "looks", "look",
    "me", "much", "now", "of", "our", "please", "publish", "side", "so", "thank", "thanks", "that", "the", "this", "to",
    "us", "very", "we", "you", "your",
})
# fmt: on


def sounds_like_yes(text: str) -> bool:
    """Whether a reply is a plain yes: only such words, and one that confirms. A suggestion for whoever reads it, no
    decision: one word that is not known here, such as `but` or `not`, and nothing is suggested."""
    words = set(re.findall(r"[^\W_]+", text.lower().replace("'", "").replace("\u2019", "")))
    return "?" not in text and bool(words & _CONFIRMS) and words <= _CONFIRMS | _ADDS_NOTHING
