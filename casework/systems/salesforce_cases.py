"""Cases: read, moved, commented, answered, closed.

An answer to the member goes out by Salesforce's own action for mail, with exactly the words given: no template of the
org and so none of its merge fields, which may hold a name that the member does not use. It is logged on the case,
where `find_reply` finds it again. (A published comment would be mailed only where the org's settings say so, within a
template of the org's.) Source: Salesforce, "Actions Developer Guide", "Simple Email Actions".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from casework.systems import soql
from casework.systems.errors import NotFound, Refused
from casework.systems.markers import ends_with_marker
from casework.systems.salesforce_ids import long
from casework.systems.salesforce_models import CaseMail, CaseRecord, Changed, Comment
from casework.systems.salesforce_org import Org, comment_on
from casework.systems.salesforce_rest import SYSTEM

__all__ = ["Cases"]

_KIND = "Case"


class Cases:
    """The cases of an org. `sender` is the org-wide address that answers come from; without one, our own user's."""

    def __init__(self, org: Org, sender: str | None = None) -> None:
        self._org = org
        self._sender = sender

    def case(self, case_id: str) -> CaseRecord:
        """A case as it stands now. Raises `NotFound`."""
        return self._org.read(f"read case {case_id}", CaseRecord, _KIND, case_id)

    def by_number(self, number: str) -> CaseRecord:
        """The case that people call by this number. Raises `NotFound`."""
        operation = "find a case by its number"
        found = next(self._org.find(operation, CaseRecord, _KIND, soql.equals("CaseNumber", number)), None)
        if found is None:
            raise NotFound(SYSTEM, operation, "there is none of this number")
        return found

    def edit(
        self,
        case_id: str,
        *,
        status: str | None = None,
        tier: str | None = None,
        reason: str | None = None,
        secondary_reason: str | None = None,
        owner_id: str | None = None,
    ) -> None:
        """Set the given fields; None leaves a field as it is. Repeatable."""
        values = _fields(status=status, tier=tier, reason=reason, secondary_reason=secondary_reason, owner_id=owner_id)
        self._org.update(f"edit case {case_id}", _KIND, case_id, values)

    # -- comments

    def comments(self, case_id: str) -> tuple[Comment, ...]:
        """Public and internal comments, oldest first."""
        wanted = soql.equals("ParentId", long(case_id))
        return tuple(self._org.find(f"list the comments of case {case_id}", Comment, "CaseComment", wanted))

    def find_comment(self, case_id: str, marker: str) -> Comment | None:
        """The first comment that our own user wrote and that ends with `marker`."""
        ours = self._org.rest.own_id()
        return next(
            (one for one in self.comments(case_id) if ends_with_marker(one.text, marker) and one.author_id == ours),
            None,
        )

    def comment(self, case_id: str, text: str, *, public: bool) -> str:
        """Comment on a case, for colleagues or for the member too (`public`); the comment's id.

        Not repeatable: after `Temporary` with `maybe_done` look with `find_comment` first.
        """
        change = comment_on(long(case_id), text, public=public)
        return self._org.rest.create(f"comment on case {case_id}", "CaseComment", change.body)

    def close(
        self, case_id: str, comment: str, *, reason: str, secondary_reason: str | None = None, status: str = "Closed"
    ) -> str:
        """Comment for colleagues and close, both or neither; the comment's id. Look with `find_comment` after doubt."""
        values = _fields(status=status, reason=reason, secondary_reason=secondary_reason)
        return self._commented(f"close case {case_id}", case_id, comment, values)

    def hand_back(self, case_id: str, comment: str, *, tier: str = "Tier 1", status: str = "New") -> str:
        """Comment for colleagues and give the case to another tier, both or neither; the comment's id.

        Look with `find_comment` after doubt.
        """
        values = _fields(status=status, tier=tier)
        return self._commented(f"hand back case {case_id}", case_id, comment, values)

    # -- mail

    def mails(self, case_id: str) -> tuple[CaseMail, ...]:
        """The e-mails of a case, both ways, oldest first."""
        wanted = soql.either(soql.equals("ParentId", long(case_id)), soql.equals("RelatedToId", long(case_id)))
        return tuple(self._org.find(f"list the mails of case {case_id}", CaseMail, "EmailMessage", wanted))

    def reply(self, case_id: str, subject: str, text: str) -> None:
        """Mail exactly this to the case's contact, or to the address it came from where it has no contact.

        Not repeatable: after `Temporary` with `maybe_done` look with `find_reply` first. Raises `Refused` when the
        case has neither.
        """
        operation = f"answer case {case_id}"
        case = self.case(case_id)
        inputs: dict[str, Any] = {
            "emailSubject": subject,
            "emailBody": text,
            "relatedRecordId": case.id,
            "logEmailOnSend": True,
            # In the subject, because the text must end as it was given: by its end it is found again.
            "addThreadingTokenToSubject": True,
        }
        if case.contact_id is not None:
            inputs["recipientId"] = case.contact_id
        elif case.supplied_email:
            inputs["emailAddresses"] = case.supplied_email
        else:
            raise Refused(SYSTEM, operation, "the case has neither a contact nor an address that it came from")
        if self._sender is not None:
            inputs |= {"senderType": "OrgWideEmailAddress", "senderAddress": self._sender}
        self._org.rest.act(operation, "emailSimple", inputs)

    def find_reply(self, case_id: str, marker: str) -> CaseMail | None:
        """The first mail of the case that our own user sent and that ends with `marker`."""
        ours = self._org.rest.own_id()
        return next(
            (
                one
                for one in self.mails(case_id)
                if one.sent and one.author_id == ours and ends_with_marker(one.text or "", marker)
            ),
            None,
        )

    # -- news

    def changed_since(self, moment: datetime, tier: str = "Tier 2") -> Iterator[Changed]:
        """The tier's cases that were changed, commented, written to, or whose contact changed, since `moment`.

        A case may come more than once.
        """
        name = self._org.field(_KIND, "Tier__c")
        changes = ("SystemModstamp", "Contact.SystemModstamp")
        mine = soql.equals(name, tier)
        either = soql.either(*(soql.since(one, moment) for one in changes))
        query = soql.select(["Id", *changes], _KIND, mine, either)
        for found in self._org.rest.query("look which cases changed", query):
            contact = found.get("Contact") or {}
            times = [_moment(found["SystemModstamp"]), _moment(contact.get("SystemModstamp"))]
            yield Changed(long(found["Id"]), max(at for at in times if at is not None))
        for kind in ("CaseComment", "EmailMessage"):
            conditions = (soql.since("SystemModstamp", moment), soql.equals(f"Parent.{name}", tier))
            query = soql.select(["ParentId", "SystemModstamp"], kind, *conditions)
            for found in self._org.rest.query(f"look for new records of {kind}", query):
                at = _moment(found["SystemModstamp"])
                if at is not None:
                    yield Changed(long(found["ParentId"]), at)

    def _commented(self, operation: str, case_id: str, comment: str, values: dict[str, Any]) -> str:
        change = self._org.change("the change of the case", _KIND, case_id, values)
        return self._org.commented(operation, long(case_id), comment, change)


def _fields(
    *,
    status: str | None = None,
    tier: str | None = None,
    reason: str | None = None,
    secondary_reason: str | None = None,
    owner_id: str | None = None,
) -> dict[str, Any]:
    return {
        "Status": status,
        "Tier__c": tier,
        "Reason": reason,
        "Secondary_Reason__c": secondary_reason,
        "OwnerId": owner_id,
    }


def _moment(value: str | None) -> datetime | None:
    """A time as Salesforce writes it, with an offset that has no colon."""
    return None if value is None else datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z")
