"""What Intercom's objects are to us, read from answers; words, names and addresses kept out of `repr`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from casework.systems.intercom_rest import contact_id, number

__all__ = ["Admin", "Contact", "Conversation", "Part", "Queued", "Standing", "Tag", "Team"]

Standing: TypeAlias = Literal["unanswered", "open", "answered", "snoozed", "closed"]
"""Where a conversation stands: nobody has answered yet, the customer waits again, we answered last, put off, closed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(seconds: Any) -> Any:
    if isinstance(seconds, datetime):
        return seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise ValueError("no time in seconds")
    return _EPOCH + timedelta(seconds=seconds)


def _number(given: Any) -> Any:
    """Ids are strings in some places and whole numbers in others; 0 and nothing both mean nobody."""
    if given is None or given in (0, "0", ""):
        return None
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


Id = Annotated[str, AfterValidator(number)]
Whose = Annotated[Annotated[str, AfterValidator(number)] | None, BeforeValidator(_number)]
ContactId = Annotated[str, AfterValidator(contact_id)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class _Listed(_Model):
    """Something that stands with its id in a list of an object."""

    id: str


class _Applied(_Model):
    id: str = ""


class Tag(_Listed):
    """A tag of a conversation; when it was attached, and by whom, as far as Intercom says."""

    name: str
    at: Moment | None = Field(None, alias="applied_at")
    by: Annotated[_Applied, BeforeValidator(lambda given: given or {})] = Field(_Applied(), alias="applied_by")


class _Author(_Model):
    type: str = ""
    id: str = ""

    @property
    def is_admin(self) -> bool:
        """Whether a colleague wrote it, or we did."""
        return self.type == "admin"

    @property
    def is_contact(self) -> bool:
        """Whether somebody from outside wrote it."""
        return self.type in ("user", "lead", "contact")


class _Attribute(_Model):
    name: str = ""


class _Details(_Model):
    attribute: _Attribute | None = None


class Part(_Model):
    """Something that was said or done in a conversation.

    `kind` is Intercom's word: `comment` (said to everybody), `note` (for colleagues), `close`, `assignment`, ….
    """

    id: Id
    kind: str = Field(alias="part_type")
    at: Moment = Field(alias="created_at")
    author: _Author = _Author()
    text: Annotated[str, BeforeValidator(lambda body: body or "")] = Field("", alias="body", repr=False)
    details: Annotated[_Details, BeforeValidator(lambda given: given or {})] = Field(
        _Details(), alias="event_details", repr=False
    )

    @property
    def attribute(self) -> str | None:
        """The name of the attribute of the conversation that was set here, if one was."""
        return self.details.attribute.name if self.details.attribute is not None else None


class _Source(_Model):
    author: _Author = _Author()
    body: Annotated[str, BeforeValidator(lambda body: body or "")] = Field("", repr=False)


class _Statistics(_Model):
    first_admin_reply_at: Moment | None = None
    last_admin_reply_at: Moment | None = None


class _Sla(_Model):
    sla_status: str = ""


def _inner(name: str) -> BeforeValidator:
    """What Intercom wraps in a list object of its own; an absent one has nothing in it."""
    return BeforeValidator(lambda given: (given.get(name) or ()) if isinstance(given, dict) else (given or ()))


class Queued(_Model):
    """A conversation as it stands in a queue, without what was said in it.

    `waiting_since` is since when the customer waits for an answer; None when we answered last.
    """

    id: Id
    created: Moment = Field(alias="created_at")
    changed: Moment = Field(alias="updated_at")
    state: Literal["open", "closed", "snoozed"]
    waiting_since: Moment | None = None
    admin_id: Whose = Field(None, alias="admin_assignee_id")
    team_id: Whose = Field(None, alias="team_assignee_id")
    source: _Source = Field(_Source(), repr=False)
    statistics: Annotated[_Statistics, BeforeValidator(lambda given: given or {})] = _Statistics()
    sla: Annotated[_Sla, BeforeValidator(lambda given: given or {})] = Field(_Sla(), alias="sla_applied")

    @property
    def standing(self) -> Standing:
        """Where it stands.

        A conversation that a customer began and nobody but a bot has answered is unanswered, also where Intercom does
        not count the customer as waiting.
        """
        if self.state != "open":
            return self.state
        if self.statistics.first_admin_reply_at is None and self.source.author.is_contact:
            return "unanswered"
        return "answered" if self.waiting_since is None else "open"

    @property
    def since(self) -> datetime:
        """Since when the customer waits, or else since when it is at the latest so: Intercom keeps no other times."""
        if self.standing in ("unanswered", "open"):
            return self.waiting_since or self.created
        answered = self.statistics.last_admin_reply_at if self.standing == "answered" else None
        return answered or self.changed

    @property
    def sla_missed(self) -> bool:
        """Whether Intercom says that its service level was missed; it does not say when one will be."""
        return self.sla.sla_status == "missed"


class Conversation(Queued):
    """A conversation as it stands now, with what was said in it (the newest 500 parts), oldest first.

    `contacts` are the people from outside who take part, `teammates` the admins who have written.
    """

    tags: Annotated[tuple[Tag, ...], _inner("tags")] = ()
    contact_list: Annotated[tuple[_Listed, ...], _inner("contacts")] = Field((), alias="contacts")
    teammate_list: Annotated[tuple[_Listed, ...], _inner("teammates")] = Field((), alias="teammates")
    attributes: dict[str, Any] = Field({}, alias="custom_attributes", repr=False)
    parts: Annotated[tuple[Part, ...], _inner("conversation_parts")] = Field((), alias="conversation_parts")

    @property
    def contacts(self) -> tuple[str, ...]:
        """The ids of those from outside who take part."""
        return tuple(one.id for one in self.contact_list)

    @property
    def teammates(self) -> tuple[str, ...]:
        """The ids of the admins who have written."""
        return tuple(one.id for one in self.teammate_list)

    @property
    def tag_names(self) -> tuple[str, ...]:
        """The names of its tags."""
        return tuple(one.name for one in self.tags)

    def tag(self, name: str) -> Tag | None:
        """The tag with this name, case aside, if it has it."""
        return next((one for one in self.tags if one.name.strip().lower() == name.strip().lower()), None)

    def attribute(self, name: str) -> str | None:
        """The value of an attribute of conversations, such as its topic; None when it has none that is a text."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) and value else None

    def after(self, part_id: str) -> tuple[Part, ...]:
        """The parts after the one with this id; all of them when it is not there."""
        at = next((at for at, part in enumerate(self.parts, 1) if part.id == part_id), 0)
        return self.parts[at:]


class Contact(_Model):
    """Somebody from outside. `role` is Intercom's: a `user` was identified by an id or an address, a `lead` was not."""

    id: ContactId
    role: str
    external_id: str | None = Field(None, repr=False)
    owner_id: Whose = None
    created: Moment = Field(alias="created_at")
    changed: Moment = Field(alias="updated_at")
    email: str | None = Field(None, repr=False)
    name: str | None = Field(None, repr=False)


class Admin(_Model):
    """A colleague, or a robot such as ours, with an account in the workspace."""

    id: Id
    away: bool = Field(False, alias="away_mode_enabled")
    team_ids: tuple[Annotated[str, BeforeValidator(_number)], ...] = ()
    email: str | None = Field(None, repr=False)


class Team(_Model):
    """A team of admins."""

    id: Id
    admin_ids: tuple[Annotated[str, BeforeValidator(_number)], ...] = ()
