"""A case that opens another gets one, whatever happens meanwhile, and goes on when that one has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import pytest
from sqlalchemy import func, select

from casework import beside, tick
from casework.answer import Form
from casework.clock import Minutes
from casework.engine.simulated import Run
from casework.people import Identity, Person, Role
from casework.process import process
from casework.schema import hooks, occurrences
from casework.step import step
from casework.wait import Heard, wait_for
from tests.desk import Desk
from tests.toy import ANA, Killed, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")

FILES = Person(id="casework")


class Outcome(StrEnum):
    REFUSED = "refused"
    FORGOTTEN = "forgotten"
    MOVED = "moved"
    CANCELLED = "cancelled"


class Over(Form):
    """How the move ended."""

    ending: Outcome


@step(repeatable=True)
def have_moved(number: int) -> str:
    """Open the move; what has one gets no other."""
    subject = beside.open_case("moving", {"number": number})
    outside.act("opened")
    return subject


def over(subject: str) -> Iterable[Heard]:
    """The end of the move, as an answer."""
    ended = beside.ending_of("moving", subject)
    if ended is not None:
        who = Identity(kind="person", value=FILES.id)
        yield Heard(who, {"ending": ended.ending}, f"case:{ended.case_id}", ended.at)


@process("relocating", subject="toy:relocation:{number}")
def relocating(number: int) -> str:
    """Have somebody moved, and say what came of it."""
    subject = have_moved(number)
    done = wait_for(
        Over,
        key="move",
        question="The move is under way.",
        who=Role(name="casework", people=(FILES,)),
        within=Minutes(600),
        listens=subject,
        look=lambda _: over(subject),
    )
    return done.ending if done else "given up"


def move(desk: Desk, number: int = 1) -> Run:
    """The run of the newest case of the move that was opened."""
    occurrence = desk.files.latest("moving", f"toy:move:{number}")
    assert occurrence is not None
    assert occurrence.case_id is not None
    return desk.engine.runs[occurrence.case_id]


def follow_hints(desk: Desk) -> None:
    """Wake whoever listens to what has ended, as the gateway's inbox does."""
    with desk.files.reading() as connection:
        told = connection.execute(select(hooks.c.subject).order_by(hooks.c.received_at)).scalars().all()
    for subject in told:
        tick.wake(desk.runtime, subject)
    desk.settle()


def test_a_case_opens_another_and_its_end_wakes_it(any_desk: Desk) -> None:
    """The opener waits without looking by the clock; the end of the other case brings the ending at once."""
    run = any_desk.start("relocating", number=1)
    any_desk.settle()
    legs = run.legs
    any_desk.advance(minutes=5)
    assert run.legs == legs
    say(move(any_desk), "approval/1", ANA, verdict="no")
    any_desk.settle()
    assert (any_desk.ending(move(any_desk)), any_desk.ending(run)) == ("refused", None)
    follow_hints(any_desk)
    assert any_desk.ending(run) == "refused"
    any_desk.files.verify(run.case_id)


def test_an_end_that_came_before_the_wait_is_seen(desk: Desk) -> None:
    """A case that ended before anybody waited for its end told nobody; the wait's first look finds it."""
    first = desk.start("moving", number=1)
    say(first, "approval/1", ANA, verdict="no")
    desk.settle()
    run = desk.start("relocating", number=1)
    assert desk.ending(run) == "refused"
    assert len(desk.engine.runs) == 2


@pytest.mark.parametrize("when", ["at once", "when the other case is over"])
def test_a_killed_opener_opens_no_second_case(any_desk: Desk, when: str) -> None:
    """A process killed between opening the other case and noting it finds that one again, even when it has ended."""
    outside.faults["opened"] = [Killed()]
    with pytest.raises(Killed):
        any_desk.start("relocating", number=1)
    any_desk.engine.sleep(1)
    opened = move(any_desk)
    if when != "at once":
        any_desk.engine._leg(opened)
        say(opened, "approval/1", ANA, verdict="no")
        any_desk.engine._leg(opened)
    any_desk.settle()
    assert len(any_desk.engine.runs) == 2
    [relocation] = any_desk.files.find("toy:relocation:1")
    assert (relocation.ending is None) == (when == "at once")


def test_a_case_that_was_opened_otherwise_is_taken(desk: Desk) -> None:
    """What a hook has started for the same subject is the case that is waited for: there are not two."""
    there = desk.start("moving", number=1)
    desk.start("relocating", number=1)
    assert move(desk) is there
    assert len(desk.engine.runs) == 2


def test_many_that_open_at_one_instant_open_one(any_desk: Desk) -> None:
    """However many copies ask at the same instant, the subject has one occurrence and one run."""
    together = threading.Barrier(4)

    def open_one(_: int) -> str:
        together.wait()
        return beside.open_case("moving", {"number": 1})

    with ThreadPoolExecutor(4) as pool:
        subjects = set(pool.map(open_one, range(4)))
    assert subjects == {"toy:move:1"}
    with any_desk.files.reading() as connection:
        assert connection.execute(select(func.count()).select_from(occurrences)).scalar() == 1
    assert len(any_desk.engine.runs) == 1


def test_while_the_engine_is_away_the_start_is_kept(desk: Desk) -> None:
    """A case that cannot be started now is started by the clock; nobody who waits for it takes it for ended."""
    desk.engine.away = True
    subject = beside.open_case("moving", {"number": 1})
    assert beside.ending_of("moving", subject) is None
    desk.engine.away = False
    desk.engine.sleep(6)
    desk.settle()
    assert desk.waiting(move(desk)) == ["approval/1"]
    assert beside.ending_of("moving", subject) is None


def test_a_subject_with_its_next_case_is_not_over(desk: Desk) -> None:
    """Somebody had more to say and a second case runs: its end counts, not the first one's."""
    first = desk.start("moving", number=1)
    say(first, "approval/1", ANA, verdict="no")
    desk.settle()
    ended = beside.ending_of("moving", "toy:move:1")
    assert ended == beside.Ended("refused", first.case_id, desk.engine.time)
    second = desk.start("moving", number=1)
    assert beside.ending_of("moving", "toy:move:1") is None
    desk.files.ask_to_cancel(second.case_id, "staff-1", "not needed")
    desk.settle()
    again = beside.ending_of("moving", "toy:move:1")
    assert again is not None
    assert (again.ending, again.case_id) == ("cancelled", second.case_id)


def test_cancelling_either_leaves_the_other(desk: Desk) -> None:
    """Neither is the other's child: a cancelled opener does not end what it opened."""
    run = desk.start("relocating", number=1)
    desk.settle()
    desk.files.ask_to_cancel(run.case_id, "staff-1", "not needed")
    desk.settle()
    assert desk.ending(run) == "cancelled"
    assert desk.waiting(move(desk)) == ["approval/1"]


def test_an_unknown_process_is_a_mistake_of_ours(desk: Desk) -> None:
    """A name that no process has opens nothing."""
    with pytest.raises(KeyError):
        beside.open_case("flying", {"number": 1})
    assert desk.engine.runs == {}
