"""The org's records: made, changed, shown; the org's own rules and mails; and what it tells by signed callouts.

Rules of this org: a review changes only together with a comment on its case, in one request, the comment first; a
rejected review stays as it is. A new privacy request makes the org write to the member. A converted lead is locked; a
duplicate rule, when it is on, lets no second lead in with an address. A flow tells our gateway of each case that
changed, that was commented or that mail came to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from casework.sandbox.hooks import Delivery, sign_salesforce
from casework.sandbox.http import Json
from casework.sandbox.salesforce_schema import Problem, complete, kept_id, long_id, new_id, object_of, stamp, writable

if TYPE_CHECKING:
    from casework.sandbox.world import World

ROBOT = long_id("005RM0000000001")
"""The user that we sign in as."""
PLATFORM = long_id("005RM0000000002")
"""The user by which mail comes in and members' own pages write."""
_TRACKED = ("CreatedDate", "LastModifiedDate", "SystemModstamp")


@dataclass(slots=True)
class Request:
    """One request of a user: what was commented in it, and what the org will tell of it."""

    world: World
    by: str
    commented: set[str] = field(default_factory=set)
    news: dict[tuple[str, str], None] = field(default_factory=dict)


@contextmanager
def requesting(world: World, by: str) -> Iterator[Request]:
    """One request: what it changed stays and is told when it ends well, and is undone when it does not."""
    org = world.state["salesforce"]
    before = json.dumps(org["records"])
    request = Request(world, by)
    try:
        yield request
    except BaseException:
        org["records"] = json.loads(before)
        raise
    for event, case in request.news:
        _tell(world, event, case, by)


def empty() -> Json:
    """The state of a new org."""
    return {
        "objects": {},
        "records": {},
        "tokens": {},
        "certificate": None,
        "used": 0,
        "allowed": 100_000,
        "page": 2000,
        "writes_to_members": True,
        "duplicate_rule": False,
        "cursors": {},
        "senders": [],
        "sent": [],
        "version": "v64.0",
    }


def get(world: World, of: Json, record_id: str) -> Json:
    """A record. Raises `Problem`."""
    known = kept_id(record_id)
    records: Json = world.state["salesforce"]["records"][of["name"]]
    if known is None:
        raise Problem("NOT_FOUND", "Provided external ID field does not exist or is not accessible", status=404)
    if known not in records:
        raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
    found: Json = records[known]
    return found


def create(request: Request, name: str, given: Json) -> Json:
    """Make a record. Raises `Problem`."""
    world = request.world
    of = object_of(world, name)
    values = complete(of, writable(world, of, given, creating=True))
    if of["name"] == "Lead" and world.state["salesforce"].get("duplicate_rule"):
        _no_duplicate(world, values)
    made = {**values, "Id": new_id(world, of["prefix"])}
    if "auto_number" in of:
        number = world.next_number(f"salesforce.{of['name']}.number", of["auto_number"]["first"])
        made[of["auto_number"]["field"]] = of["auto_number"]["form"].format(number)
    now = stamp(world.now())
    made |= {column: now for column in _TRACKED if column in of["fields"]}
    made |= {column: request.by for column in ("CreatedById", "LastModifiedById") if column in of["fields"]}
    if "OwnerId" in of["fields"] and made["OwnerId"] is None:
        made["OwnerId"] = request.by
    _unique(world, of, made)
    world.state["salesforce"]["records"][of["name"]][made["Id"]] = made
    _made(request, of["name"], made)
    return made


def update(request: Request, name: str, record: Json, given: Json) -> None:
    """Change a record. Raises `Problem`."""
    world = request.world
    of = object_of(world, name)
    values = writable(world, of, given, creating=False)
    _allowed(request, of["name"], record)
    changed = {**record, **values}
    _unique(world, of, changed)
    record |= values
    _touch(world, of, record, request.by)
    if of["name"] == "Case":
        closed = record["Status"] == "Closed"
        record["ClosedDate"] = (record["ClosedDate"] or stamp(world.now())) if closed else None
        record["IsClosed"] = closed
        request.news["case.changed", record["Id"]] = None
    if of["name"] == "Contact":
        # The flow tells of the cases that a contact has open.
        for case in world.state["salesforce"]["records"]["Case"].values():
            if case["ContactId"] == record["Id"] and not case["IsClosed"]:
                request.news["contact.changed", case["Id"]] = None


