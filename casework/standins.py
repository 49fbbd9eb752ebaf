"""The settings with the served sandbox in place of every outside system, and the ways to its Dropbox and SNS.

The values are the sandbox's own; they open nothing outside it. Those of its S3 and mail are repeated here
because importing these takes seconds, which every leg of every case would pay; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from casework.sandbox import mailing, sns
from casework.sandbox import seed_documents as documents
from casework.sandbox import seed_escalations as escalations
from casework.sandbox import seed_hours as hours
from casework.sandbox import seed_offboarding as offboarding
from casework.sandbox import seed_sales as sales
from casework.sandbox import seed_transfer as transfer
from casework.sandbox.seed import PROJECT, TEMPLATE, WORKSPACE
from casework.sandbox.world import CREDENTIALS
from casework.settings import Settings
from policies.rep_days import Hours, Weekday
from policies.rota import Environment, Rostered
from policies.support_queue import Tool

__all__ = [
    "DropboxStandIn",
    "SnsStandIn",
    "advance",
    "dropbox_adapters",
    "sandbox_time",
    "sns_transport",
    "with_standins",
]

AWS = {
    "region": "eu-central-1",
    "access_key": "sandbox",
    "secret_key": SecretStr("sandbox"),
    "drop_bucket": "engineering-drop",
    "vault_bucket": "export-vault",
}
TIME = "seconds-ahead"
SENDER = "exports@support.example"
ROLES = {
    "operators": ("staff-41", "staff-42"),
    "scaled_approver": ("staff-31",),
    "scaled_approver_manager": ("staff-22",),
    "csm_manager": ("staff-21", "staff-22"),
    "engineering_lead": ("staff-51",),
    "support": ("staff-61", "staff-62"),
    "tier2": ("staff-81", "staff-82", "staff-83"),
    "member_review_and_safety": ("staff-91",),
    "privacy": ("staff-95",),
    "support_coordinator": ("staff-18",),
    "sdr": ("staff-64", "staff-65"),
    "sales_manager": ("staff-66",),
    "ae_small_business": ("staff-67",),
    "ae_mid_market": ("staff-68",),
    "ae_enterprise": ("staff-69",),
}
_WEEK: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")


def _rep(staff_id: str, zone: str, country: str, subdivision: str | None) -> Rostered:
    return Rostered(
        id=staff_id,
        zone=zone,
        country=country,
        subdivision=subdivision,
        hours=(Hours(days=_WEEK, starts=time(9), ends=time(17)),),
        environments=(
            Environment(name="help-desk", tool=Tool.HUBSPOT, queue=offboarding.SUPPORT),
            Environment(name="chat", tool=Tool.INTERCOM, queue=transfer.TEAM),
        ),
        jira_account=hours.account(staff_id),
    )


REPS = (
    _rep("staff-14", "America/New_York", "US", "NY"),
    _rep("staff-15", "Australia/Brisbane", "AU", "QLD"),
    _rep("staff-16", "Europe/Berlin", "DE", "BE"),
)
DROPBOX_HOSTS = {"https://api.dropboxapi.com": "/api", "https://content.dropboxapi.com": "/content"}


def with_standins(settings: Settings) -> Settings:
    """The same settings, with the sandbox's systems when `sandbox.url` is set. Roles and reps that are named stay."""
    root = settings.sandbox.url
    if root is None:
        return settings
    secret = {name: SecretStr(value) for name, value in CREDENTIALS.items()}
    product = f"sqlite:///{settings.home.absolute()}/sandbox/product.db"
    replaced: dict[str, dict[str, Any]] = {
        "zendesk": {
            "url": f"{root}/zendesk",
            "email": CREDENTIALS["zendesk_email"],
            "token": secret["zendesk_token"],
            "webhook_secret": secret["zendesk_webhook_secret"],
            "ticket_page": f"{root}/zendesk/agent/tickets/{{ticket}}",
        },
        "slack": {
            "url": f"{root}/slack/api",
            "token": secret["slack_token"],
            "signing_secret": secret["slack_signing_secret"],
            "response_origins": (f"{urlsplit(root).scheme}://{urlsplit(root).netloc}",),
        },
        "asana": {
            "url": f"{root}/asana/api/1.0",
            "token": secret["asana_token"],
            "workspace": WORKSPACE,
            "project": PROJECT,
            "template": TEMPLATE,
        },
        "jira": {
            "url": f"{root}/jira",
            "email": CREDENTIALS["jira_email"],
            "token": secret["jira_token"],
            "webhook_secret": secret["jira_webhook_secret"],
            "issue_page": f"{root}/jira/browse/{{issue}}",
            "support_project": documents.SUPPORT,
            "configuration_project": documents.CONFIGURATION,
            "needs_configuration_field": documents.NEEDS_CONFIGURATION,
            "organizations_field": documents.ORGANIZATIONS,
            "request_type_field": documents.REQUEST_TYPE,
            "survey_response_field": documents.SURVEY_RESPONSE,
            "revenue_project": hours.REVENUE,
            "revenue_hours_field": hours.HOURS,
            "revenue_day_field": hours.DAY,
        },
        "typeform": {
            "url": f"{root}/typeform",
            "token": secret["typeform_token"],
            "webhook_secret": secret["typeform_webhook_secret"],
            "survey_form": documents.SURVEY,
        },
        "salesforce": {
            "url": f"{root}/salesforce",
            "client_id": CREDENTIALS["salesforce_client_id"],
            "client_secret": secret["salesforce_client_secret"],
            "private_key": None,
            "sender": escalations.SENDER,
            "webhook_secret": secret["salesforce_webhook_secret"],
            "case_page": f"{root}/salesforce/lightning/r/Case/{{case}}/view",
            "lead_page": f"{root}/salesforce/lightning/r/Lead/{{lead}}/view",
            "names": (),
        },
        "hubspot": {
            "url": f"{root}/hubspot",
            "token": secret["hubspot_token"],
            "webhook_secret": secret["hubspot_client_secret"],
            "deal_page": f"{root}/hubspot/record/0-3/{{deal}}",
            "ticket_page": f"{root}/hubspot/record/0-5/{{ticket}}",
            "offboarding_pipeline": offboarding.OFFBOARDING,
            "support_pipeline": offboarding.SUPPORT,
            "new_stage": offboarding.NEW,
            "our_turn_stage": offboarding.OUR_TURN,
            "hold_stage": offboarding.HOLD,
            "names": (),
        },
        "intercom": {
            "url": f"{root}/intercom",
            "token": secret["intercom_token"],
            "webhook_secret": secret["intercom_client_secret"],
            "conversation_page": f"{root}/intercom/inbox/conversation/{{conversation}}",
            "to_sales_tag": transfer.TO_SALES,
            "topic_attribute": transfer.TOPIC,
            "sales_address": transfer.SALES,
        },
        "outreach": {
            "url": f"{root}/outreach",
            "client_id": CREDENTIALS["outreach_client_id"],
            "client_secret": secret["outreach_secret"],
            "redirect_uri": CREDENTIALS["outreach_redirect_uri"],
            "refresh_token": secret["outreach_refresh_token"],
            "webhook_secret": secret["outreach_webhook_secret"],
            "prospect_page": f"{root}/outreach/prospects/{{prospect}}/overview",
            "lead_sequence": sales.LEADS,
            "technical_sequence": sales.INTRO,
            "technical_template": sales.INTRO_TEMPLATE,
            "support_address": mailing.SUPPORT,
            "booked_stages": (sales.BOOKED,),
            "disqualified_stages": (sales.DISQUALIFIED,),
        },
        "qualified": {"url": f"{root}/qualified", "token": secret["qualified_token"], "names": ()},
        "dropbox": {"token": secret["dropbox_token"], "sandbox_url": f"{root}/dropbox"},
        "onedrive": {
            "drive": CREDENTIALS["onedrive_drive"],
            "tenant": CREDENTIALS["onedrive_tenant"],
            "client_id": CREDENTIALS["onedrive_client_id"],
            "client_secret": secret["onedrive_client_secret"],
            "url": f"{root}/onedrive/v1.0",
            "login_url": f"{root}/onedrive",
        },
        "s3": {"endpoint_url": settings.sandbox.aws_url, **AWS},
        "mail": {
            "sender": SENDER,
            "endpoint_url": settings.sandbox.aws_url,
            "inbound_bucket": mailing.BUCKET,
            "inbound_prefix": mailing.PREFIX,
            "inbound_topic": sns.TOPIC,
            "sandbox_url": f"{root}/sns",
        },
        "keys": {"kms_key_id": None, "endpoint_url": None},
        "product": {"url": product},
        "roles": {role: getattr(settings.roles, role) or ids for role, ids in ROLES.items()},
    }
    sections = {name: getattr(settings, name).model_copy(update=values) for name, values in replaced.items()}
    return settings.model_copy(update={**sections, "reps": settings.reps or REPS})


