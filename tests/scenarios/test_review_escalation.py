"""A review is edited or removed as the member asked, together with its case comment, or stays as it is."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from casework.answer import Accepted, Refused
from casework.engine.simulated import Run
from casework.parking import Verdict
from casework.sandbox import salesforce_records as records
from casework.sandbox.salesforce_records import PLATFORM
from flows.review_escalation_forms import Edit, Remove
from tests.scenarios.endings import assert_closed
from tests.scenarios.escalations import Agency
from tests.scenarios.test_leaks import kept

PROCESS = "review-escalation"
NEW_TEXT = "Punctual, and the zither lessons of Quarlington were long enough."
EDIT, KEEP, REMOVE, KEPT = Edit.EDIT.value, Edit.KEEP.value, Remove.REMOVE.value, Remove.KEEP.value


def review(agency: Agency, status: str = "Approved") -> dict[str, Any]:
    """The review that had this status at the start, as Salesforce has it now."""
    at = ["Approved", "Edited", "Pending", "Rejected"].index(status)
    return agency.records("Review__c")[at]


def home(agency: Agency, status: str = "Approved") -> dict[str, Any]:
    """The case that it came in by."""
    return agency.record(review(agency, status)["Case__c"])


def escalate(agency: Agency, what: str, status: str = "Approved", member: str = "member-1") -> tuple[str, Run]:
    """Tier 1 escalates what a member wants; the case and its run."""
    case = agency.open(member, f"{what} Review {home(agency, status)['CaseNumber']}")
    return case, agency.run(case, PROCESS)


def by_hand(agency: Agency, kind: str, record: dict[str, Any], staff: str, **values: Any) -> None:
    """Somebody changes a record in Salesforce, as its pages do; a review with the comment that it wants."""
    user = agency.world.state["roster"]["staff"][staff]["salesforce_id"]
    with agency.world.changing(), records.requesting(agency.world, user) as request:
        if kind == "Review__c":
            records.create(request, "CaseComment", {"ParentId": record["Case__c"], "CommentBody": "By hand."})
        current = agency.world.state["salesforce"]["records"][kind][record["Id"]]
        records.update(request, kind, current, values)
    agency.hooks()


def comments_of_home(agency: Agency, status: str = "Approved") -> list[str]:
    return agency.comments(home(agency, status)["Id"])


def test_edited(agency: Agency) -> None:
    """An agent gives the text: review and comment at once, the member told, both cases closed, nothing left open."""
    case, run = escalate(agency, "Edit")
    assert home(agency)["Status"] == "New"
    assert isinstance(agency.answer(run, "staff-82", decision=EDIT, new_text=NEW_TEXT), Accepted)
    assert_closed(agency, run, "edited")
    found = review(agency)
    assert (found["Text__c"], found["Status__c"]) == (NEW_TEXT, "Edited")
    (comment,) = comments_of_home(agency)
    assert comment.startswith(f"Edited review {found['Id']} as the member asked (agent staff-82).")
    assert agency.kinds(case, PROCESS) == ["reply-edited"]
    assert len(agency.sent(case)) == 1
    closed = agency.record(case)
    assert (closed["Status"], closed["Reason"], closed["Secondary_Reason__c"]) == ("Closed", "Reviews", "Review Edited")
    assert home(agency)["Status"] == "Closed"


@pytest.mark.parametrize(("status", "member"), [("Approved", "member-1"), ("Edited", "member-4")])
def test_removed_by_two(agency: Agency, status: str, member: str) -> None:
    """Two agents want it, and the first is not the second: rejected, with the comment, for good."""
    case, run = escalate(agency, "Remove", status, member)
    agency.answer(run, "staff-81", "removal", decision=REMOVE)
    assert review(agency, status)["Status__c"] == status
    same = agency.answer(run, "staff-81", "second-agent", decision=REMOVE)
    assert isinstance(same, Refused)
    assert "somebody else" in same.sentence
    assert isinstance(agency.answer(run, "staff-83", "second-agent", decision=REMOVE), Accepted)
    assert_closed(agency, run, "removed")
    assert review(agency, status)["Status__c"] == "Rejected"
    (comment,) = comments_of_home(agency, status)
    assert "(agent staff-81, agreed by staff-83)" in comment
    assert agency.kinds(case, PROCESS) == ["reply-removed"]
    assert agency.record(case)["Secondary_Reason__c"] == "Review Removed"
    assert home(agency, status)["Status"] == "Closed"


def test_kept(agency: Agency) -> None:
    """Any agent who is asked can keep it: nothing changes, the member is told, everything is closed."""
    edit, editing = escalate(agency, "Edit")
    agency.answer(editing, "staff-81", decision=KEEP)
    first, removing = escalate(agency, "Remove")
    agency.answer(removing, "staff-81", "removal", decision=KEPT)
    second, agreeing = escalate(agency, "Remove")
    agency.answer(agreeing, "staff-81", "removal", decision=REMOVE)
    agency.answer(agreeing, "staff-82", "second-agent", decision=KEPT)
    for case, run in ((edit, editing), (first, removing), (second, agreeing)):
        assert_closed(agency, run, "kept")
        assert agency.kinds(case, PROCESS) == ["reply-kept"]
        assert agency.record(case)["Status"] == "Closed"
    assert "stays as it is (decided by staff-82)" in agency.comments(second)[-1]
    assert review(agency)["Status__c"] == "Approved"
    assert (home(agency)["Status"], comments_of_home(agency)) == ("Closed", [])


@pytest.mark.parametrize(
    ("subject", "missing"),
    [
        ("Edit Review", "case-number"),
        ("Edit Review or Remove Review", "which-change, case-number"),
        ("Remove Review 99999999", "review"),
        ("Edit Review 00084201 00084202", "which-case-number"),
    ],
)
def test_back_to_tier_1(agency: Agency, subject: str, missing: str) -> None:
    """What the subject lacks is told all at once, and Tier 1 has the case again; put right, it is taken again."""
    case = agency.open("member-1", subject)
    run = agency.run(case, PROCESS)
    assert_closed(agency, run, f"back_to_tier_1: {missing}")
    assert (agency.record(case)["Tier__c"], agency.record(case)["Status"]) == ("Tier 1", "New")
    (comment,) = agency.comments(case)
    assert comment.count("\n- ") == len(missing.split(", "))
    assert agency.sent(case) == []
    right = f"Edit Review {home(agency)['CaseNumber']}"
    agency.edit(case, "staff-81", Tier__c="Tier 2", Subject=right)
    assert agency.waiting(agency.run(case, PROCESS)) == ["new-text/1"]


def test_a_case_without_a_review(agency: Agency) -> None:
    """The number is that of a case, but no review came in by it: back to Tier 1."""
    other = agency.open("member-1", "Hello", tier="Tier 1")
    case = agency.open("member-1", f"Edit Review {agency.record(other)['CaseNumber']}")
    assert agency.endings(case, PROCESS) == ["back_to_tier_1: review"]


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_stopped_by_its_status(agency: Agency, status: str) -> None:
    """Neither approved nor edited: nothing is touched, an agent has the case and reads why; it is not taken again."""
    case, run = escalate(agency, "Edit", status, "member-6")
    assert_closed(agency, run, "stopped")
    assert f"has the status {status}" in agency.comments(case)[-1]
    assert (agency.record(case)["Status"], home(agency, status)["Status"]) == ("New", "Closed")
    agency.mail(case, "And?")
    assert len(agency.runs(case, PROCESS)) == 1


def test_several_reviews(agency: Agency) -> None:
    """A case that is about two reviews that could be meant is for an agent."""
    with agency.world.changing(), records.requesting(agency.world, PLATFORM) as request:
        records.create(request, "Review__c", {"Case__c": home(agency)["Id"], "Status__c": "Edited", "Text__c": "x"})
    case, run = escalate(agency, "Remove")
    assert_closed(agency, run, "stopped")
    assert "several reviews" in agency.comments(case)[-1]


def test_open_already(agency: Agency) -> None:
    """The review's case is open: somebody works on it, so it is left to them."""
    by_hand(agency, "Case", home(agency), "staff-82", Status="Working")
    case, run = escalate(agency, "Edit")
    assert_closed(agency, run, "stopped")
    assert "somebody else has the case" in agency.comments(case)[-1]
    assert home(agency)["Status"] == "Working"


