"""What a Zendesk ticket is and how it changes; each change tells the webhook subscribers.

Used by the API of the stand-in and by the people who work in its (imagined) user interface.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from casework.sandbox import fields
from casework.sandbox.hooks import Delivery, sign_zendesk
from casework.sandbox.http import Json, Refusal, json_response

if TYPE_CHECKING:
    from casework.sandbox.world import World

STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
_ACCOUNT = 12514403

_person = fields.nullable(fields.mapping)
_UPDATE: dict[str, fields.Check] = {
    "assignee_email": fields.text,
    "assignee_id": fields.nullable(fields.whole),
    "comment": fields.mapping,
    "custom_fields": fields.list_of(fields.mapping),
    "due_at": fields.nullable(fields.iso_time),
    "email_ccs": fields.list_of(fields.mapping),
    "external_id": fields.nullable(fields.text),
    "followers": fields.list_of(fields.mapping),
    "group_id": fields.nullable(fields.whole),
    "organization_id": fields.nullable(fields.whole),
    "priority": fields.nullable(fields.one_of("urgent", "high", "normal", "low")),
    "requester_id": fields.whole,
    "safe_update": fields.flag,
    "status": fields.one_of(*STATUSES),
    "subject": fields.text,
    "tags": fields.list_of(fields.text),
    "type": fields.nullable(fields.one_of("problem", "incident", "question", "task")),
    "updated_stamp": fields.iso_time,
}
_TAG_UPDATE: dict[str, fields.Check] = {
    **_UPDATE,
    "additional_tags": fields.list_of(fields.text),
    "remove_tags": fields.list_of(fields.text),
}
_CREATE: dict[str, fields.Check] = {
    **_UPDATE,
    "submitter_id": fields.whole,
    "raw_subject": fields.text,
}
_COMMENT: dict[str, fields.Check] = {
    "author_id": fields.whole,
    "body": fields.text,
    "html_body": fields.text,
    "public": fields.flag,
    "uploads": fields.list_of(fields.text),
}
_PERSON: dict[str, fields.Check] = {
    "action": fields.one_of("put", "delete"),
    "user_email": fields.text,
    "user_id": lambda value: fields.whole(value) or (isinstance(value, str) and value.isdigit()),
    "user_name": fields.text,
}
_PLAIN = ("assignee_id", "custom_fields", "due_at", "external_id", "group_id", "organization_id", "priority",
          "requester_id", "subject", "type")  # fmt: skip


def refuse(status: int, error: str | Json, description: str | None = None) -> Refusal:
    """Zendesk's error envelope."""
    envelope: Json = {"error": error}
    if description is not None:
        envelope["description"] = description
    return Refusal(json_response(status, envelope))


def invalid(names: list[str], why: str) -> Refusal:
    """422 RecordInvalid with one detail per field."""
    details = {name: [{"description": f"{name}: {why}", "error": "InvalidValue"}] for name in names}
    envelope = {"error": "RecordInvalid", "description": "Record validation errors", "details": details}
    return Refusal(json_response(422, envelope))


def _check(given: Json, allowed: dict[str, fields.Check], prefix: str = "") -> None:
    if names := fields.unknown(given, allowed):
        raise invalid([prefix + name for name in names], "is not an attribute of this record")
    if names := fields.ill_typed(given, allowed):
        message = f"You passed an invalid value for the {prefix}{names[0]} attribute."
        raise refuse(400, {"title": "Invalid attribute", "message": message})


def ticket(world: World, ticket_id: str | int) -> Json:
    """The stored ticket; 404 RecordNotFound when there is none."""
    found = world.state["zendesk"]["tickets"].get(str(ticket_id))
    if found is None:
        raise refuse(404, "RecordNotFound", "Not found")
    stored: Json = found
    return stored


def shown(stored: Json) -> Json:
    """A copy as the API shows it."""
    copy: Json = json.loads(json.dumps(stored))
    return copy


