"""What can be answered about a mail of sales to support."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from casework.confidential import ConfidentialText
from flows.sales_transfer_asking import Answer

__all__ = ["Agent", "Meant", "NobodyTook", "SupportTakes", "Taking", "WhichContact", "WhichCustomer"]


class Meant(StrEnum):
    GIVEN = "the customer whose address I give"
    MISTAKE = "a mistake: it was not meant for support"


class WhichCustomer(Answer):
    """Whom a mail is about."""

    decision: Meant | None = Field(None, description="Whom is it about?")
    address: ConfidentialText | None = Field(None, description="The customer's e-mail address")

    @model_validator(mode="after")
    def _given(self) -> WhichCustomer:
        if bool(self.address) is not (self.decision is Meant.GIVEN):
            raise ValueError("address: give the customer's, and none if it was a mistake")
        return self


class WhichContact(Answer):
    """In whose name a conversation is opened."""

    decision: str | None = Field(None, pattern=r"^[0-9a-f]{24}$", description="The id of the contact that counts")


class Taking(StrEnum):
    MINE = "I take it"


class SupportTakes(Answer):
    """That an agent has it."""

    decision: Taking | None = Field(None, description="Who takes it?")


class Agent(StrEnum):
    NAMED = "the one that I name"
    ASK_AGAIN = "ask support again"


class NobodyTook(Answer):
    """What happens after support has let the time pass."""

    decision: Agent | None = Field(None, description="Who takes it?")
    staff: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="Who in support is asked, by their staff id"
    )

    @model_validator(mode="after")
    def _named(self) -> NobodyTook:
        if (self.staff is None) == (self.decision is Agent.NAMED):
            raise ValueError("staff: name who is asked, and nobody to ask support again")
        return self
