"""A refund is decided by agents with the history shown, recorded once whoever asks for it, and told."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from pydantic import ValidationError

from casework.answer import Accepted, Refused
from casework.engine.simulated import Run
from casework.gateway.questions import fields
from casework.sandbox import salesforce_records as records
from casework.sandbox.http import Request, Response
from casework.sandbox.salesforce_records import PLATFORM
from casework.sandbox.seed_escalations import REFUND_REASON
from flows.refund_escalation_forms import Asked, Details, Refunded, Second
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency

PROCESS = "refund-escalation"
BOOKED: dict[str, Any] = {
    "asked": Asked.BOOKING.value, "booking": "B-9001", "amount": "25.50", "reason": REFUND_REASON,
}  # fmt: skip
FEE: dict[str, Any] = {"asked": Asked.FEE_OFFLINE.value, "booking": "B-9001", "amount": "12"}
REFUND, DECLINE = Refunded.REFUND.value, Refunded.DECLINE.value


def escalate(agency: Agency, member: str | None = "member-6", **more: Any) -> tuple[str, Run]:
    """A member's case about a refund comes to Tier 2; the case and its run."""
    case = agency.open(member, "Booking Refund", **more)
    return case, agency.run(case, PROCESS)


def told(agency: Agency, run: Run, details: dict[str, Any] = BOOKED, staff: str = "staff-81") -> None:
    """An agent says what is asked for."""
    assert isinstance(agency.answer(run, staff, "details", **details), Accepted)


def decided(agency: Agency, run: Run, decision: str = REFUND, staff: str = "staff-81") -> None:
    """An agent decides."""
    assert isinstance(agency.answer(run, staff, "refund", decision=decision), Accepted)


def recorded(agency: Agency) -> list[dict[str, Any]]:
    """The refunds that were recorded since the start."""
    return [one for one in agency.records("Refund__c") if not (one["External_Id__c"] or "").startswith("earlier-")]


def asked(run: Run) -> str:
    """The question that is open."""
    assert run.pause is not None
    return run.pause.question


def test_refunded(agency: Agency) -> None:
    """Refunded three times for the reason: the count is shown, an agent refunds; recorded, told, closed."""
    case, run = escalate(agency)
    told(agency, run)
    assert "same reason: **3**" in asked(run)
    (waiting,) = recorded(agency)
    assert waiting["Status__c"] == "Requested"
    decided(agency, run, staff="staff-82")
    assert_closed(agency, run, "refunded")
    (found,) = recorded(agency)
    assert {name: found[name] for name in ("Case__c", "Booking__c", "Reason__c", "Amount__c", "Status__c")} == {
        "Case__c": case, "Booking__c": "B-9001", "Reason__c": REFUND_REASON, "Amount__c": 25.5, "Status__c": "Refunded",
    }  # fmt: skip
    assert agency.kinds(case, PROCESS) == ["reply-refunded"]
    assert "25.50 USD" in agency.sent(case)[0]
    assert "Refunded 25.50 USD for booking B-9001 (agent staff-82)." in agency.comments(case)[-1]
    assert "before: 3" in agency.comments(case)[-1]
    closed = agency.record(case)
    assert closed["Status"] == "Closed"
    assert (closed["Reason"], closed["Secondary_Reason__c"]) == ("Booking Refund", "Refunded")


def test_declined(agency: Agency) -> None:
    """An agent declines: that is recorded too, told, and closed."""
    case, run = escalate(agency)
    told(agency, run)
    decided(agency, run, DECLINE, "staff-83")
    assert_closed(agency, run, "declined")
    assert [one["Status__c"] for one in recorded(agency)] == ["Declined"]
    assert agency.kinds(case, PROCESS) == ["reply-declined"]
    assert "(decided by staff-83)" in agency.comments(case)[-1]
    assert agency.record(case)["Secondary_Reason__c"] == "Declined"


def test_a_cancellation_fee_after_an_offline_refund(agency: Agency) -> None:
    """The page's second ground needs no history; the fee is another refund than that of the booking."""
    case, run = escalate(agency, "member-1")
    told(agency, run, FEE)
    assert "refunded the member offline" in asked(run)
    decided(agency, run)
    assert_closed(agency, run, "refunded")
    (found,) = recorded(agency)
    assert (found["Reason__c"], found["Amount__c"], found["Case__c"]) == ("Cancellation Fee", 12, case)


