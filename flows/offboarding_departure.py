"""A departure at work: what is known of it, and how its customer's representative is asked.

The representative is whoever owns the customer's company in HubSpot at that time; without one the operators are asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from casework import clock
from casework.clock import WorkingDays
from casework.people import Role
from casework.wait import Form
from flows import offboarding_forms as forms
from flows.asking import ask, office
from policies import offboarding as policy
from policies.data_export import NUMBERS as HOUSE
from policies.offboarding import NUMBERS, Change, Facts, Question, UseDeal, Waiting
from tasks import accounts, asana, hubspot
from tasks import offboarding as customers
from tasks.offboarding import Customer, Ordered

__all__ = ["TEXTS", "Departure", "ask_about", "choose_deal", "role_of"]

TEXTS = "offboarding"
F = TypeVar("F", bound=Form)


@dataclass
class Departure:
    """A departure at work: its deal and company in HubSpot, its customer, and all that is known by now.

    `since` has when what is waited for began to be; `ticket` is where the customer was written to; `read` the last
    comment there that the representative was told of, `unread` whether they have not said yet what it means.
    """

    deal: str
    company: str
    customer: Customer
    known: Facts
    began: datetime
    since: dict[Waiting, datetime] = field(default_factory=dict)
    ticket: int | None = None
    read: int = 0
    unread: bool = False
    interview_task: str | None = None
    order: Ordered | None = None

    @property
    def page(self) -> dict[str, Any]:
        """What questions and messages about it say."""
        return {"deal": self.deal, "deal_link": hubspot.link_to(self.deal), "team": self.customer.team}

    @property
    def task_page(self) -> dict[str, Any]:
        """What they say of engineering's task."""
        task = self.ordered.task
        return {"task": task, "task_link": asana.task_page(task)}

    @property
    def ordered(self) -> Ordered:
        """Engineering's task. Raises ValueError while there is none."""
        if self.order is None:
            raise ValueError("the policy speaks of engineering's task, and none was ordered")
        return self.order

    def facts(self) -> Facts:
        """All that decides, as it is now."""
        known = self.known
        now: dict[str, Any] = {"deal": hubspot.deal(self.deal, began=self.began if known.stays else None)}
        if known.export is not None and known.export.ending is None:
            now["export"] = customers.export(known.export.case)
        task = known.engineering
        # The task that we call off is completed by us, and that says nothing of access.
        if task is not None and task.confirmed is None and not known.called_off and customers.is_done(task.task):
            now["engineering"] = task.model_copy(update={"confirmed": clock.now()})
        self.known = known.model_copy(update=now)
        return self.known

    def note(self, **said: Any) -> None:
        """Keep what has become of it."""
        self.known = self.known.model_copy(update=said)

    def write(self, changes: tuple[Change, ...]) -> None:
        """Write changes into the deal, and keep them."""
        self.note(changes=hubspot.write(self.deal, self.known.changes, changes).changes)

    def settle_interview(self, outcome: policy.Interview) -> None:
        """Keep what became of the exit interview; nobody has to call any more."""
        self.note(interview=outcome)
        if self.interview_task is not None:
            hubspot.complete_task(self.interview_task)

    def ask(self, form: type[F], question: Question, **about: Any) -> F:
        """Ask who is to be asked this, until there is an answer."""
        return ask_about(self.deal, self.company, form, question, **self.page, **about)


def ask_about(deal: str, company: str, form: type[F], question: Question, /, **about: Any) -> F:
    """Put a question about a deal to whoever is asked this first, later to the operators too, until it is answered."""
    operators = accounts.role(NUMBERS.roles.operators)
    remind, escalate = NUMBERS.representative_reminder_working_days, NUMBERS.representative_escalation_working_days
    within = WorkingDays(escalate + HOUSE.operators_decision_working_days, office)
    answer = None
    while answer is None:
        answer = ask(
            form,
            deal,
            question.value,
            within,
            role_of(question.role(), company),
            escalate=[(WorkingDays(escalate, office), operators)],
            texts=TEXTS,
            remind=remind,
            **about,
        )
    return answer


def role_of(name: str, company: str) -> Role:
    """Who holds a role now: as the representative the one of this customer, or the operators without one."""
    if name != NUMBERS.roles.representative:
        return accounts.role(name)
    staff = customers.representative(company).staff
    return accounts.role(name, staff) if staff is not None else accounts.role(NUMBERS.roles.operators)


def choose_deal(named: str, company: str) -> str | None:
    """The customer's current active deal, as a person says where it cannot be told; None when it was a mistake."""
    chosen = None
    while True:
        found = policy.choose_deal(hubspot.deals_of(company), clock.local_date(clock.now(), office), chosen)
        if isinstance(found, UseDeal):
            return found.id
        answer = ask_about(
            named,
            company,
            forms.WhichDeal,
            found.question,
            deals=list(found.ids),
            deal_links=[hubspot.link_to(one) for one in found.ids],
            named=named,
        )
        if answer.decision is forms.Meant.MISTAKE:
            return None
        chosen = answer.deal
