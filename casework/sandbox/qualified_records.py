"""What a Qualified account holds: leads by address; visits, chats, messages and meetings of visitors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from casework.sandbox.http import Json, Refusal, json_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

KINDS = ("leads", "sessions", "conversations", "messages", "meetings")
_TYPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "url": lambda value: isinstance(value, str) and value.startswith(("http://", "https://")),
}


def empty() -> Json:
    """The state of a new account."""
    return {
        **{kind: {} for kind in KINDS},
        "fields": [],
        "scopes": ["lead:view", "lead:manage", "visitor:view", "meeting:view"],
        "limits": {"window": 2000, "used": 0, "since": None},
        "page": 1000,
    }


def upsert(world: World, email: str, fields: Json) -> tuple[Json, bool]:
    """The lead of an address with these values, and whether it is new. Refused with 422."""
    account = world.state["qualified"]
    known = {field["name"]: field for field in account["fields"]}
    for name, value in fields.items():
        if name not in known or not (value is None or _TYPES[known[name]["type"]](value)):
            details = {"error": f"{name} is invalid: {value!r}", "details": {"failed_field": name}}
            raise Refusal(json_response(422, details))
    found = next((one for one in account["leads"].values() if one["email"].lower() == email.lower()), None)
    if found is not None:
        found["fields"] |= fields
        found["updatedAt"] = world.stamp()
        return found, False
    return make(world, "leads", {"email": email, "fields": dict(fields), "visitorIds": [], **_elsewhere()}), True


def make(world: World, kind: str, values: Json) -> Json:
    """A record of a kind, made now."""
    number = world.next_number(f"qualified.{kind}")
    made: Json = {"id": f"{kind[:2]}_{number:08d}", "createdAt": world.stamp(), **values}
    if kind in ("leads", "meetings"):
        made["updatedAt"] = world.stamp()
    world.state["qualified"][kind][made["id"]] = made
    return made


def chat(world: World, visitor: str, texts: list[str], user: str | None) -> str:
    """A visit with a chat, in which visitor and colleague (or the machine) speak in turn; the chat's id."""
    account = world.state["qualified"]
    start = world.now() - timedelta(minutes=len(texts))
    at = [(start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ") for minute in range(len(texts) + 1)]
    session = make(world, "sessions", _visit(world, visitor, at[0]))
    held = {"sessionId": session["id"], "visitorId": visitor, "meetingIds": [], "experienceName": "Welcome"}
    made = make(world, "conversations", {**held, "userId": user, "createdAt": at[0], "endedAt": at[-1]})
    session["conversationIds"].append(made["id"])
    for index, text in enumerate(texts):
        sender = "visitor" if index % 2 == 0 else ("user" if user else "experience")
        said = {"type": "text", "text": text, "senderType": sender, "senderName": None, "conversationId": made["id"]}
        make(world, "messages", {**said, "createdAt": at[index]})
    account["sessions"][session["id"]]["endedAt"] = at[-1]
    return str(made["id"])


def meet(world: World, visitor: str, status: str) -> str:
    """A meeting of a visitor, booked in a visit of its own; its id."""
    session = make(world, "sessions", _visit(world, visitor, world.stamp()))
    session["endedAt"] = world.stamp()
    held = {"sessionId": session["id"], "conversationId": None, "visitorId": visitor, "attendees": []}
    made = make(world, "meetings", {**held, "meetingTypeName": "Demo", "status": status, "channel": "web"})
    session["meetingIds"].append(made["id"])
    return str(made["id"])


def _visit(world: World, visitor: str, at: str) -> Json:
    lead = next((one for one in world.state["qualified"]["leads"].values() if visitor in one["visitorIds"]), None)
    known = {"email": lead["email"], "fields": lead["fields"]} if lead else {"email": None, "fields": {}}
    return {
        "createdAt": at,
        "endedAt": None,
        "visitorId": visitor,
        "visitor": {**known, **_elsewhere()},
        "userAgent": {"string": "Mozilla/5.0", "deviceType": "desktop"},
        "conversationIds": [],
        "meetingIds": [],
        "pageViews": [],
    }


def _elsewhere() -> Json:
    names = ("salesforceLeadId", "salesforceContactId", "pardotProspectId", "marketoLeadId", "hubspotContactId")
    return dict.fromkeys((*names, "eloquaContactId"))
