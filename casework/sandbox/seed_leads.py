"""What sales has in Salesforce: leads, a queue of them, customers with who has them, and the colleagues' users.

Roster entry `accounts` has the customers by names of our own (`account-1`), with their contact, account executive and
CSM; `leads` has the leads (`lead-1`, whom Intercom knows as `visitor-5`). The account executives are made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from casework.sandbox import salesforce_records as records
from casework.sandbox import seed
from casework.sandbox.http import Json
from casework.sandbox.salesforce_records import PLATFORM, ROBOT
from casework.sandbox.salesforce_schema import field, long_id, stamp

if TYPE_CHECKING:
    from casework.sandbox.world import World

QUEUE = long_id("00GRM0000000001")
"""The queue of leads that nobody has taken."""
STATUSES = ("New", "Open - Not Contacted", "Working", "Nurturing", "Qualified", "Unqualified")
NOT_PROVIDED = "[not provided]"
"""What Intercom's sync writes where the org insists on a value that it does not have."""

# id, name, role, manager
_EXECUTIVES = (
    ("staff-67", "Leocadia Brandreth-Sow", "ae", "staff-66"),
    ("staff-68", "Fitzgerald Oduber-Lisle", "ae", "staff-66"),
    ("staff-69", "Wilhelmus Carrow-Ndiaye", "ae", "staff-66"),
)
_COLLEAGUES = ("staff-11", "staff-12", "staff-13", "staff-64", "staff-65", "staff-66")
"""Made by other seeds and in Salesforce too: CSMs, representatives and their manager."""
# name, users of the product who are its contacts, account executive, CSM
_ACCOUNTS: tuple[tuple[str, str, tuple[str, ...], str, str | None], ...] = (
    ("account-1", "Pebblewick Recruiting", ("user-83", "user-84"), "staff-68", "staff-11"),
    ("account-2", "Northwind Talent", ("user-88", "user-89"), "staff-69", "staff-13"),
    ("account-3", "Brasslantern", ("user-81",), "staff-67", None),
)
# name, first name, last name, company, employees, owner, status; the address is of the domain
_LEADS: tuple[tuple[str, str, str, str, str, int | None, str, str], ...] = (
    ("lead-1", "Saoirse", "Wexcombe-Lund", "tallowgate-c94e.example", "Tallowgate Foundation", 640, "staff-65",
     "Working"),
    ("lead-2", "Ottilie", "Hazeldine-Mbeki", "copperfen-61d4.example", NOT_PROVIDED, None, "queue", "New"),
    ("lead-3", "Evander", "Stanhope-Vii", "gorsemoor-2b8a.example", "Gorsemoor Partners", 210, "staff-64",
     "Qualified"),
)  # fmt: skip


def plant(world: World) -> None:
    """Makes the objects, colleagues and records in the org that is there."""
    org, roster, planted = world.state["salesforce"], world.state["roster"], set(world.state["planted"])
    _objects(org)
    for offset, (staff_id, name, role, manager) in enumerate(_EXECUTIVES):
        planted |= seed.add_staff(world, staff_id, name, role, manager, 7501 + offset)
    for staff_id in (*_COLLEAGUES, *(one[0] for one in _EXECUTIVES)):
        _user(world, staff_id)
    org["records"]["Group"][QUEUE] = {
        "Id": QUEUE, "Name": "Inbound leads", "Type": "Queue", "SystemModstamp": stamp(world.now()),
    }  # fmt: skip
    roster["accounts"], roster["leads"] = {}, {}
    with records.requesting(world, PLATFORM) as request:
        for account in _ACCOUNTS:
            _account(request, *account)
        for lead in _LEADS:
            planted |= _lead(request, *lead)
        convert(request, roster["leads"]["lead-3"]["lead_id"])
    world.state["planted"] = sorted(planted)


def convert(request: records.Request, lead_id: str) -> Json:
    """A colleague converts a lead, which is locked then: an account with a contact comes of it; the contact."""
    lead = request.world.state["salesforce"]["records"]["Lead"][lead_id]
    owner = lead["OwnerId"] if lead["OwnerId"] != QUEUE else request.by
    account = records.create(request, "Account", {"Name": lead["Company"], "OwnerId": owner})
    given = {"FirstName": lead["FirstName"], "LastName": lead["LastName"], "Email": lead["Email"]}
    contact = records.create(request, "Contact", {**given, "AccountId": account["Id"], "OwnerId": owner})
    records.update(request, "Lead", lead, {"Status": "Qualified"})
    lead |= {"IsConverted": True, "ConvertedContactId": contact["Id"], "ConvertedAccountId": account["Id"]}
    return contact