@pytest.mark.parametrize(("agrees", "ending"), [(Second.AGREE, "refunded"), (Second.DISAGREE, "declined")])
def test_above_the_limit(agency: Agency, agrees: Second, ending: str) -> None:
    """A second agent, who is not the first, has to agree; otherwise it is declined."""
    case, run = escalate(agency)
    told(agency, run, BOOKED | {"amount": "100.01"})
    assert "needs a second agent" in asked(run)
    decided(agency, run, staff="staff-81")
    assert [one["Status__c"] for one in recorded(agency)] == ["Requested"]
    same = agency.answer(run, "staff-81", "second-agent", decision=agrees.value)
    assert isinstance(same, Refused)
    assert "**3**" in asked(run)
    agency.answer(run, "staff-82", "second-agent", decision=agrees.value)
    assert_closed(agency, run, ending)
    assert [one["Status__c"].lower() for one in recorded(agency)] == [ending]
    who = "(agent staff-81, agreed by staff-82)" if agrees is Second.AGREE else "(decided by staff-82)"
    assert who in agency.comments(case)[-1]


def test_at_the_limit_one_decides(agency: Agency) -> None:
    """Exactly the limit needs nobody else."""
    _, run = escalate(agency)
    told(agency, run, BOOKED | {"amount": "100.00"})
    decided(agency, run)
    assert_closed(agency, run, "refunded")


@pytest.mark.parametrize(
    ("details", "why"),
    [
        (BOOKED | {"reason": "Booked twice"}, "Paid 1 times"),
        (FEE | {"asked": Asked.FEE.value}, "no fee is open after an offline refund"),
        ({"asked": Asked.NO_REFUND.value}, "no refund is asked for"),
    ],
)
def test_back_to_tier_1(agency: Agency, details: dict[str, Any], why: str) -> None:
    """Neither of the page's grounds, or no refund at all: Tier 1 has it again and reads why; nothing is recorded."""
    case, run = escalate(agency)
    told(agency, run, details)
    assert_closed(agency, run, "back_to_tier_1")
    assert why in agency.comments(case)[-1]
    assert agency.record(case)["Tier__c"] == "Tier 1"
    assert (recorded(agency), agency.sent(case)) == ([], [])


def test_nobody_knows_whose(agency: Agency) -> None:
    """A case without a member can't be looked up: back to Tier 1, before anybody is asked."""
    case, run = escalate(agency, None, email="unknown@elsewhere.example")
    assert_closed(agency, run, "back_to_tier_1")
    assert "has no contact" in agency.comments(case)[-1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"booking": None}, {"booking": "the one on Friday"}, {"booking": "B/1"}, {"booking": "B" * 41},
        {"amount": None}, {"amount": "0.00"}, {"amount": "-5"}, {"amount": "25,50"}, {"amount": "1e3"},
        {"reason": None}, {"reason": "Cancellation Fee"}, {"reason": "He was rude"},
    ],
)  # fmt: skip
def test_what_an_agent_cannot_give(wrong: dict[str, Any]) -> None:
    """Ids, amounts and reasons that cannot be are refused, and the refusal names the field."""
    with pytest.raises(ValidationError) as refused:
        Details.model_validate(BOOKED | wrong)
    assert next(iter(wrong)) in str(refused.value)


def test_the_reasons_are_choices() -> None:
    """Pages show Salesforce's reasons for a booking to choose from."""
    shown = {one.name: one for one in fields(Details)}
    assert REFUND_REASON in shown["reason"].choices
    assert shown["asked"].choices == tuple(Asked)


@pytest.mark.parametrize("ending", ["refunded", "declined"])
@pytest.mark.parametrize("again", [BOOKED, BOOKED | {"amount": "99.00", "reason": "Other", "booking": "b-9001"}])
def test_asked_twice(agency: Agency, ending: str, again: dict[str, Any]) -> None:
    """The second case finds the first, whatever amount, reason or spelling: told, closed, one record as it was."""
    first, run = escalate(agency)
    told(agency, run)
    decided(agency, run, REFUND if ending == "refunded" else DECLINE)
    before = recorded(agency)
    case, second = escalate(agency)
    told(agency, second, again)
    assert_closed(agency, second, "already_asked")
    assert f"in case {first}" in agency.comments(case)[-1]
    assert agency.kinds(case, PROCESS) == ["reply-already-asked"]
    assert (agency.record(case)["Status"], agency.record(case)["Reason"]) == ("Closed", "Booking Refund")
    assert recorded(agency) == before


