"""Prospects: the people whom sales writes to, one for each address.

Outreach refuses a second prospect with the address of another, and has no idempotency keys. So the address is looked
for first, and looked for again after a lost answer or a refusal: whoever made it, it is the one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from casework.systems.errors import NotFound, Refused, Temporary
from casework.systems.outreach_models import Prospect, address
from casework.systems.outreach_rest import SYSTEM, OutreachRest, listed, own

__all__ = ["Matched", "ProspectFields", "Prospects"]


@dataclass(frozen=True, slots=True)
class ProspectFields:
    """What is known of somebody; None: nothing. `external_id` is theirs in another system, such as a lead's."""

    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    company: str | None = field(default=None, repr=False)
    website: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    external_id: str | None = None

    def attributes(self) -> dict[str, str | list[str]]:
        """By Outreach's names, without those that nothing is known of."""
        given: dict[str, str | list[str] | None] = {
            "firstName": self.first_name,
            "lastName": self.last_name,
            "company": self.company,
            "websiteUrl1": self.website,
            "workPhones": None if self.phone is None else [self.phone],
            "externalId": self.external_id,
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Matched:
    """The prospect of an address; `created`: this call made it."""

    id: str
    created: bool


class Prospects:
    """The prospects of an organisation."""

    def __init__(self, rest: OutreachRest) -> None:
        self._rest = rest

    def prospect(self, prospect_id: str) -> Prospect:
        """A prospect as they stand now. Raises `NotFound`."""
        operation = f"read prospect {prospect_id}"
        for one in self._found(operation, {"id": listed(own(prospect_id))}):
            return one
        raise NotFound(SYSTEM, operation, "there is none with this id")

    def by_email(self, email: str) -> tuple[Prospect, ...]:
        """Those with this address, oldest first: mostly one; several where the organisation allows duplicates."""
        found = self._found("look for a prospect by address", {"emails": listed(address(email))})
        return tuple(one for one in found if one.has(email))

    def in_stages(self, names: tuple[str, ...]) -> tuple[Prospect, ...]:
        """Those in stages of these names, the last changed first."""
        found = self._rest.found(
            "look for prospects by stage",
            "prospects",
            {"stageName": listed(*names)},
            sort="-updatedAt",
            include="stage",
        )
        return tuple(self._rest.typed("look for prospects by stage", Prospect, one) for one in found)

    def ensure(self, email: str, fields: ProspectFields, *, owner_id: str | None = None) -> Matched:
        """The prospect with this address, made when there is none. Repeatable.

        One that is there already is left as it is. Of several the oldest counts.

        Raises:
            Temporary: with `maybe_done`, it may have been made but cannot be found yet: try again.
            Refused: Outreach does not want this address, such as one of the organisation's own domain.
        """
        operation = "make a prospect"
        if there := self.by_email(email):
            return Matched(there[0].id, created=False)
        attributes = {"emails": [address(email)], **fields.attributes()}
        owner = {} if owner_id is None else {"owner": ("user", owner_id)}
        try:
            return Matched(self._rest.create(operation, "prospects", "prospect", attributes, owner), created=True)
        except (Refused, Temporary) as fault:
            in_doubt = isinstance(fault, Refused) or fault.maybe_done
            if in_doubt and (there := self.by_email(email)):
                return Matched(there[0].id, created=False)
            raise

    def _found(self, operation: str, filters: dict[str, str]) -> list[Prospect]:
        found = self._rest.found(operation, "prospects", filters, include="stage")
        return [self._rest.typed(operation, Prospect, one) for one in found]
