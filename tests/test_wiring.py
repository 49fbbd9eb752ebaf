"""The composition root, over a served sandbox: from settings to clients that work, and what starts a case."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from casework import connections, reception, wiring
from casework.delivery.keys import KeyFile, KmsKey
from casework.delivery.link import Link, LinkState, SealedFile
from casework.delivery.links import Links
from casework.engine import EngineAway
from casework.gateway.inbox import Hook, Inbox
from casework.occurrence import Occurrence
from casework.sandbox import People, World, aws, outreach, product, server, sns
from casework.sandbox.misbehave import Fault
from casework.sandbox.seed_documents import REQUEST
from casework.settings import (
    HubSpotSettings,
    IntercomSettings,
    JiraSettings,
    KeySettings,
    MailSettings,
    OneDriveSettings,
    OutreachSettings,
    QualifiedSettings,
    SalesforceSettings,
    SandboxSettings,
    Settings,
    SettingsWrong,
    TypeformSettings,
    load,
)
from casework.standins import AWS, SENDER, with_standins
from casework.systems.errors import Misconfigured, Temporary
from casework.systems.signatures import BadSignature
from casework.systems.zendesk import Zendesk
from casework.wiring import DatabaseAway, Wired
from flows import data_export
from policies.sales_transfer_numbers import NUMBERS
from tests.desk import Desk

USER = "user-83"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), folder=tmp_path / "home" / "sandbox")
    world.seed()
    product.create(tmp_path / "home" / "sandbox" / "product.db", world)
    return world


@pytest.fixture
def settings(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The settings of a process in sandbox mode, the sandbox served on loopback."""
    for name in [name for name in os.environ if name.startswith("CASEWORK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    served = server.serve(world)
    stated = {
        "HOME": str(tmp_path / "home"),
        "SANDBOX__URL": served.url,
        "SANDBOX__AWS_URL": "http://127.0.0.1:1",
        "PREFECT__API_URL": "http://127.0.0.1:1/api",
        "GATEWAY__PUBLIC_URL": "http://127.0.0.1:2",
    }
    for name, value in stated.items():
        monkeypatch.setenv(f"CASEWORK_{name}", value)
    # Prefect is in this process already, with the settings of the test run; it is not asked anything here.
    monkeypatch.setattr(wiring, "prepare_prefect", lambda _settings: None)
    try:
        yield load().settings
    finally:
        served.stop()


@pytest.fixture
def wired(settings: Settings) -> Wired:
    return wiring.build(settings)


def test_the_stand_ins_values_are_the_sandboxs() -> None:
    """What is repeated of the sandbox's S3 and mail is what these accept."""
    assert AWS["region"] == aws.REGION
    assert AWS["access_key"] == aws.ACCESS_KEY
    assert str(getattr(AWS["secret_key"], "get_secret_value", str)()) == aws.SECRET_KEY
    assert AWS["drop_bucket"] == aws.DROP_BUCKET
    assert AWS["vault_bucket"] == aws.VAULT_BUCKET
    assert SENDER == aws.SENDER


def test_in_sandbox_mode_every_client_reaches_its_stand_in(wired: Wired, world: World) -> None:
    """Zendesk, Slack, Asana, Dropbox and the product database answer with the credentials they were given."""
    ticket = People(world).customer.open_ticket(USER)
    assert wired.systems.zendesk.ticket(ticket).tags == ("data_export",)
    assert wired.systems.slack.open_direct_message("U0STAFF11X")
    places = wired.systems.places
    assert wired.systems.asana.webhooks(places.asana_workspace, places.asana_project) == ()
    wired.delivery.vaults["dropbox"].store("probe", [b"sealed"], 6)
    assert b"".join(wired.systems.dropbox.read("/casework/probe")) == b"sealed"
    assert wired.systems.product.staff("staff-11").id == "staff-11"
    assert wired.systems.jira.desk.request_type_id(places.jira.support_project, REQUEST)
    token = People(world).customer.answer_survey("user-201")
    assert wired.systems.typeform.response(places.survey_form, token).token == token
    case = People(world).member.open_case("member-1", "Delete my data", "All of it.")
    wired.systems.salesforce.demand()
    assert wired.systems.salesforce.cases.case(case).tier == "Tier 2"
    assert wired.systems.salesforce.reviews.of_case(case) == ()
    wired.systems.hubspot.demand()
    deal = world.state["roster"]["companies"]["company-1"]["deals"][-1]
    assert wired.systems.hubspot.deals.deal(deal).status == "Active"
    assert places.hubspot.deal_page.format(deal=deal).endswith(f"/0-3/{deal}")
    wired.systems.intercom.demand(places.intercom.to_sales_tag)
    conversation = world.state["roster"]["conversations"]["seats"]
    topic = wired.systems.intercom.conversations.conversation(conversation).attribute(places.intercom.topic_attribute)
    assert topic == "Seats or licenses"
    assert places.intercom.conversation_page.format(conversation=conversation).endswith(f"/{conversation}")
    outreach.point(world, "http://127.0.0.1:2/hooks/outreach")
    wired.systems.outreach.demand()
    visitor = world.state["roster"]["visitors"]["visitor-5"]
    prospect = wired.systems.outreach.prospects.by_email(visitor["email"])[0]
    assert prospect.id == visitor["prospect"]
    assert places.outreach.prospect_page.format(prospect=prospect.id).endswith(f"/prospects/{prospect.id}/overview")
    wired.systems.qualified.demand()
    assert wired.systems.qualified.lead(visitor["lead_id"]).email == visitor["email"]
    assert places.case_page.format(case=case).endswith(f"/{case}/view")
    lead = world.state["roster"]["leads"]["lead-1"]["lead_id"]
    assert wired.systems.salesforce.leads.lead(lead).status == "Working"
    assert places.lead_page.format(lead=lead).endswith(f"/{lead}/view")
    assert [person.id for person in wired.runtime.operators.people] == ["staff-41", "staff-42"]
    assert set(wired.delivery.vaults) == {"dropbox", "onedrive", "s3"}
    wired.delivery.vaults["onedrive"].store("probe", [b"sealed"], 6)
    assert [item["path"] for item in world.state["onedrive"]["items"].values()] == ["casework/probe"]


def test_a_drive_needs_its_app(settings: Settings) -> None:
    """Whoever names a drive reads, before anything starts, that the app's directory, id and secret are missing."""
    real = with_standins(settings).model_copy(
        update={"sandbox": SandboxSettings(), "onedrive": OneDriveSettings(drive="b!x", tenant="directory.example")}
    )
    with pytest.raises(SettingsWrong) as told:
        wiring.check(real)
    assert "onedrive.client_id is not set" in str(told.value)
    assert "onedrive.client_secret is not set" in str(told.value)
    assert "tenant" not in str(told.value)


def test_jira_and_typeform_need_not_be_set_up(settings: Settings) -> None:
    """Without an address or a token they are left out, and say so at the first use; with one they need the rest."""
    real = with_standins(settings).model_copy(update={"sandbox": SandboxSettings()})
    without = real.model_copy(update={"jira": JiraSettings(), "typeform": TypeformSettings()})
    outside = connections.systems_of(wiring.check(without))
    for use, setting in (
        (lambda: outside.jira.issue("SS-1"), "jira.url is not set"),
        (lambda: outside.places.jira.support_project, "jira.url is not set"),
        (lambda: outside.typeform.response("F", "t"), "typeform.token is not set"),
    ):
        with pytest.raises(Misconfigured, match=setting):
            use()
    half = {"jira": JiraSettings(url="https://jira.example"), "typeform": TypeformSettings(token=SecretStr("t"))}
    with pytest.raises(SettingsWrong) as told:
        wiring.check(real.model_copy(update=half))
    for name in (*wiring.NEEDED_WITH["jira.url"], *wiring.NEEDED_WITH["typeform.token"]):
        assert f"{name} is not set" in str(told.value)


def test_salesforce_need_not_be_set_up(settings: Settings) -> None:
    """Without an address it says so at the first use; with one it needs an app, and a secret or a key with its user."""
    real = with_standins(settings).model_copy(update={"sandbox": SandboxSettings()})

    def with_org(**given: Any) -> Settings:
        return real.model_copy(update={"salesforce": SalesforceSettings(**given)})

    outside = connections.systems_of(wiring.check(with_org()))
    with pytest.raises(Misconfigured, match=r"salesforce\.url is not set"):
        outside.salesforce.own_id()
    url, app = "https://org.example", {"client_id": "app", "case_page": "https://org.example/{case}"}
    lacking = (
        ({"url": url}, ("client_id", "case_page", "client_secret")),
        ({"url": url, **app}, ("client_secret",)),
        ({"url": url, **app, "private_key": SecretStr("k")}, ("username",)),
    )
    for given, names in lacking:
        with pytest.raises(SettingsWrong) as told:
            wiring.check(with_org(**given))
        assert re.findall(r"salesforce\.(\w+) is not set", str(told.value)) == list(names)
    by_key = with_org(url=url, **app, private_key=SecretStr("k"), username="robot@org.example")
    assert connections.systems_of(wiring.check(by_key)).salesforce.known_own_id is None


def test_mail_need_not_come_in(settings: Settings) -> None:
    """Without a bucket there is neither an inbox nor a door for mail; with one it needs its topic."""
    real = with_standins(settings).model_copy(update={"sandbox": SandboxSettings()})

    def with_mail(**given: Any) -> Settings:
        return real.model_copy(update={"mail": MailSettings(sender=SENDER, **given)})

    outside = connections.systems_of(wiring.check(with_mail()))
    with pytest.raises(Misconfigured, match=r"mail\.inbound_bucket is not set"):
        outside.inbox.received("a" * 40)
    assert connections.mail_topic(with_mail().mail) is None
    with pytest.raises(SettingsWrong, match=r"mail\.inbound_topic is not set"):
        wiring.check(with_mail(inbound_bucket="inbound-mail"))


def test_mail_that_comes_in_is_signed_by_the_sandbox(wired: Wired, world: World) -> None:
    """The gateway believes the sandbox's certificate, read over HTTP, confirms its subscription, and looks for mail."""
    sns.subscribe(world)
    (told,) = world.take_deliveries("sns")
    gateway = wiring.gateway(wired)
    assert gateway.mail_topic is not None
    assert gateway.mail_changes is not None
    gateway.mail_topic.confirm(gateway.mail_topic.read(told.body))
    assert world.state["sns"]["confirmed"]
    with pytest.raises(BadSignature, match="does not match"):
        gateway.mail_topic.read(told.body.replace(b"You have", b"You had"))


def test_sales_in_salesforce_need_not_be_set_up(settings: Settings, world: World) -> None:
    """An org of which no page of leads is named is not asked for what leads need."""
    del world.state["salesforce"]["objects"]["Lead"]
    sandboxed = with_standins(settings)
    without = sandboxed.model_copy(update={"salesforce": sandboxed.salesforce.model_copy(update={"lead_page": None})})
    connections.systems_of(without).salesforce.demand()
    with pytest.raises(Misconfigured, match="no object Lead"):
        connections.systems_of(sandboxed).salesforce.demand()


def test_hubspot_need_not_be_set_up(settings: Settings) -> None:
    """Without a token it says so at the first use; with one it needs its pages, pipeline and stages."""
    real = with_standins(settings).model_copy(update={"sandbox": SandboxSettings()})

    def with_account(**given: Any) -> Settings:
        return real.model_copy(update={"hubspot": HubSpotSettings(**given)})

    outside = connections.systems_of(wiring.check(with_account()))
    for use in (lambda: outside.hubspot.deals.deal("1"), lambda: outside.places.hubspot.deal_page):
        with pytest.raises(Misconfigured, match=r"hubspot\.token is not set"):
            use()
    with pytest.raises(SettingsWrong) as told:
        wiring.check(with_account(token=SecretStr("t")))
    assert re.findall(r"(hubspot\.\w+) is not set", str(told.value)) == list(wiring.NEEDED_WITH["hubspot.token"])


def test_intercom_need_not_be_set_up(settings: Settings) -> None:
    """Without a token it says so at the first use; with one it needs its page and the address of sales."""
    real = with_standins(settings).model_copy(update={"sandbox": SandboxSettings()})

    def with_workspace(**given: Any) -> Settings:
        return real.model_copy(update={"intercom": IntercomSettings(**given)})

    outside = connections.systems_of(wiring.check(with_workspace()))
    with pytest.raises(Misconfigured, match=r"intercom\.token is not set"):
        outside.intercom.demand("x")
    with pytest.raises(Misconfigured, match=r"intercom\.token is not set"):
        outside.places.intercom.conversation_page.format(conversation="1")
    with pytest.raises(SettingsWrong) as told:
        wiring.check(with_workspace(token=SecretStr("t")))
    assert re.findall(r"(intercom\.\w+) is not set", str(told.value)) == list(wiring.NEEDED_WITH["intercom.token"])


def test_outreach_need_not_be_set_up(settings: Settings) -> None:
    """Without a refresh token it says so at the first use; with one it needs its app, page, sequences and template."""
    real = with_standins(settings).model_copy(update={"sandbox": SandboxSettings()})
    outside = connections.systems_of(wiring.check(real.model_copy(update={"outreach": OutreachSettings()})))
    for use in (
        lambda: outside.outreach.prospects.by_email("a@b.example"),
        lambda: outside.places.outreach.lead_sequence,
    ):
        with pytest.raises(Misconfigured, match=r"outreach\.refresh_token is not set"):
            use()
    with pytest.raises(SettingsWrong) as told:
        wiring.check(real.model_copy(update={"outreach": OutreachSettings(refresh_token=SecretStr("t"))}))
    needed = list(wiring.NEEDED_WITH["outreach.refresh_token"])
    assert re.findall(r"(outreach\.\w+) is not set", str(told.value)) == needed


def test_outreach_s_tokens_outlive_a_restart(
    settings: Settings, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What Outreach gave is in the case database: the next process signs in without asking, and reads the changes.

    It does so without webhooks, too, and says in the log at each look that they are missing, until they are not.
    """
    wiring.build(settings).systems.outreach.sequences.sequence("1001")
    again = wiring.build(settings)
    people, start = People(world), world.now() - timedelta(minutes=1)
    known = world.state["roster"]["visitors"]["visitor-5"]["prospect"]
    people.sales.set_stage(known, "Meeting Booked")
    changes = wiring.gateway(again).outreach_changes
    assert changes is not None
    for missing in (True, True, False, False):
        caplog.clear()
        if not missing:
            outreach.point(world, "http://127.0.0.1:2/hooks/outreach")
        assert [subject for subject, _ in changes(start)] == [f"outreach:prospect:{known}"]
        assert ("no active webhook of prospect" in caplog.text) is missing
    assert world.state["counters"]["outreach.token"] == 1


def test_qualified_need_not_be_set_up(settings: Settings) -> None:
    """Without a token it says so at the first use; names that no account has stop the start."""
    sandboxed = with_standins(settings)
    outside = connections.systems_of(sandboxed.model_copy(update={"qualified": QualifiedSettings()}))
    with pytest.raises(Misconfigured, match=r"qualified\.token is not set"):
        outside.qualified.lead("x")
    account = sandboxed.qualified.model_copy(update={"names": ("colour = x",)})
    with pytest.raises(SettingsWrong, match=r"qualified\.names: .*Example: .*employee_count"):
        connections.systems_of(sandboxed.model_copy(update={"qualified": account}))


@pytest.mark.parametrize("renamed", [("contract_end_date = x",), ("deals.contract_end_date = a b",)])
def test_the_account_s_names_are_checked(settings: Settings, renamed: tuple[str, ...]) -> None:
    """A name that no account could have, or that is none of ours, stops the start and is answered with an example."""
    sandboxed = with_standins(settings)
    account = sandboxed.hubspot.model_copy(update={"names": renamed})
    with pytest.raises(SettingsWrong, match=r"hubspot\.names: .*Example: .*deals\.contract_end_date"):
        connections.systems_of(sandboxed.model_copy(update={"hubspot": account}))


@pytest.mark.parametrize("renamed", [("Review__c",), ("Colour__c = x",), ("Review__c = a b",), ("Review__c = a = b",)])
def test_the_org_s_names_are_checked(settings: Settings, renamed: tuple[str, ...]) -> None:
    """A name that no org could have, or that is none of ours, stops the start and is answered with an example."""
    sandboxed = with_standins(settings)
    org = sandboxed.salesforce.model_copy(update={"names": renamed})
    with pytest.raises(SettingsWrong, match=r"salesforce\.names: .*Example: .*Member_Review__c"):
        connections.systems_of(sandboxed.model_copy(update={"salesforce": org}))


def test_roles_that_are_named_stay_in_sandbox_mode(settings: Settings) -> None:
    """Whoever plays with the sandbox may name the operators."""
    named = settings.model_copy(update={"roles": settings.roles.model_copy(update={"operators": ("staff-61",)})})
    assert with_standins(named).roles.operators == ("staff-61",)
    assert with_standins(named).roles.engineering_lead == ("staff-51",)


def test_every_role_of_sales_is_held_by_a_colleague(settings: Settings, world: World) -> None:
    """Roles that the transfer to sales names have a setting each, and in the sandbox somebody of its staff."""
    holders = with_standins(settings).roles.holders()
    executives = [segment.account_executive for segment in NUMBERS.segments]
    for role in (NUMBERS.roles.sdr, NUMBERS.roles.sales_manager, *executives):
        assert holders[role]
        assert set(holders[role]) <= set(world.state["roster"]["staff"])


def test_the_gateway_looks_as_often_as_is_set(settings: Settings) -> None:
    """One setting says how often somebody looks for what any vendor did not tell."""
    often = settings.model_copy(update={"gateway": settings.gateway.model_copy(update={"poll_seconds": 30.0})})
    gateway = wiring.gateway(wiring.build(often))
    assert gateway.poll_seconds == 30.0


def test_secrets_are_made_once_and_for_us_alone(settings: Settings, tmp_path: Path) -> None:
    """Without a stated secret one is made in `home`, readable by its owner only, the same ever after."""
    first, second = wiring.build(settings).runtime.secret, wiring.build(settings).runtime.secret
    assert first == second
    assert len(first) == 32
    for name in ("secret", "certificate-key", "keys/key-encryption-key"):
        assert stat.S_IMODE((tmp_path / "home" / name).stat().st_mode) == 0o600


def test_what_wraps_data_keys(settings: Settings) -> None:
    """A key of KMS when one is named, with the region and keys of `[s3]`; a file without one, and in the sandbox."""
    named = settings.model_copy(
        update={"keys": KeySettings(kms_key_id="alias/casework", endpoint_url="https://kms.example")}
    )
    assert isinstance(wiring.build(named).delivery.keys._wrapping, KeyFile)
    bucket = settings.s3.model_copy(update={"region": "eu-west-1"})
    wrapping = connections._wrapping(named.model_copy(update={"s3": bucket}))
    assert isinstance(wrapping, KmsKey)
    client = wrapping._kms._client.meta
    assert (client.endpoint_url, client.region_name) == ("https://kms.example", "eu-west-1")


def test_the_links_have_a_secret_of_their_own(wired: Wired) -> None:
    """Nobody who can sign decisions can by that forge downloads: the links' secret is derived, not shared."""
    assert wired.delivery.links._secret != wired.runtime.secret


def test_what_is_missing_stops_the_start(settings: Settings) -> None:
    """Real systems without credentials: everything unset is named at once, before anything is connected."""
    real = settings.model_copy(update={"sandbox": type(settings.sandbox)()})
    with pytest.raises(SettingsWrong) as caught:
        wiring.build(real)
    assert "zendesk.url is not set" in str(caught.value)
    assert "CASEWORK_PRODUCT__URL" in str(caught.value)
    assert not (settings.home / "secret").exists()


def test_a_database_that_is_away_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    """It is said without the address, which may hold a password."""
    (tmp_path / "a-file").write_text("")
    away = settings.model_copy(
        update={"database": settings.database.model_copy(update={"url": f"sqlite:///{tmp_path}/a-file/cases.db"})}
    )
    with pytest.raises(DatabaseAway) as caught:
        wiring.build(away)
    assert str(tmp_path) not in str(caught.value)
    assert "Nothing was done" in str(caught.value)


def test_prefect_is_never_asked_at_another_address() -> None:
    """A process whose Prefect was imported with one server cannot be wired to another one."""
    code = (
        "import os; os.environ['PREFECT_API_URL'] = 'http://127.0.0.1:1/api'; import prefect\n"
        "from casework.settings import Settings; from casework.wiring import prepare_prefect\n"
        "prepare_prefect(Settings(prefect={'api_url': 'http://127.0.0.1:1/api'}))\n"
        "try: prepare_prefect(Settings(prefect={'api_url': 'http://127.0.0.1:2/api'}))\n"
        "except RuntimeError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "another server" in told.stdout


def test_a_tagged_ticket_starts_one_case(wired: Wired, world: World, desk: Desk) -> None:
    """However often the hint comes, one case opens; what the ticket says decides, not the hint."""
    start = reception.starter(desk.runtime, wired.systems.zendesk)
    people = People(world)
    tagged = people.customer.open_ticket(USER)
    plain = people.customer.open_ticket(USER, tags=("question",))
    for _ in range(3):
        start("ticket.tags_changed", f"zendesk:ticket:{tagged}")
    start("ticket.tags_changed", f"zendesk:ticket:{plain}")
    assert [(run.process, run.parameters) for run in desk.engine.runs.values()] == [
        (data_export.name, {"ticket": tagged})
    ]


def test_ended_missing_and_foreign_subjects_start_nothing(wired: Wired, world: World, desk: Desk) -> None:
    """A solved ticket, one that was deleted, and a hint of another system are passed over."""
    start = reception.starter(desk.runtime, wired.systems.zendesk)
    people = People(world)
    solved = people.customer.open_ticket(USER)
    people.agent.set_status(solved, "solved", "staff-61")
    for subject in (
        f"zendesk:ticket:{solved}",
        "zendesk:ticket:999999",
        "asana:task:12",
        "zendesk:ticket:x",
        "",
    ):
        start("an.event", subject)
    assert not desk.engine.runs


def test_a_hint_is_tried_again_when_the_ticket_cannot_be_read(desk: Desk) -> None:
    """While Zendesk is away the hint raises, so that the hook stays unhandled."""
    away = Zendesk("http://127.0.0.1:1", "robot@support.example", "t", sleep=lambda _s: None)
    with pytest.raises(Temporary):
        reception.starter(desk.runtime, away)("an.event", "zendesk:ticket:1")
    assert not desk.engine.runs


def sealed_file(ticket: int) -> SealedFile:
    """What lies in a vault for a ticket."""
    return SealedFile(
        case_id="c",
        deliverable_id="c",
        ticket=str(ticket),
        vault="dropbox",
        object_name="c",
        key_id="c",
        display_name="export.zip",
        plain_size=1,
        plain_sha256="0",
        sealed_size=1,
        sealed_sha256="0",
    )


class Post:
    """Takes mails as `Mail` does."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str, str]] = []

    def send(self, to: str, subject: str, body: str, reference: str) -> str:
        self.sent.append((to, subject, body, reference))
        return "1"


def test_the_code_goes_to_the_requester(wired: Wired, world: World) -> None:
    """The address comes from the ticket's requester at that moment, and the mail has the code but no link."""
    ticket = People(world).customer.open_ticket(USER)
    file = sealed_file(ticket)
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    link = Link("link-1", file, LinkState.READY, None, now, 0, None, 0, (), None, None, now, now)
    post = Post()
    reception.code_sender(wired.systems.zendesk, post)(link, "123456")  # type: ignore[arg-type]  # takes mails as one does
    ((to, _subject, body, reference),) = post.sent
    assert to == wired.systems.zendesk.user(wired.systems.zendesk.ticket(ticket).requester_id).email
    assert "123456" in body
    assert "http" not in body
    assert reference == "link-1"


def test_slack_is_told_in_private(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the person who pressed sees the sentence; a refusal by Slack is temporary."""
    asked: list[dict[str, object]] = []

    def post(_url: str, *, json: dict[str, object], timeout: float) -> httpx.Response:
        asked.append(json)
        return httpx.Response(200 if len(asked) == 1 else 500)

    monkeypatch.setattr(httpx, "post", post)
    reception.tell_slack("https://hooks.slack.com/actions/x", "Recorded.")
    assert asked[0] == {"response_type": "ephemeral", "replace_original": False, "text": "Recorded."}
    with pytest.raises(Temporary):
        reception.tell_slack("https://hooks.slack.com/actions/x", "Recorded.")


def test_the_door_gets_what_it_needs(wired: Wired) -> None:
    """The gateway has both vendors' secrets and answers Slack only at the origins that are set."""
    door = wiring.gateway(wired)
    assert (door.zendesk_secret, door.slack_secret) == (
        "zd-sandbox-webhook-secret-90aa",
        "51ac4db07c5b4f6ab8e9d1f0c2a3b4e5",
    )
    assert door.slack_origins == wired.settings.slack.response_origins
    assert "51ac4db0" not in repr(door)


def test_a_leaving_customer_starts_an_offboarding(wired: Wired, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The door follows hints of HubSpot, and looks for what was not told; without an account it does not look."""

    def away(_occurrence: Occurrence) -> str:
        raise EngineAway("There is no Prefect server here.")

    monkeypatch.setattr(wired.runtime.engine, "start", away)
    door, deal = wiring.gateway(wired), world.state["roster"]["companies"]["company-4"]["deals"][-1]
    People(world).rep.edit_deal(deal, "staff-12", client_activity_status="Offboarding Requested")
    assert door.hubspot_changes is not None
    (found,) = door.hubspot_changes(world.now() - timedelta(minutes=5))
    assert found[0] == f"hubspot:deal:{deal}"
    door.on_hint("deal.propertyChange", found[0])
    asked = wired.files.latest("offboarding", found[0])
    assert asked is not None
    assert asked.parameters == {"deal": deal}
    without = replace(wired, settings=wired.settings.model_copy(update={"hubspot": HubSpotSettings()}))
    assert wiring.gateway(without).hubspot_changes is None


def test_a_tagged_conversation_starts_a_transfer(wired: Wired, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The door follows hints of Intercom, and looks for what was not told; without an account it does neither."""

    def away(_occurrence: Occurrence) -> str:
        raise EngineAway("There is no Prefect server here.")

    monkeypatch.setattr(wired.runtime.engine, "start", away)
    conversation = world.state["roster"]["conversations"]["unsaid"]
    People(world).teammate.tag(conversation, "staff-61")
    # The files count by the sandbox's clock, the world of this test stands still.
    monkeypatch.setattr(wired.files, "now", world.now)
    door = wiring.gateway(wired)
    assert door.intercom_changes is not None
    (found,) = door.intercom_changes(world.now() - timedelta(minutes=5))
    assert found[0] == f"intercom:conversation:{conversation}"
    without = wiring.gateway(
        replace(wired, settings=wired.settings.model_copy(update={"intercom": IntercomSettings()}))
    )
    assert without.intercom_changes is None
    without.on_hint("conversation_part.tag.created", found[0])
    assert wired.files.latest("sales-transfer", found[0]) is None
    door.on_hint("conversation_part.tag.created", found[0])
    asked = wired.files.latest("sales-transfer", found[0])
    assert asked is not None
    assert asked.parameters == {"about": conversation}


def test_questions_lead_to_their_tickets_wherever_they_are_shown(wired: Wired) -> None:
    """The page that a gateway keeps current and the one that `casework tick` shows have the same addresses, of Zendesk,
    of Jira and of HubSpot."""
    shown = wiring.gateway(wired).subject_page, wiring.board(wired)._subject_page
    known = {"zendesk:ticket:4711": "/4711", "jira:issue:SS-12": "/browse/SS-12", "hubspot:deal:12": "/record/0-3/12"}
    for subject, ending in known.items():
        pages = [page(subject) for page in shown]
        assert pages[0] == pages[1]
        assert str(pages[0]).endswith(ending)


# -- what staff are told of links


@pytest.fixture
def ticket(world: World) -> int:
    return People(world).customer.open_ticket(USER)


@pytest.fixture
def link(wired: Wired, ticket: int) -> Link:
    """A claimed link of the ticket."""
    links: Links = wired.delivery.links
    ready = links.make_ready(links.create(sealed_file(ticket), datetime(2100, 1, 1, tzinfo=UTC)).link_id)
    code = links.issue_code(ready.link_id)
    assert isinstance(code, str)
    links.claim(links.token(ready.link_id), code)
    return links.get(ready.link_id)


def notes(world: World, ticket: int) -> list[str]:
    """The internal notes on a ticket."""
    comments = world.state["zendesk"]["comments"][str(ticket)]
    return [comment["body"] for comment in comments if not comment["public"]]


EVENTS = {"link.locked": ("locked", "wrong code"), "link.claimed-elsewhere": ("elsewhere", "another browser")}


@pytest.mark.parametrize("event", EVENTS)
def test_staff_are_told_once_for_each_link(wired: Wired, world: World, link: Link, ticket: int, event: str) -> None:
    """However often the word is handled, the ticket has one internal note, and nothing personal or secret in it."""
    follow = wiring.gateway(wired).on_hint
    what, said = EVENTS[event]
    for _ in range(3):
        follow(event, f"link:{link.link_id}")
    (note,) = notes(world, ticket)
    assert said in note
    assert note.rstrip().endswith(f"Ref cw-link-{link.link_id[:12]}-{what}")
    assert wired.delivery.links.token(link.link_id) not in note
    assert not [text for text in world.planted if text in note]
    assert all(comment["public"] is False for comment in world.state["zendesk"]["comments"][str(ticket)][1:])


def test_the_two_notes_are_apart(wired: Wired, world: World, link: Link, ticket: int) -> None:
    """A locked code and another browser are told each by its own note; other news of a link by none."""
    follow = wiring.gateway(wired).on_hint
    for event in ("link.received", *EVENTS, "link.expired", *EVENTS):
        follow(event, f"link:{link.link_id}")
    assert len(notes(world, ticket)) == 2


@pytest.mark.parametrize("fault", [Fault.server_error(), Fault.rate_limited(1), Fault.answer_lost()])
def test_a_vendor_fault_is_tried_again(
    wired: Wired, world: World, link: Link, ticket: int, fault: Fault, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Zendesk fails the word stays in the inbox; later the note is there, once, even if it was before."""
    monkeypatch.setattr(wired.systems.zendesk._http, "_sleep", lambda _seconds: None)
    follow = wiring.gateway(wired).on_hint
    inbox = Inbox(desk.files, follow)
    inbox.store([Hook("link", f"{link.link_id}:locked", "link.locked", f"link:{link.link_id}")])
    world.misbehave("zendesk", fault, times=40, match="PUT")
    assert inbox.work() == 0
    world.state["faults"]["zendesk"].clear()
    desk.engine.sleep(6)
    assert [inbox.work(), inbox.work()] == [1, 0]
    assert len(notes(world, ticket)) == 1


@pytest.mark.parametrize("how", ["closed", "deleted"])
def test_a_ticket_that_takes_no_note(
    wired: Wired, world: World, link: Link, ticket: int, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the ticket is closed or deleted the log says so, and the word is not tried for ever."""
    if how == "closed":
        People(world).agent.close(ticket)
    else:
        del world.state["zendesk"]["tickets"][str(ticket)]
    wiring.gateway(wired).on_hint("link.locked", f"link:{link.link_id}")
    assert f"ticket {ticket} is closed or deleted" in caplog.text
    assert notes(world, ticket) == []


def test_the_second_address_reaches_the_delivery(settings: Settings) -> None:
    """`gateway.second_public_url` is where customers are sent on demand; without one there is none."""
    assert wiring.build(settings).delivery.addresses == ("http://127.0.0.1:2",)
    door = settings.gateway.model_copy(update={"second_public_url": "https://casework.second.example"})
    both = wiring.build(settings.model_copy(update={"gateway": door})).delivery
    assert both.addresses == ("http://127.0.0.1:2", "https://casework.second.example")
