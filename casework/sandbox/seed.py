"""The invented people and companies that the sandbox begins with.

Every name, address and domain is distinctive ("planted"), so that a test can search any store, log or
certificate for them and prove that none got there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from casework.sandbox import asana_tasks, slack, zendesk_tickets
from casework.sandbox.http import Json

if TYPE_CHECKING:
    from casework.sandbox.world import World

WORKSPACE, PROJECT, TEMPLATE = "1200000000000001", "1200000000000002", "1200000000000003"
CHANNEL = "C0OPERATORS"
HOUSE = "casework-5b2e.example"

# id, name, role, manager
_STAFF = (
    ("staff-21", "Ottoline Brackwater-Zane", "csm-manager", None),
    ("staff-22", "Leopold Vantongeren-Quill", "csm-manager", None),
    ("staff-11", "Ingrid Solvang-Pryce", "csm", "staff-21"),
    ("staff-12", "Teodor Halloumi-Wick", "csm", "staff-21"),
    ("staff-13", "Philippa Marlowe-Quux", "csm", "staff-22"),
    ("staff-31", "Yusra Penhaligon-Obi", "scaled-approver", "staff-22"),
    ("staff-41", "Casimir Duskwell-Roe", "operator", None),
    ("staff-42", "Beatrix Lomax-Achterberg", "operator", None),
    ("staff-51", "Nkechi Thornbury-Sax", "engineering-lead", None),
    ("staff-52", "Ruben Castellane-Yip", "engineer", "staff-51"),
    ("staff-61", "Margit Oyelaran-Fesq", "support", None),
    ("staff-62", "Dashiell Umbridge-Koh", "support", None),
)
# id, tier, agency, days to the contract's end (negative: churned), CSM, candidates, projects, sequences, …
_TEAMS = (
    ("team-101", "ffs", 0, 200, None, 300, 2, 0, ("fernhollow-1c2d.example",)),
    ("team-102", "scaled", 0, 120, None, 5200, 14, 6, ("brasslantern-88ab.example",)),
    ("team-103", "mid-market", 0, 90, "staff-11", 8400, 31, 12, ("pebblewick-40fe.example",)),
    ("team-104", "enterprise", 0, 300, "staff-13", 24000, 120, 48,
     ("northwind-7f3a.example", "northwind-emea-7f3a.example")),
    ("team-105", "mid-market", 1, 180, "staff-12", 9100, 40, 20, ("gildedrook-agency-d1e9.example",)),
    ("team-106", "mid-market", 0, -30, "staff-11", 6400, 22, 9, ("saltmarsh-6e07.example",)),
    ("team-107", "enterprise", 0, -200, "staff-13", 15000, 64, 30, ("oldquarry-b5c3.example",)),
    ("team-108", "mid-market", 0, 150, "staff-12", 4100, 11, 4, ("twinpeaks-2aa4.example",)),
    ("team-109", "scaled", 0, 150, None, 3900, 10, 3, ("twinpeaks-2aa4.example",)),
    ("team-110", "enterprise", 0, 240, None, 11000, 51, 17, ("lonelyisle-9d9d.example",)),
    ("team-111", "scaled", 0, 365, None, 500, 0, 0, ("smallharbour-3f10.example",)),
)  # fmt: skip
# id, name, {team: admin}; the address is in the first team's first domain
_USERS: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("user-80", "Wilhelmina Fernhollow-Dray", {"team-101": 1}),
    ("user-81", "Anselm Brasslantern-Ode", {"team-102": 1}),
    ("user-82", "Rosalind Brasslantern-Vie", {"team-102": 0}),
    ("user-83", "Cornelius Pebblewick-Hahn", {"team-103": 1}),
    ("user-84", "Eudora Pebblewick-Stam", {"team-103": 0}),
    ("user-88", "Guinevere Northwind-Abalos", {"team-104": 1}),
    ("user-89", "Thaddeus Northwind-Birk", {"team-104": 0}),
    ("user-90", "Isolde Gildedrook-Cairn", {"team-105": 1}),
    ("user-91", "Barnaby Saltmarsh-Ekdal", {"team-106": 1}),
    ("user-92", "Henrike Oldquarry-Frost", {"team-107": 1}),
    ("user-93", "Lucasta Twinpeaks-Gorm", {"team-108": 1}),
    ("user-94", "Octavian Twinpeaks-Hult", {"team-109": 1}),
    ("user-95", "Zenobia Lonelyisle-Iker", {"team-110": 1}),
    ("user-96", "Florian Smallharbour-Jeng", {"team-111": 1}),
    ("user-97", "Perpetua Twinpeaks-Kolb", {"team-108": 1, "team-109": 1}),
)
REASONS = (
    "We are moving to Thistledown-Vantage because of the ZQ-pricing letter",
    "Our board asked for an archive after the Wexcombe-Ruddle merger",
)


def plant(world: World) -> None:
    """Writes the roster and makes the same people in Zendesk, Slack and Asana."""
    roster, planted = world.state["roster"], set(REASONS)
    zendesk_tickets.add_user(world, world.state["credentials"]["zendesk_email"], "Casework Robot", "admin", number=7000)
    for index, (staff_id, name, role, manager) in enumerate(_STAFF):
        planted |= add_staff(world, staff_id, name, role, manager, 7001 + index)
    domains: dict[str, str] = {}
    for team_id, tier, agency, days, csm, candidates, projects, sequences, team_domains in _TEAMS:
        roster["teams"][team_id] = {
            "id": team_id,
            "tier": tier,
            "agency": agency,
            "status": "active" if days > 0 else "churned",
            "contract_end": (world.now() + timedelta(days=days)).date().isoformat(),
            "csm_id": csm,
            "candidates": candidates,
            "projects": projects,
            "sequences": sequences,
            "domains": list(team_domains),
        }
        domains[team_id] = team_domains[0]
        planted |= set(team_domains)
    for index, (user_id, name, teams) in enumerate(_USERS):
        planted |= add_user(world, user_id, name, domains[next(iter(teams))], teams, 400101 + index)
    _workplaces(world)
    world.state["planted"] = sorted(planted)


def add_staff(world: World, staff_id: str, name: str, role: str, manager: str | None, number: int) -> set[str]:
    """A colleague, in the roster, Zendesk (as that user), Slack and Asana; what is distinctive of them.

    Raises:
        ValueError: one seed makes each colleague, and another one has made this one already.
    """
    if staff_id in world.state["roster"]["staff"]:
        raise ValueError(f"{staff_id} is a colleague already: one seed makes each, the others only use them")
    email = f"{_mailbox(name)}@{HOUSE}"
    member: Json = {
        "id": staff_id,
        "name": name,
        "email": email,
        "role": role,
        "manager_id": manager,
        "slack_id": f"U0STAFF{staff_id[-2:]}X",
        "zendesk_id": number,
        "asana_id": f"12000000000001{staff_id[-2:]}",
    }
    world.state["roster"]["staff"][staff_id] = member
    zendesk_tickets.add_user(world, email, name, "agent", number=number)
    world.state["slack"]["users"][member["slack_id"]] = _slack_user(member)
    asana_user = {"gid": member["asana_id"], "resource_type": "user", "name": name, "email": email}
    world.state["asana"]["users"][member["asana_id"]] = asana_user
    return {name, email}


def add_user(world: World, user_id: str, name: str, domain: str, teams: dict[str, int], number: int) -> set[str]:
    """A user of the product, in the roster and in Zendesk; what is distinctive of them."""
    email = f"{_mailbox(name)}@{domain}"
    user = zendesk_tickets.add_user(world, email, name, "end-user", number=number)
    entry = {"id": user_id, "name": name, "email": email, "teams": teams, "zendesk_id": user["id"]}
    world.state["roster"]["users"][user_id] = entry
    return {name, email}


def _mailbox(name: str) -> str:
    return name.lower().replace(" ", ".")


def _slack_user(member: Json) -> Json:
    first, _, last = member["name"].partition(" ")
    profile = {
        "avatar_hash": "g0000000000",
        "display_name": first,
        "display_name_normalized": first,
        "email": member["email"],
        "fields": {},
        "first_name": first,
        "last_name": last,
        "phone": "",
        "real_name": member["name"],
        "real_name_normalized": member["name"],
        "skype": "",
        "status_emoji": "",
        "status_text": "",
        "title": "",
        "team": slack.TEAM,
    }
    return {
        "id": member["slack_id"],
        "team_id": slack.TEAM,
        "name": _mailbox(member["name"]),
        "real_name": member["name"],
        "deleted": False,
        "is_bot": False,
        "is_app_user": False,
        "is_admin": False,
        "tz": "Europe/Berlin",
        "updated": 1767225600,
        "profile": profile,
    }


def _workplaces(world: World) -> None:
    channel = {"id": CHANNEL, "name": "operators", "is_channel": True, "is_im": False}
    world.state["slack"]["channels"][CHANNEL] = channel
    world.state["slack"]["messages"][CHANNEL] = []
    asana = world.state["asana"]
    robot = {
        "gid": asana_tasks.ROBOT,
        "resource_type": "user",
        "name": "Casework Robot",
        "email": "robot@support.example",
    }
    asana["users"][asana_tasks.ROBOT] = robot
    asana["workspaces"][WORKSPACE] = {"gid": WORKSPACE, "resource_type": "workspace", "name": "Sandbox"}
    project = {"gid": PROJECT, "resource_type": "project", "name": "Engineering requests"}
    asana["projects"][PROJECT] = project
    asana["templates"][TEMPLATE] = {
        "gid": TEMPLATE,
        "resource_type": "task_template",
        "name": "Customer data export",
        "project": project,
        "notes": "Fill in what, which team, where to put it and by when.",
    }