def upsert(request: Request, name: str, by: str, value: str, given: Json) -> tuple[Json, bool] | list[Json]:
    """Make or change the record whose `by` is `value`, and whether it was made; several: those that have it."""
    world = request.world
    of = object_of(world, name)
    column = next((one for one in of["fields"] if one.lower() == by.lower()), None)
    if column is None or not of["fields"][column].get("external_id"):
        raise Problem("NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + by, status=404)
    if any(key.lower() in (column.lower(), "id") for key in given):
        what = f"The {column} field should not be specified in the sobject data."
        raise Problem("INVALID_FIELD", what, column)
    found = [one for one in world.state["salesforce"]["records"][of["name"]].values() if _same(one[column], value)]
    if len(found) > 1:
        return found
    if found:
        update(request, name, found[0], given)
        return found[0], False
    return create(request, name, {**given, column: value}), True


def shown(world: World, of: Json, record: Json, names: list[str] | None = None) -> Json:
    """A record as it is answered, with its attributes."""
    version = world.state["salesforce"]["version"]
    url = f"/services/data/{version}/sobjects/{of['name']}/{record['Id']}"
    wanted = names if names is not None else list(of["fields"])
    return {"attributes": {"type": of["name"], "url": url}, **{name: record[name] for name in wanted}}


def receive_mail(request: Request, case_id: str, text: str) -> str:
    """Mail of a member comes to a case by Email-to-Case; the message's id."""
    case = request.world.state["salesforce"]["records"]["Case"][case_id]
    return _mail(request, case_id, case["Subject"], text, incoming=True)


def send_mail(request: Request, related_to: str, subject: str, text: str) -> str:
    """The org sends mail and keeps it with the record that it is about."""
    return _mail(request, related_to, subject, text, incoming=False)


def _mail(request: Request, related_to: str, subject: str, text: str, *, incoming: bool) -> str:
    world = request.world
    of = object_of(world, "EmailMessage")
    parent = related_to if related_to in world.state["salesforce"]["records"]["Case"] else None
    values = {
        "Subject": subject,
        "TextBody": text,
        "ParentId": parent,
        "RelatedToId": related_to,
        "Incoming": incoming,
        "Status": "0" if incoming else "3",
    }
    made = {name: values.get(name) for name in of["fields"]} | {"Id": new_id(world, of["prefix"])}
    made |= dict.fromkeys(_TRACKED, stamp(world.now()))
    made |= {"CreatedById": request.by}
    world.state["salesforce"]["records"]["EmailMessage"][made["Id"]] = made
    if parent is not None:
        request.news["mail.received" if incoming else "mail.sent", parent] = None
    return str(made["Id"])


def _allowed(request: Request, name: str, record: Json) -> None:
    """The org's validation rules."""
    if name == "Lead" and record["IsConverted"]:
        raise Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    if name != "Review__c":
        return
    if record["Status__c"] == "Rejected":
        raise Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A rejected review cannot be changed.", "Status__c")
    if record["Case__c"] not in request.commented:
        what = "A comment on the case is required with a change of a review."
        raise Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", what)


def _made(request: Request, name: str, made: Json) -> None:
    """What the org does when a record is made."""
    world = request.world
    if name == "Case":
        request.news["case.created", made["Id"]] = None
    if name == "CaseComment":
        request.commented.add(made["ParentId"])
        case = world.state["salesforce"]["records"]["Case"][made["ParentId"]]
        _touch(world, object_of(world, "Case"), case, request.by)
        request.news["case.commented", made["ParentId"]] = None
    if name == "Privacy_Request__c" and world.state["salesforce"]["writes_to_members"]:
        asked = made["Request_Status__c"] == "Requested"
        subject = "Privacy CCPA - Request Link" if asked else "Privacy CCPA - User Verification"
        send_mail(request, made["Id"], subject, "Please fill in the form that this link leads to.")


def _touch(world: World, of: Json, record: Json, by: str) -> None:
    now = stamp(world.now())
    record |= {column: now for column in ("LastModifiedDate", "SystemModstamp") if column in of["fields"]}
    if "LastModifiedById" in of["fields"]:
        record["LastModifiedById"] = by


def _unique(world: World, of: Json, record: Json) -> None:
    for name, definition in of["fields"].items():
        if not definition.get("external_id") or definition.get("not_unique") or record[name] is None:
            continue
        for other in world.state["salesforce"]["records"][of["name"]].values():
            if other["Id"] != record["Id"] and _same(other[name], record[name]):
                what = f"duplicate value found: {name} duplicates value on record with id: {other['Id'][:15]}"
                raise Problem("DUPLICATE_VALUE", what, name)


def _no_duplicate(world: World, values: Json) -> None:
    records = world.state["salesforce"]["records"]
    for other in (*records["Lead"].values(), *records["Contact"].values()):
        if _same(other["Email"], values["Email"]):
            raise Problem("DUPLICATES_DETECTED", "You're creating a duplicate record.")


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str) and one.lower() == other.lower()


def _tell(world: World, event: str, case: str, by: str) -> None:
    number = world.next_number("salesforce.callout")
    told = {"id": f"callout-{number:08d}", "event": event, "case": case, "actor": by}
    body = json.dumps(told, separators=(",", ":")).encode()
    secret = world.state["credentials"]["salesforce_webhook_secret"]
    headers = {
        "Content-Type": "application/json",
        **sign_salesforce(secret, int(world.now().timestamp()), body),
    }
    world.post(Delivery(f"salesforce-{told['id']}", "salesforce", "events", headers, body))
