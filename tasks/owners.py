"""Who has a customer in sales: the account in Salesforce, its account executive and CSM, and a colleague's manager."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from casework.step import lookup
from casework.systems import current
from casework.systems.errors import NotFound
from policies.sales_transfer_facts import Owners
from tasks import conversations

__all__ = ["Found", "account_page", "manager_of", "owners"]


class Found(BaseModel):
    """A customer's account in Salesforce (None: there is none, or which one cannot be told), and who has it."""

    model_config = ConfigDict(frozen=True)

    account: str | None = None
    owners: Owners = Owners()


@lookup
def owners(conversation: str, contact: str | None = None) -> Found:
    """Who has the account of the customer who writes in a conversation, found by their e-mail address.

    `contact` is theirs, for a conversation that is gone.

    Who is no colleague of ours in the product database, or works in Salesforce no more, has it not.
    """
    person = conversations.customer(conversation, contact)
    found = current().salesforce.accounts.of(person.email) if person is not None and person.email else ()
    if len(found) != 1:
        return Found()
    (account,) = found
    csm = None if account.csm_id is None else _colleague(account.csm_id)
    return Found(account=account.id, owners=Owners(account_executive=_colleague(account.owner_id), csm=csm))


def _colleague(user_id: str) -> str | None:
    """The staff id of a user of Salesforce."""
    systems = current()
    try:
        user = systems.salesforce.users.user(user_id)
    except NotFound:
        return None
    known = systems.product.staff_by_address(user.email) if user.active else None
    return None if known is None else known.id


def account_page(account: str) -> str:
    """The page of an account for colleagues: where leads have theirs, by Salesforce's name of the object."""
    return current().places.lead_page.replace("/Lead/", "/Account/").format(lead=account)


@lookup
def manager_of(sdr: str) -> str | None:
    """The manager whom the product database has for an SDR; both by staff id."""
    return current().product.staff(sdr).manager_id
