"""A gateway over a desk: a small process that asks for approval, a vault in memory, vendors that sign."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from pydantic import Field, model_validator
from sqlalchemy import select
from starlette.testclient import TestClient

from casework.clock import Minutes, present
from casework.confidential import ConfidentialText
from casework.delivery import Delivery
from casework.delivery.certificate import Signer
from casework.delivery.certificates import Certificates
from casework.delivery.evidence import CopyState, Evidence
from casework.delivery.handover import seal_into
from casework.delivery.keys import KeyFile, KeyStore
from casework.delivery.links import Link, Links
from casework.delivery.package import Package
from casework.delivery.vaults import Stored
from casework.engine.simulated import Run
from casework.gateway import Gateway, create_app
from casework.gateway.app import handle
from casework.gateway.inbox import Inbox
from casework.gateway.security import Origins
from casework.people import Invitation, Person, Role
from casework.process import process
from casework.schema import hooks
from casework.systems.errors import Temporary
from casework.wait import Form, wait_for
from tests.desk import SECRET, Desk
from tests.scenarios.conftest import cloud  # noqa: F401 - a fixture that these tests use too

ZENDESK_SECRET = "zendesk signing secret"
SLACK_SECRET = "slack signing secret"
ASANA_SECRET = "asana secret of the handshake"
JIRA_SECRET = "jira signing secret"
TYPEFORM_SECRET = "typeform signing secret"
OUR_JIRA_ID = "712020:ours"
URL = "https://casework.example"
OURS = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}

ANA = Person(id="staff-7", slack="U00000007")
BEN = Person(id="staff-8", slack="U00000008")


QUESTION = "**Agree?**\n\n> quoted\n\n- one <script>alert(1)</script>\n\n[x](javascript:alert(1))"


class Verdict(StrEnum):
    APPROVE = "approve"
    DENY = "deny"


class Approval(Form):
    verdict: Verdict = Field(description="What shall happen")
    reason: ConfidentialText | None = Field(None, description="Why; needed to deny")
    urgent: bool = False

    @model_validator(mode="after")
    def _reasoned(self) -> Approval:
        if self.verdict is Verdict.DENY and not self.reason:
            raise ValueError("reason: say why you deny it")
        return self


@process("gate-toy", subject="zendesk:ticket:{ticket}")
def gate_toy(ticket: int, listens: str = "") -> str:
    verdict = wait_for(
        Approval,
        key="approval",
        question=QUESTION,
        who=Role(name="csm", people=(ANA,)),
        within=Minutes(60),
        listens=listens or f"zendesk:ticket:{ticket}",
    )
    return verdict.verdict.value if verdict else "expired"


class FolderVault:
    """A vault that keeps its objects in a folder, and can be away."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.away = False
        folder.mkdir(exist_ok=True)

    def store(self, object_name: str, chunks: Iterable[bytes], sealed_size: int, progress: object = None) -> Stored:
        (self.folder / object_name).write_bytes(b"".join(chunks))
        return Stored(self.name, object_name, sealed_size, "none", "")

    def read(self, object_name: str, start: int, end: int) -> Iterator[bytes]:
        if self.away:
            raise Temporary("folder", "read", "is away")
        with (self.folder / object_name).open("rb") as file:
            file.seek(start)
            yield file.read(end - start)

    def delete(self, object_name: str) -> tuple[str, ...]:
        (self.folder / object_name).unlink(missing_ok=True)
        return ()

    def look(self, object_name: str) -> Evidence:
        there = (self.folder / object_name).exists()
        state = CopyState.BLOCKED if there else CopyState.ABSENT
        return Evidence(object_name, True, state, "the folder was listed", present())


