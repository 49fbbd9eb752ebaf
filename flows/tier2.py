"""What the processes of Tier 2 share: the case at work, how its agents are asked, and how the member is waited for.

Source: the organisation's policy page "Tier 2: Escalations". Where something cannot be taken back, a second agent is
asked, who must be another one (`not_by`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import Field

from casework.clock import Until, WorkingDays
from casework.people import Role
from casework.wait import Form, Heard, wait_for
from flows.asking import ask, look_every, office
from policies.data_export import NUMBERS as HOUSE
from policies.tier2_intake import NUMBERS
from tasks import accounts, salesforce

__all__ = ["Escalation", "Written", "ask_role", "await_member", "take"]

F = TypeVar("F", bound=Form)


@dataclass(frozen=True)
class Escalation:
    """A case of Salesforce at work: its id, and the number by which people call it."""

    case: str
    number: str

    @property
    def page(self) -> dict[str, Any]:
        """What every question of Tier 2 says of the case."""
        return {"case_number": self.number, "case_link": salesforce.link_to(self.case)}


class Written(Form):
    """That the member has written: the id of the mail."""

    mail: str = Field(min_length=1)


def take(case: str) -> Escalation:
    """Say on the case that ours has begun."""
    salesforce.begin(case, "tier2/note-started", "tier2/note-called-off")
    return Escalation(case, salesforce.number(case))


def ask_role(
    form: type[F],
    escalation: Escalation,
    key: str,
    *,
    texts: str,
    remind: int,
    escalate: int,
    role: str = NUMBERS.roles.tier2,
    not_by: Sequence[str] = (),
    **about: Any,
) -> F:
    """Ask the agents, or who else holds `role`, until there is an answer.

    They are reminded every `remind` working days; after `escalate` the operators may answer as well. `texts` is the
    folder of the message `question-<key>`; `about` is what it says besides the case. The form's first field is noted
    on the case, so it must be a choice and no text.
    """
    asked, operators = accounts.role(role), accounts.role(HOUSE.roles.operators)
    within = WorkingDays(escalate + HOUSE.operators_decision_working_days, office)
    answer = None
    while answer is None:
        answer = ask(
            form,
            escalation.case,
            key,
            within,
            asked,
            escalate=[(WorkingDays(escalate, office), operators)],
            not_by=not_by,
            texts=texts,
            remind=remind,
            **escalation.page,
            **about,
        )
    return answer


def await_member(
    form: type[F],
    escalation: Escalation,
    key: str,
    look: Callable[[], Iterable[Heard]],
    *,
    until: datetime,
    remind_at: Sequence[datetime] = (),
    reminder: str,
    **values: Any,
) -> F | None:
    """Wait until `look` finds in Salesforce what the member was asked for; None when it did not come until then.

    What was asked is sent already. `reminder` is mailed at each of `remind_at`, with `values` and `until`.
    """
    return wait_for(
        form,
        key=key,
        question="The member answers. Nobody else needs to.",
        who=Role(name="member", people=(salesforce.SALESFORCE,)),
        within=Until(until),
        remind=[
            (Until(at), lambda _: salesforce.reply(escalation.case, reminder, **values, until=until))
            for at in remind_at
        ],
        listens=salesforce.subject_of(escalation.case),
        look=lambda _: look(),
        look_every=look_every,
    )
