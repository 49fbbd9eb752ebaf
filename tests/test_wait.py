"""Questions are asked once, brought forward by every leg, and settled by the file alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from casework import clock
from casework.answer import Accepted, Offer, Refusal, Refused, answer
from casework.calendar import BusinessCalendar
from casework.case import Kind
from casework.clock import Days, Delay, Minutes
from casework.engine.simulated import Run
from casework.people import Identity, Invitation
from casework.process import process
from casework.systems.errors import Temporary
from casework.tick import wake
from casework.wait import Heard, wait_for
from tests.desk import Desk
from tests.toy import (
    ANA,
    BEN,
    CUSTOMER,
    MANAGER,
    MANAGERS,
    OWNERS,
    Approval,
    code,
    keys,
    outside,
    refusals,
    remind,
    say,
    tell,
)

pytestmark = pytest.mark.usefixtures("toy_world")

AN_HOUR = Minutes(60)


def asked(desk: Desk, *, within: Delay = AN_HOUR, **how: Any) -> Run:
    """A case that asks the owners one question in this way."""

    @process("asked", subject="toy:asked:{number}")
    def asking(number: int) -> str:
        given = wait_for(Approval, key="q", question="May it?", who=OWNERS, within=within, **how)
        return "passed" if given is None else f"{given.verdict.value} by {given.by} through {given.channel}"

    return desk.start("asked", number=1)


def test_the_question_stands_in_the_file_before_anybody_is_told(any_desk: Desk) -> None:
    """Who may answer, until when and in what form is recorded first; then each person is told once."""
    due = any_desk.engine.time + timedelta(minutes=60)
    run = asked(any_desk, announce=tell, not_by=["staff-3"])
    kinds = [entry.kind for entry in any_desk.entries(run)]
    assert kinds[:3] == [Kind.OPENED, Kind.QUESTION_ASKED, Kind.STEP_BEGUN]
    [question] = any_desk.entries(run, Kind.QUESTION_ASKED)
    assert question.payload == {
        "role": "owner",
        "who": [ANA.id, BEN.id],
        "due": due.isoformat(),
        "reminders": [],
        "escalations": {},
        "verified": True,
        "not_by": ["staff-3"],
        "form": "tests.toy:Approval",
    }
    assert outside.list() == [f"tell {ANA.id}", f"tell {BEN.id}"]


def test_the_answer_says_who_gave_it_and_how(any_desk: Desk) -> None:
    """The body gets the form with the id of the person and the channel."""
    run = asked(any_desk)
    say(run, "q/1", BEN, verdict="no")
    any_desk.settle()
    assert any_desk.ending(run) == "no by staff-8 through slack"


def test_a_passed_deadline_is_no_answer_once(any_desk: Desk) -> None:
    """At the due moment and not before, the answer is None, once."""
    run = asked(any_desk)
    any_desk.advance(minutes=59)
    assert any_desk.ending(run) is None
    any_desk.advance(minutes=1)
    assert any_desk.ending(run) == "passed"
    assert keys(any_desk, run, Kind.DEADLINE_PASSED) == ["q/1"]


# -- reminders and escalations


def test_reminders_come_in_time_and_once(any_desk: Desk) -> None:
    """Every reminder is sent to everybody asked, at its moment, whatever resumes come between."""
    run = asked(any_desk, remind=[(Minutes(10), remind), (Minutes(20), remind)])
    for _ in range(5):
        any_desk.advance(minutes=5)
        any_desk.engine.resume(run.case_id)
        any_desk.settle()
    assert outside.list() == [f"remind {ANA.id}", f"remind {BEN.id}"] * 2
    told = [(e.key, (e.at - run_began(any_desk, run)).seconds // 60) for e in reminders(any_desk, run)]
    assert told == [("q/1>reminder-1", 10), ("q/1>reminder-2", 20)]


def run_began(desk: Desk, run: Run) -> datetime:
    return desk.files.case(run.case_id).opened_at


def reminders(desk: Desk, run: Run) -> list[Any]:
    return desk.entries(run, Kind.REMINDER_SENT)


def test_late_reminders_are_sent_as_one(any_desk: Desk) -> None:
    """After a standstill people get the latest reminder only; the file says which were superseded."""
    run = asked(any_desk, remind=[(Minutes(n), remind) for n in (10, 20, 30, 50)])
    any_desk.engine.sleep(35 * 60)
    any_desk.settle()
    assert outside.list() == [f"remind {ANA.id}", f"remind {BEN.id}"]
    assert [e.payload["sent"] for e in reminders(any_desk, run)] == [False, False, True]
    any_desk.advance(minutes=20)
    assert len(outside.list()) == 4


def test_nobody_is_reminded_of_what_is_over(desk: Desk) -> None:
    """After a standstill beyond the deadline, nobody is reminded; after an answer, nobody either."""
    run = asked(desk, remind=[(Minutes(10), remind)])
    desk.engine.sleep(61 * 60)
    desk.settle()
    assert (desk.ending(run), outside.list()) == ("passed", [])
    run = asked(desk, remind=[(Minutes(10), remind)])
    say(run, "q/1", ANA, verdict="yes")
    desk.engine.sleep(11 * 60)
    desk.settle()
    assert outside.list() == []


def test_an_escalation_tells_those_who_may_answer_as_well(any_desk: Desk) -> None:
    """At its moment the manager is told and reminded from then on, once each; the file says since when."""
    run = asked(any_desk, announce=tell, escalate=[(Minutes(30), MANAGERS)], remind=[(Minutes(40), remind)])
    any_desk.advance(minutes=45)
    assert outside.list().count(f"tell {MANAGER.id}") == 1
    assert outside.list()[-3:] == [f"remind {person.id}" for person in (ANA, BEN, MANAGER)]
    assert keys(any_desk, run, Kind.ESCALATED) == ["q/1>manager"]
    say(run, "q/1", MANAGER, verdict="yes")
    any_desk.settle()
    assert any_desk.ending(run) == "yes by staff-9 through slack"


def test_a_changed_policy_does_not_move_the_deadline_of_an_open_question(desk: Desk) -> None:
    """What was asked stays asked: another release's longer time neither delays the deadline nor keeps it silent."""
    within = [Minutes(60)]

    @process("patient", subject="toy:patient:{number}")
    def patient(number: int) -> str:
        given = wait_for(Approval, key="q", question="?", who=OWNERS, within=within[0])
        return "passed" if given is None else "answered"

    run = desk.start("patient", number=1)
    within[0] = Minutes(600)
    desk.engine.resume(run.case_id)
    desk.advance(minutes=61)
    assert desk.ending(run) == "passed"


