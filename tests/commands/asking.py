"""Small processes about a ticket, for commands to act on."""

from __future__ import annotations

from casework.clock import Minutes
from casework.people import Person, Role
from casework.process import process
from casework.wait import Form, wait_for

ANA = Person(id="staff-7")


class Agreed(Form):
    """A small question."""

    agree: bool


@process("command-toy", subject="zendesk:ticket:{ticket}")
def toy(ticket: int) -> str:
    """Asks twice: an hour for something small, a day for something verified."""
    who = Role(name="csm", people=(ANA,))
    first = wait_for(Agreed, key="small", question="?", who=who, within=Minutes(60 * ticket), verified=False)
    if first is None:
        return "expired"
    second = wait_for(Agreed, key="large", question="?", who=who, within=Minutes(60))
    return "agreed" if second and second.agree else "denied"


@process("command-csm", subject="zendesk:ticket:{ticket}")
def csm_asked(ticket: int) -> str:
    """Asks a colleague whom the product database knows, for an hour."""
    who = Role(name="csm", people=(Person(id="staff-11"),))
    given = wait_for(Agreed, key="csm", question="?", who=who, within=Minutes(60), verified=False)
    return "expired" if given is None else "agreed"