def create(world: World, given: Json, *, author_id: int) -> Json:
    """A new ticket with its first comment. A requester's own ticket is `new`; events go out."""
    _check(given, _CREATE)
    if "comment" not in given:
        raise invalid(["comment"], "cannot be blank")
    requester = given.get("requester_id", author_id)
    if str(requester) not in world.state["zendesk"]["users"]:
        raise invalid(["requester_id"], "is not a user")
    number, stamp = world.next_number("zendesk.ticket", 5001), world.stamp()
    stored: Json = {
        "id": number,
        "url": f"https://support.example/api/v2/tickets/{number}.json",
        "external_id": None,
        "via": {
            "channel": "email" if author_id == requester else "api",
            "source": {"from": {}, "to": {}, "rel": None},
        },
        "created_at": stamp,
        "updated_at": stamp,
        "type": None,
        "subject": given.get("subject") or given.get("raw_subject") or "",
        "raw_subject": given.get("raw_subject") or given.get("subject") or "",
        "description": given["comment"].get("body", ""),
        "priority": None,
        "status": given.get("status", "new"),
        "recipient": None,
        "requester_id": requester,
        "submitter_id": given.get("submitter_id", author_id),
        "assignee_id": None,
        "organization_id": None,
        "group_id": None,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "has_incidents": False,
        "is_public": given["comment"].get("public", True),
        "due_at": None,
        "tags": [],
        "custom_fields": [],
    }
    _people(world, stored, given)
    _plain(world, stored, given)
    audit_id = world.next_number("zendesk.audit", 90001)
    _add_comment(world, stored, {"author_id": author_id, **given["comment"]}, audit_id)
    stored["tags"] = sorted(set(given.get("tags", [])))
    world.state["zendesk"]["tickets"][str(number)] = stored
    _in_status(world, stored)
    notify(world, stored, "ticket.created", {}, author_id)
    if stored["tags"]:
        event = {"tags_added": stored["tags"], "tags_removed": []}
        notify(world, stored, "ticket.tags_changed", event, author_id)
    return stored


def update(world: World, stored: Json, given: Json, *, author_id: int, tag_route: bool = False) -> Json:
    """Changes a ticket as PUT does, all or nothing; returns the audit.

    `additional_tags` and `remove_tags` are for update_many and the tag routes, not for a single ticket's PUT.
    """
    _check(given, _TAG_UPDATE if tag_route else _UPDATE)
    if stored["status"] == "closed":
        raise invalid(["status"], "closed prevents ticket update")
    if given.get("safe_update"):
        if "updated_stamp" not in given:
            message = "safe_update needs updated_stamp"
            raise refuse(400, {"title": "Invalid attribute", "message": message})
        if datetime.fromisoformat(given["updated_stamp"]) != datetime.fromisoformat(stored["updated_at"]):
            message = (
                "Safe Update prevented the update due to outdated ticket data. "
                "Please fetch the latest ticket data and try again."
            )
            raise refuse(409, "UpdateConflict", message)
    draft = shown(stored)
    _people(world, draft, given)
    _plain(world, draft, given)
    draft["status"] = given.get("status", draft["status"])
    tags: set[str] = set(given["tags"] if "tags" in given else draft["tags"])
    tags |= set(given.get("additional_tags", []))
    draft["tags"] = sorted(tags - set(given.get("remove_tags", [])))
    audit_id, comment = world.next_number("zendesk.audit", 90001), None
    if "comment" in given:
        comment = _add_comment(world, stored, {"author_id": author_id, **given["comment"]}, audit_id)
    before = shown(stored)
    stored.update(draft)
    stored["updated_at"] = world.stamp()
    if before["status"] != stored["status"]:
        _in_status(world, stored)
    return _audit(world, stored, audit_id, _tell_changes(world, before, stored, comment, author_id))


def _in_status(world: World, stored: Json) -> None:
    since = world.state["zendesk"].setdefault("in_status_since", {})
    since[str(stored["id"])] = world.stamp()


def metrics(world: World, stored: Json) -> Json:
    """What Zendesk measures of a ticket, as far as it is measured here."""
    since = world.state["zendesk"].get("in_status_since", {}).get(str(stored["id"]))
    return {"ticket_id": stored["id"], "created_at": stored["created_at"], "status_updated_at": since}


