"""The facts of a document change: ids, enums and counts, and nothing personal."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

__all__ = ["Account", "Ask", "Change", "Facts", "Given", "Role", "Subscription", "Workload"]


class Subscription(StrEnum):
    """What the upstream organisation pays for; all that is neither Premium nor Pro is `other`."""

    PREMIUM = "premium"
    PRO = "pro"
    OTHER = "other"


class Role(StrEnum):
    """What the requester is in the upstream organisation; all that is neither admin nor manager is `other`."""

    ADMIN = "admin"
    MANAGER = "manager"
    OTHER = "other"


class Change(StrEnum):
    """Whether a document that is there is changed, or another one is added."""

    EDIT = "edit"
    ADD = "add"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Account(_Fact):
    """The requester's account in the product: their organisation, the one upstream of it, and what that one has.

    `documents` counts the upstream organisation's documents now.
    """

    user: str = Field(min_length=1)
    organization: str = Field(min_length=1)
    organization_type: str
    upstream: str = Field(min_length=1)
    role: Role
    subscription: Subscription
    documents: int = Field(ge=0)


class Ask(_Fact):
    """What is asked for: how many documents to edit or to add. Either both are known or neither."""

    change: Change | None = None
    documents: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.change is None) != (self.documents is None):
            raise ValueError("say what is asked for whole: whether to edit or to add, and how many documents")
        return self

    def after(self, now: int) -> int | None:
        """How many documents there are in the end, when there are so many now; None when that is not known."""
        if self.documents is None:
            return None
        return now + self.documents if self.change is Change.ADD else max(now, self.documents)


class Facts(_Fact):
    """All that the decision needs. `account` is None unless exactly one account has the requester's address."""

    account: Account | None
    ask: Ask = Ask()


class Workload(_Fact):
    """What one colleague in CS has to do: open tickets, and when they were last given one (UTC; None: never)."""

    agent: str = Field(min_length=1)
    open_tickets: int = Field(ge=0)
    last_assigned: AwareDatetime | None = None

    @property
    def since(self) -> float:
        """Seconds since the epoch of the last assignment; nobody waits longer than who never had one."""
        return self.last_assigned.timestamp() if self.last_assigned is not None else float("-inf")


class Given(_Fact):
    """A ticket that CS got just before, with when it was made (UTC); `agent` is None while it is about to be given."""

    agent: str | None = None
    at: AwareDatetime
