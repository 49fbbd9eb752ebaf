"""The Salesforce client: what it makes it makes once, what belongs together comes together, and its faults speak."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from casework.sandbox import Fault
from casework.sandbox.salesforce_records import ROBOT
from casework.sandbox.seed_escalations import REFUND_REASON, SENDER
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.salesforce import ClientCredentials, Names, PartRefused, RefundAsked, Salesforce
from casework.systems.salesforce_limits import LOOK_AGAIN
from casework.systems.salesforce_rest import creating, updating
from tests.systems.orgs import DATA, URL, SfOrg
from tests.systems.vendor import Vendor, in_turn

REASONS = {"reason": "Account Management", "secondary_reason": "Data Deletion"}


@pytest.fixture
def org() -> Iterator[SfOrg]:
    made = SfOrg()
    yield made
    made.world.close()


@pytest.fixture
def case(org: SfOrg) -> str:
    return org.people.member.open_case("member-1", "Please delete my data", "All of it.")


def review(org: SfOrg, status: str) -> dict[str, Any]:
    return next(one for one in org.records("Review__c") if one["Status__c"] == status)


# -- cases


def test_a_case_as_it_stands(org: SfOrg, case: str) -> None:
    """A case is read by its id, of either length, and by its number; texts are there but not shown."""
    found = org.client.cases.case(case[:15])
    assert found == org.client.cases.by_number(found.number)
    assert (found.id, found.status, found.closed, found.tier) == (case, "New", False, "Tier 2")
    assert found.contact_id == org.contact("member-1")
    assert found.created == org.clock.time
    assert found.created.tzinfo is UTC
    assert found.subject == "Please delete my data"
    assert "delete" not in repr(found)


def test_what_is_not_there(org: SfOrg) -> None:
    """An unknown id and an unknown number are not found; what is no id is asked of nobody."""
    with pytest.raises(NotFound, match="500RM00000zzzzz"):
        org.client.cases.case("500RM00000zzzzz")
    with pytest.raises(NotFound, match="number"):
        org.client.cases.by_number("' OR Status != '")
    before = len(org.asked.requests)
    with pytest.raises(ValueError, match="no id"):
        org.client.cases.case("../Contact/x")
    assert len(org.asked.requests) == before


def test_edited(org: SfOrg, case: str) -> None:
    """Only the given fields are set; the change comes without assignment rules, and again changes nothing more."""
    for _ in range(2):
        org.client.cases.edit(case, status="Working", secondary_reason="Review Edited")
    found = org.client.cases.case(case)
    assert (found.status, found.secondary_reason, found.reason, found.tier) == (
        "Working", "Review Edited", None, "Tier 2",
    )  # fmt: skip
    changes = [one for one in org.asked.requests if one.method == "PATCH"]
    assert {one.headers["Sforce-Auto-Assign"] for one in changes} == {"FALSE"}
    with pytest.raises(ValueError, match="at least one"):
        org.client.cases.edit(case)


def test_comments(org: SfOrg, case: str) -> None:
    """Comments come oldest first, page by page; only our own with the marker is found again."""
    org.state["page"] = 2
    org.people.tier2.comment(case, "staff-81", "Ref: CW-1/told")
    for number in range(4):
        org.clock.sleep(1)
        org.client.cases.comment(case, f"note {number}\nRef: CW-{number}/told", public=number == 2)
    found = org.client.cases.comments(case)
    assert [one.public for one in found] == [False, False, False, True, False]
    ours = org.client.cases.find_comment(case, "Ref: CW-1/told")
    assert ours is not None
    assert (ours.author_id, ours.id) == (ROBOT, found[2].id)
    assert org.client.cases.find_comment(case, "Ref: CW-9/told") is None
    assert "note" not in repr(found)


def test_closed_with_its_comment(org: SfOrg, case: str) -> None:
    """Closing writes the comment and the reasons together, and the comment's id comes back."""
    made = org.client.cases.close(case, "Created privacy request: PR-001042", **REASONS)
    found = org.client.cases.case(case)
    assert (found.status, found.closed, found.reason, found.secondary_reason) == (
        "Closed", True, "Account Management", "Data Deletion",
    )  # fmt: skip
    assert [(one.id, one.public) for one in org.client.cases.comments(case)] == [(made, False)]


