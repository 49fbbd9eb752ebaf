"""The office with Intercom, Outreach, Qualified and Salesforce, and mail that comes in: support and sales, who hand
customers over to each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from casework import systems
from casework.answer import Accepted, Offer, answer
from casework.case import Kind
from casework.engine.simulated import Run
from casework.gateway.hook_events import IntercomEvent, OutreachEvent
from casework.gateway.mail_hooks import mail_hook
from casework.people import Identity
from casework.reception_intercom import transfer_starter
from casework.reception_mail import mail_starter
from casework.sandbox import aws, mailing, seed_sales, seed_transfer, sns
from casework.sandbox.http import Json
from casework.sandbox.inprocess import httpx_transport
from casework.sandbox.sales import Sales
from casework.systems.intercom import Intercom
from casework.systems.mail_inbox import MailInbox
from casework.systems.outreach import App, Needs, Outreach
from casework.systems.qualified import Qualified
from casework.systems.salesforce import ClientCredentials, Salesforce
from casework.systems.sns import Topic
from casework.vendor_secrets import VendorSecret
from flows.sales_transfer_forms import LeadSent, LeadTake, Sent
from tests.scenarios.office import Office
from tests.scenarios.wire import Killed, Mishap

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

__all__ = ["AGENT", "MANAGER", "OPERATOR", "OTHER_SDR", "PROCESS", "SDR", "Showroom"]

PROCESS = "sales-transfer"
SDR, OTHER_SDR, MANAGER, AGENT, OPERATOR = "staff-64", "staff-65", "staff-66", "staff-61", "staff-41"
CUSTOMERS = ("visitor-1", "visitor-2", "visitor-3")
PAGES = "https://pages.example"
ROLES = {
    "sdr": (SDR, OTHER_SDR),
    "sales-manager": (MANAGER,),
    "ae-small-business": ("staff-67",),
    "ae-mid-market": ("staff-68",),
    "ae-enterprise": ("staff-69",),
}
T = TypeVar("T")
_CHANGING = (
    r"\b\d\d:\d\d\b|Ref \S+|\b[0-9a-f]{8}-[0-9a-f-]+|/decide/[^|>]+|`[A-Z2-7]{4}-[A-Z2-7]{4}`"
    r"|runs/flow-run/\S+|\d{4}-\d\d-\d\dT[\d:.]+Z"
)


@cache
def _buckets(cloud: aws.Aws) -> S3Client:
    # SES's own client; making one takes longer than all that it does in a test.
    return cloud.s3()


class Showroom(Office):
    """One deployment with the systems of sales around it too.

    After each kill the next comes `killed_again` places later, where that is set.
    """

    def __init__(self, folder: Path, cloud: aws.Aws, url: str | None = None) -> None:
        super().__init__(folder, cloud, url)
        self.runtime = replace(self.runtime, roles={**self.runtime.roles, **ROLES})
        self.intercom = self.client(_at_intercom, "intercom", "https://intercom.example", "token")
        connected = systems.current()
        places = replace(
            connected.places,
            case_page=f"{PAGES}/cases/{{case}}",
            lead_page=f"{PAGES}/lightning/r/Lead/{{lead}}/view",
            intercom=systems.IntercomPlaces(
                f"{PAGES}/conversations/{{conversation}}",
                seed_transfer.TO_SALES,
                seed_transfer.TOPIC,
                seed_transfer.SALES,
            ),
            outreach=systems.OutreachPlaces(
                f"{PAGES}/prospects/{{prospect}}",
                seed_sales.LEADS,
                seed_sales.INTRO,
                (seed_sales.BOOKED,),
                (seed_sales.DISQUALIFIED,),
            ),
        )
        connected = replace(
            connected,
            intercom=self.intercom,
            outreach=self._outreach(),
            qualified=self.client(_at_qualified, "qualified", "https://qualified.example", "token"),
            salesforce=self.client(
                self._salesforce, "salesforce", "https://org.my.salesforce.com", "client_id", "client_secret"
            ),
            inbox=MailInbox(connected.s3, mailing.BUCKET, mailing.PREFIX),
            places=places,
        )
        systems.use(connected)
        self.topic = Topic(sns.TOPIC, now=self.engine.now, transport=httpx_transport(self.world, "sns"))
        self.transfers = transfer_starter(self.runtime, connected)
        self.mails_in = mail_starter(self.runtime, connected)
        self.killed_again: int | None = None

    def _outreach(self) -> Outreach:
        known = self.world.credentials
        names = ("client_id", "secret", "redirect_uri", "refresh_token")
        needs = Needs(
            (seed_sales.LEADS, seed_sales.INTRO), seed_sales.INTRO_TEMPLATE, mailing.SUPPORT, seed_sales.HOOKS
        )
        return Outreach(
            App(*(known[f"outreach_{name}"] for name in names)),
            VendorSecret(self.files, self.runtime.confidential, "outreach", "tokens"),
            now=self.engine.now,
            needs=needs,
            transport=httpx_transport(self.world, "outreach"),
            sleep=self.engine.sleep,
        )

    def _salesforce(self, url: str, client: str, secret: str, **around: Any) -> Salesforce:
        return Salesforce(url, ClientCredentials(client, secret), now=self.engine.now, sales=True, **around)

    # -- what the gateway does

    def hooks(self) -> None:
        """Write down what the systems tell us, but for what we did ourselves, and let it be handled."""
        while self._heard():
            super().hooks()
        super().hooks()

    def _heard(self) -> bool:
        told = [one for vendor in ("intercom", "outreach", "sns") for one in self.world.take_deliveries(vendor)]
        for sent in told:
            match sent.vendor:
                case "intercom":
                    event = IntercomEvent.model_validate_json(sent.body)
                    if not event.is_by(self.intercom.colleagues.known_own_id):
                        self.hear(event.hook())
                case "outreach":
                    self.hear(OutreachEvent.model_validate_json(sent.body).hook(sent.body))
                case "sns":
                    with self.wire.still():
                        hook = mail_hook(self.topic, sent.body, lambda _vendor, verify: verify())
                    if hook is not None:
                        self.hear(hook)
        return bool(told)

    def follow(self, event: str, subject: str) -> None:
        """Handle one hint, as the gateway does."""
        super().follow(event, subject)
        self.transfers(event, subject)
        self.mails_in(event, subject)

    def _survive(self, act: Callable[[], T], seconds: float = 10) -> T:
        while True:
            try:
                return act()
            except Killed:
                if self.killed_again is not None:
                    self.wire.mishap = Mishap(len(self.wire.passed) + self.killed_again, "killed after")
                self.engine.sleep(seconds)

    # -- the people

    @property
    def sales(self) -> Sales:
        """Sales, and whom it writes to, in Outreach and Qualified."""
        return self.people.sales

    def write(self, visitor: str, text: str = "What does it cost?", topic: str | None = None) -> str:
        """Somebody begins a conversation in Intercom; its id."""
        conversation = self.people.visitor.write(visitor, text, topic)
        self.hooks()
        return conversation

    def tag(self, conversation: str, topic: str | None = None, staff: str = AGENT) -> Run:
        """A support agent sets the topic, tags the conversation for sales, and the case runs as far as it goes."""
        if topic is not None:
            self.people.teammate.set_topic(conversation, topic)
        self.engine.sleep(1)
        self.people.teammate.tag(conversation, staff)
        self.hooks()
        return self.run()

    def ask_sales(self, visitor: str, topic: str | None = None, text: str = "What does it cost?") -> Run:
        """Somebody writes about a topic, and an agent tags the conversation for sales."""
        return self.tag(self.write(visitor, text), topic)

    def runs(self) -> list[Run]:
        """The runs of the process, oldest first."""
        return [run for run in self.engine.runs.values() if run.process == PROCESS]

    def run(self) -> Run:
        """The newest run of the process."""
        return self.runs()[-1]

    def say(self, run: Run, key: str, by: str, /, **values: Any) -> None:
        """Somebody answers the open question, which has this key, and that counts."""
        assert self.asked(run) == key, (self.waiting(run), self.ending(run), run.standing and run.standing.story)
        (wait,) = self.waiting(run)
        said_by = Identity(kind="person", value=by)
        with self.wire.still():
            said = answer(Offer(run.case_id, wait, values, "link", said_by))
        assert isinstance(said, Accepted), said
        self.settle()

    def take(self, run: Run, staff: str = SDR, decision: str = LeadTake.MINE.value) -> None:
        """An SDR takes a customer or a lead, or says what else."""
        self.say(run, "take", staff, decision=decision)

    def sent(self, run: Run, staff: str = SDR, decision: str = "") -> None:
        """The SDR says that the new e-mail thread is there, or what else."""
        named = Sent.SENT if self.visitor_of(run) in CUSTOMERS else LeadSent.SALES
        self.say(run, "new-thread", staff, decision=decision or named.value)

    def again(self, run: Run, text: str = "One more thing") -> None:
        """The customer writes in the old conversation once more."""
        self.engine.sleep(60)
        self.people.visitor.reply(self.about(run), self.visitor_of(run), text)
        self.hooks()

    def at_intercom(self, act: Callable[[], object]) -> None:
        """Something is done in Intercom, and told."""
        self.engine.sleep(60)
        act()
        self.hooks()

    def look(self) -> None:
        """So much time passes that every open question is looked at once."""
        self.advance(hours=12.1)

    def mail(self, to: str | list[str], sender: str = SDR, text: str = "Can you help?", **more: Any) -> str:
        """A mail is written to somebody, or to support itself, and comes to support; SES's id of it."""
        self.engine.sleep(60)
        recipients = [to] if isinstance(to, str) else to
        with self.wire.still():
            mail = self.people.sdr.send_mail(_buckets(self.cloud), sender, recipients, "A question", text, **more)
        self.hooks()
        return mail

    # -- what can be seen

    def asked(self, run: Run) -> str:
        """The key of the open question; empty when none is."""
        waits = self.waiting(run)
        assert len(waits) < 2, waits
        return waits[0].partition("/")[0] if waits else ""

    def question(self, run: Run) -> str:
        """What the open question says."""
        return run.pause.question if run.pause is not None else ""

    def about(self, run: Run) -> str:
        """The conversation, or the mail, that a run is about."""
        return str(run.parameters["about"])

    def conversation(self, number: str) -> Json:
        """A conversation as Intercom has it."""
        found: Json = self.world.state["intercom"]["conversations"][number]
        return found

    def contact_of(self, number: str) -> Json:
        """Who began a conversation."""
        found: Json = self.world.state["intercom"]["contacts"][self.conversation(number)["contacts"][0]]
        return found

    def visitor_of(self, run: Run) -> str:
        """The roster's name of who began the conversation of a run."""
        contact = self.conversation(self.about(run))["contacts"][0]
        visitors = self.world.state["roster"]["visitors"].items()
        return str(next(name for name, one in visitors if one["contact_id"] == contact))

    def state(self, number: str) -> str:
        """The state of a conversation."""
        return str(self.conversation(number)["state"])

    def ours(self, number: str, kind: str) -> list[str]:
        """What our account said or did in a conversation, of one kind (`comment`, `note`, `close`), oldest first."""
        return [
            re.sub(r"\nRef \S+$", "", _plain(part["body"]))
            for part in self.conversation(number)["parts"]
            if part["author"]["id"] == seed_transfer.ROBOT and part["part_type"] == kind
        ]

    def with_sales(self, number: str) -> bool:
        """Whether the sales address takes part in a conversation."""
        contacts = self.world.state["intercom"]["contacts"]
        return any(contacts[one]["email"] == seed_transfer.SALES for one in self.conversation(number)["contacts"])

    def heads(self, staff: str) -> list[str]:
        """The first line of each message to somebody in Slack, without marks."""
        written = self.slack(staff) if self.direct_messages(staff) else []
        return [text.splitlines()[0].replace("*", "") for text in written]

    def leads(self, email: str) -> list[Json]:
        """The leads in Salesforce with an address, oldest first."""
        found = self.world.state["salesforce"]["records"]["Lead"].values()
        return [one for one in found if (one["Email"] or "").lower() == email.lower()]

    def lead(self, visitor: str) -> Json:
        """The one lead in Salesforce of a visitor."""
        (found,) = self.leads(self.address(visitor))
        return found

    def prospect(self, visitor: str) -> str:
        """The id of the one prospect in Outreach of a visitor."""
        (found,) = self.prospects(self.address(visitor))
        return str(found["id"])

    def prospects(self, email: str) -> list[Json]:
        """The prospects in Outreach with an address, oldest first."""
        return [one for one in self._outreach_has("prospect") if email in one["attributes"]["emails"]]

    def sequences(self, email: str) -> list[tuple[str, str]]:
        """In which sequences somebody is or was, and the states of that."""
        (prospect,) = self.prospects(email)
        return [
            (str(one["relationships"]["sequence"]["data"]["id"]), one["attributes"]["state"])
            for one in self._outreach_has("sequenceState")
            if str(one["relationships"]["prospect"]["data"]["id"]) == str(prospect["id"])
        ]

    def state_in(self, sequence: str) -> str:
        """The newest sequence state of a sequence."""
        of = [
            one
            for one in self._outreach_has("sequenceState")
            if str(one["relationships"]["sequence"]["data"]["id"]) == sequence
        ]
        return str(of[-1]["id"])

    def in_qualified(self, email: str) -> Json | None:
        """The fields that Qualified has of a lead."""
        found = self.world.state["qualified"]["leads"].values()
        return next((one["fields"] for one in found if one["email"].lower() == email.lower()), None)

    def _outreach_has(self, kind: str) -> list[Json]:
        return list(self.world.state["outreach"]["records"].get(kind, {}).values())

    def address(self, visitor: str) -> str:
        """The e-mail address of a visitor (`visitor-4`)."""
        return str(self.world.state["roster"]["visitors"][visitor]["email"])

    def told(self, run: Run) -> list[str]:
        """The questions of a case, by their keys, in the order in which they were put."""
        return [entry.key.partition("/")[0] for entry in self.entries(run) if entry.kind is Kind.QUESTION_ASKED]

    def effects(self) -> Counter[str]:
        """Everything that people outside can see, with how often; moments and random names left out."""
        intercom, org = self.world.state["intercom"], self.world.state["salesforce"]["records"]
        seen = [f"contact: {one['role']} {one['email']} {one['name']}" for one in intercom["contacts"].values()]
        for number, one in intercom["conversations"].items():
            tags = [tag["name"] for tag in one["tags"]]
            seen.append(f"conversation {number}: {one['state']} {tags} {one['contacts']} {one['source']['body']}")
            seen += [
                f"conversation {number}: {part['part_type']} {part['body']}"
                for part in one["parts"]
                if part["author"]["id"] == seed_transfer.ROBOT
            ]
        for kind in ("prospect", "sequenceState"):
            seen += [
                f"{kind}: {_lasting(one['attributes'])} {one['relationships']}" for one in self._outreach_has(kind)
            ]
        seen += [
            f"qualified: {one['email']} {one['fields']}" for one in self.world.state["qualified"]["leads"].values()
        ]
        for kind in ("Lead", "Contact"):
            seen += [f"{kind}: {_lasting(one)}" for one in org[kind].values()]
        staff = [one for one in self.world.state["roster"]["staff"] if self.direct_messages(one)]
        seen += [f"slack {one}: {text}" for one in staff for text in self.slack(one)]
        return Counter(re.sub(_CHANGING, "…", text) for text in seen)


def _at_intercom(_url: str, token: str, **around: Any) -> Intercom:
    return Intercom(token, **around)


def _at_qualified(_url: str, token: str, **around: Any) -> Qualified:
    return Qualified(token, **around)


def _plain(body: str | None) -> str:
    return re.sub(r"<[^>]+>", "", re.sub(r"</p>|<br\s*/?>", "\n", body or "")).strip()


def _lasting(values: Json) -> Json:
    """Values without moments and ids of changes."""
    passing = r"At$|Date$|Modstamp$|Since$|LastModified"
    return {name: value for name, value in values.items() if not re.search(passing, name)}