def salesforce_id(world: World, staff_id: str) -> str:
    """A colleague's user.

    Raises:
        LookupError: nobody of this id works in Salesforce.
    """
    email = world.state["roster"]["staff"].get(staff_id, {}).get("email")
    for one in world.state["salesforce"]["records"]["User"].values():
        if one["Email"] == email:
            return str(one["Id"])
    raise LookupError(f"nobody called {staff_id} works in Salesforce")


def _user(world: World, staff_id: str) -> None:
    member = world.state["roster"]["staff"][staff_id]
    number, now = long_id(f"005RM00000000{staff_id[-2:]}"), stamp(world.now())
    member["salesforce_id"] = number
    world.state["salesforce"]["records"]["User"][number] = {
        "Id": number, "Name": member["name"], "Username": member["email"], "Email": member["email"], "IsActive": True,
        "UserType": "Standard", "CreatedDate": now, "SystemModstamp": now,
    }  # fmt: skip


def _account(
    request: records.Request, entry: str, name: str, users: tuple[str, ...], executive: str, csm: str | None
) -> None:
    roster = request.world.state["roster"]
    given: Json = {"Name": name, "OwnerId": salesforce_id(request.world, executive)}
    if csm is not None:
        given["CSM__c"] = salesforce_id(request.world, csm)
    account = records.create(request, "Account", given)
    for user in users:
        first, _, last = roster["users"][user]["name"].partition(" ")
        person = {"FirstName": first, "LastName": last, "Email": roster["users"][user]["email"]}
        records.create(request, "Contact", {**person, "AccountId": account["Id"]})
    kept = {"id": entry, "account_id": account["Id"], "users": list(users), "executive": executive, "csm": csm}
    roster["accounts"][entry] = kept


def _lead(
    request: records.Request,
    entry: str,
    first: str,
    last: str,
    domain: str,
    company: str,
    employees: int | None,
    owner: str,
    status: str,
) -> set[str]:
    email = f"{first}.{last}@{domain}".lower()
    given: Json = {"FirstName": first, "LastName": last, "Email": email, "Company": company, "Status": status}
    given["OwnerId"] = QUEUE if owner == "queue" else salesforce_id(request.world, owner)
    if employees is not None:
        given["NumberOfEmployees"] = employees
    made = records.create(request, "Lead", given)
    request.world.state["roster"]["leads"][entry] = {"id": entry, "lead_id": made["Id"], "email": email}
    return {f"{first} {last}", email, domain}


def _objects(org: Json) -> None:
    """What the org has for sales beside its other objects."""
    time = field("datetime", read_only=True)
    user = ["User"]
    tracked: Json = {
        "CreatedById": field("reference", to=user, read_only=True),
        "CreatedDate": time,
        "LastModifiedById": field("reference", to=user, read_only=True),
        "LastModifiedDate": time,
        "SystemModstamp": time,
    }
    objects, kept = org["objects"], org["records"]
    added: dict[str, Json] = {
        "User": {"UserType": field("picklist", read_only=True), "CreatedDate": time},
        "Account": {"CSM__c": field("reference", to=user)},
    }
    for name, fields in added.items():
        objects[name]["fields"] |= fields
        for record in kept[name].values():
            record |= dict.fromkeys(fields)
    for record in kept["User"].values():
        robot = record["Id"] in (ROBOT, PLATFORM)
        record |= {"UserType": "Standard" if not robot else "AutomatedProcess", "CreatedDate": record["SystemModstamp"]}
    objects["Group"] = {
        "prefix": "00G",
        "label": "Group",
        "fields": {
            "Name": field("string", read_only=True),
            "Type": field("picklist", read_only=True),
            "SystemModstamp": time,
        },
    }
    objects["Lead"] = {
        "prefix": "00Q",
        "label": "Lead",
        "fields": {
            "FirstName": field("string", length=40),
            "LastName": field("string", length=80, required=True),
            "Company": field("string", length=255, required=True),
            "Email": field("email", length=80),
            "Phone": field("phone", length=40),
            "Website": field("url", length=255),
            "NumberOfEmployees": field("int"),
            "ATS__c": field("string", length=80),
            "Status": field("picklist", values=list(STATUSES), default="New", required=True),
            "OwnerId": field("reference", to=["User", "Group"]),
            "IsConverted": field("boolean", read_only=True),
            "ConvertedContactId": field("reference", to=["Contact"], read_only=True),
            "ConvertedAccountId": field("reference", to=["Account"], read_only=True),
            "External_Id__c": field("string", length=80, external_id=True),
            **tracked,
        },
    }
    kept |= {"Group": {}, "Lead": {}}
