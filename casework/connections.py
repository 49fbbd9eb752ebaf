"""From the settings to the outside systems and to the delivery: every client is made here, and nobody is asked yet."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr
from sqlalchemy import Engine

from casework import clock, systems
from casework.delivery import Delivery
from casework.delivery.certificate import Signer
from casework.delivery.certificates import Certificates
from casework.delivery.keys import KeyFile, KeyStore, KmsKey, Wrapping
from casework.delivery.links import Links
from casework.delivery.vaults import DropboxVault, OneDriveVault, S3Vault, Vault
from casework.settings import (
    HubSpotSettings,
    IntercomSettings,
    JiraSettings,
    MailSettings,
    OneDriveSettings,
    QualifiedSettings,
    SalesforceSettings,
    Settings,
    SettingsWrong,
    TypeformSettings,
    example,
)
from casework.standins import dropbox_adapters, sns_transport
from casework.systems import hubspot, kms, mail, outreach, qualified, s3
from casework.systems.asana import Asana
from casework.systems.dropbox import Dropbox
from casework.systems.intercom import Intercom
from casework.systems.jira import Jira
from casework.systems.mail_inbox import MailInbox
from casework.systems.onedrive import App, OneDrive
from casework.systems.product import ProductDatabase
from casework.systems.salesforce import ClientCredentials, JwtBearer, Login, Names, Salesforce
from casework.systems.slack import Slack
from casework.systems.typeform import Typeform
from casework.systems.zendesk import Zendesk
from policies.sales_transfer_numbers import NUMBERS

if TYPE_CHECKING:
    from casework.systems.sns import Topic

__all__ = ["certificate_key", "chosen", "delivery_of", "mail_topic", "plain", "systems_of", "with_outreach"]

T = TypeVar("T")


def systems_of(settings: Settings) -> systems.Systems:
    """The outside systems that the settings name; those that they do not name say so at their first use."""
    bucket, dropbox, post = settings.s3, settings.dropbox, settings.mail
    keys = (bucket.region, bucket.access_key, plain(bucket.secret_key))
    connected = systems.Systems(
        zendesk=Zendesk(chosen(settings.zendesk.url), chosen(settings.zendesk.email), chosen(settings.zendesk.token)),
        slack=Slack(settings.slack.url, chosen(settings.slack.token)),
        asana=Asana(settings.asana.url, chosen(settings.asana.token)),
        dropbox=Dropbox(
            chosen(dropbox.token),
            app_key=dropbox.app_key,
            app_secret=plain(dropbox.app_secret),
            adapters=dropbox_adapters(dropbox.sandbox_url),
        ),
        s3=s3.connect(bucket.endpoint_url, *keys),
        product=ProductDatabase(chosen(settings.product.url)),
        mail=mail.connect(post.endpoint_url, *keys, chosen(post.sender)),
        places=systems.Places(
            ticket_page=chosen(settings.zendesk.ticket_page),
            asana_workspace=chosen(settings.asana.workspace),
            asana_project=chosen(settings.asana.project),
            asana_template=chosen(settings.asana.template),
        ),
    )
    if settings.jira.url is not None:
        connected = _with_jira(connected, settings.jira)
    if settings.typeform.token is not None:
        connected = _with_typeform(connected, settings.typeform)
    if settings.salesforce.url is not None:
        connected = _with_salesforce(connected, settings.salesforce)
    if settings.hubspot.token is not None:
        connected = _with_hubspot(connected, settings.hubspot)
    if settings.intercom.token is not None:
        connected = _with_intercom(connected, settings.intercom)
    if settings.qualified.token is not None:
        connected = _with_qualified(connected, settings.qualified)
    if post.inbound_bucket is not None:
        connected = replace(connected, inbox=MailInbox(connected.s3, post.inbound_bucket, post.inbound_prefix or ""))
    return connected


def _with_jira(connected: systems.Systems, site: JiraSettings) -> systems.Systems:
    places = systems.JiraPlaces(
        issue_page=chosen(site.issue_page),
        support_project=site.support_project,
        configuration_project=site.configuration_project,
        needs_configuration_field=chosen(site.needs_configuration_field),
        organizations_field=site.organizations_field,
        request_type_field=site.request_type_field,
        survey_response_field=chosen(site.survey_response_field),
    )
    around = replace(connected.places, jira=places)
    if site.revenue_project is not None:
        fields = (chosen(site.revenue_hours_field), chosen(site.revenue_day_field))
        around = replace(around, revenue_board=systems.RevenueBoard(site.revenue_project, *fields))
    return replace(connected, jira=Jira(chosen(site.url), chosen(site.email), chosen(site.token)), places=around)


def _with_typeform(connected: systems.Systems, account: TypeformSettings) -> systems.Systems:
    places = replace(connected.places, survey_form=chosen(account.survey_form))
    return replace(connected, typeform=Typeform(account.url, chosen(account.token)), places=places)


def _with_salesforce(connected: systems.Systems, org: SalesforceSettings) -> systems.Systems:
    login: Login = (
        ClientCredentials(chosen(org.client_id), chosen(org.client_secret))
        if org.private_key is None
        else JwtBearer(chosen(org.client_id), chosen(org.username), chosen(org.private_key), org.audience)
    )
    client = Salesforce(
        chosen(org.url),
        login,
        now=clock.present,
        names=_renamed("salesforce.names", org.names, Names),
        sender=org.sender,
        sales=org.lead_page is not None,
        version=org.version,
        reserve=org.reserve,
    )
    places = replace(connected.places, case_page=chosen(org.case_page), lead_page=org.lead_page or "")
    return replace(connected, salesforce=client, places=places)


def _with_hubspot(connected: systems.Systems, account: HubSpotSettings) -> systems.Systems:
    places = systems.HubSpotPlaces(
        deal_page=chosen(account.deal_page),
        ticket_page=chosen(account.ticket_page),
        offboarding_pipeline=chosen(account.offboarding_pipeline),
        support_pipeline=account.support_pipeline,
        new_stage=account.new_stage,
        our_turn_stage=chosen(account.our_turn_stage),
        hold_stage=chosen(account.hold_stage),
    )
    client = hubspot.HubSpot(
        chosen(account.token),
        url=account.url,
        names=_renamed("hubspot.names", account.names, hubspot.Names),
        stages={
            places.offboarding_pipeline: (),
            places.support_pipeline: (places.new_stage, places.our_turn_stage, places.hold_stage),
        },
        reserve=account.reserve,
    )
    return replace(connected, hubspot=client, places=replace(connected.places, hubspot=places))


def _with_intercom(connected: systems.Systems, workspace: IntercomSettings) -> systems.Systems:
    places = systems.IntercomPlaces(
        conversation_page=chosen(workspace.conversation_page),
        to_sales_tag=workspace.to_sales_tag,
        topic_attribute=workspace.topic_attribute,
        sales_address=chosen(workspace.sales_address),
    )
    client = Intercom(chosen(workspace.token), url=workspace.url)
    return replace(connected, intercom=client, places=replace(connected.places, intercom=places))


def _with_qualified(connected: systems.Systems, account: QualifiedSettings) -> systems.Systems:
    names = _renamed("qualified.names", account.names, qualified.Names)
    return replace(connected, qualified=qualified.Qualified(chosen(account.token), url=account.url, names=names))


def with_outreach(connected: systems.Systems, settings: Settings, store: outreach.Store) -> systems.Systems:
    """The same systems with Outreach, whose newest tokens are in `store`."""
    org, public_url = settings.outreach, settings.gateway.public_url
    places = systems.OutreachPlaces(
        prospect_page=chosen(org.prospect_page),
        lead_sequence=chosen(org.lead_sequence),
        technical_sequence=chosen(org.technical_sequence),
        booked_stages=org.booked_stages,
        disqualified_stages=org.disqualified_stages,
    )
    client = outreach.Outreach(
        outreach.App(
            chosen(org.client_id), chosen(org.client_secret), chosen(org.redirect_uri), chosen(org.refresh_token)
        ),
        store,
        now=clock.present,
        url=org.url,
        needs=outreach.Needs(
            sequences=(places.lead_sequence, places.technical_sequence),
            template=chosen(org.technical_template),
            copied=chosen(org.support_address),
            hooks=None if org.webhook_secret is None else f"{public_url}/hooks/outreach",
            template_name=NUMBERS.technical.template,
        ),
    )
    return replace(connected, outreach=client, places=replace(connected.places, outreach=places))


def _renamed(setting: str, renamed: Sequence[str], names: Callable[[Mapping[str, str]], T]) -> T:
    """The names of an org or account from `ours = theirs`.

    Raises:
        SettingsWrong: one has another form, or ours is no name that can be changed.
    """
    try:
        pairs = [one.partition("=") for one in renamed]
        return names({ours.strip(): theirs.strip() for ours, _, theirs in pairs})
    except ValueError as error:
        raise SettingsWrong(f"{setting}: {error}. Example: {example(setting)}") from None


def mail_topic(settings: MailSettings) -> Topic | None:
    """The topic that tells of mail that came in; None where none comes in."""
    if settings.inbound_bucket is None:
        return None
    from casework.systems.sns import Topic

    return Topic(chosen(settings.inbound_topic), now=clock.present, transport=sns_transport(settings.sandbox_url))


def delivery_of(
    settings: Settings, outside: systems.Systems, database: Engine, secret: bytes, public_url: str
) -> Delivery:
    """What hands files over. `secret` is the deployment's, from which that of the links is derived."""
    vaults: list[Vault] = [
        DropboxVault(
            outside.dropbox,
            settings.dropbox.folder,
            now=clock.present,
            retention_days=settings.dropbox.retention_days,
            permanent=settings.dropbox.business,
        )
    ]
    if settings.onedrive.drive is not None:
        vaults.append(OneDriveVault(_onedrive(settings.onedrive), settings.onedrive.folder, now=clock.present))
    if settings.s3.vault_bucket is not None:
        vaults.append(S3Vault(outside.s3, settings.s3.vault_bucket, "casework", now=clock.present))
    return Delivery(
        links=Links(database, hmac.digest(secret, b"casework links", "sha256"), clock.present),
        keys=KeyStore(settings.home / "keys" / "data-keys.db", _wrapping(settings)),
        vaults={vault.name: vault for vault in vaults},
        signer=Signer(certificate_key(settings)),
        certificates=Certificates(database),
        drop_bucket=settings.s3.drop_bucket,
        public_url=public_url,
        second_public_url=settings.gateway.second_public_url,
    )


