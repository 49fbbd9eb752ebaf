"""Intercom's records: contacts, conversations and their parts, admins, teams and tags; and what signed webhooks tell.

A conversation waits for us from when a contact wrote until an admin replies to all; a note answers nobody. A contact
who writes opens it again. What is read by its id is always current; searches may lag.
"""

from __future__ import annotations

import html
import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING

from casework.sandbox import intercom_search
from casework.sandbox.hooks import Delivery, sign_intercom
from casework.sandbox.http import Json
from casework.sandbox.intercom_problem import Problem

if TYPE_CHECKING:
    from casework.sandbox.world import World

APP = "sbx7c0de"
_BOT = {"type": "bot", "id": "8130000", "name": "Fin", "email": "operator@bot.example"}
"""In whose name attributes are set, whoever has set them."""
_TAGS = re.compile(r"</p>|<br\s*/?>|<[^>]+>")


def empty() -> Json:
    """The state of a new workspace. `attributes` are those of conversations, with their choices (null: any text)."""
    return {
        "contacts": {},
        "conversations": {},
        "admins": {},
        "teams": {},
        "tags": {},
        "attributes": {},
        "me": "",
        "index": intercom_search.empty(),
        "limits": {"slice": 1667, "enforced": False},
        "asked": [],
    }


def now(world: World) -> int:
    """The world's time in seconds since 1970."""
    return int(world.now().timestamp())


def find(world: World, kind: str, key: str, message: str = "Resource Not Found") -> Json:
    """A record by its id. Raises `Problem`."""
    found: Json | None = world.state["intercom"][kind].get(key)
    if found is None or found.get("archived"):
        raise Problem(404, "not_found", message)
    return found


# -- contacts


def add_contact(world: World, given: Json) -> Json:
    """A new contact. Raises `Problem`: another has the id, or is a user with the address."""
    role = given.get("role") or "user"
    known = world.state["intercom"]["contacts"].values()
    for one in known:
        same_id = given.get("external_id") is not None and one["external_id"] == given["external_id"]
        email = (given.get("email") or "").lower()
        same_email = bool(email) and role == one["role"] == "user" and one["email"].lower() == email
        if same_id or same_email:
            what = "An archived contact" if one.get("archived") else "A contact"
            raise Problem(409, "conflict", f"{what} matching those details already exists with id={one['id']}")
    key = f"6762f0dd{world.next_number('intercom.contact', 0x1BB69F9F):016x}"
    email, stamp = given.get("email") or "", now(world)
    made: Json = {
        "type": "contact", "id": key, "external_id": given.get("external_id"), "workspace_id": APP, "role": role,
        "email": email, "email_domain": email.rpartition("@")[2], "phone": given.get("phone"),
        "name": given.get("name"), "owner_id": given.get("owner_id"), "has_hard_bounced": False,
        "marked_email_as_spam": False, "unsubscribed_from_emails": False, "created_at": stamp, "updated_at": stamp,
        "signed_up_at": given.get("signed_up_at"), "last_seen_at": None, "last_replied_at": None,
        "last_contacted_at": None, "custom_attributes": given.get("custom_attributes") or {},
    }  # fmt: skip
    world.state["intercom"]["contacts"][key] = made
    intercom_search.changed(world, "contacts", made)
    return made


def edit_contact(world: World, contact: Json, given: Json) -> Json:
    """Changes a contact."""
    intercom_search.changing(world, "contacts", contact)
    contact |= {**given, "updated_at": now(world)}
    contact["email_domain"] = (contact["email"] or "").rpartition("@")[2]
    intercom_search.changed(world, "contacts", contact)
    return contact


# -- conversations


def add_conversation(world: World, contact: Json, body: str, *, subject: str = "") -> Json:
    """A conversation that a contact began; told as `conversation.user.created`."""
    key, stamp = str(world.next_number("intercom.conversation", 215470001)), now(world)
    author = _author("contact", contact)
    made: Json = {
        "type": "conversation", "id": key, "created_at": stamp, "updated_at": stamp, "waiting_since": stamp,
        "snoozed_until": None, "open": True, "state": "open", "read": False, "priority": "not_priority",
        "admin_assignee_id": None, "team_assignee_id": None, "tags": [], "contacts": [contact["id"]],
        "teammates": [], "custom_attributes": {}, "sla": None,
        "source": {
            "type": "conversation", "id": str(world.next_number("intercom.message", 403918001)),
            "delivered_as": "customer_initiated", "subject": subject, "body": body, "author": author,
            "attachments": [], "url": None, "redacted": False,
        },
        "first_admin_reply_at": None, "last_admin_reply_at": None, "last_contact_reply_at": stamp,
        "last_close_at": None, "parts": [],
    }  # fmt: skip
    world.state["intercom"]["conversations"][key] = made
    contact["last_replied_at"] = stamp
    intercom_search.changed(world, "conversations", made)
    tell(world, "conversation.user.created", made)
    return made


