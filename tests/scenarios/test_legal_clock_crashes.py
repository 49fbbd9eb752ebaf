"""The process is killed, or Salesforce fails, anywhere on a legal clock's way; outside everything is done once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module

import pytest

from casework.answer import Accepted, Offer, answer
from casework.clock import Days
from casework.engine.simulated import Run
from casework.people import Identity
from deployments.triggers import ESCALATIONS
from flows.asking import office
from policies.legal_clock_watch import Reasons, Said
from policies.tier2_intake import Process
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency
from tests.scenarios.wire import Kind, Mishap

NewAgency = Callable[[], AbstractContextManager[Agency]]
PARTS = 4


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the clock is started, and it looks once a month by itself."""
    monkeypatch.setitem(ESCALATIONS, Process.PRIVACY, ("legal-clock",))
    monkeypatch.setattr(import_module("flows.legal_clock"), "look_every", Days(30, office))


def say(agency: Agency, run: Run, wait: str, said: Said, **more: str) -> None:
    """The privacy role answers; what goes wrong then is the gateway's and not tried here."""
    assert agency.waiting(run) == [wait], run.standing and run.standing.story
    by = Identity(kind="person", value="staff-95")
    with agency.wire.still():
        given = {"said": said.value, **more}
        assert isinstance(answer(Offer(run.case_id, wait, given, "link", by)), Accepted)
    agency.settle()


def play(agency: Agency) -> str:
    """Confirmed, warned of, extended, missed, told of, answered late; Salesforce's case."""
    case = agency.open("member-1", "DSAR")
    run = agency.run(case, "legal-clock")
    agency.advance(days=17)
    say(agency, run, "legal-clock/1", Said.EXTENDED, reasons=Reasons.BOTH.value)
    agency.advance(days=74)
    say(agency, run, "legal-missed/1", Said.MEMBER_TOLD)
    say(agency, run, "legal-clock/3", Said.ANSWERED)
    assert_closed(agency, run, "answered_late")
    return case


def effects(agency: Agency, case: str) -> Counter[str]:
    """Everything that people outside can see, with how often; moments left out."""
    with agency.wire.still():
        seen = [f"member: {text}" for text in agency.sent(case)]
        seen += [f"case: {re.sub(r'Ref .*', '', text)}" for text in agency.comments(case)]
        seen += [f"slack: {text}" for text in agency.slack("staff-95")]
    return Counter(re.sub(r"\b\d\d:\d\d\b", "TIME", text) for text in seen)


@pytest.fixture
def undisturbed(new_agency: NewAgency) -> tuple[list[str], Counter[str]]:
    """What passes the wire when nothing goes wrong, and what people see of it."""
    with new_agency() as agency:
        case = play(agency)
        return agency.wire.passed, effects(agency, case)


def play_despite(new_agency: NewAgency, undisturbed: tuple[list[str], Counter[str]], mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    passed, expected = undisturbed
    with new_agency() as agency:
        agency.wire.mishap = mishap
        case = play(agency)
        assert agency.wire.happened
        assert effects(agency, case) == expected, f"{mishap.kind} at {mishap.at}, {passed[mishap.at]}"


def test_what_is_seen(undisturbed: tuple[list[str], Counter[str]]) -> None:
    """Two mails, a note for each warning and answer; nothing that is done twice is seen twice."""
    seen = undisturbed[1]
    assert sum(one.startswith("member: ") for one in seen.elements()) == 2
    assert sum(one.startswith("case: ") and " % of the time" in one for one in seen.elements()) == 5
    assert max(count for one, count in seen.items() if one.startswith(("member: ", "case: "))) == 1


def changes(passed: str) -> bool:
    """Whether what passed the wire is more than a look."""
    return not re.search(r" GET ", passed)


def test_killed_at_a_sample_of_places(new_agency: NewAgency, undisturbed: tuple[list[str], Counter[str]]) -> None:
    """Killed before or after: the clock ends as without, and everything outside was done once."""
    places = len(undisturbed[0])
    for number, at in enumerate(range(4, places, places // 6)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(new_agency, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_place(new_agency: NewAgency, undisturbed: tuple[list[str], Counter[str]], part: int) -> None:
    """The same after every single commit and every call that changes something: until the next one nothing else has
    happened."""
    places = [at for at, passed in enumerate(undisturbed[0]) if changes(passed)]
    for at in places[part::PARTS]:
        play_despite(new_agency, undisturbed, Mishap(at, "killed after"))


@pytest.mark.parametrize("kind", ["answer lost", "busy", "broken", "silent"])
def test_an_answer_of_salesforce_goes_wrong(
    new_agency: NewAgency, undisturbed: tuple[list[str], Counter[str]], kind: Kind
) -> None:
    """A mail or note that was made and not confirmed, one refused for the moment: done once in the end."""
    changing = [at for at, name in enumerate(undisturbed[0]) if re.match(r"salesforce (POST|PATCH)(?!.*oauth)", name)]
    assert changing
    for at in changing[::3]:
        play_despite(new_agency, undisturbed, Mishap(at, kind))
