"""What an Outreach organisation holds: JSON:API resources of a few kinds, their rules, and what its webhooks tell.

A prospect's address is theirs alone, nobody is twice in a sequence at a time, and who has opted out is put into none.
Attributes and relationships that Outreach does not have, or does not let anybody write, are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from casework.sandbox import fields
from casework.sandbox.fields import Check
from casework.sandbox.hooks import Delivery, sign_outreach
from casework.sandbox.http import Json, Refusal, Response

if TYPE_CHECKING:
    from casework.sandbox.world import World

MEDIA = "application/vnd.api+json"
PATHS: Mapping[str, str] = {
    "prospects": "prospect",
    "sequences": "sequence",
    "sequenceStates": "sequenceState",
    "mailboxes": "mailbox",
    "users": "user",
    "templates": "template",
    "webhooks": "webhook",
}
_SHORT: Check = lambda value: value is None or (isinstance(value, str) and len(value) <= 255)  # noqa: E731
_ADDRESSES = fields.list_of(fields.matching(r"[^\s@,]+@[^\s@,]+\.[^\s@,]+"))
_PHONES = fields.list_of(fields.text)
WRITABLE: Mapping[str, Mapping[str, Check]] = {
    "prospect": {
        **dict.fromkeys(("firstName", "lastName", "company", "title", "websiteUrl1", "externalId", "source"), _SHORT),
        **dict.fromkeys(("emailOptedOut", "optedOut"), fields.flag),
        "emails": _ADDRESSES,
        "workPhones": _PHONES,
        "mobilePhones": _PHONES,
    },
    "sequenceState": {},
    "webhook": {
        "url": fields.matching(r"https?://.+"),
        "resource": fields.one_of("*", "prospect", "sequenceState", "mailing", "task", "account"),
        "action": fields.one_of("*", "created", "updated", "destroyed", "advanced", "finished", "delivered", "replied"),
        "secret": fields.nullable(fields.text),
        "active": fields.flag,
        "payloadVersion": fields.whole,
    },
}
READ_ONLY: Mapping[str, tuple[str, ...]] = {
    "prospect": ("createdAt", "updatedAt", "openCount", "clickCount", "replyCount", "name", "optedOutAt"),
    "sequenceState": ("state", "createdAt", "updatedAt", "repliedAt", "deliverCount", "bounceCount", "stateChangedAt"),
    "webhook": ("createdAt", "updatedAt", "disabledReason", "disabledSince", "disabledUntil"),
}
BELONGS: Mapping[str, Mapping[str, str]] = {
    "prospect": {"owner": "user", "stage": "stage"},
    "sequenceState": {"prospect": "prospect", "sequence": "sequence", "mailbox": "mailbox"},
    "webhook": {},
}
_OVER = ("finished", "opted_out")


def empty() -> Json:
    """The state of a new organisation."""
    return {
        "records": {},
        "access": {},
        "refresh": {},
        "minted": None,
        "rotation": "on_use",
        "scopes": ["prospects", "sequences", "sequenceStates", "mailboxes", "users", "templates", "webhooks"],
        "limits": {"hourly": 10_000, "used": 0, "hour": None},
        "page": None,
    }


def refuse(status: int, code: str, title: str, detail: str, pointer: str | None = None) -> Refusal:
    """Outreach's answer to a request that it does not do."""
    error: Json = {"id": code, "title": title, "detail": detail}
    if pointer is not None:
        error["source"] = {"pointer": pointer}
    return Refusal(answered(status, {"errors": [error]}))


def answered(status: int, body: Json | None) -> Response:
    """An answer in JSON:API's own media type."""
    if body is None:
        return Response(status, {}, b"")
    return Response(status, {"content-type": MEDIA}, json.dumps(body).encode())


def invalid(what: str, attribute: str | None = None, *, part: str = "attributes") -> Refusal:
    """The resource cannot be as it was sent; the sentence has the value, as Outreach's have."""
    pointer = None if attribute is None else f"/data/{part}/{attribute}"
    return refuse(422, "validationError", "Validation Error", what, pointer)