def add_part(world: World, conversation: Json, kind: str, who: str, author: Json, body: str | None = None) -> Json:
    """Something said or done in a conversation, by an `admin` or a `contact`; told by its topic."""
    intercom_search.changing(world, "conversations", conversation)
    stamp = now(world)
    part: Json = {
        "type": "conversation_part", "id": str(world.next_number("intercom.part", 20610001)), "part_type": kind,
        "body": body, "created_at": stamp, "updated_at": stamp, "notified_at": stamp, "assigned_to": None,
        "author": _author(who, author), "attachments": [], "external_id": None, "redacted": False,
    }  # fmt: skip
    conversation["parts"].append(part)
    conversation["updated_at"] = stamp
    said = kind == "comment"
    if who == "contact":
        if said:
            conversation["last_contact_reply_at"] = author["last_replied_at"] = stamp
            conversation["waiting_since"] = conversation["waiting_since"] or stamp
            _stand(conversation, "open")
    else:
        if author["id"] not in conversation["teammates"]:
            conversation["teammates"].append(author["id"])
        if said:
            conversation["first_admin_reply_at"] = conversation["first_admin_reply_at"] or stamp
            conversation["last_admin_reply_at"], conversation["waiting_since"] = stamp, None
    if kind == "close":
        _stand(conversation, "closed")
        conversation["waiting_since"], conversation["last_close_at"] = None, stamp
    elif kind in ("open", "snoozed"):
        _stand(conversation, kind)
    part["state"] = conversation["state"]
    intercom_search.changed(world, "conversations", conversation)
    topics = {"comment": "replied", "note": "noted", "close": "closed", "open": "opened", "assignment": "assigned"}
    topic = f"conversation.{'user' if who == 'contact' else 'admin'}.{topics.get(kind, kind)}"
    if kind != "participant_added":
        tell(world, topic, conversation, part)
    return part


def _stand(conversation: Json, state: str) -> None:
    conversation |= {"state": state, "open": state != "closed"}
    if state != "snoozed":
        conversation["snoozed_until"] = None


def assign(world: World, conversation: Json, admin: Json, kind: str, assignee: str) -> None:
    """Gives it to an admin or a team; `0` is nobody. Raises `Problem`."""
    if assignee != "0":
        find(world, f"{kind}s", assignee, f"{kind.capitalize()} not found")
    intercom_search.changing(world, "conversations", conversation)
    conversation[f"{kind}_assignee_id"] = int(assignee) or None
    part = add_part(world, conversation, "assignment", "admin", admin)
    part["assigned_to"] = None if assignee == "0" else {"type": kind, "id": assignee}


def join(world: World, conversation: Json, admin: Json, contact: Json) -> None:
    """Lets a contact take part. Raises `Problem` when they do."""
    if contact["id"] in conversation["contacts"]:
        raise Problem(400, "action_forbidden", "The contact takes part in this conversation already")
    intercom_search.changing(world, "conversations", conversation)
    conversation["contacts"].append(contact["id"])
    add_part(world, conversation, "participant_added", "admin", admin)


def tag(world: World, conversation: Json, admin: Json, tag_id: str) -> Json:
    """Attaches a tag, if it is not on; told as `conversation_part.tag.created`. Raises `Problem`."""
    known = find(world, "tags", tag_id, "Tag not found")
    if all(one["id"] != tag_id for one in conversation["tags"]):
        intercom_search.changing(world, "conversations", conversation)
        applied = {"type": "admin", "id": admin["id"]}
        conversation["tags"].append({**known, "applied_at": now(world), "applied_by": applied})
        conversation["updated_at"] = now(world)
        intercom_search.changed(world, "conversations", conversation)
        tell(world, "conversation_part.tag.created", conversation)
    on: Json = next(one for one in conversation["tags"] if one["id"] == tag_id)
    return on


def untag(world: World, conversation: Json, tag_id: str) -> Json:
    """Takes a tag off. Raises `Problem` when it is not on."""
    on: Json | None = next((one for one in conversation["tags"] if one["id"] == tag_id), None)
    if on is None:
        raise Problem(404, "not_found", "Tag not found")
    intercom_search.changing(world, "conversations", conversation)
    conversation["tags"].remove(on)
    conversation["updated_at"] = now(world)
    intercom_search.changed(world, "conversations", conversation)
    return on


def make_tag(world: World, name: str) -> Json:
    """The tag with this name, case aside; made if there is none."""
    tags: Json = world.state["intercom"]["tags"]
    known = next((one for one in tags.values() if one["name"].lower() == name.lower()), None)
    if known is None:
        key = str(world.next_number("intercom.tag", 7522901))
        known = tags[key] = {"type": "tag", "id": key, "name": name}
    made: Json = known
    return made


