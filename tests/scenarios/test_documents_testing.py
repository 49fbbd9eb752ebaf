"""A document change that is configured, tested in rounds, and published."""

from __future__ import annotations

import pytest

from casework.answer import Refusal, Refused
from casework.case import Kind
from casework.engine.simulated import Run
from tests.scenarios.documents import Studio
from tests.scenarios.endings import assert_closed

SUPPORT, OPERATOR = "staff-61", "staff-41"
CONFIRMED = "confirmed: the document is right"
CHANGES = "changes: something is wrong or more is to be edited"
NO_ANSWER = "no answer to this: wait on"
WITHDRAWN = "withdrawn: close the request"
CLOSE, HAND_ON = "close the ticket", "pass it on to CS"
WAIT_ON, END = "ask again and wait on", "end the case"


@pytest.fixture
def asked(studio: Studio) -> tuple[str, Run]:
    """A request that waits for CS."""
    ticket, run = studio.survey("user-201", details="Please use the letterhead of Zirkonhain-Obst")
    assert studio.waiting(run) == ["configuration/1"], run.standing and run.standing.story
    return ticket, run


def published(studio: Studio, ticket: str, run: Run) -> None:
    """CS publishes, nobody answers for a day, and the ticket is closed."""
    studio.publish(ticket)
    studio.advance(hours=23.9)
    assert studio.ending(run) is None
    studio.advance(hours=0.2)
    assert_closed(studio, run, "published")
    assert studio.status(ticket) == "Closed"


def test_tested_changed_confirmed(studio: Studio, asked: tuple[str, Run]) -> None:
    """The whole way: configured, tried, changed, tried again, confirmed, published, closed after a day of silence."""
    ticket, run = asked
    assert studio.status(ticket) == "Needs Configuration"
    task = studio.task(ticket)
    assert any("letterhead of Zirkonhain-Obst" in text for text in studio.notes(ticket))
    studio.ready(ticket)
    assert (studio.waiting(run), studio.kinds(ticket)) == (["test/1"], ["onboard-ready-first"])
    studio.write(ticket, "The logo of Quarzfeld is too small")
    assert studio.waiting(run) == ["test-reading/1"]
    studio.answer(run, SUPPORT, decision=CHANGES)
    assert (studio.waiting(run), studio.status(task)) == (["configuration/2"], "To Do")
    assert any("logo of Quarzfeld" in text for text in studio.notes(ticket))
    studio.ready(ticket)
    studio.write(ticket, "Yes, looks good!")
    studio.answer(run, SUPPORT, decision=CONFIRMED)
    assert studio.status(task) == "To Do"
    assert any("confirmed it" in text for text in studio.notes(ticket))
    published(studio, ticket, run)
    assert studio.kinds(ticket) == ["onboard-ready-first"] * 2


def test_published_without_a_test(studio: Studio, asked: tuple[str, Run]) -> None:
    """Published at once: Jira tells the customer, and after 24 hours without an answer the ticket is closed."""
    ticket, run = asked
    published(studio, ticket, run)
    assert studio.kinds(ticket) == []


def test_five_rounds(studio: Studio, asked: tuple[str, Run]) -> None:
    """As many rounds as it takes; each is in the case file, and CS has the words of each."""
    ticket, run = asked
    for round_ in range(1, 5):
        studio.ready(ticket)
        studio.write(ticket, f"Still wrong on page {round_}")
        studio.answer(run, SUPPORT, decision=CHANGES)
    studio.ready(ticket)
    studio.write(ticket, "Yes, looks good!")
    studio.answer(run, SUPPORT, decision=CONFIRMED)
    published(studio, ticket, run)
    rounds = [
        entry.payload["with"]["values"]["round"]
        for entry in studio.entries(run, Kind.STEP_BEGUN)
        if entry.payload["with"].get("message") == "document_change/note-round"
    ]
    assert rounds == [1, 2, 3, 4, 5]
    notes = studio.notes(ticket)
    assert [sum(f"on page {n}" in note for note in notes) for n in range(1, 5)] == [1, 1, 1, 1]


