"""What happens to Jira issues: made, edited, moved, commented, linked; each change is told by a signed webhook.

Jira's own rules (automation) run after the answer that caused them, at the next request or act: whoever sets a
field and looks at once does not see yet what the rule makes of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from casework.sandbox import jira_fields, jira_index
from casework.sandbox.hooks import Delivery, sign_jira
from casework.sandbox.http import Json
from casework.sandbox.jira_fields import refuse, stamp

if TYPE_CHECKING:
    from casework.sandbox.world import World

ROBOT = "712020:00000000-0000-4000-8000-000000000099"
AUTOMATION = "557058:f58131cb-b67d-43c7-b30d-6b58d40bd077"
RELATES = {"id": "10003", "name": "Relates", "inward": "relates to", "outward": "relates to"}
_BASE = "https://jira.example/rest/api/3"


def empty() -> Json:
    """The state of a new site."""
    tables = (
        "users",
        "projects",
        "statuses",
        "fields",
        "organizations",
        "issues",
        "comments",
        "histories",
        "properties",
    )
    site: Json = {**{table: {} for table in tables}, "resolutions": {}, "rules": [], "pending": []}
    return {**site, "index": jira_index.empty()}


def issue(world: World, key: str) -> Json:
    """The kept issue, by key or id; 404 when there is none."""
    issues = world.state["jira"]["issues"]
    found = issues.get(key) or next((one for one in issues.values() if one["id"] == key), None)
    if found is None:
        raise refuse(404, "Issue does not exist or you do not have permission to see it.")
    record: Json = found
    return record


def project(world: World, key: str) -> Json:
    """The project; 400 when there is none, as where one is written."""
    found: Json | None = world.state["jira"]["projects"].get(key)
    if found is None:
        raise refuse(400, project="valid project is required")
    return found


def create(world: World, given: Json, links: list[tuple[str, str]], *, by: str) -> Json:
    """Makes an issue from fields as they are written; `links` are (direction, key)."""
    jira = world.state["jira"]
    rest = dict(given)
    key = _named(rest.pop("project", None), "key", "project")
    of = project(world, key)
    kind = _named(rest.pop("issuetype", None), "name", "issuetype")
    if kind not in of["issue_types"]:
        raise refuse(400, issuetype="Specify a valid issue type")
    if "summary" not in rest:
        raise refuse(400, summary="You must specify a summary of the issue.")
    kept = jira_fields.taken(world, of, rest)
    others = [(direction, issue(world, other)) for direction, other in links]
    number, now = world.next_number(f"jira.{key}"), stamp(world.now())
    made: Json = {
        "id": str(world.next_number("jira.issue", 10001)),
        "key": f"{key}-{number}",
        "fields": {
            "description": None,
            "assignee": None,
            "labels": [],
            "components": [],
            **dict.fromkeys(of["fields"]),
            "reporter": by,
            **kept,
            "project": key,
            "issuetype": kind,
            "status": of["statuses"][0],
            "resolution": None,
            "created": now,
            "updated": now,
            "links": [],
        },
        "participants": [],
    }
    jira["issues"][made["key"]] = made
    jira["comments"][made["key"]] = []
    jira["histories"][made["key"]] = []
    jira["properties"][made["key"]] = {}
    jira_index.changed(world, made)
    for direction, other in others:
        link(world, made if direction == "outwardIssue" else other, other if direction == "outwardIssue" else made)
    _tell(world, "jira:issue_created", made, by, {"issue_event_type_name": "issue_created"})
    return made


def edit(world: World, found: Json, given: Json, *, by: str) -> None:
    """Sets fields; a rule that waits for one of them is put down to run."""
    of = world.state["jira"]["projects"][found["fields"]["project"]]
    kept = jira_fields.taken(world, of, given)
    changed = {name: value for name, value in kept.items() if found["fields"].get(name) != value}
    items = [_change(world, name, found["fields"].get(name), value) for name, value in changed.items()]
    jira_index.changing(world, found)
    found["fields"].update(changed)
    if items:
        _changed(world, found, items, by)


def transitions(world: World, found: Json) -> list[Json]:
    """What may be done with the issue where it stands."""
    of, here = world.state["jira"]["projects"][found["fields"]["project"]], found["fields"]["status"]
    return [one for one in of["transitions"] if here in one["from"] and one["to"] != here]


def transit(world: World, found: Json, number: str, given: Json, *, by: str) -> None:
    """Moves the issue; entering a status that is done sets the resolution, leaving it clears it."""
    way = next((one for one in transitions(world, found) if one["id"] == number), None)
    if way is None:
        raise refuse(400, f"Transition id '{number}' is not valid for this issue.")
    surplus = sorted(set(given) - {"resolution"})
    if surplus:
        raise refuse(400, **{surplus[0]: "Field cannot be set. It is not on the appropriate screen, or unknown."})
    fields, jira = found["fields"], world.state["jira"]
    done = jira["statuses"][way["to"]]["category"] == "done"
    resolution = _named(given["resolution"], "name", "resolution") if "resolution" in given else way["resolution"]
    if "resolution" in given and (not done or resolution not in jira["resolutions"]):
        raise refuse(400, resolution="The resolution is not valid here.")
    items = [_change(world, "status", fields["status"], way["to"])]
    jira_index.changing(world, found)
    fields["status"], fields["resolution"] = way["to"], resolution if done else None
    _changed(world, found, items, by)


def comment(world: World, found: Json, body: Json, *, public: bool, by: str) -> Json:
    """A comment; customers write public ones only."""
    if not jira_fields.is_document(body):
        raise refuse(400, comment="Comment body is not valid!")
    if not jira_fields.words(body).strip():
        raise refuse(400, comment="Comment body can not be empty!")
    now = stamp(world.now())
    made: Json = {
        "id": str(world.next_number("jira.comment", 20001)),
        "author": by,
        "body": body,
        "public": public,
        "created": now,
        "updated": now,
    }
    world.state["jira"]["comments"][found["key"]].append(made)
    found["fields"]["updated"] = now
    _tell(world, "comment_created", found, None, {"comment": shown_comment(world, found, made)})
    return made


def link(world: World, source: Json, target: Json) -> None:
    """Relates two issues, once, as Jira does."""
    if any(one["key"] == target["key"] for one in source["fields"]["links"]):
        return
    number = str(world.next_number("jira.link", 30001))
    source["fields"]["links"].append({"id": number, "direction": "outwardIssue", "key": target["key"]})
    target["fields"]["links"].append({"id": number, "direction": "inwardIssue", "key": source["key"]})


def delete(world: World, found: Json, *, by: str) -> None:
    """Removes the issue with all that is on it, and its links."""
    jira = world.state["jira"]
    for other in jira["issues"].values():
        other["fields"]["links"] = [one for one in other["fields"]["links"] if one["key"] != found["key"]]
    for table in ("issues", "comments", "histories", "properties"):
        del jira[table][found["key"]]
    _tell(world, "jira:issue_deleted", found, by, {})


def shown(world: World, found: Json, names: list[str]) -> Json:
    """The issue as Jira answers it, with these fields."""
    kept = found["fields"]
    every = {name: jira_fields.shown(world, name, value) for name, value in kept.items() if name != "links"}
    of = world.state["jira"]["projects"][kept["project"]]
    every["project"] = {"id": of["id"], "key": of["key"], "name": of["name"], "projectTypeKey": of["type"]}
    every["issuetype"] = {"id": of["issue_types"][kept["issuetype"]], "name": kept["issuetype"], "subtask": False}
    every["status"] = jira_fields.status(world, kept["status"])
    resolution = kept["resolution"]
    every["resolution"] = resolution and {"id": world.state["jira"]["resolutions"][resolution], "name": resolution}
    every["issuelinks"] = [_shown_link(world, one) for one in kept["links"]]
    chosen = every if {"*all", "*navigable"} & set(names) else {name: every[name] for name in names if name in every}
    return {"expand": "names,schema", "id": found["id"], "self": f"{_BASE}/issue/{found['id']}", "key": found["key"],
            "fields": chosen}  # fmt: skip


def shown_comment(world: World, found: Json, made: Json) -> Json:
    """A comment as Jira answers it; `jsdPublic` is true throughout where there is no service desk."""
    of = world.state["jira"]["projects"][found["fields"]["project"]]
    author = jira_fields.user(world, made["author"])
    return {
        "self": f"{_BASE}/issue/{found['id']}/comment/{made['id']}",
        "id": made["id"],
        "author": author,
        "updateAuthor": author,
        "body": made["body"],
        "created": made["created"],
        "updated": made["updated"],
        "jsdPublic": made["public"] or of["service_desk"] is None,
    }


def run_rules(world: World) -> None:
    """Runs what Jira's own rules were put down to do."""
    jira = world.state["jira"]
    while jira["pending"]:
        rule, key = jira["pending"].pop(0)
        found = jira["issues"].get(key)
        if found is not None:
            _DO[rule["do"]](world, rule, found)


