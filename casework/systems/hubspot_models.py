"""What HubSpot's objects are to us, read from answers; words, names and addresses kept out of `repr`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from casework.systems.hubspot_rest import own
from casework.systems.hubspot_text import as_text

__all__ = ["Absence", "Company", "Deal", "Hours", "Note", "Owner", "Rep", "Task", "Ticket", "Version"]

Id = Annotated[str, AfterValidator(own)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
Flag = Annotated[bool, BeforeValidator(lambda value: value or False)]
Words = Annotated[str, BeforeValidator(lambda body: as_text(body or ""))]

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_SEVERAL = {"MONDAY_TO_FRIDAY": range(5), "SATURDAY_SUNDAY": range(5, 7), "EVERY_DAY": range(7)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Model(BaseModel):
    """Read by HubSpot's names of properties (aliases), which for custom ones are ours."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Deal(_Model):
    """A deal as it stands now. `status` and `contract_end` are the account's own properties."""

    id: Id
    pipeline: str
    stage: str = Field(alias="dealstage")
    closed: Flag = Field(alias="hs_is_closed")
    won: Flag = Field(alias="hs_is_closed_won")
    owner_id: Id | None = Field(alias="hubspot_owner_id")
    status: str | None = Field(alias="client_activity_status")
    contract_end: date | None = Field(alias="contract_end_date")
    created: Moment = Field(alias="createdate")
    changed: Moment = Field(alias="hs_lastmodifieddate")
    name: str | None = Field(alias="dealname", repr=False)


class Version(_Model):
    """A value that a property has had from `at` on; None: none. `app` is the id of the app that set it, if one did."""

    value: Annotated[str | None, BeforeValidator(lambda value: value or None)]
    at: Moment = Field(alias="timestamp")
    source: str = Field(alias="sourceType")
    source_id: str | None = Field(None, alias="sourceId")

    @property
    def app(self) -> str | None:
        """The id of the app that set it; None for a person, a workflow, an import."""
        return self.source_id or "" if self.source == "INTEGRATION" else None


class Company(_Model):
    """A customer; the owner is who represents us there."""

    id: Id
    owner_id: Id | None = Field(alias="hubspot_owner_id")
    name: str | None = Field(repr=False)
    domain: str | None = Field(repr=False)


class Ticket(_Model):
    """A ticket of the help desk; what is due is due by the account's own targets, where it has some.

    `stage_since` is when it came to its stage; None where HubSpot does not say so.
    """

    id: Id
    pipeline: str = Field(alias="hs_pipeline")
    stage: str = Field(alias="hs_pipeline_stage")
    stage_since: Moment | None = Field(None, alias="hs_v2_date_entered_current_stage")
    closed: Flag = Field(alias="hs_is_closed")
    owner_id: Id | None = Field(alias="hubspot_owner_id")
    priority: str | None = Field(alias="hs_ticket_priority")
    first_answer_due: Moment | None = Field(alias="hs_time_to_first_response_sla_at")
    end_due: Moment | None = Field(alias="hs_time_to_close_sla_at")
    answered: Moment | None = Field(alias="first_agent_reply_date")
    created: Moment = Field(alias="createdate")
    changed: Moment = Field(alias="hs_lastmodifieddate")
    subject: str | None = Field(repr=False)

    @property
    def due(self) -> datetime | None:
        """When the next target passes by: that of the first answer while there is none, or that of the end."""
        first = self.first_answer_due if self.answered is None else None
        return min((due for due in (first, self.end_due) if due is not None and not self.closed), default=None)

    def overdue(self, now: datetime) -> bool:
        """Whether a target has passed by."""
        return self.due is not None and self.due < now


class Task(_Model):
    """A task of a colleague."""

    id: Id
    status: str = Field(alias="hs_task_status")
    owner_id: Id | None = Field(alias="hubspot_owner_id")
    due: Moment = Field(alias="hs_timestamp")
    created: Moment = Field(alias="hs_createdate")
    changed: Moment = Field(alias="hs_lastmodifieddate")
    subject: str | None = Field(alias="hs_task_subject", repr=False)
    text: Words = Field(alias="hs_task_body", repr=False)

    @property
    def done(self) -> bool:
        """Whether somebody has completed it."""
        return self.status == "COMPLETED"


class Note(_Model):
    """A note for colleagues on a record."""

    id: Id
    at: Moment = Field(alias="hs_timestamp")
    text: Words = Field(alias="hs_note_body", repr=False)


class Owner(_Model):
    """A person to whom records belong. `user_id` is the same person's id as a user of HubSpot; an inactive has none."""

    id: Id
    user_id: int | None = Field(None, alias="userId")
    archived: bool = False
    email: str | None = Field(None, repr=False)


class Hours(_Model):
    """Working hours on weekdays (0 is Monday), in minutes after midnight of the person's zone."""

    days: Annotated[tuple[int, ...], BeforeValidator(lambda days: _weekdays(days))]
    start: int = Field(alias="startMinute", ge=0, le=1440)
    end: int = Field(alias="endMinute", ge=0, le=1440)


def _weekdays(days: Any) -> tuple[int, ...]:
    if isinstance(days, tuple):
        return days
    if days in _SEVERAL:
        return tuple(_SEVERAL[days])
    if days not in _DAYS:
        raise ValueError("no weekdays that HubSpot documents")
    return (_DAYS.index(days),)


def _moment(milliseconds: Any) -> Any:
    if isinstance(milliseconds, datetime):
        return milliseconds
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        raise ValueError("no time in milliseconds")
    return _EPOCH + timedelta(milliseconds=milliseconds)


class Absence(_Model):
    """A time out of office, from `start` to before `end` (UTC)."""

    start: Annotated[datetime, BeforeValidator(_moment)] = Field(alias="startTimestamp")
    end: Annotated[datetime, BeforeValidator(_moment)] = Field(alias="endTimestamp")


def _listed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else (value or ())


class Rep(_Model):
    """A user of HubSpot: whether new work may be assigned, and when they work.

    `available` is None while nobody has ever set it. HubSpot sets it to away outside `hours` by itself.
    """

    id: Id
    available: Annotated[bool | None, BeforeValidator(lambda said: _available(said))] = Field(
        alias="hs_availability_status"
    )
    zone: str | None = Field(alias="hs_standard_time_zone")
    hours: Annotated[tuple[Hours, ...], BeforeValidator(_listed)] = Field(alias="hs_working_hours")
    absences: Annotated[tuple[Absence, ...], BeforeValidator(_listed)] = Field(alias="hs_out_of_office_hours")


def _available(said: Any) -> Any:
    known = {"available": True, "away": False, None: None, True: True, False: False}
    if said not in known:
        raise ValueError("neither available nor away")
    return known[said]
