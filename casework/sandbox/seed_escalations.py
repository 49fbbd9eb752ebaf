"""What escalations need: an org with its objects and rules, its agents, members, reviews and earlier refunds.

Roster entry `members` has the members by names of our own (`member-1`), with their contacts' ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casework.sandbox import salesforce_records as records
from casework.sandbox import seed
from casework.sandbox.http import Json
from casework.sandbox.salesforce_records import PLATFORM, ROBOT
from casework.sandbox.salesforce_schema import field, long_id, stamp

if TYPE_CHECKING:
    from casework.sandbox.world import World

SENDER = "care@members.example"
"""The org-wide address that answers come from."""
DOMAIN = "wrenfield-mail-8d1c.example"

# id, name, role
_STAFF = (
    ("staff-81", "Henrietta Quarrington-Vale", "tier2"),
    ("staff-82", "Osgood Featherby-Lunt", "tier2"),
    ("staff-83", "Tamsin Okonjo-Braith", "tier2"),
    ("staff-91", "Rufina Saltonstall-Egede", "member-safety"),
    ("staff-95", "Ignatius Merriwell-Dao", "privacy"),
)
# id, first name, last name, display name, gender, google, apple, password
_MEMBERS: tuple[tuple[str, str, str, str | None, str | None, bool, bool, bool], ...] = (
    ("member-1", "Clementina", "Wrenfield-Ash", None, None, False, False, True),
    ("member-2", "Lysander", "Wrenfield-Bock", None, None, True, False, False),
    ("member-3", "Philomena", "Wrenfield-Culp", None, None, False, True, False),
    ("member-4", "Augustin", "Wrenfield-Dorr", None, None, True, True, True),
    ("member-5", "Barnabas", "Wrenfield-Esk", "Marigoldine", "Non-binary", False, False, True),
    ("member-6", "Seraphina", "Wrenfield-Fogg", None, None, False, False, True),
)
# member, status, text
_REVIEWS = (
    ("member-1", "Approved", "Punctual, but the zither lessons were half as long as promised."),
    ("member-4", "Edited", "Kind to our two ocelots and never late."),
    ("member-6", "Pending", "Left the marmalade cupboard open thrice."),
    ("member-6", "Rejected", "Would not feed the axolotl."),
)
REFUND_REASON = "Provider did not show up"


def plant(world: World) -> None:
    """Makes the org and what is in it."""
    org, planted = world.state["salesforce"], set(world.state["planted"])
    org["objects"] = _objects()
    org["records"] = {name: {} for name in org["objects"]}
    org["senders"] = [SENDER]
    robot, platform = world.state["credentials"]["salesforce_username"], "platform@members.example"
    for number, name, email in ((ROBOT, "Casework Robot", robot), (PLATFORM, "Platform Integration", platform)):
        org["records"]["User"][number] = _user(world, number, name, email)
    for offset, (staff_id, name, role) in enumerate(_STAFF):
        planted |= seed.add_staff(world, staff_id, name, role, None, 7201 + offset)
        member = world.state["roster"]["staff"][staff_id]
        number = long_id(f"005RM00000000{staff_id[-2:]}")
        member["salesforce_id"] = number
        org["records"]["User"][number] = _user(world, number, name, member["email"])
    with records.requesting(world, PLATFORM) as request:
        planted |= _members(request)
        _reviews(request)
        _refunds(request)
    world.state["planted"] = sorted(planted | {text for _, _, text in _REVIEWS})
    # What was there before anybody looked is no news.
    world.state["outbox"] = [kept for kept in world.state["outbox"] if kept["vendor"] != "salesforce"]


def _members(request: records.Request) -> set[str]:
    roster = request.world.state["roster"]
    roster["members"] = {}
    planted = {DOMAIN}
    for name, first, last, display, gender, google, apple, password in _MEMBERS:
        email = f"{first}.{last}@{DOMAIN}".lower()
        made = records.create(
            request,
            "Contact",
            {
                "FirstName": first,
                "LastName": last,
                "Email": email,
                "Display_Name__c": display,
                "Gender__c": gender,
                "Google_Login__c": google,
                "Apple_Login__c": apple,
                "Has_Password__c": password,
            },
        )
        roster["members"][name] = {"id": name, "contact_id": made["Id"], "email": email}
        planted |= {first, last, *([display] if display else [])}
    return planted


def _reviews(request: records.Request) -> None:
    """Each with the closed case that it came in by."""
    members = request.world.state["roster"]["members"]
    for member, status, text in _REVIEWS:
        case = open_case(request, members[member]["contact_id"], "A review", "", tier="Tier 1")
        records.update(request, "Case", case, {"Status": "Closed"})
        records.create(request, "Review__c", {"Case__c": case["Id"], "Status__c": status, "Text__c": text})


def _refunds(request: records.Request) -> None:
    """A member who was refunded three times for one reason and once for another."""
    contact = request.world.state["roster"]["members"]["member-6"]["contact_id"]
    reasons = [REFUND_REASON] * 3 + ["Booked twice"]
    for at, reason in enumerate(reasons, 1):
        given = {
            "Contact__c": contact,
            "Booking__c": f"B-{7000 + at}",
            "Reason__c": reason,
            "Amount__c": 25.0 + at,
            "Status__c": "Refunded",
            "External_Id__c": f"earlier-{at}",
        }
        records.create(request, "Refund__c", given)


def open_case(
    request: records.Request, contact_id: str | None, subject: str, text: str, *, tier: str, email: str | None = None
) -> Json:
    """A case as Email-to-Case makes it."""
    given = {
        "Subject": subject,
        "Description": text,
        "ContactId": contact_id,
        "SuppliedEmail": email,
        "Origin": "Email",
        "Tier__c": tier,
    }
    return records.create(request, "Case", given)


def _user(world: World, number: str, name: str, email: str) -> Json:
    now = stamp(world.now())
    return {"Id": number, "Name": name, "Username": email, "Email": email, "IsActive": True, "SystemModstamp": now}


def _objects() -> Json:
    case, contact, user = ("Case",), ("Contact",), ("User",)
    time = field("datetime", read_only=True)
    tracked: Json = {
        "CreatedById": field("reference", to=list(user), read_only=True),
        "CreatedDate": time,
        "LastModifiedById": field("reference", to=list(user), read_only=True),
        "LastModifiedDate": time,
        "SystemModstamp": time,
    }
    own: Json = {"OwnerId": field("reference", to=list(user)), **tracked}

    def made(prefix: str, label: str, fields: Json, **more: Any) -> Json:
        return {"prefix": prefix, "label": label, "fields": fields, **more}

    statuses = ["New", "Working", "Escalated", "Waiting on Member", "Closed"]
    reasons = ["Account Management", "Reviews", "Booking Refund", "Gender Identity", "Other"]
    second = ["Data Deletion", "Data Access", "Review Edited", "Review Removed", "Refunded", "Declined", "Name Change"]
    verified = ["Requested", "In Progress", "Completed", "Completed - Failed - Verification Failure"]
    return {
        "User": made(
            "005",
            "User",
            {
                "Name": field("string", read_only=True),
                "Username": field("string", read_only=True),
                "Email": field("email", read_only=True),
                "IsActive": field("boolean", read_only=True),
                "SystemModstamp": time,
            },
        ),
        "Contact": made(
            "003",
            "Contact",
            {
                "FirstName": field("string", length=40),
                "LastName": field("string", length=80, required=True),
                "Email": field("email", length=80),
                "AccountId": field("reference", to=["Account"]),
                "Display_Name__c": field("string", length=80),
                "Gender__c": field("picklist", values=["Woman", "Man", "Non-binary", "Self-described"]),
                "Google_Login__c": field("boolean"),
                "Apple_Login__c": field("boolean"),
                "Has_Password__c": field("boolean"),
                **own,
            },
        ),
        "Account": made("001", "Account", {"Name": field("string", length=255, required=True), **own}),
        "Case": made(
            "500",
            "Case",
            {
                "CaseNumber": field("string", read_only=True),
                "Subject": field("string", length=255),
                "Description": field("textarea", length=32000),
                "Status": field("picklist", values=statuses, default="New", required=True),
                "Priority": field("picklist", values=["High", "Medium", "Low"], default="Medium"),
                "Origin": field("picklist", values=["Email", "Phone", "Web"]),
                "Reason": field("picklist", values=reasons),
                "Secondary_Reason__c": field("picklist", values=second),
                "Tier__c": field("picklist", values=["Tier 1", "Tier 2"], default="Tier 1"),
                "ContactId": field("reference", to=list(contact)),
                "AccountId": field("reference", to=["Account"]),
                "ParentId": field("reference", to=list(case)),
                "SuppliedEmail": field("email", length=80),
                "SuppliedName": field("string", length=80),
                "IsClosed": field("boolean", read_only=True),
                "ClosedDate": time,
                **own,
            },
            auto_number={"field": "CaseNumber", "first": 84201, "form": "{:08d}"},
        ),
        "CaseComment": made(
            "00a",
            "Case Comment",
            {
                "ParentId": field("reference", to=list(case), required=True, create_only=True),
                "CommentBody": field("textarea", length=4000),
                "IsPublished": field("boolean"),
                **tracked,
            },
        ),
        "EmailMessage": made(
            "02s",
            "Email Message",
            {
                "ParentId": field("reference", to=list(case), read_only=True),
                "RelatedToId": field("reference", to=["Case", "Privacy_Request__c"], read_only=True),
                "Subject": field("string", length=3000, read_only=True),
                "TextBody": field("textarea", read_only=True),
                "Incoming": field("boolean", read_only=True),
                "Status": field("picklist", values=["0", "1", "2", "3", "4", "5"], read_only=True),
                **tracked,
            },
        ),
        "Review__c": made(
            "a01",
            "Review",
            {
                "Name": field("string", read_only=True),
                "Case__c": field("reference", to=list(case)),
                "Status__c": field(
                    "picklist", values=["Pending", "Approved", "Edited", "Rejected"], default="Pending", required=True
                ),
                "Text__c": field("textarea", length=8000),
                **own,
            },
            auto_number={"field": "Name", "first": 301, "form": "RV-{:06d}"},
        ),
        "Refund__c": made(
            "a02",
            "Refund",
            {
                "Name": field("string", read_only=True),
                "Contact__c": field("reference", to=list(contact), required=True),
                "Case__c": field("reference", to=list(case)),
                "Booking__c": field("string", length=40),
                "Reason__c": field("picklist", values=[REFUND_REASON, "Booked twice", "Cancellation Fee", "Other"]),
                "Amount__c": field("currency"),
                "Status__c": field(
                    "picklist", values=["Requested", "Refunded", "Declined"], default="Requested", required=True
                ),
                "External_Id__c": field("string", length=80, external_id=True),
                **own,
            },
            auto_number={"field": "Name", "first": 501, "form": "RF-{:06d}"},
        ),
        "Privacy_Request__c": made(
            "a03",
            "Privacy Request",
            {
                "Name": field("string", read_only=True),
                "Case__c": field("reference", to=list(case)),
                "Contact__c": field("reference", to=list(contact)),
                "Request_Type__c": field(
                    "picklist", values=["Data Categories", "Access Data", "Delete Data"], required=True
                ),
                "Request_Status__c": field("picklist", values=verified, default="Requested", required=True),
                "External_Id__c": field("string", length=80, external_id=True),
                **own,
            },
            auto_number={"field": "Name", "first": 1042, "form": "PR-{:06d}"},
        ),
    }
