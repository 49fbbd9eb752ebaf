"""The composition root: from the settings to everything that a process of ours needs, connected once.

`build` makes the parts, with the clients of `casework.connections`; `connect` puts them in force for this process;
`connected` is what the process of a flow run calls.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from casework import __version__, clock, delivery, reception, runtime, systems
from casework.board import Board
from casework.case import CaseFiles
from casework.confidential import Confidential
from casework.connections import chosen, delivery_of, mail_topic, plain, systems_of, with_outreach
from casework.database import connect as connect_database
from casework.database import migrate
from casework.delivery.keys import read_secret_file
from casework.reception_hubspot import hubspot_changes, offboarding_starter
from casework.reception_intercom import intercom_changes, transfer_starter
from casework.reception_jira import survey_starter
from casework.reception_mail import mail_changes, mail_starter
from casework.reception_outreach import outreach_changes
from casework.reception_salesforce import escalation_starter, salesforce_changes
from casework.runtime import Runtime
from casework.settings import ADDRESSES, Settings, SettingsWrong, example, load, variable
from casework.standins import sandbox_time, with_standins
from casework.vendor_secrets import VendorSecret

if TYPE_CHECKING:
    from casework.gateway.parts import Gateway

__all__ = [
    "DatabaseAway",
    "Wired",
    "be_patient",
    "board",
    "build",
    "check",
    "connect",
    "connected",
    "files",
    "gateway",
    "preload",
    "prepare_prefect",
    "subject_page",
]

NOBODY = Path(__file__).parent / "engine" / "no-authority.pem"
"""One certificate, expired, whose key nobody has: where no authority is needed, none is trusted."""

NEEDED = (
    "prefect.api_url",
    "gateway.public_url",
    "zendesk.url",
    "zendesk.email",
    "zendesk.token",
    "zendesk.ticket_page",
    "slack.token",
    "asana.token",
    "asana.workspace",
    "asana.project",
    "asana.template",
    "dropbox.token",
    "mail.sender",
    "product.url",
    "roles.operators",
)

NEEDED_WITH = {
    "onedrive.drive": ("onedrive.tenant", "onedrive.client_id", "onedrive.client_secret"),
    "jira.url": (
        *("jira.email", "jira.token", "jira.issue_page"),
        *("jira.needs_configuration_field", "jira.survey_response_field"),
    ),
    "jira.revenue_project": ("jira.url", "jira.revenue_hours_field", "jira.revenue_day_field"),
    "typeform.token": ("typeform.survey_form",),
    "salesforce.url": ("salesforce.client_id", "salesforce.case_page"),
    "salesforce.private_key": ("salesforce.username",),
    "hubspot.token": (
        *("hubspot.deal_page", "hubspot.ticket_page", "hubspot.offboarding_pipeline"),
        *("hubspot.our_turn_stage", "hubspot.hold_stage"),
    ),
    "intercom.token": ("intercom.conversation_page", "intercom.sales_address"),
    "mail.inbound_bucket": ("mail.inbound_topic",),
    "outreach.refresh_token": (
        *("outreach.client_id", "outreach.client_secret", "outreach.redirect_uri", "outreach.prospect_page"),
        *("outreach.lead_sequence", "outreach.technical_sequence", "outreach.technical_template"),
        "outreach.support_address",
    ),
}
"""What else a system needs that a deployment may do without, where the setting that brings it in is set."""


class DatabaseAway(RuntimeError):
    """The case database cannot be used."""


@dataclass(frozen=True)
class Wired:
    """The connected parts of one process; `settings` are those in force, stand-ins included."""

    settings: Settings
    files: CaseFiles
    runtime: Runtime
    systems: systems.Systems
    delivery: delivery.Delivery


def build(settings: Settings) -> Wired:
    """Connect everything that the settings name.

    Raises:
        SettingsWrong: something that is needed is not set; all of it is named.
        DatabaseAway: the case database does not answer or cannot be brought up to date.
    """
    return _built(settings, files)


def _built(settings: Settings, files: Callable[[Settings], CaseFiles]) -> Wired:
    """The parts; none but perhaps the case files has connected to anything."""
    settings = check(settings)
    prepare_prefect(settings)
    from casework.engine.prefect import PrefectEngine
    from tasks.people import tell_operators

    case_files = files(settings)
    secret = _secret(settings)
    public_url = chosen(settings.gateway.public_url)
    confidential = Confidential(secret)
    outside = systems_of(settings)
    if settings.outreach.refresh_token is not None:
        outside = with_outreach(outside, settings, VendorSecret(case_files, confidential, "outreach", "tokens"))
    return Wired(
        settings=settings,
        files=case_files,
        runtime=Runtime(
            files=case_files,
            engine=PrefectEngine(settings.prefect.deployment, patience=settings.lease_seconds),
            confidential=confidential,
            secret=secret,
            public_url=public_url,
            case_page=f"{chosen(settings.prefect.api_url).removesuffix('/api')}/runs/flow-run/{{case}}",
            roles=settings.roles.holders(),
            rota={one.id: one for one in settings.reps},
            tell_operators=tell_operators,
            lease=settings.lease_seconds,
            zone=ZoneInfo(settings.zone),
        ),
        systems=outside,
        delivery=delivery_of(settings, outside, case_files.engine, secret, public_url),
    )


def check(settings: Settings) -> Settings:
    """The settings in force, stand-ins included, when nothing that is needed is missing.

    Raises:
        SettingsWrong: names everything that is not set.
    """
    settings = with_standins(settings)
    also = [name for key, names in NEEDED_WITH.items() if _value(settings, key) is not None for name in names]
    if settings.salesforce.url is not None and settings.salesforce.private_key is None:
        also.append("salesforce.client_secret")
    unset = [name for name in (*NEEDED, *also) if not _value(settings, name)]
    if unset:
        raise SettingsWrong(
            "\n".join(
                f"{name} is not set. In casework.toml: {example(name)}; in the environment: {variable(name)}."
                for name in unset
            )
            + "\nWithout systems of your own: `casework up --sandbox` serves stand-ins."
        )
    return settings


def files(settings: Settings) -> CaseFiles:
    """The case files alone, with the database at this release's schema: enough to look, and quick.

    Raises:
        DatabaseAway: the case database does not answer or cannot be brought up to date.
    """
    found = _case_files(settings)
    _use_database(found.engine)
    return found


def _case_files(settings: Settings) -> CaseFiles:
    if settings.sandbox.url is not None:
        clock.keep(sandbox_time(settings.home.absolute()))
    with _database_faults():
        return CaseFiles(connect_database(settings.database_url), clock.present, __version__)


def _use_database(engine: Engine) -> None:
    with _database_faults():
        migrate(engine)


@contextmanager
def _database_faults() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        said = cause.strerror if isinstance(cause, OSError) else (str(cause).splitlines() or [""])[0][:200]
        raise DatabaseAway(
            f"The case database cannot be used ({type(cause).__name__}: {said}). Is it running, is "
            "database.url right, and may we write there? Nothing was done."
        ) from None


def connect(settings: Settings) -> Wired:
    """Build, put the parts in force in this process, and register the processes."""
    return _in_force(_built(settings, files))


def _in_force(wired: Wired) -> Wired:
    systems.use(wired.systems)
    delivery.use(wired.delivery)
    import flows  # noqa: F401 - registers the processes and their forms

    return wired


def preload() -> tuple[Path, ...]:
    """Do everything that every leg of this process's settings would do first, for legs that are forked from it.

    Afterwards a leg imports nothing and builds nothing. No connection is left open and no thread runs, so that to
    fork is safe. To be called before Prefect is imported: it also sets what Prefect reads then.

    Returns:
        The files of settings that were read: when one changes, what is loaded here is out of date.

    Raises:
        SettingsWrong: something that is needed is not set.
    """
    os.environ.setdefault("PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED", "false")
    be_patient()
    _own()
    from casework.engine import prefect_leg

    prefect_leg.get_ready()
    loaded = load()
    return tuple(path for path in (loaded.file, loaded.settings.home / ADDRESSES) if path is not None)


@contextmanager
def connected() -> Iterator[Wired]:
    """This process connected by its own settings while the block runs; made once, cheap to call again."""
    wired = _own()
    _use_own_database()
    with runtime.use(wired.runtime):
        yield wired


@cache
def _own() -> Wired:
    return _in_force(_built(load().settings, _case_files))


@cache
def _use_own_database() -> None:
    _use_database(_own().files.engine)


def gateway(wired: Wired) -> Gateway:
    """What the door is connected to."""
    from casework.gateway.parts import Gateway

    settings = wired.settings
    return Gateway(
        runtime=wired.runtime,
        delivery=wired.delivery,
        on_hint=reception.together(
            reception.starter(wired.runtime, wired.systems.zendesk),
            survey_starter(wired.runtime, wired.systems),
            escalation_starter(wired.runtime, wired.systems),
            offboarding_starter(wired.runtime, wired.systems),
            *_transfers(wired),
            reception.link_notes(wired.delivery.links, wired.systems.zendesk),
        ),
        code_sender=reception.code_sender(wired.systems.zendesk, wired.systems.mail),
        own_zendesk_id=reception.own_account(wired.systems.zendesk),
        own_jira_id=lambda: wired.systems.jira.known_own_id if settings.jira.url else None,
        own_intercom_id=lambda: wired.systems.intercom.colleagues.known_own_id if settings.intercom.token else None,
        own_salesforce_id=lambda: wired.systems.salesforce.known_own_id if settings.salesforce.url else None,
        tell_slack=reception.tell_slack if settings.slack.signing_secret else None,
        open_modal=wired.systems.slack.open_view if settings.slack.signing_secret else None,
        zendesk_secret=plain(settings.zendesk.webhook_secret),
        jira_secret=plain(settings.jira.webhook_secret),
        typeform_secret=plain(settings.typeform.webhook_secret),
        salesforce_secret=plain(settings.salesforce.webhook_secret),
        hubspot_secret=plain(settings.hubspot.webhook_secret),
        hubspot_changes=hubspot_changes(wired.systems) if settings.hubspot.token else None,
        intercom_secret=plain(settings.intercom.webhook_secret),
        intercom_changes=intercom_changes(wired.systems) if settings.intercom.token else None,
        mail_topic=mail_topic(settings.mail),
        mail_changes=mail_changes(wired.systems.inbox) if settings.mail.inbound_bucket else None,
        outreach_secret=plain(settings.outreach.webhook_secret),
        outreach_changes=outreach_changes(wired.systems) if settings.outreach.refresh_token else None,
        salesforce_changes=salesforce_changes(wired.systems.salesforce) if settings.salesforce.url else None,
        slack_secret=plain(settings.slack.signing_secret),
        slack_origins=settings.slack.response_origins,
        subject_page=subject_page(settings),
        tick_seconds=settings.tick_seconds,
        poll_seconds=settings.gateway.poll_seconds,
    )


def _transfers(wired: Wired) -> Iterator[reception.Follower]:
    """What starts transfers between support and sales, where support works in Intercom."""
    if wired.settings.intercom.token is not None:
        yield transfer_starter(wired.runtime, wired.systems)
        if wired.settings.mail.inbound_bucket is not None:
            yield mail_starter(wired.runtime, wired.systems)


def board(wired: Wired) -> Board:
    """What keeps the engine's page of open questions current."""
    return Board(wired.runtime, subject_page(wired.settings))


