"""What the hand-over between support and sales needs of Outreach and Qualified: colleagues, sequences, leads, visitors.

Those who write in Intercom without being customers were on the website before: their entries of the roster's
`visitors` get their ids in Qualified and Outreach.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from casework.sandbox import outreach_records as outreach
from casework.sandbox import qualified_records as qualified
from casework.sandbox import seed
from casework.sandbox.http import Json
from casework.sandbox.mailing import SUPPORT

if TYPE_CHECKING:
    from casework.sandbox.world import World

BOOKED, DISQUALIFIED, WORKING = "Meeting Booked", "Disqualified", "Working"
LEADS, INTRO, OLD = "1001", "1002", "1003"
"""The sequences: for leads, for the one mail that brings a lead to support, and one that is switched off."""
INTRO_TEMPLATE, LEAD_TEMPLATE = "1001", "1002"
HOOKS = "https://casework.example/hooks/outreach"

# id, name, role, manager
_COLLEAGUES = (
    ("staff-66", "Cordelia Ravensworth-Pike", "sales-manager", None),
    ("staff-64", "Horatio Wimpole-Achebe", "sdr", "staff-66"),
    ("staff-65", "Saoirse Tamblyn-Oduya", "sdr", "staff-66"),
)
# name, fields of the lead in Qualified, whose prospect already
_VISITORS: tuple[tuple[str, Json | None, str | None], ...] = (
    ("visitor-4", {"company": "Hollowmere Kennels", "employee_count": 85}, None),
    ("visitor-5", {"company": "Tallowgate Foundation", "employee_count": 640, "ats": "Hirewell",
                   "website": "https://tallowgate-c94e.example", "phone": "+1 555 0142"}, "staff-65"),
    ("visitor-6", None, None),
)  # fmt: skip
_FIELDS = (
    ("company", "Company", "text"),
    ("employee_count", "Employee count", "number"),
    ("ats", "Applicant tracking system", "text"),
    ("website", "Website", "url"),
    ("phone", "Phone", "text"),
    ("job_title", "Job title", "text"),
)


def plant(world: World) -> None:
    """Makes both accounts and what is in them."""
    planted = set(world.state["planted"])
    for name in (WORKING, BOOKED, DISQUALIFIED):
        outreach.add(world, "stage", {"name": name}, {})
    for offset, (staff_id, called, role, manager) in enumerate(_COLLEAGUES):
        planted |= seed.add_staff(world, staff_id, called, role, manager, 7401 + offset)
        _colleague(world, staff_id)
    for name, steps, enabled in (("Inbound leads", 3, True), ("Technical support", 1, True), ("Spring fair", 2, False)):
        values = {"name": name, "sequenceStepCount": steps, "enabled": enabled, "locked": False}
        outreach.add(world, "sequence", values, {})
    copied = [f"Support <{SUPPORT}>"]
    for name, cc in (("Technical Support Intro", copied), ("Inbound 1", [])):
        outreach.add(world, "template", {"name": name, "archived": False, "ccRecipients": cc}, {})
    world.state["qualified"]["fields"] = [
        {"id": f"field-{number}", "name": name, "label": label, "type": kind, "options": [],
         "createdAt": world.stamp(), "updatedAt": world.stamp()}
        for number, (name, label, kind) in enumerate(_FIELDS, 1)
    ]  # fmt: skip
    for visitor in _VISITORS:
        planted |= _visitor(world, *visitor)
    for resource in ("prospect", "sequenceState"):
        secret = world.state["credentials"]["outreach_webhook_secret"]
        told = {"url": HOOKS, "resource": resource, "action": "*", "secret": secret}
        outreach.add(world, "webhook", {**told, "active": True, "payloadVersion": 1, "disabledReason": None}, {})
    world.state["planted"] = sorted(planted)


def _colleague(world: World, staff_id: str) -> None:
    member = world.state["roster"]["staff"][staff_id]
    user = outreach.add(world, "user", {"email": member["email"], "name": member["name"], "locked": False}, {})
    related = {"user": ("user", str(user["id"]))}
    box = outreach.add(world, "mailbox", {"email": member["email"], "sendDisabled": False}, related)
    user["relationships"]["mailbox"] = {"data": {"type": "mailbox", "id": box["id"]}}
    ids = {"outreach_user": str(user["id"]), "outreach_mailbox": str(box["id"])}
    member |= {**ids, "qualified_user": f"us_{staff_id[-2:]}"}


def _visitor(world: World, name: str, fields: Json | None, sdr: str | None) -> set[str]:
    entry = world.state["roster"]["visitors"][name]
    person, email = entry["name"], entry["email"]
    entry["visitor_id"] = f"vi_{name[-1]:0>8}"
    if fields is not None:
        lead = qualified.upsert(world, email, fields)[0]
        lead["visitorIds"] = [entry["visitor_id"]]
        # Lists have a lead only after half an hour, and these have been there for longer.
        lead["createdAt"] = (world.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry["lead_id"] = lead["id"]
    if sdr is not None and fields is not None:
        first, _, last = person.partition(" ")
        values: Json = {"firstName": first, "lastName": last, "emails": [email], "workPhones": []}
        values |= {"company": fields["company"], "emailOptedOut": False, "optedOut": False}
        owner = ("user", world.state["roster"]["staff"][sdr]["outreach_user"])
        made = outreach.add(world, "prospect", values, {"owner": owner, "stage": ("stage", "1001")})
        entry["prospect"] = str(made["id"])
    return set() if fields is None else {fields["company"]}
