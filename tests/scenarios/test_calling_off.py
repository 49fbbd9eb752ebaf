"""A case that is called off from outside, at each of its waits, cleans up behind itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from _pytest.mark import ParameterSet

from casework import wait
from casework.answer import Accepted, Offer, Refused, answer
from casework.engine.simulated import Run
from casework.sandbox.misbehave import Fault
from tests.scenarios.endings import assert_closed, assert_nothing_left
from tests.scenarios.office import Office


class Killed(BaseException):
    """The process is killed."""


def _verification(office: Office) -> tuple[int, Run]:
    return office.ask("user-84")


def _which_team(office: Office) -> tuple[int, Run]:
    return office.ask("user-97")


def _self_serve(office: Office) -> tuple[int, Run]:
    return office.ask("user-96")


def _churned(office: Office) -> tuple[int, Run]:
    return office.ask("user-92")


def _reason(office: Office) -> tuple[int, Run]:
    return office.ask("user-88")


def _approval(office: Office) -> tuple[int, Run]:
    ticket, run = _reason(office)
    office.reply(ticket)
    return ticket, run


def _overdue(office: Office) -> tuple[int, Run]:
    ticket, run = _approval(office)
    office.advance(days=14.1)
    return ticket, run


def _deliverable(office: Office) -> tuple[int, Run]:
    ticket, run = _approval(office)
    office.answer(run, "staff-13", verdict="approve")
    return ticket, run


def _wrong_team(office: Office) -> tuple[int, Run]:
    ticket, run = _deliverable(office)
    office.make(run, "team-104", "wrong-team-row")
    return ticket, run


def _vault_down(office: Office) -> tuple[int, Run]:
    office.world.misbehave("dropbox", Fault.server_error(), times=60)
    ticket, run = _deliverable(office)
    office.make(run, "team-104")
    office.world.state["faults"]["dropbox"].clear()
    return ticket, run


def _parked(office: Office) -> tuple[int, Run]:
    office.world.misbehave("dropbox", Fault.server_error(), times=40, match="POST /2/files/upload")
    ticket, run = _deliverable(office)
    office.make(run, "team-104")
    office.world.state["faults"]["dropbox"].clear()
    return ticket, run


def _download(office: Office) -> tuple[int, Run]:
    ticket, run = _deliverable(office)
    office.make(run, "team-104")
    return ticket, run


def _unreachable(office: Office) -> tuple[int, Run]:
    ticket, run = _download(office)
    office.note(ticket, "staff-41", "#unreachable")
    return ticket, run


WAITS: dict[str, tuple[Callable[[Office], tuple[int, Run]], bool, bool]] = {
    # at which wait: how to come there, whether the case was announced, whether there may be data
    "verification/1": (_verification, False, False),
    "which-team/1": (_which_team, False, False),
    "self-serve/1": (_self_serve, False, False),
    "churned/1": (_churned, False, False),
    "reason/1": (_reason, True, False),
    "approval/1": (_approval, True, False),
    "approval-overdue/1": (_overdue, True, False),
    "deliverable/1": (_deliverable, True, True),
    "wrong-team/1": (_wrong_team, True, True),
    "vault-down/1": (_vault_down, True, True),
    "fault>delivery.seal/1/1": (_parked, True, True),
    "download/1": (_download, True, True),
    "link-unreachable/1": (_unreachable, True, True),
}


def in_the_engine(office: Office, ticket: int, run: Run) -> None:
    """Somebody presses Cancel in the engine's pages."""
    office.engine.cancel(run.case_id)
    office.settle()


def closed(office: Office, ticket: int, run: Run) -> None:
    """A colleague closes the ticket."""
    office.engine.sleep(1)
    office.people.agent.close(ticket)
    office.hooks()


def merged(office: Office, ticket: int, run: Run) -> None:
    """A colleague merges the ticket into another one."""
    other = office.people.customer.open_ticket("user-89", [])
    office.engine.sleep(1)
    office.people.agent.merge(ticket, other)
    office.hooks()


