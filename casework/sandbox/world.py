"""The world: everything the stand-ins know, in one printable state behind one lock.

State is plain JSON in the vendors' own shapes, so it can be printed, compared and kept; file contents
(which may be large) lie as blobs in the world's folder. Ids come from counters: same acts, same ids.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from casework.sandbox import (
    asana,
    dropbox,
    hubspot,
    intercom,
    jira,
    onedrive,
    outreach,
    qualified,
    salesforce,
    seed,
    seed_documents,
    seed_escalations,
    seed_hours,
    seed_leads,
    seed_offboarding,
    seed_sales,
    seed_transfer,
    slack,
    sns,
    typeform,
    zendesk,
)
from casework.sandbox.hooks import Delivery
from casework.sandbox.http import Json, Request, Response
from casework.sandbox.misbehave import AnswerLost, Fault, TimedOut, answer_instead, take

Table = dict[str, dict[str, Any]]
Handshake = Callable[[str, Mapping[str, str]], tuple[int, Mapping[str, str]]]

_ANSWER: Mapping[str, Callable[[World, Request], Response]] = {
    "zendesk": zendesk.answer,
    "slack": slack.answer,
    "asana": asana.answer,
    "dropbox": dropbox.answer,
    "onedrive": onedrive.answer,
    "jira": jira.answer,
    "typeform": typeform.answer,
    "salesforce": salesforce.answer,
    "hubspot": hubspot.answer,
    "intercom": intercom.answer,
    "outreach": outreach.answer,
    "qualified": qualified.answer,
    "sns": sns.answer,
}
VENDORS = tuple(_ANSWER)

CREDENTIALS: Mapping[str, str] = {
    "zendesk_email": "robot@support.example",
    "zendesk_token": "zd-sandbox-token-5c1f",
    "zendesk_webhook_secret": "zd-sandbox-webhook-secret-90aa",
    "slack_token": "xoxb-sandbox-2207",
    "slack_signing_secret": "51ac4db07c5b4f6ab8e9d1f0c2a3b4e5",
    "asana_token": "asana-sandbox-pat-81d2",
    "dropbox_token": "dropbox-sandbox-token-77e0",
    "onedrive_tenant": "0b6c2f7e-5d1a-4c53-9a8e-sandbox00001",
    "onedrive_client_id": "6f1d8e2b-7c44-4f0a-b2d9-sandbox00002",
    "onedrive_client_secret": "onedrive-sandbox-secret-31fd",
    "onedrive_drive": "b!sandbox-drive-0001",
    "jira_email": "robot@support.example",
    "jira_token": "jira-sandbox-token-4e77",
    "jira_webhook_secret": "jira-sandbox-webhook-secret-c09d",
    "typeform_token": "tfp_sandbox-token-b3a1",
    "typeform_webhook_secret": "typeform-sandbox-webhook-secret-66f2",
    "salesforce_client_id": "3MVG9.sandbox.casework-7a0c",
    "salesforce_client_secret": "salesforce-sandbox-secret-d17b",
    "salesforce_username": "casework@members.example",
    "salesforce_webhook_secret": "salesforce-sandbox-webhook-secret-2be8",
    "hubspot_token": "pat-sandbox-4a1e-hubspot-token",
    "hubspot_client_secret": "hubspot-sandbox-client-secret-c5d3",
    "intercom_token": "dG9rOnNhbmRib3g-intercom-9f31",
    "intercom_client_secret": "intercom-sandbox-client-secret-70bc",
    "outreach_client_id": "outreach-sandbox-client-1b7e",
    "outreach_secret": "outreach-sandbox-secret-a3f8",
    "outreach_redirect_uri": "https://casework.example/outreach",
    "outreach_refresh_token": "outreach-sandbox-refresh-e60c",
    "outreach_webhook_secret": "outreach-sandbox-webhook-secret-74ad",
    "qualified_token": "qualified-sandbox-token-9c25",
}
"""What the stand-ins accept. They open nothing outside this sandbox."""


class World:
    """All stand-ins and their state.

    Args:
        now: the clock; must give aware times.
        folder: where state and blobs are kept, so that a killed sandbox goes on where it was;
            without one the world lives in a temporary folder and ends with `close()`.
        business: whether the Dropbox account may delete permanently (a Business plan with that scope).
        handshake: sends an Asana webhook handshake, `(target, headers) -> (status, answer headers)`;
            by default over HTTP.

    Raises:
        ValueError: the clock gives a time without a zone.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        folder: Path | None = None,
        business: bool = False,
        handshake: Handshake = asana.handshake_over_http,
    ) -> None:
        if now().tzinfo is None:
            raise ValueError("Timezone aware datetime is required")
        self._now = now
        self._keep = folder is not None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="casework-sandbox-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "blobs").mkdir(exist_ok=True)
        self.handshake = handshake
        self.lock = threading.RLock()
        self._depth = 0
        self.delivery_waiting = threading.Condition(self.lock)
        self.state: Json = {
            "counters": {},
            "business": business,
            "credentials": dict(CREDENTIALS),
            "roster": {"teams": {}, "users": {}, "staff": {}},
            "planted": [],
            "faults": {vendor: [] for vendor in VENDORS},
            "outbox": [],
            "undelivered": [],
            "zendesk": zendesk.empty(),
            "slack": slack.empty(),
            "asana": asana.empty(),
            "dropbox": dropbox.empty(),
            "onedrive": onedrive.empty(),
            "jira": jira.empty(),
            "typeform": typeform.empty(),
            "salesforce": salesforce.empty(),
            "hubspot": hubspot.empty(),
            "intercom": intercom.empty(),
            "outreach": outreach.empty(),
            "qualified": qualified.empty(),
            "sns": sns.empty(),
        }
        if self._snapshot.exists():
            kept = json.loads(self._snapshot.read_text())
            # A sandbox of an earlier release knew fewer vendors.
            for name in ("credentials", "faults"):
                kept[name] = self.state[name] | kept[name]
            self.state |= kept

    # -- asked by callers -------------------------------------------------------------------------------

    def handle(self, vendor: str, request: Request) -> Response:
        """The vendor's answer, after any planned misbehaviour.

        Raises:
            TimedOut, AnswerLost: a planned fault leaves the caller without an answer.
            LookupError: there is no such vendor.
        """
        if vendor not in _ANSWER:
            raise LookupError(f"no stand-in for {vendor!r}: the sandbox has {', '.join(VENDORS)}")
        with self.changing():
            fault = take(self.state["faults"][vendor], request)
            if fault is None:
                return _ANSWER[vendor](self, request)
            if fault.kind == "timeout":
                raise TimedOut(f"{vendor} did not answer {request.method} {request.path} (planned)")
            if fault.kind == "answer_lost":
                _ANSWER[vendor](self, request)
                raise AnswerLost(f"{vendor} answered {request.method} {request.path}, but it was lost (planned)")
            return answer_instead(vendor, fault)

    def misbehave(self, vendor: str, fault: Fault, *, times: int = 1, match: str = "") -> None:
        """The next `times` requests that match get the fault.

        `match` is a prefix of "METHOD /path" ("PUT /api/v2/tickets"), or of the path alone; empty: every
        request. Paths are the vendor's own (`/api/v2/…`, `/api/chat.…`, `/api/1.0/…`, `/2/files/…`).

        Raises:
            LookupError: there is no such vendor.
            ValueError: `times` is not positive.
        """
        if vendor not in _ANSWER:
            raise LookupError(f"no stand-in for {vendor!r}: the sandbox has {', '.join(VENDORS)}")
        if times < 1:
            raise ValueError(f"times must be at least 1, not {times}")
        with self.changing():
            self.state["faults"][vendor].append(fault.planned(times, match))

    def seed(self) -> None:
        """Fills the world with its invented teams, users, staff and projects (once)."""
        with self.changing():
            if not self.state["roster"]["teams"]:
                seed.plant(self)
            if not self.state["jira"]["projects"]:
                seed_documents.plant(self)
            if not self.state["salesforce"]["objects"]:
                seed_escalations.plant(self)
            if not self.state["hubspot"]["objects"]:
                seed_offboarding.plant(self)
            if seed_hours.REVENUE not in self.state["jira"]["projects"]:
                seed_hours.plant(self)
            if not self.state["intercom"]["admins"]:
                seed_transfer.plant(self)
            if not self.state["outreach"]["records"]:
                seed_sales.plant(self)
            if "Lead" not in self.state["salesforce"]["objects"]:
                seed_leads.plant(self)

    # -- read by people and tests -----------------------------------------------------------------------

    @property
    def planted(self) -> frozenset[str]:
        """Distinctive personal strings in the seed data: none may appear in a store, log or error text."""
        return frozenset(self.state["planted"])

    @property
    def credentials(self) -> Mapping[str, str]:
        """What the stand-ins accept and sign with."""
        return dict(self.state["credentials"])

    @property
    def outbox(self) -> tuple[Delivery, ...]:
        """Signed deliveries that nobody has fetched yet, oldest first."""
        with self.lock:
            return tuple(Delivery.from_dict(kept) for kept in self.state["outbox"])

    def take_deliveries(self, vendor: str | None = None) -> list[Delivery]:
        """Removes and returns the waiting deliveries, of one vendor or of all."""
        with self.changing():
            taken = [kept for kept in self.state["outbox"] if vendor in (None, kept["vendor"])]
            self.state["outbox"] = [kept for kept in self.state["outbox"] if kept not in taken]
            return [Delivery.from_dict(kept) for kept in taken]

    def as_dict(self) -> Json:
        """A copy of the whole state. It holds the seed's personal data and the sandbox's credentials."""
        with self.lock:
            copy: Json = json.loads(json.dumps(self.state))
            return copy

    def describe(self) -> str:
        """What there is, in a few lines that a person can read."""
        with self.lock:
            lines = [f"world at {self.stamp()}"]
            for ticket in self.state["zendesk"]["tickets"].values():
                comments = len(self.state["zendesk"]["comments"].get(str(ticket["id"]), []))
                tags = ",".join(ticket["tags"])
                lines.append(f"zendesk ticket {ticket['id']} {ticket['status']} [{tags}] comments={comments}")
            messages = self.state["slack"]["messages"]
            lines.extend(f"slack channel {channel} messages={len(sent)}" for channel, sent in messages.items())
            tasks = self.state["asana"]["tasks"].values()
            lines.extend(f"asana task {t['gid']} {'completed' if t['completed'] else 'open'}" for t in tasks)
            for file in self.state["dropbox"]["files"].values():
                state = "deleted" if file["deleted"] else f"{file['revisions'][-1]['size']} bytes"
                lines.append(f"dropbox {file['path_display']} {state}")
            items = self.state["onedrive"]["items"].values()
            lines.extend(f"onedrive /{item['path']} {item['size']} bytes" for item in items)
            issues = self.state["jira"]["issues"].values()
            lines.extend(f"jira {one['key']} {one['fields']['status']}" for one in issues)
            forms = self.state["typeform"]["responses"].items()
            lines.extend(f"typeform {form} responses={len(responses)}" for form, responses in forms)
            cases = self.state["salesforce"]["records"].get("Case", {}).values()
            lines.extend(f"salesforce case {one['CaseNumber']} {one['Status']} [{one['Tier__c']}]" for one in cases)
            leads = self.state["salesforce"]["records"].get("Lead", {}).values()
            lines.extend(f"salesforce lead {one['Id']} {one['Status']}" for one in leads)
            deals = self.state["hubspot"]["objects"].get("deals", {}).items()
            lines.extend(f"hubspot deal {key} [{one['properties']['client_activity_status']}]" for key, one in deals)
            chats = self.state["intercom"]["conversations"].items()
            lines.extend(f"intercom conversation {key} {one['state']}" for key, one in chats)
            states = self.state["outreach"]["records"].get("sequenceState", {}).items()
            lines.extend(f"outreach sequence state {key} {one['attributes']['state']}" for key, one in states)
            lines.append(f"qualified leads={len(self.state['qualified']['leads'])}")
            lines.append(f"outbox={len(self.state['outbox'])} undelivered={len(self.state['undelivered'])}")
            return "\n".join(lines)

    # -- used by the stand-ins ------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The world's time, in UTC."""
        return self._now().astimezone(UTC)

    def stamp(self) -> str:
        """The world's time as the vendors write it: whole seconds, `Z`."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def next_number(self, name: str, first: int = 1) -> int:
        """The next number of a named counter."""
        number: int = self.state["counters"].get(name, first - 1) + 1
        self.state["counters"][name] = number
        return number

    def blob(self, name: str) -> Path:
        """Where the contents of that blob lie."""
        return self.folder / "blobs" / name

    def post(self, delivery: Delivery) -> None:
        """Puts a signed delivery into the outbox."""
        with self.changing():
            self.state["outbox"].append(delivery.as_dict())
            self.delivery_waiting.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Holds the lock; what changed is kept once, when the outermost change ends, also when it raises."""
        with self.lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._save()

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Gives the lock up inside a request: Asana's handshake calls us while its own call is open."""
        depth, self._depth = self._depth, 0
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()
            self._depth = depth

    @property
    def _snapshot(self) -> Path:
        return self.folder / "state.json"

    def _save(self) -> None:
        if self._keep:
            draft = self.folder / "state.json.new"
            draft.write_text(json.dumps(self.state))
            os.replace(draft, self._snapshot)

    def close(self) -> None:
        """Removes the temporary folder; a world with a folder of its own keeps it."""
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def basic(user: str, password: str) -> str:
    """The value of a Basic `Authorization` header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
