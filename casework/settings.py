"""The settings: `casework.toml`, the environment, and what `casework up` chose, checked before a start.

The environment (`CASEWORK_<SECTION>__<NAME>`) wins over the file, the file over the addresses that a running
`casework up` has written, and these over the defaults. An unknown name or a wrong value stops the start; what
is said then never repeats a value, because it may be a secret.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from casework.warm import TYPE
from policies.rota import Rostered

__all__ = ["ADDRESSES", "CONFIG", "Loaded", "Row", "Settings", "SettingsWrong", "load"]

CONFIG = "CASEWORK_CONFIG"
PREFIX = "CASEWORK_"
ADDRESSES = Path("run") / "addresses.json"
"""Where below `home` a running `casework up` writes the addresses that it chose."""


class SettingsWrong(ValueError):
    """The settings cannot be used; the text names each wrong one, what is wrong and an example."""


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address that begins with https:// or http://")
    return value.rstrip("/")


def _database(value: str) -> str:
    try:
        make_url(value)
    except ArgumentError:
        raise ValueError("must be a SQLAlchemy address") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError("is not a time zone of the IANA database") from None
    return value


def _long(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().encode()) < 32:
        raise ValueError("must have 32 bytes or more")
    return value


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_address)]
Database = Annotated[str, AfterValidator(_database)]
Zone = Annotated[str, AfterValidator(_zone)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
_PROJECT = r"^[A-Z][A-Z0-9_]+$"
_FIELD = r"^customfield_[0-9]+$"
_NUMBER = r"^[0-9]{1,20}$"
_TOPIC = r"^arn:aws(-us-gov)?:sns:[a-z]{2}(-[a-z]+)+-[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256}$"
Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatabaseSettings(_Section):
    """The case database; without an address it is an SQLite file in `home`."""

    url: Database | None = Field(None, examples=["postgresql+psycopg://casework@db.example/casework"])


class GatewaySettings(_Section):
    """The only door from outside. `public_url` is its address for people and vendors; port 0: a free one.

    `second_public_url` leads to the same gateway by another host name, for customers who cannot reach the first. Every
    `poll_seconds` it looks for what vendors did not tell.
    """

    host: str = Field("127.0.0.1", examples=["127.0.0.1"])
    port: Port = Field(0, examples=[8080])
    public_url: Address | None = Field(None, examples=["https://casework.example"])
    second_public_url: Address | None = Field(None, examples=["https://casework.second.example"])
    poll_seconds: float = Field(120.0, ge=10, examples=[120.0])

    @field_validator("second_public_url")
    @classmethod
    def _another_host(cls, second: str | None, known: ValidationInfo) -> str | None:
        first = known.data.get("public_url")
        if second and first and urlsplit(second).netloc == urlsplit(first).netloc:
            raise ValueError("must have another host than gateway.public_url")
        return second


class PrefectSettings(_Section):
    """The Prefect server; `casework up` starts one of its own where `api_url` is not set."""

    api_url: Address | None = Field(None, examples=["https://prefect.example/api"])
    deployment: str = Field("casework", examples=["casework"])
    work_pool: str = Field("casework", examples=["casework"])
    worker: str = Field(TYPE, examples=["process"])


class ZendeskSettings(_Section):
    url: Address | None = Field(None, examples=["https://support.example"])
    email: str | None = Field(None, examples=["robot@support.example"])
    token: SecretStr | None = Field(None, examples=["the API token"])
    webhook_secret: SecretStr | None = Field(None, examples=["the webhook's signing secret"])
    ticket_page: str | None = Field(None, examples=["https://support.example/agent/tickets/{ticket}"])


class SlackSettings(_Section):
    """`response_origins` are where an answer to a pressed button may be sent."""

    url: Address = Field("https://slack.com/api", examples=["https://slack.com/api"])
    token: SecretStr | None = Field(None, examples=["the bot token, xoxb-…"])
    signing_secret: SecretStr | None = Field(None, examples=["the app's signing secret"])
    response_origins: Names = Field(("https://hooks.slack.com",), examples=[["https://hooks.slack.com"]])


class AsanaSettings(_Section):
    url: Address = Field("https://app.asana.com/api/1.0", examples=["https://app.asana.com/api/1.0"])
    token: SecretStr | None = Field(None, examples=["the personal access token"])
    workspace: str | None = Field(None, examples=["1200000000000001"])
    project: str | None = Field(None, examples=["1200000000000002"])
    template: str | None = Field(None, examples=["1200000000000003"])


class JiraSettings(_Section):
    """One site of Jira Cloud; without `url` there is none, and processes that need one say so.

    Projects are keys, fields are ids such as `customfield_10050`; the ids differ from site to site.
    """

    url: Address | None = Field(None, examples=["https://support.jira.example"])
    email: str | None = Field(None, examples=["robot@support.example"])
    token: SecretStr | None = Field(None, examples=["the API token"])
    webhook_secret: SecretStr | None = Field(None, examples=["the webhook's secret"])
    issue_page: str | None = Field(None, examples=["https://support.jira.example/browse/{issue}"])
    support_project: str = Field("SS", pattern=_PROJECT, examples=["SS"])
    configuration_project: str = Field("CS", pattern=_PROJECT, examples=["CS"])
    needs_configuration_field: str | None = Field(None, pattern=_FIELD, examples=["customfield_10050"])
    organizations_field: str = Field("customfield_10002", pattern=_FIELD, examples=["customfield_10002"])
    request_type_field: str = Field("customfield_10010", pattern=_FIELD, examples=["customfield_10010"])
    survey_response_field: str | None = Field(None, pattern=_FIELD, examples=["customfield_10060"])
    revenue_project: str | None = Field(None, pattern=_PROJECT, examples=["REV"])
    revenue_hours_field: str | None = Field(None, pattern=_FIELD, examples=["customfield_10070"])
    revenue_day_field: str | None = Field(None, pattern=_FIELD, examples=["customfield_10071"])


class TypeformSettings(_Section):
    """The account that the document survey is in; without a token there is none."""

    url: Address = Field("https://api.typeform.com", examples=["https://api.eu.typeform.com"])
    token: SecretStr | None = Field(None, examples=["the personal access token"])
    webhook_secret: SecretStr | None = Field(None, examples=["the webhook's secret"])
    survey_form: str | None = Field(None, pattern=r"^[A-Za-z0-9]+$", examples=["Dq8mYt2K"])


class SalesforceSettings(_Section):
    """One org, by its My Domain; without `url` there is none.

    We sign in with `client_secret`, or, where `private_key` is set, with assertions that it signs for `username`.
    `names` are the org's names of objects and fields, where they differ from those of the processes. `reserve` is the
    part of the org's allowance of requests that is left to others. With `lead_page` the org is one that sales works in.
    """

    url: Address | None = Field(None, examples=["https://members.my.salesforce.example"])
    client_id: str | None = Field(None, min_length=1, examples=["the connected app's consumer key"])
    client_secret: SecretStr | None = Field(None, examples=["the connected app's consumer secret"])
    username: str | None = Field(None, min_length=1, examples=["robot@members.example"])
    private_key: SecretStr | None = Field(None, examples=["-----BEGIN PRIVATE KEY-----…"])
    audience: Address = Field("https://login.salesforce.com", examples=["https://test.salesforce.com"])
    version: str = Field("v64.0", pattern=r"^v[1-9][0-9]\.0$", examples=["v64.0"])
    sender: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+$", examples=["care@members.example"])
    webhook_secret: SecretStr | None = Field(None, examples=["the secret that the org's callouts are signed with"])
    case_page: str | None = Field(None, examples=["https://members.lightning.example/lightning/r/Case/{case}/view"])
    lead_page: str | None = Field(None, examples=["https://members.lightning.example/lightning/r/Lead/{lead}/view"])
    names: Names = Field((), examples=[["Review__c = Member_Review__c", "Review__c.Text__c = Body__c"]])
    reserve: float = Field(0.05, ge=0, lt=1, examples=[0.05])


class HubSpotSettings(_Section):
    """One account, by the token of a private app; without one there is none.

    `webhook_secret` is the app's client secret. Pipelines of tickets and their stages are ids, which differ from one
    account to the next. `names` are the account's names of its own properties, where they differ from those of the
    processes. `reserve` is the part of the account's requests in a day that is left to others.
    """

    url: Address = Field("https://api.hubapi.com", examples=["https://api.hubapi.com"])
    token: SecretStr | None = Field(None, examples=["the private app's token, pat-…"])
    webhook_secret: SecretStr | None = Field(None, examples=["the app's client secret"])
    deal_page: str | None = Field(None, examples=["https://crm.example/contacts/48810077/record/0-3/{deal}"])
    ticket_page: str | None = Field(None, examples=["https://crm.example/contacts/48810077/record/0-5/{ticket}"])
    offboarding_pipeline: str | None = Field(None, pattern=_NUMBER, examples=["77001"])
    support_pipeline: str = Field("0", pattern=_NUMBER, examples=["0"])
    new_stage: str = Field("1", pattern=_NUMBER, examples=["1"])
    our_turn_stage: str | None = Field(None, pattern=_NUMBER, examples=["2"])
    hold_stage: str | None = Field(None, pattern=_NUMBER, examples=["900120"])
    names: Names = Field((), examples=[["deals.contract_end_date = end_of_service"]])
    reserve: float = Field(0.05, ge=0, lt=1, examples=[0.05])


class IntercomSettings(_Section):
    """One workspace, by the access token of a private app; without one there is none.

    `url` is that of the workspace's region, `webhook_secret` the app's client secret. Colleagues hand a conversation
    over to sales by the tag `to_sales_tag`; `topic_attribute` is the name of the attribute that holds its topic.
    `sales_address` is added to a conversation that is handed over.
    """

    url: Address = Field("https://api.intercom.io", examples=["https://api.eu.intercom.io"])
    token: SecretStr | None = Field(None, examples=["the private app's access token"])
    webhook_secret: SecretStr | None = Field(None, examples=["the app's client secret"])
    conversation_page: str | None = Field(None, examples=["https://inbox.example/a/inbox/conversation/{conversation}"])
    to_sales_tag: str = Field("to-sales", min_length=1, examples=["to-sales"])
    topic_attribute: str = Field("Topic", min_length=1, examples=["Topic"])
    sales_address: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+$", examples=["sales@support.example"])


class OutreachSettings(_Section):
    """One organisation, by an app that one of its users authorised; without a refresh token there is none.

    The refresh token is the first of a chain, whose newest is kept in the case database. Stages are names. The one
    mail of `technical_sequence` is `technical_template`, which has `support_address` in CC.
    """

    url: Address = Field("https://api.outreach.io", examples=["https://api.outreach.io"])
    client_id: str | None = Field(None, examples=["the app's id"])
    client_secret: SecretStr | None = Field(None, examples=["the app's secret"])
    redirect_uri: str | None = Field(None, examples=["https://casework.example/outreach"])
    refresh_token: SecretStr | None = Field(None, examples=["what the first sign-in gave"])
    webhook_secret: SecretStr | None = Field(None, examples=["the secret that its webhooks were made with"])
    prospect_page: str | None = Field(None, examples=["https://web.outreach.example/prospects/{prospect}/overview"])
    lead_sequence: str | None = Field(None, pattern=_NUMBER, examples=["1001"])
    technical_sequence: str | None = Field(None, pattern=_NUMBER, examples=["1002"])
    technical_template: str | None = Field(None, pattern=_NUMBER, examples=["1001"])
    support_address: str | None = Field(None, examples=["support@company.example"])
    booked_stages: Names = Field(("Meeting Booked",), examples=[["Meeting Booked"]])
    disqualified_stages: Names = Field(("Disqualified",), examples=[["Disqualified"]])


class QualifiedSettings(_Section):
    """One account, by a token of its Enterprise API; without one there is none.

    `names` are the account's names of a lead's fields, where they differ from those of the processes.
    """

    url: Address = Field("https://api.qualified.com", examples=["https://api.qualified.com"])
    token: SecretStr | None = Field(None, examples=["a token of the Enterprise API"])
    names: Names = Field((), examples=[["employee_count = company_size"]])


class DropboxSettings(_Section):
    """`business` deletes for good, which needs a Business account with the scope `files.permanent_delete`.

    Without it Dropbox keeps what was deleted for `retention_days` (30, 180 or 365 by plan). With `app_key`
    and `app_secret` the token is a refresh token. `sandbox_url` is a stand-in's root.
    """

    token: SecretStr | None = Field(None, examples=["the access or refresh token"])
    app_key: str | None = Field(None, examples=["the app's key"])
    app_secret: SecretStr | None = Field(None, examples=["the app's secret"])
    sandbox_url: Address | None = Field(None, examples=["http://127.0.0.1:4300/dropbox"])
    folder: str = Field("/casework", pattern=r"^(/[^/]+)+$", examples=["/casework"])
    business: bool = Field(False, examples=[False])
    retention_days: int = Field(30, ge=1, examples=[30])


class OneDriveSettings(_Section):
    """A vault in OneDrive for work or SharePoint; without a drive there is none.

    The app signs in by itself, so it needs the application permission `Sites.ReadWrite.All` or
    `Sites.Selected` for the drive's site.
    """

    drive: str | None = Field(None, min_length=1, examples=["b!the-drive-id"])
    tenant: str | None = Field(None, pattern=r"^[\w.-]+$", examples=["directory.example"])
    client_id: str | None = Field(None, min_length=1, examples=["the app's id"])
    client_secret: SecretStr | None = Field(None, examples=["the app's secret"])
    folder: str = Field("/casework", pattern=r"^(/[^/:]+)+$", examples=["/casework"])
    url: Address = Field("https://graph.microsoft.com/v1.0", examples=["https://graph.microsoft.com/v1.0"])
    login_url: Address = Field("https://login.microsoftonline.com", examples=["https://login.microsoftonline.com"])


class S3Settings(_Section):
    """The drop that engineering fills, and the vault to fall back to. Without keys boto3 finds its own."""

    endpoint_url: Address | None = Field(None, examples=["https://s3.example"])
    region: str = Field("eu-central-1", examples=["eu-central-1"])
    access_key: str | None = Field(None, examples=["the access key's id"])
    secret_key: SecretStr | None = Field(None, examples=["the secret access key"])
    drop_bucket: str = Field("engineering-drop", min_length=3, examples=["engineering-drop"])
    vault_bucket: str | None = Field(None, min_length=3, examples=["export-vault"])


class MailSettings(_Section):
    """Mail goes through Amazon SES, with the region and keys of `[s3]`.

    With `inbound_bucket` it also comes in: SES stores it there, below `inbound_prefix`, and tells `inbound_topic` of
    SNS. `sandbox_url` is the root of a stand-in of SNS.
    """

    sender: str | None = Field(None, examples=["exports@support.example"])
    endpoint_url: Address | None = Field(None, examples=["https://email.example"])
    inbound_bucket: str | None = Field(None, min_length=3, examples=["inbound-mail"])
    inbound_prefix: str | None = Field(None, max_length=200, examples=["support/"])
    inbound_topic: str | None = Field(
        None, pattern=_TOPIC, examples=["arn:aws:sns:eu-central-1:123456789012:inbound-mail"]
    )
    sandbox_url: Address | None = Field(None, examples=["http://127.0.0.1:4300/sns"])


class KeySettings(_Section):
    """What wraps data keys: a key of AWS KMS, with the region and keys of `[s3]`; without one a file in `home`."""

    kms_key_id: str | None = Field(None, min_length=1, examples=["alias/casework"])
    endpoint_url: Address | None = Field(None, examples=["https://kms.example"])


class ProductSettings(_Section):
    url: Database | None = Field(None, examples=["postgresql+psycopg://reader@db.example/product"])


class RoleSettings(_Section):
    """Who holds which role, by the staff ids of the product database."""

    operators: Names = Field((), examples=[["staff-41", "staff-42"]])
    scaled_approver: Names = Field((), examples=[["staff-31"]])
    scaled_approver_manager: Names = Field((), examples=[["staff-22"]])
    csm_manager: Names = Field((), examples=[["staff-21"]])
    support: Names = Field((), examples=[["staff-61"]])
    engineering_lead: Names = Field((), examples=[["staff-51"]])
    tier2: Names = Field((), examples=[["staff-81", "staff-82"]])
    member_review_and_safety: Names = Field((), examples=[["staff-91"]])
    privacy: Names = Field((), examples=[["staff-95"]])
    support_coordinator: Names = Field((), examples=[["staff-18"]])
    sdr: Names = Field((), examples=[["staff-64", "staff-65"]])
    sales_manager: Names = Field((), examples=[["staff-66"]])
    ae_small_business: Names = Field((), examples=[["staff-67"]])
    ae_mid_market: Names = Field((), examples=[["staff-68"]])
    ae_enterprise: Names = Field((), examples=[["staff-69"]])

    def holders(self) -> dict[str, tuple[str, ...]]:
        """The ids by role, as policies call the roles (`scaled-approver`)."""
        return {name.replace("_", "-"): getattr(self, name) for name in type(self).model_fields}


class SandboxSettings(_Section):
    """Served stand-ins of the outside systems; where `url` is set they are used in place of the real ones."""

    url: Address | None = Field(None, examples=["http://127.0.0.1:4300"])
    aws_url: Address | None = Field(None, examples=["http://127.0.0.1:4301"])


_REP = {
    "id": "staff-14",
    "zone": "America/New_York",
    "country": "US",
    "subdivision": "NY",
    "hours": [{"days": ["monday", "tuesday"], "starts": "09:00", "ends": "17:00"}],
    "leave": [{"first": "2026-12-24", "last": "2026-12-31"}],
    "environments": [{"name": "help-desk", "tool": "hubspot", "queue": "0"}],
    "jira_account": "712020:0a1b2c3d",
}


def _once_each(reps: tuple[Rostered, ...]) -> tuple[Rostered, ...]:
    twice = [one for one, times in Counter(rep.id for rep in reps).items() if times > 1]
    if twice:
        raise ValueError(f"more than one table has the id {', '.join(twice)}")
    return reps


Level = Literal["debug", "info", "warning", "error"]


class Settings(BaseSettings):
    """Everything that can be set. Spans are in seconds; `zone` is where the operators are."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path = Field(Path(".casework"), examples=[".casework"])
    secret: Annotated[SecretStr, AfterValidator(_long)] | None = Field(None, examples=["32 random bytes or more"])
    zone: Zone = Field("UTC", examples=["Europe/Berlin"])
    lease_seconds: float = Field(20.0, gt=0, examples=[20.0])
    tick_seconds: float = Field(5.0, gt=0, examples=[5.0])
    log_level: Level = Field("info", examples=["info"])
    database: DatabaseSettings = DatabaseSettings()
    gateway: GatewaySettings = GatewaySettings()
    prefect: PrefectSettings = PrefectSettings()
    zendesk: ZendeskSettings = ZendeskSettings()
    slack: SlackSettings = SlackSettings()
    asana: AsanaSettings = AsanaSettings()
    jira: JiraSettings = JiraSettings()
    typeform: TypeformSettings = TypeformSettings()
    salesforce: SalesforceSettings = SalesforceSettings()
    hubspot: HubSpotSettings = HubSpotSettings()
    intercom: IntercomSettings = IntercomSettings()
    outreach: OutreachSettings = OutreachSettings()
    qualified: QualifiedSettings = QualifiedSettings()
    dropbox: DropboxSettings = DropboxSettings()
    onedrive: OneDriveSettings = OneDriveSettings()
    s3: S3Settings = S3Settings()
    mail: MailSettings = MailSettings()
    keys: KeySettings = KeySettings()
    product: ProductSettings = ProductSettings()
    roles: RoleSettings = RoleSettings()
    reps: Annotated[tuple[Rostered, ...], AfterValidator(_once_each)] = Field((), examples=[[_REP]])
    sandbox: SandboxSettings = SandboxSettings()

    @property
    def database_url(self) -> str:
        """The address of the case database."""
        return self.database.url or f"sqlite:///{self.home.absolute()}/casework.db"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gives: it reads every source itself, to know where a value came from."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting in force: its value for people (secrets as `***`, unset as None) and where it is from."""

    name: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and where each comes from. `file` is None when there is no `casework.toml`."""

    settings: Settings
    file: Path | None
    origins: Mapping[str, str]

    def rows(self) -> Iterator[Row]:
        """Every setting in force, secrets masked."""
        for name, value in _leaves(self.settings):
            yield Row(name, _shown(value), self.origins.get(name, "default"))


def load(file: Path | None = None, *, running: bool = True) -> Loaded:
    """Read and check the settings.

    Args:
        file: the file; without one `CASEWORK_CONFIG` names it, else `./casework.toml` is read if it is there.
        running: whether the addresses that a `casework up` has chosen count.

    Raises:
        SettingsWrong: a named file is missing, a name is unknown, or a value is wrong.
    """
    named = file or (Path(os.environ[CONFIG]) if os.environ.get(CONFIG) else None)
    path = named or Path("casework.toml")
    if named is not None and not named.is_file():
        raise SettingsWrong(f"There is no settings file {named}: correct {CONFIG} or write the file.")
    from_file = _read(path) if path.is_file() else {}
    from_environment = _environment()
    stated = _merge(from_file, from_environment)
    home = Path(str(stated.get("home", Settings.model_fields["home"].default)))
    from_run = _running(home, stated) if running else {}
    origins = dict.fromkeys(_names(from_run), f"casework up ({home / ADDRESSES})")
    origins |= dict.fromkeys(_names(from_file), str(path))
    origins |= {name: f"environment {variable(name)}" for name in _names(from_environment)}
    try:
        settings = Settings(**_merge(from_run, stated))
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        # What is wrong with a list because of one of its members is said of the member.
        places = [problem["loc"] for problem in problems]
        inner = [one for one in problems if not any(at[:-1] == one["loc"] for at in places)]
        raise SettingsWrong("\n".join(_say(problem, origins, stated) for problem in inner)) from None
    return Loaded(settings, path if path.is_file() else None, origins)


def variable(name: str) -> str:
    """The environment variable of a setting: `zendesk.url` is `CASEWORK_ZENDESK__URL`."""
    return PREFIX + name.replace(".", "__").upper()


def example(name: str) -> str:
    """How a setting is written in the file: `[zendesk] url = "https://support.example"`."""
    section, _, rest = name.rpartition(".")
    fields: Any = Settings.model_fields
    if section:
        fields = fields[section].annotation.model_fields
    given = _toml((fields[rest].examples or [""])[0])
    return f"[{section}] {rest} = {given}" if section else f"{rest} = {given}"


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_toml(one)}' for name, one in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsWrong(f"{path} is not TOML: {error}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsWrong(f"{path} cannot be read ({type(error).__name__}).") from None


def _environment() -> dict[str, Any]:
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name == CONFIG:
            continue
        first, nested, _ = name.removeprefix(PREFIX).lower().partition("__")
        if first not in Settings.model_fields:
            raise SettingsWrong(f"{name}: there is no such setting. Known: {', '.join(Settings.model_fields)}.")
        if not nested and _is_section(Settings.model_fields[first].annotation):
            raise SettingsWrong(f"{name}: this is a section; set its parts, such as {name}__NAME.")
    try:
        return EnvSettingsSource(Settings)()
    except (SettingsError, ValueError):
        raise SettingsWrong(
            f"The environment's {PREFIX}… variables cannot be read. Lists are written with commas: "
            f"{variable('roles.operators')}=staff-41,staff-42. {variable('reps')} is a list in JSON: "
            f"{json.dumps([{name: _REP[name] for name in ('id', 'zone', 'hours')}])}."
        ) from None


def _running(home: Path, stated: Mapping[str, Any]) -> dict[str, Any]:
    """What a running `casework up` chose; stand-ins only where no real system is named."""
    path = home / ADDRESSES
    if not path.is_file():
        return {}
    try:
        chosen: dict[str, Any] = json.loads(path.read_text())["settings"]
    except (ValueError, KeyError, TypeError, OSError):
        raise SettingsWrong(f"{path} cannot be read. Delete it; `casework up` writes it anew.") from None
    if stated.get("zendesk", {}).get("url"):
        chosen.pop("sandbox", None)
    return chosen


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, _Section)


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for name, value in high.items():
        below = merged.get(name)
        merged[name] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _names(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _leaves(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and "://" in value and "@" in value:
        return make_url(value).render_as_string(hide_password=True)
    if isinstance(value, tuple):
        return [one.model_dump(mode="json") if isinstance(one, BaseModel) else one for one in value]
    return value


_PLAINLY = {"missing": "is missing", "tuple_type": "must be a list", "too_short": "must not be empty"}
"""Problems that pydantic names by its own types."""


def _say(problem: Any, origins: Mapping[str, str], stated: Mapping[str, Any]) -> str:
    parts = [str(part) for part in problem["loc"]]
    in_section = _is_section(_annotation(parts[0]))
    name = ".".join(parts[:2]) if in_section else parts[0]
    inside = (where for known, where in origins.items() if known.startswith(f"{name}."))
    where = origins.get(name) or next(inside, None)
    # In a table that may stand several times the place says which one, counted from 0, and whose it is.
    place = name if in_section else ".".join(parts) + _whose(problem["loc"], stated)
    said = f"{place}{f' (from {where})' if where else ''}"
    if problem["type"] == "extra_forbidden":
        known = _fields(parts[:-1])
        return f"{said}: there is no such setting. Known here: {', '.join(known)}."
    what = _PLAINLY.get(problem["type"]) or problem["msg"].removeprefix("Value error, ").rstrip(".")
    if name in Settings.model_fields and _is_section(_annotation(name)):
        return f"{said}: {what}. It is a section: [{name}]."
    return f"{said}: {what}. Example: {example(name) if len(parts) < 3 or in_section else _example_within(parts)}"


def _whose(place: tuple[int | str, ...], stated: Mapping[str, Any]) -> str:
    """Whose table it is, where it has an id."""
    if len(place) < 2:
        return ""
    try:
        known = stated[str(place[0])][place[1]]["id"]
    except (LookupError, TypeError):
        return ""
    return f" of {known}" if isinstance(known, str) and re.fullmatch(r"[\w.-]{1,64}", known) else ""


def _example_within(parts: list[str]) -> str:
    """How one part of a table that may stand several times is written: `zone = "America/New_York"`."""
    value = (Settings.model_fields[parts[0]].examples or [""])[0]
    for part in parts[1:]:
        value = value[0] if part.isdigit() else value[part]
    named = [part for part in parts if not part.isdigit()]
    return f"{named[-1]} = {_toml(value if not parts[-1].isdigit() else [value])}"


def _fields(path: list[str]) -> Mapping[str, Any]:
    """The names that may stand at a place."""
    fields: Mapping[str, Any] = Settings.model_fields
    for part in path:
        if not part.isdigit():
            annotation = fields[part].annotation
            fields = next(
                one for one in (annotation, *get_args(annotation)) if hasattr(one, "model_fields")
            ).model_fields
    return fields


def _annotation(name: str) -> Any:
    known = Settings.model_fields.get(name)
    return known.annotation if known else None
