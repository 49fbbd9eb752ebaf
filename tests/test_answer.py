"""`answer()` refuses what does not count, records every attempt, and settles a question at most once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from casework import tick
from casework.answer import Accepted, Offer, Refusal, Refused, answer, pass_deadline
from casework.case import Kind
from casework.clock import Minutes
from casework.engine.simulated import Run
from casework.people import Identity, Role
from casework.process import process
from casework.wait import wait_for
from tests.desk import Desk
from tests.toy import ANA, BEN, MANAGER, MANAGERS, OWNERS, Approval, code, keys, refusals, say, slack

pytestmark = pytest.mark.usefixtures("toy_world")


@process("asking", subject="toy:ask:{number}")
def asking(number: int, verified: bool = True) -> str:
    """Ask twice; the second question is not for Ana."""
    for place, barred in (("first", ()), ("second", (ANA.id,))):
        given = wait_for(
            Approval,
            key=place,
            question="?",
            who=OWNERS,
            within=Minutes(60),
            escalate=[(Minutes(30), MANAGERS)],
            verified=verified,
            not_by=barred,
        )
        if given is None:
            return f"{place} passed"
    return "agreed"


STRANGER = Identity(kind="slack", value="U99")
YES = {"verdict": "yes"}


def offer(run: Run, **change: Any) -> Offer:
    """Ana's good answer through Slack, changed."""
    whole: dict[str, Any] = {"wait": "first/1", "values": YES, "channel": "slack", "identity": slack(ANA)} | change
    return Offer(run.case_id, **whole)


@pytest.mark.parametrize(
    ("change", "why", "actor"),
    [
        ({"identity": STRANGER}, Refusal.NOT_YOURS, "unknown"),
        ({"identity": None}, Refusal.NOT_YOURS, "unknown"),
        ({"identity": slack(MANAGER)}, Refusal.NOT_YOURS, "unknown"),
        ({"identity": Identity(kind="zendesk", value="U7")}, Refusal.NOT_YOURS, "unknown"),
        ({"identity": Identity(kind="slack", value="None")}, Refusal.NOT_YOURS, "unknown"),
        ({"identity": Identity(kind="person", value="")}, Refusal.NOT_YOURS, "unknown"),
        (
            {"identity": Identity(kind="person", value=ANA.id, verified=False), "channel": "prefect"},
            Refusal.UNVERIFIED,
            ANA.id,
        ),
        ({"identity": None, "code": "AAAA-AAAA"}, Refusal.BAD_CODE, "unknown"),
        ({"code": "AAAA-AAAA"}, Refusal.BAD_CODE, "unknown"),
        ({"values": {}}, Refusal.INVALID, ANA.id),
        ({"values": {"verdict": "perhaps"}}, Refusal.INVALID, ANA.id),
        ({"values": {"verdict": "yes", "wait": "first/1"}}, Refusal.INVALID, ANA.id),
        ({"values": {"verdict": "yes", "reason": "x" * 4001}}, Refusal.INVALID, ANA.id),
    ],
)
def test_what_does_not_count_is_refused_and_recorded(
    desk: Desk, change: dict[str, Any], why: Refusal, actor: str
) -> None:
    """Each refusal says why, stands in the file with who and how, and leaves the question open."""
    run = desk.start("asking", number=1)
    refused = answer(offer(run, **change))
    assert isinstance(refused, Refused)
    assert refused.why is why
    assert refused.sentence.startswith("Your answer was not recorded: " + why.value)
    offered = desk.entries(run, Kind.ANSWER_OFFERED)[-1]
    assert (offered.actor, offered.payload["channel"]) == (actor, change.get("channel", "slack"))
    assert refusals(desk, run) == [("first/1", actor, why.name.lower())]
    desk.settle()
    assert desk.waiting(run) == ["first/1"]
    assert isinstance(answer(offer(run)), Accepted)


def test_an_invalid_answer_tells_the_person_what_is_wrong_and_not_the_file(desk: Desk) -> None:
    """The sentence names the field; neither it nor the file repeats what was typed."""
    run = desk.start("asking", number=1)
    refused = answer(offer(run, values={"verdict": "Mr Smith says no"}))
    assert isinstance(refused, Refused)
    assert "verdict: " in refused.sentence
    assert "Smith" not in refused.sentence
    assert all("Smith" not in str(entry.payload) for entry in desk.entries(run))


def test_a_question_or_case_that_is_not_there_is_refused(desk: Desk) -> None:
    """An answer to nothing changes nothing."""
    run = desk.start("asking", number=1)
    written = desk.entries(run)
    for missing in (offer(run, wait="third/1"), Offer("no-such-case", "first/1", YES, "slack", slack(ANA))):
        refused = answer(missing)
        assert isinstance(refused, Refused)
        assert refused.why is Refusal.UNKNOWN
    assert desk.entries(run) == written


