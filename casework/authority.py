"""Who may answer: those asked, and whoever stands in for one of them today.

A delegate answers in the place of the person asked: the file names both. A delegation has a start and an end and
gives nothing that its giver does not have; it does not pass on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from casework.people import Identity, Person
from casework.schema import delegations

__all__ = ["Delegation", "Seat", "delegate", "in_force", "revoke", "seats", "stand_ins"]

_IN_FORCE = (
    select(delegations)
    .where(delegations.c.until_at > bindparam("now"), delegations.c.revoked_at.is_(None))
    .order_by(delegations.c.since_at, delegations.c.number)
)


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one person asked, and who fills it: that person or a delegate."""

    asked: Person
    actor: Person

    @property
    def ids(self) -> set[str]:
        """Everybody who takes part when this seat answers."""
        return {self.asked.id, self.actor.id}


@dataclass(frozen=True, slots=True)
class Delegation:
    """One person stands in for another; moments are UTC, `until` is exclusive."""

    number: int
    person: str
    delegate: Person
    since: datetime
    until: datetime


def seats(connection: Connection, who: Sequence[Any], identity: Identity, now: datetime) -> list[Seat]:
    """The seats that this identity may fill among those asked at `now` (UTC), its own first."""
    people = [Person.model_validate(person) for person in who]
    own = [Seat(person, person) for person in people if identity.is_person(person)]
    standing_in = stand_ins(connection, now)
    return own + [
        Seat(person, one) for person in people for one in standing_in.get(person.id, ()) if identity.is_person(one)
    ]


def stand_ins(connection: Connection, now: datetime) -> dict[str, list[Person]]:
    """Who stands in at `now` (UTC) for each person (an id) who has anybody."""
    found: dict[str, list[Person]] = {}
    for one in in_force(connection, now):
        if one.since <= now:
            found.setdefault(one.person, []).append(one.delegate)
    return found


def in_force(connection: Connection, now: datetime) -> list[Delegation]:
    """The delegations that hold at `now` (UTC) or later, by their start."""
    return [
        Delegation(row.number, row.person, Person.model_validate(row.delegate), row.since_at, row.until_at)
        for row in connection.execute(_IN_FORCE, {"now": now})
    ]


def delegate(
    connection: Connection, person: str, to: Person, since: datetime, until: datetime, by: str, now: datetime
) -> int:
    """Let `to` stand in for `person` from `since` to `until` (UTC); the delegation's number.

    Raises:
        ValueError: the span is empty or past, or both are the same person.
    """
    if person == to.id:
        raise ValueError(f"{person} cannot stand in for themselves: name somebody else.")
    if until <= since or until <= now:
        raise ValueError("A delegation ends after it begins, and not in the past: give a later end.")
    known = connection.execute(
        insert(delegations).values(
            person=person,
            delegate=to.model_dump(mode="json"),
            since_at=since,
            until_at=until,
            made_by=by,
            made_at=now,
        )
    )
    return int(known.inserted_primary_key[0])  # type: ignore[index] # an insert of one row has a key


def revoke(connection: Connection, number: int, now: datetime) -> bool:
    """End a delegation at once; false when there is none in force with this number."""
    done = connection.execute(
        update(delegations)
        .where(delegations.c.number == number, delegations.c.revoked_at.is_(None), delegations.c.until_at > now)
        .values(revoked_at=now)
    )
    return done.rowcount == 1