def sandbox_time(home: Path) -> Callable[[], datetime]:
    """The clock of a sandboxed deployment: the present, put forward by what `casework advance` has written."""
    path = home / "sandbox" / TIME

    def now() -> datetime:
        try:
            ahead = float(path.read_text())
        except FileNotFoundError:
            ahead = 0.0
        return datetime.now(UTC) + timedelta(seconds=ahead)

    return now


def advance(home: Path, by: timedelta) -> datetime:
    """Put a sandboxed deployment's clock forward for all its processes; the moment it shows then (UTC)."""
    path = home / "sandbox" / TIME
    ahead = sandbox_time(home)() - datetime.now(UTC) + by
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(str(ahead.total_seconds()))
    draft.replace(path)
    return sandbox_time(home)()


class DropboxStandIn(HTTPAdapter):
    """Sends what the SDK means for one of Dropbox's hosts to an address of the stand-in."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def send(
        self, request: requests.PreparedRequest, *args: Any, proxies: Any = None, **kwargs: Any
    ) -> requests.Response:
        del proxies  # the stand-in is on this machine
        parts = urlsplit(request.url or "")
        request.url = f"{self._address}{parts.path}{'?' + parts.query if parts.query else ''}"
        return super().send(request, *args, **kwargs)


def dropbox_adapters(address: str | None) -> dict[str, requests.adapters.BaseAdapter]:
    """The adapters that lead to a stand-in's `/api` and `/content`; none for the real Dropbox."""
    if address is None:
        return {}
    return {host: DropboxStandIn(f"{address}{path}") for host, path in DROPBOX_HOSTS.items()}


class SnsStandIn(httpx.BaseTransport):
    """Sends what is meant for SNS's host to an address of the stand-in."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._http = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address = httpx.URL(f"{self._address}{request.url.raw_path.decode()}")
        headers = {"Accept": request.headers["accept"], "Host": address.netloc.decode()}
        return self._http.handle_request(
            httpx.Request(request.method, address, headers=headers, extensions=request.extensions)
        )

    def close(self) -> None:
        self._http.close()


def sns_transport(address: str | None) -> httpx.BaseTransport | None:
    """The way to a stand-in of SNS; None for the real one."""
    return None if address is None else SnsStandIn(address)