def targets(world: World, stored: Json) -> list[Json]:
    """The targets of its service level; none unless somebody set them."""
    kept: list[Json] = world.state["zendesk"].get("targets", {}).get(str(stored["id"]), [])
    return kept


def promise(world: World, stored: Json, due: datetime) -> None:
    """A first answer is due then."""
    stamp = due.strftime("%Y-%m-%dT%H:%M:%SZ")
    target = {"metric": "first_reply_time", "stage": "active", "breach_at": stamp, "days": 0}
    world.state["zendesk"].setdefault("targets", {})[str(stored["id"])] = [target]


def _tell_changes(world: World, before: Json, after: Json, comment: Json | None, author_id: int) -> list[Json]:
    events: list[Json] = []
    if comment is not None:
        author = world.state["zendesk"]["users"][str(comment["author_id"])]
        shown_comment = {
            "id": str(comment["id"]),
            "body": comment["body"],
            "is_public": comment["public"],
            "author": {
                "id": str(author["id"]),
                "is_staff": author["role"] != "end-user",
                "name": author["name"],
            },
        }
        notify(world, after, "ticket.comment_added", {"comment": shown_comment}, author_id)
        events.append({"id": comment["id"], "type": "Comment", "body": comment["body"]})
    if before["tags"] != after["tags"]:
        added, removed = set(after["tags"]) - set(before["tags"]), set(before["tags"]) - set(after["tags"])
        event = {"tags_added": sorted(added), "tags_removed": sorted(removed)}
        notify(world, after, "ticket.tags_changed", event, author_id)
        events.append({"type": "Change", "field_name": "tags", "value": " ".join(after["tags"])})
    if before["status"] != after["status"]:
        event = {"current": after["status"].upper(), "previous": before["status"].upper()}
        notify(world, after, "ticket.status_changed", event, author_id)
        events.append({"type": "Change", "field_name": "status", "value": after["status"]})
    return events


def _plain(world: World, stored: Json, given: Json) -> None:
    for name in _PLAIN:
        if name in given:
            stored[name] = given[name]
    for name in ("requester_id", "assignee_id"):
        if stored[name] is not None and str(stored[name]) not in world.state["zendesk"]["users"]:
            raise invalid([name], "is not a user")


def _people(world: World, stored: Json, given: Json) -> None:
    for name, kept, agents_only in (
        ("followers", "follower_ids", True),
        ("email_ccs", "email_cc_ids", False),
    ):
        numbers: list[int] = list(stored[kept])
        for person in given.get(name, []):
            number = _person_id(world, person, name, agents_only)
            if person.get("action", "put") == "put" and number not in numbers:
                numbers.append(number)
            elif person.get("action") == "delete" and number in numbers:
                numbers.remove(number)
        stored[kept] = numbers
    stored["collaborator_ids"] = sorted({*stored["follower_ids"], *stored["email_cc_ids"]})


def _person_id(world: World, person: Json, name: str, agents_only: bool) -> int:
    _check(person, _PERSON, f"{name}.")
    users: dict[str, Json] = world.state["zendesk"]["users"]
    if "user_id" in person:
        found = users.get(str(person["user_id"]))
    elif "user_email" in person:
        email = person["user_email"].lower()
        found = next((user for user in users.values() if (user["email"] or "").lower() == email), None)
        if found is None and not agents_only:
            found = add_user(world, email, person.get("user_name", email), "end-user")
    else:
        raise invalid([name], "needs user_id or user_email")
    if found is None or (agents_only and found["role"] == "end-user"):
        raise invalid([name], "is not an agent" if agents_only else "is not a user")
    number: int = found["id"]
    return number


