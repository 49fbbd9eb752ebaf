"""Colleagues who work in HubSpot, played: representatives of customers, support reps, and who coordinates them.

They act as through HubSpot's own pages, so what they do reaches us only as a signed webhook or when somebody looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from casework.sandbox import hubspot_records as records
from casework.sandbox import seed_offboarding
from casework.sandbox.http import Json

if TYPE_CHECKING:
    from casework.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Rep:
    """Somebody with an account in HubSpot, by the roster's staff id."""

    world: World

    def edit_deal(self, deal: str, staff_id: str, **values: str) -> None:
        """Sets properties of a deal, by HubSpot's names (`client_activity_status="Offboarding Requested"`)."""
        self._edit("deals", deal, staff_id, values)

    def delete_deal(self, deal: str, staff_id: str) -> None:
        """Puts a deal into the recycling bin."""
        with self.world.changing(), records.requesting(self.world, self._user(staff_id)) as request:
            records.archive(request, "deals", _known(self.world, "deals", deal))

    def open_ticket(
        self,
        company: str,
        staff_id: str,
        pipeline: str = seed_offboarding.OFFBOARDING,
        stage: str = seed_offboarding.ASKED,
        deal: str | None = None,
    ) -> str:
        """Opens a ticket of a customer (`company-1`), also about a deal; the ticket's id.

        Raises:
            LookupError: there is no such customer, colleague or deal.
        """
        known = self.world.state["roster"]["companies"].get(company)
        if known is None:
            raise LookupError(f"there is no {company}")
        owner = self.world.state["roster"]["staff"][staff_id]["hubspot_owner"]
        with self.world.changing(), records.requesting(self.world, self._user(staff_id)) as request:
            made = seed_offboarding.open_ticket(request, pipeline, stage, "We are leaving", owner)
            records.associate(self.world, "tickets", made["id"], "companies", known["company_id"])
            if deal is not None:
                records.associate(self.world, "tickets", made["id"], "deals", _known(self.world, "deals", deal)["id"])
            return str(made["id"])

    def edit_ticket(self, ticket: str, staff_id: str, **values: str) -> None:
        """Sets properties of a ticket, by HubSpot's names (`hs_pipeline_stage="4"`)."""
        self._edit("tickets", ticket, staff_id, values)

    def edit_task(self, task: str, staff_id: str, text: str) -> None:
        """Saves a task's text from HubSpot's editor, which wraps it in tags of its own."""
        self._edit("tasks", task, staff_id, {"hs_task_body": f'<div style="" dir="auto"><p>{text}</p></div>'})

    def complete_task(self, task: str, staff_id: str) -> None:
        """Marks a task as done."""
        self._edit("tasks", task, staff_id, {"hs_task_status": "COMPLETED"})

    def set_available(self, staff_id: str, available: bool) -> None:
        """Sets their own availability."""
        user = self.world.state["roster"]["staff"][staff_id]["hubspot_user"]
        self._edit("users", user, staff_id, {"hs_availability_status": "available" if available else "away"})

    def _edit(self, kind: str, record: str, staff_id: str, values: dict[str, Any]) -> None:
        with self.world.changing(), records.requesting(self.world, self._user(staff_id)) as request:
            records.update(request, kind, _known(self.world, kind, record), values)

    def _user(self, staff_id: str) -> int:
        member = self.world.state["roster"]["staff"].get(staff_id)
        if member is None or "hubspot_account" not in member:
            raise LookupError(f"nobody called {staff_id} works in HubSpot")
        return int(member["hubspot_account"])


def _known(world: World, kind: str, record: str) -> Json:
    found: Json | None = world.state["hubspot"]["objects"].get(kind, {}).get(record)
    if found is None or found["archived"]:
        raise LookupError(f"there is no {kind} {record}")
    return found
