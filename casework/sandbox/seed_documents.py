"""What changes to documents need: two Jira projects, their people and open issues, the survey, organisations.

Customers belong to organisations, and each organisation to an upstream one (itself, at the top). Roster entries
`organizations` and `organization_members` are for the product's database; Jira and Typeform get theirs here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from casework.sandbox import jira_desk, jira_issues, seed
from casework.sandbox.http import Json
from casework.sandbox.jira_fields import stamp

if TYPE_CHECKING:
    from casework.sandbox.world import World

SUPPORT, CONFIGURATION = "SS", "CS"
SURVEY = "Dq8mYt2K"
ORGANIZATIONS, REQUEST_TYPE = "customfield_10002", "customfield_10010"
NEEDS_CONFIGURATION, SURVEY_RESPONSE = "customfield_10050", "customfield_10060"
SUPPORT_TYPE, CONFIGURATION_TYPE = "Service Request", "Task"
REQUEST = "Company specific data change"
INITIAL = "We have received your request and our configuration team will look at it."
PUBLISHED = "Your request has been fulfilled: the document is live."

# id, name, role, open issues in the configuration project
_CONFIGURERS = (
    ("staff-71", "Ambrose Fetherling-Cole", 3),
    ("staff-72", "Sunniva Garrowby-Lund", 1),
    ("staff-73", "Dorothea Quenby-Marsh", 1),
)
_SUPPORTERS = ("staff-61", "staff-62")
# id, name, type, upstream, subscription, documents
_ORGANIZATIONS = (
    ("org-501", "Vellumgate Finance", "financier", "org-501", "pro", 3),
    ("org-502", "Copperlark Leasing", "financier", "org-502", "premium", 0),
    ("org-503", "Mistlebrook Credit", "financier", "org-503", "premium", 1),
    ("org-504", "Tansyfield Homes", "financier", "org-504", "basic", 0),
    ("org-505", "Quillhaven Dealers", "dealer", "org-501", "pro", 0),
)
# id, name, domain, organisation, {organisation: role}, has a Jira account
_MEMBERS: tuple[tuple[str, str, str, str, dict[str, str], bool], ...] = (
    ("user-201", "Ottilie Vellumgate-Roe", "vellumgate-3c4d.example", "org-501", {"org-501": "admin"}, True),
    ("user-202", "Crispin Vellumgate-Tarn", "vellumgate-3c4d.example", "org-501", {"org-501": "manager"}, True),
    ("user-203", "Maudie Vellumgate-Ullo", "vellumgate-3c4d.example", "org-501", {"org-501": "member"}, True),
    ("user-204", "Evander Copperlark-Nye", "copperlark-91ee.example", "org-502", {"org-502": "admin"}, True),
    ("user-205", "Sabine Mistlebrook-Ott", "mistlebrook-27af.example", "org-503", {"org-503": "admin"}, True),
    ("user-206", "Leonie Tansyfield-Pym", "tansyfield-d803.example", "org-504", {"org-504": "admin"}, True),
    ("user-207", "Gregor Quillhaven-Rusk", "quillhaven-6b1c.example", "org-505", {"org-505": "admin"}, False),
    # This address has that of user-201 in it.
    ("user-208", "Dottilie Vellumgate-Roe", "vellumgate-3c4d.example", "org-504", {"org-504": "admin"}, False),
    ("user-209", "Hadrian Quillhaven-Sato", "quillhaven-6b1c.example", "org-505", {"org-501": "manager"}, False),
)

_STATUSES = {
    "Waiting for support": "new",
    "Waiting for customer": "indeterminate",
    "Needs Configuration": "indeterminate",
    "Resolved": "done",
    "Closed": "done",
    "To Do": "new",
    "In Progress": "indeterminate",
    "On Hold": "indeterminate",
    "Published on Engine": "done",
    "Canceled": "done",
}
# name, from, to, resolution
_SUPPORT_WAYS = (
    ("Respond to customer", ("Waiting for support", "Needs Configuration"), "Waiting for customer", None),
    ("Back to support", ("Waiting for customer", "Needs Configuration"), "Waiting for support", None),
    ("Needs configuration", ("Waiting for support", "Waiting for customer"), "Needs Configuration", None),
    ("Resolve", ("Waiting for support", "Waiting for customer", "Needs Configuration"), "Resolved", "Done"),
    ("Close", ("Waiting for support", "Waiting for customer", "Needs Configuration", "Resolved"), "Closed", "Done"),
    ("Reopen", ("Resolved", "Closed"), "Waiting for support", None),
)
_CONFIGURATION_WAYS = (
    ("Start", ("To Do", "On Hold"), "In Progress", None),
    ("Hold", ("To Do", "In Progress"), "On Hold", None),
    ("To do", ("In Progress", "On Hold"), "To Do", None),
    ("Publish", ("To Do", "In Progress", "On Hold"), "Published on Engine", "Done"),
    ("Cancel", ("To Do", "In Progress", "On Hold"), "Canceled", "Won't Do"),
    ("Reopen", ("Published on Engine", "Canceled"), "To Do", None),
)
# ref, type, title, required, choices
_QUESTIONS = (
    ("requester_email", "email", "Your e-mail address", True, ()),
    ("organization", "short_text", "Your organization", True, ()),
    ("change", "multiple_choice", "What is to be done?", True, ("Edit a document", "Add a document")),
    ("documents", "number", "How many documents is it about?", True, ()),
    ("test_on_onboard", "yes_no", "Do you want to try it on Onboard before it is live?", True, ()),
    ("details", "long_text", "Anything that we should know", False, ()),
)


def plant(world: World) -> None:
    """Makes the site, the form and the organisations."""
    planted = set(world.state["planted"])
    for offset, (staff_id, name, _) in enumerate(_CONFIGURERS):
        planted |= seed.add_staff(world, staff_id, name, "configuration", None, 7101 + offset)
    planted |= _organizations(world)
    _site(world)
    _people(world)
    _work(world)
    _form(world)
    world.state["planted"] = sorted(planted)
    # What was there before anybody looked is no news.
    world.state["outbox"] = [kept for kept in world.state["outbox"] if kept["vendor"] != "jira"]


def _organizations(world: World) -> set[str]:
    roster = world.state["roster"]
    planted: set[str] = set()
    roster["organizations"] = {}
    roster["organization_members"] = {}
    for number, name, kind, upstream, subscription, documents in _ORGANIZATIONS:
        roster["organizations"][number] = {
            "id": number,
            "name": name,
            "type": kind,
            "upstream_id": upstream,
            "subscription": subscription,
            "documents": documents,
        }
        planted.add(name)
    for offset, (user_id, name, domain, organization, roles, _) in enumerate(_MEMBERS):
        planted |= seed.add_user(world, user_id, name, domain, {}, 400201 + offset) | {domain}
        roster["organization_members"][user_id] = {"organization_id": organization, "roles": roles}
    return planted


def _site(world: World) -> None:
    jira = world.state["jira"]
    jira["statuses"] = {
        name: {"id": str(10100 + at), "category": kind} for at, (name, kind) in enumerate(_STATUSES.items())
    }
    jira["resolutions"] = {"Done": "10000", "Won't Do": "10001"}
    jira["fields"] = {
        ORGANIZATIONS: {"name": "Organizations", "kind": "organizations"},
        REQUEST_TYPE: {"name": "Request Type", "kind": "request-type"},
        NEEDS_CONFIGURATION: {
            "name": "Needs Configuration",
            "kind": "option",
            "options": {"Docs": "10201", "Branding": "10202"},
        },
        SURVEY_RESPONSE: {"name": "Survey response", "kind": "text"},
    }
    numbers = {name: at for at, (_, name, *_) in enumerate(_ORGANIZATIONS, 1)}
    jira["organizations"] = {str(at): {"id": str(at), "name": name} for name, at in numbers.items()}
    support: Json = {
        "id": "10001",
        "key": SUPPORT,
        "name": "Support",
        "type": "service_desk",
        "service_desk": "1",
        "issue_types": {SUPPORT_TYPE: "10001"},
        "statuses": list(_STATUSES)[:5],
        "transitions": _ways(_SUPPORT_WAYS, 11),
        "components": {},
        "fields": [ORGANIZATIONS, REQUEST_TYPE, NEEDS_CONFIGURATION, SURVEY_RESPONSE],
        "agents": [],
        "request_types": {"25": REQUEST, "26": "Other question"},
        "organizations": list(numbers.values()),
    }
    configuration: Json = {
        "id": "10002",
        "key": CONFIGURATION,
        "name": "Customer Solutions",
        "type": "business",
        "service_desk": None,
        "issue_types": {CONFIGURATION_TYPE: "10002"},
        "statuses": list(_STATUSES)[5:],
        "transitions": _ways(_CONFIGURATION_WAYS, 111),
        "components": {name: str(10300 + at) for name, at in numbers.items()},
        "fields": [],
        "agents": [],
        "request_types": {},
        "organizations": [],
    }
    jira["projects"] = {SUPPORT: support, CONFIGURATION: configuration}
    jira["rules"] = [
        {
            "on": {"project": SUPPORT, "field": NEEDS_CONFIGURATION, "to": "Docs"},
            "do": "make-linked",
            "project": CONFIGURATION,
            "issue_type": CONFIGURATION_TYPE,
            "summary": "Docs: {summary}",
            "tells": INITIAL,
        },
        {
            "on": {"project": CONFIGURATION, "field": "status", "to": "Published on Engine"},
            "do": "tell-linked",
            "project": SUPPORT,
            "tells": PUBLISHED,
        },
    ]


def _ways(ways: tuple[tuple[str, tuple[str, ...], str, str | None], ...], first: int) -> list[Json]:
    return [
        {"id": str(first + 10 * at), "name": name, "from": list(source), "to": target, "resolution": resolution}
        for at, (name, source, target, resolution) in enumerate(ways)
    ]


def _people(world: World) -> None:
    jira, roster = world.state["jira"], world.state["roster"]
    robot = world.state["credentials"]["jira_email"]
    jira_desk.add_user(world, robot, "Casework Robot", "atlassian", jira_issues.ROBOT)
    automation = jira_desk.add_user(
        world, "automation@jira.example", "Automation for Jira", "app", jira_issues.AUTOMATION
    )
    del automation["emailAddress"]
    for staff_id, member in roster["staff"].items():
        account = f"712020:00000000-0000-4000-8000-0000000000{staff_id[-2:]}"
        member["jira_id"] = jira_desk.add_user(world, member["email"], member["name"], "atlassian", account)[
            "accountId"
        ]
    for user_id, name, _, _, _, known in _MEMBERS:
        if known:
            user = roster["users"][user_id]
            user["jira_id"] = jira_desk.add_user(world, user["email"], name, "customer")["accountId"]
    jira["projects"][SUPPORT]["agents"] = [roster["staff"][staff_id]["jira_id"] for staff_id in _SUPPORTERS]
    agents = [roster["staff"][staff_id]["jira_id"] for staff_id, _, _ in _CONFIGURERS]
    jira["projects"][CONFIGURATION]["agents"] = agents


def _work(world: World) -> None:
    """Open issues, given out in turn: of two with as many, the one named first has waited longest."""
    staff = world.state["roster"]["staff"]
    turns = [staff_id for staff_id, _, has in _CONFIGURERS for _ in range(has)]
    for at, staff_id in enumerate(turns, 1):
        given: Json = {
            "project": {"key": CONFIGURATION},
            "issuetype": {"name": CONFIGURATION_TYPE},
            "summary": f"Earlier work {at}",
            "assignee": {"id": staff[staff_id]["jira_id"]},
        }
        made = jira_issues.create(world, given, [], by=jira_issues.ROBOT)
        then = stamp(world.now() - timedelta(days=30 - at))
        made["fields"].update(created=then, updated=then)


def _form(world: World) -> None:
    fields = [
        {
            "id": f"fld{at:09d}",
            "ref": ref,
            "type": kind,
            "title": title,
            "properties": {"choices": [{"ref": f"choice-{n}", "label": label} for n, label in enumerate(choices, 1)]}
            if choices
            else {},
            "validations": {"required": required},
        }
        for at, (ref, kind, title, required, choices) in enumerate(_QUESTIONS, 1)
    ]
    form: Json = {
        "id": SURVEY,
        "title": "Document Survey",
        "type": "form",
        "language": "en",
        "fields": fields,
        "hidden": [],
    }
    world.state["typeform"]["forms"][SURVEY] = form