# -- calendars


@pytest.mark.parametrize(
    ("asked_at", "due"),
    [
        (datetime(2026, 3, 28, 9, tzinfo=UTC), datetime(2026, 3, 29, 8, tzinfo=UTC)),
        (datetime(2026, 10, 24, 8, tzinfo=UTC), datetime(2026, 10, 25, 9, tzinfo=UTC)),
    ],
)
def test_a_day_is_the_same_hour_tomorrow(desk: Desk, asked_at: datetime, due: datetime) -> None:
    """Over both changes of daylight saving in Berlin a question is due at the same time of day."""
    berlin = BusinessCalendar(ZoneInfo("Europe/Berlin"), "DE")
    desk.engine.time = asked_at
    run = asked(desk, within=Days(1, berlin))
    desk.advance(seconds=(due - asked_at).total_seconds() - 1)
    assert desk.ending(run) is None
    desk.advance(seconds=1)
    assert desk.ending(run) == "passed"
    assert desk.entries(run, Kind.DEADLINE_PASSED)[0].at == due


# -- looking for answers in a system


def hears(*heard: Heard) -> Callable[[datetime], Iterable[Heard]]:
    """A system in which these answers stand."""
    return lambda since: heard


def comment(number: int, values: dict[str, Any], author: int = 7007) -> Heard:
    return Heard(Identity(kind="zendesk", value=str(author)), values, f"ticket:comment-{number}")


