"""The legal clock's facts in Salesforce, what the member is written about it, and its notes on the case.

The case may be closed or gone by now: what cannot be noted on it any more is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from casework import clock
from casework.people import Identity
from casework.step import case_id, lookup, reference, step
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.salesforce import PrivacyRequest
from casework.wait import Heard
from policies import messages
from policies.legal_clock import NUMBERS
from policies.legal_clock_watch import Said
from tasks.salesforce import SALESFORCE, gone

__all__ = ["answered", "heard", "note", "received", "tell", "warn"]


@lookup
def received(case: str) -> datetime:
    """When the request came in: the case's creation in Salesforce."""
    return current().salesforce.cases.case(case).created


@lookup
def answered(case: str) -> datetime | None:
    """When the last of the case's privacy requests was completed in Salesforce, at the latest; None: not yet."""
    return _answered(current().salesforce.privacy.of_case(case))


def heard(case: str, *, left: bool) -> Iterator[Heard]:
    """What Salesforce says by itself: that the request is answered, or that the case left us without one.

    The second is not said again when it is known (`left`).
    """
    found = current().salesforce.privacy.of_case(case)
    identity = Identity(kind="system", value=SALESFORCE.id)
    at = _answered(found)
    if at is not None:
        yield Heard(identity, {"said": Said.ANSWERED}, f"salesforce:answered-{found[-1].id}", at)
    elif not found and not left and gone(case) is not None:
        yield Heard(identity, {"said": Said.WITHDRAWN}, f"salesforce:left-{case}")


def _answered(found: tuple[PrivacyRequest, ...]) -> datetime | None:
    if not found or any(one.status not in NUMBERS.answered_statuses for one in found):
        return None
    return max(one.changed for one in found)


def _sent(case: str, *_args: object, **_values: object) -> datetime | None:
    found = current().salesforce.cases.find_reply(case, reference())
    return found.at if found else None


@step(find=_sent)
def tell(case: str, message: str, **values: object) -> datetime | None:
    """Mail the member; when it went out by Salesforce's clock (UTC).

    None when the operators have passed it over, because it could not be sent.
    """
    cases = current().salesforce.cases
    text = f"{messages.render(message, **values).body}\nRef {reference()}"
    cases.reply(case, f"Re: {cases.case(case).subject or ''}".strip(), text)
    return _sent(case) or clock.present()


def _find_note(case: str, *_args: object, **_values: object) -> str | None:
    return _noted(case, reference())


@step(find=_find_note)
def note(case: str, message: str, **values: object) -> str | None:
    """Write a comment that only colleagues read; its id, or None when the case is gone."""
    return _comment(case, message, values, reference())


@step(repeatable=True)
def warn(case: str, about: str, **values: object) -> str | None:
    """Note a warning on the case; the comment's id, or None when the case is gone.

    It is there once, whoever is reminded and however often: by `about`, which names what is warned of, it is looked
    for before it is written.
    """
    marker = f"{case_id()[:8]}/{about}"
    return _noted(case, marker) or _comment(case, "legal_clock/note-warning", values, marker)


def _noted(case: str, marker: str) -> str | None:
    found = current().salesforce.cases.find_comment(case, marker)
    return found.id if found else None


def _comment(case: str, message: str, values: dict[str, object], marker: str) -> str | None:
    cases = current().salesforce.cases
    try:
        cases.case(case)
    except NotFound:
        return None
    return cases.comment(case, f"{messages.render(message, **values).body}\nRef {marker}", public=False)