def test_a_settled_question_takes_no_second_answer(any_desk: Desk) -> None:
    """Whoever is second is told so, also when they say the same, and after the case has ended."""
    run = any_desk.start("asking", number=1)
    assert isinstance(answer(offer(run)), Accepted)
    for identity in (slack(ANA), slack(BEN)):
        second = answer(offer(run, identity=identity, values={"verdict": "no"}))
        assert isinstance(second, Refused)
        assert second.why is Refusal.DECIDED
    assert [why for _, _, why in refusals(any_desk, run)] == ["decided"] * 2
    any_desk.settle()
    any_desk.advance(minutes=120)
    assert any_desk.ending(run) == "second passed"
    after = answer(offer(run, identity=slack(BEN)))
    assert isinstance(after, Refused)
    assert after.why is Refusal.DECIDED


def test_an_escalated_question_may_be_answered_by_the_manager_too(any_desk: Desk) -> None:
    """Before the escalation the manager may not answer; after it both the manager and the first person may."""
    for number, person in enumerate((MANAGER, ANA), start=1):
        run = any_desk.start("asking", number=number)
        early = answer(offer(run, identity=slack(MANAGER)))
        assert isinstance(early, Refused)
        any_desk.advance(minutes=31)
        accepted = answer(offer(run, identity=slack(person)))
        assert accepted == Accepted(run.case_id, "first/1", person.id)
        assert any_desk.entries(run, Kind.ESCALATED)[0].payload["who"] == [MANAGER.id]


def test_four_eyes(desk: Desk) -> None:
    """Who took part before may not decide, however they prove who they are; somebody else may."""
    run = desk.start("asking", number=1)
    answer(offer(run))
    desk.settle()
    own = {"identity": None, "code": code(run, "second/1", ANA)}
    for change in ({}, {"identity": Identity(kind="zendesk", value="7007")}, own):
        refused = answer(offer(run, wait="second/1", **change))
        assert isinstance(refused, Refused)
        assert refused.why is Refusal.FOUR_EYES
    assert isinstance(answer(offer(run, wait="second/1", identity=slack(BEN))), Accepted)
    desk.settle()
    assert desk.ending(run) == "agreed"


def test_a_plain_name_counts_only_where_the_question_allows_it(desk: Desk) -> None:
    """A typed name is refused by default; where it is allowed the file says that nobody proved it."""
    plain = {"identity": Identity(kind="person", value=ANA.id, verified=False)}
    strict = desk.start("asking", number=1)
    assert isinstance(answer(offer(strict, **plain)), Refused)
    lax = desk.start("asking", number=2, verified=False)
    assert isinstance(answer(offer(lax, **plain)), Accepted)
    assert desk.entries(lax, Kind.DECIDED)[0].payload["verified"] is False
    stranger = {"identity": Identity(kind="person", value="staff-99", verified=False)}
    refused = answer(offer(desk.start("asking", number=3, verified=False), **stranger))
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.NOT_YOURS


# -- codes


@pytest.mark.parametrize(
    "typed", [str, str.lower, lambda code: f" {code} ", lambda code: code.replace("-", " "), "-".join]
)
def test_a_code_is_read_as_people_type_it(desk: Desk, typed: Any) -> None:
    """Case, spaces and dashes do not matter."""
    run = desk.start("asking", number=1)
    mine = typed(code(run, "first/1", ANA))
    accepted = answer(offer(run, identity=None, code=mine, channel="prefect"))
    assert accepted == Accepted(run.case_id, "first/1", ANA.id)
    assert desk.entries(run, Kind.DECIDED)[0].payload["verified"] is True


@pytest.mark.parametrize(("wait", "values"), [("first/1", {"verdict": "?"}), ("second/1", YES), ("nowhere/1", YES)])
def test_a_code_dies_with_its_first_use_anywhere(any_desk: Desk, wait: str, values: dict[str, str]) -> None:
    """Used with a bad form, for another question or for none, a code never counts again: the engine keeps it."""
    other = any_desk.start("asking", number=2)
    answer(offer(other))
    any_desk.settle()
    run = any_desk.start("asking", number=1)
    mine = code(run, "first/1", ANA)
    where = other if wait == "second/1" else run
    first = answer(offer(where, wait=wait, values=values, identity=None, code=mine))
    assert isinstance(first, Refused)
    assert first.why in (Refusal.INVALID, Refusal.BAD_CODE, Refusal.UNKNOWN)
    again = answer(offer(run, identity=None, code=mine))
    assert isinstance(again, Refused)
    assert again.why is Refusal.USED_CODE
    assert any_desk.waiting(run) == ["first/1"]
    assert isinstance(answer(offer(run, identity=None, code=code(run, "first/1", BEN))), Accepted)


