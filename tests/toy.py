"""A small process with everything that a case can have, and the outside world that it changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from enum import StrEnum

from pydantic import Field

from casework import clock
from casework.answer import Accepted, Form, Offer, Refused, answer
from casework.case import Kind
from casework.clock import Minutes
from casework.confidential import ConfidentialText
from casework.engine.simulated import Run
from casework.people import Identity, Invitation, Person, Role
from casework.process import process
from casework.step import lookup, reference, step
from casework.systems.errors import Refused as Declined
from casework.systems.errors import SystemFault
from casework.wait import wait_for
from tests.desk import SECRET, Desk

ANA = Person(id="staff-7", slack="U7", zendesk=7007)
BEN = Person(id="staff-8", slack="U8", zendesk=7008)
MANAGER = Person(id="staff-9", slack="U9")
CUSTOMER = Person(id="zendesk-501", zendesk=501)
OWNERS = Role(name="owner", people=(ANA, BEN))
MANAGERS = Role(name="manager", people=(MANAGER,))


class Killed(BaseException):
    """The process is killed."""


class Outside:
    """What was done out there, in order, as (what, reference); what fails there, and what happens after."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.calls: Counter[str] = Counter()
        self.faults: dict[str, list[BaseException]] = defaultdict(list)
        self.after: Callable[[str], object] = lambda what: None

    def reset(self) -> None:
        """A new world."""
        self.__init__()  # type: ignore[misc]  # nobody makes another kind of it

    def act(self, what: str) -> str:
        """Do something, unless it is to fail."""
        self.calls[what] += 1
        if self.faults[what]:
            raise self.faults[what].pop(0)
        self.done.append((what, reference()))
        self.after(what)
        return f"{what} {reference()}"

    def once(self, what: str) -> str:
        """Do something as a vendor does who honours idempotency keys."""
        if (what, reference()) not in self.done:
            return self.act(what)
        self.calls[what] += 1
        return f"{what} {reference()}"

    def find(self, what: str) -> str | None:
        """The effect of the step at hand, when it is there."""
        return f"{what} {reference()}" if (what, reference()) in self.done else None

    def list(self) -> list[str]:
        """What was done, in order, without references."""
        return [what for what, _ in self.done]


outside = Outside()


def declined(operation: str = "hire") -> SystemFault:
    """A vendor's no."""
    return Declined("vans", operation, "no van is free", status=409)


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"


class Approval(Form):
    """Whether it may be done."""

    verdict: Verdict = Field(description="May it be done?")
    reason: ConfidentialText | None = Field(None, description="Why")


class Confirmation(Form):
    """Whether it is right."""

    right: bool


@lookup
def size(number: int) -> int:
    """How much there is to move."""
    outside.calls["size"] += 1
    return number * 10


@step(find=lambda place: outside.find("release"))
def release(place: str) -> str:
    """Give a reserved place back."""
    return outside.act("release")


@step(find=lambda volume: outside.find("reserve"), undo=release)
def reserve(volume: int) -> str:
    """Reserve a place."""
    return outside.act("reserve")


@step(repeatable=True)
def send_back(van: str) -> str:
    """Send a van back; the vendor honours the reference."""
    return outside.once("send back")


@step(repeatable=True, undo=send_back)
def hire(number: int) -> str:
    """Hire a van; the vendor honours the reference."""
    return outside.once("hire")


@step(find=lambda invitation: outside.find(f"tell {invitation.person.id}"))
def tell(invitation: Invitation) -> str:
    """Tell somebody that they are asked."""
    return outside.act(f"tell {invitation.person.id}")


@step(find=lambda invitation: outside.find(f"remind {invitation.person.id}"))
def remind(invitation: Invitation) -> str:
    """Remind somebody."""
    return outside.act(f"remind {invitation.person.id}")


@step(find=lambda van: outside.find("pay"))
def pay(van: str) -> str:
    """Pay."""
    return outside.act("pay")


@process("moving", subject="toy:move:{number}")
def moving(number: int) -> str:
    """Reserve, ask, hire, ask the customer up to twice, pay."""
    reserve(size(number))
    clock.now()
    approval = wait_for(
        Approval,
        key="approval",
        question="May it be done?",
        who=OWNERS,
        within=Minutes(60),
        announce=tell,
        remind=[(Minutes(10), remind), (Minutes(20), remind)],
        escalate=[(Minutes(30), MANAGERS)],
    )
    if approval is None or approval.verdict is Verdict.NO:
        return "refused"
    van = hire(number)
    for _ in range(2):
        confirmed = wait_for(
            Confirmation,
            key="confirmation",
            question="Is it right?",
            who=Role(name="customer", people=(CUSTOMER,)),
            within=Minutes(120),
        )
        if confirmed is not None:
            pay(van)
            return "moved"
    return "forgotten"


def only_run(desk: Desk) -> Run:
    """The run of the one case that there is."""
    [run] = desk.engine.runs.values()
    return run


def slack(person: Person) -> Identity:
    """Somebody as Slack vouches for them."""
    assert person.slack is not None
    return Identity(kind="slack", value=person.slack)


def say(run: Run, wait: str, person: Person, *, channel: str = "slack", **values: object) -> Accepted | Refused:
    """Answer a question, as somebody whom the channel vouches for."""
    identity = slack(person) if channel == "slack" else Identity(kind="person", value=person.id)
    return answer(Offer(run.case_id, wait, values, channel, identity))


def code(run: Run, wait: str, person: Person) -> str:
    """The personal code that somebody was sent."""
    return Invitation(case_id=run.case_id, wait=wait, person=person).code(SECRET)


def keys(desk: Desk, run: Run, kind: Kind) -> list[str]:
    """The keys of all entries of one kind."""
    return [entry.key for entry in desk.entries(run, kind)]


def refusals(desk: Desk, run: Run) -> list[tuple[str, str, str]]:
    """Every refused attempt in the file: question, person, reason."""
    return [(e.key, e.actor, e.payload["why"]) for e in desk.entries(run, Kind.ANSWER_REFUSED)]


OPERATOR = Person(id="staff-1")
"""Who holds the role `operators` at a test's desk."""