def table(world: World, kind: str) -> dict[str, Json]:
    """All resources of a kind by their ids."""
    found: dict[str, Json] = world.state["outreach"]["records"].setdefault(kind, {})
    return found


def get(world: World, kind: str, record: str) -> Json:
    """A resource. Refused with 404."""
    found = table(world, kind).get(record)
    if found is None:
        what = f"Could not find '{kind}' with ID '{record}'."
        raise refuse(404, "resourceNotFound", "Resource Not Found", what)
    return found


def add(world: World, kind: str, attributes: Json, related: Mapping[str, tuple[str, str]]) -> Json:
    """Put a resource there, as the organisation's own pages or its administrator do."""
    number = world.next_number(f"outreach.{kind}", 1001)
    stamps = {"createdAt": _stamp(world), "updatedAt": _stamp(world)}
    made: Json = {
        "type": kind,
        "id": number,
        "attributes": {**attributes, **stamps},
        "relationships": {name: {"data": {"type": of, "id": int(key)}} for name, (of, key) in related.items()},
    }
    table(world, kind)[str(number)] = made
    return made


def related_id(record: Json, name: str) -> str:
    """The id of what a resource belongs to; empty when it belongs to none."""
    data = record["relationships"].get(name, {}).get("data")
    return "" if data is None else str(data["id"])


def create(world: World, kind: str, data: Json) -> Json:
    """Make what a request asks for, told by webhooks. Refused with 422."""
    attributes, related = _checked(world, kind, data)
    if kind == "prospect":
        if not attributes.get("emails") and not attributes.get("firstName"):
            raise invalid("First name or email can't be blank.", "firstName")
        _free(world, attributes.get("emails", []), None)
        defaults: Json = {"emails": [], "workPhones": [], "emailOptedOut": False, "optedOut": False}
        return _told(world, "created", add(world, kind, {**defaults, **attributes}, related))
    if kind == "sequenceState":
        return _told(world, "created", _enter(world, related))
    for needed in ("url", "resource", "action"):
        if needed not in attributes:
            raise invalid(f"{needed} can't be blank.", needed)
    return add(world, kind, {"active": True, "payloadVersion": 1, "secret": None, **attributes}, related)


def update(world: World, record: Json, data: Json) -> None:
    """Change what a request names, told by webhooks. Refused with 422."""
    kind = record["type"]
    attributes, related = _checked(world, kind, data)
    if kind == "prospect" and "emails" in attributes:
        _free(world, attributes["emails"], record)
    set_values(world, record, attributes, related)


def set_values(world: World, record: Json, attributes: Json, related: Mapping[str, tuple[str, str]]) -> None:
    """Change a resource, and tell of it."""
    changed = {name: value for name, value in attributes.items() if record["attributes"].get(name) != value}
    ends = {name: {"data": {"type": of, "id": int(key)}} for name, (of, key) in related.items()}
    if not changed and all(record["relationships"].get(name) == end for name, end in ends.items()):
        return
    record["attributes"] |= {**changed, "updatedAt": _stamp(world)}
    record["relationships"] |= ends
    tell(world, record, "updated", {**changed, "updatedAt": _stamp(world)})


def move(world: World, record: Json, state: str, **more: Any) -> None:
    """Bring a sequence state to another state, and tell of it."""
    changed = {"state": state, "stateChangedAt": _stamp(world), "updatedAt": _stamp(world), **more}
    record["attributes"] |= changed
    tell(world, record, "finished" if state == "finished" else "updated", changed)


def tell(world: World, record: Json, action: str, attributes: Json) -> None:
    """Post what happened to every webhook that wants to know, signed with that webhook's secret."""
    kind = record["type"]
    for webhook in table(world, "webhook").values():
        wanted = webhook["attributes"]
        if not wanted["active"] or wanted["resource"] not in (kind, "*") or wanted["action"] not in (action, "*"):
            continue
        number = world.next_number("outreach.job")
        told = {
            "data": {
                "type": kind,
                "id": record["id"],
                "attributes": attributes,
                "relationships": {name: of["data"] for name, of in record["relationships"].items()},
            },
            "meta": {
                "deliveredAt": _stamp(world),
                "eventName": f"{kind}.{action}",
                "jobId": f"a5a00000-0000-4000-8000-{number:012d}",
            },
        }
        body = json.dumps(told, separators=(",", ":")).encode()
        headers = {
            "Content-Type": MEDIA,
            "Outreach-Webhook-ID": str(webhook["id"]),
            "outreach-webhook-cleanup-token": f"cleanup-{webhook['id']}",
            **({} if wanted["secret"] is None else sign_outreach(wanted["secret"], body)),
        }
        world.post(Delivery(f"outreach-{number}", "outreach", "events", headers, body, wanted["url"]))


