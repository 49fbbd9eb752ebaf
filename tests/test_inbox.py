"""The inbox has what is open, in the order in which it burns, and for a person exactly what they may answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from casework import authority
from casework.answer import Refused
from casework.body import Body
from casework.engine.simulated import Run
from casework.inbox import Found, open_questions
from casework.people import Person
from casework.wait import Form, Wait, ask
from tests.council import DAN, EVA
from tests.desk import Desk
from tests.toy import ANA, BEN, MANAGER, OPERATOR, say

pytestmark = pytest.mark.usefixtures("toy_world")


def found(desk: Desk, **chosen: Any) -> Found:
    """The inbox now."""
    with desk.files.reading() as connection:
        return open_questions(connection, desk.engine.now(), **chosen)


def listed(desk: Desk, **chosen: Any) -> list[tuple[str, str]]:
    """Subject and question of each line of the inbox."""
    return [(one.subject, one.wait) for one in found(desk, **chosen).questions]


def delegate(desk: Desk, person: Person, to: Person, *, since: int = 0) -> None:
    """Somebody stands in for a person for the day."""
    now = desk.engine.now()
    begins = now + timedelta(minutes=since)
    with desk.files.writing() as connection:
        authority.delegate(connection, person.id, to, begins, now + timedelta(days=1), OPERATOR.id, now)


def moved(desk: Desk) -> tuple[Run, Run]:
    """Two movings, ten minutes apart."""
    first = desk.start("moving", number=1)
    desk.engine.sleep(600)
    return first, desk.start("moving", number=2)


def test_each_filter_chooses(any_desk: Desk) -> None:
    """By process, question, role, account and time left; all that are given must hold."""
    first, _ = moved(any_desk)
    any_desk.start("council", number=3)
    any_desk.files.label(first.case_id, "team-1")
    one, two, three = ("toy:move:1", "approval/1"), ("toy:move:2", "approval/1"), ("toy:council:3", "first/1")
    assert listed(any_desk) == [one, *sorted([two, three], key=lambda line: _case(any_desk, line[0]))]
    assert listed(any_desk, process="moving") == [one, two]
    assert listed(any_desk, wait="first") == listed(any_desk, wait="first/1") == listed(any_desk, role="council")
    assert listed(any_desk, role="council") == [three]
    assert listed(any_desk, account="team-1") == [one]
    assert listed(any_desk, account="team-1", role="council") == []
    assert listed(any_desk, wait="fir_t") == listed(any_desk, wait="appro") == listed(any_desk, wait="%") == []
    any_desk.engine.sleep(50 * 60)
    assert listed(any_desk, overdue=True) == [one]
    assert [question.overdue for question in found(any_desk).questions] == [True, False, False]


def _case(desk: Desk, subject: str) -> str:
    return desk.files.find(subject)[0].case_id


def test_the_first_are_the_most_urgent_and_the_rest_is_counted(any_desk: Desk) -> None:
    """Cut short, it keeps what burns and says how many there are; for a person too."""
    moved(any_desk)
    for chosen in ({}, {"mine": ANA.id}):
        cut = found(any_desk, first=1, **chosen)
        assert ([one.subject for one in cut.questions], cut.total) == (["toy:move:1"], 2)
    assert found(any_desk, process="none") == Found([], 0)


def test_what_is_settled_is_not_listed(desk: Desk) -> None:
    """A decision takes the question out, the next one comes in, and with the case's end all of it goes."""
    first, _ = moved(desk)
    say(first, "approval/1", ANA, verdict="yes")
    assert listed(desk) == [("toy:move:2", "approval/1")]
    desk.settle()
    assert ("toy:move:1", "confirmation/1") in listed(desk)
    desk.engine.cancel(first.case_id)
    desk.settle()
    assert listed(desk) == [("toy:move:2", "approval/1")]


def test_mine_is_what_i_am_asked(any_desk: Desk) -> None:
    """Those asked have it, and with an escalation whoever it adds; an id that begins alike does not."""
    any_desk.start("moving", number=1)
    assert [bool(listed(any_desk, mine=one)) for one in (ANA.id, BEN.id, MANAGER.id, "staff", "staff-70", "%")] == [
        True,
        True,
        *[False] * 4,
    ]
    any_desk.advance(minutes=31)
    assert listed(any_desk, mine=MANAGER.id)


def test_mine_is_what_i_am_asked_as_a_delegate(any_desk: Desk) -> None:
    """From the delegation's start; everybody sees who stands in for whom; nothing is passed on."""
    any_desk.start("moving", number=1)
    delegate(any_desk, ANA, DAN, since=10)
    delegate(any_desk, DAN, EVA)
    assert listed(any_desk, mine=DAN.id) == []
    any_desk.engine.sleep(600)
    assert listed(any_desk, mine=DAN.id) == [("toy:move:1", "approval/1")]
    assert listed(any_desk, mine=EVA.id) == []
    (question,) = found(any_desk).questions
    assert (question.who, question.stand_ins) == ((ANA.id, BEN.id), {ANA.id: (DAN.id,)})


def test_mine_is_exactly_what_would_be_taken(desk: Desk) -> None:
    """With votes given, four eyes and delegates, a person has a question if and only if an answer would count."""
    run = desk.start("council", number=1, needs=2)
    delegate(desk, BEN, DAN)
    say(run, "first/1", DAN, vote="yes")
    assert [bool(listed(desk, mine=one.id)) for one in (ANA, BEN, EVA, DAN)] == [True, False, True, False]
    say(run, "first/1", ANA, vote="yes")
    desk.settle()
    assert desk.waiting(run) == ["second/1"]
    delegate(desk, ANA, MANAGER)
    for person in (ANA, BEN, DAN, EVA, MANAGER):
        has = bool(listed(desk, mine=person.id))
        assert has is not isinstance(say(run, "second/1", person, vote="yes"), Refused), person.id
        assert not listed(desk, mine=person.id)


def test_a_question_shows_how_it_stands(any_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark is that of the last moment that has come, for everybody and for a person; others have none."""
    asked = any_desk.engine.now()

    def marked(body: Body, name: str, wait: Wait) -> Form | None:
        marks = [(asked, ""), (asked + timedelta(hours=1), "half of it"), (asked + timedelta(hours=2), "most of it")]
        return ask(body, name, replace(wait, marks=marks))

    with monkeypatch.context() as patch:
        patch.setattr("casework.wait.ask", marked)
        run = any_desk.start("moving", number=1)
    any_desk.start("moving", number=2)
    shown = []
    for _ in range(3):
        for chosen in ({}, {"mine": ANA.id}, {"first": 5}):
            marks = {one.case_id: one.mark for one in found(any_desk, **chosen).questions}
            assert [mark for case_id, mark in marks.items() if case_id != run.case_id] == [""]
            shown.append(marks[run.case_id])
        any_desk.engine.sleep(3600)
    assert shown == [""] * 3 + ["half of it"] * 3 + ["most of it"] * 3


def test_the_number_of_queries_does_not_grow(desk: Desk) -> None:
    """Thirty questions take as many queries as one, with and without a person."""

    def counted(**chosen: Any) -> int:
        seen: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        event.listen(desk.database, "before_cursor_execute", note)
        found(desk, **chosen)
        event.remove(desk.database, "before_cursor_execute", note)
        return len([statement for statement in seen if statement.startswith("SELECT")])

    desk.start("council", number=0)
    one = counted(), counted(mine=ANA.id)
    for number in range(1, 30):
        desk.start("council", number=number)
    assert (counted(), counted(mine=ANA.id)) == one == (3, 4)
