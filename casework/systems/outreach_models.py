"""What Outreach's resources are to us, read from answers; names and addresses kept out of `repr`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import getaddresses
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from casework.systems.outreach_rest import own

__all__ = ["Mailbox", "Prospect", "Sequence", "SequenceState", "Template", "User", "Webhook", "address"]

Id = Annotated[str, AfterValidator(own)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
Flag = Annotated[bool, BeforeValidator(lambda value: value or False)]
Count = Annotated[int, BeforeValidator(lambda value: value or 0)]
Words = Annotated[str, BeforeValidator(lambda value: value or "")]
Several = Annotated[tuple[str, ...], BeforeValidator(lambda value: value or ())]

_ADDRESS = re.compile(r"[^\s@,<>\"]+@[^\s@,<>\"]+\.[^\s@,<>\"]+")
_OVER = frozenset({"finished", "opted_out"})


def address(email: str) -> str:
    """`email` as it is compared. Raises ValueError, which does not quote it, for what Outreach could not look for."""
    if not _ADDRESS.fullmatch(email) or ".." in email:
        raise ValueError("this is no e-mail address that Outreach can look for")
    return email.lower()


class _Model(BaseModel):
    """Read by Outreach's names of attributes (aliases)."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Prospect(_Model):
    """A person whom sales writes to, as they stand now. `stage` is the name of theirs; None: they have none."""

    id: Id
    owner_id: Id | None = None
    stage: Annotated[str | None, BeforeValidator(lambda of: of.get("name") if isinstance(of, Mapping) else of)] = None
    created: Moment = Field(alias="createdAt")
    changed: Moment = Field(alias="updatedAt")
    no_mail: Flag = Field(False, alias="emailOptedOut")
    no_contact: Flag = Field(False, alias="optedOut")
    external_id: str | None = Field(None, alias="externalId")
    emails: Several = Field((), repr=False)
    first_name: Words = Field("", alias="firstName", repr=False)
    last_name: Words = Field("", alias="lastName", repr=False)
    company: Words = Field("", repr=False)
    website: Words = Field("", alias="websiteUrl1", repr=False)
    phones: Several = Field((), alias="workPhones", repr=False)

    @property
    def may_be_written_to(self) -> bool:
        """Whether they have not asked to be left alone."""
        return not (self.no_mail or self.no_contact)

    def has(self, email: str) -> bool:
        """Whether this is one of their addresses."""
        return address(email) in {one.lower() for one in self.emails}


class Sequence(_Model):
    """Steps of mails and tasks that prospects are taken through."""

    id: Id
    enabled: Flag = False
    locked: Flag = False
    name: Words = ""


class SequenceState(_Model):
    """A prospect's way through a sequence. `state` in Outreach's words: pending, active, paused, finished, …"""

    id: Id
    prospect_id: Id
    sequence_id: Id
    mailbox_id: Id | None = None
    state: str
    created: Moment = Field(alias="createdAt")
    changed: Moment = Field(alias="updatedAt")
    replied: Moment | None = Field(None, alias="repliedAt")
    delivered: Count = Field(0, alias="deliverCount")
    bounced: Count = Field(0, alias="bounceCount")

    @property
    def over(self) -> bool:
        """Whether it has come to its end; a failed or bounced one may still be mended and go on."""
        return self.state in _OVER


class User(_Model):
    """A colleague in Outreach. `mailbox_id` is the mailbox that they send from."""

    id: Id
    mailbox_id: Id | None = None
    locked: Flag = False
    email: Words = Field("", repr=False)


class Mailbox(_Model):
    """From where sequences send."""

    id: Id
    user_id: Id | None = None
    send_disabled: Flag = Field(False, alias="sendDisabled")
    email: Words = Field("", repr=False)


class Template(_Model):
    """A mail that is written already. `copied` are the addresses in CC."""

    id: Id
    name: Annotated[str, BeforeValidator(lambda given: given or "")] = ""
    archived: Flag = False
    copied: Annotated[
        tuple[str, ...],
        BeforeValidator(lambda given: tuple(found.lower() for _, found in getaddresses(list(given or ())) if found)),
    ] = Field((), alias="ccRecipients", repr=False)


class Webhook(_Model):
    """Where Outreach tells of what happens to a kind of resource; `*` is all."""

    id: Id
    active: Flag = False
    resource: Words = ""
    action: Words = ""
    url: Words = ""

    def tells(self, resource: str) -> bool:
        """Whether it tells of these."""
        return self.active and self.resource in (resource, "*")
