"""Who the reps are: their days, and the queues that they look at. The settings name them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.rep_days import Rep
from policies.support_queue import Tool

__all__ = ["Environment", "Rostered"]


class Environment(BaseModel):
    """A queue in a tool: `queue` is its id there (Intercom: a team, Zendesk: a group, HubSpot: a ticket pipeline).

    `name` is what people call it, in one word.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)]
    tool: Tool
    queue: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class Rostered(Rep):
    """A rep with the queues to look at, in order.

    To `jira_account` the issues with their hours are assigned on the revenue board; without one nobody reviews these.
    """

    environments: tuple[Environment, ...] = ()
    jira_account: Annotated[str, Field(min_length=1, max_length=128)] | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [one.name for one in self.environments]
        if len(set(names)) < len(names):
            raise ValueError("environments: two have the same name")
        return self
