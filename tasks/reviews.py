"""Reviews in Salesforce: which one a case is about, the case that it came in by, and its change.

A review is changed in one request with the comment on its own case that Salesforce wants, both or neither, and found
again by that comment. What members wrote stays in Salesforce.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from casework.confidential import ConfidentialText
from casework.step import lookup, reference, step, words
from casework.systems import current
from casework.systems.errors import NotFound
from policies import messages
from policies import review_escalation as policy
from policies.review_escalation import NUMBERS
from tasks.salesforce import found_comment

__all__ = [
    "Standing",
    "Wanted",
    "edit",
    "is_new",
    "open_again",
    "put_back",
    "read_again",
    "remove",
    "standing",
    "wanted",
]


class Wanted(BaseModel):
    """What a case asks for, and the reviews of the case (`home`) whose number it names; empty without one.

    `same_member`: both cases are known to be of one member.
    """

    model_config = ConfigDict(frozen=True)

    ask: policy.Ask
    home: str = ""
    reviews: tuple[policy.Review, ...] = ()
    same_member: bool = False


@lookup
def wanted(case: str) -> Wanted:
    """What the case's subject asks for, and the reviews that it can mean."""
    cases = current().salesforce.cases
    escalated = cases.case(case)
    ask = policy.ask(escalated.subject or "")
    if ask.case_number is None:
        return Wanted(ask=ask)
    try:
        home = cases.by_number(ask.case_number)
    except NotFound:
        return Wanted(ask=ask)
    found = tuple(policy.Review(id=one.id, status=one.status) for one in current().salesforce.reviews.of_case(home.id))
    same = home.contact_id is not None and home.contact_id == escalated.contact_id
    return Wanted(ask=ask, home=home.id, reviews=found, same_member=same)


@lookup
def read_again(review: str) -> policy.Review:
    """The review as it stands now."""
    found = current().salesforce.reviews.review(review)
    return policy.Review(id=found.id, status=found.status)


@lookup
def is_new(review: str, text: ConfidentialText) -> bool:
    """Whether a text is another one than the review has, whatever ends its lines."""
    return _lines(words(text)) != _lines(current().salesforce.reviews.review(review).text or "")


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


# -- the case that a review came in by


class Standing(BaseModel):
    """How the case that a review came in by stands."""

    model_config = ConfigDict(frozen=True)

    home: str
    case: policy.CaseNow


def _read(home: str) -> policy.CaseNow:
    found = current().salesforce.cases.case(home)
    return policy.CaseNow(status=found.status, owner=found.owner_id)


@lookup
def standing(home: str) -> Standing:
    """How the case that a review came in by stands now."""
    return Standing(home=home, case=_read(home))


@step(repeatable=True)
def put_back(before: Standing) -> bool:
    """Close the case again where it is as we left it, in its owner's hands; whether it had to be closed.

    Again changes nothing: it is closed then.
    """
    try:
        now = _read(before.home)
    except NotFound:
        return False
    if policy.after_opening(before.case, now) is not None:
        return False
    current().salesforce.cases.edit(before.home, status=before.case.status)
    return True


@step(repeatable=True, undo=put_back)
def open_again(before: Standing) -> Standing:
    """Set the closed case to New; how it stood. Again changes nothing, and one that is open is left as it is."""
    cases = current().salesforce.cases
    if cases.case(before.home).closed:
        cases.edit(before.home, status=NUMBERS.case_statuses.open)
    return before


# -- the change


def _comment(message: str, review: str, values: dict[str, object]) -> str:
    return f"{messages.render(message, review=review, **values).body}\nRef {reference()}"


@step(find=found_comment)
def edit(home: str, review: str, message: str, *, text: ConfidentialText, **values: object) -> str:
    """Give the review a new text together with the comment on its case, both or neither; the comment's id."""
    comment, status = _comment(message, review, values), NUMBERS.changed.edited
    return current().salesforce.reviews.change(review, home, comment, text=words(text), status=status)


@step(find=found_comment)
def remove(home: str, review: str, message: str, **values: object) -> str:
    """Reject the review for good together with the comment on its case, both or neither; the comment's id."""
    comment = _comment(message, review, values)
    return current().salesforce.reviews.reject(review, home, comment, status=NUMBERS.changed.removed)