@dataclass
class Place:
    """One gateway and everything around it that a test looks at."""

    desk: Desk
    gateway: Gateway
    client: TestClient
    vault: FolderVault
    hints: list[tuple[str, str]] = field(default_factory=list)
    codes: list[tuple[str, str]] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    modals: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    slack_fails: Exception | None = None
    fail: Exception | None = None

    @property
    def links(self) -> Links:
        return self.gateway.delivery.links

    def inbox(self) -> Inbox:
        return Inbox(self.desk.files, lambda event, subject: handle(self.gateway, event, subject))

    def hint(self, event: str, subject: str) -> None:
        if self.fail is not None:
            raise self.fail
        self.hints.append((event, subject))

    def open_modal(self, trigger: str, view: Mapping[str, Any]) -> None:
        if self.slack_fails is not None:
            raise self.slack_fails
        self.modals.append((trigger, dict(view)))

    def start(self, ticket: int = 4711, listens: str = "") -> Run:
        return self.desk.start("gate-toy", ticket=ticket, listens=listens)

    def token(self, run: Run, person: Person = ANA, wait: str = "approval/1") -> str:
        return Invitation(case_id=run.case_id, wait=wait, person=person).token(SECRET)

    def csrf(self, page: httpx.Response) -> str:
        return page.text.split('name="csrf" value="')[1].split('"')[0]

    def gateway_csrf(self, token: str) -> str:
        """The value that the page of a token would have, had it one."""
        return Origins.of(SECRET, URL).csrf(token)

    def file(self, content: bytes, deliverable: str = "d-1", ready: bool = True) -> tuple[Link, str]:
        """A sealed file behind a link; the link and its token."""
        package = Package("export-1a2b.zip", len(content), lambda: iter([content]))
        sealed = seal_into(
            self.vault,
            package,
            self.gateway.delivery.keys,
            case_id="case-1",
            deliverable_id=deliverable,
            ticket="4711",
            object_name=f"o-{deliverable}",
        )
        link = self.links.create(sealed, self.desk.engine.now() + timedelta(days=7))
        if ready:
            link = self.links.make_ready(link.link_id)
        return link, self.links.token(link.link_id)

    def browser(self) -> TestClient:
        """Another browser, with cookies of its own."""
        return TestClient(self.client.app, base_url=URL, raise_server_exceptions=False)

    def claim(self, browser: TestClient, token: str) -> httpx.Response:
        """Have the code sent and claim the link with it."""
        csrf = self.csrf(browser.get(f"/d/{token}"))
        browser.post(f"/d/{token}/code", data={"csrf": csrf}, headers=OURS)
        code = self.codes[-1][1]
        typed = {"csrf": csrf, "code": code}
        won: httpx.Response = browser.post(f"/d/{token}/claim", data=typed, headers=OURS, follow_redirects=False)
        return won

    # Vendors

    def _deliver(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        answer: httpx.Response = self.client.post(path, content=body, headers=headers)
        return answer

    def zendesk(
        self, body: bytes | None = None, *, event_id: str = "e-1", ticket: int = 4711, age: float = 0
    ) -> httpx.Response:
        if body is None:
            told = {
                "id": event_id,
                "type": "zen:event-type:ticket.tags_changed",
                "subject": f"zen:ticket:{ticket}",
                "detail": {"description": "private words of Marlowe-Quux"},
            }
            body = json.dumps(told).encode()
        stamp = (self.desk.engine.now() - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
        mac = hmac.digest(ZENDESK_SECRET.encode(), stamp.encode() + body, "sha256")
        headers = {
            "X-Zendesk-Webhook-Signature": base64.b64encode(mac).decode(),
            "X-Zendesk-Webhook-Signature-Timestamp": stamp,
        }
        return self._deliver("/hooks/zendesk", body, headers)

    def asana(self, events: list[dict[str, Any]], name: str = "exports") -> httpx.Response:
        body = json.dumps({"events": events}).encode()
        signature = hmac.new(ASANA_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return self._deliver(f"/hooks/asana/{name}", body, {"X-Hook-Signature": signature})

    def jira(self, told: dict[str, Any] | bytes, **headers: str) -> httpx.Response:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        signature = hmac.new(JIRA_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return self._deliver("/hooks/jira", body, {"X-Hub-Signature": f"sha256={signature}", **headers})

    def typeform(self, told: dict[str, Any]) -> httpx.Response:
        body = json.dumps(told).encode()
        signature = base64.b64encode(hmac.digest(TYPEFORM_SECRET.encode(), body, "sha256")).decode()
        return self._deliver("/hooks/typeform", body, {"Typeform-Signature": f"sha256={signature}"})

    def slack(self, payload: dict[str, Any] | bytes, *, kind: str = "", age: float = 0) -> httpx.Response:
        form = "application/x-www-form-urlencoded"
        body = payload if isinstance(payload, bytes) else f"payload={quote_plus(json.dumps(payload))}".encode()
        stamp = int(self.desk.engine.now().timestamp() - age)
        mac = hmac.new(SLACK_SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "X-Slack-Signature": f"v0={mac}",
            "X-Slack-Request-Timestamp": str(stamp),
            "Content-Type": kind or form,
        }
        return self._deliver("/hooks/slack", body, headers)

    def press(self, run: Run, user: str = "U00000007", **change: Any) -> dict[str, Any]:
        """The payload of a pressed button."""
        action = {
            "action_id": "decide:verdict=approve",
            "block_id": "b1",
            "type": "button",
            "value": self.token(run),
            "action_ts": "1772442000.000100",
        }
        return {
            "type": "block_actions",
            "user": {"id": user, "name": "private name Marlowe-Quux"},
            "trigger_id": "1001.1.x",
            "response_url": "https://hooks.slack.com/actions/T1/2/3",
            "actions": [action | change],
        }

    def submit(self, run: Run, user: str = "U00000007", token: str | None = None, **typed: str) -> dict[str, Any]:
        """The payload of a modal that was opened to deny, with these texts."""
        values = {name: {name: {"type": "plain_text_input", "value": text}} for name, text in typed.items()}
        return {
            "type": "view_submission",
            "user": {"id": user, "name": "private name Marlowe-Quux"},
            "trigger_id": "1002.1.x",
            "view": {
                "id": "V0000001",
                "type": "modal",
                "callback_id": "ask:verdict=deny",
                "private_metadata": token or self.token(run),
                "state": {"values": values},
                "hash": "1.h",
            },
            "response_urls": [],
        }


def stored(place: Place) -> list[Any]:
    """The hooks that are written down, oldest first."""
    with place.desk.files.reading() as connection:
        return list(connection.execute(select(hooks).order_by(hooks.c.received_at, hooks.c.delivery)))


def look(place: Place, path: str, times: int) -> list[int]:
    """What a visitor who looks so often is answered: by GET, HEAD and OPTIONS in turn, for a range every other time.

    The application is asked in one loop: the usual client begins a thread for each request.
    """

    async def looks() -> list[int]:
        transport = httpx.ASGITransport(place.client.app)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as browser:
            answers = []
            for number in range(times):
                method, asked = ("GET", "HEAD", "OPTIONS")[number % 3], {"Range": "bytes=0-9"} if number % 2 else {}
                answers.append(await browser.request(method, path, headers=asked))
            return [answer.status_code for answer in answers]

    return asyncio.run(looks())


@pytest.fixture
def place(desk: Desk, tmp_path: Path) -> Place:
    """A gateway whose threads do not run: a test moves everything itself."""
    return open_place(desk, tmp_path)


def open_place(desk: Desk, tmp_path: Path) -> Place:
    """A gateway over what this desk and this folder hold."""
    vault = FolderVault(tmp_path / "vault")
    delivery = Delivery(
        links=Links(desk.database, SECRET, desk.engine.now),
        keys=KeyStore(tmp_path / "keys" / "keys.sqlite", KeyFile(tmp_path / "keys" / "kek")),
        vaults={"folder": vault},
        signer=Signer(tmp_path / "signer"),
        certificates=Certificates(desk.database),
        drop_bucket="drop",
        public_url=URL,
    )
    made: list[Place] = []
    gateway = Gateway(
        runtime=desk.runtime,
        delivery=delivery,
        on_hint=lambda event, subject: made[0].hint(event, subject),
        code_sender=lambda link, code: made[0].codes.append((link.link_id, code)),
        tell_slack=lambda url, text: made[0].said.append((url, text)),
        open_modal=lambda trigger, view: made[0].open_modal(trigger, view),
        zendesk_secret=ZENDESK_SECRET,
        slack_secret=SLACK_SECRET,
        jira_secret=JIRA_SECRET,
        typeform_secret=TYPEFORM_SECRET,
        own_jira_id=lambda: OUR_JIRA_ID,
        tick_seconds=0.05,
    )
    client = TestClient(create_app(gateway), base_url=URL, raise_server_exceptions=False)
    made.append(Place(desk, gateway, client, vault))
    return made[0]
