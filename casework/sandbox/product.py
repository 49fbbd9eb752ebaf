"""The product's own database as a SQLite file: teams, their domains, organisations, users with their memberships and
sessions, and staff.

Made from the world's roster, so that the same people exist here, in Zendesk and in Slack under matching ids. Every user
begins active and signed in to each team.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from casework.sandbox.world import World

_SCHEMA = """
CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    tier TEXT NOT NULL CHECK (tier IN ('ffs', 'scaled', 'mid-market', 'enterprise')),
    agency INTEGER NOT NULL CHECK (agency IN (0, 1)),
    status TEXT NOT NULL CHECK (status IN ('active', 'churned')),
    contract_end TEXT,
    csm_id TEXT REFERENCES staff (id),
    candidates INTEGER NOT NULL,
    projects INTEGER NOT NULL,
    sequences INTEGER NOT NULL
);
CREATE TABLE team_domains (team_id TEXT NOT NULL REFERENCES teams (id), domain TEXT NOT NULL);
CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    upstream_id TEXT REFERENCES organizations (id),
    subscription TEXT NOT NULL,
    documents INTEGER NOT NULL
);
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    organization_id TEXT REFERENCES organizations (id),
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    team_id TEXT NOT NULL REFERENCES teams (id),
    ended_at TEXT
);
CREATE TABLE organization_roles (
    user_id TEXT NOT NULL REFERENCES users (id),
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    role TEXT NOT NULL
);
CREATE TABLE memberships (
    user_id TEXT NOT NULL REFERENCES users (id),
    team_id TEXT NOT NULL REFERENCES teams (id),
    admin INTEGER NOT NULL CHECK (admin IN (0, 1))
);
CREATE TABLE staff (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    slack_id TEXT,
    zendesk_id INTEGER,
    manager_id TEXT REFERENCES staff (id)
);
"""


def create(url_or_path: str | Path, world: World) -> Path:
    """Writes the database anew from the world's roster; returns its path.

    Args:
        url_or_path: a file path or a `sqlite:///…` URL.

    Raises:
        ValueError: the URL is of another database.
    """
    given = str(url_or_path)
    if "://" in given and not given.startswith("sqlite:///"):
        raise ValueError("The sandbox's product database is a SQLite file: give a path or a sqlite:/// URL")
    path = Path(given.removeprefix("sqlite:///"))
    path.unlink(missing_ok=True)
    roster = world.as_dict()["roster"]
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(_SCHEMA)
        database.executemany(
            "INSERT INTO staff VALUES (:id, :email, :slack_id, :zendesk_id, :manager_id)",
            roster["staff"].values(),
        )
        database.executemany(
            "INSERT INTO teams VALUES "
            "(:id, :tier, :agency, :status, :contract_end, :csm_id, :candidates, :projects, :sequences)",
            roster["teams"].values(),
        )
        database.executemany(
            "INSERT INTO organizations VALUES (:id, :name, :type, :upstream_id, :subscription, :documents)",
            roster["organizations"].values(),
        )
        members = roster["organization_members"]
        for user_id, user in roster["users"].items():
            place = members.get(user_id, {"organization_id": None, "roles": {}})
            values = (user_id, user["email"], place["organization_id"])
            database.execute("INSERT INTO users (id, email, organization_id) VALUES (?, ?, ?)", values)
            roles = [(user_id, organization, role) for organization, role in place["roles"].items()]
            database.executemany("INSERT INTO organization_roles VALUES (?, ?, ?)", roles)
        for team in roster["teams"].values():
            rows = [(team["id"], domain) for domain in team["domains"]]
            database.executemany("INSERT INTO team_domains VALUES (?, ?)", rows)
        for user in roster["users"].values():
            members = [(user["id"], team_id, admin) for team_id, admin in user["teams"].items()]
            database.executemany("INSERT INTO memberships VALUES (?, ?, ?)", members)
            sessions = [
                (f"session-{user['id'][5:]}-{at}", user["id"], team) for at, team in enumerate(user["teams"], 1)
            ]
            database.executemany("INSERT INTO sessions (id, user_id, team_id) VALUES (?, ?, ?)", sessions)
    return path


def deactivate(path: Path, team_id: str, at: str) -> None:
    """Engineering takes all access away from a team: its users, and the sessions in which they are signed in."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE users SET active = 0 WHERE id IN (SELECT user_id FROM memberships WHERE team_id = ?)", (team_id,)
        )
        database.execute("UPDATE sessions SET ended_at = ? WHERE team_id = ? AND ended_at IS NULL", (at, team_id))
