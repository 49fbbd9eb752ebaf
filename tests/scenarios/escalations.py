"""The office with Salesforce: members who write, the agents of Tier 2 who decide, and what the org then holds."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from casework import systems
from casework.case import Kind
from casework.engine.simulated import Run
from casework.gateway.hook_events import SalesforceEvent
from casework.reception_salesforce import escalation_starter
from casework.sandbox import aws, seed_escalations
from casework.sandbox.salesforce_records import ROBOT
from casework.systems.salesforce import ClientCredentials, Salesforce
from tests.scenarios.office import Office

__all__ = ["Agency"]

URL = "https://org.my.salesforce.com"
PAGE = "https://org.lightning.example/lightning/r/Case/{case}/view"


class Agency(Office):
    """One deployment with Salesforce around it too."""

    def __init__(self, folder: Path, cloud: aws.Aws, url: str | None = None) -> None:
        super().__init__(folder, cloud, url)
        connected = systems.current()
        self.salesforce = self.client(self._salesforce, "salesforce", URL, "client_id", "client_secret")
        places = replace(connected.places, case_page=PAGE)
        connected = replace(connected, salesforce=self.salesforce, places=places)
        systems.use(connected)
        self.escalation_starter = escalation_starter(self.runtime, connected)

    def _salesforce(self, url: str, client: str, secret: str, **around: Any) -> Salesforce:
        login = ClientCredentials(client, secret)
        return Salesforce(url, login, now=self.engine.now, sender=seed_escalations.SENDER, **around)

    def hooks(self) -> None:
        """Write down what Salesforce tells us too, but for what we did ourselves, and let it be handled."""
        while deliveries := self.world.take_deliveries("salesforce"):
            for sent in deliveries:
                event = SalesforceEvent.model_validate_json(sent.body)
                if event.actor != ROBOT:
                    self.hear(event.hook())
            super().hooks()
        super().hooks()

    def follow(self, event: str, subject: str) -> None:
        """Handle one hint, as the gateway does."""
        super().follow(event, subject)
        self.escalation_starter(event, subject)

    # -- the people

    def open(self, member: str | None, subject: str, text: str = "Please.", tier: str = "Tier 2", **more: Any) -> str:
        """A member writes to support, and the cases of it run as far as they go; the id of Salesforce's case."""
        case = self.people.member.open_case(member, subject, text, tier, **more)
        self.hooks()
        return case

    def mail(self, case: str, text: str) -> str:
        """The member answers by mail; its id."""
        self.engine.sleep(1)
        written = self.people.member.write(case, text)
        self.hooks()
        return written

    def set_password(self, member: str) -> None:
        """The member gives the account a password."""
        self.engine.sleep(1)
        self.people.member.set_password(member)
        self.hooks()

    def edit(self, case: str, staff: str, **values: Any) -> None:
        """An agent sets fields of a case in Salesforce (`Status="Closed"`)."""
        self.engine.sleep(1)
        self.people.tier2.edit(case, staff, **values)
        self.hooks()

    def runs(self, case: str, process: str) -> list[Run]:
        """The runs of a process for a case, oldest first."""
        return [
            run
            for run in self.engine.runs.values()
            if run.parameters.get("case") == case and self.files.case(run.case_id).process == process
        ]

    def run(self, case: str, process: str) -> Run:
        """The newest run of a process for a case."""
        return self.runs(case, process)[-1]

    # -- what can be seen

    def endings(self, case: str, process: str) -> list[str | None]:
        """How each case of a process about a case of Salesforce has ended; None for one that is open."""
        return [self.files.case(run.case_id).ending for run in self.runs(case, process)]

    def record(self, case: str) -> dict[str, Any]:
        """A case as Salesforce has it."""
        found: dict[str, Any] = self.world.state["salesforce"]["records"]["Case"][case]
        return found

    def records(self, kind: str) -> list[dict[str, Any]]:
        """All records of a kind (`Privacy_Request__c`), oldest first."""
        return list(self.world.state["salesforce"]["records"][kind].values())

    def comments(self, case: str) -> list[str]:
        """What our account commented on a case, oldest first."""
        written = [one for one in self.records("CaseComment") if one["ParentId"] == case]
        return [one["CommentBody"] for one in written if one["CreatedById"] == ROBOT]

    def sent(self, case: str) -> list[str]:
        """What our account mailed to the member of a case, oldest first, without the references."""
        mails = [one for one in self.records("EmailMessage") if one.get("ParentId") == case and not one["Incoming"]]
        return [re.sub(r"\nRef \S+$", "", one["TextBody"]) for one in mails if one["CreatedById"] == ROBOT]

    def kinds(self, case: str, process: str) -> list[str]:
        """The names of the messages that the newest run of a process mailed to the member, in order."""
        steps = [entry.payload for entry in self.entries(self.run(case, process)) if entry.kind is Kind.STEP_BEGUN]
        sent = [one["with"]["message"] for one in steps if one["step"] == "salesforce.reply"]
        return [name.rpartition("/")[2] for name in sent]