def test_silence_to_publication(studio: Studio, asked: tuple[str, Run]) -> None:
    """Three days of silence: the second message; one more day: CS is told to put it onto Engine."""
    ticket, run = asked
    task = studio.task(ticket)
    studio.ready(ticket)
    studio.advance(days=2.9)
    assert studio.kinds(ticket) == ["onboard-ready-first"]
    studio.advance(days=0.2)
    assert (studio.kinds(ticket)[1:], studio.waiting(run)) == (["onboard-ready-second"], ["last-call/1"])
    studio.advance(days=0.8)
    assert studio.status(task) == "On Hold"
    studio.advance(days=0.2)
    assert (studio.status(task), studio.waiting(run)) == ("To Do", ["configuration/2"])
    assert any("put the document onto Engine" in text for text in studio.notes(ticket))
    published(studio, ticket, run)


def test_an_answer_to_the_second_message(studio: Studio, asked: tuple[str, Run]) -> None:
    """A reply on the last day counts like one before."""
    ticket, run = asked
    studio.ready(ticket)
    studio.advance(days=3.5)
    studio.write(ticket, "Please change the footer")
    assert studio.waiting(run) == ["test-reading/1"]
    studio.answer(run, SUPPORT, decision=CHANGES)
    assert studio.status(studio.task(ticket)) == "To Do"
    assert studio.waiting(run) == ["configuration/2"]


def test_only_a_person_reads(studio: Studio, asked: tuple[str, Run]) -> None:
    """A plain yes is suggested to support as one, and decides nothing by itself; a customer cannot answer the form."""
    ticket, run = asked
    studio.ready(ticket)
    comment = studio.write(ticket, "Yes, looks good!")
    assert studio.waiting(run) == ["test-reading/1"]
    assert run.pause is not None
    assert "looks like a plain yes; you decide" in run.pause.question
    assert f"browse/{ticket}?focusedCommentId={comment}" in run.pause.question
    said = studio.answer(run, "staff-71", decision=CONFIRMED)
    assert isinstance(said, Refused)
    assert said.why is Refusal.NOT_YOURS
    assert studio.status(studio.task(ticket)) == "On Hold"


def test_an_automatic_reply_prolongs_nothing(studio: Studio, asked: tuple[str, Run]) -> None:
    """What support reads as no answer goes on waiting until the same moment."""
    ticket, run = asked
    studio.ready(ticket)
    studio.advance(days=2)
    studio.write(ticket, "I am out of office")
    studio.answer(run, SUPPORT, decision=NO_ANSWER)
    assert studio.waiting(run) == ["test/2"]
    studio.advance(days=1.1)
    assert studio.waiting(run) == ["last-call/1"]


def test_replies_twice_before_they_are_read(studio: Studio, asked: tuple[str, Run]) -> None:
    """A confirmation is not concluded while a later reply is unread: that one is read too, and both reach CS."""
    ticket, run = asked
    studio.ready(ticket)
    studio.write(ticket, "Yes, looks good!")
    later = studio.write(ticket, "Wait, the date is wrong")
    studio.answer(run, SUPPORT, decision=CONFIRMED)
    assert studio.waiting(run) == ["test-reading/2"]
    assert run.pause is not None
    assert f"focusedCommentId={later}" in run.pause.question
    studio.answer(run, SUPPORT, decision=CHANGES)
    notes = studio.notes(ticket)
    assert [sum(text in note for note in notes) for text in ("looks good!", "the date is wrong")] == [1, 1]
    assert not any("confirmed it" in note for note in notes)


def test_a_reply_while_cs_works(studio: Studio, asked: tuple[str, Run]) -> None:
    """What a customer writes while CS works goes to CS, once, and starts no test."""
    ticket, run = asked
    studio.write(ticket, "One more thing: the Opaltal address")
    assert studio.waiting(run) == ["configuration/2"]
    studio.advance(days=1)
    notes = studio.notes(ticket)
    assert sum("Opaltal address" in note for note in notes) == 1


