"""The process is killed at a commit or a vendor call of the delivered path; the case goes on as if nothing was."""

from __future__ import annotations

import pytest

from tests.scenarios.deliveries import NewOffice, Undisturbed, deliver_despite
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.wire import Kind, Mishap, changes

PARTS = 4


def test_killed_at_a_sample_of_places(new_office: NewOffice, undisturbed: Undisturbed) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(0, len(undisturbed.passed), 29)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        deliver_despite(new_office, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["killed before", "killed after"])
def test_killed_at_every_place(new_office: NewOffice, undisturbed: Undisturbed, kind: Kind, part: int) -> None:
    """The same at every single commit and every call that changes something. A look leaves everything as it was: what
    is kept aside (the keys) and was changed since the last commit or call is there before the next."""
    places = [at for at, passed in enumerate(undisturbed.passed) if changes(passed)]
    for at in places[part::PARTS]:
        deliver_despite(new_office, undisturbed, Mishap(at, kind))


def call_off(new_office: NewOffice, mishap: Mishap | None) -> list[str]:
    """Cancel a case whose link is out, with the mishap while it is unwound; what passed the wire meanwhile."""
    with new_office() as office:
        ticket, run = office.ask("user-81")
        office.reply(ticket)
        office.make(run, "team-102")
        assert office.waiting(run) == ["download/1"]
        office.wire.passed.clear()
        office.wire.mishap = mishap
        office.engine.cancel(run.case_id)
        office.settle()
        assert office.wire.happened == (mishap is not None)
        assert_closed(office, run, "cancelled")
        assert_nothing_left(office, run, "cancelled")
        assert sum("was stopped before it was done" in text for text in office.said(ticket)) == 1
        assert sum("called off" in text for text in office.comments_on_task(office.task())) == 1
        return office.wire.passed


def test_killed_while_unwinding_at_a_sample_of_places(new_office: NewOffice) -> None:
    """Killed in the middle of cleaning up, a cancelled case still leaves nothing and tells everybody once."""
    passed = call_off(new_office, None)
    for number, at in enumerate(range(0, len(passed), 11)):
        call_off(new_office, Mishap(at, "killed before" if number % 2 else "killed after"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["killed before", "killed after"])
def test_killed_while_unwinding_at_every_place(new_office: NewOffice, kind: Kind) -> None:
    """The same at every single commit and every call of the unwinding that changes something."""
    for at, passed in enumerate(call_off(new_office, None)):
        if changes(passed):
            call_off(new_office, Mishap(at, kind))
