"""What is open for whom: read for the daily digest. Ids only."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from casework import inbox
from casework.people import Person
from casework.step import case_id, lookup
from casework.systems import current
from casework.systems.errors import NotFound

__all__ = ["Readers", "Waiting", "open_for", "readers"]

TOLD = "people.tell_in_slack"
UNSPEAKABLE = re.compile(r"[^A-Za-z0-9._-]+")


class Readers(BaseModel):
    """The colleagues to tell, those who were told already, and those who cannot be told: ids, but for the first."""

    model_config = ConfigDict(frozen=True)

    people: tuple[Person, ...]
    told_before: tuple[str, ...] = ()
    without_slack: tuple[str, ...] = ()


class Waiting(BaseModel):
    """What waits for one person: how many questions, and of those that burn most what a message says, in order.

    `due` is UTC; `questions` are their names without the attempt, `fault` for a parked step; `marks` mostly `none`.
    """

    model_config = ConfigDict(frozen=True)

    total: int
    processes: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    times: tuple[Literal["due", "overdue"], ...] = ()
    due: tuple[datetime, ...] = ()
    marks: tuple[str, ...] = ()
    case_links: tuple[str, ...] = ()


@lookup
def readers(since: datetime) -> Readers:
    """The colleagues to whom something open was put, apart from those whom an earlier case told since a moment.

    Who is no colleague (a customer, a system) is left out. Slack ids are those that the questions have, else those of
    the product database.
    """
    told = inbox.reached(case_id(), TOLD, since)
    known = [one for one in map(_colleague, inbox.readers()) if one is not None]
    return Readers(
        people=tuple(one for one in known if one.slack is not None and one.id not in told),
        told_before=tuple(one.id for one in known if one.id in told),
        without_slack=tuple(one.id for one in known if one.slack is None),
    )


def _colleague(person: Person) -> Person | None:
    if person.slack is not None:
        return person
    try:
        known = current().product.staff(person.id)
    except NotFound:
        return None
    return Person(id=known.id, slack=known.slack_id, zendesk=known.zendesk_id)


@lookup
def open_for(person: Person, first: int) -> Waiting:
    """What a person may answer now, for themselves or as a delegate; the `first` that burn most in detail."""
    found = inbox.put_to(person.id, first)
    return Waiting(
        total=found.total,
        processes=tuple(one.process for one in found.questions),
        subjects=tuple(_word(one.subject.rsplit(":", 1)[-1]) for one in found.questions),
        questions=tuple(_word(_name(one.wait)) for one in found.questions),
        times=tuple("overdue" if one.overdue else "due" for one in found.questions),
        due=tuple(one.due_at for one in found.questions),
        marks=tuple(_word(one.mark) if one.mark else "none" for one in found.questions),
        case_links=tuple(inbox.page_of(one.case_id) for one in found.questions),
    )


def _name(wait: str) -> str:
    """A question's own name: without the attempt and the way of the case on which it is asked."""
    named = wait.partition("/")[0]
    return "fault" if named.startswith("fault>") else named.rpartition(">")[2]


def _word(name: str) -> str:
    """A name as messages take it."""
    return UNSPEAKABLE.sub("-", name).strip("-._") or "unnamed"