def test_taken_while_agents_decide(agency: Agency) -> None:
    """Somebody takes the review's case before the second agent agrees: nothing is removed, and theirs it stays."""
    case, run = escalate(agency, "Remove")
    agency.answer(run, "staff-81", "removal", decision=REMOVE)
    other = agency.world.state["roster"]["staff"]["staff-91"]["salesforce_id"]
    by_hand(agency, "Case", home(agency), "staff-91", OwnerId=other)
    agency.answer(run, "staff-82", "second-agent", decision=REMOVE)
    assert_closed(agency, run, "stopped")
    assert review(agency)["Status__c"] == "Approved"
    assert (home(agency)["Status"], comments_of_home(agency)) == ("New", [])
    assert agency.record(case)["Status"] == "New"


def test_rejected_while_agents_decide(agency: Agency) -> None:
    """Somebody rejects the review by hand meanwhile: we stop, say so, and close its case again."""
    case, run = escalate(agency, "Edit")
    by_hand(agency, "Review__c", review(agency), "staff-91", Status__c="Rejected")
    agency.answer(run, "staff-82", decision=EDIT, new_text=NEW_TEXT)
    assert_closed(agency, run, "stopped")
    assert "has the status Rejected" in agency.comments(case)[-1]
    assert (home(agency)["Status"], comments_of_home(agency)) == ("Closed", [])


