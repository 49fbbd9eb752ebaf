"""The process is killed, or a vendor fails, anywhere on an offboarding's way; outside everything is done once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from casework.sandbox import aws, product
from flows.offboarding_forms import Vault, Word
from tests.scenarios.conftest import open_place
from tests.scenarios.departures import ANSWERS, NEAR, TEAM, Bureau
from tests.scenarios.endings import assert_closed
from tests.scenarios.wire import Kind, Mishap, changes, mishaps

NewBureau = Callable[[], AbstractContextManager[Bureau]]
Undisturbed = tuple[list[str], Counter[str]]
PARTS = 4
APART = 37
"""So many places are between two kills of one play."""
KINDS: tuple[Kind, ...] = ("answer lost", "silent", "busy", "broken")


def play(bureau: Bureau) -> None:
    """Invited, a reply, held, its data asked for, which it wants no more; access still there, then gone; the vault."""
    run = bureau.leaving(NEAR)
    bureau.write()
    bureau.say(run, Word.DATA_WANTED)
    export = bureau.run("data-export")
    bureau.say(run, Word.HELD, answers=ANSWERS)
    with bureau.wire.still():
        bureau.engine.cancel(export.case_id)
        bureau.settle()
    bureau.reply_to(run, decision="go on: access is taken away")
    bureau.advance(days=2.5)
    bureau.complete()
    product.deactivate(bureau.product, TEAM, "2026-03-05")
    bureau.complete()
    bureau.reply_to(run, decision=Vault.DONE.value)
    assert_closed(bureau, run, "offboarded: held")


@pytest.fixture(scope="module")
def undisturbed(cloud: aws.Aws, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """What passes the wire when nothing goes wrong, and what people see of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as monkeypatch, open_place(Bureau, folder, cloud, monkeypatch) as bureau:
        play(bureau)
        return bureau.wire.passed, bureau.effects()


def play_despite(new_bureau: NewBureau, undisturbed: Undisturbed, mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    passed, expected = undisturbed
    with new_bureau() as bureau:
        bureau.wire.mishap = mishap
        play(bureau)
        assert bureau.wire.happened
        assert bureau.effects() == expected, f"{mishap.kind} at {mishap.at}, {passed[mishap.at]}"


def of_hubspot(passed: str) -> bool:
    """Whether it changes something in HubSpot."""
    return bool(re.match(r"hubspot (POST|PATCH|DELETE)(?!.*batch)", passed))


def test_each_effect_comes_once(undisturbed: Undisturbed) -> None:
    """When nothing goes wrong nothing that people see is there twice, but for how the same question was settled."""
    assert [text for text, times in undisturbed[1].items() if times > 1 and "*Settled: " not in text] == []


def test_killed_at_a_sample_of_places(new_bureau: NewBureau, undisturbed: Undisturbed) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(7, len(undisturbed[0]), 151)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(new_bureau, undisturbed, Mishap(at, kind))


@pytest.mark.parametrize("kind", ["killed after", "answer lost"])
def test_opening_a_ticket_goes_wrong(new_bureau: NewBureau, undisturbed: Undisturbed, kind: Kind) -> None:
    """Killed after it, its answer lost: there is one for letters and one for the data in the end."""
    opening = [at for at, name in enumerate(undisturbed[0]) if name == "zendesk POST /api/v2/tickets"]
    assert len(opening) == 2
    for at in opening:
        play_despite(new_bureau, undisturbed, Mishap(at, kind))


def test_an_answer_of_hubspot_goes_wrong(new_bureau: NewBureau, undisturbed: Undisturbed) -> None:
    """A change that was made and not confirmed, one unanswered, refused with 429, or failed: done once in the end."""
    changing = [at for at, name in enumerate(undisturbed[0]) if of_hubspot(name)]
    assert len(changing) > 8
    for at, kind in zip(changing[::3], KINDS, strict=False):
        play_despite(new_bureau, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_again_and_again(new_bureau: NewBureau, undisturbed: Undisturbed, part: int) -> None:
    """Killed at every single place, but in one go at several that are far apart: until each nothing else has happened
    since the case was taken up."""
    for first in range(APART)[part::PARTS]:
        with new_bureau() as bureau:
            bureau.wire.mishap, bureau.killed_again = Mishap(first, "killed after"), APART
            play(bureau)
            assert bureau.effects() == undisturbed[1], first


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_answer_of_hubspot_goes_wrong(new_bureau: NewBureau, undisturbed: Undisturbed, part: int) -> None:
    """The same for every request that changes something in HubSpot, in each way, and some of the looks in one."""
    planned = mishaps(undisturbed[0], "hubspot ", KINDS)
    looks = [one for one in planned if not changes(undisturbed[0][one.at])]
    for mishap in [*(one for one in planned if one not in looks), *looks[::9]][part::PARTS]:
        play_despite(new_bureau, undisturbed, mishap)


def test_the_daily_limit_is_reached(bureau: Bureau) -> None:
    """With no requests left for the day the case asks seldom and ever less, and goes on by itself on the next day."""
    limits = bureau.world.state["hubspot"]["limits"]
    run = bureau.leaving(NEAR)
    limits["used"] = limits["daily"]
    bureau.reply_to(run, said=Word.DATA_NOT_WANTED.value)
    (wait,) = bureau.waiting(run)
    assert wait.startswith("fault>")
    asked = sum(name.startswith("hubspot ") for name in bureau.wire.passed)
    bureau.advance(hours=6)
    assert sum(name.startswith("hubspot ") for name in bureau.wire.passed) - asked <= 9
    assert bureau.waiting(run)[0].startswith("fault>")
    bureau.advance(hours=30)
    assert bureau.waiting(run)[0].startswith("customer/")
    assert len(bureau.notes()) == 3
