"""Cases in Salesforce: what stands on them, comments for colleagues, mails to the member, how they leave our hands.

Neither a comment nor a mail has an idempotency key: each ends with a reference by which it is found again. What
members write stays in Salesforce; what is read here gives ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel, ConfigDict

from casework.people import Identity, Person
from casework.step import case_id, case_page, lookup, reference, step
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.salesforce import CaseMail
from casework.wait import Heard
from policies import messages
from policies.tier2_intake import NUMBERS

__all__ = [
    "SALESFORCE",
    "begin",
    "close",
    "found_comment",
    "gone",
    "hand_back",
    "last_mail",
    "link_to",
    "mails",
    "note",
    "number",
    "reply",
    "subject_of",
]

SALESFORCE = Person(id="salesforce")
"""Who answers when what stands on a case does."""


def subject_of(case: str) -> str:
    """What hints about a case, and the waits that listen to it, are about."""
    return f"salesforce:case:{case}"


def found_comment(case: str, *_args: object, **_values: object) -> str | None:
    """The comment that the step at hand has written on the case, if it has; its id. For steps to be found by."""
    found = current().salesforce.cases.find_comment(case, reference())
    return found.id if found else None


def _written(message: str, values: dict[str, object]) -> str:
    return f"{messages.render(message, **values).body}\nRef {reference()}"


@step(find=found_comment)
def note(case: str, message: str, **values: object) -> str:
    """Write a comment that only colleagues read; its id."""
    return current().salesforce.cases.comment(case, _written(message, values), public=False)


def _find_reply(case: str, *_args: object, **_values: object) -> bool | None:
    return True if current().salesforce.cases.find_reply(case, reference()) else None


@step(find=_find_reply)
def reply(case: str, message: str, **values: object) -> bool:
    """Mail the member; true. The subject is the case's own, which Salesforce threads by."""
    cases = current().salesforce.cases
    cases.reply(case, f"Re: {cases.case(case).subject or ''}".strip(), _written(message, values))
    return True


@step(find=found_comment)
def close(case: str, message: str, *, reason: str, secondary_reason: str | None = None, **values: object) -> str:
    """Close the case together with its comment, both or neither; the comment's id."""
    text = _written(message, values)
    return current().salesforce.cases.close(case, text, reason=reason, secondary_reason=secondary_reason)


@step(find=found_comment)
def hand_back(case: str, message: str, **values: object) -> str:
    """Give the case back to Tier 1 together with a comment that says why, both or neither; the comment's id."""
    return current().salesforce.cases.hand_back(case, _written(message, values), tier=NUMBERS.tiers.below)


class Begun(BaseModel):
    """A case of Salesforce on which ours was announced, and what colleagues read there if it is called off."""

    model_config = ConfigDict(frozen=True)

    case: str
    call_off: str


def _find_begun(case: str, message: str, call_off: str) -> Begun | None:  # noqa: ARG001 - as begin
    return Begun(case=case, call_off=call_off) if found_comment(case) else None


def _find_called_off(begun: Begun) -> str | None:
    return found_comment(begun.case) if gone(begun.case) is None else ""


@step(find=_find_called_off)
def call_off(begun: Begun) -> str:
    """Tell colleagues that the case is theirs again, where it is still in our hands; the comment's id or nothing."""
    if gone(begun.case) is not None:
        return ""
    return current().salesforce.cases.comment(begun.case, _written(begun.call_off, {}), public=False)


@step(find=_find_begun, undo=call_off)
def begin(case: str, message: str, call_off: str) -> Begun:
    """Comment on the case that ours has begun; if that ends early, colleagues are told with `call_off`."""
    text = _written(message, {"case": case_id()[:8], "case_link": case_page()})
    current().salesforce.cases.comment(case, text, public=False)
    return Begun(case=case, call_off=call_off)


# -- looking; nothing here changes anything


def link_to(case: str) -> str:
    """The case's page for colleagues."""
    return current().places.case_page.format(case=case)


@lookup
def number(case: str) -> str:
    """The number by which people call the case."""
    return current().salesforce.cases.case(case).number


def _incoming(case: str, after: str) -> Iterator[CaseMail]:
    """The member's mails on the case, oldest first: those after the one with this id, all when it is not there."""
    written = current().salesforce.cases.mails(case)
    known = next((at for at, mail in enumerate(written, 1) if mail.id == after), 0)
    return (mail for mail in written[known:] if mail.incoming)


def mails(case: str, after: str) -> Iterable[Heard]:
    """What the member mailed on the case after the mail with this id, as answers with the id as `mail`."""
    identity = Identity(kind="system", value=SALESFORCE.id)
    for mail in _incoming(case, after):
        yield Heard(identity, {"mail": mail.id}, f"salesforce:mail-{mail.id}", mail.at)


@lookup
def last_mail(case: str) -> str:
    """The id of the last mail that the member wrote on the case; empty without one."""
    written = list(_incoming(case, ""))
    return written[-1].id if written else ""


def gone(case: str) -> str | None:
    """Why the case is no ground for ours any more (closed, deleted, in other hands), or None."""
    try:
        found = current().salesforce.cases.case(case)
    except NotFound:
        return "the case was deleted in Salesforce"
    if found.tier != NUMBERS.tiers.ours:
        return f"the case is not with {NUMBERS.tiers.ours} any more"
    return "the case was closed in Salesforce" if found.closed else None