def test_two_escalations_of_one_review(agency: Agency) -> None:
    """While one is at work the other stops, and the review is changed once."""
    _, working = escalate(agency, "Edit")
    second, stopped = escalate(agency, "Edit")
    assert_closed(agency, stopped, "stopped")
    agency.answer(working, "staff-82", decision=EDIT, new_text=NEW_TEXT)
    assert_closed(agency, working, "edited")
    assert len(comments_of_home(agency)) == 1
    assert agency.sent(second) == []


def test_the_same_case(agency: Agency) -> None:
    """A review can come in by the case that is escalated itself: it is open, and is closed once, at the end."""
    case = agency.open("member-1", "Later", tier="Tier 1")
    with agency.world.changing(), records.requesting(agency.world, PLATFORM) as request:
        records.create(request, "Review__c", {"Case__c": case, "Status__c": "Approved", "Text__c": "x"})
    agency.edit(case, "staff-81", Tier__c="Tier 2", Subject=f"Edit Review {agency.record(case)['CaseNumber']}")
    run = agency.run(case, PROCESS)
    agency.answer(run, "staff-82", decision=EDIT, new_text=NEW_TEXT)
    assert_closed(agency, run, "edited")
    assert agency.records("Review__c")[-1]["Text__c"] == NEW_TEXT
    assert agency.record(case)["Status"] == "Closed"


def test_no_text_is_no_edit(agency: Agency) -> None:
    """An edit without a text, or of blanks, is refused and says why; so is a text for a review that is kept."""
    _, run = escalate(agency, "Edit")
    for values in ({"decision": EDIT}, {"decision": EDIT, "new_text": " \n "}, {"decision": KEEP, "new_text": "x"}):
        refused = agency.answer(run, "staff-82", **values)
        assert isinstance(refused, Refused)
        assert "new_text: " in refused.sentence
    assert agency.waiting(run) == ["new-text/1"]


def test_the_same_text_is_asked_for_again(agency: Agency) -> None:
    """The text that the review has, whatever ends its lines, is no edit: nothing is sent, and the agent is told so."""
    _, run = escalate(agency, "Edit")
    agency.answer(run, "staff-82", decision=EDIT, new_text=f"{review(agency)['Text__c']} \r\n")
    assert agency.waiting(run) == ["new-text/2"]
    assert run.pause is not None
    assert "The text that was given is the one that the review has" in run.pause.question
    assert comments_of_home(agency) == []
    agency.answer(run, "staff-82", decision=EDIT, new_text=NEW_TEXT)
    assert_closed(agency, run, "edited")


