"""What Qualified's records are to us, read from answers; names, addresses and words kept out of `repr`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Conversation", "Lead", "Meeting", "Message", "Session"]

Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
Several = Annotated[tuple[str, ...], BeforeValidator(lambda value: value or ())]


class _Model(BaseModel):
    """Read by Qualified's names, in camel case."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, alias_generator=to_camel)


class Lead(_Model):
    """Somebody who left an address. `fields` are by our names where they have one, else by Qualified's."""

    id: str
    visitor_ids: Several = ()
    salesforce_lead_id: str | None = None
    salesforce_contact_id: str | None = None
    created_at: Moment
    updated_at: Moment
    email: str = Field(repr=False)
    fields: Mapping[str, Any] = Field(default_factory=dict, repr=False)


class Session(_Model):
    """A visit to the website."""

    id: str
    visitor_id: str
    conversation_ids: Several = ()
    meeting_ids: Several = ()
    created_at: Moment
    ended_at: Moment | None = None


class Conversation(_Model):
    """A chat. `user_id` is the colleague who had it; None: nobody but the machine."""

    id: str
    session_id: str
    visitor_id: str
    user_id: str | None = None
    meeting_ids: Several = ()
    created_at: Moment
    ended_at: Moment | None = None


class Message(_Model):
    """What somebody said in a chat. `sender_type`: user (a colleague), visitor, experience or ai_profile."""

    id: str
    conversation_id: str
    sender_type: str | None = None
    created_at: Moment
    text: str = Field(repr=False)


class Meeting(_Model):
    """A meeting that was offered or booked; `status` in Qualified's words."""

    id: str
    visitor_id: str
    session_id: str | None = None
    conversation_id: str | None = None
    status: str
    created_at: Moment
    updated_at: Moment

    @property
    def booked(self) -> bool:
        """Whether it stands."""
        return self.status in ("booked", "rescheduled")
