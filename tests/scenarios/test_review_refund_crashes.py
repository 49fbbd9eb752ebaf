"""The process is killed, or Salesforce fails, anywhere on the way of a review or a refund; outside all is done once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from casework.answer import Accepted, Offer, answer
from casework.people import Identity
from tests.scenarios import test_refund_escalation as refunds
from tests.scenarios import test_review_escalation as reviews
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency
from tests.scenarios.wire import COMMIT, Kind, Mishap, mishaps

NewAgency = Callable[[], AbstractContextManager[Agency]]
PARTS = 4
STAFF = ("staff-81", "staff-82", "staff-83")


@dataclass(frozen=True)
class Path:
    """A way from the escalation to its end: who writes what, what the agents answer in turn, which of the changes is
    the one that matters, and how it ends."""

    process: str
    member: str
    subject: Callable[[Agency], str]
    answers: tuple[tuple[str, dict[str, Any]], ...]
    change: int
    ending: str


def _about_review(what: str) -> Callable[[Agency], str]:
    return lambda agency: f"{what} Review {reviews.home(agency)['CaseNumber']}"


PATHS = {
    "edited": Path(
        reviews.PROCESS,
        "member-1",
        _about_review("Edit"),
        (("staff-81", {"decision": reviews.EDIT, "new_text": reviews.NEW_TEXT}),),
        0,
        "edited",
    ),
    "removed": Path(
        reviews.PROCESS,
        "member-1",
        _about_review("Remove"),
        (("staff-81", {"decision": reviews.REMOVE}), ("staff-82", {"decision": reviews.REMOVE})),
        0,
        "removed",
    ),
    "refunded": Path(
        refunds.PROCESS,
        "member-6",
        lambda _: "Booking Refund",
        (
            ("staff-81", refunds.BOOKED | {"amount": "250.00"}),
            ("staff-82", {"decision": refunds.REFUND}),
            ("staff-83", {"decision": "agree"}),
        ),
        1,
        "refunded",
    ),
}


@dataclass(frozen=True)
class Undisturbed:
    """What passes the wire when nothing goes wrong, and what people see of it."""

    path: Path
    passed: list[str]
    effects: Counter[str]

    def changing(self) -> list[int]:
        """The places of requests to Salesforce that change something."""
        return [
            at for at, name in enumerate(self.passed) if re.match(r"salesforce (POST|PATCH) (?!.*oauth2/token)", name)
        ]


def play(agency: Agency, path: Path) -> None:
    """From the member's mail to the end; what goes wrong while an answer is given is the gateway's and not tried."""
    case = agency.open(path.member, path.subject(agency))
    for staff, values in path.answers:
        run = agency.run(case, path.process)
        (wait,) = agency.waiting(run)
        by = Identity(kind="person", value=staff)
        with agency.wire.still():
            assert isinstance(answer(Offer(run.case_id, wait, values, "link", by)), Accepted)
        agency.settle()
    assert_closed(agency, agency.run(case, path.process), path.ending)


def effects(agency: Agency) -> Counter[str]:
    """Everything that people can see, with how often; moments and references left out."""
    seen = [f"review {one['Id']}: {one['Status__c']} {one['Text__c']}" for one in agency.records("Review__c")]
    seen += [
        f"refund {one['External_Id__c']}: {one['Status__c']} {one['Amount__c']} {one['Case__c']}"
        for one in agency.records("Refund__c")
    ]
    for case in agency.records("Case"):
        seen.append(f"case {case['Id']}: {case['Status']} {case['Reason']} {case['OwnerId']}")
        seen += [f"comment on {case['Id']}: {text}" for text in agency.comments(case["Id"])]
        seen += [f"mail of {case['Id']}: {text}" for text in agency.sent(case["Id"])]
    seen += [f"slack {staff}: {text}" for staff in STAFF for text in agency.slack(staff)]
    return Counter(re.sub(r"\b\d\d:\d\d\b|Ref cw-\w+", "", text) for text in seen)


@pytest.fixture(params=PATHS)
def undisturbed(new_agency: NewAgency, request: pytest.FixtureRequest) -> Undisturbed:
    """Each path, played when nothing goes wrong."""
    path = PATHS[request.param]
    with new_agency() as agency:
        play(agency, path)
        return Undisturbed(path, agency.wire.passed, effects(agency))


def play_despite(new_agency: NewAgency, undisturbed: Undisturbed, mishap: Mishap) -> None:
    """Play with one mishap: the ending and what people see are as without, each effect once."""
    with new_agency() as agency:
        agency.wire.mishap = mishap
        play(agency, undisturbed.path)
        assert agency.wire.happened
        where = f"{mishap.kind} at {mishap.at}, {undisturbed.passed[mishap.at]}"
        assert effects(agency) == undisturbed.effects, where


def test_each_effect_comes_once(undisturbed: Undisturbed) -> None:
    """When nothing goes wrong nothing that people see is there twice, and the changes are requests of their own."""
    assert max(undisturbed.effects.values()) == 1
    assert len(undisturbed.changing()) >= 4


@pytest.mark.parametrize("kind", ["killed after", "answer lost", "busy"])
def test_the_change_itself(new_agency: NewAgency, undisturbed: Undisturbed, kind: Kind) -> None:
    """Killed after the request that cannot be taken back, its answer lost, or refused for the moment: done once."""
    changes = [at for at in undisturbed.changing() if re.search(r"/composite$|/Refund__c\b", undisturbed.passed[at])]
    assert len(changes) == undisturbed.path.change + 2, "the changes, and closing the case"
    play_despite(new_agency, undisturbed, Mishap(changes[undisturbed.path.change], kind))


def test_killed_at_a_sample_of_places(new_agency: NewAgency, undisturbed: Undisturbed) -> None:
    """Killed before or after: the case ends as without, and everything outside was done once."""
    for number, at in enumerate(range(7, len(undisturbed.passed), 83)):
        kind: Kind = "killed before" if number % 2 else "killed after"
        play_despite(new_agency, undisturbed, Mishap(at, kind))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_place(new_agency: NewAgency, undisturbed: Undisturbed, part: int) -> None:
    """The same after every commit and every request that changes something: until the next one nothing else has
    happened."""
    commits = [at for at, name in enumerate(undisturbed.passed) if name == COMMIT or name.startswith("slack POST")]
    for at in sorted({*commits, *undisturbed.changing()})[part::PARTS]:
        play_despite(new_agency, undisturbed, Mishap(at, "killed after"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_request_of_salesforce(new_agency: NewAgency, undisturbed: Undisturbed, part: int) -> None:
    """Every single request to Salesforce fails: those that change something in each way, each look in one of them."""
    kinds: tuple[Kind, ...] = ("killed before", "answer lost", "busy", "broken", "silent")
    for mishap in mishaps(undisturbed.passed, "salesforce ", kinds)[part::PARTS]:
        play_despite(new_agency, undisturbed, mishap)
