"""Random people, channels, orders, duplicates, delays, delegations, hand-overs and extensions, against a small model.

The model knows who was asked and who voted. It shares no code with the function that decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from casework import authority, steering
from casework.answer import Accepted, Offer, answer
from casework.case import Kind
from casework.engine.simulated import Run
from casework.people import Identity, Person
from tests.conftest import START
from tests.council import COUNCIL, DAN, EVA
from tests.desk import Desk
from tests.toy import ANA, BEN, MANAGER, OPERATOR, code, outside

STRANGER = Person(id="staff-99", slack="U99", zendesk=9999)
EVERYBODY = (ANA, BEN, EVA, DAN, MANAGER, STRANGER)
VERIFIED = ("slack", "zendesk")
NEEDED = {"any": (1, 1), "two": (2, 2), "half": (1, 2), "all": (2, 3)}
"""How many must agree where two people may answer, and where three may."""
QUORUMS: dict[str, dict[str, int | float]] = {
    "any": {"needs": 1},
    "two": {"needs": 2},
    "half": {"share": 0.5},
    "all": {},
}


@dataclass
class Question:
    """What the model knows of one question."""

    asked: list[str]
    due: datetime
    needed: int
    veto: bool
    barred: frozenset[str]
    votes: list[tuple[str, str, bool]] = field(default_factory=list)
    decision: tuple[str, str] | None = None
    escalated: bool = False

    @property
    def spent(self) -> set[str]:
        """Everybody who voted, or in whose place somebody did."""
        return {person for actor, place, _ in self.votes for person in (actor, place)}

    def outcome(self) -> bool:
        """Whether the votes settle it."""
        yes = sum(vote for *_, vote in self.votes)
        no = len(self.votes) - yes
        may = len(set(self.asked) - self.barred)
        return yes >= self.needed or (self.veto and no > 0) or may - no < self.needed


@dataclass
class Delegation:
    """Somebody stands in for somebody else."""

    number: int
    person: str
    to: str
    since: datetime
    until: datetime


class Answering(RuleBasedStateMachine):
    """Random people answer random questions through random channels, late, twice and wrongly."""

    @initialize(quorums=st.lists(st.sampled_from(sorted(NEEDED)), min_size=2, max_size=2), veto=st.booleans())
    def open(self, quorums: list[str], veto: bool) -> None:
        outside.reset()
        self.folder = TemporaryDirectory()
        self.desk = Desk(f"sqlite:///{self.folder.name}/cases.db", START)
        self.desk.__enter__()
        self.runs = [
            self.desk.start("council", number=number, veto=veto, **QUORUMS[quorum])
            for number, quorum in enumerate(quorums, 1)
        ]
        self.quorums, self.veto = quorums, veto
        self.model: dict[tuple[str, str], Question] = {}
        self.attempts = dict.fromkeys((run.case_id for run in self.runs), 0)
        self.refused = dict.fromkeys((run.case_id for run in self.runs), 0)
        self.delegations: list[Delegation] = []
        self.used: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.__exit__(None, None, None)
            self.folder.cleanup()

    def question(self, which: int, wait: str) -> Question | None:
        """The model of a question, once it was asked, with those whom escalations have added by now."""
        run = self.runs[which]
        at = [entry.at for entry in self.desk.entries(run, Kind.QUESTION_ASKED) if entry.key == wait]
        if not at:
            return None
        barred = frozenset({ANA.id} if wait == "second/1" else ())
        asked = [person.id for person in COUNCIL.people]
        needed = NEEDED[self.quorums[which]][not barred]
        fresh = Question(asked, at[0] + timedelta(minutes=60), needed, self.veto, barred)
        one = self.model.setdefault((run.case_id, wait), fresh)
        escalated = any(e.key.startswith(f"{wait}>") for e in self.desk.entries(run, Kind.ESCALATED))
        if escalated and not one.escalated:
            one.escalated = True
            one.asked += [] if MANAGER.id in one.asked else [MANAGER.id]
        return one

    def places(self, one: Question, person: str) -> list[str]:
        """In whose place a person may answer now."""
        now = self.desk.engine.now()
        if person in one.asked:
            return [person]
        stands = {d.person for d in self.delegations if d.to == person and d.since <= now < d.until}
        return [asked for asked in one.asked if asked in stands]

    # -- answers

    @rule(
        which=st.integers(0, 1),
        wait=st.sampled_from(["first/1", "second/1", "first/2"]),
        person=st.sampled_from(EVERYBODY),
        proof=st.sampled_from(["slack", "slack", "zendesk", "plain", "code", "code of another question"]),
        vote=st.sampled_from(["yes", "yes", "no", "maybe"]),
        repeat=st.booleans(),
    )
    def answers(self, which: int, wait: str, person: Person, proof: str, vote: str, repeat: bool) -> None:
        for _ in range(1 + repeat):
            self.answer(which, wait, person, proof, vote)

    @rule(
        which=st.integers(0, 1),
        people=st.lists(st.sampled_from((ANA, BEN, EVA, DAN, MANAGER)), min_size=1, max_size=3),
        proof=st.sampled_from(["slack", "slack", "slack", "code", "plain", "code of another question"]),
        vote=st.sampled_from(["yes", "yes", "yes", "no"]),
    )
    def those_asked_answer(self, which: int, people: list[Person], proof: str, vote: str) -> None:
        """Chance alone seldom gets all but one thing right: without this few checks would stand alone."""
        for person in people:
            for wait in self.desk.waiting(self.runs[which]):
                self.answer(which, wait, person, proof, vote)

    def answer(self, which: int, wait: str, person: Person, proof: str, vote: str) -> None:
        run, (identity, typed) = self.runs[which], self.proof(self.runs[which], wait, person, proof)
        one = self.question(which, wait)
        ended, open_now = self.desk.ending(run), wait in self.desk.waiting(run)
        places = self.places(one, person.id) if one else []
        result = answer(Offer(run.case_id, wait, {"vote": vote}, proof, identity, typed))
        self.attempts[run.case_id] += one is not None and ended is None
        if isinstance(result, Accepted):
            assert one is not None
            assert open_now
            assert self.desk.engine.now() < one.due
            assert result.by == person.id
            assert one.decision is None
            assert vote != "maybe"
            assert proof not in ("plain", "code of another question")
            assert typed not in self.used
            free = [place for place in places if not {place, person.id} & (one.spent | one.barred)]
            assert free, f"{person.id} may not answer {wait}"
            one.votes.append((person.id, free[0], vote == "yes"))
            assert result.settled == one.outcome()
            one.decision = (person.id, vote) if result.settled else None
        else:
            self.refused[run.case_id] += one is not None and ended is None
            may = (
                one is not None
                and open_now
                and self.desk.engine.now() < one.due
                and places[:1] == [person.id]
                and person.id not in one.spent | one.barred
            )
            assert not (may and vote != "maybe" and proof in VERIFIED and getattr(person, proof)), result
        if typed is not None:
            self.used.add(typed)

    def proof(self, run: Run, wait: str, person: Person, proof: str) -> tuple[Identity | None, str | None]:
        match proof:
            case "slack" | "zendesk":
                return Identity(kind=proof, value=str(getattr(person, proof))), None
            case "plain":
                return Identity(kind="person", value=person.id, verified=False), None
            case "code":
                return None, code(run, wait, person)
        return None, code(run, "first/1" if wait == "second/1" else "second/1", person)

    # -- who may answer, and until when

    @rule(
        person=st.sampled_from(EVERYBODY),
        to=st.sampled_from(EVERYBODY),
        begins=st.sampled_from([0, 20]),
        lasts=st.sampled_from([10, 300]),
    )
    def delegates(self, person: Person, to: Person, begins: int, lasts: int) -> None:
        if person == to:
            return
        now = self.desk.engine.now()
        since, until = now + timedelta(minutes=begins), now + timedelta(minutes=begins + lasts)
        with self.desk.files.writing() as connection:
            number = authority.delegate(connection, person.id, to, since, until, OPERATOR.id, now)
        self.delegations.append(Delegation(number, person.id, to.id, since, until))

    @precondition(lambda self: self.delegations)
    @rule(data=st.data())
    def revokes(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.delegations))
        now = self.desk.engine.now()
        with self.desk.files.writing() as connection:
            assert authority.revoke(connection, one.number, now) == (one.until > now)
        one.until = min(one.until, now)

    @rule(
        which=st.integers(0, 1),
        wait=st.sampled_from(["first/1", "second/1"]),
        away_from=st.sampled_from([ANA, BEN, EVA, DAN]),
        to=st.sampled_from(EVERYBODY),
        by=st.sampled_from([OPERATOR, ANA, DAN]),
    )
    def hands_over(self, which: int, wait: str, away_from: Person, to: Person, by: Person) -> None:
        run, one = self.runs[which], self.question(which, wait)
        open_now = wait in self.desk.waiting(run)
        try:
            steering.hand_over(run.case_id, wait, away_from=away_from.id, to=to, by=by.id, reason="on holiday")
        except steering.NotSteered:
            return
        assert one is not None
        assert open_now
        assert by in (OPERATOR, away_from)
        assert away_from.id in one.asked
        assert away_from.id not in {place for _, place, _ in one.votes}
        assert to.id not in one.asked
        assert to.id not in one.barred
        one.asked[one.asked.index(away_from.id)] = to.id

    @rule(
        which=st.integers(0, 1),
        wait=st.sampled_from(["first/1", "second/1"]),
        minutes=st.sampled_from([-5, 30, 90]),
        by=st.sampled_from([OPERATOR, OPERATOR, ANA]),
    )
    def extends(self, which: int, wait: str, minutes: int, by: Person) -> None:
        run, one = self.runs[which], self.question(which, wait)
        open_now = wait in self.desk.waiting(run)
        until = (one.due if one else self.desk.engine.now()) + timedelta(minutes=minutes)
        try:
            steering.extend(run.case_id, wait, until=until, by=by.id, reason="a holiday in between")
        except steering.NotSteered:
            return
        assert one is not None
        assert open_now
        assert by == OPERATOR
        assert until > one.due
        one.due = until

    # -- time

    @rule(minutes=st.sampled_from([1, 5, 29, 31, 61]), quietly=st.booleans())
    def time_passes(self, minutes: int, quietly: bool) -> None:
        if quietly:
            self.desk.engine.sleep(minutes * 60)
        else:
            self.desk.advance(minutes=minutes)

    @rule()
    def the_clock_ticks(self) -> None:
        self.desk.engine.sleep(1)
        self.desk.settle()

    @rule(which=st.integers(0, 1))
    def somebody_resumes(self, which: int) -> None:
        if self.desk.ending(self.runs[which]) is None:
            self.desk.engine.resume(self.runs[which].case_id)
            self.desk.engine.run()

    # -- what is always so

    @precondition(lambda self: hasattr(self, "runs"))
    @invariant()
    def the_file_is_right(self) -> None:
        for run in self.runs:
            entries = self.desk.entries(run)
            mine = {wait: one for (case_id, wait), one in self.model.items() if case_id == run.case_id}
            kinds = [entry.kind for entry in entries]
            assert kinds.count(Kind.ANSWER_OFFERED) == self.attempts[run.case_id]
            assert kinds.count(Kind.ANSWER_REFUSED) == self.refused[run.case_id]
            settled = [e.key for e in entries if e.kind in (Kind.DECIDED, Kind.DEADLINE_PASSED)]
            assert len(settled) == len(set(settled))
            assert {e.key: (e.actor, e.payload["values"]["vote"]) for e in entries if e.kind is Kind.DECIDED} == {
                wait: one.decision for wait, one in mine.items() if one.decision
            }
            for wait, one in mine.items():
                counted = [e for e in entries if e.kind is Kind.ANSWER_COUNTED and e.key == wait]
                votes = [(e.actor, e.payload["asked"], e.payload["agrees"]) for e in counted]
                assert votes == (one.votes if one.needed > 1 or not one.decision else one.votes[:-1])
            for e in entries:
                if e.kind is Kind.DEADLINE_PASSED:
                    assert e.at >= mine[e.key].due if e.key in mine else True
            self.desk.files.verify(run.case_id)


TestAnswering = Answering.TestCase
# A step takes milliseconds of disk: how long drawing takes beside other work says nothing about the code.
QUIET = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
TestAnswering.settings = settings(QUIET, max_examples=12, stateful_step_count=15)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_answering_at_random_for_long() -> None:
    """The same machine, with many more and longer stories."""
    run_state_machine_as_test(Answering, settings=settings(QUIET, max_examples=300, stateful_step_count=40))
