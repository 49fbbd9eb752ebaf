"""The process is killed, or a vendor fails, anywhere on a document change's way; outside everything is done once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import cycle

import pytest

from casework.answer import Accepted, Offer, answer
from casework.engine.simulated import Run
from casework.people import Identity
from casework.sandbox import aws, seed_documents
from tests.scenarios.conftest import open_place
from tests.scenarios.documents import Studio
from tests.scenarios.endings import assert_closed
from tests.scenarios.wire import Kind, Mishap, changes

NewStudio = Callable[[], AbstractContextManager[Studio]]
CHANGES = "changes: something is wrong or more is to be edited"
PARTS = 4
KINDS: tuple[Kind, ...] = ("answer lost", "busy", "silent")


def read(studio: Studio, run: Run, decision: str) -> None:
    """Support answers the open question; what goes wrong then is the gateway's and not tried here."""
    (wait,) = studio.waiting(run)
    by = Identity(kind="person", value="staff-61")
    with studio.wire.still():
        assert isinstance(answer(Offer(run.case_id, wait, {"decision": decision}, "link", by)), Accepted)
    studio.settle()


def play(studio: Studio) -> str:
    """Tested, changed, silent, told of the reset on a Monday, published, closed; the ticket."""
    ticket, run = studio.survey("user-201", details="As in the letter of Brunnkogel")
    studio.ready(ticket)
    studio.write(ticket, "The logo of Quarzfeld is too small")
    read(studio, run, CHANGES)
    studio.advance(days=4)
    studio.ready(ticket)
    studio.next_monday()
    notice = studio.notice()
    assert_closed(studio, notice, "sent: 1 told")
    studio.advance(days=3.1)
    assert studio.waiting(run) == ["configuration/3"], run.standing and run.standing.story
    studio.publish(ticket)
    studio.advance(days=1.1)
    assert_closed(studio, run, "published")
    return ticket


def effects(studio: Studio, ticket: str) -> Counter[str]:
    """Everything that people outside can see, with how often; moments left out."""
    with studio.wire.still():
        made = [one.key for one in studio.jira.issue(ticket).links if one.project == seed_documents.CONFIGURATION]
        seen = [f"customer: {text}" for text in studio.told(ticket)]
        seen += [f"note: {text}" for text in studio.told(ticket, False)]
        seen += [f"CS: {text}" for text in studio.notes(ticket)]
        seen += [f"{key}: {studio.status(key)} {studio.jira.issue(key).assignee}" for key in (ticket, *made)]
        seen += [f"slack {staff}: {text}" for staff in ("staff-61", "staff-62") for text in studio.slack(staff)]
    return Counter(re.sub(r"\b\d\d:\d\d\b", "TIME", text) for text in seen)


@pytest.fixture(scope="module")
def undisturbed(cloud: aws.Aws, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Counter[str]]:
    """What passes the wire when nothing goes wrong, and what people see of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as monkeypatch, open_place(Studio, folder, cloud, monkeypatch) as studio:
        ticket = play(studio)
        return studio.wire.passed, effects(studio, ticket)


def play_despite(new_studio: NewStudio, undisturbed: tuple[list[str], Counter[str]], mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    passed, expected = undisturbed
    with new_studio() as studio:
        studio.wire.mishap = mishap
        ticket = play(studio)
        assert studio.wire.happened
        assert effects(studio, ticket) == expected, f"{mishap.kind} at {mishap.at}, {passed[mishap.at]}"


def test_each_effect_comes_once(undisturbed: tuple[list[str], Counter[str]]) -> None:
    """When nothing goes wrong nothing that people see is there twice."""
    assert max(undisturbed[1].values()) == 1


def test_killed_at_a_sample_of_places(new_studio: NewStudio, undisturbed: tuple[list[str], Counter[str]]) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(5, len(undisturbed[0]), 101)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(new_studio, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_place(new_studio: NewStudio, undisturbed: tuple[list[str], Counter[str]], part: int) -> None:
    """The same after every single commit and every call that changes something: until the next one nothing else has
    happened."""
    places = [at for at, passed in enumerate(undisturbed[0]) if changes(passed)]
    for at in places[part::PARTS]:
        play_despite(new_studio, undisturbed, Mishap(at, "killed after"))


def changing(passed: Sequence[str]) -> list[int]:
    """Places, one in five, at which something is changed in Jira."""
    return [at for at, name in enumerate(passed) if re.match(r"jira (POST|PUT)(?!.*search)", name)][1::5]


def test_an_answer_of_jira_goes_wrong(new_studio: NewStudio, undisturbed: tuple[list[str], Counter[str]]) -> None:
    """A change that was made and not confirmed, one refused for the moment, one unanswered: done once in the end."""
    for at, kind in zip(changing(undisturbed[0]), cycle(KINDS), strict=False):
        play_despite(new_studio, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_any_answer_of_jira_goes_wrong(
    new_studio: NewStudio, undisturbed: tuple[list[str], Counter[str]], kind: Kind
) -> None:
    """The same, each of these changes in every way."""
    for at in changing(undisturbed[0]):
        play_despite(new_studio, undisturbed, Mishap(at, kind))