def test_paid_by_hand(agency: Agency) -> None:
    """A refund that somebody recorded by hand is the same refund, before the agents decide or while they do."""
    case, run = escalate(agency)
    told(agency, run, BOOKED | {"booking": "B-7001"})
    assert_closed(agency, run, "already_asked")
    assert "was paid as a02" in agency.comments(case)[-1]
    assert recorded(agency) == []
    case, run = escalate(agency)
    told(agency, run)
    by_hand = {
        "Contact__c": agency.record(case)["ContactId"], "Booking__c": "B-9001", "Reason__c": "Other",
        "Amount__c": 1, "Status__c": "Refunded",
    }  # fmt: skip
    with agency.world.changing(), records.requesting(agency.world, PLATFORM) as request:
        records.create(request, "Refund__c", by_hand)
    decided(agency, run)
    assert_closed(agency, run, "already_asked")
    assert [one["Status__c"] for one in recorded(agency)] == ["Requested", "Refunded"]


@pytest.mark.parametrize("order", sorted(set(permutations("AABB"))))
def test_two_cases_one_refund(agency: Agency, order: tuple[str, ...]) -> None:
    """However the acts of two cases about one refund follow each other, it is recorded once, by the first of them."""
    cases = {name: escalate(agency) for name in "AB"}
    for name in order:
        _, run = cases[name]
        if "details/1" in agency.waiting(run):
            told(agency, run)
        elif agency.waiting(run):
            decided(agency, run)
    endings = {name: agency.ending(run) for name, (_, run) in cases.items()}
    first = order[0]
    assert endings == {first: "refunded", "B" if first == "A" else "A": "already_asked"}
    (found,) = recorded(agency)
    assert (found["Case__c"], found["Status__c"]) == (cases[first][0], "Refunded")
    assert sum(agency.kinds(case, PROCESS) == ["reply-refunded"] for case, _ in cases.values()) == 1


@pytest.mark.parametrize("meanwhile", ["records", "decides"])
def test_two_cases_at_the_same_instant(agency: Agency, meanwhile: str) -> None:
    """Between one case's look and its record another looks, finds nothing either, and records, or even decides: there
    is one record, one case refunds, and the other finds that it does."""
    (_, first), (_, second) = escalate(agency), escalate(agency)
    handle, meets = agency.world.handle, [True]

    def while_another_records(vendor: str, request: Request) -> Response:
        if not meets or request.method != "POST" or not request.path.endswith("/Refund__c"):
            return handle(vendor, request)
        meets.clear()
        told(agency, second)
        assert agency.waiting(second) == ["refund/1"]
        if meanwhile == "decides":
            decided(agency, second)
        return handle(vendor, request)

    agency.world.handle = while_another_records  # type: ignore[method-assign]
    told(agency, first)
    assert not meets
    if meanwhile == "records":
        decided(agency, second)
    assert (agency.ending(first), agency.ending(second)) == ("already_asked", "refunded")
    (found,) = recorded(agency)
    assert (found["Case__c"], found["Status__c"]) == (second.parameters["case"], "Refunded")


def test_called_off(agency: Agency) -> None:
    """A case that is closed by hand leaves nothing decided, so another case can ask for the refund."""
    case, run = escalate(agency)
    told(agency, run)
    agency.edit(case, "staff-82", Status="Closed")
    assert_closed(agency, run, "cancelled")
    other, again = escalate(agency)
    told(agency, again)
    decided(agency, again)
    assert_closed(agency, again, "refunded")
    (found,) = recorded(agency)
    assert (found["Case__c"], found["Status__c"]) == (other, "Refunded")


def test_the_same_case_again(agency: Agency) -> None:
    """A member who has more to say on a declined case is decided again: the record is the same one, as decided now."""
    case, run = escalate(agency)
    told(agency, run)
    decided(agency, run, DECLINE)
    agency.edit(case, "staff-83", Status="New")
    again = agency.run(case, PROCESS)
    assert again is not run
    told(agency, again, BOOKED | {"amount": "20.00"})
    decided(agency, again)
    assert_closed(agency, again, "refunded")
    assert [(one["Status__c"], one["Amount__c"]) for one in recorded(agency)] == [("Refunded", 20)]


def test_silence(agency: Agency) -> None:
    """Agents are reminded, the operators may answer too after a while, and nothing is concluded from silence."""
    _, run = escalate(agency)
    agency.advance(days=9)
    assert agency.waiting(run) != []
    agency.advance(days=3)
    told(agency, run, staff="staff-41")
    agency.advance(days=4)
    decided(agency, run, staff="staff-42")
    assert_closed(agency, run, "refunded")
