"""One real site for the whole session, and four cases on it that live at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest

from tests.real.site import Site, until

REASON = "We are moving to Thistledown-Vantage because of the ZQ-pricing letter"


@dataclass(frozen=True)
class Played:
    """A case, and the invented people and team that it is about."""

    ticket: int
    user: str
    team: str
    csm: str
    id: str


@dataclass(frozen=True)
class Cases:
    """Cases of four customers: three wait for their CSM to agree; the fourth needs nobody's consent and was made."""

    delivered: Played
    denied: Played
    cancelled: Played
    expired: Played


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Prefect server, worker and gateway by `casework up`, and the sandbox around them."""
    with Site(tmp_path_factory.mktemp("real") / "home") as site:
        yield site


@pytest.fixture(scope="session")
def cases(site: Site) -> Cases:
    """The four cases, asked for at the same time, with their reasons given, one of them made."""
    people = {
        "delivered": ("user-88", "team-104", "staff-13"),
        "denied": ("user-83", "team-103", "staff-11"),
        "cancelled": ("user-91", "team-106", "staff-11"),
        "expired": ("user-81", "team-102", ""),
    }
    tickets = {name: site.players.act("customer", "open_ticket", user_id=user) for name, (user, *_) in people.items()}
    opened = {name: until("case", partial(site.case_of, ticket)) for name, ticket in tickets.items()}
    for name, case in opened.items():
        site.until_waiting(case.case_id, "reason/1")
        site.players.act("customer", "reply", ticket=tickets[name], text=REASON)
    site.until_waiting(opened["expired"].case_id, "deliverable/1")
    site.make(opened["expired"].case_id, people["expired"][1], 24_000_000)
    return Cases(**{name: Played(tickets[name], *who, opened[name].case_id) for name, who in people.items()})
