"""Deals in HubSpot, and what is left on them for colleagues: what stands in them is written and put back, notes, tasks.

Properties are only set where what was seen in them still stands, so that nobody else's change is overwritten. Notes and
tasks have no idempotency key: each ends with a reference by which it is found again.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from casework import clock
from casework.confidential import ConfidentialText
from casework.people import Person
from casework.step import case_id, case_page, lookup, reference, step, words
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.hubspot import DealFields, On
from policies import messages
from policies import offboarding as policy
from policies.offboarding import Change, Deal, Property

__all__ = [
    "HUBSPOT",
    "Written",
    "begin",
    "complete_task",
    "deal",
    "deals_of",
    "give_task",
    "gone",
    "link_to",
    "note",
    "note_words",
    "put_back",
    "stands",
    "statuses",
    "subject_of",
    "withdraw_task",
    "write",
]

HUBSPOT = Person(id="hubspot")
"""Who answers when what stands in a deal does."""


def subject_of(deal: str) -> str:
    """What hints about a deal, and the cases of it, are about."""
    return f"hubspot:deal:{deal}"


def link_to(deal: str) -> str:
    """The deal's page for colleagues."""
    return current().places.hubspot.deal_page.format(deal=deal)


def gone(deal: str) -> str | None:
    """Why the deal is no ground for a case any more (deleted), or None."""
    try:
        current().hubspot.deals.deal(deal)
    except NotFound:
        return "the deal was deleted in HubSpot"
    return None


# -- what stands in a deal


def stands(deal: str, *, began: datetime | None = None) -> Deal:
    """A deal as it is now; HubSpot's history is asked for the status before the asking, if the case `began` after it.

    No step.

    Raises:
        NotFound: the deal is gone.
    """
    deals = current().hubspot.deals
    found = deals.deal(deal)
    past = () if began is None else (one.value for one in deals.statuses(deal) if one.at <= began)
    before = next((one for one in past if one and not policy.asks_to_offboard(one, set_by_us=False)), None)
    return Deal(id=found.id, won=found.won, status=found.status, earlier_status=before, contract_end=found.contract_end)


@lookup
def deal(deal: str, *, began: datetime | None = None) -> Deal:
    """A deal as it is now, as `stands` has it."""
    return stands(deal, began=began)


@lookup
def deals_of(company: str) -> tuple[Deal, ...]:
    """All deals of a customer, oldest first, as they are now."""
    return tuple(
        Deal(id=one.id, won=one.won, status=one.status, contract_end=one.contract_end)
        for one in current().hubspot.deals.of_company(company)
    )


@lookup
def statuses() -> tuple[str, ...]:
    """The statuses that a deal can have in this account."""
    return current().hubspot.rest.shapes("deals")[policy.property_name(Property.STATUS)].choices


class Written(BaseModel):
    """All that a case has written into a deal so far, in order."""

    model_config = ConfigDict(frozen=True)

    deal: str
    changes: tuple[Change, ...]


def _fields(values: dict[Property, str | None]) -> DealFields:
    end = values.get(Property.CONTRACT_END)
    return DealFields(values.get(Property.STATUS), None if end is None else date.fromisoformat(end))


def _set(deal: str, changes: tuple[Change, ...]) -> None:
    """Write what comes after where what was before still stands."""
    if not changes:
        return
    after = {one.property: one.after for one in changes}
    before = {one.property: one.before for one in changes}
    current().hubspot.deals.put_back(deal, _fields(after), _fields(before))


def _mark(case: str) -> str:
    return f"cw-{case}-put-back"


@step(repeatable=True)
def put_back(written: Written) -> tuple[Property, ...]:
    """Give the deal what stood there before the case's first write, where ours still stands; what others changed since.

    A note on the deal says so, one for each case. Looks before it writes, so doing it again does nothing more; a deal
    that is gone needs nothing.
    """
    hubspot = current().hubspot
    on: On = ("deals", written.deal)
    try:
        back = policy.put_back(written.changes, stands(written.deal))
    except NotFound:
        return ()
    _set(written.deal, back.changes)
    touched = {one.property for one in written.changes}
    if touched and hubspot.notes.find(on, _mark(case_id())) is None:
        text = messages.render(
            "offboarding/note-put-back",
            deal=written.deal,
            properties=[policy.property_name(one) for one in Property if one in touched.difference(back.left)],
            left=[policy.property_name(one) for one in back.left],
        ).body
        hubspot.notes.create(on, f"{text}\nRef {_mark(case_id())}", at=clock.present())
    return back.left


@step(repeatable=True, undo=put_back)
def write(deal: str, so_far: tuple[Change, ...], changes: tuple[Change, ...]) -> Written:
    """Write these changes after those before them. Sets values where others have not, so again changes nothing.

    The newest write knows all changes, so undoing it puts back everything, and undoing the older ones finds it done.
    """
    _set(deal, changes)
    return Written(deal=deal, changes=so_far + changes)


# -- notes


def _find_note(deal: str, /, *_args: object, **_values: object) -> str | None:
    found = current().hubspot.notes.find(("deals", deal), reference())
    return found.id if found else None


def _note(deal: str, message: str, values: dict[str, Any], quoted: str = "") -> str:
    text = f"{messages.render(message, **values).body}{quoted}\nRef {reference()}"
    return current().hubspot.notes.create(("deals", deal), text, at=clock.present())


@step(find=_find_note)
def note(deal: str, message: str, /, **values: object) -> str:
    """Leave a note on the deal for colleagues; its id."""
    return _note(deal, message, values)


@step(find=_find_note)
def note_words(deal: str, message: str, /, *, text: ConfidentialText, **values: object) -> str:
    """Leave a note that ends with what a colleague typed, links as they are; the case file never has the words."""
    return _note(deal, message, values, words(text))


@step(find=_find_note)
def begin(deal: str, message: str) -> str:
    """Note on the deal that a case has begun; the note's id."""
    return _note(deal, message, {"deal": deal, "case": case_id()[:8], "case_link": case_page()})


# -- tasks


def _find_task(deal: str, /, *_args: object, **_values: object) -> str | None:
    found = current().hubspot.tasks.find(("deals", deal), reference())
    return found.id if found else None


@step(repeatable=True)
def withdraw_task(task: str) -> bool:
    """Take a task back that nobody needs to do any more, unless it is done; whether it was. Again changes nothing."""
    tasks = current().hubspot.tasks
    try:
        if tasks.task(task).done:
            return False
    except NotFound:
        return False
    tasks.withdraw(task)
    return True


@step(find=_find_task, undo=withdraw_task)
def give_task(deal: str, owner: str, message: str, due: datetime, /, **values: object) -> str:
    """Give an owner of records a task to call somebody, on a deal; its id."""
    text = messages.render(message, **values)
    return current().hubspot.tasks.create(
        ("deals", deal),
        text.subject or "",
        f"{text.body}\nRef {reference()}",
        due=due,
        owner_id=owner,
        kind="CALL",
    )


@step(repeatable=True)
def complete_task(task: str) -> None:
    """Mark a task as done; again changes nothing, and one that somebody threw away stays away."""
    tasks = current().hubspot.tasks
    try:
        if tasks.task(task).done:
            return
    except NotFound:
        return
    tasks.complete(task)
