"""The organisation's own product database, read only: who belongs to which team or organisation, who can still get in,
and who works here.

Access rests on these answers, so addresses match exactly or not at all: ASCII letters are lower-cased on both
sides, surrounding blanks are dropped, and nothing else is made equal. `LIKE` is never used, and what the
database finds is compared again here, because a database's `lower()` may fold letters that only look alike.
"""

from __future__ import annotations

import re
import sqlite3
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import idna
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary

_SYSTEM = "product database"
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BLANKS = " \t\r\n"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SQLITE_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR})
# PostgreSQL error classes: invalid authorization, invalid catalog name, syntax or access rule violation.
_POSTGRES_SETTINGS = ("28", "3D", "42")


@dataclass(frozen=True, slots=True)
class Queries:
    """The questions as SQL, for a product whose tables look otherwise.

    Each keeps its parameters (`:address`, `:id`) and the names of its columns. `memberships`, `accounts` and
    `staff_by_address` may find too much; their `email` column decides.
    """

    memberships: str = (
        "SELECT m.user_id, m.team_id, m.admin, u.email FROM users u JOIN memberships m ON m.user_id = u.id "
        "WHERE lower(trim(u.email)) = :address ORDER BY m.user_id, m.team_id"
    )
    team: str = (
        "SELECT id, tier, agency, status, contract_end, csm_id, candidates, projects, sequences "
        "FROM teams WHERE id = :id"
    )
    domains: str = "SELECT domain FROM team_domains WHERE team_id = :id ORDER BY domain"
    teams_with_domain: str = "SELECT team_id, domain FROM team_domains WHERE lower(trim(domain)) = :domain"
    accounts: str = (
        "SELECT u.id AS user_id, u.email, o.id AS organization_id, o.type AS organization_type, up.id AS upstream_id, "
        "r.role, up.subscription, up.documents FROM users u JOIN organizations o ON o.id = u.organization_id "
        "JOIN organizations up ON up.id = o.upstream_id "
        "LEFT JOIN organization_roles r ON r.user_id = u.id AND r.organization_id = up.id "
        "WHERE lower(trim(u.email)) = :address ORDER BY u.id, r.role"
    )
    members: str = (
        "SELECT m.user_id, m.team_id, m.admin, u.active FROM memberships m JOIN users u ON u.id = m.user_id "
        "WHERE m.team_id = :id ORDER BY m.user_id"
    )
    user_address: str = "SELECT email FROM users WHERE id = :id"
    live_sessions: str = "SELECT count(*) AS live_sessions FROM sessions WHERE team_id = :id AND ended_at IS NULL"
    organization: str = "SELECT name FROM organizations WHERE id = :id"
    staff: str = "SELECT id, slack_id, zendesk_id, manager_id FROM staff WHERE id = :id"
    staff_by_zendesk: str = "SELECT id, slack_id, zendesk_id, manager_id FROM staff WHERE zendesk_id = :id"
    staff_by_slack: str = "SELECT id, slack_id, zendesk_id, manager_id FROM staff WHERE slack_id = :id"
    staff_address: str = "SELECT email FROM staff WHERE id = :id"
    staff_by_address: str = (
        "SELECT id, slack_id, zendesk_id, manager_id, email FROM staff WHERE lower(trim(email)) = :address"
    )


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Membership(_Model):
    """A user's place in a team."""

    user_id: str
    team_id: str
    admin: bool


class Member(Membership):
    """A user's place in a team, and whether they can sign in."""

    active: bool


class Team(_Model):
    """A customer team. `contract_end` is the last day of the contract; counts are of live records."""

    id: str
    tier: Literal["ffs", "scaled", "mid-market", "enterprise"]
    agency: bool
    status: Literal["active", "churned"]
    contract_end: date | None
    csm_id: str | None
    candidates: int
    projects: int
    sequences: int
    domains: tuple[str, ...]


class Account(_Model):
    """A user in an organisation, and what the organisation upstream of it is and has.

    `role` is the user's in the upstream organisation, None without one; `documents` counts that organisation's.
    """

    user_id: str
    organization_id: str
    organization_type: str
    upstream_id: str
    role: str | None
    subscription: str
    documents: int


class Staff(_Model):
    """A colleague, by ids alone."""

    id: str
    slack_id: str | None
    zendesk_id: int | None
    manager_id: str | None


_M = TypeVar("_M", bound=BaseModel)


class MalformedAddress(ValueError):
    """An e-mail address that cannot be used to recognise anyone. The text does not quote it."""


