"""What the gateway is connected to. The composition root makes one; tests make their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from casework.delivery import Delivery
from casework.delivery.links import Link
from casework.runtime import Runtime

if TYPE_CHECKING:
    from casework.systems.sns import Topic

__all__ = ["Gateway"]


@dataclass(frozen=True)
class Gateway:
    """Everything that a door of a deployment needs.

    Args:
        runtime: the cases, their engine, the deployment's secret and zone.
        delivery: links, keys and vaults of what customers download.
        on_hint: told (event, subject) of every hook, such as ("ticket.tags_changed", "zendesk:ticket:4711"),
            of comments on "asana:task:12", and of the end of "link:…"; it passes over what it does not know.
            It reads the truth from the system and starts processes; a hook is tried again when it raises.
        code_sender: sends a link's code to the requester's address, which it looks up itself; may raise
            `SystemFault`.
        tell_slack: posts a sentence to a `response_url`; None: pressing a button is not answered in words.
        open_modal: opens a view in Slack for the trigger of a press, within its three seconds; may raise
            `SystemFault`. None: buttons that want a form say so.
        own_zendesk_id: the id that we write to Zendesk as, once it is known: what we did ourselves is no news.
        own_jira_id: the same for Jira.
        own_salesforce_id: the same for Salesforce.
        own_intercom_id: the same for Intercom.
        zendesk_secret: the webhook signing secret; None: there are no Zendesk hooks.
        jira_secret: the secret of Jira's webhook; None: there are no Jira hooks.
        typeform_secret: the secret of the form's webhook; None: there are no Typeform hooks.
        salesforce_secret: the secret that the org signs its callouts with; None: there are no Salesforce hooks.
        salesforce_changes: given a moment, the subjects of cases that changed since, each with when it did, for what
            a lost callout did not tell; may raise `SystemFault`. None: nobody looks.
        hubspot_secret: the client secret of HubSpot's private app; None: there are no HubSpot hooks.
        hubspot_changes: as `salesforce_changes`, for what HubSpot did not tell for a day; None: nobody looks.
        intercom_secret: the client secret of Intercom's private app; None: there are no Intercom hooks.
        intercom_changes: as `salesforce_changes`, for conversations tagged for sales. None: nobody looks.
        mail_topic: the topic of Amazon SNS that tells of mail that came in; None: there are no hooks of mail.
        mail_changes: as `salesforce_changes`, for mails. None: nobody looks.
        outreach_secret: the secret of Outreach's webhooks; None: there are no Outreach hooks.
        outreach_changes: as `salesforce_changes`, for prospects of Outreach. None: nobody looks.
        slack_secret: the app's signing secret; None: there is no Slack app.
        slack_origins: where a `response_url` may lead.
        subject_page: the address at which colleagues see what a case is about, or None where it has no page.
        tick_seconds: how often the clock looks.
        poll_seconds: how often somebody looks for what was not told.
    """

    runtime: Runtime
    delivery: Delivery
    on_hint: Callable[[str, str], None]
    code_sender: Callable[[Link, str], None]
    tell_slack: Callable[[str, str], None] | None = None
    open_modal: Callable[[str, Mapping[str, Any]], None] | None = None
    own_zendesk_id: Callable[[], str | None] = lambda: None
    own_jira_id: Callable[[], str | None] = lambda: None
    own_salesforce_id: Callable[[], str | None] = lambda: None
    own_intercom_id: Callable[[], str | None] = lambda: None
    zendesk_secret: str | None = field(default=None, repr=False)
    jira_secret: str | None = field(default=None, repr=False)
    typeform_secret: str | None = field(default=None, repr=False)
    salesforce_secret: str | None = field(default=None, repr=False)
    salesforce_changes: Callable[[datetime], Iterable[tuple[str, datetime]]] | None = None
    hubspot_secret: str | None = field(default=None, repr=False)
    hubspot_changes: Callable[[datetime], Iterable[tuple[str, datetime]]] | None = None
    intercom_secret: str | None = field(default=None, repr=False)
    intercom_changes: Callable[[datetime], Iterable[tuple[str, datetime]]] | None = None
    mail_topic: Topic | None = None
    mail_changes: Callable[[datetime], Iterable[tuple[str, datetime]]] | None = None
    outreach_secret: str | None = field(default=None, repr=False)
    outreach_changes: Callable[[datetime], Iterable[tuple[str, datetime]]] | None = None
    slack_secret: str | None = field(default=None, repr=False)
    slack_origins: tuple[str, ...] = ("https://hooks.slack.com",)
    subject_page: Callable[[str], str | None] = lambda _: None
    tick_seconds: float = 5.0
    poll_seconds: float = 120.0
