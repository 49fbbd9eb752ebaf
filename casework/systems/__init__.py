"""Typed clients of the outside systems. They know no case and no flow; everything comes in by constructor.

`use` connects this process once, at its start; `current` is where tasks find the clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, cast

from casework.systems.errors import Misconfigured

if TYPE_CHECKING:
    from casework.systems.asana import Asana
    from casework.systems.dropbox import Dropbox
    from casework.systems.hubspot import HubSpot
    from casework.systems.intercom import Intercom
    from casework.systems.jira import Jira
    from casework.systems.mail import Mail
    from casework.systems.mail_inbox import MailInbox
    from casework.systems.outreach import Outreach
    from casework.systems.product import ProductDatabase
    from casework.systems.qualified import Qualified
    from casework.systems.s3 import S3
    from casework.systems.salesforce import Salesforce
    from casework.systems.slack import Slack
    from casework.systems.typeform import Typeform
    from casework.systems.zendesk import Zendesk

__all__ = [
    "HubSpotPlaces",
    "IntercomPlaces",
    "JiraPlaces",
    "NotSetUp",
    "OutreachPlaces",
    "Places",
    "RevenueBoard",
    "Systems",
    "current",
    "use",
]


class NotSetUp:
    """Stands where a system is that this deployment does without: the first use raises `Misconfigured`.

    So a deployment names only the systems of the processes that it runs.
    """

    def __init__(self, system: str, setting: str) -> None:
        self._system = system
        self._setting = setting

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise Misconfigured(self._system, name, f"it is not set up: {self._setting} is not set")


_NO_JIRA = NotSetUp("Jira", "jira.url")
_NO_BOARD = NotSetUp("Jira", "jira.revenue_project")
_NO_TYPEFORM = NotSetUp("Typeform", "typeform.token")
_NO_SALESFORCE = NotSetUp("Salesforce", "salesforce.url")
_NO_HUBSPOT = NotSetUp("HubSpot", "hubspot.token")
_NO_INTERCOM = NotSetUp("Intercom", "intercom.token")
_NO_INBOX = NotSetUp("SES inbox", "mail.inbound_bucket")
_NO_OUTREACH = NotSetUp("Outreach", "outreach.refresh_token")
_NO_QUALIFIED = NotSetUp("Qualified", "qualified.token")


@dataclass(frozen=True)
class JiraPlaces:
    """Where things are in Jira. Projects are keys, fields are ids; `issue_page` has `{issue}` in it.

    Issues come in as requests of `support_project` and are worked on in `configuration_project`.
    `survey_response_field` holds the token of the form response that an issue was made from.
    """

    issue_page: str
    support_project: str
    configuration_project: str
    needs_configuration_field: str
    organizations_field: str
    request_type_field: str
    survey_response_field: str


@dataclass(frozen=True)
class RevenueBoard:
    """The project in Jira on whose issues scheduled hours stand, and their fields' ids.

    `hours_field` has a number of hours, of whom the issue is assigned to; `day_field` their date. Without a date they
    are of each week until the issue is done.
    """

    project: str
    hours_field: str
    day_field: str


@dataclass(frozen=True)
class HubSpotPlaces:
    """Where things are in HubSpot, by the ids of pipelines of tickets and of their stages.

    `deal_page` has `{deal}` in it, `ticket_page` `{ticket}`. Customers who leave come in by `offboarding_pipeline`; of
    `support_pipeline`, in `our_turn_stage` a ticket waits for us, in `hold_stage` for engineering.
    """

    deal_page: str
    ticket_page: str
    offboarding_pipeline: str
    support_pipeline: str
    new_stage: str
    our_turn_stage: str
    hold_stage: str


@dataclass(frozen=True)
class IntercomPlaces:
    """Where things are in Intercom. `conversation_page` has `{conversation}` in it.

    A conversation is for sales when it has the tag `to_sales_tag`, or a topic in its attribute `topic_attribute`;
    `sales_address` is whom to add to it.
    """

    conversation_page: str
    to_sales_tag: str
    topic_attribute: str
    sales_address: str = field(repr=False)


@dataclass(frozen=True)
class OutreachPlaces:
    """Where things are in Outreach: sequences by their ids, stages of prospects by their names.

    `prospect_page` has `{prospect}` in it. Leads go through `lead_sequence`; the one mail of `technical_sequence`
    brings a lead to support, which is in its CC. In `booked_stages` a meeting stands, in `disqualified_stages` none
    will.
    """

    prospect_page: str
    lead_sequence: str
    technical_sequence: str
    booked_stages: tuple[str, ...]
    disqualified_stages: tuple[str, ...]


@dataclass(frozen=True)
class Places:
    """Where in the systems our things are: ids and addresses, no secrets.

    `ticket_page` is the address of a ticket for colleagues, with `{ticket}` in it. `survey_form` is the id of the
    Typeform form by which customers ask for changes to documents; empty where Typeform is not set up. `case_page` is
    the address of a Salesforce case for colleagues, with `{case}` in it, `lead_page` that of a lead, with `{lead}`;
    empty where Salesforce, or sales in it, is not set up.
    """

    ticket_page: str
    asana_workspace: str
    asana_project: str
    asana_template: str
    jira: JiraPlaces = cast("JiraPlaces", _NO_JIRA)  # noqa: RUF009 - casts nothing at run time
    revenue_board: RevenueBoard = cast("RevenueBoard", _NO_BOARD)  # noqa: RUF009
    survey_form: str = ""
    case_page: str = ""
    lead_page: str = ""
    hubspot: HubSpotPlaces = cast("HubSpotPlaces", _NO_HUBSPOT)  # noqa: RUF009
    intercom: IntercomPlaces = cast("IntercomPlaces", _NO_INTERCOM)  # noqa: RUF009
    outreach: OutreachPlaces = cast("OutreachPlaces", _NO_OUTREACH)  # noqa: RUF009


@dataclass(frozen=True)
class Systems:
    """The outside systems that this process talks to; those with a default need not be set up."""

    zendesk: Zendesk
    slack: Slack
    asana: Asana
    dropbox: Dropbox
    s3: S3
    product: ProductDatabase
    mail: Mail
    places: Places
    jira: Jira = cast("Jira", _NO_JIRA)  # noqa: RUF009
    typeform: Typeform = cast("Typeform", _NO_TYPEFORM)  # noqa: RUF009
    salesforce: Salesforce = cast("Salesforce", _NO_SALESFORCE)  # noqa: RUF009
    hubspot: HubSpot = cast("HubSpot", _NO_HUBSPOT)  # noqa: RUF009
    intercom: Intercom = cast("Intercom", _NO_INTERCOM)  # noqa: RUF009
    inbox: MailInbox = cast("MailInbox", _NO_INBOX)  # noqa: RUF009
    outreach: Outreach = cast("Outreach", _NO_OUTREACH)  # noqa: RUF009
    qualified: Qualified = cast("Qualified", _NO_QUALIFIED)  # noqa: RUF009


_connected: Systems | None = None


def use(systems: Systems) -> None:
    """Connect this process to `systems`, in place of what was connected before."""
    global _connected
    _connected = systems


def current() -> Systems:
    """The connected systems. Raises RuntimeError when nothing was connected."""
    if _connected is None:
        raise RuntimeError(
            "No outside systems are connected in this process: call casework.systems.use(Systems(...)) at its start"
        )
    return _connected