def test_a_code_used_in_two_places_at_once_is_used_once(any_desk: Desk) -> None:
    """Of two uses of one code at the same instant, at most one finds it unused."""
    for number in range(1, 11):
        run = any_desk.start("asking", number=number)
        mine = code(run, "first/1", ANA)
        tries = [offer(run, identity=None, code=mine), offer(run, wait="nowhere/1", identity=None, code=mine)]
        results = at_once([lambda o=o: answer(o) for o in tries])
        counted = sum(isinstance(result, Accepted) for result in results)
        unused = [r for r in results if isinstance(r, Accepted) or r.why is Refusal.UNKNOWN]
        assert counted <= 1
        assert len(unused) >= 1


# -- races


def at_once(calls: list[Any]) -> list[Any]:
    """The results of calls made at one instant, each in a thread of its own."""
    together = threading.Barrier(len(calls))

    def call(one: Any) -> Any:
        together.wait()
        return one()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def race_of_answers(desk: Desk, rounds: int) -> None:
    """Two people say the opposite at one instant: one decides, the other is told so, both stand in the file."""
    for number in range(1, rounds + 1):
        run = desk.start("asking", number=number)
        offers = [
            offer(run),
            offer(run, identity=slack(BEN), values={"verdict": "no"}),
        ]
        results = at_once([lambda o=o: answer(o) for o in offers])
        [won] = [result for result in results if isinstance(result, Accepted)]
        [lost] = [result for result in results if isinstance(result, Refused)]
        assert lost.why is Refusal.DECIDED
        [decided] = desk.entries(run, Kind.DECIDED)
        assert (decided.actor, decided.key) == (won.by, "first/1")
        assert decided.payload["values"]["verdict"] == ("yes" if won.by == ANA.id else "no")
        assert len(desk.entries(run, Kind.ANSWER_OFFERED)) == 2
        assert len(refusals(desk, run)) == 1
        desk.files.verify(run.case_id)


def test_of_two_opposite_answers_at_once_one_counts(any_desk: Desk) -> None:
    """Whatever the interleaving, a question is decided once; the loser is told and recorded."""
    race_of_answers(any_desk, 50)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_of_two_opposite_answers_at_once_one_counts_a_thousand_times(any_desk: Desk) -> None:
    """The same, a thousand times."""
    race_of_answers(any_desk, 1000)


def test_an_answer_at_the_due_instant_is_late(any_desk: Desk) -> None:
    """The deadline belongs to nobody's answer: a moment before it counts, the very moment does not."""
    for number, early in ((1, timedelta(microseconds=1)), (2, timedelta(0))):
        run = any_desk.start("asking", number=number)
        any_desk.engine.time += timedelta(minutes=60) - early
        result = answer(offer(run))
        assert isinstance(result, Accepted if early else Refused)
        any_desk.settle()
        assert keys(any_desk, run, Kind.DECIDED) == (["first/1"] if early else [])
        assert any_desk.ending(run) == (None if early else "first passed")


def test_a_deadline_and_an_answer_at_once_settle_the_question_once(any_desk: Desk) -> None:
    """With two clocks passing the deadline while somebody answers, the file gets exactly one of both."""
    desk = any_desk
    for number in range(1, 21):
        run = desk.start("asking", number=number)
        due = desk.engine.time + timedelta(minutes=60)
        early = due - timedelta(microseconds=1)
        moments = iter([early, due, early, due] * 20)

        def passes(run: Run = run, due: Any = due) -> bool:
            with desk.files.writing() as connection:
                return pass_deadline(connection, run.case_id, "first/1", due)

        real, desk.files.now = desk.files.now, moments.__next__
        try:
            said, *passed = at_once([lambda run=run: answer(offer(run)), passes, passes])
        finally:
            desk.files.now = real
        settled = desk.entries(run, Kind.DECIDED) + desk.entries(run, Kind.DEADLINE_PASSED)
        assert len(settled) == 1
        assert isinstance(said, Accepted) + sum(passed) == 1
        desk.engine.time = due
        desk.settle()
        desk.advance(minutes=61)


def test_a_needed_role_may_have_nobody(desk: Desk) -> None:
    """A question put to nobody is refused to everybody and ends by its deadline."""

    @process("unheard", subject="toy:unheard:{number}")
    def unheard(number: int) -> str:
        nobody = Role(name="nobody", people=())
        said = wait_for(Approval, key="x", question="?", who=nobody, within=Minutes(5))
        return "passed" if said is None else "decided"

    run = desk.start("unheard", number=1)
    assert isinstance(say(run, "x/1", ANA, verdict="yes"), Refused)
    desk.engine.sleep(301)
    assert tick.tick(desk.runtime).deadlines == 1
    desk.settle()
    assert desk.ending(run) == "passed"