def test_a_reply_before_the_question(studio: Studio, asked: tuple[str, Run]) -> None:
    """A reply that comes in the instant before the test is offered is read as an answer to it."""
    ticket, run = asked
    studio.engine.away = True
    studio.people.agent.move_issue(studio.task(ticket), "On Hold", "staff-72")
    studio.people.customer.comment_issue(ticket, "It must be blue")
    studio.hooks()
    studio.engine.away = False
    studio.advance(minutes=10)
    notes = studio.notes(ticket)
    assert sum("It must be blue" in note for note in notes) == 1
    assert studio.waiting(run) == ["test/1"]


def test_a_reply_at_the_last_moment(studio: Studio, asked: tuple[str, Run]) -> None:
    """A reply in the minute of the deadline, of which no hook told, is found by the last look."""
    ticket, run = asked
    studio.ready(ticket)
    (wait,) = [entry for entry in studio.entries(run, Kind.QUESTION_ASKED) if entry.key == "test/1"]
    studio.advance(days=2.99)
    studio.people.customer.comment_issue(ticket, "Please wait")
    studio.world.take_deliveries()
    studio.advance(days=0.02)
    assert studio.waiting(run) == ["test-reading/1"], wait.payload["due"]


def test_a_reply_while_support_is_slow(studio: Studio, asked: tuple[str, Run]) -> None:
    """Support is reminded, the operators may read too after a working day, and it is asked again and again."""
    ticket, run = asked
    studio.ready(ticket)
    studio.write(ticket, "Change the colour")
    studio.advance(days=1.1)
    assert any("test-reading" in text for text in studio.slack(OPERATOR))
    studio.advance(days=5)
    assert studio.waiting(run) == ["test-reading/2"]
    studio.advance(days=1.5)
    studio.answer(run, OPERATOR, decision=CHANGES)
    assert studio.waiting(run) == ["configuration/2"]


def test_withdrawn_in_the_test(studio: Studio, asked: tuple[str, Run]) -> None:
    """A customer who does not want it any more: CS is told, both tickets are closed."""
    ticket, run = asked
    task = studio.task(ticket)
    studio.ready(ticket)
    studio.write(ticket, "We do not need it any more")
    studio.answer(run, SUPPORT, decision=WITHDRAWN)
    assert_closed(studio, run, "withdrawn")
    assert (studio.status(ticket), studio.status(task)) == ("Closed", "Canceled")
    assert studio.kinds(ticket)[-1] == "withdrawn"
    assert any("not need it any more" in note for note in studio.notes(ticket))


def test_cs_is_reminded_then_the_operators_decide(studio: Studio, asked: tuple[str, Run]) -> None:
    """After 3 working days CS is reminded, once; after 10 the operators wait on or end it."""
    ticket, run = asked
    task = studio.task(ticket)
    reminders = []
    for days in (2.9, 0.2, 10.5):
        studio.advance(days=days)
        reminders.append(sum("has waited for this since" in note for note in studio.notes(ticket)))
    assert reminders == [0, 1, 1]
    studio.advance(days=0.6)
    assert studio.waiting(run) == ["configuration-overdue/1"]
    studio.answer(run, OPERATOR, decision=WAIT_ON)
    studio.advance(days=3.1)
    assert sum("has waited for this since" in note for note in studio.notes(ticket)) == 2
    studio.advance(days=12)
    studio.answer(run, OPERATOR, decision=END)
    assert_closed(studio, run, "cancelled")
    assert (studio.status(ticket), studio.status(task)) == ("Closed", "Canceled")
    assert studio.kinds(ticket)[-1] == "cancelled"


def test_operators_who_say_nothing_are_asked_again(studio: Studio, asked: tuple[str, Run]) -> None:
    """No wait ends nowhere: the operators' own deadline asks them again."""
    _, run = asked
    studio.advance(days=14.1)
    assert studio.waiting(run) == ["configuration-overdue/1"]
    studio.advance(days=7.1)
    assert studio.waiting(run) == ["configuration-overdue/2"]


