"""HubSpot's records: made, changed, archived, associated, shown; and what the account tells by signed webhooks.

What one request changes is told in one delivery, as a list of events. A deal is closed where its stage is; a task is
completed when somebody says so. What reads by id and what is associated is always current; searches may lag.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from casework.sandbox import hubspot_search
from casework.sandbox.hooks import Delivery, sign_hubspot
from casework.sandbox.http import Json
from casework.sandbox.hubspot_schema import TYPE_IDS, Problem, invalid, properties_of, stages_of, stamp, writable, wrong

if TYPE_CHECKING:
    from casework.sandbox.world import World

APP = 1160452
"""Our private app."""
PORTAL = 48810077
CLOSED_WON, CLOSED_LOST = "closedwon", "closedlost"
_SINGULAR = {"deals": "deal", "tickets": "ticket", "companies": "company", "contacts": "contact"}
_MADE = {"deals": "createdate", "tickets": "createdate", "companies": "createdate", "contacts": "createdate"}
# Documented types of associations, each with the one of the other direction.
_PAIRS = (
    ("tasks", 216, "deals", 215),
    ("tasks", 230, "tickets", 229),
    ("tasks", 192, "companies", 191),
    ("tasks", 204, "contacts", 203),
    ("notes", 214, "deals", 213),
    ("notes", 228, "tickets", 227),
    ("notes", 190, "companies", 189),
    ("notes", 202, "contacts", 201),
    ("deals", 341, "companies", 342),
    ("deals", 3, "contacts", 4),
    ("tickets", 28, "deals", 27),
    ("tickets", 339, "companies", 340),
    ("tickets", 16, "contacts", 15),
)
TYPES: dict[tuple[str, str], int] = {}
for _one, _there, _other, _back in _PAIRS:
    TYPES |= {(_one, _other): _there, (_other, _one): _back}


@dataclass(slots=True)
class Request:
    """One request of somebody: of our app, or of a user by HubSpot's pages (`user`); and what will be told of it."""

    world: World
    user: int | None = None
    news: list[Json] = field(default_factory=list)


@contextmanager
def requesting(world: World, user: int | None = None) -> Iterator[Request]:
    """One request: what it changed stays and is told when it ends well, and is undone when it does not."""
    account = world.state["hubspot"]
    before = {name: deepcopy(account[name]) for name in ("objects", "associations", "index")}
    request = Request(world, user)
    try:
        yield request
    except BaseException:
        account.update(before)
        raise
    _tell(request)


def empty() -> Json:
    """The state of a new account."""
    return {
        "objects": {},
        "associations": {},
        "properties": {},
        "pipelines": {},
        "owners": {},
        "index": hubspot_search.empty(),
        "subscriptions": [],
        "target": "https://casework.example/hooks/hubspot",
        "zone": "America/New_York",
        "scopes": ["deals", "tickets", "tasks", "notes", "users", "companies", "contacts", "owners"],
        "limits": {"daily": 250_000, "used": 0, "day": "", "rolling": 190, "searches": 5, "enforced": False},
        "asked": [],
        "searched": [],
    }


def get(world: World, kind: str, object_id: str, by: str | None = None) -> Json:
    """A record by its id or a unique property. Raises `Problem`."""
    known = properties_of(world, kind)
    records: Json = world.state["hubspot"]["objects"].get(kind, {})
    if by is not None and by != "hs_object_id":
        if not known.get(by, {}).get("unique"):
            raise Problem("VALIDATION_ERROR", f"{by} is no unique property of {kind}")
        object_id = next((key for key, one in records.items() if one["properties"].get(by) == object_id), "")
    found: Json | None = records.get(object_id)
    if found is None or found["archived"]:
        raise Problem("OBJECT_NOT_FOUND", "resource not found", status=404)
    return found


def create(request: Request, kind: str, given: Any, associations: Any = ()) -> Json:
    """Make a record, associated with others. Raises `Problem`."""
    world = request.world
    known, values = properties_of(world, kind), writable(world, kind, given)
    for name, of in known.items():
        if values.get(name) is None and "default" in of:
            values[name] = of["default"]
        if of.get("required") and values.get(name) is None:
            raise wrong(name, "REQUIRED_PROPERTY", f'Property "{name}" is required')
    _unique(world, kind, None, values)
    number = str(world.next_number("hubspot.object", 21_400_001))
    now = stamp(world.now())
    made: Json = {"id": number, "properties": dict.fromkeys(known), "createdAt": now, "archived": False}
    made["properties"] |= {"hs_object_id": number, _MADE.get(kind, "hs_createdate"): now, **values}
    world.state["hubspot"]["objects"].setdefault(kind, {})[number] = made
    _settle(world, kind, made, {})
    _remember(request, made, {name: value for name, value in values.items() if value is not None})
    for one in _asked_associations(associations):
        to, types = one["to"]["id"], one["types"]
        for spec in types:
            _associate_typed(world, kind, number, to, spec)
    hubspot_search.changed(world, kind, made)
    _news(request, kind, made, "creation", changeFlag="CREATED")
    return made


