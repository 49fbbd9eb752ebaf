"""Several people must agree: how many, what a no does, and that nobody counts twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework import authority, steering
from casework.answer import Accepted, Refusal, Refused
from casework.case import Kind
from casework.people import ALL, ANY, Person, Quorum
from tests.council import DAN, EVA
from tests.desk import Desk
from tests.toy import ANA, BEN, MANAGER, OPERATOR, keys, say


def delegate(desk: Desk, person: Person, to: Person, minutes: int = 600) -> int:
    """Somebody stands in for a person from now on."""
    now = desk.engine.now()
    with desk.files.writing() as connection:
        return authority.delegate(connection, person.id, to, now, now + timedelta(minutes=minutes), OPERATOR.id, now)


@pytest.mark.parametrize(
    ("quorum", "asked", "needed"),
    [
        (ANY, 3, 1),
        (ALL, 3, 3),
        (Quorum(needs=2), 3, 2),
        (Quorum(needs=3), 3, 3),
        (Quorum(needs=None, share=0.5), 4, 2),
        (Quorum(needs=None, share=0.5), 3, 2),
        (Quorum(needs=None, share=0.55), 20, 11),  # 20 * 0.55 is a little over 11 in binary
        (Quorum(needs=None, share=0.07), 100, 7),
        (Quorum(needs=None, share=0.01), 3, 1),
        (ALL, 0, 1),
    ],
)
def test_how_many_must_agree(quorum: Quorum, asked: int, needed: int) -> None:
    """Any, all, n-of and a share, of so many people; never nobody."""
    assert quorum.of(asked) == needed


def test_more_than_can_be_asked_cannot_agree() -> None:
    """A rule that asks for more people than there are is not quietly made weaker."""
    with pytest.raises(ValueError, match="3 people have to agree, and only 2 may"):
        Quorum(needs=3).of(2)


@given(percent=st.integers(1, 100), asked=st.integers(1, 500))
def test_a_share_is_the_least_number_that_reaches_it(percent: int, asked: int) -> None:
    """In whole numbers: the needed people are that share, and one less is not."""
    needed = Quorum(needs=None, share=percent / 100).of(asked)
    assert needed * 100 >= percent * asked > (needed - 1) * 100


@pytest.mark.parametrize(
    ("how", "votes", "ending"),
    [
        ({"needs": 1}, "y", "agreed"),
        ({"needs": 1}, "n", "first lost"),
        ({"needs": 1, "veto": False}, "ny", "agreed"),
        ({"needs": 1, "veto": False}, "nnn", "first lost"),
        ({"needs": 2}, "yy", "agreed"),
        ({"needs": 2}, "yn", "first lost"),
        ({"needs": 2, "veto": False}, "nyy", "agreed"),
        ({"needs": 2, "veto": False}, "nn", "first lost"),
        ({"needs": 2, "veto": False}, "nyn", "first lost"),
        ({"needs": None}, "yyy", "agreed"),
        ({"needs": None}, "yyn", "first lost"),
        ({"needs": None, "veto": False}, "n", "first lost"),
        ({"needs": None, "share": 0.5}, "yy", "agreed"),
        ({"needs": None, "share": 0.3}, "y", "agreed"),
        ({"needs": None, "share": 0.5, "veto": False}, "nn", "first lost"),
    ],
)
def test_votes_settle_the_question_and_not_sooner(
    any_desk: Desk, how: dict[str, object], votes: str, ending: str
) -> None:
    """Each vote but the last leaves the question open; the last one settles it, as a yes or as a no."""
    desk = any_desk
    run = desk.start("council", number=1, **how)
    for number, (person, vote) in enumerate(zip((ANA, BEN, EVA), votes, strict=False), 1):
        assert desk.waiting(run) == ["first/1"]
        said = say(run, "first/1", person, vote="yes" if vote == "y" else "no")
        assert said == Accepted(run.case_id, "first/1", person.id, settled=number == len(votes))
        desk.settle()
    assert keys(desk, run, Kind.DECIDED) == ["first/1"]
    assert desk.ending(run) == (None if ending == "agreed" else ending)
    desk.files.verify(run.case_id)


def test_every_vote_stands_in_the_file(desk: Desk) -> None:
    """Who voted how, in which order, and how many had to agree; the one that settles it stands as the decision too."""
    run = desk.start("council", number=1, needs=2, veto=False)
    [asked] = desk.entries(run, Kind.QUESTION_ASKED)
    assert asked.payload["needs"] == 2
    for person, vote in ((ANA, "no"), (BEN, "yes"), (EVA, "yes")):
        say(run, "first/1", person, vote=vote)
    votes = desk.entries(run, Kind.ANSWER_COUNTED)
    assert [(one.actor, one.payload["agrees"]) for one in votes] == [
        (ANA.id, False),
        (BEN.id, True),
        (EVA.id, True),
    ]
    [decided] = desk.entries(run, Kind.DECIDED)
    assert (decided.actor, decided.payload["values"]) == (EVA.id, {"vote": "yes"})


def test_one_person_counts_once_through_every_channel(desk: Desk) -> None:
    """A second vote of the same person, by another channel or with another word, is refused and recorded."""
    run = desk.start("council", number=1, needs=2)
    say(run, "first/1", ANA, vote="yes")
    for channel, vote in (("slack", "yes"), ("page", "yes"), ("page", "no")):
        again = say(run, "first/1", ANA, channel=channel, vote=vote)
        assert isinstance(again, Refused)
        assert again.why is Refusal.ANSWERED
    assert desk.waiting(run) == ["first/1"]
    assert len(desk.entries(run, Kind.ANSWER_OFFERED)) == 4


@pytest.mark.parametrize("first", [ANA, DAN])
def test_a_delegate_and_who_is_stood_in_for_count_once(desk: Desk, first: Person) -> None:
    """Whichever of both votes first, the other one's vote does not count; the file names both."""
    run = desk.start("council", number=1, needs=2)
    delegate(desk, ANA, DAN)
    assert isinstance(say(run, "first/1", first, vote="yes"), Accepted)
    second = say(run, "first/1", DAN if first == ANA else ANA, vote="yes")
    assert isinstance(second, Refused)
    assert second.why is Refusal.ANSWERED
    [vote] = desk.entries(run, Kind.ANSWER_COUNTED)
    assert (vote.actor, vote.payload["asked"]) == (first.id, ANA.id)
    assert isinstance(say(run, "first/1", BEN, vote="yes"), Accepted)
    desk.settle()
    assert desk.waiting(run) == ["second/1"]


