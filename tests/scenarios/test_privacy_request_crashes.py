"""The process is killed, or Salesforce fails, anywhere on a privacy request's way; outside everything is done once.

The legal clock beside it is left out here: it has tests of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from casework.answer import Accepted, Offer, answer
from casework.engine.simulated import Run
from casework.people import Identity
from deployments.triggers import ESCALATIONS
from flows.privacy_request_forms import Agreed, Asked
from policies.tier2_intake import Process
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency
from tests.scenarios.wire import Kind, Mishap, mishaps

NewAgency = Callable[[], AbstractContextManager[Agency]]
Undisturbed = tuple[list[str], Counter[str]]
PARTS = 4


@pytest.fixture(autouse=True)
def without_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs beside the privacy request."""
    monkeypatch.setitem(ESCALATIONS, Process.PRIVACY, ("privacy-request",))


def say(agency: Agency, run: Run, staff: str, **values: str) -> None:
    """An agent answers the open question; what goes wrong then is the gateway's and not tried here."""
    (wait,) = agency.waiting(run)
    by = Identity(kind="person", value=staff)
    with agency.wire.still():
        assert isinstance(answer(Offer(run.case_id, wait, values, "link", by)), Accepted)
    agency.settle()


def play(agency: Agency) -> str:
    """A social login gets its password, an agent cannot tell what is asked for, the member says it, a second agent
    agrees, the request is made; the case."""
    case = agency.open("member-2", "DSAR")
    run = agency.run(case, "privacy-request")
    agency.set_password("member-2")
    say(agency, run, "staff-81", asked=Asked.UNCLEAR.value)
    agency.mail(case, "Delete all of it")
    say(agency, run, "staff-83", asked=Asked.DELETE_DATA.value)
    say(agency, run, "staff-82", decision=Agreed.DELETE.value)
    assert_closed(agency, run, "requested")
    return case


def effects(agency: Agency, case: str) -> Counter[str]:
    """Everything that people outside can see, with how often; moments and random names left out."""
    seen = [f"comment: {text}" for text in agency.comments(case)]
    seen += [f"mail: {text}" for text in agency.sent(case)]
    made = agency.records("Privacy_Request__c")
    seen += [f"request: {one['Name']} {one['Request_Type__c']} {one['Request_Status__c']}" for one in made]
    written = [one for one in agency.records("EmailMessage") if one["RelatedToId"] in [one["Id"] for one in made]]
    seen += [f"Salesforce's own mail: {one['Subject']}" for one in written]
    seen += [f"case: {agency.record(case)['Status']} {agency.record(case)['Secondary_Reason__c']}"]
    seen += [f"slack {staff}: {text}" for staff in ("staff-81", "staff-82") for text in agency.slack(staff)]
    changing = r"\b\d\d:\d\d\b|Ref \S+|\b[0-9a-f]{8}\b(-[0-9a-f-]+)?|/decide/[^|>]+|`[A-Z2-7]{4}-[A-Z2-7]{4}`"
    return Counter(re.sub(changing, "…", text) for text in seen)


@pytest.fixture
def undisturbed(new_agency: NewAgency) -> Undisturbed:
    """What passes the wire when nothing goes wrong, and what people see of it."""
    with new_agency() as agency:
        case = play(agency)
        return agency.wire.passed, effects(agency, case)


def play_despite(new_agency: NewAgency, undisturbed: Undisturbed, mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    passed, expected = undisturbed
    with new_agency() as agency:
        agency.wire.mishap = mishap
        case = play(agency)
        assert agency.wire.happened
        assert effects(agency, case) == expected, f"{mishap.kind} at {mishap.at}, {passed[mishap.at]}"


def changes(passed: str) -> bool:
    """Whether what passed the wire is more than a look."""
    return " GET " not in passed


def of_salesforce(passed: str) -> bool:
    """Whether it changes something in Salesforce."""
    return passed.startswith(("salesforce POST", "salesforce PATCH")) and "oauth2" not in passed


def test_each_effect_comes_once(undisturbed: Undisturbed) -> None:
    """When nothing goes wrong nothing that people see is there twice, and there is one request."""
    seen = undisturbed[1]
    assert max(seen.values()) == 1, seen.most_common(3)
    assert [text for text in seen if text.startswith("request:")] == ["request: PR-001042 Delete Data Requested"]


def test_killed_at_a_sample_of_places(new_agency: NewAgency, undisturbed: Undisturbed) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(7, len(undisturbed[0]), 83)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(new_agency, undisturbed, Mishap(at, kind))


@pytest.mark.parametrize("kind", ["killed before", "killed after", "answer lost", "silent", "busy", "broken"])
def test_making_the_request_goes_wrong(new_agency: NewAgency, undisturbed: Undisturbed, kind: Kind) -> None:
    """Killed around the upsert, its answer lost, unanswered, refused for now, broken: there is one in the end."""
    (at,) = [at for at, name in enumerate(undisturbed[0]) if of_salesforce(name) and "Privacy_Request__c" in name]
    play_despite(new_agency, undisturbed, Mishap(at, kind))


@pytest.mark.parametrize("kind", ["answer lost", "silent", "broken"])
def test_an_answer_of_salesforce_goes_wrong(new_agency: NewAgency, undisturbed: Undisturbed, kind: Kind) -> None:
    """A change that was made and not confirmed, one unanswered, one that failed: done once in the end."""
    changing = [at for at, name in enumerate(undisturbed[0]) if of_salesforce(name)]
    assert len(changing) > 6
    for at in changing[1::3]:
        play_despite(new_agency, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_place(new_agency: NewAgency, undisturbed: Undisturbed, part: int) -> None:
    """The same after every single commit and every call that changes something: until the next one nothing else has
    happened."""
    places = [at for at, passed in enumerate(undisturbed[0]) if changes(passed)]
    for at in places[part::PARTS]:
        play_despite(new_agency, undisturbed, Mishap(at, "killed after"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_answer_of_salesforce_goes_wrong(new_agency: NewAgency, undisturbed: Undisturbed, part: int) -> None:
    """The same for every request to Salesforce: in each way for those that change something, in one for each look."""
    kinds: tuple[Kind, ...] = ("answer lost", "silent", "busy", "broken")
    for mishap in mishaps(undisturbed[0], "salesforce ", kinds)[part::PARTS]:
        play_despite(new_agency, undisturbed, mishap)
