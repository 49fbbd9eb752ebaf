"""What escalations are about: members, reviews, refunds and privacy requests, in the org's own objects.

An upsert by the org's unique reference makes a record once, whatever is lost or killed on the way. A review is changed
together with a comment on its case: both or neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from casework.systems import soql
from casework.systems.salesforce_ids import long
from casework.systems.salesforce_models import CaseMail, Member, PrivacyRequest, Refund, Review
from casework.systems.salesforce_org import Org
from casework.systems.salesforce_rest import Upserted

__all__ = ["Members", "Privacy", "RefundAsked", "Refunds", "Reviews"]


class Members:
    """The contacts behind cases."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def member(self, contact_id: str) -> Member:
        """A member as the account has them now. Raises `NotFound`."""
        return self._org.read(f"read contact {contact_id}", Member, "Contact", contact_id)

    def with_address(self, email: str) -> tuple[Member, ...]:
        """The members who have this address, case aside, oldest first."""
        wanted = soql.equals(self._org.field("Contact", "Email"), email)
        return tuple(self._org.find("find the contacts with an address", Member, "Contact", wanted))

    def edit(self, contact_id: str, *, display_name: str | None = None, gender: str | None = None) -> None:
        """Set the name that the member uses, or the gender. Repeatable; look with `member` that it shows."""
        values = {"Display_Name__c": display_name, "Gender__c": gender}
        self._org.update(f"edit contact {contact_id}", "Contact", contact_id, values)


class Reviews:
    """Reviews on the platform."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def review(self, review_id: str) -> Review:
        """A review as it stands now. Raises `NotFound`."""
        return self._org.read(f"read review {review_id}", Review, "Review__c", review_id)

    def of_case(self, case_id: str) -> tuple[Review, ...]:
        """The reviews that a case is about, oldest first."""
        wanted = soql.equals(self._org.field("Review__c", "Case__c"), long(case_id))
        return tuple(self._org.find(f"find the reviews of case {case_id}", Review, "Review__c", wanted))

    def change(self, review_id: str, case_id: str, comment: str, *, text: str, status: str = "Edited") -> str:
        """Give a review a new text and comment on its case, both or neither; the comment's id.

        Not repeatable: after `Temporary` with `maybe_done` look with `Cases.find_comment` first. Raises `PartRefused`.
        """
        return self._commented(
            f"change review {review_id}", review_id, case_id, comment, Text__c=text, Status__c=status
        )

    def reject(self, review_id: str, case_id: str, comment: str, *, status: str = "Rejected") -> str:
        """Reject a review for good and comment on its case, both or neither; its id. Otherwise as `change`."""
        return self._commented(f"reject review {review_id}", review_id, case_id, comment, Status__c=status)

    def _commented(self, operation: str, review_id: str, case_id: str, comment: str, **values: Any) -> str:
        change = self._org.change("the change of the review", "Review__c", review_id, values)
        return self._org.commented(operation, long(case_id), comment, change)


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A refund as a case asks for it, and where it stands."""

    contact_id: str
    case_id: str
    booking: str
    reason: str
    amount: Decimal
    status: str

    def values(self) -> dict[str, Any]:
        """By our names of the fields."""
        return {
            "Contact__c": long(self.contact_id),
            "Case__c": long(self.case_id),
            "Booking__c": self.booking,
            "Reason__c": self.reason,
            "Amount__c": float(self.amount),
            "Status__c": self.status,
        }


class Refunds:
    """What members were refunded, or asked for."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def of_member(self, contact_id: str) -> tuple[Refund, ...]:
        """Every refund of a member, oldest first: counts per reason are counted from these."""
        wanted = soql.equals(self._org.field("Refund__c", "Contact__c"), long(contact_id))
        return tuple(self._org.find(f"list the refunds of contact {contact_id}", Refund, "Refund__c", wanted))

    def ask(self, reference: str, asked: RefundAsked) -> str | None:
        """Record a refund that is asked for: its id, or None when one with the same `reference` is there, as it was.

        After `Temporary` with `maybe_done` again; what is there then may be this one.
        """
        return self._org.create(f"ask for the refund of case {asked.case_id}", "Refund__c", reference, asked.values())

    def record(self, reference: str, asked: RefundAsked) -> Upserted:
        """Record a refund once: again with the same `reference` finds the first and sets its values. Repeatable."""
        operation = f"record the refund of case {asked.case_id}"
        return self._org.upsert(operation, "Refund__c", reference, asked.values())

    def set_status(self, refund_id: str, status: str) -> None:
        """Say what became of a refund. Repeatable. Raises `NotFound`."""
        self._org.update(f"edit refund {refund_id}", "Refund__c", refund_id, {"Status__c": status})


class Privacy:
    """Data subjects' requests."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def of_case(self, case_id: str) -> tuple[PrivacyRequest, ...]:
        """The requests made for a case, by us or by hand, oldest first."""
        wanted = soql.equals(self._org.field("Privacy_Request__c", "Case__c"), long(case_id))
        operation = f"find the privacy requests of case {case_id}"
        return tuple(self._org.find(operation, PrivacyRequest, "Privacy_Request__c", wanted))

    def request(self, request_id: str) -> PrivacyRequest:
        """A request as it stands now, with its number. Raises `NotFound`."""
        return self._org.read(f"read privacy request {request_id}", PrivacyRequest, "Privacy_Request__c", request_id)

    def record(
        self, reference: str, *, case_id: str, contact_id: str | None, request_type: str, status: str
    ) -> Upserted:
        """Make the request once: again with the same `reference` finds the first and sets its values. Repeatable.

        Look with `of_case` first for one that somebody made by hand.
        """
        values = {
            "Case__c": long(case_id),
            "Contact__c": None if contact_id is None else long(contact_id),
            "Request_Type__c": request_type,
            "Request_Status__c": status,
        }
        return self._org.upsert(f"make the privacy request of case {case_id}", "Privacy_Request__c", reference, values)

    def mails(self, request_id: str) -> tuple[CaseMail, ...]:
        """The e-mails that Salesforce itself has sent about a request, oldest first."""
        wanted = soql.equals("RelatedToId", long(request_id))
        operation = f"list the mails of privacy request {request_id}"
        return tuple(self._org.find(operation, CaseMail, "EmailMessage", wanted))