def test_a_delegate_who_is_asked_too_has_one_vote(desk: Desk) -> None:
    """Ben stands in for Ana and is asked himself: he votes once, in his own place, and Ana may still vote."""
    run = desk.start("council", number=1)
    delegate(desk, ANA, BEN)
    for _ in range(2):
        say(run, "first/1", BEN, vote="yes")
    assert [vote.payload["asked"] for vote in desk.entries(run, Kind.ANSWER_COUNTED)] == [BEN.id]
    assert isinstance(say(run, "first/1", ANA, vote="yes"), Accepted)


def test_one_delegate_of_two_people_has_one_vote(desk: Desk) -> None:
    """Standing in for two of three does not make two different people."""
    run = desk.start("council", number=1, needs=2)
    for person in (ANA, BEN):
        delegate(desk, person, DAN)
    assert isinstance(say(run, "first/1", DAN, vote="yes"), Accepted)
    again = say(run, "first/1", DAN, vote="yes")
    assert isinstance(again, Refused)
    assert again.why is Refusal.ANSWERED


def test_who_has_voted_cannot_hand_the_question_to_a_second_vote(desk: Desk) -> None:
    """All three must agree: Ana, who has, cannot pass her place on for somebody to agree instead of Eva."""
    run = desk.start("council", number=1)
    say(run, "first/1", ANA, vote="yes")
    with pytest.raises(steering.NotSteered, match="has answered"):
        steering.hand_over(run.case_id, "first/1", away_from=ANA.id, to=DAN, by=ANA.id, reason="on holiday")
    steering.hand_over(run.case_id, "first/1", away_from=BEN.id, to=DAN, by=BEN.id, reason="on holiday")
    assert isinstance(say(run, "first/1", BEN, vote="yes"), Refused)
    assert say(run, "first/1", DAN, vote="yes") == Accepted(run.case_id, "first/1", DAN.id, settled=False)
    assert say(run, "first/1", EVA, vote="yes") == Accepted(run.case_id, "first/1", EVA.id, settled=True)


def test_an_escalation_does_not_ask_for_more_votes(any_desk: Desk) -> None:
    """The manager, added later, may agree in the place of whoever does not; as many must agree as at the asking."""
    run = any_desk.start("council", number=1)
    any_desk.advance(minutes=31)
    for person, settled in ((ANA, False), (MANAGER, False), (BEN, True)):
        assert say(run, "first/1", person, vote="yes") == Accepted(run.case_id, "first/1", person.id, settled=settled)


def test_too_few_votes_end_with_the_deadline(any_desk: Desk) -> None:
    """Two of three who had to agree are not three: the deadline passes, the votes stay in the file."""
    run = any_desk.start("council", number=1)
    for person in (ANA, BEN):
        say(run, "first/1", person, vote="yes")
    any_desk.advance(minutes=61)
    assert any_desk.ending(run) == "first passed"
    assert len(any_desk.entries(run, Kind.ANSWER_COUNTED)) == 2
    assert keys(any_desk, run, Kind.DECIDED) == []
