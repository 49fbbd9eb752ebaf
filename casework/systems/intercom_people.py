"""Who is in a workspace: contacts from outside, colleagues as admins and teams, and the tags they use.

Contacts are looked for by e-mail before one is made. A search may not know of the newest yet, and the answer to making
one may be lost; both are safe, because we only make users, whose address Intercom holds unique: it refuses the second
and names the first.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from casework.systems.errors import NotFound, Refused
from casework.systems.intercom_models import Admin, Contact, Team
from casework.systems.intercom_rest import SYSTEM, IntercomRest, Taken, contact_id, number

__all__ = ["Colleagues", "Contacts", "Tags"]

_MOST_ALIKE = 150


class _Tag(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str


_ADMINS, _TAGS = TypeAdapter(list[Admin]), TypeAdapter(list[_Tag])


class Contacts:
    """The people from outside."""

    def __init__(self, rest: IntercomRest) -> None:
        self._rest = rest

    def contact(self, contact: str) -> Contact:
        """A contact as it stands now. Raises `NotFound`, also when it was deleted or merged into another."""
        operation = f"read contact {contact}"
        return self._rest.typed(operation, Contact, self._rest.ask(operation, "GET", f"contacts/{contact_id(contact)}"))

    def by_email(self, email: str) -> tuple[Contact, ...]:
        """The contacts with exactly this address, ASCII case aside: users before leads, oldest first.

        Each as it stands now; one that was made within the last moments may be missing.
        """
        wanted = email.strip().lower()
        if not wanted:
            return ()
        operation = "find contacts by address"
        filters = [{"field": "email", "operator": "=", "value": wanted}]
        ids = [str(one.get("id")) for one in self._rest.search(operation, "contacts", "data", filters, _MOST_ALIKE)]
        found = [one for key in dict.fromkeys(ids) if (one := self._there(key)) is not None]
        same = (one for one in found if (one.email or "").strip().lower() == wanted)
        return tuple(sorted(same, key=lambda one: (one.role != "user", one.created, one.id)))

    def create(self, email: str, name: str | None = None) -> str:
        """Make a user with this address, unless there is one; the id of the one there is then. Repeatable.

        Raises:
            Refused: the address belongs to an archived contact: restore or delete it in Intercom.
        """
        operation = "make a contact"
        body: dict[str, Any] = {"role": "user", "email": email.strip()} | ({} if name is None else {"name": name})
        try:
            answer = self._rest.ask(operation, "POST", "contacts", json=body, repeatable=True)
        except Taken as taken:
            if taken.holder is None or taken.archived:
                kind = "archived contact" if taken.archived else "contact that we cannot see"
                detail = f"the address belongs to a {kind} ({taken.holder or 'its id is not told'})"
                raise Refused(SYSTEM, operation, detail, status=taken.status) from None
            return taken.holder
        return self._rest.typed(operation, Contact, answer).id

    def _there(self, contact: str) -> Contact | None:
        try:
            return self.contact(contact)
        except NotFound:
            return None


class Colleagues:
    """The admins and teams of a workspace, ourselves among them."""

    def __init__(self, rest: IntercomRest) -> None:
        self._rest = rest
        self._own_id: str | None = None

    def own_id(self) -> str:
        """The id of the admin that we act as: the one who made the app's token, best a robot."""
        if self._own_id is None:
            operation = "read our own admin"
            self._own_id = self._rest.typed(operation, Admin, self._rest.ask(operation, "GET", "me")).id
        return self._own_id

    @property
    def known_own_id(self) -> str | None:
        """The admin that we act as, if it was asked for before; asks nobody."""
        return self._own_id

    def admin(self, admin_id: str) -> Admin:
        """An admin. Raises `NotFound`."""
        operation = f"read admin {admin_id}"
        return self._rest.typed(operation, Admin, self._rest.ask(operation, "GET", f"admins/{number(admin_id)}"))

    def by_email(self, email: str) -> Admin | None:
        """The admin with exactly this address, ASCII case aside."""
        wanted = email.strip().lower()
        operation = "find an admin by address"
        listed = self._rest.typed(operation, _ADMINS, self._rest.ask(operation, "GET", "admins"), "admins")
        return next((one for one in listed if wanted and (one.email or "").strip().lower() == wanted), None)

    def team(self, team_id: str) -> Team:
        """A team. Raises `NotFound`."""
        operation = f"read team {team_id}"
        return self._rest.typed(operation, Team, self._rest.ask(operation, "GET", f"teams/{number(team_id)}"))


class Tags:
    """The tags of a workspace, whose names are unique, case aside."""

    def __init__(self, rest: IntercomRest) -> None:
        self._rest = rest

    def named(self, name: str) -> str | None:
        """The id of the tag with this name."""
        operation, wanted = "list the tags", name.strip().lower()
        listed = self._rest.typed(operation, _TAGS, self._rest.ask(operation, "GET", "tags"), "data")
        return next((one.id for one in listed if one.name.strip().lower() == wanted), None)
