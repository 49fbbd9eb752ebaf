"""The product database: who asks, for which team, and who on our side is in charge of it."""

from __future__ import annotations

from casework.people import Person, Role
from casework.step import holders, lookup
from casework.systems import current
from casework.systems.errors import NotFound
from casework.systems.product import MalformedAddress, ProductDatabase, Staff
from policies.data_export_facts import Ask, Entity, Facts, NamedBy, Requester, Team, domain_matches

__all__ = ["is_colleague", "possible_teams", "request_facts", "role"]

MOVING_TAG = "moving_teams"
ENTITY_TAG = "export_"


@lookup
def request_facts(ticket: int, named_team: str | None = None, named_by: NamedBy | None = None) -> Facts:
    """The facts of an export request, from its ticket and the product database.

    The requester's address is compared exactly; it decides nothing but the team, the admin flag and whether its
    domain is the team's own. `named_team` is what a person said when several teams could be meant.
    What is asked for stands in the ticket's tags (`export_projects`, `moving_teams`); without one it is everything.
    """
    asked = current().zendesk.ticket(ticket)
    wanted = frozenset(entity for entity in Entity if f"{ENTITY_TAG}{entity.value}" in asked.tags)
    ask = Ask(moving_teams=MOVING_TAG in asked.tags, entities=wanted or frozenset(Entity))
    address = current().zendesk.user(asked.requester_id).email
    product = current().product
    try:
        domain = product.address_domain(address or "")
    except MalformedAddress:
        return Facts(requester=Requester(teams=0), team=None, ask=ask)
    admin_of = {membership.team_id: membership.admin for membership in product.memberships(address or "")}
    possible = sorted({*admin_of, *product.teams_with_domain(domain)} if admin_of else ())
    team_id = possible[0] if len(possible) == 1 else named_team if named_team in possible else None
    team = product.team(team_id) if team_id else None
    if team is None:
        return Facts(requester=Requester(teams=len(possible) if len(possible) != 1 else 0), team=None, ask=ask)
    requester = Requester(
        teams=len(possible),
        team_id=team.id,
        team_named_by=named_by if len(possible) > 1 else None,
        is_admin=admin_of.get(team.id, False),
        domain_matches=domain_matches(domain, team.domains),
    )
    known = team.model_dump(exclude={"domains"})
    return Facts(requester=requester, team=Team.model_validate(known), ask=ask)


@lookup
def possible_teams(ticket: int) -> tuple[str, ...]:
    """The teams that the requester could mean."""
    address = current().zendesk.user(current().zendesk.ticket(ticket).requester_id).email or ""
    product = current().product
    mine = {membership.team_id for membership in product.memberships(address)}
    return tuple(sorted(mine | set(product.teams_with_domain(product.address_domain(address)))))


@lookup
def role(name: str, staff_id: str | None = None) -> Role:
    """Who holds a role: the one named by the account where it names one, else those the settings name.

    `csm-manager` for an account's CSM is the manager the product database has for that CSM.

    Raises:
        NotFound: nobody holds it.
    """
    product = current().product
    if name == "csm-manager" and staff_id is not None:
        manager = product.staff(staff_id).manager_id
        ids: tuple[str, ...] = (manager,) if manager else holders("operators")
    else:
        ids = (staff_id,) if staff_id is not None else holders(name)
    if not ids:
        raise NotFound("settings", f"find who holds the role {name}", f"name somebody under roles.{name}")
    return Role(name=name, people=tuple(_person(product, one) for one in ids))


@lookup
def is_colleague(staff: str) -> bool:
    """Whether there is a colleague with this id."""
    try:
        current().product.staff(staff)
    except NotFound:
        return False
    return True


def _person(product: ProductDatabase, staff_id: str) -> Person:
    known: Staff = product.staff(staff_id)
    return Person(id=known.id, slack=known.slack_id, zendesk=known.zendesk_id)
