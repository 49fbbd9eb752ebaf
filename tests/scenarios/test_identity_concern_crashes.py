"""The process is killed anywhere on an identity concern's way; outside everything is done once."""

from __future__ import annotations

import pytest

from tests.scenarios.concerns import NewAgency, Quiet, changes, play_despite
from tests.scenarios.wire import COMMIT, Kind, Mishap

PARTS = 6


def test_each_effect_comes_once(concern: Quiet) -> None:
    """When nothing goes wrong the member reads a question, a reminder and the reply, each once, and so do all."""
    assert max(concern.effects.values()) == 1
    assert sum(text.startswith("mail: ") for text in concern.effects) == 3


def test_killed_at_a_sample_of_places(new_agency: NewAgency, concern: Quiet) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(5, len(concern.passed), 149)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(new_agency, concern, Mishap(at, kind))


def test_killed_around_the_last_changes(new_agency: NewAgency, concern: Quiet) -> None:
    """Killed right after the draft, the account's change, the reply or the closing was made: it is not made again."""
    for at in [at for at, name in enumerate(concern.passed) if changes(name)][-4:]:
        play_despite(new_agency, concern, Mishap(at, "killed after"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_place(new_agency: NewAgency, concern: Quiet, part: int) -> None:
    """The same after every single commit and every request that changes something: until the next nothing happens."""
    for at in [at for at, name in enumerate(concern.passed) if name == COMMIT or changes(name)][part::PARTS]:
        play_despite(new_agency, concern, Mishap(at, "killed after"))