def certificate_key(settings: Settings) -> Path:
    """Where the key lies that signs certificates; made with the first delivery that is wired."""
    return settings.home / "certificate-key"


def _wrapping(settings: Settings) -> Wrapping:
    bucket, keys = settings.s3, settings.keys
    file = KeyFile(settings.home / "keys" / "key-encryption-key")
    if keys.kms_key_id is None:
        return file
    known = (bucket.region, bucket.access_key, plain(bucket.secret_key))
    return KmsKey(kms.connect(keys.endpoint_url, *known, keys.kms_key_id), file)


def _onedrive(drive: OneDriveSettings) -> OneDrive:
    app = App(chosen(drive.tenant), chosen(drive.client_id), chosen(drive.client_secret))
    return OneDrive(chosen(drive.drive), app, url=drive.url, login_url=drive.login_url)


def plain(secret: SecretStr | None) -> str | None:
    """A secret as the text that it is."""
    return secret.get_secret_value() if secret is not None else None


def chosen(value: str | SecretStr | None) -> str:
    """The value of a setting that is needed.

    Raises:
        SettingsWrong: it is not set, which `casework.wiring.check` tells better.
    """
    if value is None:
        raise SettingsWrong("A needed setting is not set.")
    return value.get_secret_value() if isinstance(value, SecretStr) else value
