"""The people around a Salesforce case, played: members who write in, and agents who work in Salesforce.

They act as through Salesforce's own pages, so what they do reaches us only as a signed callout or when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casework.sandbox import salesforce_records as records
from casework.sandbox import seed_escalations
from casework.sandbox.http import Json
from casework.sandbox.salesforce_records import PLATFORM

if TYPE_CHECKING:
    from casework.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with an account, by the roster's name for them (`member-1`)."""

    world: World

    def open_case(
        self, member_id: str | None, subject: str, text: str, tier: str = "Tier 2", email: str | None = None
    ) -> str:
        """Writes to support; the case's id. Without a member the address is unknown to the org.

        Raises:
            LookupError: there is no such member.
        """
        with self.world.changing(), records.requesting(self.world, PLATFORM) as request:
            contact = None if member_id is None else self._contact(member_id)["Id"]
            address = email if member_id is None else self._contact(member_id)["Email"]
            made = seed_escalations.open_case(request, contact, subject, text, tier=tier, email=address)
            return str(made["Id"])

    def write(self, case: str, text: str) -> str:
        """Answers by mail; the message's id.

        Raises:
            LookupError: there is no such case.
        """
        with self.world.changing(), records.requesting(self.world, PLATFORM) as request:
            return records.receive_mail(request, _case(self.world, case)["Id"], text)

    def set_password(self, member_id: str) -> None:
        """Gives the account a password."""
        with self.world.changing(), records.requesting(self.world, PLATFORM) as request:
            records.update(request, "Contact", self._contact(member_id), {"Has_Password__c": True})

    def _contact(self, member_id: str) -> Json:
        known = self.world.state["roster"]["members"].get(member_id)
        if known is None:
            raise LookupError(f"there is no member {member_id}")
        found: Json = self.world.state["salesforce"]["records"]["Contact"][known["contact_id"]]
        return found


@dataclass(frozen=True, slots=True)
class Tier2:
    """An agent who works in Salesforce, by the roster's staff id."""

    world: World

    def comment(self, case: str, staff_id: str, text: str, public: bool = False) -> str:
        """Comments on a case; the comment's id."""
        given = {"ParentId": _case(self.world, case)["Id"], "CommentBody": text, "IsPublished": public}
        with self.world.changing(), records.requesting(self.world, self._user(staff_id)) as request:
            return str(records.create(request, "CaseComment", given)["Id"])

    def edit(self, case: str, staff_id: str, **values: Any) -> None:
        """Sets fields of a case, by Salesforce's names (`Status="Closed"`)."""
        with self.world.changing(), records.requesting(self.world, self._user(staff_id)) as request:
            records.update(request, "Case", _case(self.world, case), values)

    def request_privacy(self, case: str, staff_id: str, request_type: str) -> str:
        """Makes a privacy request by hand; its id."""
        found = _case(self.world, case)
        given = {"Case__c": found["Id"], "Contact__c": found["ContactId"], "Request_Type__c": request_type}
        with self.world.changing(), records.requesting(self.world, self._user(staff_id)) as request:
            return str(records.create(request, "Privacy_Request__c", given)["Id"])

    def _user(self, staff_id: str) -> str:
        member = self.world.state["roster"]["staff"].get(staff_id)
        if member is None or "salesforce_id" not in member:
            raise LookupError(f"nobody called {staff_id} works in Salesforce")
        return str(member["salesforce_id"])


def _case(world: World, case: str) -> Json:
    found: Json | None = world.state["salesforce"]["records"]["Case"].get(case)
    if found is None:
        raise LookupError(f"there is no case {case}")
    return found