def deleted(office: Office, ticket: int, run: Run) -> None:
    """The ticket is deleted, which tells nobody: it is found at the next look."""
    del office.world.state["zendesk"]["tickets"][str(ticket)]
    office.advance(days=3.1)


def _ways() -> Iterator[ParameterSet]:
    """Each wait is called off in the engine, and each in all ways where there is time for it."""
    for number, name in enumerate(WAITS):
        for place, how in enumerate((in_the_engine, closed, merged, deleted)):
            often = place == 0 or number % 3 == place - 1
            yield pytest.param(name, how, marks=() if often else pytest.mark.slow, id=f"{name}-{how.__name__}")


@pytest.mark.parametrize(("wait", "how"), _ways())
def test_called_off(office: Office, wait: str, how: Callable[[Office, int, Run], None]) -> None:
    """Called off in any way at any wait: unwound, nothing left, and the customer told where that is possible."""
    come_there, announced, data = WAITS[wait]
    ticket, run = come_there(office)
    assert office.waiting(run) == [wait]
    before = len(office.said(ticket))
    how(office, ticket, run)
    assert_closed(office, run, "cancelled")
    if data:
        assert_nothing_left(office, run, "cancelled")
        (task,) = office.world.state["asana"]["tasks"].values()
        assert task["completed"] is True
        assert any("called off" in text for text in office.comments_on_task(task["gid"]))
    if how is in_the_engine:
        said = office.said(ticket)[before:]
        assert ["was stopped before it was done" in text for text in said] == [True] * announced


def test_called_off_once(office: Office) -> None:
    """Cancelling twice, and settling again and again, tells the customer once."""
    ticket, run = _download(office)
    in_the_engine(office, ticket, run)
    in_the_engine(office, ticket, run)
    office.advance(days=2)
    assert sum("was stopped" in text for text in office.said(ticket)) == 1
    assert_closed(office, run, "cancelled")


def test_called_off_while_a_vendor_is_away(office: Office) -> None:
    """Unwinding survives a vendor that is away: it parks, and goes on when operators say so."""
    ticket, run = _download(office)
    office.world.misbehave("dropbox", Fault.server_error(), times=200)
    in_the_engine(office, ticket, run)
    assert any("delivery.destroy" in wait for wait in office.waiting(run))
    office.world.state["faults"]["dropbox"].clear()
    office.answer(run, "staff-41", "fault", verdict="retry")
    assert_closed(office, run, "cancelled")
    assert_nothing_left(office, run, "cancelled")


def test_an_open_question_says_that_it_is_not_needed_any_more(office: Office) -> None:
    """In Slack its buttons, code and link go when the case is cancelled."""
    _, run = _approval(office)
    (channel,) = office.direct_messages("staff-13")
    office.engine.cancel(run.case_id)
    office.settle()
    asked = office.world.state["slack"]["messages"][channel][-1]
    assert "Not needed any more" in office.slack("staff-13")[-1]
    assert run.case_id in office.slack("staff-13")[-1]
    assert [block["type"] for block in asked["blocks"]] == ["section"]


def test_a_settled_question_still_says_how(office: Office) -> None:
    """What was decided before a case is cancelled is not overwritten."""
    _, run = _deliverable(office)
    office.engine.cancel(run.case_id)
    office.settle()
    assert "Settled: approved by staff-13" in office.slack("staff-13")[-1]


def test_a_refusal_is_told_by_a_later_leg(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between refusing a command and telling so, the case tells it when it comes back, once."""
    ticket, run = _approval(office)

    def killed(offer: Offer) -> Accepted | Refused:
        answer(offer)
        raise Killed

    monkeypatch.setattr(wait, "answer", killed)
    with pytest.raises(Killed):
        office.note(ticket, "staff-61", "#approve")
    monkeypatch.undo()
    office.advance(days=1.1)
    (told,) = [note for note in office.said(ticket, False) if "did not count" in note]
    assert "put to somebody else" in told
    assert office.waiting(run) == ["approval/1"]