@pytest.mark.parametrize("question", ["configuration-dropped", "test-reading", "published-answer", "after-end"])
def test_silence_of_colleagues(studio: Studio, asked: tuple[str, Run], question: str) -> None:
    """Whatever colleagues are asked, they are asked again when they say nothing; the case neither ends nor goes on."""
    ticket, run = asked
    if question == "configuration-dropped":
        studio.configure(ticket, "Canceled")
    elif question == "test-reading":
        studio.ready(ticket)
    else:
        studio.publish(ticket)
    if question == "after-end":
        studio.advance(hours=24.1)
    if question != "configuration-dropped":
        studio.write(ticket, "One more thing")
    run = studio.case(ticket)
    before = studio.kinds(ticket), studio.status(studio.task(ticket))
    assert studio.waiting(run) == [f"{question}/1"]
    studio.advance(days=8)
    (wait,) = studio.waiting(run)
    assert wait.partition("/")[0] == question
    assert wait != f"{question}/1"
    assert (studio.kinds(ticket), studio.status(studio.task(ticket))) == before


@pytest.mark.parametrize("deleted", [False, True], ids=["canceled", "deleted"])
def test_cs_drops_it(studio: Studio, asked: tuple[str, Run], deleted: bool) -> None:
    """A ticket of CS's that is closed unpublished, or deleted, is noticed; to wait on makes a new one."""
    ticket, run = asked
    task = studio.task(ticket)
    if deleted:
        studio.people.agent.delete_issue(task)
        studio.hooks()
    else:
        studio.configure(ticket, "Canceled")
    studio.advance(hours=13)
    assert studio.waiting(run) == ["configuration-dropped/1"]
    studio.answer(run, OPERATOR, decision=WAIT_ON)
    assert studio.waiting(run) == ["configuration/2"]
    assert studio.task(ticket) != task
    published(studio, ticket, run)


def test_cs_publishes_during_the_test(studio: Studio, asked: tuple[str, Run]) -> None:
    """A publication while the customer tests is followed: nobody is nudged any more."""
    ticket, run = asked
    studio.ready(ticket)
    published(studio, ticket, run)
    assert studio.kinds(ticket) == ["onboard-ready-first"]


def test_cs_takes_it_back_during_the_test(studio: Studio, asked: tuple[str, Run]) -> None:
    """CS works on during the test: the case waits for them again and offers the next test anew."""
    ticket, run = asked
    studio.ready(ticket)
    studio.configure(ticket, "In Progress")
    assert studio.waiting(run) == ["configuration/2"]
    studio.ready(ticket)
    assert (studio.waiting(run), studio.kinds(ticket)) == (["test/2"], ["onboard-ready-first"] * 2)


@pytest.mark.parametrize("decision", [CLOSE, HAND_ON], ids=["close", "pass on"])
def test_an_answer_after_the_publication(studio: Studio, asked: tuple[str, Run], decision: str) -> None:
    """An answer within a day of the publication is for the operators: close, or give it to CS again."""
    ticket, run = asked
    studio.publish(ticket)
    studio.write(ticket, "But the date is wrong now")
    assert studio.waiting(run) == ["published-answer/1"]
    refused = studio.answer(run, SUPPORT, decision=decision)
    assert isinstance(refused, Refused)
    studio.answer(run, OPERATOR, decision=decision)
    if decision == CLOSE:
        assert_closed(studio, run, "published")
        assert studio.status(ticket) == "Closed"
        return
    assert (studio.waiting(run), studio.status(studio.task(ticket))) == (["configuration/2"], "To Do")
    assert any("date is wrong now" in note for note in studio.notes(ticket))
    published(studio, ticket, run)


def test_a_reply_after_the_end(studio: Studio, asked: tuple[str, Run]) -> None:
    """A reply on the closed ticket opens the next occurrence, which asks the operators; hooks that repeat do not."""
    ticket, run = asked
    published(studio, ticket, run)
    studio.write(ticket, "It has a mistake after all")
    again = studio.case(ticket)
    assert again is not run
    assert (studio.waiting(again), studio.status(ticket)) == (["after-end/1"], "Waiting for support")
    studio.answer(again, OPERATOR, decision=HAND_ON)
    assert any("mistake after all" in note for note in studio.notes(ticket))
    published(studio, ticket, again)
    studio.people.agent.comment_issue(ticket, SUPPORT, "Done")
    studio.hooks()
    assert studio.case(ticket) is again


