"""What offboarding and the support day need: a HubSpot account with its deals, tickets, companies, owners and reps.

Companies are the teams of the product, found by their domains; roster entry `companies` has them by names of our own
(`company-1`), with the ids of their deals and tickets. Reps work in zones with and without daylight saving.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from casework.sandbox import hubspot_records as records
from casework.sandbox import seed
from casework.sandbox.http import Json
from casework.sandbox.hubspot_schema import prop, stamp

if TYPE_CHECKING:
    from casework.sandbox.world import World

STATUSES = ("Active", "Offboarding Requested", "Offboarding", "Offboarded")
SALES, SUPPORT, OFFBOARDING = "default", "0", "77001"
SIGNED, WON, LOST = "contractsent", records.CLOSED_WON, records.CLOSED_LOST
NEW, OUR_TURN, THEIR_TURN, HOLD, CLOSED = "1", "2", "3", "900120", "4"
ASKED, LEAVING, LEFT = "77011", "77012", "77013"
ROBOT = 61_000_001

# id, name, role, zone, days, first minute, last minute, days out of office from now (first, last)
_REPS: tuple[tuple[str, str, str, str, str, int, int, tuple[int, int] | None], ...] = (
    ("staff-14", "Winifred Ashgrove-Tull", "support-rep", "America/New_York", "MONDAY_TO_FRIDAY", 540, 1020, None),
    ("staff-15", "Octavius Pemberlea-Roth", "support-rep", "Australia/Brisbane", "MONDAY_TO_FRIDAY", 540, 1020, None),
    ("staff-16", "Sunita Harrowgate-Dey", "support-rep", "Europe/Berlin", "MONDAY_TO_FRIDAY", 540, 1020, (14, 18)),
    ("staff-18", "Bartholomew Crake-Ives", "coordinator", "America/Chicago", "MONDAY_TO_FRIDAY", 540, 1020, None),
)  # fmt: skip
# Colleagues of the other processes who represent customers: id, zone
_REPRESENTATIVES = (("staff-11", "Europe/Berlin"), ("staff-12", "Europe/Berlin"), ("staff-13", "Asia/Kolkata"))
# name, team, representative, deals: (stage, status, days until the contract ends)
_COMPANIES: tuple[tuple[str, str, str, str, tuple[tuple[str, str | None, int | None], ...]], ...] = (
    ("company-1", "Pebblewick Rescue League", "team-103", "staff-11", ((WON, None, -275), (WON, "Active", 90))),
    ("company-2", "Northwind Sanctuary Trust", "team-104", "staff-13", ((WON, "Active", 300), (WON, "Active", 30))),
    ("company-3", "Brasslantern Animal Haven", "team-102", "staff-12", ((WON, "Offboarded", -40), (LOST, None, None))),
    ("company-4", "Gildedrook Shelter Alliance", "team-105", "staff-12", ((WON, "Active", None),)),
    ("company-5", "Fernhollow Paws", "team-101", "staff-11", ((SIGNED, "Active", None),)),
)
# rep, stage, hours since it was opened, hours until its first answer is due
_TICKETS = (
    ("staff-14", NEW, 3, -1),
    ("staff-14", OUR_TURN, 30, 4),
    ("staff-14", THEIR_TURN, 50, None),
    ("staff-14", HOLD, 200, None),
    ("staff-15", OUR_TURN, 5, 2),
    ("staff-16", CLOSED, 90, None),
)


def plant(world: World) -> None:
    """Makes the account and what is in it."""
    account, planted = world.state["hubspot"], set(world.state["planted"])
    account["properties"], account["pipelines"] = _properties(), _pipelines(world)
    account["subscriptions"] = [
        ["deal.creation", "deals", None],
        ["deal.propertyChange", "deals", "client_activity_status"],
        ["deal.propertyChange", "deals", "contract_end_date"],
        ["deal.deletion", "deals", None],
        ["ticket.creation", "tickets", None],
        ["ticket.propertyChange", "tickets", "hs_pipeline_stage"],
        ["object.propertyChange", "tasks", "hs_task_status"],
    ]
    for offset, (staff_id, name, role, *_) in enumerate(_REPS):
        planted |= seed.add_staff(world, staff_id, name, role, None, 7301 + offset)
    with records.requesting(world, ROBOT) as request:
        _people(request)
        planted |= _companies(request)
        _tickets(request)
    world.state["planted"] = sorted(planted)
    # What was there before anybody looked is no news.
    world.state["outbox"] = [kept for kept in world.state["outbox"] if kept["vendor"] != "hubspot"]


def _people(request: records.Request) -> None:
    world = request.world
    zones = {staff_id: (zone, None) for staff_id, zone in _REPRESENTATIVES}
    plans: dict[str, tuple[str, Any]] = {**zones, **{rep[0]: (rep[3], rep[4:]) for rep in _REPS}}
    for staff_id, (zone, plan) in plans.items():
        member = world.state["roster"]["staff"][staff_id]
        user, owner = str(60_000_000 + int(staff_id[-2:])), str(70_000_000 + int(staff_id[-2:]))
        first, _, last = member["name"].partition(" ")
        now = stamp(world.now())
        world.state["hubspot"]["owners"][owner] = {
            "id": owner, "email": member["email"], "firstName": first, "lastName": last, "type": "PERSON",
            "userId": int(user), "userIdIncludingInactive": int(user), "archived": False, "teams": [],
            "createdAt": now, "updatedAt": now,
        }  # fmt: skip
        values = {"hs_email": member["email"], "hs_internal_user_id": user, "hs_standard_time_zone": zone}
        if plan is not None:
            days, start, end, away = plan
            hours = [{"days": days, "startMinute": start, "endMinute": end}]
            values |= {"hs_working_hours": json.dumps(hours), "hs_availability_status": "away"}
            values["hs_out_of_office_hours"] = json.dumps(_absences(world, away))
        made = _made_user(request, values)
        member |= {"hubspot_owner": owner, "hubspot_user": made["id"], "hubspot_account": int(user)}


def _made_user(request: records.Request, values: Json) -> Json:
    """HubSpot makes its users itself: what nobody may write is written here."""
    known = request.world.state["hubspot"]["properties"]["users"]
    locked = {name: of for name, of in known.items() if of.get("read_only")}
    for of in locked.values():
        of["read_only"] = False
    try:
        return records.create(request, "users", values)
    finally:
        for of in locked.values():
            of["read_only"] = True


def _absences(world: World, days: tuple[int, int] | None) -> list[Json]:
    if days is None:
        return []
    midnight = world.now().replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = (int((midnight + timedelta(days=day)).timestamp() * 1000) for day in days)
    return [{"startTimestamp": first, "endTimestamp": last}]


def _companies(request: records.Request) -> set[str]:
    world = request.world
    roster = world.state["roster"]
    roster["companies"] = {}
    for name, called, team, staff_id, deals in _COMPANIES:
        owner = roster["staff"][staff_id]["hubspot_owner"]
        domain = roster["teams"][team]["domains"][0]
        company = records.create(request, "companies", {"name": called, "domain": domain, "hubspot_owner_id": owner})
        entry: Json = {"id": name, "company_id": company["id"], "team_id": team, "deals": [], "tickets": []}
        for at, (stage, status, days) in enumerate(deals, 1):
            values = {
                "dealname": f"{called} {at}", "pipeline": SALES, "dealstage": stage, "hubspot_owner_id": owner,
            }  # fmt: skip
            if status is not None:
                values["client_activity_status"] = status
            if days is not None:
                values["contract_end_date"] = (world.now() + timedelta(days=days)).date().isoformat()
            deal = records.create(request, "deals", values)
            records.associate(world, "deals", deal["id"], "companies", company["id"])
            entry["deals"].append(deal["id"])
        roster["companies"][name] = entry
    return {called for _, called, *_ in _COMPANIES}


def _tickets(request: records.Request) -> None:
    world = request.world
    roster = world.state["roster"]
    company = roster["companies"]["company-1"]
    for staff_id, stage, hours, due in _TICKETS:
        made = open_ticket(request, SUPPORT, stage, "A question", roster["staff"][staff_id]["hubspot_owner"])
        at = stamp(world.now() - timedelta(hours=hours))
        made["properties"]["createdate"] = made["createdAt"] = at
        made["properties"]["hs_v2_date_entered_current_stage"] = at
        if due is not None:
            made["properties"]["hs_time_to_first_response_sla_at"] = stamp(world.now() + timedelta(hours=due))
        records.associate(world, "tickets", made["id"], "companies", company["company_id"])
        company["tickets"].append(made["id"])


def open_ticket(request: records.Request, pipeline: str, stage: str, subject: str, owner: str | None) -> Json:
    """A ticket, as a form or mail makes it."""
    values = {"subject": subject, "hs_pipeline": pipeline, "hs_pipeline_stage": stage, "hs_ticket_priority": "MEDIUM"}
    return records.create(request, "tickets", {**values, "hubspot_owner_id": owner or ""})


def _properties() -> Json:
    def kept(made: str) -> Json:
        return {
            made: prop("datetime", read_only=True, by_default=True),
            "hs_lastmodifieddate": prop("datetime", read_only=True, by_default=True),
            "hs_object_id": prop("number", read_only=True, by_default=True),
            "hubspot_owner_id": prop("enumeration", external="owners"),
        }

    activity = {
        **kept("hs_createdate"),
        "hs_timestamp": prop("datetime", required=True),
    }
    priorities = ("NONE", "LOW", "MEDIUM", "HIGH")
    task_statuses = ("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED")
    return {
        "deals": {
            **kept("createdate"),
            "dealname": prop(required=True, by_default=True),
            "pipeline": prop("enumeration", external="pipelines", default=SALES, by_default=True),
            "dealstage": prop("enumeration", external="stages", required=True, by_default=True),
            "amount": prop("number", by_default=True),
            "closedate": prop("datetime", by_default=True),
            "hs_is_closed": prop("bool", read_only=True),
            "hs_is_closed_won": prop("bool", read_only=True),
            "client_activity_status": prop("enumeration", options=_choices(STATUSES), own=True),
            "contract_end_date": prop("date", own=True),
        },
        "tickets": {
            **kept("createdate"),
            "subject": prop(by_default=True),
            "content": prop(by_default=True),
            "hs_pipeline": prop("enumeration", external="pipelines", default=SUPPORT, by_default=True),
            "hs_pipeline_stage": prop("enumeration", external="stages", required=True, by_default=True),
            "hs_ticket_priority": prop("enumeration", options=_choices(("LOW", "MEDIUM", "HIGH", "URGENT"))),
            "hs_is_closed": prop("bool", read_only=True),
            "hs_v2_date_entered_current_stage": prop("datetime", read_only=True),
            "hs_time_to_first_response_sla_at": prop("datetime", read_only=True),
            "hs_time_to_close_sla_at": prop("datetime", read_only=True),
            "first_agent_reply_date": prop("datetime", read_only=True),
        },
        "companies": {**kept("createdate"), "name": prop(by_default=True), "domain": prop(by_default=True)},
        "contacts": {
            **kept("createdate"),
            "email": prop(by_default=True, unique=True),
            "firstname": prop(by_default=True),
            "lastname": prop(by_default=True),
        },
        "tasks": {
            **activity,
            "hs_task_subject": prop(),
            "hs_task_body": prop(),
            "hs_task_status": prop("enumeration", options=_choices(task_statuses), default="NOT_STARTED"),
            "hs_task_priority": prop("enumeration", options=_choices(priorities), default="NONE"),
            "hs_task_type": prop("enumeration", options=_choices(("CALL", "EMAIL", "TODO")), default="TODO"),
            "hs_task_completion_date": prop("datetime", read_only=True),
        },
        "notes": {**activity, "hs_note_body": prop()},
        "users": {
            **kept("hs_createdate"),
            "hs_email": prop(read_only=True, unique=True),
            "hs_internal_user_id": prop("number", read_only=True, unique=True),
            "hs_availability_status": prop("enumeration", options=_choices(("available", "away"))),
            "hs_standard_time_zone": prop(check="zone"),
            "hs_working_hours": prop(check="hours"),
            "hs_out_of_office_hours": prop(check="absences"),
        },
    }


def _choices(names: tuple[str, ...]) -> dict[str, str]:
    return {name: name for name in names}


def _pipelines(world: World) -> Json:
    now = stamp(world.now())

    def stage(number: str, label: str, at: int, **metadata: str) -> Json:
        times = {"createdAt": now, "updatedAt": now, "archived": False}
        return {"id": number, "label": label, "displayOrder": at, "metadata": metadata, **times}

    def pipeline(number: str, label: str, stages: list[Json]) -> Json:
        times = {"createdAt": now, "updatedAt": now, "archived": False}
        return {"id": number, "label": label, "displayOrder": 0, "stages": stages, **times}

    def tickets(number: str, label: str, *stages: tuple[str, str, str]) -> Json:
        made = [stage(one, called, at, ticketState=state) for at, (one, called, state) in enumerate(stages)]
        return pipeline(number, label, made)

    sales = ((SIGNED, "Contract sent", "0.9"), (WON, "Closed won", "1.0"), (LOST, "Closed lost", "0.0"))
    deals = [stage(one, called, at, probability=likely) for at, (one, called, likely) in enumerate(sales)]
    return {
        "deals": [pipeline(SALES, "Sales", deals)],
        "tickets": [
            tickets(
                SUPPORT,
                "Support Pipeline",
                (NEW, "New", "OPEN"),
                (OUR_TURN, "Our Turn", "OPEN"),
                (THEIR_TURN, "Their Turn", "OPEN"),
                (HOLD, "Engineering Hold", "OPEN"),
                (CLOSED, "Closed", "CLOSED"),
            ),
            tickets(
                OFFBOARDING,
                "Offboarding",
                (ASKED, "Asked", "OPEN"),
                (LEAVING, "Leaving", "OPEN"),
                (LEFT, "Left", "CLOSED"),
            ),
        ],
    }  # fmt: skip
