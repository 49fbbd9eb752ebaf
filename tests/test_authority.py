"""A delegate answers in the place of the person asked, in their time and with their rights, and in no other way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from casework import authority
from casework.answer import Accepted, Refusal, Refused
from casework.case import Kind
from casework.people import Person
from tests.council import DAN, EVA
from tests.desk import Desk
from tests.toy import ANA, BEN, MANAGER, OPERATOR, code, outside, refusals, say

pytestmark = pytest.mark.usefixtures("toy_world")


def delegate(desk: Desk, person: str, to: Person, *, since: int = 0, until: int = 600) -> int:
    """Let somebody stand in, from and to so many minutes from now."""
    now = desk.engine.now()
    with desk.files.writing() as connection:
        return authority.delegate(
            connection, person, to, now + timedelta(minutes=since), now + timedelta(minutes=until), OPERATOR.id, now
        )


def revoke(desk: Desk, number: int) -> bool:
    """End a delegation now."""
    with desk.files.writing() as connection:
        return authority.revoke(connection, number, desk.engine.now())


def why(told: Accepted | Refused) -> Refusal | None:
    """Why an answer was refused; None when it was accepted."""
    return told.why if isinstance(told, Refused) else None


@pytest.mark.parametrize(
    ("minute", "accepted"),
    [(0, False), (9, False), (10, True), (24, True), (25, False), (26, False)],
)
def test_a_delegation_has_a_start_and_an_end(any_desk: Desk, minute: int, accepted: bool) -> None:
    """It holds from its first moment and not at its last; outside of it the delegate is a stranger."""
    run = any_desk.start("moving", number=1)
    delegate(any_desk, ANA.id, DAN, since=10, until=25)
    any_desk.engine.sleep(minute * 60)
    assert why(say(run, "approval/1", DAN, verdict="yes")) is (None if accepted else Refusal.NOT_YOURS)


def test_the_file_names_both(desk: Desk) -> None:
    """The decision is the delegate's, in the place of the person asked."""
    run = desk.start("moving", number=1)
    delegate(desk, ANA.id, DAN)
    assert say(run, "approval/1", DAN, verdict="yes") == Accepted(run.case_id, "approval/1", DAN.id)
    (decided,) = desk.entries(run, Kind.DECIDED)
    assert (decided.actor, decided.payload["for"]) == (DAN.id, ANA.id)
    assert why(say(run, "approval/1", ANA, verdict="no")) is Refusal.DECIDED


def test_the_person_asked_keeps_the_right(desk: Desk) -> None:
    """Who is stood in for may answer all the same, and then it is their own answer."""
    run = desk.start("moving", number=1)
    delegate(desk, ANA.id, DAN)
    assert why(say(run, "approval/1", ANA, verdict="yes")) is None
    (decided,) = desk.entries(run, Kind.DECIDED)
    assert decided.actor == ANA.id
    assert "for" not in decided.payload


def test_a_delegate_answers_with_a_code_of_their_own(desk: Desk) -> None:
    """At the next leg the delegate is told, with a code that names the delegate and not the person asked."""
    run = desk.start("moving", number=1)
    delegate(desk, ANA.id, DAN)
    desk.advance(minutes=10)
    assert outside.list().count(f"tell {DAN.id}") == 1
    assert code(run, "approval/1", DAN) != code(run, "approval/1", ANA)
    desk.advance(minutes=11)
    assert outside.list().count(f"tell {DAN.id}") == 1


@pytest.mark.parametrize(("first", "second"), [(DAN, ANA), (ANA, DAN)])
def test_a_place_is_filled_once(desk: Desk, first: Person, second: Person) -> None:
    """Where several must agree, the person asked and their delegate are one voice."""
    run = desk.start("council", number=1, needs=2)
    delegate(desk, ANA.id, DAN)
    assert why(say(run, "first/1", first, vote="yes")) is None
    assert why(say(run, "first/1", second, vote="yes")) is Refusal.ANSWERED
    assert desk.waiting(run) == ["first/1"]


def test_four_eyes_look_at_both(desk: Desk) -> None:
    """Who took part before may not decide through a delegate, nor as somebody's delegate."""
    run = desk.start("council", number=1, needs=1)
    assert why(say(run, "first/1", BEN, vote="yes")) is None
    desk.settle()
    mine, others = delegate(desk, ANA.id, DAN), delegate(desk, BEN.id, ANA)
    assert why(say(run, "second/1", DAN, vote="yes")) is Refusal.FOUR_EYES
    assert why(say(run, "second/1", ANA, vote="yes")) is Refusal.FOUR_EYES
    assert refusals(desk, run) == [("second/1", DAN.id, "four_eyes"), ("second/1", ANA.id, "four_eyes")]
    assert revoke(desk, mine)
    assert revoke(desk, others)
    assert why(say(run, "second/1", BEN, vote="yes")) is None


def test_a_delegate_of_two_fills_the_place_that_may(desk: Desk) -> None:
    """Who stands in for somebody barred and for somebody else answers for the latter."""
    run = desk.start("council", number=1, needs=1)
    assert why(say(run, "first/1", EVA, vote="yes")) is None
    desk.settle()
    delegate(desk, ANA.id, DAN)
    delegate(desk, BEN.id, DAN)
    assert why(say(run, "second/1", DAN, vote="yes")) is None
    (decided,) = [entry for entry in desk.entries(run, Kind.DECIDED) if entry.key == "second/1"]
    assert (decided.actor, decided.payload["for"]) == (DAN.id, BEN.id)


def test_a_delegation_is_not_passed_on(desk: Desk) -> None:
    """The delegate's own delegate gets nothing of what the delegate was given."""
    run = desk.start("moving", number=1)
    delegate(desk, ANA.id, DAN)
    delegate(desk, DAN.id, EVA)
    assert why(say(run, "approval/1", EVA, verdict="yes")) is Refusal.NOT_YOURS
    assert why(say(run, "approval/1", DAN, verdict="yes")) is None


def test_a_delegation_gives_only_what_its_giver_has(desk: Desk) -> None:
    """Standing in for somebody who was not asked gives no say."""
    run = desk.start("moving", number=1)
    delegate(desk, MANAGER.id, DAN)
    assert why(say(run, "approval/1", DAN, verdict="yes")) is Refusal.NOT_YOURS


def test_a_revoked_delegation_ends_at_once(any_desk: Desk) -> None:
    """Once: a second time, and for a number that there is not, nothing is ended."""
    run = any_desk.start("moving", number=1)
    number = delegate(any_desk, ANA.id, DAN)
    assert [revoke(any_desk, number), revoke(any_desk, number), revoke(any_desk, 99)] == [True, False, False]
    assert why(say(run, "approval/1", DAN, verdict="yes")) is Refusal.NOT_YOURS


@pytest.mark.parametrize(
    ("to", "since", "until", "said"),
    [
        (ANA, 0, 10, "stand in for themselves"),
        (DAN, 10, 10, "ends after it begins"),
        (DAN, 10, 5, "ends after it begins"),
        (DAN, -10, -5, "not in the past"),
    ],
)
def test_what_is_no_delegation(desk: Desk, to: Person, since: int, until: int, said: str) -> None:
    """To oneself, without any time, or in the past: told, and nothing is kept."""
    with pytest.raises(ValueError, match=said):
        delegate(desk, ANA.id, to, since=since, until=until)
    with desk.files.reading() as connection:
        assert authority.in_force(connection, desk.engine.now() - timedelta(days=1)) == []