class ProductDatabase:
    """Reads `url`, a SQLAlchemy address of a SQLite or PostgreSQL database, and can write nothing."""

    def __init__(self, url: str, queries: Queries = Queries()) -> None:
        self._engine = _read_only_engine(url)
        self._queries = queries

    def memberships(self, address: str) -> list[Membership]:
        """The teams of the user with exactly this address; empty when nobody has it."""
        operation = "find memberships by address"
        return [_typed(operation, Membership, row) for row in self._of(address, operation, self._queries.memberships)]

    def accounts(self, address: str) -> list[Account]:
        """The accounts with exactly this address that belong to an organisation; one for each role in the upstream one.

        Empty when nobody has it.
        """
        operation = "find accounts by address"
        return [_typed(operation, Account, row) for row in self._of(address, operation, self._queries.accounts)]

    def organization_name(self, organization_id: str) -> str:
        """What an organisation is called, to write where it belongs and forget. Raises `NotFound`."""
        operation = f"read the name of organisation {organization_id}"
        row = self._row(operation, self._queries.organization, id=organization_id)
        if row is None or not row["name"]:
            raise NotFound(_SYSTEM, operation, "there is no such organisation, or it has no name")
        return str(row["name"])

    def team(self, team_id: str) -> Team | None:
        """The team with its e-mail domains, or None."""
        operation = f"read team {team_id}"
        row = self._row(operation, self._queries.team, id=team_id)
        if row is None:
            return None
        domains = self._rows(operation, self._queries.domains, id=team_id)
        return _typed(operation, Team, {**row, "domains": tuple(_plain(str(d["domain"])) for d in domains)})

    def teams_with_domain(self, domain: str) -> tuple[str, ...]:
        """The ids of the teams that have exactly this e-mail domain (as `address_domain` gives it)."""
        operation = "find teams by domain"
        rows = self._rows(operation, self._queries.teams_with_domain, domain=_plain(domain))
        return tuple(sorted(str(row["team_id"]) for row in rows if _plain(str(row["domain"])) == _plain(domain)))

    def members(self, team_id: str) -> list[Member]:
        """The users of a team, also those who cannot sign in any more."""
        operation = f"find the members of team {team_id}"
        return [_typed(operation, Member, row) for row in self._rows(operation, self._queries.members, id=team_id)]

    def user_address(self, user_id: str) -> str:
        """A user's e-mail address, active or not, to write to and forget. Raises `NotFound`."""
        return self._address(f"read the address of user {user_id}", self._queries.user_address, user_id)

    def live_sessions(self, team_id: str) -> int:
        """In how many sessions of a team somebody is signed in."""
        operation = f"count the live sessions of team {team_id}"
        (row,) = self._rows(operation, self._queries.live_sessions, id=team_id)
        return int(row["live_sessions"])

    def staff(self, staff_id: str) -> Staff:
        """Raises `NotFound` when nobody has this id."""
        operation = f"read staff {staff_id}"
        row = self._row(operation, self._queries.staff, id=staff_id)
        if row is None:
            raise NotFound(_SYSTEM, operation, "nobody has this id")
        return _typed(operation, Staff, row)

    def staff_address(self, staff_id: str) -> str:
        """A colleague's e-mail address, to write to and forget. Raises `NotFound`."""
        return self._address(f"read the address of staff {staff_id}", self._queries.staff_address, staff_id)

    def staff_by_address(self, address: str) -> Staff | None:
        """The colleague with exactly this address, or None. Raises `Refused` when several have it."""
        operation = "find staff by address"
        rows = self._of(address, operation, self._queries.staff_by_address)
        if len(rows) > 1:
            raise Refused(_SYSTEM, operation, f"{len(rows)} colleagues have the same address")
        return _typed(operation, Staff, rows[0]) if rows else None

    def staff_by_zendesk(self, zendesk_id: int) -> Staff | None:
        """The colleague with this Zendesk user id, or None."""
        operation = f"find staff by Zendesk id {zendesk_id}"
        row = self._row(operation, self._queries.staff_by_zendesk, id=zendesk_id)
        return None if row is None else _typed(operation, Staff, row)

    def staff_by_slack(self, slack_id: str) -> Staff | None:
        """The colleague with this Slack user id, or None."""
        operation = f"find staff by Slack id {slack_id}"
        row = self._row(operation, self._queries.staff_by_slack, id=slack_id)
        return None if row is None else _typed(operation, Staff, row)

    @staticmethod
    def address_domain(address: str) -> str:
        """The address's domain in ASCII lower case, an international one in its `xn--` form (IDNA 2008).

        Raises `MalformedAddress`. A domain that IDNA 2003 would fold into another one is malformed here: a
        look-alike must not become what it looks like.
        """
        local, at, domain = _plain(address).partition("@")
        if not at or not local or "@" in domain or any(c.isspace() for c in local + domain):
            raise MalformedAddress("An e-mail address has one '@' between a name and a domain")
        try:
            ascii_domain = domain if domain.isascii() else idna.encode(domain, std3_rules=True).decode()
        except idna.IDNAError:
            raise MalformedAddress("The e-mail address's domain is not a valid domain name") from None
        labels = ascii_domain.split(".")
        if len(labels) < 2 or len(ascii_domain) > 253 or not all(map(_LABEL.fullmatch, labels)):
            raise MalformedAddress("The e-mail address's domain is not a valid domain name")
        return ascii_domain

    def _of(self, address: str, operation: str, query: str) -> list[Mapping[str, Any]]:
        """The rows whose `email` is this address, compared again here."""
        wanted = _plain(address)
        if not wanted.isprintable():
            return []  # Hidden characters belong to nobody, and a database may choke on them.
        return [row for row in self._rows(operation, query, address=wanted) if _plain(str(row["email"])) == wanted]

    def _address(self, operation: str, query: str, person_id: str) -> str:
        row = self._row(operation, query, id=person_id)
        if row is None or not row["email"]:
            raise NotFound(_SYSTEM, operation, "nobody has this id, or they have no address")
        return str(row["email"])

    def _row(self, operation: str, query: str, **parameters: Any) -> Mapping[str, Any] | None:
        rows = self._rows(operation, query, **parameters)
        if len(rows) > 1:
            raise Refused(_SYSTEM, operation, f"{len(rows)} rows where one was expected")
        return rows[0] if rows else None

    def _rows(self, operation: str, query: str, **parameters: Any) -> list[Mapping[str, Any]]:
        with _faults(operation), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), parameters).mappings()]