def test_an_answer_in_a_system_is_found_at_the_next_look(any_desk: Desk) -> None:
    """A hook is only a reason to look: what is found there counts, with its channel and message."""
    found: list[Heard] = []
    run = asked(any_desk, listens="zendesk:ticket:1", look=lambda since: list(found))
    assert wake(any_desk.runtime, "zendesk:ticket:1") == [run.case_id]
    any_desk.settle()
    assert any_desk.ending(run) is None
    assert wake(any_desk.runtime, "zendesk:ticket:2") == []
    found.append(comment(1, {"verdict": "yes"}))
    wake(any_desk.runtime, "zendesk:ticket:1")
    any_desk.settle()
    assert any_desk.ending(run) == "yes by staff-7 through ticket"
    assert any_desk.entries(run, Kind.ANSWER_OFFERED)[0].payload["reference"] == "ticket:comment-1"


def test_a_message_is_offered_once(any_desk: Desk) -> None:
    """A reply that does not count is recorded at the first look, and not again at each later one."""
    twice = comment(1, {"verdict": "perhaps"})
    run = asked(any_desk, look=hears(twice, twice, comment(2, {"verdict": "yes"}, author=1)))
    for _ in range(3):
        any_desk.engine.resume(run.case_id)
        any_desk.settle()
    assert refusals(any_desk, run) == [("q/1", ANA.id, "invalid"), ("q/1", "unknown", "not_yours")]


