"""What our processes need of an org, by our names, in parts; and whether an org has it.

Every org names its custom objects and fields itself, so `Names` leads from ours to the org's. `demand` compares what
an org describes with what is needed, in sentences for its administrator. An org needs only the parts of the processes
that are set up: one without leads is as good as any other for escalations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from casework.systems import soql
from casework.systems.errors import Misconfigured, NotFound
from casework.systems.salesforce_rest import SYSTEM, FieldShape

__all__ = ["ESCALATIONS", "SALES", "Names", "demand"]

Fields = Mapping[str, "Need"]


@dataclass(frozen=True, slots=True)
class Need:
    """What a field must be: of one of these types; `choices` are values that must be active; `unique`: an external id.

    `writes`: our user must be able to write it.
    """

    types: tuple[str, ...]
    choices: tuple[str, ...] = ()
    unique: bool = False
    writes: bool = True


_CHECKBOX = Need(("boolean",), writes=False)
_TEXT = Need(("string", "textarea", "picklist"))
_LINK = Need(("reference",))
_REFERENCE = Need(("string",), unique=True)


def _choice(*values: str) -> Need:
    return Need(("picklist", "string"), values)


ESCALATIONS: Mapping[str, Fields] = {
    "Case": {
        "Secondary_Reason__c": _choice("Data Deletion", "Review Edited", "Review Removed", "Refunded", "Declined"),
        "Tier__c": _choice("Tier 1", "Tier 2"),
    },
    "Contact": {
        "Google_Login__c": _CHECKBOX,
        "Apple_Login__c": _CHECKBOX,
        "Has_Password__c": _CHECKBOX,
        "Display_Name__c": _TEXT,
        "Gender__c": _TEXT,
    },
    "Review__c": {
        "Case__c": _LINK,
        "Status__c": _choice("Approved", "Edited", "Rejected"),
        "Text__c": _TEXT,
    },
    "Refund__c": {
        "Case__c": _LINK,
        "Contact__c": _LINK,
        "Booking__c": _TEXT,
        "Reason__c": _TEXT,
        "Amount__c": Need(("currency", "double")),
        "Status__c": _choice("Requested", "Refunded", "Declined"),
        "External_Id__c": _REFERENCE,
    },
    "Privacy_Request__c": {
        "Case__c": _LINK,
        "Contact__c": _LINK,
        "Request_Type__c": _choice("Data Categories", "Access Data", "Delete Data"),
        "Request_Status__c": _choice("Requested", "Completed - Failed - Verification Failure"),
        "External_Id__c": _REFERENCE,
    },
}
"""The objects and fields of escalations, by our names."""

SALES: Mapping[str, Fields] = {
    "Lead": {
        "Status": _choice("Nurturing"),
        "Email": Need(("email",)),
        "Company": _TEXT,
        "NumberOfEmployees": Need(("int", "double")),
        "ATS__c": _TEXT,
        "Website": Need(("url", "string")),
        "Phone": Need(("phone", "string")),
        "External_Id__c": _REFERENCE,
    },
    "Account": {"CSM__c": Need(("reference",), writes=False)},
}
"""Those of leads and of who has an account."""

_ALL: Mapping[str, Fields] = {**ESCALATIONS, **SALES}


class Names:
    """The org's names, where they differ from ours: `{"Review__c": "Member_Review__c", "Review__c.Text__c": "T__c"}`.

    Raises ValueError for a name that is none of ours, and for one that no org can have.
    """

    def __init__(self, renamed: Mapping[str, str] | None = None) -> None:
        ours = set(_ALL) | {f"{kind}.{field}" for kind, fields in _ALL.items() for field in fields}
        if strange := sorted(set(renamed or {}) - ours):
            raise ValueError(f"{strange[0]} is none of the names that can be changed: {', '.join(sorted(ours))}")
        self._renamed = {ours: soql.field(theirs) for ours, theirs in (renamed or {}).items()}

    def object(self, ours: str) -> str:
        """The org's name of an object."""
        return self._renamed.get(ours, ours)

    def field(self, kind: str, ours: str) -> str:
        """The org's name of an object's field, both by our names; Salesforce's own fields keep theirs."""
        return self._renamed.get(f"{kind}.{ours}", ours)

    def fields(self, kind: str, ours: Iterable[str]) -> list[str]:
        """The org's names of several fields."""
        return [self.field(kind, one) for one in ours]


def demand(
    describe: Callable[[str], Mapping[str, FieldShape]], names: Names, parts: Iterable[Mapping[str, Fields]]
) -> None:
    """Look whether the org has everything that these parts need.

    Raises:
        Misconfigured: says all of what its administrator has to mend.
    """
    wrong = []
    for kind, needs in (one for part in parts for one in part.items()):
        known = names.object(kind)
        try:
            shapes = describe(known)
        except NotFound:
            wrong.append(f"there is no object {known}, or our user may not read it")
            continue
        for ours, need in needs.items():
            name = names.field(kind, ours)
            if (said := _wrong(shapes.get(name), need)) is not None:
                wrong.append(f"{known}.{name} {said}")
    if wrong:
        detail = f"for the administrator: {'; '.join(wrong)}. Make it so, or name what serves in salesforce.names"
        raise Misconfigured(SYSTEM, "look whether the org has what is needed", detail)


def _wrong(shape: FieldShape | None, need: Need) -> str | None:
    if shape is None:
        return "is not there, or our user may not read it"
    if shape.type not in need.types:
        return f"is of type {shape.type}, not {' or '.join(need.types)}"
    if need.unique and not (shape.externalId and shape.unique):
        return "must be both External ID and Unique, so that nothing is created twice"
    if need.writes and not (shape.updateable and shape.createable):
        return "cannot be written by our user"
    absent = [choice for choice in need.choices if choice not in shape.choices] if shape.type == "picklist" else []
    return f"has no active value '{absent[0]}'" if absent else None
