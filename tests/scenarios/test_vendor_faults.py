"""Each vendor misbehaves once, at each of its calls on the delivered path: everything outside happens once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.scenarios.deliveries import ENDING, deliver, effects
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office
from tests.scenarios.wire import COMMIT, Kind, Mishap

KINDS: tuple[Kind, ...] = ("busy", "broken", "silent", "answer lost")
NewOffice = Callable[[], AbstractContextManager[Office]]


def check(new_office: NewOffice, mishaps: list[Mishap], passed: list[str], expected: dict[str, int]) -> None:
    """Run the path once for each mishap; the ending and what is outside are as without."""
    for mishap in mishaps:
        where = f"{mishap.kind} at {mishap.at}, {passed[mishap.at]}"
        with new_office() as office:
            office.wire.mishap = mishap
            ticket, run = deliver(office)
            assert office.wire.happened, f"{where} did not happen"
            assert_closed(office, run, ENDING)
            assert_nothing_left(office, run, "received")
            found = effects(office, ticket, run)
            assert {text: number for text, number in found.items() if not _another_mail(text)} == {
                text: number for text, number in expected.items() if not _another_mail(text)
            }, where
            assert set(found) == set(expected), where


def _another_mail(text: str) -> bool:
    # A mail cannot be looked for: after a lost answer it goes out again, word for word, with the same code.
    return text.startswith("mail ")


def calls(new_office: NewOffice) -> tuple[list[str], dict[str, int]]:
    """What passes the wire on the delivered path, and what it leaves outside."""
    with new_office() as office:
        ticket, run = deliver(office)
        assert_closed(office, run, ENDING)
        return office.wire.passed, effects(office, ticket, run)


def at_each_kind_of_call(passed: list[str]) -> list[int]:
    """The first and the last place of each vendor's each kind of call."""
    places: dict[str, list[int]] = {}
    for at, name in enumerate(passed):
        if name != COMMIT:
            places.setdefault(" ".join(name.split()[:2]), []).append(at)
    return sorted({at for found in places.values() for at in (found[0], found[-1])})


def test_the_path_without_faults(new_office: NewOffice) -> None:
    """The customer reads each message once, each person asked gets one Slack message and one mail, one task is made."""
    _, expected = calls(new_office)
    assert set(expected.values()) == {1}
    kinds = [text.split(":")[0] for text in expected]
    assert kinds.count("customer") == 3
    assert kinds.count("slack staff-13") == 2
    assert kinds.count("mail staff-13") == 1
    assert kinds.count("task") == 1
    assert kinds.count("asana hook") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_each_kind_of_call(new_office: NewOffice, kind: Kind) -> None:
    """One fault at the first and last call of each kind changes nothing of what people see."""
    passed, expected = calls(new_office)
    check(new_office, [Mishap(at, kind) for at in at_each_kind_of_call(passed)], passed, expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_call(new_office: NewOffice, kind: Kind) -> None:
    """The same at every single call."""
    passed, expected = calls(new_office)
    places = [at for at, name in enumerate(passed) if name != COMMIT]
    check(new_office, [Mishap(at, kind) for at in places], passed, expected)


def test_a_mail_goes_out_once_unless_its_answer_is_lost(new_office: NewOffice) -> None:
    """A mail that was not taken is sent again; only a lost answer makes a second copy, with the same code."""
    passed, _ = calls(new_office)
    (at,) = [place for place, name in enumerate(passed) if name.startswith("ses")]
    copies = {}
    for kind in KINDS:
        with new_office() as office:
            office.wire.mishap = Mishap(at, kind)
            deliver(office)
            mails = office.mails("staff-13")
            copies[kind] = len(mails)
            assert len({mail.body for mail in mails}) == 1
    assert copies == {"busy": 1, "broken": 1, "silent": 1, "answer lost": 2}