def subject_page(settings: Settings) -> Callable[[str], str | None]:
    """The page of what a subject names (`zendesk:ticket:4711`, `jira:issue:SS-12`), where its system has one."""
    pages = {
        "zendesk:ticket": settings.zendesk.ticket_page,
        "jira:issue": settings.jira.issue_page,
        "salesforce:case": settings.salesforce.case_page,
        "salesforce:lead": settings.salesforce.lead_page,
        "hubspot:deal": settings.hubspot.deal_page,
        "hubspot:ticket": settings.hubspot.ticket_page,
        "intercom:conversation": settings.intercom.conversation_page,
        "outreach:prospect": settings.outreach.prospect_page,
    }

    def page(subject: str) -> str | None:
        kind, _, number = subject.rpartition(":")
        known = pages.get(kind)
        return known.format(**{kind.partition(":")[2]: number}) if known is not None else None

    return page


def prepare_prefect(settings: Settings) -> None:
    """Let this process's Prefect talk to the server of the settings, keep to `home`, and report nowhere.

    Prefect reads its settings when it is imported, so this comes first.

    Raises:
        RuntimeError: Prefect was imported before, with another server.
    """
    api_url = settings.prefect.api_url
    if "prefect" in sys.modules:
        from casework.engine.prefect_deployments import server

        if api_url is not None and server() != api_url:
            raise RuntimeError(
                f"This process's Prefect already talks to another server than prefect.api_url, {api_url}."
            )
        return
    os.environ.update({"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"})
    # A server that hangs holds nobody up for minutes: what it was to be asked stands in the case file.
    os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "0")
    # A server asks for these tokens only when told to; each client would ask whether it does.
    os.environ.setdefault("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED", "false")
    os.environ.setdefault("PREFECT_HOME", str(settings.home.absolute() / "prefect"))
    if api_url is not None:
        os.environ["PREFECT_API_URL"] = api_url
        if api_url.startswith("http://"):
            # Each client reads its certificates, 50 ms for the usual ones, though plain HTTP needs none.
            os.environ.setdefault("PREFECT_API_SSL_CERT_FILE", str(NOBODY))


def be_patient() -> None:
    """Let this process's Prefect ask a busy server again: nobody waits for the answer at a page.

    For legs and commands, before `prepare_prefect`. SQLite makes a server busy that others start to use.
    """
    os.environ.setdefault("PREFECT_API_REQUEST_TIMEOUT", "60")
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "5")


def _value(settings: Settings, name: str) -> object:
    section, _, field = name.partition(".")
    return getattr(getattr(settings, section), field)


def _secret(settings: Settings) -> bytes:
    if settings.secret is not None:
        return settings.secret.get_secret_value().encode()
    return read_secret_file(settings.home / "secret", 32)
