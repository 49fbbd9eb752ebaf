"""Sales development representatives, played: their work on leads in Salesforce, and mail that goes to support.

They act as through Salesforce's own pages and their mail program, so what they do reaches us only as a signed
notification or when somebody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casework.sandbox import mailing, seed_leads
from casework.sandbox import salesforce_records as records
from casework.sandbox.http import Json
from casework.sandbox.salesforce_records import PLATFORM

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from casework.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Sdr:
    """Somebody in sales, by the roster's staff id."""

    world: World

    def add_lead(self, staff_id: str, email: str, **values: Any) -> str:
        """Makes a lead of his own, by Salesforce's names of fields; its id."""
        given = {"LastName": "Unknown", "Company": seed_leads.NOT_PROVIDED, "Email": email, **values}
        return self._create(seed_leads.salesforce_id(self.world, staff_id), given)

    def sync_lead(self, email: str, name: str | None = None) -> str:
        """Intercom's sync with Salesforce makes a lead of somebody who wrote; it goes to the queue. The lead's id."""
        first, _, last = (name or "").rpartition(" ")
        given: Json = {"FirstName": first or None, "LastName": last or seed_leads.NOT_PROVIDED, "Email": email}
        return self._create(PLATFORM, {**given, "Company": seed_leads.NOT_PROVIDED, "OwnerId": seed_leads.QUEUE})

    def edit_lead(self, lead: str, staff_id: str, **values: Any) -> None:
        """Sets fields of a lead, by Salesforce's names (`Status="Unqualified"`)."""
        by = seed_leads.salesforce_id(self.world, staff_id)
        with self.world.changing(), records.requesting(self.world, by) as request:
            records.update(request, "Lead", _lead(self.world, lead), values)

    def convert_lead(self, lead: str, staff_id: str) -> str:
        """Converts a lead; the id of its contact."""
        by = seed_leads.salesforce_id(self.world, staff_id)
        with self.world.changing(), records.requesting(self.world, by) as request:
            return str(seed_leads.convert(request, _lead(self.world, lead)["Id"])["Id"])

    def delete_lead(self, lead: str) -> None:
        """Puts a lead into the recycle bin."""
        with self.world.changing():
            del self.world.state["salesforce"]["records"]["Lead"][_lead(self.world, lead)["Id"]]

    def send_mail(
        self,
        s3_client: S3Client,
        sender: str,
        to: Sequence[str],
        subject: str,
        text: str,
        cc: Sequence[str] = (),
        html: str | None = None,
        answers: Sequence[str] = (),
        headers: dict[str, str] | None = None,
        authentic: bool = True,
        told: bool = True,
    ) -> str:
        """Writes a mail that comes to the support address, to or in copy; SES's id of it.

        `sender`, `to` and `cc` are addresses, or staff, users and visitors by the roster's names. `answers` are the ids
        of earlier mails of its thread. Not `authentic`: the sender is forged. Not `told`: the notification is lost.

        Raises:
            LookupError: there is nobody of this name.
        """
        with self.world.changing():
            mail = mailing.Draft(
                sender=self._address(sender),
                to=[self._address(one) for one in to],
                cc=[self._address(one) for one in cc],
                subject=subject,
                text=text,
                html=html,
                answers=list(answers),
                headers=headers or {},
            )
            return mailing.deliver(self.world, s3_client, mail, authentic=authentic, told=told)

    def _create(self, by: str, given: Json) -> str:
        with self.world.changing(), records.requesting(self.world, by) as request:
            return str(records.create(request, "Lead", given)["Id"])

    def _address(self, name: str) -> str:
        if "@" in name:
            return name
        roster = self.world.state["roster"]
        for table in ("staff", "users", "visitors", "leads"):
            if name in roster.get(table, {}):
                return str(roster[table][name]["email"])
        raise LookupError(f"nobody called {name!r} has an address; seed the world first?")


def _lead(world: World, lead: str) -> Json:
    found: Json | None = world.state["salesforce"]["records"]["Lead"].get(lead)
    if found is None:
        raise LookupError(f"there is no lead {lead}")
    return found