@pytest.mark.parametrize(("member", "warned"), [("member-1", False), ("member-2", True), (None, True)])
def test_another_members_review(agency: Agency, member: str | None, warned: bool) -> None:
    """Agents are told where the escalation is not known to be of the member whose review it is."""
    more = {} if member else {"email": "unknown@elsewhere.example"}
    case = agency.open(member, f"Remove Review {home(agency)['CaseNumber']}", **more)
    run = agency.run(case, PROCESS)
    assert run.pause is not None
    assert ("not known to be of the same member" in run.pause.question) is warned


def test_silence(agency: Agency) -> None:
    """Agents are reminded, then the operators may answer too, then all are asked again; nothing is concluded."""
    _, run = escalate(agency, "Remove")
    agency.advance(days=2)
    assert len(agency.slack("staff-81")) > 1
    agency.advance(days=9)
    assert review(agency)["Status__c"] == "Approved"
    assert int(agency.waiting(run)[0].removeprefix("removal/")) > 1
    agency.advance(days=2.5)
    agency.answer(run, "staff-41", "removal", decision=REMOVE)
    agency.advance(days=4)
    agency.answer(run, "staff-42", "second-agent", decision=REMOVE)
    assert_closed(agency, run, "removed")


@pytest.mark.parametrize("answered", [False, True])
def test_called_off(agency: Agency, answered: bool) -> None:
    """The escalation is closed by hand: nothing changes any more, and the review's case is as it was."""
    case, run = escalate(agency, "Remove")
    if answered:
        agency.answer(run, "staff-81", "removal", decision=REMOVE)
    agency.edit(case, "staff-82", Status="Closed")
    assert_closed(agency, run, "cancelled")
    assert review(agency)["Status__c"] == "Approved"
    assert (home(agency)["Status"], comments_of_home(agency)) == ("Closed", [])
    assert agency.sent(case) == []


@pytest.mark.parametrize("what", ["Edit", "Remove"])
def test_the_second_half_breaks(agency: Agency, what: str) -> None:
    """Salesforce refuses the change of the review: its comment is not there either; the operators are asked, and when
    they have it mended both come, once."""
    fields = agency.world.state["salesforce"]["objects"]["Review__c"]["fields"]
    case, run = escalate(agency, what)
    was = dict(review(agency))
    fields["Text__c"]["length"] = 5
    fields["Status__c"]["values"].remove("Rejected")
    if what == "Edit":
        agency.answer(run, "staff-82", decision=EDIT, new_text=NEW_TEXT)
    else:
        agency.answer(run, "staff-81", "removal", decision=REMOVE)
        agency.answer(run, "staff-82", "second-agent", decision=REMOVE)
    assert any(wait.startswith("fault>reviews.") for wait in agency.waiting(run))
    assert (review(agency), comments_of_home(agency), agency.sent(case)) == (was, [], [])
    fields["Text__c"]["length"] = 8000
    fields["Status__c"]["values"].append("Rejected")
    agency.answer(run, "staff-41", "fault>", verdict=Verdict.RETRY.value)
    assert_closed(agency, run, "edited" if what == "Edit" else "removed")
    assert len(comments_of_home(agency)) == 1


def test_the_first_half_breaks(agency: Agency) -> None:
    """Salesforce refuses the comment: the review is not changed."""
    _, run = escalate(agency, "Edit")
    was = dict(review(agency))
    agency.world.state["salesforce"]["objects"]["CaseComment"]["fields"]["CommentBody"]["length"] = 5
    agency.answer(run, "staff-82", decision=EDIT, new_text=NEW_TEXT)
    assert (review(agency), comments_of_home(agency)) == (was, [])


def test_no_text_is_kept(agency: Agency, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the old text nor the new one is kept, shown or logged; while it waits to be written it is sealed."""
    with caplog.at_level(logging.DEBUG):
        _, run = escalate(agency, "Edit")
        agency.answer(run, "staff-82", decision=EDIT, new_text=review(agency)["Text__c"])
        agency.answer(run, "staff-82", decision=EDIT, new_text=NEW_TEXT)
    assert_closed(agency, run, "edited")
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    told = "".join("".join(agency.slack(staff)) for staff in ("staff-81", "staff-82", "staff-83"))
    for place, content in kept(agency, run, logged + told).items():
        for needle in ("Quarlington", "zither"):
            assert needle.encode() not in content, f"{needle} in {place}"