def test_handed_back(org: SfOrg, case: str) -> None:
    """A case goes back to the other tier with the comment that says what is missing."""
    org.client.cases.hand_back(case, "The case number is missing.")
    assert org.client.cases.case(case).tier == "Tier 1"
    assert len(org.client.cases.comments(case)) == 1


@pytest.mark.parametrize(
    ("comment", "reasons", "part", "code"),
    [
        ("fine", {"reason": "No Such Reason"}, "the change of the case", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("fine", {"reason": "x" * 300}, "the change of the case", "Reason"),
    ],
)
def test_the_second_half_breaks(
    org: SfOrg, case: str, comment: str, reasons: dict[str, str], part: str, code: str
) -> None:
    """When the change is refused the comment is not there either, and the fault names the half that was refused."""
    before = org.client.cases.case(case)
    with pytest.raises(PartRefused, match=code) as refused:
        org.client.cases.close(case, comment, **reasons)
    assert refused.value.part == part
    assert "nothing was changed" in str(refused.value)
    assert org.client.cases.comments(case) == ()
    assert org.client.cases.case(case) == before


def test_the_first_half_breaks(org: SfOrg, case: str) -> None:
    """When the comment is refused the change, which was only halted, is not blamed and not made."""
    comment = creating("the comment", "CaseComment", {"ParentId": org.contact("member-1"), "CommentBody": "x"})
    change = updating("the change", "Case", case, {"Status": "Closed"})
    with pytest.raises(PartRefused, match="INVALID_CROSS_REFERENCE_KEY") as refused:
        org.client.rest.together("close", comment, change)
    assert refused.value.part == "the comment"
    assert org.client.cases.case(case).status == "New"


def test_a_lost_answer_leaves_doubt(org: SfOrg, case: str) -> None:
    """A composite that may have been done is not repeated by itself; the comment is found, and was written once."""
    org.client.own_id()
    org.world.misbehave("salesforce", Fault.answer_lost(), match=f"POST {DATA}/composite")
    with pytest.raises(Temporary) as doubt:
        org.client.cases.close(case, "done Ref: CW-1/close", **REASONS)
    assert doubt.value.maybe_done
    assert org.client.cases.find_comment(case, "Ref: CW-1/close") is not None
    assert len(org.records("CaseComment")) == 1


@pytest.mark.parametrize("text", ["", "x" * 4001])
def test_a_comment_that_does_not_fit(org: SfOrg, case: str, text: str) -> None:
    """A comment that Salesforce could not hold is an error before anything is sent."""
    with pytest.raises(ValueError, match="4000"):
        org.client.cases.close(case, text, **REASONS)


# -- mail


def test_answered(org: SfOrg, case: str) -> None:
    """An answer goes to the case's contact with exactly the words given, and is found on the case by its end."""
    text = "Dear Marigoldine,\n\nit is done.\n\nRef: CW-1/reply"
    org.client.cases.reply(case, "Your request", text)
    address = org.world.state["roster"]["members"]["member-1"]["email"]
    assert [(one["to"], one["text"]) for one in org.state["sent"]] == [(address, text)]
    found = org.client.cases.find_reply(case, "Ref: CW-1/reply")
    assert found is not None
    assert (found.sent, found.incoming, found.text) == (True, False, text)
    assert org.client.cases.find_reply(case, "Ref: CW-2/reply") is None
    assert "Marigoldine" not in repr(found)


def test_answered_from_the_org_s_address(org: SfOrg, case: str) -> None:
    """With a sender the answer comes from that address; one that the org does not have is refused."""
    org.connect(sender=SENDER).cases.reply(case, "s", "t")
    assert len(org.state["sent"]) == 1
    with pytest.raises(Refused, match="INVALID_INPUT"):
        org.connect(sender="nobody@members.example").cases.reply(case, "s", "t")
    assert len(org.state["sent"]) == 1


def test_somebody_without_a_contact(org: SfOrg) -> None:
    """Where the org does not know the sender the answer goes to the address of the mail; without one it is refused."""
    unknown = org.people.member.open_case(None, "s", "t", email="someone@elsewhere.example")
    org.client.cases.reply(unknown, "s", "t")
    assert [one["to"] for one in org.state["sent"]] == ["someone@elsewhere.example"]
    nobody = org.people.member.open_case(None, "s", "t")
    with pytest.raises(Refused, match="neither a contact nor an address"):
        org.client.cases.reply(nobody, "s", "t")


def test_a_lost_answer_to_a_mail(org: SfOrg, case: str) -> None:
    """Mail that may have gone out is not sent again by itself; it is found."""
    org.client.own_id()
    org.world.misbehave("salesforce", Fault.answer_lost(), match=f"POST {DATA}/actions")
    with pytest.raises(Temporary) as doubt:
        org.client.cases.reply(case, "s", "t Ref: CW-1/reply")
    assert doubt.value.maybe_done
    assert org.client.cases.find_reply(case, "Ref: CW-1/reply") is not None
    assert len(org.state["sent"]) == 1


def test_the_member_s_mail(org: SfOrg, case: str) -> None:
    """What a member writes is a mail of the case that came in."""
    org.people.member.write(case, "Call me Marigoldine.")
    (mail,) = org.client.cases.mails(case)
    assert (mail.incoming, mail.sent, mail.case_id, mail.text) == (True, False, case, "Call me Marigoldine.")


# -- members, reviews, refunds, privacy requests


def test_how_a_member_signs_in(org: SfOrg) -> None:
    """The social logins and the password are facts of the contact; a password that is set shows at the next look."""
    social = org.client.members.member(org.contact("member-2"))
    assert (social.google_login, social.apple_login, social.has_password) == (True, False, False)
    org.people.member.set_password("member-2")
    assert org.client.members.member(org.contact("member-2")).has_password
    assert not [planted for planted in org.world.planted if planted in repr(social)]


def test_another_name(org: SfOrg) -> None:
    """The name that a member uses is set beside the others, and shows."""
    org.client.members.edit(org.contact("member-1"), display_name="Clem", gender="Self-described")
    found = org.client.members.member(org.contact("member-1"))
    assert (found.display_name, found.gender, found.first_name) == ("Clem", "Self-described", "Clementina")


def test_a_review_changes_with_its_comment(org: SfOrg) -> None:
    """New text and comment come together; the org itself refuses a change without a comment."""
    kept = review(org, "Approved")
    (found,) = org.client.reviews.of_case(kept["Case__c"])
    with pytest.raises(Refused, match="FIELD_CUSTOM_VALIDATION_EXCEPTION"):
        org.client.rest.update("edit", "Review__c", found.id, {"Text__c": "new"})
    made = org.client.reviews.change(found.id, kept["Case__c"], "The text was changed.", text="Punctual.")
    assert org.client.reviews.review(found.id).model_dump() == {
        "id": found.id, "case_id": kept["Case__c"], "status": "Edited", "text": "Punctual.",
    }  # fmt: skip
    assert [one.id for one in org.client.cases.comments(kept["Case__c"])] == [made]


def test_a_rejected_review_stays(org: SfOrg) -> None:
    """Rejecting is for good: a second change is refused, and its comment is not there."""
    kept = review(org, "Approved")
    org.client.reviews.reject(kept["Id"], kept["Case__c"], "Removed.")
    with pytest.raises(PartRefused, match="Status__c") as refused:
        org.client.reviews.change(kept["Id"], kept["Case__c"], "Changed.", text="x")
    assert refused.value.part == "the change of the review"
    assert [one.text for one in org.client.cases.comments(kept["Case__c"])] == ["Removed."]


def test_refunds_are_counted_from_records(org: SfOrg) -> None:
    """All refunds of a member come, oldest first, with reasons and amounts; another member has none of them."""
    found = org.client.refunds.of_member(org.contact("member-6"))
    assert [one.reason for one in found].count(REFUND_REASON) == 3
    assert (found[0].amount, found[0].status) == (Decimal("26.0"), "Refunded")
    assert org.client.refunds.of_member(org.contact("member-1")) == ()


def test_the_same_refund_is_found(org: SfOrg, case: str) -> None:
    """Asking twice for a refund finds the first, also when the first answer was lost."""
    asked = RefundAsked(org.contact("member-1"), case, "B-1", "Cancellation Fee", Decimal("12.50"), "Requested")
    org.client.own_id()
    org.world.misbehave("salesforce", Fault.answer_lost(), match=f"PATCH {DATA}/sobjects/Refund__c")
    first = org.client.refunds.record("cw-1-refund", asked)
    second = org.client.refunds.record("cw-1-refund", asked)
    assert (first.id, first.created, second.created) == (second.id, False, False)
    org.client.refunds.set_status(first.id, "Refunded")
    assert org.client.refunds.ask("cw-1-refund", asked) is None
    (found,) = org.client.refunds.of_member(org.contact("member-1"))
    assert (found.status, found.amount, found.reference) == ("Refunded", Decimal("12.5"), "cw-1-refund")
    made = org.client.refunds.ask("cw-2-refund", asked)
    assert [one.id for one in org.client.refunds.of_member(org.contact("member-1"))] == [found.id, made]


def test_one_privacy_request(org: SfOrg, case: str) -> None:
    """A request is made once whatever is lost on the way; it has a number, and Salesforce's own mail is seen."""
    asked: dict[str, Any] = {
        "case_id": case,
        "contact_id": org.contact("member-1"),
        "request_type": "Delete Data",
        "status": "Requested",
    }
    org.client.own_id()
    org.world.misbehave("salesforce", Fault.answer_lost(), times=2, match=f"PATCH {DATA}/sobjects/Privacy_Request__c")
    made = org.client.privacy.record("cw-1-privacy", **asked)
    again = org.connect().privacy.record("cw-1-privacy", **asked)
    assert made.id == again.id
    (found,) = org.client.privacy.of_case(case)
    assert (found.number, found.status, found.request_type) == ("PR-001042", "Requested", "Delete Data")
    assert org.client.privacy.request(made.id) == found
    (mail,) = org.client.privacy.mails(made.id)
    assert (mail.sent, mail.related_to, mail.subject) == (True, made.id, "Privacy CCPA - Request Link")


def test_a_request_made_by_hand_is_seen(org: SfOrg, case: str) -> None:
    """A request that an agent made has no reference of ours and is found by its case; mail may not have gone out."""
    org.state["writes_to_members"] = False
    by_hand = org.people.tier2.request_privacy(case, "staff-81", "Access Data")
    (found,) = org.client.privacy.of_case(case)
    assert (found.id, found.reference) == (by_hand, None)
    assert org.client.privacy.mails(by_hand) == ()


def test_two_with_the_same_reference(org: SfOrg, case: str) -> None:
    """Where the org lets two records have one external id, an upsert does nothing and says what to mend."""
    org.state["objects"]["Refund__c"]["fields"]["External_Id__c"]["not_unique"] = True
    for one in org.records("Refund__c")[:2]:
        one["External_Id__c"] = "twice"
    with pytest.raises(Refused, match="make the field Unique"):
        org.client.refunds.record(
            "twice", RefundAsked(org.contact("member-1"), case, "B", "Other", Decimal(1), "Requested")
        )


@pytest.mark.parametrize("reference", ["", "a b", "a/b", "a%2Fb", "..\\x", "x" * 81])
def test_references_that_would_be_addresses(org: SfOrg, case: str, reference: str) -> None:
    """A reference is a segment of an address, so it may only be one."""
    with pytest.raises(ValueError, match="reference"):
        org.client.privacy.record(
            reference, case_id=case, contact_id=None, request_type="Access Data", status="Requested"
        )


# -- the org


def test_the_org_as_needed(org: SfOrg) -> None:
    """An org that has everything is fine, and is only read."""
    org.client.demand()
    assert {one.method for one in org.asked.requests} == {"GET", "POST"}
    assert [one.url.path for one in org.asked.requests if one.method == "POST"] == ["/services/oauth2/token"]


@pytest.mark.parametrize(
    ("kind", "name", "change", "says"),
    [
        ("Refund__c", "External_Id__c", {"external_id": False}, "must be both External ID and Unique"),
        ("Refund__c", "External_Id__c", {"not_unique": True}, "must be both External ID and Unique"),
        ("Review__c", "Status__c", {"values": ["Approved", "Edited"]}, "has no active value 'Rejected'"),
        ("Contact", "Apple_Login__c", {"type": "string"}, "is of type string, not boolean"),
        ("Case", "Tier__c", {"read_only": True}, "cannot be written by our user"),
        ("Privacy_Request__c", "Case__c", None, "is not there"),
        ("Review__c", None, None, "there is no object Review__c"),
    ],
)
def test_what_the_org_lacks(org: SfOrg, kind: str, name: str | None, change: dict[str, Any] | None, says: str) -> None:
    """Each lack is a sentence for the administrator, with the object and the field."""
    objects = org.state["objects"]
    if name is None:
        del objects[kind]
    elif change is None:
        del objects[kind]["fields"][name]
    else:
        objects[kind]["fields"][name] |= change
    with pytest.raises(Misconfigured, match=says) as lack:
        org.client.demand()
    assert f"{kind}.{name}" in str(lack.value) or name is None
    assert "salesforce.names" in str(lack.value)


def test_everything_that_is_lacking_at_once(org: SfOrg) -> None:
    """An administrator is told everything, not one thing after the other."""
    del org.state["objects"]["Review__c"]
    del org.state["objects"]["Case"]["fields"]["Tier__c"]
    with pytest.raises(Misconfigured, match=r"Case\.Tier__c.*Review__c"):
        org.client.demand()


def test_an_org_with_names_of_its_own(org: SfOrg) -> None:
    """Objects and fields that the org calls otherwise are read, searched, written and described by its names."""
    objects, records = org.state["objects"], org.state["records"]
    objects["Member_Review__c"], records["Member_Review__c"] = objects.pop("Review__c"), records.pop("Review__c")
    fields = objects["Refund__c"]["fields"]
    fields["Ticket__c"] = fields.pop("Case__c")
    for one in records["Refund__c"].values():
        one["Ticket__c"] = one.pop("Case__c")
    names = Names({"Review__c": "Member_Review__c", "Refund__c.Case__c": "Ticket__c"})
    client = org.connect(names=names)
    client.demand()
    kept = next(one for one in org.records("Member_Review__c") if one["Status__c"] == "Approved")
    assert [one.id for one in client.reviews.of_case(kept["Case__c"])] == [kept["Id"]]
    case = org.people.member.open_case("member-1", "s", "t")
    asked = RefundAsked(org.contact("member-1"), case, "B", "Other", Decimal(1), "Requested")
    made = client.refunds.record("r", asked)
    (found,) = client.refunds.of_member(org.contact("member-1"))
    assert (found.id, found.case_id) == (made.id, case)


@pytest.mark.parametrize("renamed", [{"Refund__c.Colour__c": "x"}, {"Refund__c": "Refund'; --"}, {"Refund__c": ""}])
def test_names_that_cannot_be(renamed: dict[str, str]) -> None:
    """A name that is none of ours, or that no object could have, is an error at the start."""
    with pytest.raises(ValueError, match=r"none of the names|named by letters"):
        Names(renamed)


def test_a_field_that_is_not_there(org: SfOrg, case: str) -> None:
    """Asking for what the org does not have is for whoever minds the settings."""
    del org.state["objects"]["Case"]["fields"]["Secondary_Reason__c"]
    with pytest.raises(Misconfigured, match=r"INVALID_FIELD.*settings"):
        org.client.cases.case(case)


# -- the allowance


def test_some_of_the_allowance_is_left_to_people(org: SfOrg, case: str) -> None:
    """Near its end nothing is sent for a quarter of an hour; then one request looks, and goes on when there is room."""
    org.state.update(used=949, allowed=1000)
    org.client.cases.case(case)
    before = len(org.asked.requests)
    for _ in range(3):
        with pytest.raises(Temporary, match="950 of the org's 1000") as wait:
            org.client.cases.case(case)
    assert (wait.value.retry_after, wait.value.maybe_done) == (LOOK_AGAIN, False)
    assert len(org.asked.requests) == before
    org.clock.sleep(LOOK_AGAIN)
    org.client.cases.case(case)
    with pytest.raises(Temporary):
        org.client.cases.case(case)
    org.state["used"] = 10
    org.clock.sleep(LOOK_AGAIN)
    for _ in range(3):
        org.client.cases.case(case)


def test_the_allowance_is_used_up(org: SfOrg, case: str) -> None:
    """Salesforce's refusal for want of allowance is a passing trouble, not a matter of our rights."""
    org.state.update(used=1000, allowed=1000)
    with pytest.raises(Temporary, match="allowance") as wait:
        org.client.cases.comment(case, "x", public=False)
    assert (wait.value.retry_after, wait.value.maybe_done) == (LOOK_AGAIN, False)
    assert org.records("CaseComment") == []


def test_a_reserve_of_ones_own(org: SfOrg, case: str) -> None:
    """How much is left to others is a setting; without a reserve all of it is used."""
    org.state.update(used=989, allowed=1000)
    client = org.connect(reserve=0.0)
    client.cases.case(case)
    client.cases.case(case)
    with pytest.raises(ValueError, match="reserve"):
        org.connect(reserve=1.0)


# -- faults

SESSION = httpx.Response(200, json={"access_token": "t", "instance_url": URL, "token_type": "Bearer"})
RECORD = {
    "attributes": {"type": "Contact"}, "Id": "003RM0000000001YAA", "AccountId": None, "Google_Login__c": False,
    "Apple_Login__c": False, "Has_Password__c": False, "Email": None, "FirstName": None, "LastName": "x",
    "Display_Name__c": None, "Gender__c": None,
}  # fmt: skip


def answering(org: SfOrg, *answers: httpx.Response | Exception) -> Salesforce:
    vendor = Vendor("salesforce", in_turn(SESSION, *answers))
    return Salesforce(URL, ClientCredentials("i", "s"), now=org.clock, transport=vendor, sleep=org.clock.sleep)


def said(status: int, code: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": "Marlowe-Quux said so", **more}])


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (said(400, "REQUIRED_FIELD_MISSING", fields=["LastName"]), Refused, r"REQUIRED_FIELD_MISSING \(LastName\)"),
        (said(400, "STRING_TOO_LONG", fields=["Marlowe-Quux Street"]), Refused, "STRING_TOO_LONG"),
        (said(400, "DUPLICATE_VALUE"), Refused, "DUPLICATE_VALUE"),
        (said(400, "INVALID_FIELD"), Misconfigured, "INVALID_FIELD"),
        (said(400, "Marlowe-Quux, 7"), Refused, "an error without a code"),
        (said(403, "INSUFFICIENT_ACCESS_OR_READONLY"), Misconfigured, "INSUFFICIENT_ACCESS_OR_READONLY"),
        (said(404, "NOT_FOUND"), NotFound, "no such thing"),
        (httpx.Response(400, json={"other": "Marlowe-Quux"}), Refused, "refused"),
        (httpx.Response(200, json={"Id": "003RM0000000001"}), Refused, "another shape"),
    ],
)
def test_faults_in_four_kinds(org: SfOrg, answer: httpx.Response, kind: type[SystemFault], says: str) -> None:
    """Each error code becomes one of our kinds; Salesforce's sentences, which quote values, are never repeated."""
    with pytest.raises(kind, match=says) as fault:
        answering(org, answer).members.member("003RM0000000001")
    assert "Marlowe" not in str(fault.value)


