"""Salesforce: cases with their comments and mail, what escalations are about, leads and accounts of one org.

What is made once is made by upsert, or ends with a marker by which it is found again; what must come together is one
all-or-none request; setting values is repeatable. What the org calls its own objects is in `names`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import httpx

from casework.systems.salesforce_cases import Cases
from casework.systems.salesforce_escalations import Members, Privacy, RefundAsked, Refunds, Reviews
from casework.systems.salesforce_faults import PartRefused
from casework.systems.salesforce_leads import Accounts, Contacts, LeadFields, Leads, Matched, Users
from casework.systems.salesforce_login import ClientCredentials, JwtBearer, Login
from casework.systems.salesforce_models import (
    Account,
    CaseMail,
    CaseRecord,
    Changed,
    Comment,
    Contact,
    Lead,
    Member,
    PrivacyRequest,
    Refund,
    Review,
    User,
)
from casework.systems.salesforce_names import ESCALATIONS, SALES, Names, demand
from casework.systems.salesforce_org import Org
from casework.systems.salesforce_rest import VERSION, SalesforceRest, Upserted

__all__ = [
    "Account",
    "CaseMail",
    "CaseRecord",
    "Changed",
    "ClientCredentials",
    "Comment",
    "Contact",
    "JwtBearer",
    "Lead",
    "LeadFields",
    "Login",
    "Matched",
    "Member",
    "Names",
    "PartRefused",
    "PrivacyRequest",
    "Refund",
    "RefundAsked",
    "Review",
    "Salesforce",
    "Upserted",
    "User",
]


class Salesforce:
    """A client for one org. `url` is the root of its My Domain; the rest is said at `SalesforceRest` and `Cases`.

    `sales`: whether processes of sales are set up, so that the org must have what they need.
    """

    def __init__(
        self,
        url: str,
        login: Login,
        *,
        now: Callable[[], datetime],
        names: Names | None = None,
        sender: str | None = None,
        sales: bool = False,
        version: str = VERSION,
        reserve: float = 0.05,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rest = SalesforceRest(
            url, login, now=now, version=version, reserve=reserve, transport=transport, sleep=sleep, seconds=seconds
        )
        self._org = org = Org(self.rest, names or Names())
        self._parts = (ESCALATIONS, SALES) if sales else (ESCALATIONS,)
        self.cases = Cases(org, sender)
        self.members = Members(org)
        self.reviews = Reviews(org)
        self.refunds = Refunds(org)
        self.privacy = Privacy(org)
        self.leads = Leads(org)
        self.contacts = Contacts(org)
        self.accounts = Accounts(org)
        self.users = Users(org)

    def own_id(self) -> str:
        """The id of the user that we act as."""
        return self.rest.own_id()

    @property
    def known_own_id(self) -> str | None:
        """The id of the user that we act as, if we have signed in; asks nobody."""
        return self.rest.known_own_id

    def demand(self) -> None:
        """Look whether the org has the objects, fields and values that the processes that are set up need.

        Raises:
            Misconfigured: says all of what its administrator has to mend.
        """
        demand(self.rest.describe, self._org.names, self._parts)
