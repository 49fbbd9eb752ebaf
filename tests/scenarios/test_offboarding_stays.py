"""A customer that stays after all, a deal that others change, a case that is called off: the deal is as before."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest

from casework import systems
from casework.case import Entry, Kind
from casework.engine.simulated import Run
from flows.offboarding_forms import BackAgain, Changed, Status, Vault, Word
from tests.scenarios.departures import NEAR, REP, TEAM, Bureau
from tests.scenarios.endings import assert_closed
from tests.scenarios.wire import Killed

NewBureau = Callable[[], AbstractContextManager[Bureau]]
T = TypeVar("T")
LEAD, OPERATOR = "staff-51", "staff-41"
ASKED, BEFORE = ("Offboarding Requested", "2026-05-31"), ("Active", "2026-05-31")
STATUS, END = "client_activity_status", "contract_end_date"
PARTS = 4


def stay(bureau: Bureau, run: Run) -> None:
    """The representative says that the customer stays."""
    bureau.say(run, Word.STAYS)


def test_stays(bureau: Bureau) -> None:
    """The status becomes what it was before anybody asked, the customer is told, and nobody calls it any more."""
    run = bureau.leaving()
    stay(bureau, run)
    assert_closed(bureau, run, "stayed")
    assert bureau.fields() == BEFORE
    assert bureau.kinds(run)[-1] == "stayed"
    assert bureau.withdrawn() == 1


def test_stays_after_engineering_was_asked(bureau: Bureau) -> None:
    """The task is called off and completed, and that is not taken for a word on access."""
    run = bureau.ordered()
    stay(bureau, run)
    assert_closed(bureau, run, "stayed")
    assert "Do not deactivate" in bureau.comments()[-1]
    assert bureau.asana()[-1][1] is True
    assert bureau.fields() == BEFORE


def test_stays_after_access_is_gone(bureau: Bureau) -> None:
    """The engineering lead gives access back before the deal is put back, with its end, and the customer is told."""
    run = bureau.ordered()
    bureau.deactivate()
    assert bureau.fields() == ("Offboarding", NEAR)
    bureau.edit(**{STATUS: "Active"})
    bureau.reply_to(run, decision=Vault.DONE.value)
    run = bureau.run("offboarding")
    assert bureau.waiting(run) == ["deal-changed/1"]
    bureau.reply_to(run, decision=Changed.STAYS.value)
    assert bureau.waiting(run) == ["give-access-back/1"]
    assert bureau.fields()[1] == NEAR
    bureau.reply_to(run, LEAD, decision=BackAgain.DONE.value)
    assert_closed(bureau, run, "stayed")
    assert bureau.fields() == BEFORE


def test_it_is_not_known_what_stood_there(bureau: Bureau) -> None:
    """Where HubSpot's history does not tell, the representative does; what HubSpot does not have is asked again."""
    forget(bureau)
    run = bureau.leaving()
    stay(bureau, run)
    bureau.reply_to(run, decision=Status.NAMED.value, status="Renewing")
    assert bureau.waiting(run) == ["status-back/2"]
    bureau.answer(run, REP, decision=Status.NAMED.value, status="Offboarding")
    assert bureau.waiting(run) == ["status-back/2"]
    bureau.reply_to(run, decision=Status.NAMED.value, status="Active")
    assert_closed(bureau, run, "stayed")
    assert bureau.fields() == BEFORE


def test_it_is_left_as_it_is(bureau: Bureau) -> None:
    """Or the representative sees to the status by hand."""
    forget(bureau)
    run = bureau.leaving()
    stay(bureau, run)
    bureau.reply_to(run, decision=Status.KEEP.value)
    assert_closed(bureau, run, "stayed")
    assert bureau.fields()[0] == "Offboarding"


def forget(bureau: Bureau) -> None:
    """HubSpot has no history of the deal."""
    bureau.world.state["hubspot"]["objects"]["deals"][bureau.deal]["past"] = {}


# -- what others change in the deal


def test_others_change_the_status(bureau: Bureau) -> None:
    """A change of others is asked about as soon as it is heard of; kept, it stays whatever comes."""
    run = bureau.leaving(NEAR)
    bureau.edit(**{STATUS: "Offboarded"})
    assert bureau.waiting(run) == ["deal-changed/1"]
    bureau.reply_to(run, decision=Changed.KEEP.value)
    assert bureau.waiting(run)[0].startswith("customer/")
    bureau.engine.cancel(run.case_id)
    bureau.settle()
    assert bureau.fields()[0] == "Offboarded"
    assert any("left alone: client_activity_status" in one for one in bureau.notes())


def test_written_again(bureau: Bureau) -> None:
    """A mistake of others is written over; called off, what stood there before all of it comes back."""
    run = bureau.leaving(NEAR)
    bureau.edit(**{STATUS: "Offboarded"})
    bureau.reply_to(run, decision=Changed.WRITE_AGAIN.value)
    assert bureau.fields()[0] == "Offboarding"
    bureau.engine.cancel(run.case_id)
    bureau.settle()
    assert bureau.fields() == ASKED
    assert len([one for one in bureau.notes() if "as it was before" in one]) == 1


def test_changed_back_while_asked(bureau: Bureau) -> None:
    """What others have put right themselves needs nothing, whatever is answered."""
    run = bureau.leaving()
    bureau.edit(**{STATUS: "Active"})
    bureau.edit(**{STATUS: "Offboarding"})
    bureau.reply_to(run, decision=Changed.KEEP.value)
    assert bureau.waiting(run)[0].startswith("customer/")
    bureau.edit(**{STATUS: "Active"})
    assert bureau.waiting(run) == ["deal-changed/2"]


