"""Leads, and who has an account: found by e-mail address before anything is made, filled up, never overwritten.

A lead of ours is made once for an address, whatever is lost or killed on the way and however many cases are about
it: its external id comes from the address, the org holds that unique, and so a second one, also one that was under way
while we looked, is refused. What is there with the address already, made by whomever, is what counts.

What others have written stays: before each change the record is read, and the change holds only for the record as it
was read (`If-Unmodified-Since`, by whole seconds).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from casework.systems import soql
from casework.systems.errors import Refused, Temporary
from casework.systems.salesforce_faults import ChangedMeanwhile
from casework.systems.salesforce_models import Account, Contact, Lead, User
from casework.systems.salesforce_org import Org
from casework.systems.salesforce_rest import SYSTEM

__all__ = ["Accounts", "Contacts", "LeadFields", "Leads", "Matched", "Users"]

_KIND = "Lead"
_ROUNDS = 3
_NAMES: Mapping[str, str] = {name: str(field.alias) for name, field in Lead.model_fields.items()}


@dataclass(frozen=True, slots=True)
class LeadFields:
    """What is known of a lead; None: nothing. All of it is personal data. A new one needs `last_name` and `company`."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    employee_count: int | None = None
    ats: str | None = None
    website: str | None = None
    phone: str | None = None

    def __repr__(self) -> str:
        return f"LeadFields({', '.join(self.known())})"

    def known(self) -> dict[str, Any]:
        """The values by attribute, those that there are."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Matched:
    """The record that has an address: a lead, or a contact. `created`: the lead was made by this call."""

    id: str
    created: bool


class Leads:
    """The leads of an org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._contacts = Contacts(org)

    def lead(self, lead_id: str) -> Lead:
        """A lead as it stands now. Raises `NotFound`, also for one that was deleted or merged into another."""
        return self._org.read(f"read lead {lead_id}", Lead, _KIND, lead_id)

    def by_email(self, email: str) -> tuple[Lead, ...]:
        """The leads with this address, case aside, oldest first; converted ones too."""
        return self._where("find the leads with an address", "Email", email)

    def ensure(self, fields: LeadFields, *, owner_id: str | None = None) -> Matched:
        """The record with `fields.email`: an open lead, else a contact, else a converted lead; else a lead is made.

        Who is there is left as he is. `owner_id` owns a new lead; without one our own user does. Repeatable: after
        `Temporary`, with `maybe_done` too, call it again. Raises ValueError without an address; `Refused` when the
        org wants no such lead, such as without a name or a company.
        """
        if fields.email is None:
            raise ValueError("A lead is found and made by its e-mail address")
        if (found := self._there(fields.email)) is not None:
            return found
        values = {_NAMES[name]: value for name, value in fields.known().items()}
        reference = _reference(fields.email)
        try:
            made = self._org.create("make a lead", _KIND, reference, {**values, "OwnerId": owner_id})
        except Refused:
            # A rule of the org's against duplicates may have seen one that was not there a moment ago.
            if (found := self._there(fields.email)) is not None:
                return found
            raise
        if made is not None:
            return Matched(made, created=True)
        # The one that was made for this address may have got another since.
        ours = self._where("find the lead of an address", "External_Id__c", reference)
        if not ours:
            detail = "there is a lead for this address that our user may not see: let it see all leads"
            raise Refused(SYSTEM, "make a lead", detail)
        return Matched(ours[0].id, created=False)

    def fill(self, lead_id: str, fields: LeadFields, *, unknown: Collection[str] = ()) -> tuple[str, ...]:
        """Write what is known into those fields that are empty; the names of the given fields that have their value.

        `unknown` are words that count as empty ("[not provided]"). Repeatable. Raises `NotFound`; `Refused` for a
        converted lead; `Temporary` when others do not stop changing it.
        """
        given = fields.known()

        def empty(lead: Lead) -> dict[str, Any]:
            return {name: value for name, value in given.items() if not lead.holds(name, unknown)}

        lead, written = self._changed(f"fill in lead {lead_id}", lead_id, empty)
        return tuple(name for name, value in given.items() if name in written or getattr(lead, name) == value)

    def nurture(self, lead_id: str, status: str, *, untouched: Collection[str]) -> bool:
        """Give a lead this status if it has none or one of the `untouched`, case aside; whether it has it now.

        Repeatable. Raises as `fill`.
        """
        before = {one.casefold() for one in untouched}

        def moved(lead: Lead) -> dict[str, Any]:
            return {"status": status} if lead.status is None or lead.status.casefold() in before else {}

        lead, written = self._changed(f"change the status of lead {lead_id}", lead_id, moved)
        return bool(written) or lead.status == status

    def _changed(
        self, operation: str, lead_id: str, change: Callable[[Lead], dict[str, Any]]
    ) -> tuple[Lead, Collection[str]]:
        """The lead as it was read last, and which of its attributes were changed then."""
        for _ in range(_ROUNDS):
            lead = self.lead(lead_id)
            values = change(lead)
            if not values:
                return lead, ()
            if lead.converted:
                raise Refused(SYSTEM, operation, "it was converted, so that its contact counts")
            named = {_NAMES[name]: value for name, value in values.items()}
            try:
                self._org.update(operation, _KIND, lead_id, named, unchanged_since=lead.changed)
            except ChangedMeanwhile:
                continue
            return lead, tuple(values)
        raise Temporary(SYSTEM, operation, "others are changing it all the time")

    def _there(self, email: str) -> Matched | None:
        leads = self.by_email(email)
        ours = sorted((one.converted, one.created, one.id) for one in leads)
        if ours and not ours[0][0]:
            return Matched(ours[0][2], created=False)
        contacts = self._contacts.by_email(email)
        found = contacts[0].id if contacts else ours[0][2] if ours else None
        return None if found is None else Matched(found, created=False)

    def _where(self, operation: str, field: str, value: str) -> tuple[Lead, ...]:
        wanted = soql.equals(self._org.field(_KIND, field), value)
        return tuple(self._org.find(operation, Lead, _KIND, wanted))