def _plain(value: str) -> str:
    return value.strip(_BLANKS).translate(_LOWER)


def _typed(operation: str, model: type[_M], row: Mapping[str, Any]) -> _M:
    try:
        return model.model_validate(dict(row))
    except ValidationError as error:
        # Columns only: pydantic's own text quotes the values.
        columns = sorted({str(e["loc"][0]) for e in error.errors() if e["loc"]})
    raise Refused(_SYSTEM, operation, f"unusable values in {', '.join(columns)}")


def _read_only_engine(url: str) -> Engine:
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise Misconfigured(_SYSTEM, "connect", "a SQLite address needs the path of a file")
        readable = parsed.set(database=f"file:{quote(parsed.database)}").update_query_dict(
            {"mode": "ro", "uri": "true"}
        )
        return create_engine(readable, hide_parameters=True)
    if backend == "postgresql":
        options = "-c default_transaction_read_only=on -c statement_timeout=15000"
        connect_args = {"options": options, "connect_timeout": 5}
        return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, connect_args=connect_args)
    raise Misconfigured(_SYSTEM, "connect", f"{backend} is neither SQLite nor PostgreSQL")


@contextmanager
def _faults(operation: str) -> Iterator[None]:
    """Turn a database's errors into ours; their own texts quote values and addresses."""
    fault: SystemFault
    try:
        yield
        return
    except DBAPIError as error:
        fault = _fault(operation, error)
    except SQLAlchemyError as error:
        fault = Misconfigured(_SYSTEM, operation, f"the query cannot be run ({type(error).__name__})")
    raise fault from None


def _fault(operation: str, error: DBAPIError) -> SystemFault:
    original = error.orig
    kind = type(original).__name__
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        # The low byte is the primary code (SQLite, "Result and Error Codes").
        if code is not None and code & 0xFF in _SQLITE_BUSY:
            return Temporary(_SYSTEM, operation, f"busy ({kind})")
        return Misconfigured(_SYSTEM, operation, f"cannot be read as configured ({kind})")
    state = getattr(original, "sqlstate", None)
    if state is not None and state.startswith(_POSTGRES_SETTINGS):
        return Misconfigured(_SYSTEM, operation, f"cannot be read as configured (SQLSTATE {state})")
    return Temporary(_SYSTEM, operation, f"not available ({f'SQLSTATE {state}' if state else kind})")