def set_attributes(world: World, conversation: Json, given: Json) -> None:
    """Sets attributes of a conversation, which shows what was set when. Raises `Problem` for one that there is not, or
    another choice."""
    known = world.state["intercom"]["attributes"]
    for name, value in given.items():
        if name not in known:
            raise Problem(400, "parameter_invalid", f"Custom attribute '{name}' does not exist")
        choices = known[name]
        if not isinstance(value, str) or (choices is not None and value not in choices):
            raise Problem(400, "parameter_invalid", f"Custom attribute '{name}' cannot have this value")
    intercom_search.changing(world, "conversations", conversation)
    conversation["custom_attributes"] |= given
    conversation["updated_at"] = stamp = now(world)
    for name, value in given.items():
        set_to: Json = {"attribute": {"name": name}, "value": {"name": value}}
        conversation["parts"].append({
            "type": "conversation_part", "id": str(world.next_number("intercom.part", 20610001)),
            "part_type": "conversation_attribute_updated_by_admin", "body": None, "created_at": stamp,
            "updated_at": stamp, "notified_at": stamp, "assigned_to": None, "author": dict(_BOT), "attachments": [],
            "external_id": None, "redacted": False, "state": conversation["state"], "event_details": set_to,
        })  # fmt: skip
    intercom_search.changed(world, "conversations", conversation)


# -- shown


def shown(world: World, stored: Json, *, parts: list[Json] | None = None, plain: bool = False) -> Json:
    """A conversation as the API shows it, in lists without parts."""
    contacts = world.state["intercom"]["contacts"]
    own = {
        "tags", "contacts", "teammates", "sla", "parts", "first_admin_reply_at", "last_admin_reply_at",
        "last_contact_reply_at", "last_close_at",
    }  # fmt: skip
    told: Json = deepcopy({name: value for name, value in stored.items() if name not in own})
    references = [
        {"type": "contact", "id": key, "external_id": contacts[key]["external_id"]} for key in stored["contacts"]
    ]
    times = ("first_admin_reply_at", "last_admin_reply_at", "last_contact_reply_at", "last_close_at")
    statistics = {name: stored[name] for name in times if stored[name] is not None}
    told |= {
        "tags": {"type": "tag.list", "tags": deepcopy(stored["tags"])},
        "contacts": {"type": "contact.list", "contacts": references},
        "teammates": {
            "type": "admin.list",
            "teammates": [{"type": "admin", "id": key} for key in stored["teammates"]],
        },
        "first_contact_reply": {"created_at": stored["created_at"], "type": "conversation", "url": None},
        "sla_applied": deepcopy(stored["sla"]),
        "statistics": {
            "type": "conversation_statistics",
            "count_conversation_parts": len(stored["parts"]),
            **statistics,
        },
        "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": False},
        "ai_agent_participated": False,
        "ai_agent": None,
    }
    if parts is not None:
        listed = deepcopy(parts[-500:])
        for one in listed:
            one["body"] = plain_text(one["body"]) if plain else one["body"]
        told["conversation_parts"] = {
            "type": "conversation_part.list",
            "conversation_parts": listed,
            "total_count": len(parts),
        }
    if plain:
        told["source"]["body"] = plain_text(told["source"]["body"])
    return told


def plain_text(body: str | None) -> str | None:
    """A text without its HTML, as `display_as=plaintext` shows it."""
    if body is None:
        return None
    lines = _TAGS.sub(lambda found: "\n" if found[0].startswith(("</p", "<br")) else "", body)
    return html.unescape(lines).strip()


def _author(who: str, one: Json) -> Json:
    kind = one["role"] if who == "contact" else "admin"
    return {"type": kind, "id": one["id"], "name": one["name"], "email": one["email"]}


def tell(world: World, topic: str, conversation: Json, part: Json | None = None) -> None:
    """Posts a signed notification: the whole conversation, of its parts only what is news."""
    number, stamp = world.next_number("intercom.notification"), now(world)
    item = shown(world, conversation, parts=[] if part is None else [part])
    envelope: Json = {
        "type": "notification_event",
        "app_id": APP,
        "data": {"type": "notification_event_data", "item": item},
        "links": {},
        "id": f"notif_5a9d0000-{number:08d}",
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "delivered_at": 0,
        "first_sent_at": stamp,
        "created_at": stamp,
        "self": None,
    }
    body = json.dumps(envelope, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "intercom-parrot-service-client",
        **sign_intercom(world.state["credentials"]["intercom_client_secret"], body),
    }
    world.post(Delivery(envelope["id"], "intercom", "events", headers, body))