@pytest.mark.parametrize("to", ["Active", "Offboarded", "Offboarding Requested"])
def test_stays_by_a_change(bureau: Bureau, to: str) -> None:
    """Others set the status, and that meant that the customer stays: the deal is as before anybody asked."""
    run = bureau.leaving()
    bureau.edit(**{STATUS: to})
    bureau.reply_to(run, decision=Changed.STAYS.value)
    assert_closed(bureau, run, "stayed")
    assert bureau.fields() == BEFORE


# -- called off


def test_the_deal_is_deleted(bureau: Bureau) -> None:
    """Without its deal the case has no ground; the customer is told, and engineering is stopped."""
    run = bureau.ordered()
    bureau.people.rep.delete_deal(bureau.deal, REP)
    bureau.hooks()
    assert_closed(bureau, run, "cancelled")
    assert "stopped the preparations" in bureau.written()[-1]
    assert "Do not deactivate" in bureau.comments()[-1]


def test_called_off_after_access_is_gone(bureau: Bureau) -> None:
    """Whose access is gone is not told that nothing is prepared; the deal is put back all the same."""
    run = bureau.ordered()
    bureau.deactivate()
    bureau.engine.cancel(run.case_id)
    bureau.settle()
    assert_closed(bureau, run, "cancelled")
    assert "stopped the preparations" not in bureau.written()[-1]
    assert bureau.fields() == ASKED


def test_others_changed_the_end_since(bureau: Bureau) -> None:
    """What others have written since is theirs and named in a note, once; the rest comes back."""
    run = bureau.ordered()
    bureau.deactivate()
    bureau.edit(**{END: "2026-12-31"})
    bureau.engine.cancel(run.case_id)
    bureau.settle()
    assert bureau.fields() == ("Offboarding Requested", "2026-12-31")
    (note,) = [one for one in bureau.notes() if "as it was before" in one]
    assert "put back: client_activity_status." in note
    assert "left alone: contract_end_date" in note


class CalledOff(Exception):
    """The case was called off, and people stop."""


class Steps:
    """The journalled steps of an office: each when it has begun, and when it is done. At one of them, the process is
    killed and the case called off before it is taken up again."""

    def __init__(self, bureau: Bureau, at: int | None = None) -> None:
        self.bureau, self.at, self.count = bureau, at, 0
        self._append, self._survive = bureau.files.append, bureau._survive
        bureau.files.append = self.append  # type: ignore[method-assign]  # watched
        bureau._survive = self.survive  # type: ignore[method-assign]  # watched

    def append(self, case_id: str, kind: Kind, *args: Any, **kwargs: Any) -> Entry:
        """Instead of the files' own."""
        entry = self._append(case_id, kind, *args, **kwargs)
        if kind in (Kind.STEP_BEGUN, Kind.STEP_DONE):
            self.count += 1
            if self.count - 1 == self.at:
                raise Killed(str(entry.key))
        return entry

    def survive(self, act: Callable[[], T], seconds: float = 10) -> T:
        """Instead of the office's own."""
        try:
            return act()
        except Killed:
            self.bureau.files.ask_to_cancel(self.bureau.run("offboarding").case_id, OPERATOR, "called off")
            self.bureau._survive = self._survive  # type: ignore[method-assign]  # as before
            self.bureau.engine.sleep(seconds)
            raise CalledOff from None


def play(bureau: Bureau) -> Run:
    """From the asking to the vault."""
    run = bureau.ordered()
    bureau.deactivate()
    assert bureau.fields() == ("Offboarding", NEAR)
    bureau.reply_to(run, decision=Vault.DONE.value)
    return run


def steps(new_bureau: NewBureau) -> range:
    """The numbers of the journalled steps."""
    with new_bureau() as bureau:
        watched = Steps(bureau)
        assert_closed(bureau, play(bureau), "offboarded: held")
        assert watched.count > 40
        return range(watched.count)


def call_off_at(new_bureau: NewBureau, at: int) -> None:
    """Called off there, the deal's fields are as before, no task is left, and the customer was told if it was written
    to and still has access."""
    with new_bureau() as bureau:
        Steps(bureau, at)
        with pytest.raises(CalledOff):
            play(bureau)
        bureau.settle()
        bureau.advance(minutes=30)
        run = bureau.run("offboarding")
        assert_closed(bureau, run, "cancelled")
        assert bureau.fields() == ASKED, at
        assert bureau.withdrawn() == bureau.tasks().count("NOT_STARTED"), at
        assert all(done for _, done in bureau.asana()), at
        told = ["stopped the preparations" in one for one in bureau.written()]
        assert told.count(True) == (
            1 if told and "has ended" not in bureau.written()[-1] and not gone(bureau) else 0
        ), at


def gone(bureau: Bureau) -> bool:
    """Whether nobody of the team can get in any more."""
    with bureau.wire.still():
        return not any(one.active for one in systems.current().product.members(TEAM))


def test_called_off_at_a_sample_of_steps(new_bureau: NewBureau) -> None:
    """Called off in the middle, the deal is as before."""
    for at in steps(new_bureau)[2::9]:
        call_off_at(new_bureau, at)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_called_off_at_every_step(new_bureau: NewBureau, part: int) -> None:
    """The same at every single step: when it has begun, and when it is done."""
    for at in steps(new_bureau)[part::PARTS]:
        call_off_at(new_bureau, at)
