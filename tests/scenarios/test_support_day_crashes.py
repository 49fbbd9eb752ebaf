"""The process is killed, or a vendor fails, anywhere in a support day; outside everything is done once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from casework.answer import Accepted, Offer, answer
from casework.engine.simulated import Run
from casework.people import Identity
from casework.sandbox import aws
from tests.scenarios.days import COORDINATOR, Days
from tests.scenarios.endings import assert_closed
from tests.scenarios.test_support_day import REP, TUESDAY
from tests.scenarios.wire import Kind, Mishap, changes

PARTS = 2


def say(days: Days, run: Run, wait: str, at: str, **values: str) -> None:
    """The rep answers a question; what goes wrong then is the gateway's and not tried here."""
    days.until(REP, at)
    by = Identity(kind="person", value=REP)
    with days.wire.still():
        assert isinstance(answer(Offer(run.case_id, wait, values, "link", by)), Accepted)
    days.settle()


def play(days: Days) -> None:
    """Begun, checked in the morning, reminded and missed at midday, not signed off."""
    days.until(REP, "09:00", TUESDAY)
    run = days.started(REP)
    say(days, run, "greeting>start/1", "09:05", available="yes")
    say(days, run, "windows>morning/1", "09:20", checked="yes")
    days.until(REP, "18:30")
    assert_closed(days, run, "missed: midday, sign_off")


def effects(days: Days) -> Counter[str]:
    """Everything that people outside can see, with how often; moments and ids of messages left out."""
    with days.wire.still():
        seen = [f"{staff}: {text}" for staff in (REP, COORDINATOR) for text in days.slack(staff)]
        seen.append(f"available: {days.available(REP)}")
    return Counter(re.sub(r"\b\d\d:\d\d\b|\d+ h\b", "TIME", text) for text in seen)


@pytest.fixture(scope="module")
def undisturbed(cloud: aws.Aws, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Counter[str]]:
    """What passes the wire when nothing goes wrong, and what people see of it."""
    with Days(tmp_path_factory.mktemp("undisturbed"), cloud) as days:
        play(days)
        return days.wire.passed, effects(days)


def play_despite(folder: Path, cloud: aws.Aws, undisturbed: tuple[list[str], Counter[str]], mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    passed, expected = undisturbed
    folder = folder / f"{mishap.kind} {mishap.at}"
    folder.mkdir()
    with Days(folder, cloud) as days:
        days.wire.mishap = mishap
        play(days)
        assert days.wire.happened
        assert effects(days) == expected, f"{mishap.kind} at {mishap.at}, {passed[mishap.at]}"
        days.world.close()


def test_each_effect_comes_once(undisturbed: tuple[list[str], Counter[str]]) -> None:
    """When nothing goes wrong nothing that people see is there twice, but for a question and its reminder."""
    twice = [text for text, times in undisturbed[1].items() if times > 1]
    assert len(twice) == 2
    assert all("Nobody answered" in text and undisturbed[1][text] == 2 for text in twice)


def test_killed_at_a_sample_of_places(
    tmp_path: Path, cloud: aws.Aws, undisturbed: tuple[list[str], Counter[str]]
) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(5, len(undisturbed[0]), 83)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(tmp_path, cloud, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_most_places(
    tmp_path: Path, cloud: aws.Aws, undisturbed: tuple[list[str], Counter[str]], part: int
) -> None:
    """The same after two of three commits and calls that change something, which takes long enough."""
    places = [at for at, passed in enumerate(undisturbed[0]) if changes(passed)]
    for at in places[part :: PARTS + 1]:
        play_despite(tmp_path, cloud, undisturbed, Mishap(at, "killed after"))


@pytest.mark.parametrize("kind", ["answer lost", "busy", "silent"])
def test_an_answer_goes_wrong(
    tmp_path: Path, cloud: aws.Aws, undisturbed: tuple[list[str], Counter[str]], kind: Kind
) -> None:
    """A message that was posted and not confirmed, one refused for the moment, one unanswered; and the same with
    HubSpot's availability: done once in the end."""
    effect = re.compile(r"slack POST .*(post|update)|hubspot PATCH")
    changing = [at for at, name in enumerate(undisturbed[0]) if effect.match(name)]
    assert changing
    for at in changing[::5]:
        play_despite(tmp_path, cloud, undisturbed, Mishap(at, kind))