def test_without_hooks_it_looks_now_and_then(desk: Desk) -> None:
    """`look_every` is kept however long nothing happens, and stops when the question is settled."""
    looks: list[datetime] = []

    def look(since: datetime) -> list[Heard]:
        looks.append(clock.present())
        return [comment(1, {"verdict": "yes"})] if len(looks) == 4 else []

    began = desk.engine.time
    run = asked(desk, look=look, look_every=Minutes(15))
    desk.advance(minutes=59)
    assert [(at - began).seconds // 60 for at in looks] == [0, 15, 30, 45]
    assert desk.ending(run) == "yes by staff-7 through ticket"


def test_a_system_that_is_away_is_looked_at_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A look that fails settles nothing and parks nothing; the deadline passes as soon as a look succeeds."""
    away = [True]

    def look(since: datetime) -> list[Heard]:
        if away[0]:
            raise Temporary("Zendesk", "comments", "away", status=503)
        return []

    run = asked(desk, look=look, look_every=Minutes(15))
    assert desk.waiting(run) == ["q/1"]
    assert "will look again" in caplog.text
    desk.advance(minutes=61)
    assert desk.waiting(run) == ["q/1"]
    away[0] = False
    desk.advance(minutes=16)
    assert desk.ending(run) == "passed"
    assert keys(desk, run, Kind.FAULT_PARKED) == []


@pytest.mark.parametrize(("given_before_due", "ending"), [(1, "yes by staff-7 through ticket"), (0, "passed")])
def test_what_was_given_in_time_counts_when_it_is_found_late(desk: Desk, given_before_due: int, ending: str) -> None:
    """An answer that stands in a system counts by when it was given there, though it is looked at after the deadline;
    one given at the due moment does not."""
    answers: list[Heard] = []

    run = asked(desk, look=lambda since: list(answers))
    due = desk.files.entries(run.case_id)[-1].payload["due"]
    given = datetime.fromisoformat(due) - timedelta(seconds=given_before_due)
    identity = Identity(kind="person", value=ANA.id)
    answers.append(Heard(identity, {"verdict": "yes"}, "ticket:comment-1", given))
    desk.advance(minutes=90)
    assert desk.ending(run) == ending


# -- asked again


def twice(desk: Desk) -> Run:
    """A case that asks the same thing again after a no."""

    @process("twice", subject="toy:twice:{number}")
    def asking(number: int) -> str:
        for _ in range(2):
            given = wait_for(Approval, key="q", question="May it?", who=OWNERS, within=Minutes(60))
            if given is not None and given.verdict.value == "yes":
                return f"yes by {given.by}"
        return "no"

    run = desk.start("twice", number=1)
    say(run, "q/1", ANA, verdict="no")
    desk.settle()
    return run


def test_asked_again_a_question_has_the_next_number(any_desk: Desk) -> None:
    """The second attempt is another question: old links, buttons and codes do not count for it."""
    run = twice(any_desk)
    assert any_desk.waiting(run) == ["q/2"]
    stale = say(run, "q/1", BEN, verdict="yes")
    assert isinstance(stale, Refused)
    assert stale.why is Refusal.DECIDED
    old = answer(Offer(run.case_id, "q/2", {"verdict": "yes"}, "prefect", code=code(run, "q/1", BEN)))
    assert isinstance(old, Refused)
    assert old.why is Refusal.BAD_CODE
    any_desk.settle()
    assert any_desk.waiting(run) == ["q/2"]
    new = answer(Offer(run.case_id, "q/2", {"verdict": "yes"}, "prefect", code=code(run, "q/2", BEN)))
    assert isinstance(new, Accepted)


# -- typed into the engine's form


def test_typed_into_the_form_with_a_code(any_desk: Desk) -> None:
    """A code in the form proves who answers; what was typed is recorded and then removed from the engine."""
    run = asked(any_desk)
    typed = {"verdict": "yes", "your_code": code(run, "q/1", ANA).lower()}
    any_desk.engine.type_in(run.case_id, typed)
    assert run.typed
    any_desk.settle()
    assert any_desk.ending(run) == "yes by staff-7 through prefect"
    assert run.typed == {}
    assert code(run, "q/1", ANA) not in str([e.payload for e in any_desk.entries(run)])


def test_typed_with_a_wrong_code_the_form_is_shown_again(any_desk: Desk) -> None:
    """A refused form is recorded, and the run is suspended under a pause key that it never had."""
    run = asked(any_desk)
    seen = set()
    for wrong in ("AAAA-AAAA", "BBBB-BBBB"):
        assert run.pause is not None
        seen.add(run.pause.key)
        any_desk.engine.type_in(run.case_id, {"verdict": "yes", "your_code": wrong})
        any_desk.settle()
    assert run.state == "suspended"
    assert run.pause is not None
    assert run.pause.key not in seen
    assert len(seen) == 2
    assert [why for _, _, why in refusals(any_desk, run)] == ["bad_code"] * 2


def test_a_stale_form_does_not_count_for_the_next_question(any_desk: Desk) -> None:
    """A form filled in for attempt 1 and sent when attempt 2 is open is refused, and its code is dead."""
    run = twice(any_desk)
    assert run.pause is not None
    with pytest.raises(ValueError, match="wait"):
        any_desk.engine.type_in(run.case_id, {"verdict": "yes", "your_code": "x", "wait": "q/1"})
    run.typed[run.pause.key] = {"verdict": "yes", "your_code": code(run, "q/1", BEN), "wait": "q/1"}
    any_desk.engine.resume(run.case_id)
    any_desk.settle()
    assert any_desk.waiting(run) == ["q/2"]
    assert refusals(any_desk, run) == [("q/1", BEN.id, "decided")]
    assert run.typed == {}


def test_a_plain_name_is_typed_where_that_is_enough(desk: Desk) -> None:
    """A question that needs no proof asks for an id in its form instead of a code."""
    run = asked(desk, verified=False)
    assert run.pause is not None
    assert set(run.pause.form.model_fields) == {"verdict", "reason", "your_id", "wait"}
    desk.engine.type_in(run.case_id, {"verdict": "yes", "your_id": BEN.id})
    desk.settle()
    assert desk.ending(run) == "yes by staff-8 through prefect"


def test_typed_and_killed_before_it_was_forgotten_it_is_recorded_once(desk: Desk) -> None:
    """What was typed stays with the engine until it is forgotten; a leg that finds it again offers it no more."""
    run = asked(desk)
    desk.engine.type_in(run.case_id, {"verdict": "yes", "your_code": "AAAA-AAAA"})
    kept = dict(run.typed)
    desk.settle()
    run.typed |= kept
    desk.engine.resume(run.case_id)
    desk.settle()
    assert len(refusals(desk, run)) == 1
    assert run.typed == {}


# -- the rest


def test_now_in_a_body_is_what_it_was(any_desk: Desk) -> None:
    """`clock.now()` in a body is journaled: every replay sees the first moment; a look sees the present."""
    moments: list[list[datetime]] = []
    looked: list[datetime] = []

    def look(since: datetime) -> list[Heard]:
        looked.append(clock.now())
        return []

    @process("telling", subject="toy:telling:{number}")
    def telling(number: int) -> str:
        first = clock.now()
        wait_for(Approval, key="q", question="?", who=OWNERS, within=Minutes(60), look=look)
        moments.append([first, clock.now()])
        return "told"

    began = any_desk.engine.time
    run = any_desk.start("telling", number=1)
    any_desk.engine.sleep(300)
    any_desk.engine.resume(run.case_id)
    any_desk.settle()
    say(run, "q/1", ANA, verdict="yes")
    any_desk.settle()
    assert moments == [[began, began + timedelta(seconds=300)]]
    assert looked[0] == began
    assert looked[1] == began + timedelta(seconds=300)
    assert keys(any_desk, run, Kind.LOOKUP_DONE) == ["now/1", "now/2"]


def test_a_wait_belongs_to_a_case() -> None:
    """Asked outside of a process, it says so."""
    with pytest.raises(RuntimeError, match="belong to a case"):
        wait_for(Approval, key="q", question="?", who=OWNERS, within=Minutes(1))


def test_a_case_that_ends_takes_its_questions_back(any_desk: Desk) -> None:
    """Nobody is reminded of the open questions of an ended case; an answer to one is refused."""
    run = any_desk.start("moving", number=1)
    any_desk.engine.cancel(run.case_id)
    any_desk.settle()
    assert any_desk.waiting(run) == []
    late = say(run, "approval/1", ANA, verdict="yes")
    assert isinstance(late, Refused)
    any_desk.advance(minutes=120)
    assert keys(any_desk, run, Kind.DEADLINE_PASSED) == []


def test_two_questions_to_different_people(desk: Desk) -> None:
    """Answers go to the question they name; the customer's to hers, the owner's to his."""
    run = desk.start("moving", number=1)
    assert isinstance(say(run, "approval/1", ANA, verdict="yes"), Accepted)
    desk.settle()
    assert isinstance(say(run, "confirmation/1", ANA, right=True), Refused)
    desk.advance(minutes=121)
    assert desk.waiting(run) == ["confirmation/2"]
    assert isinstance(say(run, "confirmation/2", CUSTOMER, channel="cli", right=True), Accepted)
    desk.settle()
    assert desk.ending(run) == "moved"
    assert outside.list()[-1] == "pay"


def test_invitations_hold_ids_alone(desk: Desk) -> None:
    """What a step that tells people is given, and the file keeps, names the wait and the person's ids."""
    told: list[Invitation] = []
    asked(desk, announce=lambda invitation: told.append(invitation))
    assert told[0].model_dump() == {
        "case_id": told[0].case_id,
        "wait": "q/1",
        "person": {"id": "staff-7", "slack": "U7", "zendesk": 7007},
    }