def _make_linked(world: World, rule: Json, found: Json) -> None:
    given = {
        "project": {"key": rule["project"]},
        "issuetype": {"name": rule["issue_type"]},
        "summary": rule["summary"].format(summary=found["fields"]["summary"])[:255],
        "description": found["fields"]["description"],
    }
    create(world, given, [("outwardIssue", found["key"])], by=AUTOMATION)
    comment(world, found, jira_fields.plain(rule["tells"]), public=True, by=AUTOMATION)


def _tell_linked(world: World, rule: Json, found: Json) -> None:
    for one in found["fields"]["links"]:
        other = world.state["jira"]["issues"][one["key"]]
        if other["fields"]["project"] == rule["project"]:
            comment(world, other, jira_fields.plain(rule["tells"]), public=True, by=AUTOMATION)


_DO = {"make-linked": _make_linked, "tell-linked": _tell_linked}


def _named(value: Any, name: str, field: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise refuse(400, **{field: f"expected an object with '{name}'"})
    return found


def _change(world: World, field: str, before: Any, after: Any) -> Json:
    custom = world.state["jira"]["fields"].get(field)
    told = {"field": custom["name"] if custom else field, "fieldtype": "custom" if custom else "jira", "fieldId": field}
    statuses = world.state["jira"]["statuses"]
    for name, value in (("from", before), ("to", after)):
        plain = value if isinstance(value, str) or value is None else json.dumps(value)
        told[name] = statuses[value]["id"] if field == "status" else plain
        told[f"{name}String"] = plain
    return {name: value for name, value in told.items() if value is not None}


def _changed(world: World, found: Json, items: list[Json], by: str) -> None:
    jira, now = world.state["jira"], stamp(world.now())
    found["fields"]["updated"] = now
    jira_index.changed(world, found)
    number = str(world.next_number("jira.history", 40001))
    jira["histories"][found["key"]].append({"id": number, "author": by, "created": now, "items": items})
    changelog = {"id": number, "items": items}
    _tell(world, "jira:issue_updated", found, by, {"issue_event_type_name": "issue_generic", "changelog": changelog})
    for rule in jira["rules"]:
        for item in items:
            wanted = (rule["on"]["project"], rule["on"]["field"], rule["on"]["to"])
            if (found["fields"]["project"], item["fieldId"], item.get("toString")) == wanted:
                jira["pending"].append([rule, found["key"]])


def _shown_link(world: World, one: Json) -> Json:
    other = world.state["jira"]["issues"][one["key"]]
    brief = {"summary": other["fields"]["summary"], "status": jira_fields.status(world, other["fields"]["status"])}
    return {
        "id": one["id"],
        "type": RELATES,
        one["direction"]: {"id": other["id"], "key": other["key"], "fields": brief},
    }


def _tell(world: World, event: str, found: Json, by: str | None, more: Json) -> None:
    names = ["summary", "status", "issuetype", "project", "assignee", "priority"]
    shown_issue = {name: value for name, value in shown(world, found, names).items() if name != "expand"}
    actor = {} if by is None else {"user": jira_fields.user(world, by)}
    told = {
        "timestamp": int(world.now().timestamp() * 1000),
        "webhookEvent": event,
        **actor,
        "issue": shown_issue,
        **more,
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    number = world.next_number("jira.delivery")
    headers = {
        "Content-Type": "application/json",
        "X-Atlassian-Webhook-Identifier": f"00000000-0000-4000-8000-{number:012d}",
        "X-Atlassian-Webhook-Flow": "Primary",
        **sign_jira(world.state["credentials"]["jira_webhook_secret"], body),
    }
    world.post(Delivery(f"jira-{number}", "jira", "events", headers, body))