def test_a_locked_row_is_waited_for(org: SfOrg) -> None:
    """Somebody else's change that is under way passes: the same request again succeeds, and no doubt is left."""
    busy = said(400, "UNABLE_TO_LOCK_ROW")
    found = answering(org, busy, busy, httpx.Response(200, json=RECORD)).members.member("003RM0000000001")
    assert found.id == "003RM0000000001YAA"
    with pytest.raises(Temporary, match="UNABLE_TO_LOCK_ROW") as fault:
        answering(org, busy, busy, busy, busy).cases.comment("500RM0000000001", "x", public=False)
    assert not fault.value.maybe_done


@pytest.mark.parametrize("fault", [Fault.rate_limited(3), Fault.server_error(503), Fault.block_page()])
def test_a_vendor_that_is_busy(org: SfOrg, case: str, fault: Fault) -> None:
    """What passes by itself is waited for where it may be, and is a passing trouble where it may not."""
    org.client.own_id()
    org.world.misbehave("salesforce", fault, match=f"PATCH {DATA}")
    if fault.kind == "block_page":
        with pytest.raises(Temporary, match="web page"):
            org.client.cases.edit(case, status="Working")
    else:
        org.client.cases.edit(case, status="Working")
        assert org.client.cases.case(case).status == "Working"


