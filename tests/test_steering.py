"""Handing an open question over and giving it more time: who may, what changes, and what stands in the file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from casework import steering
from casework.answer import Accepted, Offer, Refusal, Refused, answer
from casework.case import Kind
from casework.engine.simulated import Run
from casework.steering import NotSteered
from tests.conftest import START
from tests.council import DAN
from tests.desk import Desk
from tests.toy import ANA, BEN, OPERATOR, code, keys, outside, say

pytestmark = pytest.mark.usefixtures("toy_world")


def hand_over(run: Run, wait: str = "approval/1", **change: Any) -> None:
    """Ana hands her question to Dan, changed."""
    whole: dict[str, Any] = {"away_from": ANA.id, "to": DAN, "by": ANA.id, "reason": "on leave"} | change
    steering.hand_over(run.case_id, wait, **whole)


def extend(run: Run, wait: str = "approval/1", *, minutes: float = 90, **change: Any) -> None:
    """An operator gives the question time until so long after the start, changed."""
    until = START + timedelta(minutes=minutes)
    whole: dict[str, Any] = {"until": until, "by": OPERATOR.id, "reason": "in fairness"} | change
    steering.extend(run.case_id, wait, **whole)


def test_who_is_newly_asked_is_told_and_decides(any_desk: Desk) -> None:
    """The next leg tells them, once; they may answer, and who was asked before may not any more."""
    run = any_desk.start("moving", number=1)
    hand_over(run)
    assert f"tell {DAN.id}" not in outside.list()
    any_desk.settle()
    assert outside.list().count(f"tell {DAN.id}") == 1
    for person in (ANA, BEN):
        assert outside.list().count(f"tell {person.id}") == 1
    refused = say(run, "approval/1", ANA, verdict="yes")
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.NOT_YOURS
    assert say(run, "approval/1", DAN, verdict="yes") == Accepted(run.case_id, "approval/1", DAN.id)
    any_desk.settle()
    assert any_desk.waiting(run) == ["confirmation/1"]


def test_the_code_that_was_sent_before_is_dead(desk: Desk) -> None:
    """A personal code proves who one is; it does not ask one again."""
    run = desk.start("moving", number=1)
    hand_over(run)
    told = answer(Offer(run.case_id, "approval/1", {"verdict": "yes"}, "page", code=code(run, "approval/1", ANA)))
    assert isinstance(told, Refused)
    assert told.why is Refusal.NOT_YOURS


def test_the_file_says_who_handed_over_and_keeps_the_reason_apart(desk: Desk) -> None:
    """Ids stand in the file; the words are encrypted beside it, under the reference that the entry names."""
    run = desk.start("moving", number=1)
    hand_over(run, by=OPERATOR.id, reason="  her father is ill  ")
    (entry,) = desk.entries(run, Kind.HANDED_OVER)
    assert (entry.actor, entry.payload["from"], entry.payload["to"]) == (OPERATOR.id, ANA.id, DAN.id)
    assert "father" not in str(desk.entries(run))
    with desk.files.reading() as connection:
        kept = desk.runtime.confidential.read(connection, entry.payload["reason"])
    assert kept == "her father is ill"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"away_from": DAN.id, "by": DAN.id}, "was not put to staff-11: it was put to staff-7, staff-8"),
        ({"by": BEN.id}, "Only staff-7 or an operator"),
        ({"by": DAN.id}, "Only staff-7 or an operator"),
        ({"to": BEN}, "staff-8 is asked already"),
        ({"to": ANA}, "staff-7 is asked already"),
        ({"reason": "  "}, "Say why"),
        ({"wait": "payment/1"}, "has no question payment/1"),
        ({"wait": "approval/2"}, "has no question approval/2"),
    ],
)
def test_what_is_not_handed_over(any_desk: Desk, change: dict[str, Any], said: str) -> None:
    """Each refusal says why; nothing is written and everything is as it was."""
    run = any_desk.start("moving", number=1)
    before = any_desk.entries(run)
    with pytest.raises(NotSteered, match=said):
        hand_over(run, **change)
    assert any_desk.entries(run) == before
    assert isinstance(say(run, "approval/1", ANA, verdict="yes"), Accepted)


def test_a_question_is_not_handed_to_who_took_part_before(desk: Desk) -> None:
    """Four eyes hold for who is asked anew."""
    run = desk.start("council", number=1, needs=1)
    say(run, "first/1", BEN, vote="yes")
    desk.settle()
    hand_over(run, "second/1")
    with pytest.raises(NotSteered, match="took part in this case before"):
        hand_over(run, "second/1", away_from=BEN.id, to=ANA, by=BEN.id)


def test_a_settled_question_is_not_steered(desk: Desk) -> None:
    """What is decided or past is neither handed over nor given time."""
    run = desk.start("moving", number=1)
    say(run, "approval/1", ANA, verdict="yes")
    desk.settle()
    for steer in (hand_over, extend):
        with pytest.raises(NotSteered, match="approval/1 is decided already"):
            steer(run)
    desk.advance(minutes=121)
    with pytest.raises(NotSteered, match="confirmation/1 is passed already"):
        extend(run, "confirmation/1", minutes=500)


def test_the_deadline_moves_and_reminders_keep_to_their_moments(any_desk: Desk) -> None:
    """The old deadline passes nothing, the new one does; reminders and the escalation come when they would have."""
    run = any_desk.start("moving", number=1)
    any_desk.advance(minutes=5)
    extend(run)
    any_desk.advance(minutes=84, seconds=59)
    assert any_desk.waiting(run) == ["approval/1"]
    assert isinstance(say(run, "approval/1", DAN, verdict="yes"), Refused)
    any_desk.advance(seconds=1)
    assert any_desk.ending(run) == "refused"
    (passed,) = any_desk.entries(run, Kind.DEADLINE_PASSED)
    assert passed.at == START + timedelta(minutes=90)
    reminded = [entry.at - START for entry in any_desk.entries(run, Kind.REMINDER_SENT)]
    assert reminded == [timedelta(minutes=10), timedelta(minutes=20)]
    (escalated,) = any_desk.entries(run, Kind.ESCALATED)
    assert escalated.at == START + timedelta(minutes=30)


def test_an_answer_in_the_time_gained_counts(desk: Desk) -> None:
    """After the first deadline and before the second it is in time."""
    run = desk.start("moving", number=1)
    extend(run)
    desk.advance(minutes=80)
    assert isinstance(say(run, "approval/1", ANA, verdict="yes"), Accepted)


def test_the_page_of_the_case_has_the_present_deadline(desk: Desk) -> None:
    """What the case waits for stands there with the moment that was given last."""
    run = desk.start("moving", number=1)
    assert run.standing is not None
    assert "until 2026-03-02 10:00 UTC)" in run.standing.story.split("| when")[0]
    extend(run)
    extend(run, minutes=120)
    desk.settle()
    assert "until 2026-03-02 11:00 UTC)" in run.standing.story.split("| when")[0]


def test_more_time_can_be_given_again(desk: Desk) -> None:
    """Each time from the deadline as it then is; the file has both, and who gave them."""
    run = desk.start("moving", number=1)
    extend(run)
    with pytest.raises(NotSteered, match="open until 2026-03-02 10:30 UTC"):
        extend(run, minutes=75)
    extend(run, minutes=120)
    told = [(e.actor, e.payload["from"], e.payload["due"]) for e in desk.entries(run, Kind.EXTENDED)]
    first, second, third = ((START + timedelta(minutes=m)).isoformat() for m in (60, 90, 120))
    assert told == [(OPERATOR.id, first, second), (OPERATOR.id, second, third)]
    assert keys(desk, run, Kind.EXTENDED) == ["approval/1"] * 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"by": ANA.id}, "Only an operator"),
        ({"minutes": 60}, "open until 2026-03-02 10:00 UTC: give a later moment"),
        ({"minutes": 30}, "give a later moment"),
        ({"reason": ""}, "Say why"),
        ({"wait": "payment/1"}, "has no question payment/1"),
    ],
)
def test_what_gets_no_more_time(any_desk: Desk, change: dict[str, Any], said: str) -> None:
    """Each refusal says why; the deadline stays and nothing is written."""
    run = any_desk.start("moving", number=1)
    before = any_desk.entries(run)
    with pytest.raises(NotSteered, match=said):
        extend(run, **change)
    assert any_desk.entries(run) == before
    any_desk.advance(minutes=60)
    assert any_desk.ending(run) == "refused"