def update(request: Request, kind: str, record: Json, given: Any) -> None:
    """Set properties of a record. Raises `Problem`."""
    world = request.world
    values = writable(world, kind, given)
    _unique(world, kind, record["id"], values)
    hubspot_search.changing(world, kind, record)
    before = dict(record["properties"])
    record["properties"] |= values
    _settle(world, kind, record, before)
    hubspot_search.changed(world, kind, record)
    changed = {name: value for name, value in values.items() if before[name] != value}
    _remember(request, record, changed)
    for name, value in changed.items():
        _news(request, kind, record, "propertyChange", propertyName=name, propertyValue=value or "")


def archive(request: Request, kind: str, record: Json) -> None:
    """Put a record away."""
    hubspot_search.changing(request.world, kind, record)
    record["archived"] = True
    record["archivedAt"] = stamp(request.world.now())
    hubspot_search.changed(request.world, kind, record)
    _news(request, kind, record, "deletion")


def associate(world: World, kind: str, one: str, other_kind: str, other: str) -> None:
    """Associate two records by the default type. Raises `Problem`."""
    get(world, kind, one)
    get(world, other_kind, other)
    if (kind, other_kind) not in TYPES:
        raise Problem("VALIDATION_ERROR", f"{kind} and {other_kind} cannot be associated")
    beside = world.state["hubspot"]["associations"]
    for a, a_id, b, b_id in ((kind, one, other_kind, other), (other_kind, other, kind, one)):
        beside.setdefault(f"{a}/{a_id}/{b}", {})[b_id] = TYPES[a, b]


def separate(world: World, kind: str, one: str, other_kind: str, other: str) -> None:
    """Take the association of two records away."""
    beside = world.state["hubspot"]["associations"]
    beside.get(f"{kind}/{one}/{other_kind}", {}).pop(other, None)
    beside.get(f"{other_kind}/{other}/{kind}", {}).pop(one, None)


def associated(world: World, kind: str, one: str, other_kind: str) -> dict[str, int]:
    """The records of a kind that one is associated with, with the type; those put away are not shown."""
    get(world, kind, one)
    properties_of(world, other_kind)
    records = world.state["hubspot"]["objects"].get(other_kind, {})
    beside: dict[str, int] = world.state["hubspot"]["associations"].get(f"{kind}/{one}/{other_kind}", {})
    return {key: value for key, value in beside.items() if not records[key]["archived"]}


def shown(world: World, kind: str, record: Json, names: list[str] | None, known: Json | None = None) -> Json:
    """A record as it is answered; asked-for properties that there are not are left out, as HubSpot does."""
    values, of = known if known is not None else record["properties"], properties_of(world, kind)
    wanted = names or [name for name, one in of.items() if one.get("by_default")]
    always = [_MADE.get(kind, "hs_createdate"), "hs_lastmodifieddate", "hs_object_id"]
    listed = {name: values.get(name) for name in (*always, *wanted) if name in of}
    more = {"archivedAt": record["archivedAt"]} if record["archived"] else {}
    updated = values["hs_lastmodifieddate"]
    times = {"createdAt": record["createdAt"], "updatedAt": updated, "archived": record["archived"]}
    return {"id": record["id"], "properties": listed, **times, **more}


def past(kind: str, record: Json, world: World, names: list[str]) -> Json:
    """The values that properties have had, newest first, each with who set it and when."""
    known = properties_of(world, kind)
    return {name: record.get("past", {}).get(name, []) for name in names if name in known}


def _remember(request: Request, record: Json, values: Json) -> None:
    source = _source(request)
    who = {"updatedByUserId": request.user} if request.user is not None else {}
    for name, value in values.items():
        version = {"value": value or "", "timestamp": stamp(request.world.now()), "sourceType": source[0]}
        kept = record.setdefault("past", {}).setdefault(name, [])
        kept.insert(0, {**version, "sourceId": source[1], **who})


def _source(request: Request) -> tuple[str, str]:
    """Who does it, as HubSpot names them: our app, or a person by HubSpot's pages."""
    return ("INTEGRATION", str(APP)) if request.user is None else ("CRM_UI", f"userId:{request.user}")


