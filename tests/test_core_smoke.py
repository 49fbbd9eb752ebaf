from enum import StrEnum

from casework.answer import Accepted, Offer, answer
from casework.clock import Minutes, now
from casework.people import Identity, Person, Role
from casework.process import process
from casework.step import lookup, reference, step
from casework.wait import Form, wait_for

done = []


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"


class Approval(Form):
    verdict: Verdict


@step(repeatable=True)
def act(n: int) -> str:
    done.append((n, reference()))
    return f"r{n}"


@lookup
def look(n: int) -> int:
    return n * 2


ana = Person(id="staff-7", slack="U7")


@process("toy", subject="toy:{ticket}")
def toy(ticket: int) -> str:
    a = act(look(ticket))
    now()
    v = wait_for(
        Approval,
        key="approve",
        question="?",
        who=Role(name="csm", people=(ana,)),
        within=Minutes(60),
        announce=lambda i: act(1),
        remind=[(Minutes(10), lambda i: act(2))],
    )
    if v is None:
        return "expired"
    act(3)
    return f"{v.verdict.value} {v.by}"


def test_toy(desk):
    done.clear()
    run = desk.start("toy", ticket=4)
    assert run.state == "suspended"
    desk.advance(minutes=15)
    assert [d[0] for d in done] == [8, 1, 2]
    r = answer(Offer(run.case_id, "approve/1", {"verdict": "yes"}, "slack", Identity(kind="slack", value="U7")))
    assert isinstance(r, Accepted), r
    desk.settle()
    assert desk.ending(run) == "yes staff-7"
    desk.files.verify(run.case_id)
    print(run.standing.story)


def test_toy_expire(desk):
    run = desk.start("toy", ticket=4)
    desk.advance(minutes=61)
    assert desk.ending(run) == "expired"
    run2 = desk.start("toy", ticket=5)
    code = None
    from casework.people import Invitation

    code = Invitation(case_id=run2.case_id, wait="approve/1", person=ana).code(b"a secret for tests only, 32 bytes")
    desk.engine.type_in(run2.case_id, {"verdict": "no", "your_code": code, "wait": "approve/1"})
    desk.settle()
    assert desk.ending(run2) == "no staff-7"
