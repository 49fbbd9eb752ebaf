"""What is known of a lead: by the contact of its conversation in Intercom, by Qualified, and by what the SDR has typed.

All of it is personal data: it is read inside of a step, put where it belongs, and given to nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from casework.confidential import ConfidentialText
from casework.step import lookup, words
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.intercom import Contact
from policies.sales_transfer import NUMBERS
from policies.sales_transfer_facts import LeadField
from tasks import conversations

__all__ = ["Details", "Known", "Told", "address", "details", "is_address", "known_fields"]

_ADDRESS = re.compile(r"[^\s@,<>\"]+@[^\s@,<>\".]+(\.[^\s@,<>\".]+)+")


def is_address(text: str) -> bool:
    """Whether this is an e-mail address, and one that every vendor can look for."""
    return bool(_ADDRESS.fullmatch(text)) and ".." not in text


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class Told(_Fact):
    """Who writes in a conversation, and where what is known of them stands.

    Attributes:
        conversation: its id in Intercom.
        contact: the id of theirs, as it was seen last: a conversation can be deleted.
        values: what the SDR has typed of them, sealed.
        employees: how many their company has, as far as it is known.
    """

    conversation: str
    contact: str | None = None
    values: Mapping[LeadField, ConfidentialText] = {}
    employees: int | None = None


class Known(_Fact):
    """Of which fields we have a value, who it is in Intercom, and how many employees there are, if that is known."""

    fields: frozenset[LeadField]
    contact: str | None = None
    employees: int | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a lead; None: nothing. `contact` is their id in Intercom."""

    contact: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    company: str | None = None
    employee_count: int | None = None
    ats: str | None = None
    website: str | None = None
    phone: str | None = None

    def __repr__(self) -> str:
        return f"Details(contact={self.contact!r}, known={sorted(self.known())})"

    def known(self) -> frozenset[LeadField]:
        """The fields that have a value."""
        return frozenset(field for field in LeadField if getattr(self, field) is not None)

    def of(self, fields: frozenset[LeadField]) -> dict[str, Any]:
        """The values of these fields by their names, those that there are."""
        return {field.value: getattr(self, field) for field in LeadField if field in fields & self.known()}


@lookup
def known_fields(person: Told) -> Known:
    """Which fields of a lead we have a value of."""
    found = details(person)
    return Known(fields=found.known(), contact=found.contact, employees=found.employee_count)


def details(person: Told) -> Details:
    """All that is known of somebody; what the SDR has typed goes before what others say. No step."""
    contact = _contact(person)
    typed: dict[str, Any] = {field.value: words(text) for field, text in person.values.items()}
    email = _address(contact, typed.get(LeadField.EMAIL.value))
    lead = None if email is None else current().qualified.lead_of(email)
    others = {} if lead is None else lead.fields
    texts = {
        field.value: _text(typed.get(field.value)) or _text(others.get(field.value))
        for field in (LeadField.COMPANY, LeadField.ATS, LeadField.WEBSITE, LeadField.PHONE)
    }
    counted = _count(others.get(LeadField.EMPLOYEE_COUNT.value))
    first, last = _names(contact)
    return Details(
        contact=None if contact is None else contact.id,
        first_name=first,
        last_name=last,
        email=email,
        employee_count=counted if person.employees is None else person.employees,
        **texts,
    )


def address(person: Told) -> str:
    """The e-mail address of somebody whose address is known. No step.

    Raises:
        NotFound: it is not there any more.
    """
    email = _address(_contact(person), _typed_address(person))
    if email is None:
        operation = f"read the address of who writes in conversation {person.conversation}"
        raise NotFound("Intercom", operation, "the contact has none any more: it was deleted or changed meanwhile")
    return email


def _typed_address(person: Told) -> str | None:
    text = person.values.get(LeadField.EMAIL)
    return None if text is None else words(text)


def _address(contact: Contact | None, typed: str | None) -> str | None:
    """What the SDR has typed, else what Intercom has, where it is an address."""
    for one in (typed, None if contact is None else contact.email):
        email = (one or "").strip()
        if is_address(email):
            return email
    return None


def _contact(person: Told) -> Contact | None:
    """Whose conversation it is; where that is gone, who it was."""
    found = conversations.customer(person.conversation)
    if found is None and person.contact is not None:
        try:
            return current().intercom.contacts.contact(person.contact)
        except NotFound:
            return None
    return found


def _names(contact: Contact | None) -> tuple[str | None, str | None]:
    """First and last name, as Intercom's sync takes them apart: the last one is what Salesforce insists on."""
    name = "" if contact is None else " ".join((contact.name or "").split())
    first, _, last = name.partition(" ")
    return (first, last) if last else (None, first or None)


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return None if text.casefold() in ("", NUMBERS.lead.unknown.casefold()) else text


def _count(value: Any) -> int | None:
    try:
        count = None if value is None or isinstance(value, bool) else int(value)
    except (ValueError, TypeError):
        return None
    return None if count is None or count < 0 else count
