"""The process is killed at a commit or a vendor call of the delivered path; the case goes on as if nothing was."""

from __future__ import annotations

import pytest

from tests.scenarios.deliveries import NewOffice, Undisturbed, deliver_despite
from tests.scenarios.wire import Kind, Mishap

PARTS = 8


def test_killed_at_a_sample_of_places(new_office: NewOffice, undisturbed: Undisturbed) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(0, len(undisturbed.passed), 13)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        deliver_despite(new_office, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["killed before", "killed after"])
def test_killed_at_every_place(new_office: NewOffice, undisturbed: Undisturbed, kind: Kind, part: int) -> None:
    """The same at every single commit and call."""
    for at in range(part, len(undisturbed.passed), PARTS):
        deliver_despite(new_office, undisturbed, Mishap(at, kind))
