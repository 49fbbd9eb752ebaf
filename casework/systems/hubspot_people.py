"""Colleagues in HubSpot: as owners of records, and as users whose availability decides what is assigned to them.

An owner and a user are one person under two ids; the owner names the user. Source: HubSpot, "Owners API", "Users API"
(working hours and times out of office are JSON within strings).
"""

from __future__ import annotations

from casework.systems.errors import Refused
from casework.systems.hubspot_models import Owner, Rep
from casework.systems.hubspot_rest import SYSTEM, HubSpotRest

__all__ = ["Colleagues"]

_REP = ("hs_availability_status", "hs_standard_time_zone", "hs_working_hours", "hs_out_of_office_hours")


class Colleagues:
    """The people of an account."""

    def __init__(self, rest: HubSpotRest) -> None:
        self._rest = rest

    def owner(self, owner_id: str) -> Owner:
        """An owner. Raises `NotFound`."""
        operation = f"read owner {owner_id}"
        return self._rest.typed(operation, Owner, self._rest.owner(operation, owner_id))

    def by_email(self, email: str) -> Owner | None:
        """The active owner with exactly this address, ASCII case aside."""
        wanted = email.strip().lower()
        if not wanted:
            return None
        operation = "find an owner by address"
        listed = (self._rest.typed(operation, Owner, one) for one in self._rest.owners(operation, email=wanted))
        return next((one for one in listed if (one.email or "").strip().lower() == wanted), None)

    def rep(self, owner_id: str) -> Rep:
        """Whether an owner is available, and when they work, as it stands now.

        Raises `NotFound`; `Refused` when the owner is no active user.
        """
        operation = f"read the availability of owner {owner_id}"
        owner = self.owner(owner_id)
        if owner.user_id is None or owner.archived:
            raise Refused(SYSTEM, operation, "the owner is no active user of the account")
        record = self._rest.read(operation, "users", str(owner.user_id), _REP, by="hs_internal_user_id")
        return self._rest.typed(operation, Rep, record)

    def set_available(self, rep_id: str, available: bool) -> None:
        """Let new work be assigned to somebody, or not; `rep_id` is that of a `Rep`. Repeatable. Raises `NotFound`.

        HubSpot may set it otherwise a moment later, by the working hours: look with `rep`.
        """
        value = "available" if available else "away"
        operation = f"set the availability of user {rep_id}"
        self._rest.update(operation, "users", rep_id, {"hs_availability_status": value})
