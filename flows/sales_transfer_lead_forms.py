"""What can be answered about a lead: what the SDR knows of it, which record it is, and that its chat is closed.

What is typed of a lead is confidential, so that nobody's address or number comes into the case file; how many employees
a company has is nobody's secret and decides whose meeting it is.
"""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from casework.confidential import ConfidentialText
from flows.sales_transfer_asking import Answer
from policies.sales_transfer_facts import LeadField
from tasks.lead_fields import is_address

__all__ = ["Chat", "CloseChat", "Knowledge", "MissingFields", "Pointed", "WhichRecord"]

_KEPT = re.compile(r"text:[0-9a-f]{16}")
"""What stands in the place of a confidential text once the answer is recorded."""
MOST_EMPLOYEES = 10_000_000


class Knowledge(StrEnum):
    KNOWN = "what I know stands here"
    NOTHING = "I know none of these"


class MissingFields(Answer):
    """What the SDR knows of a lead. Each may be left empty."""

    decision: Knowledge | None = Field(None, description="Do you know any of these?")
    email: ConfidentialText | None = Field(None, max_length=80, description="The e-mail address")
    company: ConfidentialText | None = Field(None, max_length=255, description="The company")
    employee_count: int | None = Field(
        None, ge=0, le=MOST_EMPLOYEES, description="How many employees the company has, digits"
    )
    ats: ConfidentialText | None = Field(None, max_length=80, description="The applicant tracking system")
    website: ConfidentialText | None = Field(None, max_length=255, description="The website")
    phone: ConfidentialText | None = Field(None, max_length=40, description="The phone number")

    @field_validator("email")
    @classmethod
    def _an_address(cls, email: ConfidentialText | None) -> ConfidentialText | None:
        if email and not _KEPT.fullmatch(email) and not is_address(email):
            raise ValueError("this is no e-mail address: give one, as name@company.example, and nothing else")
        return email

    @model_validator(mode="after")
    def _says_so(self) -> MissingFields:
        if bool(self.told()) != (self.decision is Knowledge.KNOWN):
            raise ValueError("decision: give at least one of the fields, or say that you know none of them")
        return self

    def texts(self) -> dict[LeadField, ConfidentialText]:
        """What was typed, but for the number."""
        fields = (field for field in LeadField if field is not LeadField.EMPLOYEE_COUNT)
        given = {field: getattr(self, field.value) for field in fields}
        return {field: text for field, text in given.items() if text}

    def told(self) -> frozenset[LeadField]:
        """Which fields were given."""
        counted = {LeadField.EMPLOYEE_COUNT} if self.employee_count is not None else set()
        return frozenset({*self.texts(), *counted})


class Pointed(StrEnum):
    NAMED = "the one that I name"
    LOOK_AGAIN = "look again: I have merged them"


class WhichRecord(Answer):
    """Which record in Salesforce a person is."""

    decision: Pointed | None = Field(None, description="Which record is it?")
    record: str | None = Field(
        None, pattern=r"^00[3Q][A-Za-z0-9]{12}([A-Za-z0-9]{3})?$", description="Its id, as it stands in the list"
    )

    @model_validator(mode="after")
    def _named(self) -> WhichRecord:
        if (self.record is not None) != (self.decision is Pointed.NAMED):
            raise ValueError("record: give the id of the one that counts, and none to have it looked again")
        return self


class Chat(StrEnum):
    CLOSED = "it is closed"


class CloseChat(Answer):
    """That a chat in Qualified is closed."""

    decision: Chat | None = Field(None, description="Is the chat closed?")
