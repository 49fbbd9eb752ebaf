"""A whole office for tests: the simulated engine, every stand-in in process, and the people who work there.

People act as they would in their own systems; the office passes on the hooks that this causes, as the gateway
does, and lets the cases run until they rest.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.ses.models import ses_backends

from casework import delivery, systems, tick
from casework.answer import Accepted, Offer, Refused, answer
from casework.delivery.certificate import Signer
from casework.delivery.certificates import Certificates
from casework.delivery.download import etag
from casework.delivery.handover import open_sealed
from casework.delivery.keys import KeyFile, KeyStore
from casework.delivery.links import ClaimToken, Links
from casework.delivery.vaults import DropboxVault, S3Vault
from casework.engine.simulated import Run
from casework.gateway.inbox import LONGEST_TRY, Hook, Inbox
from casework.people import Identity, Invitation, Person, read_token
from casework.reception import starter
from casework.sandbox import aws, product
from casework.sandbox.deliverables import FaultKind
from casework.sandbox.inprocess import httpx_transport, requests_adapter
from casework.sandbox.people import People
from casework.sandbox.seed import PROJECT, TEMPLATE, WORKSPACE
from casework.sandbox.world import World
from casework.systems.asana import Asana
from casework.systems.dropbox import Dropbox
from casework.systems.mail import connect as connect_mail
from casework.systems.product import ProductDatabase
from casework.systems.s3 import connect as connect_s3
from casework.systems.slack import Slack
from casework.systems.zendesk import Zendesk
from tests.desk import SECRET, Desk
from tests.scenarios.wire import Killed, Wire

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

T = TypeVar("T")
ROBOT = 7000

START = datetime(2026, 3, 2, 17, tzinfo=UTC)
"""Monday, 9:00 in the office's zone."""

ROLES = {
    "operators": ("staff-41", "staff-42"),
    "scaled-approver": ("staff-31",),
    "scaled-approver-manager": ("staff-22",),
    "engineering-lead": ("staff-51",),
    "support": ("staff-61", "staff-62"),
    "tier2": ("staff-81", "staff-82", "staff-83"),
    "member-review-and-safety": ("staff-91",),
    "privacy": ("staff-95",),
}


def empty(cloud: aws.Aws) -> None:
    """Throw away what earlier tests left in the buckets and mailboxes, and make them where tests took them away."""
    if set(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets) != {aws.DROP_BUCKET, aws.VAULT_BUCKET, aws.INBOUND_BUCKET}:
        cloud.prepare()
    for bucket in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.values():
        bucket.keys.clear()
    ses_backends[DEFAULT_ACCOUNT_ID][aws.REGION].sent_messages.clear()


@cache
def _buckets(cloud: aws.Aws) -> S3Client:
    # Engineering's own client; making one takes longer than all that it does in a test.
    return cloud.s3()


