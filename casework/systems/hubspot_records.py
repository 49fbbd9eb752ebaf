"""Deals, the companies they are with, and tickets: read as they stand, found, and their properties set and put back.

What a search finds is read again by id before it is believed, because the index lags behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from casework.systems.errors import NotFound
from casework.systems.hubspot_models import Company, Deal, Ticket, Version
from casework.systems.hubspot_names import Names
from casework.systems.hubspot_rest import SYSTEM, Filter, HubSpotRest, Stage, equals, one_of, stamp

__all__ = ["Companies", "DealFields", "Deals", "Tickets"]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class DealFields:
    """What we change of a deal, as it is at one time; None: it has no value."""

    status: str | None
    contract_end: date | None

    def values(self) -> dict[str, str | None]:
        """By our names of the properties."""
        end = None if self.contract_end is None else self.contract_end.isoformat()
        return {"client_activity_status": self.status, "contract_end_date": end}


def _aliases(model: type[BaseModel]) -> list[str]:
    """The properties that a model is read from, by our names."""
    fields = model.model_fields.items()
    return [field.alias or name for name, field in fields if name != "id"]


def _asked(names: Names, kind: str, model: type[BaseModel]) -> list[str]:
    return names.properties(kind, _aliases(model))


def _whole(model: type[M], names: Names, rest: HubSpotRest, operation: str, kind: str, record: Any) -> M:
    """A record as a model; what the account does not have is missing, and said to be."""
    return rest.typed(operation, model, names.read(kind, record))


def _versions(rest: HubSpotRest, operation: str, kind: str, object_id: str, name: str) -> tuple[Version, ...]:
    """What a property has been, newest first."""
    known = (rest.typed(operation, Version, one) for one in rest.past(operation, kind, object_id, name))
    return tuple(sorted(known, key=lambda version: version.at, reverse=True))


class Deals:
    """The deals of an account."""

    def __init__(self, rest: HubSpotRest, names: Names) -> None:
        self._rest = rest
        self._names = names

    def deal(self, deal_id: str) -> Deal:
        """A deal as it stands now. Raises `NotFound`."""
        operation = f"read deal {deal_id}"
        record = self._rest.read(operation, "deals", deal_id, _asked(self._names, "deals", Deal))
        return _whole(Deal, self._names, self._rest, operation, "deals", record)

    def fields(self, deal_id: str) -> DealFields:
        """What stands now in the fields that we change, to be kept before they are. Raises `NotFound`."""
        deal = self.deal(deal_id)
        return DealFields(deal.status, deal.contract_end)

    def of_company(self, company_id: str) -> tuple[Deal, ...]:
        """Every deal with a customer as it stands now, oldest first. Raises `NotFound`."""
        operation = f"read the deals of company {company_id}"
        return self._read(operation, self._rest.associated(operation, "companies", company_id, "deals"))

    def companies_of(self, deal_id: str) -> tuple[str, ...]:
        """The ids of the companies that a deal is with. Raises `NotFound`."""
        return self._rest.associated(f"find the companies of deal {deal_id}", "deals", deal_id, "companies")

    def statuses(self, deal_id: str) -> tuple[Version, ...]:
        """The activity statuses that a deal has had, newest first, the present one included. Raises `NotFound`."""
        name = self._names.property("deals", "client_activity_status")
        return _versions(self._rest, f"read the statuses of deal {deal_id}", "deals", deal_id, name)

    def known_statuses(self) -> tuple[str, ...]:
        """The activity statuses that a deal of this account may have, as the account spells them."""
        name = self._names.property("deals", "client_activity_status")
        shape = self._rest.shapes("deals").get(name)
        return shape.choices if shape is not None else ()

    def with_status(self, statuses: Sequence[str], *, since: datetime | None = None) -> tuple[Deal, ...]:
        """The deals with one of these activity statuses, oldest first; the newest may not be found yet.

        With `since` only those that were changed then or later.
        """
        operation = "look for deals by status"
        wanted = [one_of(self._names.property("deals", "client_activity_status"), statuses)]
        if since is not None:
            wanted.append(Filter("hs_lastmodifieddate", "GTE", stamp(since)))
        found = self._read(operation, self._rest.search(operation, "deals", *wanted))
        return tuple(deal for deal in found if deal.status in statuses)

    def edit(self, deal_id: str, *, status: str | None = None, contract_end: date | None = None) -> None:
        """Set the given fields; None leaves a field as it is. Repeatable. Raises `NotFound`."""
        given = DealFields(status, contract_end).values()
        self._set(deal_id, {name: value for name, value in given.items() if value is not None})

    def put_back(self, deal_id: str, before: DealFields, ours: DealFields) -> tuple[str, ...]:
        """Give fields the values `before`, also none, where those of `ours` still stand; repeatable.

        What somebody else has changed since is left to them. HubSpot has no conditional writes: a change in the
        moment between looking and writing is overwritten.

        Returns:
            The fields of ours that stand neither as before nor as we set them, by our names: a person must look.

        Raises:
            NotFound: the deal is gone.
        """
        stands, was, is_ours = self.fields(deal_id).values(), before.values(), ours.values()
        touched = [name for name in was if is_ours[name] != was[name]]
        back = {name: was[name] for name in touched if stands[name] == is_ours[name]}
        if back:
            self._set(deal_id, back)
        return tuple(name for name in touched if stands[name] not in (was[name], is_ours[name]))

    def _set(self, deal_id: str, values: dict[str, str | None]) -> None:
        named = {self._names.property("deals", name): value for name, value in values.items()}
        self._rest.update(f"edit deal {deal_id}", "deals", deal_id, named)

    def _read(self, operation: str, ids: Sequence[str]) -> tuple[Deal, ...]:
        records = self._rest.read_all(operation, "deals", ids, _asked(self._names, "deals", Deal))
        deals = (_whole(Deal, self._names, self._rest, operation, "deals", record) for record in records)
        return tuple(sorted(deals, key=lambda deal: (deal.created, int(deal.id))))


class Companies:
    """The customers."""

    def __init__(self, rest: HubSpotRest) -> None:
        self._rest = rest

    def company(self, company_id: str) -> Company:
        """A customer as it stands now. Raises `NotFound`."""
        operation = f"read company {company_id}"
        record = self._rest.read(operation, "companies", company_id, _aliases(Company))
        return self._rest.typed(operation, Company, record)


class Tickets:
    """The tickets of the help desk."""

    def __init__(self, rest: HubSpotRest) -> None:
        self._rest = rest

    def ticket(self, ticket_id: str) -> Ticket:
        """A ticket as it stands now. Raises `NotFound`."""
        operation = f"read ticket {ticket_id}"
        return self._rest.typed(operation, Ticket, self._rest.read(operation, "tickets", ticket_id, _aliases(Ticket)))

    def deals_of(self, ticket_id: str) -> tuple[str, ...]:
        """The ids of the deals that a ticket is associated with. Raises `NotFound`."""
        return self._rest.associated(f"find the deals of ticket {ticket_id}", "tickets", ticket_id, "deals")

    def companies_of(self, ticket_id: str) -> tuple[str, ...]:
        """The ids of the companies that a ticket is of. Raises `NotFound`."""
        return self._rest.associated(f"find the companies of ticket {ticket_id}", "tickets", ticket_id, "companies")

    def in_pipeline_since(self, ticket_id: str) -> datetime:
        """When a ticket came into the pipeline in which it is (UTC). Raises `NotFound`."""
        versions = _versions(
            self._rest, f"read the pipelines of ticket {ticket_id}", "tickets", ticket_id, "hs_pipeline"
        )
        return versions[0].at if versions else self.ticket(ticket_id).created

    def changed_in(self, pipeline: str, since: datetime) -> tuple[Ticket, ...]:
        """The tickets in a pipeline that were changed then or later, oldest first; the newest may not be found yet."""
        operation = f"look for what changed in the pipeline {pipeline}"
        lately = Filter("hs_lastmodifieddate", "GTE", stamp(since))
        found = self._read(operation, self._rest.search(operation, "tickets", equals("hs_pipeline", pipeline), lately))
        return tuple(one for one in found if one.pipeline == pipeline)

    def stages(self, pipeline: str) -> tuple[Stage, ...]:
        """The stages of a pipeline. Raises `NotFound`."""
        operation = f"read the stages of pipeline {pipeline}"
        known = self._rest.pipelines("tickets").get(pipeline)
        if known is None:
            raise NotFound(SYSTEM, operation, "the account has no such pipeline of tickets")
        return known

    def queue(self, pipeline: str, stages: Sequence[str], *, owner_id: str | None = None) -> tuple[Ticket, ...]:
        """The tickets in these stages, of one owner or of everybody, oldest first.

        Each as it stands now; one that came to a stage within the last seconds may not be found yet.
        """
        operation = f"look into the queue {pipeline}"
        wanted = [equals("hs_pipeline", pipeline), one_of("hs_pipeline_stage", stages)]
        if owner_id is not None:
            wanted.append(equals("hubspot_owner_id", owner_id))
        found = self._read(operation, self._rest.search(operation, "tickets", *wanted))
        return tuple(
            one
            for one in found
            if one.pipeline == pipeline and one.stage in stages and owner_id in (None, one.owner_id)
        )

    def _read(self, operation: str, ids: Iterable[str]) -> tuple[Ticket, ...]:
        records = self._rest.read_all(operation, "tickets", tuple(ids), _aliases(Ticket))
        tickets = (self._rest.typed(operation, Ticket, record) for record in records)
        return tuple(sorted(tickets, key=lambda ticket: (ticket.created, int(ticket.id))))
