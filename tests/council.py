"""A question to several people, who must agree: the process, the people and the form of its tests."""

from __future__ import annotations

from enum import StrEnum

from casework.answer import Form
from casework.clock import Minutes
from casework.people import Person, Quorum, Role
from casework.process import process
from casework.wait import wait_for
from tests.toy import ANA, BEN, MANAGERS

EVA = Person(id="staff-10", slack="U10", zendesk=7010)
DAN = Person(id="staff-11", slack="U11", zendesk=7011)
COUNCIL = Role(name="council", people=(ANA, BEN, EVA))


class Vote(StrEnum):
    YES = "yes"
    NO = "no"


class Ballot(Form):
    """Whether it is agreed."""

    vote: Vote

    @property
    def agrees(self) -> bool:
        return self.vote is Vote.YES


@process("council", subject="toy:council:{number}")
def council(number: int, needs: int | None = None, share: float | None = None, veto: bool = True) -> str:
    """Ask three people twice; the second question is not for Ana."""
    for place, barred in (("first", ()), ("second", (ANA.id,))):
        given = wait_for(
            Ballot,
            key=place,
            question="Agreed?",
            who=COUNCIL,
            within=Minutes(60),
            escalate=[(Minutes(30), MANAGERS)],
            not_by=barred,
            quorum=Quorum(needs=needs, share=share, veto=veto),
        )
        if given is None:
            return f"{place} passed"
        if not given.agrees:
            return f"{place} lost"
    return "agreed"