def _add_comment(world: World, stored: Json, given: Json, audit_id: int) -> Json:
    _check(given, _COMMENT, "comment.")
    body = given.get("body") or given.get("html_body")
    if not body:
        raise invalid(["comment.body"], "cannot be blank")
    if str(given["author_id"]) not in world.state["zendesk"]["users"]:
        raise invalid(["comment.author_id"], "is not a user")
    comment: Json = {
        "id": world.next_number("zendesk.comment", 70001),
        "type": "Comment",
        "author_id": given["author_id"],
        "body": body,
        "html_body": given.get("html_body", f'<div class="zd-comment"><p>{body}</p></div>'),
        "plain_body": body,
        "public": given.get("public", True),
        "attachments": [],
        "audit_id": audit_id,
        "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": world.stamp(),
        "metadata": {"system": {}, "custom": {}},
    }
    world.state["zendesk"]["comments"].setdefault(str(stored["id"]), []).append(comment)
    return comment


def add_user(world: World, email: str, name: str, role: str, number: int | None = None) -> Json:
    """A user of the account; `role` is `end-user`, `agent` or `admin`."""
    number = number or world.next_number("zendesk.user", 400001)
    stamp = world.stamp()
    user: Json = {
        "id": number,
        "url": f"https://support.example/api/v2/users/{number}.json",
        "name": name,
        "email": email,
        "role": role,
        "active": True,
        "verified": True,
        "suspended": False,
        "external_id": None,
        "created_at": stamp,
        "updated_at": stamp,
        "time_zone": "UTC",
        "locale": "en-US",
        "tags": [],
    }
    world.state["zendesk"]["users"][str(number)] = user
    return user


def _audit(world: World, stored: Json, audit_id: int, events: list[Json]) -> Json:
    """What a PUT answers with; as at Zendesk, a comment's event has the comment's own id."""
    return {
        "id": audit_id,
        "ticket_id": stored["id"],
        "created_at": stored["updated_at"],
        "events": [{"id": world.next_number("zendesk.event", 110001), **event} for event in events],
        "metadata": {},
        "via": {"channel": "api"},
    }


def notify(world: World, stored: Json, what: str, event: Json, actor_id: int) -> None:
    """Sends an event-subscribed webhook: Zendesk's fixed envelope, signed over timestamp and exact body."""
    number, now = world.next_number("zendesk.invocation"), world.now()

    def text(value: Any) -> str | None:
        return None if value is None else str(value)

    envelope: Json = {
        "account_id": _ACCOUNT,
        "detail": {
            "actor_id": str(actor_id),
            "assignee_id": text(stored["assignee_id"]),
            "brand_id": "8447346621310",
            "created_at": stored["created_at"],
            "custom_status": "8447320465790",
            "description": stored["description"],
            "external_id": stored["external_id"],
            "form_id": "8646151517822",
            "group_id": text(stored["group_id"]),
            "id": str(stored["id"]),
            "is_public": stored["is_public"],
            "organization_id": text(stored["organization_id"]),
            "priority": (stored["priority"] or "").upper() or None,
            "requester_id": str(stored["requester_id"]),
            "status": stored["status"].upper(),
            "subject": stored["subject"],
            "submitter_id": str(stored["submitter_id"]),
            "tags": stored["tags"],
            "type": (stored["type"] or "").upper() or None,
            "updated_at": stored["updated_at"],
            "via": {"channel": stored["via"]["channel"]},
        },
        "event": event,
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"zendesk-event-{number}")),
        "subject": f"zen:ticket:{stored['id']}",
        "time": now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
        "type": f"zen:event-type:{what}",
        "zendesk_event_version": "2022-11-06",
    }
    body = json.dumps(envelope, separators=(",", ":")).encode()
    secret = world.state["credentials"]["zendesk_webhook_secret"]
    headers = {
        "Content-Type": "application/json",
        "X-Zendesk-Account-Id": str(_ACCOUNT),
        "X-Zendesk-Webhook-Id": "01KSANDBOXWEBHOOK",
        "X-Zendesk-Webhook-Invocation-Id": f"01KSANDBOX{number:016d}",
        **sign_zendesk(secret, now.strftime("%Y-%m-%dT%H:%M:%SZ"), body),
    }
    world.post(Delivery(envelope["id"], "zendesk", "events", headers, body))
