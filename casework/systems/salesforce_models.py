"""What Salesforce's records are to us, read from answers; words, names and addresses kept out of `repr`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from casework.systems.salesforce_ids import long

__all__ = [
    "Account",
    "CaseMail",
    "CaseRecord",
    "Changed",
    "Comment",
    "Contact",
    "Lead",
    "Member",
    "PrivacyRequest",
    "Refund",
    "Review",
    "User",
]

Id = Annotated[str, AfterValidator(long)]
Text = Annotated[str, BeforeValidator(lambda text: text or "")]
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


class _Model(BaseModel):
    """Read by Salesforce's field names (aliases), which for custom fields are ours."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CaseRecord(_Model):
    """A case as it stands now. Texts are personal data: in no log and no result."""

    id: Id = Field(alias="Id")
    number: str = Field(alias="CaseNumber")
    status: str = Field(alias="Status")
    closed: bool = Field(alias="IsClosed")
    origin: str | None = Field(alias="Origin")
    priority: str | None = Field(alias="Priority")
    reason: str | None = Field(alias="Reason")
    secondary_reason: str | None = Field(alias="Secondary_Reason__c")
    tier: str | None = Field(alias="Tier__c")
    owner_id: Id = Field(alias="OwnerId")
    contact_id: Id | None = Field(alias="ContactId")
    account_id: Id | None = Field(alias="AccountId")
    created: Moment = Field(alias="CreatedDate")
    changed: Moment = Field(alias="SystemModstamp")
    subject: str | None = Field(alias="Subject", repr=False)
    description: str | None = Field(alias="Description", repr=False)
    supplied_email: str | None = Field(alias="SuppliedEmail", repr=False)


class Comment(_Model):
    """A comment on a case; `public` ones are read by the member. `text` is personal data."""

    id: Id = Field(alias="Id")
    author_id: Id = Field(alias="CreatedById")
    public: bool = Field(alias="IsPublished")
    created: Moment = Field(alias="CreatedDate")
    text: Text = Field(alias="CommentBody", repr=False)


class CaseMail(_Model):
    """An e-mail that Salesforce has: of a case, or about another record (`related_to`). Its words are personal data."""

    id: Id = Field(alias="Id")
    case_id: Id | None = Field(alias="ParentId")
    related_to: Id | None = Field(alias="RelatedToId")
    author_id: Id = Field(alias="CreatedById")
    incoming: bool = Field(alias="Incoming")
    status: str = Field(alias="Status")
    at: Moment = Field(alias="CreatedDate")
    subject: str | None = Field(alias="Subject", repr=False)
    text: str | None = Field(alias="TextBody", repr=False)

    @property
    def sent(self) -> bool:
        """Whether it went out: Salesforce's status 3, where 5 is a draft."""
        return not self.incoming and self.status == "3"


class Member(_Model):
    """The contact of a case's sender, and how they sign in. Names and address are personal data.

    `display_name` is the name that the member uses; `first_name` and `last_name` may be others.
    """

    id: Id = Field(alias="Id")
    account_id: Id | None = Field(alias="AccountId")
    google_login: bool = Field(alias="Google_Login__c")
    apple_login: bool = Field(alias="Apple_Login__c")
    has_password: bool = Field(alias="Has_Password__c")
    email: str | None = Field(alias="Email", repr=False)
    first_name: str | None = Field(alias="FirstName", repr=False)
    last_name: str = Field(alias="LastName", repr=False)
    display_name: str | None = Field(alias="Display_Name__c", repr=False)
    gender: str | None = Field(alias="Gender__c", repr=False)


class Review(_Model):
    """A review of a caregiver or provider, with the case that it came in by."""

    id: Id = Field(alias="Id")
    case_id: Id | None = Field(alias="Case__c")
    status: str = Field(alias="Status__c")
    text: str | None = Field(alias="Text__c", repr=False)


class Refund(_Model):
    """A refund that was asked for, granted or declined; `amount` in the org's currency."""

    id: Id = Field(alias="Id")
    number: str = Field(alias="Name")
    contact_id: Id = Field(alias="Contact__c")
    case_id: Id | None = Field(alias="Case__c")
    booking: str | None = Field(alias="Booking__c")
    reason: str | None = Field(alias="Reason__c")
    status: str = Field(alias="Status__c")
    amount: Decimal | None = Field(alias="Amount__c")
    created: Moment = Field(alias="CreatedDate")
    reference: str | None = Field(alias="External_Id__c")


class PrivacyRequest(_Model):
    """A data subject's request; `number` is what people call it by (`PR-…`), `changed` the last change of any field."""

    id: Id = Field(alias="Id")
    number: str = Field(alias="Name")
    case_id: Id | None = Field(alias="Case__c")
    request_type: str | None = Field(alias="Request_Type__c")
    status: str | None = Field(alias="Request_Status__c")
    reference: str | None = Field(alias="External_Id__c")
    created: Moment = Field(alias="CreatedDate")
    changed: Moment = Field(alias="SystemModstamp")


class Lead(_Model):
    """A person who may become a customer; `owner_id` is a user's or a queue's. Who it is and where, is personal data.

    A converted lead is locked: its contact is what the org goes on with. `changed` is the last change of any field.
    """

    id: Id = Field(alias="Id")
    status: str | None = Field(alias="Status")
    owner_id: Id = Field(alias="OwnerId")
    converted: bool = Field(alias="IsConverted")
    contact_id: Id | None = Field(alias="ConvertedContactId")
    reference: str | None = Field(alias="External_Id__c")
    created: Moment = Field(alias="CreatedDate")
    changed: Moment = Field(alias="LastModifiedDate")
    email: str | None = Field(alias="Email", repr=False)
    first_name: str | None = Field(alias="FirstName", repr=False)
    last_name: str | None = Field(alias="LastName", repr=False)
    company: str | None = Field(alias="Company", repr=False)
    employee_count: int | None = Field(alias="NumberOfEmployees", repr=False)
    ats: str | None = Field(alias="ATS__c", repr=False)
    website: str | None = Field(alias="Website", repr=False)
    phone: str | None = Field(alias="Phone", repr=False)

    def holds(self, field: str, unknown: Collection[str] = ()) -> bool:
        """Whether this attribute has a value; `unknown` are words that stand where nobody knew one."""
        value = getattr(self, field)
        return value is not None and str(value).strip().casefold() not in {"", *(one.casefold() for one in unknown)}


class Contact(_Model):
    """A person at a customer, as far as sales needs to know."""

    id: Id = Field(alias="Id")
    account_id: Id | None = Field(alias="AccountId")


class Account(_Model):
    """A customer: `owner_id` is its account executive, `csm_id` its customer success manager; both are users."""

    id: Id = Field(alias="Id")
    owner_id: Id = Field(alias="OwnerId")
    csm_id: Id | None = Field(alias="CSM__c")


class User(_Model):
    """Somebody who works in the org."""

    id: Id = Field(alias="Id")
    active: bool = Field(alias="IsActive")
    email: str = Field(alias="Email", repr=False)


@dataclass(frozen=True, slots=True)
class Changed:
    """Something happened to a case at this time (UTC)."""

    case_id: str
    at: datetime