def _asked_associations(given: Any) -> list[Json]:
    if not isinstance(given, list | tuple):
        raise invalid("associations: must be a list")
    for one in given:
        to = one.get("to") if isinstance(one, dict) else None
        types = one.get("types") if isinstance(one, dict) else None
        if not isinstance(to, dict) or not isinstance(to.get("id"), str) or not isinstance(types, list) or not types:
            raise invalid("associations: a list of {to: {id}, types: […]}")
    return list(given)


def _associate_typed(world: World, kind: str, number: str, to: str, spec: Any) -> None:
    number_of = spec.get("associationTypeId") if isinstance(spec, dict) else None
    if number_of is None or spec.get("associationCategory") != "HUBSPOT_DEFINED":
        raise invalid("associations: associationCategory and associationTypeId")
    others = [other for (one, other), known in TYPES.items() if one == kind and known == number_of]
    if not others:
        raise Problem("VALIDATION_ERROR", f"No association type {number_of} from {kind}")
    associate(world, kind, number, others[0], to)


def _unique(world: World, kind: str, own: str | None, values: Json) -> None:
    for name, of in properties_of(world, kind).items():
        if not of.get("unique") or values.get(name) is None:
            continue
        for other in world.state["hubspot"]["objects"].get(kind, {}).values():
            if other["id"] != own and other["properties"].get(name) == values[name]:
                raise Problem("CONFLICT", f"Another record has this {name}", status=409)


def _settle(world: World, kind: str, record: Json, before: Json) -> None:
    """What HubSpot itself sets when a record changes, and refuses of it as a whole."""
    values = record["properties"]
    values["hs_lastmodifieddate"] = stamp(world.now())
    pipeline, stage = {"deals": ("pipeline", "dealstage"), "tickets": ("hs_pipeline", "hs_pipeline_stage")}.get(
        kind, ("", "")
    )
    if pipeline and values[stage] not in stages_of(world, kind, values[pipeline]):
        raise wrong(stage, "INVALID_STAGE", f"{values[stage]} is no stage of the pipeline {values[pipeline]}.")
    if kind == "deals":
        values["hs_is_closed"] = str(values["dealstage"] in (CLOSED_WON, CLOSED_LOST)).lower()
        values["hs_is_closed_won"] = str(values["dealstage"] == CLOSED_WON).lower()
    if kind == "tickets":
        if before.get(stage) != values[stage]:
            values["hs_v2_date_entered_current_stage"] = stamp(world.now())
        closed = any(
            one["id"] == values[stage] and one["metadata"]["ticketState"] == "CLOSED"
            for pipe in world.state["hubspot"]["pipelines"]["tickets"]
            for one in pipe["stages"]
        )
        values["hs_is_closed"] = str(closed).lower()
    if kind == "tasks":
        done = values["hs_task_status"] == "COMPLETED"
        at = values["hs_task_completion_date"] or stamp(world.now())
        values["hs_task_completion_date"] = at if done else None


def _news(request: Request, kind: str, record: Json, what: str, **more: str) -> None:
    told = f"{_SINGULAR.get(kind, 'object')}.{what}"
    for number, (subscribed, of, name) in enumerate(request.world.state["hubspot"]["subscriptions"], 25):
        if (subscribed, of) != (told, kind) or name not in (None, more.get("propertyName")):
            continue
        source = _source(request)
        event: Json = {
            "eventId": request.world.next_number("hubspot.event", 3_816_279_340),
            "subscriptionId": number,
            "portalId": PORTAL,
            "appId": APP,
            "occurredAt": int(request.world.now().astimezone(UTC).timestamp() * 1000),
            "subscriptionType": told,
            "attemptNumber": 0,
            "objectId": int(record["id"]),
            "changeSource": source[0],
            "sourceId": source[1],
            **more,
        }
        request.news.append({**event, "objectTypeId": TYPE_IDS[kind]} if told.startswith("object.") else event)


def _tell(request: Request) -> None:
    """One delivery for each hundred events."""
    world = request.world
    target = world.state["hubspot"]["target"]
    secret = world.state["credentials"]["hubspot_client_secret"]
    for start in range(0, len(request.news), 100):
        body = json.dumps(request.news[start : start + 100], separators=(",", ":")).encode()
        stamped = int(world.now().timestamp() * 1000)
        headers = {"Content-Type": "application/json", **sign_hubspot(secret, "POST", target, stamped, body)}
        number = world.next_number("hubspot.delivery")
        world.post(Delivery(f"hubspot-{number:08d}", "hubspot", "events", headers, body, target))
