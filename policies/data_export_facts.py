"""The facts of a data export: ids, enums and counts, and nothing personal.

A guess cannot be written down: when a requester could mean several teams, the facts name a team only together
with who said so.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Ask", "Entity", "Facts", "NamedBy", "Requester", "Team", "TeamStatus", "Tier", "domain_matches"]


class Tier(StrEnum):
    FFS = "ffs"
    SCALED = "scaled"
    MID_MARKET = "mid-market"
    ENTERPRISE = "enterprise"


class TeamStatus(StrEnum):
    ACTIVE = "active"
    CHURNED = "churned"


class Entity(StrEnum):
    """What a deliverable can hold."""

    CANDIDATES = "candidates"
    PROJECTS = "projects"
    SEQUENCES = "sequences"


class NamedBy(StrEnum):
    """Who said which of several teams is meant."""

    CUSTOMER = "customer"
    OPERATORS = "operators"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Requester(_Fact):
    """The person who asks, without anything personal.

    `teams` counts the teams they could mean: those they belong to and those whose domains include their
    address's. `team_id` is the one team meant; with several it stays None until somebody has named it.
    `is_admin` and `domain_matches` are about that team.
    """

    teams: int = Field(ge=0)
    team_id: str | None = None
    team_named_by: NamedBy | None = None
    is_admin: bool = False
    domain_matches: bool = False

    @model_validator(mode="after")
    def _never_guessed(self) -> Self:
        if self.team_id is None and (self.is_admin or self.domain_matches or self.team_named_by):
            raise ValueError("is_admin, domain_matches and team_named_by are about a team: give its team_id")
        if self.team_id is None and self.teams == 1:
            raise ValueError("one team can be meant: give its team_id")
        if self.team_id is not None and self.teams == 0:
            raise ValueError("no team can be meant: there is no team_id to give")
        if self.team_id is not None and self.teams > 1 and self.team_named_by is None:
            raise ValueError(f"{self.teams} teams can be meant: say who named {self.team_id}, do not guess")
        return self


class Team(_Fact):
    """The team whose data is asked for. `contract_end` is a date in the business zone, None when unknown."""

    id: str = Field(min_length=1)
    tier: Tier
    agency: bool
    status: TeamStatus
    contract_end: date | None
    candidates: int = Field(ge=0)
    projects: int = Field(ge=0)
    sequences: int = Field(ge=0)
    csm_id: str | None


class Ask(_Fact):
    """What is asked for."""

    moving_teams: bool = False
    entities: frozenset[Entity] = Field(default=frozenset(Entity), min_length=1)


class Facts(_Fact):
    """All that the decision needs. `team` is the requester's `team_id`, and None while that is None."""

    requester: Requester
    team: Team | None
    ask: Ask = Ask()

    @model_validator(mode="after")
    def _of_one_team(self) -> Self:
        given = self.team.id if self.team else None
        if given != self.requester.team_id:
            raise ValueError(f"the requester is of team {self.requester.team_id}, the facts are of {given}")
        return self


def domain_matches(address_domain: str, team_domains: Collection[str]) -> bool:
    """Whether an address's domain is one of the team's: equal, but for the case of ASCII letters.

    Sub-domains and parents do not match. A domain with a character outside ASCII matches nothing, because
    look-alike letters are outside ASCII; internationalised domains compare in their `xn--` form.
    """
    asked = _ascii_lower(address_domain)
    return asked is not None and any(asked == _ascii_lower(domain) for domain in team_domains)


def _ascii_lower(domain: str) -> str | None:
    return domain.lower() if domain and domain.isascii() else None
