"""The process is killed, or Jira and Slack fail, anywhere on the way of a review; outside all is done once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time
from typing import Any

import pytest

from casework.answer import Accepted, Offer, answer
from casework.people import Identity
from tests.scenarios.endings import assert_closed
from tests.scenarios.reviews import COORDINATOR, LATER, MONDAY, NewRoom, Room, new_room
from tests.scenarios.wire import COMMIT, Kind, Mishap, mishaps

__all__ = ["new_room"]

PARTS = 3
FRIDAY = MONDAY.replace(day=13)


@dataclass(frozen=True)
class Path:
    """Whose review it is, who answers what in turn, what is done before the last answer, and how it ends."""

    rep: str
    answers: tuple[tuple[str, str, dict[str, Any]], ...]
    before_the_last: Callable[[Room], None]
    ending: str


def _mend(room: Room) -> None:
    room.set_hours(room.board("staff-15", FRIDAY), 8)


PATHS = {
    "confirmed": Path("staff-14", (("staff-14", "hours/", {"answer": "right"}),), lambda _: None, "confirmed"),
    "changed": Path(
        "staff-15",
        (("staff-15", "hours/", {"answer": "right"}), (COORDINATOR, "coordinator/", {"ruling": "changed"})),
        _mend,
        "changed",
    ),
}


@dataclass(frozen=True)
class Undisturbed:
    """What passes the wire when nothing goes wrong, and what people see of it."""

    path: Path
    passed: list[str]
    effects: Counter[str]


def play(room: Room, path: Path) -> None:
    """From the schedule to the end; what goes wrong while an answer is given is the gateway's and not tried."""
    with room.wire.still():
        room.until(LATER)
        room.until(room.known(path.rep).at(MONDAY, time(9)))
    run = room.review(path.rep)
    for number, (staff, about, values) in enumerate(path.answers, 1):
        (wait,) = [wait for wait in room.waiting(run) if wait.startswith(about)]
        with room.wire.still():
            if number == len(path.answers):
                path.before_the_last(room)
            by = Identity(kind="person", value=staff)
            assert isinstance(answer(Offer(run.case_id, wait, values, "link", by)), Accepted)
        room.settle()
    assert_closed(room, run, path.ending)


def effects(room: Room) -> Counter[str]:
    """Everything that people can see, with how often; moments, codes and links left out."""
    seen = [f"comment on {issue}: {text}" for issue, text in room.comments()]
    seen += [f"slack {staff}: {text}" for staff in ("staff-14", "staff-15", COORDINATOR) for text in room.slack(staff)]
    return Counter(re.sub(r"\b\d\d:\d\d UTC|https://casework\S+|`[A-Z0-9-]{6,}`", "", text) for text in seen)


@pytest.fixture(params=PATHS)
def undisturbed(new_room: NewRoom, request: pytest.FixtureRequest) -> Undisturbed:
    """Each path, played when nothing goes wrong."""
    path = PATHS[request.param]
    with new_room() as room:
        play(room, path)
        return Undisturbed(path, room.wire.passed, effects(room))


def play_despite(new_room: NewRoom, undisturbed: Undisturbed, mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    with new_room() as room:
        room.wire.mishap = mishap
        play(room, undisturbed.path)
        assert room.wire.happened
        where = f"{mishap.kind} at {mishap.at}, {undisturbed.passed[mishap.at]}"
        assert effects(room) == undisturbed.effects, where


def test_each_effect_comes_once(undisturbed: Undisturbed) -> None:
    """When nothing goes wrong nothing that people see is there twice."""
    assert max(undisturbed.effects.values()) == 1
    assert len(undisturbed.effects) == (6 if undisturbed.path.ending == "confirmed" else 3)


def _kills(undisturbed: Undisturbed) -> list[Mishap]:
    """Before each commit, and before and after each request. After a commit is before what comes next."""
    kinds: tuple[Kind, ...] = ("killed before", "killed after")
    found = mishaps(undisturbed.passed, "", kinds)
    return [one for one in found if undisturbed.passed[one.at] != COMMIT or one.kind == "killed before"]


def _faults(undisturbed: Undisturbed) -> list[Mishap]:
    """Everything that Jira can do to a request. Reps' messages are given up where Slack fails, so only Jira is here."""
    kinds: tuple[Kind, ...] = ("busy", "broken", "silent", "answer lost")
    return mishaps(undisturbed.passed, "jira ", kinds)


def test_some_mishaps(new_room: NewRoom, undisturbed: Undisturbed) -> None:
    """A kill here and there, and some of all that Jira can do: all is done, and once."""
    for mishap in [*_kills(undisturbed)[::19], *_faults(undisturbed)[::9]]:
        play_despite(new_room, undisturbed, mishap)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_place(new_room: NewRoom, undisturbed: Undisturbed, part: int) -> None:
    """Killed before or after each commit and each request, the review ends as ever and each effect is there once."""
    assert any(name == COMMIT for name in undisturbed.passed)
    for mishap in _kills(undisturbed)[part::PARTS]:
        play_despite(new_room, undisturbed, mishap)


@pytest.mark.slow
def test_every_request_of_jira(new_room: NewRoom, undisturbed: Undisturbed) -> None:
    """Busy, broken, silent, or the answer lost, at each request of Jira: nothing is done twice or left out."""
    for mishap in _faults(undisturbed):
        play_despite(new_room, undisturbed, mishap)
