"""HubSpot: deals, companies, tickets, tasks, notes, and colleagues with their availability, of one account.

Setting values is repeatable, and what stood there before can be put back; tasks and notes, which are made once, are
found again by a marker along the associations of their record. What the account calls its own properties is in `names`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import httpx

from casework.systems.hubspot_models import Absence, Company, Deal, Hours, Note, Owner, Rep, Task, Ticket, Version
from casework.systems.hubspot_names import Names, demand
from casework.systems.hubspot_people import Colleagues
from casework.systems.hubspot_records import Companies, DealFields, Deals, Tickets
from casework.systems.hubspot_rest import URL, HubSpotRest
from casework.systems.hubspot_work import Notes, On, Tasks

__all__ = [
    "Absence",
    "Company",
    "Deal",
    "DealFields",
    "Hours",
    "HubSpot",
    "Names",
    "Note",
    "On",
    "Owner",
    "Rep",
    "Task",
    "Ticket",
    "Version",
]


class HubSpot:
    """A client for one account, by the token of a private app; the rest is said at `HubSpotRest`.

    `stages` are those of tickets that processes need, by pipeline, for `demand`.
    """

    def __init__(
        self,
        token: str,
        *,
        url: str = URL,
        names: Names | None = None,
        stages: Mapping[str, tuple[str, ...]] | None = None,
        reserve: float = 0.05,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rest = HubSpotRest(token, url=url, reserve=reserve, transport=transport, sleep=sleep, seconds=seconds)
        self._names = names or Names()
        self._stages = dict(stages or {})
        self.deals = Deals(self.rest, self._names)
        self.companies = Companies(self.rest)
        self.tickets = Tickets(self.rest)
        self.tasks = Tasks(self.rest)
        self.notes = Notes(self.rest)
        self.colleagues = Colleagues(self.rest)

    def demand(self) -> None:
        """Look whether the account has the properties, values and stages that processes need.

        Raises:
            Misconfigured: says all of what its administrator has to mend.
        """
        demand(self.rest, self._names, self._stages)