class Office(Desk):
    """One deployment with everything around it; `wire` is what a test can make go wrong."""

    def __init__(self, folder: Path, cloud: aws.Aws, url: str | None = None) -> None:
        super().__init__(url or f"sqlite:///{folder}/cases.db", START, ROLES)
        self.cloud, self.folder = cloud, folder
        self.world = World(self.engine.now, handshake=self._handshake)
        self.world.seed()
        self.people = People(self.world)
        self.product = product.create(folder / "product.db", self.world)
        keep = {"region": aws.REGION, "access_key": aws.ACCESS_KEY, "secret_key": aws.SECRET_KEY}
        s3 = connect_s3(cloud.url, **keep)
        box = requests_adapter(self.world, "dropbox")
        dropbox = Dropbox(
            self.world.credentials["dropbox_token"],
            adapters={"https://api.dropboxapi.com": box, "https://content.dropboxapi.com": box},
            sleep=self.engine.sleep,
        )
        zendesk = self.client(Zendesk, "zendesk", "https://support.example", "email", "token")
        systems.use(
            systems.Systems(
                zendesk=zendesk,
                slack=self.client(Slack, "slack", "https://slack.example/api", "token"),
                asana=self.client(Asana, "asana", "https://asana.example/api/1.0", "token"),
                dropbox=dropbox,
                s3=s3,
                product=ProductDatabase(f"sqlite:///{self.product}"),
                mail=connect_mail(cloud.url, **keep, sender=aws.SENDER),
                places=systems.Places("https://support.example/agent/tickets/{ticket}", WORKSPACE, PROJECT, TEMPLATE),
            )
        )
        self.delivery = delivery.Delivery(
            links=Links(self.database, SECRET, self.engine.now),
            keys=KeyStore(folder / "keys.db", KeyFile(folder / "kek")),
            vaults={
                "dropbox": DropboxVault(dropbox, "/casework", now=self.engine.now),
                "s3": S3Vault(s3, aws.VAULT_BUCKET, "sealed", now=self.engine.now),
            },
            signer=Signer(folder / "signer"),
            certificates=Certificates(self.database),
            drop_bucket=aws.DROP_BUCKET,
            public_url="https://casework.example",
        )
        delivery.use(self.delivery)
        self.reception = starter(self.runtime, zendesk)
        self.inbox = Inbox(self.files, self.follow)
        self.wire = Wire()
        self.wire.watch_world(self.world)
        self.wire.watch_aws("s3", s3._client)
        self.wire.watch_aws("ses", systems.current().mail._client)
        self.wire.watch_commits(self.database)

    def client(self, make: Callable[..., T], vendor: str, url: str, *credentials: str) -> T:
        """A client of a vendor's stand-in, with these credentials; what it waits is virtual time."""
        known = (self.world.credentials[f"{vendor}_{name}"] for name in credentials)
        return make(url, *known, transport=httpx_transport(self.world, vendor), sleep=self.engine.sleep)

    def _handshake(self, _target: str, headers: Any) -> tuple[int, dict[str, str]]:
        return 200, {"X-Hook-Secret": headers["X-Hook-Secret"]}

    def hooks(self) -> None:
        """Pass on what the systems tell us, as hints, and let the cases run."""
        for sent in self.world.take_deliveries():
            told = json.loads(sent.body) if sent.body.startswith(b"{") else {}
            if sent.vendor == "zendesk":
                subject = told["subject"].replace("zen:", "zendesk:")
                self._survive(partial(self.reception, told["type"], subject))
                self._survive(partial(tick.wake, self.runtime, subject))
            for heard in told.get("events", ()):
                self._survive(partial(tick.wake, self.runtime, f"asana:task:{heard['resource']['gid']}"))
        self.settle()

    def hear(self, hook: Hook) -> None:
        """Write one hint down, as the gateway does."""
        self._survive(partial(self.inbox.store, [hook]))

    def follow(self, event: str, subject: str) -> None:
        """Handle one hint, as the gateway does."""
        tick.wake(self.runtime, subject)
        self.reception(event, subject)

    def settle(self) -> None:
        """Run everything that is due, hints in the inbox too; a process that is killed meanwhile is started again."""
        self._survive(super().settle)
        while self._survive(self.inbox.work, LONGEST_TRY.total_seconds()):
            self._survive(super().settle)

    def _survive(self, act: Callable[[], T], seconds: float = 10) -> T:
        """Do it again, so long after each kill: a hint that was taken up is due again after the longest try."""
        while True:
            try:
                return act()
            except Killed:
                self.engine.sleep(seconds)

    # -- the people

    def ask(self, user: str, *tags: str) -> tuple[int, Run]:
        """A customer writes, and the case of the ticket runs as far as it goes."""
        ticket = self.people.customer.open_ticket(user, ["data_export", *tags])
        self.hooks()
        return ticket, self.run_of(ticket)

    def run_of(self, ticket: int) -> Run:
        """The newest run of a ticket."""
        return [run for run in self.engine.runs.values() if run.parameters["ticket"] == ticket][-1]

    def reply(self, ticket: int, text: str = "We are moving to Thistledown-Vantage") -> None:
        """The customer replies on the ticket."""
        self.engine.sleep(1)
        self.people.customer.reply(ticket, text)
        self.hooks()

    def answer(self, run: Run, staff: str, about: str = "", **values: Any) -> Accepted | Refused:
        """Somebody answers the one open question whose name begins with `about`, through a personal link."""
        (wait,) = [wait for wait in self.waiting(run) if wait.startswith(about)]
        said = answer(Offer(run.case_id, wait, values, "link", Identity(kind="person", value=staff)))
        self.settle()
        return said

    def press(self, asked: str, by: str, ts: str | None = None) -> Accepted | Refused:
        """Somebody presses the button to agree in a message that `asked` got, the newest or the one at `ts`."""
        (channel,) = self.direct_messages(asked)
        self.people.csm.press(channel, "decide:verdict=approve", by, ts)
        (delivery,) = self.world.take_deliveries("slack")
        pressed = json.loads(parse_qs(delivery.body.decode())["payload"][0])
        (button,) = pressed["actions"]
        asked_for = read_token(SECRET, button["value"])
        identity = Identity(kind="slack", value=pressed["user"]["id"])
        said = answer(Offer(asked_for.case_id, asked_for.wait, {"verdict": "approve"}, "slack", identity))
        self.settle()
        return said

    def code(self, run: Run, staff: str) -> str:
        """The personal code that somebody was sent for the open question."""
        (wait,) = self.waiting(run)
        return Invitation(case_id=run.case_id, wait=wait, person=Person(id=staff)).code(SECRET)

    def task(self) -> str:
        """The newest task in Asana."""
        newest: str = list(self.world.state["asana"]["tasks"])[-1]
        return newest

    def make(self, run: Run, team: str, fault: FaultKind | None = None, size: int = 20_000) -> None:
        """Engineering puts a deliverable into the drop and completes the task."""
        self.place(run, team, fault, size)
        self.complete()

    def place(self, run: Run, team: str, fault: FaultKind | None = None, size: int = 20_000) -> None:
        """Engineering puts a deliverable into the drop."""
        self.people.engineer.place_deliverable(
            _buckets(self.cloud),
            aws.DROP_BUCKET,
            f"exports/{run.case_id}/",
            team,
            size_bytes=size,
            fault=fault,
        )

    def clear_drop(self, run: Run) -> None:
        """Engineering removes what it put into the drop."""
        s3 = _buckets(self.cloud)
        prefix = f"exports/{run.case_id}/"
        for found in s3.list_objects_v2(Bucket=aws.DROP_BUCKET, Prefix=prefix).get("Contents", []):
            s3.delete_object(Bucket=aws.DROP_BUCKET, Key=found["Key"])

    def complete(self) -> None:
        """Engineering completes the newest task."""
        self.engine.sleep(1)
        self.people.engineer.complete(self.task())
        self.hooks()

    def note(self, ticket: int, staff: str, text: str) -> None:
        """A colleague writes an internal note on the ticket."""
        self.engine.sleep(1)
        self.people.agent.internal_note(ticket, staff, text)
        self.hooks()

    def product_says(self, sql: str, *values: object) -> None:
        """Somebody changes something in the product."""
        with closing(sqlite3.connect(self.product)) as database, database:
            database.execute(sql, values)

    def write_from(self, user: str, address: str, *, known: bool) -> None:
        """A user writes from this address from now on; `known`: the product has it too."""
        number = self.world.state["roster"]["users"][user]["zendesk_id"]
        self.world.state["zendesk"]["users"][str(number)]["email"] = address
        if known:
            self.product_says("UPDATE users SET email = ? WHERE id = ?", address, user)

    def download(self, run: Run) -> bytes:
        """The customer downloads the file and acknowledges it, as the page's script does."""
        return self.receive(self.claim(run))

    def claim(self, run: Run) -> ClaimToken:
        """The customer opens the link with a code: the one download begins."""
        links = self.delivery.links
        with self.wire.still():
            link = links.of_deliverable(run.case_id)
            assert link is not None
            code = links.issue_code(link.link_id)
            assert isinstance(code, str), code
            won = links.claim(links.token(link.link_id), code)
        assert isinstance(won, ClaimToken), won
        return won

    def receive(self, won: ClaimToken) -> bytes:
        """The customer's browser gets all of it and says so."""
        links, file, link_id = self.delivery.links, won.link.file, won.link.link_id
        with self.wire.still():
            data = b"".join(open_sealed(file, self.delivery.keys, self.delivery.vaults[file.vault]).read())
            links.acknowledge(link_id, won.value, 0, len(data))
            links.receive(link_id, won.value, etag(file.plain_sha256).strip('"'))
        self._survive(partial(tick.wake, self.runtime, f"link:{link_id}"))
        self.settle()
        return data

    # -- what can be seen

    def ticket(self, number: int) -> dict[str, Any]:
        """A ticket as Zendesk has it."""
        found: dict[str, Any] = self.world.state["zendesk"]["tickets"][str(number)]
        return found

    def said(self, ticket: int, public: bool = True) -> list[str]:
        """What our account wrote on a ticket."""
        comments = self.world.state["zendesk"]["comments"][str(ticket)]
        return [one["body"] for one in comments if one["author_id"] == ROBOT and one["public"] is public]

    def slack(self, staff: str) -> list[str]:
        """What our account wrote to somebody in Slack, oldest first."""
        return [
            "\n".join(block["text"]["text"] for block in message["blocks"] if "text" in block)
            for channel in self.direct_messages(staff)
            for message in self.world.state["slack"]["messages"][channel]
        ]

    def direct_messages(self, staff: str) -> list[str]:
        """The channels in which we write to somebody."""
        user = self.world.state["roster"]["staff"][staff]["slack_id"]
        channels = self.world.state["slack"]["channels"]
        return [name for name, one in channels.items() if one.get("user") == user]

    def mails(self, staff: str) -> list[aws.Mail]:
        """The mails that somebody got."""
        return self.cloud.mailbox(self.world.state["roster"]["staff"][staff]["email"])

    def comments_on_task(self, task: str) -> list[str]:
        """What was written on a task."""
        return [
            story["text"] for story in self.world.state["asana"]["stories"].get(task, []) if story["type"] == "comment"
        ]

    def in_bucket(self, bucket: str, prefix: str) -> int:
        """How many versions and delete markers lie below a prefix."""
        listed = _buckets(self.cloud).list_object_versions(Bucket=bucket, Prefix=prefix)
        return len(listed.get("Versions", [])) + len(listed.get("DeleteMarkers", []))