def running(world: World, prospect: str, sequence: str) -> Json | None:
    """The state of a prospect who is in that sequence now."""
    for one in table(world, "sequenceState").values():
        same = related_id(one, "prospect") == prospect and related_id(one, "sequence") == sequence
        if same and one["attributes"]["state"] not in _OVER:
            return one
    return None


def _told(world: World, action: str, record: Json) -> Json:
    tell(world, record, action, record["attributes"])
    return record


def _enter(world: World, related: Mapping[str, tuple[str, str]]) -> Json:
    for name in BELONGS["sequenceState"]:
        if name not in related:
            raise invalid(f"{name} must exist.", name, part="relationships")
    prospect, sequence = (get(world, kind, related[kind][1]) for kind in ("prospect", "sequence"))
    mailbox = get(world, "mailbox", related["mailbox"][1])
    if running(world, str(prospect["id"]), str(sequence["id"])) is not None:
        raise invalid("Prospect is already active in this sequence.", "prospect", part="relationships")
    if prospect["attributes"]["emailOptedOut"] or prospect["attributes"]["optedOut"]:
        raise invalid("Prospect has opted out.", "prospect", part="relationships")
    if mailbox["attributes"]["sendDisabled"]:
        raise invalid("Mailbox cannot send.", "mailbox", part="relationships")
    state = "active" if sequence["attributes"]["enabled"] else "pending"
    counts = {"deliverCount": 0, "bounceCount": 0, "replyCount": 0}
    stamps = {"state": state, "stateChangedAt": _stamp(world), "repliedAt": None, "errorReason": None}
    return add(world, "sequenceState", {**counts, **stamps}, related)


def _free(world: World, emails: list[str], but: Json | None) -> None:
    wanted = {one.lower() for one in emails}
    for other in table(world, "prospect").values():
        if other is not but and wanted & {one.lower() for one in other["attributes"]["emails"]}:
            raise invalid(f"Emails email hash has already been taken: {', '.join(emails)}.", "emails")


def _checked(world: World, kind: str, data: Json) -> tuple[Json, dict[str, tuple[str, str]]]:
    """The attributes and relationships of a request's resource. Refused with 422."""
    if data.get("type") != kind:
        raise invalid(f"type must be {kind!r}", "type", part="")
    if surplus := sorted(set(data) - {"type", "id", "attributes", "relationships"}):
        raise invalid(f"unknown member {surplus[0]!r}")
    attributes, relationships = data.get("attributes", {}), data.get("relationships", {})
    if not isinstance(attributes, dict) or not isinstance(relationships, dict):
        raise invalid("attributes and relationships are objects")
    for name in attributes:
        if name in READ_ONLY[kind]:
            raise invalid(f"'{name}' is read-only", name)
    if strange := fields.unknown(attributes, WRITABLE[kind]):
        raise invalid(f"unknown attribute '{strange[0]}'", strange[0])
    if wrong := fields.ill_typed(attributes, WRITABLE[kind]):
        raise invalid(f"'{wrong[0]}' is invalid: {attributes[wrong[0]]!r}", wrong[0])
    related = {}
    for name, given in relationships.items():
        of = BELONGS[kind].get(name)
        end = given.get("data") if isinstance(given, dict) else None
        if of is None or not isinstance(end, dict) or end.get("type") != of or not fields.whole(end.get("id")):
            raise invalid(f"'{name}' is no relationship to write so", name, part="relationships")
        if str(end["id"]) not in table(world, of):
            raise invalid(f"{name} must exist", name, part="relationships")
        related[name] = (of, str(end["id"]))
    return attributes, related


def _stamp(world: World) -> str:
    return world.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
