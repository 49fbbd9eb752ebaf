"""Several ways of a case at once, and waiting for the time alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from casework import clock, tick
from casework.answer import Accepted
from casework.case import Kind
from casework.clock import Minutes
from casework.engine.simulated import Run
from casework.inbox import open_questions
from casework.process import process
from casework.story import timeline
from casework.systems.errors import Misconfigured
from casework.together import together
from casework.until import Nothing, sleep_until
from casework.wait import wait_for
from tests.desk import Desk
from tests.toy import ANA, OWNERS, Approval, hire, outside, say, tell

pytestmark = pytest.mark.usefixtures("toy_world")


def ask(key: str) -> Approval | None:
    """One question to the owners, for an hour, of which they are told."""
    return wait_for(Approval, key=key, question="May it?", who=OWNERS, within=Minutes(60), announce=tell)


@process("both", subject="toy:both:{number}")
def both(number: int) -> str:
    """Two questions at once; after the second there is a van to hire, and then a third question."""
    said: list[str] = []

    def first() -> None:
        answer = ask("first")
        said.append(f"first {answer.verdict.value if answer else 'never'}")

    def second() -> None:
        answer = ask("second")
        said.append(f"second {answer.verdict.value if answer else 'never'}")
        hire(number)
        ask("third")

    together(one=first, two=second)
    return ", ".join(said)


@process("resting", subject="toy:resting:{number}")
def resting(number: int) -> str:
    """Rest for an hour, and not again until a moment that has come."""
    opened = clock.now()
    sleep_until(opened + timedelta(hours=1), "an-hour-later")
    sleep_until(opened, "long-ago")
    return "rested"


@process("resting-lightly", subject="toy:light:{number}")
def resting_lightly(number: int) -> str:
    """Rest for a day, unless a van was hired meanwhile."""
    began = clock.now()
    sleep_until(
        began + timedelta(days=1),
        "a-day-later",
        listens="toy:van:1",
        look=lambda: "van" in outside.list(),
        look_every=Minutes(60),
    )
    return f"{(clock.now() - began).total_seconds() / 60:.0f} minutes"


def wait_names(desk: Desk, run: Run) -> list[str]:
    return sorted(desk.waiting(run))


def test_either_may_be_answered_first(any_desk: Desk) -> None:
    """Both are open at once, everybody is told of both once, and the case goes on when both are through."""
    run = any_desk.start("both", number=1)
    assert wait_names(any_desk, run) == ["one>first/1", "two>second/1"]
    assert outside.list() == ["tell staff-7", "tell staff-8"] * 2
    assert isinstance(say(run, "two>second/1", ANA, verdict="yes"), Accepted)
    any_desk.settle()
    assert wait_names(any_desk, run) == ["one>first/1", "two>third/1"]
    assert isinstance(say(run, "one>first/1", ANA, verdict="no"), Accepted)
    any_desk.settle()
    assert wait_names(any_desk, run) == ["two>third/1"]
    say(run, "two>third/1", ANA, verdict="no")
    any_desk.settle()
    assert any_desk.ending(run) == "first no, second yes"
    assert outside.list().count("hire") == 1
    assert any_desk.files.verify(run.case_id)


def test_a_way_that_is_parked_holds_up_no_other(desk: Desk) -> None:
    """While the operators are asked about a step on one way, the question of the other is answered and counts."""
    outside.faults["hire"] = [Misconfigured("vans", "hire", "no key")]
    run = desk.start("both", number=1)
    say(run, "two>second/1", ANA, verdict="yes")
    desk.settle()
    assert wait_names(desk, run) == ["fault>two>toy.hire/1/1", "one>first/1"]
    say(run, "one>first/1", ANA, verdict="yes")
    desk.settle()
    assert wait_names(desk, run) == ["fault>two>toy.hire/1/1"]


def test_unwound_on_every_way(desk: Desk) -> None:
    """A case that ends early takes back what was done on each way, and its questions."""
    run = desk.start("both", number=1)
    say(run, "two>second/1", ANA, verdict="yes")
    desk.settle()
    desk.files.ask_to_cancel(run.case_id, "staff-1", "not wanted")
    desk.settle()
    assert desk.ending(run) == "cancelled"
    assert outside.list()[-1] == "send back"
    assert desk.waiting(run) == []


def test_the_story_tells_of_each_way(desk: Desk) -> None:
    """What was done on a way stands in the story, as do its questions; what a question itself sends is one line."""
    run = desk.start("both", number=1)
    say(run, "two>second/1", ANA, verdict="yes")
    desk.settle()
    told = [line.text for line in timeline(desk.entries(run))]
    assert "toy: hire" in told
    assert any(text.startswith("one>first: asked owner") for text in told)


def test_a_rest_is_nobodys_question(any_desk: Desk) -> None:
    """No inbox shows it and nobody can answer it; the clock ends it, and the story tells of it in one line."""
    run = any_desk.start("resting", number=1)
    assert any_desk.waiting(run) == ["an-hour-later/1"]
    with any_desk.files.reading() as connection:
        assert open_questions(connection, any_desk.engine.now()).questions == []
    [asked] = any_desk.entries(run, Kind.QUESTION_ASKED)
    assert asked.payload["form"] == Nothing.form_name()
    any_desk.advance(minutes=59)
    assert any_desk.ending(run) is None
    any_desk.advance(minutes=1)
    assert any_desk.ending(run) == "rested"
    told = [line.text for line in timeline(any_desk.entries(run))]
    assert told[1:] == ["an-hour-later: rests until 2026-03-02 10:00 UTC", "ended as rested"]


@pytest.mark.parametrize(("hired", "hint", "minutes"), [(90, False, 120), (90, True, 90), (None, False, 1440)])
def test_a_rest_that_something_ends(any_desk: Desk, hired: int | None, hint: bool, minutes: int) -> None:
    """What is looked for ends a rest before its time, at the next look; nobody is asked, and nobody is in its inbox."""
    run = any_desk.start("resting-lightly", number=1)
    with any_desk.files.reading() as connection:
        assert open_questions(connection, any_desk.engine.now()).questions == []
    if hired is not None:
        any_desk.advance(minutes=hired)
        outside.done.append(("van", "by hand"))
        if hint:
            tick.wake(any_desk.runtime, "toy:van:1")
            any_desk.settle()
    any_desk.advance(hours=24)
    assert any_desk.ending(run) == f"{minutes} minutes"
    told = [line.text for line in timeline(any_desk.entries(run))]
    assert ("a-day-later: need not rest any longer" in told) is (hired is not None)