class Contacts:
    """The people at customers."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def by_email(self, email: str) -> tuple[Contact, ...]:
        """The contacts with this address, case aside, oldest first."""
        return tuple(
            self._org.find("find the contacts with an address", Contact, "Contact", soql.equals("Email", email))
        )


class Accounts:
    """The customers, and who has them."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._contacts = Contacts(org)

    def account(self, account_id: str) -> Account:
        """An account as it stands now. Raises `NotFound`."""
        return self._org.read(f"read account {account_id}", Account, "Account", account_id)

    def of(self, email: str) -> tuple[Account, ...]:
        """The accounts whose contacts have this address, oldest first. Several: a person has to say which."""
        ids = {one.account_id for one in self._contacts.by_email(email) if one.account_id is not None}
        if not ids:
            return ()
        wanted = soql.within("Id", sorted(ids))
        return tuple(self._org.find("find the accounts of an address", Account, "Account", wanted))


class Users:
    """Those who work in the org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def user(self, user_id: str) -> User:
        """Somebody by id. Raises `NotFound`, also for a queue."""
        return self._org.read(f"read user {user_id}", User, "User", user_id)

    def by_email(self, email: str) -> User | None:
        """The active colleague with this address, or None; of several accounts of one person the oldest.

        Those of customers, integrations and robots, which are of other types, do not count.
        """
        wanted = (soql.equals("Email", email), soql.equals("IsActive", True), soql.equals("UserType", "Standard"))
        return next(self._org.find("find the user with an address", User, "User", *wanted), None)


def _reference(email: str) -> str:
    """The external id of the lead for an address, which it does not show."""
    return f"cw-lead-{sha256(email.strip().lower().encode()).hexdigest()[:40]}"