@pytest.mark.parametrize("told", ["at once", "late", "never"])
def test_a_reply_on_the_way_to_the_end(
    studio: Studio, asked: tuple[str, Run], monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    """A reply between a case's last look and its last entry begins the next occurrence, whenever its hook comes.

    A hook that is handled while the case is still open starts nothing; then the end of the case is what tells of it.
    """
    ticket, run = asked
    closing = studio.jira.set_status
    written: list[int] = []

    def close(key: str, status: str, resolution: str | None = None) -> bool:
        if (key, status) == (ticket, "Closed") and not written:
            written.append(studio.people.customer.comment_issue(ticket, "It has a mistake after all"))
            deliveries = studio.world.take_deliveries("jira")
            assert deliveries
            if told == "at once":
                studio.follow("comment_created", f"jira:issue:{ticket}")
        return closing(key, status, resolution)

    monkeypatch.setattr(studio.jira, "set_status", close)
    studio.publish(ticket)
    studio.advance(hours=24.1)
    assert_closed(studio, run, "published")
    if told == "late":
        studio.follow("comment_created", f"jira:issue:{ticket}")
        studio.settle()
    again = studio.case(ticket)
    assert again is not run
    assert (studio.waiting(again), studio.status(ticket)) == (["after-end/1"], "Waiting for support")
    studio.answer(again, OPERATOR, decision=CLOSE)
    assert_closed(studio, again, "published")
    studio.advance(days=1)
    assert studio.case(ticket) is again


@pytest.mark.parametrize("ending", ["withdrawn", "cancelled"])
def test_a_reply_while_it_is_called_off(
    studio: Studio, asked: tuple[str, Run], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """So it is with every ending; what came before an operator called the case off does not start it again."""
    ticket, run = asked
    studio.ready(ticket)
    studio.write(ticket, "We do not need it any more")
    writing = studio.jira.add_comment
    written: list[int] = []

    def add(key: str, text: str, *, public: bool) -> int:
        made = writing(key, text, public=public)
        if key == ticket and public and not written:
            studio.engine.sleep(1)
            written.append(studio.people.customer.comment_issue(ticket, "Or rather, go on"))
        return made

    monkeypatch.setattr(studio.jira, "add_comment", add)
    if ending == "withdrawn":
        studio.answer(run, SUPPORT, decision=WITHDRAWN)
    else:
        studio.engine.sleep(1)
        studio.files.ask_to_cancel(run.case_id, OPERATOR, "not wanted")
        studio.settle()
    assert_closed(studio, run, ending)
    again = studio.case(ticket)
    assert again is not run
    assert studio.waiting(again) == ["configuration/1"]


def test_a_late_thank_you(studio: Studio, asked: tuple[str, Run]) -> None:
    """The operators close a reply that needs nothing; it does not come again."""
    ticket, run = asked
    published(studio, ticket, run)
    studio.write(ticket, "Thank you!")
    again = studio.case(ticket)
    studio.answer(again, OPERATOR, decision=CLOSE)
    assert_closed(studio, again, "published")
    studio.people.agent.comment_issue(ticket, SUPPORT, "You are welcome", public=True)
    studio.hooks()
    assert studio.case(ticket) is again
    assert studio.status(ticket) == "Closed"


def test_news_settle_what_the_operators_were_asked(studio: Studio, asked: tuple[str, Run]) -> None:
    """CS moves after all while the operators are asked whether to wait: the question is answered by that."""
    ticket, run = asked
    studio.advance(days=14.1)
    assert studio.waiting(run) == ["configuration-overdue/1"]
    studio.ready(ticket)
    assert studio.waiting(run) == ["test/1"]
    studio.configure(ticket, "Canceled")
    assert studio.waiting(run) == ["configuration-dropped/1"]
    task = studio.task(ticket)
    studio.configure(ticket, "To Do")
    assert studio.waiting(run)[0].startswith("configuration/")
    assert studio.task(ticket) == task
