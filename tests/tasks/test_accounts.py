"""The facts of a request, from its ticket and the product database."""

from __future__ import annotations

import pytest

from policies.data_export_facts import Entity, Facts, NamedBy
from tasks import accounts
from tests.scenarios.office import Office


def facts(office: Office, user: str, *tags: str, team: str | None = None, by: NamedBy | None = None) -> Facts:
    """What is looked up for a ticket of this user, outside of any case."""
    ticket = office.people.customer.open_ticket(user, list(tags))
    return accounts.request_facts.fn(ticket, team, by)


@pytest.mark.parametrize(
    ("user", "teams", "team", "admin"),
    [
        ("user-88", 1, "team-104", True),
        ("user-89", 1, "team-104", False),
        ("user-93", 2, None, False),
        ("user-97", 2, None, False),
    ],
    ids=["admin", "member", "a domain of two teams", "a member of two teams"],
)
def test_who_asks(office: Office, user: str, teams: int, team: str | None, admin: bool) -> None:
    """One possible team is the team; of several none is guessed."""
    asked = facts(office, user).requester
    assert (asked.teams, asked.team_id, asked.is_admin) == (teams, team, admin)


def test_a_team_that_was_named(office: Office) -> None:
    """A named team counts when the requester could mean it, together with who named it; another one does not."""
    named = facts(office, "user-97", team="team-109", by=NamedBy.OPERATORS)
    assert named.team is not None
    assert (named.team.id, named.requester.team_named_by) == ("team-109", NamedBy.OPERATORS)
    foreign = facts(office, "user-97", team="team-104", by=NamedBy.OPERATORS)
    assert (foreign.team, foreign.requester.team_id) == (None, None)


@pytest.mark.parametrize(
    ("tags", "entities", "moving"),
    [
        ((), set(Entity), False),
        (("export_projects",), {Entity.PROJECTS}, False),
        (("export_projects", "export_candidates", "moving_teams"), {Entity.PROJECTS, Entity.CANDIDATES}, True),
        (("export_everything",), set(Entity), False),
    ],
)
def test_what_is_asked_for(office: Office, tags: tuple[str, ...], entities: set[Entity], moving: bool) -> None:
    """The ticket's tags say what is asked for; without one it is everything."""
    ask = facts(office, "user-88", *tags).ask
    assert (set(ask.entities), ask.moving_teams) == (entities, moving)


def test_facts_hold_nothing_personal(office: Office) -> None:
    """Neither name nor address nor domain is in the facts."""
    told = facts(office, "user-88").model_dump_json()
    assert not [text for text in office.world.planted if text in told]