def test_a_locked_row_within_a_composite(org: SfOrg) -> None:
    """A part that met a lock makes the whole a passing trouble: nothing was done."""
    parts = [
        {"httpStatusCode": 400, "referenceId": "part0", "httpHeaders": {},
         "body": [{"errorCode": "PROCESSING_HALTED", "message": "m"}]},
        {"httpStatusCode": 400, "referenceId": "part1", "httpHeaders": {},
         "body": [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": "m"}]},
    ]  # fmt: skip
    client = answering(org, httpx.Response(200, json={"compositeResponse": parts}))
    with pytest.raises(Temporary, match="UNABLE_TO_LOCK_ROW for the change of the case") as fault:
        client.cases.close("500RM0000000001", "c", reason="Other")
    assert not fault.value.maybe_done


def test_no_names_in_faults(org: SfOrg, case: str, caplog: pytest.LogCaptureFixture) -> None:
    """What Salesforce says about refused values reaches neither a fault nor the log."""
    caplog.set_level("DEBUG")
    with pytest.raises(Refused) as fault:
        org.client.members.edit(org.contact("member-5"), display_name="Clementina " * 20)
    with pytest.raises(NotFound) as unknown:
        org.client.cases.by_number("Clementina")
    told = f"{fault.value} {unknown.value} {caplog.text}"
    assert not [planted for planted in org.world.planted if planted in told]


# -- news


def test_what_changed(org: SfOrg, case: str) -> None:
    """A case is news when it, its contact, a comment or a mail of it is newer; other tiers' cases are not."""
    org.clock.sleep(600)
    start = org.clock.time

    def changed() -> set[str]:
        return {one.case_id for one in org.client.cases.changed_since(start)}

    assert changed() == set()
    others = [org.people.member.open_case(f"member-{number}", "s", "t") for number in (2, 3, 4)]
    untouched = org.people.member.open_case("member-5", "s", "t", tier="Tier 1")
    assert changed() == set(others)
    org.clock.sleep(600)
    start = org.clock.time
    org.people.member.set_password("member-2")
    org.people.member.write(others[1], "hello")
    org.people.tier2.comment(others[2], "staff-81", "hello")
    org.people.tier2.comment(untouched, "staff-81", "hello")
    assert changed() == set(others)
    assert all(one.at == start for one in org.client.cases.changed_since(start))
    start += timedelta(seconds=1)
    assert changed() == set()
